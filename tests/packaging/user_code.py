"""A user's DAGs with every form of argument that the manual names: they can be parsed, and pass a strict type check."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk import DAG, AssetAlias, ObjectStoragePath, get_current_context, task

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.assets.campaign import all_campaigns_asset, campaign_asset
from airflow_provider_instantly.assets.changes import changes_asset
from airflow_provider_instantly.assets.events import campaign_events
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.notifications.campaign import PauseCampaignNotifier
from airflow_provider_instantly.operators.analytics import CampaignAnalyticsOperator
from airflow_provider_instantly.operators.block_list import BlockContactsOperator
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator, PauseCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.operators.report import CampaignReportOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator
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


@task
def people() -> list[dict[str, Any]]:
    """Rows of persons."""
    return [{"email": "ada@example.com"}]


@task
def name_of_file() -> str:
    """Where a file is, or a statement."""
    return "people.csv"


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
    ActivateCampaignOperator(task_id="checked", campaign_id=ONE, preflight=True)
    ActivateCampaignOperator(task_id="checked_by_rules", campaign_id=ONE, preflight={"ignore": ["cold_senders"]})

with DAG("leads", schedule=None) as leads:
    AddLeadsOperator(task_id="list", campaign_id=ONE, rows=[{"email": "ada@example.com"}])
    AddLeadsOperator(task_id="xcom", campaign_id=prepared_campaign(), rows=people())
    AddLeadsOperator(task_id="template", list_id="{{ params.id }}", rows="{{ params.rows }}")
    AddLeadsOperator(task_id="path", list_id=TWO, path=Path("people.csv"), rejects_path=Path("rejects.jsonl"))
    AddLeadsOperator(task_id="storage", list_id=TWO, path=ObjectStoragePath("file:///people.csv"))
    AddLeadsOperator(task_id="path_of_xcom", list_id=TWO, path=name_of_file(), rejects_path=name_of_file())
    AddLeadsOperator.partial(task_id="mapped", campaign_id=ONE).expand(rows=people())
    AddLeadsOperator(
        task_id="options",
        campaign_id=ONE,
        path="s3://aws_default@bucket/{{ ds }}.jsonl",
        fields={"first_name": "given_name"},
        custom_variables=["city"],
        if_running="add",
        skip_if_in="workspace",
        blocklist_id=TWO,
        verify=True,
        on_reject="warn",
        max_rejected=0.01,
        min_present=100,
        chunk_size=500,
        max_chunk_bytes=100_000,
        dry_run=True,
    )
    AddLeadsOperator(
        task_id="rendered_options",
        campaign_id=ONE,
        rows=people(),
        fields="{{ params.fields }}",
        custom_variables=name_of_file(),
        blocklist_id=prepared_campaign(),
    )
    SqlToInstantlyLeadsOperator(
        task_id="statement", campaign_id=ONE, sql="SELECT 1", sql_conn_id="db", parameters=("x",), custom_variables="*"
    )
    SqlToInstantlyLeadsOperator(
        task_id="statement_of_xcom",
        list_id=TWO,
        sql=name_of_file(),
        sql_conn_id="{{ params.conn }}",
        parameters={"day": "{{ ds }}"},
        sql_hook_params={"schema": "public"},
    )
    BlockContactsOperator(task_id="block", rows=["ada@example.com", "example.org"])
    BlockContactsOperator(task_id="block_file", path=name_of_file(), column="email", on_reject="warn")
    BlockContactsOperator(task_id="block_statement", sql="SELECT 1", sql_conn_id="db", parameters=["x"])

with DAG("guards", schedule=None, on_failure_callback=PauseCampaignNotifier(campaign_id=[ONE, TWO])) as guards:
    check = CheckCampaignOperator(
        task_id="check", campaign_id=TWO, ignore=["cold_senders"], fail_on=(), min_warmup_score=90, extra_requests=4
    )
    PauseCampaignOperator(
        task_id="pause",
        campaign_id=prepared_campaign(),
        pause_drafts=True,
        on_failure_callback=[PauseCampaignNotifier(campaign_id="{{ params.id }}", pause_drafts=True)],
    )
    PauseCampaignOperator.partial(task_id="pause_mapped").expand(campaign_id=[ONE, TWO])
    figures = CampaignAnalyticsOperator(
        task_id="guard",
        campaign_id=[ONE, TWO],
        since=date(2026, 1, 1),
        until="{{ ds }}",
        max_bounce_rate=0.03,
        max_unsubscribe_rate=0.01,
        min_reply_rate=0.005,
        min_contacted=100,
        min_sent=500,
        confidence=0.95,
        on_breach="warn",
    )
    CampaignReportOperator(
        task_id="report",
        campaign_id=UUIDS,
        path=ObjectStoragePath("file:///reports"),
        title="{{ ds }}",
        since="{{ ds }}",
        results={"the check": check.output, "the figures": figures.output},
        max_bounce_rate=0.03,
        public_url="https://reports.example.com",
    )
    CampaignReportOperator(task_id="report_of_xcoms", campaign_id=prepared_campaign(), path=name_of_file())

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
