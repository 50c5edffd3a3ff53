"""What an answer means: what a good one carries, what a bad one says, and which one was not asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_instantly.api.campaign import CAMPAIGN_FIELDS, status_of
from airflow_provider_instantly.api.errors import (
    ASK_INSTANTLY,
    REFUSALS,
    AnswerTooLargeError,
    InstantlyAuthenticationError,
    InstantlyBadRequestError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.protocol import Expected
from airflow_provider_instantly.api.redaction import shown_text, strike_key_out
from airflow_provider_instantly.api.retry import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_instantly.api.protocol import Document, Json, Request

#: An answer larger than this is not read to its end. A page of 100 campaigns may be, where their e-mails are long.
MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024
#: What to do about an answer that does not look like one of Instantly.
MAYBE_ANOTHER_SERVER: Final = (
    "Check that the connection's Base URL is Instantly's; a proxy may have answered in its place."
)
_NOT_USED: Final = "so nothing is concluded from it"


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
    complaint = complaint_about(request, document, api_key) if is_good else None
    if is_good and complaint is None:
        return objects_of(document) if isinstance(document, list) else document
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
            f"The answer is larger than {MAX_ANSWER_BYTES // 1024**2} MB, so it was not read to its end.",
            advice="Check that the connection's Base URL is Instantly's.",
            **coordinates,
        )
    if complaint is not None:
        raise InstantlyUnexpectedAnswerError(complaint.what, advice=complaint.advice, **coordinates)
    raise _error_of_status(request, answer, coordinates, now or datetime.now(UTC))


class Complaint(NamedTuple):
    """
    What keeps a successful answer from being the one that was asked for.

    :param what: what is wrong with it, as a sentence.
    :param advice: what to do.
    """

    what: str
    advice: str = ASK_INSTANTLY


def complaint_about(request: Request, document: object, api_key: str = "") -> Complaint | None:
    """
    What keeps a successful answer from being the one that was asked for; None where nothing does.

    :param request: what was asked.
    :param document: the answer, decoded.
    :param api_key: the key, so that it can be struck out of what the server echoes.
    """
    expects, noun = request.expects, request.resource.noun
    if not isinstance(document, list if expects is Expected.ARRAY else dict):
        kind = Expected.ARRAY if expects is Expected.ARRAY else Expected.OBJECT
        return Complaint(f"The answer is not {kind.value}.", MAYBE_ANOTHER_SERVER)
    items = document if isinstance(document, list) else document.get("items") if expects is Expected.PAGE else []
    if not isinstance(items, list):
        return Complaint(f"Instantly answered with a {noun} without a list of items, {_NOT_USED}.")
    if request.stray is not None and len(objects_of(items)) < len(items):
        # It may be in the place of one that was asked for.
        return Complaint(f"Instantly answered with a {noun} with something that is no object, {_NOT_USED}.")
    if isinstance(document, list):
        return None
    if expects is Expected.CAMPAIGN:
        status = status_of(document)
        if status is None:
            return Complaint("The answer should be a campaign, but has no status that is a number.")
        if not document.get("id") and not (status.is_known and document.keys() <= CAMPAIGN_FIELDS):
            # Many a proxy answers {"status": 200} to whatever it is asked, or {"status": 0, "info": "ok"}: each in its
            # own words.
            return Complaint(f"The answer should be a campaign, but names none, {_NOT_USED}.", MAYBE_ANOTHER_SERVER)
    if request.identity and (other := _another(request, document)) is not None:
        shown = shown_text(str(other), api_key)
        return Complaint(
            f"The answer is about the {noun} {shown}, not about {request.resource.id}, which was asked for, "
            f"{_NOT_USED}.",
            "A cache or a proxy may have mixed up answers.",
        )
    return None


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
            "Instantly does not accept the API key: it is wrong, revoked, or a key of API V1.",
            advice="Put a valid API V2 key into the connection's field API key.",
            **coordinates,
        )
    if status == 402:
        return InstantlyPaymentRequiredError(
            "The Instantly workspace has no active paid plan, so its API is closed.",
            advice="Renew the plan.",
            **coordinates,
        )
    if status == 403:
        lacks = "lacks a scope" if request.scope is None else f"needs the scope {request.scope}"
        return InstantlyPermissionError(
            f"Instantly refuses this call: the API key {lacks}, or Instantly's edge blocks this machine.",
            advice="Give the key the scope. If it has it, ask Instantly.",
            **coordinates,
        )
    if status in resource.missing:
        if resource.id is None:
            return resource.not_found(
                f"Instantly knows no {resource.noun} at this path.",
                advice="Check the connection's Base URL.",
                **coordinates,
            )
        return resource.not_found(
            f"There is no {resource.noun} {resource.id} in the workspace of this API key.",
            advice="Check the id, the key and workspace_id.",
            **coordinates,
        )
    if status == 429:
        wait = retry_after(answer.headers.get("retry-after"), now=now)
        asks = "" if wait is None else f", and Instantly asks to wait {wait:.0f} s"
        return InstantlyRateLimitError(
            f"The workspace's rate limit is used up; all its API keys share it{asks}.",
            advice="Let fewer tasks ask at once, with one of Airflow's pools.",
            retry_after=wait,
            **coordinates,
        )
    if status < 400:
        return InstantlyUnexpectedAnswerError(
            "Instantly's API answers neither with redirects nor with such a status; it was not followed.",
            advice="Check that the connection's Base URL is the API's own address.",
            **coordinates,
        )
    if status in REFUSALS:
        return InstantlyBadRequestError(
            "Instantly refused the request as it was made.",
            advice="Correct what the task was given. If it is right, check the connection's Base URL.",
            **coordinates,
        )
    return InstantlyServerError(
        "Instantly, or something in front of it, failed to answer.",
        advice=ASK_INSTANTLY,
        **coordinates,
    )


def objects_of(items: list[Any]) -> list[Json]:
    """
    Those of some items that are objects.

    :param items: what stands in an array.
    """
    return [item for item in items if isinstance(item, dict)]


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
