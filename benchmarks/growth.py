"""How the cost of waits grows with their number: 10, 100, 1,000 and 10,000 in one triggerer, in small DAGs."""

from __future__ import annotations

import math

from benchmarks.endpoints import endpoints
from benchmarks.row import Row
from benchmarks.thousand_waits import TASKS, Cost, measure
from benchmarks.triggerer import INTERVAL, Planted, Triggerer

NUMBERS = (10, 100, 1_000, 10_000)
WINDOW = 30.0
"""Seconds to look at each number."""
PER_PAGE = 100
LINKED = 1_000
"""The links of more waits are pushed for hours, with pauses. They are not waited for, and what they cost is counted."""
AT_ONCE = "200"
"""Triggers that the triggerer picks up in a second; Airflow's own 50 would take minutes for 10,000."""


def run(numbers: tuple[int, ...] = NUMBERS, window: float = WINDOW) -> list[Row]:
    """
    Measure each number in a workspace and a triggerer of its own.

    :param numbers: how many waits, each a multiple of ten.
    :param window: seconds to look at each.
    """
    costs = {number: _cost(number, window) for number in numbers}
    rows: list[Row] = []
    note = (
        "Growth: the other of the requests is one page of 100 campaigns a beat, and a beat every 9.5 to 10 s; that of "
        f"CPU is the figure of the tenfold smaller number. Where there are more than {LINKED:,} waits, their links are "
        "still being pushed, which is part of the CPU."
    )
    smaller: int | None = None
    for number, cost in costs.items():
        # An interval is shortened by up to a twentieth, by chance.
        limit = math.ceil(number / PER_PAGE) * 60 / (0.95 * INTERVAL)
        # A window may catch one beat more than its length says.
        met = cost.requests <= limit + math.ceil(number / PER_PAGE) * 60 / window
        rows.append(Row(f"{number:,} waits: API requests", cost.requests, limit, "1/min", "∝ N/100", met, note))
        before = None if smaller is None else costs[smaller].cpu / smaller * 1e3
        cpu = cost.cpu / number * 1e3
        falls = None if before is None else cpu < before
        rows.append(Row(f"{number:,} waits: triggerer CPU per wait", cpu, before, "ms/min", "falls", falls, note))
        rows.append(Row(f"{number:,} waits: memory per wait", cost.memory / 1e3, None, "kB"))
        rows.append(Row(f"{number:,} waits: event loop blocked, longest", max(cost.blocked, default=0.0), None, "s"))
        smaller = number
    return rows


def _cost(number: int, window: float) -> Cost:
    with endpoints() as services:
        ids = services.sandbox.add_campaigns(number, "Waiting", status=0)
        with Triggerer(services, {"triggerer.max_trigger_to_select_per_loop": AT_ONCE}) as triggerer:
            some = Planted("ours", TASKS, number // TASKS, ids)
            first = Planted("ours", 1, 1, ids[:1])
            linked = number <= LINKED
            return measure([some], first, triggerer, services.sandbox_requests, window, linked=linked)
