"""How long the unit tests wait for what should happen at once: a machine may have much else to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds.
PATIENCE: Final = 60.0


def wait_until(condition: Callable[[], object]) -> None:
    """
    Wait for what should come about at once.

    :param condition: whether it has.
    """
    give_up_at = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
