"""Our launch with its wait, and our wait alone, each as one would write it."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

INTERVAL = 10.0
CAMPAIGN = "{{ params.campaign_id }}"

with DAG(dag_id="launch_ours", schedule=None, params={"campaign_id": ""}):
    ActivateCampaignOperator(
        task_id="activate",
        campaign_id=CAMPAIGN,
        wait_for_active=True,
        deferrable=True,
        poll_interval=INTERVAL,
    )

with DAG(dag_id="wait_ours", schedule=None, params={"campaign_id": ""}):
    CampaignStatusSensor(task_id="wait", campaign_id=CAMPAIGN, deferrable=True, poke_interval=INTERVAL)
