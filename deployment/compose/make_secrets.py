"""Makes the secrets of docker-compose.yaml at its first start, before any other service: its service `secrets`.

They are kept in volumes. A later start makes only what is missing.
"""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex

from cryptography.fernet import Fernet

VOLUMES = Path("/opt/airflow")


def keep(name: str, value: str) -> str:
    """
    Write a secret, unless there is one of that name.

    :param name: its file, below the folder of the volumes. The group may read it.
    :param value: what to write.
    :returns: what the file has now.
    """
    file = VOLUMES / name
    if not file.exists():
        new = file.with_name(f".{file.name}")
        new.touch(mode=0o640)
        new.write_text(value)
        new.rename(file)
    return file.read_text()


def main() -> None:
    """Make what is missing. The database and the broker see nothing but their own password."""
    database = keep("database-secret/password", token_hex(24))
    broker = keep("broker-secret/password", token_hex(24))
    keep("secrets/database-url", f"postgresql+psycopg2://airflow:{database}@postgres/airflow")
    keep("secrets/result-backend", f"db+postgresql+psycopg2://airflow:{database}@postgres/airflow")
    keep("secrets/broker-url", f"redis://:{broker}@redis:6379/0")
    keep("secrets/fernet-key", Fernet.generate_key().decode())
    keep("secrets/session-key", token_hex(32))
    keep("secrets/token-key", token_hex(32))
    keep("secrets/admin-password", token_hex(12))


if __name__ == "__main__":
    main()
