"""Whether a campaign stands as one that is to be launched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_instantly.api.campaign import RUNNING_STATUSES, STOPPED_STATUSES
from airflow_provider_instantly.launches.preflight.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.launches.preflight.facts import Facts
    from airflow_provider_instantly.launches.preflight.rules import CheckRules


def judge_standing(facts: Facts, _rules: CheckRules) -> Iterator[Finding]:
    """
    Judge the campaign's status.

    :param facts: what was read.
    """
    campaign = facts.campaign
    if campaign.status in STOPPED_STATUSES:
        yield Finding("campaign_stopped", f"It is {campaign.status_label}: Instantly stopped it.")
    elif campaign.status in RUNNING_STATUSES:
        yield Finding("campaign_running", f"It is {campaign.status_label} already.")
    elif campaign.status is None or not campaign.status.is_known:
        yield Finding("status_unread", f"It is {campaign.status_label}, so it is not known whether it may be launched.")
