"""How a local Airflow is set up, as environment variables, for Airflow 2.11 and 3.x.

Intervals are short, so that tests spend their time on what they test.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

if TYPE_CHECKING:
    from collections.abc import Mapping

ADMIN = "admin"
AIRFLOW_3 = not version("apache-airflow").startswith("2.")
"""Whether the installed Airflow is 3.0 or later: known without importing it, which takes seconds."""


@dataclass(frozen=True)
class Secrets:
    """The keys of one local Airflow; each has others."""

    fernet_key: str = field(default_factory=lambda: Fernet.generate_key().decode(), repr=False)
    signing_key: str = field(default_factory=lambda: token_urlsafe(48), repr=False)


@dataclass(frozen=True)
class Configuration:
    """
    What makes one local Airflow differ from another.

    :param home: ``AIRFLOW_HOME``, an absolute path.
    :param port: The port of the API server, on loopback.
    :param database_url: The SQLAlchemy URL of the metadata database.
    :param executor: The name of the executor.
    :param secrets: Its keys.
    :param settings: More settings, ``{"section.key": value}``; they win over those made here.
    :param variables: More environment variables.
    """

    home: Path
    port: int
    database_url: str
    executor: str
    secrets: Secrets = field(default_factory=Secrets)
    settings: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def dags_folder(self) -> Path:
        """The folder that Airflow reads DAGs from."""
        return self.home / "dags"

    @property
    def task_logs(self) -> Path:
        """The folder with the logs of tasks and triggers."""
        return self.home / "logs"

    @property
    def scratch(self) -> Path:
        """The folder for temporary files."""
        return self.home / "tmp"

    @property
    def passwords_file(self) -> Path:
        """The file in which Airflow 3's SimpleAuthManager finds the users' passwords."""
        return self.home / "passwords.json"


def default_executor(database_url: str) -> str:
    """Return the executor that runs tasks side by side, where the database allows that."""
    return "LocalExecutor" if AIRFLOW_3 or not database_url.startswith("sqlite") else "SequentialExecutor"


def environment(configuration: Configuration) -> dict[str, str]:
    """Return the whole environment of an Airflow process: the caller's without its Airflow settings, and ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_"))}
    own = {
        "AIRFLOW_HOME": str(configuration.home),
        # SequentialExecutor starts `airflow` from the path.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        # Airflow 2 leaves a copy of its settings there for each task that is killed.
        "TMPDIR": str(configuration.scratch),
        # Its web server would else leave a socket in the home directory.
        "XDG_RUNTIME_DIR": str(configuration.scratch),
    }
    of_version = _airflow_3_settings(configuration) if AIRFLOW_3 else _airflow_2_settings(configuration)
    settings = _shared_settings(configuration) | of_version | dict(configuration.settings)
    return (
        inherited | own | {_variable(name): value for name, value in settings.items()} | dict(configuration.variables)
    )


def _variable(name: str) -> str:
    # A section's own name may have dots, which are underscores in its variables.
    section, key = name.rsplit(".", 1)
    return f"AIRFLOW__{section.replace('.', '_')}__{key}".upper()


def _shared_settings(configuration: Configuration) -> dict[str, str]:
    return {
        # Airflow >= 3.1 does not ask for it.
        "api.enable_xcom_deserialize_support": "True",
        "core.dags_folder": str(configuration.dags_folder),
        "core.plugins_folder": str(configuration.home / "plugins"),
        "core.executor": configuration.executor,
        "core.parallelism": "8",
        "core.load_examples": "False",
        "core.dags_are_paused_at_creation": "False",
        "core.fernet_key": configuration.secrets.fernet_key,
        "core.min_serialized_dag_update_interval": "0",
        "core.min_serialized_dag_fetch_interval": "1",
        "database.sql_alchemy_conn": configuration.database_url,
        "database.load_default_connections": "False",
        "logging.base_log_folder": str(configuration.task_logs),
        "scheduler.job_heartbeat_sec": "2",
        "scheduler.scheduler_heartbeat_sec": "1",
        "scheduler.scheduler_idle_sleep_time": "0.2",
        "scheduler.trigger_timeout_check_interval": "1",
        "triggerer.job_heartbeat_sec": "2",
        "usage_data_collection.enabled": "False",
    }


def _airflow_3_settings(configuration: Configuration) -> dict[str, str]:
    return {
        "api.base_url": configuration.url,
        "api.host": "127.0.0.1",
        "api.port": str(configuration.port),
        "api.workers": "1",
        "api.secret_key": configuration.secrets.signing_key,
        "api_auth.jwt_secret": configuration.secrets.signing_key,
        "core.execution_api_server_url": f"{configuration.url}/execution/",
        "core.simple_auth_manager_users": f"{ADMIN}:admin",
        "core.simple_auth_manager_passwords_file": str(configuration.passwords_file),
        "dag_processor.refresh_interval": "2",
        "dag_processor.min_file_process_interval": "600",
        "dag_processor.parsing_processes": "1",
    }


def _airflow_2_settings(configuration: Configuration) -> dict[str, str]:
    return {
        "api.auth_backends": "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth",
        "fab.update_fab_perms": "False",
        "scheduler.dag_dir_list_interval": "2",
        "scheduler.min_file_process_interval": "600",
        "scheduler.parsing_processes": "1",
        "webserver.base_url": configuration.url,
        "webserver.web_server_host": "127.0.0.1",
        "webserver.web_server_port": str(configuration.port),
        "webserver.workers": "1",
        "webserver.secret_key": configuration.secrets.signing_key,
    }
