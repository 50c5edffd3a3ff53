"""The loop on a worker: what it asks, says and sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    ConnectionLookupError,
    InstantlyConfigurationError,
    InstantlyServerError,
)
from airflow_provider_instantly.waits.goal import Verdict
from tests.unit.waits.story import IDS, ONE, ScriptedHook, StandingClock, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable


class TestLoop:
    def test_it_looks_and_sleeps_until_it_is_over(self, clock: StandingClock) -> None:
        hook = ScriptedHook(0, 0, 2, 1)
        assert wait_for(hook, clock, poll_interval=30.0).verdict is Verdict.REACHED
        assert clock.slept == [30, 30, 30]
        assert hook.asked == [[ONE]] * 4

    def test_a_wait_that_is_decided_at_once_does_not_sleep(self, clock: StandingClock) -> None:
        assert wait_for(ScriptedHook(1), clock).verdict is Verdict.REACHED
        assert clock.slept == []

    def test_it_ends_at_the_deadline(self, clock: StandingClock) -> None:
        result = wait_for(ScriptedHook(0), clock, poll_interval=30.0, deadline=clock() + 100)
        assert result.verdict is Verdict.TIMED_OUT
        assert clock.slept == [30, 30, 30, 10]

    def test_it_holds(self, clock: StandingClock) -> None:
        assert wait_for(ScriptedHook(1), clock, poll_interval=30.0, stable_for=50.0).verdict is Verdict.REACHED
        assert sum(clock.slept) == 50

    def test_it_survives_errors_that_may_pass(self, clock: StandingClock) -> None:
        hook = ScriptedHook(InstantlyServerError("503"), ConnectionLookupError("no database"), 1)
        assert wait_for(hook, clock).verdict is Verdict.REACHED

    @pytest.mark.parametrize("error", [CampaignNotFoundError("gone"), InstantlyConfigurationError("no key")])
    def test_it_ends_at_others(self, clock: StandingClock, error: Exception) -> None:
        assert wait_for(ScriptedHook(0, error), clock).verdict is Verdict.UNREADABLE

    def test_only_those_that_are_undecided_are_asked_for(self, clock: StandingClock) -> None:
        class Hook(ScriptedHook):
            def read_campaigns(self, campaign_ids: Iterable[str]) -> dict[str, Any]:
                seen = super().read_campaigns(campaign_ids)
                return {cid: Campaign(cid, CampaignStatus(1)) if cid == ONE else seen[cid] for cid in seen}

        hook = Hook(0, 0, 1)
        wait_for(hook, clock, IDS[:3])
        assert hook.asked == [IDS[:3], IDS[1:3], IDS[1:3]]

    def test_the_moment_is_taken_after_the_answer(self, clock: StandingClock) -> None:
        class Slow(ScriptedHook):
            def read_campaigns(self, campaign_ids: Iterable[str]) -> dict[str, Any]:
                clock.now += 7
                return super().read_campaigns(campaign_ids)

        result = wait_for(Slow(0), clock, poll_interval=30.0, deadline=clock() + 5)
        assert result.verdict is Verdict.TIMED_OUT
        assert clock.slept == []
