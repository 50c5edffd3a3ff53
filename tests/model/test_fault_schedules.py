"""
The promises of docs/reliability.md, under every fault at every moment.

These 500 schedules are always the same; `make soak` plays many more, others each time.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.actors import Try, play
from tests.model.fault_schedule import CHECKED_SCHEDULES, SCHEDULES, LaunchPlan, Schedule
from tests.model.figures import SETTINGS, Counted, fail_with
from tests.model.promises import broken, describe
from tests.model.stage import Activation, Stage


@dataclass
class Figures(Counted):
    """What was tried, counted."""

    launches_due: int = 0
    launches_made: int = 0
    relaunches: int = 0
    repeated: int = 0

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

    def own_line(self) -> str:
        return (
            f"launches due {self.launches_due:,}, made {self.launches_made:,}; "
            f"launched again after a change that allows it {self.relaunches:,}; "
            f"activations of what was launched already {self.repeated:,}"
        )


FIGURES = Figures()
#: What a soak draws its stories from.
OTHERS = st.one_of(SCHEDULES, SCHEDULES, CHECKED_SCHEDULES)


def play_and_judge(schedule: Schedule) -> str:
    """Play one schedule; return what broke a promise, and the story, or an empty string."""
    stage = Stage(schedule)
    tries = play(stage)
    FIGURES.add(stage, tries)
    wrong = broken(stage, tries)
    return "\n".join([*wrong, describe(stage, tries), repr(schedule)]) if wrong else ""


def check(schedule: Schedule) -> None:
    """Play one schedule and hold the provider to its promises."""
    fail_with(play_and_judge(schedule))


@SETTINGS
@given(SCHEDULES)
def test_the_promises_hold(schedule: Schedule) -> None:
    check(schedule)


@settings(SETTINGS, max_examples=200)
@given(CHECKED_SCHEDULES)
def test_the_promises_hold_with_a_check_before_the_launch(schedule: Schedule) -> None:
    check(schedule)


def test_the_figures() -> None:
    """Launches and waits ended well and otherwise, and most of what can be injected was."""
    assert len(FIGURES.injected) > 25
    assert FIGURES.outcomes["launch: success"]
    assert FIGURES.outcomes["wait: success"]
