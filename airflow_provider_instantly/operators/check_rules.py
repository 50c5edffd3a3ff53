"""What a DAG's author may ask of a check, whether it is a task of its own or comes before a launch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly import validation
from airflow_provider_instantly.launches.preflight.finding import CODES, NEVER_IGNORED, Level
from airflow_provider_instantly.launches.preflight.rules import CheckRules

if TYPE_CHECKING:
    from collections.abc import Callable

#: Requests beside one for the campaign and one for each hundred senders: fewer do not reach each part once.
_LEAST_REQUESTS: Final = 4


def _levels(name: str, value: object) -> frozenset[Level]:
    return frozenset(map(Level, validation.some_of(name, value, [level.value for level in Level])))


#: What makes each rule of what is passed for it, or refuses that; by the name that rule and parameter share.
_READERS: Final[Mapping[str, Callable[[str, object], Any]]] = {
    "ignore": partial(validation.some_of, known=CODES.keys() - NEVER_IGNORED),
    "fail_on": _levels,
    "min_warmup_score": partial(validation.count, low=0, high=100),
    "min_warmup_days": partial(validation.count, low=0, high=366),
    "max_missing_share": partial(validation.number, low=0, high=1),
    "max_unverified_share": partial(validation.number, low=0, high=1),
    "max_daily_per_account": partial(validation.count, low=1, high=10_000),
    "extra_requests": partial(validation.count, low=_LEAST_REQUESTS, high=1_000),
}


def check_rules(**given: object) -> CheckRules:
    """
    Return the rules of a check. Those that are not given are as `CheckRules` has them.

    :param given: parameters of `CheckCampaignOperator`, which describes them.
    :raises ValueError: if one of them can be of no use.
    """
    return CheckRules(**{name: _READERS[name](name, value) for name, value in given.items()})


def preflight_rules(preflight: object) -> CheckRules | None:
    """
    Return the rules of the check before a launch, or None for no check.

    :param preflight: True or False, or a dict of a check's parameters.
    :raises ValueError: if it is anything else, or a parameter can be of no use.
    """
    if not isinstance(preflight, Mapping):
        return check_rules() if validation.flag("preflight", preflight) else None
    validation.some_of("preflight", list(preflight), _READERS.keys())
    return check_rules(**preflight)
