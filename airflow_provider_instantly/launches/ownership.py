"""
Whose campaign it is: the attempt of a task that waits for it may pause it when it is killed, and no other.

The attempt leaves its number in an XCom. Airflow removes it when another attempt begins, and the trigger withdraws it
when it sends the task on. So a worker or a triggerer that stood still for a while, and wakes up when another has taken
over, finds that the campaign is no longer its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_instantly.api.campaign import about

if TYPE_CHECKING:
    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.change import Unconfirmed
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.pause import Paused
    from airflow_provider_instantly.launches.turns import Turn
    from airflow_provider_instantly.tasklog import TaskLog

#: Where it is; the value is the number of the try, or None when its wait is over.
XCOM_KEY: Final = "instantly_waiting_attempt"
#: As these a task has not been stopped: its wait goes on, or a person marked it as success. ``skipped`` is a stop: so
#: `DAG(fail_fast=True)` and ``dagrun_timeout`` end a deferred task (Airflow 3.3.2).
_NOT_STOPPED: Final = ("deferred", "success")

_GOES_ON: Final = "its task goes on, or it was marked as success"


class _NotOwnError(Exception):
    """The campaign is not this attempt's to pause."""


@dataclass(frozen=True)
class AfterKill:
    """
    What became of the campaign of a task that was killed.

    :param outcome: that, as a sentence for the log.
    :param was_paused_by_us: whether it is certain that this pause, and no person's, stopped it.
    """

    outcome: str
    was_paused_by_us: bool = False


def claim(ti: Any) -> None:
    """
    Note on the worker that this attempt waits for the campaign.

    :param ti: the task instance.
    """
    ti.xcom_push(XCOM_KEY, ti.try_number)


def may_pause(ti: Any) -> bool:
    """
    Whether the task was stopped, and the campaign is still this attempt's, asked on the worker.

    :param ti: the task instance.
    """
    if _state(ti) in _NOT_STOPPED:
        return False
    found: Any = ti.xcom_pull(task_ids=ti.task_id, key=XCOM_KEY, map_indexes=ti.map_index)
    return bool(found == ti.try_number)


async def amay_pause(ti: Any) -> bool:
    """
    The same, asked in the triggerer.

    :param ti: the trigger's task instance.
    """
    if await _astate(ti) in _NOT_STOPPED:
        return False
    found: Any = await XCom.aget_one(
        key=XCOM_KEY, dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index
    )
    return bool(found == ti.try_number)


def pause_own(hook: InstantlyHook, ti: Any, campaign_id: str, log: TaskLog) -> AfterKill:
    """
    Pause the campaign of a killed task on its worker, if it is still this attempt's.

    :param hook: where to pause it.
    :param ti: the task instance.
    :param campaign_id: its UUID.
    :param log: the task's log.
    :raises PauseNotConfirmedError: if it is not known whether the pause took effect.
    :raises InstantlyError: if a request was refused or never sent; nothing was paused then.
    """
    from airflow_provider_instantly.launches.pause import pause

    def check(campaign: Campaign, doubt: Unconfirmed[Campaign] | None) -> None:
        if not may_pause(ti):
            raise _not_own(campaign, doubt)

    try:
        return _after_kill(pause(hook, campaign_id, log=log, confirm=False, before_send=check))
    except _NotOwnError as title:
        return _left_alone(title)


async def apause_own(
    hook: InstantlyHook, ti: Any, campaign_id: str, log: TaskLog, turn: Turn | None = None
) -> AfterKill:
    """
    Async twin of `pause_own`, in the triggerer, where the campaign may be one of several.

    :param turn: its turn then.
    """
    from airflow_provider_instantly.launches.pause import apause, without_another_pause

    async def check(campaign: Campaign, doubt: Unconfirmed[Campaign] | None) -> None:
        if await amay_pause(ti):
            return
        if turn is not None and turn.unmoved is not None and doubt is None:
            raise without_another_pause(*turn.unmoved, f"{_GOES_ON}.")
        raise _not_own(campaign, doubt)

    try:
        paused = await apause(hook, campaign_id, log=log, confirm=False, before_send=check, turn=turn)
        return _after_kill(paused)
    except _NotOwnError as title:
        return _left_alone(title)


def _after_kill(paused: Paused) -> AfterKill:
    if not paused.is_effective:
        return AfterKill(paused.outcome)
    return AfterKill(f"Paused campaign of a stopped task: {paused.campaign.title}.", paused.was_answered)


def _not_own(campaign: Campaign, doubt: Unconfirmed[Campaign] | None) -> Exception:
    from airflow_provider_instantly.launches.pause import not_paused_again

    if doubt is None:
        return _NotOwnError(campaign.title)
    return not_paused_again(campaign, doubt, _GOES_ON)


def _left_alone(title: object) -> AfterKill:
    left = f"The campaign is left as it is: {_GOES_ON}."
    return AfterKill(f"{left} {about(str(title))}")


def _state(ti: Any) -> str | None:
    """How the task instance stands in Airflow's database; None after it was cleared."""
    if not hasattr(ti, "get_task_states"):
        return cast("str | None", ti.current_state())  # Airflow 2
    return _one_state(ti, ti.get_task_states(**_which(ti)))


async def _astate(ti: Any) -> str | None:
    from airflow.sdk.execution_time.comms import GetTaskStates
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    answer: Any = await SUPERVISOR_COMMS.asend(GetTaskStates(**_which(ti)))
    return _one_state(ti, answer.task_states)


def _which(ti: Any) -> dict[str, Any]:
    return {"dag_id": ti.dag_id, "task_ids": [ti.task_id], "run_ids": [ti.run_id], "map_index": ti.map_index}


def _one_state(ti: Any, answered: dict[str, dict[str, Any]]) -> str | None:
    return next(iter(answered.get(ti.run_id, {}).values()), None)
