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

#: In JSON, no text has a line break. So ``},`` and a line break stand between two leads only.
_written_leads: Final = json.JSONEncoder(separators=(",\n", ":"), check_circular=False).encode

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -8000; -- KiB of the file that are kept in memory, whatever its size
BEGIN;
CREATE TABLE good (number INTEGER PRIMARY KEY, email TEXT NOT NULL, lead TEXT NOT NULL);
CREATE TABLE rejects (number INTEGER PRIMARY KEY, reason TEXT NOT NULL, row TEXT NOT NULL);
CREATE TABLE maybe_repeated (number INTEGER PRIMARY KEY, email TEXT NOT NULL, row TEXT NOT NULL);
CREATE TABLE first_rows (email TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIEW duplicates AS
    SELECT repeated.number AS number, earlier.number AS first, row
    FROM maybe_repeated AS repeated JOIN first_rows AS earlier USING (email) WHERE repeated.number > earlier.number;
"""

#: An index of all addresses would be read and written all over the file, once for each row. So only the rows that may
#: have an address of another one are compared with all, once, at the end.
_FIND_FIRST_ROWS: Final = """
INSERT INTO first_rows
SELECT email, min(number) FROM good WHERE email IN (SELECT email FROM maybe_repeated) GROUP BY email
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
        number = rejected = 0
        seen = _Seen()
        batch: list[LeadRow] = []
        for number, row in enumerate(rows, 1):
            found = columns.read(number, row)
            if isinstance(found, LeadRow):
                batch.append(found)
                if seen.may_have(found.lead["email"]):
                    # What is only counted is no reject, and need not be a mapping either.
                    self._suspect(found, cast("Mapping[str, Any]", row) if rejects_duplicates else {})
                if len(batch) == _BATCH:
                    self._add(batch)
                    batch.clear()
            else:
                rejected += 1
                self._keep(found)
        self._add(batch)
        duplicates = self._take_duplicates_out(rejects_duplicates)
        good = number - rejected - duplicates
        self.counts = Counts(number, good, rejected + (duplicates if rejects_duplicates else 0), duplicates)
        return self.counts

    def _add(self, batch: Sequence[LeadRow]) -> None:
        if not batch:
            return
        texts = _written_leads([row.lead for row in batch])[2:-2].split("},\n{")
        values = [(row.number, row.lead["email"], f"{{{text}}}") for row, text in zip(batch, texts, strict=True)]
        self._open().executemany("INSERT INTO good VALUES (?, ?, ?)", values)

    def _suspect(self, found: LeadRow, row: Mapping[str, Any]) -> None:
        """Keep a row as it was read, until it is known whether an earlier one has its address."""
        values = (found.number, found.lead["email"], _stored(row))
        self._open().execute("INSERT INTO maybe_repeated VALUES (?, ?, ?)", values)

    def _take_duplicates_out(self, rejects_duplicates: bool) -> int:
        """Remove the rows whose address an earlier row has, and return how many they are."""
        file = self._open()
        file.execute(_FIND_FIRST_ROWS)
        if rejects_duplicates:
            found = file.execute("SELECT number, first, row FROM duplicates")
            rejects = ((number, f"it has the same address as row {first:,}", row) for number, first, row in found)
            file.executemany("INSERT INTO rejects VALUES (?, ?, ?)", rejects)
        return file.execute("DELETE FROM good WHERE number IN (SELECT number FROM duplicates)").rowcount

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

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            raise RuntimeError("A Spool is open only within its `with` statement.")
        return self._file


class _Seen:
    """
    Which addresses there were so far, in constant memory: a bit for each, which some share.

    So it never misses one that it has seen, and now and then takes one for seen that it has not.
    """

    #: Of a million addresses, about one in 130 shares its bit with an earlier one.
    _BITS: Final = 2**26

    def __init__(self) -> None:
        self._bits = bytearray(self._BITS // 8)

    def may_have(self, email: str) -> bool:
        """
        Note an address, and say whether it may have been noted before.

        :param email: the address.
        """
        place = hash(email) % self._BITS
        bits, byte, bit = self._bits, place >> 3, 1 << (place & 7)
        if bits[byte] & bit:
            return True
        bits[byte] |= bit
        return False


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
