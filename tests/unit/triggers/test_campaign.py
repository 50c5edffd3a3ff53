"""
`CampaignStatusTrigger` over real HTTP: alone, as below Airflow 3.3, and as one of many that share a poller.

What it decides is tested with the sensor; here is what a triggerer needs of it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import weakref
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import pytest

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.triggers import campaign
from airflow_provider_instantly.triggers.campaign import CampaignStatusTrigger
from airflow_provider_instantly.waits.placement import BACKSTOP
from tests.shared_streams import events_of
from tests.unit.patience import PATIENCE

try:
    from airflow.triggers import shared_stream
except ImportError:  # Airflow below 3.3
    SharedStreamManager: Any = None
else:
    SharedStreamManager = shared_stream.SharedStreamManager

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from airflow_provider_instantly.sandbox.client import SandboxClient

    Fire = Callable[..., Coroutine[Any, Any, list[Any]]]

CAMPAIGN_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5e"
OTHER_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"
NAME = "Spring"

pytestmark = pytest.mark.usefixtures("short_pauses")


def trigger(campaign_id: str | list[str] = CAMPAIGN_ID, **given: Any) -> CampaignStatusTrigger:
    return CampaignStatusTrigger(campaign_id, **{"poll_interval": 0.1, **given})


async def alone(*triggers: CampaignStatusTrigger) -> list[Any]:
    """Run triggers side by side, each with a poller of its own, until all have fired."""
    return await asyncio.gather(*(_first(each.run()) for each in triggers))


async def shared(*triggers: CampaignStatusTrigger) -> list[Any]:
    """Run triggers side by side as the triggerer of Airflow >= 3.3 does, until all have fired."""
    manager, numbers = SharedStreamManager(), count(1)

    async def run(each: CampaignStatusTrigger) -> Any:
        async with events_of(manager, next(numbers), each) as events:
            return await _first(events)

    return await asyncio.gather(*(run(each) for each in triggers))


async def _first(events: AsyncIterator[Any]) -> Any:
    async with asyncio.timeout(PATIENCE), aclosing(events):  # type: ignore[type-var]
        async for event in events:
            return event.payload
    raise AssertionError("The trigger ended without an event.")


needs_shared_streams = pytest.mark.skipif(SharedStreamManager is None, reason="Airflow below 3.3 shares no streams")
both_ways = pytest.mark.parametrize("fire", [alone, shared] if SharedStreamManager else [alone])


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[aiohttp.ClientSession]:
    """The HTTP sessions that are opened."""
    opened: list[aiohttp.ClientSession] = []
    original = aiohttp.ClientSession.__init__

    def noted(session: aiohttp.ClientSession, *args: Any, **kwargs: Any) -> None:
        original(session, *args, **kwargs)
        opened.append(session)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", noted)
    return opened


# Between the database and the triggerer


EVERYTHING: dict[str, Any] = {
    "campaign_id": [CAMPAIGN_ID, OTHER_ID],
    "instantly_conn_id": "agency",
    "target_statuses": [1, 3],
    "failed_statuses": [-99, -2, -1],
    "stable_for": 900.0,
    "poll_interval": 60.0,
    "deadline": 1795473202.05,
    "timeout": 3600.0,
    "failure_budget": None,
    "fail_fast": False,
    "passthrough": {"id": CAMPAIGN_ID, "next_sending_window": {"opens": "2026-11-23T09:00:00-05:00"}, "launched": True},
}


@pytest.mark.parametrize("given", [{"campaign_id": CAMPAIGN_ID}, EVERYTHING], ids=["little", "everything"])
def test_survives_airflows_serialization(given: dict[str, Any]) -> None:
    from airflow.models.trigger import Trigger

    before = CampaignStatusTrigger(**given)
    row = Trigger.from_object(before)
    after = CampaignStatusTrigger(**row.kwargs)

    assert row.classpath == "airflow_provider_instantly.triggers.campaign.CampaignStatusTrigger"
    assert after.serialize() == before.serialize()
    # What is the default is left out, so that the row is short.
    defaults = {"failed_statuses": [-99, -2, -1], "poll_interval": 60.0}
    assert {name: (defaults | row.kwargs)[name] for name in given} == given
    assert not defaults.keys() & row.kwargs.keys()
    # Plain values only: they are kept as JSON.
    assert json.loads(json.dumps(before.serialize()[1])) == before.serialize()[1]


def test_statuses_given_as_a_set_of_members_are_kept_as_numbers_in_order() -> None:
    from airflow_provider_instantly.api.campaign import CampaignStatus

    kwargs = trigger(target_statuses={CampaignStatus.COMPLETED, CampaignStatus.ACTIVE}).serialize()[1]

    assert kwargs["target_statuses"] == [1, 3]
    assert all(type(status) is int for status in kwargs["target_statuses"])


#: What rows written by earlier releases hold; a triggerer that was upgraded has to go on with them.
KWARGS_OF_EARLIER_RELEASES: dict[str, dict[str, Any]] = {
    "the least": {"campaign_id": CAMPAIGN_ID},
    "0.1.0": {
        "campaign_id": CAMPAIGN_ID,
        "instantly_conn_id": "instantly_default",
        "target_statuses": [1],
        "failed_statuses": [-99, -2, -1],
        "stable_for": 0.0,
        "poll_interval": 0.1,
        "deadline": None,
        "timeout": None,
        "failure_budget": 600.0,
        "fail_fast": True,
        "passthrough": {},
    },
}


@both_ways
@pytest.mark.parametrize("kwargs", KWARGS_OF_EARLIER_RELEASES.values(), ids=KWARGS_OF_EARLIER_RELEASES.keys())
async def test_goes_on_with_the_row_of_an_earlier_release(
    sandbox: SandboxClient, fire: Fire, kwargs: dict[str, Any]
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID, status=1)

    [event] = await fire(CampaignStatusTrigger(**kwargs))

    assert event["campaigns"][0]["verdict"] == "reached"


def test_nothing_is_looked_up_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", raising=False)

    assert "instantly_nowhere" in repr(trigger(instantly_conn_id="instantly_nowhere"))


# Events


@both_ways
@pytest.mark.parametrize(
    ("campaign", "given", "expected"),
    [
        ({"status": 1}, {}, {"verdict": "reached", "status": 1, "reason": ""}),
        ({"status": 3}, {}, {"verdict": "reached", "status": 3}),
        ({"status": -1}, {}, {"verdict": "stopped", "reason": "No sending account of the campaign is able to send."}),
        ({"status": 0}, {"deadline": 0.0}, {"verdict": "timed_out", "status": 0}),
        ({"status": 0}, {"timeout": 0.2}, {"verdict": "timed_out", "status": 0}),
    ],
    ids=["reached", "beyond", "stopped", "past its deadline", "out of time"],
)
async def test_the_event_says_how_the_wait_ended(
    sandbox: SandboxClient, fire: Fire, campaign: dict[str, Any], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID, **campaign)

    [event] = await fire(trigger(passthrough={"launched": True}, **given))

    assert event["passthrough"] == {"launched": True}
    [outcome] = event["campaigns"]
    assert outcome["campaign_id"] == CAMPAIGN_ID
    assert expected.items() <= outcome.items()
    assert json.loads(json.dumps(event)) == event


@both_ways
async def test_errors_end_in_an_event_too(sandbox: SandboxClient, fire: Fire) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID)
    gone = "00000000-0000-4000-8000-000000000000"

    [lost, no_connection, no_campaign] = await fire(
        trigger(gone), trigger(instantly_conn_id="instantly_nowhere"), trigger("None")
    )

    assert lost["campaigns"][0]["verdict"] == "unreadable"
    assert "There is no campaign" in lost["campaigns"][0]["reason"]
    assert no_connection["campaigns"][0]["verdict"] == "unreadable"
    assert "instantly_nowhere" in no_connection["campaigns"][0]["reason"]
    assert no_campaign["campaigns"] is None
    assert "None" in no_campaign["reason"]


@both_ways
async def test_an_outage_ends_it_only_when_the_budget_is_spent(sandbox: SandboxClient, fire: Fire) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID)
    sandbox.add_fault("reset", path=f"*/{CAMPAIGN_ID}", count=None)

    [event] = await fire(trigger(failure_budget=0.4))

    assert event["campaigns"][0]["verdict"] == "unanswered"
    assert len(sandbox.requests()) >= 2


@both_ways
async def test_the_deadline_counts_from_the_deferral_where_airflow_says_when_it_was(
    sandbox: SandboxClient, fire: Fire
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID)
    begun = time.monotonic()
    late = trigger(timeout=3600.0)
    # Airflow's own limit was set at the deferral; the triggerer may have been restarted since.
    late.timeout_after = datetime.now(UTC) + timedelta(seconds=BACKSTOP + 0.2)  # type: ignore[attr-defined]

    [event] = await fire(late)

    assert event["campaigns"][0]["verdict"] == "timed_out"
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize("airflow_limit", [None, 300.0, 3600.0, 7200.0])
@pytest.mark.parametrize("begins_after", [0.0, 1800.0])
def test_a_task_that_defers_waits_for_as_long_as_it_asks_whatever_airflows_limit(
    virtually: Any, monkeypatch: pytest.MonkeyPatch, begins_after: float, airflow_limit: float | None
) -> None:
    """An operator of a user's own may give `defer` any timeout or none, and its triggerer may be restarted."""
    [campaign_id] = virtually.instantly.add(1)
    dropped: list[object] = []

    async def drop(*what: object) -> None:
        dropped.append(what)

    monkeypatch.setattr(campaign, "drop_xcoms_of_earlier_tries", drop)

    async def waited() -> float:
        loop = asyncio.get_running_loop()
        deferred = loop.time()
        row = trigger(campaign_id, timeout=3600.0, poll_interval=60.0).serialize()[1]
        await asyncio.sleep(begins_after)
        wait = CampaignStatusTrigger(**row)
        if airflow_limit is not None:
            wait.timeout_after = datetime.fromtimestamp(deferred + airflow_limit, UTC)  # type: ignore[attr-defined]
        async with aclosing(wait.run()) as events:
            event = await anext(events)
        assert event.payload["campaigns"][0]["verdict"] == "timed_out"
        return loop.time() - deferred

    assert virtually(waited()) == pytest.approx(3600.0, abs=2.0)
    assert not dropped, "It began on a worker, where Airflow drops what an earlier try has pushed."


@pytest.mark.parametrize(
    ("before", "since", "expected"),
    [
        (3600.0, 3600.0, 1800.0),
        (-3600.0, -3600.0, 1800.0),
        (0.0, -1200.0, 600.0),
        (0.0, -7200.0, 600.0),
        (0.0, 600, 2400),
    ],
    ids=["set back long ago", "slept long ago", "sleeps", "sleeps too long", "is set back"],
)
@pytest.mark.parametrize("poll_interval", [60.0, 3600.0])
def test_limits_follow_the_machines_clock(
    virtually: Any, before: float, since: float, expected: float, poll_interval: float
) -> None:
    """A poller lives as long as there are waits, and its clock never jumps."""
    [campaign_id] = virtually.instantly.add(1)

    async def waited() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        virtually.ahead = before
        wait = trigger(campaign_id, poll_interval=poll_interval, deadline=virtually.time() + 1800.0)
        async with aclosing(wait.run()) as events:
            ending = asyncio.create_task(anext(events))
            await asyncio.sleep(590.0)
            assert not ending.done()
            virtually.ahead = since
            event = await ending
        assert event.payload["campaigns"][0]["verdict"] == "timed_out"
        return loop.time() - began

    # It is looked at once a minute at least.
    assert expected - 11.0 <= virtually(waited()) <= expected + 62.0


@pytest.mark.parametrize(("airflow_limit", "expected"), [(None, 3600.0), (3000.0, 2400.0), (7200.0, 3600.0)])
def test_a_task_that_begins_in_the_triggerer_ends_before_airflows_limit_and_never_later_than_it_asks(
    virtually: Any, airflow_limit: float | None, expected: float
) -> None:
    """Its row has no deadline, nor have rows that were stored before `serialize` set one."""
    [campaign_id] = virtually.instantly.add(1)

    async def waited() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        wait = trigger(campaign_id, timeout=3600.0, poll_interval=60.0)
        if airflow_limit is not None:
            wait.timeout_after = datetime.fromtimestamp(began + airflow_limit, UTC)  # type: ignore[attr-defined]
        async with aclosing(wait.run()) as events:
            await anext(events)
        return loop.time() - began

    assert virtually(waited()) == pytest.approx(expected, abs=2.0)


@both_ways
async def test_the_task_is_not_sent_back_before_airflow_has_noticed_its_absence(
    sandbox: SandboxClient, fire: Fire
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID, status=1)
    resume_after = time.time() + 0.6

    [event] = await fire(trigger(resume_after=resume_after))

    assert event["campaigns"][0]["verdict"] == "reached"
    assert time.time() >= resume_after


@both_ways
async def test_many_campaigns_in_one_trigger(sandbox: SandboxClient, fire: Fire) -> None:
    ids = sandbox.add_campaigns(150, NAME, script=[(0.3, "active")], running=True)

    [event] = await fire(trigger(ids))

    assert {outcome["verdict"] for outcome in event["campaigns"]} == {"reached"}
    assert [outcome["campaign_id"] for outcome in event["campaigns"]] == ids
    # Two pages of the list a poll, and not 150 requests.
    assert {request["path"] for request in sandbox.requests()} == {"/api/v2/campaigns"}


# Many at once


@both_ways
async def test_triggers_at_once_do_not_meddle_with_each_other(sandbox: SandboxClient, fire: Fire) -> None:
    soon = sandbox.add_campaign("soon", script=[(0.2, "active")], running=True)
    later = sandbox.add_campaign("later", script=[(0.5, "active")], running=True)
    stopped = sandbox.add_campaign("stopped", script=[(0.3, "bounce_protect")], running=True)
    draft = sandbox.add_campaign("draft")

    events = await fire(
        trigger(soon),
        trigger(later),
        trigger(stopped),
        trigger(draft, timeout=0.6),
        trigger([soon, stopped], fail_fast=False),
        trigger("no campaign"),
        trigger(soon, target_statuses=[2], timeout=0.6),
    )

    verdicts = [[outcome["verdict"] for outcome in event["campaigns"] or []] for event in events]
    assert verdicts == [["reached"], ["reached"], ["stopped"], ["timed_out"], ["reached", "stopped"], [], ["timed_out"]]


@needs_shared_streams
async def test_triggers_that_share_a_poller_share_its_polls(sandbox: SandboxClient) -> None:
    ids = sandbox.add_campaigns(60, NAME, script=[(1.0, "active")], running=True)

    events = await shared(*(trigger(campaign_id) for campaign_id in ids))

    assert {event["campaigns"][0]["verdict"] for event in events} == {"reached"}
    # One request a poll, for a second; each alone would have asked for its own campaign ten times.
    assert len(sandbox.requests()) < 40


@needs_shared_streams
async def test_a_trigger_that_joins_late_is_served_at_once(sandbox: SandboxClient) -> None:
    slow, quick = sandbox.add_campaign("slow"), sandbox.add_campaign("quick", status=1)
    manager = SharedStreamManager()

    async def run(number: int, each: CampaignStatusTrigger) -> Any:
        async with events_of(manager, number, each) as events:
            return await _first(events)

    waiting = asyncio.create_task(run(1, trigger(slow, poll_interval=3600.0)))
    await asyncio.sleep(0.4)
    begun = time.monotonic()
    event = await run(2, trigger(quick, poll_interval=1.0))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await manager.stop_all()

    assert event["campaigns"][0]["verdict"] == "reached"
    assert time.monotonic() - begun < 15


@both_ways
async def test_the_pause_that_the_server_asks_for_is_made(sandbox: SandboxClient, fire: Fire) -> None:
    ids = sandbox.add_campaigns(3, NAME, status=1)
    for campaign_id in ids:
        sandbox.add_fault("error", path=f"*/{campaign_id}", status=429, retry_after=0.6)
    sandbox.add_fault("error", path="*/campaigns", status=429, retry_after=0.6)

    await fire(*(trigger(campaign_id) for campaign_id in ids))

    requests = sandbox.requests()
    refused = [request["at"] for request in requests if request["status"] == 429]
    answered = [request["at"] for request in requests if request["status"] == 200]
    assert refused
    assert min(answered) - max(refused) >= 0.6


# In the triggerer's event loop


@needs_shared_streams
def test_the_dag_that_started_it_is_let_go_once_its_templates_are_rendered() -> None:
    """Airflow's own steps: it decodes the DAG for each trigger, and keeps context and task instance until the end."""
    from airflow.executors.workloads.task import TaskInstanceDTO
    from airflow.jobs.triggerer_job_runner import TriggerRunner
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("a_dag", schedule=None, params={"campaign_id": CAMPAIGN_ID}) as dag:
        CampaignStatusSensor(task_id="wait", campaign_id="{{ params.campaign_id }}", deferrable=True)
    now = datetime.now(UTC)
    run: dict[str, Any] = {
        **dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end", "end_date", "partition_key")),
        **{"dag_id": "a_dag", "run_id": "a_run", "run_after": now, "start_date": now, "run_type": "manual"},
        **{"state": "running", "conf": {}, "consumed_asset_events": []},
    }
    of_task: dict[str, Any] = {
        "task_id": "wait",
        "dag_id": "a_dag",
        "run_id": "a_run",
        "try_number": 1,
        "map_index": -1,
    }
    dto = TaskInstanceDTO(
        id=uuid4(), dag_version_id=uuid4(), pool_slots=1, queue="default", priority_weight=1, **of_task
    )
    ti: Any = TriggerRunner.create_runtime_ti(dto, DagSerialization.to_dict(dag), run)
    context = ti.get_template_context()
    copy = weakref.ref(ti.task.dag)
    wait = trigger("{{ params.campaign_id }}")
    wait.task_instance = ti

    wait.render_template_fields(context)

    assert wait.campaign_id == CAMPAIGN_ID
    assert {name: getattr(wait.task_instance, name) for name in of_task} == of_task
    gc.collect()
    assert copy() is None


@both_ways
async def test_the_event_loop_goes_on_while_answers_are_slow(sandbox: SandboxClient, fire: Fire) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID, script=[(0.5, "active")], running=True)
    await fire(trigger(deadline=0.0))  # imports and first connections are not what is measured here
    sandbox.set(latency=2.5)
    longest_gap = 0.0

    async def tick() -> None:
        nonlocal longest_gap
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            longest_gap = max(longest_gap, time.monotonic() - begun)

    beating = asyncio.create_task(tick())
    [event] = await fire(trigger())
    beating.cancel()

    assert event["campaigns"][0]["verdict"] == "reached"
    assert longest_gap < 2


@both_ways
async def test_the_connections_are_given_back_at_the_end(
    sandbox: SandboxClient, fire: Fire, sessions: list[aiohttp.ClientSession]
) -> None:
    ids = sandbox.add_campaigns(3, NAME, script=[(0.2, "active")], running=True)

    await fire(*(trigger(campaign_id) for campaign_id in ids))

    assert len(sessions) == 1
    assert all(session.closed for session in sessions)


@both_ways
@pytest.mark.parametrize("after", [0.0, 0.02, 0.4], ids=["at once", "while it opens", "in the wait"])
async def test_the_connections_are_given_back_when_it_is_cancelled(
    sandbox: SandboxClient, fire: Fire, sessions: list[aiohttp.ClientSession], after: float
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID)
    running = asyncio.create_task(fire(trigger(), trigger()))

    await asyncio.sleep(after)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0.1)

    assert all(session.closed for session in sessions)
    assert len(sessions) == 1 or after < 0.4


@both_ways
async def test_cancelled_during_a_slow_answer(
    sandbox: SandboxClient, fire: Fire, sessions: list[aiohttp.ClientSession]
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID)
    sandbox.set(latency=30)
    running = asyncio.create_task(fire(trigger()))
    await asyncio.sleep(0.4)
    begun = time.monotonic()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0.1)

    assert time.monotonic() - begun < 15
    assert [session.closed for session in sessions] == [True]


@both_ways
async def test_one_that_is_cancelled_does_not_end_the_others(
    sandbox: SandboxClient, fire: Fire, sessions: list[aiohttp.ClientSession]
) -> None:
    ids = sandbox.add_campaigns(2, NAME, script=[(0.6, "active")], running=True)
    first, second = (asyncio.create_task(fire(trigger(each))) for each in ids)

    await asyncio.sleep(0.3)
    first.cancel()
    [event] = await second

    assert event["campaigns"][0]["verdict"] == "reached"
    assert all(session.closed for session in sessions)


@both_ways
async def test_a_key_that_is_replaced_meanwhile(
    sandbox: SandboxClient, fire: Fire, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0.6, "active")], running=True)
    connection = json.loads(sandbox.airflow_connection)

    def use(key: str) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps({**connection, "password": key}))

    use(sandbox.add_key("old", ["campaigns:read"]))
    running = asyncio.create_task(fire(trigger(campaign_id)))
    await asyncio.sleep(0.3)
    use(sandbox.add_key("new", ["campaigns:read"]))
    sandbox.revoke_key("old")
    [event] = await running

    assert event["campaigns"][0]["verdict"] == "reached"
    assert [request["status"] for request in sandbox.requests()].count(401) == 1


@both_ways
@pytest.mark.parametrize("shown", [1, -2])
@pytest.mark.parametrize("count", [1, 3])
async def test_an_answer_about_another_campaign_decides_nothing(
    sandbox: SandboxClient, fire: Fire, task_log: Any, shown: int, count: int
) -> None:
    ids = sandbox.add_campaigns(count, NAME, status=1 if shown == -2 else 0)
    others: dict[str, Any] = {"id": "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f", "status": shown}
    sandbox.add_fault("fields", count=2, fields=others)
    for campaign_id in ids:
        sandbox.set_status(campaign_id, 1 if shown == -2 else 2)

    [event] = await fire(trigger(ids, target_statuses=[1 if shown == -2 else 2]))

    assert {campaign["verdict"] for campaign in event["campaigns"]} == {"reached"}
    assert {campaign["status"] for campaign in event["campaigns"]} == {1 if shown == -2 else 2}


# The log


@both_ways
async def test_the_log_begins_with_what_is_waited_for_and_ends_with_how_that_ended(
    sandbox: SandboxClient, fire: Fire, threads_of_log: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=1)
    each = trigger(campaign_id)
    each._log = threads_of_log

    await fire(each)

    first, *_, last = threads_of_log.lines
    assert first == f"Waiting for Active, with a poll every 0.1 s. [campaign {campaign_id}]"
    assert last == f'Done: the campaign is Active. [campaign "{NAME}" ({campaign_id})]'
    assert threading.get_ident() not in threads_of_log.threads


async def test_a_wait_that_fails_says_so_at_its_end(sandbox: SandboxClient, threads_of_log: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=-2)
    each = trigger(campaign_id)
    each._log = threads_of_log

    await alone(each)

    assert threads_of_log.lines[-1] == (
        "The wait ended. The campaign is Bounce Protect, so it will not become Active. "
        f'[campaign "{NAME}" ({campaign_id})]'
    )


# Secrets


@both_ways
async def test_the_key_is_nowhere(sandbox: SandboxClient, fire: Fire, task_log: Any) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID)
    echo: dict[str, Any] = {"status": 500, "json": {"message": f"Bearer {sandbox.api_key} failed"}}
    sandbox.add_fault("body", path=f"*/{CAMPAIGN_ID}", **echo)
    sandbox.add_fault("body", path=f"*/{CAMPAIGN_ID}", count=None, **{**echo, "status": 403})
    each = trigger()

    [event] = await fire(each)

    everything = f"{task_log()} {event} {each!r} {each.serialize()}"
    assert "failed" in everything
    assert sandbox.api_key.rstrip("=") not in everything


@pytest.mark.parametrize(
    "task",
    [
        CampaignStatusSensor(task_id="wait", campaign_id=CAMPAIGN_ID, deferrable=True, timeout=60),
        ActivateCampaignOperator(
            task_id="launch", campaign_id=CAMPAIGN_ID, wait_for_active=True, stable_for=60, deferrable=True
        ),
    ],
    ids=["sensor", "operator"],
)
def test_what_a_task_defers_to_holds_no_secret_and_no_more_than_json(
    sandbox: SandboxClient, task_instance: Any, task: Any
) -> None:
    from tests.airflow_versions import TaskDeferred

    sandbox.add_campaign(NAME, id=CAMPAIGN_ID)

    with pytest.raises(TaskDeferred) as deferral:
        task.execute({"ti": task_instance()})

    text = json.dumps(deferral.value.trigger.serialize())
    assert CAMPAIGN_ID in text
    assert sandbox.api_key.rstrip("=") not in text
    assert deferral.value.timeout > timedelta(seconds=task.timeout)
