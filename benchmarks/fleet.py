"""One sensor for 1,000 campaigns, side by side with 1,000 mapped sensors."""

from __future__ import annotations

from benchmarks.cost import Cost, measure
from benchmarks.endpoints import endpoints
from benchmarks.row import Row
from benchmarks.triggerer import Planted, Triggerer

CAMPAIGNS = 1000
WINDOW = 20.0
"""Seconds to measure each."""
GOAL_MB = 5


def run(campaigns: int = CAMPAIGNS, window: float = WINDOW) -> list[Row]:
    """
    Measure both.

    :param campaigns: how many campaigns.
    :param window: seconds to measure each.
    """
    one, mapped = _cost("ours_fleet", campaigns, window), _cost("ours_mapped", campaigns, window)
    what = f"one sensor on {campaigns:,} campaigns"
    megabytes = one.memory * campaigns / 1e6
    note = f"{what.capitalize()}: the other is {campaigns:,} mapped sensors of our own."
    return [
        Row(f"{what}: tasks, and triggers", 1, campaigns, "", "1", True, note),
        Row(
            f"{what}: memory in the triggerer",
            megabytes,
            mapped.memory * campaigns / 1e6,
            "MB",
            f"at most {GOAL_MB} MB",
            megabytes <= GOAL_MB,
            note,
        ),
        Row(f"{what}: triggerer CPU", one.cpu, mapped.cpu, "s/min", note=note),
        Row(f"{what}: API requests", one.requests, mapped.requests, "1/min", note=note),
    ]


def _cost(kind: str, campaigns: int, window: float) -> Cost:
    with endpoints() as services:
        ids = services.sandbox.add_campaigns(campaigns, "Waiting", status=0)
        with Triggerer(services) as triggerer:
            some = Planted(kind, 1, 1, ids)
            return measure([some], Planted("ours", 1, 1, ids[:1]), triggerer, services.sandbox_requests, window)
