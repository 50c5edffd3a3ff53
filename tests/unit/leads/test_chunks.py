"""Rows are cut into requests without one being lost, doubled or moved, and none is too large."""

from __future__ import annotations

import gc
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.lead import WrittenLead
from airflow_provider_instantly.api.operations import add_leads
from airflow_provider_instantly.leads.chunks import Chunk, chunk_of, cut, listed, span_of
from airflow_provider_instantly.leads.rows import LeadRow

if TYPE_CHECKING:
    from collections.abc import Iterator

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
TEXTS = st.text(max_size=60)


def rows_of(texts: list[str]) -> list[LeadRow]:
    leads = ({"email": f"person{n}@example.com", "company_name": text} for n, text in enumerate(texts))
    return [LeadRow(number, lead) for number, lead in enumerate(leads, 1)]


def body_size(chunk: Chunk) -> int:
    options: dict[str, Any] = {"skip_if_in_workspace": True, "blocklist_id": CAMPAIGN_ID}
    request = add_leads([row.lead for row in chunk], {"campaign_id": CAMPAIGN_ID}, options)
    assert request.content is not None
    return len(request.content)


@given(st.lists(TEXTS, max_size=40), st.integers(1, 12), st.integers(600, 3_000))
def test_all_rows_are_there_once_and_in_their_order(texts: list[str], size: int, max_bytes: int) -> None:
    rows = rows_of(texts)

    chunks = list(cut(rows, size, max_bytes))

    assert [row for chunk in chunks for row in chunk] == rows
    for chunk in chunks:
        assert 1 <= len(chunk) <= size
        assert body_size(chunk) <= chunk.size
        assert chunk.size <= max_bytes or len(chunk) == 1
        assert chunk == chunk_of(chunk)


@given(st.lists(TEXTS, min_size=2, max_size=40), st.integers(2, 12), st.integers(600, 3_000))
def test_no_chunk_is_smaller_than_it_has_to_be(texts: list[str], size: int, max_bytes: int) -> None:
    chunks = list(cut(rows_of(texts), size, max_bytes))
    for chunk, after in pairwise(chunks):
        assert len(chunk) == size or chunk.size + after[:1].size > max_bytes


@given(st.lists(TEXTS, min_size=2, max_size=40))
def test_halves_are_the_whole(texts: list[str]) -> None:
    whole = chunk_of(rows_of(texts))
    first, second = whole.halves()
    assert [*first, *second] == list(whole)
    assert 0 <= len(second) - len(first) <= 1
    assert max(first.size, second.size) < whole.size


@given(st.lists(TEXTS, min_size=1, max_size=40), st.sets(st.integers(1, 40)))
def test_what_is_left_without_some_rows_is_the_others(texts: list[str], numbers: set[int]) -> None:
    rows = rows_of(texts)
    others = [row for row in rows if row.number not in numbers]
    assert chunk_of(rows).without(numbers) == chunk_of(others)


def test_one_row_has_no_halves() -> None:
    with pytest.raises(ValueError, match="cannot be halved"):
        chunk_of(rows_of(["a"])).halves()


def test_rows_are_read_only_as_they_are_asked_for() -> None:
    read: list[int] = []

    def endless() -> Iterator[LeadRow]:
        while True:
            read.append(len(read) + 1)
            yield LeadRow(read[-1], {"email": f"person{read[-1]}@example.com"})

    (chunk,) = islice(cut(endless(), 100, 1_000_000), 1)

    assert len(chunk) == 100
    assert len(read) == 101


def test_it_holds_nothing_that_the_garbage_collector_counts_for_each_row() -> None:
    lines = '{"email":"person%d@example.com"}'
    rows = (LeadRow(number, WrittenLead(lines % number)) for number in range(1, 1_001))
    gc.collect()
    before = len(gc.get_objects())
    (chunk,) = cut(rows, 1_000, 1_000_000)
    leads = chunk.leads
    assert len(gc.get_objects()) - before < 100
    assert leads[999]["email"] == "person1000@example.com"


@pytest.mark.parametrize(
    ("numbers", "span"),
    [([7], "row 7"), ([1, 2, 3], "rows 1 to 3"), ([1, 3], "2 rows of 1 to 3"), ([999, 1000], "rows 999 to 1,000")],
)
def test_a_span_says_which_rows(numbers: list[int], span: str) -> None:
    assert span_of(numbers) == span


def test_a_chunk_names_its_rows() -> None:
    assert chunk_of(rows_of(["a", "b"])).span == "rows 1 to 2"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([1], "1"), ([1, 2, 3, 7], "1-3, 7"), ([1, 3, 5, 7], "1, 3, and 2 more"), ([2, 3, 5, 6], "2-3, 5-6")],
)
def test_numbers_are_listed_as_ranges(numbers: list[int], text: str) -> None:
    assert listed(numbers, limit=2) == text


@given(st.sets(st.integers(1, 60), min_size=1))
def test_ranges_say_each_number(numbers: set[int]) -> None:
    found: set[int] = set()
    for part in listed(sorted(numbers), limit=60).split(", "):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    assert found == numbers


def test_no_repr_shows_a_person() -> None:
    assert "@" not in repr(chunk_of(rows_of(["a"])))
