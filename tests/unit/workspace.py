"""A workspace of campaigns as Instantly would answer for it, for conversations that are driven without a network."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.driver import drive
from airflow_provider_instantly.api.errors import CampaignNotFoundError, InstantlyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.protocol import Conversation, Request

T = TypeVar("T")


def ids(count: int, first: int = 0) -> list[str]:
    return [str(uuid.UUID(int=number, version=4)) for number in range(first + 1, first + 1 + count)]


@dataclass
class Workspace:
    """
    What Instantly knows: campaigns in the order of its list, each with its status.

    :param statuses: the campaigns that exist.
    :param unlisted: those that the list does not show all the same.
    :param fails: an error for a request, or None.
    :param heeds_filters: whether its list shows only what was asked for.
    :param page_size: how many campaigns are on a page at the most.
    """

    statuses: dict[str, Any]
    unlisted: set[str] = field(default_factory=set)
    fails: Callable[[Request], InstantlyError | None] = lambda request: None
    page_size: int = 100
    heeds_filters: bool = True
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Any:
        self.asked.append(request)
        if error := self.fails(request):
            return error
        if request.resource.id is not None:
            status = self.statuses.get(request.resource.id)
            return CampaignNotFoundError("gone") if status is None else {"status": status, "name": "N"}
        query = dict(request.query)
        page_size = min(self.page_size, int(query["limit"]))
        listed = [cid for cid in self.statuses if cid not in self.unlisted and self._shows(cid, query)]
        start = int(query.get("starting_after", "0"))
        page = listed[start : start + page_size]
        answer: dict[str, Any] = {"items": [{"id": cid, "status": self.statuses[cid]} for cid in page]}
        if len(page) == page_size:
            # As live: the last full page still carries a cursor, and an empty page follows.
            answer["next_starting_after"] = str(start + page_size)
        return answer

    def _shows(self, campaign_id: str, query: dict[str, str]) -> bool:
        status = str(self.statuses[campaign_id])
        is_wanted = query.get("status", status) == status != query.get("exclude_status")
        return is_wanted or not self.heeds_filters

    @property
    def singles(self) -> int:
        return sum(request.resource.id is not None for request in self.asked)

    @property
    def pages(self) -> int:
        return len(self.asked) - self.singles

    def run(self, steps: Conversation[T]) -> T:
        """Answer a conversation to its end; only its requests are kept."""
        self.asked.clear()
        return drive(steps, self)


def statuses(seen: dict[str, Any]) -> dict[str, Any]:
    """The status of each campaign, or the type of the error in its place."""
    return {cid: found.status if isinstance(found, Campaign) else type(found) for cid, found in seen.items()}


@dataclass
class Question:
    """
    A workspace of any size, and campaigns to ask it for.

    :param workspace: what answers.
    :param wanted: the campaigns that are asked for; some twice, and some that do not exist.
    """

    workspace: Workspace
    wanted: list[str]

    @property
    def truth(self) -> dict[str, Any]:
        """What `statuses` should be of what is seen."""
        return {name: self.workspace.statuses.get(name, CampaignNotFoundError) for name in self.wanted}


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Workspaces of up to 60 campaigns whose list may hide some, and what is wanted of them."""
    names = ids(71)
    size = draw(st.integers(0, 60))
    workspace = Workspace(
        {name: number % 5 for number, name in enumerate(names[:size])},
        unlisted=draw(st.sets(st.sampled_from(names[:61]), max_size=5)),
        page_size=draw(st.integers(1, 9)),
    )
    return Question(workspace, draw(st.lists(st.sampled_from(names), max_size=40)))
