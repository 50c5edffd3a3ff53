"""The wait on a worker: the loop that sensor and operator share around the state machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_instantly.clock import jitter
from airflow_provider_instantly.tasklog import write
from airflow_provider_instantly.waits.ending import explain

if TYPE_CHECKING:
    from airflow_provider_instantly.api.bulk import Seen
    from airflow_provider_instantly.api.protocol import Conversation
    from airflow_provider_instantly.clock import Clock
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.tasklog import TaskLog
    from airflow_provider_instantly.waits.machine import Decision, Wait
    from airflow_provider_instantly.waits.reader import Reader
    from airflow_provider_instantly.waits.result import WaitResult

T = TypeVar("T")


def poll(hook: InstantlyHook, reader: Reader, wait: Wait, clock: Clock, log: TaskLog) -> Decision:
    """
    Read the campaigns that are waited for, once, and take the decision.

    Where the wait's time is up before all are read, it decides by what was read until then.

    :param hook: a hook that does not retry by itself: pausing after errors is the wait's business.
    :param reader: the wait's own, the same for each of its polls.
    :param wait: the wait so far.
    :param clock: see `steady_clock`.
    :param log: the task's log.
    """
    seen: Seen = {}
    began = clock()
    hook.drive(_until(wait.gives_up(began), clock, reader.read(wait.pending, seen, decisive=wait.decisive)))
    decision = wait.advance(seen, began=began, now=clock(), jitter=jitter())
    hook.metrics.note_poll(seen)
    hook.metrics.note_errors(decision.delay or 0.0, seen.values())
    write(log, info=decision.info, warnings=decision.warnings)
    if decision.delay is None:
        explain(hook, wait, log)
    else:
        hook.metrics.flush_if_due(decision.delay)
    return decision


def wait_on_worker(hook: InstantlyHook, reader: Reader, wait: Wait, clock: Clock, log: TaskLog) -> WaitResult:
    """
    Wait to the end, sleeping in between.

    :param hook: see `poll`.
    :param reader: see `poll`.
    :param wait: the wait so far.
    :param clock: see `steady_clock`.
    :param log: the task's log.
    """
    while (delay := poll(hook, reader, wait, clock, log).delay) is not None:
        time.sleep(delay)
    return wait.result()


def _until(moment: float, clock: Clock, steps: Conversation[T]) -> Conversation[T | None]:
    """The same conversation, which ends between two requests once the moment has come."""
    try:
        request = next(steps)
        while True:
            reply = yield request
            request = steps.send(reply)
            if clock() >= moment:
                return None
    except StopIteration as stop:
        returned: T = stop.value
        return returned
