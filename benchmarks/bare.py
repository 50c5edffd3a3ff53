"""
Waits that do nothing but sleep: what Airflow itself needs for a wait, whatever it waits for.

Where ours take about as much, a provider can improve nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.cost import measure
from benchmarks.triggerer import Planted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cost import Cost
    from benchmarks.triggerer import Triggerer

AGAINST = "against waits that do nothing"
"""How rows are named that hold a figure of ours against theirs."""
_FAR = 86_400.0
"""Seconds that waits sleep whose end is not measured."""
_LEAD = 60.0
"""Seconds to start the waits whose ends are measured."""


def cost(kind: str, tasks: int, number: int, triggerer: Triggerer, window: float) -> Cost:
    """
    What they cost while they sleep.

    :param kind: see `benchmarks/dags/waits.py`.
    :param tasks: tasks in the DAG.
    :param number: how many waits.
    :param triggerer: a triggerer that is not started yet.
    :param window: seconds to measure them.
    """
    return measure([sleeping(kind, tasks, number)], first(), triggerer, lambda: 0, window, linked=False)


def sleeping(kind: str, tasks: int, number: int) -> Planted:
    """
    Waits that sleep until long after the measurement.

    :param kind: see `benchmarks/dags/waits.py`.
    :param tasks: tasks in the DAG.
    :param number: how many waits.
    """
    return Planted(kind, tasks, number // tasks, _texts([time.time() + _FAR] * number))


def first() -> Planted:
    """The wait that is not counted: the first XCom makes the supervisor load Airflow's API; of ours it is the link."""
    return Planted("bare_with_xcom", 1, 1, _texts([time.time()]))


def delays(kind: str, tasks: int, number: int, triggerer: Triggerer) -> list[float]:
    """
    How long tasks take to end that all end at one moment.

    :param kind: see `benchmarks/dags/waits.py`.
    :param tasks: tasks in the DAG.
    :param number: how many waits.
    :param triggerer: a triggerer that runs.
    """
    moment = time.time() + _LEAD
    texts = _texts([moment] * number)
    running = triggerer.started_triggers()
    triggerer.plant(Planted(kind, tasks, number // tasks, texts))
    triggerer.wait_until(lambda: triggerer.started_triggers() == running + number)
    if time.time() > moment:
        raise RuntimeError(f"To start {number} waits took longer than {_LEAD:.0f} s.")
    triggerer.wait_until(lambda: set(texts) <= triggerer.ends().keys())
    ends = triggerer.ends()
    return [ends[text] - moment for text in texts]


def _texts(moments: Sequence[float]) -> list[str]:
    """The moments as texts, each a hair later than the one before, so that no two are the same."""
    return [f"{moment + number * 1e-5:.5f}" for number, moment in enumerate(moments)]
