"""What a watcher keeps of what it saw: in parts, whole again after a restart, and only what it wrote is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.triggers.watermark import Watermark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.unit.conftest import ThreadsOfLog


class Store:
    """
    The state store of an asset.

    :param kept: what is in it.
    :param error: what it raises instead of an answer.
    """

    def __init__(self, kept: dict[str, Any] | None = None, error: Exception | None = None) -> None:
        self.kept = kept or {}
        self.error = error
        self.written: list[str] = []

    async def aget(self, key: str) -> Any:
        """What was kept under a key."""
        if self.error:
            raise self.error
        return self.kept.get(key)

    async def aset(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.written.append(key)
        self.kept[key] = value


async def saved(watermark: Watermark, known: dict[str, int], changed: Iterable[str]) -> list[set[str]]:
    """Keep what has changed, and return what was said of it."""
    return [set(part) async for part in watermark.save(known, changed)]


@given(known=st.dictionaries(st.uuids().map(str), st.integers(-99, 9), max_size=40))
async def test_what_was_kept_is_whole_after_a_restart(known: dict[str, int]) -> None:
    store = Store()
    await saved(Watermark(store, "k", log=None), known, known)  # type: ignore[arg-type]
    assert await Watermark(store, "k", log=None).load() == (known or None)  # type: ignore[arg-type]
    assert store.written == sorted({f"k-{campaign_id[-1]}" for campaign_id in known})


async def test_only_parts_with_a_change_are_written(threads_of_log: ThreadsOfLog) -> None:
    store = Store()
    watermark = Watermark(store, "k", threads_of_log)
    assert await saved(watermark, {"a0": 1, "b0": 2, "c1": 3}, {"b0"}) == [{"b0"}]
    assert store.kept == {"k-0": {"a0": 1, "b0": 2}}


async def test_without_a_store_nothing_is_kept(threads_of_log: ThreadsOfLog) -> None:
    watermark = Watermark(None, "k", threads_of_log)
    assert await saved(watermark, {"a0": 1, "b1": 1}, {"a0", "b1"}) == [{"a0"}, {"b1"}]
    assert await watermark.load() is None


@pytest.mark.parametrize("foreign", [None, "text", 7, ["a0"]], ids=str)
async def test_what_is_no_part_is_not_believed(threads_of_log: ThreadsOfLog, foreign: Any) -> None:
    assert await Watermark(Store({"k-0": foreign}), "k", threads_of_log).load() is None


async def test_of_a_part_only_numbers_are_believed(threads_of_log: ThreadsOfLog) -> None:
    store = Store({"k-0": {"a0": 1, "b0": "1", "c0": None}, "other-1": {"a1": 1}})
    assert await Watermark(store, "k", threads_of_log).load() == {"a0": 1}


async def test_a_trigger_of_several_assets_keeps_nothing_and_says_so(threads_of_log: ThreadsOfLog) -> None:
    store = Store(error=ValueError("several assets"))
    watermark = Watermark(store, "k", threads_of_log)
    assert await watermark.load() is None
    assert await saved(watermark, {"a0": 1}, {"a0"}) == [{"a0"}]
    assert store.written == []
    assert len(threads_of_log.lines) == 1
    assert "it remembers nothing when the triggerer restarts (several assets)" in threads_of_log.lines[0]


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), RuntimeError("no answer")], ids=type
)
async def test_an_answer_that_cannot_be_had_is_not_taken_for_no_store(
    threads_of_log: ThreadsOfLog, error: Exception
) -> None:
    with pytest.raises(type(error)):
        await Watermark(Store(error=error), "k", threads_of_log).load()
    assert threads_of_log.lines == []


async def test_what_a_part_has_is_said_before_the_next_is_written(threads_of_log: ThreadsOfLog) -> None:
    store = Store()
    known = {"a0": 1, "b1": 2}
    written = [list(store.written) async for _ in Watermark(store, "k", threads_of_log).save(known, known)]
    assert written == [["k-0"], ["k-0", "k-1"]]


class Failing(Store):
    """
    One that refuses a part.

    :param keeps: whether it keeps the part all the same.
    :param answers: whether it can be read afterwards.
    """

    def __init__(self, *, keeps: bool, answers: bool) -> None:
        super().__init__({"k-1": {"b1": 1}})
        self.keeps, self.answers = keeps, answers

    async def aset(self, key: str, value: Any) -> None:
        """Keep a value."""
        if key != "k-1" or self.keeps:
            await super().aset(key, value)
        if key == "k-1":
            self.error = None if self.answers else RuntimeError("no answer")
            raise RuntimeError("500")


@pytest.mark.parametrize(
    ("keeps", "answers", "said"),
    [(False, True, [{"a0"}]), (True, True, [{"a0"}, {"b1"}]), (False, False, [{"a0"}, {"b1"}])],
)
async def test_of_a_part_that_may_have_been_kept_it_is_said_before_the_error(
    threads_of_log: ThreadsOfLog, *, keeps: bool, answers: bool, said: list[set[str]]
) -> None:
    store = Failing(keeps=keeps, answers=answers)
    known = {"a0": 1, "b1": 2, "c2": 3}
    parts = Watermark(store, "k", threads_of_log).save(known, known)
    assert [set(await anext(parts)) for _ in said] == said
    with pytest.raises(RuntimeError, match="500"):
        await anext(parts)
    assert "k-2" not in store.written
