"""How old what was read may be, with a clock that the tests set."""

from __future__ import annotations

import pytest

from airflow_provider_instantly.launches.freshness import MAX_CHECK_AGE, Freshness


@pytest.fixture
def now() -> list[float]:
    return [1_790_000_000.0]


@pytest.fixture
def freshness(now: list[float]) -> Freshness:
    return Freshness(lambda: now[0])


def test_a_check_counts_for_a_minute(freshness: Freshness, now: list[float]) -> None:
    assert not freshness.is_checked, "there was none"
    freshness.note_check()
    now[0] += MAX_CHECK_AGE
    assert freshness.is_checked
    now[0] += 0.1
    assert not freshness.is_checked
    freshness.note_check()
    assert freshness.is_checked
    assert MAX_CHECK_AGE == 60.0
