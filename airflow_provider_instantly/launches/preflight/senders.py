"""Whether the accounts that send for a campaign can send, are warm, and are believed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.account import WarmthSign, warmth_of
from airflow_provider_instantly.api.redaction import shown_text
from airflow_provider_instantly.launches.preflight.facts import Unread
from airflow_provider_instantly.launches.preflight.finding import Finding, counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_instantly.api.account import Account
    from airflow_provider_instantly.launches.preflight.facts import Facts, Senders
    from airflow_provider_instantly.launches.preflight.rules import CheckRules

#: What Instantly says of a tracking domain that works.
_WORKING: Final = "active"
#: What an account lacks of which it is not known whether it is warm.
_SIGNS: Final[Mapping[WarmthSign, str]] = {
    WarmthSign.SCORE: "a score",
    WarmthSign.WARM_UP: "a status of the warm-up that is known",
    WarmthSign.AGE: "a date",
}
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
    if not senders.count and not facts.campaign.unread_senders:
        tagged = ", and no account has one of its tags" if facts.campaign.settings.sender_tags else " and no tag"
        yield Finding("no_sender", f"It has no sender: it names no account{tagged}.")
        return
    if unknown := " ".join(_unknown(senders, facts.campaign.unread_senders)):
        yield Finding("senders_unread", unknown)
    yield from _judge_use(senders)
    if senders.usable:
        yield from _judge_warmth(facts, senders, rules)
        yield from _judge_domains(senders)
        yield from _judge_tracking(facts, senders)


def _unknown(senders: Senders, unread: int) -> Iterator[str]:
    """Of which of them it is not known whether they can send."""
    if unread:
        yield f"It names senders or tags of senders that this release cannot read: {unread:,}."
    if senders.not_found:
        what = counted(senders.not_found, senders.count, "sender")
        yield f"{what} could not be found with the requests that a check may make (extra_requests)."
    if doubtful := [account for account in senders.usable if not account.is_known_to_send]:
        states = Counter(map(_doubt, doubtful))
        details = "; ".join(f"{state}: {number:,}" for state, number in states.items())
        what = counted(len(doubtful), senders.count, "sender")
        yield f"Whether {what} can send is not known (on {listed(_domains(doubtful))}). {details}."


def _doubt(account: Account) -> str:
    return "set-up not known" if account.setup_pending is None else _state(account)


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
    scores = None if isinstance(senders.scores, Unread) else senders.scores
    score, days = rules.min_warmup_score, rules.min_warmup_days
    found = [
        (account, warmth_of(account, scores, facts.now, min_score=score, min_days=days)) for account in senders.usable
    ]
    if unknown := [warmth for _, warmth in found if warmth.unknown]:
        what = counted(len(unknown), len(found), "sender")
        signs = Counter(sign for warmth in unknown for sign in warmth.unknown)
        details = "; ".join(f"without {_SIGNS[sign]}: {number:,}" for sign, number in signs.items())
        why = f" {senders.scores.reason}" if isinstance(senders.scores, Unread) and WarmthSign.SCORE in signs else ""
        yield Finding("warm_up_unread", f"The warm-up of {what} is not known ({details}).{why}")
    if cold := [(account, warmth) for account, warmth in found if warmth.cold]:
        what = counted(len(cold), len(found), "sender")
        signs = Counter(sign for _, warmth in cold for sign in warmth.cold)
        reasons = {
            WarmthSign.SCORE: f"a warm-up score below {score}, or none",
            WarmthSign.WARM_UP: "their warm-up off or banned",
            WarmthSign.AGE: f"been there for less than {days} days",
        }
        details = "; ".join(f"{signs[sign]:,} have {reason}" for sign, reason in reasons.items() if signs[sign])
        where = listed(_domains(account for account, _ in cold))
        yield Finding("cold_senders", f"{what} are cold (on {where}): {details}.")


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
        if not account.tracking_domain or account.tracking_domain_status.lower() != _WORKING
    ]
    if lacking:
        what = counted(len(lacking), len(senders.usable), "sender")
        where = listed(_domains(lacking))
        silent = sum(bool(account.tracking_domain) and not account.tracking_domain_status for account in lacking)
        unsaid = f" Of {silent:,} of these, Instantly does not say whether theirs works." if silent else ""
        found = f"It tracks, and {what} have no tracking domain that is known to work (on {where}).{unsaid}"
        yield Finding("no_tracking_domain", found)


def _domains(accounts: Iterable[Account]) -> Iterator[str]:
    return (_shown(account.domain) for account in accounts)


def _shown(domain: str) -> str:
    return shown_text(domain, limit=_SHOWN_CHARS) or "no domain"
