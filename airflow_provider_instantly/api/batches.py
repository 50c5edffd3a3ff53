"""Many entries, cut into as many as one request takes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_instantly.api.protocol import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")


def batches(entries: Iterable[T], size: int = PAGE_SIZE) -> Iterator[Sequence[T]]:
    """
    The entries in their order, a part at a time. It is `itertools.batched`, which Python 3.11 does not have.

    :param entries: the entries, read once and no further than what was asked for.
    :param size: how many a part has at most; a hundred is what most of the API takes.
    """
    remaining = iter(entries)
    while part := list(islice(remaining, size)):
        yield part
