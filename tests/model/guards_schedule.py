"""
What may happen to tasks that guard, pause, check and fill a campaign, beside tasks that launch it.

A schedule is one of launches with e-mails that leave, bounce and are counted late; some tasks run in the middle of
another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from tests.model.fault_schedule import (
    BESIDE,
    EVENTS,
    FAULTS,
    KILL,
    OTHERS,
    SCRIPTS,
    Event,
    Fault,
    LaunchPlan,
    Plan,
    Schedule,
)
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, STOPPED, SUBSEQUENCES, UNKNOWN

T = TypeVar("T")


@dataclass(frozen=True)
class PausePlan:
    """A task with `PauseCampaignOperator`, and how often it is tried and cleared."""

    pause_drafts: bool = False
    retries: int = 1
    clears: int = 0
    after: float = 0.0


@dataclass(frozen=True)
class GuardPlan:
    """
    A task with `CampaignAnalyticsOperator`, and how often it is tried and cleared.

    :param campaigns: how many campaigns it guards.
    :param after: seconds that pass before it begins.
    """

    on_breach: str = "pause"
    campaigns: int = 1
    max_bounce_rate: float | None = 0.05
    max_unsubscribe_rate: float | None = None
    min_reply_rate: float | None = None
    min_contacted: int | None = None
    min_sent: int = 100
    confidence: float = 0.99
    retries: int = 1
    clears: int = 0
    after: float = 0.0


@dataclass(frozen=True)
class BrakePlan:
    """
    A `PauseCampaignNotifier`, called once.

    :param in_triggerer: whether the triggerer calls it, as for a deadline.
    :param only_after_failure: whether it is the callback of the task before it, if that one failed.
    """

    campaigns: int = 1
    pause_drafts: bool = False
    in_triggerer: bool = False
    only_after_failure: bool = False
    retries: int = 0
    clears: int = 0
    after: float = 0.0


@dataclass(frozen=True)
class FillPlan:
    """
    A task with `AddLeadsOperator`.

    :param rows: the numbers of the persons in its input.
    :param bouncing: those of them whose e-mails bounce.
    """

    rows: tuple[int, ...] = tuple(range(1, 7))
    bouncing: frozenset[int] = frozenset()
    chunk_size: int = 3
    retries: int = 1
    clears: int = 0
    after: float = 0.0


@dataclass(frozen=True)
class CheckPlan:
    """A task with `CheckCampaignOperator`."""

    retries: int = 1
    clears: int = 0
    after: float = 0.0


@dataclass(frozen=True)
class Mails:
    """
    What a campaign has to send, and has sent when the story begins.

    :param leads: how many leads it has.
    :param bouncing: to how many of them, the first ones, e-mails bounce.
    :param unsubscribing: how many more unsubscribe.
    :param ran_for: seconds for which it has been Active before the story.
    """

    leads: int = 0
    bouncing: int = 0
    unsubscribing: int = 0
    ran_for: float = 0.0


@dataclass(frozen=True)
class GuardedSchedule(Schedule):
    """
    One story.

    :param mails: of each campaign; those that are not named have no leads.
    :param lag: seconds by which figures are late.
    :param protect_rate: with more bounces than this share, Instantly stops a campaign; None never.
    """

    mails: tuple[Mails, ...] = ()
    lag: float = 0.0
    protect_rate: float | None = None


def figures_fault(kind: str, *elements: dict[str, Any]) -> Fault:
    """An answer about figures that is not true, with HTTP 200. Other requests get the same body, and it is none."""
    return Fault(kind, (("kind", "body"), ("json", list(elements)), ("moment", "after")))


def shown_figures(campaign: int, **figures: Any) -> dict[str, Any]:
    """An element of the answer about figures."""
    ids = (FIRST, *OTHERS)
    return {"campaign_id": ids[campaign], "campaign_name": "Story", "campaign_status": ACTIVE, **figures}


#: The campaign that launches and pauses are about.
FIRST: Final = "00000000-0000-0000-0000-000000c0ffee"
_COUNTS: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [0, 1, 3, 20, 99, 100, 1000, -1, 2.0, 2.5, True, None, "4", [], 2**70]
)
_NAMES: Final = ("emails_sent_count", "bounced_count", "reply_count", "unsubscribed_count", "contacted_count")
_FALSE_FIGURES: Final = st.one_of(
    st.just(figures_fault("[] of what has sent")),
    st.just(figures_fault("figures of another campaign", shown_figures(2, emails_sent_count=200, bounced_count=100))),
    st.builds(
        lambda figures: figures_fault("figures of another kind", shown_figures(0, **figures)),
        st.dictionaries(st.sampled_from(_NAMES), _COUNTS, max_size=5),
    ),
    st.builds(
        lambda figures: figures_fault("figures of another kind", shown_figures(0, **figures)),
        st.fixed_dictionaries(dict.fromkeys(_NAMES, _COUNTS)),
    ),
    st.just(figures_fault("figures without an id", {"emails_sent_count": 200, "bounced_count": 100})),
)

_LIMITS: Final = st.sampled_from([None, 0.0, 0.05, 0.05, 0.3, 0.5])
PAUSES: Final = st.builds(
    PausePlan, pause_drafts=st.booleans(), retries=st.integers(0, 2), clears=st.sampled_from([0, 0, 1])
)


def _possible(plan: GuardPlan) -> GuardPlan:
    """A pause for too few contacts is refused."""
    return replace(plan, min_contacted=None) if plan.on_breach == "pause" else plan


GUARDS: Final = st.builds(
    GuardPlan,
    on_breach=st.sampled_from(["pause", "pause", "pause", "fail", "warn"]),
    campaigns=st.sampled_from([1, 1, 2, 3]),
    max_bounce_rate=st.sampled_from([0.0, 0.05, 0.05, 0.3, 0.5]),
    max_unsubscribe_rate=_LIMITS,
    min_reply_rate=st.sampled_from([None, None, None, 0.01, 0.5]),
    min_contacted=st.sampled_from([None, None, 1, 5]),
    min_sent=st.sampled_from([1, 5, 12, 100]),
    confidence=st.sampled_from([0.5, 0.8, 0.99]),
    retries=st.integers(0, 2),
    clears=st.sampled_from([0, 0, 1]),
    after=st.sampled_from([0.0, 0.0, 60.0, 900.0]),
).map(_possible)
BRAKES: Final = st.builds(
    BrakePlan,
    campaigns=st.sampled_from([1, 1, 3]),
    pause_drafts=st.booleans(),
    in_triggerer=st.booleans(),
    only_after_failure=st.booleans(),
)
LAUNCHES: Final = st.builds(
    LaunchPlan,
    wait=st.sampled_from(["", "", "worker", "deferred"]),
    reactivate_stopped=st.booleans(),
    resume_paused=st.sampled_from([True, True, False]),
    timeout=st.just(300.0),
    retries=st.integers(0, 2),
    clears=st.sampled_from([0, 0, 1]),
)

_MAILS: Final = st.builds(
    Mails,
    leads=st.sampled_from([0, 2, 5, 12, 16]),
    bouncing=st.sampled_from([0, 1, 2, 4, 12]),
    unsubscribing=st.sampled_from([0, 0, 1, 3]),
    ran_for=st.sampled_from([0.0, 300.0, 1200.0, 10_000.0]),
)
_MOMENT: Final = st.one_of(st.integers(1, 4), st.integers(1, 9), st.integers(1, 25))
_BESIDE: Final = st.one_of(st.just(Event(BESIDE, 0)), st.just(Event(BESIDE, 1)))
#: What makes a pause end in doubt, and what others do to a campaign that is to be paused.
_ABOUT_PAUSES: Final = st.one_of(
    st.sampled_from(
        [
            Fault("reset before the effect", (("kind", "reset"), ("moment", "before"))),
            Fault("reset after the effect", (("kind", "reset"), ("moment", "after"))),
            Fault("effect that comes late", waits=True),
            Fault("429 with Retry-After", (("kind", "error"), ("status", 429), ("retry_after", 300.0))),
            Fault("connection refused"),
            Event(KILL),
            Event("process dies before the request"),
            Event("process dies after the answer"),
            Event("a person activates"),
            Event("a person pauses"),
            Event("Instantly completes", COMPLETED),
            Event("an unknown status", UNKNOWN),
        ]
    ),
    st.builds(Event, st.just("Instantly stops"), st.sampled_from(STOPPED)),
)


def sorted_by_moment(pairs: list[tuple[int, T]]) -> tuple[tuple[int, T], ...]:
    """What happens, the earliest first."""
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


_HAPPENS: Final = st.builds(
    lambda *parts: sorted_by_moment([pair for part in parts for pair in part]),
    st.lists(st.tuples(_MOMENT, st.one_of(FAULTS, EVENTS)), max_size=3),
    st.lists(st.tuples(st.integers(1, 10), _ABOUT_PAUSES), max_size=3),
    st.lists(st.tuples(st.integers(1, 4), _FALSE_FIGURES), max_size=1),
    st.lists(st.tuples(st.integers(1, 8), _BESIDE), max_size=2),
)
#: Those who decide about the same campaign, in any order.
_PARTS: Final = st.one_of(GUARDS, GUARDS, PAUSES, BRAKES, LAUNCHES)
_ANY_SCHEDULE: Final = st.builds(
    GuardedSchedule,
    status=st.sampled_from([*[ACTIVE] * 6, SUBSEQUENCES, UNKNOWN, PAUSED, DRAFT, COMPLETED, BOUNCED]),
    script=SCRIPTS,
    tasks=st.one_of(st.tuples(_PARTS), st.tuples(_PARTS, _PARTS), st.tuples(LAUNCHES, BRAKES, GUARDS)),
    happens=_HAPPENS,
    remembers=st.booleans(),
    page_size=st.sampled_from([100, 1]),
    mails=st.lists(_MAILS, min_size=1, max_size=2).map(tuple),
    lag=st.sampled_from([0.0, 0.0, 60.0, 900.0]),
    protect_rate=st.sampled_from([None, None, None, 0.05]),
    beside=st.tuples(st.one_of(GUARDS, PAUSES), st.one_of(GUARDS, BRAKES, LAUNCHES)),
)
#: Campaigns that breach a limit, and pauses whose answers are lost, put off or come too late for a process that dies.
_EAGER: Final = st.one_of(
    st.builds(
        GuardPlan,
        campaigns=st.sampled_from([1, 2]),
        max_bounce_rate=st.just(0.05),
        min_sent=st.sampled_from([1, 100]),
        retries=st.integers(0, 2),
        clears=st.sampled_from([0, 1]),
    ),
    PAUSES,
    BRAKES.map(lambda plan: replace(plan, only_after_failure=False)),
)
_PAUSING_SCHEDULE: Final = st.builds(
    GuardedSchedule,
    status=st.sampled_from([ACTIVE, ACTIVE, SUBSEQUENCES, UNKNOWN, DRAFT]),
    script=SCRIPTS,
    tasks=st.one_of(st.tuples(_EAGER), st.tuples(_EAGER, LAUNCHES), st.tuples(LAUNCHES, _EAGER)),
    happens=st.builds(
        lambda *parts: sorted_by_moment([pair for part in parts for pair in part]),
        st.lists(st.tuples(st.integers(2, 8), _ABOUT_PAUSES), min_size=1, max_size=5),
        st.lists(st.tuples(st.integers(1, 10), st.one_of(FAULTS, EVENTS)), max_size=2),
        st.lists(st.tuples(st.sampled_from([1, 1, 5]), _FALSE_FIGURES), max_size=1),
        st.lists(st.tuples(st.integers(2, 6), _BESIDE), max_size=2),
    ),
    remembers=st.booleans(),
    mails=st.just((Mails(leads=8, bouncing=6, ran_for=10_000.0),) * 2),
    beside=st.tuples(_EAGER, LAUNCHES),
)
SCHEDULES: Final = st.one_of(_ANY_SCHEDULE, _PAUSING_SCHEDULE)


def _chain(
    bouncing: frozenset[int], launch: LaunchPlan, guard: GuardPlan, brake: BrakePlan, retries: int
) -> tuple[Plan, ...]:
    return (
        FillPlan(bouncing=bouncing, retries=retries),
        CheckPlan(retries=retries),
        launch,
        replace(brake, campaigns=1, only_after_failure=True),
        replace(guard, campaigns=1, after=1800.0),
        PausePlan(),
    )


#: Leads, check, launch, brake, guard, pause: a pipeline as a whole.
CHAINS: Final = st.builds(
    GuardedSchedule,
    status=st.sampled_from([DRAFT, DRAFT, DRAFT, PAUSED, ACTIVE]),
    script=SCRIPTS,
    tasks=st.builds(_chain, st.frozensets(st.integers(1, 6)), LAUNCHES, GUARDS, BRAKES, st.sampled_from([0, 1, 1, 2])),
    happens=st.builds(
        lambda *parts: sorted_by_moment([pair for part in parts for pair in part]),
        st.lists(st.tuples(st.integers(1, 40), st.one_of(FAULTS, EVENTS)), max_size=3),
        st.lists(st.tuples(st.integers(15, 45), _ABOUT_PAUSES), max_size=2),
        st.lists(st.tuples(st.integers(10, 40), _BESIDE), max_size=1),
    ),
    remembers=st.booleans(),
    mails=st.just((Mails(),)),
    lag=st.sampled_from([0.0, 60.0]),
    protect_rate=st.none(),
    beside=st.tuples(st.one_of(GUARDS, PAUSES), st.one_of(GUARDS, BRAKES)),
    is_chain=st.just(True),
)
