"""XComs from the triggerer: a few at a time, and no XCom is ever worth a task."""

from __future__ import annotations

import asyncio
import logging
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.triggers import xcom

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TI = SimpleNamespace(dag_id="a_dag", task_id="a_task", run_id="a_run", map_index=3)
LOG = logging.getLogger("a_trigger")


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Awaitable[None]]], None]:
    """Say what becomes of an XCom that is pushed."""

    def store_with(aset: Callable[..., Awaitable[None]]) -> None:
        store = SimpleNamespace(aset=aset)
        monkeypatch.setattr(xcom, "XCom", store)
        monkeypatch.setattr(xcom, "DatabaseXCom", store)

    return store_with


async def test_it_is_stored_for_the_task(airflow: Any) -> None:
    stored = []

    async def aset(*args: Any, **of: Any) -> None:
        stored.append((args, of))

    airflow(aset)
    assert await xcom.push_xcom(TI, "a_key", {"a": 1}, LOG)
    assert stored == [(("a_key", {"a": 1}), vars(TI))]


class TestWithABackend:
    """What an XCom backend of the user's stores, and what passes by it."""

    @staticmethod
    def backend(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
        """Configure one; return which keys it was given, and in which thread."""
        given: dict[str, int] = {}
        monkeypatch.setattr(
            xcom, "XCom", SimpleNamespace(set=lambda key, value, **of: given.update({key: threading.get_ident()}))
        )
        return given

    async def test_a_result_goes_through_it_in_a_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given = self.backend(monkeypatch)
        assert await xcom.push_xcom(TI, "return_value", {"a": 1}, LOG)
        assert list(given) == ["return_value"]
        assert threading.get_ident() not in given.values(), "it may be slow, and the event loop is for all"

    async def test_a_link_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given, stored = self.backend(monkeypatch), []

        async def aset(key: str, value: Any, **of: Any) -> None:
            stored.append((key, value, of))

        monkeypatch.setattr(xcom, "DatabaseXCom", SimpleNamespace(aset=aset))
        async with xcom.pushing_meanwhile(TI, "a_link", "a page", LOG):
            await asyncio.sleep(0.05)
        async with xcom.pushing_meanwhile(TI, "a_late_link", "a page", LOG):
            pass
        assert given == {}
        assert stored == [("a_link", "a page", vars(TI)), ("a_late_link", "a page", vars(TI))]


async def test_a_thousand_do_not_stand_before_the_first_that_is_done(airflow: Any) -> None:
    under_way, most = 0, 0

    async def aset(*_args: Any, **_of: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    airflow(aset)
    pushed = await asyncio.gather(*(xcom.push_xcom(TI, "a_key", number, LOG) for number in range(1_000)))
    assert pushed == [True] * 1_000
    assert most <= 16


async def test_what_cannot_be_stored_is_warned_of_without_its_text(
    airflow: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def aset(*_args: Any, **_of: Any) -> None:
        raise RuntimeError("a backend's secret")

    airflow(aset)
    pushed = await asyncio.gather(*(xcom.push_xcom(TI, "a_key", number, LOG) for number in range(40)))
    assert pushed == [False] * 40
    assert "The XCom a_key could not be pushed from the triggerer (RuntimeError)." in caplog.text
    assert "secret" not in caplog.text


async def test_a_log_that_stands_still_does_not_hold_the_event_loop(airflow: Any, threads_of_log: Any) -> None:
    async def aset(*_args: Any, **_of: Any) -> None:
        raise RuntimeError

    airflow(aset)
    assert not await xcom.push_xcom(TI, "a_key", 1, threads_of_log)
    assert len(threads_of_log.lines) == 1
    assert threading.get_ident() not in threads_of_log.threads


class TestOfEarlierTries:
    """What a task returned before it was cleared or retried."""

    @staticmethod
    async def dropped(monkeypatch: pytest.MonkeyPatch, log: Any, *, try_number: int, fails: bool = False) -> list[str]:
        """The keys that were removed for a task that begins in the triggerer."""
        keys: list[str] = []

        def delete(*, key: str, **of: Any) -> None:
            assert of == vars(TI)
            keys.append(key)
            if fails:
                raise RuntimeError("a backend's secret")

        monkeypatch.setattr(xcom, "XCom", SimpleNamespace(delete=delete))
        ti = SimpleNamespace(**vars(TI), try_number=try_number)
        await xcom.drop_xcoms_of_earlier_tries(ti, ("return_value", "campaigns"), log)
        return keys

    async def test_a_first_try_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert await self.dropped(monkeypatch, LOG, try_number=1) == []

    async def test_a_second_try_loses_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert await self.dropped(monkeypatch, LOG, try_number=2) == ["return_value", "campaigns"]

    async def test_the_wait_begins_all_the_same(self, monkeypatch: pytest.MonkeyPatch, threads_of_log: Any) -> None:
        assert len(await self.dropped(monkeypatch, threads_of_log, try_number=2, fails=True)) == 2
        assert threads_of_log.lines[0] == "The XCom return_value of an earlier try could not be removed (RuntimeError)."


class TestMeanwhile:
    """Links, which nothing waits for: one at a time, and with pauses, while something else is done."""

    async def test_it_is_pushed_in_the_block_where_there_is_time(self, airflow: Any) -> None:
        stored = []

        async def aset(key: str, _value: Any, **_of: Any) -> None:
            stored.append(key)

        airflow(aset)
        async with xcom.pushing_meanwhile(TI, "a_link", "a page", LOG):
            await asyncio.sleep(0.05)
            assert stored == ["a_link"]
        assert stored == ["a_link"]

    async def test_it_is_pushed_at_the_end_where_its_turn_did_not_come(self, airflow: Any) -> None:
        stored = []

        async def aset(key: str, _value: Any, **_of: Any) -> None:
            stored.append(key)
            await asyncio.sleep(0.1)

        airflow(aset)
        async with xcom.pushing_meanwhile(TI, "first", "a page", LOG):
            await asyncio.sleep(0.15)
            async with xcom.pushing_meanwhile(TI, "second", "a page", LOG):
                await asyncio.sleep(0.15)
                assert stored == ["first"]
            assert stored == ["first", "second"]

    async def test_one_at_a_time(self, airflow: Any) -> None:
        under_way, most, stored = 0, 0, 0
        all_stored = asyncio.Event()

        async def aset(*_args: Any, **_of: Any) -> None:
            nonlocal under_way, most, stored
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1
            stored += 1
            if stored == 20:
                asyncio.get_running_loop().call_later(0.05, all_stored.set)

        async def wait() -> None:
            async with xcom.pushing_meanwhile(TI, "a_link", "a page", LOG):
                await all_stored.wait()

        airflow(aset)
        await asyncio.gather(*(wait() for _ in range(20)))
        assert (most, stored) == (1, 20)

    async def test_a_wait_that_is_cancelled_pushes_nothing_more(self, airflow: Any) -> None:
        stored = []

        async def aset(key: str, _value: Any, **_of: Any) -> None:
            await asyncio.sleep(0.1)
            stored.append(key)

        async def wait(key: str) -> None:
            async with xcom.pushing_meanwhile(TI, key, "a page", LOG):
                await asyncio.sleep(20)

        airflow(aset)
        under_way, in_line = (asyncio.create_task(wait(key)) for key in ("under_way", "in_line"))
        await asyncio.sleep(0.05)
        for each in (under_way, in_line):
            each.cancel()
        ended = await asyncio.gather(under_way, in_line, return_exceptions=True)
        assert any(ended)
        await asyncio.sleep(0.2)
        assert stored == ["under_way"]
