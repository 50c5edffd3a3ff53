"""
One look at many campaigns, by the cheaper of two ways: one by one, or list pages of 100 until all were seen.

Pure like the protocol: a generator that yields requests and is handed what came back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.errors import (
    AnswerTooLargeError,
    InstantlyConnectionError,
    InstantlyError,
    InstantlyRateLimitError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.protocol import PAGE_SIZE, Pages, get_campaign, items_of, list_campaigns

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from airflow_provider_instantly.api.protocol import Json, Request

#: Before the workspace's size is known, more campaigns than this are looked for on the list.
_FIRST_GUESS: Final = 2

Seen = dict[str, Campaign | InstantlyError]


@dataclass
class Beat:
    """
    Remembers between looks what the way over the list costs, and so which way is cheaper.

    :param list_cost: pages that were read, and campaigns that had to be asked for all the same, or None as long as
        nobody counted.
    :param page_size: how many campaigns a page has; fewer, where the answers were too large to be read.
    """

    list_cost: int | None = None
    page_size: int = PAGE_SIZE

    def read(self, campaign_ids: Iterable[str]) -> Generator[Request, Json | InstantlyError, Seen]:
        """
        Look at the campaigns. Each comes back, without its document, or as the error that stood in its place.

        :param campaign_ids: their UUIDs in lower case.
        """
        wanted = list(dict.fromkeys(campaign_ids))
        seen: Seen = {}
        if len(wanted) > (_FIRST_GUESS if self.list_cost is None else self.list_cost):
            seen = yield from self._read_list(wanted)
        # Not on the list: it is gone, or the list moved while it was read. Its own path knows.
        left = [campaign_id for campaign_id in wanted if campaign_id not in seen]
        for position, campaign_id in enumerate(left):
            reply = yield get_campaign(campaign_id)
            if isinstance(reply, InstantlyRateLimitError | InstantlyConnectionError):
                # It would be the same with all others, and asking would make it worse.
                return {**seen, **dict.fromkeys(left[position:], reply)}
            seen[campaign_id] = reply if isinstance(reply, InstantlyError) else _brief(reply, campaign_id)
        return seen

    def _read_list(self, wanted: list[str]) -> Generator[Request, Json | InstantlyError, Seen]:
        seen: Seen = {}
        missing = set(wanted)
        first = list_campaigns(limit=self.page_size)
        pages = Pages(first)
        request: Request | None = first
        count = 0
        # More pages than there are campaigns left to find cost more than asking for each.
        while request is not None and missing and count <= len(missing):
            reply = yield request
            count += 1
            try:
                if isinstance(reply, AnswerTooLargeError):
                    request = pages.smaller(request, reply)
                    self.page_size = pages.size
                    continue
                if isinstance(reply, InstantlyError):
                    raise reply
                items = items_of(reply)
            except InstantlyError as error:
                return {**seen, **dict.fromkeys(missing, error)}
            for campaign in map(_brief, items):
                if campaign.id in missing:
                    missing.remove(campaign.id)
                    seen[campaign.id] = campaign if campaign.status is not None else _no_status(campaign)
            request = pages.after(reply)
        self.list_cost = count + len(missing)
        return seen


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
