"""The life of a campaign: activation, scripts, health states that come later, pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.statuses import ALL, STOPPED

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

STORY = [(2, "active"), (10, "bounce_protect")]


def test_a_script_is_followed_from_the_activation_on(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(script=STORY)
    sandbox.advance_clock(100)
    assert api.status(campaign) == 0
    assert api.activate(campaign).json()["status"] == 1
    assert api.status(campaign) == 0
    sandbox.advance_clock(2)
    assert api.status(campaign) == 1
    sandbox.advance_clock(8)
    assert api.status(campaign) == -2


def test_the_answer_is_active_even_without_a_sender_and_health_comes_later(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(script=[(0, "active"), (120, "accounts_unhealthy", 99)], fields={"email_list": []})
    assert api.activate(campaign).json()["status"] == 1
    assert api.status(campaign) == 1
    sandbox.advance_clock(120)
    assert api.get(f"/campaigns/{campaign}").json()["not_sending_status"] == 99
    assert api.status(campaign) == -1


def test_without_a_script_it_is_active_at_once_and_stays_so(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    api.activate(campaign)
    sandbox.advance_clock(1_000_000)
    assert api.status(campaign) == 1


def test_the_default_script_is_for_campaigns_without_one(sandbox: SandboxClient, api: Any) -> None:
    sandbox.set(default_script=[[0, "active"], [5, "completed"]])
    own = sandbox.add_campaign(script=[(0, "active")])
    body = {"name": "by the API", "campaign_schedule": sandbox.campaign(own)["fields"]["campaign_schedule"]}
    plain = api.post("/campaigns", json=body).json()["id"]
    for each in (own, plain):
        api.activate(each)
    sandbox.advance_clock(5)
    assert (api.status(own), api.status(plain)) == (1, 3)


@pytest.mark.parametrize("status", ALL)
def test_any_campaign_can_be_activated_and_that_is_recorded(sandbox: SandboxClient, api: Any, status: int) -> None:
    campaign = sandbox.add_campaign(status=status)
    assert api.activate(campaign).status_code == 200
    assert api.status(campaign) == 1
    last = sandbox.campaign(campaign)["history"][-1]
    assert (last["effect"], last["from_status"], last["actor"]) == ("activated", status, "default")
    assert sandbox.activations(campaign) == 1


def test_reactivation_starts_the_script_again(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(script=[(0, "active"), (10, "bounce_protect")])
    api.activate(campaign)
    sandbox.advance_clock(10)
    assert api.status(campaign) == -2
    api.activate(campaign)
    assert api.status(campaign) == 1
    sandbox.advance_clock(10)
    assert api.status(campaign) == -2
    assert sandbox.activations(campaign) == 2
    assert [each["from_status"] for each in sandbox.campaign(campaign)["history"][1:]] == [0, -2]


def test_a_pause_stops_the_script(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(script=STORY)
    api.activate(campaign)
    sandbox.advance_clock(3)
    assert api.post(f"/campaigns/{campaign}/pause").json()["status"] == 2
    sandbox.advance_clock(100)
    assert api.status(campaign) == 2


def test_a_draft_can_be_paused(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    assert api.post(f"/campaigns/{campaign}/pause").json()["status"] == 2


def test_activation_changes_the_time_of_update_and_a_script_does_not(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(script=STORY)
    sandbox.advance_clock(5)
    before = api.get(f"/campaigns/{campaign}").json()["timestamp_updated"]
    after = api.activate(campaign).json()["timestamp_updated"]
    assert after > before
    sandbox.advance_clock(10)
    stopped = api.get(f"/campaigns/{campaign}").json()
    assert (stopped["status"], stopped["timestamp_updated"]) == (-2, after)


def test_a_person_and_the_service_act_at_once(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(script=[(0, "active")])
    api.activate(campaign)
    sandbox.trip_bounce_protection(campaign)
    assert api.status(campaign) == -2
    sandbox.activate(campaign)
    assert api.status(campaign) == 1
    sandbox.pause(campaign)
    assert api.status(campaign) == 2
    sandbox.set_status(campaign, "accounts_unhealthy", not_sending_status=99)
    assert api.get(f"/campaigns/{campaign}").json()["not_sending_status"] == 99
    sandbox.set_status(campaign, 7)
    assert api.status(campaign) == 7
    sandbox.delete(campaign)
    assert api.get(f"/campaigns/{campaign}").status_code == 404
    effects = [each["effect"] for each in sandbox.requests()]
    assert effects.count("activated") == 1


def test_a_script_can_run_without_an_activation(sandbox: SandboxClient, api: Any) -> None:
    running = sandbox.add_campaign(script=[(5, "active")], running=True)
    later = sandbox.add_campaign()
    sandbox.set_script(later, [(5, "completed")], start=True)
    assert (api.status(running), api.status(later)) == (0, 0)
    sandbox.advance_clock(5)
    assert (api.status(running), api.status(later)) == (1, 3)
    assert sandbox.activations() == 0


def test_a_new_script_keeps_the_status_that_was_reached(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(script=STORY, running=True)
    sandbox.advance_clock(10)
    sandbox.set_script(campaign, None)
    assert api.status(campaign) == -2
    assert sandbox.campaign(campaign)["script"] is None


def test_activations_are_counted_per_campaign_and_outlive_it(sandbox: SandboxClient, api: Any) -> None:
    first, second = sandbox.add_campaigns(2)
    api.activate(first)
    api.activate(first)
    api.activate(second)
    sandbox.delete(first)
    assert (sandbox.activations(first), sandbox.activations(second), sandbox.activations()) == (2, 1, 3)


def of_stopped(sandbox: SandboxClient, campaign: str) -> tuple[int, int]:
    """How often it was activated, and how often of these it was stopped."""
    found = requests.get(f"{sandbox.url}/_sandbox/activations", timeout=10).json()["items"]
    [counted] = [each for each in found if each["campaign_id"] == campaign]
    return counted["count"], counted["of_stopped"]


@pytest.mark.parametrize("stopped", STOPPED)
def test_an_activation_of_what_was_stopped_is_counted(sandbox: SandboxClient, api: Any, stopped: int) -> None:
    campaign = sandbox.add_campaign(status=stopped)
    api.activate(campaign)
    assert of_stopped(sandbox, campaign) == (1, 1)
    api.activate(campaign)
    assert of_stopped(sandbox, campaign) == (2, 1)


@pytest.mark.parametrize("by", ["script", "a person"])
def test_a_pause_between_does_not_hide_that_it_was_stopped(sandbox: SandboxClient, api: Any, by: str) -> None:
    """Paused, a stopped campaign looks like any other, and a DAG resumes it."""
    campaign = sandbox.add_campaign(script=[(0, "active"), (10, "bounce_protect")] if by == "script" else None)
    api.activate(campaign)
    sandbox.advance_clock(10)
    if by == "a person":
        sandbox.trip_bounce_protection(campaign)
    assert api.post(f"/campaigns/{campaign}/pause").json()["status"] == 2
    sandbox.set_fields(campaign, daily_limit=10)
    api.activate(campaign)
    assert of_stopped(sandbox, campaign) == (2, 1)
    api.post(f"/campaigns/{campaign}/pause")
    api.activate(campaign)
    assert of_stopped(sandbox, campaign) == (3, 1)


@pytest.mark.parametrize("running", [1, 4])
def test_what_ran_again_by_itself_is_no_longer_stopped(sandbox: SandboxClient, api: Any, running: int) -> None:
    campaign = sandbox.add_campaign(status="accounts_unhealthy")
    sandbox.set_status(campaign, running)
    api.post(f"/campaigns/{campaign}/pause")
    api.activate(campaign)
    assert of_stopped(sandbox, campaign) == (1, 0)


def test_the_activations_of_others_are_none_of_what_was_stopped(sandbox: SandboxClient, api: Any) -> None:
    stopped, other = sandbox.add_campaign(status="bounce_protect"), sandbox.add_campaign()
    api.activate(other)
    api.activate(stopped)
    assert (of_stopped(sandbox, other), of_stopped(sandbox, stopped)) == ((1, 0), (1, 1))
