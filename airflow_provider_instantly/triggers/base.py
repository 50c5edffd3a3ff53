"""What wait and watcher have in common in the triggerer: what becomes of wrong arguments, and whose polls they get."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_instantly.tasklog import awarn
from airflow_provider_instantly.triggers.poller import Poller

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Hashable

    from airflow_provider_instantly.tasklog import TaskLog
    from airflow_provider_instantly.triggers.timing import Snapshot

DEFAULT_CONN_ID: Final = "instantly_default"


class PollingTrigger(BaseEventTrigger):
    """
    A trigger that reads from a `Poller`: on Airflow >= 3.3 by one that all its siblings share.

    A constructor keeps what it is given and raises nothing. It runs in the triggerer, on a row that another release
    may have written, and what it raised there would end the triggerer for all others (Airflow 3.3.2), at each start.
    What is wrong is refused by `serialize`, which Airflow calls while it parses a DAG and when a task defers; in the
    triggerer it concerns this trigger alone.
    """

    instantly_conn_id: Any
    tag_ids: tuple[str, ...] = ()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        The class and its arguments, all of them plain values, without those that are the default.

        :raises ValueError: if an argument is wrong.
        """
        self._check()
        return f"{type(self).__module__}.{type(self).__qualname__}", self._arguments()

    def __repr__(self) -> str:
        """Name the class and the connection: `serialize`, which Airflow would ask, may refuse."""
        return f"<{type(self).__qualname__} instantly_conn_id={self.instantly_conn_id!r}>"

    def shared_stream_key(self) -> Hashable | None:
        """Triggers that read the same list with the same key share a poller; one whose arguments are wrong has none."""
        try:
            self._check()
        except ValueError:
            return None
        return ("instantly", self.instantly_conn_id, *sorted(self.tag_ids))

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Snapshot]:
        """
        What the poller sees, for all triggers of the group.

        :param kwargs: the arguments of one of them; only those that are in the key are read.
        """
        poller = Poller.shared(kwargs.get("instantly_conn_id", DEFAULT_CONN_ID), kwargs.get("tag_ids") or ())
        async with aclosing(poller.snapshots()) as snapshots:
            async for snapshot in snapshots:
                yield snapshot

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Snapshot]) -> AsyncIterator[TriggerEvent]:
        """
        Pick the trigger's own events out of the shared poller's snapshots.

        :param shared_stream: the snapshots.
        """
        async for event in self._events(Poller.shared(self.instantly_conn_id, self.tag_ids), shared_stream):
            yield event

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """The same with a poller of its own: Airflow below 3.3 shares no streams."""
        try:
            self._check()
        except ValueError as error:
            async with aclosing(self._refuse(str(error))) as events:
                async for event in events:
                    yield event
            return
        poller = Poller(self.instantly_conn_id, self.tag_ids, for_joiners=False)
        async with aclosing(poller.snapshots()) as snapshots, aclosing(self._events(poller, snapshots)) as events:
            async for event in events:
                yield event

    @abstractmethod
    def _check(self) -> None:
        """Raise ValueError if an argument is wrong; in the triggerer after templates have been rendered."""

    @abstractmethod
    def _refuse(self, reason: str) -> AsyncGenerator[TriggerEvent, None]:
        """What this trigger does in the triggerer with wrong arguments."""

    @abstractmethod
    def _arguments(self) -> dict[str, Any]: ...

    @abstractmethod
    def _events(self, poller: Poller, snapshots: AsyncIterator[Snapshot]) -> AsyncGenerator[TriggerEvent, None]: ...


def fired(payload: dict[str, Any]) -> TriggerEvent:
    """
    An event of a trigger.

    :param payload: what it carries, all of it plain values.
    """
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def without_defaults(arguments: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    """
    The arguments of a trigger that are not the default, so that its row stays short.

    :param arguments: for each name, the value and the default.
    """
    return {name: value for name, (value, default) in arguments.items() if value != default}


async def stay_idle(log: TaskLog, reason: str) -> None:
    """
    Do nothing until the trigger is cancelled: an asset's trigger that ends is started again at once.

    :param log: the trigger's log.
    :param reason: why it can do nothing, as a sentence.
    """
    await awarn(
        log,
        "This trigger is idle: %s Correct it in the DAG. If it is right there, give the triggerer the release of the "
        "provider that the DAG processor has.",
        reason,
    )
    await asyncio.Event().wait()
