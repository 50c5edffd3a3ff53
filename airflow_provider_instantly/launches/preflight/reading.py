"""
What a check reads, as one conversation: no more requests than it is allowed, and what fails is noted, not raised.

The workspace of an agency has thousands of sending accounts and no call that reads a given hundred of them. So those
with a tag are listed by it, and the others are looked for in the workspace's list, or by their domains.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.account import Account, domain_vitals, warmup_scores
from airflow_provider_instantly.api.errors import InstantlyError, InstantlyRequestError
from airflow_provider_instantly.api.lead import Lead, Plan
from airflow_provider_instantly.api.protocol import PAGE_SIZE, Pages, ask
from airflow_provider_instantly.api.redaction import safe_text, without_addresses
from airflow_provider_instantly.launches.preflight.facts import Facts, LeadSample, Senders, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from airflow_provider_instantly.api.account import DomainVitals
    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.protocol import Conversation, Reply, Request
    from airflow_provider_instantly.launches.preflight.rules import CheckRules

T = TypeVar("T")

_REASON_CHARS: Final = 300
#: Requests that are kept for what is read after the accounts: their domains.
_KEPT_FOR_DOMAINS: Final = 1
_NONE_LEFT: Final = "A check may make no more requests (extra_requests)."


class _NoRequestLeftError(InstantlyError):
    """The check has made all the requests that it may make."""


class _NotBelievedError(InstantlyError):
    """An answer about something else than what was asked for."""


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
        self.senders = senders
        self._made = 0
        self._blocked: InstantlyError | None = None

    @property
    def left(self) -> int:
        """How many requests may still be made."""
        return self._extra + ceil(self.senders / PAGE_SIZE) - self._made

    def within(self, steps: Conversation[T]) -> Conversation[T]:
        """Pass requests on as long as there are any left."""
        reply: Reply = None
        while True:
            try:
                request = steps.send(reply)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            if self._blocked is not None:
                reply = self._blocked
            elif self.left <= 0:
                reply = _NoRequestLeftError(_NONE_LEFT)
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
    return Unread(safe_text(without_addresses(message), limit=_REASON_CHARS))


def _plan() -> Conversation[Plan]:
    return Plan.from_api((yield from ask(operations.get_plan())))


def _leads(campaign_id: str) -> Conversation[LeadSample]:
    """First those that are still to be written to; if there are none, any."""
    active, _ = yield from _first_page(campaign_id, "FILTER_VAL_ACTIVE")
    if active.open:
        return active
    sample, is_whole = yield from _first_page(campaign_id, None)
    if sample.open or is_whole or not active.leads:
        # That the filter shows no one, while there are leads, proves that it was heeded: no lead is left.
        return sample
    raise _NotBelievedError(
        "Instantly did not heed the filter of active leads, and there are more than a page of them."
    )


def _first_page(campaign_id: str, filter: str | None) -> Conversation[tuple[LeadSample, bool]]:
    """The first leads, and whether they are all. A page that is not full is the last, whatever its cursor says."""
    pages = Pages(operations.list_leads({"campaign_id": campaign_id}, filter=filter))
    leads = tuple(map(Lead.from_api, (yield from pages.next_page())))
    if any(lead.campaign_id != campaign_id for lead in leads):
        raise _NotBelievedError("Instantly listed leads of another campaign than the one that was asked for.")
    is_whole = not pages.has_more or len(leads) < pages.size
    return LeadSample(leads, has_more=not is_whole), is_whole


# Senders


def _senders(reader: _Reader, campaign: Campaign) -> Conversation[Senders | Unread]:
    search = _Search(reader, campaign)
    try:
        yield from search.run()
    except InstantlyError as error:
        return _unread(error)
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


class _Search:
    """
    The search for the accounts that send for a campaign.

    :param reader: counts the requests.
    :param campaign: names its accounts, and the tags of more.
    """

    def __init__(self, reader: _Reader, campaign: Campaign) -> None:
        self._reader = reader
        self._tags = campaign.settings.sender_tags
        #: Those that it names and that were not found yet.
        self.missing = {address.lower() for address in campaign.sending_accounts}
        self.found: dict[str, Account] = {}
        self.gone: set[str] = set()

    def run(self) -> Conversation[None]:
        """Search until all are found, or no request is left for it."""
        if self._tags:
            yield from self._tagged()
        if self.missing:
            yield from self._named()

    @property
    def _may_go_on(self) -> bool:
        return self._reader.left > _KEPT_FOR_DOMAINS

    def _tagged(self) -> Conversation[None]:
        pages = Pages(operations.list_accounts(tag_ids=sorted(self._tags)))
        is_hidden = False
        while pages.has_more:
            if not self._may_go_on:
                raise _NoRequestLeftError(_NONE_LEFT)
            for account in (yield from self._page(pages)):
                if not self._tags.isdisjoint(account.tag_ids):
                    self._take(account)
                is_hidden = is_hidden or not account.tag_ids
        if pages.has_repeated_itself:
            raise _NotBelievedError("Instantly listed the accounts with the campaign's tags again and again.")
        if is_hidden and not self.found:
            raise _NotBelievedError("Instantly listed accounts for the campaign's tags, and not which tags they have.")

    def _named(self) -> Conversation[None]:
        pages = Pages(operations.list_accounts())
        while pages.has_more and self.missing and self._may_go_on:
            accounts = yield from self._page(pages)
            for account in accounts:
                if account.email in self.missing:
                    self._take(account)
            domains = {address.rpartition("@")[2] for address in self.missing}
            if len(accounts) >= pages.size and 0 < len(domains) <= self._reader.left - _KEPT_FOR_DOMAINS:
                yield from self._by_domain(sorted(domains))
                return
        if not pages.has_more and not pages.has_repeated_itself:
            self._give_up(self.missing)

    def _by_domain(self, domains: Iterable[str]) -> Conversation[None]:
        """That an account is gone is believed only where the same search shows another one."""
        for domain in domains:
            pages, was_shown = Pages(operations.list_accounts(search=domain)), False
            wanted = {address for address in self.missing if address.rpartition("@")[2] == domain}
            while pages.has_more and not wanted.isdisjoint(self.missing) and self._may_go_on:
                for account in (yield from self._page(pages)):
                    was_shown = was_shown or account.domain == domain
                    if account.email in self.missing:
                        self._take(account)
            if was_shown and not pages.has_more and not pages.has_repeated_itself:
                self._give_up(wanted & self.missing)

    def _page(self, pages: Pages) -> Conversation[list[Account]]:
        return list(map(Account.from_api, (yield from self._reader.within(pages.next_page()))))

    def _take(self, account: Account) -> None:
        self.found[account.email] = account
        self.missing.discard(account.email)
        self._reader.senders = max(self._reader.senders, len(self.found) + len(self.missing))

    def _give_up(self, addresses: Iterable[str]) -> None:
        self.gone |= set(addresses)
        self.missing -= self.gone


def _scores(reader: _Reader, accounts: Sequence[Account]) -> Conversation[dict[str, int] | Unread]:
    """The scores of those that show none themselves."""
    emails = [account.email for account in accounts if account.warmup_score is None]
    if emails and reader.left - _KEPT_FOR_DOMAINS < ceil(len(emails) / PAGE_SIZE):
        return Unread(_NONE_LEFT)
    found: dict[str, int] = {}
    for request in _in_pages(emails, operations.get_warmup_analytics):
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
    for request in _in_pages(list(by_domain.values()), operations.get_account_vitals):
        answer = yield from reader.noted(ask(request))
        if isinstance(answer, Unread):
            return found, answer
        found |= {domain: each for domain, each in domain_vitals(answer).items() if domain in by_domain}
    untested = sum(domain not in found or bool(found[domain].unknown) for domain in by_domain)
    said = f"Of {untested:,} of {len(by_domain):,}, Instantly did not say the outcome of each check."
    return found, Unread(said) if untested else None


def _in_pages(emails: Sequence[str], request: Callable[[Sequence[str]], Request]) -> Iterator[Request]:
    return (request(emails[begin : begin + PAGE_SIZE]) for begin in range(0, len(emails), PAGE_SIZE))
