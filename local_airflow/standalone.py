"""A real Airflow on this machine: scheduler, triggerer, API server, DAG processor as processes, while a `with` runs."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import requests
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from local_airflow.configuration import ADMIN, AIRFLOW_3, Configuration, default_executor, environment
from local_airflow.metadata_database import prepare_database, sqlite_url
from local_airflow.processes import ProcessGuard, end_sessions, free_port, session_members
from local_airflow.rest import AirflowRest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

START_TIMEOUT = 120.0
"""Seconds until every component must be up."""
DAG_TIMEOUT = 60.0
"""Seconds until a DAG file must have been read."""
RUN_TIMEOUT = 120.0
"""Seconds until a run must have ended."""
POLL_INTERVAL = 0.1
"""Seconds between two checks of something that is waited for."""
LOG_TAIL = 40
"""Lines of a component's log that are shown when something went wrong."""

COMMANDS = {
    "api-server": ["api-server"] if AIRFLOW_3 else ["webserver"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
} | ({"dag-processor": ["dag-processor"]} if AIRFLOW_3 else {})
"""The components, and how `airflow` starts each. The scheduler of Airflow 2 processes DAG files itself."""

# Airflow notes each start of a component in its table `job`, under these names; the API server has none.
JOB_TYPES = {"scheduler": "SchedulerJob", "triggerer": "TriggererJob", "dag-processor": "DagProcessorJob"}


class LocalAirflowError(Exception):
    """The local Airflow did not do what was asked; the message holds what it logged."""


class TaskInstance(NamedTuple):
    """A task instance as it stands in the metadata database; `map_index` is -1 for a task that is not mapped."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int


class LocalAirflow:
    """
    Airflow with its components as processes; to be used in a ``with`` statement, which ends all of them.

    :param dags: Folders with DAG files.
    :param connections: Connections to make, ``{id: fields}``, the fields being those of Airflow's REST API
        (``conn_type``, ``host``, ``password``, …; ``extra`` may be a dict). Airflow keeps the secrets encrypted.
    :param database_url: SQLAlchemy URL of an empty or migrated metadata database; default: a new SQLite file.
    :param executor: The executor's name; default: LocalExecutor, or SequentialExecutor on Airflow 2.11 with SQLite.
    :param settings: Airflow settings, ``{"section.key": value}``.
    :param variables: Environment variables for all components, and so for DAG files and tasks.
    :param home: A directory for everything that Airflow writes, which stays; default: a temporary one, which does not.
    :param tell: Called with a line for each step of the start.
    """

    def __init__(
        self,
        *dags: Path,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        database_url: str | None = None,
        executor: str | None = None,
        settings: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        home: Path | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.home = (home or Path(tempfile.mkdtemp(prefix="local-airflow-"))).resolve()
        database_url = database_url or sqlite_url(self.home / "airflow.db")
        self.configuration = Configuration(
            home=self.home,
            port=free_port(),
            database_url=database_url,
            executor=executor or default_executor(database_url),
            settings=settings or {},
            variables=variables or {},
        )
        self._dags = dags
        self._connections = connections or {}
        self._tell = tell
        self._engine = create_engine(database_url, poolclass=NullPool)
        self._guard = ProcessGuard(remove=None if home else self.home)
        self._components: dict[str, subprocess.Popen[bytes]] = {}
        self._exit = ExitStack()

    @property
    def url(self) -> str:
        """The address of the API server and its web pages."""
        return self.configuration.url

    @property
    def components(self) -> tuple[str, ...]:
        """The names of the components that should be running."""
        return tuple(self._components)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._guard)
            for folder in (self.configuration.dags_folder, self.configuration.task_logs, self.configuration.scratch):
                folder.mkdir(parents=True, exist_ok=True)
            for number, folder in enumerate(self._dags):
                (self.configuration.dags_folder / f"{number}-{folder.name}").symlink_to(folder.resolve())
            self._tell("Airflow's database is being prepared")
            password = prepare_database(self.configuration)
            _write_secret(self.configuration.passwords_file, json.dumps({ADMIN: password}))
            self.api = AirflowRest(self.url, password)
            starting = {component: self._start(component) for component in COMMANDS}
            self.wait_for(lambda: self._all_up(starting), START_TIMEOUT, lambda: "Airflow did not start")
            for connection_id, fields in self._connections.items():
                self.add_connection(connection_id, **fields)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    # -- components ----------------------------------------------------------------------------------------------------

    def pid(self, component: str) -> int:
        """Return the process id of a component, which is also the id of its session."""
        return self._components[component].pid

    def kill(self, component: str, with_signal: signal.Signals = signal.SIGKILL, *, only_itself: bool = False) -> None:
        """
        Send a signal to a component and what it started, such as the scheduler's workers; it is not expected back.

        :param component: One of :data:`COMMANDS`.
        :param with_signal: The signal.
        :param only_itself: Spare the processes that the component started.
        """
        process = self._components.pop(component)
        for member in session_members(process.pid):
            if member.pid == process.pid or not only_itself:
                try:
                    member.send_signal(with_signal)
                except psutil.NoSuchProcess:
                    continue

    def restart(self, component: str) -> None:
        """
        End what is left of a component, start it again and wait until it is up.

        :param component: One of :data:`COMMANDS`; it may have been killed before.
        """
        if old := self._components.pop(component, None):
            end_sessions([old.pid])
            old.wait()
        is_up = self._start(component)
        self.wait_for(is_up, START_TIMEOUT, lambda: f"Airflow's {component} did not start again")

    def log(self, component: str) -> str:
        """Return what a component has written to its output."""
        return self._log_file(component).read_text(errors="replace")

    def _start(self, component: str) -> Callable[[], bool]:
        """Start a component and return a function that tells whether it is up."""
        last_job = self._last_job(component)
        self._components[component] = self._guard.start(
            [sys.executable, "-m", "airflow", *COMMANDS[component]],
            env=environment(self.configuration),
            cwd=self.home,
            log=self._log_file(component),
        )
        return self._answers if component == "api-server" else lambda: self._last_job(component) > last_job

    def _all_up(self, starting: dict[str, Callable[[], bool]]) -> bool:
        for component in [component for component, is_up in starting.items() if is_up()]:
            self._tell(f"Airflow's {component} is up")
            del starting[component]
        return not starting

    def _log_file(self, component: str) -> Path:
        return self.home / f"{component}.log"

    def _last_job(self, component: str) -> int:
        if component not in JOB_TYPES:
            return 0
        [[job]] = self.query("SELECT max(id) FROM job WHERE job_type = :kind", kind=JOB_TYPES[component])
        return job or 0

    def _answers(self) -> bool:
        try:
            self.api.health()
        except requests.RequestException:
            return False
        return True

    # -- work ----------------------------------------------------------------------------------------------------------

    def add_connection(self, connection_id: str, **fields: Any) -> None:
        """
        Make a connection.

        :param connection_id: Its id.
        :param fields: Its fields, see the class.
        """
        if not isinstance(fields.get("extra", ""), str):
            fields["extra"] = json.dumps(fields["extra"])
        self.api("/connections", method="POST", json={"connection_id": connection_id, **fields})

    def add_variable(self, key: str, value: str) -> None:
        """
        Make an Airflow Variable.

        :param key: Its key.
        :param value: Its value.
        """
        self.api("/variables", method="POST", json={"key": key, "value": value})

    def add_pool(self, name: str, slots: int) -> None:
        """
        Make a pool, whose slots tasks leave while they are deferred.

        :param name: Its name.
        :param slots: How many tasks may run in it at once.
        """
        self.api("/pools", method="POST", json={"name": name, "slots": slots, "include_deferred": False})

    def trigger(
        self,
        dag_id: str,
        *,
        conf: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        timeout: float = DAG_TIMEOUT,
    ) -> str:
        """
        Start a run of a DAG, as soon as Airflow knows the DAG, and return the run's id.

        :param dag_id: The DAG.
        :param conf: The run's configuration: its params.
        :param run_id: The id of the run; default: made by Airflow.
        :param timeout: Seconds until Airflow must know the DAG.
        :raises LocalAirflowError: The DAG is unknown or its file cannot be imported.
        """
        self.wait_until_known(dag_id, timeout=timeout)
        body: dict[str, Any] = {"conf": dict(conf or {})}
        if run_id is not None:
            body["dag_run_id"] = run_id
        if AIRFLOW_3:
            body["logical_date"] = None
        run: str = self.api(f"/dags/{dag_id}/dagRuns", method="POST", json=body)["dag_run_id"]
        return run

    def wait_until_known(self, dag_id: str, *, timeout: float = DAG_TIMEOUT) -> None:
        """
        Wait until Airflow knows a DAG.

        :param dag_id: The DAG.
        :param timeout: Seconds to wait.
        :raises LocalAirflowError: The DAG is unknown or its file cannot be imported.
        """
        self.wait_for(lambda: self._knows(dag_id), timeout, lambda: f"Airflow does not know the DAG {dag_id!r}")

    def switch_on(self, dag_id: str, *, timeout: float = RUN_TIMEOUT) -> str:
        """
        Let a DAG run by its schedule, and return the id of the run that it begins with at once.

        :param dag_id: A DAG that is paused, and has not run yet.
        :param timeout: Seconds until that run must have begun.
        :raises LocalAirflowError: The DAG is unknown, or begins no run.
        """
        self.wait_until_known(dag_id)
        self.api(f"/dags/{dag_id}", method="PATCH", json={"is_paused": False})
        self.wait_for(lambda: bool(self.run_ids(dag_id)), timeout, lambda: f"{dag_id} did not begin by itself")
        return self.run_ids(dag_id)[0]

    def run_ids(self, dag_id: str) -> list[str]:
        """Return the ids of a DAG's runs, the oldest first; for those that a schedule or an asset has started."""
        sql = "SELECT run_id FROM dag_run WHERE dag_id = :dag_id ORDER BY id"
        return [run_id for [run_id] in self.query(sql, dag_id=dag_id)]

    def _knows(self, dag_id: str) -> bool:
        if errors := self.api("/importErrors")["import_errors"]:
            raise LocalAirflowError("\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors))
        return bool(self.query("SELECT 1 FROM serialized_dag WHERE dag_id = :dag_id", dag_id=dag_id))

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a run."""
        sql = "SELECT state FROM dag_run WHERE dag_id = :dag_id AND run_id = :run_id"
        [[state]] = self.query(sql, dag_id=dag_id, run_id=run_id)
        return state  # type: ignore[no-any-return]

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float = RUN_TIMEOUT) -> str:
        """
        Wait until a run has ended, and return its state: ``success`` or ``failed``.

        :param dag_id: The DAG.
        :param run_id: The run.
        :param timeout: Seconds to wait.
        :raises LocalAirflowError: The run has not ended in time.
        """
        ended = ("success", "failed")
        self.wait_for(
            lambda: self.run_state(dag_id, run_id) in ended,
            timeout,
            lambda: f"The run {run_id} of {dag_id} did not end; its tasks: {self.task_instances(dag_id, run_id)}",
        )
        return str(self.run_state(dag_id, run_id))

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Return the task instances of a run."""
        sql = (
            "SELECT task_id, map_index, state, try_number FROM task_instance "
            "WHERE dag_id = :dag_id AND run_id = :run_id ORDER BY task_id, map_index"
        )
        return [TaskInstance(*row) for row in self.query(sql, dag_id=dag_id, run_id=run_id)]

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run that has no mapped tasks."""
        return {task.task_id: task.state for task in self.task_instances(dag_id, run_id)}

    def task_log(self, dag_id: str, run_id: str, task_id: str, *, try_number: int = 1, map_index: int = -1) -> str:
        """
        Return what one try of a task has logged, in the worker and in the triggerer, as readable text.

        :param dag_id: The DAG.
        :param run_id: The run.
        :param task_id: The task.
        :param try_number: The try, counted from 1.
        :param map_index: The index of a mapped task.
        """
        folder = self.configuration.task_logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        if map_index >= 0:
            folder /= f"map_index={map_index}"
        files = sorted(folder.glob(f"attempt={try_number}.log*"))
        return "\n".join(readable(line) for file in files for line in file.read_text(errors="replace").splitlines())

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", *, map_index: int = -1) -> Any:
        """
        Return an XCom's value.

        :param dag_id: The DAG.
        :param run_id: The run.
        :param task_id: The task.
        :param key: The XCom's key.
        :param map_index: The index of a mapped task.
        :raises RestError: There is none (status 404).
        """
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        query: dict[str, Any] = {"map_index": map_index, "deserialize": True, "stringify": False}
        return self.api(path, params=query)["value"]

    def query(self, sql: str, **parameters: Any) -> list[Any]:
        """
        Read from the metadata database, which answers even while the API server does not.

        :param sql: A SELECT with named parameters (``:name``).
        :param parameters: Their values.
        """
        with self._engine.connect() as connection:
            return list(connection.execute(text(sql), parameters))

    def wait_for(self, condition: Callable[[], bool], timeout: float, problem: Callable[[], str]) -> None:
        """
        Wait until a condition holds, while all components are alive.

        :param condition: What to wait for; it is asked again and again.
        :param timeout: Seconds to wait.
        :param problem: Says what is wrong when it takes longer.
        :raises LocalAirflowError: It took longer, or a component has ended by itself.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            for component, process in self._components.items():
                if process.poll() is not None:
                    raise LocalAirflowError(f"Airflow's {component} ended by itself:\n{self._log_tail(component)}")
            if time.monotonic() > deadline:
                logs = "\n".join(f"-- {component}\n{self._log_tail(component)}" for component in self._components)
                raise LocalAirflowError(f"{problem()} within {timeout:.0f} s.\n{logs}")
            time.sleep(POLL_INTERVAL)

    def _log_tail(self, component: str) -> str:
        return "\n".join(self.log(component).splitlines()[-LOG_TAIL:])


def _write_secret(file: Path, content: str) -> None:
    file.touch(mode=0o600)
    file.write_text(content)


def readable(line: str) -> str:
    """Airflow 3 logs a JSON object in each line; return what a person reads of it."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict) or "event" not in record:
        return line
    said = f"{record.get('timestamp', '')} {str(record.get('level', '')).upper()} {record['event']}"
    errors = [f"{error.get('exc_type')}: {error.get('exc_value')}" for error in record.get("error_detail") or []]
    return "\n".join([said, *errors])
