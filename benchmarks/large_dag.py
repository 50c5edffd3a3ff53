"""One DAG with 300 sensors and no argument about where they begin, side by side with the same begun on workers."""

from __future__ import annotations

from benchmarks.dag_sizes import cost
from benchmarks.row import Row

SENSORS = 300
"""Airflow reads the whole DAG for each trigger that it starts: twice as many would take four times as long."""
WINDOW = 20.0
"""Seconds to measure each."""
TOLERANCE = 1.1
"""What two measurements of one thing differ by anyway."""


def run(sensors: int = SENSORS, window: float = WINDOW) -> list[Row]:
    """
    Measure both.

    :param sensors: how many sensors the DAG has.
    :param window: seconds to measure each.
    """
    ours, other = (cost(kind, sensors, sensors, window) for kind in ("ours", "ours_on_worker"))
    what = f"one DAG with {sensors:,} sensors, defaults"
    note = (
        f"{what[0].upper()}{what[1:]}: the other are the same sensors with start_from_trigger=False. Up to a tenth "
        "more counts as alike: two measurements of one thing differ by as much."
    )
    pairs = [
        ("triggerer CPU", ours.cpu, other.cpu, "s/min"),
        ("CPU to start them", ours.start_cpu, other.start_cpu, "s"),
        ("memory per wait", ours.memory / 1e3, other.memory / 1e3, "kB"),
    ]
    return [
        Row(f"{what}: {name}", mine, theirs, unit, "never worse, within 1/10", mine <= theirs * TOLERANCE, note)
        for name, mine, theirs, unit in pairs
    ]
