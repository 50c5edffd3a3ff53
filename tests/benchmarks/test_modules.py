"""The benchmarks take more than half an hour, so no test runs them; but each can be imported at any time."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

import benchmarks
from benchmarks.__main__ import MORE, NAMES

FOLDER = Path(benchmarks.__file__).parent
MODULES = sorted(
    ".".join(file.relative_to(FOLDER.parent).with_suffix("").parts)
    for file in FOLDER.rglob("*.py")
    # Python loads it by itself in the triggerers that are measured.
    if file.name not in ("__init__.py", "sitecustomize.py")
)
#: What only `make bench` installs.
COMPARED = re.compile(r"No module named '(airflow\.providers\.(dbt|http)|instantlyai)")


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="what is measured is the newest Airflow")
@pytest.mark.parametrize("module", MODULES)
def test_it_can_be_imported(module: str) -> None:
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if not COMPARED.match(str(error)):
            raise
        pytest.skip(f"{error}: make bench installs it")


def test_the_parts_are_modules() -> None:
    assert {f"benchmarks.{name}" for name in (*NAMES, *MORE)} <= set(MODULES)
