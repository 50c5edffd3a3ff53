"""What the tests of the documents share: a sandbox over real HTTP, and Airflow's database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.sandbox.client import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient


@pytest.fixture(scope="module")
def airflow_database() -> None:
    """Airflow's metadata database, migrated: a DAG that is tested in one process needs it."""
    from local_airflow.configuration import Configuration
    from local_airflow.metadata_database import prepare_database, sqlite_url

    home = Path(os.environ["AIRFLOW_HOME"])
    url = sqlite_url(home / "airflow.db")
    prepare_database(Configuration(home=home, port=0, database_url=url, executor="SequentialExecutor"))


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxClient]:
    """An empty sandbox without rate limits, and the connection to it as ``instantly_default``."""
    with running_sandbox("--no-limits") as client:
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", client.airflow_connection)
        yield client
