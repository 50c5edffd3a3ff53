"""
The wait as a state machine: tables for each decision, then random histories against a simple model.

The model keeps the whole history of each campaign and computes the verdict from it again each time; it shares nothing
with the code but the names of the verdicts.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus, SendingStatus
from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyRateLimitError,
    InstantlyServerError,
)
from airflow_provider_instantly.waits.goal import Goal, Verdict
from airflow_provider_instantly.waits.machine import REPORT_INTERVAL, Decision, Wait
from airflow_provider_instantly.waits.result import WaitResult
from tests.statuses import ALL, STOPPED, UNKNOWN
from tests.unit.waits.story import FATAL, IDS, ONE, START, TRANSIENT, Clock, goal, seen

#: How a line ends that is about the one campaign of most tests.
N = f'[campaign "N" ({ONE})]'
#: What a wait says though nothing has happened: that it still waits, or how much of a hold has passed.
REPORT = re.compile(r"Still waiting|[A-Z][\w ]* for \d.* of \d.*, until ")
#: For each set of targets: the statuses that count as arrived. Written by hand, from the meaning of the statuses.
ARRIVED = {
    frozenset({1}): {1, 3, 4},
    frozenset({4}): {3, 4},
    frozenset({3}): {3},
    frozenset({2}): {2},
    frozenset({0}): {0},
    frozenset({0, 1}): {0, 1, 3, 4},
    frozenset({1, -2}): {1, 3, 4, -2},
}


class TestDecisive:
    """A poll may take a campaign for a Draft that no list shows; where a Draft decides, it has to read it."""

    @pytest.mark.parametrize("given", [{"target_statuses": {0}}, {"failed_statuses": {0, -2}}])
    def test_where_a_draft_arrives_or_fails(self, given: dict[str, Any]) -> None:
        clock = Clock(goal(**given))
        assert clock.wait.decisive == [ONE]

    def test_no_one_where_a_draft_says_nothing(self) -> None:
        assert not Clock(goal()).wait.decisive

    def test_no_one_who_is_not_waited_for_any_more(self) -> None:
        clock = Clock(goal(target_statuses={0}))
        clock.poll(0)
        assert not clock.wait.decisive


class TestUnmoved:
    """A poller of thousands of waits may spare those that a poll does not move."""

    def test_by_the_same_again(self) -> None:
        clock = Clock(goal())
        assert not clock.wait.is_unmoved_by({ONE: seen(0)}, now=START)
        clock.poll(0)
        assert clock.wait.is_unmoved_by({ONE: seen(0)}, now=START + 60)

    @pytest.mark.parametrize(
        "read", [{ONE: seen(2)}, {ONE: seen(0, name="M")}, {ONE: seen(0, not_sending=2)}, {ONE: TRANSIENT[0]}, {}]
    )
    def test_but_by_anything_else(self, read: dict[str, Any]) -> None:
        clock = Clock(goal())
        clock.poll(0)
        assert not clock.wait.is_unmoved_by(read, now=START + 60)

    def test_by_an_answer_that_tells_less(self) -> None:
        clock = Clock(goal())
        clock.poll(seen(0, not_sending=2))
        assert clock.wait.is_unmoved_by({ONE: seen(0, name="")}, now=START + 60)
        clock.poll(seen(0, name=""))
        assert not clock.poll(seen(0)).info
        assert "not sending" not in clock.poll(seen(2, name="")).info[0]
        assert '"N"' in clock.info[-1], "it is named as before"

    @pytest.mark.parametrize("limit", ["deadline", "execution_deadline"])
    def test_until_the_next_poll_would_be_too_late(self, limit: str) -> None:
        clock = Clock(goal(**{limit: START + 200}))
        clock.poll(0)
        assert clock.wait.is_unmoved_by({ONE: seen(0)}, now=START + 139)
        assert not clock.wait.is_unmoved_by({ONE: seen(0)}, now=START + 140)

    def test_though_there_is_something_to_report_which_it_says_when_it_is_asked_again(self) -> None:
        clock = Clock(goal())
        clock.poll(0)
        assert clock.wait.next_report == START + REPORT_INTERVAL
        assert clock.wait.is_unmoved_by({ONE: seen(0)}, now=START + 2 * REPORT_INTERVAL)
        assert clock.poll(0, at=2 * REPORT_INTERVAL).info[0].startswith("Still waiting for Active after 10 min")
        assert clock.wait.next_report == START + 3 * REPORT_INTERVAL

    def test_never_while_a_target_has_to_hold(self) -> None:
        clock = Clock(goal(stable_for=500.0))
        clock.poll(1)
        assert not clock.wait.is_unmoved_by({ONE: seen(1)}, now=START + 60)

    def test_never_while_no_answer_comes(self) -> None:
        clock = Clock(goal())
        clock.poll(0)
        clock.poll(TRANSIENT[0])
        assert not clock.wait.is_unmoved_by({ONE: seen(0)}, now=START + 120)

    def test_of_many_those_that_are_decided_do_not_count(self) -> None:
        clock = Clock(goal(), IDS[:3])
        clock.poll({IDS[0]: seen(1, IDS[0]), IDS[1]: seen(0, IDS[1]), IDS[2]: seen(2, IDS[2])})
        again = {IDS[1]: seen(0, IDS[1]), IDS[2]: seen(2, IDS[2])}
        assert clock.wait.is_unmoved_by(again, now=START + 60)
        assert not clock.wait.is_unmoved_by({IDS[1]: seen(0, IDS[1])}, now=START + 60)


class TestInferred:
    """A Draft that a list of all others does not show may be gone instead."""

    class Inferred(Campaign):
        is_inferred = True

    def poll(self, clock: Clock, **more: Any) -> Decision:
        return clock.poll(self.Inferred(ONE, CampaignStatus.DRAFT), **more)

    @pytest.mark.parametrize("which", ["target_statuses", "failed_statuses"])
    def test_it_ends_no_wait_until_it_is_read(self, which: str) -> None:
        clock = Clock(goal(**{which: {0}}))
        for _ in range(3):
            assert self.poll(clock).delay == 60.0
            assert not clock.wait.is_unmoved_by({ONE: seen(0)}, now=clock.now + 60)
        assert clock.poll(0).delay is None
        assert clock.verdict == (Verdict.REACHED if which == "target_statuses" else Verdict.STOPPED)

    def test_it_neither_begins_nor_ends_a_hold_and_breaks_none(self) -> None:
        clock = Clock(goal(target_statuses={0}, stable_for=90.0))
        self.poll(clock)
        clock.poll(0, at=60)
        self.poll(clock, at=120)
        self.poll(clock, at=180)
        assert clock.wait.result().verdict is Verdict.WAITING
        clock.poll(0, at=181)
        assert clock.verdict == Verdict.REACHED

    def test_it_is_an_answer(self) -> None:
        clock = Clock(goal(target_statuses={0}, failure_budget=100.0))
        clock.poll(TRANSIENT[0])
        self.poll(clock, at=60)
        clock.poll(TRANSIENT[0], at=120)
        assert clock.verdict == Verdict.WAITING

    def test_else_it_is_a_draft_like_any_other(self) -> None:
        clock = Clock(goal())
        assert "The campaign is Draft." in self.poll(clock).info[0]
        assert clock.wait.is_unmoved_by({ONE: seen(0, name="")}, now=START + 60)


class TestOneLook:
    @pytest.mark.parametrize("stable_for", [0.0, 90.0])
    @pytest.mark.parametrize("failed", [frozenset(STOPPED), frozenset(), frozenset({2, 3}), frozenset({1, -1})])
    @pytest.mark.parametrize("target", ARRIVED)
    @pytest.mark.parametrize("status", ALL)
    def test_every_status(self, status: int, target: frozenset[int], failed: frozenset[int], stable_for: float) -> None:
        clock = Clock(goal(target_statuses=target, failed_statuses=failed, stable_for=stable_for))
        decision = clock.poll(status)

        arrived = status in target or (status in ARRIVED[target] and status not in failed)
        if arrived and not stable_for:
            assert (clock.verdict, decision.delay) == (Verdict.REACHED, None)
        elif arrived:
            assert (clock.verdict, decision.delay) == (Verdict.WAITING, 60.0)
        elif status in failed:
            assert (clock.verdict, decision.delay) == (Verdict.STOPPED, None)
        else:
            assert (clock.verdict, decision.delay) == (Verdict.WAITING, 60.0)

    @pytest.mark.parametrize("error", FATAL, ids=lambda error: type(error).__name__)
    def test_an_error_that_only_a_person_can_fix_ends_it_at_once(self, error: Exception) -> None:
        clock = Clock(goal())
        assert clock.poll(error).delay is None
        assert clock.verdict is Verdict.UNREADABLE
        assert str(error) in clock.wait.result().message

    @pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: f"{type(error).__name__} {error.args}")
    def test_an_error_that_may_pass_does_not(self, error: Exception) -> None:
        clock = Clock(goal())
        assert clock.poll(error).delay == 60.0
        assert clock.verdict is Verdict.WAITING

    def test_an_answer_without_a_status_is_a_bug_of_the_reader(self) -> None:
        with pytest.raises(ValueError, match="without a status"):
            Clock(goal()).poll(Campaign(ONE, None))

    def test_a_campaign_that_was_not_read_stays_as_it_is(self) -> None:
        clock = Clock(goal())
        assert clock.poll({}).delay == 60
        assert clock.poll({IDS[5]: seen(1, IDS[5])}).delay == 60.0
        assert clock.wait.result().campaigns[0].status is None

    def test_a_campaign_is_named_once_whatever_its_letters(self) -> None:
        wait = Wait([ONE.upper(), ONE], goal(), now=START)
        assert wait.pending == [ONE]


class TestHolding:
    def test_it_counts_from_the_first_poll_that_saw_it(self) -> None:
        clock = Clock(goal(stable_for=100.0))
        assert clock.poll(0, at=0).delay == 60
        assert clock.poll(1).delay == 60
        assert clock.poll(1).delay == 40
        assert clock.poll(1).delay is None
        assert (clock.verdict, clock.now - START) == (Verdict.REACHED, 160)

    def test_it_starts_again_when_it_was_lost(self) -> None:
        clock = Clock(goal(stable_for=100.0))
        clock.poll(1, at=0)
        clock.poll(2, at=60)
        assert clock.poll(1, at=120).delay == 60
        assert clock.poll(1, at=180).delay == 40
        assert clock.wait.result().verdict is Verdict.WAITING
        clock.poll(1, at=220)
        assert clock.verdict is Verdict.REACHED

    def test_statuses_beyond_the_target_keep_it(self) -> None:
        clock = Clock(goal(stable_for=100.0))
        for at, status in ((0, 1), (60, 4), (100, 3)):
            clock.poll(status, at=at)
        assert clock.verdict is Verdict.REACHED

    def test_a_failed_status_ends_it(self) -> None:
        clock = Clock(goal(stable_for=100.0))
        clock.poll(1, at=0)
        clock.poll(-2, at=99)
        assert clock.verdict is Verdict.STOPPED

    def test_a_poll_without_an_answer_neither_counts_nor_breaks_it(self) -> None:
        clock = Clock(goal(stable_for=100.0))
        clock.poll(1, at=0)
        clock.poll(InstantlyServerError("503"), at=60)
        clock.poll(InstantlyServerError("503"), at=120)
        assert clock.wait.result().verdict is Verdict.WAITING
        clock.poll(1, at=180)
        assert clock.verdict is Verdict.REACHED

    def test_a_hold_that_ended_unseen_hurries_nothing(self) -> None:
        clock = Clock(goal(stable_for=100.0))
        clock.poll(1, at=0)
        for at in (100, 160, 220):
            assert clock.poll(InstantlyServerError("503"), at=at, jitter=0.0).delay == 60

    def test_it_counts_from_the_end_of_a_poll_to_the_beginning_of_another(self) -> None:
        clock = Clock(goal(stable_for=100.0))
        assert clock.poll(1, at=30, took=30).delay == 60
        assert clock.poll(1, at=99, took=60).delay == 1, "it has held since 60"
        assert clock.poll(1, at=159.5, took=30).delay == 60, "it began too early"
        assert clock.poll(1, at=189.5, took=30).delay is None
        assert clock.verdict is Verdict.REACHED

    def test_without_one_a_long_poll_decides_at_once(self) -> None:
        clock = Clock(goal())
        assert clock.poll(1, at=0, took=120).delay is None
        assert clock.verdict is Verdict.REACHED


class TestFailureBudget:
    def test_it_runs_from_the_first_poll_without_an_answer(self) -> None:
        clock = Clock(goal(failure_budget=100.0))
        clock.poll(0, at=0)
        for at in (60, 120, 159):
            clock.poll(InstantlyServerError("503"), at=at)
            assert clock.verdict is Verdict.WAITING
        assert clock.poll(InstantlyServerError("503"), at=160).delay is None
        assert clock.verdict is Verdict.UNANSWERED
        message = clock.wait.result().message
        assert "Nothing was heard" in message
        assert "last seen Draft" in message

    def test_every_answer_refills_it(self) -> None:
        clock = Clock(goal(failure_budget=100.0))
        for at in range(0, 2_000, 90):
            clock.poll(InstantlyServerError("503") if at % 180 else 0, at=at)
        assert clock.verdict is Verdict.WAITING

    def test_without_one_it_asks_for_ever(self) -> None:
        clock = Clock(goal(failure_budget=None))
        for _ in range(500):
            assert clock.poll(InstantlyServerError("503")).delay is not None

    def test_none_at_all_ends_at_the_first(self) -> None:
        clock = Clock(goal(failure_budget=0.0))
        clock.poll(InstantlyServerError("503"))
        assert clock.verdict is Verdict.UNANSWERED
        assert "never seen" in clock.wait.result().message

    def test_pauses_grow_after_errors_but_never_below_the_interval(self) -> None:
        clock = Clock(goal(failure_budget=None, poll_interval=5.0))
        delays = [clock.poll(InstantlyServerError("503")).delay for _ in range(9)]
        assert delays == [5, 5, 5, 8, 16, 32, 60, 60, 60]
        clock.poll(0)
        assert clock.poll(InstantlyServerError("503")).delay == 5

    def test_jitter_spreads_them(self) -> None:
        clock = Clock(goal(failure_budget=None, poll_interval=1.0))
        delays = [clock.poll(InstantlyServerError("503"), jitter=0.5).delay for _ in range(6)]
        assert delays == [1, 1, 2, 4, 8, 16]

    def test_the_wish_of_a_rate_limit_is_granted(self) -> None:
        clock = Clock(goal(poll_interval=5.0))
        assert clock.poll(InstantlyRateLimitError("429", retry_after=30.0), jitter=0.5).delay == 30.5

    def test_an_old_error_is_no_reason_for_a_later_end(self) -> None:
        clock = Clock(goal())
        clock.poll(InstantlyServerError("503"), at=0)
        clock.poll(-2, at=60)
        assert clock.wait.unexplained == [ONE]
        assert "503" not in clock.wait.result().message


class TestLimits:
    def test_the_last_poll_is_at_the_deadline(self) -> None:
        clock = Clock(goal(deadline=START + 100, timeout=100.0))
        assert clock.poll(0, at=0).delay == 60
        assert clock.poll(0).delay == 40
        assert clock.poll(0).delay is None
        assert clock.verdict is Verdict.TIMED_OUT

    @pytest.mark.parametrize(
        ("last", "verdict"),
        [
            (1, Verdict.REACHED),
            (-2, Verdict.STOPPED),
            (InstantlyAuthenticationError("401"), Verdict.UNREADABLE),
            (0, Verdict.TIMED_OUT),
            (UNKNOWN, Verdict.TIMED_OUT),
            (InstantlyServerError("503"), Verdict.TIMED_OUT),
            ({}, Verdict.TIMED_OUT),
        ],
    )
    @pytest.mark.parametrize("late", [0, 500])
    def test_what_is_seen_at_the_deadline_wins_over_it(self, last: Any, verdict: Verdict, late: float) -> None:
        clock = Clock(goal(deadline=START + 100))
        clock.poll(0, at=0)
        assert clock.poll(last, at=100 + late).delay is None
        assert clock.verdict is verdict

    def test_a_hold_that_is_not_over_at_the_deadline_is_too_late(self) -> None:
        clock = Clock(goal(deadline=START + 100, timeout=100.0, stable_for=80.0))
        clock.poll(1, at=30)
        clock.poll(1, at=100)
        assert clock.verdict is Verdict.TIMED_OUT
        assert "was not Active for 80 s within 100 s: it is Active." in clock.wait.result().message

    def test_an_execution_timeout_is_not_taken_for_a_timeout(self) -> None:
        clock = Clock(goal(deadline=START + 200, execution_deadline=START + 100))
        assert clock.poll(0, at=50).delay == 50
        clock.poll(0)
        assert clock.verdict is Verdict.EXECUTION_TIMEOUT
        assert "execution_timeout" in clock.wait.result().message

    def test_the_timeout_wins_where_it_comes_first(self) -> None:
        clock = Clock(goal(deadline=START + 100, execution_deadline=START + 200))
        clock.poll(0, at=150)
        assert clock.verdict is Verdict.TIMED_OUT

    def test_without_a_limit_it_waits_for_ever(self) -> None:
        clock = Clock(goal())
        assert clock.poll(0, at=1e9).delay == 60

    def test_a_deadline_in_the_past_still_takes_one_poll(self) -> None:
        clock = Clock(goal(deadline=START - 1))
        assert clock.poll(1, at=0).delay is None
        assert clock.verdict is Verdict.REACHED

    @given(
        elapsed=st.floats(0, 1e6),
        poll_interval=st.floats(0.1, 1e5),
        stable_for=st.floats(0, 1e5),
        timeout=st.floats(0, 1e6),
        observation=st.sampled_from([0, 1, UNKNOWN, *TRANSIENT]),
        jitter=st.floats(0, 1),
    )
    def test_a_delay_is_never_negative_nor_past_the_deadline(
        self, elapsed: float, poll_interval: float, stable_for: float, timeout: float, observation: Any, jitter: float
    ) -> None:
        clock = Clock(goal(poll_interval=poll_interval, stable_for=stable_for, deadline=START + timeout))
        clock.poll(1, at=elapsed / 2, jitter=jitter)
        if clock.decision.delay is not None:
            clock.poll(observation, at=elapsed, jitter=jitter)
        delay = clock.decision.delay
        if delay is None:
            assert clock.verdict is not Verdict.WAITING
        else:
            assert delay >= 0
            # The resolution of a float that counts seconds since the epoch.
            assert clock.now + delay <= START + timeout + 1e-6


class TestGivingUp:
    @pytest.mark.parametrize(
        ("began", "gives_up"),
        [(0.0, 100.0), (99.9, 100.0), (99.9995, 104.9995), (100.0, 105.0), (103.0, 108.0)],
    )
    def test_a_poll_has_until_the_limit_and_one_that_begins_there_five_seconds(
        self, began: float, gives_up: float
    ) -> None:
        wait = Wait([ONE], goal(deadline=START + 100), now=START)
        assert wait.gives_up(START + began) - START == pytest.approx(gives_up)

    def test_a_millisecond_before_the_limit_is_at_it(self) -> None:
        assert Wait([ONE], goal(deadline=1.0), now=0.0).gives_up(0.999) == 5.999

    def test_without_a_limit_never(self) -> None:
        assert Wait([ONE], goal(), now=START).gives_up(START) == math.inf


class TestDetails:
    def test_a_decision_is_never_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            Decision(1.0).delay = 2.0  # type: ignore[misc]

    def test_without_jitter_pauses_are_as_long_as_they_may_be(self) -> None:
        wait = Wait([ONE], goal(poll_interval=0.1, failure_budget=None), now=START)
        gone = {ONE: InstantlyServerError("503")}
        found = [wait.advance(gone, began=START, now=START).delay for _ in range(3)]
        assert found == [1.0, 2.0, 4.0]

    def test_an_answer_makes_the_next_pause_the_first_again(self) -> None:
        clock = Clock(goal(poll_interval=0.1))
        for seen_ in (InstantlyServerError("503"), InstantlyServerError("503"), 0):
            clock.poll(seen_)
        assert clock.poll(InstantlyServerError("503")).delay == 1.0

    def test_an_error_that_ends_the_wait_for_one_does_not_put_off_the_others(self) -> None:
        clock = Clock(goal(fail_fast=False, poll_interval=0.25), IDS[:2])
        assert clock.poll({IDS[0]: CampaignNotFoundError("gone"), IDS[1]: seen(0, IDS[1])}).delay == 0.25

    def test_a_hold_that_ends_within_a_second_is_looked_at_then(self) -> None:
        clock = Clock(goal(stable_for=60.5))
        assert clock.poll(1, at=0).delay == 60.0
        assert clock.poll(1, at=60).delay == 0.5

    @pytest.mark.parametrize(("count", "warnings"), [(1, 0), (2, 1), (3, 1)])
    def test_of_several_a_stop_is_a_warning_while_the_error_of_one_says_it(self, count: int, warnings: int) -> None:
        clock = Clock(goal(fail_fast=False), IDS[:count])
        clock.poll({ONE: seen(-2)})
        assert len(clock.warnings) == warnings


class TestWhatIsSaid:
    def test_one_line_for_each_change(self) -> None:
        clock = Clock(goal(poll_interval=10.0))
        for status in (0, 0, 0, 2, 2, 0, 1):
            clock.poll(status)
        assert clock.info == [
            f"The campaign is Draft. {N}",
            f"The campaign is Paused. {N}",
            f"The campaign is Draft. {N}",
            f"The campaign is Active. {N}",
        ]

    def test_one_line_for_each_report_interval_and_never_one_for_a_poll(self) -> None:
        clock = Clock(goal(poll_interval=10.0, timeout=7_200.0, deadline=START + 7_200))
        while clock.poll(0).delay is not None:
            pass
        reports = [line for line in clock.info if line.startswith("Still waiting")]
        assert len(reports) == 7_200 / REPORT_INTERVAL - 1
        assert reports[0] == (
            f"Still waiting for Active after 5 min of 2 h: the campaign is Draft, so it has not been launched yet. {N}"
        )
        assert len(clock.info) == len(reports) + 1

    def test_a_report_says_what_has_to_happen(self) -> None:
        clock = Clock(goal())
        clock.poll(2, at=0)
        assert clock.poll(2, at=300).info[0].endswith(f"is Paused, so a person has to resume it. {N}")
        assert clock.poll(UNKNOWN, at=600).info[-1].endswith(f"is UNKNOWN(7). {N}")
        unseen = Clock(goal())
        assert unseen.poll(InstantlyServerError("503"), at=300).info[-1].endswith(f"is not seen. [campaign {ONE}]")

    def test_a_hold_says_how_long_it_has_held_and_when_it_ends(self) -> None:
        clock = Clock(goal(stable_for=900.0, timeout=3_600.0))
        clock.poll(0, at=0)
        assert clock.poll(1, at=60).info == (
            f"The campaign is Active. It has to stay so for 15 min, until 20:42 UTC. {N}",
        )
        assert clock.poll(1, at=360).info == (f"Active for 5 of 15 min, until 20:42 UTC. {N}",)
        assert clock.poll(4, at=420).info == (f"The campaign is Running Subsequences. {N}",)
        assert clock.poll(4, at=660).info == (f"Running Subsequences for 10 of 15 min, until 20:42 UTC. {N}",)

    def test_a_hold_that_begins_again_says_so_again(self) -> None:
        clock = Clock(goal(stable_for=60.0))
        for at, status in ((0, 1), (30, 2), (40, 1)):
            clock.poll(status, at=at)
        assert clock.info == [
            f"The campaign is Active. It has to stay so for 60 s, until 20:27:40 UTC. {N}",
            f"The campaign is Paused. {N}",
            f"The campaign is Active. It has to stay so for 60 s, until 20:28:20 UTC. {N}",
        ]

    @pytest.mark.parametrize(("stable_for", "held"), [(120.0, "2 of 2 min"), (REPORT_INTERVAL, "5 of 5 min")])
    def test_a_hold_that_ended_unseen_waits_for_an_answer(self, stable_for: float, held: str) -> None:
        clock = Clock(goal(stable_for=stable_for, failure_budget=None))
        clock.poll(1, at=0)
        assert clock.poll(InstantlyServerError("503"), at=REPORT_INTERVAL).info == (
            f"Active for {held}, until the next answer. {N}",
        )

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({}, "Waiting for Active, with a poll every 60 s."),
            (
                {"target_statuses": {1, 3}, "poll_interval": 300.0},
                "Waiting for Active or Completed, with a poll every 5 min.",
            ),
            ({"poll_interval": 0.25}, "Waiting for Active, with a poll every 0.25 s."),
            ({"poll_interval": 119.5}, "Waiting for Active, with a poll every 119.5 s."),
            ({"poll_interval": 120.0}, "Waiting for Active, with a poll every 2 min."),
            (
                {"stable_for": 900.0, "deadline": START + 3_600, "timeout": 3_600.0},
                "Waiting for Active that holds for 15 min, with a poll every 60 s, until 21:26 UTC at the latest.",
            ),
            (
                {"deadline": START + 86_400, "execution_deadline": START + 60},
                "Waiting for Active, with a poll every 60 s, until 20:27:40 UTC at the latest.",
            ),
            (
                {"deadline": START + 86_400},
                "Waiting for Active, with a poll every 60 s, until 2026-05-29 20:26 UTC at the latest.",
            ),
        ],
    )
    def test_at_first_it_says_what_it_waits_for(self, more: dict[str, Any], says: str) -> None:
        assert Clock(goal(**more)).wait.opening == f"{says} [campaign {ONE}]"

    def test_why_it_is_not_sending(self) -> None:
        clock = Clock(goal(stable_for=1e6))
        clock.poll({ONE: seen(1, not_sending=1)})
        clock.poll({ONE: seen(1)})
        clock.poll({ONE: seen(1, not_sending=1)})
        clock.poll({ONE: seen(1, not_sending=4)})
        clock.poll({ONE: seen(1, not_sending=55)})
        assert clock.info == [
            "The campaign is Active, but is not sending because it is outside its sending schedule. It has to stay so "
            f"for 277 h 47 min, until 2026-06-09 10:13 UTC. {N}",
            "The campaign is Active, but is not sending because all its sending accounts are at their daily limit. "
            f"{N}",
            f"The campaign is Active, but is not sending because Instantly gives the reason number 55. {N}",
        ]

    def test_an_old_reason_for_not_sending_does_not_outlive_its_status(self) -> None:
        clock = Clock(goal())
        clock.poll({ONE: seen(2, not_sending=1)})
        clock.poll(0)
        assert clock.info[-1] == f"The campaign is Draft. {N}"

    def test_an_unknown_status_is_warned_of_once(self) -> None:
        clock = Clock(goal())
        for status in (7, 7, 0, 7, 8, 7, 8):
            clock.poll(status)
        assert len(clock.warnings) == 2
        assert "has status 7, which this release does not know" in clock.warnings[0]
        assert "has status 8" in clock.warnings[1]
        assert clock.verdict is Verdict.WAITING

    def test_a_silence_is_warned_of_once_and_its_end_is_said(self) -> None:
        clock = Clock(goal())
        clock.poll(0, at=0)
        for at in (60, 120, 180):
            clock.poll(InstantlyServerError("It failed."), at=at)
        clock.poll(0, at=240)
        assert len(clock.warnings) == 1
        assert clock.warnings[0].startswith("No answer about the campaign: It failed.")
        assert clock.warnings[0].endswith(N)
        assert clock.info[1:] == ["Instantly answers again after 3 min."]

    def test_names_cannot_forge_lines(self) -> None:
        clock = Clock(goal())
        clock.poll({ONE: Campaign.from_api({"id": ONE, "status": 7, "name": "a\nINFO b\x1b[0m"})})
        clock.poll({ONE: Campaign.from_api({"id": ONE, "status": 0, "name": "a\rb"})}, at=1_000)
        assert all(line.isprintable() for line in (*clock.info, *clock.warnings))


class TestAnotherClock:
    """The moments that a wait is given are a poller's; its limits were set by the machine's clock."""

    @pytest.mark.parametrize("ahead", [-3600.0, 0.0, 3600.0])
    def test_the_limit_is_a_moment_of_the_machines_clock(self, ahead: float) -> None:
        clock = Clock(goal(deadline=START + 600 - ahead, timeout=600.0))
        clock.wait.follow(ahead)
        assert clock.wait.limit == (START + 600, Verdict.TIMED_OUT)
        assert clock.wait.gives_up(START) == START + 600
        assert clock.poll(0, at=0).delay == 60
        assert clock.poll(0, at=590).delay == pytest.approx(10)
        assert clock.poll(0, at=600).delay is None
        assert clock.verdict is Verdict.TIMED_OUT

    def test_moments_are_said_as_people_see_them(self) -> None:
        clock = Clock(goal(deadline=START + 1800, stable_for=300.0))
        said = clock.wait.opening
        clock.poll(1, at=0)

        later = Clock(goal(deadline=START + 1800 - 7200, stable_for=300.0))
        later.wait.follow(7200.0)
        later.poll(1, at=0)

        assert "until 20:56 UTC at the latest" in said
        assert "until 18:56 UTC at the latest" in later.wait.opening
        assert clock.info == [f"The campaign is Active. It has to stay so for 5 min, until 20:31 UTC. {N}"]
        assert later.info == [f"The campaign is Active. It has to stay so for 5 min, until 18:31 UTC. {N}"]
        later.wait.next_report = clock.wait.next_report = START
        assert clock.poll(1, at=60).info == (f"Active for 60 s of 5 min, until 20:31 UTC. {N}",)
        assert later.poll(1, at=60).info == (f"Active for 60 s of 5 min, until 18:31 UTC. {N}",)

    def test_what_was_quiet_is_no_more_where_the_limit_came_nearer(self) -> None:
        clock = Clock(goal(deadline=START + 7200))
        clock.poll(0, at=0)
        assert clock.wait.is_unmoved_by({ONE: seen(0)}, now=START + 60)
        clock.wait.follow(-7180.0)
        assert not clock.wait.is_unmoved_by({ONE: seen(0)}, now=START + 60)

    def test_a_hold_and_a_silence_go_by_the_steady_clock(self) -> None:
        clock = Clock(goal(stable_for=300.0, failure_budget=300.0))
        clock.poll(1, at=0)
        clock.wait.follow(-86_400.0)
        assert clock.poll(1, at=60).delay is not None
        clock.poll(InstantlyServerError("503"), at=120)
        clock.wait.follow(86_400.0)
        assert clock.poll(InstantlyServerError("503"), at=180).delay is not None
        assert clock.verdict is Verdict.WAITING


class TestMany:
    def test_all_must_arrive(self) -> None:
        clock = Clock(goal(), IDS[:3])
        clock.poll({cid: seen(status, cid) for cid, status in zip(IDS, (1, 0, 1), strict=False)})
        assert clock.wait.result().verdict is Verdict.WAITING
        assert clock.wait.pending == [IDS[1]]
        clock.poll({IDS[1]: seen(3, IDS[1])})
        assert clock.verdict is Verdict.REACHED
        assert clock.wait.pending == []
        assert clock.info == [f'2 of 3 Active, 1 waiting. [Draft: "N" ({IDS[1]})]', "3 of 3 Active."]

    def test_the_first_failure_ends_it(self) -> None:
        clock = Clock(goal(fail_fast=True), IDS[:3])
        decision = clock.poll({cid: seen(status, cid) for cid, status in zip(IDS, (0, -2, 1), strict=False)})
        assert decision.delay is None
        assert clock.verdict is Verdict.STOPPED
        assert [outcome.verdict for outcome in clock.wait.result().campaigns] == [
            Verdict.WAITING,
            Verdict.STOPPED,
            Verdict.REACHED,
        ]

    def test_without_fail_fast_the_others_are_waited_for(self) -> None:
        clock = Clock(goal(fail_fast=False, deadline=START + 100), IDS[:4])
        errors: dict[str, Any] = {IDS[2]: CampaignNotFoundError("gone")}
        assert clock.poll({IDS[0]: seen(-2, IDS[0]), IDS[1]: seen(0, IDS[1]), **errors}).delay is not None
        assert clock.wait.pending == [IDS[1], IDS[3]]
        assert clock.poll({IDS[1]: seen(1, IDS[1]), IDS[3]: seen(0, IDS[3])}).delay is not None
        clock.poll({IDS[3]: seen(2, IDS[3])}, at=100)
        assert [outcome.verdict.value for outcome in clock.wait.result().campaigns] == [
            "stopped",
            "reached",
            "unreadable",
            "timed_out",
        ]
        assert clock.verdict is Verdict.STOPPED

    def test_what_is_decided_is_not_read_again(self) -> None:
        clock = Clock(goal(fail_fast=False), IDS[:2])
        clock.poll({IDS[0]: seen(1, IDS[0]), IDS[1]: seen(0, IDS[1])})
        clock.poll({IDS[0]: seen(-2, IDS[0]), IDS[1]: seen(1, IDS[1])})
        assert clock.verdict is Verdict.REACHED

    def test_progress_is_said_when_it_changes(self) -> None:
        clock = Clock(goal(fail_fast=False), IDS[:4])
        draft = {cid: seen(0, cid) for cid in IDS[:4]}
        clock.poll(draft)
        clock.poll(draft)
        clock.poll({**draft, IDS[0]: seen(1, IDS[0])})
        clock.poll({**draft, IDS[1]: seen(-1, IDS[1])})
        clock.poll(draft)
        assert clock.info == [
            "0 of 4 Active, 4 waiting.",
            f'1 of 4 Active, 3 waiting. [Draft: "N" ({IDS[1]}); Draft: "N" ({IDS[2]}); Draft: "N" ({IDS[3]})]',
            f'1 of 4 Active, 1 stopped, 2 waiting. [Draft: "N" ({IDS[2]}); Draft: "N" ({IDS[3]})]',
        ]
        assert clock.warnings == [f'The campaign is Accounts Unhealthy. [campaign "N" ({IDS[1]})]']

    def test_a_report_about_many_tells_the_progress(self) -> None:
        clock = Clock(goal(timeout=3_600.0), IDS[:2])
        clock.poll({IDS[0]: seen(1, IDS[0])}, at=0)
        assert clock.poll({}, at=400).info == (
            f"Still waiting for Active after 7 min of 1 h: 1 of 2 Active, 1 waiting. [not seen: {IDS[1]}]",
        )

    def test_while_few_are_waited_for_they_are_named(self) -> None:
        clock = Clock(goal(stable_for=900.0, fail_fast=False), IDS[:4])
        read = {IDS[0]: seen(1, IDS[0]), IDS[1]: seen(0, IDS[1]), IDS[2]: seen(2, IDS[2]), IDS[3]: FATAL[0]}
        assert clock.poll(read, at=0).info == (
            f'0 of 4 Active, 1 unreadable, 3 waiting. [Active for 0 s of 15 min, until 20:41 UTC: "N" ({IDS[0]}); '
            f'Draft: "N" ({IDS[1]}); Paused: "N" ({IDS[2]})]',
        )
        [report] = clock.poll({}, at=REPORT_INTERVAL).info
        assert report.startswith("Still waiting for Active after 5 min: 0 of 4 Active, 1 unreadable, 3 waiting.")
        assert "[Active for 5 of 15 min, until 20:41 UTC: " in report

    @pytest.mark.parametrize(
        ("count", "whom"),
        [(2, f"[campaigns {IDS[0]}, {IDS[1]}]"), (3, f"[campaigns {', '.join(IDS[:3])}]"), (4, "[4 campaigns]")],
    )
    def test_at_first_it_names_few_and_counts_many(self, count: int, whom: str) -> None:
        assert Clock(goal(), IDS[:count]).wait.opening == f"Waiting for Active, with a poll every 60 s. {whom}"

    def test_an_error_of_all_is_warned_of_once(self) -> None:
        clock = Clock(goal(), IDS)
        error = InstantlyServerError("It failed.", method="GET", path="/campaigns", status=503)
        clock.poll(dict.fromkeys(IDS, error))
        assert len(clock.warnings) == 1

    @pytest.mark.parametrize(("count", "more"), [(3, []), (4, ["And 1 more error"]), (29, ["And 26 more errors"])])
    def test_of_many_errors_the_first_are_warned_of(self, count: int, more: list[str]) -> None:
        clock = Clock(goal(fail_fast=False), IDS)
        errors = {cid: InstantlyServerError("It failed.", path=f"/campaigns/{cid}") for cid in IDS[:count]}
        clock.poll(errors)
        named, rest = clock.warnings[:3], clock.warnings[3:]
        assert all(str(error) in line for error, line in zip(errors.values(), named, strict=False))
        assert [line.partition(",")[0] for line in rest] == more

    def test_of_thousands_each_with_an_error_of_its_own_no_text_is_made_twice(self) -> None:
        class CountedError(InstantlyServerError):
            texts = 0

            def __str__(self) -> str:
                CountedError.texts += 1
                return super().__str__()

        clock = Clock(goal(fail_fast=False), IDS)
        clock.poll({cid: CountedError("It failed.", path=f"/campaigns/{cid}") for cid in IDS})
        assert CountedError.texts == len(IDS)

    def test_the_longest_pause_counts_for_all(self) -> None:
        clock = Clock(goal(poll_interval=1.0), IDS[:2])
        errors = {IDS[0]: InstantlyServerError("503"), IDS[1]: InstantlyRateLimitError("429", retry_after=30.0)}
        assert clock.poll(errors, jitter=1.0).delay == 31

    def test_numbers_are_written_for_people(self) -> None:
        ids = [str(uuid.UUID(int=number, version=4)) for number in range(1_500)]
        clock = Clock(goal(), ids)
        clock.poll({cid: seen(1, cid) for cid in ids[:1_200]})
        assert clock.info == ["1,200 of 1,500 Active, 300 waiting."]


class TestMemory:
    @pytest.mark.parametrize(
        ("observation", "stable_for", "remembers"),
        [(0, 0.0, False), (UNKNOWN, 0.0, False), (0, 100.0, False), (1, 100.0, True), (TRANSIENT[0], 0.0, True)],
    )
    def test_a_worker_may_be_left_where_nothing_is_lost(
        self, observation: Any, stable_for: float, remembers: bool
    ) -> None:
        clock = Clock(goal(stable_for=stable_for))
        assert not clock.wait.must_stay_on_worker
        clock.poll(observation)
        assert clock.wait.must_stay_on_worker is remembers

    def test_an_answer_after_a_silence_leaves_nothing_to_remember(self) -> None:
        clock = Clock(goal())
        clock.poll(TRANSIENT[0])
        clock.poll(0)
        assert not clock.wait.must_stay_on_worker

    def test_one_of_many_that_is_decided_is_something_to_remember(self) -> None:
        clock = Clock(goal(fail_fast=False), IDS[:2])
        clock.poll({IDS[0]: seen(1, IDS[0]), IDS[1]: seen(0, IDS[1])})
        assert clock.wait.must_stay_on_worker


class TestExplaining:
    def test_only_what_instantly_stopped_needs_it(self) -> None:
        clock = Clock(goal(fail_fast=False), IDS[:4])
        clock.poll({IDS[0]: seen(1, IDS[0]), IDS[1]: seen(-2, IDS[1]), IDS[2]: FATAL[0], IDS[3]: seen(0, IDS[3])})
        assert clock.wait.unexplained == [IDS[1]]
        clock.wait.explain(IDS[1].upper(), SendingStatus("campaign_bounce_protect", "Too many bounces."))
        assert clock.wait.unexplained == []
        assert clock.wait.result().campaigns[1].reason == "Too many bounces."

    def test_the_reason_is_in_the_message(self) -> None:
        clock = Clock(goal())
        clock.poll(-2)
        assert clock.wait.result().message == (
            "The campaign is Bounce Protect, so it will not become Active. It was left as it is. Fix the cause in "
            f"Instantly and resume the campaign there. {N}"
        )
        clock.wait.explain(ONE, SendingStatus("campaign_bounce_protect"))
        assert clock.wait.result().message == (
            "The campaign is Bounce Protect, so it will not become Active. Instantly says: campaign bounce protect. It "
            f"was left as it is. Fix the cause in Instantly and resume the campaign there. {N}"
        )

    @pytest.mark.parametrize("reason", ["Too many bounces.", "Really?", "Stop!", "It goes on…"])
    def test_a_reason_that_is_a_sentence_gets_no_second_full_stop(self, reason: str) -> None:
        clock = Clock(goal())
        clock.poll(-2)
        clock.wait.explain(ONE, SendingStatus(None, reason))
        assert f"Instantly says: {reason} It was left as it is." in clock.wait.result().message


TIMES = st.integers(0, 4_000).map(lambda quarters: quarters / 4)
OBSERVATIONS = st.sampled_from([*ALL, 1, 1, 1, None, *TRANSIENT, FATAL[3]])


def model_verdict(history: list[tuple[float, float, Any]], goal: Goal) -> Verdict:
    """How the wait for one campaign stands, computed from all that was ever seen of it."""
    arrived = set(goal.target_statuses)
    if 1 in goal.target_statuses:
        arrived |= {3, 4} - goal.failed_statuses
    if 4 in goal.target_statuses:
        arrived |= {3} - goal.failed_statuses
    holding: float | None = None
    silent: float | None = None
    for began, moment, observation in history:
        if isinstance(observation, CampaignNotFoundError):
            return Verdict.UNREADABLE
        if isinstance(observation, Exception):
            silent = moment if silent is None else silent
            if goal.failure_budget is not None and moment - silent >= goal.failure_budget:
                return Verdict.UNANSWERED
            continue
        silent = None
        if observation in arrived:
            holding = moment if holding is None else holding
            if not goal.stable_for or began - holding >= goal.stable_for:
                return Verdict.REACHED
        else:
            holding = None
            if observation in goal.failed_statuses:
                return Verdict.STOPPED
    return Verdict.WAITING


class WaitMachine(RuleBasedStateMachine):
    """A waiter that is sometimes late, and a world that does what it wants."""

    @initialize(
        count=st.integers(1, 3),
        wanted=st.sampled_from([{1}, {3}, {4}, {2}, {0, 1}, {1, -2}]),
        failed=st.sampled_from([set(STOPPED), set(), {2, 3}]),
        stable_for=st.just(0.0) | TIMES,
        poll_interval=st.sampled_from([0.25, 5.0, 60.0, 400.0]),
        timeout=st.none() | TIMES,
        execution_limit=st.none() | TIMES,
        failure_budget=st.none() | TIMES,
        fail_fast=st.booleans(),
    )
    def start(self, count: int, timeout: float | None, execution_limit: float | None, **more: Any) -> None:
        more["target_statuses"], more["failed_statuses"] = frozenset(more.pop("wanted")), frozenset(more.pop("failed"))
        self.goal = Goal(
            deadline=None if timeout is None else START + timeout,
            execution_deadline=None if execution_limit is None else START + execution_limit,
            timeout=timeout,
            **more,
        )
        self.ids = IDS[:count]
        self.now = START
        self.wait = Wait(self.ids, self.goal, now=START)
        self.forgetful: Wait | None = None
        self.history: dict[str, list[tuple[float, float, Any]]] = {cid: [] for cid in self.ids}
        self.decided: dict[str, Verdict] = {}
        self.decision: Decision = Decision(0.0)
        self.polls = self.hold_ends = self.reports = 0
        self.unknown_warned: set[tuple[str, int]] = set()
        self.spared = Wait(self.ids, self.goal, now=START)
        self.last_read: dict[str, Any] = {}

    @precondition(lambda self: self.decision.delay is not None)
    @rule(
        data=st.data(),
        lateness=st.just(0.0) | TIMES,
        took=st.just(0.0) | TIMES,
        jitter=st.sampled_from([0.0, 0.25, 1.0]),
    )
    def poll(self, data: st.DataObject, lateness: float, took: float, jitter: float) -> None:
        self._go_on(lateness, took)
        pending = self.wait.pending
        read: dict[str, Any] = {}
        for cid in pending:
            observation = data.draw(OBSERVATIONS)
            if observation is not None:
                read[cid] = seen(observation, cid) if isinstance(observation, int) else observation
                self.history[cid].append((self.began, self.now, observation))
        had_memory = self.wait.must_stay_on_worker
        shadow = None if had_memory else Wait(self.ids, self.goal, now=self.now)

        self.decision = self.wait.advance(read, began=self.began, now=self.now, jitter=jitter)

        self._check_sparing(read, jitter)
        self._check_verdicts(pending)
        self._check_delay(read)
        self._check_lines(read)
        self._check_forgetting(read, jitter, shadow)

    @precondition(lambda self: self.decision.delay is not None and self.last_read)
    @rule(times=st.integers(1, 8), lateness=st.just(0.0) | TIMES, took=st.just(0.0) | TIMES)
    def poll_and_see_the_same(self, times: int, lateness: float, took: float) -> None:
        for _ in range(times):
            if self.decision.delay is None:
                return
            self._go_on(lateness, took)
            for cid in self.wait.pending:
                if isinstance(again := self.last_read.get(cid), Campaign):
                    self.history[cid].append((self.began, self.now, int(again.status or 0)))
            read = {cid: found for cid, found in self.last_read.items() if isinstance(found, Campaign)}
            pending = self.wait.pending
            self.forgetful = None
            self.decision = self.wait.advance(read, began=self.began, now=self.now)
            self._check_sparing(read, 1.0)
            self._check_verdicts(pending)
            self._check_lines(read)

    @precondition(lambda self: self.decision.delay is None)
    @rule()
    def rest(self) -> None:
        """Nothing happens after the end: some histories are shorter than others."""

    def _go_on(self, lateness: float, took: float) -> None:
        assert self.decision.delay is not None
        self.began = self.now + self.decision.delay + lateness
        self.now = self.began + took
        self.polls += 1

    def _check_verdicts(self, pending: list[str]) -> None:
        """Each verdict is what the model makes of the whole history, and none ever changes again."""
        for cid in pending:
            verdict = model_verdict(self.history[cid], self.goal)
            if verdict is not Verdict.WAITING:
                self.decided[cid] = verdict
        failed = any(verdict is not Verdict.REACHED for verdict in self.decided.values())
        limit, its_verdict = self.goal.limit
        over = len(self.decided) == len(self.ids) or (failed and self.goal.fail_fast)
        if not over and self.now >= limit:
            self.decided |= {cid: its_verdict for cid in self.ids if cid not in self.decided}
            over = True
        found = {outcome.campaign_id: outcome.verdict for outcome in self.wait.result().campaigns}
        assert found == {cid: self.decided.get(cid, Verdict.WAITING) for cid in self.ids}
        assert (self.decision.delay is None) == over
        for outcome in self.wait.result().campaigns:
            statuses = [o for _, _, o in self.history[outcome.campaign_id] if isinstance(o, int)]
            assert outcome.status == (statuses[-1] if statuses else None)

    def _check_sparing(self, read: dict[str, Any], jitter: float) -> None:
        """A wait that is spared what does not move it stands where the other does, and says the same."""
        expected = without_reports(self.decision)
        if self.spared.is_unmoved_by(read, now=self.now):
            assert expected == Decision(self.goal.poll_interval)
        else:
            assert without_reports(self.spared.advance(read, began=self.began, now=self.now, jitter=jitter)) == expected
        assert self.spared.result() == self.wait.result()
        self.last_read = read

    def _check_delay(self, read: dict[str, Any]) -> None:
        delay = self.decision.delay
        if delay is None:
            return
        limit, _ = self.goal.limit
        assert delay >= 0
        assert self.now + delay <= limit
        errors = any(isinstance(observation, Exception) for observation in read.values())
        if not errors:
            assert delay <= self.goal.poll_interval
        hold_ends_sooner = self.goal.stable_for > 0
        at_the_limit = self.now + delay == limit
        if delay < self.goal.poll_interval and not at_the_limit:
            assert hold_ends_sooner
            self.hold_ends += 1

    def _check_lines(self, read: dict[str, Any]) -> None:
        for line in (*self.decision.info, *self.decision.warnings):
            assert line.isprintable()
        self.reports += sum(bool(REPORT.match(line)) for line in self.decision.info)
        unknown = {(cid, UNKNOWN) for cid, o in read.items() if isinstance(o, Campaign) and o.status == UNKNOWN}
        news = sum("does not know" in line for line in self.decision.warnings)
        assert news == len(unknown - self.unknown_warned)
        self.unknown_warned |= unknown

    def _check_forgetting(self, read: dict[str, Any], jitter: float, shadow: Wait | None) -> None:
        """Where nothing is remembered, a wait that starts here decides the same from here on."""
        if shadow is not None:
            self.forgetful = shadow
        if self.forgetful is not None:
            decision = self.forgetful.advance(read, began=self.began, now=self.now, jitter=jitter)
            assert decision.delay == self.decision.delay
            verdicts = [outcome.verdict for outcome in self.forgetful.result().campaigns]
            assert verdicts == [outcome.verdict for outcome in self.wait.result().campaigns]

    @invariant()
    def polls_and_reports_are_bounded(self) -> None:
        if not hasattr(self, "goal"):
            return
        elapsed = self.now - START
        # A poll comes after an interval, at the end of a hold, or at the limit.
        assert self.polls <= elapsed / self.goal.poll_interval + self.hold_ends + 2
        assert self.reports <= elapsed / REPORT_INTERVAL

    @invariant()
    def an_event_tells_how_it_ended(self) -> None:
        if not hasattr(self, "goal") or self.decision.delay is not None:
            return
        result = self.wait.result()
        assert WaitResult.from_json(self.goal, self.ids, json.loads(json.dumps(result.as_json()))) == result
        assert bool(result.message) == (result.verdict is not Verdict.REACHED)


def without_reports(decision: Decision) -> Decision:
    said = tuple(line for line in decision.info if not REPORT.match(line))
    return Decision(decision.delay, said, tuple(decision.warnings))


TestAgainstAModel = WaitMachine.TestCase
TestAgainstAModel.settings = settings(max_examples=150, stateful_step_count=25)
