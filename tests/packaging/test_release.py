"""A release, made up to the upload in a copy of the checkout; and what keeps a checkout from being released."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly import __version__
from tests.packaging.distributions import build, files_of_wheel, metadata
from tests.packaging.project import ROOT, tracked_files
from tests.packaging.release import obstacles, repository

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

pytest.importorskip("hatchling", reason="Only the environment that `make install` makes can build")

#: Reserved for examples, so no one's.
ADDRESS = "https://git.example/people/airflow-provider-instantly"
TAG = f"v{__version__}"


def _replace(file: Path, pattern: str, text: str) -> None:
    before = file.read_text("utf-8")
    after = re.sub(pattern, text, before, count=1, flags=re.MULTILINE)
    assert re.search(pattern, before, re.MULTILINE), pattern
    file.write_text(after, "utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git knows, with all that RELEASING.md has a person fill in."""
    copy = tmp_path_factory.mktemp("release") / "checkout"
    for name in tracked_files():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    _replace(copy / "pyproject.toml", r'^repository = ".*"$', f'repository = "{ADDRESS}"')
    _replace(copy / "CHANGELOG.md", r"^## .*$", f"## [{__version__}] - 2026-01-31")
    for document in ("README.md", "docs/get-started.md"):
        _replace(copy / document, r"^It is not on PyPI yet\..*\n\n", "")
    return copy


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what would be uploaded."""
    return build(checkout, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def published(built: Path) -> Message:
    """What PyPI is given to show."""
    return metadata(files_of_wheel(built))


class TestObstacles:
    def test_a_checkout_that_is_filled_in_has_none(self, checkout: Path) -> None:
        assert obstacles(checkout) == obstacles(checkout, TAG) == []

    @pytest.mark.parametrize(
        ("file", "pattern", "text", "said"),
        [
            ("pyproject.toml", r'^repository = ".*"$', 'repository = ""', "Set `repository`"),
            ("pyproject.toml", r'^repository = ".*"$', f'repository = "{ADDRESS}/"', "without a slash"),
            ("pyproject.toml", r'^repository = ".*"$', 'repository = "http://git.example/a/b"', "https://"),
            ("README.md", r"^## Try it$", "## Try it\n\nIt is not on PyPI yet.", "README.md says"),
            ("docs/get-started.md", r"^# .*$", "It is not on PyPI yet.", "get-started.md says"),
            ("CHANGELOG.md", r"^## .*$", f"## [{__version__}] - unreleased", "Write the date"),
            ("CHANGELOG.md", r"^## .*$", "## [99.0.0] - 2026-01-31", "does not begin with"),
        ],
    )
    def test_what_is_not_filled_in_is_said(
        self, checkout: Path, tmp_path: Path, file: str, pattern: str, text: str, said: str
    ) -> None:
        for name in (
            "pyproject.toml",
            "README.md",
            "docs/get-started.md",
            "CHANGELOG.md",
            "airflow_provider_instantly/__init__.py",
        ):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(checkout / name, tmp_path / name)
        _replace(tmp_path / file, pattern, text)
        [obstacle] = obstacles(tmp_path)
        assert said in obstacle

    def test_a_tag_of_another_version_is_refused(self, checkout: Path) -> None:
        [obstacle] = obstacles(checkout, "v99.0.0")
        assert f"tag the right commit {TAG}" in obstacle

    def test_the_changelog_begins_with_this_version(self) -> None:
        assert [each for each in obstacles(ROOT) if "does not begin with" in each] == []


class TestUpToTheUpload:
    def test_pypi_would_take_it(self, built: Path) -> None:
        assert {file.suffix for file in built.iterdir()} == {".whl", ".gz"}
        files = [str(file) for file in built.iterdir()]
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], check=True)

    def test_the_page_has_the_addresses(self, published: Message) -> None:
        urls = dict(each.split(", ") for each in published.get_all("Project-URL", []))
        assert urls == {
            "Repository": ADDRESS,
            "Documentation": f"{ADDRESS}/blob/{TAG}/README.md#read-on",
            "Changelog": f"{ADDRESS}/blob/{TAG}/CHANGELOG.md",
            "Issues": f"{ADDRESS}/issues",
        }

    def test_each_link_of_the_page_leads_to_a_file_of_the_release(self, published: Message) -> None:
        page = published.get_payload(decode=True)
        assert isinstance(page, bytes)
        links = re.findall(r"\]\(([^)\s]+)\)", page.decode())
        assert all(link.startswith(("https://", "#")) for link in links)
        ours = [link.removeprefix(f"{ADDRESS}/") for link in links if link.startswith(ADDRESS)]
        assert len(ours) > 5
        paths = {re.sub(rf"^(blob|raw)/{re.escape(TAG)}/|#.*$", "", link) for link in ours}
        assert paths <= tracked_files()

    def test_it_can_be_installed_and_is_the_provider(self, built: Path, tmp_path: Path) -> None:
        [wheel] = built.glob("*.whl")
        with_pip = [str(ROOT / "build/tools/bin/uv"), "pip", "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*with_pip, "--target", str(tmp_path), str(wheel)], check=True)
        asked = (
            "from importlib.metadata import entry_points, version\n"
            "[function] = [point.load() for point in entry_points(group='apache_airflow_provider')]\n"
            "print(function()['package-name'], version('airflow-provider-instantly'), function.__code__.co_filename)"
        )
        # -S: the packages of this environment are not seen, its editable installation included.
        ran = subprocess.run(
            [sys.executable, "-S", "-c", asked],
            env={"PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        name, version, file = ran.stdout.split()
        assert (name, version) == ("airflow-provider-instantly", __version__)
        assert file.startswith(str(tmp_path))


def test_the_address_stands_in_one_place() -> None:
    address = repository(ROOT)
    if not address:
        pytest.skip("There is no address yet")
    texts = [name for name in tracked_files() if address in (ROOT / name).read_text("utf-8", errors="ignore")]
    assert texts == ["pyproject.toml"]
