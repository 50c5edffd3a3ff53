"""
Both transports over real sockets, against a server that does whatever a test wants.

Each test runs twice, with `requests` and with aiohttp, and expects the same of both.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import ipaddress
import json
import os
import re
import socket
import ssl
import threading
import time
import traceback
import zlib
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_instantly.api import operations, protocol, retry
from airflow_provider_instantly.api.answers import MAX_ANSWER_BYTES
from airflow_provider_instantly.api.endpoint import Endpoint
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    AnswerTooLargeError,
    InstantlyBadRequestError,
    InstantlyConfigurationError,
    InstantlyConnectionError,
    InstantlyError,
    InstantlyRateLimitError,
    InstantlyRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.retry import TimeBudget
from airflow_provider_instantly.api.transport import AsyncTransport, SyncTransport
from tests.unit.api.answers import answers
from tests.unit.api.conftest import CAMPAIGN_ID, GOOD_BODY, KilledError, http_answer
from tests.unit.patience import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = base64.b64encode(b"019e18e2-a521-7bb9-9dd6-45f1bc69dcd1:sEcReT?>~secret").decode()
READ = operations.get_campaign(CAMPAIGN_ID)
ACTIVATE = operations.activate_campaign(CAMPAIGN_ID)
PAUSE = operations.pause_campaign(CAMPAIGN_ID)
LIST = operations.list_campaigns(search="é &=?", tag_ids=["a", "b"])
GOOD = json.loads(GOOD_BODY)
#: Seconds; long enough for a busy machine to answer at once, short enough to wait for.
TIMEOUT = 0.2
PATIENT = 20.0


@pytest.fixture(autouse=True)
def _kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may stand still between two requests for longer than the 15 s that aiohttp keeps a connection."""
    monkeypatch.setattr(aiohttp, "TCPConnector", partial(aiohttp.TCPConnector, keepalive_timeout=600))


def chunked(body: bytes, *, end: bytes = b"\r\n0\r\n\r\n") -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + f"{len(body):x}\r\n".encode() + body + end


def call(transport: SyncTransport | AsyncTransport, request: protocol.Request, **more: Any) -> Any:
    """Make one request with a transport, and close it."""
    if isinstance(transport, SyncTransport):
        with transport:
            return transport.call(request, **more)

    async def acall() -> Any:
        async with transport:
            return await transport.call(request, **more)

    return asyncio.run(acall())


class Speaker:
    """
    Makes requests through one of the transports, and returns what came of each: the answer, or the error.

    :param name: which of them.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, endpoint: Endpoint, *requests: protocol.Request, max_retries: int = 0) -> list[Any]:
        """Make the requests one after the other on one transport."""
        speak = self._synchronously if self.name == "sync" else self._asynchronously
        return speak(endpoint, requests, max_retries)

    def ask(self, endpoint: Endpoint, request: protocol.Request = READ, *, max_retries: int = 0) -> Any:
        """Make one request."""
        return self(endpoint, request, max_retries=max_retries)[0]

    @staticmethod
    def _synchronously(endpoint: Endpoint, requests: tuple[protocol.Request, ...], max_retries: int) -> list[Any]:
        found: list[Any] = []
        with SyncTransport(endpoint) as transport:
            for request in requests:
                try:
                    found.append(transport.call(request, max_retries=max_retries))
                except InstantlyError as error:
                    found.append(error)
        return found

    @staticmethod
    def _asynchronously(endpoint: Endpoint, requests: tuple[protocol.Request, ...], max_retries: int) -> list[Any]:
        async def all_of_them() -> list[Any]:
            found: list[Any] = []
            async with AsyncTransport(endpoint) as transport:
                for request in requests:
                    try:
                        found.append(await transport.call(request, max_retries=max_retries))
                    except InstantlyError as error:
                        found.append(error)
            return found

        return asyncio.run(all_of_them())


@pytest.fixture(params=["sync", "async"])
def speak(request: pytest.FixtureRequest) -> Speaker:
    """One of the two transports."""
    return Speaker(request.param)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may have a proxy or certificates of its own."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


def endpoint_of(server: Any, **more: Any) -> Endpoint:
    url = server if isinstance(server, str) else server.url
    return Endpoint(url, KEY, **{"timeout": PATIENT, "user_agent": "us/1 airflow/2 python/3", **more})


class TestWhatIsSent:
    @pytest.mark.parametrize("request_", [ACTIVATE, PAUSE], ids=["activate", "pause"])
    def test_a_change_has_no_body_and_no_content_type(self, speak: Speaker, raw_server: Any, request_: Any) -> None:
        assert speak.ask(endpoint_of(raw_server), request_) == GOOD

        (sent,) = raw_server.received
        assert sent.line == f"POST /api/v2{request_.path} HTTP/1.1"
        assert sent.body == b""
        assert "content-type" not in sent.headers
        assert "transfer-encoding" not in sent.headers
        assert sent.headers.get("content-length", "0") == "0"

    def test_the_headers(self, speak: Speaker, raw_server: Any) -> None:
        speak.ask(endpoint_of(raw_server), READ)

        (sent,) = raw_server.received
        assert sent.line == f"GET /api/v2/campaigns/{CAMPAIGN_ID} HTTP/1.1"
        assert sent.headers["authorization"] == f"Bearer {KEY}"
        assert sent.headers["user-agent"] == "us/1 airflow/2 python/3"
        assert sent.headers["cache-control"] == "no-cache"
        assert sent.headers["accept"] == "application/json"
        assert sent.headers["host"] == f"127.0.0.1:{raw_server.port}"
        assert "gzip" in sent.headers["accept-encoding"]
        assert "x-as-workspace" not in sent.headers
        assert "cookie" not in sent.headers
        assert "content-type" not in sent.headers
        assert KEY not in sent.line

    def test_each_header_is_sent_once(self, speak: Speaker, raw_server: Any) -> None:
        speak.ask(endpoint_of(raw_server, workspace_id="w-1"), ACTIVATE)
        head = raw_server.received[0].raw.lower()
        for name in (b"authorization", b"user-agent", b"accept", b"x-as-workspace", b"host"):
            assert head.count(b"\r\n" + name + b":") == 1

    def test_an_agency_names_the_workspace(self, speak: Speaker, raw_server: Any) -> None:
        speak.ask(endpoint_of(raw_server, workspace_id="w-1"), ACTIVATE)
        assert raw_server.received[0].headers["x-as-workspace"] == "w-1"

    def test_a_query_is_encoded(self, speak: Speaker, raw_server: Any) -> None:
        from urllib.parse import parse_qs, urlsplit

        speak.ask(endpoint_of(raw_server), LIST)
        target = raw_server.received[0].line.split()[1]
        assert target.isascii()
        assert parse_qs(urlsplit(target).query) == {"limit": ["100"], "search": ["é &=?"], "tag_ids": ["a,b"]}

    @pytest.mark.parametrize("cursor", ["a&b=c#d", "é", "%41+ ", "x" * 2_000])
    def test_a_cursor_arrives_as_it_is(self, speak: Speaker, raw_server: Any, cursor: str) -> None:
        from urllib.parse import parse_qs, urlsplit

        speak.ask(endpoint_of(raw_server), operations.list_campaigns(starting_after=cursor))
        target = raw_server.received[0].line.split()[1]
        assert parse_qs(urlsplit(target).query)["starting_after"] == [cursor]

    def test_a_base_url_may_have_a_path(self, speak: Speaker, raw_server: Any) -> None:
        speak.ask(endpoint_of(f"{raw_server.url}/gateway"), READ)
        assert raw_server.received[0].line.startswith("GET /gateway/api/v2/campaigns/")

    def test_a_netrc_is_never_used(
        self, speak: Speaker, raw_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in (".netrc", "_netrc"):
            (tmp_path / name).write_text("default login a-user password something\n")
            (tmp_path / name).chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        speak.ask(endpoint_of(raw_server), READ)
        assert raw_server.received[0].headers["authorization"] == f"Bearer {KEY}"

    def test_cookies_are_not_kept(self, speak: Speaker, raw_server: Any) -> None:
        raw_server.reply = lambda request: request.send(http_answer(Set_Cookie="session=1; Path=/"))
        speak(endpoint_of(raw_server), READ, READ)
        assert ["cookie" in sent.headers for sent in raw_server.received] == [False, False]


class TestConnections:
    def test_they_are_reused(self, speak: Speaker, raw_server: Any) -> None:
        assert speak(endpoint_of(raw_server), READ, ACTIVATE, LIST, READ) == [GOOD] * 4
        assert len(raw_server.received) == 4
        assert raw_server.connections == 1

    def test_an_error_does_not_cost_the_connection(self, speak: Speaker, raw_server: Any) -> None:
        raw_server.reply = lambda request: request.send(http_answer(b'{"message": "x"}', 500))
        speak(endpoint_of(raw_server), READ, READ, READ)
        assert (len(raw_server.received), raw_server.connections) == (3, 1)

    def test_one_that_the_server_closed_is_replaced(self, speak: Speaker, raw_server: Any) -> None:
        raw_server.reply = lambda request: (request.send(http_answer(Connection="close")), request.close())
        assert speak(endpoint_of(raw_server), ACTIVATE, ACTIVATE) == [GOOD, GOOD]
        assert raw_server.connections == 2

    def test_a_time_over_does_not_shorten_the_next_answers_time(self, speak: Speaker, raw_server: Any) -> None:
        def reply(request: Any) -> None:
            time.sleep(1)
            request.send(http_answer())

        raw_server.reply = reply
        assert speak(endpoint_of(raw_server, timeout=2.5), READ, READ, READ) == [GOOD] * 3
        assert raw_server.connections == 1

    def test_a_closed_transport_opens_again(self, raw_server: Any) -> None:
        transport = SyncTransport(endpoint_of(raw_server))
        assert transport.call(READ) == GOOD
        transport.close()
        transport.close()
        assert transport.call(READ) == GOOD
        transport.close()
        assert raw_server.connections == 2

    async def test_a_closed_async_transport_opens_again(self, raw_server: Any) -> None:
        transport = AsyncTransport(endpoint_of(raw_server))
        assert await transport.call(READ) == GOOD
        await transport.close()
        await transport.close()
        assert await transport.call(READ) == GOOD
        await transport.close()
        assert raw_server.connections == 2

    async def test_many_calls_at_once(self, raw_server: Any) -> None:
        async with AsyncTransport(endpoint_of(raw_server)) as transport:
            assert await asyncio.gather(*(transport.call(READ) for _ in range(30))) == [GOOD] * 30

    async def test_a_cancelled_call_is_cancelled_and_not_repeated(self, raw_server: Any) -> None:
        raw_server.reply = lambda request: None
        async with AsyncTransport(endpoint_of(raw_server)) as transport:
            call = asyncio.create_task(transport.call(ACTIVATE, max_retries=5))
            await asyncio.to_thread(wait_until, lambda: bool(raw_server.received))
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert len(raw_server.received) == 1


BOMB_SIZE = 300_000_000


def _bomb() -> bytes:
    """Far more than is accepted, packed to a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(b'{"status": 1, "x": "'), *(packer.compress(b"x" * 1_000_000) for _ in range(300))]
    return b"".join([*packed, packer.flush()])


def _send(*pieces: bytes, close: bool = False) -> Callable[[Any], None]:
    def reply(request: Any) -> None:
        for piece in pieces:
            request.send(piece)
        if close:
            request.close()

    return reply


def _reset_in_the_middle(request: Any) -> None:
    request.send(http_answer()[:70])
    time.sleep(0.05)
    request.reset()


CONNECTION, UNEXPECTED = InstantlyConnectionError, InstantlyUnexpectedAnswerError
LARGE = b'{"status": 1, "x": "' + b"x" * (MAX_ANSWER_BYTES + 1) + b'"}'

#: What a server does, and what comes of it: an answer (None), or the kind of error that a read ends in.
BEHAVIOURS: dict[str, tuple[Callable[[Any], Any], type[InstantlyRequestError] | None]] = {
    "good": (_send(http_answer()), None),
    "gzip": (_send(http_answer(gzip.compress(GOOD_BODY), Content_Encoding="gzip")), None),
    "deflate": (_send(http_answer(zlib.compress(GOOD_BODY), Content_Encoding="deflate")), None),
    "chunked": (_send(chunked(GOOD_BODY)), None),
    "no length": (_send(b"HTTP/1.1 200 OK\r\n\r\n" + GOOD_BODY, close=True), None),
    "HTTP/1.0": (_send(b"HTTP/1.0 200 OK\r\n\r\n" + GOOD_BODY, close=True), None),
    "100 Continue first": (_send(b"HTTP/1.1 100 Continue\r\n\r\n" + http_answer()), None),
    "102 first": (_send(b"HTTP/1.1 102 Processing\r\n\r\n" + http_answer()), None),
    "103 first, twice": (_send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2, http_answer()), None),
    "x-gzip": (_send(http_answer(gzip.compress(GOOD_BODY), Content_Encoding="x-gzip")), None),
    "one length twice": (_send(http_answer(X=f"y\r\nContent-Length: {len(GOOD_BODY)}")), None),
    "two lengths": (_send(http_answer(X="y\r\nContent-Length: 1")), CONNECTION),
    "gzip twice": (
        _send(http_answer(gzip.compress(gzip.compress(GOOD_BODY)), Content_Encoding="gzip, gzip")),
        UNEXPECTED,
    ),
    "Brotli": (_send(http_answer(b"\x8b\x03\x80{}\x03", Content_Encoding="br")), UNEXPECTED),
    "Zstandard": (_send(http_answer(b"(\xb5/\xfd \x02\x11\0\0{}", Content_Encoding="zstd")), UNEXPECTED),
    "an error in Brotli": (_send(http_answer(b"\x8b\x03\x80{}\x03", 503, Content_Encoding="br")), InstantlyServerError),
    "a header without a colon": (_send(http_answer(X="y\r\nno colon")), CONNECTION),
    "a chunk of -1": (
        _send(chunked(GOOD_BODY).replace(f"{len(GOOD_BODY):x}".encode(), b"-1", 1), close=True),
        CONNECTION,
    ),
    "bytes that are no ASCII in a header": (_send(http_answer(X_Name="\xff\xfe")), None),
    "another content type": (_send(http_answer(Content_Type="text/html")), None),
    "lower-case headers": (_send(http_answer().replace(b"Content-Length", b"content-length")), None),
    "no content": (_send(b"HTTP/1.1 204 No Content\r\n\r\n"), UNEXPECTED),
    "HTML": (_send(http_answer(b"<html></html>")), UNEXPECTED),
    "half a gzip": (_send(http_answer(gzip.compress(GOOD_BODY)[:-12], Content_Encoding="gzip")), UNEXPECTED),
    "truncated JSON": (_send(http_answer(GOOD_BODY[:-2])), UNEXPECTED),
    "redirect": (_send(http_answer(b"", 302, Location="/elsewhere")), UNEXPECTED),
    "too large, announced": (_send(http_answer(LARGE)), AnswerTooLargeError),
    "too large, not announced": (_send(chunked(LARGE)), AnswerTooLargeError),
    "too large once unpacked": (_send(http_answer(_bomb(), Content_Encoding="gzip")), AnswerTooLargeError),
    "an error that is too large": (_send(http_answer(LARGE, 500)), UNEXPECTED),
    "500": (_send(http_answer(b'{"message": "x"}', 500)), InstantlyServerError),
    "503 in HTML": (_send(http_answer(b"<html>", 503)), InstantlyServerError),
    "429": (_send(http_answer(b"{}", 429, Retry_After="7")), InstantlyRateLimitError),
    "429 with two wishes": (_send(http_answer(b"{}", 429, Retry_After="1\r\nRetry-After: 2")), InstantlyRateLimitError),
    "a long header": (_send(http_answer(X_Long="x" * 20_000)), None),
    "no gzip though announced": (_send(http_answer(b"nonsense", Content_Encoding="gzip")), CONNECTION),
    "a bad chunk": (_send(chunked(GOOD_BODY).replace(b"\r\n\r\n", b"\r\n\r\nzz", 1), close=True), CONNECTION),
    "a cut chunk": (_send(chunked(GOOD_BODY, end=b"")[:-20], close=True), CONNECTION),
    "less than announced": (_send(http_answer(Content_Length="500"), close=True), CONNECTION),
    "closed at once": (_send(close=True), CONNECTION),
    "reset at once": (lambda request: request.reset(), CONNECTION),
    "reset in the middle": (_reset_in_the_middle, CONNECTION),
    "another protocol": (_send(b"SSH-2.0-OpenSSH_9.6\r\n", close=True), CONNECTION),
    "no status": (_send(b"HTTP/1.1 abc\r\n\r\n", close=True), CONNECTION),
    "an endless header": (_send(http_answer(X_Long="x" * 100_000)), CONNECTION),
}


class TestBothAlike:
    """The same bytes mean the same, whichever library read them."""

    @pytest.mark.parametrize("behaviour", BEHAVIOURS)
    @pytest.mark.parametrize("request_", [READ, ACTIVATE], ids=["read", "activate"])
    def test_every_behaviour_of_a_server(
        self, speak: Speaker, raw_server: Any, behaviour: str, request_: protocol.Request
    ) -> None:
        reply, kind = BEHAVIOURS[behaviour]
        raw_server.reply = reply
        outcome = speak.ask(endpoint_of(raw_server), request_)

        if kind is None:
            assert outcome["status"] == 1
        elif request_.only_reads or kind is InstantlyRateLimitError:
            assert type(outcome) is kind
        else:
            assert type(outcome) is AmbiguousOutcomeError
            assert type(outcome.__cause__) is kind
        assert len(raw_server.received) == 1
        if isinstance(outcome, InstantlyConnectionError):
            assert not outcome.never_sent
            assert outcome.status is None

    @pytest.mark.parametrize("behaviour", BEHAVIOURS)
    def test_every_error_says_the_same(self, raw_server: Any, behaviour: str) -> None:
        raw_server.reply = BEHAVIOURS[behaviour][0]
        outcomes = [Speaker(name).ask(endpoint_of(raw_server)) for name in ("sync", "async")]
        assert _comparable(outcomes[0]) == _comparable(outcomes[1])

    def test_a_rate_limit_tells_how_long(self, speak: Speaker, raw_server: Any) -> None:
        raw_server.reply = BEHAVIOURS["429"][0]
        assert speak.ask(endpoint_of(raw_server)).retry_after == 7

    def test_two_wishes_are_none(self, speak: Speaker, raw_server: Any) -> None:
        raw_server.reply = BEHAVIOURS["429 with two wishes"][0]
        assert speak.ask(endpoint_of(raw_server)).retry_after is None


def _comparable(outcome: Any) -> Any:
    """What came of a request, so that two of them can be compared in all that they say."""
    return (type(outcome), str(outcome), vars(outcome)) if isinstance(outcome, Exception) else outcome


class TestWhateverComes:
    """For every answer that bytes can make, both transports give the same value or the same error."""

    @settings(
        max_examples=int(os.environ.get("ANSWERS", "150")),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(came=answers(), cut=st.floats(min_value=0, max_value=1))
    def test_both_make_the_same_of_it(self, raw_server: Any, came: bytes, cut: float) -> None:
        place = int(cut * len(came))
        raw_server.reply = _send(came[:place], came[place:], close=True)
        endpoint = endpoint_of(raw_server)
        for request in (READ, ACTIVATE):
            raw_server.received.clear()
            first, second = (Speaker(name).ask(endpoint, request) for name in ("sync", "async"))
            assert _comparable(first) == _comparable(second)
            assert len(raw_server.received) == 2
            assert isinstance(first, dict | InstantlyRequestError)

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(came=answers())
    def test_what_follows_an_answer_is_no_answer_to_the_next_request(self, raw_server: Any, came: bytes) -> None:
        """A good answer, and with it bytes that were not asked for."""
        raw_server.reply = _send(http_answer() + came)
        endpoint = endpoint_of(raw_server)
        for name in ("sync", "async"):
            assert Speaker(name)(endpoint, READ, READ) == [GOOD, GOOD]


class TestLargeAnswers:
    @pytest.mark.parametrize("status", [b"200 OK", b"302 Found\r\nLocation: /elsewhere"])
    def test_they_are_not_read_on(self, speak: Speaker, raw_server: Any, status: bytes) -> None:
        sent = []
        head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 9000000000\r\n\r\n"

        def reply(request: Any) -> None:
            request.send(head)
            sent.append(request.send_while_wanted(b"x" * 1_000_000, 0, raw_server.stop))

        raw_server.reply = reply
        outcome = speak.ask(endpoint_of(raw_server))
        assert "larger than 10 MB" in str(outcome)
        wait_until(lambda: bool(sent))
        # What lies in the buffers of both sides was sent too.
        assert 10 <= sent[0] < 60

    @pytest.mark.parametrize("size", [b"-1", b"FFFFFFFFFFFF", b"-80000000"])
    def test_nor_is_a_chunk_that_never_ends(self, speak: Speaker, raw_server: Any, size: bytes) -> None:
        sent = []

        def reply(request: Any) -> None:
            request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
            sent.append(request.send_while_wanted(b"x" * 1_000_000, 0, raw_server.stop))

        raw_server.reply = reply
        outcome = speak.ask(endpoint_of(raw_server))
        assert isinstance(outcome, AnswerTooLargeError | InstantlyConnectionError)
        wait_until(lambda: bool(sent))
        assert sent[0] < 60

    def test_one_that_is_packed_is_not_unpacked_to_its_end(self, speak: Speaker, raw_server: Any) -> None:
        import tracemalloc

        raw_server.reply = BEHAVIOURS["too large once unpacked"][0]
        speak.ask(endpoint_of(raw_server))
        tracemalloc.start()
        try:
            outcome = speak.ask(endpoint_of(raw_server))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert "larger than 10 MB" in str(outcome)
        assert peak < 6 * MAX_ANSWER_BYTES


class TestTime:
    """However a server stalls, a call ends."""

    @pytest.mark.parametrize(
        ("beginning", "drop"),
        [
            (b"", b""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x"),
            (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
            (b"HTTP/1.1 200 ", b"O"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0", b"n"),
        ],
        ids=[
            "silence",
            "silence after the headers",
            "a dripping body",
            "a dripping header",
            "a dripping status line",
            "interim answers without end",
            "a dripping chunk size",
            "dripping chunks",
            "a dripping gzip header",
        ],
    )
    def test_a_server_that_stalls(self, speak: Speaker, raw_server: Any, beginning: bytes, drop: bytes) -> None:
        def reply(request: Any) -> None:
            request.send(beginning)
            request.send_while_wanted(drop, 0.05, raw_server.stop)

        raw_server.reply = reply
        began = time.monotonic()
        outcome = speak.ask(endpoint_of(raw_server, timeout=TIMEOUT), ACTIVATE)
        elapsed = time.monotonic() - began

        assert type(outcome) is AmbiguousOutcomeError
        assert type(outcome.__cause__) is InstantlyConnectionError
        assert TIMEOUT * 0.9 <= elapsed < 2 * TIMEOUT + 1.5
        # The server may have been slower than the client's patience.
        wait_until(lambda: raw_server.received)
        assert len(raw_server.received) == 1

    def test_one_that_never_accepts_was_sent_nothing(self, speak: Speaker) -> None:
        with _full_listener() as port:
            outcome = speak.ask(endpoint_of(f"http://127.0.0.1:{port}", timeout=TIMEOUT), ACTIVATE)
        assert type(outcome) is InstantlyConnectionError
        assert outcome.never_sent
        assert "could not be reached: the host did not answer in time, so nothing was sent." in outcome.message

    def test_one_that_never_shakes_hands(self, speak: Speaker, raw_server: Any) -> None:
        began = time.monotonic()
        url = raw_server.url.replace("http:", "https:")
        outcome = speak.ask(endpoint_of(url, timeout=TIMEOUT), READ)
        assert type(outcome) is InstantlyConnectionError
        assert time.monotonic() - began < 2 * TIMEOUT + 1.5
        assert raw_server.received == []


class TestNothingSent:
    """Only where nothing can have been sent is a change sent again."""

    def test_a_refused_connection(self, speak: Speaker) -> None:
        outcome = speak.ask(endpoint_of(f"http://127.0.0.1:{_free_port()}"), ACTIVATE)
        assert type(outcome) is InstantlyConnectionError
        assert outcome.never_sent
        assert "nothing was sent" in outcome.message
        assert outcome.advice == "Check the connection's Base URL, and the way to it from this machine."
        assert (outcome.method, outcome.path) == ("POST", ACTIVATE.path)

    def test_it_names_the_host_that_refused(self, speak: Speaker) -> None:
        port = _free_port()
        outcome = speak.ask(endpoint_of(f"http://127.0.0.1:{port}/gateway"), ACTIVATE)
        assert outcome.message.startswith(
            f"127.0.0.1:{port} could not be reached: the host refused the connection, so nothing was sent. ("
        )

    def test_a_name_that_does_not_resolve(self, speak: Speaker) -> None:
        outcome = speak.ask(endpoint_of("https://no-such-host.invalid"), ACTIVATE)
        assert type(outcome) is InstantlyConnectionError
        assert outcome.never_sent
        assert outcome.message.startswith(
            "no-such-host.invalid could not be reached: the host's name is not known here, so nothing was sent."
        )

    @pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..example"])
    def test_a_name_that_is_none(self, speak: Speaker, host: str) -> None:
        assert type(speak.ask(endpoint_of(f"https://{host}"))) is InstantlyConnectionError

    def test_a_refused_connection_is_tried_again(self, speak: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retry, "BACKOFF_BASE", 0.001)
        outcome = speak.ask(endpoint_of(f"http://127.0.0.1:{_free_port()}"), ACTIVATE, max_retries=3)
        assert type(outcome) is InstantlyConnectionError

    def test_a_rate_limit_is_waited_for_and_tried_again(
        self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retry, "BACKOFF_BASE", 0.001)
        answers = iter([http_answer(b"{}", 429), http_answer(b"{}", 429), http_answer()])
        raw_server.reply = lambda request: request.send(next(answers))
        assert speak.ask(endpoint_of(raw_server), ACTIVATE, max_retries=2) == GOOD
        assert len(raw_server.received) == 3

    @pytest.mark.parametrize("answer", [http_answer(b"{}", 429), http_answer(b"{}", 429, Retry_After="44")])
    def test_the_log_is_not_silent_in_a_task_that_waits_long(
        self,
        raw_server: Any,
        answer: bytes,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A task was silent for a minute and a half, and then its execution timeout gave no reason."""
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        raw_server.reply = lambda request: request.send(answer)
        with SyncTransport(endpoint_of(raw_server)) as transport, pytest.raises(InstantlyRateLimitError):
            transport.call(ACTIVATE, max_retries=1)
        written = [record.getMessage() for record in caplog.records if record.name.endswith("api.transport")]
        assert len(written) == sum(seconds >= 5 for seconds in slept) >= 1
        for line in written:
            assert re.match(r"POST /campaigns/\S+/activate is sent again in \d+ s: The workspace's rate limit is", line)

    @pytest.mark.parametrize("kind", [SyncTransport, AsyncTransport])
    def test_an_answer_that_does_not_come_takes_half_of_the_time_that_is_left(self, raw_server: Any, kind: Any) -> None:
        raw_server.reply = lambda request: raw_server.stop.wait(PATIENT)
        budget = TimeBudget(5.0)
        began = time.monotonic()
        with pytest.raises(InstantlyConnectionError, match="took too long"):
            call(kind(endpoint_of(raw_server, timeout=PATIENT), budget=budget), READ, max_retries=0)
        took = time.monotonic() - began
        assert 2.5 <= took < 4
        assert budget.left == pytest.approx(5.0 - took, abs=0.3)

    @pytest.mark.parametrize("kind", [SyncTransport, AsyncTransport])
    @pytest.mark.parametrize(
        ("came", "advice"),
        [
            (None, "If it happens often, raise timeout in the connection's extra."),
            (b"", "If it goes on, ask Instantly."),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "If it goes on, ask Instantly."),
            (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "Check that the connection's Base URL is Instantly's; a proxy may have"),
        ],
        ids=["silence", "nothing", "a part", "SSH"],
    )
    def test_more_time_is_advised_only_where_there_was_too_little(
        self, raw_server: Any, kind: Any, came: bytes | None, advice: str
    ) -> None:
        """So it was where another service listens at the Base URL, too."""

        def reply(request: Any) -> None:
            if came is None:
                raw_server.stop.wait(PATIENT)
            else:
                request.send(came)
                request.close()

        raw_server.reply = reply
        with pytest.raises(InstantlyConnectionError) as caught:
            call(kind(endpoint_of(raw_server, timeout=0.3 if came is None else PATIENT)), READ, max_retries=0)
        assert caught.value.what.startswith("The connection to Instantly broke before a whole answer came.")
        assert caught.value.advice.startswith(advice)

    @pytest.mark.parametrize("kind", [SyncTransport, AsyncTransport])
    def test_where_no_time_is_left_a_service_that_is_well_still_answers(self, raw_server: Any, kind: Any) -> None:
        raw_server.reply = lambda request: request.send(http_answer())
        assert call(kind(endpoint_of(raw_server), budget=TimeBudget(-9.0)), READ) == GOOD

    @pytest.mark.parametrize("kind", [SyncTransport, AsyncTransport])
    def test_no_pause_is_made_for_which_no_time_is_left(self, raw_server: Any, kind: Any) -> None:
        raw_server.reply = lambda request: request.send(http_answer(b"{}", 429, Retry_After="60"))
        with pytest.raises(InstantlyRateLimitError):
            call(kind(endpoint_of(raw_server), budget=TimeBudget(12.0)), READ, max_retries=4)
        assert len(raw_server.received) == 1

    def test_the_endpoint_says_how_often(
        self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retry, "BACKOFF_BASE", 0.001)
        raw_server.reply = lambda request: request.send(http_answer(b"{}", 503))
        endpoint = endpoint_of(raw_server, max_retries=2)
        if speak.name == "sync":
            with SyncTransport(endpoint) as transport, pytest.raises(InstantlyServerError):
                transport.call(READ)
        else:

            async def call() -> None:
                async with AsyncTransport(endpoint) as transport:
                    await transport.call(READ)

            with pytest.raises(InstantlyServerError):
                asyncio.run(call())
        assert len(raw_server.received) == 3

    @pytest.mark.parametrize("behaviour", ["closed at once", "reset at once", "reset in the middle", "500", "HTML"])
    def test_a_change_whose_outcome_is_unknown_is_sent_once(
        self, speak: Speaker, raw_server: Any, behaviour: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retry, "BACKOFF_BASE", 0.001)
        raw_server.reply = BEHAVIOURS[behaviour][0]
        assert type(speak.ask(endpoint_of(raw_server), ACTIVATE, max_retries=5)) is AmbiguousOutcomeError
        assert len(raw_server.received) == 1

    def test_not_even_on_a_connection_that_was_used_before(self, speak: Speaker, raw_server: Any) -> None:
        def reply(request: Any) -> None:
            request.send(http_answer()) if len(raw_server.received) == 1 else request.close()

        raw_server.reply = reply
        first, second = speak(endpoint_of(raw_server), READ, ACTIVATE, max_retries=5)
        assert first == GOOD
        assert type(second) is AmbiguousOutcomeError
        assert [sent.line.split()[0] for sent in raw_server.received] == ["GET", "POST"]


class TestKeptConnections:
    """A server closes a connection that was idle for a while, just when the next request is on its way."""

    @staticmethod
    def _closing(raw_server: Any, end: Callable[[Any], None], *, kept: int = 1) -> None:
        """Each of the first connections answers once, and ends at its second request; all later ones are fine."""
        seen: set[int] = set()

        def reply(request: Any) -> None:
            is_first = request.connection not in seen
            seen.add(request.connection)
            request.send(http_answer()) if is_first or request.connection >= kept else end(request)

        raw_server.reply = reply

    @pytest.mark.parametrize("end", [_send(close=True), lambda request: request.reset()], ids=["closed", "reset"])
    def test_a_read_goes_out_again_at_once_on_a_new_one(
        self, speak: Speaker, raw_server: Any, end: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retry, "BACKOFF_BASE", 1_000_000.0)
        self._closing(raw_server, end)
        assert speak(endpoint_of(raw_server), READ, READ, READ, max_retries=0) == [GOOD] * 3
        assert [sent.connection for sent in raw_server.received] == [0, 0, 1, 1]

    def test_a_change_does_not(self, speak: Speaker, raw_server: Any) -> None:
        self._closing(raw_server, _send(close=True))
        outcome = speak(endpoint_of(raw_server), READ, ACTIVATE, max_retries=5)[1]
        assert type(outcome) is AmbiguousOutcomeError
        assert len(raw_server.received) == 2

    @pytest.mark.parametrize(("max_retries", "sent"), [(0, 2), (1, 2), (2, 3), (4, 5)])
    def test_that_is_once_and_counts_as_a_retry(
        self, speak: Speaker, raw_server: Any, max_retries: int, sent: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retry, "BACKOFF_BASE", 0.001)
        raw_server.reply = lambda request: (
            request.send(http_answer()) if len(raw_server.received) == 1 else request.close()
        )
        first, second = speak(endpoint_of(raw_server), READ, READ, max_retries=max_retries)
        assert first == GOOD
        assert type(second) is InstantlyConnectionError
        assert len(raw_server.received) == 1 + sent

    def test_a_byte_of_an_answer_is_an_answer(self, speak: Speaker, raw_server: Any) -> None:
        self._closing(raw_server, _send(b"H", close=True))
        assert type(speak(endpoint_of(raw_server), READ, READ)[1]) is InstantlyConnectionError
        assert len(raw_server.received) == 2

    def test_silence_is_not_asked_twice(self, speak: Speaker, raw_server: Any) -> None:
        self._closing(raw_server, lambda request: None)
        assert type(speak(endpoint_of(raw_server, timeout=0.5), READ, READ)[1]) is InstantlyConnectionError
        wait_until(lambda: len(raw_server.received) > 1)
        assert len(raw_server.received) == 2

    async def test_the_new_one_is_none_that_was_kept(self, raw_server: Any) -> None:
        arrived: list[Any] = []

        def reply(request: Any) -> None:
            """Wait for all five, so that each has a connection of its own."""
            arrived.append(request)
            if len(arrived) == 5:
                for each in arrived:
                    each.send(http_answer())

        raw_server.reply = reply
        async with AsyncTransport(endpoint_of(raw_server)) as transport:
            assert await asyncio.gather(*(transport.call(READ) for _ in range(5))) == [GOOD] * 5
            raw_server.reply = lambda request: (
                request.close() if request.connection < 5 else request.send(http_answer())
            )
            assert await transport.call(READ, max_retries=0) == GOOD
        assert len(raw_server.received) == 7
        assert raw_server.received[-1].connection == 5


class TestRedirects:
    @pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
    @pytest.mark.parametrize("request_", [READ, ACTIVATE], ids=["read", "activate"])
    @pytest.mark.parametrize(
        "target",
        [
            "{other}/api/v2/campaigns",
            "//127.0.0.1:{port}/api/v2/campaigns",
            "http://localhost:{port}/",
            "http://user:word@127.0.0.1:{port}/",
            "http://127.0.0.1:{own}@127.0.0.1:{port}/",
            "/api/v2/campaigns/elsewhere",
        ],
    )
    def test_they_are_never_followed(
        self, speak: Speaker, raw_server: Any, other_server: Any, status: int, request_: Any, target: str
    ) -> None:
        location = target.format(other=other_server.url, port=other_server.port, own=raw_server.port)
        raw_server.reply = lambda request: request.send(http_answer(b"", status, Location=location))
        outcome = speak.ask(endpoint_of(raw_server), request_)

        error = outcome if request_.only_reads else outcome.__cause__
        assert type(error) is InstantlyUnexpectedAnswerError
        assert outcome.status == status
        assert "it was not followed" in outcome.message
        assert len(raw_server.received) == 1
        assert other_server.connections == 0


class TestSignals:
    @pytest.mark.parametrize("request_", [READ, ACTIVATE], ids=["read", "activate"])
    def test_an_error_that_is_none_of_a_connection_passes(
        self, speak: Speaker, raw_server: Any, request_: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def feed(*_: Any) -> bool:
            raise KilledError

        monkeypatch.setattr("airflow_provider_instantly.api.sending.Sending.feed", feed)
        with pytest.raises(KilledError):
            speak.ask(endpoint_of(raw_server), request_, max_retries=3)
        assert len(raw_server.received) == 1


class TestProxies:
    @pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
    def test_the_environments_is_used(
        self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, raw_server.url)
        assert speak.ask(endpoint_of("http://instantly.invalid"), ACTIVATE) == GOOD
        (sent,) = raw_server.received
        assert sent.line == f"POST http://instantly.invalid/api/v2{ACTIVATE.path} HTTP/1.1"
        assert sent.headers["host"] == "instantly.invalid"

    def test_it_may_be_written_without_a_scheme(
        self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", raw_server.url.removeprefix("http://"))
        assert speak.ask(endpoint_of("http://instantly.invalid")) == GOOD

    def test_it_may_want_a_password(self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", raw_server.url.replace("http://", "http://me:pass%40word@"))
        assert speak.ask(endpoint_of("http://instantly.invalid")) == GOOD
        headers = raw_server.received[0].headers
        assert headers["proxy-authorization"] == f"Basic {base64.b64encode(b'me:pass@word').decode()}"
        assert headers["authorization"] == f"Bearer {KEY}"

    @pytest.mark.parametrize("exempt", ["127.0.0.1", "localhost,127.0.0.1", "*", "127.0.0.0/8"])
    @pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
    def test_no_proxy_is_honoured(
        self,
        speak: Speaker,
        raw_server: Any,
        other_server: Any,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        exempt: str,
    ) -> None:
        monkeypatch.setenv("http_proxy", other_server.url)
        monkeypatch.setenv(name, exempt)
        assert speak.ask(endpoint_of(raw_server)) == GOOD
        assert len(raw_server.received) == 1
        assert other_server.connections == 0

    def test_no_proxy_is_for_those_that_it_names(
        self, speak: Speaker, raw_server: Any, other_server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", other_server.url)
        monkeypatch.setenv("no_proxy", "127.0.0.2,example.com")
        speak.ask(endpoint_of(raw_server))
        assert len(other_server.received) == 1
        assert raw_server.connections == 0

    def test_it_never_sees_the_key_of_an_encrypted_request(
        self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("https_proxy", raw_server.url)
        raw_server.reply = _send(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", close=True)
        outcome = speak.ask(endpoint_of("https://instantly.invalid"))
        assert type(outcome) is InstantlyConnectionError
        (sent,) = raw_server.received
        assert sent.line.startswith("CONNECT instantly.invalid:443 HTTP/1.")
        assert KEY.encode() not in sent.raw
        assert b"authorization" not in sent.raw.lower()

    def test_one_that_drips_ends_too(self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", raw_server.url)
        raw_server.reply = lambda request: request.send_while_wanted(b"H", 0.05, raw_server.stop)
        began = time.monotonic()
        outcome = speak.ask(endpoint_of("https://instantly.invalid", timeout=TIMEOUT))
        assert type(outcome) is InstantlyConnectionError
        assert time.monotonic() - began < 2 * TIMEOUT + 1.5

    @pytest.mark.parametrize("scheme", ["http", "https"])
    @pytest.mark.parametrize("request_", [READ, ACTIVATE], ids=["read", "activate"])
    def test_one_that_wants_a_login_is_an_error_that_says_where_to_put_it(
        self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch, scheme: str, request_: Any
    ) -> None:
        monkeypatch.setenv(f"{scheme}_proxy", raw_server.url.replace("http://", "http://me:sesame@"))
        raw_server.reply = _send(http_answer(b"<html>", 407, Proxy_Authenticate="Basic realm=sesame"), close=True)
        outcome = speak.ask(endpoint_of(f"{scheme}://instantly.invalid"), request_, max_retries=5)
        assert type(outcome) is InstantlyConfigurationError
        assert f"The proxy that {scheme}_proxy names wants a login" in str(outcome)
        assert "Nothing was sent to Instantly" in str(outcome)
        assert "sesame" not in "".join(traceback.format_exception(outcome))
        assert len(raw_server.received) == 1

    def test_a_407_without_a_proxy_is_a_refusal(self, speak: Speaker, raw_server: Any) -> None:
        raw_server.reply = _send(http_answer(b"{}", 407))
        assert type(speak.ask(endpoint_of(raw_server))) is InstantlyBadRequestError

    def test_one_that_makes_no_tunnel_was_sent_nothing(
        self, speak: Speaker, raw_server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("https_proxy", raw_server.url)
        raw_server.reply = _send(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", close=True)
        outcome = speak.ask(endpoint_of("https://instantly.invalid"), ACTIVATE)
        assert type(outcome) is InstantlyConnectionError
        assert outcome.never_sent
        assert outcome.message.startswith(
            "instantly.invalid could not be reached through the proxy that https_proxy names (127.0.0.1): the proxy "
            "answered HTTP 502, so nothing was sent."
        )

    def test_one_that_refuses_was_sent_nothing(self, speak: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", f"http://me:sesame@127.0.0.1:{_free_port()}")
        outcome = speak.ask(endpoint_of("http://instantly.invalid"), ACTIVATE)
        assert type(outcome) is InstantlyConnectionError
        assert outcome.never_sent
        assert outcome.message.startswith(
            "instantly.invalid could not be reached through the proxy that http_proxy names (127.0.0.1): the proxy "
            "refused the connection, so nothing was sent."
        )
        assert "sesame" not in str(outcome)

    def test_one_whose_name_is_not_known(self, speak: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://no-such-proxy.invalid:3128")
        outcome = speak.ask(endpoint_of("http://instantly.invalid"), ACTIVATE)
        assert type(outcome) is InstantlyConnectionError
        assert "names (no-such-proxy.invalid): the proxy's name is not known here, so nothing" in outcome.message

    @pytest.mark.parametrize("proxy", ["http://me:sesame@[bad", "http://me:sesame@h:99999", "http://"])
    def test_a_malformed_one_is_an_error_that_quotes_nothing(
        self, speak: Speaker, monkeypatch: pytest.MonkeyPatch, proxy: str
    ) -> None:
        monkeypatch.setenv("http_proxy", proxy)
        outcome = speak.ask(endpoint_of("http://instantly.invalid"))
        assert type(outcome) is InstantlyConfigurationError
        assert "What http_proxy says is not the URL of a proxy. Nothing was sent" in str(outcome)
        assert "sesame" not in "".join(traceback.format_exception(outcome))

    @pytest.mark.parametrize("proxy", ["socks5://me:sesame@127.0.0.1:1", "gopher://me:sesame@h"])
    def test_both_say_which_they_cannot_use(self, speak: Speaker, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
        monkeypatch.setattr("airflow_provider_instantly.api.environment.find_spec", lambda name: None)
        monkeypatch.setenv("http_proxy", proxy)
        outcome = speak.ask(endpoint_of("http://instantly.invalid"), ACTIVATE)
        assert type(outcome) is InstantlyConfigurationError
        assert "Nothing was sent to Instantly" in str(outcome)
        assert "http_proxy" in str(outcome)
        assert "sesame" not in str(outcome)

    @pytest.mark.parametrize("proxy", ["socks5://me:sesame@127.0.0.1:1", "gopher://me:sesame@h"])
    async def test_the_triggerer_says_which_it_cannot_use(self, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
        monkeypatch.setenv("http_proxy", proxy)
        async with AsyncTransport(endpoint_of("http://instantly.invalid")) as transport:
            with pytest.raises(InstantlyConfigurationError, match="neither an http:// nor an https:// one") as caught:
                await transport.call(READ)
        assert "sesame" not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is signed by itself only, with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = serialization.Encoding.PEM
    unencrypted = serialization.NoEncryption()
    file.write_bytes(signed.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unencrypted))
    return file


class TestTls:
    @pytest.fixture
    def tls_server(self, raw_server: Any, certificate: Path) -> Iterator[Any]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = type(raw_server)(context)
        yield server
        server.close()

    def test_a_certificate_that_is_not_trusted_is_refused_before_anything_is_sent(
        self, speak: Speaker, tls_server: Any
    ) -> None:
        outcome = speak.ask(endpoint_of(tls_server), ACTIVATE)
        assert type(outcome) is InstantlyConnectionError
        assert outcome.never_sent
        assert "could not be reached: its certificate is not trusted here" in outcome.message
        assert "REQUESTS_CA_BUNDLE" in outcome.sentences[1]
        assert tls_server.received == []

    def test_a_service_that_speaks_none_gets_a_hint_to_the_scheme(self, speak: Speaker) -> None:
        """So it is with the sandbox where the Base URL is written without http://."""
        with _plain_listener() as port:
            outcome = speak.ask(endpoint_of(f"https://127.0.0.1:{port}"))
        assert type(outcome) is InstantlyConnectionError
        assert outcome.never_sent
        assert "could not be reached: the TLS handshake failed, so nothing was sent." in outcome.message
        assert "A Base URL without a scheme means https://." in outcome.sentences[1]

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_a_company_may_have_certificates_of_its_own(
        self, speak: Speaker, tls_server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, str(certificate))
        assert speak(endpoint_of(tls_server), ACTIVATE, READ) == [GOOD, GOOD]
        assert [sent.line.split()[0] for sent in tls_server.received] == ["POST", "GET"]
        assert tls_server.connections == 1

    def test_a_certificate_of_another_host_is_refused(
        self, speak: Speaker, tls_server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        outcome = speak.ask(endpoint_of(tls_server.url.replace("127.0.0.1", "localhost")))
        assert type(outcome) is InstantlyConnectionError
        assert tls_server.received == []

    def test_certificates_that_are_missing_are_an_error(
        self, speak: Speaker, tls_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        outcome = speak.ask(endpoint_of(tls_server), ACTIVATE)
        assert type(outcome) is InstantlyConfigurationError
        assert "REQUESTS_CA_BUNDLE" in str(outcome)
        assert "Nothing was sent" in str(outcome)
        assert tls_server.received == []

    def test_a_proxys_tunnel_is_kept_and_sees_nothing(
        self, speak: Speaker, tls_server: Any, raw_server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        monkeypatch.setenv("https_proxy", raw_server.url.replace("http://", "http://me:pass%40word@"))
        raw_server.reply = lambda request: request.tunnel_to(tls_server.port)
        assert speak(endpoint_of(tls_server), READ, ACTIVATE, LIST) == [GOOD] * 3
        assert [sent.line.split()[0] for sent in tls_server.received] == ["GET", "POST", "GET"]
        tunnel = raw_server.received[0]
        assert tunnel.line.startswith(f"CONNECT 127.0.0.1:{tls_server.port} ")
        assert tunnel.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'me:pass@word').decode()}"
        assert "authorization" not in tunnel.headers
        assert all("proxy-authorization" not in sent.headers for sent in tls_server.received)

    def test_a_stale_tunnel_is_made_again(
        self, speak: Speaker, tls_server: Any, raw_server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        monkeypatch.setenv("https_proxy", raw_server.url)
        raw_server.reply = lambda request: request.tunnel_to(tls_server.port)
        tls_server.reply = lambda request: (
            request.close() if len(tls_server.received) == 2 else request.send(http_answer())
        )
        assert speak(endpoint_of(tls_server), READ, READ, max_retries=0) == [GOOD] * 2
        assert [sent.connection for sent in tls_server.received] == [0, 0, 1]

    def test_an_encrypted_answer_has_a_deadline_too(
        self, speak: Speaker, tls_server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

        def reply(request: Any) -> None:
            request.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            request.send_while_wanted(b"x", 0.05, tls_server.stop)

        tls_server.reply = reply
        began = time.monotonic()
        assert type(speak.ask(endpoint_of(tls_server, timeout=TIMEOUT))) is InstantlyConnectionError
        assert time.monotonic() - began < 2 * TIMEOUT + 1.5


class TestKey:
    @pytest.mark.parametrize("behaviour", [name for name, (_, kind) in BEHAVIOURS.items() if kind is CONNECTION])
    def test_it_is_in_no_error(self, speak: Speaker, raw_server: Any, behaviour: str) -> None:
        raw_server.reply = BEHAVIOURS[behaviour][0]
        for outcome in speak(endpoint_of(raw_server), READ, ACTIVATE):
            shown = "".join(traceback.format_exception(outcome)) + repr(outcome) + repr(vars(outcome))
            assert KEY.rstrip("=") not in shown
            # Nor what the libraries had to say: it may quote headers, and a proxy's password.
            assert "urllib3" not in shown
            assert "aiohttp." not in shown

    def test_a_line_of_headers_that_echoes_it_is_in_no_log(
        self, speak: Speaker, raw_server: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        raw_server.reply = _send(http_answer(X=f"y\r\nno colon {KEY}"), http_answer(X=f"{KEY}"))
        outcome = speak.ask(endpoint_of(raw_server))
        assert KEY not in "".join(traceback.format_exception(outcome))
        assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
        assert KEY not in caplog.text

    def test_it_is_no_campaigns_name(self, speak: Speaker, raw_server: Any) -> None:
        document = {"id": CAMPAIGN_ID, "status": 1, "name": KEY, "items": [{"name": f"My {KEY.lower()}"}]}
        raw_server.reply = _send(http_answer(json.dumps(document).encode()))
        answer = speak.ask(endpoint_of(raw_server))
        assert answer == document | {"name": "***", "items": [{"name": "My ***"}]}

    def test_it_is_struck_out_of_an_answer(self, speak: Speaker, raw_server: Any) -> None:
        body = json.dumps({"message": f"Invalid key {KEY}"}).encode()
        raw_server.reply = lambda request: request.send(http_answer(body, 401))
        outcome = speak.ask(endpoint_of(raw_server))
        assert "Invalid key ***" in str(outcome)
        assert KEY not in "".join(traceback.format_exception(outcome))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _full_listener() -> Iterator[int]:
    """A port at which no connection is accepted, and whose queue is full: the way a host looks behind a firewall."""
    listener, waiting = socket.socket(), [socket.socket() for _ in range(8)]
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield int(listener.getsockname()[1])
    finally:
        for each in (*waiting, listener):
            each.close()


@contextmanager
def _plain_listener() -> Iterator[int]:
    """A port at which a service without TLS answers whatever it is sent."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
