"""
How addresses and domains get onto the workspace's block list: in thousands, and again where an answer is lost.

To block twice does no harm, and nothing is ever taken off the list. So unlike an upload it needs no read.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    InstantlyBadRequestError,
    InstantlyRequestError,
)
from airflow_provider_instantly.api.lead import MAX_PER_REQUEST
from airflow_provider_instantly.api.retry import pause_before_retry
from airflow_provider_instantly.api.sending import before_leaving
from airflow_provider_instantly.clock import jitter
from airflow_provider_instantly.exceptions import TaskKilledError, failure
from airflow_provider_instantly.leads.progress import Progress
from airflow_provider_instantly.tasklog import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_instantly.api.lead import Blocked
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.leads.rows import LeadRow
    from airflow_provider_instantly.tasklog import TaskLog

#: How often a chunk is sent whose answers are lost.
MAX_SENDS: Final = 3


class Taken(NamedTuple):
    """
    What Instantly says it took of all values.

    :param refused: how many it says it did not take. If it did not always say, there may be more.
    :param is_known: whether each answer said how many it did not take.
    :param adds_up: whether each answer accounts for all values of its request, so that all others are blocked.
    """

    refused: int = 0
    is_known: bool = True
    adds_up: bool = True


def block_all(
    hook: InstantlyHook,
    rows: Iterable[LeadRow],
    total: int,
    *,
    is_killed: Callable[[], bool],
    log: TaskLog,
) -> Taken:
    """
    Block what all rows have.

    :param hook: a hook that retries what may be repeated.
    :param rows: rows of `Contacts`, each value once.
    :param total: how many they are.
    :param is_killed: whether the task is to end; asked before each request.
    :param log: the task's log.
    :raises TaskKilledError: if the task was killed between two requests, or before one left.
    :raises InstantlyError: if a request was refused or could not be sent, or its answers were lost three times. Its
        message says how many rows are blocked.
    """
    progress = Progress(total, log)
    taken = Taken()
    remaining = (row.lead["email"] for row in rows)
    values: list[str] = []
    #: Values in a request, at most. How large they may be is learnt once.
    most = MAX_PER_REQUEST

    def stop_if_killed() -> None:
        if is_killed():
            raise failure(TaskKilledError, "The task was killed.", *_so_far(progress, total))

    try:
        with before_leaving(stop_if_killed):
            while values or (values := list(islice(remaining, most))):
                stop_if_killed()
                part = values[:most]
                blocked = _block(hook, part, log)
                if blocked is None:
                    most = len(part) // 2
                    continue
                taken = _with(taken, blocked, len(part), log)
                progress.done(len(part))
                values = values[most:]
    except InstantlyRequestError as error:
        error.outcome = " ".join(_so_far(progress, total))
        raise
    except TaskKilledError:
        raise
    except BaseException:
        # Such as Airflow's timeout, or a connection that could not be looked up: they know nothing of the values.
        write(log, warnings=_so_far(progress, total))
        raise
    return taken


def _with(taken: Taken, blocked: Blocked, sent: int, log: TaskLog) -> Taken:
    """What is known with one more answer. What it counts is believed only as far as it can be true."""
    valid, invalid = blocked.valid, blocked.invalid
    if invalid is None or not 0 <= invalid <= sent:
        return Taken(taken.refused, is_known=False, adds_up=False)
    adds_up = valid is not None and valid + invalid == sent
    if not adds_up:
        log.warning("Instantly counts %s valid values and %s invalid ones in a request of %s.", valid, invalid, sent)
    return Taken(taken.refused + invalid, taken.is_known, taken.adds_up and adds_up)


def _block(hook: InstantlyHook, values: list[str], log: TaskLog) -> Blocked | None:
    """Block values in one request; None if it is too large, and can be made smaller."""
    try:
        return _sent(hook, values, log)
    except InstantlyBadRequestError as error:
        if error.status != 413 or len(values) == 1:
            raise
        log.warning("Instantly finds a request of %s values too large, so it is halved.", f"{len(values):,}")
        return None


def _sent(hook: InstantlyHook, values: list[str], log: TaskLog) -> Blocked:
    for sent in range(1, MAX_SENDS):
        try:
            return hook.block(values)
        except AmbiguousOutcomeError as error:
            log.warning("The answer was lost, so the same values are sent again, which does no harm: %s", error)
            time.sleep(pause_before_retry(error, sent, jitter()))
    return hook.block(values)


def _so_far(progress: Progress, total: int) -> tuple[str, ...]:
    return (
        f"{progress.rows:,} of {total:,} values were blocked before.",
        "Run it again: what is blocked stays so, and to block it twice does no harm.",
    )
