"""The log of a task or a trigger, and how the triggerer's event loop writes to it without waiting."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol


class TaskLog(Protocol):
    """What is needed of a task's or a trigger's log; Airflow's own differ from version to version."""

    def info(self, event: str, *args: Any) -> Any: ...

    def warning(self, event: str, *args: Any) -> Any: ...


async def awarn(log: TaskLog, event: str, *args: object) -> None:
    """
    Write a warning from the triggerer, where the log is a socket that may be full (Airflow 3.3.2).

    :param log: the trigger's log.
    :param event: the line.
    :param args: what is put into it.
    """
    await asyncio.to_thread(log.warning, event, *args)
