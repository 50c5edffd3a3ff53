"""The clock that waits count by, and the random number that spreads their requests."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Clock = Callable[[], float]


def steady_clock() -> Clock:
    """A clock that shows seconds since the epoch, but never jumps when the machine's clock is set."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


def jitter() -> float:
    """A random number from 0 to 1."""
    return random.random()  # noqa: S311 - it spreads requests, it guards nothing
