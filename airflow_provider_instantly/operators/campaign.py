"""
The operators of one campaign: one launches it and waits if asked to, one pauses it.

Each reads first, sends once, and confirms by another read.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowException, conf

from airflow_provider_instantly import validation
from airflow_provider_instantly.api.campaign import about
from airflow_provider_instantly.clock import steady_clock
from airflow_provider_instantly.default_args import KnowsWhatWasWritten
from airflow_provider_instantly.exceptions import (
    CampaignWaitError,
    LaunchRefusedError,
    TaskKilledError,
    failure,
)
from airflow_provider_instantly.launches.failed import counts_failures
from airflow_provider_instantly.operators.single_campaign import SingleCampaignOperator
from airflow_provider_instantly.tasklog import reasons_first, write
from airflow_provider_instantly.waits.ending import raise_for_result, result_of_event, returned
from airflow_provider_instantly.waits.goal import Goal, Verdict
from airflow_provider_instantly.waits.machine import Wait
from airflow_provider_instantly.waits.placement import (
    BACKSTOP,
    HOLDS_A_SLOT,
    MIN_ABSENCE,
    execution_deadline,
    holds_a_slot,
    why_not_end_in_triggerer,
)
from airflow_provider_instantly.waits.worker import poll, wait_on_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.change import Unconfirmed
    from airflow_provider_instantly.clock import Clock
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.launcher import Launched, Launcher
    from airflow_provider_instantly.launches.preflight.rules import CheckRules
    from airflow_provider_instantly.launches.record import LaunchRecord
    from airflow_provider_instantly.waits.result import WaitResult

#: Seconds.
DEFAULT_TIMEOUT: Final = 3600.0
DEFAULT_POLL_INTERVAL: Final = 60.0
#: As what Airflow (2.11 to 3.4) names the method, where it resumes a task whose trigger failed or took too long.
_TRIGGER_FAILED: Final = "__fail__"
_KILLED: Final = "The task was killed, so it does not wait any longer."
#: What is known of the campaign where a wait in the triggerer ended without telling.
_BEFORE_THE_WAIT: Final = "The campaign was activated, or ran already, before that wait"


class ActivateCampaignOperator(KnowsWhatWasWritten, SingleCampaignOperator):
    """
    Launches a campaign, or resumes it, and makes sure that it is launched.

    It reads the campaign first. What runs is left alone, so a retry, a cleared task and a second run do no harm. What
    Instantly stopped (Accounts Unhealthy, Bounce Protect, Account Suspended) is refused. After an answer that was
    lost it reads again before it decides; it never repeats an activation blindly.

    It returns a dict: ``id``, ``name``, ``status``, ``status_name``, ``launched`` (whether this run did it), ``url``,
    and ``next_sending_window`` (``opens`` and ``closes`` in ISO 8601, or None).

    :param campaign_id: the UUID of the campaign, as text or as a ``uuid.UUID``; a template, an XCom. (templated)
    :param instantly_conn_id: the id of the Airflow connection. (templated)
    :param wait_for_active: whether to wait, after the launch, until the campaign is seen Active.
    :param deferrable: whether that wait is in the triggerer.
    :param timeout: seconds, or a ``timedelta``, after which the wait fails, without a retry.
    :param poll_interval: seconds, or a ``timedelta``, between two polls of the wait.
    :param stable_for: seconds, or a ``timedelta``, for which Active must be seen to hold. Instantly finds an
        unhealthy account only some time after the launch, so Active right after it proves little.
    :param reactivate_stopped: whether to activate a campaign that Instantly itself stopped. After bounce protection,
        Instantly does not protect a reactivated campaign again for 7 days.
    :param resume_paused: whether to resume a campaign that is paused.
    :param check_before: whether to read the campaign before it is activated. Without, a key with the scope
        ``campaigns:update`` is enough, but a campaign that Instantly stopped is reactivated unseen. A retry always
        reads it first.
    :param preflight: whether to check, right before the launch, what `CheckCampaignOperator` checks; or a dict of that
        operator's parameters. What fails the check keeps the campaign from its launch.
    :param pause_on_kill: whether to pause the campaign that this run launched when the waiting task is killed, marked
        failed or cleared, but not when its time is up. On a worker always; in the triggerer on Airflow >= 3.3. By
        default the campaign goes on.

    What ``default_args`` of a DAG say of a wait is ignored where the task does not wait.

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    refusal = LaunchRefusedError

    def __init__(
        self,
        *,
        campaign_id: validation.CampaignId,
        instantly_conn_id: str = "instantly_default",
        wait_for_active: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        poll_interval: float | timedelta = DEFAULT_POLL_INTERVAL,
        stable_for: float | timedelta | None = None,
        reactivate_stopped: bool = False,
        resume_paused: bool = True,
        check_before: bool = True,
        preflight: bool | Mapping[str, Any] = False,
        pause_on_kill: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(campaign_id=campaign_id, instantly_conn_id=instantly_conn_id, **kwargs)
        self.wait_for_active = validation.flag("wait_for_active", wait_for_active)

        def if_meant(name: str, value: Any, otherwise: Any) -> Any:
            """What ``default_args`` say of a wait is for the tasks that wait."""
            is_meant = self.wait_for_active or not self.is_from_default_args(name, value, kwargs.get("default_args"))
            return value if is_meant else otherwise

        self.deferrable = validation.flag("deferrable", deferrable)
        self.timeout = validation.seconds("timeout", if_meant("timeout", timeout, DEFAULT_TIMEOUT))
        self.poll_interval = validation.seconds(
            "poll_interval",
            if_meant("poll_interval", poll_interval, DEFAULT_POLL_INTERVAL),
            low=validation.MIN_POLL_INTERVAL,
        )
        self.stable_for = validation.hold("stable_for", if_meant("stable_for", stable_for, None), timeout=self.timeout)
        self.reactivate_stopped = validation.flag("reactivate_stopped", reactivate_stopped)
        self.resume_paused = validation.flag("resume_paused", resume_paused)
        self.check_before = validation.flag("check_before", check_before)
        self.preflight = None if preflight is False else _preflight_rules(preflight)
        if self.preflight is not None and not self.check_before:
            raise ValueError("preflight reads the campaign, so it needs check_before=True.")
        self.pause_on_kill = validation.flag("pause_on_kill", if_meant("pause_on_kill", pause_on_kill, False))
        if not self.wait_for_active and (self.stable_for or self.pause_on_kill):
            raise ValueError("stable_for and pause_on_kill are about the wait: they need wait_for_active=True.")
        self._is_killed = False
        self._pause_if_own: Callable[[], str] | None = None

    @reasons_first
    @counts_failures
    def execute(self, context: Context) -> dict[str, Any]:
        """
        Launch, confirm, and wait if asked to.

        :param context: the task's context.
        :raises LaunchRefusedError: if the campaign must not be launched as it stands. Not retried.
        :raises CheckIncompleteError: if a part of what ``preflight`` needs could not be read.
        :raises CampaignStoppedError: if Instantly stopped the campaign after the launch. Not retried.
        :raises LaunchNotConfirmedError: if it is unknown whether the launch took effect.
        :raises TaskKilledError: if the task was killed before it activated the campaign.
        :raises InstantlyError: if Instantly refused a request or could not be reached; this try launched nothing then.
        :raises CampaignWaitError: if the wait after the launch could not learn the status.
        :raises AirflowSensorTimeout: if the ``timeout`` of that wait is over. Not retried.
        :raises AirflowTaskTimeout: if ``execution_timeout`` is over.
        """
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.launches.record import LaunchRecord

        clock = steady_clock()
        began = clock()
        campaign_id = self._checked_campaign_id()
        with InstantlyHook(self.instantly_conn_id) as hook:
            url = self._link(context, hook, campaign_id)
            record = LaunchRecord(context, campaign_id, self.log)
            launched = self._launcher(context, hook, record, clock).launch(campaign_id)
        self._returned = summary = self._launch_summary(launched, url)
        if not self.wait_for_active:
            return self._done(context, summary)
        if self.pause_on_kill and launched.by_this_run:
            self._claim(context, campaign_id, record)
        try:
            self._stop_if_killed()
            result = self._wait(launched, summary, clock, began, is_first_try=context["ti"].try_number == 1)
        finally:
            # From here on the task is done, has failed, or waits in the triggerer; its worker may still be killed.
            self._pause_if_own = None
        return self._arrived(context, result, summary)

    @reasons_first
    @counts_failures
    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Resume after the triggerer; Airflow calls this, also where no trigger fired an event and the task is to fail.

        :param next_method: what to resume with, or Airflow's word for a wait that failed.
        :param next_kwargs: what it is called with.
        :param context: the task's context.
        :raises CampaignWaitError: if the trigger failed, or if Airflow's own limit of the deferral is over.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            if next_method != _TRIGGER_FAILED:
                raise
            raise failure(
                CampaignWaitError,
                f"Airflow ended the wait in the triggerer: {error}.",
                f"{_BEFORE_THE_WAIT}.",
                "How it stands now was not read; another try reads it first.",
                about(str(self.campaign_id)),
            ) from error

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """
        Resume after the triggerer.

        :param context: the task's context.
        :param event: what the trigger fired. It is input: anything unexpected fails the task.
        """
        campaign_id = self._checked_campaign_id()
        result = result_of_event(event, self._goal(deadline=None), [campaign_id], left=_BEFORE_THE_WAIT)
        summary = event.get("passthrough")
        if not isinstance(summary, dict) or summary.get("id") != campaign_id:
            summary = {"id": campaign_id}
        return self._arrived(context, result, summary)

    def _launcher(self, context: Context, hook: InstantlyHook, record: LaunchRecord, clock: Clock) -> Launcher:
        from airflow_provider_instantly.launches.launcher import Launcher
        from airflow_provider_instantly.launches.plan import LaunchRules

        return Launcher(
            hook=hook,
            rules=LaunchRules(self.reactivate_stopped, self.resume_paused, self.check_before),
            record=record,
            is_retry=context["ti"].try_number > 1,
            may_settle=self.wait_for_active,
            is_killed=lambda: self._is_killed,
            log=self.log,
            preflight=self.preflight,
            clock=clock,
        )

    # A kill

    def on_kill(self) -> None:
        """
        Activate nothing any more, and pause what this attempt launched and waits for, if asked to.

        Airflow calls it on the worker, from its handler of SIGTERM, and after an ``execution_timeout``.

        :raises TaskKilledError: to end the wait; after SIGTERM, Airflow >= 3 would let it go on.
        """
        self._is_killed = True
        self._stop_if_killed()

    def _claim(self, context: Context, campaign_id: str, record: LaunchRecord) -> None:
        """From here on, a kill pauses the campaign."""
        from airflow_provider_instantly.launches import ownership

        ownership.claim(context["ti"])
        self._pause_if_own = partial(self._pause, campaign_id, context["ti"], record)

    def _stop_if_killed(self) -> None:
        if not self._is_killed or (pause_if_own := self._pause_if_own) is None:
            return
        # A second signal leaves the pause alone that is under way.
        self._pause_if_own = None
        try:
            outcome = pause_if_own()
        except Exception as error:
            from airflow_provider_instantly.launches.pause import what_failed

            # Raised as it is, the wait would take it for a poll that failed, and go on; so it would with an error of
            # the socket on which Airflow was asked.
            raise failure(TaskKilledError, _KILLED, what_failed(self._checked_campaign_id(), error)) from error
        raise failure(TaskKilledError, _KILLED, outcome)

    @contextmanager
    def _kill_put_off(self) -> Iterator[None]:
        """
        Let a kill count only after this, while Airflow is asked for something.

        Airflow >= 3 is asked under a lock. In the signal's handler, the pause would ask it, too, and wait for ever.
        """
        pause_if_own, self._pause_if_own = self._pause_if_own, None
        try:
            yield
        finally:
            self._pause_if_own = pause_if_own
            self._stop_if_killed()

    def _pause(self, campaign_id: str, ti: Any, record: LaunchRecord) -> str:
        """Pause the campaign if it is this attempt's, and say what became of it."""
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.launches import ownership
        from airflow_provider_instantly.launches.pause import TIME_LIMIT

        with InstantlyHook(self.instantly_conn_id, time_limit=TIME_LIMIT) as hook:
            killed = ownership.pause_own(hook, ti, campaign_id, self.log)
        if killed.was_paused_by_us:
            record.note_may_resume()
        return killed.outcome

    # The wait

    def _wait(
        self, launched: Launched, summary: dict[str, Any], clock: Clock, began: float, *, is_first_try: bool
    ) -> WaitResult:
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.observability.metrics import TIME_TO_ACTIVE
        from airflow_provider_instantly.waits.reader import Reader

        now, campaign = clock(), launched.campaign
        goal = self._goal(deadline=now + self.timeout)
        wait = Wait([campaign.id], goal, now=now)
        write(self.log, info=[wait.opening])
        # The wait decides about pauses after errors, so the hook makes one attempt a poll.
        reader = Reader()
        with InstantlyHook(self.instantly_conn_id, max_retries=0) as hook:
            hook.looking_up = self._kill_put_off
            if launched.was_seen:
                decision = wait.advance({campaign.id: campaign}, began=now, now=now)
                write(self.log, info=decision.info, warnings=decision.warnings)
            else:
                decision = poll(hook, reader, wait, clock, self.log)
            if decision.delay is not None:
                if self.deferrable:
                    goal = replace(goal, execution_deadline=execution_deadline(self, began))
                    self._defer(campaign.id, goal, summary, now)
                write(self.log, info=[HOLDS_A_SLOT] if holds_a_slot(self) else [])
                time.sleep(decision.delay)
                wait_on_worker(hook, reader, wait, clock, self.log)
            result = wait.result()
            # In another try it is not known when the campaign was launched.
            if is_first_try and launched.by_this_run and result.verdict is Verdict.REACHED:
                hook.metrics.measure(TIME_TO_ACTIVE, clock() - now)
            return result

    def _defer(self, campaign_id: str, goal: Goal, summary: dict[str, Any], now: float) -> None:
        from airflow_provider_instantly.triggers.campaign import CampaignStatusTrigger

        self.defer(
            trigger=CampaignStatusTrigger(
                campaign_id,
                self.instantly_conn_id,
                **goal.as_arguments(),
                passthrough=summary,
                end_from_trigger=why_not_end_in_triggerer(self) is None,
                do_xcom_push=self.do_xcom_push,
                resume_after=now + MIN_ABSENCE,
                pause_on_kill=self.pause_on_kill and summary["launched"],
            ),
            method_name="execute_complete",
            # A deferral that Airflow ends knows nothing of campaigns, so ours always ends first.
            timeout=timedelta(seconds=self.timeout + BACKSTOP),
        )

    def _goal(self, *, deadline: float | None) -> Goal:
        return Goal(
            stable_for=self.stable_for,
            poll_interval=self.poll_interval,
            deadline=deadline,
            timeout=self.timeout,
        )

    # What is returned

    def _launch_summary(self, launched: Launched, url: str) -> dict[str, Any]:
        window = launched.campaign.schedule.next_sending_window(datetime.now(UTC))
        opens = None if window is None else {"opens": window.opens.isoformat(), "closes": window.closes.isoformat()}
        return {
            **self._summary(launched.campaign, url),
            "launched": launched.by_this_run,
            "next_sending_window": opens,
        }

    def _arrived(self, context: Context, result: WaitResult, summary: dict[str, Any]) -> dict[str, Any]:
        self._returned = summary = returned(result, summary)
        raise_for_result(result, preface="This run activated the campaign." if summary.get("launched") else "")
        write(self.log, info=[result.ending])
        return self._done(context, summary)


class PauseCampaignOperator(SingleCampaignOperator):
    """
    Stops what sends, and makes sure that it is stopped.

    It reads the campaign first. Active, Running Subsequences and a status that this release does not know are paused.
    Paused and Completed are left as they are. So is what Instantly stopped (Accounts Unhealthy, Bounce Protect, Account
    Suspended): paused, a person could resume it unprotected. The task succeeds in all these cases. After an answer that
    was lost it reads again before it repeats the pause, so a retry, a cleared task and a second run do no harm.

    It returns a dict: ``id``, ``name``, ``status`` and ``status_name`` (at the end), ``status_before`` (a number, as
    this try found it), ``paused`` (whether this try paused it), and ``url``.

    :param campaign_id: the UUID of the campaign, as text or as a ``uuid.UUID``; a template, an XCom. (templated)
    :param instantly_conn_id: the id of the Airflow connection. (templated)
    :param pause_drafts: whether to pause a Draft, too. A Draft sends nothing.

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    def __init__(
        self,
        *,
        campaign_id: validation.CampaignId,
        instantly_conn_id: str = "instantly_default",
        pause_drafts: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(campaign_id=campaign_id, instantly_conn_id=instantly_conn_id, **kwargs)
        self.pause_drafts = validation.flag("pause_drafts", pause_drafts)
        self._is_killed = False

    @reasons_first
    def execute(self, context: Context) -> dict[str, Any]:
        """
        Pause, and confirm.

        :param context: the task's context.
        :raises AirflowFailException: if ``campaign_id`` rendered to what is no campaign's id. Not retried.
        :raises PauseNotConfirmedError: if it is not known whether the pause took effect.
        :raises TaskKilledError: if the task was killed before it sent a pause.
        :raises InstantlyError: if Instantly refused a request or could not be reached; this try paused nothing then.
        """
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.launches.pause import DRAFTS, pause

        campaign_id = self._checked_campaign_id()
        spare = frozenset() if self.pause_drafts else DRAFTS
        with InstantlyHook(self.instantly_conn_id) as hook:
            url = self._link(context, hook, campaign_id)
            paused = pause(hook, campaign_id, log=self.log, spare=spare, before_send=self._check_before_pause)
        (self.log.warning if paused.needs_attention else self.log.info)("%s", paused.outcome)
        before = paused.found.status
        return self._done(
            context,
            {
                **self._summary(paused.campaign, url),
                "status_before": None if before is None else int(before),
                "paused": paused.is_effective,
            },
        )

    def on_kill(self) -> None:
        """Pause nothing any more. Airflow calls it on the worker, from its handler of SIGTERM."""
        self._is_killed = True

    def _check_before_pause(self, campaign: Campaign, doubt: Unconfirmed[Campaign] | None) -> None:
        """Right before each pause: whether it is still to be sent."""
        from airflow_provider_instantly.launches.pause import killed_before_pause

        if self._is_killed:
            raise killed_before_pause(campaign, doubt)
        if campaign.status is not None and not campaign.status.is_known:
            stands = f"The campaign is {campaign.status_label}, a status that this release does not know"
            self.log.warning("%s. Pausing it. %s", stands, about(campaign.title))


def _preflight_rules(preflight: object) -> CheckRules | None:
    # Loaded by the DAGs that ask for a check, and by no others.
    from airflow_provider_instantly.operators.check_rules import preflight_rules

    return preflight_rules(preflight)
