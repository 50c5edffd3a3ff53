"""Runs whenever Instantly stops a campaign of the workspace, no matter who launched it. Needs Airflow 3.0 or later."""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG, get_current_context, task

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES
from airflow_provider_instantly.assets.campaign import ALL_CAMPAIGNS_URI
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger

try:
    from airflow.sdk import Asset, AssetWatcher
except ImportError:  # Airflow 2 has no watchers of assets.
    AssetWatcher = None

POLL_INTERVAL = float(os.environ.get("INSTANTLY_STOPPED_POLL_INTERVAL", 60))

if AssetWatcher is not None:
    stopped = Asset(
        "stopped_campaigns",
        uri=ALL_CAMPAIGNS_URI,
        watchers=[
            AssetWatcher(
                name="stopped",
                trigger=CampaignChangeTrigger(to_statuses=STOPPED_STATUSES, poll_interval=POLL_INTERVAL),
            )
        ],
    )

    with DAG(dag_id="instantly_stopped_campaign", schedule=[stopped], tags=["instantly"]):

        @task
        def report() -> list[str]:
            """Say which campaigns were stopped. Several changes may come with one run."""
            events = get_current_context()["triggering_asset_events"][stopped]
            lines = []
            for change in (event.extra["payload"] for event in events):
                lines.append(
                    f"Campaign {change['name']} ({change['campaign_id']}) was {change['from_status_name']} "
                    f"and is {change['to_status_name']}."
                )
                print(lines[-1])
            return lines

        report()
