"""Lists, page by page as they are asked for, by one method for all calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.operations import list_campaigns
from airflow_provider_instantly.hooks.calls import Calls
from airflow_provider_instantly.hooks.instantly import InstantlyHook

if TYPE_CHECKING:
    from collections.abc import Callable

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


@pytest.mark.parametrize(
    ("name", "args", "given"),
    [
        ("block", ["ada@example.com"], {}),
        ("list_leads", [], {"list_id": "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f", "emails": "ada@example.com"}),
        ("get_warmup_scores", ["ada@example.com"], {}),
        ("check_domains", ["ada@example.com"], {}),
        ("list_accounts", [], {"tag_ids": "red"}),
        ("list_campaigns", [], {"tag_ids": "red"}),
        ("read_campaigns", ["7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"], {}),
        ("get_campaign_analytics", [""], {}),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_one_text_in_the_place_of_several_is_not_taken_for_its_letters(
    ask: Callable[..., Any], sandbox: SandboxClient, name: str, args: list[Any], given: dict[str, Any]
) -> None:
    """Ada would not be blocked, and not be found where she is; of no campaign's figures, all would be read."""
    with pytest.raises(ValueError, match=r"must be a list of texts.*Nothing was requested") as caught:
        ask(name, *args, **given)
    assert "ada" not in str(caught.value)
    assert sandbox.requests() == []


def test_calls_are_made_by_a_hook() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Calls()  # type: ignore[abstract]
