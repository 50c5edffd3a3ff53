"""Which parts of the team die, and when: chosen by a seed, and the same for the same seed."""

from __future__ import annotations

import random
from typing import NamedTuple

#: What is killed in the whole test, and in the short one. Of two, the seed chooses one.
ALL = ("worker", "triggerer", "redis", "scheduler", "postgres")
FEW = ("worker", "triggerer")
#: How many of them there are.
SCALE = {"worker": 2, "triggerer": 2, "scheduler": 2}
#: The share of the work that is done when the first may die, and when the last one must have.
FIRST, LAST = 0.05, 0.85
#: Seconds for which a part is down, the shortest and the longest.
DOWN = (2.0, 15.0)


class Death(NamedTuple):
    """
    A part dies.

    :param container: Which, such as ``worker-2``.
    :param at: The share of the work that is done by then.
    :param down: Seconds until it is started again.
    """

    container: str
    at: float
    down: float


def deaths(seed: int, services: tuple[str, ...] = ALL) -> list[Death]:
    """
    Choose an order, the moments, and how long each part is down.

    :param seed: The same one gives the same deaths.
    :param services: What dies, each once.
    """
    chosen = random.Random(seed)
    order = chosen.sample(services, len(services))
    # One after the other: each has a part of the work for itself.
    width = (LAST - FIRST) / len(order)
    return [
        Death(
            container=f"{service}-{chosen.randint(1, SCALE.get(service, 1))}",
            at=FIRST + width * (number + chosen.random()),
            down=chosen.uniform(*DOWN),
        )
        for number, service in enumerate(order)
    ]
