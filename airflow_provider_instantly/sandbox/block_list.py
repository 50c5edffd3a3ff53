"""The block list of each workspace: addresses and domains that no lead may have."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.sandbox.clock import Clock, timestamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

AN_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_A_DOMAIN: Final = re.compile(r"[^@\s]+\.[^@\s]+")


class BlockList:
    """
    The block lists of all workspaces.

    Nothing is committed here: the caller commits when the request is done.
    """

    def __init__(self, store: sqlite3.Connection, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, workspace: str, values: Iterable[str]) -> tuple[list[dict[str, Any]], int]:
        """
        Block addresses and domains; one that is blocked already stays so.

        :param workspace: the workspace.
        :param values: the addresses and domains.
        :return: the entries, and how many values are neither an address nor a domain.
        """
        entries: list[dict[str, Any]] = []
        invalid = 0
        for text in values:
            value = text.strip().lower()
            if not (AN_ADDRESS.fullmatch(value) or _A_DOMAIN.fullmatch(value)):
                invalid += 1
                continue
            self._store.execute(
                "INSERT OR IGNORE INTO blocked (id, workspace, value, created_at) VALUES (?, ?, ?, ?)",
                (str(uuid.uuid4()), workspace, value, self._clock.now()),
            )
            row = self._store.execute("SELECT * FROM blocked WHERE workspace = ? AND value = ?", (workspace, value))
            entries.append(_entry(row.fetchone()))
        return entries, invalid

    def read(
        self, workspace: str, *, search: str | None, domains_only: bool, starting_after: str | None
    ) -> Iterator[dict[str, Any]]:
        """
        The entries of a workspace, ordered by id.

        :param workspace: the workspace.
        :param search: a part of the value.
        :param domains_only: whether to leave addresses out.
        :param starting_after: the cursor: only those behind it.
        """
        where, values = ["workspace = ?", "id > ?"], [workspace, starting_after or ""]
        if search:
            where.append("instr(value, ?)")
            values.append(search.lower())
        if domains_only:
            where.append("NOT instr(value, '@')")
        query = f"SELECT * FROM blocked WHERE {' AND '.join(where)} ORDER BY id"  # noqa: S608
        return map(_entry, self._store.execute(query, values))

    def blocks(self, workspace: str, email: str) -> bool:
        """Whether the address, or its domain, is blocked."""
        query = "SELECT 1 FROM blocked WHERE workspace = ? AND value IN (?, ?)"
        return self._store.execute(query, (workspace, email, email.rpartition("@")[2])).fetchone() is not None


def _entry(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "timestamp_created": timestamp(row["created_at"]),
        "organization_id": row["workspace"],
        "bl_value": row["value"],
        "is_domain": "@" not in row["value"],
    }
