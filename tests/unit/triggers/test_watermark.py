"""What a watcher keeps of what it saw: in parts, whole again after a restart, and only what it wrote is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.triggers.watermark import Watermark

if TYPE_CHECKING:
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


@given(known=st.dictionaries(st.uuids().map(str), st.integers(-99, 9), max_size=40))
async def test_what_was_kept_is_whole_after_a_restart(known: dict[str, int]) -> None:
    store = Store()
    await Watermark(store, "k", log=None).save(known, known)  # type: ignore[arg-type]
    assert await Watermark(store, "k", log=None).load() == (known or None)  # type: ignore[arg-type]
    assert store.written == sorted({f"k-{campaign_id[-1]}" for campaign_id in known})


async def test_only_parts_with_a_change_are_written(threads_of_log: ThreadsOfLog) -> None:
    store = Store()
    watermark = Watermark(store, "k", threads_of_log)
    await watermark.save({"a0": 1, "b0": 2, "c1": 3}, {"b0": 2})
    assert store.kept == {"k-0": {"a0": 1, "b0": 2}}


async def test_without_a_store_nothing_is_kept(threads_of_log: ThreadsOfLog) -> None:
    watermark = Watermark(None, "k", threads_of_log)
    await watermark.save({"a0": 1}, {"a0": 1})
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
    await watermark.save({"a0": 1}, {"a0": 1})
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
