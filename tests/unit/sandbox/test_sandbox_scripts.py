"""Scripts: what a campaign's status is at a moment after its activation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.sandbox.scripts import (
    Standing,
    dump_script,
    parse_script,
    parse_script_text,
    parse_status,
    position_at,
    standing_at,
    status_name,
)
from tests.statuses import ALL

DRAFT = Standing(0, None)


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(0, 0), (1.99, 0), (2, 1), (9.99, 1), (10, -2), (1_000_000, -2)],
)
def test_the_last_step_that_is_due_holds(elapsed: float, expected: int) -> None:
    script = dump_script(parse_script_text("active@2,bounce_protect@10"))
    assert standing_at(DRAFT, script, 100.0, 100.0 + elapsed).status == expected


def test_without_a_running_script_the_base_holds() -> None:
    script = dump_script(parse_script_text("active@0"))
    assert standing_at(DRAFT, script, None, 100.0) == DRAFT
    assert standing_at(DRAFT, None, 100.0, 100.0) == DRAFT


def test_a_clock_set_back_before_the_start_shows_the_base() -> None:
    assert standing_at(DRAFT, dump_script(parse_script_text("active@0")), 100.0, 50.0) == DRAFT


def test_a_step_may_carry_a_reason() -> None:
    script = dump_script(parse_script([[0, "active", 2], {"after": 5, "status": -1, "not_sending_status": 99}]))
    assert standing_at(DRAFT, script, 0.0, 1.0) == Standing(1, 2)
    assert standing_at(DRAFT, script, 0.0, 5.0) == Standing(-1, 99)


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(-1, (0, 3)), (0, (0, 2)), (1.5, (0, 0.5)), (2, (1, 8)), (9, (1, 1)), (10, (2, None)), (1_000_000, (2, None))],
)
def test_where_in_its_script_a_campaign_is(elapsed: float, expected: tuple[int, float | None]) -> None:
    script = dump_script(parse_script_text("active@2,bounce_protect@10"))
    assert position_at(script, 100.0, 100.0 + elapsed) == expected


def test_a_campaign_whose_script_does_not_run_is_nowhere_in_it() -> None:
    script = dump_script(parse_script_text("active@0"))
    assert position_at(script, None, 100.0) is None
    assert position_at(None, 100.0, 100.0) is None


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from(ALL)), max_size=8),
    st.floats(0, 2e6),
)
def test_against_the_definition(steps: list[tuple[float, int]], elapsed: float) -> None:
    due = [step for step in sorted(steps, key=lambda step: step[0]) if step[0] <= elapsed]
    expected = Standing(due[-1][1], None) if due else DRAFT
    assert standing_at(DRAFT, dump_script(parse_script(steps)), 0.0, elapsed) == expected


@pytest.mark.parametrize(
    ("given_status", "expected"),
    [(1, 1), ("active", 1), ("Bounce Protect", -2), (" accounts_unhealthy ", -1), ("-99", -99), (7, 7)],
)
def test_a_status_is_a_number_or_a_name(given_status: object, expected: int) -> None:
    assert parse_status(given_status) == expected


@pytest.mark.parametrize("wrong", ["activ", "", True, None, 1.5])
def test_anything_else_is_no_status_and_the_message_lists_the_names(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"is no campaign status.*bounce_protect"):
        parse_status(wrong)


@pytest.mark.parametrize(
    "wrong", ["active", "active@", "active@soon", "active@-1", "active@nan", "@2", ",", "active@2,"]
)
def test_a_wrong_script_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_script_text(wrong)


def test_steps_are_put_in_order() -> None:
    assert [step.status for step in parse_script_text("bounce_protect@10,active@2")] == [1, -2]


def test_a_status_without_a_name_is_shown_as_a_number() -> None:
    assert status_name(-2) == "Bounce Protect"
    assert status_name(7) == "Unknown (7)"
