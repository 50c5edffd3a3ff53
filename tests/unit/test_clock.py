"""The clock that waits count by, and the random number that spreads their requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_instantly.clock import jitter, seconds_ahead, steady_clock

if TYPE_CHECKING:
    import pytest


class TestClock:
    def test_it_shows_the_time_and_runs(self) -> None:
        clock = steady_clock()
        assert abs(clock() - time.time()) < 5
        first = clock()
        assert clock() >= first

    def test_setting_the_machines_clock_does_not_move_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = steady_clock()
        before = clock()
        monkeypatch.setattr(time, "time", lambda: 0.0)
        assert 0 <= clock() - before < 5

    def test_how_far_it_is_ahead_of_the_machines_clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock, real = steady_clock(), time.time
        assert abs(seconds_ahead(clock)) < 5
        monkeypatch.setattr(time, "time", lambda: real() - 3600)
        assert abs(seconds_ahead(clock) - 3600) < 5

    def test_jitter_is_from_0_to_1(self) -> None:
        numbers = [jitter() for _ in range(100)]
        assert 0 <= min(numbers) < max(numbers) <= 1
