"""
What may happen to tasks that use this provider, as a value that hypothesis can make and make smaller.

A schedule says which tasks run, and what happens just before, or instead of, the n-th request that they make. So
«between any two requests» is really any.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol
from uuid import UUID

from hypothesis import strategies as st

from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, STOPPED, SUBSEQUENCES, UNKNOWN


@dataclass(frozen=True)
class Fault:
    """
    Something that goes wrong with one request and its answer.

    :param kind: how the figures name it.
    :param fault: the sandbox's fault, or None for those that the stage itself makes: a connection that is refused,
        and an activation that takes effect only when its client has long given up.
    :param waits: whether the client has to wait for its own timeout.
    """

    kind: str
    fault: tuple[tuple[str, Any], ...] | None = None
    waits: bool = False


@dataclass(frozen=True)
class Event:
    """
    Something that happens between two requests.

    :param kind: what.
    :param value: a status, or seconds.
    :param campaign: which of the campaigns, counted round.
    """

    kind: str
    value: float = 0
    campaign: int = 0


class Plan(Protocol):
    """A task, and how often it is tried and cleared."""

    @property
    def retries(self) -> int: ...

    @property
    def clears(self) -> int: ...


@dataclass(frozen=True)
class LaunchPlan:
    """A task with `ActivateCampaignOperator`, and how often it is tried and cleared."""

    wait: str = ""  # "", "worker", "deferred", "shared"
    reactivate_stopped: bool = False
    resume_paused: bool = True
    check_before: bool = True
    preflight: str = ""  # "", "allows", "refuses"
    stable_for: float = 0.0
    timeout: float = 300.0
    pause_on_kill: bool = False
    retries: int = 1
    clears: int = 0


@dataclass(frozen=True)
class WaitPlan:
    """A task with `CampaignStatusSensor`, and how often it is tried."""

    mode: str = "poke"  # "reschedule", "deferred", "shared", "from_trigger"
    campaigns: int = 1
    stable_for: float = 0.0
    timeout: float = 300.0
    failure_budget: float = 600.0
    fail_fast: bool = True
    soft_fail: bool = False
    silent_fail: bool = False
    retries: int = 1
    clears: int = 0


@dataclass(frozen=True)
class Schedule:
    """
    One story.

    :param status: of the campaign at first.
    :param script: what Instantly makes of it after an activation; None: Active at once.
    :param tasks: what runs, one after the other.
    :param happens: what happens before the n-th request, counted from 1.
    :param remembers: whether Airflow keeps task state, as it does from 3.3.
    :param page_size: how many campaigns a page of the list has; with one, three campaigns make a long list.
    :param beside: what can run in the middle of another task; an event's value says which of them.
    :param is_chain: whether a task that fails keeps the next ones from running, except brakes, guards and pauses.
    """

    status: int
    script: tuple[tuple[float, int], ...] | None
    tasks: tuple[Plan, ...]
    happens: tuple[tuple[int, Fault | Event], ...]
    remembers: bool
    page_size: int = 100
    beside: tuple[Plan, ...] = ()
    is_chain: bool = False


def _sandbox(kind: str, fault: str, *, waits: bool = False, **more: Any) -> Fault:
    return Fault(kind, (("kind", fault), *more.items()), waits=waits)


#: Longer than the client waits, so that it runs into its own timeout.
STALL: Final = 0.4

_WRONG_FIELDS = st.dictionaries(
    st.sampled_from(["status", "id", "name", "not_sending_status", "campaign_schedule", "email_list", "diagnostics"]),
    st.sampled_from([None, "one", "", [], {}, 1.5, True, 1e300, 2**70, [None], {"schedules": 7}, "\x00\n"]),
    min_size=1,
    max_size=3,
)
#: Airflow tells a task to end: with SIGTERM on its worker, by cancelling its trigger in the triggerer.
KILL: Final = "task is killed"
#: Another task begins, and ends, before the n-th request: as a second worker would do it at that moment.
BESIDE: Final = "another task runs"
#: The story's other campaigns: a cache or a proxy may hand out their documents.
OTHERS: Final = tuple(str(UUID(int=0xC0FFEE + n)) for n in (1, 2))
ANOTHER: Final = "document of another campaign"


def another_campaign(status: int, moment: str = "after", which: int = 0) -> Fault:
    """An answer about another campaign than the one asked for, before or after the request took effect."""
    document = {"id": OTHERS[which], "name": "Another", "status": status}
    return _sandbox(ANOTHER, "body", json=document, moment=moment)


_ABSURD = st.sampled_from(["soon", "-5", "1e400", "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT", ""])
_MOMENTS = st.sampled_from(["before", "after"])

FAULTS: Final = st.one_of(
    st.just(_sandbox("429 without Retry-After", "error", status=429)),
    st.builds(
        lambda s: _sandbox("429 with Retry-After", "error", status=429, retry_after=float(s)), st.integers(0, 400)
    ),
    st.builds(
        lambda s: _sandbox("429 with a date", "error", status=429, retry_after=float(s), retry_after_date=True),
        st.integers(0, 400),
    ),
    st.builds(lambda text: _sandbox("429 with an absurd Retry-After", "error", status=429, retry_after=text), _ABSURD),
    st.builds(
        lambda status, moment: _sandbox(f"5xx JSON {moment} the effect", "error", status=status, moment=moment),
        st.sampled_from([500, 502, 503]),
        _MOMENTS,
    ),
    st.builds(
        lambda moment, form: _sandbox(f"5xx HTML {moment} the effect", "error", format=form, moment=moment),
        _MOMENTS,
        st.sampled_from(["html", "empty"]),
    ),
    st.just(_sandbox("reset before the effect", "reset", moment="before")),
    st.just(_sandbox("reset after the effect", "reset", moment="after")),
    st.just(_sandbox("timeout before the effect", "error", waits=True, delay=STALL)),
    st.just(_sandbox("timeout after the effect", "delay", waits=True, delay=STALL, moment="after")),
    st.just(_sandbox("slow bytes", "drip", waits=True, bytes_per_second=40.0)),
    st.builds(
        lambda keep, announced: _sandbox("truncated", "truncate", keep=keep, announce_all=announced),
        st.sampled_from([0.0, 0.3, 0.95]),
        st.booleans(),
    ),
    st.builds(
        lambda announced, packed: _sandbox("oversized", "oversize", announce=announced, gzip=packed),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(lambda fields: _sandbox("wrong types", "fields", fields=fields), _WRONG_FIELDS),
    st.builds(
        lambda body, moment: _sandbox("not an object", "body", json=body, moment=moment),
        st.sampled_from([None, [], "ok", 1, {}, {"items": 3}, {"items": [None, 7]}, {"error": "later"}]),
        _MOMENTS,
    ),
    st.just(_sandbox("HTML with 200", "body", text="<html>fine</html>", content_type="text/html")),
    st.just(_sandbox("redirect", "redirect", location="http://127.0.0.1:1/api/v2/elsewhere")),
    st.builds(
        another_campaign,
        st.sampled_from([DRAFT, ACTIVE, PAUSED, COMPLETED, BOUNCED]),
        _MOMENTS,
        st.sampled_from([0, 1]),
    ),
    st.just(_sandbox("cursor that repeats", "repeat_cursor", count=1)),
    st.just(Fault("connection refused")),
    st.just(Fault("effect that comes late", waits=True)),
)

EVENTS: Final = st.one_of(
    st.builds(Event, st.just("a person pauses"), campaign=st.integers(0, 2)),
    st.builds(Event, st.just("a person pauses")),
    st.builds(Event, st.just("a person activates"), campaign=st.integers(0, 2)),
    st.builds(Event, st.just("Instantly stops"), st.sampled_from(STOPPED), st.integers(0, 2)),
    st.builds(Event, st.just("Instantly stops"), st.sampled_from(STOPPED)),
    st.builds(Event, st.just("Instantly completes"), st.just(COMPLETED), st.integers(0, 2)),
    st.builds(Event, st.just("an unknown status"), st.just(UNKNOWN), st.integers(0, 2)),
    st.builds(Event, st.just("subsequences run"), st.just(SUBSEQUENCES), st.integers(0, 2)),
    st.builds(Event, st.just("deleted"), campaign=st.integers(0, 2)),
    st.builds(Event, st.just("key revoked")),
    st.builds(Event, st.just("key valid again")),
    st.builds(Event, st.just("key may only read")),
    st.builds(Event, st.just("key may only update")),
    st.builds(Event, st.just("plan unpaid")),
    st.builds(Event, st.just("clock jumps"), st.sampled_from([-3600.0, -61.0, 61.0, 3600.0, 86_400.0])),
    st.builds(Event, st.just("time passes"), st.sampled_from([1.0, 30.0, 120.0])),
    st.builds(Event, st.just("the task state store is slow"), st.sampled_from([0.0, 1.5, 30.0])),
    st.builds(Event, st.just(KILL)),
    st.builds(Event, st.just("process dies before the request")),
    st.builds(Event, st.just("process dies after the answer")),
)

SCRIPTS: Final = st.one_of(
    st.none(),
    st.sampled_from(
        [
            ((0.0, ACTIVE),),
            ((3.0, ACTIVE),),
            ((25.0, ACTIVE),),
            ((0.0, ACTIVE), (0.5, COMPLETED)),
            ((0.0, ACTIVE), (90.0, BOUNCED)),
            ((2.0, ACTIVE), (4.0, -1)),
            ((5.0, -1),),
            ((40.0, ACTIVE), (200.0, COMPLETED)),
            ((0.0, UNKNOWN), (60.0, ACTIVE)),
            ((10.0, ACTIVE), (70.0, SUBSEQUENCES)),
        ]
    ),
)


def _possible(plan: LaunchPlan | WaitPlan) -> LaunchPlan | WaitPlan:
    """What is about a wait is refused without one, and so is a target that has to hold as long as the wait lasts."""
    if not isinstance(plan, LaunchPlan) or plan.wait:
        return replace(plan, stable_for=min(plan.stable_for, 0.9 * plan.timeout))
    return replace(plan, stable_for=0.0, pause_on_kill=False)


_LAUNCHES: Final = st.builds(
    LaunchPlan,
    wait=st.sampled_from(["", "", "worker", "deferred", "shared"]),
    reactivate_stopped=st.booleans(),
    resume_paused=st.booleans(),
    check_before=st.sampled_from([True, True, True, False]),
    stable_for=st.sampled_from([0.0, 45.0, 120.0]),
    timeout=st.sampled_from([30.0, 300.0]),
    pause_on_kill=st.booleans(),
    retries=st.integers(0, 2),
    clears=st.sampled_from([0, 0, 1]),
).map(_possible)
#: The rarer switches, with tries to come that have to know what the earlier ones did.
_RARE_LAUNCHES: Final = st.builds(
    LaunchPlan,
    wait=st.sampled_from(["", "worker", "worker", "deferred", "shared"]),
    reactivate_stopped=st.sampled_from([True, True, False]),
    resume_paused=st.sampled_from([True, False]),
    check_before=st.booleans(),
    stable_for=st.sampled_from([0.0, 120.0]),
    timeout=st.just(300.0),
    pause_on_kill=st.sampled_from([True, True, False]),
    retries=st.integers(1, 2),
    clears=st.sampled_from([0, 1]),
).map(_possible)
_WAITS: Final = st.builds(
    WaitPlan,
    mode=st.sampled_from(["poke", "reschedule", "deferred", "shared", "from_trigger"]),
    campaigns=st.sampled_from([1, 1, 3]),
    stable_for=st.sampled_from([0.0, 0.0, 45.0, 120.0]),
    timeout=st.sampled_from([30.0, 300.0]),
    failure_budget=st.sampled_from([0.0, 90.0, 600.0]),
    fail_fast=st.booleans(),
    soft_fail=st.sampled_from([False, False, True]),
    silent_fail=st.sampled_from([False, False, False, True]),
    retries=st.integers(0, 1),
    clears=st.sampled_from([0, 0, 1]),
).map(_possible)
#: Early requests are where launches are decided, so most things happen there.
_MOMENT: Final = st.one_of(st.integers(1, 6), st.integers(1, 12), st.integers(1, 30))

_STATUSES: Final = st.sampled_from([DRAFT, DRAFT, PAUSED, PAUSED, COMPLETED, ACTIVE, *STOPPED, SUBSEQUENCES, UNKNOWN])
#: What makes a try end without knowing what it did, and what others do before the next one.
_DEADLY: Final = st.one_of(
    st.builds(Event, st.just("process dies before the request")),
    st.builds(Event, st.just("process dies after the answer")),
    st.builds(Event, st.just(KILL)),
    st.just(_sandbox("reset before the effect", "reset", moment="before")),
    st.just(_sandbox("reset after the effect", "reset", moment="after")),
)
_BY_OTHERS: Final = st.one_of(
    st.builds(Event, st.just("a person pauses")),
    st.builds(Event, st.just("Instantly stops"), st.sampled_from(STOPPED)),
    st.builds(Event, st.just("Instantly completes"), st.just(COMPLETED)),
)


def _sorted(pairs: Any) -> tuple[tuple[int, Fault | Event], ...]:
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


_ANY_SCHEDULE: Final = st.builds(
    Schedule,
    status=_STATUSES,
    script=SCRIPTS,
    tasks=st.one_of(
        st.builds(lambda task: (task,), _LAUNCHES),
        st.builds(lambda task: (task,), _WAITS),
        st.tuples(_LAUNCHES, _WAITS),
        st.tuples(_LAUNCHES, _LAUNCHES),
    ),
    happens=st.lists(st.tuples(_MOMENT, st.one_of(FAULTS, FAULTS, EVENTS)), max_size=8).map(_sorted),
    remembers=st.booleans(),
    page_size=st.sampled_from([100, 1]),
)
#: Processes that die together with the rarer switches: where what a try did is easily taken for something else.
_DEADLY_SCHEDULE: Final = st.builds(
    Schedule,
    status=_STATUSES,
    script=SCRIPTS,
    tasks=st.one_of(st.builds(lambda task: (task,), _RARE_LAUNCHES), st.tuples(_RARE_LAUNCHES, _RARE_LAUNCHES)),
    happens=st.builds(
        lambda *parts: _sorted([pair for part in parts for pair in part]),
        st.lists(st.tuples(st.integers(1, 8), _DEADLY), min_size=1, max_size=3),
        st.lists(st.tuples(st.integers(2, 12), _BY_OTHERS), max_size=2),
        st.lists(st.tuples(_MOMENT, st.one_of(FAULTS, EVENTS)), max_size=2),
    ),
    remembers=st.sampled_from([True, True, False]),
    page_size=st.sampled_from([100, 1]),
)
SCHEDULES: Final = st.one_of(_ANY_SCHEDULE, _ANY_SCHEDULE, _DEADLY_SCHEDULE)


def _checked(schedule: Schedule, preflight: str) -> Schedule:
    """The same, with a check before each launch."""
    tasks = (
        replace(task, preflight=preflight, check_before=True) if isinstance(task, LaunchPlan) else task
        for task in schedule.tasks
    )
    return replace(schedule, tasks=tuple(tasks))


CHECKED_SCHEDULES: Final = st.builds(_checked, SCHEDULES, st.sampled_from(["allows", "allows", "refuses"]))
