"""
When each watcher of a connection is polled, and what is news to it: pure, so that tables can test it.

Moments are passed in, in seconds since the epoch. Nothing here waits, reads, or knows an event loop.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from airflow_provider_instantly.api.retry import pause_before_retry
from airflow_provider_instantly.waits.machine import LAST_POLL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.errors import InstantlyError
    from airflow_provider_instantly.waits.machine import Wait

#: A watcher that is due within this part of its interval takes part in the present poll, if its last poll is as long
#: ago: where it is due at a deadline and not at its interval, it stays due, however often it is polled.
_EARLY: Final = 0.5
#: However long a poll took, the server is left alone for this part of the interval before the next.
_REST: Final = 0.2
#: The part of an interval by which polls are drawn forward at random, so that pollers do not fall into step.
_SPREAD: Final = 0.05
#: While nothing changes, so many waits of one connection may say within so many seconds that they still wait. Each line
#: makes Airflow (seen on 3.3.2) go through all its triggers once more: the lines of ten thousand waits, one every five
#: minutes each, cost nearly as much CPU as the waiting.
_REPORTS: Final = (30, 60.0)
#: Polls at deadlines are put off to the next of the moments that lie so far apart: seconds, and a part of the interval,
#: whichever is less. Else a thousand deadlines, one shortly after the other, would be a thousand polls.
_GRID: Final = (1.0, 0.1)
#: A new watcher is polled within so many seconds: with the others where they are due by then, else for itself.
_SOON: Final = 5.0
#: After a poll that made so many requests, others that have joined are let wait for this many seconds per request, one
#: at least and `_SOON` at most. So a thousand that join one shortly after the other are polled together.
_PACE: Final = 0.5
#: A poll that has made so many requests is long. From then on it lets another one by after each of its requests.
BURST: Final = 10
#: Seconds between two requests of a long poll. Ten requests a second are below every rate limit that is known of
#: Instantly.
SPACING: Final = 0.1


@dataclass(eq=False)
class Watcher:
    """
    A wait, or a watch of changes, as the timing knows it.

    :param campaign_ids: what it watches, in lower case; None means the whole workspace.
    :param poll_interval: seconds between two polls.
    :param due: when it is to be polled next.
    :param ends: when its wait ends undecided, or shortly after, as `_GRID` says. It times out then.
    :param wait: what decides for it, and so knows what is no news to it; without one, everything is.
    :param latest: until when it is polled for the first time.
    :param follows: after its first poll, the watcher together with whom it has its next, to fall into step.
    :param early_from: from when on it may be polled before it is due.
    :param polled_since: when the poll began that it takes part in now, or None.
    :param is_new: whether no poll has had it yet.
    :param has_missed: whether it has waited for a list in vain that was read for others. It is read by itself then.
    :param pending: how many snapshots have it among their recipients and are not accepted yet. While there are any,
        each poll is news to it: what it would make of one is not known.
    """

    campaign_ids: frozenset[str] | None
    poll_interval: float
    due: float
    ends: float = math.inf
    wait: Wait | None = None
    latest: float = math.inf
    follows: Watcher | None = None
    early_from: float = -math.inf
    polled_since: float | None = None
    is_new: bool = True
    has_missed: bool = False
    pending: int = 0

    def is_wanted(self, now: float) -> bool:
        """
        Whether it takes part in a poll that is made for others, too.

        :param now: when the poll begins.
        """
        return self.due <= now or (self.early_from <= now and self.due <= now + _EARLY * self.poll_interval)

    def note_poll(self, now: float) -> None:
        """
        Keep it to two polls an interval: one that came early, as at the end of a hold, stands for one with others.

        :param now: when the poll begins that it takes part in.
        """
        was_early = now < self.early_from
        self.early_from = now + self.poll_interval * (1.0 - _SPREAD if was_early else _EARLY)
        self.polled_since = now
        self.follows = None

    def has_all(self, seen: Mapping[str, object]) -> bool:
        """
        Whether a poll has already read all that it watches; the whole workspace has no such moment.

        :param seen: what the poll has read, by campaign id.
        """
        return self.campaign_ids is not None and self.campaign_ids <= seen.keys()

    def is_news(self, campaigns: Mapping[str, Campaign | InstantlyError], now: float) -> bool:
        """
        Whether what a poll showed is news to it.

        :param campaigns: what was read.
        :param now: when.
        """
        if self.wait is None or self.pending:
            return True
        return not self.wait.is_unmoved_by(campaigns, now=now)

    @property
    def next_report(self) -> float:
        """From when on it has something to say though nothing has happened."""
        return math.inf if self.wait is None else self.wait.next_report

    def accept(self, snapshot: Snapshot) -> bool:
        """
        Whether the snapshot is for this watcher, which then accepts it.

        :param snapshot: one that the poller has yielded.
        """
        if self not in snapshot.recipients:
            return False
        self.pending -= 1
        return True


@dataclass(frozen=True)
class Snapshot:
    """
    What a poll showed, to those to whom it is news.

    :param campaigns: for each campaign that was read, the campaign, or the error that stood in its place.
    :param recipients: the watchers to whom it is news. The others pass it over.
    :param began: when the poll began, in seconds since the epoch.
    :param now: when it had read them.
    :param jitter: one random number for all, so that all pause alike after an error.
    :param error: why the workspace's list could not be read, where it was asked for.
    :param is_cut: whether the workspace's list went on after all that is read of it.
    """

    campaigns: Mapping[str, Campaign | InstantlyError]
    recipients: frozenset[Watcher]
    began: float
    now: float
    jitter: float
    error: InstantlyError | None = None
    is_cut: bool = False


@dataclass(eq=False)
class Poll:
    """
    A poll that has begun and is not over.

    :param recipients: for whom it is.
    :param began: when.
    :param requests: how many it has made.
    :param is_long: whether it lets others by.
    :param resumes: when it may make its next request.
    """

    recipients: set[Watcher]
    began: float
    requests: int = 0
    is_long: bool = False
    resumes: float = -math.inf

    def note_request(self, now: float) -> None:
        """
        Count a request.

        :param now: when it is sent.
        """
        self.requests += 1
        self.is_long = self.is_long or self.requests >= BURST
        if self.is_long:
            self.resumes = now + SPACING


P = TypeVar("P", bound=Poll)


@dataclass
class OpenPolls(Generic[P]):
    """
    The polls of one connection that are not over. One request is made at a time, and each poll has its turns.

    At most one of them is short, so that all who become due meanwhile share the next. Every second request is the
    short one's; the long ones, in which a thousand requests may be left, share the others. Those that wait make none:
    a long one reads for them.
    """

    _short: P | None = None
    _long: deque[P] = field(default_factory=deque)
    _waiting: list[P] = field(default_factory=list)
    _is_short_ones_turn: bool = True

    def __iter__(self) -> Iterator[P]:
        if self._short is not None:
            yield self._short
        yield from self._long
        yield from self._waiting

    @property
    def waiting(self) -> tuple[P, ...]:
        """Those that wait for what another one reads, the oldest first."""
        return tuple(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether another poll may begin."""
        return self._short is None

    def add(self, poll: P) -> None:
        """
        Let a poll have its turns.

        :param poll: one that has begun; a short one only where there is room.
        """
        if poll.is_long:
            self._long.append(poll)
        else:
            self._short = poll

    def let_wait(self, poll: P) -> None:
        """
        Let a poll wait for what another one reads.

        :param poll: one that makes no request.
        """
        self._waiting.append(poll)

    def remove(self, poll: P) -> None:
        """
        Forget a poll that is over.

        :param poll: one of them.
        """
        if poll is self._short:
            self._short = None
        else:
            (self._long if poll in self._long else self._waiting).remove(poll)

    def take_turn(self, now: float) -> P | None:
        """
        The poll whose request is next, or None where all have to let some time pass.

        :param now: when the request would be sent, which is counted here.
        """
        rested = next((poll for poll in self._long if poll.resumes <= now), None)
        poll = self._short if rested is None or self._is_short_ones_turn else rested
        poll = poll or rested
        if poll is not None:
            self._is_short_ones_turn = poll.is_long
            self.remove(poll)
            poll.note_request(now)
            # A long one goes behind the others, also one that has just become long.
            self.add(poll)
        return poll

    @property
    def resume(self) -> float:
        """When the next request may be made, of those that have begun."""
        short = () if self._short is None else (self._short,)
        return min((poll.resumes for poll in (*short, *self._long)), default=math.inf)


class Timing:
    """
    Who is polled when: joins and leaves, intervals, deadlines, pauses.

    Thousands of watchers join one after the other, and thousands of requests are made for them; so none of these goes
    through all watchers. What is due first is looked up again only when a poll begins or ends.
    """

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        # Each of these is known or too early, where a watcher has left.
        self._next_due = math.inf
        self._first_of_old: Watcher | None = None
        self._next_end = math.inf
        self._is_known = True
        self._newcomers_from = -math.inf
        self._resumes = -math.inf
        self._misses = 0
        self._reports_resume = -math.inf

    def join(
        self, campaign_ids: Iterable[str] | None, poll_interval: float, now: float, wait: Wait | None = None
    ) -> Watcher:
        """
        Poll for another watcher from now on.

        It takes part in the next poll, where that comes within seconds. Else it is polled by itself, together with
        others that join at the time.

        :param campaign_ids: see `Watcher`.
        :param poll_interval: see `Watcher`.
        :param now: the present moment.
        :param wait: see `Watcher`.
        """
        self._find_next()
        latest = now + min(_SOON, poll_interval)
        ids = None if campaign_ids is None else frozenset(campaign_ids)
        watcher = Watcher(ids, poll_interval, now, wait=wait)
        if self._first_of_old is not None and self._first_of_old.due <= latest:
            watcher.due = self._first_of_old.due
        self._set_end(watcher, now)
        watcher.latest = min(latest, watcher.ends)
        self._watchers.add(watcher)
        self._expect(watcher)
        return watcher

    def follow(self, ahead: float, now: float) -> None:
        """
        Let the ends of waits follow the machine's clock, by which their limits were set.

        :param ahead: by how many seconds the clock of the moments that are passed in is ahead of the machine's.
        :param now: the present moment.
        """
        for watcher in self._watchers:
            if watcher.wait is not None:
                watcher.wait.follow(ahead)
            self._set_end(watcher, now)
            watcher.due = min(watcher.due, watcher.ends)
        self._is_known = False

    def leave(self, watcher: Watcher) -> None:
        """
        Poll no more for a watcher.

        :param watcher: one that has joined.
        """
        self._watchers.discard(watcher)

    def poll_again(self, watcher: Watcher, delay: float, now: float) -> None:
        """
        Note when a watcher is to be polled next, if that is not simply at the next interval.

        :param watcher: one that has just accepted a snapshot.
        :param delay: seconds, as its wait decided.
        :param now: the present moment.
        """
        if delay != watcher.poll_interval:
            # However late it accepted the snapshot, its end stays where it is.
            watcher.due = min(_next_on_grid(now + delay, watcher.poll_interval), max(watcher.ends, now))
            self._expect(watcher)

    def begin(self, now: float) -> set[Watcher]:
        """
        Begin a poll: the watchers that it is for, or none where none is due.

        :param now: the present moment.
        """
        self._find_next()
        if self._next_due > now or now < self._resumes:
            return set()
        idle = [watcher for watcher in self._watchers if watcher.polled_since is None]
        self._is_known = False
        wanted = {watcher for watcher in idle if self._due(watcher) <= now}
        if any(watcher.is_new for watcher in wanted):
            # Those who were put off only to be polled with others: else each has a poll of its own once it can wait no
            # longer, one shortly after the other.
            wanted |= {watcher for watcher in idle if watcher.is_new and watcher.due <= now}
        if any(not watcher.is_new for watcher in wanted):
            # For new ones alone no other is polled early: they join the others at the next poll.
            wanted = {watcher for watcher in idle if watcher.is_wanted(now)}
            wanted |= {watcher for watcher in idle if watcher.follows in wanted}
        for watcher in wanted:
            watcher.note_poll(now)
        if wanted:
            self._newcomers_from = now + _GRID[0]
        return wanted

    def put_back(self, watchers: Iterable[Watcher], *, have_missed: bool = False) -> None:
        """
        Poll for watchers in another poll than the one that they are taken out of.

        :param watchers: such as a poll had and has not read.
        :param have_missed: see `Watcher.has_missed`.
        """
        for watcher in watchers:
            watcher.polled_since = None
            watcher.has_missed = watcher.has_missed or have_missed
        self._is_known = False

    def after_poll(self, poll: Poll, watchers: Collection[Watcher], now: float, jitter: float) -> None:
        """
        Note when watchers are to be polled next, after a poll has read what they watch.

        :param poll: the poll.
        :param watchers: those of its recipients for whom it has read all.
        :param now: the present moment.
        :param jitter: a number from 0 to 1.
        """
        self._find_next()
        self._newcomers_from = max(self._newcomers_from, poll.began + min(max(_PACE * poll.requests, _GRID[0]), _SOON))
        for watcher in watchers:
            # Counted from the poll's beginning: a workspace of many pages is not polled less often.
            interval = watcher.poll_interval
            began = poll.began if watcher.polled_since is None else watcher.polled_since
            due = max(began + interval * (1.0 - _SPREAD * jitter), now + interval * _REST)
            watcher.follows = self._first_of_old if watcher.is_new else None
            if watcher.follows is not None:
                due = min(due, max(watcher.follows.due, now))
            watcher.is_new = watcher.has_missed = False
            self._note_time(watcher, now)
            watcher.due = min(due, watcher.ends)
            watcher.polled_since = None
        self._is_known = False

    def timed_out(self, now: float) -> set[Watcher]:
        """
        The watchers whose time is up, though no poll has read all that they watch.

        :param now: the present moment.
        """
        self._find_next()
        if now < self._next_end:
            return set()
        timed_out = {watcher for watcher in self._watchers if self._times_out(watcher) <= now}
        self._is_known = False
        return timed_out

    def after_timeout(self, watchers: Iterable[Watcher], now: float) -> None:
        """
        Note that watchers got a snapshot to decide by, since their time is up.

        :param watchers: those that `timed_out` returned.
        :param now: the time of that snapshot.
        """
        for watcher in watchers:
            self._note_time(watcher, now)
            watcher.is_new = watcher.has_missed = False
            watcher.due = now + watcher.poll_interval
            watcher.polled_since = None
        self._is_known = False

    def after_answers(self, errors: Collection[InstantlyError], now: float, jitter: float) -> float:
        """
        After errors that concern all, make no request for a while, and return how long: seconds, or 0 without errors.

        :param errors: those errors that a poll met and that may pass; none, where it was answered.
        :param now: the present moment.
        :param jitter: a number from 0 to 1.
        """
        if not errors:
            self._misses = 0
            return 0.0
        longest = max(pause_before_retry(error, self._misses, jitter) for error in errors)
        self._resumes = max(self._resumes, now + longest)
        self._misses += 1
        self._is_known = False
        return longest

    @property
    def resumes(self) -> float:
        """From when on a request may be made."""
        return self._resumes

    def is_paused(self, now: float) -> bool:
        """
        Whether no request may be made, since the server asked for that, or could not be reached.

        :param now: the present moment.
        """
        return now < self._resumes

    def next_moment(self, polls: OpenPolls[P]) -> float:
        """
        When there is something to do.

        :param polls: those that are open.
        """
        self._find_next()
        next_request = min(polls.resume, self._next_due if polls.has_room else math.inf)
        return min(max(next_request, self._resumes), self._next_end)

    def recipients(
        self, watchers: Iterable[Watcher], campaigns: Mapping[str, Campaign | InstantlyError], now: float
    ) -> frozenset[Watcher]:
        """
        To whom a poll is news; and who has waited the longest for a chance to say that it still waits.

        :param watchers: those whom the poll was for.
        :param campaigns: what it has read.
        :param now: when.
        """
        news, silent = set(), []
        for watcher in watchers:
            if watcher.is_news(campaigns, now):
                news.add(watcher)
            elif watcher.next_report <= now:
                silent.append(watcher)
        if silent and now >= self._reports_resume:
            count, pause = _REPORTS
            news.update(heapq.nsmallest(count, silent, key=lambda watcher: watcher.next_report))
            self._reports_resume = now + pause
        return frozenset(news)

    def _expect(self, watcher: Watcher) -> None:
        self._next_due = min(self._next_due, self._due(watcher))
        self._next_end = min(self._next_end, self._times_out(watcher))

    def _find_next(self) -> None:
        if self._is_known:
            return
        idle = [watcher for watcher in self._watchers if watcher.polled_since is None]
        self._next_due = min(map(self._due, idle), default=math.inf)
        old = [watcher for watcher in idle if not watcher.is_new]
        self._first_of_old = min(old, key=lambda watcher: watcher.due, default=None)
        self._next_end = min(map(self._times_out, self._watchers), default=math.inf)
        self._is_known = True

    def _due(self, watcher: Watcher) -> float:
        """When a watcher is to be polled; for a new one that is put off while others join, too."""
        return min(max(watcher.due, self._newcomers_from), watcher.latest) if watcher.is_new else watcher.due

    def _times_out(self, watcher: Watcher) -> float:
        """When a watcher times out, at the latest: at its end, or after a last poll that begins there."""
        if watcher.ends < self._resumes or (watcher.polled_since is not None and watcher.polled_since < watcher.ends):
            return watcher.ends
        return (watcher.ends if watcher.polled_since is None else watcher.polled_since) + LAST_POLL

    @staticmethod
    def _set_end(watcher: Watcher, now: float) -> None:
        if watcher.wait is not None:
            # One whose end has passed already, as it may in a restart of the triggerer, has its one poll, too.
            watcher.ends = _next_on_grid(max(watcher.wait.limit[0], now), watcher.poll_interval)

    @staticmethod
    def _note_time(watcher: Watcher, now: float) -> None:
        if watcher.wait is not None and now >= watcher.wait.limit[0]:
            # It knows that its time is up, and leaves.
            watcher.ends = math.inf


def _next_on_grid(moment: float, poll_interval: float) -> float:
    if moment == math.inf:
        return moment
    grid = min(_GRID[0], _GRID[1] * poll_interval)
    # Never before it, were it by a rounding error: a wait that is polled before its end needs another poll.
    return max(math.ceil(moment / grid) * grid, moment)
