"""The wait in the triggerer: one event when campaigns have arrived. Users find the watcher of changes here, too."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from airflow_provider_instantly import validation
from airflow_provider_instantly.api.campaign import about
from airflow_provider_instantly.api.driver import adrive
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.clock import steady_clock
from airflow_provider_instantly.launches import ownership
from airflow_provider_instantly.links.campaign import CampaignLink
from airflow_provider_instantly.observability.metrics import TIME_TO_ACTIVE
from airflow_provider_instantly.tasklog import awrite
from airflow_provider_instantly.triggers.base import (
    DEFAULT_CONN_ID,
    PollingTrigger,
    fired,
    stay_idle,
    without_defaults,
)
from airflow_provider_instantly.triggers.changes import CampaignChangeTrigger
from airflow_provider_instantly.triggers.shared_hook import shared_hook
from airflow_provider_instantly.triggers.xcom import drop_xcoms_of_earlier_tries, push_xcom, pushing_meanwhile
from airflow_provider_instantly.waits.arguments import packed, unpacked
from airflow_provider_instantly.waits.ending import MAX_EXPLAINING, aexplain, returned
from airflow_provider_instantly.waits.goal import END_OF_TIME, Goal, Verdict
from airflow_provider_instantly.waits.machine import Wait
from airflow_provider_instantly.waits.placement import BACKSTOP, MIN_ABSENCE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
    from uuid import UUID

    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import TriggerEvent
    from jinja2 import Environment

    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.turns import Turn
    from airflow_provider_instantly.triggers.poller import Poller
    from airflow_provider_instantly.triggers.timing import Snapshot
    from airflow_provider_instantly.waits.result import WaitResult

__all__ = ["CampaignChangeTrigger", "CampaignStatusTrigger"]

#: Where it is refused, this is what its author reads.
_FOR_TASKS: Final = (
    "CampaignStatusTrigger is for tasks: it fires once and ends, and for an asset Airflow would start it again at "
    "once, without end. Give the AssetWatcher a CampaignChangeTrigger."
)
#: Seconds that a pause may take when the task was ended; Airflow gives a trigger 30 by default.
_KILL_TIMEOUT: Final = 25.0
_KILL_TIMED_OUT: Final = (
    f"The task was stopped, and after {_KILL_TIMEOUT:.0f} s it is not known whether the campaign was paused. "
    "Look at it in Instantly, and pause it there if it still sends."
)
#: So many campaigns are named that are not paused yet.
_NAMED: Final = 20


class CampaignStatusTrigger(PollingTrigger):
    """
    Fires once, when the wait for one or many campaigns is over, however it ended.

    It holds the id of the connection and never the key. The event carries how it stands with each campaign, and
    ``passthrough`` as it was given, so that the task that resumes needs nothing else.

    :param campaign_id: the UUID of a campaign, or several.
    :param instantly_conn_id: the id of the Airflow connection.
    :param passthrough: what the event carries back to the task; no secrets.
    :param end_from_trigger: whether success ends the task here, without a worker. A failure always resumes on a
        worker, where its reason can be raised, and retries and callbacks work as they always do.
    :param resume_after: the earliest moment, in seconds since the epoch, to send the task back to a worker.
    :param pause_on_kill: whether to pause the campaign when a person ends the task or clears it (Airflow >= 3.3).
    :param do_xcom_push: whether a success that ends here pushes how it stands, as ``do_xcom_push`` has a worker do.
    :param goal: what is waited for, and for how long: the fields of `airflow_provider_instantly.waits.goal.Goal`, each
        as an argument of its name, such as ``target_statuses`` and ``timeout``. Where there is no ``deadline``, it is
        ``timeout`` after the task was deferred.
    """

    # A task's trigger belongs to the task's triggerer queue; only asset triggers have none.
    supports_triggerer_queue = True

    def __init__(
        self,
        /,
        campaign_id: str | UUID | Collection[str | UUID],
        instantly_conn_id: str = DEFAULT_CONN_ID,
        *,
        passthrough: dict[str, Any] | None = None,
        end_from_trigger: bool = False,
        resume_after: float | None = None,
        pause_on_kill: bool = False,
        do_xcom_push: bool = True,
        **goal: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.campaign_id = campaign_id
        self.instantly_conn_id = instantly_conn_id
        self.passthrough = passthrough or {}
        self.end_from_trigger = end_from_trigger
        self.resume_after = resume_after
        self.pause_on_kill = pause_on_kill
        self.do_xcom_push = do_xcom_push
        self.goal = Goal()
        self._problem = ""
        try:
            self.goal = Goal.from_json(goal)
        except ValueError as error:
            self._problem = str(error)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        The class and its arguments, all of them plain values, without those that are the default.

        :raises ValueError: if an argument is wrong, or if it is an asset that is to be watched.
        """
        if _is_called_for_an_asset():
            raise ValueError(_FOR_TASKS)
        return super().serialize()

    def _check(self) -> None:
        if self._is_watching:
            raise ValueError(_FOR_TASKS)
        if self._problem:
            raise ValueError(self._problem)
        # Native rendering makes a number of digits.
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", self.instantly_conn_id)
        validation.seconds("poll_interval", self.goal.poll_interval, low=validation.MIN_POLL_INTERVAL)
        self.named_campaigns()
        for name in ("end_from_trigger", "pause_on_kill", "do_xcom_push"):
            validation.flag(name, getattr(self, name))
        if not isinstance(self.passthrough, dict):
            raise ValueError("passthrough must be a dict.")
        if self.resume_after is not None and not _is_moment(self.resume_after):
            raise ValueError("resume_after must be a moment in seconds since the epoch.")

    def named_campaigns(self) -> list[str]:
        """
        The campaigns, each once, in lower case.

        :raises ValueError: if there is none, or something else among them.
        """
        return validation.campaign_ids("campaign_id", unpacked(self.campaign_id), many=True)

    @property
    def _is_watching(self) -> bool:
        """Whether the triggerer runs this for an asset: it numbers all triggers, and gives those of tasks a task."""
        return self.trigger_id is not None and self.task_instance is None

    async def _refuse(self, reason: str) -> AsyncGenerator[TriggerEvent, None]:
        if self._is_watching:
            await stay_idle(self.log, reason)
        await self._stay_away()
        yield fired({"campaigns": None, "reason": reason})

    def _arguments(self) -> dict[str, Any]:
        goal = self.goal
        if goal.deadline is None and goal.timeout is not None:
            # A task defers now. In the triggerer that could not be known: not after a restart, and Airflow's own limit,
            # which the task may set as it likes, does not tell.
            goal = replace(goal, deadline=steady_clock()() + goal.timeout)
        return {
            "campaign_id": packed(self.named_campaigns()),
            **goal.as_arguments(),
            **without_defaults(
                {
                    "instantly_conn_id": (self.instantly_conn_id, DEFAULT_CONN_ID),
                    "passthrough": (self.passthrough, {}),
                    "end_from_trigger": (self.end_from_trigger, False),
                    "resume_after": (self.resume_after, None),
                    "pause_on_kill": (self.pause_on_kill, False),
                    "do_xcom_push": (self.do_xcom_push, True),
                }
            ),
        }

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """The same, closed before it fires: `dag.test` ends the event loop then, and complains of what is open."""
        async with aclosing(super().run()) as events:
            event = await anext(events, None)
        if event is not None:
            yield event

    def render_template_fields(self, context: Context, jinja_env: Environment | None = None) -> None:
        """
        Render, and then let go of the DAG: each trigger that starts a task is given a copy of its own (Airflow 3.3.2).

        A thousand copies fill the memory, and to search them for garbage stops the event loop for up to a second.

        :param context: what Airflow made for this trigger alone; it is empty afterwards.
        :param jinja_env: what to render with, instead of what the DAG says.
        """
        super().render_template_fields(context, jinja_env)
        cast("dict[str, Any]", context).clear()
        ti: Any = self.task_instance
        ti.task = None

    async def on_kill(self) -> None:
        """
        Pause the campaign, if the task asks for it, and if it was really stopped.

        Airflow (seen on 3.3.2) also calls this when a person marked the task as success, and when it has moved the
        trigger to another triggerer: the task is still deferred then, or the other has sent it on. And where a newer
        attempt has begun, the campaign is that attempt's.
        """
        if self.pause_on_kill is not True:
            return
        left = list(self.named_campaigns())
        pausing = asyncio.create_task(self._pause_what_is_own(left))
        telling: asyncio.Task[None] | None = None
        # Airflow (seen on 3.3.2) cancels a trigger again in each of its rounds, until it has ended.
        while not pausing.done():
            try:
                await asyncio.shield(pausing)
            except asyncio.CancelledError:
                # After the next round, Airflow (seen on 3.3.2 with Python 3.11) writes no more to the task's log.
                if left and telling is None:
                    telling = asyncio.create_task(awrite(self.log, info=[_said_elsewhere(left)]))
        pausing.result()

    async def _pause_what_is_own(self, left: list[str]) -> None:
        """Pause each campaign, and say of each what became of it: Airflow would log no more than a traceback."""
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.launches.pause import TIME_LIMIT
        from airflow_provider_instantly.launches.turns import turns

        try:
            async with (
                asyncio.timeout(_KILL_TIMEOUT),
                InstantlyHook(self.instantly_conn_id, time_limit=TIME_LIMIT) as hook,
            ):
                await adrive(turns(tuple(left)), partial(self._pause_if_own, hook, left))
        except TimeoutError:
            lines = [f"{_KILL_TIMED_OUT} {about(campaign_id)}" for campaign_id in left]
            await awrite(self.log, warnings=lines)

    async def _pause_if_own(self, hook: InstantlyHook, left: list[str], turn: Turn) -> Exception | None:
        """Let a campaign have its turn, and say what became of it; or return the error for which it is put off."""
        from airflow_provider_instantly.launches.pause import what_failed

        hook.max_retries = 0 if turn.may_be_put_off else None
        try:
            killed = await ownership.apause_own(hook, self.task_instance, turn.campaign_id, self.log, turn)
        except Exception as error:
            if turn.puts_off(error):
                return error
            await awrite(self.log, warnings=[what_failed(turn.campaign_id, error)])
        else:
            await awrite(self.log, info=[killed.outcome])
        left.remove(turn.campaign_id)
        return None

    async def _events(self, poller: Poller, snapshots: AsyncIterator[Snapshot]) -> AsyncGenerator[TriggerEvent, None]:
        campaign_ids = self.named_campaigns()
        goal = self._goal_from(steady_clock()())
        wait = Wait(campaign_ids, goal, now=poller.clock())
        if self.started_here:
            await drop_xcoms_of_earlier_tries(self.task_instance, ("return_value", "campaigns"), self.log)
        async with shared_hook(self.instantly_conn_id) as hook, self._linking(hook, campaign_ids):
            await self._wait(wait, poller, snapshots)
            self._note_time(wait, hook, steady_clock()())
            event = await self._event(wait, hook, poller)
        if self.pause_on_kill:
            # Whatever becomes of the task from here on, its wait was not killed.
            await push_xcom(self.task_instance, ownership.XCOM_KEY, None, self.log)
        yield event

    async def _wait(self, wait: Wait, poller: Poller, snapshots: AsyncIterator[Snapshot]) -> None:
        with poller.watching(wait.pending, wait.goal.poll_interval, wait) as watcher:
            await awrite(self.log, info=[wait.opening])
            async for snapshot in snapshots:
                if not watcher.accept(snapshot):
                    continue
                decision = wait.advance(
                    snapshot.campaigns, began=snapshot.began, now=snapshot.now, jitter=snapshot.jitter
                )
                await awrite(self.log, info=decision.info, warnings=decision.warnings)
                if decision.delay is None:
                    return
                watcher.campaign_ids = frozenset(wait.pending)
                poller.poll_again(watcher, decision.delay)

    def _note_time(self, wait: Wait, hook: InstantlyHook, now: float) -> None:
        """Note how long it took from the launch, if this task's first try did it: of another it is not known when."""
        is_first_try = getattr(self.task_instance, "try_number", 1) == 1
        if not is_first_try or self.passthrough.get("launched") is not True:
            return
        if wait.result().verdict is Verdict.REACHED and self.goal.deadline and self.goal.timeout:
            hook.metrics.measure(TIME_TO_ACTIVE, now - (self.goal.deadline - self.goal.timeout))

    @property
    def started_here(self) -> bool:
        """Whether the task began in the triggerer: where it defers, `serialize` sets the deadline."""
        return self.goal.deadline is None and self.goal.timeout is not None

    def _goal_from(self, now: float) -> Goal:
        """The goal with its deadline, which a task that starts here could not know when its DAG was parsed."""
        if not self.started_here or self.goal.timeout is None:
            return self.goal
        deadline = now + self.goal.timeout
        if (airflow_limit := getattr(self, "timeout_after", None)) is not None:
            # Counted from the deferral, so that a restart of the triggerer does not start it again.
            deadline = min(deadline, airflow_limit.timestamp() - BACKSTOP)
        return replace(self.goal, deadline=deadline)

    async def _event(self, wait: Wait, hook: InstantlyHook, poller: Poller) -> TriggerEvent:
        until = poller.clock() + MAX_EXPLAINING
        await aexplain(partial(poller.sending_status, hook, until), wait, self.log)
        result = wait.result()
        await awrite(self.log, info=[result.ending])
        if self._may_end_task and result.verdict is Verdict.REACHED and (success := await self._success(result)):
            return success
        await self._stay_away()
        return fired({"campaigns": result.as_json(), "passthrough": self.passthrough})

    async def _stay_away(self) -> None:
        """Airflow (seen on 3.3.2) fails a task that comes back to a worker before it is known to have left one."""
        if _is_moment(self.resume_after):
            await asyncio.sleep(min(self.resume_after - steady_clock()(), MIN_ABSENCE))

    @property
    def _may_end_task(self) -> bool:
        """`dag.test` gives a trigger no task, and accepts no event but those that resume one (Airflow 3.3.2)."""
        return self.end_from_trigger and self.task_instance is not None

    async def _success(self, result: WaitResult) -> TriggerEvent | None:
        """End the task here, or None where its XCom cannot be stored from here."""
        from airflow.triggers.base import TaskSuccessEvent

        if not self.do_xcom_push:
            return TaskSuccessEvent()
        # Not as the event's own XComs: Airflow 3.3.2 stores those as JSON text, and who pulls one gets a str.
        pushed = await push_xcom(self.task_instance, "return_value", returned(result, self.passthrough), self.log)
        return TaskSuccessEvent() if pushed else None

    @contextlib.asynccontextmanager
    async def _linking(self, hook: InstantlyHook, campaign_ids: list[str]) -> AsyncIterator[None]:
        """Where no worker began the task, the link is pushed from here."""
        url = None
        if self.started_here and len(campaign_ids) == 1:
            with contextlib.suppress(InstantlyError):
                url = (await hook.aget_conn()).endpoint.campaign_page(campaign_ids[0])
        if url is None:
            yield
            return
        async with pushing_meanwhile(self.task_instance, CampaignLink.XCOM_KEY, url, self.log):
            yield


def _said_elsewhere(left: Sequence[str]) -> str:
    """Where to look for what becomes of campaigns, if the task's log ends before that is known."""
    more = f" and {len(left) - _NAMED:,} more" if len(left) > _NAMED else ""
    return (
        f"This takes longer. If no line below says what became of {', '.join(left[:_NAMED])}{more}, the log of the "
        "triggerer does."
    )


def _is_moment(value: object) -> TypeGuard[float]:
    """Whether it is a moment in seconds since the epoch, before the year 10000."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < END_OF_TIME


def _is_called_for_an_asset() -> bool:
    """
    Whether Airflow serializes the trigger as that of an asset's watcher.

    It asks a task's trigger in the same way, so only the caller tells the two apart (Airflow 3.0 to 3.3.2).
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name in ("_is_called_for_an_asset", "serialize"):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name in ("encode_trigger", "_encode_trigger")
