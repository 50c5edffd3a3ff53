"""
The command line: ``python -m benchmarks`` measures all, ``python -m benchmarks NAME …`` some.

It prints a table in Markdown and writes ``build/bench.json``. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.row import table

if TYPE_CHECKING:
    from benchmarks.row import Row

NAMES = ("import_time", "hook_calls", "dag_in_trigger", "thousand_waits", "workers", "fleet", "large_dag", "growth")
MORE = ("dag_sizes",)
RESULT = Path(__file__).parents[1] / "build" / "bench.json"


def main() -> int:
    """Measure, print the table, and write it down. A missed goal is no error: it is a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join((*NAMES, *MORE))}; default: all but the last"
    )
    names = parser.parse_args().names or list(NAMES)
    if unknown := set(names) - {*NAMES, *MORE}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    for name in names:
        _say(f"{name} (load average {os.getloadavg()[0]:.1f})")
        begin = time.monotonic()
        rows += importlib.import_module(f"benchmarks.{name}").run()
        _say(f"{name} took {time.monotonic() - begin:.0f} s\n{table(rows)}")
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    print(table(rows))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
