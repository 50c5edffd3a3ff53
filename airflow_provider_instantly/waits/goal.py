"""What is waited for, and for how long: plain values, which are also the arguments of a trigger."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus
from airflow_provider_instantly.api.redaction import safe_text, shown_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Seconds without any answer after which a wait gives up; every answer starts them again.
DEFAULT_FAILURE_BUDGET: Final = 600.0
#: The end of the year 9999 in seconds since the epoch: no moment and no span of a wait lies beyond.
END_OF_TIME: Final = 253_402_300_800.0

#: Statuses that a campaign reaches only after the key's: a wait for the key may end then.
BEYOND: Final[Mapping[int, frozenset[int]]] = {
    CampaignStatus.ACTIVE: frozenset({CampaignStatus.RUNNING_SUBSEQUENCES, CampaignStatus.COMPLETED}),
    CampaignStatus.RUNNING_SUBSEQUENCES: frozenset({CampaignStatus.COMPLETED}),
}


class Verdict(StrEnum):
    """How a wait stands, or how it ended."""

    WAITING = "waiting"
    REACHED = "reached"
    STOPPED = "stopped"
    UNREADABLE = "unreadable"
    UNANSWERED = "unanswered"
    EXECUTION_TIMEOUT = "execution_timeout"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class Goal:
    """
    What is waited for, and for how long.

    :param target_statuses: a campaign in one of these, or beyond it, has arrived.
    :param failed_statuses: a campaign in one of these never will. A status in both sets is a target.
    :param stable_for: seconds for which the target must be seen to hold before it counts.
    :param poll_interval: seconds between two polls.
    :param deadline: when to stop waiting, in seconds since the epoch; None means never.
    :param timeout: the same as the span that the user gave, in seconds, for messages.
    :param execution_deadline: when the task's ``execution_timeout`` is used up, in seconds since the epoch; None
        means never.
    :param failure_budget: seconds without an answer after which to give up; None means never.
    :param fail_fast: whether the first campaign that fails ends the wait for all.
    """

    target_statuses: frozenset[int] = frozenset({CampaignStatus.ACTIVE})
    failed_statuses: frozenset[int] = frozenset(STOPPED_STATUSES)
    stable_for: float = 0.0
    poll_interval: float = 60.0
    deadline: float | None = None
    timeout: float | None = None
    execution_deadline: float | None = None
    failure_budget: float | None = DEFAULT_FAILURE_BUDGET
    fail_fast: bool = True

    @property
    def arrived_statuses(self) -> frozenset[int]:
        """The targets and what lies beyond them, without what counts as failed."""
        beyond = frozenset[int]().union(*(BEYOND.get(status, frozenset()) for status in self.target_statuses))
        return self.target_statuses | (beyond - self.failed_statuses)

    @property
    def is_decided_by_drafts(self) -> bool:
        """Whether a Draft has arrived or failed: it does not do then that a campaign was one before."""
        return CampaignStatus.DRAFT in self.arrived_statuses | self.failed_statuses

    @property
    def limit(self) -> tuple[float, Verdict]:
        """When the wait ends undecided, in seconds since the epoch, and what that is called."""
        return min(
            (math.inf if self.deadline is None else self.deadline, Verdict.TIMED_OUT),
            (math.inf if self.execution_deadline is None else self.execution_deadline, Verdict.EXECUTION_TIMEOUT),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the goal as plain values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in values.items()}

    def as_arguments(self) -> dict[str, Any]:
        """
        Return `as_json` without what is the default, as arguments of a trigger.

        So a trigger's row stays short, and a release that knows fewer fields can go on with it.
        """
        return {name: value for name, value in self.as_json().items() if value != _DEFAULTS[name]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """
        Read what `as_json` wrote, or what a person gave for it: any collection of statuses, any number of seconds.

        :param document: field names and values; a field that is missing has its default.
        :raises ValueError: if there is a field that this release does not know, or a value that is none of the
            field's. The text is one sentence.
        """
        read = {field.name: _READ[str(field.type)] for field in fields(cls)}
        for name in document:
            if name not in read:
                raise ValueError(f"A wait has no {safe_text(name)}.")
        goal = cls(**{name: read[name](name, value) for name, value in document.items()})
        if not goal.target_statuses:
            raise ValueError("target_statuses must name at least one status of a campaign.")
        return goal

    @property
    def target_names(self) -> str:
        """The targets as a person reads them."""
        return " or ".join(CampaignStatus(status).label for status in sorted(self.target_statuses))


_DEFAULTS: Final = Goal().as_json()


def _statuses(name: str, value: object) -> frozenset[int]:
    members = list(value) if isinstance(value, Collection) and not isinstance(value, str | bytes) else [None]
    numbers = [member for member in members if isinstance(member, int) and not isinstance(member, bool)]
    if len(numbers) < len(members):
        raise ValueError(f"{name} must be statuses of a campaign, not {_shown(value)}.")
    unknown = [number for number in numbers if not CampaignStatus(number).is_known]
    if unknown:
        raise ValueError(f"{name} has {_shown(unknown[0])}, which this release knows as no status of a campaign.")
    return frozenset(int(number) for number in numbers)


def _seconds(name: str, value: object) -> float:
    # JSON may have what is not a number, and no end.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < END_OF_TIME:
        raise ValueError(f"{name} must be a number of seconds, not {_shown(value)}.")
    return float(value)


def _seconds_or_none(name: str, value: object) -> float | None:
    return None if value is None else _seconds(name, value)


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {_shown(value)}.")
    return value


def _shown(value: object) -> str:
    return shown_value(value, limit=80)


#: How a field of each type is read.
_READ: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "frozenset[int]": _statuses,
    "float": _seconds,
    "float | None": _seconds_or_none,
    "bool": _switch,
}
