"""Bytes that a server could answer with: mostly right, and wrong in every place that HTTP has."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from tests.unit.api.conftest import GOOD_BODY

if TYPE_CHECKING:
    from collections.abc import Callable

STATUS_LINES: Final = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 \xff\xfe",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 201 Created",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 302 Found",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 401 Unauthorized",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 407 Proxy Authentication Required",
    b"HTTP/1.1 429 Too Many Requests",
    b"HTTP/1.1 503 Service Unavailable",
    b"HTTP/1.1 999 What",
    b"HTTP/1.1 99 What",
    b"HTTP/1.1 1000 What",
    b"HTTP/1.1 -200 OK",
    b"HTTP/1.1  200 OK",
    b" HTTP/1.1 200 OK",
    b"HTTP/1.2 200 OK",
    b"HTTP/2 200",
    b"http/1.1 200 OK",
    b"ICY 200 OK",
    b"",
]
INTERIM: Final = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
]
ODD_HEADERS: Final = [
    b"Content-Encoding: br",
    b"Content-Encoding: zstd",
    b"Content-Encoding: gzip, gzip",
    b"Content-Encoding: gzip\r\nContent-Encoding: gzip",
    b"Content-Encoding: identity",
    b"Content-Encoding:",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: -1",
    b"Content-Length: 1_0",
    b"Content-Length: 0x10",
    b"Content-Length: 99999999999999999999999",
    b"Content-Length:",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding:  Chunked ",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: upgrade",
    b"Retry-After: 7",
    b"Set-Cookie: a=b",
    b"Location: http://127.0.0.1:1/",
    b"a line without a colon",
    b" a folded line",
    b": no name",
    b"X-Space : x",
    b"X-NUL: \0",
    b"X-Bell: \x07",
    b"X-High: \xe9\xff",
    b"X-Long: " + b"x" * 9_000,
    b"Content-Type: text/html; charset=utf-16",
]
PACKERS: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    b"": lambda body: body,
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
}
CHUNK_SIZES: Final = [b"-1", b"0x5", b" 5", b"5 ", b"5;a=b", b"1_0", b"", b"FFFFFFFFFFFFFFFFF", b"00000005", b"g"]
MISLEADING_TAILS: Final = [b"", b"\r\n", b"x", b"HTTP/1.1 500 No\r\n\r\n", b"\0"]


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """What a server sends before it closes the connection."""
    seldom = st.integers(min_value=0, max_value=4).map(lambda number: number == 0)
    body = draw(st.sampled_from([GOOD_BODY, GOOD_BODY, b"", b"[1]", b"<html>", b"\xff\xfe", GOOD_BODY[:-3]]))
    coding = draw(st.sampled_from(sorted(PACKERS)))
    packed = PACKERS[coding](body)
    if draw(seldom):
        packed = packed[: draw(st.integers(min_value=0, max_value=len(packed)))]
    headers = [b"Content-Encoding: " + coding] if coding else []
    framing = draw(st.sampled_from(["length", "chunked", "end", "both"]))
    if framing in ("length", "both"):
        wrong = draw(st.integers(min_value=-3, max_value=3)) if draw(seldom) else 0
        lines = [f"Content-Length: {max(0, len(packed) + wrong)}".encode()]
        headers += lines * (2 if draw(seldom) else 1)
    if framing in ("chunked", "both"):
        headers.append(b"Transfer-Encoding: chunked")
        packed = _chunked(draw, packed, seldom)
    headers += draw(st.lists(st.sampled_from(ODD_HEADERS), max_size=2)) if draw(seldom) else []
    line = draw(st.sampled_from(STATUS_LINES)) if draw(seldom) else draw(st.sampled_from(STATUS_LINES[:13]))
    end = draw(st.sampled_from([b"\n", b"\r"])) if draw(seldom) else b"\r\n"
    came = b"".join(draw(st.lists(st.sampled_from(INTERIM[:3]), max_size=2)) if draw(seldom) else [])
    came += INTERIM[3] if draw(seldom) and draw(seldom) else b""
    came += end.join([line, *draw(st.permutations(headers)), b"", b""]) + packed
    came += draw(st.sampled_from(MISLEADING_TAILS)) if draw(seldom) else b""
    if draw(seldom):
        came = came[: draw(st.integers(min_value=0, max_value=len(came)))]
    if came and draw(seldom):
        place = draw(st.integers(min_value=0, max_value=len(came) - 1))
        came = came[:place] + bytes([draw(st.integers(min_value=0, max_value=255))]) + came[place + 1 :]
    return came


def _chunked(draw: st.DrawFn, packed: bytes, seldom: st.SearchStrategy[bool]) -> bytes:
    place = draw(st.integers(min_value=0, max_value=len(packed)))
    chunks = [chunk for chunk in (packed[:place], packed[place:]) if chunk]
    framed = [f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks]
    if draw(seldom):
        framed.insert(
            draw(st.integers(min_value=0, max_value=len(framed))),
            draw(st.sampled_from(CHUNK_SIZES)) + b"\r\n12345\r\n",
        )
    trailers = draw(st.sampled_from([b"", b"X-Trailer: 1\r\n", b"no trailer\r\n"])) if draw(seldom) else b""
    return b"".join([*framed, b"0\r\n", trailers, b"\r\n"])
