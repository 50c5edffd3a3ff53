"""
The promises about guards, pauses, brakes and whole pipelines of docs/reliability.md, under every fault at every moment.

These 300 schedules are always the same; `make soak` plays many more, others each time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from tests.model.actors import Try, play
from tests.model.guards_promises import broken
from tests.model.guards_schedule import CHAINS, SCHEDULES, GuardedSchedule
from tests.model.guards_stage import GuardedStage, Shown
from tests.model.promises import describe
from tests.model.stage import Activation
from tests.model.test_fault_schedules import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Figures:
    """What was tried, counted."""

    began: float = field(default_factory=monotonic)
    requests: list[int] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    launched: int = 0
    pauses: int = 0
    emails: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, stage: GuardedStage, tries: list[Try]) -> None:
        self.requests.append(stage.number)
        self.injected += stage.injected
        self.tries += len(tries)
        for one in tries:
            kind = type(one.plan).__name__.removesuffix("Plan").lower()
            self.outcomes[f"{kind}: {'success' if one.succeeded else type(one.error).__name__}"] += 1
        self.launched += sum(isinstance(entry, Activation) and entry.effective for entry in stage.ledger)
        self.pauses += sum(isinstance(entry, Shown) and entry.took_effect for entry in stage.ledger)
        self.emails += len(stage.emails())

    def __add__(self, other: Figures) -> Figures:
        """Both together, from the earlier beginning on."""
        merged = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Figures(**{**merged, "began": min(self.began, other.began)})

    def lines(self) -> Iterator[str]:
        yield f"promises broken: {len(self.broken):,}"
        yield f"schedules {len(self.requests):,}, tries of tasks {self.tries:,}, {monotonic() - self.began:,.0f} s"
        yield f"launches {self.launched:,}, pauses {self.pauses:,}, e-mails {self.emails:,}"
        per_schedule = f"median {median(self.requests):.0f}, max {max(self.requests)}"
        yield f"requests {sum(self.requests):,}; per schedule: {per_schedule}"
        yield f"faults and events {self.injected.total():,}:"
        yield from (f"  {count:7,}  {kind}" for kind, count in self.injected.most_common())
        yield f"ends of tries {self.outcomes.total():,}:"
        yield from (f"  {count:7,}  {kind}" for kind, count in self.outcomes.most_common())


FIGURES = Figures()


def play_and_judge(schedule: GuardedSchedule) -> str:
    """Play one schedule; return what broke a promise, and the story, or an empty string."""
    stage = GuardedStage(schedule)
    try:
        tries = play(stage)
        FIGURES.add(stage, tries)
        wrong = broken(stage, tries)
    finally:
        stage.end()
    return "\n".join([*wrong, describe(stage, tries), repr(schedule)]) if wrong else ""


def check(schedule: GuardedSchedule) -> None:
    """Play one schedule and hold the provider to its promises."""
    story = play_and_judge(schedule)
    if story:
        raise AssertionError(story)


@settings(SETTINGS, max_examples=220)
@given(SCHEDULES)
def test_the_promises_hold(schedule: GuardedSchedule) -> None:
    check(schedule)


@settings(SETTINGS, max_examples=80)
@given(CHAINS)
def test_the_promises_hold_from_leads_to_pause(schedule: GuardedSchedule) -> None:
    check(schedule)


def soak(*, seed_number: int, schedules: int) -> None:
    """
    Play other schedules, all of them, and keep the stories that break a promise.

    :param seed_number: which.
    :param schedules: how many.
    """

    @seed(seed_number)
    @settings(SETTINGS, max_examples=schedules, derandomize=False)
    @given(st.one_of(SCHEDULES, SCHEDULES, CHAINS))
    def play_one(schedule: GuardedSchedule) -> None:
        story = play_and_judge(schedule)
        if story:
            again = f"soak.py --stories guards --schedules {schedules} --seed {seed_number}"
            FIGURES.broken.append(f"{story}\nAmong these: {again}")

    play_one()


def test_the_figures() -> None:
    """Guards, pauses and brakes ended well and otherwise, and most of what can be injected was."""
    assert len(FIGURES.injected) > 25
    for kind in ("guard", "pause", "brake", "launch", "fill", "check"):
        assert FIGURES.outcomes[f"{kind}: success"], kind
    assert FIGURES.outcomes["guard: LimitBreachedError"]
    assert FIGURES.pauses > 20
    assert FIGURES.emails
