"""What the author of a DAG asks of a check: thresholds, what to ignore, and what fails the task."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_instantly.api.account import WARM_DAYS, WARM_SCORE
from airflow_provider_instantly.launches.preflight.finding import Level


@dataclass(frozen=True)
class CheckRules:
    """
    The rules of a check.

    :param ignore: codes of findings that do not count.
    :param fail_on: the levels that fail the task.
    :param min_warmup_score: a sender with a lower warm-up score is cold; from 0 to 100.
    :param min_warmup_days: a sender that is younger is cold; days.
    :param max_missing_share: the share of leads that may lack the value of a variable without a fallback; from 0 to 1.
    :param max_unverified_share: the share of leads that may be unverified, invalid or risky; from 0 to 1.
    :param max_daily_per_account: the most campaign e-mails a day and account that are no warning.
    :param extra_requests: requests beside one for the campaign and one for each hundred senders.
    """

    ignore: frozenset[str] = frozenset()
    fail_on: frozenset[Level] = frozenset({Level.ERROR, Level.INCOMPLETE})
    min_warmup_score: int = WARM_SCORE
    min_warmup_days: int = WARM_DAYS
    max_missing_share: float = 0.05
    max_unverified_share: float = 0.0
    max_daily_per_account: int = 30
    extra_requests: int = 6
