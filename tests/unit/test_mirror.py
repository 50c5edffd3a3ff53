"""Where a module's tests are: `tests/unit` mirrors the package, file by file."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "airflow_provider_instantly"
#: What a folder mirrors that is no folder of the package.
BESIDE = {"deployment": ROOT / "deployment", "local_airflow": ROOT / "local_airflow"}
#: Tests that hold for the package as a whole, for what its files make together, or for the DAGs that are examples.
CROSS_CUTTING = {"test_example_dags.py", "test_imports.py", "test_least_privilege.py", "test_mirror.py"}
#: The sandbox is tested as it is used: over HTTP and as a process, by what it promises.
BY_PROMISE = "sandbox"

MODULES = sorted(
    module.relative_to(PACKAGE)
    for module in PACKAGE.rglob("*.py")
    if module.name != "__init__.py" and module.relative_to(PACKAGE).parts[0] != BY_PROMISE
)
TESTS = sorted(
    test.relative_to(HERE)
    for test in HERE.rglob("test_*.py")
    if test.relative_to(HERE).parts[0] != BY_PROMISE and str(test.relative_to(HERE)) not in CROSS_CUTTING
)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_tests(module: Path) -> None:
    assert (HERE / module.with_name(f"test_{module.name}")).is_file()


@pytest.mark.parametrize("test", TESTS, ids=str)
def test_every_test_has_its_module(test: Path) -> None:
    """What is long may be parted: `test_campaign_kill.py` tests `campaign.py`, too."""
    root = BESIDE.get(test.parts[0])
    folder = root.joinpath(*test.parts[1:-1]) if root else PACKAGE / test.parent
    words = test.stem.removeprefix("test_").split("_")
    names = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
    assert names & ({each.stem for each in folder.glob("*.py")} | {each.name for each in folder.iterdir() if root})


def test_the_lists_are_of_today() -> None:
    assert all((HERE / name).is_file() for name in CROSS_CUTTING)
    assert len(MODULES) > 30
    assert len(TESTS) >= len(MODULES)
