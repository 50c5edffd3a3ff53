"""The hook's calls about leads, the block list, and the plan that says how many leads there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.batches import batches
from airflow_provider_instantly.api.campaign import check_campaign_id
from airflow_provider_instantly.api.errors import ASK_INSTANTLY
from airflow_provider_instantly.api.lead import MAX_PER_REQUEST, Blocked, Lead, LeadsAdded, Plan
from airflow_provider_instantly.api.parsing import count
from airflow_provider_instantly.api.protocol import ask, not_believed
from airflow_provider_instantly.hooks.calls import Calls, several

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from airflow_provider_instantly.api.protocol import Json, Request

#: Leads that a list may show beyond those whose addresses were asked for: more, and it does not end.
SURPLUS: Final = 100

T = TypeVar("T")


class LeadCalls(Calls):
    """Reads, adds, deletes and blocks leads."""

    def list_leads(
        self,
        *,
        campaign_id: str | None = None,
        list_id: str | None = None,
        emails: Sequence[str] | None = None,
        filter: str | None = None,
    ) -> Iterator[Lead]:
        """
        The leads of a campaign or a list, page by page as they are asked for.

        :param campaign_id: the UUID of the campaign, or
        :param list_id: the UUID of the list.
        :param emails: only leads with these addresses; none of them is written anywhere.
        :param filter: only leads that one of the API's words fits, such as ``FILTER_VAL_BOUNCED``. Whether a lead fits
            ``FILTER_VAL_ACTIVE``, ``COMPLETED``, ``BOUNCED``, ``UNSUBSCRIBED`` or ``SKIPPED`` is checked; of the others
            a lead does not show it.
        :raises ValueError: if an id is no UUID, there is not exactly one, emails is one text, or the filter is none of
            the API's words.
        :raises InstantlyUnexpectedAnswerError: if a lead was not asked for, or the same ones are listed without end.
        :raises InstantlyError: if a page could not be read.
        """
        for request in _lists(check_place(campaign_id, list_id), emails, filter):
            for number, item in enumerate(self.each_item(request), 1):
                _check_end(number, request)
                yield Lead.from_api(item)

    async def alist_leads(
        self,
        *,
        campaign_id: str | None = None,
        list_id: str | None = None,
        emails: Sequence[str] | None = None,
        filter: str | None = None,
    ) -> AsyncIterator[Lead]:
        """Async twin of `list_leads`."""
        for request in _lists(check_place(campaign_id, list_id), emails, filter):
            number = 0
            async for item in self.aeach_item(request):
                number += 1
                _check_end(number, request)
                yield Lead.from_api(item)

    def add_leads(
        self,
        leads: Sequence[Mapping[str, Any]],
        *,
        campaign_id: str | None = None,
        list_id: str | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> LeadsAdded:
        """
        Add up to 1,000 leads in one request. Adding to a campaign that runs is sending.

        Who is there already is counted and not added again. The answer has counts, and no reason for any one lead.

        :param leads: the leads, each with the API's own names: ``email``, ``first_name``, ``custom_variables`` …
        :param campaign_id: the UUID of the campaign, or
        :param list_id: the UUID of the list.
        :param max_retries: overrides the hook's number; 0 for callers that read before they repeat it.
        :param options: the API's other parameters: ``skip_if_in_workspace``, ``blocklist_id`` …
        :raises ValueError: if there are no leads or too many, an id is no UUID, or there is not exactly one.
        :raises AmbiguousOutcomeError: if it is not known whether it took effect.
        :raises InstantlyError: if it was refused or never sent.
        """
        request = operations.add_leads(_checked(leads, MAX_PER_REQUEST), check_place(campaign_id, list_id), options)
        return LeadsAdded.from_api(self.drive(ask(request), max_retries=max_retries), leads)

    async def aadd_leads(
        self,
        leads: Sequence[Mapping[str, Any]],
        *,
        campaign_id: str | None = None,
        list_id: str | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> LeadsAdded:
        """Async twin of `add_leads`."""
        request = operations.add_leads(_checked(leads, MAX_PER_REQUEST), check_place(campaign_id, list_id), options)
        return LeadsAdded.from_api(await self.adrive(ask(request), max_retries=max_retries), leads)

    def delete_leads(self, ids: Sequence[str], campaign_id: str) -> int | None:
        """
        Delete leads of a campaign.

        :param ids: the leads' ids; never none, since Instantly would delete all leads of the campaign then.
        :param campaign_id: the UUID of the campaign.
        :return: how many were deleted, or None where the answer does not say.
        :raises ValueError: if there are no ids, one is no UUID, or they are one text.
        :raises InstantlyUnexpectedAnswerError: if Instantly deleted more leads than those that were named.
        :raises AmbiguousOutcomeError: if it is not known whether it took effect.
        :raises InstantlyError: if it was refused or never sent.
        """
        request = _deletion(ids, campaign_id)
        return _deleted(self.drive(ask(request)), request)

    async def adelete_leads(self, ids: Sequence[str], campaign_id: str) -> int | None:
        """Async twin of `delete_leads`."""
        request = _deletion(ids, campaign_id)
        return _deleted(await self.adrive(ask(request)), request)

    def block(self, values: Sequence[str]) -> Blocked:
        """
        Put up to 1,000 addresses and domains on the workspace's block list; what is on it stays there.

        :param values: the addresses and domains.
        :raises ValueError: if there are no values or too many, or they are one text.
        :raises AmbiguousOutcomeError: if it is not known whether it took effect; repeating it does no harm.
        :raises InstantlyError: if it was refused or never sent.
        """
        return Blocked.from_api(self.drive(ask(_blocking(values))))

    async def ablock(self, values: Sequence[str]) -> Blocked:
        """Async twin of `block`."""
        return Blocked.from_api(await self.adrive(ask(_blocking(values))))

    def get_plan(self) -> Plan:
        """
        Read what the workspace's plan has room for.

        :raises InstantlyError: if it could not be read.
        """
        return Plan.from_api(self.drive(ask(operations.get_plan())))

    async def aget_plan(self) -> Plan:
        """Async twin of `get_plan`."""
        return Plan.from_api(await self.adrive(ask(operations.get_plan())))


def check_place(campaign_id: str | None, list_id: str | None) -> dict[str, str]:
    """
    Return where leads are, by the parameter's name: a campaign or a list.

    :param campaign_id: the UUID of the campaign, or None.
    :param list_id: the UUID of the list, or None.
    :raises ValueError: if an id is no UUID, or there is not exactly one.
    """
    given = {"campaign_id": (campaign_id, "campaign"), "list_id": (list_id, "list of leads")}
    place = {name: check_campaign_id(value, name, noun) for name, (value, noun) in given.items() if value is not None}
    if len(place) != 1:
        raise ValueError("Name a campaign_id or a list_id, and not both. Nothing was requested from Instantly.")
    return place


def _lists(place: Mapping[str, str], emails: Sequence[str] | None, filter: str | None) -> Iterator[Request]:
    """The requests of the first pages: one, or one for each hundred addresses."""
    if emails is None:
        yield operations.list_leads(place, filter=filter)
        return
    for part in batches(several("emails", emails)):
        yield operations.list_leads(place, emails=part, filter=filter)


def _check_end(number: int, request: Request) -> None:
    """
    Go on with a list only while it can come to its end. A person may be listed twice, who was added twice.

    :param number: how many leads it has listed.
    :param request: its first page.
    """
    asked = request.parameter("contacts")
    if asked is not None and number > len(asked) + SURPLUS:
        what = "Instantly listed the same leads again and again, so nothing is concluded from the list."
        raise not_believed(request, what, advice=ASK_INSTANTLY)


def _blocking(values: Sequence[str]) -> Request:
    return operations.add_block_list_entries(_checked(several("values", values), MAX_PER_REQUEST))


def _deletion(ids: Sequence[str], campaign_id: str) -> Request:
    lead_ids = [check_campaign_id(each, "ids", "lead") for each in several("ids", ids)]
    return operations.delete_leads(lead_ids, check_campaign_id(campaign_id))


def _deleted(answer: Json, request: Request) -> int | None:
    """
    How many leads were deleted.

    :raises InstantlyUnexpectedAnswerError: if they are more than those that were named.
    """
    found, named = count(answer.get("count")), len(set(request.parameter("ids")))
    if found is not None and found > named:
        raise not_believed(
            request,
            f"Instantly deleted {found:,} leads of campaign {request.resource.id}, and {named:,} were named.",
            advice="Look at the campaign in Instantly, and add those again that are missing.",
        )
    return found


def _checked(entries: Sequence[T], most: int) -> Sequence[T]:
    if not 0 < len(entries) <= most:
        raise ValueError(f"One request takes 1 to {most:,} of them, not {len(entries):,}. Nothing was requested.")
    return entries
