"""
The accounts that send for campaigns, found with few requests.

The workspace of an agency has thousands of sending accounts, and no call reads a given hundred of them. So those with a
tag are listed by it, and the others are looked for in the workspace's list, or by their domains.

Pure like the protocol: conversations that yield requests and are sent what came back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_instantly.api.account import Account, domain_of
from airflow_provider_instantly.api.batches import batches
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.api.operations import list_accounts
from airflow_provider_instantly.api.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_instantly.api.protocol import Conversation


class SendersNotFoundError(InstantlyError):
    """The accounts with the tags could not be found, though each request was answered."""


class NoRequestLeftError(SendersNotFoundError):
    """The list of the accounts with the tags does not end with the requests that may be made."""


class SenderSearch:
    """
    The search for the accounts that send for campaigns.

    :param named: the addresses that the campaigns name.
    :param tags: the ids of their tags: an account with one of them sends, too.
    :param left: how many requests may still be made, given the search as it stands.
    :param is_hurried: whether few requests are left from the start. Then domains are searched as soon as each of them
        may have a request, and what they do not show is not looked for any longer. Else no more domains are searched
        than pages of the list were read, and the list is read to its end.
    """

    def __init__(
        self,
        named: Iterable[str],
        tags: Iterable[str],
        left: Callable[[SenderSearch], int],
        *,
        is_hurried: bool = False,
    ) -> None:
        self._tags = frozenset(tags)
        self._count_left = left
        self._is_hurried = is_hurried
        #: Those that are named and were not found yet.
        self.missing = {address.lower() for address in named}
        #: Those that were found, by address.
        self.found: dict[str, Account] = {}
        #: Those that are named and do not exist.
        self.gone: set[str] = set()
        #: How many pages were read.
        self.requests = 0
        #: Whether the workspace's list repeated itself, so that it may not be whole.
        self.has_repeated_itself = False

    @property
    def count(self) -> int:
        """How many senders are known, be they found or not."""
        return len(self.found) + len(self.missing)

    def run(self) -> Conversation[None]:
        """
        Search until all are found, or no request is left for it; see `missing`.

        :raises SendersNotFoundError: if the accounts with the tags could not be found.
        :raises InstantlyError: if a page could not be read.
        """
        if self._tags:
            yield from self._tagged()
        if self.missing:
            yield from self._named()

    @property
    def _left(self) -> int:
        return self._count_left(self)

    def _tagged(self) -> Conversation[None]:
        # More tags do not fit into the address of a request.
        for tags in batches(sorted(self._tags)):
            pages = Pages(list_accounts(tag_ids=tags))
            while pages.has_more:
                if self._left <= 0:
                    raise NoRequestLeftError("Not all accounts with the campaign's tags could be listed.")
                for account in (yield from self._page(pages)):
                    self._take(account)
            if pages.has_repeated_itself:
                raise SendersNotFoundError("Instantly listed the accounts with the campaign's tags again and again.")

    def _named(self) -> Conversation[None]:
        pages, read, searched = Pages(list_accounts()), 0, set[str]()
        while pages.has_more and self.missing and self._left > 0:
            accounts = yield from self._page(pages)
            read += 1
            self._take_missing(accounts)
            domains = {domain_of(address) for address in self.missing} - searched
            reach = self._left if self._is_hurried else min(self._left, read)
            if len(accounts) >= pages.size and 0 < len(domains) <= reach:
                yield from self._by_domain(sorted(domains))
                searched |= domains
                if self._is_hurried:
                    return
        self.has_repeated_itself = pages.has_repeated_itself
        if not pages.has_more and not pages.has_repeated_itself:
            self._give_up(self.missing)

    def _by_domain(self, domains: Iterable[str]) -> Conversation[None]:
        """That an account is gone is believed only where the same search shows another one."""
        for domain in domains:
            pages, was_shown = Pages(list_accounts(search=domain)), False
            wanted = {address for address in self.missing if domain_of(address) == domain}
            while pages.has_more and not wanted.isdisjoint(self.missing) and self._left > 0:
                accounts = yield from self._page(pages)
                was_shown = was_shown or any(account.domain == domain for account in accounts)
                self._take_missing(accounts)
            if was_shown and not pages.has_more and not pages.has_repeated_itself:
                self._give_up(wanted & self.missing)

    def _page(self, pages: Pages) -> Conversation[list[Account]]:
        accounts = list(map(Account.from_api, (yield from pages.next_page())))
        self.requests += 1
        return accounts

    def _take_missing(self, accounts: Iterable[Account]) -> None:
        for account in accounts:
            if account.email in self.missing:
                self._take(account)

    def _take(self, account: Account) -> None:
        self.found[account.email] = account
        self.missing.discard(account.email)

    def _give_up(self, addresses: Iterable[str]) -> None:
        self.gone |= set(addresses)
        self.missing -= self.gone
