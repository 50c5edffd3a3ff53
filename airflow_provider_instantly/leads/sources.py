"""
Where rows come from: values of the DAG, a file below any object storage, a database. All are read as a stream.

What cannot be read as rows at all raises `InputError`; a line that is broken is a row with a reason.
"""

from __future__ import annotations

import ast
import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Set
from contextlib import ExitStack, suppress
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final, Protocol
from uuid import uuid4

from airflow_provider_instantly import validation
from airflow_provider_instantly.api.redaction import shown_text
from airflow_provider_instantly.exceptions import InputError, failure
from airflow_provider_instantly.leads.rows import BrokenRow
from airflow_provider_instantly.storage import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    class ConnectsToDatabase(Protocol):
        """As much of a common-sql hook as is needed."""

        def get_conn(self) -> Any:
            """A new DB-API connection."""


#: Characters of a line of a file.
MAX_LINE: Final = 1_000_000
#: Bytes that are read of a file at once.
BLOCK: Final = 1 << 18
#: Rows that are fetched from a database at once.
FETCH: Final = 1_000

_JSON_SUFFIXES: Final = (".jsonl", ".ndjson", ".json")
_CSV_SUFFIXES: Final = (".csv", ".tsv", ".txt")
_DELIMITERS: Final = ",;\t|"
#: What no name of a column has: one may well be ``E-mail @ work``.
_AN_ADDRESS: Final = re.compile(r"[^\s@]@[^\s@]")
#: A cell that is an address.
_ONE_ADDRESS: Final = re.compile(r"\s*[^\s@]+@[^\s@]+\s*")
_LINE_BREAK: Final = re.compile(r"\r\n?|\n")
#: Drivers that read a whole result at once, unless their streaming cursor is asked for.
_STREAMING_CURSORS: Final = ("MySQLdb", "pymysql")


def from_values(values: object) -> Iterator[object]:
    """
    The rows of an iterable: a list, an XCom, those of a mapped task, or the text that a template made of one.

    :param values: mappings, or collections of mappings, such as one of each mapped task.
    :raises InputError: if it is no such thing, or if one of them is a table.
    """
    if isinstance(values, str):
        values = _listed(values)
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise _unread(f"The rows must be a list of mappings, not of type {type(values).__name__}.")
    _check_no_table(values)
    for entry in values:
        _check_no_table(entry)
        if validation.is_collection(entry):
            yield from entry
        else:
            yield entry


def _check_no_table(values: object) -> None:
    """A table, such as pandas has, gives the names of its columns where its rows are asked for."""
    if type(values) is not dict and hasattr(values, "columns") and not isinstance(values, Mapping):
        raise _unread(
            f"The rows are of type {type(values).__name__}, which has columns and gives no rows one by one.",
            "Pass its rows, such as those of to_dict('records').",
        )


def from_file(path: str | PathLike[str] | ObjectStoragePath) -> Iterator[object]:
    """
    The rows of a file: JSON objects, one a line, or CSV with a header. Its name ends in ``.jsonl``, ``.csv`` and so on.

    With ``.gz`` after it, it is unpacked. CSV may be separated by commas, semicolons, tabs or bars.

    :param path: a path or URL, or an Airflow ``ObjectStoragePath``: ``s3://aws_default@bucket/leads.csv``.
    :raises InputError: if the name does not say what it is, or it is not that.
    :raises OSError: if it cannot be opened or read.
    """
    place = place_of(path)
    name = place.name.lower()
    bare = name.removesuffix(".gz")
    if not bare.endswith(_JSON_SUFFIXES + _CSV_SUFFIXES):
        wanted = ", ".join(_JSON_SUFFIXES + _CSV_SUFFIXES)
        raise _unread(f"The name of the file has to end in one of {wanted}, or that and .gz.")
    with ExitStack() as stack:
        file: Any = stack.enter_context(place.open("rb"))
        if bare != name:
            file = stack.enter_context(gzip.GzipFile(fileobj=file, mode="rb"))
        lines = io.TextIOWrapper(io.BufferedReader(file, BLOCK), encoding="utf-8-sig", newline="")
        # What opened the file closes it.
        stack.callback(lines.detach)
        try:
            yield from (_json_rows if bare.endswith(_JSON_SUFFIXES) else _csv_rows)(lines)
        except UnicodeDecodeError:
            raise _unread("The file is not in UTF-8.") from None
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise _unread(f"The file is no whole gzip file: {error}.") from None


def database(conn_id: str, hook_params: Mapping[str, Any] | None = None) -> ConnectsToDatabase:
    """
    The common-sql hook of a connection.

    :param conn_id: the id of the Airflow connection.
    :param hook_params: arguments of the hook.
    :raises InputError: if it is no connection to a database, or its provider is not installed.
    """
    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
    except ImportError:
        raise _unread(
            "Rows of a database need Airflow's common-sql provider: install airflow-provider-instantly[sql]."
        ) from None
    from airflow.providers.common.compat.sdk import BaseHook

    connection: Any = BaseHook.get_connection(conn_id)
    hook = connection.get_hook(hook_params=dict(hook_params or {}))
    if not isinstance(hook, DbApiHook):
        raise _unread(f"The connection {conn_id} is of type {connection.conn_type}, and not to a database.")
    return hook


def from_sql(
    hook: ConnectsToDatabase, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """
    The rows of a query. The database keeps the result, and a thousand rows are here at a time.

    :param hook: a common-sql hook.
    :param sql: one statement that returns rows.
    :param parameters: what the driver puts into the statement.
    :raises InputError: if the database refuses it, or its result has no rows or two columns of one name.
    """
    with ExitStack() as stack:
        try:
            connection = hook.get_conn()
            stack.callback(_close, connection)
            cursor = _streaming_cursor(connection)
            stack.callback(_close, cursor)
            cursor.execute(sql, parameters) if parameters else cursor.execute(sql)
            names: list[str] | None = None
            while rows := cursor.fetchmany(FETCH):
                names = names or _column_names(cursor.description)
                if isinstance(rows[0], Mapping):
                    # The connection asks for rows that are mappings already.
                    yield from map(dict, rows)
                else:
                    for row in rows:
                        yield dict(zip(names, row, strict=True))
            if names is None:
                _column_names(cursor.description)
        except InputError:
            raise
        except Exception as error:
            # A database quotes values; a driver's error also has the statement and its parameters.
            what = shown_text(str(error).partition("\n")[0], limit=200)
            kind = type(error).__name__
            raise _unread(f"The database did not return rows: {kind}: {what}.") from None


def _close(opened: Any) -> None:
    """All rows are there, or what kept us from reading them is said already: what fails here changes neither."""
    with suppress(Exception):
        opened.close()


def _listed(text: str) -> object:
    """
    The list that a template rendered to text, as JSON or as Python shows it; each value exactly as it stands there.

    Not as `validation.listed` does it for ids: to that, ``Acme(UK) Ltd`` is something of a class Acme.
    """
    for read in (json.loads, ast.literal_eval):
        try:
            entries = read(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if validation.is_collection(entries):
            return sorted(entries, key=str) if isinstance(entries, Set) else entries
    raise _unread(
        "The rows are a text that is no list, or one with values that have no form as text, such as dates.",
        "Pass the XCom itself, write {{ … | tojson }} in the template, or name a file.",
    )


def _json_rows(lines: IO[str]) -> Iterator[object]:
    for number, line in enumerate(_short_lines(lines), 1):
        if not line.strip():
            continue
        try:
            row = _json_of(line)
        except _DoubleNameError:
            yield BrokenRow("its line has two values of one name", {"line": line.rstrip()})
        except (ValueError, RecursionError):
            yield BrokenRow("its line is no JSON", {"line": line.rstrip()})
        else:
            if isinstance(row, list) and any(isinstance(entry, dict) for entry in row):
                # They would all be rejected as one row.
                raise _unread(f"Line {number:,} of the file is a list of objects.", "Write one a line.")
            yield row


class _DoubleNameError(ValueError):
    """An object has two values of one name, so it is not known which is meant."""


def _with_each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DoubleNameError
    return found


#: Made once: to make it takes as long as to read a line.
_json_of: Final = json.JSONDecoder(object_pairs_hook=_with_each_name_once).decode


def _csv_rows(lines: IO[str]) -> Iterator[object]:
    each_line = _short_lines(lines)
    # Lines before the header may be blank, as they may be between rows.
    header = next((line for line in each_line if line.strip()), None)
    if header is None:
        return
    delimiter = max(_DELIMITERS, key=header.count)
    cells = csv.reader(itertools.chain([header], each_line), delimiter=delimiter, strict=True)
    try:
        names = _checked_names(name.strip() for name in next(cells))
        if any(_AN_ADDRESS.search(name) for name in names):
            # The first person would be taken for the names of columns, and not be a row.
            raise _unread("The first line of the file has an address, and has to be a header.")
        read = cells.line_num
        for row in cells:
            its_lines, read = cells.line_num - read, cells.line_num
            if its_lines > 1 and (within := _rows_within(row, delimiter)):
                yield from within
            elif len(row) == len(names):
                yield dict(zip(names, row, strict=True))
            elif row:
                yield BrokenRow(f"it has {len(row)} cells, and the header has {len(names)}", {"cells": row})
    except csv.Error as error:
        raise _unread(f"Line {cells.line_num:,} of the file is no CSV: {error}.") from None


def _rows_within(row: Sequence[str], delimiter: str) -> list[BrokenRow]:
    """
    The rows that one of several lines has swallowed; none, where it only has a text of several lines.

    A quotation mark that is not meant as one begins a cell that ends at the next one. What lies between would be lost,
    and be written to the person above it. So no line of a cell may look like a row: as many cells, and an address.
    """
    lines = [line.split(delimiter) for line in _LINE_BREAK.split(delimiter.join(row)) if line]
    alike = [line for line in lines if len(line) == len(row) and any(map(_ONE_ADDRESS.fullmatch, line))]
    if len(alike) < 2:
        return []
    return [BrokenRow("it lies between two quotation marks that may not be meant", {"cells": line}) for line in lines]


def _short_lines(lines: IO[str]) -> Iterator[str]:
    """The lines of a file. A file that is one long line is none of ours, and would not fit into memory."""
    for number in itertools.count(1):
        line = lines.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise _unread(f"Line {number:,} of the file has more than {MAX_LINE:,} characters.")
        if not line:
            return
        yield line


def _streaming_cursor(connection: Any) -> Any:
    """A cursor that does not fetch the whole result at once."""
    driver = type(connection).__module__.partition(".")[0]
    if driver in ("psycopg2", "psycopg"):
        # It needs a transaction.
        connection.autocommit = False
        return connection.cursor(name=f"instantly_{uuid4().hex}")
    if driver in _STREAMING_CURSORS:
        return connection.cursor(import_module(f"{driver}.cursors").SSCursor)
    return connection.cursor()


def _column_names(description: Sequence[Sequence[Any]] | None) -> list[str]:
    if not description:
        raise _unread("The statement returns no rows.")
    return _checked_names(str(column[0]) for column in description)


def _checked_names(names: Iterable[str]) -> list[str]:
    places: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        first = places.setdefault(name, place)
        if first != place:
            # Without a header, a name is a person's value, so its place is shown.
            raise _unread(f"Columns {first} and {place} of the input have the same name.")
    return list(places)


def _unread(*sentences: str) -> InputError:
    return failure(InputError, *sentences, "Nothing was sent to Instantly from this input.")
