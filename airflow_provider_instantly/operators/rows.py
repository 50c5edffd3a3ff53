"""What operators share that read rows of persons: where the rows come from, and that Airflow shows them nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import normpath, realpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_instantly import validation
from airflow_provider_instantly.exceptions import InputError, failure
from airflow_provider_instantly.storage import local_file, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openlineage.client.event_v2 import InputDataset

    from airflow_provider_instantly.leads.spool import Counts, ReadsColumns, Spool


class Hidden:
    """
    What Airflow shows nowhere, since it may name persons: rows, and what goes into a statement once it is rendered.

    Airflow keeps rendered templates in its database, and the DAG's own values, too; OpenLineage sends them on.

    :param what: what it is, as a noun in the plural.
    :param value: the value, whatever it is.
    """

    def __init__(self, what: str, value: Any) -> None:
        self.what = what
        self.value = value

    def __repr__(self) -> str:
        return f"{self.what}, which are not shown since they may name persons"


class ReadsRows(BaseOperator):
    """
    An operator that reads rows of a list, a file or a database: one of ``rows``, ``path`` and ``sql``.

    :param rows: a list of mappings, an XCom of one, or a mapped argument. Airflow does not show them anywhere, and
        templates within the rows are not rendered.
    :param path: a file below any Airflow ``ObjectStoragePath``: JSON objects, one a line, or CSV.
    :param sql: one statement that returns rows.
    :param sql_conn_id: the id of the database's Airflow connection.
    :param parameters: what the database's driver puts into the statement. Once rendered, Airflow does not show it.
    :param sql_hook_params: arguments of the database's hook.
    :param rejects_path: a file for the rejected rows, below any ``ObjectStoragePath``.
    :raises ValueError: while the DAG is parsed, if there is not exactly one source, or no run could use it.
    """

    def __init__(
        self,
        *,
        rows: Any = None,
        path: validation.Location | None = None,
        sql: validation.Text | None = None,
        sql_conn_id: str | None = None,
        parameters: Sequence[Any] | Mapping[str, Any] | validation.Text | None = None,
        sql_hook_params: Mapping[str, Any] | None = None,
        rejects_path: validation.Location | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Those of a mapped task are hidden already.
        rows = _revealed(rows)
        if sum(source is not None for source in (rows, path, sql)) != 1:
            raise ValueError("Name one source of rows, and one only: rows or a path, or sql where it is a parameter.")
        if (sql is None) != (sql_conn_id is None):
            raise ValueError("sql and sql_conn_id belong together: the statement, and the database to ask.")
        if rows is not None and not validation.is_rendered_later(rows) and not validation.is_collection(rows):
            raise ValueError(
                f"rows must be a list of mappings, an XCom or a template, not of type {type(rows).__name__}; a file is "
                "named by path."
            )
        for name, place in (("path", path), ("rejects_path", rejects_path)):
            if place is not None:
                validation.storage_path(name, place)
        if _is_the_same_file(path, rejects_path):
            raise ValueError("rejects_path names the input itself, which would be overwritten.")
        self._rows = _hidden_rows(rows)
        self.path = path_as_kept(path)
        # Any: Airflow renders them before they are used.
        self.sql: Any = sql
        self.sql_conn_id = None if sql_conn_id is None else validation.connection_id("sql_conn_id", sql_conn_id)
        self._parameters: Any = parameters
        self.sql_hook_params = sql_hook_params
        self.rejects_path = path_as_kept(rejects_path)

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """
        Begin a mapped task, as Airflow does. Rows that the DAG itself has are hidden, since Airflow stores the DAG.

        :param kwargs: the parameters that all of the mapped tasks have.
        """
        return _Partial(super().partial(**_with_hidden_rows(kwargs)))

    def __setattr__(self, name: str, value: Any) -> None:
        """Hide what is rendered before Airflow has it: it keeps that beside the attribute, too."""
        super().__setattr__(name, _hidden(name, value) if name in ("rows", "parameters") else value)

    @property
    def rows(self) -> Any:
        """What the rows are rendered from; once they are known, something that does not show them."""
        return self._rows

    @rows.setter
    def rows(self, rendered: Any) -> None:
        self._rows = rendered

    @property
    def parameters(self) -> Any:
        """What the parameters are rendered from; once they are known, something that does not show them."""
        return self._parameters

    @parameters.setter
    def parameters(self, rendered: Any) -> None:
        self._parameters = rendered

    def _note_what_was_given(self) -> None:
        """Remember which templated parameters are there; for the end of ``__init__``."""
        self._given = tuple(name for name in self.template_fields if getattr(self, name, None) is not None)

    def _check_what_was_given(self) -> None:
        """
        Go on only if each of them is still there, now that it is rendered. To be without a parameter means something:
        without ``blocklist_id``, people are added whom that list is there for.

        :raises AirflowFailException: if one was rendered to nothing.
        """
        for name in self._given:
            value = _revealed(getattr(self, name))
            # What is wrong with rows is an `InputError`.
            if name != "rows" and (value is None or (isinstance(value, str) and value.strip() in ("", "None"))):
                raise failure(
                    AirflowFailException,
                    f"{name} was given, and its template rendered to nothing.",
                    "Nothing was requested from Instantly.",
                    f"Correct the template, or leave {name} out.",
                )

    def _input(self) -> Iterator[object]:
        """The rows, read once."""
        from airflow_provider_instantly.leads.sources import database, from_file, from_sql, from_values

        if self.path is not None:
            return from_file(self.path)
        if self.sql is not None and self.sql_conn_id is not None:
            return from_sql(database(self.sql_conn_id, self.sql_hook_params), self.sql, _revealed(self._parameters))
        return from_values(_revealed(self._rows))

    def _lineage_of_input(self) -> list[InputDataset]:
        """Where the rows come from, for OpenLineage; nothing, where that cannot be found out or was not rendered."""
        from airflow_provider_instantly.leads.sources import database
        from airflow_provider_instantly.observability.lineage import of_file, of_query

        if any(validation.is_rendered_later(each) for each in (self.path, self.sql, self.sql_conn_id)):
            return []
        try:
            if self.path is not None:
                return of_file(self.path)
            if self.sql is not None and self.sql_conn_id is not None:
                return of_query(database(self.sql_conn_id, self.sql_hook_params), self.sql_conn_id, self.sql)
        except Exception as error:
            # Its text may have the statement, or what a secrets backend puts into it.
            self.log.warning("OpenLineage does not learn where the rows come from (%s).", type(error).__name__)
        return []

    def _read_into(self, spool: Spool, columns: ReadsColumns, *, rejects_duplicates: bool = True) -> Counts:
        """Read the whole input. What keeps it from that is raised as it is, and the log says that nothing was sent."""
        from airflow_provider_instantly.leads.progress import Progress

        try:
            if _lead_to_one_file(self.path, self.rejects_path):
                raise InputError("rejects_path names the input itself, which would be overwritten.")
            rows = Progress(None, self.log, verb="read").each(self._input())
            return spool.fill(rows, columns, rejects_duplicates=rejects_duplicates)
        except BaseException:
            self.log.warning("The input was not read to its end, so nothing of it was sent to Instantly.")
            raise

    def _where_rejects_are(self) -> list[str]:
        """Which file has the rejected rows, as sentences; none if none was asked for."""
        return [] if self.rejects_path is None else ["The file of rejects_path has them."]

    def _report_rejects(self, spool: Spool) -> Exception | None:
        """Name the rejected rows in the log, and write them to the file; return why that failed, if it did."""
        from airflow_provider_instantly.leads.rejects import log_rejects, write_rejects

        log_rejects(self.log, spool.rejects())
        if self.rejects_path is None:
            return None
        try:
            written = write_rejects(self.rejects_path, spool.rejects())
        except Exception as error:
            # What became of the rows is worth more, and has its own error or is still to be said.
            self.log.warning("The file of rejects_path could not be written: %s.", type(error).__name__)
            return error
        self.log.info("Wrote %s rejected rows to the file of rejects_path.", f"{written:,}")
        return None


def _is_the_same_file(path: object, rejects_path: object) -> bool:
    return path is not None and rejects_path is not None and str(path) == str(rejects_path)


def _lead_to_one_file(path: object, rejects_path: object) -> bool:
    """Whether two places are one, however each is written: ``/data/in.csv``, ``file:///data/in.csv``, a link to it."""
    if path is None or rejects_path is None:
        return False
    try:
        (first, first_path), (second, second_path) = map(_protocol_and_path, (path, rejects_path))
    except Exception:
        # What it is used for fails, and says why.
        return str(path) == str(rejects_path)
    return first == second and (first_path == second_path or (first == "file" and _is_one(first_path, second_path)))


def _protocol_and_path(given: Any) -> tuple[str, str]:
    place = place_of(given)
    file = local_file(place)
    return (place.protocol, normpath(place.path)) if file is None else ("file", realpath(file))


def _is_one(path: str, other: str) -> bool:
    """Whether two names of local files are of one file, which may have several."""
    try:
        return Path(path).samefile(other)
    except OSError:
        return False


class _Partial:
    """
    What becomes a mapped task, once it is known what it is mapped over.

    :param partial: Airflow's own.
    """

    def __init__(self, partial: Any) -> None:
        self._partial = partial

    def __repr__(self) -> str:
        return repr(self._partial)

    def expand(self, **mapped: Any) -> Any:
        """As Airflow's own."""
        rows = mapped.get("rows")
        if validation.is_collection(rows):
            mapped["rows"] = [_hidden_rows(entry) for entry in rows]
        return self._partial.expand(**mapped)

    def expand_kwargs(self, kwargs: Any, **more: Any) -> Any:
        """As Airflow's own."""
        if validation.is_collection(kwargs):
            kwargs = [_with_hidden_rows(each) if isinstance(each, Mapping) else each for each in kwargs]
        return self._partial.expand_kwargs(kwargs, **more)


def _with_hidden_rows(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _hidden_rows(value) if name == "rows" else value for name, value in kwargs.items()}


def _hidden_rows(rows: Any) -> Any:
    """Rows that are known, hidden; what they are rendered from is not."""
    return rows if validation.is_rendered_later(rows) else _hidden("rows", rows)


def _hidden(what: str, value: Any) -> Any:
    return value if value is None or isinstance(value, Hidden) else Hidden(what, value)


def _revealed(value: Any) -> Any:
    return value.value if isinstance(value, Hidden) else value


def path_as_kept(path: Any) -> Any:
    """
    Return a path as Airflow can render and store it. An ``ObjectStoragePath`` stays one: it knows its connection.

    :param path: a text, a path, an XCom, or None.
    """
    if path is None or isinstance(path, str) or hasattr(path, "conn_id") or validation.is_rendered_later(path):
        return path
    return str(path)
