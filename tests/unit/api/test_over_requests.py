"""What `requests` and urllib3 get to see of an answer, and what they do with its connection."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.answer_reader import BrokenAnswerError
from airflow_provider_instantly.api.endpoint import Endpoint
from airflow_provider_instantly.api.environment import Environment
from airflow_provider_instantly.api.over_requests import RequestsSession
from airflow_provider_instantly.api.sending import Sending
from tests.unit.api.conftest import CAMPAIGN_ID, GOOD_BODY, http_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.api.conftest import RawServer, Received

READ = operations.get_campaign(CAMPAIGN_ID)


def environment(url: str) -> Environment:
    """No proxy."""
    return Environment(url, {}, True, None)


@pytest.fixture
def session(raw_server: RawServer) -> Iterator[RequestsSession]:
    """A session for the raw server."""
    found = RequestsSession(Endpoint(raw_server.url, "a-key", timeout=20.0), environment(raw_server.url))
    yield found
    found.close()


def send(session: RequestsSession) -> Sending:
    """Send a request, and return what was noted of it."""
    sending = Sending("GET", 20.0)
    session.send(READ, sending)
    return sending


def test_what_is_noted(session: RequestsSession) -> None:
    first, second = send(session), send(session)
    assert first.whole_answer.body == second.whole_answer.body == GOOD_BODY
    assert (first.has_left, first.is_reused) == (True, False)
    assert (second.has_left, second.is_reused) == (True, True)


def test_a_refused_connection_leaves_nothing() -> None:
    url = "http://127.0.0.1:1"
    sending = Sending("GET", 20.0)
    refused = RequestsSession(Endpoint(url, "a-key"), environment(url))
    with pytest.raises(OSError, match="refused"):
        refused.send(READ, sending)
    assert not sending.has_left


def test_our_errors_come_through_as_they_are(session: RequestsSession, raw_server: RawServer) -> None:
    raw_server.reply = lambda request: request.close()
    sending = Sending("GET", 20.0)
    with pytest.raises(BrokenAnswerError):
        session.send(READ, sending)
    assert sending.has_left
    assert not sending.is_stale


def test_what_was_said_unasked_ends_the_connection(session: RequestsSession, raw_server: RawServer) -> None:
    arrived = threading.Event()

    def reply(request: Received) -> None:
        request.send(http_answer())
        if request.connection == 0:
            request.send(http_answer(b'{"id": "another", "status": -1}'))
        arrived.set()

    raw_server.reply = reply
    send(session)
    assert arrived.wait(5)
    assert send(session).whole_answer.body == GOOD_BODY


def test_idle_connections_can_be_closed(session: RequestsSession, raw_server: RawServer) -> None:
    send(session)
    session.close_idle()
    assert not send(session).is_reused
    assert raw_server.connections == 2


def test_two_threads_do_not_mix_their_answers(session: RequestsSession, raw_server: RawServer) -> None:
    both = threading.Barrier(2, timeout=10)

    def reply(request: Received) -> None:
        both.wait()
        request.send(http_answer(b'{"n": "%d"}' % request.connection))

    raw_server.reply = reply
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(send(session).whole_answer.body)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(bodies) == [b'{"n": "0"}', b'{"n": "1"}']


def test_urllib3_has_nothing_to_log(
    session: RequestsSession, raw_server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It warns of headers that it cannot parse, and quotes them."""
    caplog.set_level("DEBUG")
    raw_server.reply = lambda request: request.send(http_answer(X="y\r\n secret folded\r\nSecret : secret"))
    sending = Sending("GET", 20.0)
    with pytest.raises(BrokenAnswerError):
        session.send(READ, sending)
    raw_server.reply = lambda request: request.send(http_answer(X_Secret="secret", Set_Cookie="secret=1"))
    send(session)
    assert "secret" not in caplog.text.lower()
    assert all(record.levelname == "DEBUG" for record in caplog.records)


def test_no_query_is_logged(session: RequestsSession, caplog: pytest.LogCaptureFixture) -> None:
    """The cursor of a list of accounts is a time and an address."""
    caplog.set_level("DEBUG")
    page = operations.list_accounts().with_parameters(starting_after="2026-06-30T21:45:12.714Z&ada@mail.example")
    session.send(page, Sending("GET", 20.0))
    assert "GET /api/v2/accounts HTTP" in caplog.text
    assert "ada" not in caplog.text


def test_what_others_log_stays_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    logging.getLogger("urllib3.connectionpool").debug("%s", "/theirs?a=b")
    assert "/theirs?a=b" in caplog.text
