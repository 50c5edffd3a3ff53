"""How long to pause before another try: what the server asks for, else longer and longer."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from airflow_provider_instantly.api.errors import InstantlyRateLimitError

#: The first pause between two tries is at most this long; every further one at most twice the one before.
BACKOFF_BASE: Final = 1.0
BACKOFF_CAP: Final = 60.0
#: The longest that we let the server hold us back. Above `ABSURD_RETRY_AFTER` we don't believe it at all.
MAX_RETRY_AFTER: Final = 300.0
ABSURD_RETRY_AFTER: Final = 86_400.0


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
