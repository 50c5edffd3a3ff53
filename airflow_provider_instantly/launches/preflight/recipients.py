"""Whether a campaign has leads that are worth writing to, and whether the plan has room for them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_instantly.api.lead import VerificationStatus
from airflow_provider_instantly.launches.preflight.facts import Unread
from airflow_provider_instantly.launches.preflight.finding import Finding, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_instantly.api.lead import Lead
    from airflow_provider_instantly.launches.preflight.facts import Facts, LeadSample
    from airflow_provider_instantly.launches.preflight.rules import CheckRules


def judge_leads(facts: Facts, rules: CheckRules) -> Iterator[Finding]:
    """
    Judge the leads that were read. They are counted, never named.

    :param facts: what was read.
    :param rules: the limit of leads that are not verified.
    """
    sample = facts.leads
    if isinstance(sample, Unread):
        yield Finding("leads_unread", f"Its leads could not be read. {sample.reason}")
    elif not sample.leads:
        yield Finding("no_leads", "It has no leads.")
    elif not sample.open:
        details = _counted_by_state(map(_status, sample.leads))
        read = " that were read" if sample.has_more else ""
        yield Finding("no_lead_left", f"No e-mail is left to send: all leads{read} are done ({details}).")
    else:
        if not any(lead.status is not None and lead.status.is_known for lead in sample.open):
            details = _counted_by_state(map(_status, sample.open))
            yield Finding("leads_unread", f"Whether any e-mail is left to send is not known ({details}).")
        yield from _judge_verification(sample, rules)


def _judge_verification(sample: LeadSample, rules: CheckRules) -> Iterator[Finding]:
    leads = sample.open
    doubtful = [lead for lead in leads if lead.verification is not VerificationStatus.VERIFIED]
    if len(doubtful) <= rules.max_unverified_share * len(leads):
        return
    details = _counted_by_state(map(_verification, doubtful))
    what = counted(len(doubtful), len(leads), "lead")
    yield Finding("unverified_leads", f"{what} that were read are not verified: {details}.")


def _counted_by_state(states: Iterable[str]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in Counter(states).items())


def _status(lead: Lead) -> str:
    return "without a status" if lead.status is None else lead.status.label


def _verification(lead: Lead) -> str:
    return "without a verification" if lead.verification is None else lead.verification.label


def judge_plan(facts: Facts, _rules: CheckRules) -> Iterator[Finding]:
    """
    Judge the workspace's plan.

    :param facts: what was read.
    """
    plan = facts.plan
    if isinstance(plan, Unread):
        yield Finding("plan_unread", f"The plan could not be read. {plan.reason}")
    elif plan.room is None:
        yield Finding("plan_unread", "The answer about the plan does not say how many leads it stores.")
    elif plan.room == 0:
        limit, count = plan.lead_limit, plan.lead_count
        yield Finding("plan_full", f"The plan has no room: it stores {limit:,} leads, and there are {count:,}.")
