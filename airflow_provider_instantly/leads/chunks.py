"""
How rows are cut into requests: by their number, and by the bytes that they take.

Nothing is known here of what a row means; only how large its lead is once it is written as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, overload

from airflow_provider_instantly.api.lead import WrittenLead, WrittenLeads, as_json
from airflow_provider_instantly.leads.rows import LeadRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

#: Bytes of a request. Instantly documents no limit; most proxies let a body of a megabyte pass.
DEFAULT_CHUNK_BYTES: Final = 500_000
#: Bytes of a request beside its leads: the campaign, and the options.
_REST_OF_BODY: Final = 512


@dataclass(frozen=True)
class Chunk(Sequence[LeadRow]):
    """
    Rows that go into one request, in the order of their numbers, each made when it is asked for; see `WrittenLeads`.

    :param numbers: the rows' numbers.
    :param texts: their leads as JSON, each a person's.
    :param size: bytes of the request's body, at most.
    """

    numbers: tuple[int, ...]
    texts: tuple[str, ...] = field(repr=False)
    size: int

    @overload
    def __getitem__(self, index: int) -> LeadRow: ...

    @overload
    def __getitem__(self, index: slice) -> Chunk: ...

    def __getitem__(self, index: int | slice) -> LeadRow | Chunk:
        if isinstance(index, slice):
            return _chunk(self.numbers[index], self.texts[index])
        return LeadRow(self.numbers[index], WrittenLead(self.texts[index]))

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def leads(self) -> WrittenLeads:
        """The rows' leads."""
        return WrittenLeads(self.texts)

    @property
    def span(self) -> str:
        """Which rows they are, for a log: ``row 7``, or ``rows 1 to 1,000``."""
        return span_of(self.numbers)

    def without(self, numbers: Collection[int]) -> Chunk:
        """
        The other rows; there may be none.

        :param numbers: the numbers of the rows that are left out.
        """
        if not numbers:
            return self
        left = [index for index, number in enumerate(self.numbers) if number not in numbers]
        return _chunk(tuple(self.numbers[index] for index in left), tuple(self.texts[index] for index in left))

    def halves(self) -> tuple[Chunk, Chunk]:
        """
        The same rows as two chunks.

        :raises ValueError: if it is one row only.
        """
        if len(self) == 1:
            raise ValueError("one row cannot be halved")
        middle = len(self) // 2
        return self[:middle], self[middle:]


def chunk_of(rows: Iterable[LeadRow]) -> Chunk:
    """
    One chunk of all these rows.

    :param rows: at least one row.
    """
    kept = list(rows)
    return _chunk(tuple(row.number for row in kept), tuple(as_json(row.lead) for row in kept))


def cut(rows: Iterable[LeadRow], size: int, max_bytes: int) -> Iterator[Chunk]:
    """
    Cut rows into chunks, as they are asked for. No more than one chunk of them is held.

    :param rows: the rows.
    :param size: how many rows a chunk has at most.
    :param max_bytes: how many bytes the body of its request has at most. A row that is larger is a chunk by itself.
    """
    numbers: list[int] = []
    texts: list[str] = []
    weight = _REST_OF_BODY
    for number, lead in rows:
        text = as_json(lead)
        own = _size(text)
        if numbers and (len(numbers) == size or weight + own > max_bytes):
            yield Chunk(tuple(numbers), tuple(texts), weight)
            numbers, texts, weight = [], [], _REST_OF_BODY
        numbers.append(number)
        texts.append(text)
        weight += own
    if numbers:
        yield Chunk(tuple(numbers), tuple(texts), weight)


def span_of(numbers: Sequence[int]) -> str:
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


def _chunk(numbers: tuple[int, ...], texts: tuple[str, ...]) -> Chunk:
    return Chunk(numbers, texts, _REST_OF_BODY + sum(map(_size, texts)))


def _size(text: str) -> int:
    # A comma and a blank follow. Non-ASCII characters are escaped, so a character is a byte.
    return len(text) + 2
