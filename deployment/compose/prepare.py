"""Makes docker-compose.yaml's Airflow ready to start: tables, a user and a connection. Its service `init`.

It runs at each start. What is there stays as it is, but tables of an older Airflow are upgraded, and an API key that is
given goes into the connection.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.sandbox.auth import DEFAULT_API_KEY

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ADMIN_PASSWORD = Path("/opt/airflow/secrets/admin-password")
API_KEY = Path("/run/secrets/instantly-api-key")
"""Is there with instantly.yaml, which puts the real Instantly in the sandbox's place."""
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


def api_key() -> str | None:
    """
    The key of the real Instantly, or None for the sandbox.

    :raises SystemExit: if there should be one.
    """
    if not API_KEY.exists():
        return None
    if key := API_KEY.read_text().strip():
        return key
    sys.exit("INSTANTLY_API_KEY is empty. Set it to an Instantly API V2 key.")


def connect(session: Session, key: str | None) -> str:
    """
    Make the connection if there is none, and put the key into it.

    :param session: a session of Airflow's database. The caller commits.
    :param key: the key of the real Instantly, or None to leave a connection alone.
    :returns: what became of the connection.
    """
    from airflow.models.connection import Connection
    from sqlalchemy import select

    found = session.scalar(select(Connection).where(Connection.conn_id == CONNECTION_ID))
    if found is not None and key is not None and found.host == SANDBOX["host"]:
        session.delete(found)
        session.flush()
        found = None
    if found is None:
        made = SANDBOX if key is None else {**INSTANTLY, "password": key}
        session.add(Connection(conn_id=CONNECTION_ID, **made))
        return f"made, and leads to {'the sandbox' if key is None else 'Instantly'}"
    if key is None:
        return f"left as it is, and leads to {found.host or 'Instantly'}"
    found.password = key
    return f"given the key, and leads to {found.host or 'Instantly'}"


def main() -> None:
    """Prepare, in an order in which each step has what it needs."""
    key = api_key()
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
