"""A private PostgreSQL: a new cluster in a temporary folder, on a free loopback port, while a `with` runs.

It needs Debian's package `postgresql`, or another with `initdb` and `postgres`, but no running service.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from local_airflow.processes import ProcessGuard, end_sessions, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

DEBIAN_BINARIES = Path("/usr/lib/postgresql")
"""Where Debian keeps the servers, a folder for each version."""
TIMEOUT = 30.0
"""Seconds that the server may take to start or to stop."""
POLL_INTERVAL = 0.02
"""Seconds between two checks of something that is waited for."""
SUPERUSER = "local"
"""The role that owns everything in the cluster, where no other is named."""
UNPRIVILEGED = ("postgres", "nobody")
"""Users that may run the server for root, who may not; the first that exists does."""

# What is committed survives the server's own death, SIGKILL included; only a crash of the machine could lose it.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "on",
}


class PostgresError(Exception):
    """PostgreSQL is missing or did not do what was asked; the message holds what it printed."""


def server_binaries() -> Path | None:
    """Return the folder with the newest installed `initdb` and `postgres`, or None if there is none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(DEBIAN_BINARIES.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


class Postgres:
    """
    A PostgreSQL server with a cluster of its own; to be used in a ``with`` statement, which ends and removes it.

    :param user: The role that owns everything in the cluster.
    :param password: Its password; default: a random one.
    :param settings: Settings of the server, beside :data:`SETTINGS`.
    :param port: Its port on loopback; default: a free one.
    :raises PostgresError: No server is installed.
    """

    def __init__(
        self,
        *,
        user: str = SUPERUSER,
        password: str | None = None,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        binaries = server_binaries()
        if binaries is None:
            raise PostgresError("No PostgreSQL server is installed: apt-get install postgresql")
        self._binaries = binaries
        self.port = port or free_port()
        self._user = user
        self._password = password or token_hex(16)
        self._settings = SETTINGS | dict(settings or {})
        self._home = Path(tempfile.mkdtemp(prefix="local-postgres-"))
        self._guard = ProcessGuard(remove=self._home)
        self._server: subprocess.Popen[bytes] | None = None
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._guard)
            self._make_cluster()
            self.start()
            stack.callback(self.stop)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def create_database(self, name: str) -> str:
        """
        Make an empty database and return its SQLAlchemy URL, which holds the password.

        :param name: Its name: letters, digits and underscores.
        """
        engine = create_engine(self.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        return self.url(name)

    def url(self, database: str) -> str:
        """
        Return the SQLAlchemy URL of a database, which holds the password.

        :param database: Its name.
        """
        return f"postgresql+psycopg2://{self._user}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """
        Start the server, and return when it answers.

        :raises PostgresError: It does not.
        """
        settings = [option for name, value in self._settings.items() for option in ("-c", f"{name}={value}")]
        self._server = self._guard.start(
            [
                *_as_unprivileged(),
                str(self._binaries / "postgres"),
                "-D",
                str(self._data),
                "-p",
                str(self.port),
                *settings,
            ],
            env=_environment(),
            cwd=self._home,
            log=self._log,
        )
        deadline = time.monotonic() + TIMEOUT
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start:\n{self._log.read_text(errors='replace')}")
            time.sleep(POLL_INTERVAL)

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> None:
        """
        Stop the server, and return when it has ended; its data stays.

        :param with_signal: SIGINT cuts off its clients, SIGTERM waits for them, SIGKILL is a crash of it all.
        :raises PostgresError: It does not end.
        """
        if self._server is None:
            return
        server, self._server = self._server, None
        # They have sessions of their own, and one that is busy holds the memory that the next start needs.
        backends = psutil.Process(server.pid).children(recursive=True) if with_signal == signal.SIGKILL else []
        server.send_signal(with_signal)
        for backend in backends:
            with contextlib.suppress(psutil.NoSuchProcess):
                backend.kill()
        try:
            server.wait(TIMEOUT)
        except subprocess.TimeoutExpired as error:
            end_sessions([server.pid])
            raise PostgresError("PostgreSQL did not end by itself.") from error

    @property
    def is_running(self) -> bool:
        """Whether the server runs."""
        return self._server is not None and self._server.poll() is None

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def _log(self) -> Path:
        return self._home / "postgres.log"

    def _make_cluster(self) -> None:
        secret = self._home / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        if owner := _unprivileged():
            for path in (self._home, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        options = ["--username", self._user, "--pwfile", str(secret), "--auth", "scram-sha-256", "--no-sync"]
        options += ["--encoding", "UTF8", "--locale", "C"]
        result = subprocess.run(
            [*_as_unprivileged(), str(self._binaries / "initdb"), "--pgdata", str(self._data), *options],
            env=_environment(),
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        secret.unlink()
        if result.returncode != 0:
            raise PostgresError(f"`initdb` failed:\n{result.stdout}")

    def _answers(self) -> bool:
        engine = create_engine(self.url("postgres"), poolclass=NullPool)
        try:
            engine.connect().close()
        except OperationalError:
            return False
        return True


def _unprivileged() -> pwd.struct_passwd | None:
    """Return the user that runs the server, or None where that is the user that runs this."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next((known[name] for name in UNPRIVILEGED if name in known), None)


def _as_unprivileged() -> list[str]:
    """Return what goes before a command: nothing, or for root a program that sheds root's rights and becomes it."""
    user = _unprivileged()
    if user is None:
        return []
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def _environment() -> dict[str, str]:
    """Return the caller's environment without settings for PostgreSQL's clients and servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
