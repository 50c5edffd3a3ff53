"""
What may happen to tasks that add leads, as a value that hypothesis can make and make smaller.

A schedule says which tasks run, and what happens just before, or instead of, the n-th request that they make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, UNHEALTHY, UNKNOWN

#: Airflow tells a task to end.
KILL: Final = "task is killed"
DIES_BEFORE: Final = "process dies before the request"
#: The request has left, and does what it does all the same.
DIES_AFTER: Final = "process dies after the request has left"
#: It takes seconds to make the connection, and the request leaves after that.
SLOW: Final = "the connection is slow"


@dataclass(frozen=True)
class Fault:
    """
    Something that goes wrong with one request and its answer.

    :param kind: how the figures name it.
    :param effect: which part of an upload takes effect: 0.0 none, 1.0 all.
    :param lasts: seconds over which that happens, after the client has given up.
    :param status: the HTTP status of the answer, or None where the answer is lost.
    :param fields: what stands in a good answer in the place of what is true; None: it is left out.
    """

    kind: str
    effect: float = 0.0
    lasts: float = 0.0
    status: int | None = None
    fields: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Event:
    """
    Something that happens between two requests.

    :param kind: what.
    :param value: a status, a row's number, or seconds.
    """

    kind: str
    value: int = 0


@dataclass(frozen=True)
class UploadPlan:
    """
    A task with `AddLeadsOperator`, and how often it is tried and cleared.

    :param rows: the numbers of the persons in its input; 0 is no address, and a person may be there twice.
    """

    rows: tuple[int, ...]
    chunk_size: int = 3
    if_running: str = "refuse"
    skip_if_in: str | None = None
    on_reject: str = "warn"
    min_present: float | None = None
    is_list: bool = False
    dry_run: bool = False
    retries: int = 1
    clears: int = 0
    retry_delay: float = 60.0


@dataclass(frozen=True)
class Schedule:
    """
    One story.

    :param status: of the campaign at first.
    :param tasks: what runs, one after the other.
    :param happens: what happens before the n-th request, counted from 1.
    :param there: who is in the campaign at first.
    :param elsewhere: who is in another campaign.
    :param blocked: who is on the block list.
    :param room: how many leads the plan has room for, or None for any number.
    :param refuses_whole: whether a request that the plan has no room for is answered with 402, or added in part.
    :param largest: leads in a request that is not too large.
    :param may_read_plan: whether the key may read the plan.
    :param duplicates_first: whether who is there already counts as duplicated also if blocked or to be skipped.
    """

    status: int
    tasks: tuple[UploadPlan, ...]
    happens: tuple[tuple[int, Fault | Event], ...] = ()
    there: frozenset[int] = frozenset()
    elsewhere: frozenset[int] = frozenset()
    blocked: frozenset[int] = frozenset()
    room: int | None = None
    refuses_whole: bool = False
    largest: int = 1000
    may_read_plan: bool = True
    duplicates_first: bool = True


_SHARES: Final = st.sampled_from([0.0, 0.5, 1.0])
#: Not longer than a request may run according to the promise.
_LASTS: Final = st.sampled_from([0.0, 0.0, 1.0, 10.0, 30.0, 60.0])
_COUNTERS: Final = st.sampled_from(
    ["leads_uploaded", "duplicated_leads", "in_blocklist", "skipped_count", "total_sent", "created_leads"]
)

FAULTS: Final = st.one_of(
    st.builds(lambda effect, lasts: Fault("answer lost", effect, lasts), _SHARES, _LASTS),
    st.builds(lambda effect, lasts: Fault("answer lost", effect, lasts), _SHARES, _LASTS),
    st.builds(lambda effect: Fault("5xx", effect, 0.0, 502), _SHARES),
    st.builds(lambda effect: Fault("402", effect, 0.0, 402), _SHARES),
    st.builds(lambda effect: Fault("413", effect, 0.0, 413), _SHARES),
    st.just(Fault("429", status=429)),
    st.just(Fault("connection refused")),
    st.builds(lambda status: Fault("refused", status=status), st.sampled_from([400, 401, 403, 404, 422])),
    st.builds(lambda effect: Fault("not JSON", effect, 0.0, 200), _SHARES),
    st.builds(lambda name: Fault("counter missing", 1.0, 0.0, 200, ((name, None),)), _COUNTERS),
    st.builds(
        lambda name, value: Fault("counter wrong", 1.0, 0.0, 200, ((name, value),)),
        _COUNTERS,
        st.sampled_from([-1, 99, "one", [], True]),
    ),
    st.builds(lambda effect: Fault("all counters missing", effect, 0.0, 200, (("*", None),)), _SHARES),
    st.just(Fault("list of others")),
    st.just(Fault("list of another campaign")),
)
EVENTS: Final = st.one_of(
    st.builds(
        Event,
        st.just("the campaign is"),
        st.sampled_from([ACTIVE, ACTIVE, PAUSED, DRAFT, BOUNCED, UNHEALTHY, SUBSEQUENCES, COMPLETED, UNKNOWN]),
    ),
    st.just(Event("the campaign is", ACTIVE)),
    st.just(Event("deleted")),
    st.builds(Event, st.just("a person adds"), st.integers(1, 9)),
    st.builds(Event, st.just("a person deletes"), st.integers(1, 9)),
    st.builds(Event, st.just("a person blocks"), st.integers(1, 9)),
    st.builds(Event, st.just("room is"), st.integers(0, 4)),
    st.just(Event(KILL)),
    st.builds(Event, st.just(SLOW), st.sampled_from([1, 3, 30])),
    st.just(Event(DIES_BEFORE)),
    st.just(Event(DIES_AFTER, 0)),
    st.builds(Event, st.just(DIES_AFTER), st.sampled_from([0, 10, 60])),
)

_PERSONS: Final = st.frozensets(st.integers(1, 9), max_size=4)
_PLANS: Final = st.builds(
    UploadPlan,
    rows=st.one_of(
        st.permutations(range(1, 10)).map(tuple),
        st.lists(st.integers(0, 9), min_size=1, max_size=9).map(tuple),
    ),
    chunk_size=st.sampled_from([1, 2, 3, 3, 5, 9]),
    if_running=st.sampled_from(["refuse", "refuse", "refuse", "add"]),
    skip_if_in=st.sampled_from([None, None, "workspace", "campaign"]),
    on_reject=st.sampled_from(["warn", "fail"]),
    min_present=st.sampled_from([None, None, 1, 0.5, 1.0]),
    is_list=st.sampled_from([False, False, False, True]),
    dry_run=st.sampled_from([False, False, False, False, True]),
    retries=st.integers(0, 2),
    clears=st.sampled_from([0, 0, 1]),
    retry_delay=st.sampled_from([1.0, 60.0, 300.0]),
)
#: The first requests are where most is decided: campaign, plan, list, and then two for each chunk.
_MOMENT: Final = st.one_of(st.integers(1, 6), st.integers(3, 12), st.integers(1, 40))


def _sorted(pairs: Any) -> tuple[tuple[int, Fault | Event], ...]:
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


_ANY_SCHEDULE: Final = st.builds(
    Schedule,
    status=st.sampled_from([*[DRAFT] * 8, *[PAUSED] * 4, ACTIVE, COMPLETED, BOUNCED, UNKNOWN]),
    tasks=st.one_of(st.tuples(_PLANS), st.tuples(_PLANS), st.tuples(_PLANS, _PLANS)),
    happens=st.lists(st.tuples(_MOMENT, st.one_of(FAULTS, FAULTS, EVENTS)), max_size=6).map(_sorted),
    there=_PERSONS,
    elsewhere=_PERSONS,
    blocked=_PERSONS,
    room=st.sampled_from([None, None, None, None, None, 0, 2, 5, 9, 20]),
    refuses_whole=st.booleans(),
    largest=st.sampled_from([1000, 1000, 1000, 4, 2, 1]),
    may_read_plan=st.booleans(),
    duplicates_first=st.booleans(),
)

#: Uploads whose answers are lost while they still run, and tries that begin at once.
_UNFINISHED: Final = st.one_of(
    st.builds(
        lambda effect, lasts: Fault("answer lost", effect, lasts),
        st.sampled_from([0.4, 0.7, 1.0]),
        st.sampled_from([0.0, 4.0, 10.0, 30.0, 60.0]),
    ),
    st.builds(Event, st.just(DIES_AFTER), st.sampled_from([0, 10, 30, 60])),
    st.builds(lambda effect, status: Fault(str(status), effect, 0.0, status), _SHARES, st.sampled_from([402, 413])),
)
_UNFINISHED_SCHEDULE: Final = st.builds(
    Schedule,
    status=st.just(DRAFT),
    tasks=st.tuples(
        st.builds(
            UploadPlan,
            rows=st.permutations(range(1, 10)).map(tuple),
            chunk_size=st.sampled_from([3, 5, 9]),
            retries=st.integers(0, 2),
            clears=st.sampled_from([0, 1]),
            retry_delay=st.sampled_from([1.0, 1.0, 60.0]),
        )
    ),
    # The first upload is the fifth request: the campaign, the plan, a list, and the campaign again come before.
    happens=st.builds(
        lambda first, more, others: _sorted([first, *more, *others]),
        st.tuples(st.sampled_from([5, 5, 7, 9]), _UNFINISHED),
        st.lists(st.tuples(st.integers(6, 30), _UNFINISHED), max_size=2),
        st.lists(st.tuples(_MOMENT, EVENTS), max_size=1),
    ),
    there=st.sampled_from([frozenset(), frozenset(), frozenset({4, 9})]),
    blocked=st.sampled_from([frozenset(), frozenset({5})]),
    duplicates_first=st.booleans(),
)
#: Uploads of which some are elsewhere and some are blocked, and the answer does not say who is which.
_LEAVING_OUT_SCHEDULE: Final = st.builds(
    Schedule,
    status=st.just(DRAFT),
    tasks=st.tuples(
        st.builds(
            UploadPlan,
            rows=st.permutations(range(1, 10)).map(tuple),
            chunk_size=st.sampled_from([3, 5, 9]),
            skip_if_in=st.sampled_from(["workspace", "campaign"]),
        )
    ),
    happens=st.lists(st.tuples(_MOMENT, st.one_of(FAULTS, EVENTS)), max_size=1).map(_sorted),
    there=st.sampled_from([frozenset(), frozenset(), frozenset({4, 9})]),
    elsewhere=st.frozensets(st.integers(1, 9), min_size=1, max_size=4),
    blocked=st.frozensets(st.integers(1, 9), min_size=1, max_size=4),
    room=st.sampled_from([None, None, 5, 9]),
    duplicates_first=st.booleans(),
)
SCHEDULES: Final = st.one_of(_ANY_SCHEDULE, _ANY_SCHEDULE, _UNFINISHED_SCHEDULE, _LEAVING_OUT_SCHEDULE)
