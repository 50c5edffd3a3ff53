"""The control API, and who may use it."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_instantly.sandbox.client import SandboxClient, SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_a_thousand_campaigns_in_one_call(sandbox: SandboxClient, api: Any) -> None:
    ids = sandbox.add_campaigns(1000, "Bulk", script=[(0, "active")], status="paused")
    assert len(set(ids)) == 1000
    assert api.get(f"/campaigns/{ids[0]}").json()["name"] == "Bulk 1"
    assert sandbox.campaign(ids[-1])["name"] == "Bulk 1000"
    assert {each["status"] for each in sandbox.campaigns(limit=1000)} == {2}


def test_a_campaign_with_everything_set(sandbox: SandboxClient, api: Any) -> None:
    chosen = str(uuid.uuid4())
    sandbox.add_campaign(
        "Chosen", id=chosen, status=-1, not_sending_status=99, fields={"email_list": ["a@example.com"], "new_key": 1}
    )
    read = api.get(f"/campaigns/{chosen}").json()
    assert (read["status"], read["not_sending_status"]) == (-1, 99)
    assert (read["email_list"], read["new_key"]) == (["a@example.com"], 1)
    with pytest.raises(SandboxError, match="already"):
        sandbox.add_campaign(id=chosen)


def test_fields_can_be_changed_and_removed(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(fields={"daily_limit": 5})
    sandbox.set_fields(campaign, daily_limit=None, name="Renamed", invented=[1])
    read = api.get(f"/campaigns/{campaign}").json()
    assert "daily_limit" not in read
    assert (read["name"], read["invented"]) == ("Renamed", [1])


@pytest.mark.parametrize(
    ("given", "standing"),
    [({"status": "active"}, (1, None)), ({"not_sending_status": 2}, (-1, 2)), ({"fields": {"name": "x"}}, (-1, 99))],
)
def test_a_status_is_set_with_its_reason_and_ends_the_script(
    sandbox: SandboxClient, given: dict[str, Any], standing: tuple[int, int | None]
) -> None:
    campaign = sandbox.add_campaign(script=[(0, "accounts_unhealthy", 99), (10, "completed")], running=True)
    answer = requests.patch(f"{sandbox.url}/_sandbox/campaigns/{campaign}", json=given, timeout=10).json()
    assert (answer["status"], answer["not_sending_status"]) == standing
    sandbox.advance_clock(10)
    assert sandbox.campaign(campaign)["status"] == (3 if "fields" in given else standing[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "activ"},
        {"script": [(1, "activ")]},
        {"script": [(-1, "active")]},
        {"script": [(1,)]},
        {"script": "active@2"},
        {"id": "no-uuid"},
        {"invented": 1},
        {"workspace": "no-uuid"},
    ],
)
def test_a_wrong_campaign_is_refused(sandbox: SandboxClient, wrong: dict[str, Any]) -> None:
    with pytest.raises(SandboxError, match="refused POST /campaigns"):
        sandbox.add_campaign("x", **wrong)
    assert sandbox.campaigns() == []


HUGE = "99999999999999999999"
CHOSEN = "00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/campaigns/{CHOSEN}", '{"fields": {"name": null}}'),
        ("PATCH", f"/campaigns/{CHOSEN}", '{"fields": {"name": ["x"]}}'),
        ("PATCH", f"/campaigns/{CHOSEN}", f'{{"fields": {{"open_tracking": true}}, "status": {HUGE}}}'),
        ("PATCH", f"/campaigns/{CHOSEN}", f'{{"fields": {{"open_tracking": true}}, "not_sending_status": -{HUGE}}}'),
        ("PATCH", f"/campaigns/{CHOSEN}", r'{"fields": {"open_tracking": true, "daily_limit": "\ud800"}}'),
        ("PATCH", f"/campaigns/{CHOSEN}", '{"fields": {"open_tracking": true, "daily_limit": 1e999}}'),
        ("PATCH", f"/campaigns/{CHOSEN}", r'{"fields": {"open_tracking": true}, "tags": ["\ud800"]}'),
        ("POST", f"/campaigns/{CHOSEN}/script", f'{{"steps": [[0, {HUGE}]]}}'),
        ("POST", f"/campaigns/{CHOSEN}/script", f'{{"steps": [[0, 1, {HUGE}]]}}'),
        ("POST", "/campaigns", r'{"name": "\ud800"}'),
        ("POST", "/campaigns", r'{"\ud800": 1}'),
        ("POST", "/campaigns", f'{{"status": {HUGE}}}'),
        ("POST", "/campaigns", f'{{"status": "{HUGE}"}}'),
        ("POST", "/campaigns", f'{{"not_sending_status": {HUGE}}}'),
        ("POST", "/campaigns", '{"sending_status": {"summary": NaN}}'),
        ("POST", "/keys", r'{"name": "\ud800"}'),
        ("PUT", f"/workspaces/{CHOSEN}", r'{"name": "\ud800"}'),
        ("POST", "/faults", r'{"kind": "fields", "fields": {"name": "\ud800"}}'),
        ("POST", "/faults", r'{"kind": "body", "text": "\ud800"}'),
        ("POST", "/faults", '{"kind": "error", "retry_after": 1e300, "retry_after_date": true}'),
        ("POST", "/clock", '{"advance": 1e300}'),
        ("POST", "/clock", '{"advance": 1e999}'),
        ("PATCH", "/settings", '{"clock_offset": -1e300}'),
        ("PATCH", "/settings", '{"latency": 1e999}'),
        ("PATCH", "/settings", f'{{"default_script": [[0, {HUGE}]]}}'),
        ("GET", f"/campaigns?status={HUGE}", None),
        ("GET", f"/requests?after={HUGE}", None),
    ],
)
def test_what_cannot_be_kept_is_refused_as_a_whole(
    sandbox: SandboxClient, api: Any, method: str, path: str, body: str | None
) -> None:
    def state() -> list[Any]:
        control = f"{sandbox.url}/_sandbox"
        names = ("campaigns", "faults", "keys", "workspaces", "settings", f"campaigns/{CHOSEN}")
        return [requests.get(f"{control}/{name}", timeout=10).json() for name in names]

    sandbox.add_campaign(id=CHOSEN, script=[(0, "active")])
    before = state()
    headers = {"Content-Type": "application/json"}
    answer = requests.request(method, f"{sandbox.url}/_sandbox{path}", data=body, headers=headers, timeout=10)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]
    assert state() == before
    assert sandbox.add_campaign("What was refused leaves nothing in the way")


def test_a_status_may_be_any_number_that_the_database_takes(sandbox: SandboxClient, api: Any) -> None:
    largest = 2**63 - 1
    campaign = sandbox.add_campaign(status=largest, not_sending_status=-largest)
    read = api.get(f"/campaigns/{campaign}").json()
    assert (read["status"], read["not_sending_status"]) == (largest, -largest)


def test_the_clock_goes_a_century_ahead_and_no_further(sandbox: SandboxClient, api: Any) -> None:
    for century in (3_155_760_000, -3_155_760_000):
        sandbox.reset()
        sandbox.advance_clock(century)
        assert api.get(f"/campaigns/{sandbox.add_campaign()}").json()["timestamp_created"].endswith("Z")
        with pytest.raises(SandboxError, match="clock_offset"):
            sandbox.advance_clock(century / 1000)


def test_what_is_not_there(sandbox: SandboxClient) -> None:
    unknown = str(uuid.uuid4())
    for call in (sandbox.campaign, sandbox.pause, sandbox.delete, sandbox.trip_bounce_protection):
        with pytest.raises(SandboxError, match="There is no campaign"):
            call(unknown)


def test_settings_are_changed_one_by_one_and_checked(sandbox: SandboxClient) -> None:
    sandbox.set(latency=0.01)
    assert sandbox.set(requests_per_second=7) | {"latency": 0.01} == sandbox.set()
    for wrong in ({"latency": -1}, {"requests_per_second": 0}, {"cursor": "sometimes"}, {"invented": 1}):
        with pytest.raises(SandboxError, match="refused PATCH /settings"):
            sandbox.set(**wrong)
    assert sandbox.set()["latency"] == 0.01


def test_reset_starts_over(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    api.activate(campaign)
    sandbox.add_fault("error")
    sandbox.set(latency=0.01)
    sandbox.advance_clock(1000)
    sandbox.set_workspace(api.get("/workspaces/current").json().get("id", str(uuid.uuid4())), paid=False)
    sandbox.reset()
    assert (sandbox.campaigns(), sandbox.faults(), sandbox.requests(), sandbox.activations()) == ([], [], [], 0)
    assert sandbox.set()["latency"] == sandbox.set()["clock_offset"] == 0
    assert api.get("/campaigns").json() == {"items": []}


def test_the_connection_for_airflow(sandbox: SandboxClient) -> None:
    assert json.loads(sandbox.airflow_connection) == {
        "conn_type": "instantly",
        "host": sandbox.url,
        "password": sandbox.api_key,
    }


def test_a_sandbox_that_is_not_there() -> None:
    with pytest.raises(SandboxError, match="does not answer"):
        SandboxClient("http://127.0.0.1:9", "key").health()


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Host": "localhost"}, True),
        ({"Host": "LOCALHOST:1234"}, True),
        ({"Host": "[::1]:80"}, True),
        ({"Host": "attacker.example"}, False),
        ({"Host": "127.0.0.1.attacker.example"}, False),
        ({"Host": "localhost.attacker.example:80"}, False),
        ({"Host": ""}, False),
        ({"Host": "user@attacker.example"}, False),
        ({"Host": "localhost", "Origin": "http://localhost"}, True),
        ({"Host": "localhost:80", "Origin": "https://localhost:80"}, True),
        ({"Origin": "https://attacker.example"}, False),
        ({"Origin": "http://127.0.0.1:1"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_no_other_web_page_can_drive_it(sandbox: SandboxClient, headers: Mapping[str, str], allowed: bool) -> None:
    campaign = sandbox.add_campaign()
    url = f"{sandbox.url}/_sandbox/campaigns/{campaign}/bounce-protect"
    answer = requests.post(url, headers=headers, timeout=10)
    assert answer.status_code == (200 if allowed else 403)
    assert sandbox.campaign(campaign)["status"] == (-2 if allowed else 0)
    assert requests.get(sandbox.url, headers=headers, timeout=10).status_code == (200 if allowed else 403)


def test_the_api_itself_answers_under_any_host_name(api: Any) -> None:
    assert api.get("/campaigns", headers={"Host": "sandbox.internal:8080"}).status_code == 200
