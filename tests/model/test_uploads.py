"""
The promises about leads of docs/reliability.md, under every fault at every moment.

These 500 schedules are always the same; `make soak` plays many more, others each time.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given

from tests.model.figures import SETTINGS, Counted, fail_with
from tests.model.uploads_actors import Try, play
from tests.model.uploads_promises import broken, describe
from tests.model.uploads_schedule import SCHEDULES, Schedule
from tests.model.uploads_world import World


@dataclass
class Figures(Counted):
    """What was tried, counted."""

    sent: int = 0
    added: int = 0

    def add(self, world: World, tries: list[Try]) -> None:
        self.requests.append(world.number)
        self.injected += world.injected
        self.tries += len(tries)
        self.outcomes.update("success" if one.error is None else type(one.error).__name__ for one in tries)
        self.sent += sum(len(sent.persons) for sent in world.ledger)
        self.added += sum(len(sent.added) for sent in world.ledger)

    def own_line(self) -> str:
        return f"leads sent {self.sent:,}, added {self.added:,}"


FIGURES = Figures()
#: What a soak draws its stories from.
OTHERS = SCHEDULES


def play_and_judge(schedule: Schedule) -> str:
    """Play one schedule; return what broke a promise, and the story, or an empty string."""
    world = World(schedule)
    tries = play(world)
    FIGURES.add(world, tries)
    wrong = broken(world, tries)
    return "\n".join([*wrong, describe(world, tries), repr(schedule)]) if wrong else ""


def check(schedule: Schedule) -> None:
    """Play one schedule and hold the provider to its promises."""
    fail_with(play_and_judge(schedule))


@SETTINGS
@given(SCHEDULES)
def test_the_promises_hold(schedule: Schedule) -> None:
    check(schedule)


def test_the_figures() -> None:
    """Uploads ended well and otherwise, and all that can be injected was."""
    assert len(FIGURES.injected) > 20
    assert FIGURES.outcomes["success"] > 50
    assert len(FIGURES.outcomes) >= 8
