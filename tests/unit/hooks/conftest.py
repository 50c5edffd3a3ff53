"""What the tests of the hook share: each call in both kinds, sync and async."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.hooks.instantly import InstantlyHook

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Call a method of a fresh hook, or its async twin; lists come as lists."""

    def synchronously(name: str, *args: Any, max_retries: int | None = 0, **more: Any) -> Any:
        with InstantlyHook(max_retries=max_retries) as hook:
            found = getattr(hook, name)(*args, **more)
            return list(found) if inspect.isgenerator(found) else found

    def asynchronously(name: str, *args: Any, max_retries: int | None = 0, **more: Any) -> Any:
        async def call() -> Any:
            async with InstantlyHook(max_retries=max_retries) as hook:
                found = getattr(hook, f"a{name}")(*args, **more)
                return [each async for each in found] if inspect.isasyncgen(found) else await found

        return asyncio.run(call())

    return synchronously if request.param == "sync" else asynchronously
