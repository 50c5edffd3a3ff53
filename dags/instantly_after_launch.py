"""
After a launch, by whichever DAG: wait until the campaign has written to all of its leads, then read its figures.

`instantly_announced_launch` names the asset of all campaigns in `outlets=`, and any other DAG can do the same.
`instantly_after_launch` follows that asset. Its wait may take weeks, and uses no worker meanwhile.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task

from airflow_provider_instantly.api.campaign import RUNNING_STATUSES, CampaignStatus
from airflow_provider_instantly.assets.campaign import all_campaigns_asset
from airflow_provider_instantly.assets.events import campaign_events
from airflow_provider_instantly.operators.analytics import CampaignAnalyticsOperator
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

POLL_INTERVAL = float(os.environ.get("INSTANTLY_LAUNCH_POKE_INTERVAL", 60))

campaigns = all_campaigns_asset()

with DAG(
    dag_id="instantly_announced_launch",
    schedule=None,
    params={"campaign_id": Param(title="Campaign", type="string", description="Its UUID, from its page in Instantly.")},
    doc_md=__doc__,
    tags=["instantly"],
):
    ActivateCampaignOperator(
        task_id="launch",
        campaign_id="{{ params.campaign_id }}",
        # Its event says which campaign it was and how it stands. A launch that fails has none.
        outlets=[campaigns],
        retries=2,
    )

with DAG(
    dag_id="instantly_after_launch",
    schedule=[campaigns],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),  # Airflow 2 asks for one
    doc_md=__doc__,
    tags=["instantly"],
):

    @task.short_circuit
    def launched() -> list[str]:
        """The campaigns that run or ran, each once. Pauses and checks may come on the same asset, and end here."""
        events = campaign_events(get_current_context())
        # A campaign that has no one to write to is Completed at once.
        ran = (event for event in events if event.get("launched") or event.get("status") in RUNNING_STATUSES)
        return sorted({event["campaign_id"] for event in ran})

    running = launched()
    wait = CampaignStatusSensor(
        task_id="wait_until_completed",
        campaign_id=running,
        target_statuses=[CampaignStatus.COMPLETED],
        poke_interval=POLL_INTERVAL,
        timeout=timedelta(days=90),
        deferrable=True,
        retries=2,
    )
    figures = CampaignAnalyticsOperator(task_id="figures", campaign_id=running, on_breach="warn", retries=2)
    wait >> figures
