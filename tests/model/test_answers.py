"""Whatever a server answers is a value or an error of our own tree, soon: in the parsers, and over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_instantly.api import answers, operations, retry
from airflow_provider_instantly.api.answers import Answer
from airflow_provider_instantly.api.campaign import Campaign, SendingStatus
from airflow_provider_instantly.api.endpoint import Endpoint
from airflow_provider_instantly.api.errors import InstantlyError, InstantlyRequestError
from airflow_provider_instantly.api.transport import AsyncTransport, SyncTransport
from airflow_provider_instantly.waits.ending import result_of_event
from airflow_provider_instantly.waits.goal import Goal
from airflow_provider_instantly.waits.reader import Reader
from airflow_provider_instantly.waits.result import WaitResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.api.protocol import Request

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
KEY = "c2VjcmV0OnVubWlzdGFrYWJsZQ=="
NOW = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
REQUESTS = [
    operations.get_campaign(CAMPAIGN_ID),
    operations.activate_campaign(CAMPAIGN_ID),
    operations.pause_campaign(CAMPAIGN_ID),
    operations.get_sending_status(CAMPAIGN_ID),
    operations.list_campaigns(),
    operations.get_workspace(),
]

WORDS = ["id", "name", "status", "not_sending_status", "campaign_schedule", "email_list", "schedules", "timing", "from"]
WORDS += ["to", "days", "timezone", "start_date", "end_date", "items", "next_starting_after", "message", "error", "0"]
WORDS += ["diagnostics", "summary", "status_message"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([CAMPAIGN_ID, "09:00", "24:00", "9:5", "2026-02-30", "9999-12-31", "0001-01-01", "Etc/GMT+12"]),
    st.sampled_from(["Asia/Rangoon", "../../etc/passwd", "Mars/Base", "\ud800", "\x00", "healthy", KEY, KEY.lower()]),
)
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), inner, max_size=8),
    ),
    max_leaves=25,
)
SCHEDULES = st.fixed_dictionaries(
    {},
    optional={
        "start_date": VALUES,
        "end_date": VALUES,
        "schedules": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "name": VALUES,
                    "timing": st.one_of(VALUES, st.fixed_dictionaries({}, optional={"from": VALUES, "to": VALUES})),
                    "days": st.one_of(VALUES, st.dictionaries(st.sampled_from("01234567"), VALUES, max_size=8)),
                    "timezone": VALUES,
                },
            ),
            max_size=3,
        ),
    },
)
CAMPAIGNS = st.one_of(
    DOCUMENTS,
    st.fixed_dictionaries(
        {"status": st.one_of(st.integers(-99, 9), VALUES)},
        optional={"id": VALUES, "name": VALUES, "campaign_schedule": SCHEDULES, "email_list": DOCUMENTS},
    ),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    CAMPAIGNS.map(lambda document: json.dumps(document).encode()),
    CAMPAIGNS.map(lambda document: json.dumps(document).encode("utf-16")),
    DOCUMENTS.map(lambda document: json.dumps({"items": [document], "next_starting_after": "x"}).encode()),
    st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b'{"status":' + b"9" * 9_000 + b"}", b"NaN"]),
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "content-type", "content-length", "content-encoding", "x"]),
    st.one_of(st.text(max_size=30), st.sampled_from(["5", "-1", "1e999", "Fri, 31 Dec 9999 23:59:59 GMT", "٣"])),
    max_size=3,
)
#: `make soak` tries so many times more.
TIMES = 20 if os.environ.get("SOAK") else 1
PATIENT = settings(max_examples=300 * TIMES, deadline=20_000, suppress_health_check=list(HealthCheck))


@PATIENT
@given(st.sampled_from(REQUESTS), st.integers(100, 599), HEADERS, BODIES)
def test_every_answer_is_an_object_or_an_error_of_ours(
    request: Request, status: int, headers: dict[str, str], body: bytes
) -> None:
    outcome = _outcome(
        lambda: answers.read_answer(request, Answer(status, headers, body), api_key=KEY, now=NOW),
    )

    if not isinstance(outcome, dict):
        assert isinstance(outcome, InstantlyRequestError), repr(outcome)
        for text in (str(outcome), repr(outcome), repr(outcome.__dict__)):
            assert KEY.rstrip("=") not in text
            assert text.isprintable()
        assert retry.pause_before_retry(outcome, 3, 1.0) <= retry.MAX_RETRY_AFTER + 1.0


@PATIENT
@given(CAMPAIGNS)
def test_every_object_is_a_campaign_with_or_without_a_status(document: Any) -> None:
    if not isinstance(document, dict):
        document = {"campaign_schedule": document, "status": document, "email_list": document}
    campaign = Campaign.from_api(document)
    window = campaign.schedule.next_sending_window(NOW)

    assert campaign.title.isprintable()
    assert window is None or window.opens < window.closes
    assert campaign.schedule.is_sending_time(NOW) in (True, False)
    json.dumps([campaign.name, campaign.sending_accounts]).encode()
    assert SendingStatus.from_api(document).reason.isprintable()


@PATIENT
@given(st.lists(st.one_of(DOCUMENTS, st.just(None)), min_size=1, max_size=6))
def test_a_list_of_anything_is_read_to_an_end(pages: list[Any]) -> None:
    """The pages come round again and again, as from a service that repeats itself."""
    wanted = [CAMPAIGN_ID, CAMPAIGN_ID.replace("0", "1"), CAMPAIGN_ID.replace("0", "2")]
    answers = itertools.cycle(page if isinstance(page, dict) else InstantlyRequestError("no answer") for page in pages)

    seen = _read(Reader().read(wanted), itertools.islice(answers, 20))

    assert seen.keys() == set(wanted)
    assert all(isinstance(each, Campaign | InstantlyError) for each in seen.values())


def _read(steps: Any, answers: Iterator[Any]) -> Any:
    """Hand a read all it asks for; where the answers do not suffice, it asks too often."""
    next(steps)
    try:
        for answer in answers:
            steps.send(answer)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it asks without end")


@PATIENT
@given(st.one_of(DOCUMENTS, st.fixed_dictionaries({"campaigns": DOCUMENTS})))
def test_an_event_of_anything_is_no_success(event: Any) -> None:
    from airflow_provider_instantly.exceptions import CampaignWaitError

    with pytest.raises(CampaignWaitError):
        result_of_event(event, Goal(), [CAMPAIGN_ID])
    with pytest.raises(ValueError, match=r".+"):
        WaitResult.from_json(Goal(), [CAMPAIGN_ID], event)


# Over real sockets


class Liar:
    """A server that answers every request with the bytes that it is given, and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.settimeout(2)
                    while b"\r\n\r\n" not in connection.recv(65_536):
                        pass
                    connection.sendall(self.answer)
                except OSError:
                    continue


@contextmanager
def lying_server() -> Iterator[Liar]:
    liar = Liar()
    try:
        yield liar
    finally:
        liar.socket.close()


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    with lying_server() as server:
        yield server


STATUS_LINES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"HTTP/1.1 200 OK", b"HTTP/1.0 429 Slow", b"HTTP/1.1 99 ?", b"HTTP/1.1 999 ?", b"HTTP/9.9 200 OK", b"HTTP/1.1"]
    ),
)
HEADER_LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"Content-Length: 5",
                b"Content-Length: -1",
                b"Content-Length: 99999999999999999999",
                b"Content-Length: five",
                b"Transfer-Encoding: chunked",
                b"Transfer-Encoding: gzip, chunked",
                b"Content-Encoding: gzip",
                b"Content-Encoding: deflate",
                b"Content-Encoding: br",
                b"Content-Encoding: zstd",
                b"Content-Type: application/json; charset=no-such",
                b"Location: http://127.0.0.1:1/",
                b"Location: \xff\xfe",
                b"Set-Cookie: a=b; domain=.",
                b"Retry-After: 5",
                b"Connection: upgrade",
                b"Upgrade: h2c",
                b"X: " + b"y" * 70_000,
            ]
        ),
    ),
    max_size=5,
)
PAYLOADS = st.one_of(
    BODIES,
    st.sampled_from([b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\nhello", b"-5\r\nhello\r\n", b"ffffffffffffffffff\r\nx", b""]),
)


@settings(max_examples=250 * TIMES, deadline=None, suppress_health_check=list(HealthCheck))
@given(STATUS_LINES, HEADER_LINES, PAYLOADS, st.sampled_from(REQUESTS))
def test_every_answer_on_the_wire_is_an_object_or_an_error_of_ours(
    liar: Liar, status_line: bytes, headers: list[bytes], payload: bytes, request: Request
) -> None:
    liar.answer = b"\r\n".join([status_line, *headers, b"", payload])
    endpoint = Endpoint(liar.url, KEY, timeout=1.0, max_retries=0)
    began = monotonic()

    with SyncTransport(endpoint) as transport:
        sync = _outcome(lambda: transport.call(request))
    asynchronous = _outcome(lambda: asyncio.run(_acall(endpoint, request)))

    assert monotonic() - began < 10
    for outcome in (sync, asynchronous):
        assert isinstance(outcome, dict | InstantlyError), repr(outcome)


def _outcome(call: Any) -> Any:
    try:
        return call()
    except Exception as error:
        return error


async def _acall(endpoint: Endpoint, request: Request) -> Any:
    async with AsyncTransport(endpoint) as transport:
        return await transport.call(request)
