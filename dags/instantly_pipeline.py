"""A table's people become leads of a campaign, which is checked, launched and waited for. Run it each night."""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator

STABLE_FOR = float(os.environ.get("INSTANTLY_LAUNCH_STABLE_FOR", 15 * 60))
POLL_INTERVAL = float(os.environ.get("INSTANTLY_LAUNCH_POKE_INTERVAL", 60))

with DAG(
    dag_id="instantly_pipeline",
    schedule=None,
    params={
        # The pattern lets nothing else into the statement below.
        "campaign_id": Param(type="string", pattern="^[0-9a-fA-F-]{36}$", description="The UUID of the campaign."),
    },
    default_args={"retries": 2},
    tags=["instantly"],
):
    add_leads = SqlToInstantlyLeadsOperator(
        task_id="add_leads",
        sql="SELECT email, first_name, company FROM audience WHERE campaign_id = '{{ params.campaign_id }}'",
        sql_conn_id=os.environ.get("INSTANTLY_PIPELINE_SQL_CONN_ID", "warehouse"),
        campaign_id="{{ params.campaign_id }}",
        fields={"company_name": "company"},
        # A few rows without a good address are no reason to launch nothing; their numbers are in the log.
        max_rejected=0.05,
    )
    check = CheckCampaignOperator(task_id="check", campaign_id="{{ params.campaign_id }}")
    launch = ActivateCampaignOperator(
        task_id="launch",
        campaign_id="{{ params.campaign_id }}",
        wait_for_active=True,
        stable_for=STABLE_FOR,
        poll_interval=POLL_INTERVAL,
        timeout=60 * 60,
        deferrable=True,
    )
    add_leads >> check >> launch
