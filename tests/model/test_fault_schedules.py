"""
The promises of docs/reliability.md, under every fault at every moment.

These 500 schedules are always the same; `make soak` plays many more, others each time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.model.actors import Try, play
from tests.model.fault_schedule import CHECKED_SCHEDULES, SCHEDULES, LaunchPlan, Schedule
from tests.model.promises import broken, describe
from tests.model.stage import Activation, Stage

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
    launches_due: int = 0
    launches_made: int = 0
    relaunches: int = 0
    repeated: int = 0
    tries: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, stage: Stage, tries: list[Try]) -> None:
        self.requests.append(stage.number)
        self.injected += stage.injected
        self.tries += len(tries)
        for one in tries:
            kind = "launch" if isinstance(one.plan, LaunchPlan) else "wait"
            self.outcomes[f"{kind}: {'success' if one.succeeded else type(one.error).__name__}"] += 1
        made = [entry for entry in stage.ledger if isinstance(entry, Activation)]
        effective = [entry.exchange.task[0] for entry in made if entry.effective]
        # Each launching task that an activation reached was due one launch; more needs what the rules allow.
        self.launches_due += len({entry.exchange.task[0] for entry in made})
        self.launches_made += len(set(effective))
        self.relaunches += len(effective) - len(set(effective))
        self.repeated += len(made) - len(effective)

    def __add__(self, other: Figures) -> Figures:
        """Both together, from the earlier beginning on."""
        merged = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Figures(**{**merged, "began": min(self.began, other.began)})

    def lines(self) -> Iterator[str]:
        yield f"promises broken: {len(self.broken):,}"
        yield f"schedules {len(self.requests):,}, tries of tasks {self.tries:,}, {monotonic() - self.began:,.0f} s"
        yield (
            f"launches due {self.launches_due:,}, made {self.launches_made:,}; "
            f"launched again after a change that allows it {self.relaunches:,}; "
            f"activations of what was launched already {self.repeated:,}"
        )
        per_schedule = f"median {median(self.requests):.0f}, max {max(self.requests)}"
        yield f"requests {sum(self.requests):,}; per schedule: {per_schedule}"
        yield f"faults and events {self.injected.total():,}:"
        yield from (f"  {count:7,}  {kind}" for kind, count in self.injected.most_common())
        yield f"ends of tries {self.outcomes.total():,}:"
        yield from (f"  {count:7,}  {kind}" for kind, count in self.outcomes.most_common())


FIGURES = Figures()


def play_and_judge(schedule: Schedule) -> str:
    """Play one schedule; return what broke a promise, and the story, or an empty string."""
    stage = Stage(schedule)
    tries = play(stage)
    FIGURES.add(stage, tries)
    wrong = broken(stage, tries)
    return "\n".join([*wrong, describe(stage, tries), repr(schedule)]) if wrong else ""


def check(schedule: Schedule) -> None:
    """Play one schedule and hold the provider to its promises."""
    story = play_and_judge(schedule)
    if story:
        raise AssertionError(story)


@SETTINGS
@given(SCHEDULES)
def test_the_promises_hold(schedule: Schedule) -> None:
    check(schedule)


@settings(SETTINGS, max_examples=200)
@given(CHECKED_SCHEDULES)
def test_the_promises_hold_with_a_check_before_the_launch(schedule: Schedule) -> None:
    check(schedule)


def soak(*, seed_number: int, schedules: int) -> None:
    """
    Play other schedules, all of them, and keep the stories that break a promise.

    :param seed_number: which.
    :param schedules: how many.
    """

    @seed(seed_number)
    @settings(SETTINGS, max_examples=schedules, derandomize=False)
    @given(st.one_of(SCHEDULES, SCHEDULES, CHECKED_SCHEDULES))
    def play_one(schedule: Schedule) -> None:
        story = play_and_judge(schedule)
        if story:
            FIGURES.broken.append(f"{story}\nAmong these: soak.py --schedules {schedules} --seed {seed_number}")

    play_one()


def test_the_figures() -> None:
    """Launches and waits ended well and otherwise, and most of what can be injected was."""
    assert len(FIGURES.injected) > 25
    assert FIGURES.outcomes["launch: success"]
    assert FIGURES.outcomes["wait: success"]
