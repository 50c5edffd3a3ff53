"""How a wait's end ends a task: its reasons, its event, what is returned and what is raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowTaskTimeout

from airflow_provider_instantly.api.campaign import about
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.api.redaction import shown_text
from airflow_provider_instantly.exceptions import CampaignStoppedError, CampaignWaitError, failure
from airflow_provider_instantly.tasklog import awarn
from airflow_provider_instantly.waits.goal import Verdict
from airflow_provider_instantly.waits.result import WaitResult, span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from airflow_provider_instantly.api.campaign import SendingStatus
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.tasklog import TaskLog
    from airflow_provider_instantly.waits.goal import Goal
    from airflow_provider_instantly.waits.machine import Wait

#: How many stopped campaigns of one wait are asked for their reason when it ends.
MAX_EXPLANATIONS = 20
#: Seconds that this may take in the triggerer, where others may have to be asked for before.
MAX_EXPLAINING: Final = 60.0
#: What a wait that failed is called in Airflow; in all other cases it is a `CampaignWaitError`.
_ERRORS: Final[Mapping[Verdict, type[BaseException]]] = {
    Verdict.STOPPED: CampaignStoppedError,
    Verdict.TIMED_OUT: AirflowSensorTimeout,
    Verdict.EXECUTION_TIMEOUT: AirflowTaskTimeout,
}
#: How much of the reason that an event gives is shown.
_REASON_CHARS: Final = 500


def explain(hook: InstantlyHook, wait: Wait, log: TaskLog) -> None:
    """
    Ask Instantly for the reasons that a wait which is over still lacks.

    :param hook: a hook that does not retry by itself.
    :param wait: the wait, decided.
    :param log: the task's log.
    """
    for campaign_id in wait.unexplained[:MAX_EXPLANATIONS]:
        try:
            wait.explain(campaign_id, hook.get_sending_status(campaign_id))
        except InstantlyError as error:
            log.warning("The reason could not be read: %s", error)
            if error.concerns_all:
                # It would be the same with each, and to ask on could take as long as Airflow lets the task wait.
                return


async def aexplain(ask: Callable[[str], Awaitable[SendingStatus]], wait: Wait, log: TaskLog) -> None:
    """
    Async twin of `explain`, in the triggerer.

    :param ask: reads the sending status of a campaign, when its turn has come; raises `TimeoutError` if that is too
        late for a wait that is over.
    :param wait: the wait, decided.
    :param log: the trigger's log.
    """
    for campaign_id in wait.unexplained[:MAX_EXPLANATIONS]:
        try:
            wait.explain(campaign_id, await ask(campaign_id))
        except TimeoutError:
            await awarn(log, "The reason could not be read within %s.", span(MAX_EXPLAINING))
            return
        except InstantlyError as error:
            await awarn(log, "The reason could not be read: %s", error)
            if error.concerns_all:
                return


def result_of_event(
    event: object, goal: Goal, campaign_ids: Iterable[str], *, left: str = "The campaign was left as it is"
) -> WaitResult:
    """
    Read how the wait ended from the event that resumes a task.

    :param event: what the trigger fired; it is input, and nothing in it is believed that does not fit.
    :param goal: what was waited for.
    :param campaign_ids: the campaigns that were waited for.
    :param left: what became of the campaign until the wait, as a clause for the error.
    :raises CampaignWaitError: if it is not the event of this wait.
    """
    ids = [campaign_id.lower() for campaign_id in campaign_ids]
    which = [about(ids[0])] if len(ids) == 1 else []
    try:
        if not isinstance(event, dict):
            raise ValueError("it is no object")
        if isinstance(reason := event.get("reason"), str) and event.get("campaigns") is None:
            raise failure(
                CampaignWaitError,
                f"The triggerer could not wait: {shown_text(reason, limit=_REASON_CHARS)}",
                f"{left}.",
                "If the DAG is right, give triggerer and workers the same release of the provider; another try waits "
                "again.",
                *which,
            )
        return WaitResult.from_json(goal, ids, event.get("campaigns"))
    except ValueError as error:
        raise failure(
            CampaignWaitError,
            f"The task was resumed by an event that does not tell how its wait ended ({error}).",
            f"{left}; another try reads it again.",
            *which,
        ) from error


def returned(result: WaitResult, passthrough: dict[str, Any]) -> Any:
    """
    What a task returns when its wait has succeeded.

    :param result: how the wait ended.
    :param passthrough: what the task knew before it waited; its status is the one that the wait saw.
    """
    if not passthrough:
        return result.xcom
    outcome = result.campaigns[0]
    return {**passthrough, "status": outcome.status, "status_name": outcome.status_name}


def raise_for_result(result: WaitResult, *, preface: str = "") -> None:
    """
    End the task as the wait ended; return only where every campaign arrived.

    :param result: how the wait ended.
    :param preface: what the task did before it waited, as a sentence for the beginning of the error's message.
    :raises CampaignStoppedError: if Instantly stopped a campaign. Not retried.
    :raises AirflowSensorTimeout: if the time was up. Not retried, like every sensor's.
    :raises AirflowTaskTimeout: if the task's ``execution_timeout`` was used up. Retried, like every task's.
    :raises CampaignWaitError: if there was no more telling how a campaign stands.
    """
    if result.verdict is Verdict.REACHED:
        return
    undecided = "The wait ended before it was decided."
    raise failure(
        _ERRORS.get(result.verdict, CampaignWaitError),
        *filter(None, [preface]),
        *(result.sentences or [undecided]),
        message=f"{preface} {result.message or undecided}".lstrip(),
    )
