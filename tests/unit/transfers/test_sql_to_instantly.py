"""`SqlToInstantlyLeadsOperator` on real databases: SQLite, PostgreSQL, and MariaDB in the place of MySQL."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_instantly.exceptions import InputError, RowsRejectedError
from airflow_provider_instantly.leads import sources
from airflow_provider_instantly.leads.sources import from_sql
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator
from local_airflow.postgres import Postgres, server_binaries
from tests.unit.transfers.mysql import running_mysql, server_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
COUNT = 1_234
CREATE = "CREATE TABLE people (id INTEGER, mail VARCHAR(99), given VARCHAR(99), plan VARCHAR(9), price DECIMAL(8, 2))"
PEOPLE = [(n, f"person{n}@example.com", f"P{n}", "pro" if n % 2 else None, "19.90") for n in range(1, COUNT + 1)]

pytestmark = pytest.mark.usefixtures("short_pauses", "slept")


@pytest.fixture
def campaign_id(sandbox: SandboxClient) -> str:
    return sandbox.add_campaign("Spring", id=CAMPAIGN_ID)


def operator(**given: Any) -> SqlToInstantlyLeadsOperator:
    return SqlToInstantlyLeadsOperator(
        **{
            "task_id": "add",
            "campaign_id": CAMPAIGN_ID,
            "sql": "SELECT mail, given, plan, price FROM people ORDER BY id",
            "sql_conn_id": "warehouse",
            "fields": {"email": "mail", "first_name": "given"},
            "custom_variables": "*",
            **given,
        }
    )


@pytest.fixture
def in_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The people in a database file, and the connection ``warehouse`` to it."""
    file = tmp_path / "warehouse.db"
    with sqlite3.connect(file) as connection:
        connection.execute(CREATE)
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", PEOPLE)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    return str(file)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    if server_binaries() is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with Postgres() as server:
        url = server.create_database("warehouse").replace("+psycopg2", "")
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(CREATE)
            cursor.executemany("INSERT INTO people VALUES (%s, %s, %s, %s, %s)", PEOPLE)
        connection.close()
        yield url


@pytest.fixture
def in_postgres(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The people in a PostgreSQL, and the connection ``warehouse`` to it."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection_to(postgres))


@pytest.fixture
def in_postgres_as_mappings(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same; the connection asks for rows that are mappings."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection_to(postgres, cursor="dictcursor"))


def connection_to(postgres: str, **extra: Any) -> str:
    """The Airflow connection, as JSON."""
    url = urlsplit(postgres)
    connection = {
        "conn_type": "postgres",
        "host": url.hostname,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": "warehouse",
        "extra": extra,
    }
    return json.dumps(connection)


@pytest.fixture(scope="module")
def mysql() -> Iterator[Callable[[], Any]]:
    if server_program() is None:
        pytest.skip("MariaDB's server is not installed")
    with running_mysql() as connect:
        with connect() as connection, connection.cursor() as cursor:
            cursor.execute(CREATE)
            cursor.executemany("INSERT INTO people VALUES (%s, %s, %s, %s, %s)", PEOPLE)
            connection.commit()
        yield connect


class Connecting:
    """As much of a hook as is needed: Airflow's own for MySQL needs a compiler to be installed."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self.get_conn = connect


@pytest.fixture
def in_mysql(mysql: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The people in a MariaDB, and what connects to it."""
    monkeypatch.setattr(sources, "database", lambda conn_id, hook_params: Connecting(mysql))


@pytest.mark.parametrize("database", ["in_sqlite", "in_postgres", "in_postgres_as_mappings", "in_mysql"])
class TestDatabases:
    @pytest.fixture(autouse=True)
    def warehouse(self, database: str, request: pytest.FixtureRequest) -> None:
        """The connection ``warehouse`` leads to this database."""
        request.getfixturevalue(database)

    def test_the_people_of_a_query(self, sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
        run = run_task(operator())
        assert run.error is None
        assert (run.value["rows"], run.value["uploaded"], run.value["rejected"]) == (COUNT, COUNT, 0)
        by_email = {lead["email"]: lead["payload"] for lead in sandbox.leads(CAMPAIGN_ID)}
        assert by_email.keys() == {mail for _, mail, *_ in PEOPLE}
        first, second = by_email["person1@example.com"], by_email["person2@example.com"]
        assert (first["firstName"], first["plan"]) == ("P1", "pro")
        assert "plan" not in second, "what is NULL is no value"
        assert float(first["price"]) == 19.9

    def test_a_retry_adds_no_one_again(self, sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
        few = {"sql": "SELECT mail, given FROM people WHERE id <= 5"}
        assert run_task(operator(**few)).value["uploaded"] == 5
        again = run_task(operator(**few, min_present=1.0))
        assert (again.error, again.value["uploaded"], again.value["already_there"]) == (None, 0, 5)

    def test_no_rows(self, sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
        run = run_task(operator(sql="SELECT mail, given FROM people WHERE id < 0"))
        assert (run.error, run.value["rows"]) == (None, 0)

    @pytest.mark.parametrize("sql", ["SELECT nothing FROM people", "SELECT mail, given, mail FROM people", "nonsense"])
    def test_a_query_that_fails_sends_nothing(
        self, sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any, sql: str
    ) -> None:
        run = run_task(operator(sql=sql))
        assert isinstance(run.error, InputError)
        assert sandbox.requests(path="*/leads/add") == []
        assert "@example.com" not in f"{run.error}{task_log()}"

    def test_a_bad_row_is_named_by_its_number(
        self, sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any
    ) -> None:
        sql = "SELECT CASE WHEN id = 3 THEN given ELSE mail END AS mail, given FROM people WHERE id <= 4 ORDER BY id"
        run = run_task(operator(sql=sql))
        assert isinstance(run.error, RowsRejectedError)
        assert "Row 3: its column 'mail' has no valid address" in task_log()
        assert len(sandbox.leads(CAMPAIGN_ID)) == 3
        assert "@example.com" not in f"{run.error}{task_log()}"


@pytest.mark.usefixtures("in_sqlite")
def test_parameters(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    task = operator(sql="SELECT mail, given FROM people WHERE id > :low", parameters={"low": "{{ low }}"})
    task.render_template_fields({"low": COUNT - 2})  # type: ignore[typeddict-unknown-key]
    assert run_task(task).value["uploaded"] == 2


@pytest.mark.usefixtures("in_sqlite")
def test_a_statement_without_rows(sandbox: SandboxClient, campaign_id: str, run_task: Any, in_sqlite: str) -> None:
    run = run_task(operator(sql="UPDATE people SET given = 'x'"))
    assert isinstance(run.error, InputError)
    assert "returns no rows" in str(run.error)
    with sqlite3.connect(in_sqlite) as connection:
        assert connection.execute("SELECT count(*) FROM people WHERE given = 'x'").fetchone() == (0,)


def test_a_mysql_keeps_the_result(mysql: Callable[[], Any]) -> None:
    """Fetched at once, it would be 20 MB; the driver is Python's own, so that shows."""
    tracemalloc.start()
    rows = from_sql(Connecting(mysql), "SELECT repeat('x', 1000) AS note FROM seq_1_to_20000")
    assert sum(len(row["note"]) for row in rows) == 20_000_000
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_a_file_of_sql_is_rendered(tmp_path: Path) -> None:
    (tmp_path / "people.sql").write_text("SELECT mail FROM people WHERE plan = '{{ plan }}'")
    with DAG("a_dag", schedule=None, template_searchpath=str(tmp_path)):
        task = operator(sql="people.sql")
    task.resolve_template_files()
    task.render_template_fields({"plan": "pro"})  # type: ignore[typeddict-unknown-key]
    assert task.sql == "SELECT mail FROM people WHERE plan = 'pro'"


def test_its_templates() -> None:
    assert {"sql", "sql_conn_id", "parameters", "campaign_id", "rejects_path"} <= set(operator().template_fields)
    assert set(AddLeadsOperator.template_fields) - set(operator().template_fields) == {"rows", "path"}


@pytest.mark.parametrize("given", [{"rows": []}, {"path": "a.csv"}, {"sql": None}, {"sql_conn_id": ""}])
def test_what_can_be_of_no_use_is_refused_while_the_dag_is_parsed(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"source of rows|sql_conn_id"):
        operator(**given)


def test_it_can_be_mapped(sandbox: SandboxClient) -> None:
    with DAG("a_dag", schedule=None):
        SqlToInstantlyLeadsOperator.partial(
            task_id="add", sql="SELECT 1", sql_conn_id="warehouse", if_running="refuse"
        ).expand(campaign_id=[CAMPAIGN_ID])
