"""
Launch a campaign when its audience is ready: another DAG updates an asset, and its event names the campaign.

`instantly_audience` stands for the DAG that finds the people. Of its event, only `campaign_id` is used. An event that
names no campaign, such as one that was made by hand, launches nothing. Nor does one that is older than an hour: what
came while this DAG was switched off is in the log of the next run.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, Param, get_current_context, task

from airflow_provider_instantly.assets.events import campaign_events
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator

STABLE_FOR = float(os.environ.get("INSTANTLY_LAUNCH_STABLE_FOR", 15 * 60))
POLL_INTERVAL = float(os.environ.get("INSTANTLY_LAUNCH_POKE_INTERVAL", 60))
# An audience that was ready last week is not ready now.
FRESH_FOR = timedelta(hours=1)

audience = Asset("instantly_audience")

with DAG(
    dag_id="instantly_audience",
    schedule=None,
    params={"campaign_id": Param(title="Campaign", type="string", description="The UUID of the one that it is for.")},
    doc_md=__doc__,
    tags=["instantly"],
):

    @task(outlets=[audience])
    def prepare(params: dict[str, Any] | None = None, outlet_events: Any = None) -> None:
        """Say which campaign is ready for its launch. What finds the people stands here."""
        outlet_events[audience].extra = {"campaign_id": (params or {})["campaign_id"]}

    prepare()

with DAG(
    dag_id="instantly_launch_on_asset",
    schedule=[audience],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),  # Airflow 2 asks for one
    doc_md=__doc__,
    tags=["instantly"],
):

    @task
    def campaigns() -> list[str]:
        """Each campaign once: several events may come with one run, and an event may come twice."""
        events = campaign_events(get_current_context(), newer_than=FRESH_FOR)
        return sorted({event["campaign_id"] for event in events})

    ActivateCampaignOperator.partial(
        task_id="launch",
        map_index_template="{{ task.campaign_id }}",
        wait_for_active=True,
        stable_for=STABLE_FOR,
        poll_interval=POLL_INTERVAL,
        timeout=60 * 60,
        deferrable=True,
    ).expand(campaign_id=campaigns())
