"""One line every half minute, and not more."""

from __future__ import annotations

import pytest

from airflow_provider_instantly.leads.progress import INTERVAL, Progress
from tests.unit.conftest import ThreadsOfLog


class Watch:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def log() -> ThreadsOfLog:
    return ThreadsOfLog()


def test_it_says_rows_chunks_rate_and_time_left(watch: Watch, log: ThreadsOfLog) -> None:
    progress = Progress(10_000, log, watch)
    watch.now += 30
    progress.done(1_000)
    progress.done(500)
    assert log.lines == ["1,000 of 10,000 rows are done, in 1 chunks: 33 a second, about 4 min 30 s left."]
    assert progress.line() == "1,500 of 10,000 rows are done, in 2 chunks: 50 a second, about 2 min 50 s left."


def test_it_says_so_once_in_an_interval(watch: Watch, log: ThreadsOfLog) -> None:
    progress = Progress(1_000, log, watch)
    for _ in range(100):
        watch.now += INTERVAL / 10
        progress.done(1)
    assert len(log.lines) == 10


@pytest.mark.parametrize(
    ("done", "left"), [(90, "about 3 s left"), (50, "about 30 s left"), (1, "about 49 min 30 s left")]
)
def test_the_time_left_is_in_its_units(watch: Watch, log: ThreadsOfLog, done: int, left: str) -> None:
    progress = Progress(100, log, watch)
    watch.now += 30
    progress.done(done)
    assert left in progress.line()


def test_hours_are_hours(watch: Watch, log: ThreadsOfLog) -> None:
    progress = Progress(1_000, log, watch)
    watch.now += 30
    progress.done(1)
    assert "about 8 h 19 min left" in progress.line()


def test_rows_that_are_in_no_chunk_have_a_verb(watch: Watch, log: ThreadsOfLog) -> None:
    progress = Progress(1_000, log, watch, verb="looked up")
    watch.now += 30
    progress.add(300)
    assert log.lines == ["300 of 1,000 rows are looked up: 10 a second, about 1 min 10 s left."]


def test_rows_of_an_unknown_number_are_passed_on(watch: Watch, log: ThreadsOfLog) -> None:
    passed = []
    for row in Progress(None, log, watch, verb="read").each(range(7)):
        passed.append(row)
        watch.now += 10
    assert passed == list(range(7))
    assert log.lines == ["4 rows are read: 0 a second.", "7 rows are read: 0 a second."]


def test_who_waits_says_how_far_it_is(watch: Watch, log: ThreadsOfLog) -> None:
    progress = Progress(10, log, watch)
    for _ in range(67):
        watch.now += 1
        progress.say_if_due()
    assert log.lines == ["0 of 10 rows are done."] * 2


def test_before_any_time_has_passed_nothing_is_divided(watch: Watch, log: ThreadsOfLog) -> None:
    progress = Progress(10, log, watch)
    progress.done(10)
    assert progress.line() == "10 of 10 rows are done, in 1 chunks."
    assert log.lines == []


def test_it_has_a_clock_of_its_own(log: ThreadsOfLog) -> None:
    progress = Progress(0, log)
    progress.done(0)
    assert "0 of 0 rows" in progress.line()
