"""Entries in parts: each once, in their order, and no part larger than a request takes."""

from __future__ import annotations

import pytest

from airflow_provider_instantly.api.batches import batches


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (2, [2]), (3, [2, 1]), (4, [2, 2])],
)
def test_parts(count: int, sizes: list[int]) -> None:
    parts = list(batches(range(count), 2))
    assert [len(part) for part in parts] == sizes
    assert [entry for part in parts for entry in part] == list(range(count))


def test_no_more_is_read_than_was_asked_for() -> None:
    entries = iter(range(9))
    assert next(batches(entries, 2)) == [0, 1]
    assert list(entries) == [2, 3, 4, 5, 6, 7, 8]


def test_by_default_as_many_as_a_page_has() -> None:
    assert [len(part) for part in batches("x" * 201)] == [100, 100, 1]
