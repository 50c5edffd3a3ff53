"""What a report says of each campaign, worked out from what the API says: rates, states, senders, sending windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_instantly.analytics.limits import Limits, Verdict, interval
from airflow_provider_instantly.api.account import WARM_DAYS, WARM_SCORE, WarmthSign, warmth_of
from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.api.parsing import integer
from airflow_provider_instantly.api.redaction import masked_address, shown_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from airflow_provider_instantly.api.account import Account, Warmth
    from airflow_provider_instantly.api.analytics import CampaignAnalytics, PartAnalytics
    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.schedule import SendingWindow

#: How many windows are shown.
_WINDOWS: Final = 3
_NAME_CHARS: Final = 120
#: Verdicts that need more than their own name.
_WORDS: Final[Mapping[Verdict, str]] = {Verdict.OPEN: "too few to tell", Verdict.UNKNOWN: "not known"}


@dataclass(frozen=True)
class Rate:
    """
    A share of e-mails, with what a small number of them leaves open.

    :param count: how many.
    :param of: of how many e-mails, at least 1.
    :param confidence: how sure its interval is.
    """

    count: int
    of: int
    confidence: float

    @property
    def value(self) -> float:
        """The share itself, from 0 to 1. An answer may count more than was sent: that is 1, too."""
        return min(1.0, self.count / self.of)

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies."""
        return interval(self.count, self.of, self.confidence)


def rate_of(count: int | None, of: int | None, confidence: float) -> Rate | None:
    """
    The rate, or None where one of the two is not known, or nothing was sent.

    :param count: how many.
    :param of: of how many e-mails.
    :param confidence: how sure its interval is.
    """
    return None if count is None or not of or of < 0 else Rate(max(0, count), of, confidence)


@dataclass(frozen=True)
class Judged:
    """
    A rate beside its limit.

    :param name: what it is a rate of.
    :param rate: the rate, or None where it is not known.
    :param limit: the limit, or None.
    :param verdict: whether the limit is kept, or None where there is none.
    """

    name: str
    rate: Rate | None
    limit: float | None
    verdict: Verdict | None

    @property
    def word(self) -> str:
        """The verdict for people."""
        return "no limit" if self.verdict is None else _WORDS.get(self.verdict, self.verdict.value)


@dataclass(frozen=True)
class State:
    """
    How a campaign stood at one moment of the run.

    :param when: which moment, in words.
    :param status: its status, or None where it is not known.
    """

    when: str
    status: CampaignStatus | None

    @property
    def label(self) -> str:
        """The status as a person reads it."""
        return "Not known" if self.status is None else self.status.label


@dataclass(frozen=True)
class Sender:
    """
    A sending account.

    :param name: its address, masked.
    :param level: ``good``, ``unknown``, ``warning`` or ``bad``.
    :param notes: what is wrong with it, or not known.
    :param score: its warm-up score from 0 to 100, or None.
    """

    name: str
    level: str
    notes: tuple[str, ...] = ()
    score: int | None = None


@dataclass(frozen=True)
class CampaignFigures:
    """
    One campaign of a report.

    :param id: its UUID.
    :param name: its name without addresses, or its id.
    :param states: how it stood, the last one being now.
    :param totals: its figures, or None where it never sent.
    :param days: its figures of each day.
    :param variants: its figures of each step and variant.
    :param senders: its senders, the worst first, or None where they could not be read.
    :param windows: when it may send next.
    :param is_there: whether the workspace has it.
    """

    id: str
    name: str
    states: tuple[State, ...] = ()
    totals: CampaignAnalytics | None = None
    days: tuple[PartAnalytics, ...] = ()
    variants: tuple[PartAnalytics, ...] = ()
    senders: tuple[Sender, ...] | None = ()
    windows: tuple[SendingWindow, ...] = ()
    is_there: bool = True

    @property
    def has_sent(self) -> bool:
        """Whether any e-mail left. A campaign that never sent has no rates, which is not the same as good ones."""
        return self.totals is not None and bool(self.totals.sent)

    @property
    def is_sent_known(self) -> bool:
        """Whether it is known how many e-mails left. Instantly has no figures at all of a campaign that never sent."""
        return self.totals is None or self.totals.sent is not None

    def judged(self, limits: Limits) -> tuple[Judged, ...]:
        """
        Its rates beside their limits; none where it never sent.

        :param limits: the limits.
        """
        if self.totals is None or not self.has_sent:
            return ()
        verdicts = {finding.limit: finding.verdict for finding in limits.judge(self.totals)}

        def judged(name: str, count: int | None, limit: str) -> Judged:
            rate = rate_of(count, sent, limits.confidence)
            return Judged(name, rate, getattr(limits, limit), verdicts.get(limit))

        sent = self.totals.sent
        return (
            judged("Bounces", self.totals.bounced, "max_bounce_rate"),
            judged("Unsubscribed", self.totals.unsubscribed, "max_unsubscribe_rate"),
            judged("Replies", self.totals.replied, "min_reply_rate"),
        )


@dataclass(frozen=True)
class Report:
    """
    A report.

    :param title: its heading.
    :param made_at: when its figures were read.
    :param campaigns: its campaigns, in the order in which they were asked for.
    :param limits: what the rates are held against.
    :param period: which days the figures are of, in words; empty for all.
    """

    title: str
    made_at: datetime
    campaigns: tuple[CampaignFigures, ...]
    limits: Limits = field(default_factory=Limits)
    period: str = ""

    @classmethod
    def of(
        cls, title: str, made_at: datetime, campaigns: Iterable[CampaignFigures], limits: Limits, *days: str | None
    ) -> Self:
        """
        A report over a period.

        :param title: its heading.
        :param made_at: when its figures were read.
        :param campaigns: its campaigns.
        :param limits: what the rates are held against.
        :param days: from which day on and up to which one, ``YYYY-MM-DD``, or None.
        """
        since, until = days
        period = " ".join([f"from {since}" if since else "", f"up to {until} (exclusive)" if until else ""]).strip()
        return cls(title, made_at, tuple(campaigns), limits, f"{period}, midnight UTC" if period else "")


def name_of(campaign: Campaign) -> str:
    """
    How a report names a campaign: a name may hold an address, which is left out.

    :param campaign: the campaign.
    """
    return shown_text(campaign.name, limit=_NAME_CHARS) or campaign.id


def states_of(results: Mapping[str, object], campaign_id: str) -> Iterator[State]:
    """
    How the tasks of a run saw a campaign. They return no moments, so there is an order and no time.

    :param results: what each task returned, by what to call the moment. What cannot be read is left out.
    :param campaign_id: the campaign.
    """
    for when, result in results.items():
        for document in _documents(result):
            if document.get("id") != campaign_id and document.get("campaign_id") != campaign_id:
                continue
            for name, moment in (("status_before", f"before {when}"), ("status", when)):
                if (status := integer(document.get(name))) is not None:
                    yield State(shown_text(moment, limit=_NAME_CHARS), CampaignStatus(status))


def _documents(result: object) -> Iterator[Mapping[str, object]]:
    """A task returns a campaign, or some of them in a list, also of mapped tasks, or below ``campaigns``."""
    if isinstance(result, Mapping):
        yield result
        yield from _documents(result.get("campaigns"))
    elif isinstance(result, Sequence) and not isinstance(result, str | bytes):
        # What Airflow makes of a mapped task's XComs is a sequence, but no list.
        for entry in result:
            yield from _documents(entry)


def senders_of(
    campaign: Campaign, tags: frozenset[str], accounts: Sequence[Account], scores: Mapping[str, int], now: datetime
) -> tuple[Sender, ...]:
    """
    The senders of a campaign, the worst first.

    :param campaign: the campaign.
    :param tags: ids of tags of which its senders may have one.
    :param accounts: the accounts of the workspace.
    :param scores: the warm-up scores, by address, of accounts that show none themselves.
    :param now: when they were read; aware.
    """
    known = {account.email: account for account in accounts}
    named = [email.lower() for email in campaign.sending_accounts]
    tagged = [account.email for account in accounts if account.tag_ids & tags]
    senders = [_sender(email, known.get(email), scores, now) for email in dict.fromkeys([*named, *tagged])]
    return tuple(sorted(senders, key=lambda sender: ("bad", "warning", "unknown", "good").index(sender.level)))


def _sender(email: str, account: Account | None, scores: Mapping[str, int], now: datetime) -> Sender:
    name = masked_address(email)
    if account is None:
        return Sender(name, "bad", ("There is no such account in the workspace.",))
    warmth = warmth_of(account, scores, now)
    broken, cold = tuple(_what_stops(account)), tuple(_what_is_cold(account, warmth))
    unknown = tuple(_what_is_unknown(account, warmth))
    level = "bad" if broken else "warning" if cold else "unknown" if unknown else "good"
    return Sender(name, level, broken + cold + unknown, warmth.score)


def _what_stops(account: Account) -> Iterator[str]:
    if account.setup_pending:
        yield "Its set-up is not done."
    if account.status is None:
        yield "Instantly does not say how it stands."
    elif not account.may_send and not account.setup_pending:
        yield f"It is in the status {account.status.label}."


def _what_is_cold(account: Account, warmth: Warmth) -> Iterator[str]:
    if WarmthSign.WARM_UP in warmth.cold and account.warmup_status is not None:
        yield f"Its warm-up is in the status {account.warmup_status.label}."
    if WarmthSign.SCORE in warmth.cold:
        yield "It has no warm-up score." if warmth.score is None else f"Its warm-up score is below {WARM_SCORE}."
    if WarmthSign.AGE in warmth.cold:
        yield f"It has been there for less than {WARM_DAYS} days."


def _what_is_unknown(account: Account, warmth: Warmth) -> Iterator[str]:
    if account.may_send and not account.is_known_to_send:
        yield "Whether it can send is not known."
    if WarmthSign.WARM_UP in warmth.unknown:
        yield "How its warm-up stands is not known."
    if WarmthSign.AGE in warmth.unknown:
        yield "Since when it has been there is not known."


def windows_of(campaign: Campaign, now: datetime) -> tuple[SendingWindow, ...]:
    """
    When a campaign may send next: the window that is open, or the next one, and those after it.

    :param campaign: the campaign.
    :param now: an aware datetime.
    """
    found: list[SendingWindow] = []
    while len(found) < _WINDOWS and (window := campaign.schedule.next_sending_window(now)) is not None:
        found.append(window)
        now = window.closes
    return tuple(found)
