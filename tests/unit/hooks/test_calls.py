"""Lists, page by page as they are asked for, by one method for all calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.api.operations import list_campaigns
from airflow_provider_instantly.hooks.calls import Calls
from airflow_provider_instantly.hooks.instantly import InstantlyHook

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient


def test_the_next_page_is_asked_for_when_it_is_wanted(sandbox: SandboxClient) -> None:
    sandbox.add_campaigns(5)
    with InstantlyHook() as hook:
        items = hook.each_item(list_campaigns(limit=2))
        assert sandbox.requests() == []
        next(items)
        next(items)
        assert len(sandbox.requests()) == 1
        assert len(list(items)) == 3


async def test_the_async_twin(sandbox: SandboxClient) -> None:
    sandbox.add_campaigns(5)
    async with InstantlyHook() as hook:
        items = [item async for item in hook.aeach_item(list_campaigns(limit=2))]
    assert len({item["id"] for item in items}) == 5


def test_calls_are_made_by_a_hook() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Calls()  # type: ignore[abstract]
