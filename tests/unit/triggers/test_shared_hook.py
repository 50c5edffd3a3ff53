"""One session for all triggers of an event loop: who opens it, who closes it, and what a cancelled user leaves."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import InstantlyConfigurationError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.triggers import shared_hook as shared_hook_module
from airflow_provider_instantly.triggers.shared_hook import shared_hook

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

CONN = "instantly_default"
#: As Airflow marks what a trigger logs, so that it stands in the log of its task.
LOGS_FOR: ContextVar[str] = ContextVar("logs_for", default="the triggerer")
VARIABLE = "AIRFLOW_CONN_INSTANTLY_DEFAULT"


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


class TestAConnectionThatIsChanged:
    """A watcher keeps the hook for months, and all waits that began meanwhile had what the connection once was."""

    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shared_hook_module, "_LOOKED_UP_EVERY", 0.02)

    @staticmethod
    async def workspace_becomes(hook: InstantlyHook, workspace_id: str | None) -> None:
        async with asyncio.timeout(10):
            while (await hook.aget_conn()).endpoint.workspace_id != workspace_id:  # noqa: ASYNC110 - it is the hook that changes
                await asyncio.sleep(0.01)

    async def test_is_that_of_the_requests_from_then_on(
        self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, nothing_left_open: None
    ) -> None:
        cid = sandbox.add_campaign("Watched")
        connection = json.loads(sandbox.airflow_connection)
        sandbox.add_fault("delay", delay=0.5)

        async with shared_hook(CONN) as hook:
            under_way = asyncio.create_task(hook.aget_campaign(cid))
            await asyncio.sleep(0.1)
            monkeypatch.setenv(VARIABLE, json.dumps({**connection, "extra": {"workspace_id": "another"}}))
            await self.workspace_becomes(hook, "another")
            assert (await under_way).id == cid
            async with shared_hook(CONN) as joined:
                assert joined is hook
        async with asyncio.timeout(10):
            while asyncio.all_tasks() != {asyncio.current_task()}:  # noqa: ASYNC110 - the last look at the connection may be under way
                await asyncio.sleep(0.01)

    async def test_one_that_is_gone_or_broken_for_a_while_stays_what_it_was(
        self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, nothing_left_open: None
    ) -> None:
        cid = sandbox.add_campaign("Watched")
        connection = json.loads(sandbox.airflow_connection)

        async with shared_hook(CONN) as hook:
            for broken in ({**connection, "password": ""}, None):
                if broken is None:
                    monkeypatch.delenv(VARIABLE)
                else:
                    monkeypatch.setenv(VARIABLE, json.dumps(broken))
                await asyncio.sleep(0.2)
                assert (await hook.aget_campaign(cid)).id == cid
            monkeypatch.setenv(VARIABLE, json.dumps({**connection, "extra": {"workspace_id": "another"}}))
            await self.workspace_becomes(hook, "another")

    async def test_is_looked_up_on_behalf_of_no_wait(
        self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, nothing_left_open: None
    ) -> None:
        """On Airflow 2.11 the wait that opened the hook had a line a minute in its log, also after its end."""
        looked_up: list[str] = []
        look_up = InstantlyHook._alook_up

        async def noted(hook: InstantlyHook) -> Any:
            looked_up.append(LOGS_FOR.get())
            return await look_up(hook)

        monkeypatch.setattr(InstantlyHook, "_alook_up", noted)
        LOGS_FOR.set("a wait")

        async with shared_hook(CONN) as hook:
            await hook.aget_conn()
            await asyncio.sleep(0.2)

        opening, *later = looked_up
        assert opening == "a wait"
        assert set(later) == {"the triggerer"}

    async def test_one_that_was_broken_at_first_is_used_once_it_is_fixed(
        self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, nothing_left_open: None
    ) -> None:
        cid = sandbox.add_campaign("Watched")
        monkeypatch.delenv(VARIABLE)

        async with shared_hook(CONN) as hook:
            with pytest.raises(InstantlyConfigurationError):
                await hook.aget_campaign(cid)
            await asyncio.sleep(0.1)
            monkeypatch.setenv(VARIABLE, sandbox.airflow_connection)
            assert (await hook.aget_campaign(cid)).id == cid


def session_of(hook: Any) -> Any:
    """The HTTP session of a hook that has made a request."""
    return hook._async._session._session
