"""Whether there is another try, and how long to pause before it: as the server asks, else longer and longer."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.errors import InstantlyRateLimitError

if TYPE_CHECKING:
    from airflow_provider_instantly.api.errors import InstantlyError

#: The first pause between two tries is at most this long; every further one at most twice the one before.
BACKOFF_BASE: Final = 1.0
BACKOFF_CAP: Final = 60.0
#: The longest that we let the server hold us back. Above `ABSURD_RETRY_AFTER` we don't believe it at all.
MAX_RETRY_AFTER: Final = 300.0
ABSURD_RETRY_AFTER: Final = 86_400.0
#: Where the rate limit is used up, it is free again soon: the first pause is at most this long, and the longest.
RATE_LIMIT_BASE: Final = 0.5
RATE_LIMIT_CAP: Final = 8.0
#: Seconds of such pauses that a request has. Instantly's longest window is a minute, and a pause must fit behind it.
RATE_LIMIT_PATIENCE: Final = 90.0


@dataclass
class TimeBudget:
    """
    The seconds that all requests of a caller have together, their pauses included.

    :param left: what is left of them; by default there is no end.
    """

    left: float = math.inf

    def spend(self, seconds: float) -> None:
        """
        Count time that has passed, or is about to.

        :param seconds: how much.
        """
        self.left -= seconds


@dataclass
class Retries:
    """
    The retries of one request: how many were made, and what is left of them.

    An answer that the rate limit is used up (429) says that the request had no effect, and nothing against it. Tasks
    that share the limit get many such answers, so they are bounded by time first, and only then by number.

    :param allowed: how often the request may be sent again; with 0 it never is.
    :param budget: the time of all requests of its caller. A pause that is longer than what is left of it is not made,
        and there is no further try then.
    """

    allowed: int
    budget: TimeBudget = field(default_factory=TimeBudget)
    #: Seconds that are left of pauses for the rate limit, until these count, too.
    _patience: float = field(default=RATE_LIMIT_PATIENCE, init=False)
    _made: int = field(default=0, init=False)
    _refused: int = field(default=0, init=False)

    def count(self) -> None:
        """Count a retry that was made without a pause."""
        self._made += 1

    def pause_after(self, error: InstantlyError, jitter: float) -> float | None:
        """
        Seconds to pause before the next try, or None where there is to be none.

        :param error: what the last try ended with. Whether it may be repeated at all is the caller's to know.
        :param jitter: a number from 0 to 1.
        """
        pause = self._pause_after(error, jitter)
        if pause is None or pause > self.budget.left:
            return None
        self.budget.spend(pause)
        return pause

    def _pause_after(self, error: InstantlyError, jitter: float) -> float | None:
        if self.allowed and isinstance(error, InstantlyRateLimitError):
            pause = _pause_for_rate_limit(error, self._refused, jitter)
            if pause <= self._patience:
                self._refused += 1
                self._patience -= pause
                return pause
        if self._made >= self.allowed:
            return None
        pause = pause_before_retry(error, self._made, jitter)
        self._made += 1
        return pause


def _pause_for_rate_limit(error: InstantlyRateLimitError, refused: int, jitter: float) -> float:
    longest = min(RATE_LIMIT_CAP, RATE_LIMIT_BASE * 2.0 ** min(refused, 30))
    # At least half of it, so that the number of requests is bounded, too.
    pause = longest * (1 + jitter) / 2
    return pause if error.retry_after is None else max(pause, error.retry_after + jitter)


def pause_before_retry(error: Exception | None, attempt: int, jitter: float) -> float:
    """
    Seconds to wait before the next try: what the server asked for, else exponential with full jitter.

    :param error: what the last try ended with.
    :param attempt: how many tries were made before that one.
    :param jitter: a number from 0 to 1.
    """
    if isinstance(error, InstantlyRateLimitError) and error.retry_after is not None:
        # A little more than asked, so that many waiters do not come back in the same instant.
        return min(error.retry_after, MAX_RETRY_AFTER) + jitter
    return jitter * min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(attempt, 30))


def retry_after(header: str | None, *, now: datetime) -> float | None:
    """
    Seconds that a ``Retry-After`` header asks for, in either of its forms, or None where it says nothing usable.

    :param header: the header's value.
    :param now: the present moment, aware.
    """
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
        seconds = max(seconds, 0.0)
    return seconds if math.isfinite(seconds) and seconds <= ABSURD_RETRY_AFTER else None
