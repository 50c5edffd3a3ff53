"""What a server may ask for, and how long to back off."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_instantly.api.errors import (
    InstantlyError,
    InstantlyRateLimitError,
    InstantlyServerError,
)
from airflow_provider_instantly.api.retry import (
    ABSURD_RETRY_AFTER,
    BACKOFF_BASE,
    BACKOFF_CAP,
    MAX_RETRY_AFTER,
    RATE_LIMIT_BASE,
    RATE_LIMIT_CAP,
    RATE_LIMIT_PATIENCE,
    Retries,
    TimeBudget,
    pause_before_retry,
    retry_after,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_the_limits_that_the_manual_names() -> None:
    assert (BACKOFF_BASE, BACKOFF_CAP, MAX_RETRY_AFTER, ABSURD_RETRY_AFTER) == (1.0, 60.0, 300.0, 86_400.0)
    assert (RATE_LIMIT_BASE, RATE_LIMIT_CAP, RATE_LIMIT_PATIENCE) == (0.5, 8.0, 90.0)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("0", 0),
            ("7", 7),
            (" 7 ", 7),
            ("007", 7),
            ("1.5", 1.5),
            ("86400", 86_400),
            (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
            (format_datetime(NOW, usegmt=True), 0),
            (format_datetime(NOW - timedelta(days=3000), usegmt=True), 0),
            ("Thu, 15 Jan 2026 12:01:30", 90),
            ("Thu, 15 Jan 2026 12:01:30 -0000", 90),
            ("Thu, 15 Jan 2026 13:01:30 +0100", 90),
            ("Thursday, 15-Jan-26 12:01:30 GMT", 90),
        ],
    )
    def test_seconds_and_dates(self, header: str, seconds: float) -> None:
        assert retry_after(header, now=NOW) == seconds

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            " ",
            "-1",
            "+1",
            "1e3",
            "0x10",
            "1,5",
            "1.",
            ".5",
            "5 s",
            "soon",
            "nan",
            "inf",
            "-inf",
            "٣",
            "１０",  # noqa: RUF001
            "²",
            "86401",
            "999999999",
            "9" * 10,
            "9" * 60_000,
            "1 " * 30_000,
            ":" * 60_000,
            format_datetime(NOW + timedelta(days=2), usegmt=True),
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Fri, 31 Dec 9999 23:59:59 -2359",
            "Thu, 15 Jan 2026 25:00:00 GMT",
            "Thu, 15 Jan 2026 12:01:30 +9999999",
            "2026-01-15T12:01:30Z",
        ],
        ids=lambda header: repr(header)[:40],
    )
    def test_what_is_absurd_is_not_believed(self, header: str | None) -> None:
        assert retry_after(header, now=NOW) is None

    @given(header=st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9: +-]{0,40}"))
    @example(header="Mon, 01 Jan 0001 00:00:00 +2359")
    def test_nothing_breaks_it(self, header: str) -> None:
        found = retry_after(header, now=NOW)
        assert found is None or 0 <= found <= ABSURD_RETRY_AFTER


class TestBackoff:
    @given(attempt=st.integers(0, 10_000), jitter=st.floats(0, 1))
    def test_full_jitter_below_a_cap(self, attempt: int, jitter: float) -> None:
        longest = pause_before_retry(None, attempt, 1.0)
        assert longest == min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(attempt, 99))
        assert pause_before_retry(None, attempt, jitter) == jitter * longest

    @given(wait=st.floats(0, ABSURD_RETRY_AFTER), jitter=st.floats(0, 1), attempt=st.integers(0, 100))
    def test_the_servers_wish_is_granted_up_to_a_cap(self, wait: float, jitter: float, attempt: int) -> None:
        pause = pause_before_retry(InstantlyRateLimitError("x", retry_after=wait), attempt, jitter)
        assert min(wait, MAX_RETRY_AFTER) <= pause <= MAX_RETRY_AFTER + 1
        assert pause == min(wait, MAX_RETRY_AFTER) + jitter

    @pytest.mark.parametrize("error", [InstantlyRateLimitError("x"), InstantlyServerError("x"), ValueError("x"), None])
    def test_without_a_wish_it_is_exponential(self, error: Exception | None) -> None:
        assert [pause_before_retry(error, attempt, 1.0) for attempt in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


LIMITED = InstantlyRateLimitError("429")
SERVER_ERROR = InstantlyServerError("503")
#: How often a request may be sent again after 429, before such an answer counts as any other failure.
MOST_REFUSED = 25


def pauses(retries: Retries, errors: Sequence[InstantlyError], jitter: float) -> list[float]:
    """The pauses after these errors, one after the other, until there is none."""
    found = []
    for error in errors:
        if (pause := retries.pause_after(error, jitter)) is None:
            break
        found.append(pause)
    return found


class TestRetries:
    @pytest.mark.parametrize("error", [LIMITED, InstantlyRateLimitError("429", retry_after=1.0), SERVER_ERROR], ids=str)
    def test_there_are_none_where_none_are_allowed(self, error: InstantlyError) -> None:
        assert pauses(Retries(0), [error], 0.5) == []

    def test_it_begins_with_all_that_is_allowed(self) -> None:
        assert list(inspect.signature(Retries).parameters) == ["allowed", "budget"]

    @pytest.mark.parametrize(
        ("error", "left", "made"),
        [
            (SERVER_ERROR, 0.0, []),
            (SERVER_ERROR, 7.0, [1, 2, 4]),
            (SERVER_ERROR, 14.9, [1, 2, 4]),
            (SERVER_ERROR, 15.0, [1, 2, 4, 8]),
            (LIMITED, 12.0, [0.5, 1, 2, 4]),
            (LIMITED, 16.0, [0.5, 1, 2, 4, 8]),
            (InstantlyRateLimitError("429", retry_after=60.0), 12.0, []),
            (InstantlyRateLimitError("429", retry_after=4_000.0), 300.0, []),
        ],
        ids=str,
    )
    def test_no_pause_is_longer_than_the_time_that_is_left(
        self, error: InstantlyError, left: float, made: list[float]
    ) -> None:
        budget = TimeBudget(left)
        assert pauses(Retries(4, budget=budget), [error] * 99, 1.0) == made
        assert budget.left == left - sum(made)

    def test_requests_share_the_time_of_their_caller(self) -> None:
        budget = TimeBudget(4.0)
        assert pauses(Retries(4, budget=budget), [SERVER_ERROR] * 2, 1.0) == [1, 2]
        budget.spend(0.4)
        assert pauses(Retries(4, budget=budget), [SERVER_ERROR] * 9, 0.5) == [0.5]

    def test_failures_are_bounded_by_their_number(self) -> None:
        assert pauses(Retries(4), [SERVER_ERROR] * 9, 1.0) == [1, 2, 4, 8]

    def test_a_retry_without_a_pause_counts(self) -> None:
        retries = Retries(2)
        retries.count()
        assert pauses(retries, [SERVER_ERROR] * 9, 1.0) == [2]

    def test_the_rate_limit_is_waited_for_in_short_pauses_and_then_counts_as_a_failure(self) -> None:
        short = [0.5, 1, 2, 4, *[8] * 10]
        assert sum(short) <= RATE_LIMIT_PATIENCE < sum(short) + 8
        assert pauses(Retries(2), [LIMITED] * 99, 1.0) == [*short, 1, 2]

    def test_it_leaves_the_retries_of_failures_alone(self) -> None:
        errors = [LIMITED, SERVER_ERROR, LIMITED, LIMITED, SERVER_ERROR, LIMITED, SERVER_ERROR]
        assert pauses(Retries(2), errors, 1.0) == [0.5, 1, 1, 2, 2, 4]

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            # Never sooner than our own pauses, whatever the server asks for.
            (0.0, [1, 1, 2, 4, *[8] * 10, 1]),
            (2.0, [3, 3, 3, 4, *[8] * 9, 3]),
            (44.0, [45, 45, 45]),
            (60.0, [61, 61]),
            # More than we wait for the rate limit: that counts, but it is heeded.
            (120.0, [121]),
            (4_000.0, [301]),
        ],
    )
    def test_the_server_is_obeyed(self, asked: float, expected: list[float]) -> None:
        assert pauses(Retries(1), [InstantlyRateLimitError("429", retry_after=asked)] * 99, 1.0) == expected

    @given(
        allowed=st.integers(0, 10),
        errors=st.lists(
            st.just(SERVER_ERROR)
            | st.builds(InstantlyRateLimitError, st.just("429"), retry_after=st.none() | st.floats(0, 500)),
            max_size=200,
        ),
        jitter=st.floats(0, 1),
    )
    @example(allowed=10, errors=[LIMITED] * 200, jitter=0.0)
    @example(allowed=10, errors=[InstantlyRateLimitError("429", retry_after=0.0)] * 200, jitter=0.0)
    def test_they_end(self, allowed: int, errors: list[InstantlyError], jitter: float) -> None:
        found = pauses(Retries(allowed), errors, jitter)
        limited = sum(error is not SERVER_ERROR for error in errors[: len(found)])
        assert len(found) <= (allowed + min(limited, MOST_REFUSED) if allowed else 0)
        assert sum(found) <= RATE_LIMIT_PATIENCE + allowed * (MAX_RETRY_AFTER + 1)
        assert all(0 <= pause <= MAX_RETRY_AFTER + 1 for pause in found)
