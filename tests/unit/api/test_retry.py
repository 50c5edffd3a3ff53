"""What a server may ask for, and how long to back off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_instantly.api.errors import (
    InstantlyRateLimitError,
    InstantlyServerError,
)
from airflow_provider_instantly.api.retry import (
    ABSURD_RETRY_AFTER,
    BACKOFF_BASE,
    BACKOFF_CAP,
    MAX_RETRY_AFTER,
    pause_before_retry,
    retry_after,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_the_limits_that_the_manual_names() -> None:
    assert (BACKOFF_BASE, BACKOFF_CAP, MAX_RETRY_AFTER, ABSURD_RETRY_AFTER) == (1.0, 60.0, 300.0, 86_400.0)


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
