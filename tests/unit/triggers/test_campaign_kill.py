"""What the trigger does with its campaign when Airflow cancels it; Airflow's own answers are stand-ins."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_instantly.launches import ownership
from airflow_provider_instantly.triggers import campaign as triggers
from airflow_provider_instantly.triggers.campaign import CampaignStatusTrigger
from tests.unit.triggers.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., CampaignStatusTrigger]:
    """Make a trigger whose task stands as given in Airflow's database."""

    def killed(campaign_id: str, *, state: str | None = "failed", own: bool = True, pause_on_kill: bool = True) -> Any:
        async def answer(value: Any) -> Any:
            return value

        trigger = CampaignStatusTrigger(campaign_id, pause_on_kill=pause_on_kill)
        which = {"dag_id": "a_dag", "task_id": "a_task", "run_id": "a_run", "map_index": -1}
        trigger.task_instance = SimpleNamespace(**which, try_number=1)  # type: ignore[assignment]
        monkeypatch.setattr(ownership, "_astate", lambda ti: answer(state))
        monkeypatch.setattr(XCom, "aget_one", lambda **which: answer(1 if own else 2), raising=False)
        return trigger

    return killed


@pytest.fixture
def own_for_two_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task has another attempt when a third turn begins, and the campaigns are that one's."""
    own = iter([True, True])

    async def amay_pause(_ti: Any) -> bool:
        return next(own, False)

    monkeypatch.setattr(ownership, "amay_pause", amay_pause)


@pytest.mark.parametrize("state", ["failed", None, "queued", "skipped"])
@pytest.mark.parametrize("status", ["active", "running_subsequences", "draft", 42])
async def test_pauses_what_may_still_send(sandbox: SandboxClient, killed: Any, state: str, status: Any) -> None:
    campaign = sandbox.add_campaign(status=status)

    await killed(campaign, state=state).on_kill()

    assert sandbox.campaign(campaign)["status_name"] == "Paused"


@pytest.mark.parametrize(
    ("why", "status"),
    [({"pause_on_kill": False}, "active"), ({"own": False}, "active")]
    + [({"state": state}, "active") for state in ("deferred", "success")]
    + [({}, status) for status in ("paused", "completed", "bounce_protect", "accounts_unhealthy", "account_suspended")],
)
async def test_leaves_all_else_alone(sandbox: SandboxClient, killed: Any, why: dict[str, Any], status: str) -> None:
    campaign = sandbox.add_campaign(status=status)

    await killed(campaign, **why).on_kill()

    assert sandbox.requests(method="POST") == []


async def test_no_further_cancellation_stops_it(sandbox: SandboxClient, killed: Any) -> None:
    """Airflow 3.3.2 cancels a trigger again in each of its rounds, until it has ended."""
    campaign = sandbox.add_campaign(status="active")
    sandbox.add_fault("delay", f"*/{campaign}*", delay=0.3, count=2)

    killing = asyncio.create_task(killed(campaign).on_kill())
    while not killing.done():
        await asyncio.sleep(0.05)
        killing.cancel()

    assert sandbox.campaign(campaign)["status_name"] == "Paused"


async def test_says_where_the_rest_stands_before_airflow_ends_its_log(
    sandbox: SandboxClient, killed: Any, threads_of_log: Any
) -> None:
    """
    Airflow 3.3.2 ends the task's log after two more cancellations, a second apart (Python 3.11).

    What came later stood in the log of the triggerer only, and nothing in the task's said so.
    """
    quick, slow, last = (sandbox.add_campaign(status="active") for _ in range(3))
    sandbox.add_fault("delay", f"*/{slow}*", delay=1.0, count=1)
    trigger = killed([quick, slow, last])
    trigger._log = threads_of_log

    killing = asyncio.create_task(trigger.on_kill())
    await eventually(lambda: len(threads_of_log.lines) == 1)
    for _ in range(2):
        killing.cancel()
        await asyncio.sleep(0.1)
    paused, elsewhere = threads_of_log.lines
    await killing

    assert "Paused campaign" in paused
    assert quick not in elsewhere
    assert f"{slow}, {last}" in elsewhere
    assert "the log of the triggerer" in elsewhere
    assert ["Paused campaign" in line for line in threads_of_log.lines] == [True, False, True, True]
    assert threading.get_ident() not in threads_of_log.threads


@pytest.mark.parametrize(("state", "outcome"), [("failed", "Paused campaign"), ("deferred", "is left as it is")])
async def test_a_log_that_stands_still_does_not_hold_the_event_loop(
    sandbox: SandboxClient, killed: Any, threads_of_log: Any, state: str, outcome: str
) -> None:
    trigger = killed(sandbox.add_campaign(status="active"), state=state)
    trigger._log = threads_of_log

    await trigger.on_kill()

    [line] = threads_of_log.lines
    assert outcome in line
    assert threading.get_ident() not in threads_of_log.threads


async def test_says_why_it_could_not(sandbox: SandboxClient, killed: Any, threads_of_log: Any) -> None:
    campaign = sandbox.add_campaign(status="active")
    sandbox.revoke_key("default")
    trigger = killed(campaign)
    trigger._log = threads_of_log

    await trigger.on_kill()

    [line] = threads_of_log.lines
    assert "401" in line
    assert f"Campaign {campaign} was not paused." in line
    assert threading.get_ident() not in threads_of_log.threads


async def test_says_what_became_of_it_where_airflow_cannot_be_asked(
    sandbox: SandboxClient, killed: Any, threads_of_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's log had a traceback that said nothing of the campaign, and whatever the error said."""
    campaign = sandbox.add_campaign(status="active")
    trigger = killed(campaign)
    trigger._log = threads_of_log

    async def fail(_ti: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(ownership, "_astate", fail)
    await trigger.on_kill()

    [line] = threads_of_log.lines
    assert line.startswith(f"It is not known whether campaign {campaign} was paused (RuntimeError).")


async def test_one_that_cannot_be_paused_keeps_no_other_from_it(
    sandbox: SandboxClient, killed: Any, threads_of_log: Any
) -> None:
    """The others went on sending, and no line said so."""
    gone = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
    campaign = sandbox.add_campaign(status="active")
    trigger = killed([gone, campaign])
    trigger._log = threads_of_log

    await trigger.on_kill()

    assert sandbox.campaign(campaign)["status_name"] == "Paused"
    failed, paused = threads_of_log.lines
    assert f"Campaign {gone} was not paused." in failed
    assert "Paused campaign" in paused


async def test_one_that_does_not_answer_has_another_try_after_all_others(
    sandbox: SandboxClient, killed: Any, threads_of_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its retries came before the first pause of any other."""
    monkeypatch.setattr("airflow_provider_instantly.launches.pause.TIME_LIMIT", 3.0)
    silent, *good = (sandbox.add_campaign(status="active") for _ in range(3))
    sandbox.add_fault("delay", f"*/{silent}*", delay=20.0, count=1)
    trigger = killed([silent, *good])
    trigger._log = threads_of_log

    await trigger.on_kill()

    asked = [request["path"].split("/")[4:] for request in sandbox.requests()]
    assert asked[0] == [silent]
    assert asked.index([silent], 1) > max(asked.index([campaign_id, "pause"]) for campaign_id in good)
    assert [sandbox.campaign(campaign_id)["status_name"] for campaign_id in (silent, *good)] == ["Paused"] * 3
    assert ["Paused campaign" in line for line in threads_of_log.lines] == [True] * 3


@pytest.mark.usefixtures("own_for_two_turns")
async def test_one_that_may_have_been_paused_and_is_another_attempts_by_now_is_not_said_to_be_as_it_was(
    sandbox: SandboxClient, killed: Any, threads_of_log: Any
) -> None:
    lost, good = (sandbox.add_campaign(status="active") for _ in range(2))
    sandbox.add_fault("reset", f"*/{lost}/pause", moment="after")
    sandbox.add_fault("error", f"*/{lost}", method="GET", status=503, skip=1)
    sandbox.add_fault("fields", f"*/{lost}", method="GET", skip=1, count=None, fields={"status": 1})
    trigger = killed([lost, good])
    trigger._log = threads_of_log
    await trigger.on_kill()

    *_, unknown = threads_of_log.lines
    assert "It may or may not have been paused." in unknown
    assert "It was not paused again: its task goes on" in unknown
    assert lost in unknown


@pytest.mark.usefixtures("own_for_two_turns")
async def test_one_whose_pause_was_answered_without_effect_and_is_another_attempts_by_now_is_not_said_to_be_as_it_was(
    sandbox: SandboxClient, killed: Any, threads_of_log: Any
) -> None:
    """It was said to be left as it is, though a pause had been sent to it."""
    unmoved, good = (sandbox.add_campaign(status="active") for _ in range(2))
    sandbox.add_fault("body", f"*/{unmoved}/pause", json={"id": unmoved, "status": 1}, moment="before")
    trigger = killed([unmoved, good])
    trigger._log = threads_of_log
    await trigger.on_kill()

    assert len(sandbox.requests(path=f"*/{unmoved}/pause")) == 1
    *_, unknown = threads_of_log.lines
    assert "The pause was answered, but the campaign was Active" in unknown
    assert "It was not paused again: its task goes on" in unknown
    assert "left as it is" not in unknown
    assert unmoved in unknown


async def test_says_that_it_had_no_more_time(
    sandbox: SandboxClient, killed: Any, threads_of_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended with a TimeoutError that said nothing, and named no campaign."""
    monkeypatch.setattr(triggers, "_KILL_TIMEOUT", 3.0)
    campaigns = [sandbox.add_campaign(status="active") for _ in range(2)]
    sandbox.add_fault("error", f"*/{campaigns[1]}*", status=429, count=None)
    trigger = killed(campaigns)
    trigger._log = threads_of_log

    await trigger.on_kill()

    [paused, unknown] = threads_of_log.lines
    assert "Paused campaign" in paused
    assert "it is not known whether the campaign was paused" in unknown
    assert campaigns[1] in unknown


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_pause_whose_answer_is_lost_is_read_back_and_repeated_where_it_had_no_effect(
    sandbox: SandboxClient, killed: Any, moment: str
) -> None:
    campaign = sandbox.add_campaign(status="active")
    sandbox.add_fault("reset", "*/pause", moment=moment)

    await killed(campaign).on_kill()

    assert sandbox.campaign(campaign)["status_name"] == "Paused"
