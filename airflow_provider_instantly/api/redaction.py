"""Texts of a server, made fit for logs and for what is stored: without the API key, and one short line."""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Any, Final
from urllib.parse import unquote

from airflow_provider_instantly.api.parsing import unescaped

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
#: Escapes are decoded in search of a key so far into each text of a document. What is kept of a text is shorter than
#: this; to decode whole e-mails would take longer than all else.
_DECODED_CHARS: Final = 1_000
#: So much of a key is looked for first; longer needles take longer to find.
_GLANCE: Final = 10
#: How letters and digits can be escaped. Without one of these, a key stands in a document as it is.
_ESCAPES: Final = (b"%", b"&#", b"\\u00", b"\\x")

#: So much of a text is searched for addresses; what is shown of it is far shorter.
_SEARCHED_CHARS: Final = 16_384
#: What may stand around an address. Each run of other characters that has an at sign in any form is taken for one.
_WORD = re.compile(r"[^\s\"'`<>()\[\]{},:=/|]+")
#: Words with nothing between them but what may stand in an address before its at sign, too (RFC 5322, atext). Python
#: shows bytes with a ``b`` and a quotation mark before them.
_WORDS = re.compile(rf"(?!b'){_WORD.pattern}+(?:(?:[{{}}=/|]++|'++|`++){_WORD.pattern}+)*+")
#: An at sign, or one of its two wide forms, as it is or as texts, URLs, HTML and JSON escape it.
_AT_SIGN = re.compile(
    r"[@\uff20\ufe6b]"
    r"|%(?:25)*(?:(?:u00)?40|u(?:ff20|fe6b)|ef%(?:25)*(?:bc%(?:25)*a0|b9%(?:25)*ab))"
    r"|&(?:amp;)*(?:#0*(?:64|65312|65131)|#x0*(?:40|ff20|fe6b)|commat)"
    r"|\\u(?:0040|ff20|fe6b)|\\x40",
    re.IGNORECASE,
)
_QUOTE = r"(?:\"|%(?:25)*22|&(?:amp;)*(?:#0*34|#x0*22|quot);|\\u0022|\\x22)"
#: What may stand right before an at sign and has blanks in it (RFC 5322): a name in quotation marks, or a comment.
_QUOTED = re.compile(
    rf"(?:{_QUOTE}(?:(?!{_QUOTE}).){{0,130}}{_QUOTE}|\([^()]{{0,130}}\))(?={_AT_SIGN.pattern})",
    re.IGNORECASE | re.DOTALL,
)

_ESCAPED = re.compile(r"[%\\\0]|&#")
_JAVASCRIPT_ESCAPE = re.compile(r"\\+(?:u00|x)([0-9a-fA-F]{2})")


def safe_text(text: str, api_key: str = "", *, limit: int = EXCERPT_CHARS) -> str:
    """
    Return the text with every character that could forge a log line gone, and the key struck out.

    :param text: what a server sent, or a name that a person gave to something.
    :param api_key: the key to strike out, in every form in which a server could echo it.
    :param limit: the most characters to keep.
    """
    struck = _beginning_without_key(text, api_key, _ALLOWANCE * limit)
    printable = struck if struck.isprintable() else "".join(c if c.isprintable() else " " for c in struck)
    words = " ".join(printable.split())
    return words if len(words) <= limit else f"{words[:limit]}…"


def shown_text(text: str, api_key: str = "", *, limit: int = EXCERPT_CHARS) -> str:
    """
    Return the beginning of a text as a log may show it: `safe_text`, without addresses.

    :param text: see `safe_text`.
    :param api_key: see `safe_text`.
    :param limit: see `safe_text`.
    """
    # The key first: beside an at sign, a part of it would be taken for an address, and what is left is not the key.
    struck = _beginning_without_key(text, api_key, _SEARCHED_CHARS + 1)
    return safe_text(without_addresses(struck), limit=limit)


def without_addresses(text: str) -> str:
    """
    Return the beginning of a text without e-mail addresses: those of leads and of accounts are persons'.

    :param text: what a server sent, of which much less is shown.
    """
    beginning = text[:_SEARCHED_CHARS]
    if len(beginning) < len(text):
        # What stands at the cut may be the beginning of an address.
        beginning = beginning[: max((words.start() for words in _WORDS.finditer(beginning)), default=0)]
    if _AT_SIGN.search(beginning):
        # A letter in its place makes it one word with the at sign, and with what stands before it.
        beginning = _WORDS.sub(_without_address, _QUOTED.sub("x", beginning))
    # HTML has names for what other escapes begin with, such as &percnt; and &bsol;.
    if ("&" in beginning or _ESCAPED.search(beginning)) and _AT_SIGN.search(_decoded(beginning)):
        # Its at sign is escaped in several ways at once, such as \u0026#64;, so it is not known where it stands.
        return "(a text with an address)"
    return beginning


def _without_address(words: re.Match[str]) -> str:
    """Words without the last one that has an at sign, and without all that stands before it."""
    ends = [word.end() for word in _WORD.finditer(words[0]) if _AT_SIGN.search(word[0])]
    return f"(an address){words[0][ends[-1] :]}" if ends else words[0]


def shown_value(value: object, *, limit: int = EXCERPT_CHARS) -> str:
    """
    Return what an author or a template passed, for an error that refuses it: in the wrong place, it may be an address.

    :param value: anything.
    :param limit: the most characters to keep.
    """
    return shown_text(repr(value), limit=limit)


def masked_address(email: str) -> str:
    """
    Return an address as a person may recognise it, and no one can write to it: ``a…@example.com``.

    :param email: the address.
    """
    local, _, domain = storable_text(email).rpartition("@")
    return f"{local[:1]}…@{without_addresses(domain)}"


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


def strike_key_out(document: Any, body: bytes, api_key: str) -> None:
    """
    Strike the key out of every text of a document, the names of its fields included.

    A server can echo it anywhere, and what is a campaign's name goes into logs, XComs and events.

    :param document: what JSON holds: objects and lists are changed where they are, and nothing else matters to anyone.
    :param body: the bytes that it was decoded from. Most show at a glance that they hold no key.
    :param api_key: the key.
    """
    secrets = _shortest_secrets(api_key)
    if not _may_hold_one(body, secrets):
        return
    too_short = min(map(len, secrets))
    waiting = [document] if isinstance(document, dict | list) else []
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for name in [name for name in part if len(name) >= too_short and _holds_one(name, secrets)]:
                part[_without_key(name, api_key)] = part.pop(name)
        for place, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
            if isinstance(value, dict | list):
                waiting.append(value)
            elif isinstance(value, str) and len(value) >= too_short and _holds_one(value, secrets):
                part[place] = _without_key(value, api_key)


def _shortest_secrets(api_key: str) -> list[str]:
    """In lower case, and without those that hold another: where such a one stands, that other stands, too."""
    secrets = [secret.lower() for secret in _secrets_of(api_key)] if api_key else []
    return [secret for secret in secrets if not any(other != secret and other in secret for other in secrets)]


def _may_hold_one(body: bytes, secrets: list[str]) -> bool:
    """Whether a secret could stand in JSON. Its letters and digits stand there as they are, if nothing is escaped."""
    plain = body.lower()
    runs = {max(re.findall("[a-z0-9]*", secret), key=len)[:_GLANCE] for secret in secrets}
    return any(run.encode() in plain for run in runs) or (bool(secrets) and any(escape in body for escape in _ESCAPES))


def _holds_one(text: str, secrets: list[str]) -> bool:
    plain = text.lower()
    if any(secret in plain for secret in secrets):
        return True
    beginning = text[:_DECODED_CHARS]
    if not _ESCAPED.search(beginning):
        return False
    plain = _decoded(beginning.replace("\0", "")).lower()
    return any(secret in plain for secret in secrets)


def _beginning_without_key(text: str, api_key: str, chars: int) -> str:
    """The first characters of a text, a few more or less; only a text that is not longer has no more than these."""
    key_room = _LONGEST_ESCAPE * len(api_key)
    beginning = text[: chars + key_room]
    struck = _without_key(beginning, api_key) if api_key else beginning
    if len(beginning) < len(text):
        # What stands at the cut may be the beginning of the key.
        struck = struck[: max(0, len(struck) - key_room)]
    return struck


def _without_key(text: str, api_key: str) -> str:
    text = text.replace("\0", "")
    secrets = _secrets_of(api_key)
    for secret in secrets:
        escaped = re.escape(secret)
        # Padding goes, too, but not where it is the beginning of the next one.
        text = re.sub(f"{escaped}(?:(?!{escaped})=)*", "***", text, flags=re.IGNORECASE)
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
        text = unquote(unescaped(_JAVASCRIPT_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)))
    return text.replace("\\", "")
