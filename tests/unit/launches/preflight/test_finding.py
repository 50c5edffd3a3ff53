"""What a check can find: codes, levels, and how much is said of many things."""

from __future__ import annotations

import re

import pytest

from airflow_provider_instantly.launches.preflight.finding import (
    CODES,
    NEVER_IGNORED,
    STANDING_CODES,
    Finding,
    Level,
    counted,
    listed,
    worst,
)


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_what_to_do(code: str) -> None:
    finding = Finding(code, "It is so.")
    assert re.fullmatch(r"[a-z_]+", code)
    assert finding.as_dict() == {
        "code": code,
        "level": finding.level.value,
        "sentence": "It is so.",
        "what_to_do": finding.what_to_do,
    }
    assert finding.what_to_do.endswith(".")


def test_what_was_not_read_is_incomplete() -> None:
    assert {code for code in CODES if code.endswith("_unread")} == {
        code for code, (level, _) in CODES.items() if level is Level.INCOMPLETE
    }


def test_sets_of_codes_are_codes() -> None:
    assert CODES.keys() >= NEVER_IGNORED | STANDING_CODES


def test_few_of_many_are_listed() -> None:
    assert listed(["a", "b", "a"]) == "a, b"
    assert listed(map(str, range(5))) == "0, 1, 2, 3, 4"
    assert listed(map(str, range(1005))) == "0, 1, 2, 3, 4 and 1,000 more"


def test_counts() -> None:
    assert (counted(1, 1, "lead"), counted(1200, 2000, "lead")) == ("1 of 1 lead", "1,200 of 2,000 leads")


def test_the_worst_level() -> None:
    error, incomplete, warning = (Finding(code, ".") for code in ("no_step", "plan_unread", "night_only"))
    assert worst([]) is None
    assert worst([warning]) is Level.WARNING
    assert worst([warning, incomplete]) is Level.INCOMPLETE
    assert worst([warning, incomplete, error]) is Level.ERROR
