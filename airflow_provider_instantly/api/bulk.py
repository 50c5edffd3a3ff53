"""
Many campaigns read with few requests: pages of a list, and one by one what the list does not show.

Pure like the protocol, and without memory: conversations that yield requests and are sent what came back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import (
    ASK_INSTANTLY,
    InstantlyBadRequestError,
    InstantlyError,
    InstantlyNotFoundError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.operations import get_campaign, list_campaigns
from airflow_provider_instantly.api.pages import Pages
from airflow_provider_instantly.api.protocol import PAGE_SIZE

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

    def shows(self, status: CampaignStatus | None) -> bool:
        """
        Whether it shows campaigns in a status.

        :param status: the status.
        """
        return self.status in (None, status) and (self.exclude_status is None or self.exclude_status != status)

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
    :param length: how many pages the list had when it was last read to its end.
    """

    def __init__(
        self,
        listing: Listing,
        wanted: Iterable[str],
        expected: Iterable[str],
        *,
        page_size: int = PAGE_SIZE,
        note: Callable[[Campaign], object] = lambda _: None,
        is_thorough: bool = False,
        length: float = math.inf,
    ) -> None:
        self.listing = listing
        #: How many pages the list has, as far as it is known.
        self.length = length
        #: Those of the campaigns that the list should show and has not shown yet.
        self.missing = set(expected)
        #: How many pages were read, and how many of them while one was missing still.
        self.pages = 0
        self.needed = 0
        #: Whether no more pages will be read.
        self.is_over = False
        #: Whether it shows only what it was asked for.
        self.is_honoured = True
        self._list = Pages(listing.first_page(page_size))
        self._note_shown = note
        self._is_thorough = is_thorough
        #: Where each campaign is put that is looked for still.
        self._places: dict[str, list[Seen]] = {campaign_id: [] for campaign_id in wanted}
        #: As `missing`, for those who have joined.
        self._missing_to_others: set[str] = set()
        #: After how many pages the list was begun again.
        self._first_of_round = 0

    def run(self, seen: Seen, limit: float) -> Conversation[None]:
        """
        Read pages as long as they are worth their requests.

        :param seen: what is found is put here, page by page.
        :param limit: read no more pages than this.
        :raises InstantlyError: if a page could not be read.
        """
        for places in self._places.values():
            places.append(seen)
        try:
            yield from self._read_pages(limit)
            if self._is_wanted_again:
                self._begin_again()
                yield from self._read_pages(limit)
        finally:
            self.is_over = True

    def _read_pages(self, limit: float) -> Conversation[None]:
        while self._list.has_more and self._is_worth_another_page(limit):
            items = yield from self._list.next_page()
            self.pages += 1
            self.needed += bool(self.missing)
            for item in items:
                self._note(brief(item))
        if self.is_at_end:
            self.length = self.pages - self._first_of_round

    @property
    def _is_wanted_again(self) -> bool:
        """
        Whether some have joined who miss what was on pages before, and all others are found.

        That is asked once: others may go on joining for ever, and who is on no list waits for the end.
        """
        return self.is_whole and not self.missing and bool(self._missing_to_others)

    def _begin_again(self) -> None:
        self._first_of_round = self.pages
        self._is_thorough = False
        self._list = Pages(self.listing.first_page(self.page_size))

    def join(self, campaign_ids: Iterable[str], expected: Iterable[str], seen: Seen) -> None:
        """
        Look for others on the pages that are still to come, also for those that were found before.

        :param campaign_ids: the campaigns.
        :param expected: those of them that the list should show. It is read as long as it is worth that for all.
        :param seen: what is found is put here, page by page.
        """
        for campaign_id in campaign_ids:
            self._places.setdefault(campaign_id, []).append(seen)
        self._missing_to_others.update(expected)

    def fail(self, error: InstantlyError) -> None:
        """
        Put an error in the place of all that was not found, unless each of them may be read all the same.

        :param error: why no more pages could be read.
        """
        if self._is_refused_by(error):
            return
        for campaign_id, places in self._places.items():
            for seen in places:
                seen[campaign_id] = error

    def _is_refused_by(self, error: InstantlyError) -> bool:
        """Whether an error is about the page that was asked for alone. A first page that is not there tells more."""
        return isinstance(error, InstantlyBadRequestError) or (
            self.pages > 0 and isinstance(error, InstantlyNotFoundError)
        )

    @property
    def reach(self) -> int:
        """How many pages of the list were read, from its beginning: it has so many at least."""
        return max(self._first_of_round, self.pages - self._first_of_round)

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
        missing = len(self.missing) + len(self._missing_to_others)
        pages = self.pages - self._first_of_round
        is_worth = self._is_thorough or pages < missing or 0 < self.length - pages < missing
        return is_worth and pages < limit

    def _note(self, campaign: Campaign) -> None:
        if self.listing.exclude_status is not None and campaign.status == self.listing.exclude_status:
            self.is_honoured = False
        self._note_shown(campaign)
        for seen in self._places.pop(campaign.id, ()):
            seen[campaign.id] = campaign if campaign.status is not None else _no_status(campaign)
        self.missing.discard(campaign.id)
        self._missing_to_others.discard(campaign.id)


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
            yield from search.run(seen, math.inf)
        except InstantlyError as error:
            search.fail(error)
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
        advice=ASK_INSTANTLY,
        method="GET",
        path="/campaigns",
        status=200,
    )
