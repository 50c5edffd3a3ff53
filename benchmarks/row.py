"""A line of the table: what was measured, ours and the other, and whether the goal was met."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Row:
    """
    One comparison.

    :param name: what was measured.
    :param ours: the figure of this provider.
    :param other: the figure of the alternative, or what ours is held against.
    :param unit: the unit of both.
    :param goal: the goal in words.
    :param met: whether it was met; None where the row has no goal of its own.
    :param note: what one has to know to read the figures.
    """

    name: str
    ours: float
    other: float | None
    unit: str
    goal: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the other."""
        return None if not self.other else self.ours / self.other

    def as_json(self) -> dict[str, Any]:
        """The row for ``build/bench.json``."""
        return {**asdict(self), "ratio": self.ratio}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """
        The row that `as_json` made this of.

        :param document: the decoded JSON object.
        """
        return cls(**{key: value for key, value in document.items() if key != "ratio"})


def at_most(name: str, ours: float, other: float, unit: str, factor: float, note: str = "") -> Row:
    """
    A row whose goal is to be at most a part of the other's figure.

    :param name: see `Row`, as all that are not named here.
    :param factor: the part: 0.2 stands for a fifth.
    """
    part = f"at most 1/{1 / factor:.0f}" if factor < 1 else f"at most {factor:g}"
    return Row(name, ours, other, unit, f"{part} of the other", ours <= other * factor, note)


def table(rows: Iterable[Row]) -> str:
    """
    The rows as a table in Markdown.

    :param rows: the rows.
    """
    lines = ["| what | ours | other | unit | ours/other | goal | met |", "|---|--:|--:|---|--:|---|---|"]
    for row in rows:
        met = "" if row.met is None else "yes" if row.met else "**no**"
        numbers = f"{number(row.ours)} | {number(row.other)} | {row.unit} | {number(row.ratio)}"
        lines.append(f"| {row.name} | {numbers} | {row.goal} | {met} |")
    return "\n".join(lines)


def notes(rows: Iterable[Row]) -> list[str]:
    """
    What one has to know to read the rows, each note once.

    :param rows: the rows.
    """
    return list(dict.fromkeys(row.note for row in rows if row.note))


def number(value: float | None) -> str:
    """
    A number with three digits that matter.

    :param value: the number, or None for no number.
    """
    if value is None:
        return "-"
    digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}" if value != int(value) else f"{value:,.0f}"
