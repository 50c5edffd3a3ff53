"""XComs that are pushed from the triggerer, for tasks that no worker begins or ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_instantly.links.stored import DatabaseXCom
from airflow_provider_instantly.tasklog import awarn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from airflow_provider_instantly.tasklog import TaskLog

#: XComs that are on their way at once. The triggerer's supervisor (Airflow 3.3.2) stores one after the other, and news
#: of ended tasks in between: behind a thousand XComs, the first task would end with the last.
_AT_ONCE: Final = 16
#: After a link, which nothing waits for, a pause of so many times its own time: for each, the supervisor goes through
#: all its triggers twice, and a thousand would keep it from starting and ending tasks for half a minute.
_REST: Final = 4.0

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_idle_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def push_xcom(ti: Any, key: str, value: Any, log: TaskLog, *, is_link: bool = False) -> bool:
    """
    Push an XCom, and say whether it is stored.

    :param ti: the trigger's task instance.
    :param key: the XCom's key.
    :param value: what JSON can hold.
    :param log: the trigger's log.
    :param is_link: whether it is a link, which Airflow reads past the XCom backend.
    """
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
    try:
        async with turns:
            if is_link or XCom is DatabaseXCom:
                await DatabaseXCom.aset(key, value, **_of(ti))
            else:
                # A backend of the user's may write to a storage that is far away, and does so without `await`.
                await asyncio.to_thread(XCom.set, key, value, **_of(ti))
    except Exception as error:
        await awarn(log, "The XCom %s could not be pushed from the triggerer (%s).", key, type(error).__name__)
        return False
    return True


async def drop_xcoms_of_earlier_tries(ti: Any, keys: Iterable[str], log: TaskLog) -> None:
    """
    Remove what a task returned before it was cleared or retried: Airflow 3.3.2 does so only where a worker begins it.

    :param ti: the trigger's task instance, or None where it has none.
    :param keys: the keys of the XComs.
    :param log: the trigger's log.
    """
    if ti is None or ti.try_number <= 1:
        return
    for key in keys:
        try:
            await asyncio.to_thread(XCom.delete, key=key, **_of(ti))
        except Exception as error:
            await awarn(log, "The XCom %s of an earlier try could not be removed (%s).", key, type(error).__name__)


@asynccontextmanager
async def pushing_meanwhile(ti: Any, key: str, value: Any, log: TaskLog) -> AsyncIterator[None]:
    """
    Push a link, which nothing waits for, when its turn comes, and at the latest when the block ends.

    :param ti: see `push_xcom`, as all others.
    """
    pushing = asyncio.create_task(_push_in_turn(ti, key, value, log))
    try:
        yield
        if not pushing.done():
            await push_xcom(ti, key, value, log, is_link=True)
    finally:
        pushing.cancel()
        with suppress(asyncio.CancelledError):
            await pushing


async def _push_in_turn(ti: Any, key: str, value: Any, log: TaskLog) -> None:
    loop = asyncio.get_running_loop()
    turn = _idle_turns.setdefault(loop, asyncio.Lock())
    await turn.acquire()
    began = loop.time()
    try:
        # Cancelled, it is answered all the same, and Airflow complains of an answer that has no request.
        await asyncio.shield(push_xcom(ti, key, value, log, is_link=True))
    finally:
        loop.call_later(_REST * (loop.time() - began), turn.release)


def _of(ti: Any) -> dict[str, Any]:
    return {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
