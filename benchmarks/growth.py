"""How the cost of waits grows with their number: 10, 100, 1,000 and 10,000 in one triggerer, in small DAGs."""

from __future__ import annotations

import math

from airflow_provider_instantly.api.campaign import CampaignStatus
from benchmarks import bare
from benchmarks.cost import Cost, Growth, measure
from benchmarks.endpoints import endpoints
from benchmarks.row import Row
from benchmarks.thousand_waits import TASKS
from benchmarks.triggerer import INTERVAL, Planted, Triggerer

NUMBERS = (10, 100, 1_000, 10_000)
AT_ONCE = 3_000
"""Waits that begin in the triggerer, all at once; to start more takes longer, and shows the same."""
WINDOW = 100.0
"""Seconds to measure each number: ten polls, of which one reads all campaigns again."""
SHORT_WINDOW = 30.0
"""The same where each poll is like the others: of up to a page of campaigns, of no Drafts, and of no campaigns."""
PAUSED = 1_000
"""Waits whose campaigns are no Drafts."""
PER_PAGE = 100
SETTINGS = {"triggerer.max_trigger_to_select_per_loop": "200"}
"""Triggers that the triggerer picks up in a second; Airflow's own 50 would take minutes for 10,000."""


def run(
    numbers: tuple[int, ...] = NUMBERS,
    at_once: int = AT_ONCE,
    window: float = WINDOW,
    short_window: float = SHORT_WINDOW,
) -> list[Row]:
    """
    Measure each number; one triggerer grows to them.

    :param numbers: how many waits, each a multiple of ten.
    :param at_once: how many that begin in the triggerer.
    :param window: seconds to measure each.
    :param short_window: the same where each poll is like the others.
    """
    costs = _costs(numbers, window, short_window)
    note = (
        "Growth: waits that were begun on workers, as they stand when all links are pushed. One triggerer grows to "
        "each number. The other of the requests is one page of 100 campaigns a poll, and a poll every 9.5 to 10 s; "
        "that of CPU is the figure of the tenfold smaller number."
    )
    rows: list[Row] = []
    smaller: int | None = None
    for number, cost in costs.items():
        before = None if smaller is None else costs[smaller].cpu / smaller * 1e3
        rows += _rows(f"{number:,} waits", number, cost, before, window, note)
        smaller = number
    for number, least in _costs_of_the_least(numbers[-2:], short_window).items():
        rows += _rows_of_the_least(number, costs[number], least)
    begun = (
        f"Begun in the triggerer: {at_once:,} at once, in the first minute in which all wait. Their links are still "
        "being pushed, one at a time with pauses, which goes on for hours and is part of the CPU."
    )
    started = _cost("ours", at_once, window)
    rows += _rows(f"{at_once:,} waits begun in the triggerer", at_once, started, None, window, begun)
    paused = (
        "Of campaigns that are no Drafts all pages of 100 are read. Drafts, which wait for a launch, are known by the "
        "list of what is none any longer."
    )
    dearest = _cost("ours_on_worker", PAUSED, short_window, CampaignStatus.PAUSED)
    return rows + _rows(f"{PAUSED:,} waits for Paused campaigns", PAUSED, dearest, None, short_window, paused)


def _costs(numbers: tuple[int, ...], window: float, short_window: float) -> dict[int, Cost]:
    """What ours cost in each number, in one workspace and one triggerer that grow."""
    costs: dict[int, Cost] = {}
    with endpoints() as services, Triggerer(services, SETTINGS) as triggerer:
        ids = services.sandbox.add_campaigns(1, "Waiting", status=int(CampaignStatus.DRAFT))
        first = Planted("ours_on_worker", 1, 1, ids[:])
        growth = Growth(triggerer, first, services.sandbox_requests)
        there = 0
        for number in numbers:
            ids += services.sandbox.add_campaigns(number - len(ids), "Waiting", status=int(CampaignStatus.DRAFT))
            more = Planted("ours_on_worker", TASKS, (number - there) // TASKS, ids[there:])
            costs[number] = growth.to([more], window if number > PER_PAGE else short_window)
            there = number
    return costs


def _costs_of_the_least(numbers: tuple[int, ...], window: float) -> dict[int, Cost]:
    """What waits cost that do nothing, in each number, in one triggerer that grows."""
    costs: dict[int, Cost] = {}
    with endpoints() as services, Triggerer(services, SETTINGS) as triggerer:
        growth = Growth(triggerer, bare.first(), lambda: 0)
        there = 0
        for number in numbers:
            costs[number] = growth.to([bare.sleeping("bare_on_worker", TASKS, number - there)], window)
            there = number
    return costs


def _rows(what: str, number: int, cost: Cost, before: float | None, window: float, note: str) -> list[Row]:
    pages = math.ceil(number / PER_PAGE)
    # An interval is shortened by up to a twentieth, by chance.
    limit = pages * 60 / (0.95 * INTERVAL)
    # A window may catch one poll more than its length says.
    met = cost.requests <= limit + pages * 60 / window
    cpu = cost.cpu / number * 1e3
    falls = None if before is None else cpu < before
    return [
        Row(f"{what}: API requests", cost.requests, limit, "1/min", "at most ∝ N/100", met, note),
        Row(f"{what}: triggerer CPU per wait", cpu, before, "ms/min", "" if before is None else "falls", falls, note),
        Row(f"{what}: memory per wait", cost.memory / 1e3, None, "kB"),
        Row(f"{what}: event loop blocked, longest", max(cost.blocked, default=0.0), None, "s"),
    ]


def _rows_of_the_least(number: int, ours: Cost, least: Cost) -> list[Row]:
    note = f"{bare.AGAINST.capitalize()}: they only sleep, and were begun on workers, too."
    figures = [
        ("triggerer CPU per wait", [each.cpu / number * 1e3 for each in (ours, least)], "ms/min"),
        ("memory per wait", [each.memory / 1e3 for each in (ours, least)], "kB"),
        ("event loop blocked, longest", [max(each.blocked, default=0.0) for each in (ours, least)], "s"),
    ]
    return [
        Row(f"{number:,} waits: {name}, {bare.AGAINST}", mine, theirs, unit, note=note)
        for name, (mine, theirs), unit in figures
    ]


def _cost(kind: str, number: int, window: float, status: CampaignStatus = CampaignStatus.DRAFT) -> Cost:
    with endpoints() as services:
        ids = services.sandbox.add_campaigns(number, "Waiting", status=int(status))
        with Triggerer(services, SETTINGS) as triggerer:
            some, first = Planted(kind, TASKS, number // TASKS, ids), Planted(kind, 1, 1, ids[:1])
            return measure([some], first, triggerer, services.sandbox_requests, window, linked=False)
