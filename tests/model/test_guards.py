"""
The promises about guards, pauses, brakes and whole pipelines of docs/reliability.md, under every fault at every moment.

These 300 schedules are always the same; `make soak` plays many more, others each time.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.actors import Try, play
from tests.model.figures import SETTINGS, Counted, fail_with
from tests.model.guards_promises import broken
from tests.model.guards_schedule import CHAINS, SCHEDULES, GuardedSchedule
from tests.model.guards_stage import GuardedStage, Shown
from tests.model.promises import describe
from tests.model.stage import Activation


@dataclass
class Figures(Counted):
    """What was tried, counted."""

    launched: int = 0
    pauses: int = 0
    emails: int = 0

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

    def own_line(self) -> str:
        return f"launches {self.launched:,}, pauses {self.pauses:,}, e-mails {self.emails:,}"


FIGURES = Figures()
#: What a soak draws its stories from.
OTHERS = st.one_of(SCHEDULES, SCHEDULES, CHAINS)


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
    fail_with(play_and_judge(schedule))


@settings(SETTINGS, max_examples=220)
@given(SCHEDULES)
def test_the_promises_hold(schedule: GuardedSchedule) -> None:
    check(schedule)


@settings(SETTINGS, max_examples=80)
@given(CHAINS)
def test_the_promises_hold_from_leads_to_pause(schedule: GuardedSchedule) -> None:
    check(schedule)


def test_the_figures() -> None:
    """Guards, pauses and brakes ended well and otherwise, and most of what can be injected was."""
    assert len(FIGURES.injected) > 25
    for kind in ("guard", "pause", "brake", "launch", "fill", "check"):
        assert FIGURES.outcomes[f"{kind}: success"], kind
    assert FIGURES.outcomes["guard: LimitBreachedError"]
    assert FIGURES.pauses > 20
    assert FIGURES.emails
