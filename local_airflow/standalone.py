"""A real Airflow on this machine: scheduler, triggerer, API server, DAG processor as processes, while a `with` runs."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import requests

from local_airflow.configuration import ADMIN, AIRFLOW_3, Configuration, default_executor, environment
from local_airflow.metadata_database import prepare_database, sqlite_url
from local_airflow.processes import ProcessGuard, end_sessions, free_port, session_members
from local_airflow.rest import AirflowRest
from local_airflow.work import LocalAirflowError, RunningAirflow

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping
    from typing import Self

START_TIMEOUT = 300.0
"""Seconds until every component must be up."""
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


class LocalAirflow(RunningAirflow):
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
        self.database_url = database_url
        self.task_logs = self.configuration.task_logs
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

    def look_after(self) -> None:
        """
        See that all components are alive.

        :raises LocalAirflowError: One has ended by itself.
        """
        for component, process in self._components.items():
            if process.poll() is not None:
                raise LocalAirflowError(f"Airflow's {component} ended by itself:\n{self._log_tail(component)}")

    def logged(self) -> str:
        """Return the ends of the components' logs."""
        return "\n".join(f"-- {component}\n{self._log_tail(component)}" for component in self._components)

    def _log_tail(self, component: str) -> str:
        return "\n".join(self.log(component).splitlines()[-LOG_TAIL:])


def _write_secret(file: Path, content: str) -> None:
    file.touch(mode=0o600)
    file.write_text(content)
