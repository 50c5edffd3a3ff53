"""
How addresses and domains get onto the workspace's block list: in thousands, and again where an answer is lost.

To block twice does no harm, and nothing is ever taken off the list. So unlike an upload it needs no read.
"""

from __future__ import annotations

import random
import time
from itertools import islice
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.errors import AmbiguousOutcomeError, InstantlyRequestError
from airflow_provider_instantly.api.retry import pause_before_retry
from airflow_provider_instantly.exceptions import TaskKilledError
from airflow_provider_instantly.leads.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_instantly.api.lead import Blocked
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.leads.rows import LeadRow
    from airflow_provider_instantly.tasklog import TaskLog

#: Values in one request, at most.
CHUNK: Final = 1000
#: How often a chunk is sent whose answers are lost.
MAX_SENDS: Final = 3


def block_all(
    hook: InstantlyHook,
    rows: Iterable[LeadRow],
    total: int,
    *,
    is_killed: Callable[[], bool],
    log: TaskLog,
) -> int | None:
    """
    Block what all rows have.

    :param hook: a hook that retries what may be repeated.
    :param rows: rows of `Contacts`, each value once.
    :param total: how many they are.
    :param is_killed: whether the task is to end; asked before each request.
    :param log: the task's log.
    :return: how many values Instantly did not take, or None if an answer did not say.
    :raises TaskKilledError: if the task was killed between two requests.
    :raises InstantlyError: if a request was refused or could not be sent, or its answers were lost three times. Its
        message says how many rows are blocked.
    """
    remaining = iter(rows)
    progress = Progress(total, log)
    refused: int | None = 0
    while chunk := list(islice(remaining, CHUNK)):
        if is_killed():
            raise TaskKilledError(f"The task was killed. {_so_far(progress, total)}")
        try:
            blocked = _block(hook, [row.lead["email"] for row in chunk], log)
        except InstantlyRequestError as error:
            error.outcome = _so_far(progress, total)
            raise
        refused = None if refused is None or blocked.invalid is None else refused + blocked.invalid
        progress.done(len(chunk))
    return refused


def _block(hook: InstantlyHook, values: list[str], log: TaskLog) -> Blocked:
    for sent in range(1, MAX_SENDS):
        try:
            return hook.block(values)
        except AmbiguousOutcomeError as error:
            log.warning("The answer was lost, so the same values are sent again, which does no harm: %s", error)
            time.sleep(pause_before_retry(error, sent, random.random()))  # noqa: S311 - it spreads requests
    return hook.block(values)


def _so_far(progress: Progress, total: int) -> str:
    return (
        f"{progress.rows:,} of {total:,} values were blocked before. Run it again: what is blocked stays so, and to "
        "block it twice does no harm."
    )
