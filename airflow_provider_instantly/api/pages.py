"""The way through a paginated list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_instantly.api.answers import complaint_about, objects_of
from airflow_provider_instantly.api.errors import ASK_INSTANTLY, AnswerTooLargeError
from airflow_provider_instantly.api.protocol import PAGE_SIZE, believe, good, not_believed

if TYPE_CHECKING:
    from airflow_provider_instantly.api.protocol import Conversation, Json, Request


@dataclass
class Pages:
    """
    The way through a paginated list: which page to ask for next, and when to stop.

    A cursor is opaque. An empty one ends the list, and so does one that was seen before: a service that repeats
    itself must not keep us for ever.

    :param first: the request of the first page.
    """

    first: Request
    has_repeated_itself: bool = field(default=False, init=False)
    _seen: set[str] = field(default_factory=set)
    _next: Request | None = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.first

    @property
    def has_more(self) -> bool:
        """Whether there is a page that was not read yet."""
        return self._next is not None

    def next_page(self) -> Conversation[list[Json]]:
        """
        The conversation of one page, of fewer items where the answer was too large to be read.

        :return: the items of the next page. After that, see `has_more`.
        :raises InstantlyError: if it could not be read, or has what was not asked for. Then this page is still the
            next.
        :raises ValueError: if the list has ended.
        """
        if self._next is None:
            raise ValueError("the list has ended")
        while isinstance(reply := (yield self._next), AnswerTooLargeError):
            self._next = self.smaller(self._next, reply)
        page = good(reply)
        if complaint := complaint_about(self.first, page):
            what, advice = complaint
            raise not_believed(self.first, what, advice=advice)
        items = items_of(page)
        believe(self.first, items)
        self._next = self.after(page)
        return items

    def after(self, page: Json) -> Request | None:
        """
        The request of the page after this one, or None where the list ends.

        :param page: the page's JSON object.
        """
        cursor = page.get("next_starting_after")
        if not isinstance(cursor, str) or not cursor or not items_of(page):
            return None
        if cursor in self._seen:
            self.has_repeated_itself = True
            return None
        self._seen.add(cursor)
        return self.first.with_parameters(starting_after=cursor)

    def check_whole(self) -> None:
        """
        Believe that a list is whole, once it has ended.

        :raises InstantlyUnexpectedAnswerError: if it ended because it repeated itself.
        """
        if self.has_repeated_itself:
            raise not_believed(
                self.first,
                f"The {self.first.resource.noun} repeats itself: Instantly named the same next page twice, so it may "
                "not be whole, and nothing is concluded from what it lacks.",
                advice=ASK_INSTANTLY,
            )

    @property
    def size(self) -> int:
        """How many items are asked for on each page."""
        return int(self.first.parameter("limit") or PAGE_SIZE)

    def smaller(self, request: Request, error: AnswerTooLargeError) -> Request:
        """
        The same page with half as many items; all pages after it are as small.

        :param request: the page's request.
        :param error: what came of it.
        :raises AnswerTooLargeError: the same, if the page has one item only.
        """
        if self.size == 1:
            raise error
        half = self.size // 2
        self.first = self.first.with_parameters(limit=half)
        return request.with_parameters(limit=half)


def items_of(page: Json) -> list[Json]:
    """
    The JSON objects on a page; anything else that stands there is passed over. See `Request.stray`.

    :param page: the page's JSON object.
    """
    return objects_of(page["items"])
