"""What a DAG's author may ask of a check, whether it is a task of its own or comes before a launch."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_instantly import validation
from airflow_provider_instantly.launches.preflight.finding import CODES, NEVER_IGNORED, Level
from airflow_provider_instantly.launches.preflight.rules import CheckRules

#: Requests beside one for the campaign and one for each hundred senders: fewer do not reach each part once.
_LEAST_REQUESTS = 4


def check_rules(
    *,
    ignore: Collection[str] = (),
    fail_on: Collection[str] = ("error", "incomplete"),
    min_warmup_score: int = 80,
    min_warmup_days: int = 14,
    max_missing_share: float = 0.05,
    max_unverified_share: float = 0.0,
    max_daily_per_account: int = 30,
    extra_requests: int = 6,
) -> CheckRules:
    """
    Return the rules of a check; `CheckCampaignOperator` describes them.

    :raises ValueError: if one of them can be of no use.
    """
    return CheckRules(
        ignore=validation.some_of("ignore", ignore, CODES.keys() - NEVER_IGNORED),
        fail_on=frozenset(map(Level, validation.some_of("fail_on", fail_on, [level.value for level in Level]))),
        min_warmup_score=validation.count("min_warmup_score", min_warmup_score, low=0, high=100),
        min_warmup_days=validation.count("min_warmup_days", min_warmup_days, low=0, high=366),
        max_missing_share=validation.number("max_missing_share", max_missing_share, low=0, high=1),
        max_unverified_share=validation.number("max_unverified_share", max_unverified_share, low=0, high=1),
        max_daily_per_account=validation.count("max_daily_per_account", max_daily_per_account, low=1, high=10_000),
        extra_requests=validation.count("extra_requests", extra_requests, low=_LEAST_REQUESTS, high=1_000),
    )


def preflight_rules(preflight: object) -> CheckRules | None:
    """
    Return the rules of the check before a launch, or None for no check.

    :param preflight: True or False, or a dict of a check's parameters.
    :raises ValueError: if it is anything else, or a parameter can be of no use.
    """
    if not isinstance(preflight, Mapping):
        return check_rules() if validation.flag("preflight", preflight) else None
    known = inspect.signature(check_rules).parameters
    validation.some_of("preflight", list(preflight), list(known))
    given: dict[str, Any] = dict(preflight)
    return check_rules(**given)
