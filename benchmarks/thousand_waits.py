"""1,000 waits in one real triggerer, ours and dbt Cloud's: requests, CPU, memory, and how late a change is noticed."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.endpoints import endpoints
from benchmarks.row import Row, at_most
from benchmarks.triggerer import INTERVAL, Planted, Triggerer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.endpoints import Endpoints

WAITS = 1000
TASKS = 10
WINDOW = 120.0
"""Seconds during which everything waits and is measured."""
PACES = (3, 30)
"""Changes a second: as many as two cores could launch by themselves, and ten times as many."""
_RANDOM = random.Random(1)  # noqa: S311 - it spreads changes over time, it guards nothing


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
    Start waits and look at what they cost. The first one is not counted: it loads the code and opens
    the session. Its campaign may be one of the others'.

    :param waits: the waits; all are of one kind, or two.
    :param first: one wait of the same kind, or a few.
    :param triggerer: a triggerer that is not started yet.
    :param count: how many requests were answered so far.
    :param window: seconds to look at them.
    :param linked: whether to wait until the links of all waits are pushed.
    """
    triggerer.plant(first)
    triggerer.start()
    warm = len(first.campaign_ids)
    triggerer.wait_until(lambda: triggerer.looked_triggers() == warm)
    time.sleep(INTERVAL)
    before = triggerer.usage()
    triggerer.plant(*waits)
    triggers = sum(1 if each.kind == "ours_fleet" else len(each.campaign_ids) for each in waits)
    triggerer.wait_until(lambda: triggerer.started_triggers() == warm + triggers)
    triggerer.wait_until(lambda: triggerer.looked_triggers() == warm + triggers)
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


def run(waits: int = WAITS, window: float = WINDOW) -> list[Row]:
    """
    Measure both, one after the other.

    :param waits: how many waits, a multiple of twenty.
    :param window: seconds to look at each.
    """
    with endpoints() as services:
        theirs = _theirs(services, waits, window)
        ours, delays = _ours(services, waits, window)
    what = f"{waits:,} waits in one triggerer, every {INTERVAL:.0f} s"
    note = (
        f"{what}: ours are {waits // TASKS} runs of a DAG of {TASKS} sensors that begin and end in the triggerer, "
        "theirs the same number of `DbtCloudJobRunSensor(deferrable=True)`, begun on a worker. Our campaigns are "
        "Drafts, as those are that wait for a launch, and there are no others."
    )
    asked_for = waits * 60 / INTERVAL
    memory = (
        "Memory is RSS of the triggerer's two processes: what it grew by from one wait to all of them, by their number."
    )
    return [
        at_most(f"{what}: API requests", ours.requests, theirs.requests, "1/min", 1 / 80, note),
        Row(f"{what}: API requests, against what the other's interval asks for", ours.requests, asked_for, "1/min"),
        at_most(f"{what}: triggerer CPU", ours.cpu, theirs.cpu, "s/min", 1 / 5, note),
        Row(f"{what}: CPU of the event loop's process", ours.loop_cpu, theirs.loop_cpu, "s/min"),
        Row(f"{what}: CPU to start them", ours.start_cpu, theirs.start_cpu, "s"),
        at_most(f"{what}: memory per wait", ours.memory / 1e3, theirs.memory / 1e3, "kB", 1 / 2, memory),
        *_blocked_rows(what, ours, theirs),
        *(row for (kind, pace), found in delays.items() for row in _delay_rows(kind, pace, found)),
    ]


def _blocked_rows(what: str, ours: Cost, theirs: Cost) -> list[Row]:
    longest = [max(side.blocked, default=0.0) for side in (ours, theirs)]
    note = (
        f"Blocked: for {longest[0]:.2f} s at the most, theirs for {longest[1]:.2f} s. A step is all that the loop does "
        "before it looks at its timers again, in CPU time of its thread without searches for garbage."
    )
    blocked, steps = f"{what}: event loop blocked > 200 ms", f"{what}: steps of the event loop > 200 ms of CPU"
    return [
        Row(blocked, len(ours.blocked), len(theirs.blocked), "times", "0", not ours.blocked, note),
        Row(steps, len(ours.long_steps), len(theirs.long_steps), "times", "0", not ours.long_steps, note),
    ]


def _delay_rows(kind: str, pace: int, delays: list[float]) -> list[Row]:
    limit = INTERVAL + 3
    p50, p99 = _percentile(delays, 0.50), _percentile(delays, 0.99)
    without = " without XCom" if kind == "ours_without_xcom" else ""
    what = f"change to end of task{without}, {pace} changes a second"
    note = (
        "From the change of a campaign to the end of its task: half of the waits push no XCom (`do_xcom_push=False`); "
        "of each half, one half ends at each pace. The other is the interval."
    )
    return [
        Row(f"{what}, p50", p50, INTERVAL, "s", note=note),
        Row(f"{what}, p99", p99, INTERVAL, "s", f"at most {limit:.0f} s", p99 <= limit, note),
    ]


def _theirs(services: Endpoints, waits: int, window: float) -> Cost:
    with Triggerer(services) as triggerer:
        some = Planted("dbt", TASKS, waits // TASKS, [""] * waits)
        return measure([some], Planted("dbt", 1, 1, [""]), triggerer, services.dbt.answered, window)


def _ours(services: Endpoints, waits: int, window: float) -> tuple[Cost, dict[tuple[str, int], list[float]]]:
    """What the waits cost, and by kind and pace, how late their tasks ended."""
    half = waits // 2
    # As many as are waited for, since one more would be a page more; so the first wait's is also another's.
    ids = services.sandbox.add_campaigns(waits, "Waiting", status=0)
    some = {"ours": ids[:half], "ours_without_xcom": ids[half:]}
    with Triggerer(services) as triggerer:
        planted = [Planted(kind, TASKS, half // TASKS, of_kind) for kind, of_kind in some.items()]
        cost = measure(planted, Planted("ours", 1, 1, ids[:1]), triggerer, services.sandbox_requests, window)
        shares = {
            (kind, pace): of_kind[number :: len(PACES)]
            for number, pace in enumerate(PACES)
            for kind, of_kind in some.items()
        }
        return cost, {key: _delays(triggerer, services, share, key[1]) for key, share in shares.items()}


def _delays(triggerer: Triggerer, services: Endpoints, ids: list[str], pace: float) -> list[float]:
    """Change the campaigns at random moments, so many a second; return how long each task took to end."""
    changed: dict[str, float] = {}
    begin = time.time()
    for moment, campaign_id in sorted((_RANDOM.uniform(0, len(ids) / pace), cid) for cid in ids):
        time.sleep(max(0.0, begin + moment - time.time()))
        services.sandbox.set_status(campaign_id, "active")
        changed[campaign_id] = time.time()
    triggerer.wait_until(lambda: changed.keys() <= triggerer.ends().keys())
    ends = triggerer.ends()
    return [ends[campaign_id] - at for campaign_id, at in changed.items()]


def _percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
