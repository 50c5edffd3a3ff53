"""
How waits read their campaigns at each poll: with the fewest requests, by what the polls before it have shown.

Pure like the protocol: a conversation that yields requests and is sent what came back. Each wait on a worker and each
poller has a reader of its own; nothing else in the package reads from memory.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_provider_instantly.api.bulk import EVERYTHING, FIRST_GUESS, Listing, Search, read_each
from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.api.protocol import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from airflow_provider_instantly.api.bulk import Seen
    from airflow_provider_instantly.api.protocol import Conversation

#: How often in a row a campaign is taken for a Draft because the list of all others does not show it. It may be gone
#: instead, which the poll after that shows.
_MAX_TRUST: Final = 9
#: After so many polls, what they taught is learned again: the costs of lists, and which campaigns there are.
_MEMORY: Final = 100

#: So few campaigns that no poll has read before are read one by one, where that is the cheapest: it shows their names.
#: Of more it is believed what the lists have shown of them meanwhile; and where that does not tell of more than a page,
#: the whole list is read. Else thousands that join one shortly after the other would read it for each part of them.
_FEW: Final = 10
#: The most pages of the whole list that are read for those who will join.
_MOST_PAGES: Final = 250

#: A wait for a launch is a wait for a Draft. Those that are not on this list still are one; and to be wrong about that
#: only makes a wait longer.
NO_DRAFTS: Final = Listing(exclude_status=CampaignStatus.DRAFT)


@dataclass
class Reader:
    """
    Remembers between polls what each way costs and what was seen, and so which way is the cheapest.

    :param costs: for each list, the pages that were read of it; for that of everything also the campaigns that had to
        be asked for all the same. Infinite where it led nowhere.
    :param page_size: how many campaigns a page has; fewer, where the answers were too large to be read.
    :param for_joiners: whether campaigns that no one has named yet will be wanted at later polls. Then many that are
        new have the list read to its end, for the sake of those.
    """

    costs: dict[Listing, float] = field(default_factory=dict)
    page_size: int = PAGE_SIZE
    for_joiners: bool = False
    _known: dict[str, CampaignStatus | None] = field(default_factory=dict)
    _shown: dict[str, CampaignStatus | None] = field(default_factory=dict)
    _trusted: Counter[str] = field(default_factory=Counter)
    _lengths: dict[Listing, float] = field(default_factory=dict, compare=False)
    _crowd: int = field(default=0, compare=False)
    _searches: list[Search] = field(default_factory=list, compare=False)
    _polls: int = field(default=0, compare=False)

    def read(
        self, campaign_ids: Iterable[str], seen: Seen | None = None, *, decisive: Collection[str] = ()
    ) -> Conversation[Seen]:
        """
        Read the campaigns. Each comes back, without its document, or as the error that stood in its place.

        One that is still a Draft, because the list of all others does not show it, comes back without its name, too.

        :param campaign_ids: their UUIDs in lower case. Those that have to be asked for one by one are, in this order.
        :param seen: where to put what comes back, as it comes, for a caller that may not await the end.
        :param decisive: those of them of whom it would decide something to be a Draft, so that it has to be read.
        """
        wanted = list(dict.fromkeys(campaign_ids))
        seen = {} if seen is None else seen
        new = [campaign_id for campaign_id in wanted if campaign_id not in self._known]
        self._believe_lists(new)
        is_thorough = self.for_joiners and self._is_crowded(wanted, new)
        self._crowd += len(new)
        try:
            yield from self._read(wanted, seen, frozenset(decisive), is_thorough=is_thorough)
        finally:
            self._crowd -= len(new)
        self._remember({campaign_id: seen[campaign_id] for campaign_id in wanted})
        return seen

    def _is_crowded(self, wanted: list[str], new: list[str]) -> bool:
        """
        Whether so many are new, here and in other polls that are open, that the whole list is read for them.

        Of many it has to be that nothing is known even of what lists have shown, or that this leads to no short list.
        """
        unknown = sum(campaign_id not in self._known for campaign_id in new)
        is_long = len(new) > _FEW and self._expected_requests(wanted, are_new=True) >= _FEW
        return unknown > PAGE_SIZE or (is_long and len(new) + self._crowd > PAGE_SIZE)

    def _read(
        self, wanted: list[str], seen: Seen, decisive: frozenset[str], *, is_thorough: bool
    ) -> Conversation[None]:
        plan = [(EVERYTHING, 0.0, _MOST_PAGES)] if is_thorough else self._plan(wanted, decisive)
        for listing, cost, limit in plan:
            left = [campaign_id for campaign_id in wanted if campaign_id not in seen]
            if len(left) <= cost:
                continue
            is_whole = yield from self._read_list(listing, left, limit, seen, is_thorough=is_thorough)
            if is_whole and listing == NO_DRAFTS:
                drafts = self._known_as(CampaignStatus.DRAFT, left)
                seen |= {cid: _StillDraft(cid) for cid in drafts if cid not in seen and cid not in decisive}
        # Not on a list: it is gone, or the list moved while it was read. Its own path knows.
        yield from read_each((campaign_id for campaign_id in wanted if campaign_id not in seen), seen)

    @property
    def open_search(self) -> Search | None:
        """The list that is being read, if one is: of several, the one that shows the most and has the most to come."""
        return min(self._searches, key=lambda search: (search.listing != EVERYTHING, search.pages), default=None)

    def knows(self, campaign_ids: Iterable[str]) -> bool:
        """
        Whether the status of all these campaigns is known from before.

        :param campaign_ids: see `read`.
        """
        return all(campaign_id in self._known or campaign_id in self._shown for campaign_id in campaign_ids)

    def expects(self, campaign_ids: Iterable[str], *, are_new: bool = False) -> float:
        """
        How many requests it would take to read campaigns, by all that is known.

        Of many that are new, what lists have shown is believed from now on, as it is when they are read.

        :param campaign_ids: see `read`.
        :param are_new: whether they are others than those that the costs of lists were learned with. They may be
            anywhere on a list, also on one that no one has read yet.
        """
        wanted = list(campaign_ids)
        self._believe_lists([campaign_id for campaign_id in wanted if campaign_id not in self._known])
        return self._expected_requests(wanted, are_new=are_new)

    def _expected_requests(self, wanted: list[str], *, are_new: bool) -> float:
        expected = self._expected_costs(wanted)
        if are_new:
            expected = {listing: max(cost, self._shown_pages(listing)) for listing, cost in expected.items()}
        return min(len(wanted), *expected.values())

    def _shown_pages(self, listing: Listing) -> float:
        """How many pages of a list would be filled by what has been shown; the next may not be its last."""
        shown = sum(map(listing.shows, self._shown.values()))
        return 1 if shown < self.page_size else self._lengths.get(listing, math.inf)

    def join(self, search: Search, campaign_ids: Iterable[str], seen: Seen) -> None:
        """
        Have campaigns looked for on the pages that are still to come of a list, instead of reading another one.

        :param search: one that is open.
        :param campaign_ids: see `read`.
        :param seen: where to put what comes.
        """
        wanted, status = list(campaign_ids), search.listing.status
        expected = self._known_as(status, wanted) if status is not None else wanted * (search.listing == EVERYTHING)
        search.join(wanted, expected, seen)

    def _believe_lists(self, new: list[str]) -> None:
        """Of many that no poll has read, take what lists have shown for known; few are read by themselves."""
        if len(new) > _FEW:
            self._known |= {campaign_id: self._shown[campaign_id] for campaign_id in new if campaign_id in self._shown}

    def _note_shown(self, campaign: Campaign) -> None:
        """Also of campaigns that are wanted by others: they need not be looked for again."""
        self._shown[campaign.id] = campaign.status
        if campaign.id in self._known:
            # Else it would be taken again for the Draft that it was, where the next list does not show it.
            self._known[campaign.id] = campaign.status
        self._trusted.pop(campaign.id, None)

    def _plan(self, wanted: list[str], decisive: frozenset[str]) -> list[tuple[Listing, float, float]]:
        """The lists to try, the cheapest first: what each will cost, and after how many pages to give it up."""
        expected = self._expected_costs(wanted, decisive)
        order = sorted(expected, key=expected.__getitem__)
        order = order[: order.index(EVERYTHING) + 1]
        plan = []
        for position, listing in enumerate(order, start=1):
            known = [expected[dearer] for dearer in order[position:] if dearer in self.costs]
            plan.append((listing, expected[listing], min(known, default=math.inf)))
        return plan

    def _expected_costs(self, wanted: list[str], decisive: frozenset[str] = frozenset()) -> dict[Listing, float]:
        # A list that is being read is not at its end yet.
        costs = self.costs | {s.listing: max(self.costs.get(s.listing, 0), s.reach + 1) for s in self._searches}
        expected: dict[Listing, float] = {EVERYTHING: costs.get(EVERYTHING, FIRST_GUESS)}
        statuses = Counter(self._known[cid] for cid in wanted if cid in self._known)
        status, count = next(iter(statuses.most_common(1)), (None, 0))
        if costs.get(EVERYTHING, 0) <= 1 or status is None or not status.is_known:
            return expected
        alike = Listing(status=status)
        expected[alike] = costs.get(alike, math.ceil(count / self.page_size)) + len(wanted) - count
        if status is CampaignStatus.DRAFT and all(self._trusted[cid] < _MAX_TRUST for cid in wanted):
            to_read = sum(1 for cid in wanted if cid in decisive or cid not in self._known)
            expected[NO_DRAFTS] = costs.get(NO_DRAFTS, 1) + to_read
        return expected

    def _read_list(
        self, listing: Listing, wanted: list[str], limit: float, seen: Seen, *, is_thorough: bool
    ) -> Conversation[bool]:
        """Read a list, and say whether what it does not show is not on it."""
        expected = wanted if listing.status is None else self._known_as(listing.status, wanted)
        search = Search(
            listing,
            wanted,
            expected,
            page_size=self.page_size,
            note=self._note_shown,
            is_thorough=is_thorough,
            length=self._lengths.get(listing, math.inf),
        )
        self._searches.append(search)
        try:
            yield from search.run(seen, limit)
        except InstantlyError as error:
            if listing == EVERYTHING or error.concerns_all:
                search.fail(error)
            else:
                self.costs[listing] = math.inf
            return False
        finally:
            self._searches.remove(search)
            self._lengths[listing] = search.length
            self.page_size = search.page_size
        self.costs[listing] = _cost_of(search)
        return search.is_whole

    def _known_as(self, status: CampaignStatus, campaign_ids: Iterable[str]) -> Iterator[str]:
        return (campaign_id for campaign_id in campaign_ids if self._known.get(campaign_id) == status)

    def _remember(self, seen: Seen) -> None:
        for campaign_id, found in seen.items():
            if isinstance(found, _StillDraft):
                self._trusted[campaign_id] += 1
                continue
            if isinstance(found, Campaign):
                self._known[campaign_id] = found.status
            elif not found.concerns_all:
                # What was shown before does not stand in for it, either.
                self._known.pop(campaign_id, None)
                self._shown.pop(campaign_id, None)
            if isinstance(found, Campaign) or not found.may_pass:
                # Without an answer it stays to be read.
                self._trusted.pop(campaign_id, None)
        self._polls += 1
        if self._polls % _MEMORY == 0:
            self._known.clear()
            self._shown.clear()
            self._trusted.clear()
            self.costs = {listing: cost for listing, cost in self.costs.items() if listing == EVERYTHING}


def _cost_of(search: Search) -> float:
    """What a list has cost that was read as far as it was worth it; see `Reader.costs`."""
    if search.listing == EVERYTHING:
        return search.needed + len(search.missing)
    has_led_somewhere = search.is_at_end or not search.missing
    return search.needed if has_led_somewhere and search.is_honoured else math.inf


@dataclass(frozen=True)
class _StillDraft(Campaign):
    """A campaign that was a Draft and is not on the list of all that are none."""

    is_inferred: ClassVar[bool] = True
    status: CampaignStatus | None = CampaignStatus.DRAFT
