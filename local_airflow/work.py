"""What people do with a running Airflow: start runs of DAGs, wait for their ends, and read what is left of them."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from local_airflow.configuration import AIRFLOW_3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy.engine import Engine

    from local_airflow.rest import AirflowRest

DAG_TIMEOUT = 120.0
"""Seconds until a DAG file must have been read."""
RUN_TIMEOUT = 240.0
"""Seconds until a run must have ended."""
POLL_INTERVAL = 0.1
"""Seconds between two checks of something that is waited for."""

PAGE = 100
"""The most that Airflow's REST API has in one answer."""


class LocalAirflowError(Exception):
    """The local Airflow did not do what was asked; the message holds what it logged."""


class TaskInstance(NamedTuple):
    """A task instance as it stands; `map_index` is -1 for a task that is not mapped."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int


class RunningAirflow(ABC):
    """An Airflow that answers, whatever it is made of."""

    api: AirflowRest
    """A client of its REST API."""
    database_url: str
    """The SQLAlchemy URL of its metadata database."""
    task_logs: Path
    """The folder with the logs of tasks and triggers."""
    home: Path
    """The folder with everything that it writes."""
    _exit: ExitStack
    """What ends it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def log(self, part: str) -> str:
        """Return what a component, or a container, has written to its output."""
        return self._log_file(part).read_text(errors="replace")

    def _log_file(self, part: str) -> Path:
        return self.home / f"{part}.log"

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self.database_url, poolclass=NullPool)

    @abstractmethod
    def look_after(self) -> None:
        """
        Do what has to be done again and again while something is waited for.

        :raises LocalAirflowError: There is no use in waiting.
        """

    @abstractmethod
    def logged(self) -> str:
        """Return what its components logged lately."""

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
        """
        Return the task instances of a run, mapped ones in the order of their indexes.

        Its table has other columns in each Airflow, and from 3.4 on rows of earlier tries, too.
        """
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[TaskInstance] = []
        while True:
            page = self.api(path, params={"limit": PAGE, "offset": len(found)})["task_instances"]
            found += [TaskInstance(*(each[name] for name in TaskInstance._fields)) for each in page]
            if len(page) < PAGE:
                return sorted(found, key=lambda task: (task.task_id, task.map_index))

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
        folder = self.task_logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
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

    def xcom_keys(self, dag_id: str, run_id: str, task_id: str) -> list[str]:
        """
        Return the keys of a task's XComs. Their table has another name and other columns from Airflow 3.4 on.

        :param dag_id: The DAG.
        :param run_id: The run.
        :param task_id: The task.
        """
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries"
        return [each["key"] for each in self.api(path)["xcom_entries"]]

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
        Wait until a condition holds.

        :param condition: What to wait for; it is asked again and again.
        :param timeout: Seconds to wait.
        :param problem: Says what is wrong when it takes longer.
        :raises LocalAirflowError: It took longer, or there is no use in waiting.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            self.look_after()
            if time.monotonic() > deadline:
                raise LocalAirflowError(f"{problem()} within {timeout:.0f} s.\n{self.logged()}")
            time.sleep(POLL_INTERVAL)


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
