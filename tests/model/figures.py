"""How many stories are played, and what is counted of them: the same for launches, uploads and guards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field, fields
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from hypothesis import HealthCheck, Phase, given, seed, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

#: The same stories each time, and each is played to its end.
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
class Counted(ABC):
    """What is counted of every kind of story. Each kind adds fields of its own, and a line about them."""

    began: float = field(default_factory=monotonic)
    requests: list[int] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    broken: list[str] = field(default_factory=list)

    def __add__(self, other: Self) -> Self:
        """Both together, from the earlier beginning on."""
        merged = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return type(self)(**{**merged, "began": min(self.began, other.began)})

    @abstractmethod
    def own_line(self) -> str:
        """What only this kind of story has."""

    def lines(self) -> Iterator[str]:
        """All figures, for people."""
        yield f"promises broken: {len(self.broken):,}"
        yield f"schedules {len(self.requests):,}, tries of tasks {self.tries:,}, {monotonic() - self.began:,.0f} s"
        yield self.own_line()
        per_schedule = f"median {median(self.requests):.0f}, max {max(self.requests)}"
        yield f"requests {sum(self.requests):,}; per schedule: {per_schedule}"
        yield f"faults and events {self.injected.total():,}:"
        yield from (f"  {count:7,}  {kind}" for kind, count in self.injected.most_common())
        yield f"ends of tries {self.outcomes.total():,}:"
        yield from (f"  {count:7,}  {kind}" for kind, count in self.outcomes.most_common())


def fail_with(story: str) -> None:
    """
    Fail the test, if a promise was broken.

    :param story: the one that broke it; an empty text if none did.
    """
    if story:
        raise AssertionError(story)


def play_others(
    schedules: SearchStrategy[Any],
    play_and_judge: Callable[[Any], str],
    keep: Callable[[str], None],
    *,
    kind: str,
    seed_number: int,
    count: int,
) -> None:
    """
    Play other schedules, all of them, and keep the stories that break a promise.

    :param schedules: where they are drawn from.
    :param play_and_judge: plays one; returns the story if it broke a promise.
    :param keep: takes such a story, and the command that plays it again among others.
    :param kind: which stories these are, as the soak's command line names them.
    :param seed_number: which are drawn.
    :param count: how many.
    """

    @seed(seed_number)
    @settings(SETTINGS, max_examples=count, derandomize=False)
    @given(schedules)
    def play_one(schedule: Any) -> None:
        story = play_and_judge(schedule)
        if story:
            again = f"soak.py --stories {kind} --schedules {count} --seed {seed_number}"
            keep(f"{story}\nAmong these: {again}")

    play_one()
