"""
The wait for campaigns as a pure state machine: the clock is passed in, and nothing here does I/O.

Every way of waiting (poke, reschedule, the operator on a worker, the triggers) feeds it what was read and does what
it decides. So all of them decide the same.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, Campaign, CampaignStatus, is_campaign_id
from airflow_provider_instantly.api.retry import may_pass, pause_before_retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_instantly.api.campaign import NotSendingStatus, SendingStatus

#: Seconds without any answer after which a wait gives up; every answer starts them anew.
DEFAULT_FAILURE_BUDGET: Final = 600.0
#: Seconds between two lines in the log while nothing changes. In the triggerer there may be more: see the poller.
REPORT_INTERVAL: Final = 300.0
#: How many campaigns one error message describes; the XCom and the event list them all.
_CAMPAIGNS_IN_A_MESSAGE: Final = 20

#: Statuses that a campaign reaches only after the key's: whoever waits for the key may stop waiting.
BEYOND: Final[Mapping[int, frozenset[int]]] = {
    CampaignStatus.ACTIVE: frozenset({CampaignStatus.RUNNING_SUBSEQUENCES, CampaignStatus.COMPLETED}),
    CampaignStatus.RUNNING_SUBSEQUENCES: frozenset({CampaignStatus.COMPLETED}),
}


class Verdict(StrEnum):
    """How a wait stands, or how it ended."""

    WAITING = "waiting"
    REACHED = "reached"
    STOPPED = "stopped"
    LOST = "lost"
    UNANSWERED = "unanswered"
    OVERDUE = "overdue"
    TIMED_OUT = "timed_out"


#: Which verdict speaks for a wait of many campaigns that ended in several ways: the first of these.
_GRAVEST_FIRST: Final = (
    Verdict.STOPPED,
    Verdict.LOST,
    Verdict.UNANSWERED,
    Verdict.OVERDUE,
    Verdict.TIMED_OUT,
    Verdict.WAITING,
    Verdict.REACHED,
)


@dataclass(frozen=True)
class Goal:
    """
    What is waited for, and for how long.

    :param target_statuses: a campaign in one of these, or beyond it, has arrived.
    :param failed_statuses: a campaign in one of these never will. A status in both sets is a target.
    :param stable_for: seconds for which the target must be seen to hold before it counts.
    :param poll_interval: seconds between two looks.
    :param deadline: when to stop waiting, in seconds since the epoch; None means never.
    :param timeout: the same as the span that the user gave, in seconds, for messages.
    :param overdue_at: when the task's ``execution_timeout`` is used up, in seconds since the epoch; None means never.
    :param failure_budget: seconds without an answer after which to give up; None means never.
    :param fail_fast: whether the first campaign that fails ends the wait for all.
    """

    target_statuses: frozenset[int] = frozenset({CampaignStatus.ACTIVE})
    failed_statuses: frozenset[int] = frozenset(STOPPED_STATUSES)
    stable_for: float = 0.0
    poll_interval: float = 60.0
    deadline: float | None = None
    timeout: float | None = None
    overdue_at: float | None = None
    failure_budget: float | None = DEFAULT_FAILURE_BUDGET
    fail_fast: bool = True

    @property
    def arrived_statuses(self) -> frozenset[int]:
        """The targets and what lies beyond them, without what counts as failed."""
        beyond = frozenset[int]().union(*(BEYOND.get(status, frozenset()) for status in self.target_statuses))
        return self.target_statuses | (beyond - self.failed_statuses)

    @property
    def limit(self) -> tuple[float, Verdict]:
        """When the wait ends undecided, in seconds since the epoch, and what that is called."""
        return min(
            (math.inf if self.deadline is None else self.deadline, Verdict.TIMED_OUT),
            (math.inf if self.overdue_at is None else self.overdue_at, Verdict.OVERDUE),
        )

    def as_json(self) -> dict[str, Any]:
        """The goal as plain values, which are also the arguments of a trigger."""
        return {
            "target_statuses": sorted(self.target_statuses),
            "failed_statuses": sorted(self.failed_statuses),
            "stable_for": self.stable_for,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "timeout": self.timeout,
            "overdue_at": self.overdue_at,
            "failure_budget": self.failure_budget,
            "fail_fast": self.fail_fast,
        }

    @property
    def target_names(self) -> str:
        """The targets as a person reads them."""
        return " or ".join(CampaignStatus(status).label for status in sorted(self.target_statuses))


@dataclass(frozen=True)
class CampaignOutcome:
    """
    How the wait for one campaign stands.

    :param campaign_id: its UUID.
    :param verdict: how it stands.
    :param status: the status last seen, or None if none was.
    :param title: how a log line names it.
    :param reason: why, in a sentence or two, or an empty string.
    """

    campaign_id: str
    verdict: Verdict
    status: int | None = None
    title: str = ""
    reason: str = ""

    @property
    def status_name(self) -> str:
        """The status as a person reads it."""
        return "not seen" if self.status is None else CampaignStatus(self.status).label

    def as_json(self) -> dict[str, Any]:
        """The outcome for an event or an XCom."""
        return {**asdict(self), "verdict": self.verdict.value, "status_name": self.status_name}

    @classmethod
    def from_json(cls, document: object) -> Self:
        """
        Read what `as_json` wrote; an event is input like any other.

        :param document: one entry of the event's campaigns.
        :raises ValueError: if it is anything else.
        """
        if not isinstance(document, dict) or not is_campaign_id(document.get("campaign_id")):
            raise ValueError("an outcome names no campaign")
        status, title, reason = document.get("status"), document.get("title", ""), document.get("reason", "")
        if isinstance(status, bool) or not isinstance(status, int | None):
            raise ValueError("an outcome's status is not a number")
        if not isinstance(title, str) or not isinstance(reason, str):
            raise ValueError("an outcome's texts are not texts")
        return cls(document["campaign_id"], Verdict(str(document.get("verdict"))), status, title, reason)


@dataclass(frozen=True)
class Decision:
    """
    What a waiter does next.

    :param delay: seconds until the next look; None means that the wait is over.
    :param said: lines for the log, in order.
    :param warned: lines for the log that are warnings.
    """

    delay: float | None
    said: Sequence[str] = ()
    warned: Sequence[str] = ()


@dataclass(slots=True)
class _CampaignWait:
    """What is remembered of one campaign between two looks; there may be thousands."""

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
    def has_memory(self) -> bool:
        return self.held_since is not None or self.unanswered_since is not None

    def shows(self, found: Campaign | Exception | None) -> bool:
        """Whether this is what was seen before."""
        return (
            isinstance(found, Campaign)
            and found.status == self.status
            and found.not_sending_status in (None, self.not_sending)
            and (not found.name or found.title == self.title)
        )

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
        that does not jump.
    """

    def __init__(self, campaign_ids: Iterable[str], goal: Goal, *, now: float) -> None:
        self.goal = goal
        self._started = now
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
    def unexplained(self) -> list[str]:
        """The campaigns that Instantly stopped and whose reason is not known yet: ask for their sending status."""
        return [cid for cid, wait in self._waits.items() if wait.verdict is Verdict.STOPPED and not wait.reason]

    @property
    def has_memory(self) -> bool:
        """Whether forgetting this object would change what the wait decides: a worker must not be left then."""
        decided = len(self.pending) < len(self._waits)
        return decided or any(wait.has_memory for wait in self._waits.values())

    def advance(self, beat: Mapping[str, Campaign | Exception], *, now: float, jitter: float = 1.0) -> Decision:
        """
        Take in what was read and decide what to do next.

        :param beat: for each campaign that was looked at, the campaign, or the error that came instead. A campaign
            that was not looked at stays as it is.
        :param now: the present moment, see above.
        :param jitter: a number from 0 to 1 that spreads the pauses after errors.
        """
        said: list[str] = []
        warned: list[str] = []
        pause = 0.0
        for cid in self.pending:
            wait, seen = self._waits[cid], beat.get(cid)
            if isinstance(seen, Campaign):
                self._see(wait, seen, now, said, warned)
            elif seen is not None:
                pause = max(pause, self._miss(wait, seen, now, jitter, warned))
        if self._is_over(now):
            return Decision(None, (*said, *self._new_progress()), warned)
        decision = Decision(self._delay(now, pause), (*said, *self._new_progress(), *self._report(now)), warned)
        self._quiet_until = self._next_time_that_matters()
        return decision

    def is_unmoved_by(self, beat: Mapping[str, Campaign | Exception], *, now: float) -> bool:
        """
        Whether `advance` would ask for the next look at the interval and say no more than that it still waits.

        It need not be called then. What it would report it says at its next call.

        :param beat: what was read, as for `advance`.
        :param now: the present moment.
        """
        pending = (wait for wait in self._waits.values() if wait.verdict is Verdict.WAITING)
        return now < self._quiet_until and all(wait.shows(beat.get(wait.campaign_id)) for wait in pending)

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

    def _see(self, wait: _CampaignWait, campaign: Campaign, now: float, said: list[str], warned: list[str]) -> None:
        status = campaign.status
        if status is None:
            raise ValueError("an answer without a status is an error of the read, not a campaign")
        if wait.unanswered_since is not None:
            said.append(f"Instantly answers again after {span(now - wait.unanswered_since)}.")
        wait.unanswered_since, wait.misses, wait.reason = None, 0, ""
        # A list does not carry the reason for not sending, so its absence is no news.
        remembered = wait.not_sending if status == wait.status else None
        not_sending = campaign.not_sending_status or remembered
        changed = (status, not_sending) != (wait.status, wait.not_sending)
        wait.status, wait.not_sending = status, not_sending
        if campaign.name:
            wait.title = campaign.title
        if changed and len(self._waits) == 1:
            said.append(f"Campaign {wait.title} is {status.label}{_but_not_sending(not_sending)}.")
        if not status.is_known and (wait.campaign_id, status) not in self._warned:
            self._warned.add((wait.campaign_id, status))
            warned.append(
                f"Campaign {wait.title} has status {int(status)}, which this release does not know. "
                "It keeps waiting; update the provider if Instantly has a new status."
            )
        if status in self.goal.arrived_statuses:
            wait.held_since = now if wait.held_since is None else wait.held_since
            if now - wait.held_since >= self.goal.stable_for:
                wait.verdict = Verdict.REACHED
            return
        wait.held_since = None
        if status in self.goal.failed_statuses:
            wait.verdict = Verdict.STOPPED
            if len(self._waits) > 1:
                warned.append(f"Campaign {wait.title} is {status.label}.")

    def _miss(self, wait: _CampaignWait, error: Exception, now: float, jitter: float, warned: list[str]) -> float:
        if not may_pass(error):
            wait.verdict, wait.reason = Verdict.LOST, str(error)
            return 0.0
        if wait.unanswered_since is None:
            wait.unanswered_since = now
            if not any(str(error) in line for line in warned):
                warned.append(f"No answer about campaign {wait.title}: {error} It asks again.")
        wait.misses += 1
        wait.reason = str(error)
        budget = self.goal.failure_budget
        if budget is not None and now - wait.unanswered_since >= budget:
            wait.verdict = Verdict.UNANSWERED
        return pause_before_retry(error, wait.misses - 1, jitter)

    def _is_over(self, now: float) -> bool:
        pending = self.pending
        failed = any(w.verdict not in (Verdict.WAITING, Verdict.REACHED) for w in self._waits.values())
        if not pending or (failed and self.goal.fail_fast):
            return True
        limit, verdict = self.goal.limit
        if now >= limit:
            for cid in pending:
                self._waits[cid].verdict = verdict
        return now >= limit

    def _delay(self, now: float, pause: float) -> float:
        """The next look: at the interval, earlier where a hold or the deadline ends, later where errors ask for it."""
        held = [w.held_since for w in self._waits.values() if w.verdict is Verdict.WAITING and w.held_since is not None]
        # A hold whose end has passed unseen, because no answer came, ends at the next look like any other.
        ends = [left for since in held if (left := since + self.goal.stable_for - now) > 0]
        next_look = min([self.goal.poll_interval, *ends])
        return min(max(next_look, pause), max(self.goal.limit[0] - now, 0.0))

    def _next_time_that_matters(self) -> float:
        """Until then, looks that show what the last one showed need not be taken in."""
        if any(w.verdict is Verdict.WAITING and (w.has_memory or w.status is None) for w in self._waits.values()):
            return -math.inf
        return self.goal.limit[0] - self.goal.poll_interval

    def _new_progress(self) -> list[str]:
        """For many campaigns: how many stand how, where that changed."""
        if len(self._waits) == 1:
            return []
        progress = self.result().progress
        changed, self._progress = progress != self._progress, progress
        return [f"{progress}."] if changed else []

    def _report(self, now: float) -> list[str]:
        if now < self.next_report:
            return []
        self.next_report = now + REPORT_INTERVAL
        of = "" if self.goal.timeout is None else f" of {span(self.goal.timeout)}"
        waited = f"{span(now - self._started)}{of}"
        return [f"Still waiting for {self.goal.target_names} after {waited}: {self.result().state}."]


@dataclass(frozen=True)
class WaitResult:
    """
    How a wait stands, or how it ended.

    :param goal: what was waited for.
    :param campaigns: how it stands with each campaign.
    """

    goal: Goal
    campaigns: tuple[CampaignOutcome, ...]

    def as_json(self) -> list[dict[str, Any]]:
        """The campaigns for an event or an XCom."""
        return [outcome.as_json() for outcome in self.campaigns]

    @classmethod
    def from_json(cls, goal: Goal, campaign_ids: Iterable[str], document: object) -> Self:
        """
        Read what `as_json` wrote, and believe nothing that this wait could not have found.

        :param goal: what was waited for.
        :param campaign_ids: the campaigns that were waited for.
        :param document: the event's list of campaigns.
        :raises ValueError: if it is of other campaigns, undecided, or takes for reached what is not.
        """
        if not isinstance(document, list):
            raise ValueError("it carries no list of campaigns")
        outcomes = tuple(CampaignOutcome.from_json(entry) for entry in document)
        if sorted(outcome.campaign_id for outcome in outcomes) != sorted({c.lower() for c in campaign_ids}):
            raise ValueError("it is about other campaigns")
        for outcome in outcomes:
            if outcome.verdict is Verdict.REACHED and outcome.status not in goal.arrived_statuses:
                raise ValueError(f"it takes {outcome.status_name} for {goal.target_names}")
        result = cls(goal, outcomes)
        if result.verdict is Verdict.WAITING:
            raise ValueError("it is undecided")
        return result

    @property
    def verdict(self) -> Verdict:
        """The one that speaks for all: the gravest, or REACHED where all campaigns arrived."""
        found = {outcome.verdict for outcome in self.campaigns}
        return next(verdict for verdict in _GRAVEST_FIRST if verdict in found)

    @property
    def xcom(self) -> Any:
        """What a task returns: the campaign, or of several how many stand how, and each of them."""
        campaigns = self.as_json()
        if len(campaigns) == 1:
            return campaigns[0]
        return {"verdict": self.verdict.value, "progress": self.progress, "campaigns": campaigns}

    @property
    def progress(self) -> str:
        """How many campaigns stand how: ``812 of 1,000 Active, 3 stopped, 185 waiting``."""
        counts = Counter(outcome.verdict for outcome in self.campaigns)
        reached = f"{counts.pop(Verdict.REACHED, 0):,} of {len(self.campaigns):,} {self.goal.target_names}"
        others = [f"{counts[v]:,} {v.value.replace('_', ' ')}" for v in _GRAVEST_FIRST if counts[v]]
        return ", ".join([reached, *others])

    @property
    def state(self) -> str:
        """How it stands, as a clause."""
        if len(self.campaigns) > 1:
            return self.progress
        outcome = self.campaigns[0]
        hint = {
            CampaignStatus.DRAFT: ", so nobody has launched it yet",
            CampaignStatus.PAUSED: ", so somebody has to resume it",
        }
        status = outcome.status_name if outcome.status is None else CampaignStatus(outcome.status).label
        suffix = "" if outcome.status is None else hint.get(CampaignStatus(outcome.status), "")
        return f"campaign {outcome.title} is {status}{suffix}"

    @property
    def message(self) -> str:
        """What happened, what became of the campaigns, and what to do next. Empty while nothing has failed."""
        if self.verdict in (Verdict.REACHED, Verdict.WAITING):
            return ""
        if len(self.campaigns) == 1:
            return self._describe(self.campaigns[0])
        failed = [outcome for outcome in self.campaigns if outcome.verdict is not Verdict.REACHED]
        failed.sort(key=lambda outcome: _GRAVEST_FIRST.index(outcome.verdict))
        lines = [f"- {self._describe(outcome)}" for outcome in failed[:_CAMPAIGNS_IN_A_MESSAGE]]
        if len(failed) > len(lines):
            lines.append(f"- and {len(failed) - len(lines):,} more; the task's XCom lists every campaign.")
        return "\n".join([f"{self.progress}.", *lines])

    def _describe(self, outcome: CampaignOutcome) -> str:
        target = self.goal.target_names
        because = f" Instantly says: {_sentence(outcome.reason)}" if outcome.reason else ""
        match outcome.verdict:
            case Verdict.STOPPED:
                return (
                    f"Campaign {outcome.title} is {outcome.status_name}, so it will not become {target}.{because} "
                    "It was left as it is. Mend the cause in Instantly and resume the campaign there."
                )
            case Verdict.LOST:
                return f"The wait for campaign {outcome.title} cannot go on: {outcome.reason}"
            case Verdict.UNANSWERED:
                seen = "never seen" if outcome.status is None else f"last seen {outcome.status_name}"
                return (
                    f"Nothing was heard of campaign {outcome.title} for {span(self.goal.failure_budget or 0)}: "
                    f"{outcome.reason} It was {seen} and was left as it is; another try waits again."
                )
            case Verdict.TIMED_OUT:
                after = "in time" if self.goal.timeout is None else f"within {span(self.goal.timeout)}"
                return f"{self._not_yet(outcome, after)} Look at it in Instantly, or wait longer."
            case Verdict.OVERDUE:
                return f"{self._not_yet(outcome, 'within execution_timeout')} Another try waits again."
            case _:
                return f"Campaign {outcome.title} is {outcome.status_name}."

    def _not_yet(self, outcome: CampaignOutcome, after: str) -> str:
        held = f" for {span(self.goal.stable_for)}" if self.goal.stable_for else ""
        stands = "it was never seen" if outcome.status is None else f"it is {outcome.status_name}"
        unheard = f" The last look failed: {outcome.reason}" if outcome.reason else ""
        wanted = f"{self.goal.target_names}{held}"
        return f"Campaign {outcome.title} was not {wanted} {after}: {stands}.{unheard} It was left as it is."


def span(seconds: float) -> str:
    """
    A length of time as a person says it: ``45 s``, ``12 min``, ``3 h 5 min``.

    :param seconds: the length.
    """
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"


def _but_not_sending(reason: NotSendingStatus | None) -> str:
    return "" if reason is None else f", but is not sending because {reason.explanation}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
