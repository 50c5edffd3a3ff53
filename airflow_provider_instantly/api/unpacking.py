"""
Takes the packing off a body: the content codings that are asked for, under our own limit of bytes.

Pure. HTTP libraries unpack whatever packers happen to be installed can do, and some versions without any limit.
"""

from __future__ import annotations

import zlib
from typing import Final

#: What every request asks for.
ACCEPT_ENCODING: Final = "gzip, deflate"
#: A gzip body may have several parts. No server makes many, and each is a copy of what follows it.
_MAX_PARTS: Final = 100
_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15


class UnknownCodingError(Exception):
    """A body is packed in a way that was not asked for."""


class CorruptBodyError(Exception):
    """A body is not what its coding says."""


def unpack(body: bytes, codings: str, *, limit: int) -> bytes:
    """
    The body without its content coding. Where its end is missing, as much as there is.

    :param body: the bytes as they were sent.
    :param codings: the ``Content-Encoding``; ``x-gzip`` is gzip's old name (RFC 9110, 8.4.1.3).
    :param limit: where there are more bytes than this, one more is returned, and the rest is not unpacked.
    :raises UnknownCodingError: if it was packed in another way, or more than once.
    :raises CorruptBodyError: if it cannot be unpacked.
    """
    names = [name for part in codings.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if not names:
        return body[: limit + 1]
    if names not in (["gzip"], ["x-gzip"], ["deflate"]):
        raise UnknownCodingError
    try:
        if names == ["deflate"]:
            return _parts(body, _ZLIB if _has_zlib_header(body) else _RAW_DEFLATE, limit, at_most=1)
        return _parts(body, _GZIP, limit, at_most=_MAX_PARTS)
    except zlib.error:
        raise CorruptBodyError from None


def _parts(packed: bytes, wbits: int, limit: int, *, at_most: int) -> bytes:
    body = bytearray()
    for _ in range(at_most):
        if not packed:
            return bytes(body)
        unpacker = zlib.decompressobj(wbits)
        body += unpacker.decompress(packed, limit + 1 - len(body))
        if len(body) > limit or not unpacker.eof:
            return bytes(body)
        packed = unpacker.unused_data
    if packed:
        raise CorruptBodyError
    return bytes(body)


def _has_zlib_header(body: bytes) -> bool:
    """Some servers leave it away (RFC 9110, 8.4.1.2)."""
    return len(body) >= 2 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
