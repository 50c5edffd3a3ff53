"""What is noted of a request on its way, and what its connection's end means."""

from __future__ import annotations

import ssl

import pytest

from airflow_provider_instantly.api.answer_reader import BrokenAnswerError
from airflow_provider_instantly.api.sending import Sending, before_leaving

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def sending(*, is_reused: bool = True) -> Sending:
    """A request that was written."""
    found = Sending("GET", 5.0)
    found.has_left, found.is_reused = True, is_reused
    return found


def test_a_new_one_is_nowhere() -> None:
    new = Sending("GET", 5.0)
    assert [new.has_left, new.is_reused, new.is_closed, new.is_stale, new.answer] == [False] * 4 + [None]
    with pytest.raises(BrokenAnswerError, match="no answer was read"):
        _ = new.whole_answer


def test_its_answer_is_kept() -> None:
    one = sending()
    assert not one.feed(ANSWER[:-1])
    assert one.feed(ANSWER[-1:])
    assert one.whole_answer.body == b"{}"
    assert not one.is_stale


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "the server closed the connection"),
        (ConnectionResetError(104, "a text"), "the connection was reset"),
        (BrokenPipeError(), "the connection was reset"),
        (TimeoutError("a text"), "the answer took too long"),
        (ssl.SSLError("a text"), "SSLError"),
        (OSError(113, "a text"), "OSError"),
    ],
)
def test_why_it_broke(error: BaseException | None, reason: str) -> None:
    assert sending().broken_by(error).reason == reason


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
@pytest.mark.parametrize(
    ("is_reused", "came", "is_stale"), [(True, b"", True), (False, b"", False), (True, b"H", False)]
)
def test_a_kept_connection_that_ends_before_any_byte_came_was_stale(
    is_reused: bool, came: bytes, is_stale: bool, error: OSError | None
) -> None:
    one = sending(is_reused=is_reused)
    assert not came or not one.feed(came)
    one.broken_by(error)
    assert one.is_stale == is_stale


def test_its_end_may_be_read() -> None:
    one = sending()
    with pytest.raises(BrokenAnswerError, match="the server closed the connection"):
        one.feed(b"")
    assert one.is_stale


def test_one_that_took_too_long_was_not() -> None:
    one = sending()
    one.broken_by(TimeoutError())
    assert not one.is_stale


def test_what_is_called_before_it_leaves_is_called_once_and_no_longer_than_it_was_asked_to() -> None:
    called: list[str] = []
    with before_leaving(lambda: called.append("outer")), before_leaving(lambda: called.append("inner")):
        one = Sending("GET", 5.0)
        one.leave(is_reused=False)
        one.leave(is_reused=False)
    Sending("GET", 5.0).leave(is_reused=False)
    assert called == ["inner"]


def test_what_is_called_before_it_leaves_may_keep_it_from_leaving() -> None:
    def object_() -> None:
        raise BrokenAnswerError("not now")

    one = Sending("GET", 5.0)
    with pytest.raises(BrokenAnswerError), before_leaving(object_):
        one.leave(is_reused=False)
    assert not one.has_left
    one.leave(is_reused=False)
    assert one.has_left
