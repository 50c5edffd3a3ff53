"""The log of every request: what it holds, and that it holds no key."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.sandbox.auth import new_api_key

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient


def test_what_an_entry_holds(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    api.get("/campaigns", params={"limit": 5}, headers={"User-Agent": "test/1"})
    api.activate(campaign)
    read, launched = sandbox.requests()
    assert launched["id"] > read["id"]
    assert (read["method"], read["path"], read["query"]) == ("GET", "/api/v2/campaigns", "limit=5")
    assert (read["status"], read["key"], read["user_agent"], read["effect"]) == (200, "default", "test/1", None)
    assert read["workspace"] == api.get("/workspaces/current").json()["id"]
    assert abs(read["at"] - sandbox.health()["now"]) < 5
    assert (launched["effect"], launched["status"]) == ("activated", 200)


def test_every_effect_has_its_name(sandbox: SandboxClient, api: Any) -> None:
    fields = sandbox.campaign(sandbox.add_campaign())["fields"]
    body = {"name": "x", "campaign_schedule": fields["campaign_schedule"]}
    path = "/campaigns/" + api.post("/campaigns", json=body).json()["id"]
    api("PATCH", path, json={"name": "y"})
    api.post(f"{path}/duplicate")
    api.post(f"{path}/activate")
    api.post(f"{path}/pause")
    api.post("/leads/add", json={"campaign_id": path[11:], "leads": [{"email": "a@example.com"}]})
    api.post("/leads/add", json={"campaign_id": path[11:], "leads": [{"email": "a@example.com"}]})
    api("DELETE", path)
    assert [each["effect"] for each in sandbox.requests()] == [
        "created",
        "patched",
        "duplicated",
        "activated",
        "paused",
        "leads_added",
        None,
        "deleted",
    ]


def test_requests_can_be_chosen_and_cleared(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    api.get("/campaigns")
    api.activate(campaign)
    api.get("/campaigns")
    assert len(sandbox.requests(path="*/activate")) == 1
    assert len(sandbox.requests(method="GET")) == 2
    assert len(sandbox.requests(effect="activated")) == 1
    assert len(sandbox.requests(limit=1)) == 1
    assert len(sandbox.requests(after=sandbox.requests()[1]["id"])) == 1
    sandbox.clear_requests()
    assert sandbox.requests() == []
    assert sandbox.activations(campaign) == 1


def test_requests_are_counted_by_kind(sandbox: SandboxClient, api: Any) -> None:
    first, second = sandbox.add_campaigns(2)
    for campaign in (first, second, first):
        api.get(f"/campaigns/{campaign}")
    api.activate(first)
    counts = {(each["method"], each["route"], each["status"]): each["count"] for each in sandbox.request_counts()}
    assert counts == {
        ("GET", "/api/v2/campaigns/{id}", 200): 3,
        ("POST", "/api/v2/campaigns/{id}/activate", 200): 1,
    }


def test_no_key_is_kept_wherever_a_client_puts_it(sandbox: SandboxClient, api: Any, api_with: Any) -> None:
    stray, wrong = new_api_key(), new_api_key()
    key = sandbox.add_key("named")
    api_with(key).get("/campaigns")
    api_with(wrong).get("/campaigns")
    api.get("/campaigns", params={"api_key": stray, "Key": stray, "limit": 1})
    shown = str(sandbox.requests()) + str(api.session.get(f"{sandbox.url}/_sandbox/keys", timeout=10).json())
    for secret in (key, wrong, stray, stray.rstrip("="), sandbox.api_key):
        assert secret not in shown
    assert [each["key"] for each in sandbox.requests()] == ["named", None, "default"]


def test_an_endless_path_does_not_fill_the_log(sandbox: SandboxClient, api: Any) -> None:
    api.get("/campaigns/" + "x" * 5000, headers={"User-Agent": "y" * 5000})
    (entry,) = sandbox.requests()
    assert len(entry["path"]) == len(entry["user_agent"]) == 500


def test_the_control_api_is_not_logged(sandbox: SandboxClient) -> None:
    sandbox.health()
    assert sandbox.requests() == []


def test_what_is_not_answered_yet_is_cleared_too(sandbox: SandboxClient, api: Any) -> None:
    """A test that gave up on an answer left its request in the log of the next test."""
    sandbox.add_fault("delay", delay=0.3, moment="before")
    asking = threading.Thread(target=api.get, args=("/campaigns",))
    asking.start()
    while sandbox.faults():
        time.sleep(0.01)
    sandbox.clear_requests()
    asking.join()
    api.activate(sandbox.add_campaign())
    assert [each["effect"] for each in sandbox.requests()] == ["activated"]
