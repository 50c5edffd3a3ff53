"""Starts the API server of docker-compose.yaml, and before that makes secrets, tables, a user and a connection.

Secrets are made at the first start and kept in a volume. A later start changes nothing that is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from secrets import token_hex

from cryptography.fernet import Fernet

from airflow_provider_instantly.sandbox.auth import DEFAULT_API_KEY

DATABASE_PASSWORD = Path("/opt/airflow/database-secret/password")
SECRETS = Path("/opt/airflow/secrets")
DATABASE_TIMEOUT = 120
"""Seconds that the database may take to start."""
SANDBOX_CONNECTION = {
    "instantly_default": {
        "conn_type": "instantly",
        "host": "http://sandbox:8989",
        "password": DEFAULT_API_KEY,
        "extra": json.dumps({"allow_insecure_hosts": "sandbox", "app_url": "http://127.0.0.1:8989"}),
    }
}


def keep(name: str, value: str) -> str:
    """Write a secret, unless there is one of that name; return the one that there is."""
    file = SECRETS / name
    if not file.exists():
        new = SECRETS / f".{name}"
        new.touch(mode=0o640)
        new.write_text(value)
        new.rename(file)
    return file.read_text()


def wait_for_database_password() -> str:
    """Return the password that the database made for itself when it first started."""
    deadline = time.monotonic() + DATABASE_TIMEOUT
    while not (DATABASE_PASSWORD.exists() and (password := DATABASE_PASSWORD.read_text().strip())):
        if time.monotonic() > deadline:
            sys.exit(f"The database made no password within {DATABASE_TIMEOUT} s.")
        time.sleep(1)
    return password


def airflow(*arguments: str) -> None:
    """Run an `airflow` command."""
    subprocess.run([sys.executable, "-m", "airflow", *arguments], check=True)


def main() -> None:
    """Prepare, then become the API server."""
    keep("database-url", f"postgresql+psycopg2://airflow:{wait_for_database_password()}@postgres/airflow")
    keep("fernet-key", Fernet.generate_key().decode())
    keep("session-key", token_hex(32))
    keep("token-key", token_hex(32))
    password = keep("admin-password", token_hex(12))
    airflow("db", "check", "--retry", str(DATABASE_TIMEOUT // 2), "--retry-delay", "2")
    airflow("db", "migrate")
    name = ["--username", "admin", "--firstname", "Local", "--lastname", "Admin", "--email", "admin@localhost"]
    airflow("users", "create", *name, "--role", "Admin", "--password", password)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as connections:
        json.dump(SANDBOX_CONNECTION, connections)
        connections.flush()
        airflow("connections", "import", connections.name)
    os.execvp("airflow", ["airflow", "api-server"])  # noqa: S606, S607


if __name__ == "__main__":
    main()
