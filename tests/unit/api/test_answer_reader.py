"""One answer from bytes: the same however they are cut, and with an end however they go on."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.answer_reader import (
    MAX_CHUNKS,
    MAX_HEAD_BYTES,
    MAX_INTERIM,
    MAX_WIRE_BYTES,
    AnswerReader,
    BrokenAnswerError,
    UnreadableAnswerError,
)
from airflow_provider_instantly.api.answers import MAX_ANSWER_BYTES, Answer
from tests.unit.api.answers import answers

if TYPE_CHECKING:
    from collections.abc import Iterable

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes, method: str = "GET") -> tuple[Answer, bool]:
    """The answer that the pieces make, before the connection ends, and whether that can carry another request."""
    reader = AnswerReader(method)
    for piece in pieces:
        answer = reader.feed(piece)
        if answer is not None:
            return answer, reader.can_continue
    raise AssertionError("no answer yet")


def outcome_of(pieces: Iterable[bytes]) -> Any:
    """The answer that the pieces and the end of the connection make, or the error."""
    reader = AnswerReader("GET")
    try:
        for piece in (*pieces, b""):
            if answer := reader.feed(piece):
                return answer
    except (BrokenAnswerError, UnreadableAnswerError) as error:
        return type(error), error.args
    raise AssertionError("the connection ended, and there is neither an answer nor an error")


class TestAnswers:
    @pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
    def test_a_plain_one(self, method: str) -> None:
        answer, can_continue = read(OK + b"Content-Length: 2\r\nX-A: \xe9\r\n\r\n{}", method=method)
        assert answer == Answer(200, {"content-length": "2", "x-a": "é"}, b"{}")
        assert can_continue

    def test_what_is_there_twice_is_a_list(self) -> None:
        answer, _ = read(OK + b"Content-Length: 0\r\nRetry-After: 1\r\nRETRY-AFTER: 2\r\n\r\n")
        assert answer.headers["retry-after"] == "1, 2"

    @pytest.mark.parametrize("status", [100, 102, 103, 199])
    def test_interim_answers_are_passed_over(self, status: int) -> None:
        interim = f"HTTP/1.1 {status} Wait\r\nLink: </a>\r\n\r\n".encode()
        answer, _ = read(interim * 3 + OK + b"Content-Length: 2\r\n\r\n{}")
        assert (answer.status, answer.body, "link" in answer.headers) == (200, b"{}", False)

    def test_one_content_length_twice_is_one(self) -> None:
        assert read(OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}")[0].body == b"{}"

    @pytest.mark.parametrize(
        "end",
        [
            b"Content-Length: 0\r\nConnection: close\r\n\r\n",
            b"Content-Length: 0\r\n\r\nmore",
            b"Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ],
    )
    def test_a_connection_that_cannot_go_on(self, end: bytes) -> None:
        assert not read(OK + end)[1]

    @pytest.mark.parametrize("status", [204, 304])
    def test_some_have_no_body(self, status: int) -> None:
        answer, can_continue = (
            read(f"HTTP/1.1 {status} X\r\nContent-Encoding: br\r\n\r\n".encode())
            if (status == 304)
            else read(f"HTTP/1.1 {status} X\r\n\r\n".encode())
        )
        assert (answer.status, answer.body, can_continue) == (status, b"", True)

    def test_an_error_that_cannot_be_unpacked_keeps_its_status(self) -> None:
        for coding in (b"br", b"gzip, gzip", b"gzip"):
            head = b"HTTP/1.1 503 X\r\nContent-Length: 3\r\nContent-Encoding: " + coding + b"\r\n\r\n"
            answer, _ = read(head + b"abc")
            assert (answer.status, answer.body) == (503, b"")

    def test_a_good_one_that_cannot_be_unpacked_is_none(self) -> None:
        head = OK + b"Content-Length: 3\r\nContent-Encoding: "
        with pytest.raises(UnreadableAnswerError):
            read(head + b"br\r\n\r\nabc")
        with pytest.raises(BrokenAnswerError, match="its body cannot be unpacked"):
            read(head + b"gzip\r\n\r\nabc")


class TestBroken:
    @pytest.mark.parametrize(
        "came",
        [
            b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            OK + b"a line without a colon\r\n\r\n",
            OK + b"Content-Length: -1\r\n\r\n",
            OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
            OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            CHUNKED + b"-1\r\n",
            CHUNKED + b"0x2\r\n",
            CHUNKED + b"2_0\r\n",
            CHUNKED + b"2\r\n{}zz",
        ],
    )
    def test_what_is_no_http_is_said_without_a_word_of_it(self, came: bytes) -> None:
        with pytest.raises(BrokenAnswerError) as caught:
            read(came)
        assert caught.value.reason == "what came is not HTTP"
        assert caught.value.__suppress_context__

    @pytest.mark.parametrize("came", [b"", b"H", OK, OK + b"Content-Length: 3\r\n\r\n{}", CHUNKED + b"2\r\n{}\r\n"])
    def test_an_end_before_its_end(self, came: bytes) -> None:
        reader = AnswerReader("GET")
        assert not reader.has_begun
        assert not came or reader.feed(came) is None
        assert reader.has_begun == bool(came)
        with pytest.raises(BrokenAnswerError, match="the server closed the connection"):
            reader.feed(b"")


class TestBounds:
    """However a server goes on, it is left after so many bytes."""

    @staticmethod
    def _read_until_it_ends(head: bytes, piece: bytes) -> tuple[int, Any]:
        reader, count = AnswerReader("GET"), len(head)
        try:
            answer = reader.feed(head)
            while answer is None:
                answer = reader.feed(piece)
                count += len(piece)
        except BrokenAnswerError as error:
            return count, error.reason
        assert not reader.can_continue
        return count, answer

    @pytest.mark.parametrize(
        "head",
        [
            OK + b"\r\n",
            OK + b"Content-Length: 9000000000\r\n\r\n",
            CHUNKED + b"FFFFFFFFFF\r\n",
            b"HTTP/1.1 500 X\r\n\r\n",
            OK + b"Content-Encoding: gzip\r\n\r\n",
            OK + b"Content-Encoding: br\r\n\r\n",
        ],
    )
    def test_endless_data(self, head: bytes) -> None:
        count, answer = self._read_until_it_ends(head, b"x" * 100_000)
        assert len(answer.body) == MAX_ANSWER_BYTES + 1
        assert count < MAX_ANSWER_BYTES + 300_000

    @pytest.mark.parametrize(
        ("head", "piece", "most", "reason"),
        [
            (OK, b"X: y\r\n", MAX_HEAD_BYTES, "its headers are too long"),
            (OK + b"X: ", b"y" * 1_000, MAX_HEAD_BYTES, "its headers are too long"),
            (b"HTTP/1.1 103 Wait\r\n\r\n", b"HTTP/1.1 103 Wait\r\n\r\n", 100_000, "interim answers came without end"),
            (CHUNKED, b"1\r\nx\r\n" * 1_000, MAX_CHUNKS * 7, "its chunks are too many"),
            (CHUNKED + b"1;", b"x" * 100_000, MAX_WIRE_BYTES, "the answer is too long"),
            (CHUNKED + b"0\r\n", b"X: y\r\n" * 10_000, MAX_WIRE_BYTES, "the answer is too long"),
        ],
        ids=["headers", "a header", "interim answers", "chunks", "a chunk's extension", "trailers"],
    )
    def test_what_else_may_be_endless(self, head: bytes, piece: bytes, most: int, reason: str) -> None:
        count, ended = self._read_until_it_ends(head, piece)
        assert ended == reason
        assert count <= most + 200_000

    @pytest.mark.parametrize("count", [MAX_INTERIM, MAX_INTERIM + 1])
    def test_so_many_interim_answers(self, count: int) -> None:
        came = b"HTTP/1.1 103 Wait\r\n\r\n" * count + OK + b"Content-Length: 0\r\n\r\n"
        assert isinstance(outcome_of([came]), Answer) == (count == MAX_INTERIM)

    @pytest.mark.parametrize("size", [MAX_HEAD_BYTES, MAX_HEAD_BYTES + 1])
    @pytest.mark.parametrize("piece", [7_001, 10**9])
    def test_so_long_headers_however_they_are_cut(self, size: int, piece: int) -> None:
        end = b"\r\nContent-Length: 0\r\n\r\n"
        came = OK + b"X: " + b"y" * (size - len(OK) - 3 - len(end)) + end
        assert len(came) == size
        pieces = [came[start : start + piece] for start in range(0, size, piece)]
        assert isinstance(outcome_of(pieces), Answer) == (size == MAX_HEAD_BYTES)


class TestCuts:
    @given(came=answers(), data=st.data())
    def test_the_same_however_the_bytes_are_cut(self, came: bytes, data: st.DataObject) -> None:
        cuts = sorted(data.draw(st.sets(st.integers(min_value=0, max_value=len(came)), max_size=8)))
        pieces = [came[start:end] for start, end in zip([0, *cuts], [*cuts, len(came)], strict=True)]
        whole = outcome_of([came] if came else [])
        assert outcome_of(filter(None, pieces)) == whole
        assert outcome_of(came[place : place + 1] for place in range(len(came))) == whole

    def test_the_bytes_make_answers_and_errors(self) -> None:
        """A property over nothing but errors would hold nothing."""
        body = gzip.compress(b"{}")
        came = OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = outcome_of([came + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"])
        assert (answer.status, answer.body) == (200, b"{}")
