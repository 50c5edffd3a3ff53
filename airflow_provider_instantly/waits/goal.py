"""What is waited for, and for how long: plain values, which are also the arguments of a trigger."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds without any answer after which a wait gives up; every answer starts them anew.
DEFAULT_FAILURE_BUDGET: Final = 600.0


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
    :param poll_interval: seconds between two looks.
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
    def limit(self) -> tuple[float, Verdict]:
        """When the wait ends undecided, in seconds since the epoch, and what that is called."""
        return min(
            (math.inf if self.deadline is None else self.deadline, Verdict.TIMED_OUT),
            (math.inf if self.execution_deadline is None else self.execution_deadline, Verdict.EXECUTION_TIMEOUT),
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
            "execution_deadline": self.execution_deadline,
            "failure_budget": self.failure_budget,
            "fail_fast": self.fail_fast,
        }

    @property
    def target_names(self) -> str:
        """The targets as a person reads them."""
        return " or ".join(CampaignStatus(status).label for status in sorted(self.target_statuses))
