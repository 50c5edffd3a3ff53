"""Triggers that share a stream, run as the triggerer of Airflow >= 3.3 runs them."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def events_of(streams: Any, trigger_id: int, trigger: Any) -> AsyncIterator[AsyncIterator[Any]]:
    """
    Let a trigger read its shared stream, and leave it in the end.

    :param streams: Airflow's ``SharedStreamManager``.
    :param trigger_id: the number of the trigger's row.
    :param trigger: the trigger; one that has no key reads for itself.
    """
    key = trigger.shared_stream_key()
    if key is None:
        async with aclosing(trigger.run()) as events:
            yield events
        return
    stream = streams.subscribe(trigger_id=trigger_id, trigger=trigger, key=key)
    try:
        async with aclosing(trigger.filter_shared_stream(stream)) as events:
            yield events
    finally:
        await streams.unsubscribe(trigger_id, key)
