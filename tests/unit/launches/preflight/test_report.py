"""How a check ended: the verdict, what fails, and what a person reads."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.launches.preflight.finding import CODES, Finding, Level
from airflow_provider_instantly.launches.preflight.report import Report
from airflow_provider_instantly.launches.preflight.rules import CheckRules

ERROR = Finding("no_step", "It has no e-mail.")
INCOMPLETE = Finding("plan_unread", "The plan could not be read.")
WARNING = Finding("night_only", "It sends at night only.")
ALL = (ERROR, INCOMPLETE, WARNING)


@pytest.mark.parametrize(
    ("findings", "verdict", "fails"),
    [
        ((), "passed", 0),
        ((WARNING,), "warning", 0),
        ((WARNING, INCOMPLETE), "incomplete", 1),
        (ALL, "error", 2),
    ],
)
def test_the_verdict(findings: tuple[Finding, ...], verdict: str, fails: int) -> None:
    report = Report.of(findings, CheckRules())
    assert (report.verdict, len(report.failing)) == (verdict, fails)


def test_what_fails_is_the_authors_to_say() -> None:
    assert Report.of(ALL, CheckRules(fail_on=frozenset())).failing == ()
    assert Report.of(ALL, CheckRules(fail_on=frozenset({Level.WARNING}))).failing == (WARNING,)


def test_what_is_ignored_is_still_named() -> None:
    report = Report.of(ALL, CheckRules(ignore=frozenset({"no_step", "plan_unread"})))
    assert report.as_dict() == {
        "verdict": "warning",
        "findings": [WARNING.as_dict()],
        "ignored": ["no_step", "plan_unread"],
    }
    assert "ignored by the DAG: `no_step`, `plan_unread`" in report.markdown("Spring", "Draft", "https://a.example")


def test_that_there_is_no_campaign_is_never_ignored() -> None:
    report = Report.of([Finding("no_such_campaign", "There is none.")], CheckRules(ignore=frozenset(CODES)))
    assert report.verdict == "error"


def test_another_try_may_know_more() -> None:
    assert Report.of([INCOMPLETE], CheckRules()).may_pass
    assert not Report.of(ALL, CheckRules()).may_pass


def test_the_message() -> None:
    message = Report.of(ALL, CheckRules()).message('"Spring" (an-id)', "This try did not activate it.")
    assert message == (
        "The check found 1 error and 1 part that could not be read: It has no e-mail. [no_step] The plan could not be "
        f"read. [plan_unread] This try did not activate it. {ERROR.what_to_do} {INCOMPLETE.what_to_do} "
        '[campaign "Spring" (an-id)]'
    )


def test_the_message_as_lines_of_a_log_that_has_the_findings() -> None:
    report = Report.of(ALL, CheckRules())
    assert report.sentences('"Spring" (an-id)', "This try did not activate it.") == (
        "The check found 1 error and 1 part that could not be read.",
        "This try did not activate it.",
        '[campaign "Spring" (an-id)]',
    )


def test_a_line_for_each() -> None:
    lines = list(Report.of(ALL, CheckRules()).lines())
    assert lines[0] == f"ERROR no_step: It has no e-mail. {ERROR.what_to_do}"
    assert len(lines) == 3


def test_markdown() -> None:
    text = Report.of([WARNING], CheckRules()).markdown("Spring", "Draft", "https://app.example/c/1")
    assert text == (
        "### Spring: warning\n\n"
        "Draft · [open in Instantly](<https://app.example/c/1>)\n\n"
        "| finding | what was found | what to do |\n"
        "|---|---|---|\n"
        f"| **warning** `night_only` | It sends at night only. | {WARNING.what_to_do} |\n"
    )
    assert "Nothing was found" in Report.of([], CheckRules()).markdown("Spring", "Draft", "https://app.example")


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/login",
        "HTTP://evil.example",
        "ftp://evil.example",
        "WWW.evil.example",
        "(www.evil.example)",
    ],
)
def test_what_a_campaign_says_is_no_link(text: str) -> None:
    markdown = Report.of([Finding("malformed_link", text)], CheckRules()).markdown(text, "Draft", "https://app.example")
    assert not re.search(r"(https?:|ftp:)//evil|www\.evil", markdown, re.IGNORECASE)
    assert markdown.replace("\u2060", "").count(text) == 2


def test_what_a_campaign_says_has_no_character_references() -> None:
    markdown = Report.of([], CheckRules()).markdown("&#104;ttps://evil.example &lt;", "Draft", "https://app.example")
    assert re.findall(r"(?<!\\)&", markdown) == []


@given(text=st.text())
def test_what_a_campaign_says_draws_nothing(text: str) -> None:
    report = Report.of([Finding("no_step", text)], CheckRules())
    markdown = report.markdown(text, "Draft", "https://app.example")
    (row,) = [line for line in markdown.splitlines() if line.startswith("| **error**")]
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 4
    assert len(markdown.splitlines()) == 7
    json.dumps(report.as_dict())
