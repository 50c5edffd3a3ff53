"""Faults, as a client sees them on the wire."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests

from airflow_provider_instantly.sandbox.answers import Answer
from airflow_provider_instantly.sandbox.client import SandboxError
from airflow_provider_instantly.sandbox.faults import OversizeFault
from airflow_provider_instantly.sandbox.wire import Wire
from tests.unit.patience import wait_until

if TYPE_CHECKING:
    from starlette.types import Message

    from airflow_provider_instantly.sandbox.client import SandboxClient

LIST = "/api/v2/campaigns"


def raw(sandbox: SandboxClient, method: str, path: str) -> socket.socket:
    """A connection on which a request was just sent."""
    host, port = sandbox.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: raw\r\nAuthorization: Bearer {sandbox.api_key}\r\n"
    connection.sendall(f"{request}Content-Length: 0\r\n\r\n".encode())
    return connection


def everything(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received


def test_429_without_retry_after(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_fault("error", status=429)
    answer = api.get("/campaigns")
    assert answer.status_code == 429
    assert answer.json()["statusCode"] == 429
    assert "retry-after" not in answer.headers
    assert api.get("/campaigns").status_code == 200


def test_retry_after_in_seconds_as_a_date_and_as_nonsense(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_fault("error", status=429, retry_after=7)
    sandbox.add_fault("error", status=429, retry_after=30, retry_after_date=True)
    sandbox.add_fault("error", status=429, retry_after="-1e9, please")
    assert api.get("/campaigns").headers["retry-after"] == "7"
    date = parsedate_to_datetime(api.get("/campaigns").headers["retry-after"])
    assert 25 < date.timestamp() - time.time() <= 31
    assert api.get("/campaigns").headers["retry-after"] == "-1e9, please"


@pytest.mark.parametrize(
    ("kind", "content_type", "start"),
    [("json", "application/json", "{"), ("html", "text/html", "<!DOCTYPE html>"), ("empty", "text/html", "")],
)
def test_server_errors(sandbox: SandboxClient, api: Any, kind: str, content_type: str, start: str) -> None:
    sandbox.add_fault("error", status=502, format=kind)
    answer = api.get("/campaigns")
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith(content_type)
    assert answer.text.startswith(start)


@pytest.mark.parametrize("kind", ["json", "html", "empty"])
@pytest.mark.parametrize("status", [460, 499, 520, 599])
def test_a_status_without_a_name(sandbox: SandboxClient, api: Any, status: int, kind: str) -> None:
    """Gateways have some of their own. The sandbox answered 500, as it does where it fails."""
    sandbox.add_fault("error", status=status, format=kind)
    answer = api.get("/campaigns")
    assert answer.status_code == status
    if kind == "json":
        assert answer.json()["statusCode"] == status


@pytest.mark.parametrize(("moment", "activations"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("kind", ["error", "reset"])
def test_before_and_after_the_effect(
    sandbox: SandboxClient, api: Any, kind: str, moment: str, activations: int
) -> None:
    campaign = sandbox.add_campaign()
    sandbox.add_fault(kind, "*/activate", moment=moment)
    if kind == "reset":
        with pytest.raises(requests.ConnectionError):
            api.activate(campaign)
    else:
        assert api.activate(campaign).status_code == 503
    assert sandbox.activations(campaign) == activations
    assert api.status(campaign) == activations
    logged = sandbox.requests(path="*/activate")[-1]
    assert logged["fault"] == kind
    assert logged["effect"] == ("activated" if activations else None)
    assert logged["status"] == (None if kind == "reset" else 503)


def test_a_reset_is_a_tcp_reset_and_not_an_end(sandbox: SandboxClient) -> None:
    sandbox.add_fault("reset")
    with raw(sandbox, "GET", LIST) as connection, pytest.raises(ConnectionResetError):
        everything(connection)
    with raw(sandbox, "GET", "/_sandbox/health") as connection:
        assert connection.recv(8) == b"HTTP/1.1"


def test_a_reset_harms_no_other_connection(sandbox: SandboxClient, api: Any) -> None:
    assert api.get("/campaigns").status_code == 200
    sandbox.add_fault("reset", "*/activate")
    with raw(sandbox, "POST", f"{LIST}/x/activate") as connection, pytest.raises(ConnectionResetError):
        everything(connection)
    assert api.get("/campaigns").status_code == 200


@pytest.mark.parametrize("kind", ["reset", "truncate", "drip"])
def test_a_fault_for_a_client_that_is_gone_harms_no_other(sandbox: SandboxClient, api: Any, kind: str) -> None:
    campaign = sandbox.add_campaign()
    takes: dict[str, dict[str, Any]] = {
        "reset": {"moment": "after"},
        "truncate": {"announce_all": True},
        "drip": {"bytes_per_second": 1},
    }
    sandbox.add_fault(kind, "*/activate", delay=0.2, **takes[kind])
    with raw(sandbox, "POST", f"{LIST}/{campaign}/activate"):
        pass
    wait_until(lambda: sandbox.activations(campaign))
    time.sleep(0.3)
    assert sandbox.activations(campaign) == 1
    assert api.status(campaign) == 1


def test_a_client_that_leaves_in_a_flood_is_waited_for_until_the_server_knows() -> None:
    """Otherwise the server takes the answer for one that was forgotten halfway, and prints an error."""

    async def leave() -> None:
        known = asyncio.Event()

        async def receive() -> Message:
            await known.wait()
            return {"type": "http.disconnect"}

        async def send(_message: Message) -> None:
            pass

        transport = mock.Mock(asyncio.Transport)
        transport.is_closing.return_value = True
        wire = Wire(transport, asyncio.Event(), receive, send)
        answering = asyncio.create_task(wire.answer(Answer(200, b"{}"), OversizeFault(kind="oversize")))
        await asyncio.sleep(0.05)
        assert not answering.done()
        known.set()
        await asyncio.wait_for(answering, 10)

    asyncio.run(leave())


def test_a_request_that_breaks_off_has_no_effect(sandbox: SandboxClient, api: Any) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST {LIST} HTTP/1.1\r\nHost: x\r\nUser-Agent: raw\r\nAuthorization: Bearer {sandbox.api_key}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    time.sleep(0.1)
    assert api.get("/campaigns").json()["items"] == []
    assert [each["method"] for each in sandbox.requests()] == ["GET"]


def test_slow_answers(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    sandbox.add_fault("delay", "*/activate", delay=0.3)
    started = time.monotonic()
    assert api.activate(campaign).status_code == 200
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(("moment", "status"), [("before", 0), ("after", 1)])
def test_a_client_that_gives_up_waiting(sandbox: SandboxClient, api: Any, moment: str, status: int) -> None:
    campaign = sandbox.add_campaign()
    sandbox.add_fault("delay", "*/activate", delay=1.5, moment=moment)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{api.url}/campaigns/{campaign}/activate", headers=api.session.headers, timeout=(5, 0.25))
    assert sandbox.campaign(campaign)["status"] == status
    wait_until(lambda: sandbox.activations(campaign))
    assert sandbox.activations(campaign) == 1


def test_slow_bytes(sandbox: SandboxClient) -> None:
    sandbox.add_campaign()
    sandbox.add_fault("drip", bytes_per_second=600)
    with raw(sandbox, "GET", LIST) as connection:
        started = time.monotonic()
        head = connection.recv(65_536)
        assert head.startswith(b"HTTP/1.1 200")
        assert b"\r\n\r\n" in head
        received, pieces = head, 0
        while not received.endswith(b"}") or received.count(b"{") != received.count(b"}"):
            received += connection.recv(65_536)
            pieces += 1
    body = received.partition(b"\r\n\r\n")[2]
    assert json.loads(body)["items"]
    assert pieces > 3
    assert time.monotonic() - started >= 0.8 * len(body) / 600


def test_truncated_json_in_valid_http(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_campaign()
    sandbox.add_fault("truncate", keep=0.5)
    answer = api.get("/campaigns")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content) > 0
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_connection_that_ends_in_the_middle_of_a_body(sandbox: SandboxClient) -> None:
    sandbox.add_campaign()
    sandbox.add_fault("truncate", announce_all=True)
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=10)
    connection.request("GET", LIST, headers={"User-Agent": "x", "Authorization": f"Bearer {sandbox.api_key}"})
    with pytest.raises(http.client.IncompleteRead) as caught:
        connection.getresponse().read()
    assert len(caught.value.partial) > 0
    connection.close()


@pytest.mark.parametrize("announce", [True, False])
def test_an_oversized_body_is_valid_json(sandbox: SandboxClient, api: Any, announce: bool) -> None:
    sandbox.add_fault("oversize", size=2_000_000, announce=announce)
    answer = api.get("/campaigns")
    assert len(answer.content) == 2_000_000
    assert ("content-length" in answer.headers) is announce
    assert answer.json()["items"] == []


def test_a_body_that_is_small_until_it_is_unpacked(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_fault("oversize", size=2_000_000, gzip=True)
    answer = api.get("/campaigns", stream=True)
    packed = answer.raw.read(decode_content=False)
    assert len(packed) < 10_000
    assert len(gzip.decompress(packed)) == 2_000_000


@pytest.mark.parametrize("document", [[], None, "text", 7, True, {"items": 5}])
def test_json_that_is_not_what_it_should_be(sandbox: SandboxClient, api: Any, document: Any) -> None:
    sandbox.add_fault("body", json=document)
    assert api.get("/campaigns").json() == document


def test_text_in_place_of_json(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    sandbox.add_fault("body", "*/activate", text="<html>", content_type="text/html", status=200)
    answer = api.activate(campaign)
    assert (answer.text, answer.headers["content-type"]) == ("<html>", "text/html")
    assert sandbox.activations(campaign) == 1


def test_fields_of_wrong_types(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign("One")
    sandbox.add_fault("fields", fields={"status": "one", "name": None}, count=2)
    read = api.get(f"/campaigns/{campaign}").json()
    assert (read["status"], read["name"], read["id"]) == ("one", None, campaign)
    assert api.get("/campaigns").json()["items"][0]["status"] == "one"
    assert api.status(campaign) == 0


def test_fields_of_wrong_types_in_an_answer_that_is_a_list(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_accounts("sender@example.com")
    campaigns = sandbox.add_campaigns(2, fields={"email_list": ["sender@example.com"]})
    for campaign in campaigns:
        api.activate(campaign)
        api.post("/leads/add", json={"campaign_id": campaign, "leads": [{"email": "a@example.com"}]})
    sandbox.advance_clock(3600)
    sandbox.add_fault("fields", "*/analytics", fields={"leads_count": "one"})
    counted = api.get("/campaigns/analytics").json()
    assert {each["campaign_id"]: each["leads_count"] for each in counted} == dict.fromkeys(campaigns, "one")


def test_a_cursor_that_repeats(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_campaigns(3)
    sandbox.add_fault("repeat_cursor")
    first = api.get("/campaigns", params={"limit": 1}).json()["next_starting_after"]
    for _ in range(3):
        again = api.get("/campaigns", params={"limit": 1, "starting_after": first}).json()
        assert again["next_starting_after"] == first


def test_an_answer_without_pages_gets_no_cursor(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    sandbox.add_fault("repeat_cursor")
    assert api.get("/campaigns/analytics").json() == []
    assert "next_starting_after" not in api.get(f"/campaigns/{campaign}").json()


def test_a_redirect_has_no_effect(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    sandbox.add_fault("redirect", "*/activate", location="http://elsewhere.invalid/x", status=308)
    answer = api.post(f"/campaigns/{campaign}/activate", allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "http://elsewhere.invalid/x")
    assert sandbox.activations() == 0


def test_method_path_count_and_skip_choose_the_requests(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    sandbox.add_fault("error", f"/api/v2/campaigns/{campaign}", method="get", count=2, skip=1)
    codes = [api.get(f"/campaigns/{campaign}").status_code for _ in range(5)]
    assert codes == [200, 503, 503, 200, 200]
    sandbox.add_fault("error", "*/pause", method="POST")
    assert api.activate(campaign).status_code == 200
    assert api.post(f"/campaigns/{campaign}/pause").status_code == 503
    assert sandbox.faults() == []


def test_faults_hit_in_the_order_in_which_they_were_added(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_fault("error", status=500)
    sandbox.add_fault("error", status=502)
    sandbox.add_fault("error", status=504, count=None)
    assert [api.get("/campaigns").status_code for _ in range(4)] == [500, 502, 504, 504]
    sandbox.clear_faults()
    assert api.get("/campaigns").status_code == 200


def test_a_fault_comes_before_the_key_is_looked_at(sandbox: SandboxClient, api_with: Any) -> None:
    sandbox.add_fault("error")
    assert api_with(None).get("/campaigns").status_code == 503
    assert api_with(None).get("/campaigns").status_code == 401


def test_a_delay_goes_with_any_fault(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_fault("error", delay=0.2)
    started = time.monotonic()
    assert api.get("/campaigns").status_code == 503
    assert time.monotonic() - started >= 0.2


def test_faults_hit_neither_the_control_api_nor_the_page(sandbox: SandboxClient, api: Any) -> None:
    sandbox.add_fault("error", count=None)
    assert sandbox.health()["status"] == "ok"
    assert api.session.get(sandbox.url, timeout=10).status_code == 200


def test_latency_is_added_to_every_answer(sandbox: SandboxClient, api: Any) -> None:
    sandbox.set(latency=0.15)
    for _ in range(2):
        started = time.monotonic()
        api.get("/campaigns")
        assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "nonsense"},
        {"kind": "error", "status": 200},
        {"kind": "error", "invented": 1},
        {"kind": "error", "count": 0},
        {"kind": "delay"},
        {"kind": "truncate", "keep": 1},
        {"kind": "fields"},
        {"kind": "redirect"},
        {"kind": "drip", "bytes_per_second": 0},
        {"kind": "reset", "path": " "},
        {"kind": "reset", "path": "campaigns/*"},
    ],
)
def test_a_wrong_fault_is_refused(sandbox: SandboxClient, wrong: dict[str, Any]) -> None:
    with pytest.raises(SandboxError, match="refused POST /faults"):
        sandbox.add_fault(**wrong)
    assert sandbox.faults() == []
