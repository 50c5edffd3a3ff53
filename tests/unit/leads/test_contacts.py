"""What can be blocked: addresses and domains, as Instantly compares them; and no reason shows a value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.leads.contacts import Contacts, contact
from airflow_provider_instantly.leads.rows import BrokenRow, LeadRow, Reject


@pytest.mark.parametrize(
    ("given", "blocked"),
    [
        (" Ada@Example.com ", "ada@example.com"),
        ("Example.COM", "example.com"),
        ("@example.com", "example.com"),
        ("mail.example.co.uk", "mail.example.co.uk"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_addresses_and_domains(given: str, blocked: str) -> None:
    assert contact(given) == blocked


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "@",
        "ada",
        "com",
        "*.example.com",
        "https://example.com",
        "example.com/x",
        "ada@",
        "a b",
        "a@b@example.com",
    ],
)
def test_neither(given: str) -> None:
    found = Contacts().read(4, given)
    assert isinstance(found, Reject)
    assert (found.number, found.row) == (4, {"value": given})
    assert found.reason.startswith("it has n")


@pytest.mark.parametrize("given", [None, 3, b"ada@example.com", ["ada@example.com"]])
def test_no_text(given: Any) -> None:
    found = Contacts().read(1, given)
    assert isinstance(found, Reject)
    assert type(given).__name__ in found.reason


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("ada@example.com", None),
        ("ada@example.com", "email"),
        ({"email": "ada@example.com"}, None),
        ({"id": 3, "email": "ada@example.com"}, "email"),
        ({"optouts.email": "ada@example.com"}, "optouts.email"),
    ],
)
def test_where_it_stands(row: Any, column: str | None) -> None:
    assert Contacts(column).read(2, row) == LeadRow(2, {"email": "ada@example.com"})


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        ({"id": 3, "email": "ada@example.com"}, None, "2 columns"),
        ({}, None, "0 columns"),
        ({"mail": "ada@example.com"}, "email", "no column 'email'"),
        ({"mail": "ada@example.com"}, "bob@example.com", "no column '(an address)'"),
        ({"adas.example": "bob.example"}, None, "lack a header"),
        ({"ada@example.com": "bob@example.com"}, None, "lack a header"),
        (BrokenRow("its line is no JSON", {"line": "ada"}), None, "its line is no JSON"),
    ],
)
def test_where_it_does_not(row: Any, column: str | None, said: str) -> None:
    found = Contacts(column).read(2, row)
    assert isinstance(found, Reject)
    assert said in found.reason
    assert "ada" not in repr(found)


@given(st.one_of(st.text(), st.emails(), st.emails().map(lambda text: text.partition("@")[2])))
def test_what_is_blocked_stays_as_it_is_and_a_reason_shows_nothing(text: str) -> None:
    found = Contacts().read(1, f"qzx{text}")
    if isinstance(found, Reject):
        assert "qzx" not in repr(found)
    else:
        value = found.lead["email"]
        assert contact(value) == value
        assert value.isascii()
