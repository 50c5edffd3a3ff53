"""
DAGs for the tests of launches: the sensor in each mode, an operator that waits, a launch that is mapped, and one whose
outlet is an alias.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AssetAlias, Param, get_current_context, task

from airflow_provider_instantly.assets.events import campaign_events
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

PARAMS = {"campaign_id": Param("", type="string")}
#: Those that leave their worker begin first: where only one task can run at a time, the one that stays is the last.
MODES: dict[str, dict[str, Any]] = {
    "in_the_triggerer": {"deferrable": True, "priority_weight": 4},
    "deferred_by_a_worker": {"deferrable": True, "start_from_trigger": False, "priority_weight": 3},
    "reschedule": {"mode": "reschedule", "poke_interval": 10, "priority_weight": 2},
    "poke": {"mode": "poke"},
}

with DAG(
    "wait_in_every_mode",
    schedule=None,
    params={**PARAMS, "conn_id": "instantly_default"},
    default_args={"retries": 2, "poke_interval": 1},
):
    for mode, arguments in MODES.items():
        CampaignStatusSensor(
            task_id=mode,
            campaign_id="{{ params.campaign_id }}",
            instantly_conn_id="{{ params.conn_id }}",
            stable_for=3,
            timeout=300,
            weight_rule="absolute",
            **arguments,
        )

with DAG("launch_and_hold", schedule=None, params=PARAMS, default_args={"retries": 2}):
    ActivateCampaignOperator(
        task_id="launch",
        campaign_id="{{ params.campaign_id }}",
        wait_for_active=True,
        stable_for=3,
        deferrable=True,
        poll_interval=1,
        timeout=300,
    )

with DAG("launch_several", schedule=None, params={"campaign_ids": Param([], type="array")}):

    @task
    def campaigns(params: Any = None) -> list[str]:
        """The campaigns to launch."""
        ids: list[str] = params["campaign_ids"]
        return ids

    ids: Any = campaigns()
    launch = ActivateCampaignOperator.partial(task_id="launch").expand(campaign_id=ids)
    wait = CampaignStatusSensor(task_id="wait", campaign_id=ids, poke_interval=1, timeout=300)
    launch >> wait

ALIAS = AssetAlias("launched_campaigns")

with DAG("launch_with_an_alias", schedule=None, params=PARAMS):
    ActivateCampaignOperator(task_id="launch", campaign_id="{{ params.campaign_id }}", outlets=[ALIAS])

with DAG("after_the_alias", schedule=[ALIAS], start_date=datetime(2026, 1, 1, tzinfo=UTC)):

    @task
    def said() -> list[dict[str, Any]]:
        """What the events say."""
        return campaign_events(get_current_context())

    said()
