"""What can be made to go wrong: faults per path, method and count, and what they do to an answer."""

from __future__ import annotations

import json
from email.utils import formatdate
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from airflow_provider_instantly.sandbox.answers import HTML, JSON, Answer, error_answer, json_answer

if TYPE_CHECKING:
    import sqlite3

Moment = Literal["before", "after"]

_MESSAGES = {429: "Too many requests, please slow down", 500: "Something went wrong"}
_PAGE = (
    "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1><p>The edge is unhappy.</p></body></html>"
)


def _whole_path(path: str) -> str:
    """A path that no request can have would be a fault that never comes, and a test that passes for that reason."""
    if not path.startswith(("/", "*", "?", "[")):
        raise ValueError("The path is a glob for a whole path: it begins with / or *, such as */activate.")
    return path


class _Fault(BaseModel):
    """
    What all faults have in common.

    :param id: given by the sandbox.
    :param path: a glob for the whole path, such as ``*/activate`` or ``/api/v2/campaigns``.
    :param method: the HTTP method, or ``*``.
    :param count: how many more requests it hits; None for all.
    :param skip: how many matching requests it lets pass before.
    :param delay: seconds that the request waits in addition.
    """

    model_config = ConfigDict(extra="forbid")

    id: int = 0
    path: Annotated[str, AfterValidator(_whole_path)] = "*"
    method: str = "*"
    count: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    delay: float = Field(default=0.0, ge=0, le=3600)


class ErrorFault(_Fault):
    """
    An error status, before or after the request had its effect.

    :param retry_after: seconds for a ``Retry-After`` header, as many as a date can be away; any text is sent as it is.
    :param retry_after_date: write those seconds as an HTTP date.
    """

    kind: Literal["error"]
    status: int = Field(default=503, ge=400, le=599)
    format: Literal["json", "html", "empty"] = "json"
    retry_after: Annotated[float, Field(ge=-1e9, le=1e9)] | str | None = None
    retry_after_date: bool = False
    moment: Moment = "before"


class ResetFault(_Fault):
    """The connection is reset, before or after the request had its effect."""

    kind: Literal["reset"]
    moment: Moment = "before"


class DelayFault(_Fault):
    """A slow answer: it waits before or after the effect."""

    kind: Literal["delay"]
    delay: float = Field(gt=0, le=3600)
    moment: Moment = "after"


class DripFault(_Fault):
    """Slow bytes: the headers at once, then the body in small pieces."""

    kind: Literal["drip"]
    bytes_per_second: float = Field(default=100.0, gt=0)
    moment: Literal["after"] = "after"


class TruncateFault(_Fault):
    """
    A body that is cut off.

    :param keep: the part that is sent, 0 to 1.
    :param announce_all: announce the whole length and then close the connection, as when a server dies.
        Otherwise the answer is valid HTTP, only its JSON is not.
    """

    kind: Literal["truncate"]
    keep: float = Field(default=0.5, ge=0, lt=1)
    announce_all: bool = False
    moment: Literal["after"] = "after"


class OversizeFault(_Fault):
    """
    A body that is far too large, though it is valid JSON.

    :param size: bytes.
    :param announce: whether a ``Content-Length`` tells the size beforehand.
    :param gzip: send it compressed: small on the wire, of that size once unpacked.
    """

    kind: Literal["oversize"]
    size: int = Field(default=11_000_000, ge=1, le=1_000_000_000)
    announce: bool = True
    gzip: bool = False
    moment: Literal["after"] = "after"


class BodyFault(_Fault):
    """
    Another body: ``json`` (a list, a string, null), or ``text`` as it is.

    :param moment: ``before``: the request has no effect.
    """

    kind: Literal["body"]
    status: int = Field(default=200, ge=200, le=599)
    json_body: Any = Field(default=None, alias="json")
    text: str | None = None
    content_type: str = JSON
    moment: Moment = "after"


class FieldsFault(_Fault):
    """Fields of wrong types: set in the answer, or in each item of a list."""

    kind: Literal["fields"]
    fields: dict[str, Any]
    moment: Literal["after"] = "after"


class RepeatCursorFault(_Fault):
    """A list whose cursor leads to the same page again."""

    kind: Literal["repeat_cursor"]
    count: int | None = Field(default=None, ge=1)
    moment: Literal["after"] = "after"


class RedirectFault(_Fault):
    """A redirect to another place; the request has no effect."""

    kind: Literal["redirect"]
    location: str
    status: Literal[301, 302, 303, 307, 308] = 307
    moment: Literal["before"] = "before"


Fault = Annotated[
    ErrorFault
    | ResetFault
    | DelayFault
    | DripFault
    | TruncateFault
    | OversizeFault
    | BodyFault
    | FieldsFault
    | RepeatCursorFault
    | RedirectFault,
    Field(discriminator="kind"),
]
_FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)


class Faults:
    """The faults that wait for a request, in the order in which they were added."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        self._waiting = [
            _FAULT.validate_json(row["document"]) for row in store.execute("SELECT document FROM faults ORDER BY id")
        ]

    def waiting(self) -> list[Fault]:
        """Those that may still hit a request."""
        return self._waiting.copy()

    def add(self, fault: Fault) -> Fault:
        """Add a fault behind the others; it gets its id."""
        cursor = self._store.execute("INSERT INTO faults (document) VALUES ('')")
        added = fault.model_copy(update={"id": cursor.lastrowid})
        self._waiting.append(added)
        self._save(added)
        return added

    def remove(self, fault_id: int | None) -> bool:
        """Remove one fault, or all with None; False if there was none."""
        found = [fault for fault in self._waiting if fault_id in (None, fault.id)]
        for fault in found:
            self._waiting.remove(fault)
            self._store.execute("DELETE FROM faults WHERE id = ?", (fault.id,))
        return bool(found)

    def take(self, method: str, path: str) -> Fault | None:
        """
        The fault that hits this request: the first that matches. It is used up by one.

        :param method: the request's method.
        :param path: the request's path.
        """
        for fault in self._waiting:
            if fault.method.upper() not in ("*", method) or not fnmatchcase(path, fault.path):
                continue
            if fault.skip:
                fault.skip -= 1
                self._save(fault)
                continue
            if fault.count == 1:
                self.remove(fault.id)
            elif fault.count:
                fault.count -= 1
                self._save(fault)
            self._store.commit()
            return fault
        return None

    def _save(self, fault: Fault) -> None:
        text = fault.model_dump_json(by_alias=True)
        self._store.execute("UPDATE faults SET document = ? WHERE id = ?", (text, fault.id))


def instead(fault: Fault, now: float) -> Answer | None:
    """
    The answer that a fault gives in place of the service's own, or None if it gives none.

    :param fault: the fault.
    :param now: the wall clock, for a ``Retry-After`` that is a date.
    """
    if isinstance(fault, ErrorFault):
        return _error(fault, now)
    if isinstance(fault, RedirectFault):
        return Answer(fault.status, b"", headers={"location": fault.location})
    if isinstance(fault, BodyFault):
        body = fault.text.encode() if fault.text is not None else json.dumps(fault.json_body).encode()
        return Answer(fault.status, body, fault.content_type)
    return None


def altered(fault: Fault, answer: Answer, starting_after: str | None) -> Answer:
    """
    What a fault makes of the service's own answer.

    :param fault: the fault.
    :param answer: the service's answer.
    :param starting_after: the cursor of the request, or None.
    """
    if not isinstance(fault, FieldsFault | RepeatCursorFault) or answer.status != 200:
        return answer
    document = json.loads(answer.body)
    if isinstance(fault, FieldsFault):
        for part in _parts(document):
            part.update(fault.fields)
    elif isinstance(document, dict) and "items" in document:
        items = document["items"] or [{}]
        document["next_starting_after"] = starting_after or items[-1].get("id", "repeated")
    return json_answer(document)


def _parts(document: Any) -> list[dict[str, Any]]:
    """The items of a page, or of a list without one, such as the analytics; any other answer is the only part."""
    if isinstance(document, list):
        return document
    items: list[dict[str, Any]] = document.get("items", [document])
    return items


def _error(fault: ErrorFault, now: float) -> Answer:
    headers = {}
    if fault.retry_after is not None:
        seconds = fault.retry_after
        if isinstance(seconds, float):
            date = formatdate(now + seconds, usegmt=True)
            headers["retry-after"] = date if fault.retry_after_date else f"{seconds:g}"
        else:
            headers["retry-after"] = seconds
    plain = error_answer(fault.status, _MESSAGES.get(fault.status, "The sandbox was set to answer so"))
    if fault.format == "json":
        return Answer(plain.status, plain.body, plain.content_type, headers)
    body = _PAGE.format(fault.status).encode() if fault.format == "html" else b""
    return Answer(fault.status, body, HTML, headers)
