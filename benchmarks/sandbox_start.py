"""How long the sandbox takes until it answers: a person who tries something waits for it each time."""

from __future__ import annotations

import statistics
import time

from airflow_provider_instantly.sandbox.client import running_sandbox
from benchmarks.row import Row

ROUNDS = 5
#: Seconds.
_GOAL = 2


def run(rounds: int = ROUNDS) -> list[Row]:
    """
    Start it with its samples, again and again.

    :param rounds: how often; the median counts.
    """
    took = statistics.median(_started() for _ in range(rounds))
    note = f"Start of the sandbox: from its command to its first answer, with its samples, median of {rounds}."
    return [Row("start of the sandbox", took, _GOAL, "s", f"at most {_GOAL} s", took <= _GOAL, note)]


def _started() -> float:
    began = time.monotonic()
    with running_sandbox("--seed-samples") as sandbox:
        sandbox.health()
        return time.monotonic() - began
