"""
The command line: ``python -m benchmarks`` measures all, ``python -m benchmarks NAME …`` some.

It prints a table in Markdown and keeps the figures in ``build/bench.json``. A whole run also writes the documents. The
machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import traceback
from datetime import UTC, datetime

from benchmarks.report import Part, commit, keep, publish
from benchmarks.row import notes, table

NAMES = (
    "import_time",
    "sandbox_start",
    "hook_calls",
    "lead_upload",
    "upload_tasks",
    "dag_in_trigger",
    "thousand_waits",
    "workers",
    "fleet",
    "large_dag",
    "growth",
)
MORE = ("dag_sizes", "shared_limit")


def main(arguments: list[str] | None = None) -> int:
    """
    Measure, print the table, and write it down. A missed goal is no error: it is a figure.

    :param arguments: the command line, without the program's name; None for the real one.
    :return: the exit code: 1 if a part could not be measured, and then no document is written.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join((*NAMES, *MORE))}; default: all but {' and '.join(MORE)}",
    )
    parser.add_argument(
        "--publish", action="store_true", help="write the documents, with the figures measured last of the other parts"
    )
    given = parser.parse_args(arguments)
    names = given.names or list(NAMES)
    if unknown := set(names) - {*NAMES, *MORE}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    # One part that cannot be measured does not cost the figures of the others.
    parts = [_measured(name) for name in names]
    rows = [row for part in parts if part is not None for row in part.rows]
    print(table(rows), *(f"- {note}" for note in notes(rows)), sep="\n")
    if None in parts:
        return 1
    if given.publish or not given.names:
        publish(NAMES)
    return 0


def _measured(name: str) -> Part | None:
    """Measure one part and keep its figures; None if it failed."""
    _say(f"{name} (load average {os.getloadavg()[0]:.1f})")
    at, begin = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    try:
        rows = tuple(importlib.import_module(f"benchmarks.{name}").run())
    except Exception:
        _say(f"{name} could not be measured:\n{traceback.format_exc()}")
        return None
    part = Part(name, at, time.monotonic() - begin, rows, commit())
    keep(part)
    _say(f"{name} took {part.seconds:.0f} s\n{table(rows)}")
    return part


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
