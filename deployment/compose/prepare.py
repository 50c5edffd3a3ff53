"""Makes docker-compose.yaml's Airflow ready to start: tables, a user and a connection. Its service `init`.

It runs at each start. What is there stays as it is, but tables of an older Airflow are upgraded. If the connection and
the Compose files do not fit each other, nothing starts. With `--api-key`, a key from standard input goes into the
connection:

    docker compose run --rm -T init --api-key <FILE
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider_instantly.sandbox.auth import DEFAULT_API_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.models.connection import Connection
    from sqlalchemy.orm import Session

ADMIN_PASSWORD = Path("/opt/airflow/secrets/admin-password")
WITHOUT_SANDBOX = "WITHOUT_SANDBOX"
"""The variable that instantly.yaml sets, which puts the real Instantly in the sandbox's place."""
CONNECTION_ID = "instantly_default"
#: Airflow 3.3.2 tests no connection from its form that has no port.
INSTANTLY: dict[str, Any] = {"conn_type": "instantly", "port": 443}
SANDBOX: dict[str, Any] = {
    "conn_type": "instantly",
    "host": "http://sandbox:8989",
    "port": 8989,
    "password": DEFAULT_API_KEY,
    "extra": json.dumps(
        {"allow_insecure_hosts": "sandbox", "app_url": os.environ.get("SANDBOX_PAGE", "http://127.0.0.1:8989")}
    ),
}
_SEE_GUIDE = "Write COMPOSE_FILE into .env, as docs/operations/deployment.md says."


def airflow(*arguments: str, answers: str = "") -> None:
    """
    Run an `airflow` command; end with its status if it fails.

    :param arguments: what follows `airflow`. They may be seen by others, and no secret is among them.
    :param answers: what the command asks for, one a line.
    """
    command = [sys.executable, "-m", "airflow", *arguments]
    # Without a terminal, the command reads a password from its standard input.
    ended = subprocess.run(command, input=answers, text=True, check=False, start_new_session=True)
    if ended.returncode:
        sys.exit(f"`airflow {' '.join(arguments[:2])}` ended with status {ended.returncode}.")


def api_key(arguments: Sequence[str]) -> str | None:
    """
    Read the key for the real Instantly, if there is one: it stays in no file of a container, and on no command line.

    :param arguments: the words after this program's name.
    :returns: the key, empty if there is no new one, or None for the sandbox.
    :raises SystemExit: if a key is announced and there is none, or no place for one.
    """
    parser = argparse.ArgumentParser(description="Make Airflow ready to start.")
    parser.add_argument("--api-key", action="store_true", help="read a key for the real Instantly from standard input")
    is_given = parser.parse_args(arguments).api_key
    if not os.environ.get(WITHOUT_SANDBOX):
        if is_given:
            sys.exit(f"These Compose files are for the sandbox, which needs no key. {_SEE_GUIDE}")
        return None
    if not is_given:
        return ""
    key = getpass("API key: ") if sys.stdin.isatty() else sys.stdin.read()
    return key.strip() or sys.exit("There is no key on standard input.")


def connect(session: Session, key: str | None) -> str:
    """
    Make the connection if there is none, and put the key into it.

    :param session: a session of Airflow's database. The caller commits.
    :param key: what :func:`api_key` returns.
    :returns: what became of the connection.
    :raises SystemExit: if the connection leads elsewhere than the Compose files say, or is no place for a key.
    """
    from airflow.models.connection import Connection
    from sqlalchemy import select

    found = session.scalar(select(Connection).where(Connection.conn_id == CONNECTION_ID))
    is_sandbox = found is not None and _url(found).hostname == urlsplit(SANDBOX["host"]).hostname
    if key == "" and (found is None or is_sandbox):
        sys.exit("No key is stored. Give an Instantly API V2 key: docker compose run --rm -T init --api-key <FILE")
    if found is not None and key and is_sandbox:
        session.delete(found)
        session.flush()
        found = None
    if found is None:
        made = SANDBOX if key is None else {**INSTANTLY, "password": key}
        session.add(Connection(conn_id=CONNECTION_ID, **made))
        return f"made, and leads to {'the sandbox' if key is None else 'Instantly'}"
    leads_to = f"leads to {found.host or 'Instantly'}"
    if key is None and not is_sandbox:
        sys.exit(
            f"The connection {CONNECTION_ID} {leads_to}, but these Compose files are for the sandbox. Nothing was "
            f"started. {_SEE_GUIDE} To go back to the sandbox, delete the connection: "
            f"docker compose run --rm --entrypoint airflow init connections delete {CONNECTION_ID}"
        )
    if not key:
        return f"left as it is, and {leads_to}"
    if found.conn_type != INSTANTLY["conn_type"] or _url(found).scheme != "https":
        sys.exit(
            f"The connection {CONNECTION_ID} is of type {found.conn_type} and {leads_to}. It was not given the key, "
            "which goes to Instantly, and over HTTPS, only. Correct the connection, or delete it."
        )
    found.password = key
    return f"given the key, and {leads_to}"


def _url(connection: Connection) -> SplitResult:
    """Where a connection leads, wherever its scheme stands. The host of Instantly's own API may be left out."""
    host = connection.host or ""
    return urlsplit(host if "://" in host else f"{connection.schema or 'https'}://{host}")


def main() -> None:
    """Prepare, in an order in which each step has what it needs."""
    key = api_key(sys.argv[1:])
    airflow("db", "migrate")
    name = ["--username", "admin", "--firstname", "Local", "--lastname", "Admin", "--email", "admin@localhost"]
    password = ADMIN_PASSWORD.read_text()
    airflow("users", "create", *name, "--role", "Admin", answers=f"{password}\n{password}\n")

    from airflow.utils.session import create_session

    with create_session() as session:
        outcome = connect(session, key)
    print(f"The connection {CONNECTION_ID} is {outcome}.")


if __name__ == "__main__":
    main()
