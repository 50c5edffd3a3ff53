"""A wait driven through time, and a hook that answers from a script: what the tests of waits share."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus, NotSendingStatus, SendingStatus
from airflow_provider_instantly.api.driver import drive
from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    ConnectionLookupError,
    InstantlyAuthenticationError,
    InstantlyBadRequestError,
    InstantlyConfigurationError,
    InstantlyConnectionError,
    InstantlyNotFoundError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.observability.metrics import Metrics
from airflow_provider_instantly.waits import worker
from airflow_provider_instantly.waits.goal import Goal, Verdict
from airflow_provider_instantly.waits.machine import Decision, Wait
from airflow_provider_instantly.waits.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_instantly.api.bulk import Seen
    from airflow_provider_instantly.api.protocol import Conversation, Request
    from airflow_provider_instantly.waits.result import WaitResult

T = TypeVar("T")


IDS = [str(uuid.UUID(int=(0xABCDEF << 64) + number, version=4)) for number in range(1, 30)]
ONE = IDS[0]
START = 1_780_000_000.0

TRANSIENT = [
    InstantlyServerError("503"),
    InstantlyConnectionError("broken"),
    InstantlyRateLimitError("429", retry_after=7.0),
    InstantlyRateLimitError("429"),
    InstantlyUnexpectedAnswerError("HTML"),
    ConnectionLookupError("no database"),
]
FATAL = [
    InstantlyAuthenticationError("401"),
    InstantlyPaymentRequiredError("402"),
    InstantlyPermissionError("403"),
    CampaignNotFoundError("404"),
    InstantlyConfigurationError("no key"),
    InstantlyBadRequestError("422"),
    InstantlyNotFoundError("404"),
]


def seen(status: int, campaign_id: str = ONE, not_sending: int | None = None, name: str = "N") -> Campaign:
    reason = None if not_sending is None else NotSendingStatus(not_sending)
    return Campaign(campaign_id, CampaignStatus(status), name, reason)


class Clock:
    """Drives a wait through time as a waiter would, and keeps what it said."""

    def __init__(self, goal: Goal, ids: list[str] | None = None) -> None:
        self.now = START
        self.wait = Wait(ids or [ONE], goal, now=START)
        self.info: list[str] = []
        self.warnings: list[str] = []
        self.decision = Decision(0.0)

    def poll(
        self, read: Mapping[str, Any] | Any, *, at: float | None = None, took: float = 0.0, jitter: float = 1.0
    ) -> Decision:
        """Advance the wait by a poll that begins after the delay, or at so many seconds after the start."""
        began = START + at if at is not None else self.now + (self.decision.delay or 0.0)
        self.now = began + took
        if not isinstance(read, dict):
            read = {ONE: seen(read) if isinstance(read, int) else read}
        self.decision = self.wait.advance(read, began=began, now=self.now, jitter=jitter)
        self.info += self.decision.info
        self.warnings += self.decision.warnings
        return self.decision

    @property
    def verdict(self) -> Verdict:
        return self.wait.result().verdict


def goal(**more: Any) -> Goal:
    return replace(Goal(poll_interval=60.0), **{name: _frozen(value) for name, value in more.items()})


def _frozen(value: Any) -> Any:
    return frozenset(value) if isinstance(value, set) else value


LOG = logging.getLogger("a_task")


class ScriptedHook:
    """
    Answers polls from a script, and keeps what it was asked.

    :param polls: for each poll, what is seen of every campaign: a status or an error; the last repeats.
    :param reason: the sending status, or the error that comes in its place.
    """

    def __init__(self, *polls: Any, reason: Any = None) -> None:
        self._polls = list(polls)
        self._reason = reason or SendingStatus("campaign_bounce_protect", "Too many bounces.")
        self.asked: list[list[str]] = []
        self.unlisted: list[str] = []
        self.requests = 0
        self.explained: list[str] = []
        self.metrics = Metrics("instantly_default")

    def drive(self, steps: Conversation[T]) -> T:
        poll = self._polls.pop(0) if len(self._polls) > 1 else self._polls[0]
        return drive(steps, lambda request: self.reply(request, poll))

    def reply(self, request: Request, poll: Any) -> Any:
        self.requests += 1
        if isinstance(poll, Exception):
            return poll
        if request.resource.id is not None:
            return self.document(request.resource.id, poll)
        return {"items": [self.document(campaign_id, poll) for campaign_id in IDS if campaign_id not in self.unlisted]}

    def document(self, campaign_id: str, poll: int) -> dict[str, Any]:
        return {"id": campaign_id, "status": poll}

    def get_sending_status(self, campaign_id: str) -> SendingStatus:
        self.explained.append(campaign_id)
        if isinstance(self._reason, Exception):
            raise self._reason
        status: SendingStatus = self._reason
        return status

    async def aget_sending_status(self, campaign_id: str) -> SendingStatus:
        return self.get_sending_status(campaign_id)


class StandingClock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_780_000_000.0
        self.slept: list[float] = []
        self.woken: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.woken.append(self.now)


def wait_for(hook: Any, clock: StandingClock, ids: list[str] | None = None, **goal: Any) -> WaitResult:
    class NotingReader(Reader):
        def read(self, campaign_ids: Iterable[str], *args: Any, **more: Any) -> Conversation[Seen]:
            hook.asked.append(list(campaign_ids))
            return super().read(campaign_ids, *args, **more)

    wait = Wait(ids or [ONE], Goal(**goal), now=clock())
    return worker.wait_on_worker(hook, NotingReader(), wait, clock, LOG)
