"""A metadata database for a local Airflow: migrating takes seconds, copying a migrated SQLite file takes none."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path
from secrets import token_hex

from local_airflow.configuration import ADMIN, AIRFLOW_3, Configuration, environment

TEMPLATES = Path(__file__).parents[1] / "build" / "airflow-databases"
SQLITE_LOCK_TIMEOUT = 30
"""Seconds that a process waits for another that is writing."""


class MigrationError(Exception):
    """Airflow could not prepare its database."""


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file, such that writers wait for each other instead of failing."""
    return f"sqlite:///{path}?timeout={SQLITE_LOCK_TIMEOUT}"


def prepare_database(configuration: Configuration) -> str:
    """
    Make the metadata database ready, and with it, on Airflow 2.11, the user ``admin``.

    :return: The password for the user ``admin``.
    :raises MigrationError: Airflow refused; its output is in the message.
    """
    if configuration.database_url.startswith("sqlite:"):
        template = _template()
        shutil.copy(template / "airflow.db", configuration.home)
        return (template / "password").read_text()
    return _migrate(configuration)


def _template() -> Path:
    """Return the folder with a migrated SQLite database for what is installed here; the first call makes it."""
    folder = TEMPLATES / _fingerprint()
    if not folder.exists():
        TEMPLATES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=TEMPLATES) as scratch:
            made = _make_template(Path(scratch) / "template")
            # Another process may have been faster; what it made is as good.
            with contextlib.suppress(OSError):
                made.rename(folder)
    return folder


def _make_template(folder: Path) -> Path:
    file = folder / "airflow.db"
    password = _migrate(
        Configuration(home=folder, port=0, database_url=sqlite_url(file), executor="SequentialExecutor")
    )
    # Readers and the writer then do not wait for each other. The mode is kept in the file.
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
    (folder / "password").touch(mode=0o600)
    (folder / "password").write_text(password)
    return folder


def _fingerprint() -> str:
    """Name the tables that Airflow and its installed providers would make."""
    airflow = {f"{found.name}=={found.version}" for found in distributions() if found.name.startswith("apache-airflow")}
    return hashlib.sha256("\n".join(sorted(airflow)).encode()).hexdigest()[:16]


def _migrate(configuration: Configuration) -> str:
    password = token_hex(16)
    _airflow(configuration, "db", "migrate")
    if not AIRFLOW_3:
        name = ["--username", ADMIN, "--firstname", "Local", "--lastname", "Admin", "--email", f"{ADMIN}@localhost"]
        # Roles and permissions, so that the web server need not synchronise them at each start.
        _airflow(configuration, "sync-perm")
        _airflow(configuration, "users", "create", *name, "--role", "Admin", "--password", password)
    return password


def _airflow(configuration: Configuration, *arguments: str) -> None:
    configuration.scratch.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env=environment(configuration),
        cwd=configuration.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise MigrationError(f"`airflow {arguments[0]}` failed:\n{result.stdout}")
