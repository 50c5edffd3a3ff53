"""What is waited for, as values: the defaults, the names, the plain form."""

from __future__ import annotations

import json

from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.waits.goal import DEFAULT_FAILURE_BUDGET, Goal
from tests.unit.waits.story import START, goal


class TestGoal:
    def test_the_defaults_wait_for_active_and_fail_when_instantly_stops_it(self) -> None:
        assert Goal().target_statuses == {1}
        assert Goal().failed_statuses == {-1, -2, -99}
        assert Goal().failure_budget == DEFAULT_FAILURE_BUDGET

    def test_several_targets_are_named(self) -> None:
        assert goal(target_statuses={3, 2}).target_names == "Paused or Completed"

    def test_a_goal_is_plain_values(self) -> None:
        plain = goal(target_statuses={CampaignStatus.ACTIVE, 3}, deadline=START).as_json()
        assert json.loads(json.dumps(plain)) == plain
        assert plain["target_statuses"] == [1, 3]
        assert plain["failed_statuses"] == [-99, -2, -1]
        again = Goal(**{**plain, **{name: frozenset(plain[name]) for name in ("target_statuses", "failed_statuses")}})
        assert again == goal(target_statuses={1, 3}, deadline=START)
