"""How a check ended: its verdict, what fails a task, and all of it for a person who has to decide."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.api.campaign import about
from airflow_provider_instantly.api.redaction import safe_text
from airflow_provider_instantly.launches.preflight.finding import NEVER_IGNORED, Finding, Level, worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_instantly.launches.preflight.rules import CheckRules

#: The verdict where nothing was found; else it is the level that matters most.
PASSED: Final = "passed"

_MARKUP = re.compile(r"([\\`*_\[\]<>#|~!&])")
#: What Markdown makes a link of by itself. Between the two parts stands a character without a width then.
_AUTOLINK = re.compile(r"(https?:|ftp:|www)(?=//|\.)", re.IGNORECASE)
_JOINER: Final = "\u2060"
_NOUNS: Final = {
    Level.ERROR: ("error", "errors"),
    Level.INCOMPLETE: ("part that could not be read", "parts that could not be read"),
    Level.WARNING: ("warning", "warnings"),
}


@dataclass(frozen=True)
class Report:
    """
    What a check found of one campaign.

    :param findings: what counts.
    :param ignored: what was found and does not count.
    :param fail_on: the levels that fail a task.
    """

    findings: tuple[Finding, ...]
    ignored: tuple[Finding, ...] = ()
    fail_on: frozenset[Level] = frozenset()

    @classmethod
    def of(cls, findings: Iterable[Finding], rules: CheckRules) -> Report:
        """
        Sort findings by what the author of the DAG ignores.

        :param findings: all that was found.
        :param rules: what is ignored, and what fails.
        """
        every = tuple(findings)
        ignored = rules.ignore - NEVER_IGNORED
        return cls(
            findings=tuple(finding for finding in every if finding.code not in ignored),
            ignored=tuple(finding for finding in every if finding.code in ignored),
            fail_on=rules.fail_on,
        )

    @property
    def verdict(self) -> str:
        """``passed``, or the level that matters most: ``error``, ``incomplete``, ``warning``."""
        level = worst(self.findings)
        return PASSED if level is None else level.value

    @property
    def failing(self) -> tuple[Finding, ...]:
        """What fails a task."""
        return tuple(finding for finding in self.findings if finding.level in self.fail_on)

    @property
    def may_pass(self) -> bool:
        """Whether all that fails could not be read, so that another try may know more."""
        return all(finding.level is Level.INCOMPLETE for finding in self.failing)

    def message(self, title: str, outcome: str) -> str:
        """
        The text of the error: what was found, what became of the campaign, and what to do.

        :param title: how the campaign is called.
        :param outcome: what became of it, as a sentence.
        """
        found = " ".join(f"{finding.sentence} [{finding.code}]" for finding in self.failing)
        to_do = " ".join(dict.fromkeys(finding.what_to_do for finding in self.failing))
        return f"The check found {_counts(self.failing)}: {found} {outcome} {to_do} {about(title)}"

    def sentences(self, title: str, outcome: str) -> tuple[str, ...]:
        """
        The same as lines of a log that has `lines` already: without what was found, and what to do about it.

        :param title: how the campaign is called.
        :param outcome: what became of it, as a sentence.
        """
        return (f"The check found {_counts(self.failing)}.", outcome, about(title))

    def lines(self) -> Iterator[str]:
        """A line of the log for each finding."""
        for finding in self.findings:
            yield f"{finding.level.value.upper()} {finding.code}: {finding.sentence} {finding.what_to_do}"

    def as_dict(self) -> dict[str, Any]:
        """As an XCom has it."""
        return {
            "verdict": self.verdict,
            "findings": [finding.as_dict() for finding in self.findings],
            "ignored": [finding.code for finding in self.ignored],
        }

    def markdown(self, name: str, status: str, url: str) -> str:
        """
        All of it for a person who approves a launch.

        :param name: the campaign's name, or its id.
        :param status: how it stands.
        :param url: its page in Instantly.
        """
        parts = [f"### {_plain(name)}: {self.verdict}", f"{_plain(status)} · [open in Instantly](<{url}>)"]
        if self.findings:
            rows = [
                f"| **{finding.level.value}** `{finding.code}` | {_plain(finding.sentence)} | "
                f"{_plain(finding.what_to_do)} |"
                for finding in self.findings
            ]
            parts.append("\n".join(["| finding | what was found | what to do |", "|---|---|---|", *rows]))
        else:
            parts.append("Nothing was found that speaks against a launch.")
        if self.ignored:
            codes = ", ".join(f"`{finding.code}`" for finding in self.ignored)
            parts.append(f"Found, and ignored by the DAG: {codes}.")
        return "\n\n".join(parts) + "\n"


def _counts(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.level for finding in findings)
    return " and ".join(
        f"{counts[level]:,} {nouns[counts[level] != 1]}" for level, nouns in _NOUNS.items() if counts[level]
    )


def _plain(text: str) -> str:
    """A text that is no markup: what a campaign says must not draw in what a person approves."""
    return _MARKUP.sub(r"\\\1", _AUTOLINK.sub(rf"\1{_JOINER}", safe_text(text, limit=2_000)))
