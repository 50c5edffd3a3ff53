"""
How rows are cut into requests: by their number, and by the bytes that they take.

Nothing is known here of what a row means; only how large its lead is once it is written as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.lead import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_instantly.leads.rows import LeadRow

#: Bytes of a request. Instantly documents no limit; most proxies let a body of a megabyte pass.
DEFAULT_CHUNK_BYTES: Final = 500_000
#: Bytes of a request beside its leads: the campaign, and the options.
_REST_OF_BODY: Final = 512


@dataclass(frozen=True)
class Chunk:
    """
    Rows that go into one request.

    :param rows: at least one row, in the order of their numbers.
    :param size: bytes of the request's body, at most.
    """

    rows: tuple[LeadRow, ...]
    size: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def span(self) -> str:
        """Which rows they are, for a log: ``row 7``, or ``rows 1 to 1,000``."""
        return span_of([row.number for row in self.rows])

    def halves(self) -> tuple[Chunk, Chunk]:
        """
        The same rows as two chunks.

        :raises ValueError: if it is one row only.
        """
        if len(self.rows) == 1:
            raise ValueError("one row cannot be halved")
        middle = len(self.rows) // 2
        return chunk_of(self.rows[:middle]), chunk_of(self.rows[middle:])


def chunk_of(rows: Iterable[LeadRow]) -> Chunk:
    """
    One chunk of all these rows.

    :param rows: at least one row.
    """
    kept = tuple(rows)
    return Chunk(kept, _REST_OF_BODY + sum(map(_size, kept)))


def cut(rows: Iterable[LeadRow], size: int, max_bytes: int) -> Iterator[Chunk]:
    """
    Cut rows into chunks, as they are asked for. No more than one chunk of them is held.

    :param rows: the rows.
    :param size: how many rows a chunk has at most.
    :param max_bytes: how many bytes the body of its request has at most. A row that is larger is a chunk by itself.
    """
    held: list[LeadRow] = []
    weight = _REST_OF_BODY
    for row in rows:
        own = _size(row)
        if held and (len(held) == size or weight + own > max_bytes):
            yield Chunk(tuple(held), weight)
            held, weight = [], _REST_OF_BODY
        held.append(row)
        weight += own
    if held:
        yield Chunk(tuple(held), weight)


def span_of(numbers: list[int]) -> str:
    """
    Which rows they are, for a person: ``row 7``, ``rows 1 to 1,000``, ``998 rows of 1 to 1,000``.

    :param numbers: the rows' numbers, in their order; at least one.
    """
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return f"row {first:,}"
    if len(numbers) == last - first + 1:
        return f"rows {first:,} to {last:,}"
    return f"{len(numbers):,} rows of {first:,} to {last:,}"


def listed(numbers: list[int], limit: int = 20) -> str:
    """
    The numbers of rows, for a person, as ranges: ``1-3, 7, 9-12``, and how many ranges more there are.

    :param numbers: the rows' numbers, in their order.
    :param limit: how many ranges are written.
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    written = [f"{low}" if low == high else f"{low}-{high}" for low, high in ranges[:limit]]
    left = len(ranges) - limit
    return ", ".join(written) + (f", and {left:,} more" if left > 0 else "")


def _size(row: LeadRow) -> int:
    # A comma and a blank follow. Non-ASCII characters are escaped, so a character is a byte.
    return len(as_json(row.lead)) + 2
