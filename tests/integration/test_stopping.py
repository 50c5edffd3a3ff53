"""What becomes of a launched campaign when its waiting task is marked failed, cleared or killed on a real Airflow."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS, AIRFLOW_V_3_4_PLUS

from local_airflow.configuration import AIRFLOW_3
from tests.statuses import BOUNCED

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.skipif(not AIRFLOW_3, reason="these tests know the REST API of Airflow 3")

IN_BOTH_PLACES = pytest.mark.parametrize("where", ["worker", "triggerer"])
#: With a clear, Airflow deletes from 3.4 on what the task's tries noted, unless it is asked to keep it.
KEEPING_ITS_RECORD = {"keep_task_state": True} if AIRFLOW_V_3_4_PLUS else {}
NOTICED = 5.0
"""Seconds in which a worker and a triggerer notice that their task was ended, and act."""


@pytest.fixture
def waiting(launch: Callable[..., Any], sandbox: SandboxClient) -> Callable[..., Any]:
    """Launch a campaign that is Active, and return when its task waits for it to stay so."""

    def waiting(
        where: str, *, pause_on_kill: bool, what: str = "", other_id: str | None = None, **campaign: Any
    ) -> Any:
        what = what or ("wait" if campaign else "hold")
        launched = launch(
            f"launch_and_{what}_in_{where}{'_or_pause' if pause_on_kill else ''}",
            sandbox.add_campaign(f"{where}, {pause_on_kill=}", **campaign),
            **({} if other_id is None else {"other_id": other_id}),
        )
        launched.wait_until_state("deferred" if where == "triggerer" else "running")
        launched.wait_until_activated()
        launched.wait_until_logged("Launched: the campaign")
        time.sleep(1)
        return launched

    return waiting


def mark(launched: Any, state: str) -> None:
    path = f"/dags/{launched.dag_id}/dagRuns/{launched.run_id}/taskInstances/launch"
    launched.airflow.api(path, method="PATCH", json={"new_state": state})


def clear(launched: Any, **more: Any) -> None:
    body = {"dry_run": False, "only_failed": False, "dag_run_id": launched.run_id, "task_ids": ["launch"], **more}
    launched.airflow.api(f"/dags/{launched.dag_id}/clearTaskInstances", method="POST", json=body)


@IN_BOTH_PLACES
def test_a_campaign_goes_on_by_default_when_its_task_is_marked_failed(waiting: Any, where: str) -> None:
    launched = waiting(where, pause_on_kill=False)

    mark(launched, "failed")
    time.sleep(NOTICED)

    assert launched.end() == ("failed", 1)
    assert launched.effects == ["created", "activated"]


@IN_BOTH_PLACES
def test_a_campaign_is_paused_where_asked_so_when_its_task_is_marked_failed(waiting: Any, where: str) -> None:
    launched = waiting(where, pause_on_kill=True)

    mark(launched, "failed")
    launched.wait_until(lambda: "paused" in launched.effects, "The pause")

    assert launched.end() == ("failed", 1)
    assert launched.effects == ["created", "activated", "paused"]
    launched.wait_until_logged("Paused campaign")


@pytest.mark.slow
@IN_BOTH_PLACES
def test_a_campaign_goes_on_when_its_task_is_marked_successful(waiting: Any, where: str) -> None:
    """A person who does that wants what it launched, and no longer the wait."""
    launched = waiting(where, pause_on_kill=True)

    mark(launched, "success")
    launched.wait_until_logged("is left as it is: its task goes on, or it was marked as success")

    assert launched.end() == ("success", 1)
    assert launched.effects == ["created", "activated"]


@IN_BOTH_PLACES
def test_a_campaign_is_paused_where_asked_so_when_another_task_fails_fast(
    waiting: Any, sandbox: SandboxClient, where: str
) -> None:
    """`DAG(fail_fast=True)` fails what runs and skips what is deferred."""
    other = sandbox.add_campaign("What the other task waits for")
    launched = waiting(where, pause_on_kill=True, what="fail_fast", other_id=other)

    sandbox.set_status(other, BOUNCED)
    launched.wait_until(lambda: "paused" in launched.effects, "The pause")

    assert launched.end() == ("failed", 1)
    assert launched.effects == ["created", "activated", "paused"]
    assert launched.task.state == ("skipped" if where == "triggerer" else "failed")


@pytest.mark.slow
@IN_BOTH_PLACES
def test_a_campaign_is_paused_where_asked_so_when_the_time_of_its_run_is_over(waiting: Any, where: str) -> None:
    """A `dagrun_timeout` skips what has not ended."""
    launched = waiting(where, pause_on_kill=True, what="time_out")

    launched.wait_until(lambda: "paused" in launched.effects, "The pause")

    assert launched.end() == ("failed", 1)
    assert launched.effects == ["created", "activated", "paused"]
    assert launched.task.state == "skipped"


@pytest.mark.slow
@IN_BOTH_PLACES
@pytest.mark.parametrize("what", ["fail_fast", "time_out"])
def test_a_campaign_goes_on_by_default_when_its_run_ends(
    waiting: Any, sandbox: SandboxClient, where: str, what: str
) -> None:
    other = sandbox.add_campaign("What the other task waits for")
    launched = waiting(where, pause_on_kill=False, what=what, other_id=other if what == "fail_fast" else None)

    if what == "fail_fast":
        sandbox.set_status(other, BOUNCED)
    assert launched.end() == ("failed", 1)
    time.sleep(NOTICED)

    assert launched.effects == ["created", "activated"]


@pytest.mark.slow
@IN_BOTH_PLACES
def test_a_campaign_that_does_not_show_its_launch_yet_is_paused_too(waiting: Any, where: str) -> None:
    """Instantly shows the status from before for a while after an activation."""
    launched = waiting(where, pause_on_kill=True, script=[(3600, "active")])

    mark(launched, "failed")
    launched.wait_until(lambda: "paused" in launched.effects, "The pause")

    assert launched.end() == ("failed", 1)


@pytest.mark.slow
@IN_BOTH_PLACES
def test_a_campaign_goes_on_by_default_when_its_task_is_cleared(waiting: Any, where: str) -> None:
    launched = waiting(where, pause_on_kill=False)

    clear(launched)
    launched.wait_until_state("deferred" if where == "triggerer" else "running", try_number=2)
    launched.wait_until_logged("is Active already")

    assert launched.effects == ["created", "activated"]
    mark(launched, "failed")


@pytest.mark.skipif(
    AIRFLOW_V_3_4_PLUS,
    reason="From 3.4 on, the next try launches again what its own task has paused",
)
def test_a_campaign_is_paused_where_asked_so_when_its_task_is_cleared(waiting: Any) -> None:
    """The next try does not overrule that, since it cannot know that no person paused the campaign."""
    launched = waiting("worker", pause_on_kill=True)

    clear(launched)

    assert launched.end() == ("failed", 1)
    assert launched.effects == ["created", "activated", "paused"]
    assert launched.task.try_number == 2
    assert "A retry does not overrule that" in launched.log


def paused_by_a_person_after_its_task_failed(waiting: Any, sandbox: SandboxClient) -> Any:
    launched = waiting("worker", pause_on_kill=False)
    mark(launched, "failed")
    assert launched.end() == ("failed", 1)
    sandbox.pause(launched.campaign_id)
    return launched


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="Below 3.3 there is no record")
def test_a_cleared_task_does_not_overrule_a_person_while_it_has_its_record(
    waiting: Any, sandbox: SandboxClient
) -> None:
    launched = paused_by_a_person_after_its_task_failed(waiting, sandbox)

    clear(launched, **KEEPING_ITS_RECORD)

    launched.wait_until_state("failed", try_number=2)
    assert launched.effects == ["created", "activated", "paused"]
    assert "A retry does not overrule that" in launched.log


@pytest.mark.skipif(not AIRFLOW_V_3_4_PLUS, reason="Below 3.4 a cleared task keeps its record")
def test_a_cleared_task_without_its_record_starts_over(waiting: Any, sandbox: SandboxClient) -> None:
    launched = paused_by_a_person_after_its_task_failed(waiting, sandbox)

    clear(launched)

    launched.wait_until(lambda: launched.effects == ["created", "activated", "paused", "activated"], "The next launch")
    mark(launched, "failed")


@pytest.mark.slow
def test_a_task_cleared_in_the_triggerer_ends_truly(waiting: Any) -> None:
    """The pause comes before the next try has begun, or not at all: then that try takes the campaign over."""
    launched = waiting("triggerer", pause_on_kill=True)

    clear(launched, **KEEPING_ITS_RECORD)
    launched.wait_until(
        lambda: launched.task.try_number == 2 and launched.task.state in ("deferred", "failed"), "Try 2"
    )
    time.sleep(NOTICED)

    was_paused = "paused" in launched.effects
    assert launched.effects == ["created", "activated", *(["paused"] if was_paused else [])]
    assert launched.task.state == ("failed" if was_paused else "deferred")
    assert ("A retry does not overrule that" if was_paused else "is Active already") in launched.log
    mark(launched, "failed")


def test_a_task_that_is_killed_before_it_activates_its_campaign_does_not(
    launch: Callable[..., Any], sandbox: SandboxClient
) -> None:
    """Airflow lets the task go on for some seconds after SIGTERM."""
    campaign = sandbox.add_campaign("Killed in time")
    fault = sandbox.add_fault("delay", f"*/{campaign}", method="GET", delay=2)
    launched = launch("launch", campaign)
    launched.wait_until_hit(fault)

    launched.kill_task(signal.SIGTERM)

    assert launched.end() == ("success", 1)
    assert launched.task.try_number == 2
    assert f"The task was killed. This try did not activate campaign {campaign}" in launched.log


def test_a_task_that_is_killed_on_its_worker_pauses_and_launches_again(waiting: Any) -> None:
    """So a campaign does not send while nothing watches it, and a worker that has to go costs no launch."""
    launched = waiting("worker", pause_on_kill=True)

    launched.kill_task(signal.SIGTERM)
    launched.wait_until_state("running", try_number=2)
    launched.wait_until(lambda: launched.effects.count("activated") == 2, "The launch by the second try")

    assert launched.effects == ["created", "activated", "paused", "activated"]
    assert "The task was killed" in launched.log
    mark(launched, "failed")


@pytest.mark.slow
def test_a_task_that_is_killed_on_its_worker_lets_its_campaign_go_on_by_default(waiting: Any) -> None:
    launched = waiting("worker", pause_on_kill=False)

    launched.kill_task(signal.SIGTERM)
    time.sleep(2)
    launched.kill_task(signal.SIGKILL)
    launched.wait_until_state("running", try_number=2)
    launched.wait_until_logged("is Active already")

    assert launched.effects == ["created", "activated"]
    mark(launched, "failed")


@pytest.mark.slow
def test_a_worker_that_wakes_up_after_a_newer_try_has_begun_leaves_its_campaign(waiting: Any) -> None:
    launched = waiting("worker", pause_on_kill=True)
    worker = psutil.Process(launched.task_pid)
    supervisor = worker.parent()
    assert supervisor is not None
    stopped = [worker, supervisor]

    for process in stopped:
        process.suspend()
    try:
        launched.wait_until_state("running", try_number=2)
        launched.wait_until_logged("is Active already")
    finally:
        for process in stopped:
            process.resume()
    launched.wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "The old one's end")

    assert launched.effects == ["created", "activated"]
    assert launched.task.state == "running"
    mark(launched, "failed")
