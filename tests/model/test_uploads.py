"""
The promises about leads of docs/reliability.md, under every fault at every moment.

These 500 schedules are always the same; `make soak` plays many more, others each time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.model.uploads_actors import Try, play
from tests.model.uploads_promises import broken, describe
from tests.model.uploads_schedule import SCHEDULES, Schedule
from tests.model.uploads_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


@dataclass
class Figures:
    """What was tried, counted."""

    began: float = field(default_factory=monotonic)
    requests: list[int] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    sent: int = 0
    added: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, world: World, tries: list[Try]) -> None:
        self.requests.append(world.number)
        self.injected += world.injected
        self.tries += len(tries)
        self.outcomes.update("success" if one.error is None else type(one.error).__name__ for one in tries)
        self.sent += sum(len(sent.persons) for sent in world.ledger)
        self.added += sum(len(sent.added) for sent in world.ledger)

    def __add__(self, other: Figures) -> Figures:
        """Both together, from the earlier beginning on."""
        merged = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Figures(**{**merged, "began": min(self.began, other.began)})

    def lines(self) -> Iterator[str]:
        yield f"promises broken: {len(self.broken):,}"
        yield f"schedules {len(self.requests):,}, tries of tasks {self.tries:,}, {monotonic() - self.began:,.0f} s"
        yield f"leads sent {self.sent:,}, added {self.added:,}"
        per_schedule = f"median {median(self.requests):.0f}, max {max(self.requests)}"
        yield f"requests {sum(self.requests):,}; per schedule: {per_schedule}"
        yield f"faults and events {self.injected.total():,}:"
        yield from (f"  {count:7,}  {kind}" for kind, count in self.injected.most_common())
        yield f"ends of tries {self.outcomes.total():,}:"
        yield from (f"  {count:7,}  {kind}" for kind, count in self.outcomes.most_common())


FIGURES = Figures()


def play_and_judge(schedule: Schedule) -> str:
    """Play one schedule; return what broke a promise, and the story, or an empty string."""
    world = World(schedule)
    tries = play(world)
    FIGURES.add(world, tries)
    wrong = broken(world, tries)
    return "\n".join([*wrong, describe(world, tries), repr(schedule)]) if wrong else ""


def check(schedule: Schedule) -> None:
    """Play one schedule and hold the provider to its promises."""
    story = play_and_judge(schedule)
    if story:
        raise AssertionError(story)


@SETTINGS
@given(SCHEDULES)
def test_the_promises_hold(schedule: Schedule) -> None:
    check(schedule)


def soak(*, seed_number: int, schedules: int) -> None:
    """
    Play other schedules, all of them, and keep the stories that break a promise.

    :param seed_number: which.
    :param schedules: how many.
    """

    @seed(seed_number)
    @settings(SETTINGS, max_examples=schedules, derandomize=False)
    @given(SCHEDULES)
    def play_one(schedule: Schedule) -> None:
        story = play_and_judge(schedule)
        if story:
            again = f"soak.py --stories uploads --schedules {schedules} --seed {seed_number}"
            FIGURES.broken.append(f"{story}\nAmong these: {again}")

    play_one()


def test_the_figures() -> None:
    """Uploads ended well and otherwise, and all that can be injected was."""
    assert len(FIGURES.injected) > 20
    assert FIGURES.outcomes["success"] > 50
    assert len(FIGURES.outcomes) >= 8
