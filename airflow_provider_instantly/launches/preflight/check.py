"""A check over the wire: read, judge, report. It changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_instantly.launches.preflight.judgement import judge
from airflow_provider_instantly.launches.preflight.reading import read_facts
from airflow_provider_instantly.launches.preflight.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.preflight.rules import CheckRules


def check(
    hook: InstantlyHook,
    campaign_id: str,
    rules: CheckRules,
    *,
    is_needed: Callable[[Campaign], bool] = lambda _: True,
) -> tuple[Campaign, Report] | None:
    """
    Check a campaign.

    :param hook: a hook that retries what may be repeated.
    :param campaign_id: its UUID.
    :param rules: what the author of the DAG asks.
    :param is_needed: whether the campaign, once read, is to be checked at all.
    :return: the campaign as it was read and what was found, or None where no check is needed.
    :raises InstantlyError: if the campaign itself could not be read.
    """
    facts = hook.drive(read_facts(campaign_id, rules, datetime.now(UTC), is_needed=is_needed))
    return None if facts is None else (facts.campaign, Report.of(judge(facts, rules), rules))
