"""One real Airflow and one sandbox for all integration tests; `instantly_default` leads from one to the other."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.engine import make_url

from airflow_provider_instantly.sandbox.client import running_sandbox
from local_airflow.postgres import Postgres, server_binaries
from local_airflow.standalone import LocalAirflow
from tests.statsd_socket import StatsDSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from sqlalchemy.engine import URL

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.work import TaskInstance

DAGS = Path(__file__).parent / "dags"
EXAMPLE_DAGS = Path(__file__).parents[2] / "dags"
SOON = {
    "scheduler.task_instance_heartbeat_sec": "1",
    "scheduler.task_instance_heartbeat_timeout": "20",
    "scheduler.task_instance_heartbeat_timeout_detection_interval": "1",
    # A scheduler whose turn takes longer thinks that it is gone itself, and takes its tasks from their workers.
    "scheduler.scheduler_health_check_threshold": "30",
    "scheduler.orphaned_tasks_check_interval": "2",
    "triggerer.job_heartbeat_sec": "1",
    "triggerer.triggerer_health_check_threshold": "6",
    "workers.min_heartbeat_interval": "2",
    "workers.max_failed_heartbeats": "10",
}
"""Settings with which Airflow notices within seconds, not minutes, that a part of it is gone."""
CLIENTS_POOL = "instantly_clients"
CLIENTS_SLOTS = 4
"""The pool of the example that launches the campaigns of many clients."""
TIMEOUT = 120.0
"""Seconds that anything may take that is waited for."""
LOG_TAIL = 40
"""Lines of each component's log that are shown with a failed test."""


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxClient]:
    """A sandbox that all tests share: each makes campaigns of its own and leaves the settings as they are."""
    with running_sandbox("--no-limits") as client:
        yield client


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private PostgreSQL server, for Airflow as teams run it."""
    if server_binaries() is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> URL:
    """A database for people, empty. It is on PostgreSQL, but on SQLite where no server is installed."""
    if server_binaries() is None:
        return make_url(f"sqlite:///{tmp_path_factory.mktemp('warehouse') / 'warehouse.db'}")
    return make_url(request.getfixturevalue("postgres").create_database("warehouse"))


def connection_to(database: URL) -> dict[str, Any]:
    """The fields of Airflow's connection to a database."""
    if database.drivername == "sqlite":
        return {"conn_type": "sqlite", "host": database.database}
    return {
        "conn_type": "postgres",
        "host": database.host,
        "port": database.port,
        "login": database.username,
        "password": database.password,
        "schema": database.database,
    }


@pytest.fixture(scope="session")
def statsd() -> Iterator[StatsDSocket]:
    """Where Airflow sends the provider's metrics."""
    found = StatsDSocket()
    yield found
    found.close()


@pytest.fixture(scope="session")
def airflow(
    sandbox: SandboxClient, warehouse: URL, statsd: StatsDSocket, request: pytest.FixtureRequest
) -> Iterator[LocalAirflow]:
    """
    A real Airflow with the DAGs of these tests and the example DAGs, which it has wait for seconds, not minutes.

    It logs at the level DEBUG, tests connections, and sends the provider's metrics to `statsd`. It is on PostgreSQL,
    but on SQLite where no server is installed.
    """
    url = None if server_binaries() is None else request.getfixturevalue("postgres").create_database("airflow")
    examples = {
        "INSTANTLY_LAUNCH_POKE_INTERVAL": "1",
        "INSTANTLY_LAUNCH_STABLE_FOR": "5",
        "INSTANTLY_STOPPED_POLL_INTERVAL": "1",
        "INSTANTLY_CLIENTS_POOL": CLIENTS_POOL,
    }
    if warehouse.drivername == "sqlite":
        examples["INSTANTLY_PIPELINE_SQL"] = (
            "SELECT email, first_name, company FROM audience WHERE campaign_id = :campaign_id"
        )
    with LocalAirflow(
        DAGS,
        EXAMPLE_DAGS,
        connections={
            "instantly_default": json.loads(sandbox.airflow_connection),
            "warehouse": connection_to(warehouse),
        },
        database_url=url,
        settings={
            **SOON,
            **_metrics(statsd),
            "logging.logging_level": "DEBUG",
            "api.expose_config": "True",
            "core.test_connection": "Enabled",
        },
        variables=examples,
    ) as local_airflow:
        local_airflow.add_pool(CLIENTS_POOL, CLIENTS_SLOTS)
        yield local_airflow


def _metrics(statsd: StatsDSocket) -> dict[str, str]:
    return {
        "metrics.statsd_on": "True",
        "metrics.statsd_host": "127.0.0.1",
        "metrics.statsd_port": str(statsd.port),
        "metrics.statsd_influxdb_enabled": "True",
        "metrics.metrics_allow_list": "instantly",
    }


@pytest.fixture(scope="session")
def airflow_on_postgres(postgres: Postgres, airflow: LocalAirflow) -> LocalAirflow:
    """The same, for tests that SQLite is too weak for; they skip without a server."""
    return airflow


def first_run(airflow: LocalAirflow, dag_id: str) -> str:
    """The run that an asset has started, once there is one."""
    airflow.wait_for(
        lambda: bool(airflow.run_ids(dag_id)), 2 * TIMEOUT, lambda: f"The asset started no run of {dag_id}"
    )
    return airflow.run_ids(dag_id)[0]


class Launch:
    """
    A run of a DAG with a task `launch`, and the campaign that it launches.

    :param airflow: The Airflow.
    :param sandbox: The stand-in for Instantly.
    :param dag_id: The DAG.
    :param campaign_id: The campaign.
    :param more: More params of the run.
    """

    def __init__(
        self, airflow: LocalAirflow, sandbox: SandboxClient, dag_id: str, campaign_id: str, **more: str
    ) -> None:
        self.airflow, self.sandbox, self.dag_id, self.campaign_id = airflow, sandbox, dag_id, campaign_id
        self.run_id = airflow.trigger(dag_id, conf={"campaign_id": campaign_id, **more})

    @property
    def task(self) -> TaskInstance:
        tasks = self.airflow.task_instances(self.dag_id, self.run_id)
        [task] = [each for each in tasks if each.task_id == "launch"]
        return task

    @property
    def log(self) -> str:
        tries = range(1, self.task.try_number + 1)
        return "\n".join(self.airflow.task_log(self.dag_id, self.run_id, "launch", try_number=each) for each in tries)

    def wait_until(self, condition: Callable[[], Any], what: str) -> None:
        self.airflow.wait_for(lambda: bool(condition()), TIMEOUT, lambda: f"{what} did not happen ({self.task})")

    def wait_until_activated(self) -> None:
        self.wait_until(lambda: self.sandbox.activations(self.campaign_id), "The activation")

    def wait_until_state(self, state: str | None, *, try_number: int = 1) -> None:
        self.wait_until(
            lambda: (self.task.state, self.task.try_number) == (state, try_number),
            f"The state {state!r} in try {try_number}",
        )

    def wait_until_logged(self, text: str) -> None:
        """Wait for a line in the log of any try: it is written after what it tells of has happened."""
        self.wait_until(lambda: text in self.log, f"The log's line {text!r}")

    def wait_until_hit(self, fault: int) -> None:
        """Wait until a fault has hit its last request, which the sandbox notes before it answers."""
        self.wait_until(lambda: fault not in [each["id"] for each in self.sandbox.faults()], "The request")

    @property
    def task_pid(self) -> int:
        """The id of the process that runs the task on its worker."""
        path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/launch"
        return int(self.airflow.api(path)["pid"])

    def kill_task(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the process that runs the task on its worker."""
        os.kill(self.task_pid, with_signal)

    def end(self) -> tuple[str, int]:
        """Wait for the end; return the run's state, and how often the campaign was activated."""
        state = self.airflow.wait_for_run(self.dag_id, self.run_id)
        return state, self.sandbox.activations(self.campaign_id)

    @property
    def effects(self) -> list[str]:
        """What was done to the campaign, in order."""
        return [each["effect"] for each in self.sandbox.campaign(self.campaign_id)["history"]]


@pytest.fixture
def launch(airflow_on_postgres: LocalAirflow, sandbox: SandboxClient) -> Callable[..., Launch]:
    """Launch a campaign with one of the DAGs."""

    def launch(dag_id: str, campaign_id: str, **more: str) -> Launch:
        return Launch(airflow_on_postgres, sandbox, dag_id, campaign_id, **more)

    return launch


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what Airflow has logged lately with each test that failed in it."""
    report = yield
    for local_airflow in getattr(item, "funcargs", {}).values():
        if not report.failed or not isinstance(local_airflow, LocalAirflow):
            continue
        for component in local_airflow.components:
            tail = local_airflow.log(component).splitlines()[-LOG_TAIL:]
            report.sections.append((f"Airflow's {component}", "\n".join(tail)))
    return report
