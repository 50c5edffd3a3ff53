"""
Keeps every test away from the Airflow of the person who runs it, and those that share one in one process.

And none is timed: a machine that does other things, too, is no reason to fail. Here is also what tests of several
folders share: a sandbox over real HTTP, and Airflow's database.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from airflow_provider_instantly.sandbox.client import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer

    from airflow_provider_instantly.sandbox.client import SandboxClient

# Airflow reads its environment when it is first imported, which is when pytest collects the test modules.
for _name in [_name for _name in os.environ if _name.startswith(("AIRFLOW_", "_AIRFLOW_"))]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _no_supervisor() -> Iterator[None]:
    """`dag.test()` leaves a supervisor in its process, which Airflow < 3.2 then asks for connections in every test."""
    yield
    task_runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    if task_runner is not None:
        vars(task_runner).pop("SUPERVISOR_COMMS", None)


#: These end, stop, delay or search the Airflow that they share; the others use one that nothing happens to.
_WITH_FORCE = {"test_process_death.py", "test_secrets.py", "test_stopping.py", "test_time_limits.py"}
#: Each of these starts what it needs by itself.
_ALONE = {"test_first_launch.py", "test_guard_examples.py", "test_lineage.py", "test_trigger_rows.py"}
#: What waits for a real Airflow takes longest and leaves the processor to the rest, so it begins first.
_FIRST = ("integration, gently", "integration, with force", "integration, alone")


def _part(file: str) -> str:
    """What a file's tests are part of: they share an Airflow with the rest of the first two, and none with the rest."""
    name = file.removeprefix("tests/integration/")
    if name == file:
        return ""
    return _FIRST[1 if name in _WITH_FORCE else 2 if name in _ALONE else 0]


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """The tests of a file run in one process, and so do all that share an Airflow."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        part = _part(file)
        return part if part in _FIRST[:2] else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Scheduling:
    """Hand out files in their order, since the longest come early in it."""
    config.option.loadscopereorder = False
    return _Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the integration tests; all else stays in its order."""
    turns = {part: turn for turn, part in enumerate(_FIRST)}
    items.sort(key=lambda item: turns.get(_part(item.nodeid.partition("::")[0]), len(turns)))


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """Airflow's metadata database, migrated: for the few tests that need one."""
    from local_airflow.configuration import Configuration
    from local_airflow.metadata_database import prepare_database, sqlite_url

    home = Path(os.environ["AIRFLOW_HOME"])
    file = home / "airflow.db"
    prepare_database(Configuration(home=home, port=0, database_url=sqlite_url(file), executor="SequentialExecutor"))
    return file


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxClient]:
    """One sandbox for all tests; they ask for `sandbox`."""
    with running_sandbox() as client:
        yield client


@pytest.fixture
def sandbox(sandbox_process: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> SandboxClient:
    """An empty sandbox without rate limits, and the connection to it as ``instantly_default``."""
    sandbox_process.reset()
    sandbox_process.set(limits_enabled=False)
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", sandbox_process.airflow_connection)
    return sandbox_process
