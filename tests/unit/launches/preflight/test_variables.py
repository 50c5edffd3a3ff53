"""Variables: which exist, how they are written, and which leads have no value for them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_instantly.launches.preflight.facts import Unread
from tests.unit.launches.preflight.ready import emails, facts, found, leads

ADA = {"payload": {"firstName": "Ada", "icebreaker": "I saw your talk"}}


def with_body(body: str, **more: Any) -> dict[str, str]:
    return found(facts({**emails(body), **more}, leads=leads(ADA)))


@pytest.mark.parametrize(
    "text",
    ["{{firstName}}", "{{email | you}}", "{{icebreaker}}", "{{sendingAccountFirstName}}", "{{accountSignature}}",
     "{% if jobTitle %}{{jobTitle}}{% endif %}", "{{RANDOM | Hi | Hello}}"],
)  # fmt: skip
def test_variables_that_exist(text: str) -> None:
    assert with_body(f"Hi {text}") == {}


def test_one_that_the_campaign_lists() -> None:
    """It exists; that no lead has a value for it is another matter."""
    assert with_body("{{my_custom_var | x}}", custom_variables={"my_custom_var": True}) == {}


def test_one_that_no_lead_has() -> None:
    sentences = with_body("Hi {{nickname}}, {{nickname}} {{Ice Breaker 2 | a}}")
    assert sentences == {
        "unknown_variable": "No lead has these variables (of 1 that were read): "
        "{{nickname}}, {{Ice Breaker 2}} in step 1."
    }


def test_without_leads_it_is_not_known_whether_it_exists() -> None:
    sentences = found(facts(emails("{{nickname}}"), leads=Unread("No scope.")))
    assert sentences.keys() == {"leads_unread", "variables_unread"}
    assert "{{nickname}}" in sentences["variables_unread"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{first_name}}", "{{first_name}} for {{firstName}}"),
        ("{{FirstName}}", "{{FirstName}} for {{firstName}}"),
        ("{{first name}}", "{{first name}} for {{firstName}}"),
        ("{{Icebreaker}}", "{{Icebreaker}} for {{icebreaker}}"),
        ("{firstName}", "{firstName} for {{firstName}}"),
        ("{first_name}", "{first_name} for {{firstName}}"),
    ],
)
def test_known_ones_that_are_not_written_as_they_are_called(text: str, shown: str) -> None:
    sentences = with_body(f"Hi {text}")
    assert sentences.keys() == {"variable_spelling"}
    assert shown in sentences["variable_spelling"]


@pytest.mark.parametrize("text", ["{{unsubscribe_link}}", "{{unsubscribeLink}}", "{{UNSUBSCRIBE_LINK}}"])
def test_the_link_to_unsubscribe_has_single_braces(text: str) -> None:
    assert with_body(f"Hi {text}").keys() == {"unsubscribe_braces"}
    assert with_body("Hi {unsubscribe_link}") == {}


def test_a_bar_without_blanks() -> None:
    assert with_body("Hi {{firstName|there}}").keys() == {"tight_fallback"}


@pytest.mark.parametrize("name", ["first_name", "FirstName", "Company Name", "EMAIL"])
def test_custom_ones_like_core_ones(name: str) -> None:
    assert with_body("Hi", custom_variables={name: True}).keys() == {"custom_like_core"}
    payload = {"payload": {**ADA["payload"], name: "x"}}
    assert found(facts(leads=leads(payload))).keys() == {"custom_like_core"}


def test_many_spellings_are_read_once() -> None:
    """Each held against all others, they would take hours."""
    names = [f"first{number:b}Name".replace("0", "_").replace("1", "-") for number in range(2**16)]
    body = "".join(f"{{{{{name}}}}}" for name in names)
    assert found(facts(emails(body))).keys() == {"variable_spelling"}


class TestValues:
    BLANK: tuple[dict[str, Any], ...] = (
        {"payload": {"firstName": " "}},
        {"payload": {}},
        {"payload": {"firstName": None}},
    )

    @pytest.mark.parametrize("lead", BLANK)
    def test_a_lead_without_a_value(self, lead: dict[str, Any]) -> None:
        sentence = found(facts(leads=leads(lead, {})))["missing_values"]
        assert sentence == (
            "Of the 2 leads that were read, too many lack a value that has no fallback: "
            "{{firstName}} (1 of 2 leads, in step 1)."
        )

    @pytest.mark.parametrize("text", ["{{firstName | there}}", "{% if firstName %}{{firstName}}{% endif %}", "Hi"])
    def test_where_it_does_no_harm(self, text: str) -> None:
        assert found(facts(emails(text), leads=leads(*self.BLANK))) == {}

    def test_the_limit(self) -> None:
        sample = leads(self.BLANK[0], *[{}] * 19)
        assert found(facts(leads=sample)) == {}
        assert found(facts(leads=sample), max_missing_share=0.04).keys() == {"missing_values"}
        assert found(facts(leads=leads(*self.BLANK)), max_missing_share=1.0) == {}

    def test_a_lead_that_is_done_needs_none(self) -> None:
        assert found(facts(leads=leads({}, {**self.BLANK[0], "status": 3}))) == {}

    def test_it_says_that_only_the_first_were_read(self) -> None:
        sample = leads(*self.BLANK, has_more=True)
        assert found(facts(leads=sample))["missing_values"].startswith("Of the first 3 leads that were read")

    def test_zero_is_a_value(self) -> None:
        assert found(facts(emails("{{seats}}"), leads=leads({"payload": {"seats": 0}}))) == {}
