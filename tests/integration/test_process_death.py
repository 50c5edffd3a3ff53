"""Parts of a real Airflow on PostgreSQL die during launches: each campaign is launched once, each task ends truly."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from airflow_provider_instantly.sandbox.client import running_sandbox
from local_airflow.configuration import AIRFLOW_3, environment
from local_airflow.processes import ProcessGuard, free_port, session_members
from local_airflow.work import LocalAirflowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.postgres import Postgres
    from local_airflow.standalone import LocalAirflow
    from tests.integration.conftest import Launch

pytestmark = pytest.mark.skipif(not AIRFLOW_3, reason="these tests know the processes of Airflow 3")

TIMEOUT = 120.0
"""Seconds that anything may take that is waited for."""
NEVER = [(3600, "active")]
"""The script of a campaign that stays as it is after its activation, until a test says otherwise."""


def test_the_worker_dies_before_the_effect(launch: Any, sandbox: SandboxClient) -> None:
    """The request of the dead worker is still on its way when the next try reads."""
    campaign = sandbox.add_campaign("Asked and gone")
    fault = sandbox.add_fault("delay", f"*/{campaign}/activate", delay=5, moment="before")
    launched = launch("launch", campaign)
    launched.wait_until_hit(fault)

    launched.kill_task()

    assert launched.end() == ("success", 1)
    assert launched.task.try_number == 2, launched.log
    assert sandbox.campaign(campaign)["status_name"] == "Active"


def test_the_worker_dies_between_the_effect_and_the_answer(launch: Any, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign("Answered too late")
    sandbox.add_fault("delay", f"*/{campaign}/activate", delay=20, moment="after")
    launched = launch("launch", campaign)
    launched.wait_until_activated()

    launched.kill_task()

    assert launched.end() == ("success", 1)
    assert launched.task.try_number == 2, launched.log


def test_the_worker_dies_between_the_answer_and_the_end_of_its_task(launch: Any, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign("Answered and gone")
    fault = sandbox.add_fault("delay", f"*/{campaign}", method="GET", skip=1, delay=20)
    launched = launch("launch", campaign)
    launched.wait_until_hit(fault)
    assert sandbox.activations(campaign) == 1

    launched.kill_task()

    assert launched.end() == ("success", 1)
    assert launched.task.try_number == 2, launched.log


@pytest.mark.slow
def test_a_person_pauses_what_a_dead_worker_launched(launch: Any, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign("Paused by a person")
    sandbox.add_fault("delay", f"*/{campaign}/activate", delay=20, moment="after")
    launched = launch("launch", campaign)
    launched.wait_until_activated()

    sandbox.pause(campaign)
    launched.kill_task()

    assert launched.end() == ("failed", 1)
    assert "A retry does not overrule that" in launched.log
    assert sandbox.campaign(campaign)["status_name"] == "Paused"


def test_the_triggerer_dies(launch: Any, airflow_on_postgres: LocalAirflow, sandbox: SandboxClient) -> None:
    """One campaign goes Active and one is stopped while no triggerer polls."""
    goes_on, is_stopped = sandbox.add_campaign("Goes on", script=NEVER), sandbox.add_campaign("Stops", script=NEVER)
    healthy, unhealthy = (launch("launch_and_wait_in_triggerer", each) for each in (goes_on, is_stopped))
    healthy.wait_until_state("deferred")
    unhealthy.wait_until_state("deferred")

    airflow_on_postgres.kill("triggerer")
    sandbox.set_status(goes_on, "active")
    sandbox.set_status(is_stopped, "bounce_protect")
    airflow_on_postgres.restart("triggerer")

    assert healthy.end() == ("success", 1)
    assert unhealthy.end() == ("failed", 1)
    assert "is Bounce Protect" in unhealthy.log
    assert [each.task.try_number for each in (healthy, unhealthy)] == [1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("workers_too", [True, False], ids=["with_its_workers", "alone"])
def test_the_scheduler_dies(
    launch: Any, airflow_on_postgres: LocalAirflow, sandbox: SandboxClient, workers_too: bool
) -> None:
    working, deferred = waiting_in_both_places(launch, sandbox)

    airflow_on_postgres.kill("scheduler", only_itself=not workers_too)
    airflow_on_postgres.restart("scheduler")
    working.wait_until(lambda: working.task.try_number == 2 and working.task.state == "running", "Another try")
    for each in (working, deferred):
        sandbox.set_status(each.campaign_id, "active")

    assert working.end() == ("success", 1)
    assert deferred.end() == ("success", 1)


@pytest.mark.slow
@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGKILL], ids=["restarts", "crashes"])
def test_the_database_is_away(
    launch: Any,
    airflow_on_postgres: LocalAirflow,
    sandbox: SandboxClient,
    postgres: Postgres,
    with_signal: signal.Signals,
) -> None:
    working, deferred = waiting_in_both_places(launch, sandbox)

    postgres.stop(with_signal)
    time.sleep(5)
    for each in (working, deferred):
        sandbox.set_status(each.campaign_id, "active")
    time.sleep(5)
    postgres.start()
    wait_with_restarts(airflow_on_postgres, working, deferred)

    assert working.end() == ("success", 1)
    assert deferred.end() == ("success", 1)


def waiting_in_both_places(launch: Any, sandbox: SandboxClient) -> tuple[Launch, Launch]:
    """One launch that waits on a worker, and one that waits in the triggerer."""
    working = launch("launch_and_wait_in_worker", sandbox.add_campaign("On a worker", script=NEVER))
    deferred = launch("launch_and_wait_in_triggerer", sandbox.add_campaign("In the triggerer", script=NEVER))
    working.wait_until_activated()
    deferred.wait_until_state("deferred")
    return working, deferred


def wait_with_restarts(airflow: LocalAirflow, *launches: Any) -> None:
    """
    Do what Kubernetes does until the launches have ended: without their database some components end, and the scheduler
    may neither end nor go on (seen on Airflow 3.3.2).
    """
    deadline = time.monotonic() + 2 * TIMEOUT
    while any(airflow.run_state(each.dag_id, each.run_id) not in ("success", "failed") for each in launches):
        assert time.monotonic() < deadline, [each.task for each in launches]
        time.sleep(0.2)
        for name in [name for name in airflow.components if has_ended(airflow.pid(name)) or hangs(airflow, name)]:
            # While one starts, another may end.
            with contextlib.suppress(LocalAirflowError):
                airflow.restart(name)


def hangs(airflow: LocalAirflow, component: str) -> bool:
    """Whether the API server misses the heartbeats of the scheduler, so that its probe would have it started again."""
    if component != "scheduler":
        return False
    try:
        return bool(airflow.api.health()["scheduler"]["status"] == "unhealthy")
    except requests.RequestException:
        # No one tells: the API server needs the database, too.
        return False


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_instantly_is_away_for_a_minute(airflow_on_postgres: LocalAirflow, tmp_path: Path) -> None:
    """Two launches begin while nothing listens; three waits are under way."""
    file, port, conn_id = tmp_path / "sandbox.sqlite", free_port(), "away_for_a_minute"
    with ExitStack() as first, ExitStack() as second:
        sandbox = first.enter_context(running_sandbox("--no-limits", database=file, port=port))
        airflow_on_postgres.add_connection(conn_id, **json.loads(sandbox.airflow_connection))
        watched = sandbox.add_campaign("Watched", script=NEVER)
        begun = sandbox.add_campaign("Launched just before", script=NEVER)
        late = sandbox.add_campaign("Launched meanwhile")
        conf = {"conn_id": conn_id}
        watch = airflow_on_postgres.trigger("watch", conf={**conf, "campaign_id": watched})
        before = airflow_on_postgres.trigger("launch_and_wait_in_triggerer", conf={**conf, "campaign_id": begun})
        airflow_on_postgres.wait_for(
            lambda: (
                airflow_on_postgres.task_states("launch_and_wait_in_triggerer", before)["launch"] == "deferred"
                and airflow_on_postgres.task_states("watch", watch)["deferred"] == "deferred"
            ),
            TIMEOUT,
            lambda: "The waits did not begin",
        )
        first.close()
        gone_at = time.monotonic()
        meanwhile = airflow_on_postgres.trigger("launch", conf={**conf, "campaign_id": late})
        time.sleep(max(0.0, gone_at + 60 - time.monotonic()))
        sandbox = second.enter_context(running_sandbox("--no-limits", database=file, port=port))
        for campaign in (watched, begun):
            sandbox.set_status(campaign, "active")

        assert airflow_on_postgres.wait_for_run("watch", watch) == "success"
        assert airflow_on_postgres.wait_for_run("launch_and_wait_in_triggerer", before) == "success"
        assert airflow_on_postgres.wait_for_run("launch", meanwhile) == "success"
        assert [sandbox.activations(each) for each in (watched, begun, late)] == [0, 1, 1]


@pytest.mark.parametrize("pause_on_kill", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_triggerer_loses_its_triggers_and_comes_back(
    launch: Any,
    airflow_on_postgres: LocalAirflow,
    sandbox: SandboxClient,
    other_triggerer: Callable[[], None],
    pause_on_kill: bool,
) -> None:
    """It stands still until another has taken over, and then goes on with what is no longer its own."""
    campaign = sandbox.add_campaign("Watched by two", script=NEVER)
    launched = launch(f"launch_and_wait_in_triggerer{'_or_pause' if pause_on_kill else ''}", campaign)
    launched.wait_until_state("deferred")
    launched.wait_until(lambda: trigger_owner(airflow_on_postgres, launched.run_id), "The trigger")
    first_owner = trigger_owner(airflow_on_postgres, launched.run_id)
    stopped = session_members(airflow_on_postgres.pid("triggerer"))

    for process in stopped:
        process.suspend()
    other_triggerer()
    launched.wait_until(
        lambda: trigger_owner(airflow_on_postgres, launched.run_id) not in (None, first_owner), "The takeover"
    )
    for process in stopped:
        process.resume()
    launched.wait_until_logged("invoking on_kill")
    time.sleep(2)

    assert launched.task.state == "deferred"
    assert launched.effects == ["created", "activated"]
    assert ("is left as it is: its task goes on" in launched.log) == pause_on_kill
    sandbox.set_status(campaign, "active")
    assert launched.end() == ("success", 1)
    assert launched.task.try_number == 1


def trigger_owner(airflow: LocalAirflow, run_id: str) -> int | None:
    """Return the id of the triggerer job that runs the trigger of a run's only deferred task."""
    sql = "SELECT triggerer_id FROM trigger JOIN task_instance ON trigger_id = trigger.id WHERE run_id = :run_id"
    rows = airflow.query(sql, run_id=run_id)
    return rows[0][0] if rows else None


@pytest.fixture
def other_triggerer(airflow_on_postgres: LocalAirflow) -> Iterator[Callable[[], None]]:
    """Start a second triggerer, which ends with the test."""
    configuration = airflow_on_postgres.configuration
    with ProcessGuard() as guard:

        def start() -> None:
            command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"]
            log = airflow_on_postgres.home / "other-triggerer.log"
            guard.start(command, env=environment(configuration), cwd=airflow_on_postgres.home, log=log)

        yield start
