"""The package's code as syntax trees, for tests that read it instead of running it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import airflow_provider_instantly

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(airflow_provider_instantly.__file__).parent
MODULES: Final = sorted(PACKAGE.rglob("*.py"))


@cache
def tree_of(file: Path) -> ast.Module:
    """
    A file as a syntax tree.

    :param file: one of `MODULES`.
    """
    return ast.parse(file.read_text("utf-8"))


def nodes_of_tasks() -> Iterator[tuple[Path, ast.AST]]:
    """All nodes of what tasks run, each with its file. The sandbox is a server, and its errors are its own."""
    for file in MODULES:
        if "sandbox" not in file.parts:
            yield from ((file, node) for node in ast.walk(tree_of(file)))


def place(file: Path, node: ast.expr | ast.stmt) -> str:
    """
    Where a node stands, as a test names it.

    :param file: its file.
    :param node: the node.
    """
    return f"{file.relative_to(PACKAGE)}:{node.lineno}"
