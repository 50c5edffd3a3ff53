"""
The wait for campaigns as a pure state machine: the clock is passed in, and nothing here does I/O.

Every way of waiting (poke, reschedule, the operator on a worker, the triggers) feeds it what was read and does what
it decides. So all of them decide the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus, about
from airflow_provider_instantly.api.retry import pause_before_retry
from airflow_provider_instantly.waits.goal import Verdict
from airflow_provider_instantly.waits.result import CampaignOutcome, WaitResult, moment, share, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_instantly.api.campaign import NotSendingStatus, SendingStatus
    from airflow_provider_instantly.api.errors import InstantlyError
    from airflow_provider_instantly.waits.goal import Goal

#: Seconds between two lines in the log while nothing changes. In the triggerer there may be more: see the poller.
REPORT_INTERVAL: Final = 300.0
#: Seconds that a wait's last poll may take, which begins when its time is up.
LAST_POLL: Final = 5.0
#: While no more than so many of several campaigns are waited for, lines name them.
_FEW: Final = 3
#: Seconds by which a poll may begin too early for that, since moments are rounded.
_ROUNDING: Final = 0.001


@dataclass(frozen=True)
class Decision:
    """
    What a waiter does next.

    :param delay: seconds until the next poll; None means that the wait is over.
    :param info: lines for the log, in order.
    :param warnings: lines for the log that are warnings.
    """

    delay: float | None
    info: Sequence[str] = ()
    warnings: Sequence[str] = ()


@dataclass(slots=True)
class _CampaignWait:
    """What is remembered of one campaign between two polls; there may be thousands."""

    campaign_id: str
    verdict: Verdict = Verdict.WAITING
    status: CampaignStatus | None = None
    not_sending: NotSendingStatus | None = None
    title: str = ""
    reason: str = ""
    held_since: float | None = None
    unanswered_since: float | None = None
    misses: int = 0

    @property
    def must_stay_on_worker(self) -> bool:
        return self.held_since is not None or self.unanswered_since is not None

    def shows(self, found: Campaign | InstantlyError | None) -> bool:
        """Whether this is what was seen before."""
        return (
            isinstance(found, Campaign)
            and found.status == self.status
            and found.not_sending_status in (None, self.not_sending)
            and (not found.name or found.title == self.title)
        )

    def note_answer(self, now: float) -> list[str]:
        """Spend no more of the failure budget, and say so where some was spent."""
        since = self.unanswered_since
        self.unanswered_since, self.misses, self.reason = None, 0, ""
        return [] if since is None else [f"Instantly answers again after {span(now - since)}."]

    def note_status(self, campaign: Campaign) -> bool:
        """Remember what was seen, and say whether it is something else than before."""
        # A list does not carry the reason for not sending, so its absence is no news.
        remembered = self.not_sending if campaign.status == self.status else None
        stands = (campaign.status, campaign.not_sending_status or remembered)
        has_changed = stands != (self.status, self.not_sending)
        self.status, self.not_sending = stands
        if campaign.name:
            self.title = campaign.title
        return has_changed

    def outcome(self) -> CampaignOutcome:
        status = None if self.status is None else int(self.status)
        return CampaignOutcome(self.campaign_id, self.verdict, status, self.title, self.reason)


class Wait:
    """
    The wait for one or many campaigns.

    Call `advance` with what was read, sleep for the decision's delay, and so on until the delay is None. Then
    `result` says how it ended.

    :param campaign_ids: the campaigns; each is named once, whatever its letters' case.
    :param goal: what is waited for.
    :param now: the present moment in seconds since the epoch. All moments passed in later must come from a clock
        that does not jump. Where that is not the clock by which the goal's limits were set, see `follow`.
    """

    def __init__(self, campaign_ids: Iterable[str], goal: Goal, *, now: float) -> None:
        self.goal = goal
        self._started = now
        self._ahead = 0.0
        #: From when on `advance` says that it still waits.
        self.next_report = now + REPORT_INTERVAL
        self._quiet_until = -math.inf
        self._waits = {cid: _CampaignWait(cid, title=cid) for cid in (c.lower() for c in campaign_ids)}
        self._progress = ""
        self._warned: set[tuple[str, int]] = set()

    @property
    def pending(self) -> list[str]:
        """The campaigns that are still waited for."""
        return [cid for cid, wait in self._waits.items() if wait.verdict is Verdict.WAITING]

    @property
    def decisive(self) -> Sequence[str]:
        """Those of the pending that a Draft decides, so that a poll has to read whether they are one."""
        return self.pending if self.goal.is_decided_by_drafts else ()

    @property
    def limit(self) -> tuple[float, Verdict]:
        """When the wait ends undecided, on the clock of the moments that are passed in, and what that is called."""
        moment_of_goal, verdict = self.goal.limit
        return moment_of_goal + self._ahead, verdict

    def follow(self, ahead: float) -> None:
        """
        Let the limits follow the machine's clock. A hold, and how long no answer came, go by the clock that is steady.

        :param ahead: by how many seconds the clock of the moments that are passed in is ahead of the machine's.
        """
        self._ahead = ahead
        self._quiet_until = -math.inf

    @property
    def opening(self) -> str:
        """What is waited for, how often it is polled, and until when, as the first line of a log."""
        goal, (limit, _) = self.goal, self.limit
        hold = f" that holds for {span(goal.stable_for)}" if goal.stable_for else ""
        until = "" if limit == math.inf else f", until {self._moment(limit, self._started)} at the latest"
        each = f"{goal.poll_interval:g} s" if goal.poll_interval < 120 else span(goal.poll_interval)
        return f"Waiting for {goal.target_names}{hold}, with a poll every {each}{until}. {self._whom}"

    @property
    def _whom(self) -> str:
        titles = [wait.title for wait in self._waits.values()]
        if len(titles) == 1:
            return about(*titles)
        return f"[campaigns {', '.join(titles)}]" if len(titles) <= _FEW else f"[{len(titles):,} campaigns]"

    @property
    def unexplained(self) -> list[str]:
        """The campaigns that Instantly stopped and whose reason is not known yet: ask for their sending status."""
        return [cid for cid, wait in self._waits.items() if wait.verdict is Verdict.STOPPED and not wait.reason]

    @property
    def must_stay_on_worker(self) -> bool:
        """Whether forgetting this object would change what the wait decides: a worker must not be left then."""
        decided = len(self.pending) < len(self._waits)
        return decided or any(wait.must_stay_on_worker for wait in self._waits.values())

    def gives_up(self, began: float) -> float:
        """
        When a poll has to be given up, and `advance` called with what was read until then.

        :param began: when the poll began.
        """
        limit = self.limit[0]
        return limit if began < limit - _ROUNDING else began + LAST_POLL

    def advance(
        self, read: Mapping[str, Campaign | InstantlyError], *, began: float, now: float, jitter: float = 1.0
    ) -> Decision:
        """
        Take in what was read and decide what to do next.

        :param read: for each campaign that was read, the campaign, or the error that came instead. A campaign that was
            not read stays as it is.
        :param began: when the poll began. Which campaign was read when is not known, and a poll of many may take
            minutes. So a hold begins at the end of a poll, and is judged by the beginning of another.
        :param now: the present moment, see above.
        :param jitter: a number from 0 to 1 that spreads the pauses after errors.
        """
        info: list[str] = []
        warnings: list[str] = []
        unanswered: dict[str, str] = {}
        pause = 0.0
        for cid in self.pending:
            wait, found = self._waits[cid], read.get(cid)
            if isinstance(found, Campaign):
                seen, warned = self._see(wait, found, began, now)
                info += seen
                warnings += warned
            elif found is not None:
                pause = max(pause, self._miss(wait, found, now, jitter, unanswered))
        warnings += _first(unanswered)
        if not self._is_over:
            self._end_at_limit(now)
        if self._is_over:
            return Decision(None, (*info, *self._new_progress(now)), warnings)
        decision = Decision(self._delay(now, pause), (*info, *self._new_progress(now), *self._report(now)), warnings)
        self._quiet_until = self._next_time_that_matters()
        return decision

    def is_unmoved_by(self, read: Mapping[str, Campaign | InstantlyError], *, now: float) -> bool:
        """
        Whether `advance` would ask for the next poll at the interval and say no more than that it still waits.

        It need not be called then. What it would report it says at its next call.

        :param read: what was read, as for `advance`.
        :param now: the present moment.
        """
        pending = (wait for wait in self._waits.values() if wait.verdict is Verdict.WAITING)
        return now < self._quiet_until and all(wait.shows(read.get(wait.campaign_id)) for wait in pending)

    def explain(self, campaign_id: str, sending_status: SendingStatus) -> None:
        """
        Note why a campaign stands as it does.

        :param campaign_id: one of `unexplained`.
        :param sending_status: what Instantly says of it.
        """
        self._waits[campaign_id.lower()].reason = sending_status.reason

    def result(self) -> WaitResult:
        """How the wait stands, or how it ended."""
        return WaitResult(self.goal, tuple(wait.outcome() for wait in self._waits.values()))

    def _see(self, wait: _CampaignWait, campaign: Campaign, began: float, now: float) -> tuple[list[str], list[str]]:
        """Take in an answer, and return the lines and the warnings that it is worth."""
        if campaign.status is None:
            raise ValueError("an answer without a status is an error of the read, not a campaign")
        info = wait.note_answer(now)
        if campaign.is_inferred and self.goal.is_decided_by_drafts:
            # It would end the wait, or begin a hold, and may not be true. A poll that reads the campaign decides.
            return info, []
        if wait.note_status(campaign) and len(self._waits) == 1:
            info.append(self._change(wait, campaign.status, now))
        warnings = self._unknown(wait, campaign.status)
        if campaign.status in self.goal.arrived_statuses:
            self._arrive(wait, began, now)
        else:
            wait.held_since = None
            warnings += self._stop_if_failed(wait, campaign.status)
        return info, warnings

    def _arrive(self, wait: _CampaignWait, began: float, now: float) -> None:
        """The target was seen; it counts once it has held for as long as it has to."""
        wait.held_since = now if wait.held_since is None else wait.held_since
        if not self.goal.stable_for or began - wait.held_since >= self.goal.stable_for:
            wait.verdict = Verdict.REACHED

    def _stop_if_failed(self, wait: _CampaignWait, status: CampaignStatus) -> list[str]:
        if status not in self.goal.failed_statuses:
            return []
        wait.verdict = Verdict.STOPPED
        return [f"The campaign is {status.label}. {about(wait.title)}"] if len(self._waits) > 1 else []

    def _change(self, wait: _CampaignWait, status: CampaignStatus, now: float) -> str:
        """The line for a change, before it is judged: it says whether a hold begins with it."""
        begins_hold = status in self.goal.arrived_statuses and wait.held_since is None
        hold = self._hold_that_begins(now) if begins_hold else ""
        return f"The campaign is {status.label}{_but_not_sending(wait.not_sending)}.{hold} {about(wait.title)}"

    def _unknown(self, wait: _CampaignWait, status: CampaignStatus) -> list[str]:
        """A warning of a status that this release does not know, once for each."""
        if status.is_known or (wait.campaign_id, status) in self._warned:
            return []
        self._warned.add((wait.campaign_id, status))
        return [
            f"The campaign has status {int(status)}, which this release does not know. It keeps waiting; update "
            f"the provider if Instantly has a new status. {about(wait.title)}"
        ]

    def _miss(
        self, wait: _CampaignWait, error: InstantlyError, now: float, jitter: float, unanswered: dict[str, str]
    ) -> float:
        """Take in an error; what is to be said of it goes into ``unanswered``, once for each text."""
        wait.reason = str(error)
        if not error.may_pass:
            wait.verdict = Verdict.UNREADABLE
            return 0.0
        if wait.unanswered_since is None:
            wait.unanswered_since = now
            unanswered.setdefault(wait.reason, wait.title)
        wait.misses += 1
        budget = self.goal.failure_budget
        if budget is not None and now - wait.unanswered_since >= budget:
            wait.verdict = Verdict.UNANSWERED
        return pause_before_retry(error, wait.misses - 1, jitter)

    @property
    def _is_over(self) -> bool:
        """Whether none is pending any more, or one has failed, and that ends the wait for all."""
        has_failed = any(w.verdict not in (Verdict.WAITING, Verdict.REACHED) for w in self._waits.values())
        return not self.pending or (has_failed and self.goal.fail_fast)

    def _end_at_limit(self, now: float) -> None:
        """Once the time is up, what is pending has ended undecided."""
        limit, verdict = self.limit
        if now >= limit:
            for cid in self.pending:
                self._waits[cid].verdict = verdict

    def _delay(self, now: float, pause: float) -> float:
        """The next poll: at the interval, earlier where a hold or the deadline ends, later where errors ask for it."""
        held = [w.held_since for w in self._waits.values() if w.verdict is Verdict.WAITING and w.held_since is not None]
        # A hold whose end has passed unseen, because no answer came or the poll had begun before, ends at the next poll
        # like any other.
        ends = [left for since in held if (left := since + self.goal.stable_for - now) > 0]
        next_poll = min([self.goal.poll_interval, *ends])
        return min(max(next_poll, pause), max(self.limit[0] - now, 0.0))

    def _next_time_that_matters(self) -> float:
        """Until then, polls that show what the last one showed need not be accepted."""
        if any(
            w.verdict is Verdict.WAITING and (w.must_stay_on_worker or w.status is None) for w in self._waits.values()
        ):
            return -math.inf
        return self.limit[0] - self.goal.poll_interval

    def _hold_that_begins(self, now: float) -> str:
        held = self.goal.stable_for
        return f" It has to stay so for {span(held)}, until {self._moment(now + held, now)}." if held else ""

    def _stands(self, wait: _CampaignWait, now: float) -> str:
        """How a campaign stands: of a hold, how much of it has passed, and when it ends."""
        if wait.held_since is None or wait.status is None:
            return wait.outcome().status_name
        held = self.goal.stable_for
        ends = wait.held_since + held
        # Where it has ended unseen, the next answer decides.
        until = self._moment(ends, now) if ends > now else "the next answer"
        return f"{wait.status.label} for {share(min(now - wait.held_since, held), held)}, until {until}"

    def _moment(self, at: float, now: float) -> str:
        """A moment as people's clocks show it."""
        return moment(at - self._ahead, now - self._ahead)

    def _waited_for(self, now: float) -> str:
        """Of several campaigns, those that are still waited for, while they are few."""
        pending = [self._waits[cid] for cid in self.pending]
        if not 0 < len(pending) <= _FEW:
            return ""
        return f" [{'; '.join(f'{self._stands(wait, now)}: {wait.title}' for wait in pending)}]"

    def _new_progress(self, now: float) -> list[str]:
        """For many campaigns: how many stand how, where that changed."""
        if len(self._waits) == 1:
            return []
        progress = self.result().progress
        changed, self._progress = progress != self._progress, progress
        return [f"{progress}.{self._waited_for(now)}"] if changed else []

    def _report(self, now: float) -> list[str]:
        if now < self.next_report:
            return []
        self.next_report = now + REPORT_INTERVAL
        passed, timeout, result = now - self._started, self.goal.timeout, self.result()
        if not result.is_of_many and (wait := next(iter(self._waits.values()))).held_since is not None:
            return [f"{self._stands(wait, now)}.{result.about}"]
        waited = span(passed) if timeout is None else share(passed, timeout)
        which = self._waited_for(now) if result.is_of_many else result.about
        return [f"Still waiting for {self.goal.target_names} after {waited}: {result.state}.{which}"]


def _first(unanswered: Mapping[str, str]) -> list[str]:
    """Lines about errors, for each of which the title of a campaign is given: of many only the first ones."""
    lines = [
        f"No answer about the campaign: {error} It asks again. {about(title)}"
        for error, title in islice(unanswered.items(), _FEW)
    ]
    if len(unanswered) > _FEW:
        more = len(unanswered) - _FEW
        lines.append(f"And {more:,} more {'error' if more == 1 else 'errors'}, of other campaigns. It asks again.")
    return lines


def _but_not_sending(reason: NotSendingStatus | None) -> str:
    return "" if reason is None else f", but is not sending because {reason.explanation}"
