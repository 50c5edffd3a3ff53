"""What an import costs: each claim in a fresh interpreter, and the direction of imports read from the source."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import airflow_provider_instantly

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(airflow_provider_instantly.__file__).parent
#: What must not be loaded before it is used.
HEAVY = ["requests", "urllib3", "aiohttp", "pendulum", "fastapi", "starlette", "uvicorn", "pydantic"]
API = sorted(file.stem for file in (PACKAGE / "api").glob("*.py") if file.stem != "__init__")
#: What a module of ours needs of Airflow; what that loads is not our cost.
AIRFLOWS_PART = """
import airflow.triggers.base
from airflow.providers.common.compat.sdk import (
    AirflowException, AirflowSensorTimeout, BaseHook, BaseOperator, BaseOperatorLink, BaseSensorOperator, XCom, conf,
)
"""


def loaded_by(*steps: str) -> list[set[str]]:
    """The top-level packages that are loaded after each of the steps, in a fresh interpreter."""
    code = ["import json, sys", "found = []"]
    for step in steps:
        code += [step, "found.append(sorted({name.partition('.')[0] for name in sys.modules}))"]
    code.append("print(json.dumps(found))")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    return [set(found) for found in json.loads(result.stdout.splitlines()[-1])]


class TestCost:
    def test_the_api_needs_neither_airflow_nor_anything_heavy(self) -> None:
        assert {"campaign", "endpoint", "errors", "protocol", "redaction", "beat", "transport"} <= set(API)
        others = [f"import airflow_provider_instantly.api.{name}" for name in API if name != "schedule"]
        (loaded,) = loaded_by("\n".join(others))
        assert not loaded & {"airflow", *HEAVY}

    def test_schedules_need_pendulum_and_no_airflow(self) -> None:
        (loaded,) = loaded_by("import airflow_provider_instantly.api.schedule")
        assert "pendulum" in loaded
        assert not loaded & {"airflow", "requests", "aiohttp", "fastapi"}

    def test_a_campaign_without_its_schedule_needs_no_pendulum(self) -> None:
        (loaded,) = loaded_by(
            "from airflow_provider_instantly.api.campaign import Campaign\n"
            "Campaign.from_api({'status': 1, 'campaign_schedule': {}}).title"
        )
        assert "pendulum" not in loaded

    def test_what_airflow_reads_at_every_start_loads_nothing(self) -> None:
        before, after = loaded_by(
            "import typing",
            "from airflow_provider_instantly.get_provider_info import get_provider_info\nget_provider_info()",
        )
        assert after - before <= {"airflow_provider_instantly", "__future__"}

    def test_what_dags_import_loads_nothing_heavy_beyond_airflow_itself(self) -> None:
        modules = ["operators.campaign", "sensors.campaign", "triggers.campaign", "links.campaign", "hooks.instantly"]
        steps = [f"import airflow_provider_instantly.{module}" for module in modules]
        airflows, *ours = loaded_by(AIRFLOWS_PART, *steps)
        for module, loaded in zip(modules, ours, strict=True):
            assert not (loaded - airflows) & set(HEAVY), module

    def test_policy_and_launch_need_no_airflow(self) -> None:
        (loaded,) = loaded_by("import airflow_provider_instantly.policy, airflow_provider_instantly.launches.plan")
        assert not loaded & {"airflow", *HEAVY}


def _imports(file: Path) -> Iterator[str]:
    """All modules that a file of ours imports, those for type checking and those inside of functions too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _ours(file: Path) -> set[str]:
    """The parts of this package that a file imports: ``api``, ``hooks``, ``policy`` …"""
    prefix = "airflow_provider_instantly."
    return {name.removeprefix(prefix).partition(".")[0] for name in _imports(file) if name.startswith(prefix)}


class TestDirection:
    @pytest.mark.parametrize("file", sorted((PACKAGE / "api").glob("*.py")), ids=lambda file: file.name)
    def test_the_api_could_be_lifted_out_whole(self, file: Path) -> None:
        assert _ours(file) <= {"api"}
        assert not any(name.partition(".")[0] == "airflow" for name in _imports(file))

    def test_the_policy_knows_only_the_api(self) -> None:
        assert _ours(PACKAGE / "policy.py") == {"api"}

    def test_the_hook_knows_nothing_of_those_who_use_it(self) -> None:
        assert not _ours(PACKAGE / "hooks" / "instantly.py") & {"operators", "sensors", "triggers", "policy", "waiting"}

    def test_nothing_but_the_sandbox_knows_the_sandbox(self) -> None:
        others = [file for file in PACKAGE.rglob("*.py") if "sandbox" not in file.relative_to(PACKAGE).parts]
        assert len(others) > 20
        assert not [file for file in others if "sandbox" in _ours(file)]
