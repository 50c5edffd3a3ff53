"""A private MariaDB, which speaks as MySQL does: new data in a temporary folder, on a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql

from local_airflow.processes import ProcessGuard, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds that the server may take to start or to stop.
TIMEOUT = 30.0


def server_program() -> str | None:
    """The server's program (Debian: ``mariadb-server-core``), or None if it is not installed."""
    return shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def running_mysql() -> Iterator[Callable[[], Any]]:
    """Start a server, and end and remove it at the end; gives a function that connects to its one database."""
    home = Path(tempfile.mkdtemp(prefix="local-mysql-"))
    port = free_port()

    def connect(database: str | None = "test") -> Any:
        return pymysql.connect(host="127.0.0.1", port=port, user="root", database=database)

    with ProcessGuard(remove=home) as guard:
        data = home / "data"
        data.mkdir()
        process = guard.start(
            [
                server_program() or "mariadbd",
                "--no-defaults",
                f"--user={pwd.getpwuid(os.geteuid()).pw_name}",
                f"--datadir={data}",
                "--bind-address=127.0.0.1",
                f"--port={port}",
                f"--socket={home / 'socket'}",
                f"--pid-file={home / 'pid'}",
                # New data has no tables of users.
                "--skip-grant-tables",
            ],
            env=dict(os.environ),
            cwd=home,
            log=home / "log",
        )
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                with connect(None) as connection:
                    connection.cursor().execute("CREATE DATABASE test CHARACTER SET utf8mb4")
                break
            except pymysql.err.OperationalError:
                assert process.poll() is None, (home / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield connect
        process.terminate()
        process.wait(TIMEOUT)
