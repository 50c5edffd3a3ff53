"""
What the unit tests share: a task's context, and a way to run a task to its end.

A task is run as Airflow would run it: what it defers to goes through Airflow's own serialization and is run to its
event, and a task that is rescheduled starts again with nothing but its arguments.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.unit.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient


@pytest.fixture
def key_replaced_meanwhile(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, int], None]]:
    """
    Begin with a key that is replaced once a campaign was read with it a number of times.

    The campaign becomes Active when it was asked for with the other key. Until then, a wait for it cannot end.
    """
    threads: list[threading.Thread] = []
    stop = threading.Event()

    def use(name: str) -> None:
        connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key(name)}
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))

    def wait_for_reads(campaign_id: str, key: str, count: int) -> None:
        reads = 0
        while reads < count and not stop.wait(0.02):
            requests = sandbox.requests(path=f"*/{campaign_id}", method="GET")
            reads = [(request["key"], request["status"]) for request in requests].count((key, 200))

    def replace(campaign_id: str, reads: int) -> None:
        wait_for_reads(campaign_id, "old", reads)
        use("new")
        sandbox.revoke_key("old")
        wait_for_reads(campaign_id, "new", 1)
        sandbox.set_status(campaign_id, "active")

    def begin(campaign_id: str, reads: int) -> None:
        threads.append(threading.Thread(target=replace, args=(campaign_id, reads)))
        threads[-1].start()

    use("old")
    yield begin
    stop.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def object_storages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Object storages that need no provider: one in memory, and one that is read over HTTP in blocks."""
    import fsspec
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    def filesystem(place: ObjectStoragePath) -> object:
        return fsspec.filesystem(place.protocol)

    monkeypatch.setattr(ObjectStoragePath, "fs", property(filesystem))


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses after errors are random between nothing and a second or more: here they are a twentieth of the most."""
    monkeypatch.setattr(random, "random", lambda: 0.05)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses take no time. The list has the seconds of each."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def frequent_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """No one should poll as often as these tests do; they would take minutes otherwise."""
    monkeypatch.setattr("airflow_provider_instantly.validation.MIN_POLL_INTERVAL", 0.01)


@pytest.fixture
def short_absences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests have no scheduler that would need the time to notice that a task has left its worker."""
    monkeypatch.setattr("airflow_provider_instantly.operators.campaign.MIN_ABSENCE", 0.0)
    monkeypatch.setattr("airflow_provider_instantly.sensors.campaign.MIN_ABSENCE", 0.0)


@pytest.fixture
def sandbox_time(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A sleep moves the sandbox's clock instead of waiting. The list has the seconds of each sleep."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        sandbox.advance_clock(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    return slept


class TaskInstanceStandIn:
    """
    As much of a task instance as a task asks for while it runs.

    :param try_number: which try this is.
    :param first_reschedule_date: when the task was first rescheduled, or None.
    """

    dag_id, task_id, run_id, map_index, max_tries = "a_dag", "a_task", "a_run", -1, 0

    def __init__(self, try_number: int = 1, first_reschedule_date: datetime | None = None) -> None:
        self.try_number = try_number
        self.first_reschedule_date = first_reschedule_date
        self.xcom: dict[str, Any] = {}
        self.on_push: Callable[[str, Any], None] = lambda key, value: None

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep an XCom."""
        self.xcom[key] = value
        self.on_push(key, value)

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        """When the task was first rescheduled."""
        return self.first_reschedule_date


@dataclass
class Run:
    """
    A task that was run to its end.

    :param ti: its task instance.
    :param value: what it returned.
    :param error: what it raised, or None.
    :param deferred_to: the arguments of each trigger that it deferred to, as Airflow keeps them.
    :param events: the payload of each event that it was resumed with.
    :param rescheduled: how often it gave its worker back.
    """

    ti: TaskInstanceStandIn
    value: Any = None
    error: BaseException | None = None
    deferred_to: list[dict[str, Any]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    rescheduled: int = 0

    @property
    def outcome(self) -> tuple[str | None, str, Any]:
        """How it ended, for comparisons: the kind of the error, its message, and the value."""
        return (type(self.error).__name__ if self.error else None, str(self.error or ""), self.value)


class RunTask(Protocol):
    """See `run_task`."""

    def __call__(self, task: Any, ti: TaskInstanceStandIn | None = None, **context: Any) -> Run: ...


@pytest.fixture
def task_instance() -> type[TaskInstanceStandIn]:
    """The class of the stand-in, for tests that need another than a first try's."""
    return TaskInstanceStandIn


@pytest.fixture
def run_task() -> RunTask:
    """
    Run a task to its end, through all deferrals and reschedules.

    Called with the task, a task instance where it matters, and more of the context.
    """

    def run_to_its_end(task: Any, ti: TaskInstanceStandIn | None = None, **context: Any) -> Run:
        from tests.airflow_versions import AirflowRescheduleException, TaskDeferred

        run = Run(ti or TaskInstanceStandIn())
        context = {"ti": run.ti, "task_instance": run.ti, "task": task, **context}
        give_up_at = time.monotonic() + PATIENCE
        step: Callable[[], Any] = lambda: task.execute(context)  # noqa: E731 - it is replaced at each turn
        while time.monotonic() < give_up_at:
            try:
                run.value = step()
                return run
            except TaskDeferred as deferral:
                event = asyncio.run(first_event(_through_airflow(deferral.trigger, run)))
                if hasattr(event, "xcoms"):
                    run.ti.xcom |= event.xcoms or {}
                    run.value = run.ti.xcom.pop("return_value", None)
                    return run
                run.events.append(event.payload)
                step = _resumption(task, deferral, event.payload, context)
            except AirflowRescheduleException as reschedule:
                run.rescheduled += 1
                run.ti.first_reschedule_date = run.ti.first_reschedule_date or datetime.now(UTC)
                time.sleep(max(0.0, (reschedule.reschedule_date - datetime.now(UTC)).total_seconds()))
                step = lambda: task.execute(context)  # noqa: E731
            except Exception as error:
                run.error = error
                return run
        raise AssertionError(f"The task did not end within {PATIENCE:.0f} s: {run}")

    return run_to_its_end


async def first_event(trigger: Any) -> Any:
    """Run a trigger until it fires."""
    async with asyncio.timeout(PATIENCE), aclosing(trigger.run()) as events:
        async for event in events:
            return event
    raise AssertionError("The trigger ended without an event.")


def _resumption(task: Any, deferral: Any, payload: Any, context: dict[str, Any]) -> Callable[[], Any]:
    kwargs = {**(deferral.kwargs or {}), "event": payload}
    return lambda: task.resume_execution(deferral.method_name, kwargs, context)


def _through_airflow(trigger: Any, run: Run) -> Any:
    """A trigger as the triggerer makes it from the row in which Airflow keeps it."""
    from importlib import import_module

    from airflow.models.trigger import Trigger

    row = Trigger.from_object(trigger)
    run.deferred_to.append(row.kwargs)
    module, _, name = row.classpath.rpartition(".")
    # Here is no scheduler that would need the time to notice that the task has left its worker.
    return getattr(import_module(module), name)(**{**row.kwargs, "resume_after": None})


@pytest.fixture
def task_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Everything that was logged so far, at the level DEBUG: through `logging`, or printed, as Airflow 3 does."""
    caplog.set_level("DEBUG")
    printed: list[str] = []

    def logged() -> str:
        printed.extend(capfd.readouterr())
        return "\n".join([caplog.text, *printed])

    return logged


class ThreadsOfLog:
    """A log that keeps its lines, and which threads wrote them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.threads: set[int] = set()

    def warning(self, event: str, *args: Any) -> None:
        """Keep a line."""
        self.lines.append(event % args)
        self.threads.add(threading.get_ident())

    info = warning


@pytest.fixture
def threads_of_log() -> ThreadsOfLog:
    """Airflow's log of a trigger is a socket that may be full: the event loop's own thread must not write to it."""
    return ThreadsOfLog()
