"""The page on troubleshooting quotes errors as the code says them, so that a person finds them by searching."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.docs.documents import headings, rows, section, text_of
from tests.source_code import nodes_of_tasks

PAGE = text_of("docs/operations/troubleshooting.md")
#: What is not ours to say.
AIRFLOWS = "What Airflow says"
QUOTED = [
    (heading, row.cells[0].strip("`"))
    for heading in headings(PAGE)[1:]
    if heading != AIRFLOWS
    for row in rows(section(PAGE, heading))
    if row.names
]


def _as_shown(node: ast.expr) -> str:
    """A text of the code, with an ellipsis for each part that differs from error to error."""
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
        return re.sub(r"…(?:\s*…)+", "…", "".join(parts))
    return str(node.value) if isinstance(node, ast.Constant) else ""


@cache
def _texts() -> list[str]:
    """All texts of what tasks run."""
    return [_as_shown(node) for _, node in nodes_of_tasks() if isinstance(node, ast.JoinedStr | ast.Constant)]


def test_errors_are_quoted() -> None:
    assert len(QUOTED) > 40


@pytest.mark.parametrize(("heading", "quoted"), QUOTED)
def test_each_error_is_one_of_the_code(heading: str, quoted: str) -> None:
    wanted = re.sub(r"…(?:\s*…)+", "…", quoted).strip("… ").rstrip(".")
    assert any(wanted in text for text in _texts()), heading


def test_each_says_why_and_what_to_do() -> None:
    assert all(all(row.cells[:3]) for heading in headings(PAGE)[1:] for row in rows(section(PAGE, heading)))
