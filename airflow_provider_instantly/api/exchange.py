"""
How a request is carried through its retries: no I/O, no sleeping.

Both transports drive `exchange`, so that what is repeated is decided here alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_instantly.api.answers import Answer, read_answer
from airflow_provider_instantly.api.errors import AmbiguousOutcomeError, InstantlyError, InstantlyRequestError
from airflow_provider_instantly.api.protocol import Request
from airflow_provider_instantly.api.retry import Retries, TimeBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from airflow_provider_instantly.api.protocol import Document


@dataclass(frozen=True)
class Pause:
    """A step of an exchange: let this many seconds pass."""

    seconds: float
    because: InstantlyRequestError


Step = Request | Pause
Reaction = Answer | InstantlyRequestError | None


def exchange(
    request: Request,
    *,
    max_retries: int,
    budget: TimeBudget | None = None,
    api_key: str = "",
    jitter: Callable[[], float] = random.random,
) -> Generator[Step, Reaction, Document]:
    """
    Carry a request through its retries; a transport sends what it yields and hands in what came back.

    It yields the request, and wants an `Answer`, or the error where none came. It yields a `Pause`, and wants None.
    What it returns is what the request expects.

    :param request: what to ask.
    :param max_retries: how often it may be sent again, where that is safe; see `Retries`. A read that met a kept
        connection which the server had closed is sent again at once, but once only: that counts as one of these, and is
        allowed at 0 too.
    :param budget: the time of all requests of its caller; see `Retries`. By default there is no end of it.
    :param api_key: the key, so that it can be struck out of what the server echoes.
    :param jitter: a number from 0 to 1 for each pause.
    :raises InstantlyRequestError: the last error, where no try succeeded or none was allowed;
        `AmbiguousOutcomeError` where a change may or may not have taken effect.
    """
    retries, was_stale = Retries(max_retries, budget=budget or TimeBudget()), False
    while True:
        reaction = yield request
        try:
            if isinstance(reaction, InstantlyRequestError):
                raise reaction
            if reaction is None:
                raise TypeError("an exchange that sent a request was handed neither an answer nor an error")
            return read_answer(request, reaction, api_key=api_key)
        except InstantlyRequestError as error:
            if request.only_reads and error.on_stale_connection and not was_stale:
                # There is nothing to wait for.
                was_stale = True
                retries.count()
                continue
            pause = retries.pause_after(error, jitter()) if may_repeat(request, error) else None
            if pause is None:
                outcome = _as_outcome(request, error)
                raise outcome from outcome.__cause__
            yield Pause(pause, because=error)


def may_repeat(request: Request, error: InstantlyError) -> bool:
    """
    Whether sending the request again is safe and has a chance.

    :param request: what was sent, or was meant to be.
    :param error: why it gave nothing.
    """
    return error.may_pass and (request.only_reads or error.proves_no_effect)


def _as_outcome(request: Request, error: InstantlyRequestError) -> InstantlyRequestError:
    """A read's error stands for itself. A change's may hide that the change took effect."""
    if request.only_reads or error.proves_no_effect:
        return error
    ambiguous = AmbiguousOutcomeError(
        f"The request was sent, but it is not known whether it took effect: {error.what}",
        advice=f"Check the {request.resource.noun} in Instantly before you repeat it. {error.advice}".rstrip(),
        method=error.method,
        path=error.path,
        status=error.status,
        server_message=error.server_message,
        excerpt=error.excerpt,
    )
    ambiguous.outcome = "It was not repeated."
    ambiguous.__cause__ = error
    return ambiguous
