"""One hook, and so one HTTP session, for all triggers of an event loop that use the same connection."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from airflow_provider_instantly.api.errors import InstantlyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_instantly.hooks.instantly import InstantlyHook


#: Seconds between two looks at the connection. A hook that a watcher keeps may live for months, and each wait that
#: begins meanwhile has it.
_LOOKED_UP_EVERY: Final = 60.0


@dataclass
class _SharedHook:
    opened: asyncio.Task[InstantlyHook]
    following: asyncio.Task[None]
    users: int = 0


_hooks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _SharedHook]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_hook(conn_id: str) -> AsyncIterator[InstantlyHook]:
    """
    A hook, and so an HTTP session, that all users of one connection in this event loop share; the last closes it.

    If the connection is changed meanwhile, it follows within about a minute.

    It does not retry by itself: pausing after errors is the waits' business.

    :param conn_id: the id of the Airflow connection.
    """
    hooks = _hooks.setdefault(asyncio.get_running_loop(), {})
    shared = hooks.get(conn_id)
    if shared is None:
        opened = asyncio.create_task(_open_hook(conn_id))
        # It outlives who opens the hook, and each look-up would go on to write in that one's log (Airflow 2.11).
        following = asyncio.create_task(_follow_connection(opened), context=Context())
        shared = hooks[conn_id] = _SharedHook(opened, following)
    shared.users += 1
    try:
        yield await asyncio.shield(shared.opened)
    finally:
        shared.users -= 1
        if shared.users == 0:
            del hooks[conn_id]
            shared.following.cancel()
            if not shared.opened.cancel():
                # Airflow (seen on 3.3.2) cancels a trigger again in each of its rounds, until it has ended.
                await asyncio.shield(shared.opened.result().aclose())


async def _open_hook(conn_id: str) -> InstantlyHook:
    hook = await asyncio.to_thread(_new_hook, conn_id)
    # Once, before hundreds of users ask for it at the same time. If it fails, each user's own attempt says so.
    with suppress(InstantlyError):
        await hook.aget_conn()
    return hook


async def _follow_connection(opened: asyncio.Task[InstantlyHook]) -> None:
    """Let the hook have what the connection has become, as tasks have it that begin on a worker."""
    await asyncio.wait([opened])
    while not opened.cancelled() and opened.exception() is None:
        await asyncio.sleep(_LOOKED_UP_EVERY)
        # Cancelled, it is answered all the same, and Airflow complains of an answer that has no request.
        await asyncio.shield(opened.result().afollow_connection())


def _new_hook(conn_id: str) -> InstantlyHook:
    """Runs in a thread: to import the HTTP clients takes so long that it would stall the event loop."""
    import aiohttp  # noqa: F401
    import requests  # noqa: F401

    from airflow_provider_instantly.hooks.instantly import InstantlyHook

    return InstantlyHook(conn_id, max_retries=0)
