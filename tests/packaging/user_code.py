"""A user's DAGs with every form of argument that the manual names: they can be parsed, and pass a strict type check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from airflow.sdk import DAG, AssetAlias, get_current_context, task

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.assets.campaign import all_campaigns_asset, campaign_asset
from airflow_provider_instantly.assets.changes import changes_asset
from airflow_provider_instantly.assets.events import campaign_events
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger, CampaignStatusTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_instantly.api.errors import InstantlyError

ONE = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
TWO = UUID("019e18e2-a521-7bb9-9dd6-45f1bc69dcd1")
TEXTS: list[str] = [ONE]
UUIDS: list[UUID] = [TWO]
ROWS: list[tuple[UUID]] = [(TWO,)]


@task
def prepared_campaign() -> str:
    """A campaign."""
    return ONE


@task
def rows_of_database() -> list[tuple[UUID]]:
    """Rows as a driver returns them."""
    return ROWS


with DAG("launches", schedule=None, default_args={"stable_for": 900, "pause_on_kill": True}) as launches:
    launch = ActivateCampaignOperator(task_id="text", campaign_id=ONE, outlets=[campaign_asset(ONE)])
    ActivateCampaignOperator(task_id="uuid", campaign_id=TWO, outlets=[campaign_asset(TWO)])
    ActivateCampaignOperator(task_id="template", campaign_id="{{ params.id }}", instantly_conn_id="{{ params.conn }}")
    ActivateCampaignOperator(task_id="taskflow", campaign_id=prepared_campaign())
    ActivateCampaignOperator(task_id="xcom", campaign_id=launch.output)
    ActivateCampaignOperator(task_id="param", campaign_id=launches.param("campaign_id", ONE))
    ActivateCampaignOperator.partial(task_id="mapped").expand(campaign_id=[ONE, TWO])
    ActivateCampaignOperator.partial(
        task_id="mapped_with_outlets", outlets=[all_campaigns_asset(), AssetAlias("launched")]
    ).expand(campaign_id=[ONE, TWO])
    ActivateCampaignOperator.partial(task_id="mapped_xcom", timeout=5).expand(campaign_id=prepared_campaign())
    ActivateCampaignOperator(
        task_id="numbers",
        campaign_id=ONE,
        wait_for_active=True,
        timeout=3600,
        poll_interval=0.5,
        stable_for=60,
        deferrable=True,
    )
    ActivateCampaignOperator(
        task_id="spans",
        campaign_id=ONE,
        wait_for_active=True,
        timeout=timedelta(hours=1),
        poll_interval=timedelta(seconds=30),
        stable_for=timedelta(minutes=15),
        reactivate_stopped=False,
        resume_paused=False,
        check_before=True,
        pause_on_kill=True,
        retries=2,
    )

with DAG("waits", schedule=None):
    CampaignStatusSensor(task_id="text", campaign_id=ONE)
    CampaignStatusSensor(task_id="uuid", campaign_id=TWO)
    CampaignStatusSensor(task_id="template", campaign_id="{{ params.ids }}")
    CampaignStatusSensor(task_id="list", campaign_id=[ONE, TWO, "{{ params.id }}", prepared_campaign()])
    CampaignStatusSensor(task_id="list_of_texts", campaign_id=TEXTS)
    CampaignStatusSensor(task_id="list_of_uuids", campaign_id=UUIDS)
    CampaignStatusSensor(task_id="tuple", campaign_id=(ONE, TWO))
    CampaignStatusSensor(task_id="set", campaign_id={ONE})
    CampaignStatusSensor(task_id="rows", campaign_id=ROWS)
    CampaignStatusSensor(task_id="xcom", campaign_id=rows_of_database())
    CampaignStatusSensor(task_id="mapped_xcom", campaign_id=prepared_campaign().map(str))
    CampaignStatusSensor.partial(task_id="mapped", deferrable=True).expand(campaign_id=[ONE, TWO])
    CampaignStatusSensor(
        task_id="numbers",
        campaign_id=ONE,
        target_statuses={CampaignStatus.PAUSED, CampaignStatus.COMPLETED},
        failed_statuses=[-1, -2],
        stable_for=900,
        failure_budget=60.5,
        poke_interval=30,
        timeout=7200,
        mode="reschedule",
        soft_fail=True,
    )
    CampaignStatusSensor(
        task_id="spans",
        campaign_id=ONE,
        target_statuses=(1,),
        stable_for=timedelta(minutes=15),
        failure_budget=timedelta(minutes=1),
        poke_interval=timedelta(seconds=30),
        timeout=timedelta(hours=2),
        fail_fast=False,
        deferrable=True,
        start_from_trigger=False,
        end_from_trigger=None,
    )

WATCHERS = [
    CampaignChangeTrigger(),
    CampaignChangeTrigger("instantly_default", ONE, from_statuses={1}, to_statuses=[CampaignStatus.BOUNCE_PROTECT]),
    CampaignChangeTrigger(campaign_id=TEXTS, poll_interval=30),
    CampaignChangeTrigger(campaign_id=TWO),
    CampaignChangeTrigger(campaign_id=UUIDS),
    CampaignChangeTrigger(tag_ids=["a"], poll_interval=0.5),
]
WATCHED = [changes_asset(str(number), trigger) for number, trigger in enumerate(WATCHERS)]

with DAG("changes", schedule=WATCHED[0] | campaign_asset(TWO)):

    @task
    def campaigns() -> list[str]:
        """The campaigns that the events of this run are about."""
        return [event["campaign_id"] for event in campaign_events(get_current_context())]

    campaigns()

DEFERRALS = [
    CampaignStatusTrigger(ONE),
    CampaignStatusTrigger(TWO, timeout=60, passthrough={"id": ONE}),
    CampaignStatusTrigger(TEXTS, "instantly_default", target_statuses=[1], stable_for=900.0),
    CampaignStatusTrigger(UUIDS),
]


def read() -> Mapping[str, Campaign | InstantlyError]:
    """Each way to name a campaign to the hook."""
    with InstantlyHook("instantly_default", max_retries=0) as hook:
        hook.get_campaign(ONE).schedule.next_sending_window(datetime.now(UTC))
        hook.pause_campaign(TWO)
        for campaign in hook.list_campaigns(status=1):
            hook.get_sending_status(campaign.id)
        hook.read_campaigns(UUIDS)
        return hook.read_campaigns(TEXTS)


async def aread() -> Mapping[str, Campaign | InstantlyError]:
    """The same in an event loop."""
    async with InstantlyHook() as hook:
        await hook.aget_campaign(ONE)
        async for campaign in hook.alist_campaigns():
            await hook.aactivate_campaign(campaign.id)
        return await hook.aread_campaigns([ONE, TWO])
