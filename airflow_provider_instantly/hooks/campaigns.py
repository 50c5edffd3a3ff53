"""The hook's calls about campaigns: one, all that the workspace has, or many at once; and their launch and pause."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.bulk import read_many
from airflow_provider_instantly.api.campaign import Campaign, SendingStatus, check_campaign_id
from airflow_provider_instantly.api.protocol import ask
from airflow_provider_instantly.api.stray import stray_campaign
from airflow_provider_instantly.hooks.calls import Calls, searched, several, tagged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
    from uuid import UUID

    from airflow_provider_instantly.api.errors import InstantlyError
    from airflow_provider_instantly.api.protocol import Request


class CampaignCalls(Calls):
    """Reads, activates and pauses campaigns."""

    def get_campaign(self, campaign_id: str | UUID) -> Campaign:
        """
        Read one campaign.

        :param campaign_id: its UUID.
        :raises ValueError: if the id is no UUID.
        :raises InstantlyError: if it could not be read; see `airflow_provider_instantly.api.errors`.
        """
        return self._campaign(operations.get_campaign(check_campaign_id(campaign_id)))

    async def aget_campaign(self, campaign_id: str | UUID) -> Campaign:
        """Async twin of `get_campaign`."""
        return await self._acampaign(operations.get_campaign(check_campaign_id(campaign_id)))

    def activate_campaign(self, campaign_id: str | UUID, *, max_retries: int | None = None) -> Campaign:
        """
        Start or resume a campaign, whatever its status. `ActivateCampaignOperator` reads it first; this does not.

        It is repeated only after answers that prove that it had no effect.

        :param campaign_id: its UUID.
        :param max_retries: overrides the hook's number; 0 for callers that read the campaign before they repeat it.
        :raises ValueError: if the id is no UUID.
        :raises AmbiguousOutcomeError: if it is not known whether it took effect.
        :raises InstantlyError: if it was refused or never sent.
        """
        return self._campaign(operations.activate_campaign(check_campaign_id(campaign_id)), max_retries)

    async def aactivate_campaign(self, campaign_id: str | UUID, *, max_retries: int | None = None) -> Campaign:
        """Async twin of `activate_campaign`."""
        return await self._acampaign(operations.activate_campaign(check_campaign_id(campaign_id)), max_retries)

    def pause_campaign(self, campaign_id: str | UUID, *, max_retries: int | None = None) -> Campaign:
        """
        Pause a campaign, whatever its status. `PauseCampaignOperator` reads it first; this does not.

        It is repeated only after answers that prove that it had no effect.

        :param campaign_id: its UUID.
        :param max_retries: overrides the hook's number; 0 for callers that read the campaign before they repeat it.
        :raises ValueError: if the id is no UUID.
        :raises AmbiguousOutcomeError: if it is not known whether it took effect.
        :raises InstantlyError: if it was refused or never sent.
        """
        return self._campaign(operations.pause_campaign(check_campaign_id(campaign_id)), max_retries)

    async def apause_campaign(self, campaign_id: str | UUID, *, max_retries: int | None = None) -> Campaign:
        """Async twin of `pause_campaign`."""
        return await self._acampaign(operations.pause_campaign(check_campaign_id(campaign_id)), max_retries)

    def get_sending_status(self, campaign_id: str | UUID) -> SendingStatus:
        """
        Read why a campaign is or is not sending.

        :param campaign_id: its UUID.
        :raises ValueError: if the id is no UUID.
        :raises InstantlyError: if it could not be read.
        """
        request = operations.get_sending_status(check_campaign_id(campaign_id))
        return SendingStatus.from_api(self.drive(ask(request)))

    async def aget_sending_status(self, campaign_id: str | UUID) -> SendingStatus:
        """Async twin of `get_sending_status`."""
        request = operations.get_sending_status(check_campaign_id(campaign_id))
        return SendingStatus.from_api(await self.adrive(ask(request)))

    def list_campaigns(
        self,
        *,
        search: str | None = None,
        tag_ids: Iterable[str] = (),
        status: int | None = None,
        exclude_status: int | None = None,
    ) -> Iterator[Campaign]:
        """
        All campaigns of the workspace, page by page as they are asked for.

        :param search: part of a name.
        :param tag_ids: ids of tags, of which a campaign must have one.
        :param status: only campaigns in this status.
        :param exclude_status: only campaigns not in this status.
        :raises ValueError: if search or a tag is blank, or tag_ids is one text.
        :raises InstantlyUnexpectedAnswerError: if a campaign does not fit the filters; its tags cannot be seen.
        :raises InstantlyError: if a page could not be read.
        """
        first = _list(search, tag_ids, status, exclude_status)
        yield from map(Campaign.from_api, self.each_item(first))

    async def alist_campaigns(
        self,
        *,
        search: str | None = None,
        tag_ids: Iterable[str] = (),
        status: int | None = None,
        exclude_status: int | None = None,
    ) -> AsyncIterator[Campaign]:
        """Async twin of `list_campaigns`."""
        first = _list(search, tag_ids, status, exclude_status)
        async for item in self.aeach_item(first):
            yield Campaign.from_api(item)

    def read_campaigns(self, campaign_ids: Iterable[str | UUID]) -> Mapping[str, Campaign | InstantlyError]:
        """
        Read many campaigns, with few requests: a page of the list shows 100, and what it does not show is asked for.

        It remembers nothing between two calls.

        :param campaign_ids: their UUIDs.
        :return: for each id, in lower case, the campaign without its document, or the error that stood in its place.
        :raises ValueError: if an id is no UUID, or campaign_ids is one text.
        """
        return self.drive(read_many(list(map(check_campaign_id, several("campaign_ids", campaign_ids)))))

    async def aread_campaigns(self, campaign_ids: Iterable[str | UUID]) -> Mapping[str, Campaign | InstantlyError]:
        """Async twin of `read_campaigns`."""
        return await self.adrive(read_many(list(map(check_campaign_id, several("campaign_ids", campaign_ids)))))

    def _campaign(self, request: Request, max_retries: int | None = None) -> Campaign:
        return Campaign.from_api(self.drive(ask(request), max_retries=max_retries), request.resource.id)

    async def _acampaign(self, request: Request, max_retries: int | None = None) -> Campaign:
        document = await self.adrive(ask(request), max_retries=max_retries)
        return Campaign.from_api(document, request.resource.id)


def _list(search: str | None, tag_ids: Iterable[str], status: int | None, exclude_status: int | None) -> Request:
    """
    The first page of a list whose campaigns have to fit: a caller may launch them all.

    Waits find out by themselves whether their filter is heeded, and go on without it.
    """
    tags, search = tagged(tag_ids), searched(search)
    first = operations.list_campaigns(search=search, tag_ids=tags, status=status, exclude_status=exclude_status)
    if not search and status is None and exclude_status is None:
        return first
    # As they are asked for: a parameter of a DAG may be a number's text, which no campaign's status equals.
    wanted, unwanted = (None if number is None else int(number) for number in (status, exclude_status))
    stray = partial(stray_campaign, status=wanted, exclude_status=unwanted, search=search)
    return replace(first, stray=stray)
