"""The loop on a worker: what it asks, says and sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    ConnectionLookupError,
    InstantlyConfigurationError,
    InstantlyServerError,
)
from airflow_provider_instantly.waits.goal import Verdict
from airflow_provider_instantly.waits.machine import LAST_POLL
from tests.statuses import DRAFT
from tests.unit.waits.story import IDS, ONE, ScriptedHook, StandingClock, wait_for
from tests.unit.workspace import Workspace, ids

if TYPE_CHECKING:
    from airflow_provider_instantly.api.protocol import Request


class TestLoop:
    def test_it_polls_and_sleeps_until_it_is_over(self, clock: StandingClock) -> None:
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

    def test_it_holds_a_draft(self, clock: StandingClock) -> None:
        """That 150 Drafts are not on the list of all that are none says too little to end a wait."""

        class Hook(ScriptedHook):
            workspace = Workspace(dict.fromkeys(ids(150), DRAFT))

            def reply(self, request: Request, poll: Any) -> Any:
                return self.workspace(request)

        goal = {"target_statuses": frozenset({DRAFT}), "stable_for": 90.0, "deadline": clock() + 300}
        assert wait_for(Hook(DRAFT), clock, ids(150), poll_interval=60.0, **goal).verdict is Verdict.REACHED
        assert clock.slept == [60, 30]

    def test_it_survives_errors_that_may_pass(self, clock: StandingClock) -> None:
        hook = ScriptedHook(InstantlyServerError("503"), ConnectionLookupError("no database"), 1)
        assert wait_for(hook, clock).verdict is Verdict.REACHED

    @pytest.mark.parametrize("error", [CampaignNotFoundError("gone"), InstantlyConfigurationError("no key")])
    def test_it_ends_at_others(self, clock: StandingClock, error: Exception) -> None:
        assert wait_for(ScriptedHook(0, error), clock).verdict is Verdict.UNREADABLE

    def test_only_those_that_are_undecided_are_asked_for(self, clock: StandingClock) -> None:
        class Hook(ScriptedHook):
            def document(self, campaign_id: str, poll: int) -> dict[str, Any]:
                return super().document(campaign_id, 1 if campaign_id == ONE else poll)

        hook = Hook(0, 0, 1)
        wait_for(hook, clock, IDS[:3])
        assert hook.asked == [IDS[:3], IDS[1:3], IDS[1:3]]

    def test_the_moment_is_taken_after_the_answer(self, clock: StandingClock) -> None:
        class Slow(ScriptedHook):
            def reply(self, request: Request, poll: Any) -> Any:
                clock.now += 7
                return super().reply(request, poll)

        result = wait_for(Slow(0), clock, poll_interval=30.0, deadline=clock() + 5)
        assert result.verdict is Verdict.TIMED_OUT
        assert clock.slept == []


class SlowHook(ScriptedHook):
    """
    One that takes its time for each answer, and whose list shows no campaign.

    :param clock: what its answers move.
    :param latency: seconds for each answer.
    """

    def __init__(self, clock: StandingClock, latency: float, *polls: Any) -> None:
        super().__init__(*polls)
        self.unlisted = IDS
        self._clock = clock
        self._latency = latency

    def reply(self, request: Request, poll: Any) -> Any:
        self._clock.now += self._latency
        return super().reply(request, poll)


@pytest.mark.parametrize("latency", [1.0, 10.0, 40.0])
@pytest.mark.parametrize("stable_for", [45.0, 120.0])
def test_a_hold_is_whole_between_the_reads_of_each_campaign(
    clock: StandingClock, latency: float, stable_for: float
) -> None:
    """The second poll took minutes, and one that was read at its beginning counted as seen at its end."""
    reads: dict[str | None, list[float]] = {}

    class SlowerHook(SlowHook):
        def reply(self, request: Request, poll: Any) -> Any:
            reads.setdefault(request.resource.id, []).append(clock())
            self._latency = latency if len(reads) > 5 else 0.0
            return super().reply(request, poll)

    result = wait_for(SlowerHook(clock, 0.0, 1), clock, IDS[:5], poll_interval=10.0, stable_for=stable_for)
    assert result.verdict is Verdict.REACHED
    for campaign_id in IDS[:5]:
        assert reads[campaign_id][-1] - reads[campaign_id][0] >= stable_for


class TestLimits:
    """A wait for many campaigns that no list shows is read one by one, and its limit is kept in between."""

    @pytest.mark.parametrize("limit", ["deadline", "execution_deadline"])
    @pytest.mark.parametrize("seconds", [0.5, 3.0, 10.0, 16.0, 40.0, 100.0])
    @pytest.mark.parametrize("interval", [5.0, 60.0])
    def test_a_wait_ends_within_a_request_of_its_limit(
        self, clock: StandingClock, interval: float, seconds: float, limit: str
    ) -> None:
        began = clock()
        hook = SlowHook(clock, 0.8, 0)
        moments: Any = {limit: began + seconds}
        result = wait_for(hook, clock, IDS[:20], poll_interval=interval, **moments)
        assert result.verdict in (Verdict.TIMED_OUT, Verdict.EXECUTION_TIMEOUT)
        polled_at_the_limit = began + seconds in clock.woken
        assert 0 <= clock() - began - seconds <= 0.8 + (LAST_POLL if polled_at_the_limit else 0) + 1e-6

    def test_a_poll_that_begins_at_the_limit_is_given_a_moment(self, clock: StandingClock) -> None:
        hook = SlowHook(clock, 0.1, 2, 1)
        result = wait_for(hook, clock, IDS[:20], poll_interval=60.0, deadline=clock() + 30)
        assert result.verdict is Verdict.REACHED

    def test_what_was_read_until_then_counts(self, clock: StandingClock) -> None:
        result = wait_for(SlowHook(clock, 1.0, 1), clock, IDS[:20], deadline=clock() + 5)
        verdicts = [outcome.verdict for outcome in result.campaigns]
        assert verdicts == [Verdict.REACHED] * 4 + [Verdict.TIMED_OUT] * 16
