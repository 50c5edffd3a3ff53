"""What aiohttp gets to see of an answer, and what it does with its connection."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.answer_reader import BrokenAnswerError
from airflow_provider_instantly.api.endpoint import Endpoint
from airflow_provider_instantly.api.environment import Environment
from airflow_provider_instantly.api.over_aiohttp import AiohttpSession
from airflow_provider_instantly.api.sending import Sending
from tests.unit.api.conftest import CAMPAIGN_ID, GOOD_BODY, http_answer
from tests.unit.patience import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.api.conftest import RawServer, Received

READ = operations.get_campaign(CAMPAIGN_ID)


@pytest.fixture
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """What the event loop would log of errors that no one asked for. There must be none."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: found.append(context))
    yield found
    assert found == []


@pytest.fixture
async def session(raw_server: RawServer, complaints: list[dict[str, Any]]) -> AsyncIterator[AiohttpSession]:
    """A session for the raw server."""
    environment = Environment(raw_server.url, {}, True, None)
    found = AiohttpSession(Endpoint(raw_server.url, "a-key", timeout=20.0), environment)
    yield found
    await found.close()


async def send(session: AiohttpSession, seconds: float = 20.0) -> Sending:
    """Send a request, and return what was noted of it."""
    sending = Sending("GET", seconds)
    await session.send(READ, sending)
    return sending


async def test_what_is_noted(session: AiohttpSession) -> None:
    first, second = await send(session), await send(session)
    assert first.whole_answer.body == second.whole_answer.body == GOOD_BODY
    assert (first.has_left, first.is_reused) == (True, False)
    assert (second.has_left, second.is_reused) == (True, True)


async def test_our_errors_come_through_and_nothing_is_sent_twice(
    session: AiohttpSession, raw_server: RawServer
) -> None:
    """By itself, aiohttp sends a GET again where a server closes without an answer."""
    raw_server.reply = lambda request: request.close()
    sending = Sending("GET", 20.0)
    with pytest.raises(BrokenAnswerError, match="the server closed the connection"):
        await session.send(READ, sending)
    assert len(raw_server.received) == 1
    assert not sending.is_stale


async def test_what_is_said_unasked_ends_the_connection(session: AiohttpSession, raw_server: RawServer) -> None:
    await send(session)
    raw_server.received[0].send(http_answer(b'{"id": "another", "status": -1}'))
    await asyncio.to_thread(wait_until, lambda: 0 in raw_server.left)
    assert (await send(session)).whole_answer.body == GOOD_BODY
    assert raw_server.connections == 2


async def test_idle_connections_can_be_closed_and_busy_ones_stay(
    session: AiohttpSession, raw_server: RawServer
) -> None:
    await send(session)
    may_answer = threading.Event()

    def reply(request: Received) -> None:
        may_answer.wait(10)
        request.send(http_answer())

    raw_server.reply = reply
    busy = asyncio.create_task(send(session))
    await asyncio.to_thread(wait_until, lambda: len(raw_server.received) == 2)
    session.close_idle()
    may_answer.set()
    assert (await busy).is_reused
    session.close_idle()
    assert not (await send(session)).is_reused


async def test_a_cancelled_request_leaves_no_trace(session: AiohttpSession, raw_server: RawServer) -> None:
    raw_server.reply = lambda request: None
    task = asyncio.create_task(send(session))
    await asyncio.to_thread(wait_until, lambda: bool(raw_server.received))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    raw_server.reply = lambda request: request.send(http_answer())
    assert not (await send(session)).is_reused


async def test_an_answer_that_comes_too_late_is_not_the_next_ones(
    session: AiohttpSession, raw_server: RawServer
) -> None:
    raw_server.reply = lambda request: None
    with pytest.raises(BrokenAnswerError, match="took too long"):
        await send(session, seconds=0.1)
    raw_server.received[0].send(http_answer(b'{"id": "another", "status": -1}'))
    raw_server.reply = lambda request: request.send(http_answer())
    assert (await send(session)).whole_answer.body == GOOD_BODY
    assert raw_server.connections == 2


async def test_requests_at_once_do_not_mix_their_answers(session: AiohttpSession, raw_server: RawServer) -> None:
    all_here = threading.Barrier(8, timeout=10)

    def reply(request: Received) -> None:
        all_here.wait()
        request.send(http_answer(b'{"n": "%d"}' % request.connection))

    raw_server.reply = reply
    found = await asyncio.gather(*(send(session) for _ in range(8)))
    assert sorted(one.whole_answer.body for one in found) == [b'{"n": "%d"}' % number for number in range(8)]
