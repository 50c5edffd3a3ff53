"""XComs from the triggerer: a few at a time, and no XCom is ever worth a task."""

from __future__ import annotations

import asyncio
import logging
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
    return lambda aset: monkeypatch.setattr(xcom, "XCom", SimpleNamespace(aset=aset))


async def test_it_is_stored_for_the_task(airflow: Any) -> None:
    stored = []

    async def aset(*args: Any, **of: Any) -> None:
        stored.append((args, of))

    airflow(aset)
    assert await xcom.push_xcom(TI, "a_key", {"a": 1}, LOG)
    assert stored == [(("a_key", {"a": 1}), vars(TI))]


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


async def test_what_cannot_be_stored_is_told_without_its_text(airflow: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def aset(*_args: Any, **_of: Any) -> None:
        raise RuntimeError("a backend's secret")

    airflow(aset)
    pushed = await asyncio.gather(*(xcom.push_xcom(TI, "a_key", number, LOG) for number in range(40)))
    assert pushed == [False] * 40
    assert "The XCom a_key could not be pushed from the triggerer (RuntimeError)." in caplog.text
    assert "secret" not in caplog.text
