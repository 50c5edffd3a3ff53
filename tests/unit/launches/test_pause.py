"""A pause over real HTTP, from a task and from an event loop: what may send is paused, also where answers are lost."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyAuthenticationError, InstantlyRateLimitError
from airflow_provider_instantly.exceptions import PauseNotConfirmedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches.pause import Paused, apause, can_be_paused, pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
DRAFT, ACTIVE, PAUSED, COMPLETED, SUBSEQUENCES, BOUNCED = 0, 1, 2, 3, 4, -2


@pytest.mark.parametrize(
    ("status", "can"),
    [(0, True), (1, True), (2, False), (3, False), (4, True), (-1, False), (-2, False), (-99, False), (7, True)],
)
def test_what_may_still_send_can_be_paused(status: int, can: bool) -> None:
    assert can_be_paused(Campaign(ID, CampaignStatus(status))) is can


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept."""
    slept: list[float] = []
    asleep = asyncio.sleep

    async def no_sleep(seconds: float, *more: Any) -> None:
        slept.append(seconds)
        await asleep(0)

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    return slept


@pytest.fixture(params=["in a task", "in an event loop"])
def pausing(request: pytest.FixtureRequest) -> Callable[..., Paused]:
    """Pause a campaign, one way or the other."""
    log = logging.getLogger("a task")

    def in_a_task(campaign_id: str, **given: Any) -> Paused:
        with InstantlyHook() as hook:
            return pause(hook, campaign_id, log=log, **given)

    def in_an_event_loop(campaign_id: str, **given: Any) -> Paused:
        async def run() -> Paused:
            async with InstantlyHook() as hook:
                return await apause(hook, campaign_id, log=log, **given)

        return asyncio.run(run())

    return in_a_task if request.param == "in a task" else in_an_event_loop


@pytest.mark.parametrize("status", [DRAFT, ACTIVE, SUBSEQUENCES, 7])
def test_pauses_what_may_send(sandbox: SandboxClient, pausing: Any, status: int) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=status)

    paused = pausing(campaign_id)

    assert (paused.was_sent, paused.was_answered, paused.campaign.status) == (True, True, PAUSED)
    assert sandbox.campaign(campaign_id)["status"] == PAUSED
    assert [request["method"] for request in sandbox.requests()] == ["GET", "POST"]


@pytest.mark.parametrize("status", [PAUSED, COMPLETED, -1, -2, -99])
def test_leaves_all_else_alone(sandbox: SandboxClient, pausing: Any, status: int) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=status)

    paused = pausing(campaign_id)

    assert (paused.was_sent, paused.campaign.status) == (False, status)
    assert sandbox.requests(method="POST") == []


LOST = [
    {"kind": "reset"},
    {"kind": "error", "status": 503},
    {"kind": "body", "text": "<html>fine</html>", "content_type": "text/html"},
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault["kind"])
@pytest.mark.parametrize(("moment", "pauses"), [("after", 1), ("before", 2)])
def test_a_lost_answer_is_read_back_and_the_pause_repeated_where_it_had_no_effect(
    sandbox: SandboxClient, pausing: Any, caplog: pytest.LogCaptureFixture, fault: Any, moment: str, pauses: int
) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault(path="*/pause", moment=moment, **fault)

    paused = pausing(campaign_id)

    assert (paused.was_sent, paused.was_answered, paused.campaign.status) == (True, pauses == 2, PAUSED)
    assert sandbox.campaign(campaign_id)["status"] == PAUSED
    assert len(sandbox.requests(path="*/pause")) == pauses
    assert "The answer to the pause was lost, so the campaign is read again" in caplog.text


def test_answers_that_are_lost_each_time_are_said(sandbox: SandboxClient, pausing: Any) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", count=None)

    with pytest.raises(
        PauseNotConfirmedError, match=r"was lost, and then it is Active\. It may or may not have been"
    ) as raised:
        pausing(campaign_id)

    assert campaign_id in str(raised.value)
    assert len(sandbox.requests(path="*/pause")) == 3


def test_a_lost_answer_after_which_nothing_can_be_read_is_said(sandbox: SandboxClient, pausing: Any) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment="after")
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=401, skip=1, count=None)

    with pytest.raises(PauseNotConfirmedError, match=r"could not be read: .*401.* It may or may not have been paused"):
        pausing(campaign_id)

    assert len(sandbox.requests(path="*/pause")) == 1


def test_what_instantly_stops_meanwhile_is_not_paused(sandbox: SandboxClient, pausing: Any) -> None:
    """Paused, a person could resume it, and it would not be protected again for 7 days."""
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment="before")
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=1, fields={"status": BOUNCED})

    paused = pausing(campaign_id)

    assert (paused.was_answered, paused.campaign.status) == (False, BOUNCED)
    assert len(sandbox.requests(path="*/pause")) == 1


def test_what_is_put_off_is_read_again_first(sandbox: SandboxClient, pausing: Any, no_waiting: list[float]) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("error", path="*/pause", status=429, retry_after=7.0)

    assert pausing(campaign_id).was_answered

    assert [request["method"] for request in sandbox.requests()] == ["GET", "POST", "GET", "POST"]
    assert any(7.0 <= seconds <= 8.0 for seconds in no_waiting)


@pytest.mark.parametrize(("status", "error"), [(401, InstantlyAuthenticationError), (429, InstantlyRateLimitError)])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_refused_says_that_nothing_was_paused(
    sandbox: SandboxClient, pausing: Any, method: str, status: int, error: type[Exception]
) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("error", method=method, status=status, count=None)

    with pytest.raises(error, match=f"Campaign {campaign_id} was not paused"):
        pausing(campaign_id)

    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


class NoLongerOwnError(Exception):
    """The campaign is another's now."""


@pytest.mark.parametrize("asked", [1, 2])
def test_the_caller_is_asked_before_each_pause(sandbox: SandboxClient, pausing: Any, asked: int) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment="before")
    seen: list[Campaign] = []

    def before_send(campaign: Campaign) -> None:
        seen.append(campaign)
        if len(seen) == asked:
            raise NoLongerOwnError

    with pytest.raises(NoLongerOwnError):
        pausing(campaign_id, before_send=before_send)

    assert [campaign.id for campaign in seen] == [campaign_id] * asked
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE
    assert len(sandbox.requests(path="*/pause")) == asked - 1
