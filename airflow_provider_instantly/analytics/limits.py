"""
Limits for the figures of a campaign: which are breached, which are not, and which cannot be judged yet. Pure.

What never sent is neither good nor bad, and what is missing in an answer is not zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.analytics import CampaignAnalytics

if TYPE_CHECKING:
    from collections.abc import Iterable

#: E-mails from which on a rate is taken at its word.
DEFAULT_MIN_SENT: Final = 100
#: How sure the interval is. If it is judged after each of the first hundred e-mails, a campaign whose true rate is half
#: of a limit of 5 % is called a breach in one of 150 cases; with 0.95 in one of 25.
DEFAULT_CONFIDENCE: Final = 0.99
#: Which figure each limit of a rate is about.
_COUNTED: Final = {"max_bounce_rate": "bounced", "max_unsubscribe_rate": "unsubscribed", "min_reply_rate": "replied"}
_SILENT: Final = "Instantly's answer does not say how many"


class Verdict(StrEnum):
    """What is known of a limit."""

    KEPT = "kept"
    #: A rate lies beyond its limit, but too few e-mails were sent to tell; or none was.
    OPEN = "open"
    #: Instantly's answer lacks a figure that it takes to judge.
    UNKNOWN = "unknown"
    BREACHED = "breached"


#: Which verdict speaks for a campaign with several limits: the first of these.
GRAVEST_FIRST: Final = (Verdict.BREACHED, Verdict.UNKNOWN, Verdict.OPEN, Verdict.KEPT)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """
    What the figures of a campaign are held against; None means no limit.

    :param max_bounce_rate: bounced e-mails, as a share of those sent.
    :param max_unsubscribe_rate: leads that unsubscribed, as a share of the e-mails sent.
    :param min_reply_rate: replies, as a share of the e-mails sent.
    :param min_contacted: leads contacted.
    :param min_sent: from so many e-mails on a rate is judged as it is; below, by the end of its interval that speaks
        for the campaign.
    :param confidence: how sure that interval is, between 0 and 1.
    """

    max_bounce_rate: float | None = None
    max_unsubscribe_rate: float | None = None
    min_reply_rate: float | None = None
    min_contacted: int | None = None
    min_sent: int = DEFAULT_MIN_SENT
    confidence: float = DEFAULT_CONFIDENCE

    def judge(self, figures: CampaignAnalytics, *, are_of_days: bool = True) -> list[Finding]:
        """
        Judge each limit that is set.

        :param figures: the campaign's figures, or `nothing_sent`.
        :param are_of_days: whether they are of some days only, on which what was sent before may bounce.
        """
        set_limits = [name for name in _COUNTED if getattr(self, name) is not None]
        findings = [self._judge_rate(name, figures, are_of_days) for name in set_limits]
        return findings if self.min_contacted is None else [*findings, self._judge_contacted(figures)]

    def _judge_rate(self, name: str, figures: CampaignAnalytics, are_of_days: bool) -> Finding:
        what = _COUNTED[name]
        limit: float = getattr(self, name)
        count: int | None = getattr(figures, what)
        sent = figures.sent
        if sent == 0 and count and not are_of_days:
            contradiction = f"Instantly's answer says that nothing was sent, and yet {count:,} {what}"
            return Finding(name, Verdict.UNKNOWN, f"{contradiction}: {name} is not judged.")
        if not sent or count is None:
            return _unjudged(name, sent, what)
        is_upper = name.startswith("max")
        lowest, highest = interval(count, sent, self.confidence)
        end = lowest if is_upper else highest

        def is_beyond(rate: float) -> bool:
            return rate > limit if is_upper else rate < limit

        stands = f"{count:,} of {sent:,} e-mails {what} ({_percent(count / sent)}), and {name} is {_as_given(limit)}."
        if not is_beyond(count / sent):
            return Finding(name, Verdict.KEPT, stands)
        if sent >= self.min_sent:
            return Finding(name, Verdict.BREACHED, stands)
        which = "at least" if is_upper else "at most"
        sure = f"the rate is {which} {_percent(end)}, with a confidence of {_as_given(self.confidence)}"
        few = f"{stands} Fewer than min_sent ({self.min_sent:,}) were sent: {sure}"
        if is_beyond(end):
            return Finding(name, Verdict.BREACHED, f"{few}.")
        return Finding(name, Verdict.OPEN, f"{few}, which is no breach yet.")

    def _judge_contacted(self, figures: CampaignAnalytics) -> Finding:
        name, count = "min_contacted", figures.contacted
        if count is None:
            return Finding(name, Verdict.UNKNOWN, f"{_SILENT} leads were contacted: {name} is not judged.")
        verdict = Verdict.BREACHED if count < (self.min_contacted or 0) else Verdict.KEPT
        return Finding(name, verdict, f"{count:,} leads were contacted, and {name} is {self.min_contacted:,}.")


@dataclass(frozen=True)
class Finding:
    """
    What is known of one limit of one campaign.

    :param limit: the limit's name, such as ``max_bounce_rate``.
    :param verdict: whether it is breached.
    :param reason: the figures, and by what they were judged, as sentences.
    """

    limit: str
    verdict: Verdict
    reason: str

    def as_json(self) -> dict[str, str]:
        """The finding for an XCom."""
        return {"limit": self.limit, "verdict": self.verdict.value, "reason": self.reason}


def nothing_sent(campaign_id: str, name: str = "") -> CampaignAnalytics:
    """
    The figures of a campaign about which Instantly answers nothing: no lead was contacted, and nothing else is known.

    :param campaign_id: its UUID.
    :param name: its name.
    """
    return CampaignAnalytics(campaign_id, name, contacted=0, sent=0)


def gravest(findings: Iterable[Finding]) -> Verdict | None:
    """
    The verdict that speaks for a campaign, or None where there is no limit.

    :param findings: those about one campaign.
    """
    found = {finding.verdict for finding in findings}
    return next((verdict for verdict in GRAVEST_FIRST if verdict in found), None)


def rates(figures: CampaignAnalytics) -> dict[str, float | None]:
    """
    The rates of a campaign, each a share of the e-mails sent, or None where nothing was sent or it is not known.

    :param figures: its figures.
    """

    def rate(count: int | None) -> float | None:
        return count / figures.sent if figures.sent and count is not None else None

    return {
        "bounce_rate": rate(figures.bounced),
        "unsubscribe_rate": rate(figures.unsubscribed),
        "reply_rate": rate(figures.replied),
    }


def interval(count: int, total: int, confidence: float) -> tuple[float, float]:
    """
    Between which rates the true one lies: Wilson's score interval, with a correction for continuity.

    Without the correction, one bounce of one e-mail would prove a rate of 13 % (Newcombe 1998, method 4).

    :param count: how often it happened. More than ``total`` counts as always: a bounce may fall into another day than
        its e-mail.
    :param total: of how many, at least 1.
    :param confidence: how sure the interval is, between 0 and 1.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    happened = min(count, total)
    return _lowest(happened, total, z), 1 - _lowest(total - happened, total, z)


def _lowest(count: int, total: int, z: float) -> float:
    if count <= 0:
        return 0.0
    rate = count / total
    spread = z * math.sqrt(z * z - 2 - 1 / total + 4 * rate * (total - count + 1))
    return max(0.0, (2 * count + z * z - 1 - spread) / (2 * (total + z * z)))


def _unjudged(name: str, sent: int | None, what: str) -> Finding:
    if sent == 0:
        return Finding(name, Verdict.OPEN, f"Nothing was sent, so {name} cannot be judged.")
    missing = "e-mails were sent" if sent is None else what
    return Finding(name, Verdict.UNKNOWN, f"{_SILENT} {missing}: {name} is not judged.")


def _percent(share: float) -> str:
    points = 100 * share
    return f"{points:.3g} %" if points < 1_000 else f"{points:,.0f} %"


def _as_given(share: float) -> str:
    """What a DAG's author gave is not rounded."""
    return f"{100 * share:g} %"
