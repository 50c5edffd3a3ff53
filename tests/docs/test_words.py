"""What documents for users and the package itself may say, and that what documents lead to is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, headings, prose_of, rows, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Words that a newcomer has to look up, or that leave open who is meant, and what to say instead.
INSTEAD = {
    "beat": "poll",
    "anew": "again",
    "mend": "fix",
    "mended": "fixed",
    "fed": "given",
    "told": "set, asked, informed",
    "untaken": "pending",
    "whoever": "the caller, a person",
    "nobody": "no one, no waiter",
    "somebody": "a person",
}
HERE = Path(__file__)
#: Also as a part of a name, such as that of a test. One is the name of a user that Linux has.
_WORD = re.compile(rf"(?<![a-z])(?!(?<=\")nobody\")({'|'.join(INSTEAD)})s?(?![a-z])", re.IGNORECASE)
#: Where code is, and comments are, and the endings of their files.
CODE = ["airflow_provider_instantly", "benchmarks", "dags", "demo", "deployment", "local_airflow", "tests", ".github"]
CODE_FILES = [
    ROOT / name for name in (".ci/run", "Makefile", "docker-compose.yaml", "hatch_build.py", "pyproject.toml")
]
_ENDINGS = {".css", ".html", ".js", ".py", ".toml", ".yaml", ".yml"}
#: Reading a campaign's status is a poll or a read; one may still look something up.
_LOOK = re.compile(r"\blook(s|ed|ing)?\b(?! up\b)", re.IGNORECASE)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
_PATH = re.compile(r"`((?:tests|benchmarks|airflow_provider_instantly|dags|docs|constraints)/[\w/.]*)(?:`| -)")

in_each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix()
)


def _anchor(heading: str) -> str:
    """How GitHub names a heading in links."""
    return "#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _without_names(document: Path) -> str:
    """A document without what code is called."""
    return _CODE.sub("", document.read_text("utf-8"))


@in_each_document
def test_it_has_no_word_that_has_to_be_looked_up(document: Path) -> None:
    found = [match[0] for match in _WORD.finditer(_without_names(document))]
    assert not found, f"say instead: {[INSTEAD[word.lower().rstrip('s')] for word in found]}"


def _found_in(files: Iterable[Path]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}: {match[0]} (say instead: {INSTEAD[match[0].lower().rstrip('s')]})"
        for file in files
        for match in _WORD.finditer(file.read_text("utf-8"))
        if file != HERE
    ]


@pytest.mark.parametrize("folder", CODE)
def test_the_code_has_none_either(folder: str) -> None:
    files = [file for file in sorted((ROOT / folder).rglob("*")) if file.suffix in _ENDINGS]
    assert files
    assert _found_in(files) == []


def test_nor_has_what_builds_and_runs_it() -> None:
    assert _found_in(CODE_FILES) == []


def test_what_has_to_be_looked_up_all_the_same_is_little() -> None:
    """The glossary explains each such word in a line, and no more of them than a reader keeps in mind."""
    words = [row.cells[0] for row in rows(text_of("docs/reference/glossary.md"))][1:]
    assert 1 < len(words) <= 8


@in_each_document
def test_campaigns_are_polled_and_read(document: Path) -> None:
    text = _without_names(document)
    assert not [text[max(0, match.start() - 40) : match.end() + 20] for match in _LOOK.finditer(text)]


@in_each_document
def test_its_links_lead_somewhere(document: Path) -> None:
    for target, anchor in _LINK.findall(prose_of(document.read_text("utf-8"))):
        if "://" in target:
            continue
        file = document.parent / target if target else document
        assert file.exists(), target
        if anchor:
            assert anchor in map(_anchor, headings(file.read_text("utf-8"))), f"{target}{anchor}"


@in_each_document
def test_the_files_that_it_names_exist(document: Path) -> None:
    for path in _PATH.findall(document.read_text("utf-8")):
        assert (ROOT / path).exists(), path
