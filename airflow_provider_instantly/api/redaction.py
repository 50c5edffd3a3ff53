"""A server's text, made fit for logs and for what is stored: one line, short, and without the API key."""

from __future__ import annotations

import base64
import contextlib
import html
import re
from typing import Final
from urllib.parse import unquote

EXCERPT_CHARS: Final = 200
#: The most characters of one text that are kept of an answer. No address of an account is longer (RFC 5321: 254).
STORED_CHARS: Final = 500

#: Of a text, this many times the limit is read: what is shown shrinks where it has much white space.
_ALLOWANCE: Final = 8
#: One character of a key may be echoed in so many, such as ``&equals;``.
_LONGEST_ESCAPE: Final = 8
#: Something encoded more often than this is not readable at a glance.
_DECODINGS: Final = 4
#: Parts of a key shorter than this are no secret, and striking them out would garble words.
_SHORTEST_PART: Final = 8

_JAVASCRIPT_ESCAPE = re.compile(r"\\+(?:u00|x)([0-9a-fA-F]{2})")


def safe_text(text: str, api_key: str = "", *, limit: int = EXCERPT_CHARS) -> str:
    """
    Return the text with every character that could forge a log line gone, and the key struck out.

    :param text: what a server sent, or a name that a person gave to something.
    :param api_key: the key to strike out, in every form in which a server could echo it.
    :param limit: the most characters to keep.
    """
    key_room = _LONGEST_ESCAPE * len(api_key)
    beginning = text[: _ALLOWANCE * limit + key_room]
    struck = _without_key(beginning, api_key) if api_key else beginning
    if len(beginning) < len(text):
        # What stands at the cut may be the beginning of the key.
        struck = struck[: max(0, len(struck) - key_room)]
    printable = struck if struck.isprintable() else "".join(c if c.isprintable() else " " for c in struck)
    words = " ".join(printable.split())
    return words if len(words) <= limit else f"{words[:limit]}…"


def storable_text(value: object) -> str:
    """
    Return a text of an answer as it may stand in an XCom, an event, a log or a database; empty if it is none.

    UTF-8 has no half of a surrogate pair, and PostgreSQL's JSON no NUL.

    :param value: what the answer's JSON has.
    """
    if not isinstance(value, str):
        return ""
    if len(value) <= STORED_CHARS and value.isprintable() and value == value.strip() and "  " not in value:
        # So are nearly all, and one poll reads thousands.
        return value
    beginning = value[: _ALLOWANCE * STORED_CHARS + 1]
    return safe_text(beginning.encode("utf-8", "replace").decode().replace("\0", ""), limit=STORED_CHARS)


def _without_key(text: str, api_key: str) -> str:
    text = text.replace("\0", "")
    secrets = _secrets_of(api_key)
    for secret in secrets:
        text = re.sub(f"{re.escape(secret)}=*", "***", text, flags=re.IGNORECASE)
    plain = _decoded(text).lower()
    return "*** (a text that holds the API key)" if any(secret.lower() in plain for secret in secrets) else text


def _secrets_of(api_key: str) -> list[str]:
    """The key, and what it is made of: one of API V2 is the base64 form of an id, a colon and a secret."""
    secrets = [api_key.rstrip("=") or api_key]
    with contextlib.suppress(ValueError):
        pair = base64.b64decode(api_key, validate=True).decode()
        secrets += [part for part in (pair, pair.partition(":")[2]) if len(part) >= _SHORTEST_PART]
    return secrets


def _decoded(text: str) -> str:
    """The text as it reads once JSON, HTML and URLs are decoded."""
    for _ in range(_DECODINGS):
        text = unquote(html.unescape(_JAVASCRIPT_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)))
    return text.replace("\\", "")
