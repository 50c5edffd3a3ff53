"""The hook's calls about sending accounts: which there are, how warm they are, what their domains publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.account import Account, domain_of, domain_vitals, warmup_scores
from airflow_provider_instantly.api.batches import batches
from airflow_provider_instantly.api.protocol import ask
from airflow_provider_instantly.hooks.calls import Calls, searched, several, tagged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_instantly.api.account import DomainVitals
    from airflow_provider_instantly.api.protocol import Conversation, Json, Request

T = TypeVar("T")


class AccountCalls(Calls):
    """Reads sending accounts."""

    def list_accounts(self, *, tag_ids: Iterable[str] = (), search: str | None = None) -> Iterator[Account]:
        """
        The sending accounts of the workspace, page by page as they are asked for.

        :param tag_ids: ids of tags, of which an account must have one.
        :param search: a part of the address, such as a domain.
        :raises ValueError: if search or a tag is blank, or tag_ids is one text.
        :raises InstantlyError: if a page could not be read.
        """
        yield from map(Account.from_api, self.each_item(_list(tag_ids, search)))

    async def alist_accounts(self, *, tag_ids: Iterable[str] = (), search: str | None = None) -> AsyncIterator[Account]:
        """Async twin of `list_accounts`."""
        async for item in self.aeach_item(_list(tag_ids, search)):
            yield Account.from_api(item)

    def get_warmup_scores(self, emails: Sequence[str]) -> dict[str, int]:
        """
        Read how well accounts are warmed up, from 0 to 100. One that is missing never was, or is not there.

        :param emails: their addresses.
        :raises ValueError: if that is one text.
        :raises InstantlyError: if they could not be read.
        """
        return self.drive(_in_hundreds(emails, operations.get_warmup_analytics, warmup_scores))

    async def aget_warmup_scores(self, emails: Sequence[str]) -> dict[str, int]:
        """Async twin of `get_warmup_scores`."""
        return await self.adrive(_in_hundreds(emails, operations.get_warmup_analytics, warmup_scores))

    def check_domains(self, emails: Sequence[str]) -> dict[str, DomainVitals]:
        """
        Test what the domains of accounts publish, each once.

        :param emails: addresses on the domains; whether the accounts exist is not tested.
        :return: what was found, by domain.
        :raises ValueError: if emails is one text.
        :raises InstantlyError: if it could not be tested.
        """
        return self.drive(_in_hundreds(_one_for_each_domain(emails), operations.get_account_vitals, domain_vitals))

    async def acheck_domains(self, emails: Sequence[str]) -> dict[str, DomainVitals]:
        """Async twin of `check_domains`."""
        steps = _in_hundreds(_one_for_each_domain(emails), operations.get_account_vitals, domain_vitals)
        return await self.adrive(steps)


def _list(tag_ids: Iterable[str], search: str | None) -> Request:
    return operations.list_accounts(tag_ids=tagged(tag_ids), search=searched(search))


def _in_hundreds(
    emails: Sequence[str], request: Callable[[Sequence[str]], Request], parse: Callable[[Json], Mapping[str, T]]
) -> Conversation[dict[str, T]]:
    """Ask about at most a hundred accounts at once, which is what the API takes."""
    found: dict[str, T] = {}
    for part in batches(several("emails", emails)):
        found.update(parse((yield from ask(request(part)))))
    return found


def _one_for_each_domain(emails: Sequence[str]) -> list[str]:
    return list({domain_of(email).lower(): email for email in several("emails", emails)}.values())
