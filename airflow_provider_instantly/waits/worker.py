"""The wait on a worker: the loop that sensor and operator share around the state machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_instantly.clock import jitter
from airflow_provider_instantly.tasklog import write
from airflow_provider_instantly.waits.ending import explain

if TYPE_CHECKING:
    from airflow_provider_instantly.clock import Clock
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.tasklog import TaskLog
    from airflow_provider_instantly.waits.machine import Decision, Wait
    from airflow_provider_instantly.waits.result import WaitResult


def poll(hook: InstantlyHook, wait: Wait, clock: Clock, log: TaskLog) -> Decision:
    """
    Read the campaigns that are waited for, once, and take the decision.

    :param hook: a hook that does not retry by itself: pausing after errors is the wait's business.
    :param wait: the wait so far.
    :param clock: see `steady_clock`.
    :param log: the task's log.
    """
    decision = wait.advance(hook.read_campaigns(wait.pending), now=clock(), jitter=jitter())
    write(log, info=decision.info, warnings=decision.warnings)
    if decision.delay is None:
        explain(hook, wait, log)
    return decision


def wait_on_worker(hook: InstantlyHook, wait: Wait, clock: Clock, log: TaskLog) -> WaitResult:
    """
    Wait to the end, sleeping in between.

    :param hook: see `poll`.
    :param wait: the wait so far.
    :param clock: see `steady_clock`.
    :param log: the task's log.
    """
    while (delay := poll(hook, wait, clock, log).delay) is not None:
        time.sleep(delay)
    return wait.result()
