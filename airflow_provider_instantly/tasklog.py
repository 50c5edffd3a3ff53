"""The log of a task or a trigger, and how the triggerer's event loop writes to it without waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class TaskLog(Protocol):
    """What is needed of a task's or a trigger's log; Airflow's own differ from version to version."""

    def info(self, event: str, *args: Any) -> Any: ...

    def warning(self, event: str, *args: Any) -> Any: ...


def write(log: TaskLog, *, info: Iterable[str] = (), warnings: Iterable[str] = ()) -> None:
    """
    Write lines as they are, the warnings first.

    :param log: the task's log.
    :param info: lines of level INFO.
    :param warnings: lines of level WARNING.
    """
    for line in warnings:
        log.warning("%s", line)
    for line in info:
        log.info("%s", line)


async def awrite(log: TaskLog, *, info: Collection[str] = (), warnings: Collection[str] = ()) -> None:
    """
    Async twin of `write`: in the triggerer the log is a socket that may be full (Airflow 3.3.2), so a thread writes.

    :param log: the trigger's log.
    :param info: see `write`.
    :param warnings: see `write`.
    """
    if info or warnings:
        await asyncio.to_thread(write, log, info=info, warnings=warnings)


async def awarn(log: TaskLog, event: str, *args: object) -> None:
    """
    Write one warning from the triggerer, in a thread like `awrite`.

    :param log: the trigger's log.
    :param event: the line.
    :param args: what is put into it.
    """
    await asyncio.to_thread(log.warning, event, *args)
