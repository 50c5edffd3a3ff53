"""What the tests of waits on a worker share."""

from __future__ import annotations

import time

import pytest

from tests.unit.waits.story import StandingClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StandingClock:
    standing = StandingClock()
    monkeypatch.setattr(time, "sleep", standing.sleep)
    return standing
