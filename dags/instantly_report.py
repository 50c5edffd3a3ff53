"""Write a report on campaigns: one page, with pictures. Needs the extra `report`."""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_instantly.operators.report import CampaignReportOperator

with DAG(
    dag_id="instantly_report",
    schedule=None,
    params={
        "campaign_ids": Param([], type="array", description="The UUIDs of the campaigns."),
        "path": Param(
            os.environ.get("INSTANTLY_REPORT_PATH", "file:///tmp/instantly-report"),
            type="string",
            description="The folder for it, below any ObjectStoragePath.",
        ),
    },
    tags=["instantly"],
):
    CampaignReportOperator(
        task_id="report",
        campaign_id="{{ params.campaign_ids }}",
        path="{{ params.path }}",
        max_bounce_rate=0.05,
        retries=2,
    )
