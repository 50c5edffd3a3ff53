"""What importing our operator and sensor adds to `import airflow.sdk`, side by side with the HTTP provider's."""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import airflow_provider_instantly
from benchmarks.row import Row, at_most

ROUNDS = 5
_OURS = "airflow_provider_instantly.operators.campaign, airflow_provider_instantly.sensors.campaign"
_THEIRS = "airflow.providers.http.operators.http, airflow.providers.http.sensors.http"
_PROGRAM = """
import time
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
begin = time.process_time()
import {modules}
print(time.process_time() - begin)
"""


def run(rounds: int = ROUNDS) -> list[Row]:
    """
    Measure both in turn, each in a new process.

    :param rounds: how often; the median counts.
    """
    # As pip does with what it installs; where Python may write nothing, an editable package never is.
    compileall.compile_dir(Path(airflow_provider_instantly.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory(prefix="benchmark-imports-") as home:
        pairs = [(_added(_OURS, home), _added(_THEIRS, home)) for _ in range(rounds)]
    ours, theirs = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    note = f"Import: CPU time on top of `airflow.sdk` and its base classes, median of {rounds} new processes."
    return [
        at_most("import of operator + sensor", ours, theirs, "ms", 1 / 10, note),
        Row("import of operator + sensor, absolute", ours, 30, "ms", "at most 30 ms", ours <= 30, note),
    ]


def _added(modules: str, home: str) -> float:
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(modules=modules)],
        env={**os.environ, "AIRFLOW_HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(result.stdout.splitlines()[-1])
