"""Which rows are leads, what is sent of them, and that no reason shows a person's value."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.leads.rows import (
    _PLAIN_ADDRESS,
    ALL_OTHERS,
    FIELDS,
    MAX_LEAD,
    MAX_TEXT,
    Columns,
    LeadRow,
    Reject,
    address,
)

ADA = "ada@example.com"


def read(row: Any, **columns: Any) -> LeadRow | Reject:
    return Columns(**columns).read(7, row)


def lead(row: Any, **columns: Any) -> Any:
    found = read(row, **columns)
    assert isinstance(found, LeadRow), found
    return found.lead


def reason(row: Any, **columns: Any) -> str:
    found = read(row, **columns)
    assert isinstance(found, Reject), found
    assert found.number == 7
    return found.reason


class TestColumns:
    def test_fields_are_read_from_columns_of_their_names(self) -> None:
        row = {"email": ADA, "first_name": "Ada", "phone": "+44 1"}
        assert lead(row) == row

    def test_a_field_is_read_from_the_column_that_is_named(self) -> None:
        row = {"mail": ADA, "given": "Ada", "first_name": "no"}
        expected = {"email": ADA, "first_name": "Ada"}
        assert lead(row, fields={"email": "mail", "first_name": "given"}, custom_variables=[]) == expected

    def test_the_listed_columns_become_custom_variables_and_others_are_left_out(self) -> None:
        row = {"email": ADA, "city": "London", "id": 3}
        assert lead(row, custom_variables=["city"]) == {"email": ADA, "custom_variables": {"city": "London"}}

    def test_all_others_become_custom_variables(self) -> None:
        row = {"email": ADA, "city": "London", "is_new": True, "score": 1.5, "seats": 3, "left": None, "blank": " "}
        expected = {"city": "London", "is_new": True, "score": 1.5, "seats": 3}
        assert lead(row, custom_variables=ALL_OTHERS)["custom_variables"] == expected

    def test_a_column_that_was_not_named_is_an_error(self) -> None:
        assert "'frist_name' is no field" in reason({"email": ADA, "frist_name": "Ada"})

    @pytest.mark.parametrize("columns", [{"fields": {"first_name": "given"}}, {"custom_variables": ["given"]}])
    def test_a_column_that_was_named_has_to_be_there(self, columns: dict[str, Any]) -> None:
        assert "no column 'given'" in reason({"email": ADA}, **columns)

    def test_without_a_column_of_addresses(self) -> None:
        """A file without a header has a person's values for its columns' names: they are not shown."""
        found = reason({"ada.private@example.com": "x", "Lovelace": "y"}, custom_variables=ALL_OTHERS)
        assert "no column 'email'" in found
        assert "ovelace" not in found
        assert "private" not in found

    def test_a_custom_variable_must_not_hide_a_field(self) -> None:
        assert "'firstName' has the name" in reason({"email": ADA, "firstName": "Ada"}, custom_variables=ALL_OTHERS)

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ({"fields": {"given_name": "first_name"}}, "given_name"),
            ({"fields": {"email": 3}}, "name a column"),
            ({"fields": ["email"]}, "name a column"),
            ({"custom_variables": "city"}, "list of columns"),
            ({"custom_variables": [3]}, "list of columns"),
            # It was a TypeError.
            ({"custom_variables": 3}, "list of columns"),
            # To look at its names used it up, and leads were sent without any of them.
            ({"custom_variables": iter(["city"])}, "list of columns"),
            ({"custom_variables": ["firstName"]}, "name it in fields"),
            ({"custom_variables": ["{{city}}"]}, "no e-mail could use"),
            ({"custom_variables": [" "]}, "no e-mail could use"),
            ({"custom_variables": ["c" * 101]}, "no e-mail could use"),
        ],
    )
    def test_what_no_row_could_fit_is_refused_early(self, columns: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            Columns(**columns)

    def test_a_row_may_be_any_mapping(self) -> None:
        assert lead(OrderedDict(email=ADA)) == {"email": ADA}

    @pytest.mark.parametrize("row", [None, ["ada@example.com"], "ada@example.com", 3, ("a", "b")])
    def test_what_is_no_mapping_is_no_row(self, row: Any) -> None:
        found = read(row)
        assert isinstance(found, Reject)
        assert type(row).__name__ in found.reason
        assert found.row == {"row": row}


class TestValues:
    @pytest.mark.parametrize(
        ("value", "sent"),
        [
            (" Ada ", "Ada"),
            (17, 17),
            (2**60, str(2**60)),
            (True, True),
            (1.5, 1.5),
            (Decimal("19.90"), "19.90"),
            (Decimal("1E+3"), "1000"),
            (Fraction(1, 2), 0.5),
            (date(2026, 3, 1), "2026-03-01"),
            (datetime(2026, 3, 1, 9, tzinfo=UTC), "2026-03-01T09:00:00+00:00"),
            (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ],
    )
    def test_scalars_of_databases(self, value: Any, sent: Any) -> None:
        assert lead({"email": ADA, "x": value}, custom_variables=["x"])["custom_variables"] == {"x": sent}

    @pytest.mark.parametrize("value", [None, "", "  "])
    def test_what_is_blank_is_no_value(self, value: Any) -> None:
        assert lead({"email": ADA, "first_name": value, "x": value}, custom_variables=["x"]) == {"email": ADA}

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ([1], "list"),
            ({"a": 1}, "dict"),
            (b"x", "bytes"),
            (object(), "object"),
            (float("nan"), "not a number"),
            (float("-inf"), "not a number"),
            (Decimal("sNaN"), "not a number"),
            (Decimal("1E+500000"), "not a number"),
            pytest.param(10**5000, "not a number", id="endless"),
            pytest.param(Fraction(10**400, 3), "not a number", id="large fraction"),
            ("a\0b", "character"),
            ("a\ud800", "character"),
            ("x" * (MAX_TEXT + 1), "10,001 characters"),
        ],
    )
    def test_what_is_no_scalar_is_rejected(self, value: Any, said: str) -> None:
        for column in ("x", "company_name"):
            found = reason({"email": ADA, column: value}, custom_variables=ALL_OTHERS)
            assert f"its column '{column}'" in found
            assert said in found

    @pytest.mark.parametrize(("value", "sent"), [(4912345, "4912345"), (4912345.0, "4912345"), (1.5, "1.5")])
    def test_numbers_in_a_field_become_texts(self, value: Any, sent: str) -> None:
        assert lead({"email": ADA, "phone": value})["phone"] == sent

    def test_a_field_is_no_boolean(self) -> None:
        assert "type bool" in reason({"email": ADA, "first_name": True})

    @pytest.mark.parametrize(("value", "sent"), [(-1, -1), ("2", 2), (None, None)])
    def test_the_interest_is_a_number(self, value: Any, sent: Any) -> None:
        assert lead({"email": ADA, "lt_interest_status": value}).get("lt_interest_status") == sent

    @pytest.mark.parametrize("value", ["won", 1.5, True])
    def test_the_interest_is_nothing_else(self, value: Any) -> None:
        assert "integer" in reason({"email": ADA, "lt_interest_status": value})

    def test_a_lead_is_not_endless(self) -> None:
        row = {f"x{number}": "x" * MAX_TEXT for number in range(7)}
        assert f"more than {MAX_LEAD:,}" in reason({"email": ADA, **row}, custom_variables=ALL_OTHERS)


#: What looks plain, some of it too long or with a label that is none.
PLAIN = st.builds(
    "{}@{}.{}".format,
    st.from_regex(r"[a-z0-9_+.-]{1,66}", fullmatch=True),
    st.lists(st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True), min_size=1, max_size=5).map(".".join),
    st.sampled_from(["com", "example", "test", "onion", "arpa", "localhost", "museum", "x" * 63]),
).filter(_PLAIN_ADDRESS.fullmatch)


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            (" Ada.Lovelace@Example.COM\n", "ada.lovelace@example.com"),
            ("o'brien+x@mail.example.co.uk", "o'brien+x@mail.example.co.uk"),
            ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
        ],
    )
    def test_valid(self, given: str, sent: str) -> None:
        assert address(given) == sent

    @pytest.mark.parametrize(
        "given",
        [
            "", " ", "ada", "ada@", "@example.com", "ada@example", "a..b@example.com", ".a@example.com",
            "a.@example.com", "a b@example.com", "ada@-example.com", "ada@example-.com", "ada@exa_mple.com",
            "ada@host.test", "ada@test", "ada@mail.local", "ada@localhost", "a@b@example.com",
            "Ada <ada@example.com>", "ada@[127.0.0.1]",
            "jürgen@example.com", "x" * 65 + "@example.com", "ada@" + "x" * 64 + ".com", "ada@" + "x." * 126 + "com",
            "ada@example.com, bob@example.com", "ada@example.com\nbcc: bob@example.com", "ada@xn--a.com",
        ],
    )  # fmt: skip
    def test_invalid(self, given: str) -> None:
        with pytest.raises(ValueError, match=r"^has no (valid )?address"):
            address(given)

    @pytest.mark.parametrize("given", [None, 3, b"ada@example.com", ["ada@example.com"]])
    def test_no_text(self, given: Any) -> None:
        assert f"type {type(given).__name__}" in reason({"email": given})

    @given(PLAIN)
    def test_what_is_plain_is_what_the_validator_says(self, text: str) -> None:
        """What is accepted at a glance, it accepts, too, and writes it in the same way."""
        try:
            found = address(text)
        except ValueError:
            return
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False)
        assert (valid.ascii_email or "").lower() == found

    @given(st.emails())
    def test_what_is_sent_stays_as_it_is(self, text: str) -> None:
        try:
            found = address(text)
        except ValueError:
            return
        assert found == address(found) == found.lower()
        assert found.isascii()


SECRETS = st.text("abcdefghijklmnopqrstuvwxyzäи0123456789!#.@:(<>\"' ", min_size=5).map(lambda text: f"qzx{text}zqx")
VALUES = st.one_of(
    SECRETS,
    st.emails().map(lambda text: f"qzx{text}"),
    st.lists(SECRETS, max_size=2),
    SECRETS.map(str.encode),
    st.floats(),
    st.decimals(),
    st.integers(),
    st.none(),
    st.booleans(),
    st.text(st.characters(), max_size=20).map(lambda text: f"qzx{text}"),
)


class TestAnyRow:
    @given(
        st.dictionaries(st.sampled_from([*FIELDS, "city", "firstName", "x y"]), VALUES),
        st.sampled_from([None, ALL_OTHERS, ["city"]]),
    )
    def test_becomes_a_lead_that_json_has_or_a_reject_that_shows_nothing(self, row: Any, variables: Any) -> None:
        found = read(row, custom_variables=variables)
        assert "qzx" not in repr(found)
        if isinstance(found, Reject):
            assert found.row is row
            assert "qzx" not in found.reason
            assert "zqx" not in found.reason
            return
        text = json.dumps(found.lead, allow_nan=False)
        assert json.loads(text) == found.lead
        assert found.lead["email"] == address(row["email"])
        assert found.lead.keys() <= {*FIELDS, "custom_variables"}
        text.encode()


def test_the_validator_loads_when_it_is_used() -> None:
    code = "import sys, airflow_provider_instantly.leads.rows; sys.exit('email_validator' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.lists(st.dictionaries(st.sampled_from([*FIELDS[:3], "a", "b"]), st.sampled_from([ADA, "x", None, 3]))))
def test_what_a_row_is_does_not_depend_on_the_rows_before_it(rows: list[dict[str, Any]]) -> None:
    columns = Columns(custom_variables=ALL_OTHERS)
    assert [columns.read(1, row) for row in rows] == [read_alone(row) for row in rows]


def read_alone(row: dict[str, Any]) -> LeadRow | Reject:
    return Columns(custom_variables=ALL_OTHERS).read(1, row)


def test_rows_that_all_differ_take_no_more_memory() -> None:
    columns = Columns(custom_variables=ALL_OTHERS)
    for number in range(1_000):
        assert isinstance(columns.read(number, {"email": ADA, f"x{number}": 1}), LeadRow)
    assert len(columns._layouts) <= 64


def test_rows_of_many_columns_are_not_remembered() -> None:
    columns = Columns(custom_variables=["x"])
    for row in ({f"c{n}": 1 for n in range(1_000)}, {"c" * 60_000: 1}):
        assert isinstance(columns.read(1, {"email": ADA, "x": 1, **row}), LeadRow)
    assert not columns._layouts


@pytest.mark.parametrize("text", ["a." * 500 + "@example.com", "\u00e4" * 1_000 + ".example", " a" * 501, "a" * 1_001])
def test_what_is_too_long_is_not_judged(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The validator takes seconds for a megabyte of blanks."""
    monkeypatch.setitem(sys.modules, "email_validator", None)
    with pytest.raises(ValueError, match="too long"):
        address(text)
