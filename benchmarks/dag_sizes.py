"""
What it costs to begin waits in the triggerer, by the size of their DAG, since each such trigger carries its whole DAG.

The figures stand behind `airflow_provider_instantly.waits.placement.MAX_TASKS_OF_A_LIGHT_DAG`.
"""

from __future__ import annotations

from benchmarks.cost import Cost, measure
from benchmarks.endpoints import endpoints
from benchmarks.row import Row
from benchmarks.triggerer import Planted, Triggerer

SIZES = (1, 10, 25, 50, 100, 1000)
WAITS = 300
WINDOW = 20.0
"""Seconds to measure each."""


def run(waits: int = WAITS, sizes: tuple[int, ...] = SIZES, window: float = WINDOW) -> list[Row]:
    """
    Measure each size, begun in the triggerer and begun on a worker.

    :param waits: how many waits; at least one run of the DAG.
    :param sizes: the numbers of tasks.
    :param window: seconds to measure each.
    """
    rows: list[Row] = []
    for size in sizes:
        ours, other = (cost(kind, size, waits, window) for kind in ("ours_started", "ours_on_worker"))
        number = max(1, waits // size) * size
        what = f"DAG of {size:,}, {number:,} waits"
        note = "DAG sizes: begun in the triggerer, the other begun on a worker (whose own CPU does not count here)."
        figures = [
            ("memory per wait", [each.memory / 1e3 for each in (ours, other)], "kB"),
            ("CPU to start one", [each.start_cpu / number * 1e3 for each in (ours, other)], "ms"),
            ("CPU per wait", [each.cpu / number * 1e3 for each in (ours, other)], "ms/min"),
            ("loop blocked, longest", [max(each.blocked, default=0.0) for each in (ours, other)], "s"),
        ]
        rows += [Row(f"{what}: {name}", mine, theirs, unit, note=note) for name, (mine, theirs), unit in figures]
    return rows


def cost(kind: str, size: int, waits: int, window: float) -> Cost:
    """
    What waits cost in DAGs of one size.

    :param kind: see `benchmarks/dags/waits.py`.
    :param size: tasks in the DAG.
    :param waits: how many waits; at least one run of the DAG.
    :param window: seconds to measure them.
    """
    runs = max(1, waits // size)
    with endpoints() as services:
        ids = services.sandbox.add_campaigns(runs * size, "Waiting", status=0)
        with Triggerer(services) as triggerer:
            first = Planted("ours_fleet", 1, 1, ids[:1])
            return measure([Planted(kind, size, runs, ids)], first, triggerer, services.sandbox_requests, window)
