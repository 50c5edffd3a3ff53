"""What a check reads, as one conversation: within the requests that it may make; what fails is noted, not raised."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.account import domain_vitals, warmup_scores
from airflow_provider_instantly.api.batches import batches
from airflow_provider_instantly.api.errors import (
    InstantlyError,
    InstantlyRequestError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.lead import Lead, Plan
from airflow_provider_instantly.api.pages import Pages
from airflow_provider_instantly.api.protocol import PAGE_SIZE, ask
from airflow_provider_instantly.api.redaction import shown_text
from airflow_provider_instantly.api.senders import NoRequestLeftError, SenderSearch
from airflow_provider_instantly.launches.preflight.facts import Facts, LeadSample, Senders, Unread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_instantly.api.account import Account, DomainVitals
    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.protocol import Conversation, Reply
    from airflow_provider_instantly.launches.preflight.rules import CheckRules

T = TypeVar("T")

_REASON_CHARS: Final = 300
#: Requests that are kept for what is read after the accounts: their domains.
_KEPT_FOR_DOMAINS: Final = 1
_NONE_LEFT: Final = "A check may make no more requests (extra_requests)."


def read_facts(campaign: Campaign, rules: CheckRules, now: datetime) -> Conversation[Facts]:
    """
    Read what a launch of the campaign needs.

    :param campaign: as it was just read.
    :param rules: how many requests may be made.
    :param now: the time; aware.
    """
    reader = _Reader(rules.extra_requests, len(set(campaign.sending_accounts)))
    plan = yield from reader.noted(_plan())
    leads = yield from reader.noted(_leads(campaign.id))
    senders = yield from _senders(reader, campaign)
    return Facts(campaign, now, senders=senders, leads=leads, plan=plan)


class _Reader:
    """
    Counts the requests of a check, and asks no more once the way to Instantly is blocked.

    :param extra: requests beside one for each hundred senders.
    :param senders: how many senders are known.
    """

    def __init__(self, extra: int, senders: int) -> None:
        self._extra = extra
        self._senders = senders
        self._made = 0
        self._blocked: InstantlyError | None = None

    @property
    def left(self) -> int:
        """How many requests may still be made."""
        return self._extra + ceil(self._senders / PAGE_SIZE) - self._made

    @property
    def left_for_senders(self) -> int:
        """How many requests may still be made to find senders and their scores."""
        return self.left - _KEPT_FOR_DOMAINS

    def allow_for(self, senders: int) -> None:
        """
        Allow one more request for each hundred senders that have become known.

        :param senders: how many are known by now.
        """
        self._senders = max(self._senders, senders)

    def within(self, steps: Conversation[T]) -> Conversation[T]:
        """Pass requests on as long as there are any left."""
        reply: Reply = None
        while True:
            try:
                request = steps.send(reply)
            except StopIteration as stop:
                returned: T = stop.value
                return returned
            if self._blocked is not None:
                reply = self._blocked
            elif self.left <= 0:
                reply = NoRequestLeftError(_NONE_LEFT)
            else:
                self._made += 1
                reply = yield request
                if isinstance(reply, InstantlyError) and reply.concerns_all:
                    self._blocked = reply

    def noted(self, steps: Conversation[T]) -> Conversation[T | Unread]:
        """Read something, or note why it could not be read."""
        try:
            return (yield from self.within(steps))
        except InstantlyError as error:
            return _unread(error)


def _unread(error: InstantlyError) -> Unread:
    message = error.message if isinstance(error, InstantlyRequestError) else str(error)
    return Unread(shown_text(message, limit=_REASON_CHARS))


def _plan() -> Conversation[Plan]:
    return Plan.from_api((yield from ask(operations.get_plan())))


def _leads(campaign_id: str) -> Conversation[LeadSample]:
    """First those that are still to be written to; if there are none, any."""
    unheeded: InstantlyUnexpectedAnswerError | None = None
    try:
        active, _ = yield from _first_page(campaign_id, "FILTER_VAL_ACTIVE")
        if active.open:
            return active
    except InstantlyUnexpectedAnswerError as error:
        # A few leads are all on one page, without a filter, too.
        unheeded = error
    sample, is_whole = yield from _first_page(campaign_id, None)
    if sample.open or is_whole or unheeded is None:
        # That the filter shows no one, while there are leads, proves that no lead is left.
        return sample
    raise unheeded


def _first_page(campaign_id: str, filter: str | None) -> Conversation[tuple[LeadSample, bool]]:
    """The first leads, and whether they are all. A page that is not full is the last, whatever its cursor says."""
    pages = Pages(operations.list_leads({"campaign_id": campaign_id}, filter=filter))
    leads = tuple(map(Lead.from_api, (yield from pages.next_page())))
    is_whole = not pages.has_more or len(leads) < pages.size
    return LeadSample(leads, has_more=not is_whole), is_whole


# Senders


def _senders(reader: _Reader, campaign: Campaign) -> Conversation[Senders | Unread]:
    def left(search: SenderSearch) -> int:
        reader.allow_for(search.count)
        return reader.left_for_senders

    search = SenderSearch(campaign.sending_accounts, campaign.settings.sender_tags, left, is_hurried=True)
    try:
        yield from reader.within(search.run())
    except NoRequestLeftError:
        return Unread(_NONE_LEFT)
    except InstantlyError as error:
        return _unread(error)
    reader.allow_for(search.count)
    usable = [account for account in search.found.values() if account.may_send]
    scores = yield from _scores(reader, usable)
    vitals, untested = yield from _vitals(reader, usable)
    return Senders(
        accounts=tuple(search.found.values()),
        gone=len(search.gone),
        not_found=len(search.missing),
        scores=scores,
        vitals=vitals,
        untested=untested,
    )


def _scores(reader: _Reader, accounts: Sequence[Account]) -> Conversation[dict[str, int] | Unread]:
    """The scores of those that show none themselves."""
    emails = [account.email for account in accounts if account.warmup_score is None]
    if emails and reader.left_for_senders < ceil(len(emails) / PAGE_SIZE):
        return Unread(_NONE_LEFT)
    found: dict[str, int] = {}
    for request in map(operations.get_warmup_analytics, batches(emails)):
        answer = yield from reader.noted(ask(request))
        if isinstance(answer, Unread):
            return answer
        found |= warmup_scores(answer)
    return found


def _vitals(
    reader: _Reader, accounts: Sequence[Account]
) -> Conversation[tuple[dict[str, DomainVitals], Unread | None]]:
    """What each domain publishes, and why some were not tested."""
    by_domain = {account.domain: account.email for account in accounts}
    found: dict[str, DomainVitals] = {}
    for request in map(operations.get_account_vitals, batches(by_domain.values())):
        answer = yield from reader.noted(ask(request))
        if isinstance(answer, Unread):
            return found, answer
        found |= domain_vitals(answer)
    untested = sum(domain not in found or bool(found[domain].unknown) for domain in by_domain)
    said = f"Of {untested:,} of {len(by_domain):,}, Instantly did not say the outcome of each check."
    return found, Unread(said) if untested else None
