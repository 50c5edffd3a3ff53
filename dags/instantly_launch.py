"""
Launch a campaign, then wait until it runs. The id of the campaign is given with each run.

A campaign that runs is left alone, and one that Instantly stopped is refused. The wait ends once Active has held for a
quarter of an hour, or fails with Instantly's reason.
"""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

# Health problems show up some minutes after a launch, so Active has to hold for a while before it counts.
STABLE_FOR = float(os.environ.get("INSTANTLY_LAUNCH_STABLE_FOR", 15 * 60))
POKE_INTERVAL = float(os.environ.get("INSTANTLY_LAUNCH_POKE_INTERVAL", 60))

with DAG(
    dag_id="instantly_launch",
    schedule=None,
    params={"campaign_id": Param(title="Campaign", type="string", description="Its UUID, from its page in Instantly.")},
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["instantly"],
):
    activate = ActivateCampaignOperator(
        task_id="activate",
        campaign_id="{{ params.campaign_id }}",
    )
    wait_until_active = CampaignStatusSensor(
        task_id="wait_until_active",
        campaign_id="{{ params.campaign_id }}",
        stable_for=STABLE_FOR,
        poke_interval=POKE_INTERVAL,
        timeout=60 * 60,
        deferrable=True,
    )
    activate >> wait_until_active
