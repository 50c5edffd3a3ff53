"""How a campaign has to stand for a launch."""

from __future__ import annotations

import pytest

from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, SUSPENDED, UNHEALTHY, UNKNOWN
from tests.unit.launches.preflight.ready import facts, found


@pytest.mark.parametrize("status", [DRAFT, PAUSED, COMPLETED])
def test_what_may_be_launched(status: int) -> None:
    assert found(facts({"status": status})) == {}


@pytest.mark.parametrize(("status", "label"), [(UNKNOWN, "UNKNOWN(7)"), (None, "without a status")])
def test_what_stands_in_a_way_that_is_not_known(status: int | None, label: str) -> None:
    sentence = f"It is {label}, so it is not known whether it may be launched."
    assert found(facts({"status": status})) == {"status_unread": sentence}


@pytest.mark.parametrize("status", [UNHEALTHY, BOUNCED, SUSPENDED])
def test_what_instantly_stopped(status: int) -> None:
    assert found(facts({"status": status})).keys() == {"campaign_stopped"}


@pytest.mark.parametrize("status", [ACTIVE, SUBSEQUENCES])
def test_what_runs_already(status: int) -> None:
    assert found(facts({"status": status})).keys() == {"campaign_running"}
