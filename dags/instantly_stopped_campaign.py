"""
Runs whenever Instantly stops a campaign of the workspace, no matter who launched it.

It needs Airflow 3.0 or later, and the connection `instantly_default`. The first poll only notes how the campaigns
stand. Where it prints, tell your team: each change names the campaign, its page, and the connection that showed it.
"""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG, get_current_context, task
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus
from airflow_provider_instantly.assets.changes import changes_asset
from airflow_provider_instantly.assets.events import campaign_events
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger

POLL_INTERVAL = float(os.environ.get("INSTANTLY_STOPPED_POLL_INTERVAL", 60))

if AIRFLOW_V_3_0_PLUS:  # Airflow 2 has no watchers of assets.
    stopped = changes_asset("stopped", CampaignChangeTrigger(to_statuses=STOPPED_STATUSES, poll_interval=POLL_INTERVAL))

    with DAG(dag_id="instantly_stopped_campaign", schedule=[stopped], doc_md=__doc__, tags=["instantly"]):

        @task
        def report() -> list[str]:
            """Say which campaigns were stopped. Several changes may come with one run, and other events with them."""
            lines = []
            for event in campaign_events(get_current_context()):
                if event.get("to_status") not in STOPPED_STATUSES:
                    continue
                name, before = event.get("name") or "without a name", event.get("from_status_name") or "not seen"
                now, page = CampaignStatus(event["to_status"]).label, event.get("url") or ""
                lines.append(f"Campaign {name} ({event['campaign_id']}) was {before} and is {now}. {page}".rstrip())
                print(lines[-1])
            return lines

        report()
