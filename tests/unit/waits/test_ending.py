"""How a wait's end ends a task: its reasons, the events that are believed, what is returned and raised."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
)
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus, SendingStatus
from airflow_provider_instantly.api.errors import InstantlyConnectionError, InstantlyServerError
from airflow_provider_instantly.exceptions import CampaignStoppedError, CampaignWaitError
from airflow_provider_instantly.tasklog import sentences_of
from airflow_provider_instantly.waits import ending
from airflow_provider_instantly.waits.goal import Goal, Verdict
from airflow_provider_instantly.waits.machine import Wait
from airflow_provider_instantly.waits.result import CampaignOutcome, WaitResult
from tests.unit.json_values import json_values
from tests.unit.waits.story import IDS, LOG, ONE, ScriptedHook, StandingClock, wait_for


class TestReasons:
    def test_a_stop_is_explained_when_the_wait_ends(self, clock: StandingClock) -> None:
        hook = ScriptedHook(0, -2)
        result = wait_for(hook, clock)
        assert hook.explained == [ONE]
        assert "Instantly says: Too many bounces." in result.message

    @pytest.mark.parametrize("status", [0, 1])
    def test_nothing_else_is(self, clock: StandingClock, status: int) -> None:
        hook = ScriptedHook(status)
        wait_for(hook, clock, deadline=clock() + 10)
        assert hook.explained == []

    def test_a_reason_that_cannot_be_read_changes_nothing(
        self, clock: StandingClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        hook = ScriptedHook(-1, reason=InstantlyServerError("It failed."))
        assert wait_for(hook, clock).verdict is Verdict.STOPPED
        assert "The reason could not be read: It failed." in caplog.text

    def test_of_very_many_only_some_are_asked_for(self, clock: StandingClock) -> None:
        hook = ScriptedHook(-1)
        wait_for(hook, clock, IDS, fail_fast=False)
        assert hook.explained == IDS[: ending.MAX_EXPLANATIONS]

    @pytest.mark.parametrize(
        ("error", "asked"), [(InstantlyConnectionError("No answer."), 1), (InstantlyServerError("It failed."), 3)]
    )
    async def test_after_an_error_that_concerns_all_no_other_is_asked_for(
        self, clock: StandingClock, caplog: pytest.LogCaptureFixture, error: Exception, asked: int
    ) -> None:
        hook = ScriptedHook(-1, reason=error)
        wait_for(hook, clock, IDS[:3], fail_fast=False)
        assert hook.explained == IDS[:asked]
        assert caplog.text.count("The reason could not be read") == asked

        wait = Wait(IDS[:3], Goal(fail_fast=False), now=0.0)
        wait.advance({cid: Campaign(cid, CampaignStatus(-1)) for cid in IDS[:3]}, began=0.0, now=0.0)
        hook = ScriptedHook(0, reason=error)
        await ending.aexplain(hook.aget_sending_status, wait, LOG)
        assert hook.explained == IDS[:asked]

    async def test_the_async_twin(self, caplog: pytest.LogCaptureFixture) -> None:
        wait = Wait(IDS[:2], Goal(fail_fast=False), now=0.0)
        wait.advance({cid: Campaign(cid, CampaignStatus(-1)) for cid in IDS[:2]}, began=0.0, now=0.0)
        hook = ScriptedHook(0)
        await ending.aexplain(hook.aget_sending_status, wait, LOG)
        assert hook.explained == IDS[:2]
        assert wait.unexplained == []

        silent = Wait([ONE], Goal(), now=0.0)
        silent.advance({ONE: Campaign(ONE, CampaignStatus(-1))}, began=0.0, now=0.0)
        await ending.aexplain(ScriptedHook(0, reason=InstantlyServerError("No.")).aget_sending_status, silent, LOG)
        assert silent.unexplained == [ONE]
        assert "The reason could not be read: No." in caplog.text

    async def test_what_comes_too_late_is_done_without(self, caplog: pytest.LogCaptureFixture) -> None:
        wait = Wait(IDS[:3], Goal(fail_fast=False), now=0.0)
        wait.advance({cid: Campaign(cid, CampaignStatus(-1)) for cid in IDS[:3]}, began=0.0, now=0.0)
        hook = ScriptedHook(-1)

        async def ask(campaign_id: str) -> SendingStatus:
            if campaign_id != IDS[0]:
                raise TimeoutError
            return await hook.aget_sending_status(campaign_id)

        await ending.aexplain(ask, wait, LOG)
        assert wait.unexplained == IDS[1:3]
        assert caplog.text.count("The reason could not be read within 60 s.") == 1

    async def test_neither_does_one_that_has_to_take_a_warning(self, threads_of_log: Any) -> None:
        wait = Wait([ONE], Goal(), now=0.0)
        wait.advance({ONE: Campaign(ONE, CampaignStatus(-1))}, began=0.0, now=0.0)
        hook: Any = ScriptedHook(0, reason=InstantlyServerError("No."))
        await ending.aexplain(hook.aget_sending_status, wait, threads_of_log)
        assert threads_of_log.lines[0].startswith("The reason could not be read: No.")
        assert threading.get_ident() not in threads_of_log.threads


def outcome(verdict: str, status: int | None = 0, reason: str = "") -> WaitResult:
    return WaitResult(Goal(), (CampaignOutcome(ONE, Verdict(verdict), status, ONE, reason),))


class TestEnds:
    @pytest.mark.parametrize(
        ("verdict", "error", "is_retried"),
        [
            ("stopped", CampaignStoppedError, False),
            ("timed_out", AirflowSensorTimeout, False),
            ("execution_timeout", AirflowTaskTimeout, True),
            ("unreadable", CampaignWaitError, True),
            ("unanswered", CampaignWaitError, True),
            ("waiting", CampaignWaitError, True),
        ],
    )
    def test_how_a_wait_ends_a_task(self, verdict: str, error: type[Exception], is_retried: bool) -> None:
        result = outcome(verdict, -2)
        with pytest.raises(error) as caught:
            ending.raise_for_result(result)
        assert type(caught.value) is error
        assert str(caught.value) == (result.message or "The wait ended before it was decided.")
        assert " ".join(sentences_of(caught.value)) == str(caught.value)
        assert isinstance(caught.value, AirflowFailException | AirflowSensorTimeout) is not is_retried

    def test_what_the_task_did_before_is_said_first(self) -> None:
        result = outcome("stopped", -2)
        with pytest.raises(CampaignStoppedError) as caught:
            ending.raise_for_result(result, preface="This run activated the campaign.")
        assert str(caught.value) == f"This run activated the campaign. {result.message}"
        assert sentences_of(caught.value) == ("This run activated the campaign.", *result.sentences)

    def test_of_several_each_is_a_line(self) -> None:
        outcomes = [CampaignOutcome(cid, Verdict.STOPPED, -2, cid) for cid in IDS[:2]]
        result = WaitResult(Goal(), tuple(outcomes))
        with pytest.raises(CampaignStoppedError) as caught:
            ending.raise_for_result(result)
        assert str(caught.value) == result.message
        assert sentences_of(caught.value) == result.sentences

    def test_only_a_target_that_was_reached_does_not(self) -> None:
        ending.raise_for_result(outcome("reached", 1))

    def test_what_a_task_returns(self) -> None:
        assert ending.returned(outcome("reached", 1), {}) == outcome("reached", 1).xcom
        passthrough = {"id": ONE, "status": 0, "status_name": "Draft", "launched": True}
        assert ending.returned(outcome("reached", 3), passthrough) == {
            "id": ONE,
            "status": 3,
            "status_name": "Completed",
            "launched": True,
        }


GOOD_EVENT = {"campaigns": outcome("reached", 1).as_json()}


class TestEvents:
    def test_a_reason_that_names_a_person_does_not_in_the_error(self) -> None:
        event = {"campaigns": None, "reason": "campaign_id must be a UUID, not 'ann@customer.example'."}
        with pytest.raises(CampaignWaitError, match=r"could not wait: campaign_id must be .* '\(an address\)'"):
            ending.result_of_event(event, Goal(), [ONE])

    def test_one_of_this_wait_is_believed(self) -> None:
        assert ending.result_of_event(GOOD_EVENT, Goal(), [ONE]) == outcome("reached", 1)

    @pytest.mark.parametrize(
        "event",
        [
            None,
            "reached",
            [],
            {},
            {"status": "success"},
            {"campaigns": None},
            {"campaigns": []},
            {"campaigns": GOOD_EVENT["campaigns"] * 2},
            {"campaigns": outcome("waiting", 1).as_json()},
            {"campaigns": outcome("reached", 2).as_json()},
            {"campaigns": [{**GOOD_EVENT["campaigns"][0], "campaign_id": IDS[1]}]},
        ],
        ids=lambda event: str(event)[:40],
    )
    def test_anything_else_fails_the_task_and_says_what_became_of_the_campaign(self, event: Any) -> None:
        with pytest.raises(CampaignWaitError, match=r"^The task was resumed by an event that does not tell") as caught:
            ending.result_of_event(event, Goal(), [ONE])
        assert "The campaign was left as it is; another try reads it again." in str(caught.value)
        assert str(caught.value).endswith(f" [campaign {ONE}]")

    @pytest.mark.parametrize("event", [None, {"campaigns": None, "reason": "It has no key."}])
    @pytest.mark.parametrize("left", ["The campaign was left as it is", "The campaign was activated before"])
    def test_what_became_of_the_campaign_is_the_callers_to_say(self, event: Any, left: str) -> None:
        with pytest.raises(CampaignWaitError) as caught:
            ending.result_of_event(event, Goal(), [ONE.upper()], left=left)
        assert str(caught.value) == " ".join(sentences_of(caught.value))
        assert sentences_of(caught.value)[1].startswith(left)
        assert sentences_of(caught.value)[-1] == f"[campaign {ONE}]"

    def test_of_several_none_is_named(self) -> None:
        with pytest.raises(CampaignWaitError, match=r"reads it again\.$"):
            ending.result_of_event(None, Goal(), IDS[:2])

    @given(event=json_values(keys=st.sampled_from(["campaigns", "campaign_id", "verdict", "status"]), floats=False))
    def test_nothing_but_a_campaign_wait_error_comes_of_a_wrong_one(self, event: Any) -> None:
        with pytest.raises(CampaignWaitError):
            ending.result_of_event(event, Goal(), [ONE])
