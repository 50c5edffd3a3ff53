"""Launch a campaign when its audience is ready: another DAG updates an asset, and its event names the campaign."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, Param, get_current_context, task

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator

STABLE_FOR = float(os.environ.get("INSTANTLY_LAUNCH_STABLE_FOR", 15 * 60))
POLL_INTERVAL = float(os.environ.get("INSTANTLY_LAUNCH_POKE_INTERVAL", 60))

audience = Asset("instantly_audience")

with DAG(
    dag_id="instantly_audience",
    schedule=None,
    params={"campaign_id": Param(type="string", description="The UUID of the campaign that this audience is for.")},
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
    tags=["instantly"],
):

    @task
    def campaigns() -> list[str]:
        """Each campaign once: several events may come with one run, and an event may come twice."""
        context: Any = get_current_context()
        events = context.get("triggering_asset_events") or context["triggering_dataset_events"]  # Airflow 2
        return sorted({event.extra["campaign_id"] for of_one in events.values() for event in of_one})

    ActivateCampaignOperator.partial(
        task_id="launch",
        wait_for_active=True,
        stable_for=STABLE_FOR,
        poll_interval=POLL_INTERVAL,
        timeout=60 * 60,
        deferrable=True,
    ).expand(campaign_id=campaigns())
