"""Single values of an answer: what is missing, null or of a wrong type counts as not there."""

from __future__ import annotations

import html
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.parsing import OpenIntEnum, count, flag, integer, moment, unescaped
from tests.unit.json_values import ANY_JSON


class Colour(OpenIntEnum):
    RED = 1
    DARK_BLUE = -2


class TestOpenIntEnum:
    def test_a_known_number(self) -> None:
        assert (Colour(-2).label, Colour(-2).is_known) == ("Dark Blue", True)

    def test_an_unknown_number_keeps_its_value_and_adds_no_member(self) -> None:
        assert (Colour(7), Colour(7).label, Colour(7).is_known) == (7, "UNKNOWN(7)", False)
        assert len(Colour) == 2

    @pytest.mark.parametrize("value", [True, "1", None, 1.5])
    def test_what_is_no_number(self, value: Any) -> None:
        if value is True:
            assert Colour(value) is Colour.RED, "Python takes True for 1"
            return
        with pytest.raises(ValueError, match="is not a valid Colour"):
            Colour(value)

    @pytest.mark.parametrize(
        ("value", "meant"), [(1, Colour.RED), (-2.0, Colour.DARK_BLUE), (7, 7), (True, None), ("1", None), (None, None)]
    )
    def test_what_stands_in_an_answer(self, value: Any, meant: int | None) -> None:
        found = Colour.from_api(value)
        assert found == meant
        assert found is None or isinstance(found, Colour)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (3, 3),
        (3.0, 3),
        (-99, -99),
        (3.5, None),
        (True, None),
        ("3", None),
        (None, None),
        (2**63, None),
        (math.inf, None),
    ],
)
def test_integers(value: Any, found: int | None) -> None:
    assert integer(value) == found


@pytest.mark.parametrize(("value", "found"), [(True, True), (False, False), (None, None), (1, None), ("true", None)])
def test_flags(value: Any, found: bool | None) -> None:
    assert flag(value) is found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-06-30T21:45:12.714Z", datetime(2026, 6, 30, 21, 45, 12, 714_000, UTC)),
        ("2026-06-30", datetime(2026, 6, 30, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (1_782_855_912, None),
        (None, None),
    ],
)
def test_moments(value: Any, found: datetime | None) -> None:
    assert moment(value) == found


@given(value=ANY_JSON)
def test_nothing_that_json_can_hold_raises(value: Any) -> None:
    assert integer(value) is None or isinstance(integer(value), int)
    assert flag(value) in (None, True, False)
    found = moment(value)
    assert found is None or found.utcoffset() is not None


@given(value=st.datetimes(timezones=st.just(UTC)), offset=st.integers(-14, 14))
def test_every_timestamp_reads_back(value: datetime, offset: int) -> None:
    there = timedelta(hours=offset)
    if datetime.min.replace(tzinfo=UTC) + abs(there) < value < datetime.max.replace(tzinfo=UTC) - abs(there):
        assert moment(value.isoformat()) == value


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a &amp; b", "a & b"),
        ("&#64;&#x40;&#064", "@@@"),
        (f"&#{'0' * 5_000}64;", "@"),
        (f"&#{'9' * 5_000};&#{'9' * 5_000}", "\ufffd\ufffd"),
        (f"&#{'0' * 5_000};", "\ufffd"),
        ("&#1114112; &#1114111; &#; &", "\ufffd  &#; &"),
    ],
)
def test_character_references(markup: str, text: str) -> None:
    assert unescaped(markup) == text


@given(markup=st.text(alphabet="&#;x0123456789ab", max_size=40))
def test_character_references_are_decoded_as_python_does(markup: str) -> None:
    assert unescaped(markup) == html.unescape(markup)


@pytest.mark.parametrize(
    ("value", "found"), [(0, 0), (7.0, 7), (-1, None), ("7", None), (math.nan, None), (True, None)]
)
def test_counts(value: Any, found: int | None) -> None:
    assert count(value) == found
