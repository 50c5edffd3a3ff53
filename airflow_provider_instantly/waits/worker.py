"""The wait on a worker: the loop that sensor and operator share around the state machine."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from airflow_provider_instantly.clock import jitter
from airflow_provider_instantly.waits.ending import explain

if TYPE_CHECKING:
    from airflow_provider_instantly.clock import Clock
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.tasklog import TaskLog
    from airflow_provider_instantly.waits.machine import Decision, Wait
    from airflow_provider_instantly.waits.result import WaitResult


def look(hook: InstantlyHook, wait: Wait, clock: Clock, log: TaskLog) -> Decision:
    """
    Read the campaigns that are waited for, once, and take the decision.

    :param hook: a hook that does not retry by itself: pausing after errors is the policy's business.
    :param wait: the wait so far.
    :param clock: see `steady_clock`.
    :param log: the task's log.
    """
    decision = wait.advance(hook.read_campaigns(wait.pending), now=clock(), jitter=jitter())
    tell(decision, log)
    if decision.delay is None:
        explain(hook, wait, log)
    return decision


def wait_on_worker(hook: InstantlyHook, wait: Wait, clock: Clock, log: TaskLog) -> WaitResult:
    """
    Wait to the end, sleeping in between.

    :param hook: see `look`.
    :param wait: the wait so far.
    :param clock: see `steady_clock`.
    :param log: the task's log.
    """
    while (delay := look(hook, wait, clock, log).delay) is not None:
        time.sleep(delay)
    return wait.result()


def tell(decision: Decision, log: TaskLog) -> None:
    """
    Write what a decision has to say.

    :param decision: what the policy decided.
    :param log: the task's log.
    """
    for line in decision.warned:
        log.warning("%s", line)
    for line in decision.said:
        log.info("%s", line)


async def atell(decision: Decision, log: TaskLog) -> None:
    """
    The same in the triggerer, where the log is a socket that may be full (Airflow 3.3.2): no event loop waits for it.

    :param decision: what the policy decided.
    :param log: the trigger's log.
    """
    if decision.said or decision.warned:
        await asyncio.to_thread(tell, decision, log)
