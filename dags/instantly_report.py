"""
Write a report on campaigns: one page, with pictures.

It needs the extra `report`, and the connection `instantly_default`. The task's button *Report* opens the page, if a
browser reaches the folder.
"""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_instantly.operators.report import CampaignReportOperator

with DAG(
    dag_id="instantly_report",
    schedule=None,
    params={
        "campaign_ids": Param([], title="Campaigns", type="array", description="The UUIDs of the campaigns."),
        "path": Param(
            os.environ.get("INSTANTLY_REPORT_PATH", "file:///tmp/instantly-report"),
            title="Folder",
            type="string",
            description="The folder for it, below any ObjectStoragePath.",
        ),
    },
    doc_md=__doc__,
    tags=["instantly"],
):
    CampaignReportOperator(
        task_id="report",
        campaign_id="{{ params.campaign_ids }}",
        path="{{ params.path }}",
        max_bounce_rate=0.05,
        retries=2,
    )
