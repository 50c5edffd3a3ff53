"""What a number of waits cost a triggerer while nothing changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.triggerer import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.triggerer import Planted, Triggerer

REST = 3.0
"""Seconds after which a triggerer that was busy is at rest."""


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
    growth = Growth(triggerer, first, count)
    return growth.to(waits, window, linked=linked)


class Growth:
    """
    Waits in one triggerer that become more and more. All costs are those of all waits, without the first one.

    :param triggerer: a triggerer that is not started yet.
    :param first: see `measure`, as all below.
    :param count: how many requests were answered so far.
    """

    def __init__(self, triggerer: Triggerer, first: Planted, count: Callable[[], int]) -> None:
        self._triggerer = triggerer
        self._count = count
        self._number = self._blocked = self._long_steps = 0
        triggerer.plant(first)
        triggerer.start()
        triggerer.wait_until(lambda: triggerer.polled_triggers() == len(first.campaign_ids))
        if first.kind == "bare_with_xcom":
            # What its XCom makes Airflow load is not the others' cost.
            triggerer.wait_until(lambda: bool(triggerer.ends()))
        time.sleep(REST)
        self._empty = triggerer.usage()

    def to(self, more: Sequence[Planted], window: float, *, linked: bool = False) -> Cost:
        """
        Add waits, and measure what all of them cost.

        :param more: the waits to add.
        :param window: seconds to measure them.
        :param linked: whether to wait until the links of all waits are pushed.
        """
        triggerer = self._triggerer
        before, running = triggerer.usage(), triggerer.started_triggers()
        triggerer.plant(*more)
        running += sum(1 if each.kind == "ours_fleet" else len(each.campaign_ids) for each in more)
        triggerer.wait_until(lambda: triggerer.started_triggers() == running)
        triggerer.wait_until(lambda: triggerer.polled_triggers() == running)
        # Until all have found their pace.
        time.sleep(INTERVAL + REST)
        # Links are no requests to Instantly: while they are pushed, the polls go on as they always do.
        requests, counted_at = self._count(), time.monotonic()
        if linked:
            triggerer.wait_until_settled()
        self._number += sum(len(each.campaign_ids) for each in more)
        start = triggerer.usage()
        time.sleep(window)
        end, requests = triggerer.usage(), self._count() - requests
        minutes = (end.at - start.at) / 60
        blocked, long_steps = triggerer.blocked()[self._blocked :], triggerer.long_steps()[self._long_steps :]
        self._blocked += len(blocked)
        self._long_steps += len(long_steps)
        return Cost(
            requests=requests * 60 / (end.at - counted_at),
            cpu=(end.cpu - start.cpu) / minutes,
            loop_cpu=(end.runner_cpu - start.runner_cpu) / minutes,
            start_cpu=start.cpu - before.cpu,
            memory=(end.memory - self._empty.memory) / self._number,
            blocked=blocked,
            long_steps=long_steps,
        )
