"""The rules that hold where a DAG's author says nothing."""

from __future__ import annotations

from airflow_provider_instantly.launches.preflight.finding import Level
from airflow_provider_instantly.launches.preflight.rules import CheckRules


def test_errors_and_what_could_not_be_read_fail() -> None:
    assert CheckRules().fail_on == {Level.ERROR, Level.INCOMPLETE}
    assert not CheckRules().ignore


def test_instantlys_own_advice() -> None:
    rules = CheckRules()
    assert (rules.min_warmup_score, rules.min_warmup_days, rules.max_daily_per_account) == (80, 14, 30)
