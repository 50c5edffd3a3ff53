"""Whether to launch: every status, every switch, and everything that an earlier try may have done."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.change import Effect
from airflow_provider_instantly.launches.plan import (
    LaunchAction,
    LaunchPlan,
    LaunchRules,
    PriorOutcome,
    effect_of_activation,
    plan_launch,
)
from tests.statuses import ALL, STOPPED
from tests.unit.api.conftest import CAMPAIGN_ID

#: How a line ends that is about the campaign of `plan`.
TAG = f'[campaign "Autumn" ({CAMPAIGN_ID})]'
SWITCHES = list(itertools.product([False, True], repeat=3))


def plan(status: int | None, prior: PriorOutcome = PriorOutcome.NOTHING, **rules: Any) -> LaunchPlan:
    campaign = Campaign(CAMPAIGN_ID, None if status is None else CampaignStatus(status), "Autumn")
    return plan_launch(campaign, LaunchRules(**rules), prior=prior)


class TestFirstTry:
    """Rows: a status, and what is done for (reactivate_stopped, resume_paused) = FF, FT, TF, TT."""

    @pytest.mark.parametrize(
        ("status", "actions"),
        [
            (0, "activate activate activate activate"),
            (3, "activate activate activate activate"),
            (7, "activate activate activate activate"),
            (2, "refuse activate refuse activate"),
            (1, "leave leave leave leave"),
            (4, "leave leave leave leave"),
            (-1, "refuse refuse activate activate"),
            (-2, "refuse refuse activate activate"),
            (-99, "refuse refuse activate activate"),
            (None, "refuse refuse refuse refuse"),
        ],
    )
    @pytest.mark.parametrize("check_before", [False, True])
    def test_every_status_and_switch(self, status: int | None, actions: str, check_before: bool) -> None:
        found = [
            plan(status, reactivate_stopped=stopped, resume_paused=paused, check_before=check_before).action.value
            for stopped, paused in itertools.product([False, True], repeat=2)
        ]
        assert found == actions.split()

    def test_by_default_what_instantly_stopped_is_refused_and_what_is_paused_is_resumed(self) -> None:
        assert [plan(status).action.value for status in STOPPED] == ["refuse"] * 3
        assert plan(2).action == "activate"
        assert LaunchRules().check_before

    @pytest.mark.parametrize(
        ("status", "rules", "is_warning"),
        [(0, {}, False), (1, {}, False), (7, {}, True), (-2, {"reactivate_stopped": True}, True), (2, {}, False)],
    )
    def test_what_a_person_should_check_is_a_warning(
        self, status: int, rules: dict[str, Any], is_warning: bool
    ) -> None:
        assert plan(status, **rules).is_warning is is_warning

    def test_nothing_else_is(self) -> None:
        assert not LaunchPlan(LaunchAction.LEAVE, ("It runs.",)).is_warning

    def test_plans_and_rules_are_values(self) -> None:
        for value in (plan(0), LaunchRules()):
            assert hash(value) == hash(replace(value))
            with pytest.raises(FrozenInstanceError):
                value.action = "leave"  # type: ignore[union-attr, misc]

    @pytest.mark.parametrize("status", STOPPED)
    def test_a_refusal_says_what_to_do_and_what_it_would_cost(self, status: int) -> None:
        reason = plan(status).reason
        assert reason.startswith(f"The campaign is {CampaignStatus(status).label}: Instantly stopped it")
        assert reason.endswith(TAG)
        assert "so this try did not activate it" in reason
        assert "Fix the cause in Instantly first." in reason
        assert "reactivate_stopped=True" in reason
        assert "7 days" in reason

    def test_a_refusal_to_resume_names_the_pause_and_the_switch(self) -> None:
        reason = plan(2, resume_paused=False).reason
        assert "is Paused" in reason
        assert "resume_paused=False" in reason

    @pytest.mark.parametrize("status", [1, 4])
    def test_what_runs_is_said_to_be_left_alone(self, status: int) -> None:
        assert "already, so nothing was sent" in plan(status).reason


class TestLaterTry:
    """What this task instance launched, or may have, is not launched again by a retry."""

    @pytest.mark.parametrize(
        ("status", "maybe", "launched"),
        [
            (0, "activate", "activate"),
            (1, "leave", "leave"),
            (4, "leave", "leave"),
            (2, "refuse", "refuse"),
            (3, "refuse", "leave"),
            (7, "refuse", "leave"),
            (-1, "refuse", "refuse"),
            (-2, "refuse", "refuse"),
            (-99, "refuse", "refuse"),
            (None, "refuse", "refuse"),
        ],
    )
    def test_every_status(self, status: int | None, maybe: str, launched: str) -> None:
        assert plan(status, PriorOutcome.MAYBE).action == maybe
        assert plan(status, PriorOutcome.LAUNCHED).action == launched

    @pytest.mark.parametrize(
        ("status", "prior", "says", "is_warning"),
        [
            (3, "launched", "is Completed: this task launched it, and it is done.", False),
            (
                7,
                "launched",
                "is UNKNOWN(7), a status that this release does not know. This task launched it, so it is left alone.",
                True,
            ),
            *(
                (
                    status,
                    "maybe",
                    f"is {label}. This task tried to activate it, and it is not known whether that took effect, so it "
                    "was not activated again. Look at it in Instantly; if it has sent nothing since, start a new run.",
                    False,
                )
                for status, label in ((3, "Completed"), (7, "UNKNOWN(7)"))
            ),
        ],
    )
    def test_what_is_said_of_a_completed_or_unknown_one(
        self, status: int, prior: str, says: str, is_warning: bool
    ) -> None:
        found = plan(status, PriorOutcome(prior))
        assert found.reason == f"The campaign {says} {TAG}"
        assert found.is_warning is is_warning

    @pytest.mark.parametrize("status", STOPPED)
    @pytest.mark.parametrize(("stopped", "paused", "check"), SWITCHES)
    def test_no_switch_lets_a_retry_reactivate_what_instantly_may_have_stopped_after_its_launch(
        self, status: int, stopped: bool, paused: bool, check: bool
    ) -> None:
        for prior in (PriorOutcome.MAYBE, PriorOutcome.LAUNCHED):
            found = plan(status, prior, reactivate_stopped=stopped, resume_paused=paused, check_before=check)
            assert found.action == "refuse"
            assert "Instantly stopped it since, so it was not activated again" in found.reason
            assert "Fix the cause in Instantly, and start a new run." in found.reason
            assert ("tried to activate it" in found.reason) is (prior is PriorOutcome.MAYBE)
            assert ("reactivate_stopped=True is for how the task finds a campaign" in found.reason) is stopped

    @pytest.mark.parametrize(("stopped", "paused", "check"), SWITCHES)
    def test_no_switch_lets_a_retry_overrule_a_pause(self, stopped: bool, paused: bool, check: bool) -> None:
        for prior in (PriorOutcome.MAYBE, PriorOutcome.LAUNCHED):
            found = plan(2, prior, reactivate_stopped=stopped, resume_paused=paused, check_before=check)
            assert found.action == "refuse"
            assert "A retry does not overrule that" in found.reason


@pytest.mark.parametrize("prior", list(PriorOutcome))
@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize(("stopped", "paused", "check"), SWITCHES)
class TestAlways:
    def test_what_runs_is_never_activated(
        self, status: int, prior: PriorOutcome, stopped: bool, paused: bool, check: bool
    ) -> None:
        found = plan(status, prior, reactivate_stopped=stopped, resume_paused=paused, check_before=check)
        if status in (1, 4):
            assert found.action == "leave"
        if status in STOPPED and not stopped:
            assert found.action == "refuse"

    def test_the_reason_is_sentences_and_names_the_campaign_last(
        self, status: int, prior: PriorOutcome, stopped: bool, paused: bool, check: bool
    ) -> None:
        found = plan(status, prior, reactivate_stopped=stopped, resume_paused=paused, check_before=check)
        *sentences, last = found.sentences
        assert last == TAG
        assert all(sentence.endswith(".") and CAMPAIGN_ID not in sentence for sentence in sentences)
        # A screen shows some hundred characters of a line: what a switch gives, and not what it costs.
        assert not any("=True would" in sentence and ";" in sentence for sentence in sentences)
        assert found.reason == " ".join(found.sentences)
        assert found.reason.isprintable()


class TestLostAnswer:
    """Rows: a status before (None: unseen), and what each status after proves: shown, absent or unclear."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            #            0 Draft 1 Active 2 Paused 3 Done   4 Subs   -1       -2       -99      7       none
            (0, "        absent  shown    unclear  shown    shown    shown    shown    shown    unclear unclear"),
            (2, "        unclear shown    absent   shown    shown    unclear  unclear  unclear  unclear unclear"),
            (3, "        unclear shown    unclear  unclear  shown    unclear  unclear  unclear  unclear unclear"),
            (-2, "       unclear shown    unclear  shown    shown    unclear  unclear  unclear  unclear unclear"),
            (-99, "      unclear shown    unclear  shown    shown    unclear  unclear  unclear  unclear unclear"),
            (7, "        unclear shown    unclear  shown    shown    unclear  unclear  unclear  unclear unclear"),
            (None, "     unclear shown    unclear  unclear  shown    unclear  unclear  unclear  unclear unclear"),
        ],
    )
    def test_what_a_read_proves_of_an_activation(self, before: int | None, after: str) -> None:
        found = [
            effect_of_activation(None if before is None else standing(before), standing(status))
            for status in (*ALL, None)
        ]
        assert found == [Effect(word) for word in after.split()]


def standing(status: int | None) -> Campaign:
    return Campaign(CAMPAIGN_ID, None if status is None else CampaignStatus(status), "Autumn")
