"""Background jobs: work that is answered at once and done a moment later."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.sandbox.clock import Clock, timestamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

#: Seconds until a job is done, as seen live.
_TAKES: Final = 0.5


class JobNotFoundError(Exception):
    """The workspace has no job of that id."""


class Jobs:
    """
    The jobs of all workspaces.

    Nothing is committed here: the caller commits when the request is done.
    """

    def __init__(self, store: sqlite3.Connection, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add_move(self, workspace: str, asked: Mapping[str, Any], moved: list[str], found: int) -> dict[str, Any]:
        """
        Note a move of leads, and return its job as it begins.

        A job ends in success also if it has moved no lead, as seen live.

        :param workspace: the workspace.
        :param asked: the body of ``POST /leads/move``.
        :param moved: the addresses that were moved.
        :param found: how many leads fitted.
        """
        filters = {name: value for name, value in asked.items() if value is not None}
        data = {
            "moved_lead_emails": moved,
            "filters": filters,
            "total_leads": found,
            "moved_leads": len(moved),
            "duplicated_leads": found - len(moved),
        }
        is_list = asked.get("campaign") is None
        document = {
            "type": "move-leads",
            "entity_id": asked.get("list_id") if is_list else asked["campaign"],
            "entity_type": "list" if is_list else "campaign",
            "data": data,
        }
        job_id = secrets.token_hex(12)
        self._store.execute(
            "INSERT INTO jobs (id, workspace, created_at, document) VALUES (?, ?, ?, ?)",
            (job_id, workspace, self._clock.now(), json.dumps(document)),
        )
        return self.get(workspace, job_id)

    def get(self, workspace: str, job_id: str) -> dict[str, Any]:
        """
        The API's document of a job.

        :raises JobNotFoundError: if there is none.
        """
        query = "SELECT * FROM jobs WHERE workspace = ? AND id = ?"
        row = self._store.execute(query, (workspace, job_id.lower())).fetchone()
        if row is None:
            raise JobNotFoundError(job_id)
        document: dict[str, Any] = json.loads(row["document"])
        is_done = self._clock.now() >= row["created_at"] + _TAKES
        if not is_done:
            document["data"] = {"filters": document["data"]["filters"]}
        updated = row["created_at"] + (_TAKES if is_done else 0)
        return {
            "id": row["id"],
            "workspace_id": row["workspace"],
            "progress": 100 if is_done else 0,
            "status": "success" if is_done else "pending",
            "created_at": timestamp(row["created_at"]),
            "updated_at": timestamp(updated),
            **document,
        }
