"""A check over the wire: read, judge, report. It changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_instantly.launches.preflight.judgement import judge
from airflow_provider_instantly.launches.preflight.reading import read_facts
from airflow_provider_instantly.launches.preflight.report import Report

if TYPE_CHECKING:
    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.preflight.facts import Facts
    from airflow_provider_instantly.launches.preflight.rules import CheckRules


def read(hook: InstantlyHook, campaign: Campaign, rules: CheckRules) -> Facts:
    """
    Read what a launch of the campaign needs. What fails is noted, not raised.

    :param hook: a hook that retries what may be repeated.
    :param campaign: as it was just read.
    :param rules: what the author of the DAG asks.
    """
    return hook.drive(read_facts(campaign, rules, datetime.now(UTC)))


def report(facts: Facts, rules: CheckRules) -> Report:
    """
    Judge what was read.

    :param facts: what was read.
    :param rules: what the author of the DAG asks.
    """
    return Report.of(judge(facts, rules), rules)
