"""How a wait stands, or how it ended: for events, XComs, and the messages of errors."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_instantly.api.campaign import CampaignStatus, about, instantly_says, is_campaign_id
from airflow_provider_instantly.waits.goal import END_OF_TIME, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_instantly.waits.goal import Goal

#: How many campaigns one error message describes; the XCom and the event list them all.
_CAMPAIGNS_IN_A_MESSAGE: Final = 20
#: No moment is shown that lies beyond.
_LAST_MOMENT: Final = END_OF_TIME - 1.0

#: Which verdict speaks for a wait of many campaigns that ended in several ways: the first of these.
_GRAVEST_FIRST: Final = (
    Verdict.STOPPED,
    Verdict.UNREADABLE,
    Verdict.UNANSWERED,
    Verdict.EXECUTION_TIMEOUT,
    Verdict.TIMED_OUT,
    Verdict.WAITING,
    Verdict.REACHED,
)


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
        :raises ValueError: if it is of other campaigns, undecided, or counts as reached what is not.
        """
        if not isinstance(document, list):
            raise ValueError("it carries no list of campaigns")
        outcomes = tuple(CampaignOutcome.from_json(entry) for entry in document)
        if sorted(outcome.campaign_id for outcome in outcomes) != sorted({c.lower() for c in campaign_ids}):
            raise ValueError("it is about other campaigns")
        for outcome in outcomes:
            if outcome.verdict is Verdict.REACHED and outcome.status not in goal.arrived_statuses:
                raise ValueError(f"it counts {outcome.status_name} as {goal.target_names}")
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
    def announced(self) -> list[dict[str, Any]]:
        """What asset events say of each campaign."""
        return [
            {"campaign_id": each.campaign_id, "status": each.status, "status_name": each.status_name}
            for each in self.campaigns
        ]

    @property
    def progress(self) -> str:
        """How many campaigns stand how: ``812 of 1,000 Active, 3 stopped, 185 waiting``."""
        counts = Counter(outcome.verdict for outcome in self.campaigns)
        reached = f"{counts.pop(Verdict.REACHED, 0):,} of {len(self.campaigns):,} {self.goal.target_names}"
        others = [f"{counts[v]:,} {v.value.replace('_', ' ')}" for v in _GRAVEST_FIRST if counts[v]]
        return ", ".join([reached, *others])

    @property
    def is_of_many(self) -> bool:
        """Whether it is of more than one campaign."""
        return len(self.campaigns) > 1

    @property
    def _only(self) -> CampaignOutcome:
        return self.campaigns[0]

    @property
    def state(self) -> str:
        """How it stands, as a clause."""
        if self.is_of_many:
            return self.progress
        outcome = self._only
        hint = {
            CampaignStatus.DRAFT: ", so it has not been launched yet",
            CampaignStatus.PAUSED: ", so a person has to resume it",
        }
        suffix = "" if outcome.status is None else hint.get(CampaignStatus(outcome.status), "")
        return f"the campaign is {outcome.status_name}{suffix}"

    @property
    def about(self) -> str:
        """Which campaign it is, for the end of a line; empty where there are several."""
        return "" if self.is_of_many else f" {about(self._only.title)}"

    @property
    def ending(self) -> str:
        """How it ended, as the last line of a log."""
        if self.verdict is Verdict.REACHED:
            return f"Done: {self.state}.{self.about}"
        what = self.progress if self.is_of_many else self._describe(self._only)[0].rstrip(".")
        return f"The wait ended. {what}.{self.about}"

    @property
    def message(self) -> str:
        """What happened, what became of the campaigns, and what to do next. Empty while nothing has failed."""
        return ("\n" if self.is_of_many else " ").join(self.sentences)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The message in parts that are lines of a log: its sentences, or of several campaigns what became of each."""
        if self.verdict in (Verdict.REACHED, Verdict.WAITING):
            return ()
        if not self.is_of_many:
            return (*self._describe(self._only), about(self._only.title))
        failed = [outcome for outcome in self.campaigns if outcome.verdict is not Verdict.REACHED]
        failed.sort(key=lambda outcome: _GRAVEST_FIRST.index(outcome.verdict))
        lines = [f"- {self._line(outcome)}" for outcome in failed[:_CAMPAIGNS_IN_A_MESSAGE]]
        if len(failed) > len(lines):
            lines.append(f"- and {len(failed) - len(lines):,} more; the task's XCom lists every campaign.")
        return (f"{self.progress}.", *lines)

    def _line(self, outcome: CampaignOutcome) -> str:
        # Airflow's page cuts a line at its margin. In a list, which campaign it is has to be seen before that, and so
        # before an error, which is long.
        what, *more = self._describe(outcome, errors_apart=True)
        return " ".join((what, about(outcome.title), *more))

    def _describe(self, outcome: CampaignOutcome, *, errors_apart: bool = False) -> tuple[str, ...]:
        """
        What happened to one campaign, why, what became of it, and what to do next: a sentence for each.

        :param errors_apart: whether an error has a sentence of its own.
        """
        target = self.goal.target_names
        match outcome.verdict:
            case Verdict.STOPPED:
                return (
                    f"The campaign is {outcome.status_name}, so it will not become {target}.",
                    *instantly_says(outcome.reason),
                    "It was left as it is.",
                    "Fix the cause in Instantly and resume the campaign there.",
                )
            case Verdict.UNREADABLE:
                return _with_error("The wait cannot go on:", outcome.reason, apart=errors_apart)
            case Verdict.UNANSWERED:
                seen = "never seen" if outcome.status is None else f"last seen {outcome.status_name}"
                silence = f"Nothing was heard of the campaign for {span(self.goal.failure_budget or 0)}:"
                return (
                    *_with_error(silence, outcome.reason, apart=errors_apart),
                    f"It was {seen} and was left as it is; another try waits again.",
                )
            case Verdict.TIMED_OUT:
                after = "in time" if self.goal.timeout is None else f"within {span(self.goal.timeout)}"
                return (*self._not_yet(outcome, after), "Check it in Instantly, or wait longer.")
            case Verdict.EXECUTION_TIMEOUT:
                return (*self._not_yet(outcome, "within execution_timeout"), "Another try waits again.")
            case _:
                return (f"The campaign is {outcome.status_name}.",)

    def _not_yet(self, outcome: CampaignOutcome, after: str) -> tuple[str, ...]:
        held = f" for {span(self.goal.stable_for)}" if self.goal.stable_for else ""
        stands = "it was never seen" if outcome.status is None else f"it is {outcome.status_name}"
        unheard = (f"The last poll failed: {outcome.reason}",) if outcome.reason else ()
        wanted = f"{self.goal.target_names}{held}"
        return (f"The campaign was not {wanted} {after}: {stands}.", *unheard, "It was left as it is.")


def _with_error(what: str, error: str, *, apart: bool) -> tuple[str, ...]:
    """What ends with a colon, and the error that follows it: as a sentence, or as two."""
    return (f"{what.removesuffix(':')}.", error) if apart else (f"{what} {error}",)


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


def share(part: float, whole: float) -> str:
    """
    How much of a length of time has passed, as a person says it: ``5 of 15 min``, ``45 s of 15 min``.

    :param part: seconds that have passed.
    :param whole: all seconds.
    """
    passed, total = span(part), span(whole)
    number, _, unit = passed.partition(" ")
    return f"{number} of {total}" if unit.isalpha() and total.partition(" ")[2] == unit else f"{passed} of {total}"


def moment(at: float, now: float) -> str:
    """
    When something will be, as a person says it: ``18:45 UTC``, with the date where that is not today.

    :param at: the moment, in seconds since the epoch.
    :param now: the present moment. What is less than two minutes away has its second.
    """
    then, today = (datetime.fromtimestamp(min(max(each, 0.0), _LAST_MOMENT), UTC) for each in (at, now))
    date = "" if then.date() == today.date() else "%Y-%m-%d "
    return then.strftime(f"{date}%H:%M:%S UTC" if at - now < 120 else f"{date}%H:%M UTC")
