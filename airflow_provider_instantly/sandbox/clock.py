"""The sandbox's clock: the wall clock, which a test may set forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """
    Wall-clock time, since scripts go on where they were when the sandbox starts again.

    :param offset: seconds that the clock is ahead.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset


def timestamp(seconds: float) -> str:
    """
    The time as the API writes it: ``2026-06-30T21:14:13.171Z``.

    :param seconds: seconds since the epoch.
    """
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
