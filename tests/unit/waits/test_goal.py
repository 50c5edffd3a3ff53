"""What is waited for, as values: the defaults, what counts as arrived, the limit, and the plain form and back."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.waits.goal import Goal, Verdict
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, UNKNOWN
from tests.unit.waits.story import START, goal

#: By hand, since a trigger's row leaves out what is the default: a default that changes changes every wait.
DEFAULTS = {
    "target_statuses": [1],
    "failed_statuses": [-99, -2, -1],
    "stable_for": 0.0,
    "poll_interval": 60.0,
    "deadline": None,
    "timeout": None,
    "execution_deadline": None,
    "failure_budget": 600.0,
    "fail_fast": True,
}


class TestGoal:
    def test_the_defaults_wait_for_active_and_fail_when_instantly_stops_it(self) -> None:
        assert Goal().as_json() == DEFAULTS

    def test_it_is_a_value(self) -> None:
        assert hash(Goal()) == hash(Goal())
        with pytest.raises(FrozenInstanceError):
            Goal().stable_for = 1.0  # type: ignore[misc]

    def test_several_targets_are_named(self) -> None:
        assert goal(target_statuses={3, 2}).target_names == "Paused or Completed"

    def test_a_goal_is_plain_values(self) -> None:
        plain = goal(target_statuses={CampaignStatus.ACTIVE, 3}, deadline=START).as_json()
        assert json.loads(json.dumps(plain)) == plain
        assert plain["target_statuses"] == [1, 3]
        assert plain["failed_statuses"] == [-99, -2, -1]
        again = Goal(**{**plain, **{name: frozenset(plain[name]) for name in ("target_statuses", "failed_statuses")}})
        assert again == goal(target_statuses={1, 3}, deadline=START)

    @pytest.mark.parametrize(
        ("targets", "failed", "arrived"),
        [
            ({ACTIVE}, set(), {ACTIVE, SUBSEQUENCES, COMPLETED}),
            ({ACTIVE}, {COMPLETED}, {ACTIVE, SUBSEQUENCES}),
            ({ACTIVE}, {ACTIVE}, {ACTIVE, SUBSEQUENCES, COMPLETED}),
            ({SUBSEQUENCES}, set(), {SUBSEQUENCES, COMPLETED}),
            ({COMPLETED}, set(), {COMPLETED}),
            ({PAUSED}, set(), {PAUSED}),
            ({DRAFT, ACTIVE}, set(), {DRAFT, ACTIVE, SUBSEQUENCES, COMPLETED}),
        ],
    )
    def test_what_lies_beyond_a_target_has_arrived_unless_it_counts_as_failed(
        self, targets: set[int], failed: set[int], arrived: set[int]
    ) -> None:
        assert goal(target_statuses=targets, failed_statuses=failed).arrived_statuses == arrived

    @pytest.mark.parametrize(
        ("deadlines", "limit"),
        [
            ({}, (math.inf, Verdict.EXECUTION_TIMEOUT)),
            ({"deadline": 5.0}, (5.0, Verdict.TIMED_OUT)),
            ({"execution_deadline": 5.0}, (5.0, Verdict.EXECUTION_TIMEOUT)),
            ({"deadline": 5.0, "execution_deadline": 6.0}, (5.0, Verdict.TIMED_OUT)),
            ({"deadline": 6.0, "execution_deadline": 5.0}, (5.0, Verdict.EXECUTION_TIMEOUT)),
        ],
        ids=str,
    )
    def test_the_earlier_limit_counts(self, deadlines: dict[str, Any], limit: tuple[float, Verdict]) -> None:
        assert Goal(**deadlines).limit == limit


class TestPlainForm:
    @pytest.mark.parametrize(
        "changed",
        [
            {},
            {"target_statuses": [2, 3], "failed_statuses": []},
            {"stable_for": 7.0, "poll_interval": 5.0},
            {"deadline": START, "timeout": 10.0, "execution_deadline": START + 1},
            {"failure_budget": None, "fail_fast": False},
        ],
        ids=str,
    )
    def test_there_and_back(self, changed: dict[str, Any]) -> None:
        found = Goal.from_json(changed)
        assert found.as_json() == DEFAULTS | changed
        assert found.as_arguments() == changed
        assert Goal.from_json(found.as_json()) == Goal.from_json(found.as_arguments()) == found

    @pytest.mark.parametrize("statuses", [[1, 2], (1, 2), {1, 2}, {1: "a", 2: "b"}], ids=str)
    def test_any_collection_of_statuses_will_do(self, statuses: Any) -> None:
        assert Goal.from_json({"target_statuses": statuses}).target_statuses == {1, 2}

    def test_values_are_kept_as_plain_ones(self) -> None:
        found = Goal.from_json({"target_statuses": [CampaignStatus.PAUSED], "stable_for": 7})
        assert [type(status) for status in found.target_statuses] == [int]
        assert type(found.stable_for) is float

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("patience", 7, "A wait has no patience."),
            ("target_statuses", [], "target_statuses must name at least one status of a campaign."),
            ("target_statuses", 1, "target_statuses must be statuses of a campaign, not 1."),
            ("target_statuses", "12", "target_statuses must be statuses of a campaign, not '12'."),
            ("target_statuses", b"12", "target_statuses must be statuses of a campaign, not b'12'."),
            ("target_statuses", None, "target_statuses must be statuses of a campaign, not None."),
            ("failed_statuses", [-1, True], "failed_statuses must be statuses of a campaign, not [-1, True]."),
            ("failed_statuses", [-1, "2"], "failed_statuses must be statuses of a campaign, not [-1, '2']."),
            (
                "failed_statuses",
                [-1, UNKNOWN, 8],
                "failed_statuses has 7, which this release knows as no status of a campaign.",
            ),
            ("stable_for", None, "stable_for must be a number of seconds, not None."),
            ("poll_interval", True, "poll_interval must be a number of seconds, not True."),
            ("poll_interval", "5", "poll_interval must be a number of seconds, not '5'."),
            ("deadline", math.nan, "deadline must be a number of seconds, not nan."),
            ("deadline", -math.inf, "deadline must be a number of seconds, not -inf."),
            ("timeout", 253_402_300_800.0, "timeout must be a number of seconds, not 253402300800.0."),
            ("fail_fast", 1, "fail_fast must be True or False, not 1."),
            ("fail_fast", None, "fail_fast must be True or False, not None."),
        ],
    )
    def test_what_no_wait_can_be_is_refused(self, name: str, value: Any, message: str) -> None:
        with pytest.raises(ValueError, match=r".") as caught:
            Goal.from_json({name: value})
        assert str(caught.value) == message

    def test_the_last_second_of_the_year_9999_is_a_deadline(self) -> None:
        assert Goal.from_json({"deadline": 253_402_300_799}).deadline == 253_402_300_799

    def test_a_long_value_is_not_repeated_in_the_error(self) -> None:
        with pytest.raises(ValueError, match="fail_fast") as caught:
            Goal.from_json({"fail_fast": "x" * 1_000})
        assert str(caught.value) == f"fail_fast must be True or False, not '{'x' * 79}…."

    def test_a_stop_may_be_waited_for(self) -> None:
        assert Goal.from_json({"target_statuses": [BOUNCED]}).target_statuses == {BOUNCED}
