"""
One poller per event loop and connection: it reads for all watchers at once and yields what is news to them.

Airflow >= 3.3 runs one shared stream for all triggers with the same key; `Poller.snapshots` is that stream. Below,
every trigger runs a poller of its own, and only the HTTP session is shared.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_instantly.api.bulk import brief
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.api.operations import list_campaigns
from airflow_provider_instantly.api.pages import Pages
from airflow_provider_instantly.clock import jitter, seconds_ahead, steady_clock
from airflow_provider_instantly.triggers.shared_hook import shared_hook
from airflow_provider_instantly.triggers.timing import BURST, SPACING, OpenPolls, Poll, Snapshot, Timing, Watcher
from airflow_provider_instantly.waits.reader import Reader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable, Iterator

    from airflow_provider_instantly.api.bulk import Search, Seen
    from airflow_provider_instantly.api.campaign import SendingStatus
    from airflow_provider_instantly.api.protocol import Conversation, Reply, Request
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.waits.machine import Wait

#: Of a workspace's list no more pages than these are read in a poll.
MAX_PAGES: Final = 250
#: The machine's clock is looked at every so many seconds at least, while there are limits or polls to come.
_LOOK: Final = 60.0
#: Limits follow it where it was set by more seconds than these. To look takes two readings, and time between them.
_TOLERANCE: Final = 1.0


@dataclass(eq=False)
class _Reading(Poll):
    """
    A poll together with what it has read so far.

    :param seen: what it has read, by campaign id.
    :param error: why the workspace's list could not be read.
    :param is_cut: whether that list went on after all that is read of it.
    :param is_listing: whether it still reads that list.
    :param search: the list that another poll reads, where it waits for what that shows.
    :param stop: after how many pages of that list what it has shown is handed out.
    """

    seen: Seen = field(default_factory=dict)
    error: InstantlyError | None = None
    is_cut: bool = False
    is_listing: bool = False
    search: Search | None = None
    request: Request | None = field(default=None, init=False)
    steps: Conversation[None] | None = field(default=None, init=False)
    stop: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.pass_stop()

    def start(self, steps: Conversation[None]) -> None:
        """
        Begin the conversation.

        :param steps: what to run.
        """
        self.steps = steps
        self.request = next(steps, None)

    def take_in(self, reply: Reply) -> None:
        """
        Go on with the conversation.

        :param reply: what came of its last request.
        """
        try:
            self.request = None if self.steps is None else self.steps.send(reply)
        except StopIteration:
            self.request = None

    def abandon(self) -> None:
        """End the conversation before its end; who waits for what it reads must not wait any longer."""
        if self.steps is not None:
            self.steps.close()

    @property
    def is_at_stop(self) -> bool:
        """Whether so many pages more were read of the list that it waits for that what they show is handed out."""
        return self.search is not None and self.search.pages >= self.stop

    def pass_stop(self) -> None:
        """Let what the next pages show wait for the next stop."""
        if self.search is not None:
            self.stop = (self.search.pages // BURST + 1) * BURST

    @property
    def complete(self) -> set[Watcher]:
        """The recipients of whom it has read all that they watch."""
        return {
            watcher
            for watcher in self.recipients
            if (not self.is_listing if watcher.campaign_ids is None else watcher.has_all(self.seen))
        }


class Poller:
    """
    Reads campaigns for all its watchers, at the pace of the quickest.

    It makes one request at a time. What has to be read for one watcher does not hold the others up: a poll of many
    requests lets others by, and the time is kept between any two requests. Beside its polls, it asks for the reasons of
    waits that are over, those too one at a time.

    :param conn_id: the id of the Airflow connection.
    :param tag_ids: where the whole workspace is watched: only campaigns with one of these tags.
    :param for_joiners: whether other watchers may join; see `Reader`.
    """

    def __init__(self, conn_id: str, tag_ids: Iterable[str] = (), *, for_joiners: bool) -> None:
        self.clock = steady_clock()
        self._conn_id = conn_id
        self._tag_ids = tuple(tag_ids)
        self._timing = Timing()
        self._reader = Reader(for_joiners=for_joiners)
        self._changed = asyncio.Event()
        self._is_list_long = False
        self._ahead = 0.0
        self._asking = asyncio.Lock()
        self._asks_next = -math.inf

    @classmethod
    def shared(cls, conn_id: str, tag_ids: Iterable[str] = ()) -> Poller:
        """
        The poller of the running event loop for a connection; it lives as long as it is held.

        :param conn_id: the id of the Airflow connection.
        :param tag_ids: see the class.
        """
        pollers = _pollers.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
        key = (conn_id, *sorted(tag_ids))
        poller = pollers.get(key)
        if poller is None:
            poller = pollers[key] = cls(conn_id, tag_ids, for_joiners=True)
        return poller

    @contextmanager
    def watching(
        self, campaign_ids: Iterable[str] | None, poll_interval: float, wait: Wait | None = None
    ) -> Iterator[Watcher]:
        """
        Be polled for from now on.

        :param campaign_ids: what to watch, in lower case; None means the whole workspace.
        :param poll_interval: seconds between two polls.
        :param wait: what decides; without one, every poll is news.
        """
        self._look_at_clock()
        if wait is not None:
            wait.follow(self._ahead)
        watcher = self._timing.join(campaign_ids, poll_interval, self.clock(), wait)
        self._changed.set()
        try:
            yield watcher
        finally:
            self._timing.leave(watcher)

    def poll_again(self, watcher: Watcher, delay: float) -> None:
        """
        Note when a watcher is to be polled next, if that is not simply at the next interval.

        :param watcher: one that has just accepted a snapshot.
        :param delay: seconds, as its wait decided.
        """
        self._timing.poll_again(watcher, delay, self.clock())
        self._changed.set()

    async def sending_status(self, hook: InstantlyHook, until: float, campaign_id: str) -> SendingStatus:
        """
        Read what Instantly says of a campaign that it stopped, when its turn has come, and no pause has to be made.

        Where Instantly suspends an account, hundreds of waits end at once, and each asks.

        :param hook: see `shared_hook`.
        :param until: how long this is of use, on the poller's clock.
        :param campaign_id: the UUID of the campaign.
        :raises InstantlyError: if it could not be read. The polls pause, too, if that concerns all.
        :raises TimeoutError: if its turn does not come in time.
        """
        async with asyncio.timeout(until - self.clock()), self._asking:
            while (now := self.clock()) < (turn := max(self._timing.resumes, self._asks_next)):
                if turn >= until:
                    raise TimeoutError
                await asyncio.sleep(turn - now)
            self._asks_next = now + SPACING
            try:
                return await hook.aget_sending_status(campaign_id)
            except InstantlyError as error:
                if error.concerns_all and error.may_pass:
                    hook.metrics.note_errors(self._timing.after_answers([error], self.clock(), jitter()), [error])
                raise

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """Poll whenever a watcher is due, for ever, and yield what is news to any."""
        polls: OpenPolls[_Reading] = OpenPolls()
        async with shared_hook(self._conn_id) as hook:
            try:
                while True:
                    self._changed.clear()
                    self._look_at_clock()
                    now = self.clock()
                    for snapshot in self._time_out(polls, now):
                        yield snapshot
                    if shown := self._hand_out(hook, polls, now):
                        yield shown
                    if polls.has_room and (watchers := self._timing.begin(now)):
                        self._begin(polls, watchers, now)
                    poll = None if self._timing.is_paused(now) else polls.take_turn(now)
                    if poll is None:
                        moment = self._timing.next_moment(polls)
                        hook.metrics.flush_soon_if_due(moment - now)
                        await self._until(moment)
                    elif news := await self._go_on(hook, polls, poll):
                        yield news
            finally:
                # Those who are still there are polled by the stream that is opened next, or has been already.
                for poll in polls:
                    self._timing.put_back(poll.recipients)
                    poll.abandon()
                self._changed.set()

    async def _until(self, moment: float) -> None:
        """Sleep until there is something to do, or a watcher joins."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if moment == math.inf else min(moment - self.clock(), _LOOK)):
                await self._changed.wait()

    def _look_at_clock(self) -> None:
        """
        Let limits follow the machine's clock, by which workers and Airflow set them.

        It may have been set right since the poller's own began, or have gone on while the machine was suspended.
        """
        ahead = seconds_ahead(self.clock)
        if abs(ahead - self._ahead) > _TOLERANCE:
            self._ahead = ahead
            self._timing.follow(ahead, self.clock())

    def _begin(self, polls: OpenPolls[_Reading], watchers: set[Watcher], now: float) -> None:
        of_list = {watcher for watcher in watchers if watcher.campaign_ids is None}
        of_some = watchers - of_list
        of_some -= self._join_open_list(polls, of_some, now)
        # What the list shows needs no request of its own, if it does not take long.
        groups = [of_some, of_list] if self._is_list_long else [of_some | of_list]
        for group in filter(None, groups):
            poll = _Reading(group, now, is_listing=not of_list.isdisjoint(group))
            poll.is_long = poll.is_listing and self._is_list_long
            poll.start(self._read(poll))
            polls.add(poll)

    def _join_open_list(self, polls: OpenPolls[_Reading], watchers: set[Watcher], now: float) -> set[Watcher]:
        """
        Those for whom a long poll would have to be made wait for a list that is being read already, for what it shows.

        Else thousands who join one after the other would have it read for each part of them, by turns with all others.
        Who has waited once in vain does not again, and neither does one whose last poll it is.
        """
        if (search := self._reader.open_search) is None:
            return set()
        may_wait = {watcher for watcher in watchers if not watcher.has_missed and now < watcher.ends}
        known = {watcher for watcher in may_wait if self._reader.knows(watcher.campaign_ids or ())}
        waiting: set[Watcher] = set()
        new = {watcher for watcher in known if watcher.is_new}
        for group in (known - new, new, may_wait - known):
            if group and self._reader.expects(_ids_of(group), are_new=group is new) >= BURST:
                waiting |= group
        if waiting:
            poll = _Reading(set(waiting), now, search=search)
            self._reader.join(search, _ids_of(waiting), poll.seen)
            polls.let_wait(poll)
        return waiting

    def _hand_out(self, hook: InstantlyHook, polls: OpenPolls[_Reading], now: float) -> Snapshot | None:
        """Hand out what a list has shown to those who waited for it; once it is over, poll for those who missed it."""
        shown: Seen = {}
        watchers: set[Watcher] = set()
        first: _Reading | None = None
        for poll in polls.waiting:
            is_over = poll.search is None or poll.search.is_over
            if not (poll.is_at_stop or is_over):
                continue
            poll.pass_stop()
            if complete := poll.complete:
                first = first or poll
                watchers |= complete
                # What a later one was shown of a campaign is the newer.
                shown |= _of(complete, poll.seen)
                poll.recipients -= complete
            if is_over:
                self._timing.put_back(poll.recipients, have_missed=True)
                poll.recipients.clear()
            if not poll.recipients:
                polls.remove(poll)
        if first is None:
            return None
        hook.metrics.note_poll(shown)
        return self._news(first, watchers, shown, now, jitter())

    async def _go_on(self, hook: InstantlyHook, polls: OpenPolls[_Reading], poll: _Reading) -> Snapshot | None:
        """Make the next request of a poll; what it has read by then is news to some, where it is over or has many."""
        if poll.request is not None:
            poll.take_in(await hook.adrive(_one(poll.request)))
        now = self.clock()
        if poll.request is None:
            polls.remove(poll)
            hook.metrics.note_poll(poll.seen)
            return self._over(hook, poll, poll.recipients, now)
        if poll.requests % BURST == 0:
            if poll.is_listing:
                # The rest of a long list is for those who watch all of it.
                self._release(poll)
            if complete := poll.complete:
                return self._over(hook, poll, complete, now)
        return None

    def _release(self, poll: _Reading) -> None:
        self._is_list_long = True
        others = {watcher for watcher in poll.recipients if watcher.campaign_ids is not None} - poll.complete
        poll.recipients -= others
        self._timing.put_back(others)

    def _over(self, hook: InstantlyHook, poll: _Reading, watchers: set[Watcher], now: float) -> Snapshot | None:
        """Note that a poll has read all for some watchers, and return what is news to any of them."""
        spread = jitter()
        if poll.request is None:
            errors = [e for e in (*poll.seen.values(), poll.error) if isinstance(e, InstantlyError)]
            paused = self._timing.after_answers([e for e in errors if e.concerns_all and e.may_pass], now, spread)
            hook.metrics.note_errors(paused, errors)
        campaigns = poll.seen if poll.request is None else _of(watchers, poll.seen)
        poll.recipients = poll.recipients - watchers
        return self._news(poll, watchers, campaigns, now, spread)

    def _news(
        self, poll: _Reading, watchers: set[Watcher], campaigns: Seen, now: float, spread: float
    ) -> Snapshot | None:
        # A snapshot wakes all waits of the group, and most polls are no news to any.
        recipients = self._timing.recipients(watchers, campaigns, now)
        self._timing.after_poll(poll, watchers, now, spread)
        if not recipients:
            return None
        return self._snapshot(campaigns, recipients, poll.began, now, spread, poll.error, poll.is_cut)

    def _time_out(self, polls: OpenPolls[_Reading], now: float) -> Iterator[Snapshot]:
        """Where the time of waits is up before all is read for them, they decide by what is."""
        if not (watchers := self._timing.timed_out(now)):
            return
        self._timing.after_timeout(watchers, now)
        for poll in list(polls):
            if not (of_this := watchers & poll.recipients):
                continue
            poll.recipients -= of_this
            watchers -= of_this
            if not poll.recipients:
                polls.remove(poll)
                poll.abandon()
            yield self._snapshot(_of(of_this, poll.seen), frozenset(of_this), poll.began, now, jitter())
        if watchers:
            yield self._snapshot({}, frozenset(watchers), now, now, jitter())

    def _snapshot(
        self,
        campaigns: Seen,
        recipients: frozenset[Watcher],
        began: float,
        now: float,
        spread: float,
        error: InstantlyError | None = None,
        is_cut: bool = False,
    ) -> Snapshot:
        for watcher in recipients:
            watcher.pending += 1
        return Snapshot(campaigns, recipients, began, now, spread, error, is_cut)

    def _read(self, poll: _Reading) -> Conversation[None]:
        if poll.is_listing:
            yield from self._read_list(poll)
            poll.is_listing = False
        wanted = [cid for cid in _in_order(poll.recipients, poll.began) if cid not in poll.seen]
        if poll.error is not None and poll.error.concerns_all:
            # It would be the same with each, and asking would make it worse.
            poll.seen |= dict.fromkeys(wanted, poll.error)
        elif wanted:
            decisive = {cid for watcher in poll.recipients if watcher.wait for cid in watcher.wait.decisive}
            yield from self._reader.read(wanted, poll.seen, decisive=decisive)

    def _read_list(self, poll: _Reading) -> Conversation[None]:
        pages = Pages(list_campaigns(tag_ids=self._tag_ids))
        try:
            for number in range(MAX_PAGES):
                for item in (yield from pages.next_page()):
                    campaign = brief(item)
                    if campaign.status is not None:
                        poll.seen[campaign.id] = campaign
                if not pages.has_more:
                    self._is_list_long = number + 1 >= BURST
                    pages.check_whole()
                    return
            poll.is_cut = self._is_list_long = True
        except InstantlyError as error:
            poll.error = error


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[tuple[str, ...], Poller]]
_pollers = WeakKeyDictionary()


def _one(request: Request) -> Conversation[Reply]:
    return (yield request)


def _of(watchers: Collection[Watcher], seen: Seen) -> Seen:
    """The part of what was read that some watchers watch; a copy, since a poll reads on."""
    if any(watcher.campaign_ids is None for watcher in watchers):
        return dict(seen)
    return {cid: seen[cid] for watcher in watchers for cid in watcher.campaign_ids or () if cid in seen}


def _ids_of(watchers: Iterable[Watcher]) -> set[str]:
    return {campaign_id for watcher in watchers for campaign_id in watcher.campaign_ids or ()}


def _in_order(watchers: Iterable[Watcher], now: float) -> Iterator[str]:
    """What watchers watch: first of those whose last poll it is, and of those who watch little, so that none waits."""
    some = [
        (each.ends > now, len(each.campaign_ids), sorted(each.campaign_ids)) for each in watchers if each.campaign_ids
    ]
    for _, _, campaign_ids in sorted(some):
        yield from campaign_ids
