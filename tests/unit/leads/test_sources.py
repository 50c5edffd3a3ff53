"""Rows of lists, files and databases: read as a stream, and what is broken is said without a person's value."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import sqlite3
import threading
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.exceptions import InputError
from airflow_provider_instantly.leads.rows import BrokenRow, Columns, Reject
from airflow_provider_instantly.leads.sources import MAX_LINE, _checked_names, from_file, from_sql, from_values
from local_airflow.postgres import Postgres, server_binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROWS = [{"email": "ada@example.com", "n": 1}, {"email": "bob@example.com", "n": 2}]


class TestValues:
    @pytest.mark.parametrize(
        "values",
        [
            ROWS,
            tuple(ROWS),
            pytest.param(iter(ROWS), id="an iterator"),
            [ROWS],
            [[ROWS[0]], [ROWS[1]]],
            json.dumps(ROWS),
            repr(ROWS),
            f" {ROWS} ",
        ],
        ids=str,
    )
    def test_rows(self, values: Any) -> None:
        assert list(from_values(values)) == ROWS

    @pytest.mark.parametrize("as_text", [repr, json.dumps])
    @pytest.mark.parametrize(
        "name", ["Acme(UK) Ltd", "f(x)", "a.b.c(d)", "(((", "['x']", "{'a': Acme('UK')}", 'C:\\new "(1)"', "äöü(é)\n"]
    )
    def test_a_text_keeps_each_value_as_it_is(self, name: str, as_text: Callable[[Any], str]) -> None:
        """What is put into an e-mail as a company's name must not lose a word on its way."""
        rows = [{"email": "ada@example.com", "company_name": name, f"Size {name}": [name]}]
        assert list(from_values(as_text(rows))) == rows

    @given(st.lists(st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers() | st.none()), max_size=4))
    def test_what_python_shows_is_read_as_it_was(self, rows: list[dict[str, Any]]) -> None:
        assert list(from_values(repr(rows))) == rows

    @pytest.mark.parametrize(
        "values", ["[{'email': 'ada@example.com', 'day': datetime.date(2026, 3, 1)}]", "[Ada('x')]"]
    )
    def test_a_value_that_has_no_form_as_text_is_never_guessed(self, values: str) -> None:
        with pytest.raises(InputError, match="tojson") as caught:
            list(from_values(values))
        assert "ada" not in str(caught.value)

    @pytest.mark.parametrize("values", [None, 3, ROWS[0], "ada@example.com", "", "[ada", '"ada"', "'ada'", "3"])
    def test_no_rows(self, values: Any) -> None:
        with pytest.raises(InputError, match="Nothing was sent") as caught:
            list(from_values(values))
        assert "ada" not in str(caught.value)

    @pytest.mark.parametrize("wrap", [lambda table: table, lambda table: [table], lambda table: [ROWS, table]])
    def test_a_table_is_not_taken_for_the_names_of_its_columns(self, wrap: Callable[[Any], Any]) -> None:
        """Of a million people in a table of two columns, two would be rejected, and no one added."""

        class DataFrame:
            """As much of pandas' as matters; those of polars and of pyarrow have columns, too."""

            columns = ("email", "n")

            def __iter__(self) -> Iterator[str]:
                return iter(self.columns)

        with pytest.raises(InputError, match=r"of type DataFrame.*one by one.*Nothing was sent"):
            list(from_values(wrap(DataFrame())))

    def test_what_is_no_row_goes_on_to_be_rejected(self) -> None:
        assert list(from_values([ROWS[0], "ada", None])) == [ROWS[0], "ada", None]

    def test_they_are_read_one_by_one(self) -> None:
        endless = ({"email": f"{number}@example.com"} for number in iter(int, 1))
        assert next(from_values(endless)) == {"email": "0@example.com"}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    def write_file(name: str, content: str | bytes) -> str:
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return str(tmp_path / name)

    return write_file


UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CSV = "email,n\nada@example.com,1\nbob@example.com,2\n"
TEXTS = [{"email": "ada@example.com", "n": "1"}, {"email": "bob@example.com", "n": "2"}]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)


class TestFiles:
    @pytest.mark.parametrize("name", ["a.jsonl", "A.JSONL", "a.ndjson", "a.json", "a.jsonl.gz"])
    @pytest.mark.parametrize("content", [JSONL, JSONL.rstrip(), JSONL.replace("\n", "\r\n\r\n"), "\ufeff" + JSONL])
    def test_jsonl(self, write: Callable[..., str], name: str, content: str) -> None:
        assert list(from_file(write(name, content))) == ROWS

    @pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.tsv", "a.txt", "a.csv.gz"])
    @pytest.mark.parametrize(
        "content",
        [
            CSV,
            CSV.rstrip(),
            CSV.replace("\n", "\r\n"),
            "\ufeff" + CSV,
            CSV + "\n\n",
            *(CSV.replace(",", each) for each in ";\t|"),
        ],
    )
    def test_csv(self, write: Callable[..., str], name: str, content: str) -> None:
        assert list(from_file(write(name, content))) == TEXTS

    def test_csv_with_quotes(self, write: Callable[..., str]) -> None:
        rows = list(from_file(write("a.csv", 'email, note \nada@example.com,"a, ""b""\nc"\n')))
        assert rows == [{"email": "ada@example.com", "note": 'a, "b"\nc'}]

    @pytest.mark.parametrize(
        ("header", "lines"),
        [
            ("email,name", ['ada@example.com,"Ada', "bob@example.com,Bob", 'max@example.com,Max"']),
            ("name,email", ['"Ada,ada@example.com', 'Max",max@example.com']),
            ("name,company,email", ['Ada,"Best,ada@example.com', "", 'Max,Inc", max@example.com ']),
            ("email", ['"ada@example.com', 'max@example.com"']),
        ],
    )
    @pytest.mark.parametrize(("delimiter", "end"), [(",", "\n"), (";", "\r\n"), ("\t", "\r")], ids=ascii)
    def test_a_quote_that_is_not_meant_swallows_no_row(
        self, write: Callable[..., str], header: str, lines: list[str], delimiter: str, end: str
    ) -> None:
        """Else the others are lost, and their addresses stand in an e-mail to the first one."""
        good = ",".join("eve@example.com" if name == "email" else "Eve" for name in header.split(","))
        content = end.join([header, *lines, good]).replace(",", delimiter)
        cells = [line.replace('"', "").split(",") for line in lines if line]
        *swallowed, last = from_file(write("a.csv", content))
        reason = "it lies between two quotation marks that may not be meant"
        assert swallowed == [BrokenRow(reason, {"cells": each}) for each in cells]
        assert last == dict(zip(header.split(","), good.split(","), strict=True))

    @pytest.mark.parametrize(
        "note",
        [
            "Hello, Ada\nBye, max@example.com",
            "max@example.com\nada@example.com\n",
            "Best wishes,\nMax, max@example.com, 1 High Street",
            "one, two\nthree, four",
        ],
    )
    def test_a_cell_may_have_several_lines(self, write: Callable[..., str], note: str) -> None:
        for name in ("a.csv", "a.tsv"):
            rows = list(from_file(write(name, f'note,email,n\n"{note}",ada@example.com,1\n')))
            assert rows == [{"note": note, "email": "ada@example.com", "n": "1"}]

    @pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz"])
    def test_empty(self, write: Callable[..., str], name: str) -> None:
        assert list(from_file(write(name, ""))) == []
        assert list(from_file(write(name, "\n"))) == []

    @pytest.mark.parametrize("blank", ["\n", "\r\n", "  \n\n", "\ufeff\n"])
    def test_lines_before_a_header_may_be_blank(self, write: Callable[..., str], blank: str) -> None:
        assert list(from_file(write("a.csv", blank + CSV))) == TEXTS

    @pytest.mark.parametrize("delimiter", [",", ";"])
    def test_a_first_line_of_persons_is_no_header(self, write: Callable[..., str], delimiter: str) -> None:
        lines = "".join(f"{delimiter.join((name, f'{name}@example.com'))}\n" for name in ("ada", "bob"))
        with pytest.raises(InputError, match="first line of the file has an address") as caught:
            list(from_file(write("a.csv", lines)))
        assert "ada" not in str(caught.value)

    def test_a_name_with_an_at_sign_is_a_name(self, write: Callable[..., str]) -> None:
        assert list(from_file(write("a.csv", "E-mail @ work,@\nada@example.com,1\n"))) == [
            {"E-mail @ work": "ada@example.com", "@": "1"}
        ]

    def test_a_wide_header_is_read_at_once(self, write: Callable[..., str]) -> None:
        """Each name is compared with no other: with all of them, this would take a minute."""
        names = [f"{number:x}" for number in range(120_000)]
        compared = 0

        class Name(str):
            __slots__ = ()

            def __eq__(self, other: object) -> bool:
                nonlocal compared
                compared += 1
                return str(self) == other

            def __hash__(self) -> int:
                return hash(str(self))

        assert _checked_names(map(Name, names)) == names
        assert compared < 10 * len(names)

    @pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
    @pytest.mark.parametrize("damage", ["cut", "bytes", "sum", "plain", "tail"])
    def test_a_damaged_gzip_file_is_an_input_error(self, tmp_path: Path, name: str, damage: str) -> None:
        rows = "".join(f'{{"email": "ada{number}@example.com"}}\n' for number in range(20_000))
        packed = gzip.compress(rows.encode())
        damaged = {
            "cut": packed[: len(packed) // 2],
            "bytes": packed[:1000] + b"\0" * 50 + packed[1050:],
            "sum": packed[:-8] + bytes(8),
            "plain": b"email\n",
            "tail": packed + b"no gzip",
        }
        (tmp_path / name).write_bytes(damaged[damage])
        with pytest.raises(InputError, match="Nothing was sent") as caught:
            list(from_file(str(tmp_path / name)))
        assert "ada" not in str(caught.value)

    def test_a_header_alone(self, write: Callable[..., str]) -> None:
        assert list(from_file(write("a.csv", "email,n\n"))) == []

    def test_a_broken_line_is_a_row_that_is_rejected(self, write: Callable[..., str]) -> None:
        path = write("a.jsonl", '{"email": "ada@example.com"}\n{"email": "bob@exa\n[1]\n')
        first, second, third = [Columns().read(number, row) for number, row in enumerate(from_file(path), 1)]
        assert first.number == 1
        assert second == Reject(2, "its line is no JSON", {"line": '{"email": "bob@exa'})
        assert isinstance(third, Reject)
        assert third.row == {"row": [1]}

    @pytest.mark.parametrize(
        "line", ['{"email": "ada@example.com", "email": "bob@example.com"}', '{"a": {"b": 1, "b": 1}}']
    )
    def test_a_line_with_two_values_of_one_name_is_no_row(self, write: Callable[..., str], line: str) -> None:
        [row] = from_file(write("a.jsonl", f"{line}\n"))
        assert row == BrokenRow("its line has two values of one name", {"line": line})

    @pytest.mark.parametrize("line", ["bob@example.com", "bob@example.com,2,3"])
    def test_cells_that_are_shifted_are_not_sent(self, write: Callable[..., str], line: str) -> None:
        rows = list(from_file(write("a.csv", f"email,n\nada@example.com,1\n{line}\nc@example.com,3\n")))
        assert len(rows) == 3
        second = rows[1]
        assert isinstance(second, BrokenRow)
        assert f"{len(line.split(','))} cells" in second.reason
        assert "bob" not in repr(second)
        assert "bob" in str(second.row)

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("a.xlsx", CSV, "has to end in"),
            ("a", CSV, "has to end in"),
            ("a.csv", CSV.encode("utf-16"), "UTF-8"),
            ("a.csv", "email\nj\xfcrgen@example.com".encode("latin-1"), "UTF-8"),
            ("a.csv", "ada,n,ada\n", "Columns 1 and 3"),
            ("a.csv", 'email\n"ada"x\n', "Line 2 of the file is no CSV"),
            ("a.csv", 'email\n"ada\n', "no CSV"),
            ("a.csv", "email\n" + "x" * 200_000, "no CSV"),
            ("a.csv", "email\n" + "x" * MAX_LINE + "x", "Line 2 of the file has more than"),
            ("a.json", json.dumps(ROWS * 20_000), "Line 1 of the file has more than"),
            # Else all of them would be one row that is rejected.
            ("a.json", json.dumps(ROWS), "Line 1 of the file is a list of objects"),
            ("a.jsonl", f"{JSONL}{json.dumps(ROWS)}\n", "Line 3 of the file is a list of objects"),
        ],
    )
    def test_what_is_no_such_file(self, write: Callable[..., str], name: str, content: Any, said: str) -> None:
        with pytest.raises(InputError, match=said) as caught:
            list(from_file(write(name, content)))
        assert "ada" not in str(caught.value)
        assert "Nothing was sent" in str(caught.value)

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            list(from_file(str(tmp_path / "a.csv")))

    @pytest.mark.usefixtures("object_storages")
    def test_below_an_object_storage(self) -> None:
        place: Any = ObjectStoragePath("memory://bucket/leads.csv")
        with place.open("wb") as file:
            file.write(CSV.encode())
        assert list(from_file("memory://bucket/leads.csv")) == list(from_file(place)) == TEXTS

    @pytest.mark.usefixtures("object_storages")
    @pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
    def test_over_http_in_blocks(self, tmp_path: Path, write: Callable[..., str], name: str) -> None:
        count = 20_000
        write(name, "email\n" + "".join(f"a{number}@example.com\n" for number in range(count)))
        with served(tmp_path) as url:
            assert sum(1 for _ in from_file(f"{url}/{name}")) == count

    @pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz"])
    def test_memory_does_not_grow_with_the_file(self, write: Callable[..., str], name: str) -> None:
        peaks = []
        for count in (5_000, 40_000):
            line = "ada@example.com,1,x\n" if "csv" in name else '{"email": "ada@example.com"}\n'
            path = write(name, ("a,b,c\n" if "csv" in name else "") + line * count)
            tracemalloc.start()
            assert sum(1 for _ in from_file(path)) == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] + 100_000

    @given(rows=st.lists(st.dictionaries(UNICODE, UNICODE), max_size=4))
    def test_any_json(self, tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
        path = tmp_path_factory.mktemp("any") / "a.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        assert list(from_file(path)) == rows

    @given(content=st.binary(max_size=300), suffix=st.sampled_from(["csv", "jsonl"]))
    def test_any_bytes_are_rows_or_an_input_error(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
    ) -> None:
        path = tmp_path_factory.mktemp("any") / f"a.{suffix}"
        path.write_bytes(content)
        try:
            rows = list(from_file(path))
        except InputError:
            return
        for row in rows:
            Columns(custom_variables="*").read(1, row)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class SqliteDatabase:
    """As much of a hook as is needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[Any] = []

    def get_conn(self) -> Any:
        """A new connection."""
        self.opened.append(sqlite3.connect(self.path))
        return self.opened[-1]


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    database = SqliteDatabase(tmp_path / "leads.db")
    with database.get_conn() as connection:
        connection.execute("CREATE TABLE people (email TEXT, n INTEGER)")
        connection.executemany("INSERT INTO people VALUES (:email, :n)", ROWS)
    return database


def is_closed(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


class TestSql:
    def test_rows(self, database: SqliteDatabase) -> None:
        assert list(from_sql(database, "SELECT * FROM people ORDER BY n")) == ROWS
        assert list(from_sql(database, "SELECT * FROM people WHERE n = ?", [2])) == ROWS[1:]
        assert list(from_sql(database, "SELECT * FROM people WHERE n = :n", {"n": 3})) == []
        assert all(map(is_closed, database.opened[1:]))

    def test_the_connection_is_closed_where_the_rows_are_not_read_to_their_end(self, database: SqliteDatabase) -> None:
        rows = from_sql(database, "SELECT * FROM people")
        next(rows)
        rows.close()  # type: ignore[attr-defined]
        assert is_closed(database.opened[-1])

    @pytest.mark.parametrize(
        ("sql", "said"),
        [
            ("SELEC * FROM people", "OperationalError"),
            ("SELECT * FROM ada_private", "no such table"),
            ("SELECT n, email, n FROM people", "Columns 1 and 3"),
        ],
    )
    def test_what_is_refused(self, database: SqliteDatabase, sql: str, said: str) -> None:
        with pytest.raises(InputError, match=said) as caught:
            list(from_sql(database, sql))
        assert caught.value.__cause__ is None
        assert is_closed(database.opened[-1])

    @pytest.mark.parametrize("sql", ["SELECT * FROM people", "SELEC"], ids=["rows", "an error"])
    def test_a_connection_that_cannot_be_closed_hides_nothing(self, database: SqliteDatabase, sql: str) -> None:
        """A driver reads to the end where it closes, and may find a connection that is gone, with its statement."""

        class Cursor(sqlite3.Cursor):
            def close(self) -> None:
                raise sqlite3.OperationalError("lost while reading ada.private@example.com")

        class Connection(sqlite3.Connection):
            def cursor(self, *_: object) -> Cursor:  # type: ignore[override]
                return super().cursor(Cursor)

        class Database(SqliteDatabase):
            def get_conn(self) -> Any:
                self.opened.append(sqlite3.connect(self.path, factory=Connection))
                return self.opened[-1]

        closing = Database(database.path)
        if sql == "SELEC":
            with pytest.raises(InputError, match="syntax error"):
                list(from_sql(closing, sql))
        else:
            assert list(from_sql(closing, sql)) == ROWS
        assert is_closed(closing.opened[-1])

    def test_no_address_in_an_error(self, database: SqliteDatabase) -> None:
        with pytest.raises(InputError) as caught:
            list(from_sql(database, 'SELECT "x" FROM "ada.private@example.com"'))
        assert "private" not in str(caught.value)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if server_binaries() is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with Postgres() as server:
        server.create_database("leads")
        yield server


class PostgresDatabase:
    """As much of a hook as is needed."""

    def __init__(self, server: Postgres, *, autocommit: bool) -> None:
        self.url = server.url("leads").replace("+psycopg2", "")
        self.autocommit = autocommit

    def get_conn(self) -> Any:
        """A new connection."""
        import psycopg2

        connection = psycopg2.connect(self.url)
        connection.autocommit = self.autocommit
        return connection


@pytest.mark.parametrize("autocommit", [False, True])
class TestPostgres:
    def test_rows(self, postgres: Postgres, autocommit: bool) -> None:
        sql = "SELECT 'a' || n || '@example.com' AS email, n FROM generate_series(1, 2500) AS n ORDER BY n"
        rows = list(from_sql(PostgresDatabase(postgres, autocommit=autocommit), sql))
        assert rows == [{"email": f"a{n}@example.com", "n": n} for n in range(1, 2501)]

    def test_the_result_stays_in_the_database(self, postgres: Postgres, autocommit: bool) -> None:
        """Fetched at once, it would be gigabytes."""
        database = PostgresDatabase(postgres, autocommit=autocommit)
        rows = from_sql(database, "SELECT repeat('x', 1000) AS note FROM generate_series(1, 10000000)")
        assert [len(next(rows)["note"]) for _ in range(3000)] == [1000] * 3000
        rows.close()  # type: ignore[attr-defined]

    def test_an_error_without_its_value(self, postgres: Postgres, autocommit: bool) -> None:
        database = PostgresDatabase(postgres, autocommit=autocommit)
        with pytest.raises(InputError, match="invalid input syntax") as caught:
            list(from_sql(database, "SELECT 'ada.private@example.com'::integer AS email"))
        assert "private" not in str(caught.value)

    def test_parameters(self, postgres: Postgres, autocommit: bool) -> None:
        database = PostgresDatabase(postgres, autocommit=autocommit)
        assert list(from_sql(database, "SELECT %(a)s AS a, '5%%' AS b", {"a": 3})) == [{"a": 3, "b": "5%"}]
        assert list(from_sql(database, "SELECT '5%' AS b")) == [{"b": "5%"}]
