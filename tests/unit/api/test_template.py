"""Variables, fallbacks, spintax and Liquid: what is found in a text, and what is broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.template import Template, Variable, parse_template, visible_text, without_code

UUID = "9b6f458e-6dc5-4762-83d5-a528aedd2235"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello", ()),
        ("Hi {{firstName}},", (Variable("firstName"),)),
        ("{{ firstName }}", (Variable("firstName"),)),
        (f"{{{{{UUID}_subject_1}}}}", (Variable(f"{UUID}_subject_1"),)),
        ("{{firstName | there}}", (Variable("firstName", has_fallback=True),)),
        ("{{firstName|there}}", (Variable("firstName", has_fallback=True, is_tight=True),)),
        ("{{firstName&nbsp;| there}}", (Variable("firstName", has_fallback=True),)),
        ("{{firstName | }}", (Variable("firstName"),)),
        ("{{firstName | capitalize}}", (Variable("firstName"),)),
        ("{{firstName | capitalize our name}}", (Variable("firstName", has_fallback=True),)),
        ('{{ firstName | default: "there" }}', (Variable("firstName", has_fallback=True),)),
        ("{{RANDOM | Hi | Hello}}", ()),
        ("{{RANDOM | Hi {{firstName}} | Hello}}", (Variable("firstName", is_conditional=True),)),
        ('{{ "now" | date: "%A" }}', ()),
        ("{% if firstName %}Hi {{firstName}}{% else %}Hi{% endif %}", (Variable("firstName", is_conditional=True),)),
        ("{% assign day = 'Monday' %}{{day}}", ()),
        ("<p>{{a}}</p><p>{{b}}</p>", (Variable("a"), Variable("b"))),
        ("<style>@media x{p{color:red}}</style>{{a}}<!-- {{b -->", (Variable("a"),)),
    ],
)
def test_variables(text: str, found: tuple[Variable, ...]) -> None:
    assert parse_template(text) == Template(found)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Hi {{firstName, how are you?", "{{ without }}"),
        ("Hi {{firstName} and {{lastName}}", "{{ without }}"),
        ("Hi {firstName}},", "}} without {{"),
        ("{{}}", "{{ }} without a name"),
        ("{{ | there}}", "{{ }} without a name"),
        ("{{<b>firstName</b>}}", "{{ and }} with more than a name between them"),
        ("{{" + "word " * 30 + "}}", "{{ and }} with more than a name between them"),
        ("{% if firstName Hi", "{% without %}"),
        ("{% if a {% endif %}", "{% without %}"),
        ("{% if a %}Hi", "{% if %} without {% endif %}"),
        ("Hi{% endif %}", "{% endif %} without its beginning"),
        ("{% if a %}{% endfor %}", "{% endfor %} without its beginning"),
        ("{% %}", "{% %} without a word of Liquid"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    assert fault in parse_template(text).faults


def test_single_braces() -> None:
    text = "{unsubscribe_link} {firstName} {{lastName}} {Hi|Hello} {a b}"
    assert parse_template(text).single_braces == ("unsubscribe_link", "firstName")


def test_what_a_reader_sees() -> None:
    text = "<style>p{}</style><p>Hi&nbsp;there,<br/>you &amp; me</p><script>x()</script><!-- gone"
    assert visible_text(text) == "Hi there, you & me"


def test_code_that_is_never_closed() -> None:
    assert without_code("a<STYLE>b</Style>c<script>d") == "ac"


PIECES = st.lists(
    st.sampled_from(
        ["{{", "}}", "{%", "%}", "{", "}", "|", " | ", "a", "RANDOM", "if x", "endif", "<b>", "<style>", "</style>",
         "<!--", "-->", "&#123;", " ", "\n", '"']
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(text=PIECES)
def test_no_text_breaks_it(text: str) -> None:
    found = parse_template(text)
    assert all(variable.name == variable.name.strip() != "" for variable in found.variables)
    assert isinstance(visible_text(text), str)


@given(names=st.lists(st.from_regex(r"[A-Za-z][\w-]{0,20}", fullmatch=True).filter(lambda n: n != "RANDOM")))
def test_what_is_well_formed_is_found_and_has_no_fault(names: list[str]) -> None:
    found = parse_template(" and ".join(f"{{{{{name} | text}}}}" for name in names))
    assert [variable.name for variable in found.variables] == names
    assert found.faults == ()


@pytest.mark.parametrize("piece", ["{{", "{%", "<style>", "<", "<!--", "{a", "{{a}}", "{% if a %}", "<style></style>"])
def test_a_long_text_is_read_once(piece: str) -> None:
    """Read again from each of its marks, it would take hours."""
    text = piece * (2_000_000 // len(piece))
    assert len(parse_template(text).faults) <= len(text)
    assert len(visible_text(text)) <= len(text)


def test_expressions_within_each_other_are_read_once() -> None:
    depth = 500_000
    assert len(parse_template("{{" * depth + "}}" * depth).faults) == depth


def test_a_long_fallback_is_one() -> None:
    [variable] = parse_template("{{ firstName | " + "there " * 1_000 + "}}").variables
    assert (variable.name, variable.has_fallback, variable.is_tight) == ("firstName", True, False)


def test_a_number_of_a_character_may_have_any_number_of_digits() -> None:
    assert visible_text(f"a&#{'9' * 5_000};&#{'0' * 5_000}98;c") == "a\ufffdbc"
    assert parse_template(f"&#{'0' * 5_000}123;{{a}}}}").variables[0].name == "a"
