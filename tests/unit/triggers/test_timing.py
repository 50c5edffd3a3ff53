"""Who is polled when, and to whom it is news: by tables, and against any order of joins, polls, pauses and ends."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyConnectionError, InstantlyRateLimitError
from airflow_provider_instantly.triggers.timing import BURST, SPACING, OpenPolls, Poll, Snapshot, Timing, Watcher
from airflow_provider_instantly.waits.goal import Goal
from airflow_provider_instantly.waits.machine import LAST_POLL, REPORT_INTERVAL, Wait
from tests.statuses import ACTIVE, DRAFT

if TYPE_CHECKING:
    from airflow_provider_instantly.api.errors import InstantlyError

START = 1_000_000.0
ID = "00000000-0000-4000-8000-000000000000"


def wait(interval: float = 60.0, seconds: float = math.inf, now: float = START, cid: str = ID) -> Wait:
    """A wait that ends undecided after so many seconds."""
    deadline = None if seconds == math.inf else now + seconds
    return Wait([cid], Goal(poll_interval=interval, deadline=deadline), now=now)


def join(timing: Timing, interval: float = 60.0, now: float = START, seconds: float = math.inf) -> Watcher:
    """Let a wait for a campaign join."""
    return timing.join([ID], interval, now, wait(interval, seconds, now))


def poll(timing: Timing, now: float, took: float = 0.0, requests: int = 1, jitter: float = 0.0) -> set[Watcher]:
    """Make a poll, and return for whom it was."""
    watchers = timing.begin(now)
    made = Poll(set(watchers), now, requests)
    timing.after_poll(made, watchers, now + took, jitter)
    return watchers


def next_moment(timing: Timing) -> float:
    """Seconds from the start."""
    return timing.next_moment(OpenPolls[Poll]()) - START


def test_how_long_polls_are_made() -> None:
    assert (BURST, SPACING) == (10, 0.1)


class TestValues:
    def test_a_snapshot_is_never_changed(self) -> None:
        snapshot = Snapshot({}, frozenset(), START, START, 0.0)
        assert not snapshot.is_cut
        with pytest.raises(FrozenInstanceError):
            snapshot.now = 0.0  # type: ignore[misc]

    def test_two_polls_are_two_however_alike(self) -> None:
        assert len({Poll(set(), START), Poll(set(), START)}) == 2

    @pytest.mark.parametrize(
        ("watched", "seen", "all_of_it"),
        [
            ({"a", "b"}, {"a", "b"}, True),
            ({"a", "b"}, {"a", "b", "c"}, True),
            ({"a", "b"}, {"a", "c"}, False),
            ({"a", "b"}, {"a"}, False),
            (None, {"a"}, False),
        ],
    )
    def test_when_a_poll_has_all_that_one_watches(
        self, watched: set[str] | None, seen: set[str], all_of_it: bool
    ) -> None:
        watcher = Watcher(None if watched is None else frozenset(watched), 60.0, START)
        assert watcher.has_all(dict.fromkeys(seen)) is all_of_it

    @pytest.mark.parametrize(("now", "again_from"), [(29.9, 29.9 + 57.0), (30.0, 60.0), (31.0, 61.0)])
    def test_a_poll_counts_as_early_before_one_may_take_part_again(self, now: float, again_from: float) -> None:
        watcher = Watcher(None, 60.0, 0.0, early_from=30.0)
        watcher.note_poll(now)
        assert watcher.early_from == pytest.approx(again_from)


class TestIntervals:
    @pytest.mark.parametrize(
        ("interval", "took", "jitter", "expected"),
        [
            (60.0, 0.0, 0.0, 60.0),
            (60.0, 0.0, 1.0, 57.0),
            (60.0, 30.0, 0.0, 60.0),
            (60.0, 50.0, 0.0, 62.0),
            (10.0, 100.0, 1.0, 102.0),
        ],
        ids=["at the interval", "drawn forward", "from its beginning", "a rest", "a rest after a slow one"],
    )
    def test_the_next_poll(self, interval: float, took: float, jitter: float, expected: float) -> None:
        timing = Timing()
        watcher = join(timing, interval)
        assert poll(timing, START, took, jitter=jitter) == {watcher}
        assert next_moment(timing) == pytest.approx(expected)
        assert timing.begin(START + expected - 0.01) == set()
        assert poll(timing, START + expected) == {watcher}

    def test_nothing_is_due_while_no_one_waits(self) -> None:
        timing = Timing()
        assert next_moment(timing) == math.inf
        timing.leave(join(timing))
        assert timing.begin(START) == set()
        assert next_moment(timing) == math.inf

    @pytest.mark.parametrize(
        ("now", "takes_part"), [(20.0, False), (29.0, False), (30.0, True), (45.0, True), (60.0, True)]
    )
    def test_one_takes_part_in_the_second_half_of_its_interval(self, now: float, takes_part: bool) -> None:
        timing = Timing()
        quick, slow = join(timing, 1.0), join(timing, 60.0)
        assert poll(timing, START) == {quick, slow}
        assert poll(timing, START + now) == ({quick, slow} if takes_part else {quick})

    def test_one_that_came_early_stands_for_one_with_others(self) -> None:
        timing = Timing()
        quick, slow = join(timing, 1.0), join(timing, 60.0)
        poll(timing, START)
        for moment in (4.0, 7.0):
            timing.poll_again(slow, 3.0, START + moment - 3.0)
            assert poll(timing, START + moment) == {quick, slow}
        assert poll(timing, START + 50.0) == {quick}
        assert poll(timing, START + 63.5) == {quick}
        assert poll(timing, START + 64.5) == {quick, slow}, "so it falls into step again"

    @pytest.mark.parametrize(
        ("interval", "delay", "expected"),
        [(60.0, 60.0, 60.0), (60.0, 2.5, 3.0), (60.0, 3.0, 3.0), (1.0, 0.33, 0.4), (60.0, 90.2, 91.0)],
    )
    def test_a_wait_may_ask_for_another_moment(self, interval: float, delay: float, expected: float) -> None:
        timing = Timing()
        watcher = join(timing, interval)
        poll(timing, START)
        timing.poll_again(watcher, delay, START)
        assert next_moment(timing) == pytest.approx(expected)


class TestJoining:
    @pytest.mark.parametrize(
        ("joins", "interval", "expected"),
        [
            (1.0, 60.0, 1.0),
            (40.0, 60.0, 40.0),
            (54.9, 60.0, 54.9),
            (55.0, 60.0, 60.0),
            (59.0, 60.0, 60.0),
            (58.0, 1.0, 58.0),
            (59.5, 1.0, 60.0),
        ],
    )
    def test_one_is_polled_with_the_others_or_at_once(self, joins: float, interval: float, expected: float) -> None:
        timing = Timing()
        first = join(timing)
        poll(timing, START)
        late = join(timing, interval, START + joins)
        assert next_moment(timing) == pytest.approx(expected)
        assert poll(timing, START + expected) == ({late} if expected < 60 else {first, late})

    def test_those_who_join_one_after_the_other_are_polled_together(self) -> None:
        timing = Timing()
        early = [join(timing, now=START + 30)]
        assert poll(timing, START + 30, requests=1) == set(early)
        some = [join(timing, now=START + 30.1 + 0.1 * number) for number in range(8)]
        assert next_moment(timing) == pytest.approx(31.0), "a second after the first"
        assert poll(timing, START + 31, requests=8) == set(some)
        more = [join(timing, now=START + 31.1 + 0.1 * number) for number in range(30)]
        assert next_moment(timing) == pytest.approx(35.0), "half a second for each request"
        assert poll(timing, START + 35, requests=10) == set(more)
        join(timing, now=START + 35.1)
        assert next_moment(timing) == pytest.approx(40.0), "five seconds at most"

    def test_one_falls_into_step(self) -> None:
        timing = Timing()
        first = join(timing)
        poll(timing, START)
        late = join(timing, now=START + 20)
        assert poll(timing, START + 20) == {late}
        assert poll(timing, START + 60) == {first, late}
        assert poll(timing, START + 120) == {first, late}

    def test_one_falls_into_step_also_with_those_that_are_polled_right_after_it(self) -> None:
        timing = Timing()
        first = join(timing)
        poll(timing, START)
        late = join(timing, now=START + 45)
        assert poll(timing, START + 45) == {late}
        assert next_moment(timing) == 60.0
        assert poll(timing, START + 60) == {first, late}

    def test_those_who_join_while_a_poll_is_made_wait_a_second_for_others(self) -> None:
        timing = Timing()
        join(timing)
        timing.begin(START)
        join(timing, now=START + 0.2)
        assert next_moment(timing) == pytest.approx(1.0)

    def test_one_that_was_put_back_is_in_the_next_poll(self) -> None:
        timing = Timing()
        watchers = {join(timing), join(timing)}
        assert timing.begin(START) == watchers
        assert timing.begin(START) == set()
        timing.put_back(watchers)
        assert timing.begin(START + 1) == watchers
        assert not any(watcher.has_missed for watcher in watchers)

    def test_no_other_is_polled_early_for_it(self) -> None:
        timing = Timing()
        join(timing)
        poll(timing, START)
        late = join(timing, now=START + 50)
        assert poll(timing, START + 50) == {late}

    @pytest.mark.parametrize("seconds", [-10.0, 0.0, 0.4, 3.0])
    def test_one_whose_end_is_near_has_a_poll_by_then(self, seconds: float) -> None:
        timing = Timing()
        join(timing, 1800.0)
        poll(timing, START, requests=100)
        late = join(timing, 1800.0, START + 0.5, seconds)
        end = 0.5 + max(seconds, 0.0)
        assert next_moment(timing) <= end + 1.0
        assert late in poll(timing, START + max(next_moment(timing), 0.5))

    def test_those_who_were_put_off_are_polled_with_the_first_that_can_wait_no_longer(self) -> None:
        timing = Timing()
        join(timing)
        poll(timing, START, requests=100)
        late = {join(timing, now=START + 1 + number / 20) for number in range(20)}
        hasty = join(timing, 1.0, START + 2)
        assert timing.begin(START + 2.5) == set()
        last = join(timing, now=START + 3)
        assert timing.begin(START + 3) == {*late, hasty, last}

    def test_those_who_take_part_in_a_later_poll_are_not_polled_with_it(self) -> None:
        timing = Timing()
        join(timing)
        poll(timing, START)
        join(timing, now=START + 56)
        hasty = join(timing, 1.0, START + 56)
        assert timing.begin(START + 57) == {hasty}

    def test_who_has_missed_a_list_once_is_known_until_it_is_polled(self) -> None:
        timing = Timing()
        watcher = join(timing)
        [again] = timing.begin(START)
        timing.put_back([again], have_missed=True)
        assert watcher.has_missed
        assert timing.begin(START + 1) == {watcher}
        timing.put_back([watcher])
        assert watcher.has_missed
        poll(timing, START + 2)
        assert not watcher.has_missed

    def test_an_interval_is_counted_from_when_a_watcher_joined_a_poll(self) -> None:
        timing = Timing()
        watcher = join(timing)
        timing.begin(START)
        timing.after_poll(Poll({watcher}, START - 50), {watcher}, START + 2, 0.0)
        assert watcher.due == START + 60


class TestEnds:
    @pytest.mark.parametrize(
        ("seconds", "interval", "polled"),
        [(100.0, 60.0, [0.0, 60.0, 100.0]), (100.4, 60.0, [0.0, 60.0, 101.0]), (5.05, 10.0, [0.0, 6.0])],
    )
    def test_a_wait_is_polled_once_more_at_its_end(self, seconds: float, interval: float, polled: list[float]) -> None:
        timing = Timing()
        watcher = join(timing, interval, seconds=seconds)
        moments = []
        while (moment := max(next_moment(timing), 0.0)) < seconds + 1.0:
            moments.append(moment)
            assert poll(timing, START + moment) == {watcher}
        assert moments == pytest.approx(polled)

    @pytest.mark.parametrize(
        ("began", "ends"),
        [(90.0, 100.0), (99.0, 100.0), (100.0, 100.0 + LAST_POLL), (103.0, 103.0 + LAST_POLL)],
        ids=["before", "just before", "at its end", "after"],
    )
    def test_it_times_out_where_a_poll_takes_longer(self, began: float, ends: float) -> None:
        timing, polls = Timing(), OpenPolls[Poll]()
        watcher = join(timing, 10.0, seconds=100.0)
        poll(timing, START)
        watcher.due = START + began
        timing.put_back([])
        assert timing.begin(START + began) == {watcher}
        polls.add(Poll({watcher}, START + began, resumes=math.inf))
        assert timing.next_moment(polls) == START + ends
        assert timing.timed_out(START + ends - 0.001) == set()
        assert timing.timed_out(START + ends) == {watcher}
        timing.after_timeout([watcher], START + ends)
        assert timing.timed_out(START + ends + 1e6) == set(), "once"

    def test_it_times_out_where_no_poll_begins(self) -> None:
        """Another that is short has not ended yet."""
        timing, polls = Timing(), OpenPolls[Poll]()
        watcher = join(timing, seconds=10.0)
        polls.add(Poll(set(), START, resumes=math.inf))
        assert timing.next_moment(polls) == START + 10.0 + LAST_POLL
        assert timing.timed_out(START + 10.0 + LAST_POLL) == {watcher}
        timing.after_timeout([watcher], START + 10.0 + LAST_POLL)
        assert next_moment(timing) == 10.0 + LAST_POLL + 60.0, "should it stay all the same"

    def test_one_without_a_wait_never_times_out(self) -> None:
        timing = Timing()
        timing.join(None, 60.0, START)
        assert timing.timed_out(START + 1e9) == set()


def error(retry_after: float | None = None) -> InstantlyError:
    return (
        InstantlyConnectionError("x") if retry_after is None else InstantlyRateLimitError("x", retry_after=retry_after)
    )


class TestAnotherClock:
    """The limits of waits are moments of the machine's clock, which was set."""

    @pytest.mark.parametrize(("ahead", "ends"), [(-300.0, 300.0), (-900.0, 10.0), (0.0, 600.0)])
    def test_ends_move_with_it_and_the_last_poll_comes_at_the_new_one(self, ahead: float, ends: float) -> None:
        timing = Timing()
        watcher = join(timing, interval=3600.0, seconds=600.0)
        poll(timing, START)
        assert next_moment(timing) == 600.0
        timing.follow(ahead, START + 10.0)
        assert (watcher.ends, next_moment(timing)) == (START + ends, ends)
        assert not timing.timed_out(START + ends)
        assert timing.begin(START + ends) == {watcher}
        assert timing.timed_out(START + ends + LAST_POLL) == {watcher}

    def test_a_poll_that_was_due_at_an_end_is_made_and_another_at_the_later_end(self) -> None:
        timing = Timing()
        watcher = join(timing, interval=3600.0, seconds=600.0)
        poll(timing, START)
        timing.follow(300.0, START + 10.0)
        assert poll(timing, START + 600.0) == {watcher}
        assert next_moment(timing) == 900.0
        assert poll(timing, START + 900.0) == {watcher}

    def test_what_has_no_end_has_none_then(self) -> None:
        timing = Timing()
        watchers = [join(timing), timing.join(None, 60.0, START)]
        timing.follow(-86_400.0, START)
        assert [watcher.ends for watcher in watchers] == [math.inf, math.inf]
        assert timing.begin(START) == set(watchers)


class TestPauses:
    def test_nothing_is_polled_in_one(self) -> None:
        timing = Timing()
        watcher = join(timing, 10.0)
        poll(timing, START)
        timing.after_answers([error(30.0)], START, 0.5)
        assert timing.is_paused(START + 30.4)
        assert not timing.is_paused(START + 30.5)
        late = join(timing, 10.0, START + 20.0)
        assert next_moment(timing) == 30.5
        assert timing.begin(START + 30.4) == set()
        assert poll(timing, START + 30.5) == {watcher, late}

    def test_a_wait_that_ends_in_one_times_out(self) -> None:
        timing = Timing()
        watcher = join(timing, 10.0, seconds=20.0)
        poll(timing, START)
        timing.after_answers([error(30.0)], START, 0.0)
        assert next_moment(timing) == 20.0
        assert timing.timed_out(START + 19.9) == set()
        assert timing.timed_out(START + 20.0) == {watcher}

    def test_what_was_due_before_is_worked_out_again(self) -> None:
        timing = Timing()
        join(timing, 10.0, seconds=20.0)
        poll(timing, START)
        assert next_moment(timing) == 10.0
        timing.after_answers([error(30.0)], START, 0.0)
        assert next_moment(timing) == 20.0

    def test_one_that_ends_as_a_wait_does_leaves_it_its_last_poll(self) -> None:
        timing = Timing()
        watcher = join(timing, 10.0, seconds=20.0)
        poll(timing, START)
        timing.after_answers([error(20.0)], START, 0.0)
        assert timing.timed_out(START + 20.0) == set()
        assert poll(timing, START + 20.0) == {watcher}

    def test_they_grow_until_there_is_an_answer(self) -> None:
        timing = Timing()
        join(timing, 1.0)
        lengths, returned = [], []
        for errors in ([error()], [error()], [error()], [], [error()]):
            returned.append(timing.after_answers(errors, START, 1.0))
            lengths.append(timing.resumes - START)
        assert lengths == [1.0, 2.0, 4.0, 4.0, 4.0]
        assert returned == [1.0, 2.0, 4.0, 0.0, 1.0]
        timing.after_answers([], START + 10, 1.0)
        timing.after_answers([error()], START + 10, 1.0)
        assert timing.resumes == START + 11.0

    def test_the_longest_of_those_that_are_asked_for_holds(self) -> None:
        timing = Timing()
        timing.after_answers([error(5.0), error(50.0), error(20.0)], START, 0.0)
        timing.after_answers([error(7.0)], START + 1, 0.0)
        assert timing.is_paused(START + 49.9)
        assert not timing.is_paused(START + 50.0)


class TestNews:
    def test_to_one_without_a_wait_all_is(self) -> None:
        timing = Timing()
        watcher = timing.join([ID], 60.0, START)
        assert timing.recipients([watcher], {}, START) == {watcher}

    def test_what_a_wait_has_seen_before_is_not(self) -> None:
        timing = Timing()
        watcher = join(timing)
        seen: dict[str, Any] = {ID: Campaign(ID, CampaignStatus(DRAFT))}
        assert timing.recipients([watcher], seen, START) == {watcher}
        assert watcher.wait is not None
        watcher.wait.advance(seen, began=START, now=START)
        assert timing.recipients([watcher], seen, START + 60) == frozenset()
        active: dict[str, Any] = {ID: Campaign(ID, CampaignStatus(ACTIVE))}
        assert timing.recipients([watcher], active, START + 60) == {watcher}

    def test_everything_is_to_one_that_has_a_snapshot_pending(self) -> None:
        timing = Timing()
        watcher = join(timing)
        seen: dict[str, Any] = {ID: Campaign(ID, CampaignStatus(DRAFT))}
        assert watcher.wait is not None
        watcher.wait.advance(seen, began=START, now=START)
        watcher.pending = 1
        assert timing.recipients([watcher], seen, START + 60) == {watcher}
        assert watcher.accept(Snapshot(seen, frozenset({watcher}), START, START, 0.0))
        assert not watcher.accept(Snapshot(seen, frozenset(), START, START, 0.0))
        assert timing.recipients([watcher], seen, START + 60) == frozenset()

    def test_one_may_say_that_it_still_waits_from_the_moment_on_when_it_has_something_to_say(self) -> None:
        timing = Timing()
        watcher = join(timing)
        seen: dict[str, Any] = {ID: Campaign(ID, CampaignStatus(DRAFT))}
        assert watcher.wait is not None
        watcher.wait.advance(seen, began=START, now=START)
        assert timing.recipients([watcher], seen, watcher.next_report - 0.001) == frozenset()
        assert timing.recipients([watcher], seen, watcher.next_report) == {watcher}

    def test_thirty_a_minute_may_say_that_they_still_wait_the_longest_silent_first(self) -> None:
        timing = Timing()
        seen: dict[str, Any] = {ID: Campaign(ID, CampaignStatus(DRAFT))}
        watchers = [join(timing, now=START + number) for number in range(50)]
        for watcher in watchers:
            assert watcher.wait is not None
            watcher.wait.advance(seen, began=START + 50, now=START + 50)
        now = START + REPORT_INTERVAL + 50
        assert timing.recipients(watchers, seen, now) == set(watchers[:30])
        assert timing.recipients(watchers, seen, now + 59.9) == frozenset()
        assert timing.recipients(watchers, seen, now + 60.0) == set(watchers[:30]), "they have not said it yet"


class TestTurns:
    def test_a_short_one_has_all_turns_until_it_is_long(self) -> None:
        polls, short = OpenPolls[Poll](), Poll(set(), START)
        polls.add(short)
        for number in range(BURST):
            assert not polls.has_room
            assert polls.take_turn(START + number) is short
        assert polls.has_room
        assert short.is_long
        assert polls.resume == START + BURST - 1 + SPACING
        assert polls.take_turn(START + BURST - 1) is None
        assert polls.take_turn(START + BURST) is short

    def test_a_long_one_lets_a_short_one_by_after_each_request(self) -> None:
        polls, short = OpenPolls[Poll](), Poll(set(), START)
        long = [Poll(set(), START, is_long=True) for _ in range(2)]
        for poll in (*long, short):
            polls.add(poll)
        turns = [polls.take_turn(START + number) for number in range(8)]
        assert turns == [short, long[0], short, long[1]] * 2
        polls.remove(short)
        assert [polls.take_turn(START + 10 + number) for number in range(4)] == [long[0], long[1]] * 2
        for poll in long:
            polls.remove(poll)
        assert polls.take_turn(START + 20) is None
        assert polls.resume == math.inf

    def test_a_long_one_that_rests_takes_no_turn_from_a_short_one(self) -> None:
        polls, short, long = OpenPolls[Poll](), Poll(set(), START), Poll(set(), START, is_long=True)
        polls.add(long)
        assert polls.take_turn(START) is long
        polls.add(short)
        assert [polls.take_turn(START) for _ in range(3)] == [short] * 3


class TestRiding:
    def test_one_that_waits_for_another_has_no_turn_and_no_request(self) -> None:
        polls = OpenPolls[Poll]()
        waiting, other = Poll(set(), START), Poll(set(), START)
        polls.let_wait(waiting)
        assert (list(polls), polls.waiting, polls.has_room) == ([waiting], (waiting,), True)
        assert (polls.resume, polls.take_turn(START)) == (math.inf, None)
        polls.add(other)
        assert polls.take_turn(START) is other
        polls.remove(waiting)
        assert (list(polls), polls.waiting) == ([other], ())


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes in whatever order: no watcher is forgotten, none is polled too often, all ends are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.timing = Timing()
        self.polls = OpenPolls[Poll]()
        self.now = START
        self.watchers: list[Watcher] = []
        self.polled: dict[Watcher, list[float]] = {}
        self.joined: dict[Watcher, float] = {}
        self.paused_until = START

    @rule(interval=st.sampled_from([0.5, 5.0, 60.0, 1800.0]), seconds=st.sampled_from([-5.0, 3.0, 70.0, math.inf]))
    def join(self, interval: float, seconds: float) -> None:
        watcher = join(self.timing, interval, self.now, seconds)
        self.watchers.append(watcher)
        self.polled[watcher], self.joined[watcher] = [], self.now

    @precondition(lambda self: self.watchers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        watcher = data.draw(st.sampled_from(self.watchers))
        self.watchers.remove(watcher)
        self.timing.leave(watcher)

    @rule(seconds=st.sampled_from([1.0, 30.0, 290.0]))
    def pause(self, seconds: float) -> None:
        self.timing.after_answers([error(seconds)], self.now, 0.0)
        self.paused_until = max(self.paused_until, self.now + seconds)

    @rule(steps=st.integers(1, 30), latency=st.sampled_from([0.0, 0.2, 4.0]), requests=st.integers(1, 15))
    def run(self, steps: int, latency: float, requests: int) -> None:
        """As the poller does it."""
        for _ in range(steps):
            timed_out = self.timing.timed_out(self.now)
            for poll in list(self.polls):
                poll.recipients -= timed_out
            self.timing.after_timeout(timed_out, self.now)
            for watcher in timed_out & set(self.watchers):
                assert watcher.wait is not None
                assert watcher.wait.goal.limit[0] <= self.now
                self.watchers.remove(watcher)
                self.timing.leave(watcher)
            if self.polls.has_room and (watchers := self.timing.begin(self.now)):
                assert self.now >= self.paused_until
                for watcher in watchers:
                    self.polled[watcher].append(self.now)
                self.polls.add(Poll(watchers, self.now))
            poll_of_turn = None if self.timing.is_paused(self.now) else self.polls.take_turn(self.now)
            if poll_of_turn is None:
                moment = self.timing.next_moment(self.polls)
                if moment == math.inf:
                    return
                assert moment > self.now, "it would spin"
                self.now = moment
                continue
            self.now += latency
            if poll_of_turn.requests >= requests:
                self.polls.remove(poll_of_turn)
                self.timing.after_poll(poll_of_turn, poll_of_turn.recipients, self.now, 0.0)

    def teardown(self) -> None:
        """In the end each has been polled, or has timed out."""
        end = max(self.now, self.paused_until) + 10.0
        while self.watchers and self.now < end:
            self.run(steps=20, latency=0.0, requests=1)
        assert all(self.polled[watcher] for watcher in self.watchers)

    @invariant()
    def each_is_expected(self) -> None:
        for watcher in self.watchers:
            in_poll = any(watcher in poll.recipients for poll in self.polls)
            assert in_poll == (watcher.polled_since is not None)
            assert watcher.pending == 0

    @invariant()
    def none_is_polled_more_than_twice_an_interval(self) -> None:
        for watcher in self.watchers:
            polls = self.polled[watcher]
            span = (polls[-1] if polls else self.now) - self.joined[watcher]
            assert len(polls) <= 2 * (span / (0.95 * watcher.poll_interval) + 1) + 1

    @invariant()
    def each_times_out(self) -> None:
        for watcher in self.watchers:
            assert watcher.wait is not None
            if watcher.ends < self.now - LAST_POLL - 4.0 - 1.0:
                assert self.timing.timed_out(self.now) >= {watcher}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=60, stateful_step_count=25)
