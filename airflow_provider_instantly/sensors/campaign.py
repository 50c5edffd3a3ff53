"""The sensor: waits until campaigns have a status, or says why they never will."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_instantly import validation
from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.assets.events import announce
from airflow_provider_instantly.clock import steady_clock
from airflow_provider_instantly.default_args import KnowsWhatWasWritten
from airflow_provider_instantly.exceptions import refused
from airflow_provider_instantly.links.campaign import CampaignLink
from airflow_provider_instantly.tasklog import reasons_first, sentences_of, write
from airflow_provider_instantly.waits.arguments import fit, packed_if_literal
from airflow_provider_instantly.waits.ending import raise_for_result, result_of_event
from airflow_provider_instantly.waits.goal import DEFAULT_FAILURE_BUDGET, Goal
from airflow_provider_instantly.waits.machine import Wait
from airflow_provider_instantly.waits.placement import (
    BACKSTOP,
    HOLDS_A_SLOT,
    HOLDS_A_SLOT_FOR_NOW,
    MIN_ABSENCE,
    TOO_LONG,
    StartsFromTrigger,
    StartTriggerArguments,
    execution_deadline,
    holds_a_slot,
    is_light,
    why_not_end_in_triggerer,
    why_not_start_in_triggerer,
)
from airflow_provider_instantly.waits.worker import poll

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import StartTriggerArgs

    from airflow_provider_instantly.clock import Clock
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.waits.result import WaitResult


class CampaignStatusSensor(KnowsWhatWasWritten, BaseSensorOperator):
    """
    Waits until a campaign has a status; it changes nothing in Instantly.

    It succeeds in a target status, or one that lies beyond it: a campaign that is Completed has been Active. It fails
    at once, and without a retry, in a failed status. Draft, Paused and unknown statuses are waited out.
    All modes decide alike. ``mode="reschedule"`` gives its worker back between two polls, but keeps it while
    there is something to remember: a target that has to hold, an answer that did not come; and for pauses below 10 s,
    after which Airflow could count the task as lost.

    :param campaign_id: the UUID of a campaign, as text or as a ``uuid.UUID``, or several: a list, rows of a database, a
        template, an XCom. (templated)
    :param target_statuses: the statuses to wait for, `CampaignStatus` members or their numbers.
    :param failed_statuses: the statuses in which to fail. A status in both is a target.
    :param stable_for: seconds, or a ``timedelta``, for which the target must be seen to hold. Instantly finds an
        unhealthy account only some time after the launch, so Active right after it proves little.
    :param instantly_conn_id: the id of the Airflow connection. (templated)
    :param failure_budget: seconds, or a ``timedelta``, without any answer after which to give up.
    :param fail_fast: of several campaigns, whether the first that fails ends the wait.
    :param deferrable: whether to wait in the triggerer.
    :param start_from_trigger: whether a deferrable wait begins in the triggerer, without a worker (Airflow >= 3.3). By
        default it does where nothing is lost and the DAG is small; where it cannot, a worker begins it.
    :param end_from_trigger: whether a deferrable wait that succeeds ends in the triggerer, without a worker (Airflow
        >= 3.3). By default it does where nothing is lost. A failure always ends on a worker, which raises its reason.
    :param poke_interval: seconds, or a ``timedelta``, between two polls.
    :param timeout: seconds, or a ``timedelta``, after which the sensor fails, without a retry.
    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    template_fields: Sequence[str] = ("campaign_id", "instantly_conn_id")
    operator_extra_links = (CampaignLink(),)
    ui_color = "#e4ecfb"
    #: Airflow asks `start_from_trigger` already while its own part of the sensor is being built.
    deferrable: bool = False
    _has_warned: bool = False
    start_from_trigger = StartsFromTrigger()
    start_trigger_args = StartTriggerArguments()

    def __init__(
        self,
        *,
        campaign_id: validation.CampaignIds,
        target_statuses: Collection[int] = (CampaignStatus.ACTIVE,),
        failed_statuses: Collection[int] = STOPPED_STATUSES,
        stable_for: float | timedelta | None = None,
        instantly_conn_id: str = "instantly_default",
        failure_budget: float | timedelta = DEFAULT_FAILURE_BUDGET,
        fail_fast: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool | None = None,
        end_from_trigger: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validation.check_campaign_ids_early("campaign_id", campaign_id, many=True)
        validation.seconds("poke_interval", self.poke_interval, low=validation.MIN_POLL_INTERVAL)
        backoff = self.exponential_backoff
        if self.is_from_default_args("exponential_backoff", backoff, kwargs.get("default_args")):
            # It is for the DAG's other sensors.
            self.exponential_backoff = False
        elif backoff:
            raise ValueError(
                "exponential_backoff is not for CampaignStatusSensor: it polls every poke_interval, and pauses longer "
                "by itself after errors."
            )
        self.campaign_id = validation.plain_campaign_ids(campaign_id)
        self.target_statuses = validation.statuses("target_statuses", target_statuses)
        self.failed_statuses = validation.statuses("failed_statuses", failed_statuses, may_be_empty=True)
        self.stable_for = validation.hold("stable_for", stable_for, timeout=self.timeout)
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", instantly_conn_id)
        self.failure_budget = validation.seconds("failure_budget", failure_budget)
        self.fail_fast = validation.flag("fail_fast", fail_fast)
        self.deferrable = validation.flag("deferrable", deferrable)
        self.wants_start = validation.optional_flag("start_from_trigger", start_from_trigger)
        self.wants_end = validation.optional_flag("end_from_trigger", end_from_trigger)

    @reasons_first
    def execute(self, context: Context) -> Any:
        """
        Wait in the way that the parameters ask for.

        :param context: the task's context.
        :return: how it stands with the campaign, or with each of them.
        :raises CampaignStoppedError: if a campaign is in one of the ``failed_statuses``. Not retried.
        :raises CampaignWaitError: if the wait could not learn the status.
        :raises AirflowSensorTimeout: if ``timeout`` is over. Not retried.
        :raises AirflowTaskTimeout: if ``execution_timeout`` is over.
        """
        try:
            result = self._wait(context, steady_clock())
        except (AirflowFailException, AirflowTaskTimeout) as error:
            self._skip_if_asked(error)
            raise
        return self._conclude(context, result)

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Poll once, remembering nothing: for callers that drive the sensor by themselves.

        :param context: the task's context.
        """
        from airflow_provider_instantly.waits.reader import Reader

        clock = steady_clock()
        wait = Wait(self._campaign_ids(), self._goal(deadline=None), now=clock())
        with self._hook() as hook:
            if poll(hook, Reader(), wait, clock, self.log).delay is not None:
                return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._conclude(context, wait.result()))

    @reasons_first
    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """
        Resume after the triggerer.

        :param context: the task's context.
        :param event: what the trigger fired. It is input: anything unexpected fails the task.
        """
        return self._conclude(context, result_of_event(event, self._goal(deadline=None), self._campaign_ids()))

    def starts_in_triggerer(self) -> bool:
        """Whether Airflow starts this task in the triggerer; asked when its DAG is complete."""
        if not self._may_start_in_triggerer():
            return False
        if not is_light(self) and self.wants_start:
            self._warn_of_heavy_dag()
        return is_light(self) or self.wants_start is True

    def first_trigger(self) -> StartTriggerArgs:
        """What Airflow makes the trigger from, where it starts the task in the triggerer."""
        from airflow.triggers.base import StartTriggerArgs

        return StartTriggerArgs(
            trigger_cls="airflow_provider_instantly.triggers.campaign.CampaignStatusTrigger",
            trigger_kwargs={
                # Both are named though they may be the default: Airflow renders only what is named.
                "campaign_id": packed_if_literal(self.campaign_id),
                "instantly_conn_id": self.instantly_conn_id,
                **self._goal(deadline=None).as_arguments(),
                "end_from_trigger": self._ends_in_triggerer(),
                "do_xcom_push": self.do_xcom_push,
            },
            next_method="execute_complete",
            timeout=timedelta(seconds=self.timeout + BACKSTOP),
        )

    def _say_why_on_worker(self) -> None:
        if self.wants_start and (reason := why_not_start_in_triggerer(self)):
            self.log.info("The wait began on a worker, although start_from_trigger=True: %s.", reason)
        if self.wants_end and (reason := why_not_end_in_triggerer(self)):
            self.log.info("The wait will end on a worker, although end_from_trigger=True: %s.", reason)

    def _ends_in_triggerer(self) -> bool:
        return self.wants_end is not False and why_not_end_in_triggerer(self) is None

    def _may_start_in_triggerer(self) -> bool:
        return self.deferrable and self.wants_start is not False and why_not_start_in_triggerer(self) is None

    def _warn_of_heavy_dag(self) -> None:
        """Once for all sensors of a DAG: the first of them speaks, which Airflow asks when the DAG is complete."""
        first = next(
            task
            for task in self.dag.task_dict.values()
            if isinstance(task, CampaignStatusSensor) and task.wants_start and task._may_start_in_triggerer()
        )
        if first is not self or self._has_warned:
            return
        self._has_warned = True
        self.log.warning(
            "start_from_trigger=True in DAG %s, which has %d tasks: each such trigger carries the whole DAG into the "
            "triggerer. Split the DAG, watch all campaigns with one sensor, or leave start_from_trigger alone.",
            self.dag_id,
            len(self.dag.task_dict),
        )

    def _wait(self, context: Context, clock: Clock) -> WaitResult:
        from airflow_provider_instantly.waits.reader import Reader

        campaign_ids = self._campaign_ids()
        began = clock()
        goal = self._goal(deadline=self._started(context, clock) + self.timeout)
        wait = Wait(campaign_ids, goal, now=began)
        if not self.reschedule:
            # Else it would be a line for each poll.
            write(self.log, info=[wait.opening])
        with self._hook() as hook:
            if len(campaign_ids) == 1:
                with contextlib.suppress(InstantlyError):
                    CampaignLink.persist(context, hook.campaign_page(campaign_ids[0]))
            reader, may_defer = Reader(), self.deferrable
            how_long = HOLDS_A_SLOT_FOR_NOW if self.reschedule else HOLDS_A_SLOT
            advice = [how_long] if holds_a_slot(self) else []
            while (delay := poll(hook, reader, wait, clock, self.log).delay) is not None:
                if may_defer:
                    self._say_why_on_worker()
                    limited = replace(goal, execution_deadline=execution_deadline(self, began))
                    self._defer(campaign_ids, limited, clock())
                    may_defer = False
                if self.reschedule and delay >= MIN_ABSENCE and not wait.must_stay_on_worker:
                    raise _reschedule(delay)
                write(self.log, info=advice)
                advice = []
                time.sleep(delay)
        return wait.result()

    def _defer(self, campaign_ids: list[str], goal: Goal, now: float) -> None:
        """Leave the worker; return only where the wait has to take place on it."""
        from airflow_provider_instantly.triggers.campaign import CampaignStatusTrigger

        trigger = CampaignStatusTrigger(
            campaign_ids[0] if len(campaign_ids) == 1 else campaign_ids,
            self.instantly_conn_id,
            **goal.as_arguments(),
            end_from_trigger=self._ends_in_triggerer(),
            do_xcom_push=self.do_xcom_push,
            resume_after=now + MIN_ABSENCE,
        )
        if not fit(trigger.serialize()[1]):
            self.log.warning(
                "The wait for %d campaigns stays on its worker, although deferrable=True: %s. Give each of several "
                "sensors some of them.",
                len(campaign_ids),
                TOO_LONG,
            )
            return
        self.defer(
            trigger=trigger,
            method_name="execute_complete",
            # A deferral that Airflow ends knows nothing of campaigns, so ours always ends first.
            timeout=timedelta(seconds=max(0.0, (goal.deadline or now) - now) + BACKSTOP),
        )

    def _conclude(self, context: Context, result: WaitResult) -> Any:
        try:
            raise_for_result(result)
        except (AirflowException, AirflowTaskTimeout) as error:
            if len(result.campaigns) > 1 and self.do_xcom_push:
                # A task that fails returns nothing, and its message has room for some campaigns only.
                context["ti"].xcom_push(key="campaigns", value=result.xcom)
            self._skip_if_asked(error)
            raise
        write(self.log, info=[result.ending])
        announce(context, self.outlets, self.instantly_conn_id, result.announced)
        return result.xcom

    def _skip_if_asked(self, error: BaseException) -> None:
        """Both switches mean the same in all modes; Airflow's own loop honours them for some errors only."""
        if self.soft_fail or self.never_fail:
            # When a task resumes, Airflow >= 3 puts words of its own in the place of ours.
            write(self.log, warnings=sentences_of(error) or [str(error)])
            raise AirflowSkipException(f"{error} Skipped, because of soft_fail or never_fail.") from error

    def _campaign_ids(self) -> list[str]:
        try:
            return validation.campaign_ids("campaign_id", self.campaign_id, many=True)
        except ValueError as error:
            raise refused(AirflowFailException, error) from None

    def _goal(self, *, deadline: float | None) -> Goal:
        return Goal(
            target_statuses=self.target_statuses,
            failed_statuses=self.failed_statuses,
            stable_for=self.stable_for,
            poll_interval=self.poke_interval,
            deadline=deadline,
            timeout=self.timeout,
            failure_budget=None if self.silent_fail else self.failure_budget,
            fail_fast=self.fail_fast,
        )

    def _hook(self) -> InstantlyHook:
        from airflow_provider_instantly.hooks.instantly import InstantlyHook

        # The wait decides about pauses after errors, so the hook makes one attempt a poll.
        return InstantlyHook(self.instantly_conn_id, max_retries=0)

    def _started(self, context: Context, clock: Clock) -> float:
        """When the wait began: for a rescheduled task, at its first poll."""
        first = _first_poll(context["ti"], context, self.retries) if self.reschedule else None
        return clock() if first is None else first.timestamp()


def _first_poll(ti: Any, context: Context, retries: int | None) -> datetime | None:
    if hasattr(ti, "get_first_reschedule_date"):
        first: datetime | None = ti.get_first_reschedule_date(context)
        return first
    # Airflow 2: what its own BaseSensorOperator asks its database.
    from airflow.sensors.base import _orig_start_date

    first_try = (ti.max_tries or 0) - (retries or 0) + 1
    found: datetime | None = _orig_start_date(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, first_try)
    return found


def _reschedule(delay: float) -> Exception:
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException
    except ImportError:  # Airflow < 3.2
        from airflow.exceptions import AirflowRescheduleException
    next_poll = datetime.now(UTC) + timedelta(seconds=delay)
    return AirflowRescheduleException(next_poll)  # type: ignore[no-untyped-call]
