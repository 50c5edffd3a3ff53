"""The sandbox's clock: the wall clock, which may be set forward and run faster."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """
    Wall-clock time, since scripts go on where they were when the sandbox starts again.

    :param offset: seconds that the clock is ahead.
    :param speed: how many seconds pass on it in one.
    :param anchor: since when it runs at that speed, in seconds since the epoch.
    """

    def __init__(self, offset: float = 0.0, speed: float = 1.0, anchor: float = 0.0) -> None:
        self.offset = offset
        self.speed = speed
        self.anchor = anchor

    def now(self) -> float:
        """Seconds since the epoch."""
        wall = time.time()
        return wall + self.offset + self._gained(wall)

    def set_speed(self, speed: float) -> None:
        """Run at another speed from now on; the present moment stays what it is."""
        wall = time.time()
        self.offset += self._gained(wall)
        self.speed, self.anchor = speed, wall

    def _gained(self, wall: float) -> float:
        """The seconds that its speed alone has put it ahead."""
        return (self.speed - 1.0) * (wall - self.anchor)


def timestamp(seconds: float) -> str:
    """
    The time as the API writes it: ``2026-06-30T21:14:13.171Z``.

    :param seconds: seconds since the epoch.
    """
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
