"""
What is asked of Instantly, as values: requests, and conversations of one request after the other.

A list is asked for in `pages`. How a request is carried through its retries is in `exchange`, and what an answer means
in `answers`.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import KW_ONLY, dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_instantly.api.errors import (
    InstantlyError,
    InstantlyNotFoundError,
    InstantlyRequestError,
    InstantlyUnexpectedAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAGE_SIZE: Final = 100

Json = dict[str, Any]


class Expected(Enum):
    """What a good answer is."""

    OBJECT = "a JSON object"
    ARRAY = "a JSON array"
    #: An object with a list of ``items``, and a cursor where there are more.
    PAGE = "a page of a list"
    #: An object with a status that is a number.
    CAMPAIGN = "a campaign"


@dataclass(frozen=True)
class Resource:
    """
    What a request is about.

    :param noun: how sentences call it: "campaign", "list of campaigns".
    :param id: which one, where the path names it.
    :param missing: the statuses with which Instantly says that there is none.
    :param not_found: the error that this is.
    """

    noun: str
    id: str | None = None
    missing: frozenset[int] = frozenset({404})
    not_found: type[InstantlyRequestError] = InstantlyNotFoundError


@dataclass(frozen=True)
class Request:
    """
    One request, before it is sent, and all that is to be known of it: nothing is guessed from its path.

    :param method: the HTTP method.
    :param path: the path below ``/api/v2``.
    :param only_reads: whether sending it again can change nothing. ``POST /leads/list`` only reads, too.
    :param scope: the scope that the API key needs, or None where Instantly documents none.
    :param resource: what it is about.
    :param expects: what a good answer is.
    :param identity: the keys, from the outermost inwards, under which an answer names what it is about. One that names
        anything but the resource is not believed.
    :param stray: says of the object that is the answer, or of each object of an array or a page, what makes it one that
        was not asked for, as a noun without an address; None where it fits. One of them, and none is believed; nor if
        something in the array or on the page is no object.
    :param query: the query's pairs, not yet encoded.
    :param body: what is sent as JSON, or None. Only with a body there is a Content-Type.
    :param written: parameters of the body that are written as JSON already, by their names.
    :raises ValueError: if the body cannot be written as JSON.
    """

    method: str
    path: str
    _: KW_ONLY
    only_reads: bool
    scope: str | None
    resource: Resource
    expects: Expected = Expected.OBJECT
    identity: tuple[str, ...] = ()
    stray: Callable[[Json], str | None] | None = field(default=None, repr=False, compare=False)
    query: tuple[tuple[str, str], ...] = ()
    #: Leads have addresses, so a body is in no ``repr``.
    body: Json | None = field(default=None, repr=False, hash=False)
    #: Like the body, in no ``repr``.
    written: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    #: The body as it is sent.
    content: bytes | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.body is not None:
            object.__setattr__(self, "content", self._content(self.body).encode())

    def _content(self, body: Json) -> str:
        text = json.dumps(body, allow_nan=False)
        if not self.written:
            return text
        parts = [text[1:-1]] if body else []
        return f"{{{', '.join((*parts, *(f'{json.dumps(name)}: {value}' for name, value in self.written.items())))}}}"

    @property
    def headers(self) -> dict[str, str]:
        """Its own headers. Instantly answers 400 to a Content-Type that comes without a body."""
        return {} if self.content is None else {"Content-Type": "application/json"}

    def parameter(self, name: str) -> Any:
        """
        A parameter, of the body where there is one, else of the query; None where it is not there.

        :param name: its name.
        """
        return (dict(self.query) if self.body is None else self.body).get(name)

    def with_parameters(self, **parameters: str | int) -> Request:
        """
        The same request with other parameters, in the body where there is one, else in the query.

        :param parameters: the values by their names.
        """
        if self.body is not None:
            return replace(self, body={**self.body, **parameters})
        kept = (pair for pair in self.query if pair[0] not in parameters)
        return replace(self, query=(*kept, *((name, str(value)) for name, value in parameters.items())))


#: A good answer, which is what its request expects: a `Json`, or a list of them.
Document = Any
Reply = Document | InstantlyError
T = TypeVar("T")
#: Yields requests one after the other. For each it is sent the parsed answer, or the error that stands in its place,
#: retries behind it; see `InstantlyHook.drive` and `InstantlyHook.adrive`.
Conversation = Generator[Request, Reply, T]


def ask(request: Request) -> Conversation[Json]:
    """
    The conversation of one request that is answered with a JSON object.

    :param request: what to ask.
    :return: the object.
    :raises InstantlyError: if none came, or one that was not asked for.
    """
    document: Json = good((yield request))
    believe(request, [document])
    return document


def ask_array(request: Request) -> Conversation[list[Json]]:
    """
    The conversation of one request that is answered with a JSON array.

    :param request: what to ask; it expects `Expected.ARRAY`.
    :return: the objects of the array.
    :raises InstantlyError: if none came, or one of them was not asked for.
    """
    array: list[Json] = good((yield request))
    believe(request, array)
    return array


def good(reply: Reply) -> Document:
    """
    What was sent in reply, where it is an answer.

    :param reply: the answer, or the error that stands in its place.
    :raises InstantlyError: that error.
    """
    if isinstance(reply, InstantlyError):
        raise reply
    return reply


def believe(request: Request, objects: list[Json]) -> None:
    """
    Go on only if all of them were asked for.

    :param request: what was asked.
    :param objects: what the answer has.
    :raises InstantlyUnexpectedAnswerError: if one was not. It shows nothing of the answer: that may be about persons.
    """
    if (stray := request.stray) is None:
        return
    for each in objects:
        if what := stray(each):
            raise not_believed(
                request,
                f"Instantly answered with {what}, so nothing is concluded from the answer.",
                advice="It may not have heeded a filter, or a cache or a proxy may have mixed up answers.",
            )


def not_believed(request: Request, what: str, *, advice: str) -> InstantlyUnexpectedAnswerError:
    """
    The error of a good answer from which nothing is concluded.

    :param request: what was asked.
    :param what: why, as a sentence.
    :param advice: what to do.
    """
    return InstantlyUnexpectedAnswerError(what, advice=advice, method=request.method, path=request.path, status=200)
