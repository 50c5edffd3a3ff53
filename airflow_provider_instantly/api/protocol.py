"""
The conversation with Instantly as values and pure functions: no I/O, no sleeping, no Airflow.

Both transports drive `exchange`, so that what is repeated and what an answer means is decided here alone.
"""

from __future__ import annotations

import json
import random
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    AnswerTooLargeError,
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyBadRequestError,
    InstantlyError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.redaction import safe_text
from airflow_provider_instantly.api.retry import pause_before_retry, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: An answer larger than this is not read to its end. A page of 100 campaigns may be, where their e-mails are long.
MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024
PAGE_SIZE: Final = 100

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """
    One request, before it is sent.

    :param method: the HTTP method.
    :param path: the path below ``/api/v2``.
    :param query: the query's pairs, not yet encoded.
    :param campaign_id: the campaign that the path names, or None.
    :param answers_with_campaign: whether a good answer is that campaign's document.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    campaign_id: str | None = None
    answers_with_campaign: bool = False

    @property
    def only_reads(self) -> bool:
        """Whether sending it again can change nothing."""
        return self.method == "GET"


def get_campaign(campaign_id: str) -> Request:
    """``GET /campaigns/{id}``."""
    return _campaign_request("GET", campaign_id, answers_with_campaign=True)


def activate_campaign(campaign_id: str) -> Request:
    """``POST /campaigns/{id}/activate``."""
    return _campaign_request("POST", campaign_id, "/activate", answers_with_campaign=True)


def pause_campaign(campaign_id: str) -> Request:
    """``POST /campaigns/{id}/pause``."""
    return _campaign_request("POST", campaign_id, "/pause", answers_with_campaign=True)


def get_sending_status(campaign_id: str) -> Request:
    """``GET /campaigns/{id}/sending-status``."""
    return _campaign_request("GET", campaign_id, "/sending-status")


def get_workspace() -> Request:
    """``GET /workspaces/current``."""
    return Request("GET", "/workspaces/current")


def list_campaigns(
    *,
    limit: int = PAGE_SIZE,
    starting_after: str | None = None,
    search: str | None = None,
    tag_ids: Iterable[str] = (),
    status: int | None = None,
    exclude_status: int | None = None,
) -> Request:
    """``GET /campaigns``: one page."""
    wanted = {
        "limit": str(limit),
        "starting_after": starting_after,
        "search": search,
        "tag_ids": ",".join(tag_ids),
        "status": None if status is None else str(int(status)),
        "exclude_status": None if exclude_status is None else str(int(exclude_status)),
    }
    return Request("GET", "/campaigns", tuple((name, value) for name, value in wanted.items() if value))


Reply = Json | InstantlyError
T = TypeVar("T")
#: Yields requests one after the other. For each it is sent the parsed answer, or the error that stands in its place,
#: retries behind it; see `InstantlyHook.drive` and `InstantlyHook.adrive`.
Conversation = Generator[Request, Reply, T]


def ask(request: Request) -> Conversation[Json]:
    """
    The conversation of one request.

    :param request: what to ask.
    :return: the answer's JSON object.
    :raises InstantlyError: if none came.
    """
    reply = yield request
    if isinstance(reply, InstantlyError):
        raise reply
    return reply


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
        :raises InstantlyError: if it could not be read. Then this page is still the next.
        :raises ValueError: if the list has ended.
        """
        if self._next is None:
            raise ValueError("the list has ended")
        while isinstance(reply := (yield self._next), AnswerTooLargeError):
            self._next = self.smaller(self._next, reply)
        if isinstance(reply, InstantlyError):
            raise reply
        items = items_of(reply)
        self._next = self.after(reply)
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
        query = tuple(pair for pair in self.first.query if pair[0] != "starting_after")
        return Request(self.first.method, self.first.path, (*query, ("starting_after", cursor)))

    @property
    def size(self) -> int:
        """How many items are asked for on each page."""
        return int(dict(self.first.query)["limit"])

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
        self.first = _with_limit(self.first, half)
        return _with_limit(request, half)


def _with_limit(request: Request, limit: int) -> Request:
    query = tuple((name, str(limit) if name == "limit" else value) for name, value in request.query)
    return replace(request, query=query)


def items_of(page: Json) -> list[Json]:
    """
    The JSON objects on a page; anything else that stands there is passed over.

    :param page: the page's JSON object.
    :raises InstantlyUnexpectedAnswerError: if it is no page.
    """
    items = page.get("items")
    if not isinstance(items, list):
        raise InstantlyUnexpectedAnswerError(
            "Instantly answered a list request without a list of items. Nothing was changed. Try again later.",
            method="GET",
            path="/campaigns",
            status=200,
        )
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
    api_key: str = "",
    jitter: Callable[[], float] = random.random,
) -> Generator[Step, Reaction, Json]:
    """
    Carry a request through its retries; a transport sends what it yields and hands in what came back.

    It yields the request, and wants an `Answer`, or the error where none came. It yields a `Pause`, and wants None.
    What it returns is the answer's JSON object.

    :param request: what to ask.
    :param max_retries: how often it may be sent again, where that is safe.
    :param api_key: the key, so that it can be struck out of what the server echoes.
    :param jitter: a number from 0 to 1 for each pause.
    :raises InstantlyRequestError: the last error, where no try succeeded or none was allowed;
        `AmbiguousOutcomeError` where a change may or may not have taken effect.
    """
    for attempt in range(max_retries + 1):
        reaction = yield request
        try:
            if isinstance(reaction, InstantlyRequestError):
                raise reaction
            if reaction is None:
                raise TypeError("an exchange that sent a request was handed neither an answer nor an error")
            return read_answer(request, reaction, api_key=api_key)
        except InstantlyRequestError as error:
            if attempt == max_retries or not may_repeat(request, error):
                outcome = _as_outcome(request, error)
                raise outcome from outcome.__cause__
            yield Pause(pause_before_retry(error, attempt, jitter()), because=error)
    raise AssertionError("unreachable: the last attempt returns or raises")


def may_repeat(request: Request, error: InstantlyError) -> bool:
    """
    Whether sending the request again is safe and has a chance.

    :param request: what was sent, or was meant to be.
    :param error: why it gave nothing.
    """
    return error.may_pass and (request.only_reads or error.proves_no_effect)


def read_answer(request: Request, answer: Answer, *, api_key: str = "", now: datetime | None = None) -> Json:
    """
    Return the JSON object of a good answer, or raise what a bad one means.

    :param request: what was asked.
    :param answer: what came back.
    :param api_key: the key, so that it can be struck out of what the server echoes.
    :param now: the present moment, for a ``Retry-After`` that is a date.
    :raises InstantlyRequestError: the one of its subclasses that fits the answer.
    """
    document = _json_object(answer.body)
    is_good = 200 <= answer.status < 300
    if is_good and document is not None and _is_as_asked(request, document):
        return document
    # Not before: to make a server's words fit for a log takes longer than to read the answer.
    coordinates: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "status": answer.status,
        "server_message": safe_text(_server_message(document), api_key) if document is not None else "",
        "excerpt": safe_text(answer.body.decode("utf-8", "replace"), api_key),
    }
    if len(answer.body) > MAX_ANSWER_BYTES:
        # An error's page does not become shorter with what is asked for.
        too_large = AnswerTooLargeError if is_good else InstantlyUnexpectedAnswerError
        raise too_large(
            f"The answer is larger than {MAX_ANSWER_BYTES // 1024**2} MB, so it was not read to its end. "
            "Check that the connection's host is Instantly's.",
            **coordinates,
        )
    if is_good and document is None:
        raise InstantlyUnexpectedAnswerError(
            "The answer is not a JSON object. Check that the connection's host is Instantly's; "
            "a proxy may have answered in its place.",
            **coordinates,
        )
    if is_good:
        raise InstantlyUnexpectedAnswerError(
            "The answer should be a campaign, but has no status that is a number.", **coordinates
        )
    raise _error_of_status(request, answer, coordinates, now or datetime.now(UTC))


def _is_as_asked(request: Request, document: Json) -> bool:
    """Whether an answer carries what its reader cannot do without."""
    return not request.answers_with_campaign or Campaign.from_api(document).status is not None


def _error_of_status(
    request: Request, answer: Answer, coordinates: dict[str, Any], now: datetime
) -> InstantlyRequestError:
    status, campaign = answer.status, request.campaign_id
    if status == 401:
        return InstantlyAuthenticationError(
            "Instantly does not accept the API key: it is wrong, revoked, or a key of API V1. Put a valid API V2 key "
            "into the connection's password.",
            **coordinates,
        )
    if status == 402:
        return InstantlyPaymentRequiredError(
            "The Instantly workspace has no active paid plan, so its API is closed. Renew the plan.",
            **coordinates,
        )
    if status == 403:
        return InstantlyPermissionError(
            f"Instantly refuses this call: the API key needs the scope {_scope_of(request)}, or Instantly's edge "
            "blocks this machine.",
            **coordinates,
        )
    if status == 404 or (status == 400 and campaign is not None):
        return CampaignNotFoundError(
            f"There is no campaign {campaign} in the workspace of this API key. Check the id, the key and workspace_id."
            if campaign is not None
            else "Instantly knows no such resource. Check the connection's host.",
            **coordinates,
        )
    if status == 429:
        wait = retry_after(answer.headers.get("retry-after"), now=now)
        return InstantlyRateLimitError(
            "The workspace's rate limit is used up; all its API keys share it."
            + (f" Instantly asks to wait {wait:.0f} s." if wait is not None else ""),
            retry_after=wait,
            **coordinates,
        )
    if status >= 500 or status == 408:
        return InstantlyServerError("Instantly, or something in front of it, failed to answer.", **coordinates)
    if 400 <= status < 500:
        return InstantlyBadRequestError("Instantly refused the request as it was made.", **coordinates)
    return InstantlyUnexpectedAnswerError(
        "Instantly's API answers neither with redirects nor with such a status; it was not followed. "
        "Check that the connection's host is the API's own address.",
        **coordinates,
    )


def _as_outcome(request: Request, error: InstantlyRequestError) -> InstantlyRequestError:
    """A read's error stands for itself. A change's may hide that the change took effect."""
    if request.only_reads or error.proves_no_effect:
        return error
    ambiguous = AmbiguousOutcomeError(
        f"The request was sent, but it is not known whether it took effect: {error.message} It was not repeated. "
        "Check the campaign in Instantly before you repeat it.",
        method=error.method,
        path=error.path,
        status=error.status,
        server_message=error.server_message,
        excerpt=error.excerpt,
    )
    ambiguous.__cause__ = error
    return ambiguous


def _campaign_request(
    method: str, campaign_id: str, action: str = "", *, answers_with_campaign: bool = False
) -> Request:
    path = f"/campaigns/{quote(campaign_id, safe='')}{action}"
    return Request(method, path, campaign_id=campaign_id, answers_with_campaign=answers_with_campaign)


def _scope_of(request: Request) -> str:
    if request.path.startswith("/workspaces"):
        return "workspaces:read"
    return "campaigns:read" if request.only_reads else "campaigns:update"


def _server_message(document: Json) -> str:
    message = document.get("message") or document.get("error")
    return message if isinstance(message, str) else ""


def _json_object(body: bytes) -> Json | None:
    if len(body) > MAX_ANSWER_BYTES:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
