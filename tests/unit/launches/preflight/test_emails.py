"""What a campaign's e-mails say, and what must not be in them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.launches.preflight.ready import emails, facts, found


@pytest.mark.parametrize("document", [{"sequences": None}, {"sequences": []}, {"sequences": [{"steps": []}]}])
def test_no_step(document: dict[str, Any]) -> None:
    assert found(facts(document)).keys() == {"no_step"}


@pytest.mark.parametrize("variants", [None, [], [{"subject": "a", "body": "b", "v_disabled": True}]])
def test_no_variant(variants: Any) -> None:
    steps = [*emails("Hi")["sequences"][0]["steps"], {"variants": variants}]
    sentences = found(facts({"sequences": [{"steps": steps}]}))
    assert sentences == {"no_variant": "No variant is switched on in step 2."}


def test_a_variant_that_is_switched_off_is_not_judged() -> None:
    off = {"subject": "", "body": "TODO {{", "v_disabled": True}
    variants = [{"subject": "Hello", "body": "Hi"}, off]
    assert found(facts({"sequences": [{"steps": [{"variants": variants}]}]})) == {}


@pytest.mark.parametrize(
    "body",
    ["", " ", "<p></p>", "<p>&nbsp;</p><br/>", "<!-- a -->", "<style>p{}</style>", "<!-- <img> -->", "&#8203;\u2060"],
)
def test_an_empty_body(body: str) -> None:
    assert found(facts(emails("Hi", body)))["empty_body"] == "The body is empty in step 2."


def test_a_body_of_an_image_is_not_empty() -> None:
    assert found(facts(emails('<img src="https://mail.example/a.png">'))) == {}


def test_a_subject_of_characters_without_a_width_is_empty() -> None:
    assert "empty_subject" in found(facts(emails("Hi", subject="\u200b")))


def test_an_empty_subject_matters_in_the_first_step_only() -> None:
    assert found(facts(emails("Hi", "Hi again"))) == {}
    assert found(facts(emails("Hi", subject=" ")))["empty_subject"] == "The subject is empty in step 1."


def test_a_variant_is_named() -> None:
    variants = [{"subject": "a", "body": "b"}, {"subject": "", "body": "b"}]
    sentences = found(facts({"sequences": [{"steps": [{"variants": variants}]}]}))
    assert sentences == {"empty_subject": "The subject is empty in step 1 variant 2."}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("TODO: a hook", "TODO"),
        ("<b>TODO</b>", "TODO"),
        ("Lorem ipsum dolor", "Lorem"),
        ("lorem", "lorem"),
        ("Hi XXX,", "XXX"),
        ("XXXXX", "XXXXX"),
        ("FIXME", "FIXME"),
    ],
)
def test_placeholders(text: str, word: str) -> None:
    assert found(facts(emails(text)))["placeholder_text"].endswith(f": “{word}” in step 1.")
    assert "placeholder_text" in found(facts(emails("Hi", subject=text)))


@pytest.mark.parametrize("text", ["¿Todo bien?", "todo", "Size XXL", "xxx", "<!-- TODO -->", "<p class='TODO'>Hi</p>"])
def test_what_only_resembles_a_placeholder(text: str) -> None:
    assert "placeholder_text" not in found(facts(emails(f"Hi {text}")))


@pytest.mark.parametrize("text", ["Hi {{firstName,", "Hi {firstName}},", "{% if firstName %}Hi", "{{}}", "{% if"])
def test_broken_templates(text: str) -> None:
    assert "in step 1" in found(facts(emails(text)))["broken_template"]
    assert "broken_template" in found(facts(emails("Hi", subject=text)))


@pytest.mark.parametrize(
    "link",
    [
        "", "#", "https://", "http:/shop.example", "https//shop.example", "htps://shop.example", "www.shop.example",
        "https://shop", "https://shop example.com", "/offer", "mailto:", "https://[shop.example", "javascript:void(0)",
    ],
)  # fmt: skip
def test_malformed_links(link: str) -> None:
    assert "malformed_link" in found(facts(emails(f'Hi <a href="{link}">there</a>')))


@pytest.mark.parametrize(
    "link",
    [
        "https://shop.example", "HTTP://shop.example/a?b=c&amp;d=e#f", "{{website}}", "https://{{website}}",
        "https://{{companyDomain}}/x", "https://shop.example/{{firstName | you}}", "{unsubscribe_link}",
        "mailto:office@shop.example", "tel:+491234", "https://shop.example/a%20b",
    ],
)  # fmt: skip
def test_good_links(link: str) -> None:
    assert "malformed_link" not in found(facts(emails(f'Hi <a href="{link}">there</a>')))


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ("See https://shop.example.", True),
        ("See https://", False),
        ("See https//shop.example", False),
        ("See http:/shop.example", False),
        ("(https://shop.example/a)", True),
        ("https is a word", True),
    ],
)
def test_links_in_the_text(text: str, is_good: bool) -> None:
    assert ("malformed_link" not in found(facts(emails(text)))) is is_good


def test_a_placeholder_is_shown_in_part() -> None:
    assert len(found(facts(emails("X" * 1_000_000)))["placeholder_text"]) < 200


def test_a_number_of_a_character_may_have_any_number_of_digits() -> None:
    endless = f"&#{'9' * 5_000};"
    assert found(facts(emails(f'Hi {endless} <a href="{endless}">there</a>'))).keys() == {"malformed_link"}


def test_a_link_is_shown_without_its_query() -> None:
    sentence = found(facts(emails('<a href="htps://shop.example/?token=very-secret">Hi</a>')))["malformed_link"]
    assert "htps://shop.example/" in sentence
    assert "very-secret" not in sentence
