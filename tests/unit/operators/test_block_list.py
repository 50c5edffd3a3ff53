"""`BlockContactsOperator` over real HTTP: what it blocks, what it says of the rest, and that it shows no one."""

from __future__ import annotations

import json
import sqlite3
import stat
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_instantly.api.errors import InstantlyPermissionError
from airflow_provider_instantly.exceptions import (
    BlockNotConfirmedError,
    InputError,
    RejectsNotWrittenError,
    RowsRejectedError,
    TaskKilledError,
)
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.operators.block_list import BlockContactsOperator
from tests.docs.documents import blocks, section, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

PATH = "*/block-lists-entries/bulk-create"

pytestmark = pytest.mark.usefixtures("short_pauses")


def operator(**given: Any) -> BlockContactsOperator:
    return BlockContactsOperator(**{"task_id": "block", **given})


def is_blocked(sandbox: SandboxClient, *addresses: str) -> list[bool]:
    campaign = sandbox.add_campaign("Spring")
    with InstantlyHook() as hook:
        return [hook.add_leads([{"email": address}], campaign_id=campaign).in_blocklist == 1 for address in addresses]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    file = tmp_path / "warehouse.db"
    connection = sqlite3.connect(file)
    connection.executescript(
        "CREATE TABLE optouts (id INTEGER, email TEXT, day TEXT);"
        "INSERT INTO optouts VALUES (1, 'ada@example.com', '2026-03-01'), (2, 'evil.example', '2026-03-02');"
    )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    return connection


@pytest.mark.parametrize(
    "rows",
    [
        ["Ada@example.com", "evil.example", "ada@example.com"],
        [{"email": "ada@example.com"}, {"email": "@evil.example"}, {"email": "ADA@example.com"}],
        [["ada@example.com"], ["evil.example", "evil.example"]],
    ],
    ids=["texts", "mappings", "of mapped tasks"],
)
def test_blocks_addresses_and_domains_once(sandbox: SandboxClient, run_task: Any, task_log: Any, rows: Any) -> None:
    run = run_task(operator(rows=rows))
    assert run.error is None
    assert run.value == {"rows": 3, "rejected": 0, "duplicates": 1, "blocked": 2, "refused": 0}
    assert is_blocked(sandbox, "ada@example.com", "bob@evil.example", "bob@example.com") == [True, True, False]
    assert "2 addresses and domains of 3 rows are on the block list." in task_log()


def test_a_second_run_does_no_harm(sandbox: SandboxClient, run_task: Any) -> None:
    first, second = (run_task(operator(rows=["ada@example.com"])) for _ in range(2))
    assert first.value == second.value
    assert {request["method"] for request in sandbox.requests()} == {"POST"}, "nothing is ever deleted"


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", "email\nada@example.com\n"), ("a.jsonl", '"ada@example.com"\n')]
)
def test_of_a_file(sandbox: SandboxClient, run_task: Any, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert run_task(operator(path=str(tmp_path / name))).value["blocked"] == 1
    assert is_blocked(sandbox, "ada@example.com") == [True]


class TestSql:
    @pytest.mark.parametrize("column", [None, "email"])
    def test_of_a_database(
        self, sandbox: SandboxClient, run_task: Any, database: sqlite3.Connection, column: str | None
    ) -> None:
        sql = f"SELECT {'email' if column is None else '*'} FROM optouts WHERE day >= ?"  # noqa: S608
        task = operator(sql=sql, sql_conn_id="warehouse", parameters=["{{ day }}"], column=column)
        task.render_template_fields({"day": "2026-03-02"})  # type: ignore[typeddict-unknown-key]
        assert run_task(task).value == {"rows": 1, "rejected": 0, "duplicates": 0, "blocked": 1, "refused": 0}
        assert is_blocked(sandbox, "ada@example.com", "ada@evil.example") == [False, True]

    def test_a_file_of_sql_is_a_template(self) -> None:
        assert operator(sql="a.sql", sql_conn_id="w").template_ext == (".sql",)
        assert {"sql", "parameters", "sql_conn_id"} <= set(BlockContactsOperator.template_fields)

    def test_a_connection_that_is_no_database(self, sandbox: SandboxClient, run_task: Any) -> None:
        run = run_task(operator(sql="SELECT 1", sql_conn_id="instantly_default"))
        assert isinstance(run.error, InputError)
        assert "type instantly, and not to a database" in str(run.error)
        assert sandbox.requests() == []

    def test_a_query_that_fails(self, sandbox: SandboxClient, run_task: Any, database: sqlite3.Connection) -> None:
        run = run_task(operator(sql="SELECT nothing FROM optouts", sql_conn_id="warehouse"))
        assert isinstance(run.error, InputError)
        assert sandbox.requests() == []


BAD = ["ada.private@example.com", "nonsense private", None, "evil.example"]


class TestRejects:
    def test_fail_the_task_after_all_others_are_blocked(
        self, sandbox: SandboxClient, run_task: Any, task_log: Any, tmp_path: Path
    ) -> None:
        path = tmp_path / "rejects.jsonl"
        run = run_task(operator(rows=BAD, rejects_path=str(path)))
        assert isinstance(run.error, RowsRejectedError)
        assert "2 rows have no address or domain" in str(run.error)
        assert "2 addresses and domains of 4 rows are on the block list" in str(run.error)
        assert is_blocked(sandbox, "ada.private@example.com", "ada@evil.example") == [True, True]
        written = [json.loads(line) for line in path.read_text().splitlines()]
        assert [(entry["number"], entry["row"]) for entry in written] == [
            (2, {"value": "nonsense private"}),
            (3, {"value": None}),
        ]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        log = task_log()
        assert "Row 2: it has neither an address nor a domain." in log
        assert "private" not in f"{log}{run.error}{run.error!r}"

    def test_warn(self, sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
        run = run_task(operator(rows=BAD, on_reject="warn"))
        assert run.error is None
        assert (run.value["rejected"], run.value["blocked"]) == (2, 2)
        assert "2 rows have no address or domain" in task_log()

    def test_what_instantly_does_not_take(self, sandbox: SandboxClient, run_task: Any) -> None:
        sandbox.add_fault("body", PATH, json={"items": [], "valid_count": 1, "invalid_count": 1})
        run = run_task(operator(rows=["ada@example.com", "bob@example.com"]))
        assert isinstance(run.error, RowsRejectedError)
        assert "did not take 1 values, and does not say which" in str(run.error)
        assert "1 addresses and domains of 2 rows are on the block list" in str(run.error)

    @pytest.mark.parametrize(
        "answer",
        [{"valid_count": 0, "invalid_count": 0}, {"valid_count": 0, "invalid_count": 1}, {"invalid_count": 0}, {}],
        ids=str,
    )
    def test_no_task_is_green_where_instantly_does_not_say_that_all_are_blocked(
        self, sandbox: SandboxClient, run_task: Any, answer: dict[str, int]
    ) -> None:
        sandbox.add_fault("body", PATH, json=answer)
        rows = ["ada@example.com", "bob@example.com", "nonsense private"]
        run = run_task(operator(rows=rows))
        assert isinstance(run.error, BlockNotConfirmedError)
        assert not isinstance(run.error, AirflowFailException), "another try does no harm"
        assert "did not say whether it took" in str(run.error)
        assert "1 rows have no address or domain" in str(run.error)
        assert "private" not in str(run.error)
        assert isinstance(run_task(operator(rows=rows)).error, RowsRejectedError)

    def test_what_one_answer_does_not_say_fails_whatever_another_refuses(
        self, sandbox: SandboxClient, run_task: Any
    ) -> None:
        sandbox.add_fault("body", PATH, json={"valid_count": 999, "invalid_count": 1})
        sandbox.add_fault("body", PATH, json={})
        run = run_task(operator(rows=[f"ada{n}@example.com" for n in range(1001)]))
        assert isinstance(run.error, BlockNotConfirmedError)

    def test_no_one_is_counted_as_blocked_whom_an_answer_does_not_count(
        self, sandbox: SandboxClient, run_task: Any, task_log: Any
    ) -> None:
        sandbox.add_fault("body", PATH, json={"valid_count": 0, "invalid_count": 0})
        run = run_task(operator(rows=["ada@example.com", "bob@example.com"], on_reject="warn"))
        assert (run.value["blocked"], run.value["refused"]) == (None, 0)
        assert "did not say whether it took them" in task_log()

    def test_all_are_blocked_where_the_file_of_rejects_cannot_be_written(
        self, sandbox: SandboxClient, run_task: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        run = run_task(operator(rows=BAD, rejects_path=str(tmp_path / "file" / "rejects.jsonl")))
        assert isinstance(run.error, RejectsNotWrittenError)
        assert "2 addresses and domains of 4 rows are on the block list. 2 rows have no" in str(run.error)
        assert "private" not in str(run.error)
        assert is_blocked(sandbox, "ada.private@example.com", "ada@evil.example") == [True, True]

    def test_an_answer_that_does_not_say(self, sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
        sandbox.add_fault("body", PATH, json={"items": []})
        run = run_task(operator(rows=["ada@example.com"], on_reject="warn"))
        assert run.error is None
        assert (run.value["blocked"], run.value["refused"]) == (None, None)
        assert "Instantly did not say" in task_log()


def test_an_input_that_breaks_sends_nothing(sandbox: SandboxClient, run_task: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"email\nada@example.com\n\xff\n")
    run = run_task(operator(path=str(tmp_path / "a.csv")))
    assert isinstance(run.error, InputError)
    assert sandbox.requests() == []


@pytest.mark.parametrize("name", ["column", "rejects_path", "parameters", "sql_conn_id", "sql"])
@pytest.mark.parametrize("nothing", ["", "None", None])
def test_a_template_that_renders_to_nothing_is_not_left_out(
    sandbox: SandboxClient, run_task: Any, database: sqlite3.Connection, name: str, nothing: str | None
) -> None:
    given = {"sql": "SELECT email FROM optouts", "sql_conn_id": "warehouse", name: "{{ params.missing }}"}
    task = operator(**given)
    setattr(task, name, nothing)
    run = run_task(task)
    assert isinstance(run.error, AirflowFailException)
    assert f"{name} was given, and its template rendered to nothing" in str(run.error)
    assert sandbox.requests() == []


def test_a_killed_task_sends_nothing_more(sandbox: SandboxClient, run_task: Any) -> None:
    task = operator(rows=["ada@example.com"])
    task.on_kill()
    assert isinstance(run_task(task).error, TaskKilledError)
    assert sandbox.requests() == []


def test_its_scope(sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = json.loads(sandbox.airflow_connection)
    for scope, error in (("block_list_entries:create", None), ("leads:all", InstantlyPermissionError)):
        key = sandbox.add_key(scope, [scope])
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps({**connection, "password": key}))
        run = run_task(operator(rows=["ada@example.com"]))
        assert type(run.error) is (error or type(None))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Name one source"),
        ({"rows": [], "path": "a.csv"}, "Name one source"),
        ({"sql": "SELECT 1"}, "belong together"),
        ({"rows": [], "sql_conn_id": "warehouse"}, "belong together"),
        ({"rows": [], "on_reject": "ignore"}, "on_reject must be"),
        ({"rows": "ada"}, "rows must be a list"),
        ({"rows": [], "instantly_conn_id": ""}, "instantly_conn_id"),
    ],
)
def test_what_can_be_of_no_use_is_refused_while_the_dag_is_parsed(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        operator(**given)


def test_returns_what_the_manual_shows(sandbox: SandboxClient, run_task: Any) -> None:
    part = section(text_of("docs/reference/parameters.md"), "`BlockContactsOperator`")
    [shown] = [json.loads(block.text) for block in blocks("json") if block.text in part]
    rows = [f"a{number}@example.com" for number in range(shown["blocked"])]
    rows += rows[: shown["duplicates"]] + ["nonsense"] * shown["rejected"]
    assert run_task(operator(rows=rows, on_reject="warn")).value == shown
