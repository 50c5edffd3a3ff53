"""The lowest version that pyproject.toml allows is the one that `make lowest` installs and tests."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.packaging.project import ROOT, requirements

INSTALLED = dict(
    line.partition(" ;")[0].split("==")
    for line in (ROOT / "constraints" / "lowest.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
)


@pytest.mark.parametrize("requirement", [Requirement(each) for each in requirements()], ids=str)
def test_each_lower_bound_is_installed(requirement: Requirement) -> None:
    [bound] = [each for each in requirement.specifier if each.operator == ">="]
    assert Version(INSTALLED[requirement.name]) == Version(bound.version)
