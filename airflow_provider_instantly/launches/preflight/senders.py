"""Whether the accounts that send for a campaign can send, are warm, and are believed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.account import WarmupStatus
from airflow_provider_instantly.api.redaction import safe_text, without_addresses
from airflow_provider_instantly.launches.preflight.facts import Unread
from airflow_provider_instantly.launches.preflight.finding import Finding, counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_instantly.api.account import Account
    from airflow_provider_instantly.launches.preflight.facts import Facts, Senders
    from airflow_provider_instantly.launches.preflight.rules import CheckRules

#: What Instantly says of a tracking domain that works.
_WORKING: Final = frozenset({"", "active"})
#: No domain is longer (RFC 1035).
_SHOWN_CHARS: Final = 253


def judge_senders(facts: Facts, rules: CheckRules) -> Iterator[Finding]:
    """
    Judge the sending accounts. They are counted and named by their domains, never by their addresses.

    :param facts: what was read.
    :param rules: from when on an account is warm.
    """
    senders = facts.senders
    if isinstance(senders, Unread):
        yield Finding("senders_unread", f"Its senders could not be read. {senders.reason}")
        return
    if not senders.count:
        tagged = ", and no account has one of its tags" if facts.campaign.settings.sender_tags else " and no tag"
        yield Finding("no_sender", f"It has no sender: it names no account{tagged}.")
        return
    if senders.not_found:
        yield Finding(
            "senders_unread",
            f"{counted(senders.not_found, senders.count, 'sender')} could not be found with the requests that a check "
            "may make (extra_requests).",
        )
    yield from _judge_use(senders)
    if senders.usable:
        yield from _judge_warmth(facts, senders, rules)
        yield from _judge_domains(senders)
        yield from _judge_tracking(facts, senders)


def _judge_use(senders: Senders) -> Iterator[Finding]:
    unusable = [account for account in senders.accounts if not account.may_send]
    count = len(unusable) + senders.gone
    if not count:
        return
    states = Counter(map(_state, unusable)) + Counter({"gone": senders.gone})
    details = "; ".join(f"{state}: {number:,}" for state, number in states.items())
    code = "no_usable_sender" if count == senders.count else "unusable_senders"
    where = f" (on {listed(_domains(unusable))})" if unusable else ""
    yield Finding(code, f"{counted(count, senders.count, 'sender')} cannot send{where}. {details}.")


def _state(account: Account) -> str:
    if account.setup_pending:
        return "set-up pending"
    return "without a status" if account.status is None else account.status.label


def _judge_warmth(facts: Facts, senders: Senders, rules: CheckRules) -> Iterator[Finding]:
    scores = {} if isinstance(senders.scores, Unread) else senders.scores
    reasons: dict[str, list[Account]] = {}
    unknown = 0
    for account in senders.usable:
        score = scores.get(account.email) if account.warmup_score is None else account.warmup_score
        if score is None and isinstance(senders.scores, Unread):
            unknown += 1
        elif score is None or score < rules.min_warmup_score:
            reasons.setdefault(f"a warm-up score below {rules.min_warmup_score}, or none", []).append(account)
        if (status := account.warmup_status) is not None and status.is_known and status is not WarmupStatus.ACTIVE:
            reasons.setdefault("their warm-up off or banned", []).append(account)
        since = account.warmup_started_at or account.created_at
        if since is not None and facts.now - since < timedelta(days=rules.min_warmup_days):
            reasons.setdefault(f"been there for less than {rules.min_warmup_days} days", []).append(account)
    if isinstance(senders.scores, Unread) and unknown:
        what = counted(unknown, len(senders.usable), "sender")
        yield Finding("warm_up_unread", f"The warm-up of {what} could not be read. {senders.scores.reason}")
    if reasons:
        cold = {account.email: account for accounts in reasons.values() for account in accounts}.values()
        details = "; ".join(f"{len(accounts):,} have {reason}" for reason, accounts in reasons.items())
        what = counted(len(cold), len(senders.usable), "sender")
        yield Finding("cold_senders", f"{what} are cold (on {listed(_domains(cold))}): {details}.")


def _judge_domains(senders: Senders) -> Iterator[Finding]:
    failing = [vitals for vitals in senders.vitals.values() if vitals.failing]
    if failing:
        found = listed(
            f"{_shown(each.domain)} lacks {' and '.join(check.upper() for check in each.failing)}" for each in failing
        )
        yield Finding("domain_failing", f"Domains do not publish what they should: {found}.")
    if senders.untested is not None:
        yield Finding("domains_unread", f"Not all domains could be tested. {senders.untested.reason}")


def _judge_tracking(facts: Facts, senders: Senders) -> Iterator[Finding]:
    if not facts.campaign.settings.tracks:
        return
    lacking = [
        account
        for account in senders.usable
        if not account.tracking_domain or account.tracking_domain_status.lower() not in _WORKING
    ]
    if lacking:
        what = counted(len(lacking), len(senders.usable), "sender")
        where = listed(_domains(lacking))
        yield Finding("no_tracking_domain", f"It tracks, and {what} have no working tracking domain (on {where}).")


def _domains(accounts: Iterable[Account]) -> Iterator[str]:
    return (_shown(account.domain) for account in accounts)


def _shown(domain: str) -> str:
    return safe_text(without_addresses(domain), limit=_SHOWN_CHARS) or "no domain"
