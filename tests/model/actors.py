"""
Airflow's part in the stories: it runs tasks through retries, clears, deferrals and reschedules.

What it hands from one process to the next goes through JSON, as it does in Airflow; an operator never survives.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.exceptions import PauseNotConfirmedError
from airflow_provider_instantly.launches import ownership
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.triggers import xcom
from tests.airflow_versions import AirflowRescheduleException, TaskDeferred
from tests.model.fault_schedule import BESIDE, KILL, LaunchPlan, Plan, WaitPlan
from tests.model.guards_schedule import BrakePlan, GuardPlan, PausePlan
from tests.model.guards_tasks import brake, guard_task
from tests.model.stage import ProcessDied, Runaway, VirtualLoop
from tests.shared_streams import events_of

try:
    from airflow.triggers.shared_stream import SharedStreamManager
except ImportError:  # Airflow < 3.3
    SharedStreamManager = None  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from tests.model.stage import Stage

POLL: float = 30.0
#: Seconds after which Airflow tries a failed task again.
RETRY_DELAY = 60.0
BACKSTOP = 600.0
#: Tasks that run in the middle of others are numbered from here on.
BESIDE_FROM = 100


class StoppedByHand(BaseException):
    """A person marked a deferred task as failed, or cleared it."""


@dataclass
class Try:
    """
    One try of a task, from its start to its end.

    :param task: which task, and which try of it, counted from 1.
    :param plan: the task.
    :param cleared: whether it only ran because a person cleared the task.
    :param value: what it returned.
    :param error: what it raised, or None. `ProcessDied` where its process died.
    :param escaped: what a trigger raised: Airflow would fail the task without a word of ours.
    :param began: the moment on the service's clock.
    :param ended: the moment on the service's clock.
    :param handed_over: what Airflow kept of it: trigger arguments, events, XComs.
    :param said: which of the story's log lines came while it ran, from and to.
    """

    task: tuple[int, int]
    plan: Any
    began: float
    cleared: bool = False
    value: Any = None
    error: BaseException | None = None
    escaped: BaseException | None = None
    ended: float = 0.0
    handed_over: list[Any] = field(default_factory=list)
    said: tuple[int, int] = (0, 0)

    @property
    def succeeded(self) -> bool:
        return self.error is None and self.escaped is None

    @property
    def is_final(self) -> bool:
        """Whether Airflow does not try again by itself."""
        final = (AirflowFailException, AirflowSensorTimeout, AirflowSkipException)
        return self.succeeded or isinstance(self.error, final)


class StateStore:
    """
    Airflow's task state store: one for all tries of a task instance.

    :param stage: where it may be slow.
    """

    def __init__(self, stage: Stage) -> None:
        self.kept: dict[str, str] = {}
        self._stage = stage

    def get(self, key: str, default: Any = None) -> Any:
        self._stage.clock.sleep(self._stage.store_takes)
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        if value is None:
            raise ValueError("Cannot set value as None")
        self._stage.clock.sleep(self._stage.store_takes)
        self.kept[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)


class TaskInstance:
    """As much of one as a task asks for. Its XComs are those of its try: Airflow removes those of earlier ones."""

    dag_id, task_id, run_id, map_index, max_tries = "a_dag", "a_task", "a_run", -1, 0
    state = "running"

    def __init__(self, try_number: int, keep: list[Any]) -> None:
        self.try_number = try_number
        self.first_reschedule_date: datetime | None = None
        self._keep = keep

    def xcom_push(self, key: str, value: Any) -> None:
        self._keep.append({key: json.loads(json.dumps(value))})

    def xcom_pull(self, *, key: str, **which: Any) -> Any:
        return next((kept[key] for kept in reversed(self._keep) if isinstance(kept, dict) and key in kept), None)

    def get_task_states(self, **which: Any) -> dict[str, dict[str, str]]:
        return {self.run_id: {self.task_id: self.state}}

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self.first_reschedule_date


class TaskLog:
    """Keeps all that is logged, as text."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def info(self, event: str, *args: Any, **more: Any) -> None:
        self._said.append((event % args if args else event) + (f" {more}" if more else ""))

    debug = warning = error = exception = info


class LogCatcher(logging.Handler):
    """The same for what goes through `logging`, down to DEBUG."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


def play(stage: Stage) -> list[Try]:
    """
    Run a schedule's tasks to their ends.

    :param stage: its world.
    """
    tries: list[Try] = []
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.setLevel(logging.DEBUG)
    root.handlers = [LogCatcher(stage.said)]
    try:
        with (
            stage.playing(),
            mock.patch.object(xcom, "XCom", SimpleNamespace(aset=None)),
            mock.patch.object(ownership, "_astate", _astate),
            mock.patch.object(ownership, "XCom", SimpleNamespace(aget_one=None)),
        ):
            stage.run_beside = lambda which: _run_beside(stage, which, tries)
            for position, plan in enumerate(stage.schedule.tasks):
                if _is_due(stage, plan, tries):
                    tries += _run_task(stage, position, plan)
    finally:
        root.setLevel(level)
        root.handlers = handlers
    return tries


async def _astate(ti: TaskInstance) -> str:
    return ti.state


def _is_due(stage: Stage, plan: Plan, tries: list[Try]) -> bool:
    """Whether Airflow runs a task, or calls a callback, after what came before it."""
    has_failed = any(not each.succeeded for each in _last_tries(tries))
    if isinstance(plan, BrakePlan):
        return has_failed or not plan.only_after_failure
    return not has_failed or not stage.schedule.is_chain or isinstance(plan, GuardPlan | PausePlan)


def _last_tries(tries: list[Try]) -> list[Try]:
    """The last try of each task that is part of the DAG."""
    last = {each.task[0]: each for each in tries if each.task[0] < BESIDE_FROM}
    return list(last.values())


def _run_beside(stage: Stage, which: int, tries: list[Try]) -> None:
    """Run another task to its end while a request is about to leave, as a second worker would."""
    plan = stage.schedule.beside[which % len(stage.schedule.beside)]
    kept = (stage.task, stage.on_kill, stage.on_death, stage.on_kill_of_trigger, stage.in_flight)
    stage.on_death = stage.on_kill_of_trigger = None
    position = BESIDE_FROM + stage.injected[BESIDE]
    began = stage.clock.now()

    def run() -> None:
        tries.extend(_run_task(stage, position, plan))

    # A thread of its own, as a process has no part in the event loop of another one.
    worker = threading.Thread(target=run, name="another task")
    worker.start()
    worker.join()
    stage.clock.beside += stage.clock.now() - began
    stage.task, stage.on_kill, stage.on_death, stage.on_kill_of_trigger, stage.in_flight = kept


def _run_task(stage: Stage, position: int, plan: Plan) -> list[Try]:
    stage.clock.elapsed += getattr(plan, "after", 0.0)
    store = StateStore(stage) if stage.schedule.remembers else None
    tries: list[Try] = []
    retries, clears, cleared = plan.retries, plan.clears, False
    while True:
        stage.task = (position, len(tries) + 1)
        one = Try(stage.task, plan, stage.clock.now(), cleared)
        tries.append(one)
        first_line = len(stage.said)
        _Actor(stage, one, store).run()
        one.said = (first_line, len(stage.said))
        one.ended = stage.clock.now()
        cleared = False
        if not one.is_final and retries:
            retries -= 1
        elif clears:
            clears -= 1
            cleared = True
        else:
            return tries
        stage.clock.elapsed += RETRY_DELAY


class _Actor:
    def __init__(self, stage: Stage, one: Try, store: StateStore | None) -> None:
        self.stage = stage
        self.one = one
        self.ti = TaskInstance(one.task[1], one.handed_over)
        self.context: Any = {"ti": self.ti, "task_instance": self.ti}
        if store is not None:
            self.context["task_state_store"] = store

    def run(self) -> None:
        if isinstance(self.one.plan, BrakePlan):
            self._brake(self.one.plan)
            return
        step: Any = lambda task: task.execute(self.context)  # noqa: E731 - it is replaced at each turn
        if isinstance(self.one.plan, WaitPlan) and self.one.plan.mode == "from_trigger":
            step = self._start_in_triggerer()
        while step is not None:
            task = self._task()
            self.context["task"] = task
            began = datetime.fromtimestamp(self.stage.clock.time(), UTC)
            try:
                self.one.value = step(task)
                step = None
            except TaskDeferred as deferral:
                step = self._deferred(deferral)
            except AirflowRescheduleException as reschedule:
                step = self._rescheduled(reschedule, began)
            except (ProcessDied, Exception) as error:
                self.one.error = error
                step = None

    def _brake(self, plan: BrakePlan) -> None:
        notifier = brake(self.stage, plan)
        object.__setattr__(notifier, "_log", TaskLog(self.stage.said))
        self.stage.on_kill = lambda: None
        try:
            if plan.in_triggerer:
                _in_triggerer(self.stage, notifier.async_notify(self.context))
            else:
                notifier(self.context)
        except (ProcessDied, Exception) as error:
            self.one.error = error

    def _task(self) -> Any:
        """A new operator, as a new worker would make it."""
        plan = self.one.plan
        if isinstance(plan, LaunchPlan):
            task: Any = launch_task(self.stage, plan)
        else:
            task = wait_task(self.stage, plan) if isinstance(plan, WaitPlan) else guard_task(self.stage, plan)
        for name in ("_log", "_cached_logger"):
            object.__setattr__(task, name, TaskLog(self.stage.said))
        self.stage.on_kill = task.on_kill
        return task

    def _rescheduled(self, reschedule: AirflowRescheduleException, began: datetime) -> Any:
        now = datetime.fromtimestamp(self.stage.clock.time(), UTC)
        # What Airflow notes is when the run began that gave its worker back.
        self.ti.first_reschedule_date = self.ti.first_reschedule_date or began
        self.stage.clock.sleep(max(0.0, (reschedule.reschedule_date - now).total_seconds()))
        return lambda task: task.execute(self.context)

    def _deferred(self, deferral: TaskDeferred) -> Any:
        trigger = deferral.trigger
        limit = None if deferral.timeout is None else deferral.timeout.total_seconds()
        class_path, arguments = trigger.serialize()
        return self._await_event(class_path, arguments, deferral.method_name, deferral.kwargs, limit)

    def _start_in_triggerer(self) -> Any:
        arguments = self._task().first_trigger()
        return self._await_event(
            arguments.trigger_cls,
            arguments.trigger_kwargs,
            arguments.next_method,
            arguments.next_kwargs,
            arguments.timeout.total_seconds(),
        )

    def _await_event(
        self,
        class_path: str,
        arguments: dict[str, Any],
        method: str,
        kwargs: dict[str, Any] | None,
        limit: float | None,
    ) -> Any:
        """Let a triggerer run the trigger, and another one where it dies."""
        kept = json.dumps([class_path, arguments])
        self.one.handed_over.append(kept)
        deferred_at = self.stage.clock.own()
        airflow_limit = None if limit is None else datetime.fromtimestamp(self.stage.clock.time() + limit, UTC)
        event = None
        while event is None:
            try:
                event = _first_event(self.stage, kept, self.ti, airflow_limit, shared=self._is_shared)
            except Exception as error:
                self.one.escaped = error
                return None
        if event == KILL:
            self.one.error = StoppedByHand("\n".join(self.stage.said[-1:]))
            return None
        if limit is not None and not self.stage.clock.jumped and self.stage.clock.own() - deferred_at > limit:
            self.one.escaped = TimeoutError("Airflow's own limit on the deferral came first")
            return None
        if type(event).__name__ == "TaskSuccessEvent":
            pushed = [kept["return_value"] for kept in self.one.handed_over if "return_value" in kept]
            self.one.value = pushed[-1]
            return None
        payload = json.loads(json.dumps(event.payload))
        self.one.handed_over.append(payload)
        return lambda task: task.resume_execution(method, {**(kwargs or {}), "event": payload}, self.context)

    @property
    def _is_shared(self) -> bool:
        plan = self.one.plan
        wanted = plan.wait == "shared" if isinstance(plan, LaunchPlan) else plan.mode in ("shared", "from_trigger")
        return wanted and SharedStreamManager is not None


def launch_task(stage: Stage, plan: LaunchPlan) -> ActivateCampaignOperator:
    """The operator of a plan."""
    return ActivateCampaignOperator(
        task_id="a_task",
        campaign_id=stage.campaign_ids[0],
        wait_for_active=bool(plan.wait),
        deferrable=plan.wait in ("deferred", "shared"),
        timeout=plan.timeout,
        poll_interval=POLL,
        stable_for=plan.stable_for,
        reactivate_stopped=plan.reactivate_stopped,
        resume_paused=plan.resume_paused,
        check_before=plan.check_before,
        # The campaigns of the stories have no e-mails, so a check always finds errors.
        preflight={"fail_on": []} if plan.preflight == "allows" else bool(plan.preflight),
        pause_on_kill=plan.pause_on_kill,
    )


def wait_task(stage: Stage, plan: WaitPlan) -> CampaignStatusSensor:
    """The sensor of a plan."""
    return CampaignStatusSensor(
        task_id="a_task",
        campaign_id=stage.campaign_ids[: plan.campaigns] if plan.campaigns > 1 else stage.campaign_ids[0],
        mode="reschedule" if plan.mode == "reschedule" else "poke",
        deferrable=plan.mode in ("deferred", "shared", "from_trigger"),
        timeout=plan.timeout,
        poke_interval=POLL,
        stable_for=plan.stable_for,
        failure_budget=plan.failure_budget,
        fail_fast=plan.fail_fast,
        soft_fail=plan.soft_fail,
        silent_fail=plan.silent_fail,
    )


def _first_event(stage: Stage, kept: str, ti: Any, airflow_limit: datetime | None, *, shared: bool) -> Any:
    """What the trigger fires, or None where its triggerer died."""
    class_path, arguments = json.loads(kept)
    module, _, name = class_path.rpartition(".")
    trigger = getattr(import_module(module), name)(**arguments)
    trigger._log = TaskLog(stage.said)
    trigger.task_instance = ti
    trigger.timeout_after = airflow_limit

    async def push(key: str, value: Any, **_ti: Any) -> None:
        ti.xcom_push(key, value)

    async def pull(*, key: str, **_ti: Any) -> Any:
        return ti.xcom_pull(key=key)

    xcom.XCom.aset = push  # type: ignore[attr-defined]
    ownership.XCom.aget_one = pull  # type: ignore[attr-defined]
    loop = VirtualLoop(stage)
    stage.in_flight = 0
    try:
        return loop.run_until_complete(_until_event_or_death(stage, trigger, shared=shared))
    finally:
        stage.on_death = stage.on_kill_of_trigger = None
        _close(loop)


def _in_triggerer(stage: Stage, callback: Any) -> None:
    """Let a triggerer run a callback. If it dies, it is not called again."""
    loop = VirtualLoop(stage)
    stage.in_flight = 0
    try:
        loop.run_until_complete(_until_end_or_death(stage, callback))
    finally:
        stage.on_death = None
        _close(loop)


async def _until_end_or_death(stage: Stage, callback: Any) -> None:
    died: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stage.on_death = lambda: None if died.done() else died.set_result(None)
    running = asyncio.ensure_future(callback)
    await asyncio.wait([running, died], return_when=asyncio.FIRST_COMPLETED)
    if died.done():
        raise ProcessDied
    running.result()


async def _until_event_or_death(stage: Stage, trigger: Any, *, shared: bool) -> Any:
    died: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stage.on_death = lambda: None if died.done() else died.set_result(None)
    killed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if getattr(trigger, "pause_on_kill", False):
        stage.on_kill_of_trigger = lambda: None if killed.done() else killed.set_result(None)
    fired = asyncio.ensure_future(_fire(trigger, shared=shared))
    await asyncio.wait([fired, died, killed], return_when=asyncio.FIRST_COMPLETED)
    if killed.done() and not died.done():
        stage.on_kill_of_trigger = None
        await _cancel(fired)
        trigger.task_instance.state = "failed"
        pausing = asyncio.ensure_future(_kill(trigger))
        await asyncio.wait([pausing, died], return_when=asyncio.FIRST_COMPLETED)
        if not died.done():
            pausing.result()
        return KILL
    return None if died.done() else fired.result()


async def _kill(trigger: Any) -> None:
    """Airflow writes what a trigger raises then into its log, and does nothing else with it."""
    with contextlib.suppress(InstantlyError, PauseNotConfirmedError, TimeoutError):
        await trigger.on_kill()


async def _cancel(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _fire(trigger: Any, *, shared: bool) -> Any:
    if not shared:
        return await _first(trigger.run())
    async with events_of(SharedStreamManager(), 1, trigger) as events:
        return await _first(events)


async def _first(events: Any) -> Any:
    async for event in events:
        await events.aclose()
        return event
    raise Runaway("a trigger that ended without an event")


def _close(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_until_complete(_cancel_others())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


async def _cancel_others() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
