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


def seconds_ahead(clock: Clock) -> float:
    """
    By how much a steady clock is ahead of the machine's, which was set since, or went on while the machine slept.

    Limits that came from elsewhere are moments of the machine's clock: on the steady one they are as much later.

    :param clock: the steady clock.
    """
    # In this order: what comes between makes limits late until the next look, and never early.
    moment = time.time()
    return clock() - moment


def jitter() -> float:
    """A random number from 0 to 1."""
    return random.random()  # noqa: S311 - it spreads requests, it guards nothing
