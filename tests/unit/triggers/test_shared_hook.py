"""One session for all triggers of an event loop: who opens it, who closes it, and what a cancelled user leaves."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.triggers import shared_hook as shared_hook_module
from airflow_provider_instantly.triggers.shared_hook import shared_hook

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

CONN = "instantly_default"


async def test_the_hook_is_shared_and_its_session_closed_when_its_last_user_leaves(sandbox: SandboxClient) -> None:
    cid = sandbox.add_campaign("Watched")

    async with shared_hook(CONN) as one:
        async with shared_hook(CONN) as two, shared_hook("another") as three:
            assert one is two is not three
            await two.aget_campaign(cid)
        session = session_of(one)
        await one.aget_campaign(cid)
        assert session_of(one) is session
        assert not session.closed
    assert session.closed
    assert shared_hook_module._hooks[asyncio.get_running_loop()] == {}


@pytest.mark.parametrize("moment", ["opening", "reading"])
async def test_a_cancelled_user_leaves_the_session_to_the_others_and_the_last_closes_it(
    sandbox: SandboxClient, moment: str, nothing_left_open: None
) -> None:
    cid = sandbox.add_campaign("Watched")
    if moment == "reading":
        sandbox.add_fault("delay", delay=5, count=None)

    async def use() -> None:
        async with shared_hook(CONN) as hook:
            await hook.aget_campaign(cid)

    tasks = [asyncio.create_task(use()) for _ in range(3)]
    await asyncio.sleep(0 if moment == "opening" else 1)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [asyncio.CancelledError] * 3
    assert shared_hook_module._hooks[asyncio.get_running_loop()] == {}


async def test_one_of_two_users_that_is_cancelled_while_the_hook_is_opened_does_not_harm_the_other(
    sandbox: SandboxClient, nothing_left_open: None
) -> None:
    cid = sandbox.add_campaign("Watched")

    async def use() -> str:
        async with shared_hook(CONN) as hook:
            return (await hook.aget_campaign(cid)).id

    first, second = asyncio.create_task(use()), asyncio.create_task(use())
    await asyncio.sleep(0)
    first.cancel()

    assert await second == cid
    with suppress(asyncio.CancelledError):
        await first
    assert first.cancelled()


async def test_many_users_at_once_look_the_connection_up_once_and_open_one_session(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, nothing_left_open: None
) -> None:
    from airflow_provider_instantly.hooks.instantly import InstantlyHook

    cid = sandbox.add_campaign("Watched")
    looked_up: list[str] = []
    look_up = InstantlyHook._alook_up

    async def counted(hook: InstantlyHook) -> Any:
        looked_up.append(hook.instantly_conn_id)
        return await look_up(hook)

    monkeypatch.setattr(InstantlyHook, "_alook_up", counted)

    async def use() -> Any:
        async with shared_hook(CONN) as hook:
            await hook.aget_conn()
            await hook.aget_campaign(cid)
            return session_of(hook)

    sessions = await asyncio.gather(*(use() for _ in range(20)))

    assert looked_up == [CONN]
    assert len({id(session) for session in sessions}) == 1


def session_of(hook: Any) -> Any:
    """The HTTP session of a hook that has made a request."""
    return hook._async._session._session
