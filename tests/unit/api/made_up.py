"""Requests, answers and errors for the tests of the protocol, and a transport that plays them."""

from __future__ import annotations

import base64
import math
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.answers import MAX_ANSWER_BYTES, Answer, read_answer
from airflow_provider_instantly.api.errors import (
    InstantlyError,
    InstantlyRequestError,
)
from airflow_provider_instantly.api.exchange import Pause, exchange
from airflow_provider_instantly.api.protocol import Request, Resource
from tests.unit.api.conftest import CAMPAIGN_ID, GOOD_BODY

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET = "sEcReT?>~secret"
KEY = base64.b64encode(f"019e18e2-a521-7bb9-9dd6-45f1bc69dcd1:{SECRET}".encode()).decode()
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


READ = operations.get_campaign(CAMPAIGN_ID)
SENDING_STATUS = operations.get_sending_status(CAMPAIGN_ID)
LIST = operations.list_campaigns()
WORKSPACE = operations.get_workspace()
ACTIVATE = operations.activate_campaign(CAMPAIGN_ID)
PAUSE = operations.pause_campaign(CAMPAIGN_ID)
REQUESTS = {
    "read": READ,
    "sending status": SENDING_STATUS,
    "list": LIST,
    "workspace": WORKSPACE,
    "activate": ACTIVATE,
    "pause": PAUSE,
}
READS = [READ, SENDING_STATUS, LIST, WORKSPACE]
WRITES = [ACTIVATE, PAUSE]
ON_A_CAMPAIGN = [READ, SENDING_STATUS, ACTIVATE, PAUSE]
WITH_A_CAMPAIGN = [READ, ACTIVATE, PAUSE]


OVERSIZED = GOOD_BODY[:-1] + b', "x": "' + b"x" * MAX_ANSWER_BYTES + b'"}'
ERROR_BODIES = {
    "JSON": b'{"statusCode": 999, "error": "Some Error", "message": "Some message"}',
    "HTML": b"<!DOCTYPE html><html><head><title>Error</title></head></html>",
    "truncated JSON": GOOD_BODY[:-3],
    "a list": b"[1, 2]",
    "a string": b'"Too many requests"',
    "null": b"null",
    "nothing": b"",
    "binary": b"\x80\x81\xff\x00",
    "deep nesting": b"[" * 200_000,
}


ECHOES = [
    KEY,
    f"Bearer {KEY}",
    KEY.rstrip("="),
    quote(KEY, safe=""),
    quote(KEY, safe="").lower(),
    KEY.replace("/", "\\/").replace("=", "\\u003d").replace("+", "\\u002B"),
    KEY.replace("=", "&#x3D;"),
    base64.b64decode(KEY).decode(),
    SECRET,
]


def answer(status: int = 200, body: bytes = GOOD_BODY, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def error_of(request: Request, reaction: Answer) -> InstantlyRequestError:
    with pytest.raises(InstantlyRequestError) as caught:
        read_answer(request, reaction, api_key=KEY, now=NOW)
    return caught.value


def made_up(method: str = "POST", *, only_reads: bool = True, **more: Any) -> Request:
    """An endpoint that Instantly does not have."""
    described = {"scope": "things:read", "resource": Resource("thing"), **more}
    return Request(method, "/things/search", only_reads=only_reads, **described)


def converse(
    request: Request, reactions: Iterable[Any], *, max_retries: int, jitter: float = 0.5
) -> tuple[int, list[float], Any]:
    """Play a transport. Returns how often the request was sent, the pauses, and what came of it."""
    steps = exchange(request, max_retries=max_retries, api_key=KEY, jitter=lambda: jitter)
    coming, sent, pauses = iter(reactions), 0, list[float]()
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                assert math.isfinite(step.seconds)
                pauses.append(step.seconds)
                step = steps.send(None)
            else:
                assert step == request
                sent += 1
                step = steps.send(next(coming))
    except StopIteration as stop:
        return sent, pauses, stop.value
    except InstantlyError as error:
        return sent, pauses, error


def assert_free_of_key(error: BaseException) -> None:
    shown = "\n".join(
        [str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
    )
    for part in (*ECHOES, KEY.lower()):
        assert part.rstrip("=") not in shown
