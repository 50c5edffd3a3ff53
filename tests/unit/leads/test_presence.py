"""Who is there is read by e-mail, a hundred at once, over real HTTP."""

from __future__ import annotations

import http.server
import itertools
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import (
    InstantlyBadRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.leads.presence import present_in
from airflow_provider_instantly.leads.rows import LeadRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture
def hook(sandbox: SandboxClient) -> Iterator[InstantlyHook]:
    with InstantlyHook(max_retries=0) as hook:
        yield hook


def rows(count: int, first: int = 1) -> list[LeadRow]:
    return [LeadRow(n, {"email": f"person{n}@example.com"}) for n in range(first, first + count)]


def put(hook: InstantlyHook, campaign_id: str, there: list[LeadRow]) -> None:
    for begin in range(0, len(there), 1000):
        hook.add_leads([row.lead for row in there[begin : begin + 1000]], campaign_id=campaign_id)


@pytest.mark.parametrize("cursor", ["always", "full_page", "more", "empty"])
def test_the_rows_that_are_there(sandbox: SandboxClient, hook: InstantlyHook, cursor: str) -> None:
    campaign_id = sandbox.add_campaign()
    sandbox.set(cursor=cursor)
    put(hook, campaign_id, rows(120, first=50))
    sandbox.clear_requests()

    assert present_in(hook, {"campaign_id": campaign_id}, rows(250)) == set(range(50, 170))

    assert len(sandbox.requests(path="*/leads/list")) <= 2 * 3


@pytest.mark.parametrize("page", [{"items": [None]}, {"items": ["person1@example.com"], "next_starting_after": "c"}])
def test_what_is_no_lead_may_be_in_the_place_of_one(sandbox: SandboxClient, hook: InstantlyHook, page: Any) -> None:
    campaign_id = sandbox.add_campaign()
    sandbox.add_fault("body", "*/leads/list", json=page)
    with pytest.raises(InstantlyUnexpectedAnswerError, match="something that is no object") as caught:
        present_in(hook, {"campaign_id": campaign_id}, rows(3))
    assert "@" not in str(caught.value)


def test_a_list_that_repeats_itself_proves_no_absence(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign_id = sandbox.add_campaign()
    page = {"items": [{"email": "person1@example.com", "campaign": campaign_id}], "next_starting_after": "c"}
    sandbox.add_fault("body", "*/leads/list", json=page, count=None)
    with pytest.raises(InstantlyUnexpectedAnswerError, match="repeats itself"):
        present_in(hook, {"campaign_id": campaign_id}, rows(3))


def test_all_of_a_hundred_take_one_request(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign_id = sandbox.add_campaign()
    put(hook, campaign_id, rows(200))
    sandbox.clear_requests()

    assert len(present_in(hook, {"campaign_id": campaign_id}, rows(200))) == 200

    assert len(sandbox.requests(path="*/leads/list")) == 2


def test_a_request_that_is_too_large_is_halved(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign_id = sandbox.add_campaign()
    put(hook, campaign_id, rows(30))
    sandbox.set(max_body_bytes=500)
    assert present_in(hook, {"campaign_id": campaign_id}, rows(100)) == set(range(1, 31))


def test_an_address_that_is_too_large_is_an_error(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign_id = sandbox.add_campaign()
    sandbox.set(max_body_bytes=10)
    with pytest.raises(InstantlyBadRequestError) as caught:
        present_in(hook, {"campaign_id": campaign_id}, rows(2))
    assert caught.value.status == 413


def test_none_of_none_takes_no_request(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    assert present_in(hook, {"campaign_id": sandbox.add_campaign()}, []) == frozenset()
    assert sandbox.requests() == []


def test_those_of_another_campaign_are_not_there(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    here, elsewhere = sandbox.add_campaigns(2)
    put(hook, elsewhere, rows(3))
    assert present_in(hook, {"campaign_id": here}, rows(3)) == frozenset()


def test_a_page_that_cannot_be_read_is_no_absence(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign_id = sandbox.add_campaign()
    sandbox.add_fault("error", "*/leads/list", status=503)
    with pytest.raises(InstantlyServerError):
        present_in(hook, {"campaign_id": campaign_id}, rows(3))


def test_a_list_that_does_not_heed_the_addresses_proves_nothing(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign_id = sandbox.add_campaign()
    items = [
        {"id": campaign_id[:-4] + f"{n:04x}", "email": f"other{n}@example.com", "campaign": campaign_id}
        for n in range(100)
    ]
    sandbox.add_fault("body", "*/leads/list", json={"items": items})
    with pytest.raises(InstantlyUnexpectedAnswerError, match="not asked for"):
        present_in(hook, {"campaign_id": campaign_id}, rows(3))


@pytest.mark.parametrize("email", [None, "", 3, ["person1@example.com"]], ids=str)
def test_a_lead_without_an_address_may_be_anyone(sandbox: SandboxClient, hook: InstantlyHook, email: object) -> None:
    campaign_id = sandbox.add_campaign()
    items = [{"id": campaign_id, "email": email, "campaign": campaign_id}]
    sandbox.add_fault("body", "*/leads/list", json={"items": items})
    with pytest.raises(InstantlyUnexpectedAnswerError, match="without an address"):
        present_in(hook, {"campaign_id": campaign_id}, rows(3))


CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"


@contextmanager
def served(pages: Iterator[dict[str, Any]]) -> Iterator[str]:
    """A server that answers each request with the next page; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(next(pages)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_list_that_never_ends_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows the same person on each page, and each page has a cursor that no other had."""
    lead = {"id": CAMPAIGN_ID, "email": "person1@example.com", "campaign": CAMPAIGN_ID}
    asked = itertools.count()
    pages = ({"items": [lead], "next_starting_after": f"cursor {next(asked)}"} for _ in itertools.repeat(None, 1000))
    with served(pages) as url:
        connection = {"conn_type": "instantly", "host": url, "password": "a-key"}
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
        with InstantlyHook() as hook, pytest.raises(InstantlyUnexpectedAnswerError, match="again and again") as caught:
            present_in(hook, {"campaign_id": CAMPAIGN_ID}, rows(3))
    assert next(asked) <= 110
    assert "@" not in str(caught.value)
