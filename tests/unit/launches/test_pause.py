"""A pause over real HTTP, from a task and from an event loop: what may send is paused, also where answers are lost."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyAuthenticationError, InstantlyRateLimitError
from airflow_provider_instantly.exceptions import PauseNotConfirmedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches.pause import DRAFTS, Paused, apause, pause
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, SUSPENDED, UNHEALTHY, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept in this thread. Servers of other tests may sleep in theirs."""
    slept: list[float] = []
    asleep, aasleep, here = time.sleep, asyncio.sleep, threading.get_ident()

    def no_sleep(seconds: float) -> None:
        if threading.get_ident() != here:
            return asleep(seconds)
        return slept.append(seconds)

    async def no_asleep(seconds: float, *more: Any) -> None:
        if threading.get_ident() == here:
            slept.append(seconds)
            seconds = 0
        await aasleep(seconds)

    monkeypatch.setattr(time, "sleep", no_sleep)
    monkeypatch.setattr(asyncio, "sleep", no_asleep)
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


@pytest.mark.parametrize(("confirm", "requests"), [(True, ["GET", "POST", "GET"]), (False, ["GET", "POST"])])
@pytest.mark.parametrize("status", [DRAFT, ACTIVE, SUBSEQUENCES, UNKNOWN])
def test_pauses_what_may_send(
    sandbox: SandboxClient, pausing: Any, status: int, confirm: bool, requests: list[str]
) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=status)

    paused = pausing(campaign_id, confirm=confirm)

    assert (paused.was_sent, paused.was_answered, paused.campaign.status) == (True, True, PAUSED)
    assert (paused.is_effective, paused.needs_attention, paused.found.status) == (True, False, status)
    assert paused.outcome == f'Paused campaign "Spring" ({campaign_id}).'
    assert sandbox.campaign(campaign_id)["status"] == PAUSED
    assert [request["method"] for request in sandbox.requests()] == requests


@pytest.mark.parametrize("spare", [frozenset(), DRAFTS])
@pytest.mark.parametrize("status", [PAUSED, COMPLETED, UNHEALTHY, BOUNCED, SUSPENDED])
def test_leaves_all_else_alone(
    sandbox: SandboxClient, pausing: Any, status: int, spare: frozenset[CampaignStatus]
) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=status)

    paused = pausing(campaign_id, spare=spare)

    assert (paused.was_sent, paused.campaign.status, paused.found.status) == (False, status, status)
    assert (paused.is_effective, paused.needs_attention) == (False, status < 0)
    assert ("Instantly stopped it, so it stays as it is" in paused.outcome) is (status < 0)
    assert ("was left as it is" in paused.outcome) is (status > 0)
    assert sandbox.requests(method="POST") == []


@pytest.mark.parametrize("spared", [DRAFT, ACTIVE, SUBSEQUENCES])
def test_spares_what_it_is_asked_to(sandbox: SandboxClient, pausing: Any, spared: int) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=spared)

    paused = pausing(campaign_id, spare=[CampaignStatus(spared)])

    assert (paused.was_sent, paused.campaign.status) == (False, spared)
    assert "was left as it is" in paused.outcome
    assert sandbox.requests(method="POST") == []


def test_what_is_spared_after_a_lost_answer_is_not_paused_again(sandbox: SandboxClient, pausing: Any) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment="before")
    as_a_draft = {"status": DRAFT}
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=1, count=None, fields=as_a_draft)

    # What sends becomes no Draft: such a read is of an earlier moment, and the campaign may go on sending.
    with pytest.raises(PauseNotConfirmedError, match=r"was lost, and then it is Draft\. It may or may not have been"):
        pausing(campaign_id, spare=DRAFTS)

    assert len(sandbox.requests(path="*/pause")) == 1


@pytest.mark.parametrize("confirm", [True, False])
def test_what_is_spared_proves_no_pause(sandbox: SandboxClient, pausing: Any, confirm: bool) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    as_a_draft = {"id": campaign_id, "status": DRAFT}
    sandbox.add_fault("body", path="*/pause", json=as_a_draft, moment="before")
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=1, count=None, fields=as_a_draft)

    with pytest.raises(PauseNotConfirmedError, match=r"The pause was answered, but the campaign was Draft"):
        pausing(campaign_id, spare=DRAFTS, confirm=confirm)

    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


# An answer describes what was asked for: a read shows what came of it


def test_an_effect_that_shows_late_is_waited_for(sandbox: SandboxClient, pausing: Any, no_waiting: list[float]) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    as_before = {"status": ACTIVE}
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=1, count=3, fields=as_before)

    assert pausing(campaign_id).is_effective

    assert len(sandbox.requests(path="*/pause")) == 1
    assert no_waiting == [0.0, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("confirm", [True, False])
def test_an_answer_without_an_effect_is_no_pause(sandbox: SandboxClient, pausing: Any, confirm: bool) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    as_asked_for = PAUSED if confirm else ACTIVE
    sandbox.add_fault("body", path="*/pause", json={"id": campaign_id, "status": as_asked_for}, moment="before")

    with pytest.raises(PauseNotConfirmedError, match=r"The pause was answered, but the campaign was Active"):
        pausing(campaign_id, confirm=confirm)

    assert len(sandbox.requests(path="*/pause")) == 1


def test_an_answer_that_no_read_can_confirm_counts_and_is_said(
    sandbox: SandboxClient, pausing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=401, skip=1, count=None)

    paused = pausing(campaign_id)

    assert (paused.is_effective, paused.was_answered) == (True, True)
    assert "The pause was answered, but could not be confirmed by a read: " in caplog.text


def test_a_read_that_still_shows_it_sending_before_none_is_possible_is_no_pause(
    sandbox: SandboxClient, pausing: Any
) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=1, fields={"status": ACTIVE})
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=401, skip=1, count=None)

    with pytest.raises(PauseNotConfirmedError, match="was Active when it was last read"):
        pausing(campaign_id)


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
    assert paused.outcome == (
        f'A pause was sent, and meanwhile the campaign became Bounce Protect. [campaign "Spring" ({campaign_id})]'
    )
    assert len(sandbox.requests(path="*/pause")) == 1


def test_what_is_put_off_is_read_again_first(sandbox: SandboxClient, pausing: Any, no_waiting: list[float]) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("error", path="*/pause", status=429, retry_after=7.0)

    assert pausing(campaign_id).was_answered

    assert [request["method"] for request in sandbox.requests()] == ["GET", "POST", "GET", "POST", "GET"]
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
    doubts: list[Any] = []

    def before_send(campaign: Campaign, doubt: Any) -> None:
        seen.append(campaign)
        doubts.append(doubt)
        if len(seen) == asked:
            raise NoLongerOwnError

    with pytest.raises(NoLongerOwnError):
        pausing(campaign_id, before_send=before_send)

    assert [campaign.id for campaign in seen] == [campaign_id] * asked
    assert [doubt is not None for doubt in doubts] == [False, True][:asked]
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE
    assert len(sandbox.requests(path="*/pause")) == asked - 1
