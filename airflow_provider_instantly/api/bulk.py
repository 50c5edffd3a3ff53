"""
Many campaigns read with few requests: pages of a list, and one by one what the list does not show.

Pure like the protocol, and without memory: conversations that yield requests and are sent what came back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyError, InstantlyUnexpectedAnswerError
from airflow_provider_instantly.api.operations import get_campaign, list_campaigns
from airflow_provider_instantly.api.protocol import PAGE_SIZE, Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_instantly.api.protocol import Conversation, Json, Request

#: Before the workspace's size is known, more campaigns than this are looked up in the list.
FIRST_GUESS: Final = 2

Seen = dict[str, Campaign | InstantlyError]


@dataclass(frozen=True)
class Listing:
    """
    A list of the workspace's campaigns.

    :param status: only those in this status.
    :param exclude_status: only those that are not in this one.
    """

    status: CampaignStatus | None = None
    exclude_status: CampaignStatus | None = None

    def first_page(self, size: int) -> Request:
        """
        What asks for it.

        :param size: how many campaigns a page has at most.
        """
        return list_campaigns(limit=size, status=self.status, exclude_status=self.exclude_status)


EVERYTHING: Final = Listing()


class Search:
    """
    A search for campaigns in a list.

    :param listing: the list.
    :param wanted: the campaigns to look for.
    :param expected: those of them that the list should show.
    :param page_size: how many campaigns a page has at most.
    :param note: is called with each campaign that the list shows, wanted or not.
    :param is_thorough: whether to read on to the list's end when all are found, for the sake of those calls.
    """

    def __init__(
        self,
        listing: Listing,
        wanted: Iterable[str],
        expected: Iterable[str],
        page_size: int = PAGE_SIZE,
        note: Callable[[Campaign], object] = lambda _: None,
        is_thorough: bool = False,
    ) -> None:
        self.listing = listing
        self._is_thorough = is_thorough
        self._note_shown = note
        #: The campaigns that were not found yet, and those of them that the list should show.
        self.left = set(wanted)
        self.missing = set(expected)
        #: How many pages were read, and how many of them while one was missing still.
        self.pages = 0
        self.needed = 0
        self.is_honoured = True
        self._list = Pages(listing.first_page(page_size))

    def run(self, seen: Seen, limit: float) -> Conversation[None]:
        """
        Read pages as long as they are worth their requests.

        :param seen: what is found is put here, page by page.
        :param limit: read no more pages than this.
        :raises InstantlyError: if a page could not be read.
        """
        while self._list.has_more and self._is_worth_another_page(limit):
            items = yield from self._list.next_page()
            self.pages += 1
            self.needed += bool(self.missing)
            for item in items:
                self._note(brief(item), seen)

    @property
    def page_size(self) -> int:
        """How many campaigns a page has: fewer than at first, where the answers were too large to be read."""
        return self._list.size

    @property
    def is_at_end(self) -> bool:
        """Whether the list has no more pages."""
        return not self._list.has_more

    @property
    def is_whole(self) -> bool:
        """Whether the list was read to its end and showed what it was asked for, so that what is not on it is not."""
        return self.is_at_end and self.is_honoured and not self._list.has_repeated_itself

    def _is_worth_another_page(self, limit: float) -> bool:
        """More pages than there are campaigns left to find cost more than asking for each."""
        is_worth = self._is_thorough or (bool(self.missing) and self.pages < len(self.missing))
        return is_worth and self.pages < limit

    def _note(self, campaign: Campaign, seen: Seen) -> None:
        if self.listing.exclude_status is not None and campaign.status == self.listing.exclude_status:
            self.is_honoured = False
        self._note_shown(campaign)
        if campaign.id in self.left:
            self.left.remove(campaign.id)
            self.missing.discard(campaign.id)
            seen[campaign.id] = campaign if campaign.status is not None else _no_status(campaign)


def read_many(campaign_ids: Iterable[str]) -> Conversation[Seen]:
    """
    Read campaigns. Each comes back, without its document, or as the error that stood in its place.

    :param campaign_ids: their UUIDs in lower case.
    """
    wanted = list(dict.fromkeys(campaign_ids))
    seen: Seen = {}
    if len(wanted) > FIRST_GUESS:
        search = Search(EVERYTHING, wanted, wanted)
        try:
            yield from search.run(seen, float("inf"))
        except InstantlyError as error:
            seen |= dict.fromkeys(search.left, error)
    yield from read_each((campaign_id for campaign_id in wanted if campaign_id not in seen), seen)
    return seen


def read_each(campaign_ids: Iterable[str], seen: Seen) -> Conversation[None]:
    """
    Read campaigns by a request for each, until an error would be the same for all others.

    :param campaign_ids: their UUIDs in lower case.
    :param seen: what is read is put here, one by one.
    """
    left = list(campaign_ids)
    for position, campaign_id in enumerate(left):
        reply = yield get_campaign(campaign_id)
        if isinstance(reply, InstantlyError) and reply.concerns_all:
            seen |= dict.fromkeys(left[position:], reply)
            return
        seen[campaign_id] = reply if isinstance(reply, InstantlyError) else brief(reply, campaign_id)


def brief(document: Json, campaign_id: str | None = None) -> Campaign:
    """
    Parse a campaign and let go of its document: thousands of them are too large to keep.

    :param document: what Instantly says of it.
    :param campaign_id: its UUID, where it is known.
    """
    return Campaign.from_api(document, campaign_id).without_document()


def _no_status(campaign: Campaign) -> InstantlyUnexpectedAnswerError:
    return InstantlyUnexpectedAnswerError(
        f"The list shows campaign {campaign.title} without a status that is a number.",
        method="GET",
        path="/campaigns",
        status=200,
    )
