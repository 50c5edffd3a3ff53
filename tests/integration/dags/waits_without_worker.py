"""Waits that begin and end in the triggerer, and a DAG that a change of a campaign starts; see their tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_instantly.assets.campaign import campaign_asset
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger

NO_CAMPAIGN = "00000000-0000-4000-8000-000000000000"
LAUNCHED = "5a3d0e5e-0007-4000-8000-000000000007"
WAITS_IN_A_RUN = 3


def tell_of_failure(context: Any) -> None:
    """Leave a trace in the task's log."""
    print(f"The callback heard of: {context['exception']}")


def sensor(task_id: str, campaign_id: str = "{{ params.campaign_id }}", **more: Any) -> CampaignStatusSensor:
    return CampaignStatusSensor(
        task_id=task_id, campaign_id=campaign_id, poke_interval=1, timeout=90, deferrable=True, **more
    )


with DAG(dag_id="wait_and_read", schedule=None, params={"campaign_id": Param(NO_CAMPAIGN, type="string")}):

    @task
    def what_came(value: Any) -> str:
        """Say what a task after the wait is given."""
        return f"{type(value).__name__} {value['status_name']}"

    what_came(sensor("wait").output)

with DAG(dag_id="wait_and_map", schedule=None, params={"campaign_id": Param(NO_CAMPAIGN, type="string")}):

    @task
    def one_of(part: Any) -> str:
        """Say which part of the result a mapped task was given."""
        return str(part[0])

    one_of.expand(part=sensor("wait").output)

with DAG(dag_id="wait_and_push_nothing", schedule=None, params={"campaign_id": Param(NO_CAMPAIGN, type="string")}):
    sensor("wait", do_xcom_push=False)

with DAG(
    dag_id="waits_only",
    schedule=None,
    params={"campaign_ids": Param([NO_CAMPAIGN] * WAITS_IN_A_RUN, type="array")},
):
    for number in range(WAITS_IN_A_RUN):
        sensor(f"wait_{number}", f"{{{{ params.campaign_ids[{number}] }}}}")

with DAG(
    dag_id="wait_with_retries",
    schedule=None,
    params={"campaign_id": Param(NO_CAMPAIGN, type="string")},
    default_args={
        "retries": 1,
        "retry_delay": timedelta(seconds=1),
        "on_failure_callback": tell_of_failure,
    },
):
    sensor("wait")

with DAG(dag_id="launch_and_wait", schedule=None, params={"campaign_id": Param(NO_CAMPAIGN, type="string")}):
    ActivateCampaignOperator(
        task_id="launch",
        campaign_id="{{ params.campaign_id }}",
        wait_for_active=True,
        deferrable=True,
        poll_interval=1,
        timeout=90,
    )

if AIRFLOW_V_3_0_PLUS:
    from airflow.sdk import Asset, AssetAlias, AssetWatcher

    with DAG(dag_id="launch_and_announce", schedule=None):
        ActivateCampaignOperator(
            task_id="launch",
            campaign_id=LAUNCHED,
            outlets=[campaign_asset(LAUNCHED), AssetAlias("announced_campaigns")],
        )

    bounced = Asset(
        "bounced_campaigns",
        watchers=[AssetWatcher(name="bounced", trigger=CampaignChangeTrigger(to_statuses=[-2], poll_interval=1))],
    )

    with DAG(dag_id="started_by_a_change", schedule=[bounced]):

        @task
        def changes() -> list[dict[str, Any]]:
            """Return the changes that started the run."""
            return [event.extra["payload"] for event in get_current_context()["triggering_asset_events"][bounced]]

        changes()
