"""What a number of waits cost a triggerer while nothing changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.triggerer import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.triggerer import Planted, Triggerer


@dataclass(frozen=True)
class Cost:
    """
    What a number of waits cost while nothing changes.

    :param requests: requests a minute.
    :param cpu: CPU seconds a minute, of the triggerer's supervisor and runner.
    :param loop_cpu: the same of the runner alone, which has the event loop.
    :param start_cpu: CPU seconds to start all the waits.
    :param memory: bytes for each wait more.
    :param blocked: for how many seconds the event loop was blocked, each time that Airflow complained.
    :param long_steps: the CPU seconds of the event loop's steps that were longer than Airflow allows.
    """

    requests: float
    cpu: float
    loop_cpu: float
    start_cpu: float
    memory: float
    blocked: list[float]
    long_steps: list[float]


def measure(
    waits: Sequence[Planted],
    first: Planted,
    triggerer: Triggerer,
    count: Callable[[], int],
    window: float,
    *,
    linked: bool = True,
) -> Cost:
    """
    Start waits and measure what they cost. The first one is not counted: it loads the code and opens
    the session. Its campaign may be one of the others'.

    :param waits: the waits; all are of one kind, or two.
    :param first: one wait of the same kind, or a few.
    :param triggerer: a triggerer that is not started yet.
    :param count: how many requests were answered so far.
    :param window: seconds to measure them.
    :param linked: whether to wait until the links of all waits are pushed.
    """
    triggerer.plant(first)
    triggerer.start()
    warm = len(first.campaign_ids)
    triggerer.wait_until(lambda: triggerer.polled_triggers() == warm)
    time.sleep(INTERVAL)
    before = triggerer.usage()
    triggerer.plant(*waits)
    triggers = sum(1 if each.kind == "ours_fleet" else len(each.campaign_ids) for each in waits)
    triggerer.wait_until(lambda: triggerer.started_triggers() == warm + triggers)
    triggerer.wait_until(lambda: triggerer.polled_triggers() == warm + triggers)
    if linked:
        triggerer.wait_until_settled()
    # Until all have found their pace.
    time.sleep(INTERVAL + 5)
    start, requests = triggerer.usage(), count()
    time.sleep(window)
    end, requests = triggerer.usage(), count() - requests
    minutes = (end.at - start.at) / 60
    return Cost(
        requests=requests / minutes,
        cpu=(end.cpu - start.cpu) / minutes,
        loop_cpu=(end.runner_cpu - start.runner_cpu) / minutes,
        start_cpu=start.cpu - before.cpu,
        memory=(end.memory - before.memory) / sum(len(each.campaign_ids) for each in waits),
        blocked=triggerer.blocked(),
        long_steps=triggerer.long_steps(),
    )
