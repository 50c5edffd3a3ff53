"""
One look at many campaigns, by the cheapest way: one by one, or pages of a list that shows all, some, or what changed.

Pure like the protocol: a generator that yields requests and is handed what came back.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyError, InstantlyUnexpectedAnswerError
from airflow_provider_instantly.api.protocol import PAGE_SIZE, Pages, get_campaign, list_campaigns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_instantly.api.protocol import Conversation, Json, Request

#: Before the workspace's size is known, more campaigns than this are looked for on the list.
_FIRST_GUESS: Final = 2
#: How often in a row a campaign is taken for a Draft because the list of all others does not show it. It may be gone
#: instead, which the look after that tells.
_MAX_TRUST: Final = 9
#: After so many looks, what they taught is learned anew: the costs of lists, and which campaigns there are.
_MEMORY: Final = 100

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
#: Who waits for a launch waits for a Draft. Those that are not on this list still are one; and to be wrong about that
#: only makes a wait longer.
NO_DRAFTS: Final = Listing(exclude_status=CampaignStatus.DRAFT)


@dataclass
class Beat:
    """
    Remembers between looks what each way costs and what was seen, and so which way is the cheapest.

    :param costs: for each list, the pages that were read of it; for that of everything also the campaigns that had to
        be asked for all the same. Infinite where it led nowhere.
    :param page_size: how many campaigns a page has; fewer, where the answers were too large to be read.
    """

    costs: dict[Listing, float] = field(default_factory=dict)
    page_size: int = PAGE_SIZE
    _known: dict[str, CampaignStatus | None] = field(default_factory=dict)
    _trusted: Counter[str] = field(default_factory=Counter)
    _looks: int = field(default=0, compare=False)

    def read(self, campaign_ids: Iterable[str]) -> Conversation[Seen]:
        """
        Look at the campaigns. Each comes back, without its document, or as the error that stood in its place.

        One that is still a Draft, because the list of all others does not show it, comes back without its name, too.

        :param campaign_ids: their UUIDs in lower case.
        """
        wanted = list(dict.fromkeys(campaign_ids))
        seen: Seen = {}
        for listing, cost, limit in self._plan(wanted):
            left = [campaign_id for campaign_id in wanted if campaign_id not in seen]
            if len(left) > cost:
                seen |= yield from self._read_list(listing, left, limit)
        # Not on a list: it is gone, or the list moved while it was read. Its own path knows.
        left = [campaign_id for campaign_id in wanted if campaign_id not in seen]
        for position, campaign_id in enumerate(left):
            reply = yield get_campaign(campaign_id)
            if isinstance(reply, InstantlyError) and reply.concerns_all:
                seen |= dict.fromkeys(left[position:], reply)
                break
            seen[campaign_id] = reply if isinstance(reply, InstantlyError) else _brief(reply, campaign_id)
        self._remember(seen)
        return seen

    def _plan(self, wanted: list[str]) -> list[tuple[Listing, float, float]]:
        """The lists to try, the cheapest first: what each will cost, and after how many pages to give it up."""
        expected = self._expected_costs(wanted)
        order = sorted(expected, key=expected.__getitem__)
        order = order[: order.index(EVERYTHING) + 1]
        plan = []
        for position, listing in enumerate(order, start=1):
            known = [expected[dearer] for dearer in order[position:] if dearer in self.costs]
            plan.append((listing, expected[listing], min(known, default=math.inf)))
        return plan

    def _expected_costs(self, wanted: list[str]) -> dict[Listing, float]:
        expected: dict[Listing, float] = {EVERYTHING: self.costs.get(EVERYTHING, _FIRST_GUESS)}
        statuses = Counter(self._known[cid] for cid in wanted if cid in self._known)
        status, count = next(iter(statuses.most_common(1)), (None, 0))
        if self.costs.get(EVERYTHING, 0) <= 1 or status is None or not status.is_known:
            return expected
        alike = Listing(status=status)
        expected[alike] = self.costs.get(alike, math.ceil(count / self.page_size)) + len(wanted) - count
        if status is CampaignStatus.DRAFT and all(self._trusted[cid] < _MAX_TRUST for cid in wanted):
            expected[NO_DRAFTS] = self.costs.get(NO_DRAFTS, 1) + len(wanted) - statuses.total()
        return expected

    def _read_list(self, listing: Listing, wanted: list[str], limit: float) -> Conversation[Seen]:
        should_be_there = wanted if listing.status is None else self._known_as(listing.status, wanted)
        search = _Search(listing, set(wanted), set(should_be_there))
        pages = Pages(listing.first_page(self.page_size))
        try:
            while pages.has_more and search.is_worth_another_page(limit):
                items = yield from pages.next_page()
                search.take([_brief(item) for item in items])
        except InstantlyError as error:
            if listing == EVERYTHING or error.concerns_all:
                return {**search.found, **dict.fromkeys(search.left, error)}
            self.costs[listing] = math.inf
            return search.found
        finally:
            self.page_size = pages.size
        if listing == EVERYTHING:
            self.costs[listing] = search.pages + len(search.missing)
            return search.found
        has_led_somewhere = not pages.has_more or not search.missing
        self.costs[listing] = search.pages if has_led_somewhere and search.is_honoured else math.inf
        is_whole = not pages.has_more and search.is_honoured and not pages.has_repeated_itself
        if is_whole and listing == NO_DRAFTS:
            search.found.update({cid: _StillDraft(cid) for cid in self._known_as(CampaignStatus.DRAFT, search.left)})
        return search.found

    def _known_as(self, status: CampaignStatus, campaign_ids: Iterable[str]) -> Iterator[str]:
        return (campaign_id for campaign_id in campaign_ids if self._known.get(campaign_id) == status)

    def _remember(self, seen: Seen) -> None:
        for campaign_id, found in seen.items():
            if isinstance(found, _StillDraft):
                self._trusted[campaign_id] += 1
                continue
            self._trusted.pop(campaign_id, None)
            if isinstance(found, Campaign):
                self._known[campaign_id] = found.status
            elif not found.concerns_all:
                self._known.pop(campaign_id, None)
        self._looks += 1
        if self._looks % _MEMORY == 0:
            self._known.clear()
            self._trusted.clear()
            self.costs = {listing: cost for listing, cost in self.costs.items() if listing == EVERYTHING}


@dataclass(frozen=True)
class _StillDraft(Campaign):
    """A campaign that was a Draft and is not on the list of all that are none."""

    status: CampaignStatus | None = CampaignStatus.DRAFT


@dataclass
class _Search:
    """
    What is looked for on a list, and what was found.

    :param left: the campaigns that were not found yet.
    :param missing: those of them that the list should show.
    """

    listing: Listing
    left: set[str]
    missing: set[str]
    found: Seen = field(default_factory=dict)
    pages: int = 0
    is_honoured: bool = True

    def is_worth_another_page(self, limit: float) -> bool:
        """More pages than there are campaigns left to find cost more than asking for each."""
        return bool(self.missing) and self.pages <= len(self.missing) and self.pages < limit

    def take(self, campaigns: list[Campaign]) -> None:
        """Note what a page shows."""
        self.pages += 1
        for campaign in campaigns:
            if self.listing.exclude_status is not None and campaign.status == self.listing.exclude_status:
                self.is_honoured = False
            if campaign.id in self.left:
                self.left.remove(campaign.id)
                self.missing.discard(campaign.id)
                self.found[campaign.id] = campaign if campaign.status is not None else _no_status(campaign)


def _brief(document: Json, campaign_id: str | None = None) -> Campaign:
    """Who looks at thousands of campaigns cannot keep all their documents."""
    return Campaign.from_api(document, campaign_id).without_document()


def _no_status(campaign: Campaign) -> InstantlyUnexpectedAnswerError:
    return InstantlyUnexpectedAnswerError(
        f"The list shows campaign {campaign.title} without a status that is a number.",
        method="GET",
        path="/campaigns",
        status=200,
    )
