"""The project's documents, taken apart: sections, tables, and blocks of code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """
    A fenced block of code.

    :param document: the file, below the project's root.
    :param line: the line of its first line of code.
    :param language: what follows the fence.
    :param text: the code.
    """

    document: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, as tests and tracebacks name it."""
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Row:
    """
    A row of a table, without the dashes below its head.

    :param cells: the cells as they are written.
    """

    cells: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """What stands between backticks in the first cell."""
        return _NAME.findall(self.cells[0])


def text_of(name: str) -> str:
    """
    A document.

    :param name: its path below the project's root.
    """
    return (ROOT / name).read_text("utf-8")


def prose_of(text: str) -> str:
    """
    A document without its blocks of code.

    :param text: the document.
    """
    return _BLOCK.sub("", text)


def blocks(*languages: str) -> list[Block]:
    """
    All blocks of these languages, in all documents.

    :param languages: such as ``python``; none for all.
    """
    return [
        Block(document.relative_to(ROOT).as_posix(), text.count("\n", 0, match.start(2)) + 1, match[1], match[2])
        for document in DOCUMENTS
        for text in [document.read_text("utf-8")]
        for match in _BLOCK.finditer(text)
        if not languages or match[1] in languages
    ]


def headings(text: str) -> list[str]:
    """
    The headings of a document, without their marks.

    :param text: the document.
    """
    return _HEADING.findall(prose_of(text))


def section(text: str, heading: str) -> str:
    """
    What stands below the first heading of the second level that contains a text, up to the next of that level.

    :param text: the document.
    :param heading: part of the heading.
    :raises LookupError: if there is none.
    """
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        if heading in title:
            return body
    raise LookupError(f"no section is headed by {heading}")


def rows(text: str) -> Iterator[Row]:
    """
    The rows of all tables in a text.

    :param text: a document, or a part of it.
    """
    for line in text.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            yield Row(tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]))
