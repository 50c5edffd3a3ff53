"""All that is judged of a campaign, in the order in which a reader wants to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.launches.preflight.emails import judge_emails
from airflow_provider_instantly.launches.preflight.recipients import judge_leads, judge_plan
from airflow_provider_instantly.launches.preflight.senders import judge_senders
from airflow_provider_instantly.launches.preflight.standing import judge_standing
from airflow_provider_instantly.launches.preflight.variables import judge_variables
from airflow_provider_instantly.launches.preflight.volume import judge_limits, judge_schedule, judge_switches

if TYPE_CHECKING:
    from airflow_provider_instantly.launches.preflight.facts import Facts
    from airflow_provider_instantly.launches.preflight.finding import Finding
    from airflow_provider_instantly.launches.preflight.rules import CheckRules

_JUDGES: Final = (
    judge_standing,
    judge_emails,
    judge_variables,
    judge_senders,
    judge_leads,
    judge_plan,
    judge_schedule,
    judge_limits,
    judge_switches,
)


def judge(facts: Facts, rules: CheckRules) -> tuple[Finding, ...]:
    """
    Judge all that was read of a campaign; what could not be read is found, too.

    :param facts: what was read.
    :param rules: the thresholds.
    """
    return tuple(finding for part in _JUDGES for finding in part(facts, rules))
