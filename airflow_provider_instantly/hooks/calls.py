"""What all groups of calls are made of: a conversation with Instantly, run for a task or in an event loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_instantly.api.pages import Pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from airflow_provider_instantly.api.protocol import Conversation, Json, Request

T = TypeVar("T")


class Calls(ABC):
    """Calls of one subject; `InstantlyHook` puts them together."""

    @abstractmethod
    def drive(self, steps: Conversation[T], *, max_retries: int | None = None) -> T:
        """Run a conversation with Instantly to its end; see `InstantlyHook.drive`."""

    @abstractmethod
    async def adrive(self, steps: Conversation[T], *, max_retries: int | None = None) -> T:
        """Async twin of `drive`."""

    def each_item(self, first: Request) -> Iterator[Json]:
        """
        The items of a list, page by page as they are asked for.

        :param first: the request of the first page.
        :raises InstantlyUnexpectedAnswerError: after the last item, if the list repeated itself, so that it may not be
            whole.
        :raises InstantlyError: if a page could not be read.
        """
        pages = Pages(first)
        while pages.has_more:
            yield from self.drive(pages.next_page())
        pages.check_whole()

    async def aeach_item(self, first: Request) -> AsyncIterator[Json]:
        """Async twin of `each_item`."""
        pages = Pages(first)
        while pages.has_more:
            for item in await self.adrive(pages.next_page()):
                yield item
        pages.check_whole()


def searched(search: object) -> str | None:
    """
    Return what is to be searched for as a text: a parameter of a DAG, or a template, may make a number of it.

    :param search: a text, a number, or None for everything.
    :raises ValueError: if it is blank, as a parameter is that was not given. Instantly would find everything.
    """
    if search is None:
        return None
    text = str(search)
    if not text.strip():
        raise ValueError(_finds_everything("search is blank", "None"))
    return text


def tagged(tag_ids: Iterable[str]) -> list[str]:
    """
    Return the tags of which what is listed must have one.

    :param tag_ids: their ids, or none for everything.
    :raises ValueError: if one is blank, or they are one text.
    """
    tags = several("tag_ids", tag_ids)
    if not all(str(tag).strip() for tag in tags):
        raise ValueError(_finds_everything("tag_ids has a blank tag", "no tag"))
    return tags


def _finds_everything(what: str, everything: str) -> str:
    return f"{what}, which finds everything. If that is meant, give {everything}. Nothing was requested from Instantly."


def several(name: str, texts: Iterable[T]) -> list[T]:
    """
    Return texts as a list. One text has letters, which are texts, too, and none of them is what was meant.

    :param name: the parameter's name.
    :param texts: some texts, or objects that stand for some, such as a ``uuid.UUID``.
    :raises ValueError: if it is one text. It is not shown: it may be an address.
    """
    if isinstance(texts, str):
        raise ValueError(f"{name} must be a list of texts, and not one text. Nothing was requested from Instantly.")
    return list(texts)
