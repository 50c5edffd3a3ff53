"""
A real triggerer with waits that were planted in its database, and what it costs.

It is `airflow triggerer`, unchanged: its supervisor, its event loop, its database. What is missing is the rest of
Airflow, which would need the machine for itself while it starts thousands of tasks.
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from local_airflow.configuration import Configuration, environment
from local_airflow.metadata_database import prepare_database, sqlite_url
from local_airflow.processes import ProcessGuard, session_members

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    import psutil

    from benchmarks.endpoints import Endpoints

INTERVAL = 10.0
"""Seconds between two polls, in all measurements of waits."""
TIMEOUT = 1800.0
LOOP_LIMIT = 0.2
"""Seconds for which the event loop may be blocked before Airflow complains."""
_BLOCKED = re.compile(r"async thread was blocked for ([0-9.]+) seconds")
_NOTES_STEPS = Path(__file__).parent / "in_triggerer"
_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Planted:
    """
    Runs of one DAG to plant.

    :param kind: which sensor; see `benchmarks/dags/waits.py`.
    :param tasks: how many of them the DAG has.
    :param runs: how many runs.
    :param campaign_ids: the campaigns to wait for, one for each task of each run; of waits that do nothing, when each
        ends.
    """

    kind: str
    tasks: int
    runs: int
    campaign_ids: list[str]

    @property
    def dag_id(self) -> str:
        """The id of the DAG."""
        return f"{self.kind}_{self.tasks}"

    def as_dag(self) -> dict[str, Any]:
        """What the DAG file is given."""
        fixed = self.campaign_ids if self.kind in ("ours_fleet", "ours_mapped") else []
        common = {"dag_id": self.dag_id, "kind": self.kind, "tasks": self.tasks, "interval": INTERVAL}
        return {**common, "campaign_ids": fixed}

    def as_runs(self) -> list[dict[str, Any]]:
        """The configuration of each run."""
        if self.kind in ("ours_fleet", "ours_mapped", "dbt"):
            return [{}] * self.runs
        return [{"campaign_ids": self.campaign_ids[i * self.tasks : (i + 1) * self.tasks]} for i in range(self.runs)]


@dataclass(frozen=True)
class Usage:
    """
    What the triggerer has used so far, its supervisor and its runner together.

    :param cpu: CPU seconds since the start.
    :param runner_cpu: the same for the runner, the process with the event loop, alone.
    :param memory: bytes of memory (RSS of both). A page that both had from the start counts twice, before and after it
        is copied, so that growth is only what is new; PSS would grow with every such copy.
    :param at: when that was, on the monotonic clock.
    """

    cpu: float
    runner_cpu: float
    memory: int
    at: float


class Triggerer:
    """
    A triggerer on a database of its own; to be used in a ``with`` statement.

    :param endpoints: the services that the waits ask.
    :param settings: Airflow settings, ``{"section.key": value}``.
    """

    def __init__(self, endpoints: Endpoints, settings: Mapping[str, str] | None = None) -> None:
        self._endpoints = endpoints
        self.home = Path(tempfile.mkdtemp(prefix="benchmark-triggerer-")).resolve()
        self._steps = self.home / "steps"
        self.configuration = Configuration(
            home=self.home,
            port=0,
            database_url=sqlite_url(self.home / "airflow.db"),
            executor="LocalExecutor",
            settings={"triggerer.capacity": "20000", **(settings or {})},
            variables={**endpoints.variables, **noting_steps(self._steps)},
        )
        self._engine = create_engine(self.configuration.database_url, poolclass=NullPool)
        self._connected = False
        self._dags: dict[str, dict[str, Any]] = {}
        self._exit = ExitStack()
        self.pid = 0

    def __enter__(self) -> Self:
        self._guard = self._exit.enter_context(ProcessGuard(remove=self.home))
        for folder in (self.configuration.dags_folder, self.configuration.task_logs, self.configuration.scratch):
            folder.mkdir(parents=True)
        (self.configuration.dags_folder / "benchmarks").symlink_to(Path(__file__).parent / "dags")
        prepare_database(self.configuration)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._exit.close()

    def plant(self, *planted: Planted) -> None:
        """
        Add deferred task instances.

        :param planted: which.
        """
        self._dags.update({each.dag_id: each.as_dag() for each in planted})
        wanted = {
            "connections": {} if self._connected else self._endpoints.connections,
            "dags": {each.dag_id: each.as_runs() for each in planted},
        }
        self._connected = True
        result = subprocess.run(
            [sys.executable, "-m", "benchmarks.planting"],
            input=json.dumps(wanted),
            env={**self._environment, "PYTHONPATH": str(_PROJECT)},
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise RuntimeError(f"The waits could not be planted:\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}")

    def start(self) -> None:
        """Start the triggerer; it picks up what was planted, and what will be."""
        process = self._guard.start(
            [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
            env=self._environment,
            cwd=self.home,
            log=self.home / "triggerer.log",
        )
        self.pid = process.pid

    @property
    def _environment(self) -> dict[str, str]:
        return {**environment(self.configuration), "BENCHMARK_DAGS": json.dumps(list(self._dags.values()))}

    def log(self) -> str:
        """What it has logged about itself."""
        return (self.home / "triggerer.log").read_text(errors="replace")

    def blocked(self) -> list[float]:
        """For how many seconds its event loop was blocked, each time that Airflow complained."""
        return [float(seconds) for seconds in _BLOCKED.findall(self.log())]

    def long_steps(self) -> list[float]:
        """The CPU seconds of each step of its event loop that took longer than Airflow allows."""
        return long_steps(self._steps)

    def started_triggers(self) -> int:
        """How many triggers have begun to run."""
        # Airflow opens a log for each when it says that it starts.
        return sum(1 for _ in self.configuration.task_logs.rglob("*.trigger.*.log"))

    def polled_triggers(self) -> int:
        """How many triggers have said more than that they start, and so have seen a poll."""
        files = self.configuration.task_logs.rglob("*.trigger.*.log")
        return sum(1 for file in files if file.read_bytes().count(b"\n") > 1)

    def states(self) -> dict[str, int]:
        """How many task instances are in each state."""
        return dict(self.query("SELECT state, count(*) FROM task_instance GROUP BY state"))

    def ends(self) -> dict[str, float]:
        """When the task that waited for a campaign ended, in seconds since the epoch, by campaign."""
        sql = (
            "SELECT r.conf, t.task_id, t.end_date FROM task_instance t "
            "JOIN dag_run r ON r.dag_id = t.dag_id AND r.run_id = t.run_id WHERE t.state = 'success'"
        )
        ended = {}
        for conf, task_id, end in self.query(sql):
            campaign_id = json.loads(conf)["campaign_ids"][int(task_id.rpartition("_")[2])]
            ended[campaign_id] = datetime.datetime.fromisoformat(end).replace(tzinfo=datetime.UTC).timestamp()
        return ended

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """
        Read from the database.

        :param sql: a SELECT.
        """
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def usage(self) -> Usage:
        """What it has used so far."""
        members = sorted(session_members(self.pid), key=lambda process: process.create_time())
        cpu = {process.pid: _cpu_seconds(process) for process in members}
        memory = sum(process.memory_info().rss for process in members)
        return Usage(sum(cpu.values()), sum(v for pid, v in cpu.items() if pid != self.pid), memory, time.monotonic())

    def wait_until(self, condition: Callable[[], bool], timeout: float = TIMEOUT) -> None:
        """
        Wait until something is so.

        :param condition: what.
        :param timeout: seconds after which to give up.
        """
        deadline = time.monotonic() + timeout
        while True:
            began = time.monotonic()
            if condition():
                return
            if began > deadline:
                raise TimeoutError(f"{self.states()}\n{self.log()[-3000:]}")
            # To read the logs of 10,000 waits takes long, and the machine is the triggerer's.
            time.sleep(max(0.5, 4 * (time.monotonic() - began)))

    def wait_until_settled(self) -> None:
        """Wait until no more XComs come: links are pushed while their tasks wait, and belong to their start."""
        before, now = -1, self._xcoms()
        while now != before:
            time.sleep(INTERVAL)
            before, now = now, self._xcoms()

    def _xcoms(self) -> int:
        [[count]] = self.query("SELECT count(*) FROM xcom")
        return int(count)


def noting_steps(file: Path) -> dict[str, str]:
    """
    The environment in which a triggerer notes the long steps of its event loops; see `in_triggerer`. It finds this
    package, too, for `bare_wait`.

    :param file: where it notes them.
    """
    return {"PYTHONPATH": f"{_NOTES_STEPS}:{_PROJECT}", "TRIGGERER_STEPS": str(file)}


def long_steps(file: Path) -> list[float]:
    """
    The CPU seconds of each step that took longer than Airflow allows.

    :param file: where the steps were noted.
    """
    lines = file.read_text().splitlines() if file.exists() else []
    return [seconds for seconds in map(float, lines) if seconds > LOOP_LIMIT]


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
