"""What an import costs: each claim in a fresh interpreter, and the direction of imports read from the source."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.source_code import MODULES, PACKAGE, tree_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

ROOT = Path(__file__).parents[2]
#: What must not be loaded before it is used.
HEAVY = ["requests", "urllib3", "h11", "aiohttp", "pendulum", "fastapi", "starlette", "uvicorn", "pydantic"]
HEAVY += ["email_validator", "fsspec", "matplotlib", "numpy", "openlineage"]
API = sorted(file.stem for file in (PACKAGE / "api").glob("*.py") if file.stem != "__init__")
#: What a module of ours needs of Airflow; what that loads is not our cost.
AIRFLOWS_PART = """
import airflow.triggers.base
from airflow.providers.common.compat.sdk import (
    AirflowException, AirflowSensorTimeout, BaseHook, BaseOperator, BaseOperatorLink, BaseSensorOperator, XCom, conf,
)
from airflow.providers.common.compat.notifier import BaseNotifier
"""


def loaded_by(*steps: str) -> list[set[str]]:
    """Our modules, and the top-level packages of others, that are loaded after each step, in a fresh interpreter."""
    code = ["import json, sys", "found = []"]
    for step in steps:
        name = f"name if name.startswith('{PACKAGE.name}') else name.partition('.')[0]"
        code += [step, f"found.append(sorted({{{name} for name in sys.modules}}))"]
    code.append("print(json.dumps(found))")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    return [set(found) for found in json.loads(result.stdout.splitlines()[-1])]


class TestCost:
    #: What loads something heavy, and is loaded itself when it is first used.
    HEAVY_MODULES: ClassVar[set[str]] = {"schedule", "answer_reader", "sending", "over_requests", "over_aiohttp"}

    def test_the_api_needs_neither_airflow_nor_anything_heavy(self) -> None:
        assert {"campaign", "endpoint", "errors", "protocol", "redaction", "bulk", "transport"} <= set(API)
        others = [f"import airflow_provider_instantly.api.{name}" for name in API if name not in self.HEAVY_MODULES]
        (loaded,) = loaded_by("\n".join(others))
        assert not loaded & {"airflow", *HEAVY}

    def test_each_transport_loads_its_own_library_and_not_the_others(self) -> None:
        make = "from airflow_provider_instantly.api.endpoint import Endpoint\n"
        make += "from airflow_provider_instantly.api.transport import SyncTransport, AsyncTransport\n"
        make += "from airflow_provider_instantly.api.operations import get_workspace\nimport asyncio, contextlib\n"
        make += "endpoint = Endpoint('http://127.0.0.1:1', 'key', max_retries=0)\n"
        made, sync = loaded_by(
            make + "SyncTransport(endpoint), AsyncTransport(endpoint)",
            "with contextlib.suppress(Exception): SyncTransport(endpoint).call(get_workspace())",
        )
        assert not made & set(HEAVY)
        assert sync & set(HEAVY) == {"requests", "urllib3", "h11"}

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
        assert after - before <= {PACKAGE.name, f"{PACKAGE.name}.get_provider_info", "__future__"}

    def test_what_dags_import_loads_nothing_heavy_beyond_airflow_itself(self) -> None:
        modules = ["operators.campaign", "sensors.campaign", "triggers.campaign", "links.campaign", "hooks.instantly"]
        modules += ["notifications.campaign", "operators.lead", "operators.block_list", "operators.analytics"]
        modules += ["transfers.sql_to_instantly", "operators.report", "links.report", "assets.changes", "assets.events"]
        steps = [f"import airflow_provider_instantly.{module}" for module in modules]
        airflows, *ours = loaded_by(AIRFLOWS_PART, *steps)
        for module, loaded in zip(modules, ours, strict=True):
            assert not (loaded - airflows) & set(HEAVY), module

    def test_what_dags_import_loads_nothing_that_only_a_running_task_needs(self) -> None:
        imports = "\n".join(f"import {PACKAGE.name}.{module}" for module in ("operators.campaign", "sensors.campaign"))
        (loaded,) = loaded_by(imports)
        of_a_task = {"launches.pause", "launches.launcher", "launches.ownership", "waits.reader"}
        # Of a check, which few launches ask for.
        of_a_task |= {"launches.preflight.rules", "api.account"}
        of_a_task |= {f"api.{name}" for name in ("protocol", "pages", "exchange", "answers", "change", "bulk")}
        of_a_task |= {f"api.{name}" for name in ("sequence", "campaign_settings", "lead")}
        assert not loaded & {f"{PACKAGE.name}.{module}" for module in of_a_task}

    def test_a_report_loads_what_draws_when_it_draws(self) -> None:
        (loaded,) = loaded_by(f"import {PACKAGE.name}.reports.page, {PACKAGE.name}.reports.charts")
        assert not loaded & {"airflow", *HEAVY}

    def test_what_decides_needs_no_airflow(self) -> None:
        (loaded,) = loaded_by(
            "\n".join(
                f"import {PACKAGE.name}.{module}"
                for module in ("waits.machine", "launches.plan", "launches.preflight.judgement")
            )
        )
        assert not loaded & {"airflow", *HEAVY}


def _imports(file: Path) -> Iterator[str]:
    """All modules that a file of ours imports, those for type checking and those inside of functions too."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _ours(file: Path) -> set[str]:
    """The parts of this package that a file imports: ``api``, ``hooks``, ``waits`` …"""
    prefix = "airflow_provider_instantly."
    return {name.removeprefix(prefix).partition(".")[0] for name in _imports(file) if name.startswith(prefix)}


def _part(file: Path) -> str:
    """The part of the package that a file belongs to: a folder, or a module beside them."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _name(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def _dotted(file: Path) -> str:
    path = file.relative_to(PACKAGE.parent).with_suffix("")
    return ".".join(path.parts).removesuffix(".__init__")


def _part_of(imported: str) -> str:
    """The part of the package that an imported name of ours belongs to."""
    return imported.removeprefix(f"{PACKAGE.name}.").partition(".")[0]


def _module_of(imported: str, modules: Container[str]) -> str | None:
    """The module of ours that an imported name comes from, or None where it is another package's."""
    while imported and imported not in modules:
        imported = imported.rpartition(".")[0]
    return imported or None


def _is_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute)


def _defaults(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in the place of an argument that is not given: its default, or what follows an ``or``."""
    if isinstance(node, ast.arguments):
        for default in (*node.defaults, *node.kw_defaults):
            yield from ast.walk(default) if default else ()
    elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        for value in node.values[1:]:
            yield from ast.walk(value)


class TestDirection:
    #: What each part may import of the others; ``api`` of itself alone.
    LAYERS: ClassVar[dict[str, set[str]]] = {
        "__init__": set(),
        "api": set(),
        "get_provider_info": set(),
        "default_args": set(),
        "exceptions": set(),
        "clock": set(),
        "storage": set(),
        "tasklog": set(),
        "validation": {"api"},
        "analytics": {"api"},
        "assets": {"api", "triggers", "exceptions", "validation"},
        "links": set(),
        "observability": {"api", "assets", "exceptions", "storage", "validation"},
        "reports": {"api", "analytics", "hooks"},
        "hooks": {"api", "get_provider_info", "observability", "exceptions"},
        "launches": {"api", "hooks", "observability", "clock", "exceptions", "tasklog"},
        "waits": {"api", "hooks", "clock", "exceptions", "tasklog", "validation"},
        "leads": {"api", "hooks", "observability", "clock", "exceptions", "storage", "tasklog", "validation"},
        "notifications": {"api", "hooks", "launches", "exceptions", "tasklog", "validation"},
        "triggers": {
            "api", "hooks", "launches", "waits", "links", "observability", "clock", "exceptions", "tasklog",
            "validation",
        },
        "operators": {
            "api", "hooks", "launches", "waits", "leads", "analytics", "reports", "links", "triggers", "assets",
            "observability", "clock", "default_args", "exceptions", "storage", "tasklog", "validation",
        },
        "transfers": {"operators", "validation"},
        "sensors": {
            "api", "hooks", "waits", "links", "triggers", "assets", "clock", "default_args", "exceptions", "tasklog",
            "validation",
        },
        "sandbox": set(),
    }  # fmt: skip
    #: Whose pure modules a pure part may know, too: a report shows the limits that a guard judges.
    PURE_OF_ANOTHER: ClassVar[dict[str, set[str]]] = {"reports": {"analytics"}, "triggers": {"waits"}}
    #: Modules that decide, and so do no I/O: they know their own kind and the API's values only.
    PURE: ClassVar[list[str]] = [
        "api/account.py",
        "api/analytics.py",
        "api/answers.py",
        "api/batches.py",
        "api/bulk.py",
        "api/campaign.py",
        "api/campaign_settings.py",
        "api/endpoint.py",
        "api/exchange.py",
        "api/freshness.py",
        "api/lead.py",
        "api/operations.py",
        "api/pages.py",
        "api/parsing.py",
        "api/protocol.py",
        "api/redaction.py",
        "api/retry.py",
        "api/schedule.py",
        "api/senders.py",
        "api/sequence.py",
        "api/stray.py",
        "api/template.py",
        "analytics/limits.py",
        "leads/chunks.py",
        "leads/guard.py",
        "leads/reconciliation.py",
        "leads/contacts.py",
        "leads/rows.py",
        "leads/tally.py",
        "reports/charts.py",
        "reports/figures.py",
        "reports/page.py",
        "launches/freshness.py",
        "launches/plan.py",
        "launches/preflight/emails.py",
        "launches/preflight/facts.py",
        "launches/preflight/finding.py",
        "launches/preflight/judgement.py",
        "launches/preflight/reading.py",
        "launches/preflight/recipients.py",
        "launches/preflight/report.py",
        "launches/preflight/rules.py",
        "launches/preflight/senders.py",
        "launches/preflight/standing.py",
        "launches/preflight/variables.py",
        "launches/preflight/volume.py",
        "triggers/timing.py",
        "waits/goal.py",
        "waits/machine.py",
        "waits/reader.py",
        "waits/result.py",
    ]

    DOES_IO: ClassVar[set[str]] = {
        "airflow", "aiohttp", "asyncio", "http", "os", "requests", "socket", "subprocess", "threading", "urllib3",
    }  # fmt: skip
    READS_CLOCK_OR_CHANCE: ClassVar[set[str]] = {
        "open", "print", "time.time", "time.monotonic", "time.sleep", "datetime.now", "date.today", "datetime.today",
        "pendulum.now", "random.random", "random.choice", "random.uniform",
    }  # fmt: skip

    @pytest.mark.parametrize("file", MODULES, ids=_name)
    def test_imports_point_downwards(self, file: Path) -> None:
        part = _part(file)
        assert _ours(file) - {part, "__version__"} <= self.LAYERS[part]

    @pytest.mark.parametrize("file", [file for file in MODULES if _part(file) in ("api", "sandbox")], ids=_name)
    def test_api_and_sandbox_know_no_airflow(self, file: Path) -> None:
        assert not any(name.partition(".")[0] == "airflow" for name in _imports(file))

    @pytest.mark.parametrize("name", PURE)
    def test_what_decides_knows_only_the_api_and_its_own_kind(self, name: str) -> None:
        part = name.partition("/")[0]
        own = {f"airflow_provider_instantly.{pure.removesuffix('.py').replace('/', '.')}" for pure in self.PURE}
        for imported in _imports(PACKAGE / name):
            root = imported.partition(".")[0]
            assert root != "airflow"
            if root == PACKAGE.name and not imported.startswith(f"{PACKAGE.name}.api."):
                assert imported.rpartition(".")[0] in own
                assert _part_of(imported) in {part, *self.PURE_OF_ANOTHER.get(part, ())}

    @pytest.mark.parametrize("name", PURE)
    def test_what_decides_does_no_io_and_is_given_the_time(self, name: str) -> None:
        """A default is for a caller that has no other time to give."""
        tree = tree_of(PACKAGE / name)
        assert not {imported.partition(".")[0] for imported in _imports(PACKAGE / name)} & self.DOES_IO
        defaults = {id(part) for node in ast.walk(tree) for part in _defaults(node)}
        used = {ast.unparse(node) for node in ast.walk(tree) if id(node) not in defaults and _is_a_name(node)}
        assert not used & self.READS_CLOCK_OR_CHANCE

    def test_the_architecture_calls_these_pure(self) -> None:
        rows = re.findall(r"^\| (.*?) \(pure\) \|", (ROOT / "docs/architecture.md").read_text("utf-8"), re.MULTILINE)
        assert {f"{name}.py" for row in rows for name in re.findall(r"`([\w/]+)`", row)} == set(self.PURE)

    def test_there_is_no_circle(self) -> None:
        modules = {_dotted(file): file for file in MODULES}
        graph = {
            name: {module for imported in _imports(file) if (module := _module_of(imported, modules))} - {name}
            for name, file in modules.items()
        }
        assert len(graph) > 50
        # Raises CycleError, which names the circle.
        assert len(list(TopologicalSorter(graph).static_order())) == len(graph)

    def test_every_part_has_its_row(self) -> None:
        assert {_part(file) for file in MODULES} == self.LAYERS.keys()
