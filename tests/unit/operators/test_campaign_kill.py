"""What `ActivateCampaignOperator` does when its task is stopped on its worker, from Airflow's handler of SIGTERM."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_instantly.exceptions import LaunchNotConfirmedError, TaskKilledError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from tests.statuses import ACTIVE, PAUSED
from tests.unit.operators.test_campaign import operator
from tests.unit.task_state_store import TaskStateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("frequent_polls")


@pytest.fixture
def ti(task_instance: type[Any]) -> Any:
    """A task instance that stands in Airflow's database as its field `state` says."""

    class TaskInstance(task_instance):  # type: ignore[misc]
        state = "running"

        def get_task_states(self, **which: Any) -> dict[str, dict[str, str]]:
            """As Airflow >= 3 answers."""
            return {self.run_id: {self.task_id: self.state}}

        def xcom_pull(self, *, key: str, **which: Any) -> Any:
            """A value that was pushed."""
            return self.xcom.get(key)

    return TaskInstance()


@pytest.fixture
def kill_after() -> Iterator[Callable[[Any, float], None]]:
    """Call a task's `on_kill` from a signal's handler, after so many seconds, as Airflow >= 3 does."""

    def kill_after(task: Any, seconds: float) -> None:
        signal.signal(signal.SIGALRM, lambda signum, frame: task.on_kill())
        signal.setitimer(signal.ITIMER_REAL, seconds)

    before = signal.getsignal(signal.SIGALRM)
    yield kill_after
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "delay", "method": "GET", "delay": 0.6, "moment": "after"},
        {"kind": "error", "path": "*/activate", "status": 429, "retry_after": 1.0},
    ],
    ids=["while it reads", "while it has to wait"],
)
def test_a_task_that_is_killed_before_the_activation_activates_nothing(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any, fault: dict[str, Any]
) -> None:
    """Airflow >= 3 does not end the task: it goes on where it was interrupted, until it is killed for good."""
    campaign_id, store = sandbox.add_campaign("Spring"), TaskStateStore()
    sandbox.add_fault(**{"path": f"*/{campaign_id}", **fault})
    task = operator(campaign_id)
    kill_after(task, 0.3)

    run = run_task(task, ti, task_state_store=store)

    assert isinstance(run.error, TaskKilledError)
    assert f"This try did not activate campaign {campaign_id}" in str(run.error)
    assert sandbox.activations(campaign_id) == 0
    assert not any(store.values()), "a retry may launch it"


def test_a_task_that_is_killed_after_a_lost_answer_does_not_say_more_than_it_knows(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any
) -> None:
    campaign_id = sandbox.add_campaign("Spring")
    sandbox.add_fault("reset", "*/activate", moment="before")
    task = operator(campaign_id)
    kill_after(task, 0.5)

    run = run_task(task, ti)

    assert isinstance(run.error, LaunchNotConfirmedError)
    assert "may or may not have been launched" in str(run.error)
    assert len(sandbox.requests(path="*/activate")) == 1


@pytest.mark.parametrize(("asked", "status"), [(True, PAUSED), (False, ACTIVE)])
def test_a_kill_during_the_activation_counts_for_the_wait_after_it(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any, asked: bool, status: int
) -> None:
    campaign_id = sandbox.add_campaign("Spring")
    sandbox.add_fault("delay", "*/activate", delay=0.6, moment="after")
    task = operator(campaign_id, wait_for_active=True, pause_on_kill=asked)
    kill_after(task, 0.3)

    run = run_task(task, ti)

    assert type(run.error) is (TaskKilledError if asked else type(None))
    assert sandbox.campaign(campaign_id)["status"] == status


@pytest.mark.parametrize(
    ("state", "status", "says"),
    [
        ("running", PAUSED, "Paused campaign"),
        ("failed", PAUSED, "Paused campaign"),
        ("success", ACTIVE, "left as it is"),
        ("skipped", PAUSED, "Paused campaign"),
    ],
)
def test_a_wait_that_is_killed_pauses_unless_a_person_marked_it_as_done(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any, state: str, status: int, says: str
) -> None:
    campaign_id = sandbox.add_campaign("Spring")
    task = operator(campaign_id, wait_for_active=True, stable_for=5, pause_on_kill=True)
    ti.state = state
    kill_after(task, 0.6)

    run = run_task(task, ti)

    assert isinstance(run.error, TaskKilledError)
    assert says in str(run.error)
    assert "Spring" in str(run.error)
    assert sandbox.campaign(campaign_id)["status"] == status


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_task_that_is_killed_after_its_wait_pauses_nothing(
    sandbox: SandboxClient, run_task: Any, ti: Any, deferrable: bool
) -> None:
    """Its callbacks and listeners still run then, or its wait has gone to the triggerer."""
    campaign_id = sandbox.add_campaign("Spring", script=[(0.2, "active")])
    task = operator(campaign_id, wait_for_active=True, deferrable=deferrable, pause_on_kill=True)
    run_task(task, ti)

    task.on_kill()

    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


def test_a_wait_whose_time_is_up_pauses_nothing(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow calls on_kill after an execution_timeout, too, and a retry would launch the campaign again."""
    campaign_id = sandbox.add_campaign("Spring")
    task = operator(campaign_id, wait_for_active=True, stable_for=5, pause_on_kill=True)

    def time_is_up() -> None:
        raise AirflowTaskTimeout

    with monkeypatch.context() as patched:
        patched.setattr(task, "on_kill", time_is_up)
        kill_after(task, 0.6)
        with pytest.raises(AirflowTaskTimeout):
            run_task(task, ti)
    task.on_kill()

    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_pause_whose_answer_is_lost_is_read_back_and_repeated_where_it_had_no_effect(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any, moment: str
) -> None:
    campaign_id = sandbox.add_campaign("Spring")
    sandbox.add_fault("reset", "*/pause", moment=moment)
    task = operator(campaign_id, wait_for_active=True, stable_for=5, pause_on_kill=True)
    kill_after(task, 0.6)

    run = run_task(task, ti)

    assert isinstance(run.error, TaskKilledError)
    assert "Paused campaign" in str(run.error)
    assert sandbox.campaign(campaign_id)["status"] == PAUSED


@pytest.mark.parametrize(("fault", "launched_again"), [(None, True), ("reset", False)], ids=["answered", "lost"])
def test_a_retry_resumes_only_what_its_own_task_paused_for_certain(
    sandbox: SandboxClient,
    run_task: Any,
    task_instance: Any,
    ti: Any,
    kill_after: Any,
    fault: Any,
    launched_again: bool,
) -> None:
    """Where the answer was lost, the pause that shows may be a person's."""
    campaign_id, store = sandbox.add_campaign("Spring"), TaskStateStore()
    if fault:
        sandbox.add_fault(fault, "*/pause", moment="after")
    task = operator(campaign_id, wait_for_active=True, stable_for=5, pause_on_kill=True)
    kill_after(task, 0.6)
    run_task(task, ti, task_state_store=store)

    retry = run_task(operator(campaign_id), task_instance(try_number=2), task_state_store=store)

    assert (retry.error is None) is launched_again
    assert sandbox.activations(campaign_id) == (2 if launched_again else 1)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "error", "status": 403}, "was not paused"),
        ({"kind": "reset", "moment": "before"}, "may or may not have been paused"),
    ],
    ids=["refused", "lost each time"],
)
def test_a_wait_that_is_killed_ends_also_where_its_campaign_cannot_be_paused(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any, fault: dict[str, Any], says: str
) -> None:
    """The wait took the error for a poll that had failed, and went on."""
    campaign_id = sandbox.add_campaign("Spring")
    sandbox.add_fault(path="*/pause", count=None, **fault)
    # So that the wait is in a request, and not between two, when its task is killed.
    sandbox.add_fault("delay", f"*/{campaign_id}", method="GET", delay=0.4, skip=2, count=1)
    task = operator(campaign_id, wait_for_active=True, stable_for=5, pause_on_kill=True)
    kill_after(task, 0.4)

    run = run_task(task, ti)

    assert isinstance(run.error, TaskKilledError)
    assert says in str(run.error)
    assert campaign_id in str(run.error)


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "the-secret"), EOFError("the-secret"), RuntimeError("the-secret")]
)
def test_a_wait_that_is_killed_ends_also_where_airflow_cannot_be_asked(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any, task_log: Any, error: Exception
) -> None:
    """The request that was interrupted took the error of Airflow's socket for its own, and the wait even succeeded."""
    campaign_id = sandbox.add_campaign("Spring")
    sandbox.add_fault("delay", f"*/{campaign_id}", method="GET", delay=0.4, skip=2, count=1)
    task = operator(campaign_id, wait_for_active=True, stable_for=1, pause_on_kill=True)

    def fail(**which: Any) -> Any:
        raise error

    ti.get_task_states = fail
    kill_after(task, 0.4)

    run = run_task(task, ti)

    assert isinstance(run.error, TaskKilledError)
    says = f"It is not known whether campaign {campaign_id} was paused ({type(error).__name__})"
    assert says in str(run.error)
    assert says in task_log()
    assert "the-secret" not in str(run.error)


def test_a_wait_that_is_killed_without_a_connection_says_what_became_of_its_campaign(
    sandbox: SandboxClient, run_task: Any, ti: Any, kill_after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said no more than that the connection could not be looked up."""
    campaign_id = sandbox.add_campaign("Spring")
    task = operator(campaign_id, wait_for_active=True, stable_for=5, pause_on_kill=True)

    def on_kill() -> None:
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", "http://another.service")
        type(task).on_kill(task)

    object.__setattr__(task, "on_kill", on_kill)
    kill_after(task, 0.4)

    run = run_task(task, ti)

    assert isinstance(run.error, TaskKilledError)
    assert f"Campaign {campaign_id} was not paused: " in str(run.error)


@pytest.mark.parametrize(
    ("killed_in", "key_replaced_after"),
    [({2}, None), ({3}, 2), ({2, 3}, None)],
    ids=["at its first poll", "after its key was replaced", "and again while it pauses"],
)
def test_a_wait_that_is_killed_while_its_connection_is_looked_up_pauses_after_that(
    sandbox: SandboxClient,
    run_task: Any,
    ti: Any,
    kill_after: Any,
    monkeypatch: pytest.MonkeyPatch,
    killed_in: set[int],
    key_replaced_after: int | None,
) -> None:
    """Airflow >= 3 is asked under a lock, for which the look-up of the pause waited until the worker was killed."""
    campaign_id, lock, look_ups = sandbox.add_campaign("Spring"), threading.Lock(), 0
    get_connection = InstantlyHook.get_connection

    def use_another_key() -> None:
        connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key("new")}
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
        sandbox.revoke_key("old")

    def look_up(conn_id: str) -> Any:
        nonlocal look_ups
        look_ups += 1
        this = look_ups
        assert lock.acquire(timeout=1), "a deadlock"
        try:
            if this in killed_in:
                signal.raise_signal(signal.SIGALRM)
            connection = get_connection(conn_id)
            if this == key_replaced_after:
                use_another_key()
            return connection
        finally:
            lock.release()

    connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key("old")}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
    monkeypatch.setattr(InstantlyHook, "get_connection", staticmethod(look_up))
    task = operator(campaign_id, wait_for_active=True, stable_for=5, pause_on_kill=True)
    kill_after(task, 60)

    run = run_task(task, ti)

    assert isinstance(run.error, TaskKilledError)
    assert "Paused campaign" in str(run.error)
    assert sandbox.campaign(campaign_id)["status"] == PAUSED
    assert look_ups == (3 if key_replaced_after is None else 4), "the last one is the pause's"
