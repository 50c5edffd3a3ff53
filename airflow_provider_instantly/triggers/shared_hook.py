"""One hook, and so one HTTP session, for all triggers of an event loop that use the same connection."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_instantly.api.errors import InstantlyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_instantly.hooks.instantly import InstantlyHook


@dataclass
class _SharedHook:
    opened: asyncio.Task[InstantlyHook]
    users: int = 0


_hooks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _SharedHook]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_hook(conn_id: str) -> AsyncIterator[InstantlyHook]:
    """
    A hook, and so an HTTP session, that all users of one connection in this event loop share; the last closes it.

    It does not retry by itself: pausing after errors is the waits' business.

    :param conn_id: the id of the Airflow connection.
    """
    hooks = _hooks.setdefault(asyncio.get_running_loop(), {})
    shared = hooks.get(conn_id)
    if shared is None:
        shared = hooks[conn_id] = _SharedHook(asyncio.create_task(_open_hook(conn_id)))
    shared.users += 1
    try:
        yield await asyncio.shield(shared.opened)
    finally:
        shared.users -= 1
        if shared.users == 0:
            del hooks[conn_id]
            if not shared.opened.cancel():
                await shared.opened.result().aclose()


async def _open_hook(conn_id: str) -> InstantlyHook:
    hook = await asyncio.to_thread(_new_hook, conn_id)
    # Once, before hundreds of users ask for it at the same time. If it fails, each user's own attempt says so.
    with suppress(InstantlyError):
        await hook.aget_conn()
    return hook


def _new_hook(conn_id: str) -> InstantlyHook:
    """Runs in a thread: to import the HTTP clients takes so long that it would stall the event loop."""
    import aiohttp  # noqa: F401
    import requests  # noqa: F401

    from airflow_provider_instantly.hooks.instantly import InstantlyHook

    return InstantlyHook(conn_id, max_retries=0)
