"""
The log of a task or a trigger: how the triggerer's event loop writes to it without waiting, and how errors stand there.

Airflow shows an error as one long line beside a traceback, and a screen ends before its reason. So each of its
sentences has a line of its own before, and the traceback is short enough to leave these lines on the screen.
"""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence


class TaskLog(Protocol):
    """What is needed of a task's or a trigger's log; Airflow's own differ from version to version."""

    def info(self, event: str, *args: Any) -> Any: ...

    def warning(self, event: str, *args: Any) -> Any: ...


class HasLog(Protocol):
    """A task, as far as its log goes."""

    @property
    def log(self) -> Any: ...


S = TypeVar("S", bound=HasLog)
P = ParamSpec("P")
T = TypeVar("T")


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


def sentences_of(error: BaseException) -> Sequence[str]:
    """
    What an error says, sentence by sentence: those of ours keep them apart, see `failure` and `InstantlyError`.

    What a server sent stands within a sentence of ours, so no line of the log begins with it. An error with which a
    task fails on purpose is one line, if it does not keep its sentences apart.

    :param error: any error; one that is not meant, such as a bug, has no sentences.
    """
    sentences: Sequence[str] = getattr(error, "sentences", ())
    is_meant = isinstance(error, AirflowFailException) or type(error).__module__.startswith(f"{__package__}.")
    return sentences or ([str(error)] if is_meant else ())


def reasons_first(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """
    Make a task's method write each sentence of the error that it raises to the log, in a line of its own.

    Such an error says all that helps. What it passed on its way here, up to thirty frames, would push these lines out
    of the page, so only level DEBUG has that. An error without sentences keeps its traceback.

    :param method: what Airflow calls to run the task.
    """

    @wraps(method)
    def telling(task: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(task, *args, **kwargs)
        except BaseException as error:
            sentences = sentences_of(error)
            write(task.log, warnings=sentences)
            if not sentences:
                raise
            task.log.debug("The whole traceback:", exc_info=error)
            raise error.with_traceback(None) from error.__cause__

    return telling
