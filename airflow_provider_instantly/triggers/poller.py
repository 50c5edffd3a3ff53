"""
One poller per event loop and connection: it asks Instantly for all waiters at once and tells all what it saw.

Airflow >= 3.3 runs one shared stream for all triggers with the same key; `Poller.snapshots` is that stream. Below,
every trigger runs a poller of its own, and only the HTTP session is shared.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_instantly.api.errors import InstantlyAuthenticationError, InstantlyError
from airflow_provider_instantly.api.retry import pause_before_retry
from airflow_provider_instantly.clock import jitter, steady_clock
from airflow_provider_instantly.triggers.shared_hook import shared_hook
from airflow_provider_instantly.waits.reader import Reader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.waits.machine import Wait

#: A waiter whose next look is due within this part of its interval is served by the present beat, if its last look is
#: as long ago: where it does not want to look at its interval but at a deadline, that stays due however often it looks.
_RIDE_ALONG: Final = 0.5
#: However long a look took, the server is left alone for this part of the interval before the next.
_REST: Final = 0.2
#: The part of an interval by which beats are drawn forward at random, so that pollers do not fall into step.
_SPREAD: Final = 0.05
#: While nothing changes, so many waits of one connection may say within so many seconds that they still wait. Each line
#: makes Airflow (seen on 3.3.2) go through all its triggers once more: the lines of ten thousand waits, one every five
#: minutes each, cost nearly as much CPU as the waiting.
_REPORTS: Final = (30, 60.0)
#: Looks that do not wait for the next interval, at deadlines or for those who join during a look, are put off to the
#: next of the moments that lie so far apart: seconds, and a part of the interval, whichever is less. Else a thousand
#: deadlines, one shortly after the other, would be a thousand looks.
_GRID: Final = (1.0, 0.1)


@dataclass(eq=False)
class Watcher:
    """
    One waiter, as the poller knows it.

    :param campaign_ids: what it waits for, in lower case; None means the whole workspace.
    :param poll_interval: seconds between two looks.
    :param due: when it wants to look next, in seconds since the epoch.
    :param wait: what decides for it, and so knows what is no news to it; without one, everything is.
    :param rides_from: from when on it may be looked at before it is due.
    :param untaken: how many snapshots it was told of and has not taken in. While there are any, it is told of each
        look: what it would make of one is not known.
    """

    campaign_ids: frozenset[str] | None
    poll_interval: float
    due: float
    wait: Wait | None = None
    rides_from: float = -math.inf
    untaken: int = 0

    def wants(self, now: float) -> bool:
        """
        Whether it is part of a look.

        :param now: when the look begins.
        """
        return self.due <= now or (self.rides_from <= now and self.due <= now + _RIDE_ALONG * self.poll_interval)

    def note_look(self, now: float) -> None:
        """
        Keep it to two looks an interval: one that came early, as at the end of a hold, stands for one that rides along.

        :param now: when the look begins that it is part of.
        """
        was_early = now < self.rides_from
        self.rides_from = now + self.poll_interval * (1.0 if was_early else _RIDE_ALONG)

    def is_told(self, snapshot: Snapshot) -> bool:
        """
        Whether the snapshot is news to it.

        :param snapshot: what a look showed that was for this waiter, too.
        """
        if self.wait is None or self.untaken:
            return True
        return not self.wait.is_unmoved_by(snapshot.campaigns, now=snapshot.now)

    @cached_property
    def limit(self) -> float:
        """When its wait ends undecided, in seconds since the epoch. It is told the time then, whoever else is due."""
        return math.inf if self.wait is None else self.wait.goal.limit[0]

    @property
    def next_report(self) -> float:
        """From when on it has something to say though nothing has happened."""
        return math.inf if self.wait is None else self.wait.next_report

    def takes(self, snapshot: Snapshot) -> bool:
        """
        Whether the snapshot is for this waiter, which then takes it in.

        :param snapshot: one that the poller has told.
        """
        if self not in snapshot.fed:
            return False
        self.untaken -= 1
        return True


@dataclass(frozen=True)
class Snapshot:
    """
    What one look showed.

    :param campaigns: for each campaign that was looked at, the campaign, or the error that stood in its place.
    :param fed: the waiters to whom it is news. The others need not bother.
    :param now: when it was, in seconds since the epoch.
    :param jitter: one random number for all waiters, so that all pause alike after an error.
    :param error: why the workspace's list could not be read, where it was asked for.
    """

    campaigns: Mapping[str, Campaign | InstantlyError]
    fed: frozenset[Watcher]
    now: float
    jitter: float
    error: InstantlyError | None = None


class Poller:
    """
    Reads campaigns for all its watchers, at the pace of the quickest.

    :param conn_id: the id of the Airflow connection.
    :param tag_ids: where the whole workspace is watched: only campaigns with one of these tags.
    """

    def __init__(self, conn_id: str, tag_ids: Iterable[str] = ()) -> None:
        self.clock = steady_clock()
        self._conn_id = conn_id
        self._tag_ids = tuple(tag_ids)
        self._watchers: set[Watcher] = set()
        self._next_due = math.inf
        self._changed = asyncio.Event()
        self._misses = 0
        self._resume_at = 0.0
        self._reports_resume_at = 0.0
        self._is_looking = False
        self._reader = Reader()

    @classmethod
    def shared(cls, conn_id: str, tag_ids: Iterable[str] = ()) -> Poller:
        """
        The poller of the running event loop for a connection; it lives as long as somebody holds it.

        :param conn_id: the id of the Airflow connection.
        :param tag_ids: see the class.
        """
        pollers = _pollers.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
        key = (conn_id, *sorted(tag_ids))
        poller = pollers.get(key)
        if poller is None:
            poller = pollers[key] = cls(conn_id, tag_ids)
        return poller

    @contextmanager
    def watching(
        self, campaign_ids: Iterable[str] | None, poll_interval: float, wait: Wait | None = None
    ) -> Iterator[Watcher]:
        """
        Be fed from now on. Whoever joins late rides along with the next beat, where it comes soon enough.

        :param campaign_ids: what to watch, in lower case; None means the whole workspace.
        :param poll_interval: seconds between two looks.
        :param wait: what decides; without one, every look is told.
        """
        now = self.clock()
        due = self._next_due if self._next_due - now <= poll_interval else now
        if self._is_looking:
            # Where hundreds join one shortly after the other, there would be no end of looking.
            due = _next_on_grid(now, poll_interval)
        ids = None if campaign_ids is None else frozenset(campaign_ids)
        watcher = Watcher(ids, poll_interval, due, wait)
        # Whose end has passed already, as it may in a restart of the triggerer, has its one look too.
        if (end := max(watcher.limit, now)) < due:
            watcher.due = _next_on_grid(end, poll_interval)
        self._watchers.add(watcher)
        self._expect(watcher.due)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            self._changed.set()

    def look_again(self, watcher: Watcher, delay: float) -> None:
        """
        Note when a watcher wants to look next, if that is not simply at the next interval.

        :param watcher: one that was just fed.
        :param delay: seconds, as the policy decided.
        """
        if delay != watcher.poll_interval:
            now = self.clock()
            # However late it took the look in, its end stays where it is.
            moment = min(now + delay, max(watcher.limit, now))
            watcher.due = _next_on_grid(moment, watcher.poll_interval)
            self._expect(watcher.due)

    def _expect(self, due: float) -> None:
        """Thousands join one after the other, and none may have to go through all others."""
        if due < self._next_due:
            self._next_due = due
            self._changed.set()

    def _find_next_due(self) -> None:
        self._next_due = min((watcher.due for watcher in self._watchers), default=math.inf)

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """Look whenever somebody is due, for ever, and tell what is news to somebody."""
        async with shared_hook(self._conn_id) as hook:
            while True:
                now = await self._until_somebody_is_due()
                is_paused = now < self._resume_at
                if is_paused:
                    # The server asked for a pause. Whoever reached a deadline in it is only told the time.
                    fed = frozenset(watcher for watcher in self._watchers if watcher.due <= now)
                    snapshot = Snapshot({}, fed, now, jitter())
                else:
                    self._is_looking = True
                    try:
                        snapshot = await self._look(hook, now)
                    finally:
                        self._is_looking = False
                interval_part = 1.0 - _SPREAD * jitter()
                for watcher in snapshot.fed:
                    # Counted from the look's beginning: a workspace of many pages is not looked at less often.
                    next_look = max(
                        now + watcher.poll_interval * interval_part, snapshot.now + watcher.poll_interval * _REST
                    )
                    # A look that falls into a pause comes at its end.
                    watcher.due = self._resume_at if is_paused else max(next_look, self._resume_at)
                    # Also in a pause: then it is only told the time.
                    if snapshot.now < watcher.limit < watcher.due:
                        watcher.due = _next_on_grid(watcher.limit, watcher.poll_interval)
                self._find_next_due()
                # A snapshot wakes all waiters of the group, and most looks are no news to anybody.
                if told := self._told(snapshot):
                    for watcher in told:
                        watcher.untaken += 1
                    yield replace(snapshot, fed=told)

    def _told(self, snapshot: Snapshot) -> frozenset[Watcher]:
        """To whom it is news; and who has waited the longest for a chance to say that it still waits."""
        told = {watcher for watcher in snapshot.fed if watcher.is_told(snapshot)}
        if snapshot.now >= self._reports_resume_at:
            count, pause = _REPORTS
            silent = [watcher for watcher in snapshot.fed - told if watcher.next_report <= snapshot.now]
            if silent:
                told.update(heapq.nsmallest(count, silent, key=lambda watcher: watcher.next_report))
                self._reports_resume_at = snapshot.now + pause
        return frozenset(told)

    async def _until_somebody_is_due(self) -> float:
        while True:
            self._changed.clear()
            self._find_next_due()
            now = self.clock()
            if self._next_due <= now:
                return now
            try:
                async with asyncio.timeout(None if self._next_due == math.inf else self._next_due - now):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _look(self, hook: InstantlyHook, now: float) -> Snapshot:
        fed = [watcher for watcher in self._watchers if watcher.wants(now)]
        for watcher in fed:
            watcher.note_look(now)
        seen, error = await self._read(hook, fed)
        if _has_lost_its_key(seen, error):
            # A key that was replaced since this poller began: the connection knows the new one.
            await hook.aclose()
            seen, error = await self._read(hook, fed)
        snapshot = Snapshot(seen, frozenset(fed), self.clock(), jitter(), error)
        self._pause_after(snapshot)
        return snapshot

    async def _read(
        self, hook: InstantlyHook, fed: list[Watcher]
    ) -> tuple[Mapping[str, Campaign | InstantlyError], InstantlyError | None]:
        seen: dict[str, Campaign | InstantlyError] = {}
        error: InstantlyError | None = None
        if any(watcher.campaign_ids is None for watcher in fed):
            try:
                async for campaign in hook.alist_campaigns(tag_ids=self._tag_ids):
                    if campaign.status is not None:
                        seen[campaign.id] = campaign.without_document()
            except InstantlyError as caught:
                error = caught
        wanted = {cid for watcher in fed for cid in watcher.campaign_ids or ()} - seen.keys()
        if error is not None and error.concerns_all:
            # It would be the same with each, and asking would make it worse.
            seen.update(dict.fromkeys(wanted, error))
        elif wanted:
            seen.update(await hook.adrive(self._reader.read(sorted(wanted))))
        return seen, error

    def _pause_after(self, snapshot: Snapshot) -> None:
        """After an error that concerns all, the whole group pauses; one campaign's error is its waiter's business."""
        errors = [
            e
            for e in (*snapshot.campaigns.values(), snapshot.error)
            if isinstance(e, InstantlyError) and e.concerns_all and e.may_pass
        ]
        if not errors:
            self._misses = 0
            return
        longest = max(pause_before_retry(error, self._misses, snapshot.jitter) for error in errors)
        self._resume_at = snapshot.now + longest
        self._misses += 1


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[tuple[str, ...], Poller]]
_pollers = WeakKeyDictionary()


def _next_on_grid(moment: float, poll_interval: float) -> float:
    grid = min(_GRID[0], _GRID[1] * poll_interval)
    # Never before it, were it by a rounding error: a wait that is looked for before its end has another look.
    return max(math.ceil(moment / grid) * grid, moment)


def _has_lost_its_key(seen: Mapping[str, Campaign | InstantlyError], error: InstantlyError | None) -> bool:
    return any(isinstance(value, InstantlyAuthenticationError) for value in (*seen.values(), error))
