"""Rows of persons: whichever way an operator gets them, Airflow shows them nowhere."""

from __future__ import annotations

import json
import sqlite3
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath

from airflow_provider_instantly.exceptions import InputError
from airflow_provider_instantly.leads.rows import Columns
from airflow_provider_instantly.leads.spool import Spool
from airflow_provider_instantly.operators.rows import (
    Hidden,
    ReadsRows,
    _lead_to_one_file,
    path_as_kept,
)

ROWS = [{"email": "ada@example.com", "first_name": "{{ 1 + 1 }}"}]


class Operator(ReadsRows):
    """As small as one can be."""

    template_fields = ("rows", "path")

    def execute(self, context: Any) -> Any:
        """Return the rows."""
        return list(self._input())


class Query(ReadsRows):
    """One that asks a database."""

    template_fields = ("sql", "parameters", "sql_conn_id")

    def execute(self, context: Any) -> Any:
        """Return the rows."""
        return list(self._input())


class XCom:
    """As much of one as the rendering of templates asks for."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def iter_references(self) -> Any:
        """No task."""
        return iter(())

    def resolve(self, context: Any, *args: Any, **kwargs: Any) -> Any:
        """The value."""
        return self.value


def shown(task: Any) -> str:
    """Whatever Airflow keeps and shows of a task's fields."""
    helpers: Any = import_module("airflow.serialization.helpers")
    kept = {name: helpers.serialize_template_field(getattr(task, name), name) for name in task.template_fields}
    return json.dumps(kept, default=str) + repr(task) + repr(task._rows)


def kept_beside(task: Any) -> str:
    """What Airflow keeps of the arguments of a task whose templates are rendered."""
    return repr(task._BaseOperator__init_kwargs)


def test_a_list_is_not_shown_nor_rendered() -> None:
    with DAG("a_dag", schedule=None) as dag:
        task = Operator(task_id="a_task", rows=ROWS)
    assert "example.com" not in shown(task)
    task.render_template_fields({})
    assert "example.com" not in shown(task) + kept_beside(task)
    assert task.execute({}) == ROWS
    objects: Any = import_module("airflow.serialization.serialized_objects")
    serialization = getattr(objects, "DagSerialization", None) or objects.SerializedDAG
    assert "example.com" not in json.dumps(serialization.to_dict(dag), default=str)


def test_literal_rows_of_mapped_tasks_are_in_no_stored_dag() -> None:
    with DAG("a_dag", schedule=None) as dag:
        partial = Operator.partial(task_id="partial", rows=ROWS)
        assert "example.com" not in repr(partial)
        partial.expand(path=["a.jsonl"])
        Operator.partial(task_id="expand").expand(rows=[ROWS, ROWS])
        Operator.partial(task_id="expand_kwargs").expand_kwargs([{"rows": ROWS}, {"path": "a.jsonl"}])
    objects: Any = import_module("airflow.serialization.serialized_objects")
    serialization = getattr(objects, "DagSerialization", None) or objects.SerializedDAG
    assert "example.com" not in json.dumps(serialization.to_dict(dag), default=str)


def test_hidden_rows_are_rows() -> None:
    assert Operator(task_id="a_task", rows=Hidden("rows", ROWS)).execute({}) == ROWS
    with pytest.raises(ValueError, match="rows must be a list"):
        Operator(task_id="a_task", rows=Hidden("rows", "ada@example.com"))


@pytest.mark.parametrize(
    "value", [ROWS, repr(ROWS), json.dumps(ROWS), tuple(ROWS)], ids=["list", "repr", "json", "tuple"]
)
def test_what_an_xcom_is_rendered_to_is_not_shown(value: Any) -> None:
    task = Operator(task_id="a_task", rows="{{ rows }}" if isinstance(value, str) else XCom(value))
    task.render_template_fields({"rows": value})  # type: ignore[typeddict-unknown-key]
    if isinstance(task.rows, Hidden) and isinstance(task.rows.value, XCom):
        # Airflow 2.11 asks for the class.
        task.rows = task.rows.value.resolve({})
    assert "example.com" not in shown(task) + kept_beside(task)
    assert task.execute({}) == ROWS


@pytest.mark.parametrize("parameters", [{"mail": "{{ mail }}"}, ["{{ mail }}"], "{{ [mail] }}"], ids=str)
def test_what_parameters_are_rendered_to_is_not_shown_and_reaches_the_database(
    parameters: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, mail = tmp_path / "warehouse.db", "ada@example.com"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE people (email TEXT)")
        connection.executemany("INSERT INTO people VALUES (?)", [(mail,), ("bea@example.com",)])
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    sql = "SELECT email FROM people WHERE email = " + (":mail" if isinstance(parameters, dict) else "?")  # noqa: S608 - no input
    with DAG("a_dag", schedule=None, render_template_as_native_obj=True):
        task = Query(task_id="a_task", sql=sql, sql_conn_id="warehouse", parameters=parameters)
    assert "{{" in json.dumps(task.parameters)

    for _ in range(2):  # as where a task is run again in one process
        task.render_template_fields({"mail": mail})  # type: ignore[typeddict-unknown-key]

    assert isinstance(task.parameters, Hidden)
    assert "example.com" not in shown(task) + repr(vars(task)["_parameters"]) + kept_beside(task)
    assert [dict(row) for row in task.execute({})] == [{"email": mail}]


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(ROWS[0]))
    task = Operator(task_id="a_task", path="{{ folder }}/a.jsonl")
    task.render_template_fields({"folder": str(tmp_path)})  # type: ignore[typeddict-unknown-key]
    assert task.execute({}) == ROWS


@pytest.mark.parametrize("rows", ["leads.csv", 3, ROWS[0]])
def test_what_is_no_list_is_refused_while_the_dag_is_parsed(rows: Any) -> None:
    with pytest.raises(ValueError, match="rows must be a list") as caught:
        Operator(task_id="a_task", rows=rows)
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize("path", ["a.jsonl", Path("a.jsonl"), "{{ folder }}/a.jsonl"])
def test_rejects_do_not_overwrite_the_input(path: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would be overwritten"):
        Operator(task_id="a_task", path=path, rejects_path=path)
    assert Operator(task_id="a_task", path=path, rejects_path="rejects.jsonl").path == str(path)


@pytest.mark.parametrize(
    ("path", "rejects_path", "is_one"),
    [
        ("{folder}/in.jsonl", "file://{folder}/in.jsonl", True),
        ("{folder}/in.jsonl", "local://{folder}/in.jsonl", True),
        ("in.jsonl", "{folder}/in.jsonl", True),
        ("./in.jsonl", "in.jsonl", True),
        ("{folder}/in.jsonl", "~/in.jsonl", True),
        ("file://~/a/../in.jsonl", "~/in.jsonl", True),
        ("{folder}/in.jsonl", "~/rejects.jsonl", False),
        ("{folder}/a/../in.jsonl", "{folder}/./in.jsonl", True),
        ("{folder}/in.jsonl", "{folder}/link.jsonl", True),
        ("{folder}/in.jsonl", "{folder}/second.jsonl", True),
        ("s3://aws@bucket/a/in.jsonl", "s3://bucket/a/b/../in.jsonl", True),
        ("s3://bucket/in.jsonl", "s3://bucket/rejects.jsonl", False),
        ("s3://bucket/in.jsonl", "gs://bucket/in.jsonl", False),
        ("s3://bucket/in.jsonl", "bucket/in.jsonl", False),
        ("{folder}/in.jsonl", "{folder}/rejects.jsonl", False),
        ("{folder}/in.jsonl", "nonsense://{folder}/in.jsonl", False),
    ],
)
def test_the_input_is_not_overwritten_however_it_is_written(
    path: str, rejects_path: str, is_one: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path == "in.jsonl" and ObjectStoragePath(path).path == "/in.jsonl":
        pytest.skip("With old libraries, Airflow takes a relative path for one below the root")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(ROWS[0]))
    (tmp_path / "link.jsonl").symlink_to(file)
    (tmp_path / "second.jsonl").hardlink_to(file)
    paths = [each.format(folder=tmp_path) for each in (path, rejects_path)]
    assert _lead_to_one_file(*paths) is is_one
    assert _lead_to_one_file(*reversed(paths)) is is_one
    assert not _lead_to_one_file(paths[0], None)


def test_rendered_rejects_do_not_overwrite_the_input(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(ROWS[0]))
    task = Operator(task_id="a_task", path=str(file), rejects_path=f"file://{file}")
    with Spool() as spool, pytest.raises(InputError, match="would be overwritten"):
        task._read_into(spool, Columns())
    assert json.loads(file.read_text()) == ROWS[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Name one source of rows"),
        ({"rows": [], "path": "a.csv"}, "Name one source of rows"),
        ({"rows": [], "sql": "SELECT 1", "sql_conn_id": "warehouse"}, "Name one source of rows"),
        ({"sql": "SELECT 1"}, "belong together"),
        ({"rows": [], "sql_conn_id": "warehouse"}, "belong together"),
        ({"sql": "SELECT 1", "sql_conn_id": " "}, "sql_conn_id must be"),
        ({"path": ""}, "^path must be a path or URL"),
        ({"path": 7}, "^path must be a path or URL"),
        ({"rows": [], "rejects_path": " "}, "^rejects_path must be a path or URL"),
    ],
)
def test_one_source(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Operator(task_id="a_task", **given)


def test_a_path_is_kept_as_airflow_can_store_it(tmp_path: Path) -> None:
    assert path_as_kept(tmp_path / "a.csv") == str(tmp_path / "a.csv")
    place = ObjectStoragePath("file:///a.csv", conn_id="storage")
    # On Airflow 2.11 its text names the connection.
    assert path_as_kept(place) is place or path_as_kept(place) == "file://storage@/a.csv"
    assert path_as_kept(None) is None


def test_rows_are_not_shown() -> None:
    assert "example.com" not in f"{Hidden('rows', ROWS)}"
