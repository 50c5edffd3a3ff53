"""
Every 15 minutes, pause each running campaign of the workspace too many of whose e-mails bounce.

It never resumes one: that is a decision for a person. It is paused at first; switch it on once the connection
`instantly_default` is there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_instantly.api.campaign import RUNNING_STATUSES
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.operators.analytics import CampaignAnalyticsOperator

with DAG(
    dag_id="instantly_guard",
    schedule=timedelta(minutes=15),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,  # switch it on once its connections are there
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["instantly"],
):

    @task.short_circuit
    def running() -> list[str]:
        """The campaigns that send: Active, and Running Subsequences. If there is none, what follows is skipped."""
        with InstantlyHook() as hook:
            found = {campaign.id for campaign in hook.list_campaigns() if campaign.status in RUNNING_STATUSES}
        if "" in found:
            # It keeps the others from nothing.
            print("Instantly lists a campaign without an id, which cannot be guarded.")
        return sorted(found - {""})

    guard = CampaignAnalyticsOperator(
        task_id="pause_what_bounces",
        campaign_id=running(),
        # Instantly advises to stop above 5 %. Of few e-mails, only what is certain counts.
        max_bounce_rate=0.05,
        on_breach="pause",
    )

    @task
    def report(figures: dict[str, Any]) -> list[str]:
        """Say which campaigns were paused, and why. A message to your team goes from here."""
        paused = [each for each in figures["campaigns"] if each["campaign_id"] in figures["paused"]]
        lines = [f"{each['name']}: {finding['reason']}" for each in paused for finding in each["findings"]]
        print("\n".join(lines) or "No campaign was paused.")
        return lines

    report(guard.output)
