"""
The conversation with Instantly as values and pure functions: no I/O, no sleeping, no Airflow.

Both transports drive `exchange`, so that what is repeated and what an answer means is decided here alone.
"""

from __future__ import annotations

import json
import random
from collections.abc import Generator
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_instantly.api.campaign import status_of
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    AnswerTooLargeError,
    InstantlyAuthenticationError,
    InstantlyBadRequestError,
    InstantlyError,
    InstantlyNotFoundError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.redaction import shown_text, strike_key_out
from airflow_provider_instantly.api.retry import Retries, TimeBudget, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: An answer larger than this is not read to its end. A page of 100 campaigns may be, where their e-mails are long.
MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024
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
    document: Json = _good((yield request))
    _believe(request, [document])
    return document


def ask_array(request: Request) -> Conversation[list[Json]]:
    """
    The conversation of one request that is answered with a JSON array.

    :param request: what to ask; it expects `Expected.ARRAY`.
    :return: the objects of the array.
    :raises InstantlyError: if none came, or one of them was not asked for.
    """
    array: list[Json] = _good((yield request))
    _believe(request, array)
    return array


def _good(reply: Reply) -> Document:
    if isinstance(reply, InstantlyError):
        raise reply
    return reply


def _believe(request: Request, objects: list[Json]) -> None:
    """
    Go on only if all of them were asked for.

    :raises InstantlyUnexpectedAnswerError: if one was not. It shows nothing of the answer: that may be about persons.
    """
    if (stray := request.stray) is None:
        return
    for each in objects:
        if what := stray(each):
            raise InstantlyUnexpectedAnswerError(
                f"Instantly answered with {what}, so nothing is concluded from the answer. It may not have heeded a "
                "filter, or a cache or a proxy may have mixed up answers.",
                method=request.method,
                path=request.path,
                status=200,
            )


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
        page = _good(reply)
        if complaint := _complaint(self.first, page):
            raise InstantlyUnexpectedAnswerError(complaint, method=self.first.method, path=self.first.path, status=200)
        items = items_of(page)
        _believe(self.first, items)
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
            raise InstantlyUnexpectedAnswerError(
                f"The {self.first.resource.noun} repeats itself: Instantly named the same next page twice. So it may "
                "not be whole, and nothing is concluded from what it lacks.",
                method=self.first.method,
                path=self.first.path,
                status=200,
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
    return _objects(page["items"])


def _objects(items: list[Any]) -> list[Json]:
    return [item for item in items if isinstance(item, dict)]


@dataclass(frozen=True)
class Answer:
    """
    What came back over the wire.

    :param status: the HTTP status.
    :param headers: the headers, their names in lower case.
    :param body: the body, decompressed, at most `MAX_ANSWER_BYTES` and one.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Pause:
    """A step of an exchange: let this many seconds pass."""

    seconds: float
    because: InstantlyRequestError


Step = Request | Pause
Reaction = Answer | InstantlyRequestError | None


def exchange(
    request: Request,
    *,
    max_retries: int,
    budget: TimeBudget | None = None,
    api_key: str = "",
    jitter: Callable[[], float] = random.random,
) -> Generator[Step, Reaction, Document]:
    """
    Carry a request through its retries; a transport sends what it yields and hands in what came back.

    It yields the request, and wants an `Answer`, or the error where none came. It yields a `Pause`, and wants None.
    What it returns is what the request expects.

    :param request: what to ask.
    :param max_retries: how often it may be sent again, where that is safe; see `Retries`. A read that met a kept
        connection which the server had closed is sent again at once, but once only: that counts as one of these, and is
        allowed at 0 too.
    :param budget: the time of all requests of its caller; see `Retries`. By default there is no end of it.
    :param api_key: the key, so that it can be struck out of what the server echoes.
    :param jitter: a number from 0 to 1 for each pause.
    :raises InstantlyRequestError: the last error, where no try succeeded or none was allowed;
        `AmbiguousOutcomeError` where a change may or may not have taken effect.
    """
    retries, was_stale = Retries(max_retries, budget=budget or TimeBudget()), False
    while True:
        reaction = yield request
        try:
            if isinstance(reaction, InstantlyRequestError):
                raise reaction
            if reaction is None:
                raise TypeError("an exchange that sent a request was handed neither an answer nor an error")
            return read_answer(request, reaction, api_key=api_key)
        except InstantlyRequestError as error:
            if request.only_reads and error.on_stale_connection and not was_stale:
                # There is nothing to wait for.
                was_stale = True
                retries.count()
                continue
            pause = retries.pause_after(error, jitter()) if may_repeat(request, error) else None
            if pause is None:
                outcome = _as_outcome(request, error)
                raise outcome from outcome.__cause__
            yield Pause(pause, because=error)


def may_repeat(request: Request, error: InstantlyError) -> bool:
    """
    Whether sending the request again is safe and has a chance.

    :param request: what was sent, or was meant to be.
    :param error: why it gave nothing.
    """
    return error.may_pass and (request.only_reads or error.proves_no_effect)


def read_answer(request: Request, answer: Answer, *, api_key: str = "", now: datetime | None = None) -> Document:
    """
    Return what a good answer carries, or raise what a bad one means.

    :param request: what was asked.
    :param answer: what came back.
    :param api_key: the key, so that it can be struck out of what the server echoes.
    :param now: the present moment, for a ``Retry-After`` that is a date.
    :raises InstantlyRequestError: the one of its subclasses that fits the answer.
    """
    document = _decoded(answer.body)
    strike_key_out(document, answer.body, api_key)
    is_good = 200 <= answer.status < 300
    complaint = _complaint(request, document, api_key) if is_good else ""
    if is_good and not complaint:
        return _objects(document) if isinstance(document, list) else document
    # Not before: to make a server's words fit for a log takes longer than to read the answer.
    coordinates: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "status": answer.status,
        "server_message": shown_text(_server_message(document), api_key),
        "excerpt": shown_text(answer.body.decode("utf-8", "replace"), api_key),
    }
    if len(answer.body) > MAX_ANSWER_BYTES:
        # An error's page does not become shorter with what is asked for.
        too_large = AnswerTooLargeError if is_good else InstantlyUnexpectedAnswerError
        raise too_large(
            f"The answer is larger than {MAX_ANSWER_BYTES // 1024**2} MB, so it was not read to its end. "
            "Check that the connection's Base URL is Instantly's.",
            **coordinates,
        )
    if is_good:
        raise InstantlyUnexpectedAnswerError(complaint, **coordinates)
    raise _error_of_status(request, answer, coordinates, now or datetime.now(UTC))


def _complaint(request: Request, document: object, api_key: str = "") -> str:
    """What keeps a successful answer from being the one that was asked for, as sentences; empty where nothing does."""
    expects, noun = request.expects, request.resource.noun
    if not isinstance(document, list if expects is Expected.ARRAY else dict):
        kind = Expected.ARRAY if expects is Expected.ARRAY else Expected.OBJECT
        return (
            f"The answer is not {kind.value}. Check that the connection's Base URL is Instantly's; "
            "a proxy may have answered in its place."
        )
    items = document if isinstance(document, list) else document.get("items") if expects is Expected.PAGE else []
    if not isinstance(items, list):
        return f"Instantly answered with a {noun} without a list of items. Nothing is concluded from it."
    if request.stray is not None and len(_objects(items)) < len(items):
        # It may be in the place of one that was asked for.
        return f"Instantly answered with a {noun} with something that is no object. Nothing is concluded from it."
    if isinstance(document, list):
        return ""
    if expects is Expected.CAMPAIGN:
        status = status_of(document)
        if status is None:
            return "The answer should be a campaign, but has no status that is a number."
        if not status.is_known and not document.get("id"):
            # Many a proxy answers {"status": 200} to whatever it is asked.
            return (
                f"The answer should be a campaign, but names none, and its status {int(status)} is not one that is "
                "known. Nothing is concluded from it; a proxy may have answered in Instantly's place."
            )
    if request.identity and (other := _another(request, document)) is not None:
        shown = shown_text(str(other), api_key)
        return (
            f"The answer is about the {noun} {shown}, not about {request.resource.id}, which "
            "was asked for, so nothing is concluded from it. A cache or a proxy may have mixed up answers."
        )
    return ""


def _another(request: Request, document: Json) -> object:
    """What an answer names instead of the resource that was asked for. An answer may omit what it is about."""
    named: object = document
    for key in request.identity:
        named = named.get(key) if isinstance(named, dict) else None
    if named is None or named == "" or named == request.resource.id:
        return None
    is_the_same = isinstance(named, str) and named.lower() == (request.resource.id or "").lower()
    return None if is_the_same else named


def _error_of_status(
    request: Request, answer: Answer, coordinates: dict[str, Any], now: datetime
) -> InstantlyRequestError:
    status, resource = answer.status, request.resource
    if status == 401:
        return InstantlyAuthenticationError(
            "Instantly does not accept the API key: it is wrong, revoked, or a key of API V1. Put a valid API V2 key "
            "into the connection's field API key.",
            **coordinates,
        )
    if status == 402:
        return InstantlyPaymentRequiredError(
            "The Instantly workspace has no active paid plan, so its API is closed. Renew the plan.",
            **coordinates,
        )
    if status == 403:
        lacks = "lacks a scope" if request.scope is None else f"needs the scope {request.scope}"
        return InstantlyPermissionError(
            f"Instantly refuses this call: the API key {lacks}, or Instantly's edge blocks this machine.",
            **coordinates,
        )
    if status in resource.missing:
        return resource.not_found(
            f"Instantly knows no {resource.noun} at this path. Check the connection's Base URL."
            if resource.id is None
            else f"There is no {resource.noun} {resource.id} in the workspace of this API key. "
            "Check the id, the key and workspace_id.",
            **coordinates,
        )
    if status == 429:
        wait = retry_after(answer.headers.get("retry-after"), now=now)
        return InstantlyRateLimitError(
            "The workspace's rate limit is used up; all its API keys share it."
            + (f" Instantly asks to wait {wait:.0f} s." if wait is not None else "")
            + " Let fewer tasks ask at once, with one of Airflow's pools.",
            retry_after=wait,
            **coordinates,
        )
    if status >= 500 or status == 408:
        return InstantlyServerError("Instantly, or something in front of it, failed to answer.", **coordinates)
    if 400 <= status < 500:
        return InstantlyBadRequestError("Instantly refused the request as it was made.", **coordinates)
    return InstantlyUnexpectedAnswerError(
        "Instantly's API answers neither with redirects nor with such a status; it was not followed. "
        "Check that the connection's Base URL is the API's own address.",
        **coordinates,
    )


def _as_outcome(request: Request, error: InstantlyRequestError) -> InstantlyRequestError:
    """A read's error stands for itself. A change's may hide that the change took effect."""
    if request.only_reads or error.proves_no_effect:
        return error
    ambiguous = AmbiguousOutcomeError(
        f"The request was sent, but it is not known whether it took effect: {error.message} It was not repeated. "
        f"Check the {request.resource.noun} in Instantly before you repeat it.",
        method=error.method,
        path=error.path,
        status=error.status,
        server_message=error.server_message,
        excerpt=error.excerpt,
    )
    ambiguous.__cause__ = error
    return ambiguous


def _server_message(document: object) -> str:
    message = (document.get("message") or document.get("error")) if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""


def _decoded(body: bytes) -> object:
    """The JSON that a body is, or None where it is none."""
    if len(body) > MAX_ANSWER_BYTES:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
