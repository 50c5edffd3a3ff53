"""`CampaignChangeTrigger`: an event for each change, none for anything else, and none twice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyServerError,
)
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger
from tests.statuses import ACTIVE, BOUNCED, DRAFT, PAUSED, UNHEALTHY, UNKNOWN
from tests.unit.triggers.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_instantly.api.errors import InstantlyRequestError
    from airflow_provider_instantly.api.protocol import Request
    from airflow_provider_instantly.sandbox.client import SandboxClient

START = 1_000_000
MAX_STORED_BYTES = 65_535
"""What is a large value to Airflow, by default, and warns of at each write."""


class AssetStateStore:
    """As much of an asset's state store as a trigger uses. It keeps JSON, like Airflow's."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.writes = 0
        self.broken: Exception | None = None
        self.after_write: Callable[[], None] = lambda: None

    async def aget(self, key: str, default: Any = None) -> Any:
        """Read a value."""
        self._break()
        await asyncio.sleep(0)
        return json.loads(self.kept[key]) if key in self.kept else default

    async def aset(self, key: str, value: Any) -> None:
        """Write a value."""
        self._break()
        await asyncio.sleep(0)
        assert value is not None
        self.kept[key] = json.dumps(value)
        self.writes += 1
        self.after_write()

    def _break(self) -> None:
        if self.broken is not None:
            raise self.broken


class Watch:
    """
    A trigger that runs, and what it has fired.

    :param trigger: the trigger.
    :param store: its asset's state store; None as on Airflow below 3.3.
    """

    def __init__(self, trigger: CampaignChangeTrigger, store: AssetStateStore | None = None) -> None:
        trigger.asset_state_store = store  # type: ignore[assignment]
        self.fired: list[dict[str, Any]] = []
        self.task = asyncio.create_task(self._run(trigger))

    async def _run(self, trigger: CampaignChangeTrigger) -> None:
        async with aclosing(trigger.run()) as events:
            async for event in events:
                self.fired.append(event.payload)

    @property
    def steps(self) -> list[tuple[str, int, int]]:
        """The changes that it fired for, shortly."""
        return [(event["campaign_id"], event["from_status"], event["to_status"]) for event in self.fired]

    async def end(self) -> None:
        """End it, as a triggerer that stops or is killed."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def at(moment: float) -> Any:
    """Sleep until a moment."""
    return asyncio.sleep(START + moment - asyncio.get_running_loop().time())


# What is an event


def test_the_first_poll_is_silent_and_each_change_fires_once(virtually: Any) -> None:
    ids = virtually.instantly.add(3)
    statuses = virtually.instantly.statuses

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10))
        await at(35)
        assert watched.fired == []
        statuses[ids[0]] = ACTIVE
        await at(95)
        statuses[ids[0]], statuses[ids[1]] = BOUNCED, ACTIVE
        await at(200)
        await watched.end()
        return watched

    watched = virtually(watch())

    assert watched.steps == [(ids[0], DRAFT, ACTIVE), (ids[0], ACTIVE, BOUNCED), (ids[1], DRAFT, ACTIVE)]
    assert watched.fired[1] == {
        "campaign_id": ids[0],
        "name": "Campaign 0000",
        "from_status": ACTIVE,
        "from_status_name": "Active",
        "to_status": BOUNCED,
        "to_status_name": "Bounce Protect",
        "instantly_conn_id": "instantly_default",
        "url": f"https://app.instantly.ai/app/campaign/{ids[0]}/analytics",
    }
    json.dumps(watched.fired)


def test_a_campaign_that_is_new_or_gone_is_no_change(virtually: Any) -> None:
    virtually.instantly.add(1)

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10))
        await at(15)
        [new] = virtually.instantly.add(1, ACTIVE)
        await at(35)
        del virtually.instantly.statuses[new]
        await at(55)
        virtually.instantly.statuses[new] = ACTIVE
        await at(75)
        virtually.instantly.statuses[new] = PAUSED
        await at(95)
        await watched.end()
        assert watched.steps == [(new, ACTIVE, PAUSED)]
        return watched

    virtually(watch())


def test_an_empty_workspace_is_watched_too(virtually: Any) -> None:
    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10))
        await at(15)
        [new] = virtually.instantly.add(1)
        await at(35)
        virtually.instantly.statuses[new] = ACTIVE
        await at(55)
        await watched.end()
        return watched

    assert len(virtually(watch()).fired) == 1


def test_a_workspace_of_many_pages_is_watched_as_a_whole(virtually: Any) -> None:
    ids = virtually.instantly.add(1234)

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10))
        await at(15)
        for cid in ids:
            virtually.instantly.statuses[cid] = ACTIVE
        await at(35)
        await watched.end()
        return watched

    assert sorted(virtually(watch()).steps) == [(cid, DRAFT, ACTIVE) for cid in ids]
    assert len(virtually.instantly.requests) <= 13 * 5


def test_statuses_that_are_not_known_yet_are_changes_like_any_other(virtually: Any) -> None:
    [cid] = virtually.instantly.add(1, UNKNOWN)

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10))
        await at(15)
        virtually.instantly.statuses[cid] = ACTIVE
        await at(35)
        virtually.instantly.statuses[cid] = UNKNOWN + 1
        await at(55)
        await watched.end()
        return watched

    fired = virtually(watch()).fired
    assert [(e["from_status"], e["to_status"]) for e in fired] == [(UNKNOWN, ACTIVE), (ACTIVE, UNKNOWN + 1)]
    assert str(UNKNOWN) in fired[0]["from_status_name"]


@pytest.mark.parametrize(
    ("filters", "fired"),
    [
        ({}, [(0, DRAFT, ACTIVE), (1, DRAFT, ACTIVE), (0, ACTIVE, BOUNCED), (1, ACTIVE, PAUSED)]),
        ({"to_statuses": [BOUNCED, UNHEALTHY]}, [(0, ACTIVE, BOUNCED)]),
        ({"from_statuses": [ACTIVE]}, [(0, ACTIVE, BOUNCED), (1, ACTIVE, PAUSED)]),
        ({"from_statuses": [DRAFT], "to_statuses": [BOUNCED]}, []),
        ({"campaign_id": 1}, [(1, DRAFT, ACTIVE), (1, ACTIVE, PAUSED)]),
        ({"campaign_id": [0, 1], "to_statuses": [PAUSED]}, [(1, ACTIVE, PAUSED)]),
    ],
)
def test_filters(virtually: Any, filters: dict[str, Any], fired: list[tuple[int, int, int]]) -> None:
    ids = virtually.instantly.add(3)
    statuses = virtually.instantly.statuses
    if "campaign_id" in filters:
        which = filters["campaign_id"]
        chosen = [ids[n].upper() for n in which] if isinstance(which, list) else ids[which]
        filters = {**filters, "campaign_id": chosen}

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10, **filters))
        await at(15)
        statuses[ids[0]] = statuses[ids[1]] = ACTIVE
        await at(35)
        statuses[ids[0]], statuses[ids[1]] = BOUNCED, PAUSED
        await at(55)
        await watched.end()
        return watched

    assert virtually(watch()).steps == [(ids[n], before, after) for n, before, after in fired]


def test_a_watcher_of_some_campaigns_asks_for_these_only(virtually: Any) -> None:
    ids = virtually.instantly.add(500)

    async def watch() -> None:
        watched = Watch(CampaignChangeTrigger(campaign_id=ids[-2:], poll_interval=10))
        await at(55)
        await watched.end()

    virtually(watch())

    assert set(virtually.instantly.since(START + 5)) == set(ids[-2:])


async def test_a_watcher_of_a_tag_fires_for_its_campaigns_only(sandbox: SandboxClient) -> None:
    tag = "11111111-0000-4000-8000-000000000001"
    tagged, both = sandbox.add_campaigns(2, "Tagged", tags=[tag])
    other = sandbox.add_campaign("Other")
    by_tag = Watch(CampaignChangeTrigger(tag_ids=[tag], poll_interval=0.3))
    by_both = Watch(CampaignChangeTrigger(campaign_id=both, tag_ids=[tag], poll_interval=0.3))
    await eventually(lambda: len(sandbox.requests()) >= 8, "Both have polled and remember what they saw")

    for cid in (other, tagged, both):
        await asyncio.to_thread(sandbox.trip_bounce_protection, cid)
    await eventually(lambda: len(by_tag.fired) >= 2 and len(by_both.fired) >= 1, "It fires for the changes")
    await asyncio.gather(by_tag.end(), by_both.end())

    assert sorted(by_tag.steps) == sorted([(tagged, DRAFT, BOUNCED), (both, DRAFT, BOUNCED)])
    assert by_both.steps == [(both, DRAFT, BOUNCED)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"campaign_id": "x"}, "campaign_id"),
        ({"tag_ids": "one"}, "tag_ids must be a list"),
        ({"to_statuses": []}, "to_statuses must name at least one"),
        ({"from_statuses": [12]}, "from_statuses has 12, which is no status"),
        ({"poll_interval": 0}, "poll_interval must be from"),
        ({"instantly_conn_id": " "}, "instantly_conn_id must be"),
        ({"to_statuse": [-2]}, "CampaignChangeTrigger has no argument to_statuse."),
    ],
)
def test_what_can_be_of_no_use_is_refused_while_the_dag_is_parsed(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CampaignChangeTrigger(**wrong).serialize()


# Errors


def test_an_error_is_warned_of_once_and_costs_no_change(virtually: Any, capfd: Any, caplog: Any) -> None:
    [cid, _] = virtually.instantly.add(2)

    def broken(request: Request) -> None:
        if START + 15 < asyncio.get_running_loop().time() < START + 95:
            raise InstantlyServerError("It broke.", method="GET", path=request.path, status=500)

    virtually.instantly.answer = broken

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10))
        await at(30)
        virtually.instantly.statuses[cid] = ACTIVE
        await at(120)
        await watched.end()
        return watched

    assert virtually(watch()).steps == [(cid, DRAFT, ACTIVE)]
    lines = [text.count("could not be listed") for text in (caplog.text, "".join(capfd.readouterr()))]
    assert max(lines) == 1


def test_a_list_that_breaks_off_changes_only_what_was_seen(virtually: Any) -> None:
    ids = virtually.instantly.add(150)

    def second_page_is_broken(request: Request) -> None:
        if ("starting_after", "100") in request.query and START + 15 < asyncio.get_running_loop().time() < START + 50:
            raise InstantlyServerError("It broke.", method="GET", path=request.path, status=500)

    virtually.instantly.answer = second_page_is_broken

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10))
        await at(16)
        virtually.instantly.statuses[ids[0]] = virtually.instantly.statuses[ids[149]] = ACTIVE
        await at(40)
        assert watched.steps == [(ids[0], DRAFT, ACTIVE)]
        await at(75)
        await watched.end()
        return watched

    assert virtually(watch()).steps == [(ids[0], DRAFT, ACTIVE), (ids[149], DRAFT, ACTIVE)]


def fails_for(ids: list[str], error: type[InstantlyRequestError], status: int) -> Callable[[Request], None]:
    """A service that answers these campaigns with an error, and the list, too."""

    def answer(request: Request) -> None:
        if request.resource.id in (None, "", *ids):
            raise error("It is so.", method="GET", path=request.path, status=status)

    return answer


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InstantlyAuthenticationError, 401),
        (InstantlyPermissionError, 403),
        (CampaignNotFoundError, 404),
        (InstantlyRateLimitError, 429),
        (InstantlyServerError, 500),
    ],
)
@pytest.mark.parametrize("count", [1, 5])
def test_why_its_campaigns_cannot_be_read_is_warned_of_once(
    virtually: Any, warned: list[str], count: int, error: type[InstantlyRequestError], status: int
) -> None:
    """A key that was revoked, a scope that is missing: a watcher would never fire, and not say why."""
    ids = virtually.instantly.add(count)
    virtually.instantly.answer = fails_for(ids, error, status)

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(campaign_id=ids, poll_interval=10))
        await at(1800)
        virtually.instantly.answer = lambda request: None
        await at(2500)
        virtually.instantly.statuses[ids[0]] = ACTIVE
        await at(2600)
        await watched.end()
        return watched

    assert virtually(watch()).steps == [(ids[0], DRAFT, ACTIVE)]
    [line] = warned
    assert line.endswith(f"[campaign {ids[0]}]")
    assert line.startswith("The campaign could not be read; asking again: It is so. [GET /campaigns")


def test_a_campaign_that_is_gone_hides_nothing_of_the_others(virtually: Any, warned: list[str]) -> None:
    gone, other, third = virtually.instantly.add(3)
    del virtually.instantly.statuses[gone]

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(campaign_id=[gone, other, third], poll_interval=10))
        await at(15)
        virtually.instantly.statuses[other] = ACTIVE
        await at(35)
        del virtually.instantly.statuses[third]
        await at(95)
        await watched.end()
        return watched

    assert virtually(watch()).steps == [(other, DRAFT, ACTIVE)]
    assert [line.split()[-1].rstrip("]") for line in warned] == [gone, third]


async def test_a_connection_that_is_missing_is_warned_of(warned: list[str], sandbox: SandboxClient) -> None:
    cid = sandbox.add_campaign("Watched")
    watched = Watch(CampaignChangeTrigger("no_such_connection", campaign_id=cid, poll_interval=0.2))

    await eventually(lambda: len(warned) > 0, "It says what is wrong")
    await watched.end()

    [line] = warned
    assert cid in line
    assert "no_such_connection" in line


async def test_where_the_connection_is_gone_a_change_has_no_page() -> None:
    trigger = CampaignChangeTrigger("no_such_connection")
    assert await trigger._pages([]) == {}
    assert await trigger._pages([{"campaign_id": "5a3d0e5e-0001-4000-8000-000000000001"}]) == {}


# What is remembered


def test_a_restart_neither_repeats_nor_misses_a_change(virtually: Any) -> None:
    ids = virtually.instantly.add(300)
    statuses, store = virtually.instantly.statuses, AssetStateStore()

    async def watch() -> tuple[Watch, Watch]:
        first = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(15)
        statuses[ids[0]] = ACTIVE
        await at(30)
        await first.end()
        statuses[ids[1]] = ACTIVE
        await at(300)
        second = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(330)
        await second.end()
        return first, second

    first, second = virtually(watch())

    assert first.steps == [(ids[0], DRAFT, ACTIVE)]
    assert second.steps == [(ids[1], DRAFT, ACTIVE)]


def test_a_crash_between_saving_and_firing_does_not_fire_twice(virtually: Any) -> None:
    ids = virtually.instantly.add(2)
    statuses, store = virtually.instantly.statuses, AssetStateStore()

    async def watch() -> tuple[Watch, Watch]:
        first = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(15)

        def crash() -> None:
            first.task.cancel()

        store.after_write = crash
        statuses[ids[0]] = ACTIVE
        await at(40)
        store.after_write = lambda: None
        second = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(60)
        await asyncio.gather(first.end(), second.end())
        return first, second

    first, second = virtually(watch())

    assert len(first.fired) + len(second.fired) <= 1


def test_two_triggerers_that_run_the_same_watcher_fire_for_a_change_once(virtually: Any) -> None:
    """Airflow moves a trigger whose triggerer was not heard of, which may yet be alive."""
    ids = virtually.instantly.add(200)
    statuses, store = virtually.instantly.statuses, AssetStateStore()

    async def watch() -> list[tuple[str, int, int]]:
        first = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(5)
        second = Watch(CampaignChangeTrigger(poll_interval=10), store)
        for n, moment in enumerate(range(13, 200, 20)):
            await at(moment)
            statuses[ids[n]] = ACTIVE
        await at(230)
        await asyncio.gather(first.end(), second.end())
        return sorted(first.steps + second.steps)

    assert virtually(watch()) == [(cid, DRAFT, ACTIVE) for cid in ids[:10]]


def test_a_draft_that_was_not_read_is_no_change(virtually: Any) -> None:
    """It is on no list of those that are no Drafts, since it is gone; the other triggerer has seen it run."""
    ids, store = virtually.instantly.add(300), AssetStateStore()
    statuses = virtually.instantly.statuses

    async def watch() -> tuple[Watch, Watch]:
        one = Watch(CampaignChangeTrigger(campaign_id=ids[:200]), store)
        await at(30)
        another = Watch(CampaignChangeTrigger(campaign_id=ids[:200]), store)
        await at(75)
        statuses[ids[0]] = ACTIVE
        await at(95)
        del statuses[ids[0]]
        statuses[ids[1]] = ACTIVE
        await at(130)
        await one.end()
        await another.end()
        return one, another

    one, another = virtually(watch())

    assert one.steps == [(ids[1], DRAFT, ACTIVE)]
    assert another.steps == [(ids[0], DRAFT, ACTIVE)]


def test_a_store_that_fails_neither_loses_a_change_nor_repeats_one(virtually: Any) -> None:
    """The trigger fails, and Airflow starts a watcher's trigger again."""
    ids = virtually.instantly.add(2)
    statuses, store = virtually.instantly.statuses, AssetStateStore()

    async def watch() -> list[Watch]:
        watches = [Watch(CampaignChangeTrigger(poll_interval=10), store)]
        await at(15)
        statuses[ids[0]] = ACTIVE
        store.broken = RuntimeError("The API server is away.")
        while asyncio.get_running_loop().time() < START + 60:
            await asyncio.gather(watches[-1].task, return_exceptions=True)
            await asyncio.sleep(5)
            watches.append(Watch(CampaignChangeTrigger(poll_interval=10), store))
        store.broken = None
        await asyncio.sleep(1)
        watches.append(Watch(CampaignChangeTrigger(poll_interval=10), store))
        await at(90)
        await asyncio.gather(*(each.end() for each in watches))
        return watches

    watches = virtually(watch())

    assert [step for each in watches for step in each.steps] == [(ids[0], DRAFT, ACTIVE)]


def test_a_store_that_fails_for_a_part_loses_no_change_of_the_others(virtually: Any) -> None:
    ids = virtually.instantly.add(3)
    statuses = virtually.instantly.statuses

    class Partly(AssetStateStore):
        fails = False

        async def aset(self, key: str, value: Any) -> None:
            if self.fails and key.endswith("-1"):
                raise RuntimeError("500")
            await super().aset(key, value)

    store = Partly()

    async def watch() -> tuple[Watch, Watch]:
        first = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(15)
        statuses.update(dict.fromkeys(ids, BOUNCED))
        store.fails = True
        assert isinstance((await asyncio.gather(first.task, return_exceptions=True))[0], RuntimeError)
        store.fails = False
        second = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(60)
        await second.end()
        return first, second

    first, second = virtually(watch())

    assert first.steps == [(ids[0], DRAFT, BOUNCED)]
    assert second.steps == [(each, DRAFT, BOUNCED) for each in ids[1:]]


def test_an_answer_of_the_store_that_cannot_be_read_is_not_taken_for_no_store(virtually: Any) -> None:
    """Errors of decoders derive from ValueError too; to go on without a memory would lose changes."""
    store = AssetStateStore()
    store.broken = json.JSONDecodeError("no JSON", "x", 0)

    async def watch() -> Any:
        watched = Watch(CampaignChangeTrigger(poll_interval=10), store)
        return (await asyncio.gather(watched.task, return_exceptions=True))[0]

    assert virtually(watch()) is store.broken


def test_what_was_not_written_as_a_watermark_is_not_believed(virtually: Any) -> None:
    [cid] = virtually.instantly.add(1)
    store = AssetStateStore()

    async def watch() -> Watch:
        first = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(5)
        await first.end()
        for key in store.kept:
            store.kept[key] = '{"x": "y", "' + cid + '": "one"}'
        second = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(15)
        virtually.instantly.statuses[cid] = ACTIVE
        await at(40)
        await second.end()
        return second

    assert virtually(watch()).steps == [(cid, DRAFT, ACTIVE)]


def test_watchers_with_other_arguments_remember_apart(virtually: Any) -> None:
    [cid] = virtually.instantly.add(1)
    store = AssetStateStore()

    async def watch() -> tuple[Watch, Watch]:
        both = (
            Watch(CampaignChangeTrigger(poll_interval=10), store),
            Watch(CampaignChangeTrigger(poll_interval=10, to_statuses=[ACTIVE]), store),
        )
        await at(15)
        virtually.instantly.statuses[cid] = ACTIVE
        await at(40)
        await asyncio.gather(*(each.end() for each in both))
        return both

    assert [each.steps for each in virtually(watch())] == [[(cid, DRAFT, ACTIVE)]] * 2


def test_another_interval_does_not_forget_what_was_seen(virtually: Any) -> None:
    [cid] = virtually.instantly.add(1)
    store = AssetStateStore()

    async def watch() -> Watch:
        first = Watch(CampaignChangeTrigger(poll_interval=10), store)
        await at(5)
        await first.end()
        virtually.instantly.statuses[cid] = ACTIVE
        second = Watch(CampaignChangeTrigger(poll_interval=60), store)
        await at(15)
        await second.end()
        return second

    assert virtually(watch()).steps == [(cid, DRAFT, ACTIVE)]


def test_what_is_kept_of_ten_thousand_campaigns_is_small_enough_for_airflow(virtually: Any) -> None:
    count = 10_000
    ids = virtually.instantly.add(count, ACTIVE)
    store = AssetStateStore()

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=60), store)
        await at(30)
        store.writes = 0
        virtually.instantly.statuses[ids[1234]] = BOUNCED
        await at(130)
        await watched.end()
        return watched

    assert virtually(watch()).steps == [(ids[1234], ACTIVE, BOUNCED)]
    assert max(len(value) for value in store.kept.values()) < MAX_STORED_BYTES
    assert store.writes == 1, "one change writes only the part that it is in"


def test_a_trigger_of_several_assets_says_that_it_cannot_remember(virtually: Any, capfd: Any, caplog: Any) -> None:
    """Airflow makes one trigger of watchers that are alike, and its stores do not know then which asset is meant."""
    context = pytest.importorskip("airflow.sdk.execution_time.context", reason="Airflow 3")
    if not hasattr(context, "AssetStateStoreAccessors"):
        pytest.skip("Airflow keeps states for assets from 3.3 on")
    from airflow.sdk import Asset

    [cid] = virtually.instantly.add(1)
    stores = context.AssetStateStoreAccessors(inlets=[Asset("one"), Asset("two")])

    async def watch() -> Watch:
        watched = Watch(CampaignChangeTrigger(poll_interval=10), stores)
        await at(15)
        virtually.instantly.statuses[cid] = ACTIVE
        await at(40)
        await watched.end()
        return watched

    assert virtually(watch()).steps == [(cid, DRAFT, ACTIVE)]
    assert "several assets" in caplog.text + "".join(capfd.readouterr())


# Airflow


def test_the_arguments_make_the_same_trigger_again() -> None:
    trigger = CampaignChangeTrigger(
        "agency",
        campaign_id=["5A3D0E5E-0001-4000-8000-000000000001"],
        tag_ids=("b", "a"),
        from_statuses={ACTIVE},
        to_statuses=frozenset({BOUNCED, UNHEALTHY}),
        poll_interval=30,
    )

    classpath, arguments = trigger.serialize()

    assert classpath == "airflow_provider_instantly.triggers.campaign.CampaignChangeTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert CampaignChangeTrigger(**arguments).serialize() == (classpath, arguments)
    assert trigger.shared_stream_key() == CampaignChangeTrigger("agency", tag_ids=["a", "b"]).shared_stream_key()
    assert trigger.shared_stream_key() != CampaignChangeTrigger("agency").shared_stream_key()


ENCODE = """
import json
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger
from tests.airflow_versions import encode_trigger

encoded = encode_trigger(CampaignChangeTrigger(tag_ids={"c", "b", "a"}, to_statuses=frozenset({-1, -2, -99})))
result = json.dumps(encoded)
"""


def test_airflow_takes_a_watcher_for_the_same_in_every_process(tmp_path: Path) -> None:
    """Its hash decides whether the trigger in the database is kept, so no set may make it come out in another order."""
    base = pytest.importorskip("airflow.triggers.base")
    if not hasattr(base, "BaseEventTrigger"):
        pytest.skip("Airflow has asset watchers from 3.0 on")
    here: dict[str, Any] = {}
    exec(ENCODE, here)  # noqa: S102 - the very same here and there

    there = subprocess.run(
        [sys.executable, "-c", f"{ENCODE}\nprint(result)"],
        env={
            **{"AIRFLOW_HOME": str(tmp_path), "PYTHONHASHSEED": "7", "PATH": "/usr/bin:/bin"},
            "PYTHONPATH": ":".join(filter(None, sys.path)),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout.splitlines()[-1]

    assert there == here["result"]
    encoded = json.loads(there)
    again = here["encode_trigger"](encoded)
    hashes = {base.BaseEventTrigger.hash(each["classpath"], each["kwargs"]) for each in (encoded, again)}
    assert len(hashes) == 1
