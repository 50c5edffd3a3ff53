"""Content codings: what is asked for is unpacked up to a limit, and all else is refused."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.unpacking import (
    ACCEPT_ENCODING,
    CorruptBodyError,
    UnknownCodingError,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b'{"status": 1}' * 20
PLENTY = 100_000


def raw_deflate(body: bytes) -> bytes:
    """Deflated, without zlib's header: some servers send this."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("packed", "codings"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (TEXT, " , Identity ,"),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), " GZip "),
        (gzip.compress(TEXT), "identity, gzip"),
        (gzip.compress(TEXT), "x-gzip"),
        (gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw_deflate(TEXT), "deflate"),
    ],
    ids=range(10),
)
def test_what_was_asked_for_is_unpacked(packed: bytes, codings: str) -> None:
    assert unpack(packed, codings, limit=PLENTY) == TEXT


@pytest.mark.parametrize("codings", ["gzip", "x-gzip", "deflate"])
def test_nothing_is_nothing(codings: str) -> None:
    assert unpack(b"", codings, limit=PLENTY) == b""


@pytest.mark.parametrize(
    "codings", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "deflate,gzip", "gzip;q=1", "gzip gzip", "\xff"]
)
def test_what_was_not_asked_for_is_refused(codings: str) -> None:
    with pytest.raises(UnknownCodingError):
        unpack(TEXT, codings, limit=PLENTY)


@pytest.mark.parametrize(
    ("packed", "codings"),
    [
        (TEXT, "gzip"),
        (TEXT, "deflate"),
        (gzip.compress(TEXT) + b"more", "gzip"),
        (zlib.compress(TEXT) + b"more", "deflate"),
        (raw_deflate(TEXT) + b"more", "deflate"),
        (gzip.compress(TEXT)[:-8] + bytes(8), "gzip"),
        (gzip.compress(b"") * 101, "gzip"),
    ],
    ids=range(7),
)
def test_what_is_no_such_thing_is_refused(packed: bytes, codings: str) -> None:
    with pytest.raises(CorruptBodyError):
        unpack(packed, codings, limit=PLENTY)


def test_what_its_end_is_missing_of_is_unpacked_as_far_as_it_goes() -> None:
    assert TEXT.startswith(unpack(gzip.compress(TEXT)[:-12], "gzip", limit=PLENTY))


@pytest.mark.parametrize("beyond", [-1, 0, 1, 500])
@pytest.mark.parametrize("codings", ["", "gzip", "deflate"])
def test_no_more_is_unpacked_than_one_byte_too_much(codings: str, beyond: int) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}
    pack = packers[codings]
    body = unpack(pack(b"x" * (1_000 + beyond)), codings, limit=1_000)
    assert len(body) == min(1_000 + beyond, 1_001)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_bomb_costs_no_more_memory_than_its_limit(parts: int) -> None:
    bomb = gzip.compress(bytes(20_000_000)) * parts
    tracemalloc.start()
    try:
        assert len(unpack(bomb, "gzip", limit=1_000_000)) == 1_000_001
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@given(body=st.binary(max_size=3_000), limit=st.integers(min_value=0, max_value=3_500))
def test_what_was_packed_comes_out(body: bytes, limit: int) -> None:
    for packed, codings in ((gzip.compress(body), "gzip"), (zlib.compress(body), "deflate"), (body, "")):
        assert unpack(packed, codings, limit=limit) == body[: limit + 1]


@given(packed=st.binary(max_size=300), codings=st.text(max_size=12) | st.sampled_from(["gzip", "deflate"]))
def test_whatever_comes_ends_in_bytes_or_in_one_of_two_errors(packed: bytes, codings: str) -> None:
    with contextlib.suppress(UnknownCodingError, CorruptBodyError):
        assert len(unpack(packed, codings, limit=200)) <= 201


def test_what_is_asked_for_is_all_that_is_taken() -> None:
    for coding in ACCEPT_ENCODING.split(", "):
        assert unpack(b"", coding, limit=PLENTY) == b""
