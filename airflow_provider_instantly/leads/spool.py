"""
Where the rows of an input wait until all have been read: a temporary file that has no name and is gone with its task.

It is SQLite's: it makes the file when memory gets scarce, readable for this user alone, and removes its name at once.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self, cast

from airflow_provider_instantly.api.lead import WrittenLead
from airflow_provider_instantly.leads.rows import LeadRow, Reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    class ReadsColumns(Protocol):
        """What makes a lead of a row, such as `Columns`."""

        def read(self, number: int, row: object) -> LeadRow | Reject:
            """A lead, or why there is none."""


#: Rows that are put into the file at once.
_BATCH: Final = 250
#: KiB of the file that are kept in memory, whatever its size.
_CACHE: Final = 8_000

#: In JSON, no text has a line break. So ``},`` and a line break stand between two leads only.
_written_leads: Final = json.JSONEncoder(separators=(",\n", ":"), check_circular=False).encode

_SCHEMA: Final = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -{_CACHE};
BEGIN;
CREATE TABLE good (number INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, lead TEXT NOT NULL);
CREATE TABLE rejects (number INTEGER PRIMARY KEY, reason TEXT NOT NULL, row TEXT NOT NULL);
"""


class Counts(NamedTuple):
    """
    What was found in an input.

    :param rows: its rows.
    :param good: those that can be sent.
    :param rejected: those that cannot. Duplicates are among them, unless they are only counted.
    :param duplicates: those with an address that an earlier row has.
    """

    rows: int = 0
    good: int = 0
    rejected: int = 0
    duplicates: int = 0


class Spool:
    """
    Rows of any number in constant memory, each address once; for a ``with`` statement.

    To iterate over it gives the good rows, in their order, as often as one likes.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._file: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        # No name: a database that only this connection has.
        self._file = sqlite3.connect("", isolation_level=None, cached_statements=8)
        self._file.executescript(_SCHEMA)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def fill(self, rows: Iterable[object], columns: ReadsColumns, *, rejects_duplicates: bool = True) -> Counts:
        """
        Read an input to its end, and keep each row as what it is: a lead, or a reject with its reason.

        :param rows: the input, read once.
        :param columns: which column is which field.
        :param rejects_duplicates: whether a row with an address that an earlier row has is a reject, or only counted.
        :return: what was found; also in `counts`.
        :raises RuntimeError: outside of the ``with`` statement.
        """
        self._open()
        number = duplicates = rejected = 0
        batch: list[tuple[LeadRow, object]] = []
        for number, row in enumerate(rows, 1):
            found = columns.read(number, row)
            if isinstance(found, LeadRow):
                batch.append((found, row))
                if len(batch) == _BATCH:
                    duplicates += self._add(batch, rejects_duplicates)
                    batch.clear()
            else:
                rejected += 1
                self._keep(found)
        duplicates += self._add(batch, rejects_duplicates)
        good = number - rejected - duplicates
        self.counts = Counts(number, good, rejected + (duplicates if rejects_duplicates else 0), duplicates)
        return self.counts

    def _add(self, batch: Sequence[tuple[LeadRow, object]], rejects_duplicates: bool) -> int:
        """Add the rows whose address no earlier row has, and return how many others there are."""
        if not batch:
            return 0
        file = self._open()
        texts = _written_leads([found.lead for found, _ in batch])[2:-2].split("},\n{")
        values = [
            (found.number, found.lead["email"], f"{{{text}}}") for (found, _), text in zip(batch, texts, strict=True)
        ]
        added = file.executemany("INSERT OR IGNORE INTO good VALUES (?, ?, ?)", values).rowcount
        if added < len(batch) and rejects_duplicates:
            span = (batch[0][0].number, batch[-1][0].number)
            there = {number for (number,) in file.execute("SELECT number FROM good WHERE number BETWEEN ? AND ?", span)}
            for found, row in batch:
                if found.number not in there:
                    reason = f"it has the same address as row {self._row_with(found.lead['email']):,}"
                    self._keep(Reject(found.number, reason, cast("Mapping[str, Any]", row)))
        return len(batch) - added

    def __iter__(self) -> Iterator[LeadRow]:
        for number, lead in self._open().execute("SELECT number, lead FROM good ORDER BY number"):
            yield LeadRow(number, WrittenLead(lead))

    def __len__(self) -> int:
        return self.counts.good

    def rejects(self) -> Iterator[Reject]:
        """The rows that cannot be sent, and those that were given to `reject`, in their order."""
        for number, reason, row in self._open().execute("SELECT number, reason, row FROM rejects ORDER BY number"):
            # JSON has no NaN, and few readers of a file of rejects take one.
            yield Reject(number, reason, json.loads(row, parse_constant=str))

    def reject(self, row: LeadRow, reason: str) -> None:
        """
        Add a row that was refused after it was sent. It stays among the good ones, and the counts as they are.

        :param row: the row, of which the lead is kept.
        :param reason: a sentence without any value of the row.
        """
        self._keep(Reject(row.number, reason, row.lead))

    def _keep(self, reject: Reject) -> None:
        values = (reject.number, reject.reason, _stored(reject.row))
        self._open().execute("INSERT OR REPLACE INTO rejects VALUES (?, ?, ?)", values)

    def _row_with(self, email: str) -> int:
        (number,) = self._open().execute("SELECT number FROM good WHERE email = ?", (email,)).fetchone()
        return int(number)

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            raise RuntimeError("A Spool is open only within its `with` statement.")
        return self._file


def _stored(row: Mapping[str, Any]) -> str:
    """A row as JSON: what JSON does not have becomes a text, and what cannot be one is named by its type."""
    try:
        return json.dumps(dict(row), default=str, skipkeys=True)
    except Exception:  # it holds itself, or has a value that raises what it likes
        return json.dumps({str(name): _storable(value) for name, value in row.items()})


def _storable(value: object) -> object:
    try:
        return json.loads(json.dumps(value, default=str, skipkeys=True))
    except Exception:
        return f"a value of type {type(value).__name__}"
