"""XComs that are pushed from the triggerer, for tasks that no worker begins or ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from airflow.providers.common.compat.sdk import XCom

if TYPE_CHECKING:
    from airflow_provider_instantly.waiting import TaskLog

#: XComs that are on their way at once. The triggerer's supervisor (Airflow 3.3.2) takes one after the other, and news
#: of ended tasks in between: behind a thousand XComs, the first task would end with the last.
_AT_ONCE: Final = 16

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def push_xcom(ti: Any, key: str, value: Any, log: TaskLog) -> bool:
    """
    Push an XCom, and say whether it is stored.

    :param ti: the trigger's task instance.
    :param key: the XCom's key.
    :param value: what JSON can hold.
    :param log: the trigger's log.
    """
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
    try:
        async with turns:
            await XCom.aset(key, value, dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index)
    except Exception as error:
        log.warning("The XCom %s could not be pushed from the triggerer (%s).", key, type(error).__name__)
        return False
    return True
