"""What pyproject.toml and git know of the project."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def project() -> dict[str, Any]:
    """The table ``project`` of pyproject.toml."""
    found: dict[str, Any] = _pyproject()["project"]
    return found


def requirements() -> list[str]:
    """All that the project and its tests ask for."""
    asked = [*project()["dependencies"], *_pyproject()["dependency-groups"]["test"]]
    return [*asked, *(each for extra in project()["optional-dependencies"].values() for each in extra)]


def tracked_files() -> set[str]:
    """The files that git knows, by their paths in the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607
    return set(listed.stdout.split("\0")) - {""}


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
