"""
1,000 waits in one real triggerer: ours, dbt Cloud's, and such that do nothing.

What they cost in requests, CPU and memory, and how late a change is noticed.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from benchmarks import bare
from benchmarks.cost import measure
from benchmarks.endpoints import endpoints
from benchmarks.row import Row, at_most
from benchmarks.triggerer import INTERVAL, Planted, Triggerer

if TYPE_CHECKING:
    from benchmarks.cost import Cost
    from benchmarks.endpoints import Endpoints

WAITS = 1000
TASKS = 10
WINDOW = 30.0
"""Seconds during which everything waits and is measured. Requests are counted while links are pushed, too: minutes."""
SHARES = {3: 0.3, 30: 0.5}
"""Changes a second, as many as two cores could launch by themselves and ten times as many; the part of the waits."""
ALLOWANCE = 3.0
"""Seconds that a task may take to end, once a poll has shown the change."""
_RANDOM = random.Random(1)  # noqa: S311 - it spreads changes over time, it guards nothing


def run(waits: int = WAITS, window: float = WINDOW) -> list[Row]:
    """
    Measure all three, one after the other.

    :param waits: how many waits, a multiple of forty.
    :param window: seconds to measure each.
    """
    with endpoints() as services:
        theirs = _theirs(services, waits, window)
        ours, delays = _ours(services, waits, window)
        least, least_delays = _least(services, waits, window)
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
        *_rows_of_the_least(what, ours, least),
        *(_delay_row_of_the_least(kind, found) for kind, found in least_delays.items()),
    ]


def _rows_of_the_least(what: str, ours: Cost, least: Cost) -> list[Row]:
    note = (
        f"{bare.AGAINST.capitalize()}: as many that only sleep, begun and ended in the triggerer, in DAGs of the same "
        f"size. That is what Airflow itself needs; blocked for {max(least.blocked, default=0.0):.2f} s at the most."
    )
    return [
        Row(f"{what}: triggerer CPU, {bare.AGAINST}", ours.cpu, least.cpu, "s/min", note=note),
        Row(f"{what}: CPU to start them, {bare.AGAINST}", ours.start_cpu, least.start_cpu, "s", note=note),
        Row(f"{what}: memory per wait, {bare.AGAINST}", ours.memory / 1e3, least.memory / 1e3, "kB", note=note),
        Row(f"{what}: event loop blocked, {bare.AGAINST}", len(ours.blocked), len(least.blocked), "times", note=note),
    ]


def _delay_row_of_the_least(kind: str, delays: list[float]) -> Row:
    note = (
        f"{len(delays)} waits that do nothing and end at one moment, while the others sleep: from that moment to the "
        "end of the task. The other is what the goal leaves for that, after the interval."
    )
    with_xcom = " with XCom" if kind == "bare_with_xcom" else ""
    what = f"{len(delays)} waits that do nothing end at once{with_xcom}, p99"
    return Row(what, _percentile(delays, 0.99), ALLOWANCE, "s", note=note)


def _blocked_rows(what: str, ours: Cost, theirs: Cost) -> list[Row]:
    longest = [max(side.blocked, default=0.0) for side in (ours, theirs)]
    note = (
        f"Blocked: for {longest[0]:.2f} s at the most, theirs for {longest[1]:.2f} s. A step is all that the loop does "
        "before it checks its timers again, in CPU time of its thread without searches for garbage."
    )
    blocked, steps = f"{what}: event loop blocked > 200 ms", f"{what}: steps of the event loop > 200 ms of CPU"
    return [
        Row(blocked, len(ours.blocked), len(theirs.blocked), "times", "0", not ours.blocked, note),
        Row(steps, len(ours.long_steps), len(theirs.long_steps), "times", "0", not ours.long_steps, note),
    ]


def _delay_rows(kind: str, pace: int, delays: list[float]) -> list[Row]:
    limit = INTERVAL + ALLOWANCE
    p50, p99 = _percentile(delays, 0.50), _percentile(delays, 0.99)
    without = " without XCom" if kind == "ours_without_xcom" else ""
    what = f"change to end of task{without}, {pace} changes a second"
    note = (
        f"From the change of a campaign to the end of its task, {len(delays)} at this pace; half of all waits push no "
        "XCom (`do_xcom_push=False`). The other is the interval."
    )
    return [
        Row(f"{what}, p50", p50, INTERVAL, "s", note=note),
        Row(f"{what}, p99", p99, INTERVAL, "s", f"at most {limit:.0f} s", p99 <= limit, note),
    ]


def _theirs(services: Endpoints, waits: int, window: float) -> Cost:
    with Triggerer(services) as triggerer:
        some = Planted("dbt", TASKS, waits // TASKS, [""] * waits)
        return measure([some], Planted("dbt", 1, 1, [""]), triggerer, services.dbt.answered, window, linked=False)


def _ours(services: Endpoints, waits: int, window: float) -> tuple[Cost, dict[tuple[str, int], list[float]]]:
    """What the waits cost, and by kind and pace, how late their tasks ended."""
    half = waits // 2
    # As many as are waited for, since one more would be a page more; so the first wait's is also another's.
    ids = services.sandbox.add_campaigns(waits, "Waiting", status=0)
    some = {"ours": ids[:half], "ours_without_xcom": ids[half:]}
    with Triggerer(services) as triggerer:
        planted = [Planted(kind, TASKS, half // TASKS, of_kind) for kind, of_kind in some.items()]
        cost = measure(planted, Planted("ours", 1, 1, ids[:1]), triggerer, services.sandbox_requests, window)
        delays: dict[tuple[str, int], list[float]] = {}
        for pace, part in SHARES.items():
            number = int(half * part)
            for kind, of_kind in some.items():
                share, some[kind] = of_kind[:number], of_kind[number:]
                delays[kind, pace] = _delays(triggerer, services, share, pace)
        return cost, delays


def _least(services: Endpoints, waits: int, window: float) -> tuple[Cost, dict[str, list[float]]]:
    """What waits cost that do nothing, and by kind, how long as many take to end at once as of ours end at one pace."""
    number = int(waits / 2 * max(SHARES.values())) // TASKS * TASKS
    with Triggerer(services) as triggerer:
        cost = bare.cost("bare", TASKS, waits, triggerer, window)
        return cost, {kind: bare.delays(kind, TASKS, number, triggerer) for kind in ("bare", "bare_with_xcom")}


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
