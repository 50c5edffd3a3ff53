"""
A change at Instantly: read first, sent, and read back until it shows: where its answer was lost, and where asked to.

Instantly knows no idempotency keys, so a change is never repeated blindly: only a read tells whether it took effect.
What proves that is the caller's to say. `carry_out` runs a change in a task, `acarry_out` in an event loop.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from airflow_provider_instantly.api.driver import adrive, drive
from airflow_provider_instantly.api.errors import AmbiguousOutcomeError, InstantlyError, OutdatedReadError
from airflow_provider_instantly.api.exchange import may_repeat
from airflow_provider_instantly.api.protocol import good
from airflow_provider_instantly.api.retry import Retries, TimeBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from airflow_provider_instantly.api.protocol import Request

    #: Seconds to let pass, or a call, whose value or `InstantlyError` is sent back.
    _Step = float | Callable[[], Any]

#: Seconds before each of the reads that find out what became of a change whose answer was lost.
READ_BACK_PAUSES: Final = (1.0, 2.0, 4.0)
#: How often a change is sent, where the reads after each lost answer show that it had no effect.
MAX_SENDS: Final = 3
#: How often a change is read and decided again, where its read was too old when it was about to leave.
MAX_OUTDATED: Final = 3

Answer = TypeVar("Answer")
State = TypeVar("State")


class Effect(StrEnum):
    """What a state that was read after a change was sent proves of that change."""

    #: It took effect.
    SHOWN = "shown"
    #: Nothing has changed. If that lasts, the change had no effect and may be sent again.
    ABSENT = "absent"
    #: Neither. The change may have had its effect, or may still come to show.
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Unneeded(Generic[State]):
    """Nothing was sent, because the state asks for no change."""

    state: State


@dataclass(frozen=True)
class Answered(Generic[Answer, State]):
    """
    The change was sent, and this is the answer.

    :param answer: it describes what was asked for, and not always what came of it.
    :param state: the state that was read last since, or None where none was.
    """

    answer: Answer
    state: State | None = None


@dataclass(frozen=True)
class Shown(Generic[State]):
    """The answer was lost, and this state proves that the change took effect."""

    state: State


@dataclass(frozen=True)
class Unconfirmed(Generic[State]):
    """
    The answer was lost, and no state that was read since proves that the change took effect.

    :param lost: what became of the answer.
    :param effect: what the states since prove: ABSENT, where all of them do, or UNCLEAR.
    :param state: the state that was read last, or None where none could be read.
    :param error: what kept us from reading it, or refused to be sent again, or None.
    """

    lost: AmbiguousOutcomeError
    effect: Effect
    state: State | None = None
    error: InstantlyError | None = None


@dataclass(frozen=True, kw_only=True)
class Change(Generic[Answer, State]):
    """
    A change, and what has to be known to send it safely.

    For `acarry_out`, what asks over a wire is a coroutine function.

    :param name: the change as a noun, for the log.
    :param request: the request that is sent.
    :param send: sends the request once, without retries, and returns its answer. With an `OutdatedReadError` it asks to
        read again, at once and `MAX_OUTDATED` times at most.
    :param read: reads the state that the change is about.
    :param read_before: reads the state before the change is sent, or returns None to send it unseen; else `read` does.
    :param is_needed: whether the state asks for the change. It may raise, to refuse the change.
    :param before_send: is called with that state and None right before the change is sent, and with what is known since
        a lost answer right before it is sent again. It may raise, to send it no more.
    :param proof: what a state proves, given the one before (None: unseen) and one that was read after a lost answer.
    :param note: writes a line to the log.
    :param note_retry: is called with the seconds of each pause before the change is tried again, and with the error.
    :param subject: what the change is about as a noun, for the log.
    :param max_retries: how often a change that certainly had no effect is put off, read again, and sent again; see
        `Retries`.
    :param budget: the time of all requests of its caller; see `Retries`.
    :param max_sends: how often a change is sent, where lost answers turn out to have been without effect.
    :param read_pauses: seconds before each read after a lost answer.
    :param confirm_pauses: seconds before each read after an answer, until one shows the effect; none are made by
        default.
    """

    name: str
    request: Request
    send: Callable[[], Any]
    read: Callable[[], Any]
    is_needed: Callable[[State | None], Any]
    proof: Callable[[State | None, State], Effect]
    note: Callable[[str], Any]
    max_retries: int
    subject: str = "campaign"
    read_before: Callable[[], Any] | None = None
    before_send: Callable[[State | None, Unconfirmed[State] | None], Any] = lambda _before, _doubt: None
    note_retry: Callable[[float, InstantlyError], Any] = lambda _seconds, _because: None
    budget: TimeBudget = field(default_factory=TimeBudget)
    max_sends: int = MAX_SENDS
    read_pauses: tuple[float, ...] = READ_BACK_PAUSES
    confirm_pauses: tuple[float, ...] = ()


Outcome = Unneeded[State] | Answered[Answer, State] | Shown[State] | Unconfirmed[State]


def carry_out(change: Change[Answer, State]) -> Outcome[State, Answer]:
    """
    Carry a change out, in a task.

    :param change: the change.
    :raises InstantlyError: if the state could not be read before anything was sent, or if what was sent was refused;
        the change certainly had no effect then.
    """
    return drive(_steps(change), _take)


async def acarry_out(change: Change[Answer, State]) -> Outcome[State, Answer]:
    """Async twin of `carry_out`."""
    return await adrive(_steps(change), _atake)


def _take(step: _Step) -> Any:
    if isinstance(step, float):
        return time.sleep(step)
    try:
        return step()
    except InstantlyError as error:
        return error


async def _atake(step: _Step) -> Any:
    if isinstance(step, float):
        return await asyncio.sleep(step)
    try:
        reaction = step()
        return await reaction if inspect.isawaitable(reaction) else reaction
    except InstantlyError as error:
        return error


def _steps(change: Change[Answer, State]) -> Generator[_Step, Any, Outcome[State, Answer]]:
    retries, was_key_replaced, outdated = Retries(change.max_retries, budget=change.budget), False, _Outdated()
    while True:
        before = good((yield change.read_before or change.read))
        if not good((yield partial(change.is_needed, before))):
            return Unneeded(before)
        outcome = yield from _send(change, before, outdated)
        if not isinstance(outcome, InstantlyError):
            return outcome
        if isinstance(outcome, OutdatedReadError):
            if not outdated.may_read_again:
                raise outcome
            outdated.count()
            yield partial(change.note, outdated.line(change, outcome))
            continue
        if outcome.key_was_replaced and not was_key_replaced:
            # There is nothing to wait for, but to look the key up took time, and it may be that of another workspace.
            yield partial(change.note, f"The API key was replaced, so the {change.name} is tried again: {outcome}")
            was_key_replaced = True
            continue
        pause = (
            retries.pause_after(outcome, random.random())  # noqa: S311 - it spreads requests
            if may_repeat(change.request, outcome)
            else None
        )
        if pause is None:
            raise outcome
        # In the pause, which may be minutes, the state may change: it is read again.
        yield partial(change.note, f"The {change.name} was put off, so it is tried again: {outcome}")
        yield partial(change.note_retry, pause, outcome)
        yield pause


@dataclass
class _Outdated:
    """How often a change was not sent because its read was too old."""

    times: int = 0

    @property
    def may_read_again(self) -> bool:
        return self.times < MAX_OUTDATED

    def count(self) -> None:
        self.times += 1

    def line(self, change: Change[Any, Any], error: OutdatedReadError) -> str:
        return f"The {change.name} was not sent, so the {change.subject} is read again: {error}"


def _send(
    change: Change[Answer, State], before: State | None, outdated: _Outdated
) -> Generator[_Step, Any, Answered[Answer, State] | Shown[State] | Unconfirmed[State] | InstantlyError]:
    """Send until it is answered or shows. An error is returned where the change certainly had no effect."""
    doubt: Unconfirmed[State] | None = None
    sent = 0
    while doubt is None or sent < change.max_sends:
        good((yield partial(change.before_send, before, doubt)))
        reaction = yield change.send
        if isinstance(reaction, OutdatedReadError) and doubt is not None and outdated.may_read_again:
            outdated.count()
            yield partial(change.note, outdated.line(change, reaction))
            found = yield from _read_back(change, before, doubt.lost, pauses=(0.0,))
            if isinstance(found, Shown) or found.effect is not Effect.ABSENT:
                return found
            doubt = found
            continue
        sent += 1
        if not isinstance(reaction, InstantlyError):
            return (yield from _confirm(change, before, reaction))
        if not isinstance(reaction, AmbiguousOutcomeError):
            return reaction if doubt is None else Unconfirmed(doubt.lost, Effect.UNCLEAR, doubt.state, reaction)
        lost = f"The answer to the {change.name} was lost, so the {change.subject} is read again: {reaction}"
        yield partial(change.note, lost)
        found = yield from _read_back(change, before, reaction)
        if isinstance(found, Shown) or found.effect is not Effect.ABSENT:
            return found
        doubt = found
    return doubt


def _confirm(
    change: Change[Answer, State], before: State | None, answer: Answer
) -> Generator[_Step, Any, Answered[Answer, State]]:
    """Read until the change shows: a read may lag behind the answer."""
    state = None
    for pause in change.confirm_pauses:
        if pause > max(change.budget.left, 0.0):
            break
        change.budget.spend(pause)
        yield pause
        found = yield change.read
        if isinstance(found, InstantlyError):
            yield partial(change.note, f"The {change.name} was answered, but could not be confirmed by a read: {found}")
            break
        state = found
        if change.proof(before, found) is Effect.SHOWN:
            break
    return Answered(answer, state)


def _read_back(
    change: Change[Answer, State],
    before: State | None,
    lost: AmbiguousOutcomeError,
    *,
    pauses: tuple[float, ...] | None = None,
) -> Generator[_Step, Any, Shown[State] | Unconfirmed[State]]:
    """Read until the change shows. That it had no effect is believed only where all reads say so."""
    effect, state = Effect.ABSENT, None
    for pause in change.read_pauses if pauses is None else pauses:
        yield pause
        state = yield change.read
        if isinstance(state, InstantlyError):
            return Unconfirmed(lost, Effect.UNCLEAR, error=state)
        proven = change.proof(before, state)
        if proven is Effect.SHOWN:
            return Shown(state)
        if proven is Effect.UNCLEAR:
            effect = Effect.UNCLEAR
    return Unconfirmed(lost, effect, state)
