"""
What a run of the benchmarks leaves: ``build/bench.json``, the whole table in ``docs/benchmarks.md``, and the few rows
of it that ``docs/performance.md`` shows.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from benchmarks.row import Row, notes, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT: Final = Path(__file__).parents[1]
FIGURES: Final = ROOT / "build" / "bench.json"
WHOLE: Final = ROOT / "docs" / "benchmarks.md"
BRIEF: Final = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"

#: The rows by which a user decides, by the beginning of their names.
DECISIVE: Final = (
    "import of operator + sensor",
    "upload of 20,000 leads by tasks: CPU per 1,000, beside HttpOperator",
    "1,000 waits in one triggerer, every 10 s: API requests",
    "1,000 waits in one triggerer, every 10 s: triggerer CPU",
    "1,000 waits in one triggerer, every 10 s: memory per wait",
    "change to end of task, 3 changes a second, p99",
    "change to end of task, 30 changes a second, p99",
    "activate + wait of 60 s: worker processes",
    "activate + wait of 60 s: CPU of workers",
    "one sensor on 1,000 campaigns: memory in the triggerer",
)
_COMPARED: Final = (
    "apache-airflow",
    "airflow-provider-instantly",
    "apache-airflow-providers-dbt-cloud",
    "apache-airflow-providers-http",
    "dlt",
    "instantlyai",
    "aiohttp",
    "requests",
)


@dataclass(frozen=True)
class Part:
    """
    One part of the benchmarks, measured.

    :param name: its name on the command line.
    :param at: when it began, in ISO 8601.
    :param seconds: how long it took.
    :param rows: what it found.
    :param commit: what was measured.
    """

    name: str
    at: str
    seconds: float
    rows: tuple[Row, ...]
    commit: str


def keep(part: Part) -> None:
    """
    Put a part's figures beside those of the others, in the place of older ones.

    :param part: the part.
    """
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    rows = [row.as_json() for row in part.rows]
    kept[part.name] = {"at": part.at, "seconds": part.seconds, "commit": part.commit, "rows": rows}
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(kept, indent=1) + "\n")


def kept_parts(names: Iterable[str]) -> list[Part]:
    """
    The figures of these parts, each as it was measured last.

    :param names: the parts, in the order of the table.
    :raises LookupError: if one was never measured here.
    """
    kept: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    if missing := [name for name in names if name not in kept]:
        raise LookupError(f"not measured yet: {', '.join(missing)}")
    return [
        Part(name, found["at"], found["seconds"], tuple(map(Row.from_json, found["rows"])), found["commit"])
        for name in names
        for found in [kept[name]]
    ]


def commit() -> str:
    """The commit of this checkout, or "unknown"."""
    git = [shutil.which("git") or "git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def machine() -> dict[str, str]:
    """What the figures depend on, for the head of the table."""
    installed = {each.name: each.version for each in distributions()}
    versions = ", ".join(f"{name} {installed[name]}" for name in _COMPARED if name in installed)
    memory = psutil.virtual_memory().total / 2**30
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions,
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}",
    }


def whole_document(parts: Iterable[Part], facts: Mapping[str, str]) -> str:
    """
    The text of ``docs/benchmarks.md``.

    :param parts: all parts.
    :param facts: see `machine`.
    """
    parts = list(parts)
    rows = [row for part in parts for row in part.rows]
    minutes = sum(part.seconds for part in parts) / 60
    lines = [
        "# Benchmarks",
        "",
        "The whole table, written by `make bench`. Do not edit it. [Performance](performance.md) says how it is made",
        "and how to read it.",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        f"- commit: {_commits(parts)}",
        f"- duration: {minutes:.0f} minutes ({', '.join(f'{part.name} {part.seconds:.0f} s' for part in parts)})",
        "",
        table(rows),
        "",
        *(f"- {note}" for note in notes(rows)),
        "",
    ]
    return "\n".join(lines)


def _commits(parts: Iterable[Part]) -> str:
    """Which commit was measured: that of most parts, and those of the others."""
    measured: dict[str, list[str]] = {}
    for part in parts:
        measured.setdefault(part.commit, []).append(part.name)
    most, *others = sorted(measured, key=lambda each: -len(measured[each]))
    return "; ".join((most, *(f"{' and '.join(measured[each])} at {each}" for each in others)))


def with_brief_table(document: str, parts: Iterable[Part]) -> str:
    """
    The text of ``docs/performance.md`` with the decisive rows of these parts.

    :param document: the text so far.
    :param parts: all parts.
    :raises LookupError: if a decisive row is missing.
    """
    rows = {row.name: row for part in parts for row in part.rows}
    if missing := [name for name in DECISIVE if name not in rows]:
        raise LookupError(f"not measured: {', '.join(missing)}")
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{table([rows[name] for name in DECISIVE])}\n{END}{tail}"


def publish(names: Iterable[str]) -> None:
    """
    Write both documents from what was measured last.

    :param names: the parts, in the order of the table.
    :raises LookupError: if one was never measured here.
    """
    parts = kept_parts(names)
    brief = with_brief_table(BRIEF.read_text("utf-8"), parts)
    WHOLE.write_text(whole_document(parts, machine()), "utf-8")
    BRIEF.write_text(brief, "utf-8")
