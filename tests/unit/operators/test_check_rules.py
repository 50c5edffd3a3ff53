"""What a DAG's author may ask of a check: refused while the DAG is parsed, if it can be of no use."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from airflow_provider_instantly.launches.preflight.finding import Level
from airflow_provider_instantly.launches.preflight.rules import CheckRules
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.operators.check_rules import check_rules, preflight_rules

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"


def test_what_holds_where_nothing_is_said_is_the_same_everywhere() -> None:
    assert check_rules() == CheckRules()
    assert CheckCampaignOperator(task_id="check", campaign_id=CAMPAIGN_ID).rules == CheckRules()


def test_every_rule_is_a_parameter_and_may_be_given_before_a_launch() -> None:
    parameters = inspect.signature(CheckCampaignOperator).parameters
    for rule in fields(CheckRules):
        assert preflight_rules({rule.name: parameters[rule.name].default}) == CheckRules(), rule.name


def test_what_is_given() -> None:
    rules = check_rules(ignore={"plan_full"}, fail_on=["warning", Level.ERROR], max_missing_share=0.5)
    assert rules == CheckRules(frozenset({"plan_full"}), frozenset({Level.WARNING, Level.ERROR}), max_missing_share=0.5)
    assert check_rules(fail_on=[]).fail_on == frozenset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ignore", "plan_full"),
        ("ignore", ["no_such_code"]),
        ("ignore", ["no_such_campaign"]),
        ("ignore", [1]),
        ("fail_on", ["passed"]),
        ("fail_on", "error"),
        ("fail_on", None),
        ("min_warmup_score", 101),
        ("min_warmup_score", 80.5),
        ("min_warmup_days", -1),
        ("max_missing_share", 5),
        ("max_missing_share", "0.1"),
        ("max_unverified_share", True),
        ("max_unverified_share", float("nan")),
        ("max_daily_per_account", 0),
        ("extra_requests", 3),
    ],
)
def test_what_can_be_of_no_use(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name} "):
        check_rules(**{name: value})
    with pytest.raises(ValueError, match=rf"^{name} "):
        preflight_rules({name: value})


def test_before_a_launch() -> None:
    assert preflight_rules(False) is None
    assert preflight_rules(True) == preflight_rules({}) == CheckRules()
    assert preflight_rules({"fail_on": ["error"]}) == CheckRules(fail_on=frozenset({Level.ERROR}))


@pytest.mark.parametrize("value", [None, "True", 1, ["no_sender"], {"ignored": ["no_sender"]}, {1: 2}])
def test_what_is_no_preflight(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^preflight "):
        preflight_rules(value)
