"""
What is published: the wheel holds the package with the examples, the sdist what builds it and what its README links to.

Neither has tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from packaging.requirements import Requirement

from airflow_provider_instantly import __version__
from tests.packaging.distributions import build, files_of_wheel, metadata
from tests.packaging.project import ROOT, project, tracked_files
from tests.packaging.release import repository

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "airflow_provider_instantly/"
#: Where the wheel has what the checkout has in ``dags/``.
EXAMPLES = f"{PACKAGE}example_dags/"
#: Beside the package: the texts, the examples that they show, and what builds it.
BESIDE = (
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "RELEASING.md",
    "SECURITY.md",
    "dags/",
    "docs/",
    "hatch_build.py",
    "pyproject.toml",
)
MADE_BY_HATCH = {".gitignore", "PKG-INFO"}

pytest.importorskip("hatchling", reason="Only the environment that `make install` makes can build")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: Path) -> dict[str, bytes]:
    """The files of the wheel."""
    return files_of_wheel(built)


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sdist was unpacked."""
    [sdist] = built.glob("*.tar.gz")
    target = tmp_path_factory.mktemp("sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(target, filter="data")
    [top] = target.iterdir()
    return top


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: dict[str, bytes]) -> None:
    packed = {name for name in wheel if ".dist-info/" not in name}
    tracked = tracked_files()
    assert {name for name in packed if not name.startswith(EXAMPLES)} == {
        name for name in tracked if name.startswith(PACKAGE)
    }
    assert {name for name in packed if name.startswith(EXAMPLES)} == {
        name.replace("dags/", EXAMPLES, 1) for name in tracked if name.startswith("dags/")
    }
    assert f"{PACKAGE}py.typed" in packed
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="Below 3.3 Airflow shows the examples of its own providers only")
def test_airflow_finds_the_examples_in_the_wheel_and_can_parse_them(wheel: dict[str, bytes], tmp_path: Path) -> None:
    """Also where no extra is installed: who switches examples on did not ask for ours."""
    for name, content in wheel.items():
        file = tmp_path / "installed" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "True",
        "PYTHONPATH": str(tmp_path / "installed"),
    }
    # Not from the checkout, whose own package has no examples in it.
    result = subprocess.run(
        [sys.executable, "-c", PARSES_EXAMPLES],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["folder"] == str(tmp_path / "installed" / EXAMPLES.rstrip("/"))
    assert found["errors"] == {}
    assert {"instantly_launch", "instantly_pipeline", "instantly_report"} <= set(found["dags"])


#: In a process of its own: what Airflow finds of this provider's examples, without what its extras install.
PARSES_EXAMPLES = """
import json, sys
sys.modules.update(dict.fromkeys(["airflow.providers.common.sql.hooks.sql", "matplotlib"]))
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag
bundles = DagBundlesManager().get_all_dag_bundles()
[folder] = [bundle.path for bundle in bundles if bundle.name == "airflow-provider-instantly-example-dags"]
bag = DagBag(str(folder))
print(json.dumps({"folder": str(folder), "errors": bag.import_errors, "dags": sorted(bag.dags)}))
"""


def test_the_sdist_holds_what_is_meant_for_users_and_nothing_else(unpacked: Path) -> None:
    packed = {file.relative_to(unpacked).as_posix() for file in unpacked.rglob("*") if file.is_file()}
    assert packed - MADE_BY_HATCH == {name for name in tracked_files() if name.startswith((PACKAGE, *BESIDE))}


def test_the_sdist_makes_the_same_wheel(unpacked: Path, wheel: dict[str, bytes], tmp_path: Path) -> None:
    again = files_of_wheel(build(unpacked, tmp_path))
    assert again.keys() == wheel.keys()
    assert [name for name in wheel if again[name] != wheel[name]] == []


def test_no_link_leads_out_of_the_sdist(unpacked: Path) -> None:
    links = [
        (text, link.partition("#")[0])
        for text in unpacked.rglob("*.md")
        for link in re.findall(r"\]\(([^)\s]+)\)", text.read_text("utf-8"))
        if "://" not in link and not link.startswith("#")
    ]
    assert len(links) > 10
    dead = [(text.name, link) for text, link in links if not (text.parent / link).resolve().is_file()]
    assert dead == []


def test_the_metadata_say_what_pyproject_says(wheel: dict[str, bytes]) -> None:
    found, meant = metadata(wheel), project()
    assert found["Name"] == meant["name"] == "airflow-provider-instantly"
    assert found["Version"] == __version__
    assert found["License-Expression"] == "Apache-2.0"
    assert found.get_all("License-File") == ["LICENSE"]
    description = found.get_payload(decode=True)
    assert isinstance(description, bytes)
    assert found["Description-Content-Type"] == "text/markdown"
    if not repository(ROOT):
        assert description.decode().strip() == (ROOT / "README.md").read_text("utf-8").strip()
    assert found["Requires-Python"] == meant["requires-python"]
    assert not any(classifier.startswith("License ::") for classifier in found.get_all("Classifier", []))
    assert found.get_all("Provides-Extra") == list(meant["optional-dependencies"])
    required = {Requirement(each) for each in found.get_all("Requires-Dist", []) if "extra ==" not in each}
    assert required == {Requirement(each) for each in meant["dependencies"]}


def test_airflow_finds_the_provider(wheel: dict[str, bytes]) -> None:
    [points] = [content.decode() for name, content in wheel.items() if name.endswith(".dist-info/entry_points.txt")]
    assert "[apache_airflow_provider]" in points
    assert "provider_info = airflow_provider_instantly.get_provider_info:get_provider_info" in points
