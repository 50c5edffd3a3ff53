"""Answers of the API as values, refusals as exceptions, and bodies that an answer can repeat."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """
    An HTTP answer before it is on the wire.

    :param status: the HTTP status.
    :param body: the body.
    :param content_type: its ``Content-Type``.
    :param headers: further headers.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(document: Any, status: int = 200) -> Answer:
    """
    An answer with a JSON body.

    :param document: what to encode.
    :param status: the HTTP status.
    """
    return Answer(status, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def decoded(body: bytes | bytearray) -> Any:
    """
    The document in a JSON body.

    :param body: the body.
    :raises ValueError: if it is no JSON, or holds what no answer could give back though Python reads it: half a
        surrogate pair, NaN, or a number beyond all floats.
    """
    try:
        document = json.loads(body)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return document


def error_answer(status: int, message: str, *, said_status: int | None = None) -> Answer:
    """
    An error as the API words it.

    :param status: the HTTP status.
    :param message: one sentence.
    :param said_status: the status that the body names, where it differs from the real one.
    """
    said = said_status or status
    return json_answer({"statusCode": said, "error": _phrase(said), "message": message}, status)


def _phrase(status: int) -> str:
    """HTTP's name of a status; gateways have statuses of their own, such as 499 and 520."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


class RefusedError(Exception):
    """
    The request is answered with an error.

    :param status: the HTTP status.
    :param message: one sentence for the body.
    :param said_status: the status that the body names, where it differs from the real one.
    :param headers: further headers.
    """

    def __init__(
        self, status: int, message: str, *, said_status: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        plain = error_answer(status, message, said_status=said_status)
        self.answer = Answer(plain.status, plain.body, plain.content_type, headers or {})
