"""Rate limits: sliding windows over the requests of a workspace."""

from __future__ import annotations

from collections import deque


class SlidingWindows:
    """
    When the latest accepted requests of one workspace came.

    A refused request does not count, so that a client that waits gets through. Whether Instantly counts it
    is not known.
    """

    def __init__(self) -> None:
        self._accepted: deque[float] = deque()

    def wait(self, now: float, per_second: int, per_minute: int) -> float:
        """
        Take a place in both windows.

        :param now: a monotonic time, in seconds.
        :param per_second: requests allowed within any second.
        :param per_minute: requests allowed within any minute.
        :return: 0 if the request is accepted, else the seconds until one would be.
        """
        accepted = self._accepted
        while accepted and accepted[0] <= now - 60:
            accepted.popleft()
        wait = max(_wait(accepted, now, per_second, 1.0), _wait(accepted, now, per_minute, 60.0))
        if wait == 0:
            accepted.append(now)
        return wait


def _wait(accepted: deque[float], now: float, limit: int, window: float) -> float:
    """Seconds until fewer than ``limit`` of the accepted requests lie within the window."""
    if len(accepted) < limit:
        return 0.0
    return max(0.0, accepted[-limit] + window - now)
