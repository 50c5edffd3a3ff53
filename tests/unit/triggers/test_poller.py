"""One poller for many waiters: how many requests it makes, for whom, and when; in virtual time, then for real."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import threading
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyConnectionError,
    InstantlyRateLimitError,
    InstantlyServerError,
)
from airflow_provider_instantly.triggers import campaign as campaign_module
from airflow_provider_instantly.triggers import poller as poller_module
from airflow_provider_instantly.triggers import shared_hook as shared_hook_module
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger, CampaignStatusTrigger
from airflow_provider_instantly.triggers.changes import LIST_IS_CUT
from airflow_provider_instantly.triggers.poller import Poller
from airflow_provider_instantly.waits.goal import Goal, Verdict
from airflow_provider_instantly.waits.machine import LAST_POLL, Wait
from tests.shared_streams import events_of
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED
from tests.unit.triggers.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_instantly.api.protocol import Request
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from airflow_provider_instantly.triggers.base import PollingTrigger
    from airflow_provider_instantly.triggers.timing import Snapshot, Watcher

CONN = "instantly_default"


@dataclass
class Waiter:
    """What one waiter was shown, and when."""

    shown: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    @property
    def times(self) -> list[float]:
        return [when for when, _ in self.shown]

    def gaps(self, start: float, end: float) -> list[float]:
        """How long it was left without a poll, each time."""
        moments = [start, *self.times, end]
        return [later - earlier for earlier, later in pairwise(moments)]


class Group:
    """
    Waiters that share a poller, as the triggerer has them share one.

    :param poller: the poller.
    """

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self._queues: set[asyncio.Queue[Snapshot]] = set()
        self.snapshots = 0
        self._task = asyncio.create_task(self._pump())

    async def _pump(self) -> None:
        async with aclosing(self.poller.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self.snapshots += 1
                assert self.snapshots < 5_000, "the poller spins"
                for queue in self._queues:
                    queue.put_nowait(snapshot)

    @contextmanager
    def queue(self) -> Iterator[asyncio.Queue[Snapshot]]:
        """All snapshots from now on, in their order."""
        queue: asyncio.Queue[Snapshot] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def wait(
        self,
        waiter: Waiter,
        ids: Iterable[str] | None,
        interval: float,
        seconds: float,
        then: Callable[[Watcher], None] = lambda watcher: None,
    ) -> None:
        """Be polled for, for some seconds."""
        wanted = None if ids is None else set(ids)
        with self.queue() as queue, self.poller.watching(ids, interval) as watcher, suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    snapshot = await queue.get()
                    if watcher in snapshot.recipients:
                        mine = {k: v for k, v in snapshot.campaigns.items() if wanted is None or k in wanted}
                        waiter.shown.append((now(), mine))
                        then(watcher)

    async def aclose(self) -> None:
        """End it, as the triggerer does when the last waiter has left."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def now() -> float:
    return asyncio.get_running_loop().time()


def status_of(shown: dict[str, Any]) -> dict[str, Any]:
    return {campaign_id: getattr(seen, "status", seen) for campaign_id, seen in shown.items()}


def rate_limited(retry_after: float) -> InstantlyRateLimitError:
    return InstantlyRateLimitError("Too many requests.", retry_after=retry_after, method="GET", path="/campaigns")


# How many requests


@pytest.mark.parametrize("count", [1, 3, 99, 100, 101, 250, 1000])
def test_many_waiters_share_one_list_request_per_hundred_and_poll(virtually: Any, count: int) -> None:
    ids = virtually.instantly.add(count, ACTIVE)

    async def watch() -> list[Waiter]:
        group, waiters = Group(Poller(CONN, for_joiners=True)), [Waiter() for _ in ids]
        await asyncio.gather(*(group.wait(w, [cid], 10.0, 101) for w, cid in zip(waiters, ids, strict=True)))
        await group.aclose()
        return waiters

    waiters = virtually(watch())

    polls = len(waiters[0].shown)
    assert 11 <= polls <= 12, "the interval is shortened by a twentieth at most"
    assert all(status_of(shown) == {cid: ACTIVE} for w, cid in zip(waiters, ids, strict=True) for _, shown in w.shown)
    assert len(virtually.instantly.requests) == polls * -(-count // 100)


def test_a_trigger_whose_poller_no_one_joins_reads_a_list_until_all_are_found(virtually: Any) -> None:
    """Airflow below 3.3 shares no streams, and each wait for many read the whole workspace."""
    ids = virtually.instantly.add(12_000, ACTIVE)

    async def wait() -> Any:
        [event] = [event async for event in CampaignStatusTrigger(ids[:150]).run()]
        return event.payload

    assert virtually(wait())["campaigns"][0]["verdict"] == Verdict.REACHED
    assert virtually.instantly.requests == [(1_000_000, "list")] * 2


def test_few_waiters_in_a_large_workspace_are_read_one_by_one(virtually: Any) -> None:
    ids = virtually.instantly.add(1000, ACTIVE)

    async def watch() -> None:
        group, waiter = Group(Poller(CONN, for_joiners=True)), Waiter()
        await group.wait(waiter, ids[-5:], 10.0, 101)
        await group.aclose()

    virtually(watch())

    first_poll = virtually.instantly.since(0)[:11]
    assert first_poll.count("list") <= 6, "pages beyond the number of campaigns cost more than asking for each"
    assert virtually.instantly.since(1_000_005).count("list") <= 6, "the list of those in their status is tried once"
    assert "list" not in virtually.instantly.since(1_000_015)
    assert len(virtually.instantly.since(1_000_015)) in (5 * 9, 5 * 10)


def test_drafts_are_waited_for_with_a_request_for_a_thousand_and_poll(virtually: Any) -> None:
    ids = virtually.instantly.add(1000)
    waiters = [Waiter() for _ in ids]

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await end_of(
            group, *(group.wait(w, [cid], 10.0, 301) for w, cid in zip(waiters, ids, strict=True)), launch_some()
        )

    async def launch_some() -> None:
        for number in range(10):
            await asyncio.sleep(10)
            virtually.instantly.statuses[ids[number * 100]] = ACTIVE

    virtually(watch())

    polls = len(waiters[0].shown)
    assert 30 <= polls <= 33
    assert len(virtually.instantly.requests) <= polls + 10 * -(-polls // 10)
    for number in range(10):
        launched = 1_000_010 + 10 * number
        seen = [when for when, shown in waiters[number * 100].shown if ACTIVE in status_of(shown).values()]
        assert min(seen) <= launched + 10.0


def test_each_waiter_leaves_with_its_campaign(virtually: Any) -> None:
    ids = virtually.instantly.add(3)

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.gather(
            group.wait(Waiter(), ids[:1], 10.0, 5), group.wait(Waiter(), ids[1:2], 10.0, 25), asyncio.sleep(60)
        )
        await group.aclose()

    virtually(watch())

    assert ids[0] not in virtually.instantly.since(1_000_006)
    assert virtually.instantly.since(1_000_026) == []


def test_a_waiter_that_is_content_with_some_of_its_campaigns_asks_for_the_others_only(virtually: Any) -> None:
    ids = virtually.instantly.add(2)

    def drop_the_first(watcher: Watcher) -> None:
        watcher.campaign_ids = frozenset(ids[1:])

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await group.wait(Waiter(), ids, 10.0, 45, then=drop_the_first)
        await group.aclose()

    virtually(watch())

    assert set(virtually.instantly.since(1_000_005)) == {ids[1]}


# When


def test_the_shortest_interval_sets_the_pace_and_the_others_take_part(virtually: Any) -> None:
    ids = virtually.instantly.add(2)
    quick, slow = Waiter(), Waiter()

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.gather(group.wait(slow, ids[:1], 60.0, 600), group.wait(quick, ids[1:], 10.0, 600))
        await group.aclose()

    virtually(watch())

    assert max(quick.gaps(1_000_000, 1_000_600)) <= 10.0
    assert max(slow.gaps(1_000_000, 1_000_600)) <= 60.0
    assert len(slow.shown) <= 600 / 30 + 1, "it is not read at the pace of the other"
    assert set(slow.times) <= set(quick.times), "no poll is for the slow one alone"


def test_a_late_joiner_takes_part_within_its_interval(virtually: Any) -> None:
    ids = virtually.instantly.add(2)
    early, late, hasty = Waiter(), Waiter(), Waiter()

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))

        async def join_later() -> None:
            await asyncio.sleep(13)
            await asyncio.gather(group.wait(late, ids[1:], 10.0, 40), group.wait(hasty, ids[1:], 1.0, 2.5))

        await asyncio.gather(group.wait(early, ids[:1], 10.0, 60), join_later())
        await group.aclose()

    virtually(watch())

    assert late.times[0] - 1_000_013 <= 10.0
    assert hasty.times[0] == 1_000_013, "who would have to wait longer than its interval is served at once"
    assert set(late.times) <= set(early.times) | set(hasty.times)


def test_a_waiter_that_joins_during_a_poll_is_polled_right_after_it(virtually: Any) -> None:
    ids = virtually.instantly.add(2)
    virtually.instantly.latency = 4.0
    late = Waiter()

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))

        async def join_during_the_first_poll() -> None:
            await asyncio.sleep(1)
            await group.wait(late, ids[1:], 30.0, 60)

        await asyncio.gather(group.wait(Waiter(), ids[:1], 30.0, 60), join_during_the_first_poll())
        await group.aclose()

    virtually(watch())

    assert late.times[0] == 1_000_008


def test_a_waiter_may_ask_for_an_earlier_poll(virtually: Any) -> None:
    [cid] = virtually.instantly.add(1)
    waiter = Waiter()

    async def watch() -> None:
        poller = Poller(CONN, for_joiners=True)
        group = Group(poller)
        await group.wait(waiter, [cid], 60.0, 10, then=lambda watcher: poller.poll_again(watcher, 3.0))
        await group.aclose()

    virtually(watch())

    assert waiter.times == pytest.approx([1_000_000, 1_000_003, 1_000_006, 1_000_009], abs=1.0)


def test_polls_are_spread_so_that_pollers_do_not_fall_into_step(virtually: Any) -> None:
    [cid] = virtually.instantly.add(1)
    waiters = [Waiter() for _ in range(10)]

    async def watch() -> None:
        groups = [Group(Poller(CONN, for_joiners=True)) for _ in waiters]
        await asyncio.gather(*(g.wait(w, [cid], 60.0, 600) for g, w in zip(groups, waiters, strict=True)))
        for group in groups:
            await group.aclose()

    virtually(watch())

    assert len({w.times[-1] for w in waiters}) > 5


def test_the_time_that_a_poll_takes_does_not_lengthen_the_interval(virtually: Any) -> None:
    virtually.instantly.latency = 0.4
    ids = virtually.instantly.add(250, ACTIVE)
    waiter = Waiter()

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await end_of(group, group.wait(waiter, ids, 10.0, 100))

    virtually(watch())

    gaps = [later - earlier for earlier, later in pairwise(waiter.times)]
    assert len(gaps) >= 9
    assert max(gaps) <= 10.0 + 1e-6, "three pages take 1.2 s, and the next poll begins an interval after this one"


def test_a_server_that_is_slower_than_the_interval_is_given_pauses(virtually: Any) -> None:
    virtually.instantly.latency = 4.0
    ids = virtually.instantly.add(250)

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await end_of(group, group.wait(Waiter(), ids, 10.0, 200))

    virtually(watch())

    sent = [when for when, _ in virtually.instantly.requests]
    pauses = [later - earlier - 4.0 for earlier, later in pairwise(sent)]
    between_polls = [pause for pause in pauses if pause > 1e-6]
    assert len(between_polls) >= 10
    assert min(between_polls) >= 2.0 - 1e-6, "a fifth of the interval, though each poll takes twelve seconds of ten"


@pytest.mark.parametrize("latency", [0.4, 2.0, 4.0])
@pytest.mark.parametrize("joins", [0.5, 3.0, 8.0])
def test_one_that_joins_during_a_slow_poll_falls_into_step_with_the_others(
    virtually: Any, latency: float, joins: float
) -> None:
    virtually.instantly.latency = latency
    ids = virtually.instantly.add(250)

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))

        async def join_later() -> None:
            await asyncio.sleep(joins)
            await group.wait(Waiter(), ids, 10.0, 200)

        await end_of(group, group.wait(Waiter(), ids, 10.0, 200), join_later())

    virtually(watch())

    period = max(10.0 * 0.95, 3 * latency + 2.0)
    assert len(virtually.instantly.requests) <= 3 * ((200 + joins) / period + 3)


def test_nothing_is_polled_while_no_one_waits(virtually: Any) -> None:
    async def idle() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.sleep(86_400)
        await group.aclose()

    virtually(idle())

    assert virtually.instantly.requests == []


@pytest.mark.parametrize("spread", [10.0, 60.0])
def test_deadlines_one_after_the_other_do_not_multiply_the_requests(virtually: Any, spread: float) -> None:
    count, interval = 400, 10.0
    ids = virtually.instantly.add(count)
    ends: list[float] = []

    async def wait_until(group: Group, cid: str, seconds: float) -> None:
        deadline = now() + seconds

        def ask(watcher: Watcher) -> None:
            left = deadline - now()
            if left > 0:
                group.poller.poll_again(watcher, min(interval, left))
            else:
                ends.append(now() - deadline)
                raise TimeoutError

        await group.wait(Waiter(), [cid], interval, 3 * spread + 100, then=ask)

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.gather(*(wait_until(group, cid, 30 + spread * n / count) for n, cid in enumerate(ids)))
        await group.aclose()

    virtually(watch())

    assert len(ends) == count
    assert max(ends) <= 1.0, "each deadline ends in time"
    polls = (30 + spread) / (interval * 0.95) + 1
    requests = len(virtually.instantly.requests)
    assert requests <= (polls + spread) * -(-count // 100), "at most one more poll a second, for all deadlines in it"


def test_no_waiter_is_woken_by_polls_that_are_no_news(virtually: Any) -> None:
    ids = virtually.instantly.add(150)

    async def watch() -> tuple[int, list[float]]:
        group = Group(Poller(CONN, for_joiners=True))
        waits = [asyncio.create_task(reached(CampaignStatusTrigger(cid, poll_interval=10.0), group)) for cid in ids]
        await asyncio.sleep(200)
        late = asyncio.create_task(reached(CampaignStatusTrigger(ids[0], poll_interval=10.0), group))
        await asyncio.sleep(80)
        snapshots = group.snapshots
        virtually.instantly.statuses |= dict.fromkeys(ids, ACTIVE)
        ends = await asyncio.gather(*waits, late)
        await group.aclose()
        return snapshots, list(ends)

    snapshots, ends = virtually(watch())

    assert len(virtually.instantly.requests) >= 28, "it polled all the time"
    assert snapshots == 2, "the first poll, and the one that the last to join saw"
    assert max(ends) <= 1_000_290


@pytest.mark.parametrize(("count", "longest"), [(1, 5.2), (30, 6.2), (300, 16)])
def test_the_more_wait_the_more_rarely_each_says_so(
    virtually: Any, monkeypatch: pytest.MonkeyPatch, count: int, longest: float
) -> None:
    ids = virtually.instantly.add(count)
    said: list[tuple[float, str]] = []

    async def remember(log: Any, *, info: Sequence[str], warnings: Sequence[str] = ()) -> None:
        said.extend((now(), line) for line in info)

    monkeypatch.setattr(campaign_module, "awrite", remember)

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        triggers = [CampaignStatusTrigger(cid, poll_interval=10.0) for cid in ids]
        waits = [asyncio.create_task(reached(trigger, group)) for trigger in triggers]
        await asyncio.sleep(3600)
        virtually.instantly.statuses |= dict.fromkeys(ids, ACTIVE)
        await asyncio.gather(*waits)
        await group.aclose()

    virtually(watch())

    reports = [(when, line) for when, line in said if line.startswith("Still waiting")]
    for cid in ids:
        own = [1_000_000.0, *(when for when, line in reports if cid in line), 1_003_600.0]
        assert max(later - earlier for earlier, later in pairwise(own)) <= 60 * longest
    for start in range(1_000_000, 1_003_600, 60):
        assert sum(start <= when < start + 60 for when, _ in reports) <= 30


def test_one_that_has_not_accepted_a_poll_is_a_recipient_of_the_next_whatever_it_shows(virtually: Any) -> None:
    """Its campaign went Active, back to Draft and Active again: that did not hold, however late it hears of it."""
    [cid] = virtually.instantly.add(1)
    moments = [(5.0, ACTIVE), (15.0, 0), (25.0, ACTIVE)]

    async def watch() -> float:
        group = Group(Poller(CONN, for_joiners=True))
        trigger = CampaignStatusTrigger(cid, poll_interval=10.0, stable_for=25.0)
        waiting = asyncio.create_task(reached(trigger, group, stalls=range(1, 2)))
        for moment, status in moments:
            await asyncio.sleep(1_000_000 + moment - now())
            virtually.instantly.statuses[cid] = status
        ended = await waiting
        await group.aclose()
        return ended

    assert virtually(watch()) >= 1_000_025 + 25.0


# The end of a wait


def waiting(cid: str, interval: float, **ends: float) -> CampaignStatusTrigger:
    """A wait whose ``deadline`` or ``execution_deadline`` is so many seconds away."""
    moments: dict[str, Any] = {name: now() + seconds for name, seconds in ends.items()}
    return CampaignStatusTrigger(cid, poll_interval=interval, timeout=ends.get("deadline"), **moments)


async def beside_a_long_wait(group: Group, cid: str, interval: float, *waits: Any) -> list[Any]:
    """Wait for others while one that does not care waits for hours."""
    long = asyncio.create_task(ended(waiting(cid, interval, deadline=86_400), group))
    try:
        return list(await asyncio.gather(*waits))
    finally:
        await end_all([long], group)


@pytest.mark.parametrize(
    ("end", "verdict"), [("deadline", Verdict.TIMED_OUT), ("execution_deadline", Verdict.EXECUTION_TIMEOUT)]
)
@pytest.mark.parametrize("joins", [0.0, 30.0, 1700.0])
@pytest.mark.parametrize("seconds", [-5.0, 0.3, 100.0, 1750.0])
def test_a_wait_that_joins_between_two_polls_ends_in_time(
    virtually: Any, end: str, verdict: Verdict, joins: float, seconds: float
) -> None:
    """A triggerer that is started again takes up waits of which little time is left."""
    ids = virtually.instantly.add(2)

    async def join(group: Group) -> tuple[str, float]:
        await asyncio.sleep(joins)
        return await ended(waiting(ids[0], 1800.0, **{end: seconds}), group)

    async def watch() -> list[Any]:
        group = Group(Poller(CONN, for_joiners=True))
        return await beside_a_long_wait(group, ids[1], 1800.0, join(group))

    [(end, when)] = virtually(watch())

    assert end == verdict
    assert 0 <= when - (1_000_000 + joins + max(seconds, 0.0)) <= 1.0
    [*_, last] = [moment for moment, what in virtually.instantly.requests if what in (ids[0], "list")]
    assert last == when, "it polled once more before it gave up"
    # One for each campaign when it joins, two at each interval, and one at the end: the second interval is over before
    # that where chance draws both polls forward.
    assert len(virtually.instantly.requests) <= 7


def test_a_campaign_that_arrives_just_before_the_end_of_a_wait_that_joined_late_has_arrived(virtually: Any) -> None:
    ids = virtually.instantly.add(2)

    async def join(group: Group) -> tuple[str, float]:
        await asyncio.sleep(30)
        return await ended(waiting(ids[0], 1800.0, deadline=100), group)

    async def launch() -> None:
        await asyncio.sleep(129)
        virtually.instantly.statuses[ids[0]] = ACTIVE

    async def watch() -> list[Any]:
        group = Group(Poller(CONN, for_joiners=True))
        return await beside_a_long_wait(group, ids[1], 1800.0, join(group), launch())

    [(end, _), _] = virtually(watch())

    assert end == Verdict.REACHED


@pytest.mark.parametrize("interval", [10.0, 1800.0])
@pytest.mark.parametrize("joins", [0.5, 5.0, 100.0, 200.0])
def test_a_wait_that_joins_in_a_pause_ends_in_time_and_asks_nothing(
    virtually: Any, interval: float, joins: float
) -> None:
    ids = virtually.instantly.add(2)
    virtually.instantly.answer = refuse_once_at(1_000_000, rate_limited(290))

    async def join(group: Group) -> tuple[str, float]:
        await asyncio.sleep(joins)
        return await ended(waiting(ids[0], interval, deadline=60), group)

    async def watch() -> list[Any]:
        group = Group(Poller(CONN, for_joiners=True))
        return await beside_a_long_wait(group, ids[1], interval, join(group))

    [(end, when)] = virtually(watch())

    assert end == Verdict.TIMED_OUT
    assert 0 <= when - (1_000_060 + joins) <= 1.0
    assert len(virtually.instantly.requests) == 1, "the one that was refused"


def test_waits_end_in_time_in_a_pause_that_began_after_their_page_was_read(virtually: Any) -> None:
    ids = virtually.instantly.add(200, PAUSED)
    virtually.instantly.answer = refuse_once_at(1_000_005, rate_limited(290), skip=1)

    async def watch() -> list[Any]:
        group = Group(Poller(CONN, for_joiners=True))
        ends = await asyncio.gather(*(ended(waiting(cid, 10.0, deadline=60), group) for cid in ids))
        await group.aclose()
        return list(ends)

    ends = virtually(watch())

    assert {end for end, _ in ends} == {Verdict.TIMED_OUT}
    assert 1_000_060 <= min(when for _, when in ends) <= max(when for _, when in ends) <= 1_000_061
    assert len(virtually.instantly.requests) == 4, "two polls of two pages, and none in the pause"


def test_a_wait_that_accepts_a_poll_late_ends_in_time(virtually: Any) -> None:
    [cid] = virtually.instantly.add(1)

    async def watch() -> tuple[str, float]:
        group = Group(Poller(CONN, for_joiners=True))
        end = await ended(waiting(cid, 60.0, deadline=50), group, stalls=range(1))
        await group.aclose()
        return end

    end, when = virtually(watch())

    assert end == Verdict.TIMED_OUT
    assert 1_000_050 <= when <= 1_000_051


@pytest.mark.parametrize("interval", [60.0, 1800.0])
def test_waits_that_join_with_little_time_left_do_not_multiply_the_requests(virtually: Any, interval: float) -> None:
    """A thousand waits are taken up one after the other; some should have ended long ago, some have a minute left."""
    count, spread = 1000, 60.0
    ids = virtually.instantly.add(count)
    ends = [-30.0 + (spread + 30.0) * number / count for number in range(count)]

    async def join(group: Group, number: int) -> float:
        await asyncio.sleep(10 + 5 * number / count)
        limit = now() + max(ends[number], 0.0)
        _, when = await ended(waiting(ids[number], interval, deadline=ends[number]), group)
        return when - limit

    async def watch() -> list[Any]:
        group = Group(Poller(CONN, for_joiners=True))
        return await beside_a_long_wait(group, ids[0], interval, *(join(group, number) for number in range(count)))

    late = virtually(watch())

    assert 0 <= min(late) <= max(late) <= 1.0
    polls = len({when for when, _ in virtually.instantly.requests})
    assert polls <= 5 + spread + 3, "one a second, for all that join or end in it"


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_the_limit_of_one_that_joins_is_a_moment_of_the_machines_clock(virtually: Any, ahead: float) -> None:
    """It was set right since the poller began, which lives as long as others wait."""

    async def ends_in() -> float:
        poller = Poller(CONN, for_joiners=True)
        await asyncio.sleep(3600.0)
        virtually.ahead = ahead
        wait = Wait(["a"], Goal(deadline=virtually.time() + 1800.0), now=poller.clock())
        with poller.watching(wait.pending, 60.0, wait) as watcher:
            return watcher.ends - poller.clock()

    assert virtually(ends_in()) == pytest.approx(1800.0, abs=1.0)


# Beside a quicker one


def most_polls(seconds: float, interval: float) -> float:
    """What is promised: two for each interval, of which a twentieth is drawn forward, and one at the end."""
    return 2 * (seconds / (0.95 * interval) + 1) + 1


def flap(instantly: Any, cid: str, every: float) -> asyncio.Task[None]:
    """Let a campaign go Active and be paused by turns."""

    async def turn() -> None:
        while True:
            await asyncio.sleep(every)
            instantly.statuses[cid] = PAUSED if instantly.statuses[cid] == ACTIVE else ACTIVE

    return asyncio.create_task(turn())


@pytest.mark.parametrize("seconds", [59.0, 85.0, 300.0, 330.0])
@pytest.mark.parametrize("pace", [1.0, 7.0, 20.0])
def test_a_wait_that_ends_soon_is_not_polled_with_every_poll_of_a_quicker_one(
    virtually: Any, pace: float, seconds: float
) -> None:
    quick, slow = virtually.instantly.add(2)

    async def watch() -> list[Any]:
        group = Group(Poller(CONN, for_joiners=True))
        return await beside_a_long_wait(group, quick, pace, ended(waiting(slow, 60.0, deadline=seconds), group))

    [(end, when)] = virtually(watch())

    assert end == Verdict.TIMED_OUT
    assert seconds <= when - 1_000_000 <= seconds + 1
    assert len(virtually.instantly.polls_of(slow)) <= most_polls(seconds, 60.0)


@pytest.mark.parametrize("stable_for", [25.0, 55.0, 170.0])
def test_a_hold_that_ends_soon_is_not_polled_with_every_poll_of_a_quicker_one(
    virtually: Any, stable_for: float
) -> None:
    [quick] = virtually.instantly.add(1)
    [slow] = virtually.instantly.add(1, ACTIVE)

    async def watch() -> list[float]:
        group = Group(Poller(CONN, for_joiners=True))
        trigger = CampaignStatusTrigger(slow, poll_interval=60.0, stable_for=stable_for)
        return await beside_a_long_wait(group, quick, 1.0, reached(trigger, group))

    [when] = virtually(watch())

    assert 0 <= when - 1_000_000 - stable_for <= 1
    assert len(virtually.instantly.polls_of(slow)) <= most_polls(stable_for, 60.0)


@pytest.mark.parametrize("every", [2.0, 31.0, 45.0])
@pytest.mark.parametrize("stable_for", [3.0, 29.0, 40.0])
def test_holds_that_break_do_not_multiply_the_polls(virtually: Any, stable_for: float, every: float) -> None:
    quick, slow = virtually.instantly.add(2)

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        flapping = flap(virtually.instantly, slow, every)
        trigger = CampaignStatusTrigger(
            slow, poll_interval=60.0, stable_for=stable_for, target_statuses=[ACTIVE], deadline=now() + 3600
        )
        await beside_a_long_wait(group, quick, 1.0, ended(trigger, group))
        flapping.cancel()
        await asyncio.gather(flapping, return_exceptions=True)

    virtually(watch())

    polls = virtually.instantly.polls_of(slow)
    assert len(polls) <= most_polls(polls[-1] - 1_000_000, 60.0)


# Beside one that takes long


def watching_all(group: Group, interval: float = 60.0) -> asyncio.Task[Any]:
    """A watcher of the whole workspace."""
    return asyncio.create_task(ended(CampaignChangeTrigger(poll_interval=interval), group))


@pytest.mark.parametrize("interval", [1.0, 60.0])
@pytest.mark.parametrize("joins", [0.0, 10.0, 70.0])
@pytest.mark.parametrize("is_endless", [False, True])
def test_a_long_list_does_not_hold_a_wait_up(
    virtually: Any, warned: list[str], is_endless: bool, joins: float, interval: float
) -> None:
    ids = virtually.instantly.add(12_345)
    virtually.instantly.latency = 0.25
    virtually.instantly.is_endless = is_endless

    async def watch() -> tuple[str, float]:
        group = Group(Poller(CONN, for_joiners=True))
        everything = watching_all(group)
        await asyncio.sleep(joins)
        end = await ended(waiting(ids[-1], interval, deadline=5), group)
        await end_all([everything], group)
        return end

    end, when = virtually(watch())

    assert end == Verdict.TIMED_OUT
    assert 0 <= when - (1_000_005 + joins) <= 1.0 + 2 * 0.25
    assert virtually.instantly.polls_of(ids[-1]), "it was polled for itself"


def test_a_change_is_seen_at_the_interval_while_a_long_list_is_read(virtually: Any) -> None:
    ids = virtually.instantly.add(12_345)
    virtually.instantly.latency = 0.25

    async def launch() -> None:
        await asyncio.sleep(10)
        virtually.instantly.statuses[ids[-1]] = ACTIVE

    async def watch() -> float:
        group = Group(Poller(CONN, for_joiners=True))
        everything = watching_all(group)
        launching = asyncio.create_task(launch())
        when = await reached(CampaignStatusTrigger(ids[-1], poll_interval=2.0), group)
        await end_all([everything, launching], group)
        return when

    assert virtually(watch()) <= 1_000_010 + 2.0 + 2 * 0.25


def test_a_long_list_is_read_to_its_end_beside_a_quick_wait(virtually: Any, warned: list[str]) -> None:
    ids = virtually.instantly.add(12_345)
    virtually.instantly.latency = 0.1

    async def watch() -> float:
        group = Group(Poller(CONN, for_joiners=True))
        quick = asyncio.create_task(ended(waiting(ids[0], 1.0, deadline=86_400), group))
        everything = watching_all(group)
        await asyncio.sleep(60)
        virtually.instantly.statuses[ids[-1]] = ACTIVE
        await everything
        when = now()
        await end_all([quick], group)
        return when

    # A poll of 124 pages begins each minute; they have every second turn.
    assert virtually(watch()) <= 1_000_060 + 60 + 124 * 0.2 + 15
    assert warned == []


async def watch_all_for(seconds: float) -> None:
    """Watch the whole workspace for a while."""
    group = Group(Poller(CONN, for_joiners=True))
    everything = watching_all(group)
    await asyncio.sleep(seconds)
    await end_all([everything], group)


def test_a_list_without_an_end_is_read_so_far_and_no_further(virtually: Any, warned: list[str]) -> None:
    virtually.instantly.add(500)
    virtually.instantly.latency = 0.01
    virtually.instantly.is_endless = True

    virtually(watch_all_for(600))

    assert warned == [LIST_IS_CUT]
    sent = [when for when, _ in virtually.instantly.requests]
    polls = 600 / (60 * 0.95) + 1
    assert len(sent) <= polls * poller_module.MAX_PAGES
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert min(gaps[10 : poller_module.MAX_PAGES - 1]) >= 0.1 - 1e-6, "requests are spaced"
    assert max(gaps) >= 12, "the server is left alone in between"


def test_a_list_that_repeats_itself_is_warned_of(virtually: Any, warned: list[str]) -> None:
    """What it does not show is not watched."""
    virtually.instantly.add(500)
    virtually.instantly.repeats_itself = True

    virtually(watch_all_for(200))

    [line] = warned
    assert line.startswith("The campaigns could not be listed; asking again: The list of campaigns repeats itself")


def test_a_wait_for_very_many_campaigns_does_not_hold_another_up(virtually: Any) -> None:
    many = virtually.instantly.add(1_000)
    virtually.instantly.unlisted = set(many)
    [one] = virtually.instantly.add(1)
    virtually.instantly.latency = 0.25

    async def watch() -> tuple[tuple[str, float], float]:
        group = Group(Poller(CONN, for_joiners=True))
        long = asyncio.create_task(ended(CampaignStatusTrigger(many, poll_interval=60.0), group))
        await asyncio.sleep(20)
        end = await ended(waiting(one, 60.0, deadline=5), group)
        await asyncio.sleep(5)
        virtually.instantly.statuses[one] = ACTIVE
        when = await reached(CampaignStatusTrigger(one, poll_interval=60.0), group)
        await end_all([long], group)
        return end, when

    (end, ended_at), reached_at = virtually(watch())

    assert end == Verdict.TIMED_OUT
    assert ended_at <= 1_000_025 + 1.0 + 2 * 0.25
    assert reached_at <= ended_at + 5.0 + 5.0


@pytest.mark.parametrize("seconds", [0.5, 3.0, 16.0, 17.5, 40.0, 100.0])
@pytest.mark.parametrize("interval", [1.0, 5.0, 60.0])
def test_the_limit_of_a_wait_is_kept_between_its_own_requests(virtually: Any, interval: float, seconds: float) -> None:
    ids = virtually.instantly.add(20)
    virtually.instantly.unlisted = set(ids)
    virtually.instantly.latency = 0.8

    async def watch() -> tuple[str, float]:
        group = Group(Poller(CONN, for_joiners=True))
        trigger = CampaignStatusTrigger(ids, poll_interval=interval, timeout=seconds, deadline=now() + seconds)
        end = await ended(trigger, group)
        await group.aclose()
        return end

    end, when = virtually(watch())

    assert end == Verdict.TIMED_OUT
    late = when - (1_000_000 + seconds)
    [*_, last_poll] = [moment for moment, _ in virtually.instantly.polls]
    assert 0 <= late <= 1.0 + 0.8 + (LAST_POLL if last_poll >= 1_000_000 + seconds else 0.0)


def test_what_a_poll_has_read_at_the_limit_counts(virtually: Any) -> None:
    ids = virtually.instantly.add(20, ACTIVE)
    virtually.instantly.unlisted = set(ids)
    virtually.instantly.latency = 0.8

    async def watch() -> list[str]:
        group = Group(Poller(CONN, for_joiners=True))
        trigger = CampaignStatusTrigger(ids, poll_interval=60.0, deadline=now() + 10)
        event = await fired(trigger, group)
        await group.aclose()
        return [outcome["verdict"] for outcome in event.payload["campaigns"]]

    verdicts = virtually(watch())

    assert verdicts.count(Verdict.REACHED) >= 11
    assert set(verdicts) == {Verdict.REACHED, Verdict.TIMED_OUT}


@pytest.mark.parametrize("joining", [1, 20])
@pytest.mark.parametrize("statuses", [{"target_statuses": [DRAFT]}, {"failed_statuses": [DRAFT], "fail_fast": False}])
def test_a_wait_that_a_draft_decides_has_it_read(virtually: Any, statuses: dict[str, Any], joining: int) -> None:
    """The others are content with that it is not on the list of all that are no Drafts."""
    ids = virtually.instantly.add(300)

    async def watch() -> list[tuple[str, float]]:
        group = Group(Poller(CONN, for_joiners=True))
        others = [asyncio.create_task(ended(CampaignStatusTrigger(each, deadline=now() + 999), group)) for each in ids]
        await asyncio.sleep(130)
        goal = {"deadline": now() + 300, "stable_for": 90.0, **statuses}
        mine = (CampaignStatusTrigger(each, **goal) for each in ids[:joining])
        ends = await asyncio.gather(*(ended(trigger, group) for trigger in mine))
        await end_all(others, group)
        return list(ends)

    ends = virtually(watch())

    assert {verdict for verdict, _ in ends} == {Verdict.REACHED if "target_statuses" in statuses else Verdict.STOPPED}
    assert max(when for _, when in ends) <= 1_000_130 + 90 + 60 + 5
    assert len(virtually.instantly.requests) <= 2 * 4 + 10 + 3 * joining


# The first poll of those who join


@pytest.mark.parametrize("joins", [1.0, 4.0, 17.0, 40.0, 55.0])
@pytest.mark.parametrize("interval", [60.0, 1800.0])
def test_a_wait_that_joins_others_is_polled_within_seconds(virtually: Any, interval: float, joins: float) -> None:
    ids = virtually.instantly.add(150)
    late = Waiter()

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        others = [asyncio.create_task(group.wait(Waiter(), [cid], interval, 200)) for cid in ids]
        await asyncio.sleep(joins)
        await group.wait(late, ids[:1], interval, 60)
        await end_all(others, group)

    virtually(watch())

    assert late.times[0] - (1_000_000 + joins) <= 5.0
    joined = [what for when, what in virtually.instantly.requests if 1_000_000 + joins <= when <= late.times[0]]
    assert len(joined) <= 2, "the others are not polled with it"


@pytest.mark.parametrize("interval", [60.0, 1800.0])
@pytest.mark.parametrize("span", [1.0, 5.0, 60.0])
def test_a_thousand_that_join_do_not_make_a_thousand_requests(virtually: Any, span: float, interval: float) -> None:
    virtually.instantly.latency = 0.05
    ids = virtually.instantly.add(1001)
    waiters = [Waiter() for _ in ids]

    async def join(group: Group, number: int) -> float:
        await asyncio.sleep(30 + span * number / 1000)
        began = now()
        await group.wait(waiters[number], ids[number : number + 1], interval, 2 * span + 10)
        return waiters[number].times[0] - began

    async def watch() -> list[float]:
        group = Group(Poller(CONN, for_joiners=True))
        first = asyncio.create_task(group.wait(Waiter(), ids[-1:], interval, 1000))
        waits = await asyncio.gather(*(join(group, number) for number in range(1000)))
        await end_all([first], group)
        return waits

    waits = virtually(watch())

    assert max(waits) <= 5.0 + 1.5
    assert len(virtually.instantly.requests) <= 60 + 3 * span


READING = 12_000 / 100 * 0.2


@pytest.mark.parametrize(
    ("kind", "target"), [("drafts", ACTIVE), ("arrived", ACTIVE), ("others", COMPLETED), ("mixed", COMPLETED)]
)
@pytest.mark.parametrize(("per_second", "count"), [(20, 1_500), (50, 3_000), (200, 3_000)])
def test_thousands_that_join_wait_for_about_one_reading_of_a_long_list(
    virtually: Any, kind: str, target: int, per_second: int, count: int
) -> None:
    """What is read for some of them is for all: else the list is read for each part, by turns with all others."""
    virtually.instantly.latency = 0.2
    ids = virtually.instantly.add(12_000, 0 if kind == "drafts" else ACTIVE)
    if kind == "mixed":
        virtually.instantly.statuses |= dict.fromkeys(ids[::2], 0)
    waits: list[float] = []

    async def join(group: Group, number: int) -> None:
        await asyncio.sleep(number / per_second)
        began = now()
        with group.queue() as queue, group.poller.watching([ids[number * 4]], 60.0) as watcher:
            while watcher not in (await queue.get()).recipients:
                pass
            waits.append(now() - began)
            if kind != "arrived":
                await asyncio.sleep(1_000_000 + count / per_second + 60 - now())

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await end_of(group, *(join(group, number) for number in range(count)))

    virtually(watch())

    assert len(waits) == count
    # Every second request is for others, such as those who are polled again.
    assert sorted(waits)[count // 2] <= READING
    assert max(waits) <= 3.5 * READING
    joining = count / per_second
    assert len(virtually.instantly.requests) <= (joining + 2 * max(waits)) / 0.2


def test_waits_for_a_list_that_others_have_read_end_in_time_and_are_polled_after_it(virtually: Any) -> None:
    virtually.instantly.latency = 0.2
    ids = virtually.instantly.add(12_000, ACTIVE)
    late = {"first": ids[:20], "last": ids[11_900:11_920], "gone": [each.replace("0000", "0001") for each in ids[:20]]}
    shown: dict[str, Any] = {}

    async def join(group: Group, name: str) -> None:
        await asyncio.sleep(12)
        waiter = Waiter()
        await group.wait(waiter, late[name], 600.0, 100)
        shown[name] = (waiter.times[0] - 1_000_012, waiter.shown[0][1])

    async def watch() -> list[tuple[str, float]]:
        group = Group(Poller(CONN, for_joiners=True))
        others = [asyncio.create_task(group.wait(Waiter(), [each], 600.0, 200)) for each in ids[::40]]
        await asyncio.sleep(12)
        short = [ended(waiting(each, 600.0, deadline=5.0), group) for each in ids[1:21]]
        joining = [asyncio.create_task(join(group, name)) for name in late]
        ends = await asyncio.gather(*short)
        await asyncio.gather(*joining)
        await end_all(others, group)
        return list(ends)

    ends = virtually(watch())

    assert {end for end, _ in ends} <= {Verdict.TIMED_OUT, Verdict.REACHED}
    assert max(when for _, when in ends) <= 1_000_012 + 5.0 + 1.0 + LAST_POLL
    for name, (after, seen) in shown.items():
        assert set(seen) == set(late[name])
        assert {type(each) if isinstance(each, Exception) else each.status for each in seen.values()} == (
            {CampaignNotFoundError} if name == "gone" else {ACTIVE}
        )
        assert after <= 3 * READING
    lists = [when for when, what in virtually.instantly.requests if what == "list"]
    assert len(lists) <= 2 * 121 + 20


def test_a_wait_whose_campaign_no_list_shows_is_polled_though_others_always_wait_for_the_list(virtually: Any) -> None:
    virtually.instantly.latency = 0.5
    ids = virtually.instantly.add(4_000, ACTIVE)
    virtually.instantly.unlisted = {ids[-1]}

    async def join(group: Group, number: int) -> None:
        await asyncio.sleep(2 * number)
        await group.wait(Waiter(), ids[number::40], 30.0, 1_000)

    async def watch() -> tuple[list[str], float]:
        group = Group(Poller(CONN, for_joiners=True))
        others = [asyncio.create_task(join(group, number)) for number in range(30)]
        await asyncio.sleep(100)
        asyncio.get_running_loop().call_later(100, virtually.instantly.statuses.update, {ids[120]: BOUNCED})
        mine = CampaignStatusTrigger([*ids[100:160], ids[-1]], target_statuses=[COMPLETED], deadline=now() + 800)
        event = await fired(mine, group)
        ended_at = now()
        await end_all(others, group)
        return [outcome["verdict"] for outcome in event.payload["campaigns"]], ended_at

    verdicts, ended_at = virtually(watch())

    assert verdicts.count(Verdict.STOPPED) == 1
    # It waits for the list twice, and has it read by its own poll then, in turns with another one.
    assert ended_at <= 1_000_200 + 60 + 4 * 40 * 0.5


@pytest.mark.parametrize(
    "error", [rate_limited(30), InstantlyServerError("It broke.", method="GET", path="/campaigns")]
)
def test_an_error_of_a_list_is_met_once_for_all_who_wait_for_it(virtually: Any, error: Exception) -> None:
    virtually.instantly.latency = 0.2
    ids = virtually.instantly.add(12_000, ACTIVE)
    virtually.instantly.answer = refuse_once_at(1_000_010, error)
    late = [Waiter() for _ in range(50)]

    async def join(group: Group, number: int) -> None:
        await asyncio.sleep(6)
        await group.wait(late[number], [ids[-number - 1]], 600.0, 60)

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        others = [asyncio.create_task(group.wait(Waiter(), [each], 600.0, 60)) for each in ids[::40]]
        await asyncio.gather(*(join(group, number) for number in range(50)))
        await end_all(others, group)

    virtually(watch())

    assert {type(next(iter(waiter.shown[0][1].values()))) for waiter in late} == {type(error)}
    requests = [when for when, _ in virtually.instantly.requests]
    assert isinstance(error, InstantlyServerError) or not [when for when in requests if 1_000_010.5 < when < 1_000_040]


def test_a_stream_that_is_opened_again_reads_again(virtually: Any) -> None:
    """The triggerer may close the stream while some wait for a list that is read for others."""
    virtually.instantly.latency = 0.2
    ids = virtually.instantly.add(12_000, ACTIVE)
    waiters = [Waiter() for _ in range(320)]

    async def join(group: Group, number: int) -> None:
        await asyncio.sleep(0 if number < 300 else 4)
        await group.wait(waiters[number], [ids[number * 37]], 600.0, 100)

    async def watch() -> None:
        poller = Poller(CONN, for_joiners=True)
        group, again = Group(poller), None
        waits = [asyncio.create_task(join(group, number)) for number in range(320)]
        await asyncio.sleep(6)
        await group.aclose()
        again = Group(poller)
        again._queues = group._queues
        await end_of(again, *waits)

    virtually(watch())

    assert all(waiter.shown for waiter in waiters)


def test_those_who_have_joined_fall_into_step(virtually: Any) -> None:
    ids = virtually.instantly.add(20)

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))

        async def join(number: int) -> None:
            await asyncio.sleep(7.3 * number)
            await group.wait(Waiter(), ids[number : number + 1], 60.0, 900)

        await end_of(group, *(join(number) for number in range(20)))

    virtually(watch())

    moments = {when for when, _ in virtually.instantly.polls if 1_000_300 <= when < 1_000_900}
    assert len(moments) <= 600 / (60 * 0.95) + 1, "one poll an interval for all"


# Errors


def test_a_pause_that_the_server_asks_for_holds_for_the_whole_group(virtually: Any) -> None:
    ids = virtually.instantly.add(150)
    virtually.instantly.answer = refuse_once_at(1_000_015, rate_limited(30))
    waiters = [Waiter() for _ in ids]

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))

        async def join_in_the_pause() -> None:
            await asyncio.sleep(25)
            await group.wait(Waiter(), ids[:1], 5.0, 60)

        await asyncio.gather(
            *(group.wait(w, [cid], 10.0, 100) for w, cid in zip(waiters, ids, strict=True)), join_in_the_pause()
        )
        await group.aclose()

    virtually(watch())

    moments = [when for when, _ in virtually.instantly.requests]
    refused = next(when for when in moments if when >= 1_000_015)
    after = [when for when in moments if when > refused]
    assert min(after) >= refused + 30
    assert min(after) <= refused + 31.5


def test_a_poll_that_falls_into_a_pause_comes_at_its_end(virtually: Any) -> None:
    quick, slow = virtually.instantly.add(2)
    virtually.instantly.answer = refuse_once_at(1_000_160, rate_limited(290))

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.gather(group.wait(Waiter(), [quick], 10.0, 500), group.wait(Waiter(), [slow], 300.0, 500))
        await group.aclose()

    virtually(watch())

    polls = [*virtually.instantly.polls_of(slow), 1_000_500]
    assert max(later - earlier for earlier, later in pairwise(polls)) <= 310


def test_a_deadline_within_the_pause_ends_in_time(virtually: Any) -> None:
    [cid] = virtually.instantly.add(1)
    virtually.instantly.answer = refuse_once_at(1_000_005, rate_limited(250))

    async def wait() -> tuple[Any, float]:
        trigger = CampaignStatusTrigger(cid, poll_interval=10.0, deadline=now() + 60, timeout=60)
        [event] = [event async for event in trigger.run()]
        return event.payload, now()

    event, ended = virtually(wait())

    assert event["campaigns"][0]["verdict"] == Verdict.TIMED_OUT
    assert 1_000_060 <= ended <= 1_000_061


async def reached(trigger: CampaignStatusTrigger, group: Group, stalls: range = range(0)) -> float:
    """
    Run a trigger on the group's snapshots, and return when it fired that its campaign is where it should be.

    :param stalls: the snapshots that it comes to only half a minute later.
    """
    verdict, when = await ended(trigger, group, stalls)
    assert verdict == Verdict.REACHED
    return when


async def ended(trigger: PollingTrigger, group: Group, stalls: range = range(0)) -> tuple[str, float]:
    """Run a trigger like `reached`, and return what it fired of its campaign, and when."""
    event = await fired(trigger, group, stalls)
    return event.payload.get("campaigns", [{"verdict": "changed"}])[0]["verdict"], now()


async def fired(trigger: PollingTrigger, group: Group, stalls: range = range(0)) -> Any:
    """Run a trigger on the group's snapshots, and return its first event."""

    async def stream(queue: asyncio.Queue[Snapshot]) -> Any:
        for number in itertools.count():
            snapshot = await queue.get()
            await asyncio.sleep(30.0 if number in stalls else 0.0)
            yield snapshot

    with group.queue() as queue:
        async with aclosing(stream(queue)) as snapshots, aclosing(trigger._events(group.poller, snapshots)) as events:
            return await anext(events)


@pytest.mark.parametrize("stable_for", [3.0, 9.0, 60.0])
def test_a_hold_that_ends_within_the_pause_waits_for_a_poll(virtually: Any, stable_for: float) -> None:
    """The first page came, the second was refused: who saw its campaign holds it, and is held back with the others."""
    ids = virtually.instantly.add(200, ACTIVE)
    virtually.instantly.answer = refuse_once_at(1_000_000, rate_limited(30), skip=1)
    snapshots = 0

    async def wait() -> list[float]:
        nonlocal snapshots
        poller = Poller(CONN, for_joiners=True)
        group = Group(poller)
        triggers = [CampaignStatusTrigger(cid, poll_interval=10.0, stable_for=stable_for) for cid in ids]
        ends = await asyncio.gather(*(reached(t, group) for t in triggers))
        snapshots = group.snapshots
        await group.aclose()
        return list(ends)

    ends = virtually(wait())

    assert max(ends) <= 1_000_000 + 32 + stable_for + 10
    assert min(ends) >= 1_000_030, "nothing was seen to hold in the pause"
    assert snapshots <= 20 + stable_for / 3, "nothing spins while the group pauses"
    assert len(virtually.instantly.requests) <= 2 * (10 + stable_for / 5)


@pytest.mark.parametrize("latency", [1.0, 10.0, 40.0])
@pytest.mark.parametrize("deadline", [100.0, 10_000.0])
def test_a_hold_is_whole_between_the_reads_of_a_campaign(virtually: Any, latency: float, deadline: float) -> None:
    """The second poll took minutes, and one that was read at its beginning counted as seen at its end."""
    ids = virtually.instantly.add(5, ACTIVE)
    virtually.instantly.unlisted = set(ids)

    async def wait(group: Group, mine: list[str], stable_for: float) -> list[tuple[str, str, float]]:
        trigger = CampaignStatusTrigger(
            mine, poll_interval=10.0, stable_for=stable_for, deadline=now() + deadline, timeout=deadline
        )
        event = await fired(trigger, group)
        return [(each["campaign_id"], each["verdict"], stable_for) for each in event.payload["campaigns"]]

    async def slow_down() -> None:
        await asyncio.sleep(5.0)
        virtually.instantly.latency = latency

    async def watch() -> list[Any]:
        group = Group(Poller(CONN, for_joiners=True))
        waits = [wait(group, ids[:3], 45.0), wait(group, ids[2:], 45.0), wait(group, ids, 90.0)]
        *found, _ = await asyncio.gather(*waits, slow_down())
        await group.aclose()
        return found

    found = list(itertools.chain(*virtually(watch())))

    for campaign_id, verdict, stable_for in found:
        reads = [when for when, what in virtually.instantly.requests if what == campaign_id]
        assert verdict == Verdict.TIMED_OUT or reads[-1] - reads[0] >= stable_for
    assert deadline == 100.0 or {verdict for _, verdict, _ in found} == {Verdict.REACHED}


def test_one_campaign_that_is_gone_concerns_its_waiter_only(virtually: Any) -> None:
    ids = virtually.instantly.add(150, ACTIVE)
    gone = ids[70]
    del virtually.instantly.statuses[gone]
    waiters = [Waiter() for _ in ids]

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.gather(*(group.wait(w, [cid], 10.0, 25) for w, cid in zip(waiters, ids, strict=True)))
        await group.aclose()

    virtually(watch())

    for waiter, cid in zip(waiters, ids, strict=True):
        [*_, (_, last)] = waiter.shown
        if cid == gone:
            assert isinstance(last[cid], CampaignNotFoundError)
        else:
            assert status_of(last) == {cid: ACTIVE}
    assert 3 <= len(waiters[0].shown) <= 4, "no other is held back by it"


def test_an_error_that_one_campaign_always_gives_does_not_hold_the_others_back(virtually: Any) -> None:
    ids = virtually.instantly.add(2, ACTIVE)
    waiters = [Waiter(), Waiter()]

    def answer(request: Request) -> None:
        if request.resource.id == ids[0]:
            raise InstantlyServerError("It broke.", method="GET", path=request.path, status=500)

    virtually.instantly.answer = answer

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.gather(*(group.wait(w, [cid], 10.0, 95) for w, cid in zip(waiters, ids, strict=True)))
        await group.aclose()

    virtually(watch())

    assert max(waiters[1].gaps(1_000_000, 1_000_095)) <= 10.0


def test_a_network_that_is_gone_is_asked_less_and_less_often(virtually: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller_module, "jitter", lambda: 1.0)
    ids = virtually.instantly.add(300)

    def broken(request: Request) -> None:
        raise InstantlyConnectionError("No connection.", method="GET", path=request.path)

    virtually.instantly.answer = broken

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.gather(*(group.wait(Waiter(), [cid], 1.0, 600) for cid in ids))
        await group.aclose()

    virtually(watch())

    moments = [when for when, _ in virtually.instantly.requests]
    assert len(moments) <= 18, "one request tells it for all, and the pauses double up to a minute"
    assert moments[-1] - moments[-2] == pytest.approx(60, abs=1)


def test_the_list_that_was_refused_is_not_followed_by_single_reads(virtually: Any) -> None:
    """A watcher of the whole workspace and waits for single campaigns share the refusal."""
    ids = virtually.instantly.add(5, ACTIVE)
    virtually.instantly.answer = refuse_once_at(1_000_000, rate_limited(30))
    everything, one = Waiter(), Waiter()

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        await asyncio.gather(group.wait(everything, None, 10.0, 60), group.wait(one, ids[:1], 10.0, 60))
        await group.aclose()

    virtually(watch())

    assert [when for when, _ in virtually.instantly.requests if when < 1_000_030] == [1_000_000]
    assert isinstance(one.shown[0][1][ids[0]], InstantlyRateLimitError)


def test_a_list_that_breaks_is_warned_of_by_those_who_read_it(virtually: Any, warned: list[str]) -> None:
    """Who watches some campaigns only has lost nothing, although it shares the poller with a watcher of all."""
    [cid] = virtually.instantly.add(1)

    def answer(request: Request) -> None:
        if request.path == "/campaigns":
            raise InstantlyServerError("It broke.", method="GET", path=request.path, status=500)

    virtually.instantly.answer = answer

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        triggers = [CampaignChangeTrigger(campaign_id=cid, poll_interval=10), CampaignChangeTrigger(poll_interval=10)]
        watching = [asyncio.create_task(ended(trigger, group)) for trigger in triggers]
        await asyncio.sleep(95)
        await end_all(watching, group)

    virtually(watch())

    [line] = warned
    assert line.startswith("The campaigns could not be listed; asking again: It broke.")


async def end_all(watching: list[asyncio.Task[Any]], group: Group) -> None:
    """End those who would watch for ever, and their poller."""
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    await group.aclose()


def test_an_outage_is_warned_of_once_though_some_time_out_in_its_pauses(virtually: Any, warned: list[str]) -> None:
    ids = virtually.instantly.add(2)
    # The short pauses end before the slow watchers are due again, and their next poll falls into a long one.
    pauses = itertools.cycle([20, 40])

    def answer(request: Request) -> None:
        raise rate_limited(next(pauses))

    virtually.instantly.answer = answer

    async def watch() -> None:
        group = Group(Poller(CONN, for_joiners=True))
        triggers = [CampaignChangeTrigger(campaign_id=ids[0], poll_interval=60), CampaignChangeTrigger()]
        watching = [asyncio.create_task(ended(trigger, group)) for trigger in triggers]
        await group.wait(Waiter(), ids[1:], 1.0, 3600)
        await end_all(watching, group)

    virtually(watch())

    assert len(warned) == 2


def refuse_once_at(moment: float, error: Exception, skip: int = 0) -> Callable[[Request], None]:
    """The first request from a moment on is refused; ``skip`` lets so many pass before."""
    refused: list[float] = []

    def answer(request: Request) -> None:
        nonlocal skip
        if refused or now() < moment:
            return
        if skip:
            skip -= 1
            return
        refused.append(now())
        raise error

    return answer


# The reasons of waits that are over


def suspended(
    virtually: Any, count: int, answer: Callable[[Request], None] = lambda request: None
) -> list[tuple[float, str]]:
    """So many waits, all of whose campaigns are stopped at once; when each ended after that, and with which reason."""
    shared_stream = pytest.importorskip(
        "airflow.triggers.shared_stream", reason="Airflow shares streams from 3.3 on", exc_type=ImportError
    )
    ids = virtually.instantly.add(count, ACTIVE)

    async def watch() -> list[tuple[float, str]]:
        loop = asyncio.get_running_loop()
        manager, numbers = shared_stream.SharedStreamManager(), itertools.count(1)

        async def end(campaign_id: str) -> tuple[float, str]:
            trigger = CampaignStatusTrigger(campaign_id, target_statuses=[3], poll_interval=60.0)
            async with events_of(manager, next(numbers), trigger) as events:
                event = await anext(events)
            return loop.time() - 1_000_100, event.payload["campaigns"][0]["reason"]

        waiting = [asyncio.create_task(end(campaign_id)) for campaign_id in ids]
        await asyncio.sleep(100.0)
        virtually.instantly.answer = answer
        virtually.instantly.statuses.update(dict.fromkeys(ids, -99))
        ended = await asyncio.gather(*waiting)
        await manager.stop_all()
        return ended

    ended: list[tuple[float, str]] = virtually(watch())
    return ended


def at_most_ten_a_second(moments: list[float]) -> bool:
    return all(later - earlier >= 0.0999 for earlier, later in pairwise(moments))


def test_reasons_are_asked_for_one_after_the_other(virtually: Any) -> None:
    ended = suspended(virtually, 100)

    assert {reason for _, reason in ended} == {"The account is suspended."}
    assert len(virtually.instantly.reasons) == 100
    assert at_most_ten_a_second(virtually.instantly.reasons)


def test_a_wait_ends_without_its_reason_where_that_takes_long(virtually: Any) -> None:
    virtually.instantly.latency = 0.5
    ended = suspended(virtually, 300)

    first = min(virtually.instantly.reasons) - 1_000_100
    assert max(when for when, _ in ended) <= first + 62.0
    assert 110 <= sum(bool(reason) for _, reason in ended) <= 121
    assert at_most_ten_a_second(virtually.instantly.reasons)


@pytest.mark.parametrize(("pause", "requests"), [(300, 1), (20, 40)])
def test_a_pause_that_is_asked_for_then_holds_for_reasons_and_polls(virtually: Any, pause: int, requests: int) -> None:
    refused: list[float] = []

    def answer(request: Request) -> None:
        if request.path.endswith("sending-status") and not refused:
            refused.append(asyncio.get_running_loop().time())
            raise rate_limited(pause)

    ended = suspended(virtually, 40, answer)

    assert len(virtually.instantly.reasons) == requests
    assert all(not refused[0] < when < refused[0] + pause for when in virtually.instantly.reasons)
    assert all(not refused[0] + 1 < when < refused[0] + pause for when, _ in virtually.instantly.requests)
    assert max(when for when, _ in ended) <= 100.0
    assert sum(bool(reason) for _, reason in ended) == requests - 1


# Anything, at any time

joiners = st.lists(
    st.tuples(
        st.floats(0, 200),  # when it joins
        st.floats(1, 200),  # how long it stays
        st.sampled_from([0.5, 1.0, 7.0, 10.0, 45.0, 60.0]),  # its interval
        st.lists(st.integers(0, 120), min_size=1, max_size=4),  # its campaigns
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(joiners=joiners, latency=st.sampled_from([0.0, 0.05, 0.4]))
def test_none_waits_longer_than_its_interval_and_none_is_read_too_often(
    virtually: Any, joiners: list[tuple[float, float, float, list[int]]], latency: float
) -> None:
    virtually.instantly.requests.clear()
    virtually.instantly.statuses.clear()
    virtually.instantly.latency = latency
    ids = virtually.instantly.add(121)
    waiters = [(Waiter(), join, stay, interval, [ids[n] for n in which]) for join, stay, interval, which in joiners]

    async def watch() -> int:
        group = Group(Poller(CONN, for_joiners=True))

        async def join_later(waiter: Waiter, join: float, stay: float, interval: float, which: list[str]) -> None:
            await asyncio.sleep(join)
            await group.wait(waiter, which, interval, stay)

        await asyncio.gather(*(join_later(*each) for each in waiters))
        await group.aclose()
        return group.snapshots

    virtually(watch())

    # A poll takes a request for each campaign at most; one that joins may have to let one poll pass.
    for waiter, join, stay, interval, which in waiters:
        poll = 2 * latency * (len(ids) + 2)
        assert max(waiter.gaps(1_000_000 + join, 1_000_000 + join + stay)) <= interval + poll + 1e-6
        assert all(set(shown) == set(which) for _, shown in waiter.shown)
    # Each waiter is polled for at most twice in an interval, and needs at most a request for each of its campaigns
    # then; the first poll of a workspace of unknown size also reads its two pages.
    allowed = sum((2 * stay / (interval * 0.95) + 2) * len(set(which)) for _, _, stay, interval, which in waiters)
    assert len(virtually.instantly.requests) <= allowed + 2


@dataclass(frozen=True)
class Plan:
    """A wait for a campaign of its own, and what happens to that."""

    joins: float
    seconds: float
    interval: float
    stable_for: float
    changes: list[tuple[float, int]]

    async def play(self, group: Group, instantly: Any, cid: str) -> tuple[float, str, float]:
        """Wait, and return when the wait began, how it ended and when."""
        await asyncio.sleep(self.joins)
        began = now()
        trigger = CampaignStatusTrigger(
            cid, poll_interval=self.interval, stable_for=self.stable_for, deadline=began + self.seconds
        )
        changing = asyncio.create_task(self._change(instantly, cid))
        verdict, when = await ended(trigger, group)
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        return began, verdict, when

    async def _change(self, instantly: Any, cid: str) -> None:
        for pause, status in self.changes:
            await asyncio.sleep(pause)
            instantly.statuses[cid] = status


plans = st.lists(
    st.builds(
        Plan,
        joins=st.floats(0, 100),
        seconds=st.floats(-5, 200),
        interval=st.sampled_from([0.5, 1.0, 7.0, 45.0, 60.0, 1800.0]),
        stable_for=st.sampled_from([0.0, 0.0, 3.0, 25.0, 50.0]),
        changes=st.lists(st.tuples(st.floats(0.1, 60), st.sampled_from([0, ACTIVE, ACTIVE, PAUSED])), max_size=6),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plans=plans,
    latency=st.sampled_from([0.0, 0.05, 0.4]),
    refusals=st.lists(st.tuples(st.floats(0, 200), st.sampled_from([2.0, 30.0, 290.0])), max_size=2),
)
def test_every_wait_ends_in_time_and_is_polled_twice_an_interval_at_most(
    virtually: Any, plans: list[Plan], latency: float, refusals: list[tuple[float, float]]
) -> None:
    instantly = virtually.instantly
    instantly.requests.clear()
    instantly.polls.clear()
    instantly.statuses.clear()
    instantly.latency = latency
    ids = instantly.add(len(plans))
    to_come, pauses = sorted(refusals), []

    def answer(request: Request) -> None:
        if to_come and now() >= 1_000_000 + to_come[0][0]:
            _, seconds = to_come.pop(0)
            pauses.append((now(), now() + seconds))
            raise rate_limited(seconds)

    instantly.answer = answer

    async def watch() -> list[tuple[float, str, float]]:
        group = Group(Poller(CONN, for_joiners=True))
        ends = await asyncio.gather(*(p.play(group, instantly, cid) for p, cid in zip(plans, ids, strict=True)))
        await group.aclose()
        return list(ends)

    ends = virtually(watch())

    poll = latency * (len(ids) + 4)
    for plan, cid, (began, verdict, when) in zip(plans, ids, ends, strict=True):
        limit = began + max(plan.seconds, 0.0)
        assert when <= limit + 1.0 + 2 * poll + 1e-6
        assert verdict == Verdict.REACHED or when >= limit
        # And one more at the beginning: the first poll of a new wait may be its own, before it falls into step.
        assert len(instantly.polls_of(cid)) <= most_polls(when - began, plan.interval) + 1
    sent = [when for when, _ in instantly.requests]
    assert not [when for when in sent for refused, resumed in pauses if refused < when < resumed]


# For real


def of(kind: str, requests: list[dict[str, Any]]) -> int:
    """How many requests there were of a kind: ``list`` or ``one``."""
    return sum((request["path"].endswith("/campaigns")) == (kind == "list") for request in requests)


async def end_of(group: Group, *waits: Any) -> None:
    try:
        await asyncio.gather(*waits)
    finally:
        await group.aclose()


async def test_a_watcher_of_the_workspace_sees_all_and_feeds_the_others(sandbox: SandboxClient) -> None:
    ids = sandbox.add_campaigns(150, "Watched", status=ACTIVE)
    everything, one = Waiter(), Waiter()
    group = Group(Poller(CONN, for_joiners=True))

    await end_of(group, group.wait(everything, None, 60, 3), group.wait(one, ids[-1:], 60, 3))

    assert status_of(everything.shown[0][1]) == dict.fromkeys(ids, ACTIVE)
    assert status_of(one.shown[0][1]) == {ids[-1]: ACTIVE}
    requests = sandbox.requests()
    assert of("one", requests) == 0
    assert of("list", requests) == 3, "two pages, and since the last one has a cursor too, the empty one after it"


async def test_a_watcher_of_tags_sees_only_what_has_one_of_them(sandbox: SandboxClient) -> None:
    [first, second, third] = ["11111111-0000-4000-8000-00000000000" + n for n in "123"]
    tagged = [sandbox.add_campaign("Tagged", tags=[tag], status=ACTIVE) for tag in (first, second)]
    sandbox.add_campaign("Other", tags=[third])
    sandbox.add_campaign("None")
    waiter = Waiter()
    group = Group(Poller(CONN, [first, second], for_joiners=True))

    await end_of(group, group.wait(waiter, None, 60, 2))

    assert sorted(waiter.shown[0][1]) == sorted(tagged)


async def test_a_key_that_was_replaced_is_read_again_once(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = sandbox.add_campaign("Watched", status=ACTIVE)
    old, new = sandbox.add_key("old"), sandbox.add_key("new")
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", with_key(sandbox, old))
    waiter = Waiter()
    group = Group(Poller(CONN, for_joiners=True))

    replaced: list[int] = []

    async def replace_the_key() -> None:
        await eventually(lambda: len(waiter.shown) >= 1)
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", with_key(sandbox, new))
        await asyncio.to_thread(sandbox.revoke_key, "old")
        replaced.append(len(waiter.shown))
        await eventually(lambda: len(waiter.shown) >= replaced[0] + 3)
        watching.cancel()

    watching = asyncio.ensure_future(group.wait(waiter, [cid], 0.3, 60))
    await replace_the_key()
    await asyncio.gather(watching, return_exceptions=True)
    await group.aclose()

    assert all(status_of(shown) == {cid: ACTIVE} for _, shown in waiter.shown)
    assert [r["status"] for r in sandbox.requests()].count(401) == 1
    sandbox.revoke_key("new")


async def test_a_key_that_was_revoked_ends_each_wait_once_it_was_read_again(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sandbox.add_campaigns(3, "Watched")
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", with_key(sandbox, sandbox.add_key("short")))
    trigger = CampaignStatusTrigger(ids, poll_interval=0.2)

    async def revoke() -> None:
        await eventually(lambda: len(sandbox.requests()) >= 1)
        await asyncio.to_thread(sandbox.revoke_key, "short")

    async with asyncio.timeout(15):
        events, _ = await asyncio.gather(collected(trigger.run()), revoke())

    [event] = events
    assert {outcome["verdict"] for outcome in event.payload["campaigns"]} == {"unreadable"}
    assert all("key" in outcome["reason"].lower() for outcome in event.payload["campaigns"])


async def test_a_session_that_is_closed_for_a_new_key_does_no_harm_to_others_that_use_it(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pollers for tags and for all share the connection's session; each may find first that the key was replaced."""
    tag = "11111111-0000-4000-8000-000000000001"
    ids = sandbox.add_campaigns(4, "Watched", status=ACTIVE, tags=[tag])
    sandbox.set(latency=0.1)
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", with_key(sandbox, sandbox.add_key("first")))
    waiters = [Waiter() for _ in range(4)]
    groups = [
        Group(Poller(CONN, for_joiners=True)),
        Group(Poller(CONN, for_joiners=True)),
        Group(Poller(CONN, [tag], for_joiners=True)),
        Group(Poller(CONN, [tag], for_joiners=True)),
    ]

    async def replace_the_key() -> None:
        await eventually(lambda: all(waiter.shown for waiter in waiters))
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", sandbox.airflow_connection)
        await asyncio.to_thread(sandbox.revoke_key, "first")

    wanted = [ids, ids[:1], None, None]
    waits = [g.wait(w, what, 0.3, 8) for g, w, what in zip(groups, waiters, wanted, strict=True)]
    await asyncio.gather(*waits, replace_the_key())
    for group in groups:
        await group.aclose()
    sandbox.set(latency=0.0)

    for waiter, what in zip(waiters, wanted, strict=True):
        assert status_of(waiter.shown[-1][1]) == dict.fromkeys(what or ids, ACTIVE)


def with_key(sandbox: SandboxClient, key: str) -> str:
    return json.dumps({**json.loads(sandbox.airflow_connection), "password": key})


async def collected(events: Any) -> list[Any]:
    return [event async for event in events]


# Who shares what


async def test_a_poller_is_shared_as_long_as_it_is_held() -> None:
    poller = Poller.shared(CONN)

    assert Poller.shared(CONN) is poller
    assert Poller.shared("another") is not poller
    assert Poller.shared(CONN, ["a", "b"]) is Poller.shared(CONN, ["b", "a"])
    assert Poller.shared(CONN, ["a"]) is not poller
    watcher_of_it = id(poller)
    del poller
    gc.collect()
    assert len(poller_module._pollers[asyncio.get_running_loop()]) == 0, watcher_of_it


def test_two_event_loops_share_nothing(sandbox: SandboxClient) -> None:
    ids = sandbox.add_campaigns(2, "Watched", status=ACTIVE)
    events: dict[str, Any] = {}
    pollers: list[Poller] = []
    together = threading.Barrier(2)

    async def wait(cid: str) -> None:
        pollers.append(Poller.shared(CONN))
        await asyncio.to_thread(together.wait, 10)
        [events[cid]] = await collected(CampaignStatusTrigger(cid, poll_interval=0.2, stable_for=0.5).run())

    threads = [threading.Thread(target=asyncio.run, args=(wait(cid),)) for cid in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert {cid: event.payload["campaigns"][0]["verdict"] for cid, event in events.items()} == dict.fromkeys(
        ids, "reached"
    )
    assert pollers[0] is not pollers[1]
    assert not any(shared_hook_module._hooks.values())


async def test_a_connection_that_does_not_exist_ends_the_wait_of_each(
    sandbox: SandboxClient, nothing_left_open: None
) -> None:
    cid = sandbox.add_campaign("Watched")
    triggers = [CampaignStatusTrigger(cid, "no_such_connection", poll_interval=0.2) for _ in range(3)]

    async with asyncio.timeout(10):
        fired = await asyncio.gather(*(collected(trigger.run()) for trigger in triggers))

    for [event] in fired:
        [outcome] = event.payload["campaigns"]
        assert outcome["verdict"] == "unreadable"
        assert "There is no Airflow connection 'no_such_connection'" in outcome["reason"]
    assert shared_hook_module._hooks[asyncio.get_running_loop()] == {}


def test_a_wait_leaves_no_task_and_no_session_behind(sandbox: SandboxClient, nothing_left_open: None) -> None:
    ids = sandbox.add_campaigns(3, "Watched", script=[(0, "active")], status=ACTIVE)

    async def wait() -> set[Any]:
        await collected(CampaignStatusTrigger(ids, poll_interval=0.2, stable_for=0.3).run())
        cancelled = asyncio.create_task(collected(CampaignStatusTrigger(ids, poll_interval=0.2, stable_for=60).run()))
        await asyncio.sleep(0.5)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(wait()) == set()


# Airflow's own sharing


@pytest.fixture
async def streams() -> Any:
    """What runs shared streams in the triggerer of Airflow >= 3.3."""
    shared_stream = pytest.importorskip(
        "airflow.triggers.shared_stream", reason="Airflow shares streams from 3.3 on", exc_type=ImportError
    )
    manager = shared_stream.SharedStreamManager(max_subscriber_queue=50)
    yield manager
    await manager.stop_all()


async def run_in(streams: Any, trigger_id: int, trigger: Any, limit: int = 1) -> list[Any]:
    """Run a trigger as the triggerer does, until it has fired so often."""
    fired: list[Any] = []
    async with events_of(streams, trigger_id, trigger) as events:
        async for event in events:
            fired.append(event)
            if len(fired) == limit:
                break
    return fired


async def test_status_and_change_triggers_share_one_stream_in_the_triggerer(
    sandbox: SandboxClient, streams: Any, nothing_left_open: None
) -> None:
    ids = sandbox.add_campaigns(230, "Shared", script=[(0, "active")])
    waits = [CampaignStatusTrigger(cid, poll_interval=1.0) for cid in ids]
    changes = CampaignChangeTrigger(poll_interval=1.0)
    assert len({trigger.shared_stream_key() for trigger in (*waits, changes)}) == 1

    async def launch() -> None:
        # Two polls for all: what a watcher of changes has not seen before does not change.
        await eventually(lambda: of("list", sandbox.requests()) >= 9)
        for cid in ids[:40]:
            await asyncio.to_thread(sandbox.activate, cid)
        for cid in ids[40:]:
            await asyncio.to_thread(sandbox.set_status, cid, "active")

    async with asyncio.timeout(45):
        [fired, *_, changed], _ = await asyncio.gather(
            asyncio.gather(
                *(run_in(streams, number, trigger) for number, trigger in enumerate(waits)),
                run_in(streams, 1000, changes, limit=len(ids)),
            ),
            launch(),
        )

    assert fired[0].payload["campaigns"][0]["verdict"] == "reached"
    assert sorted(event.payload["campaign_id"] for event in changed) == sorted(ids)
    assert streams._groups == {}
    requests = sandbox.requests()
    assert of("list", requests) <= 4 * 45 / 0.95
    assert of("one", requests) <= 4


async def test_a_waiter_that_stalls_harms_no_other(
    sandbox: SandboxClient, streams: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sandbox.add_campaigns(2, "Shared", status=ACTIVE)
    stalled = CampaignStatusTrigger(ids[0], poll_interval=0.1, stable_for=0.2)
    free = CampaignStatusTrigger(ids[1], poll_interval=0.1, stable_for=2.0)
    may_go_on = asyncio.Event()

    async def stall(*args: Any) -> Any:
        await may_go_on.wait()
        return await CampaignStatusTrigger._event(stalled, *args)

    monkeypatch.setattr(stalled, "_event", stall)

    async with asyncio.timeout(20):
        task = asyncio.create_task(run_in(streams, 1, stalled))
        [event] = await run_in(streams, 2, free)
        assert not task.done()
        may_go_on.set()
        [late] = await task

    assert event.payload["campaigns"][0]["verdict"] == late.payload["campaigns"][0]["verdict"] == "reached"


async def test_who_joins_while_the_last_one_leaves_is_served(sandbox: SandboxClient, streams: Any) -> None:
    [cid] = sandbox.add_campaigns(1, "Shared", status=ACTIVE)

    async with asyncio.timeout(20):
        for number in range(20):
            first = asyncio.create_task(run_in(streams, number, CampaignStatusTrigger(cid, poll_interval=0.1)))
            await asyncio.sleep(0.002 * number)
            second = asyncio.create_task(run_in(streams, 100 + number, CampaignStatusTrigger(cid, poll_interval=0.1)))
            assert [len(fired) for fired in await asyncio.gather(first, second)] == [1, 1]
    assert streams._groups == {}
