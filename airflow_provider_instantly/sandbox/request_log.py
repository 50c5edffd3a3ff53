"""The log of every request to the API. It never holds a key, only the name of one."""

from __future__ import annotations

import asyncio
import re
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

_COLUMNS = ("at", "method", "path", "query", "status", "key", "workspace", "user_agent", "effect", "fault")
_INSERT = f"INSERT INTO requests ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_SECRET = re.compile(r"(?i)\b((?:api_?)?key|token|secret|authorization)=[^&]*")
_LONGEST = 500
_FLUSH_SECONDS = 0.25


@dataclass
class Entry:
    """
    One request, filled in on its way.

    :param at: when it came, in seconds since the epoch.
    :param status: the HTTP status of the answer; None where the connection was reset.
    :param key: the name of the caller's key.
    :param workspace: the workspace that it acted on.
    :param effect: what it changed, such as ``activated``.
    :param fault: the kind of fault that hit it.
    """

    at: float
    method: str
    path: str
    query: str
    status: int | None = None
    key: str | None = None
    workspace: str | None = None
    user_agent: str | None = None
    effect: str | None = None
    fault: str | None = None

    def __post_init__(self) -> None:
        """Nothing that a client sends may fill the log, and no key in a query string may lie there."""
        self.path = self.path[:_LONGEST]
        self.query = _SECRET.sub(r"\1=***", self.query)[:_LONGEST]
        self.user_agent = None if self.user_agent is None else self.user_agent[:_LONGEST]


class RequestLog:
    """
    The latest requests, in the database.

    Requests that changed something are committed at once, with the change. Others are written in batches.

    :param store: the database.
    :param keep: how many requests are kept.
    """

    def __init__(self, store: sqlite3.Connection, keep: int = 200_000) -> None:
        self._store = store
        self._keep = keep
        self._unwritten: list[Entry] = []
        #: How often all requests were forgotten.
        self.clearances = 0

    def add(self, entry: Entry, clearances: int) -> None:
        """
        Log a request, and commit what it changed. One that came before all were forgotten is forgotten, too.

        :param entry: the request.
        :param clearances: the log's `clearances` when it came.
        """
        if clearances != self.clearances:
            self._store.commit()
            return
        if not self._unwritten and entry.effect is None:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        self._unwritten.append(entry)
        if entry.effect is not None:
            self.flush()

    def flush(self) -> None:
        """Write and commit what is not written yet."""
        if not self._unwritten:
            return
        self._store.executemany(_INSERT, map(astuple, self._unwritten))
        self._unwritten.clear()
        self._store.execute("DELETE FROM requests WHERE id <= (SELECT MAX(id) FROM requests) - ?", (self._keep,))
        self._store.commit()

    def clear(self) -> None:
        """Forget all requests, those that are not answered yet included."""
        self.clearances += 1
        self.flush()
        self._store.execute("DELETE FROM requests")
        self._store.commit()

    def latest(
        self, limit: int, after: int = 0, path: str = "*", method: str | None = None, effect: str | None = None
    ) -> list[dict[str, Any]]:
        """
        The newest requests, newest first.

        :param limit: at most so many.
        :param after: only those with a larger id.
        :param path: a glob for the whole path.
        :param method: only those of this method.
        :param effect: only those that had this effect.
        """
        self.flush()
        rows = self._store.execute(
            "SELECT * FROM requests WHERE id > ?1 AND path GLOB ?2 AND (?3 IS NULL OR method = ?3)"
            " AND (?4 IS NULL OR effect = ?4) ORDER BY id DESC LIMIT ?5",
            (after, path, method, effect, limit),
        )
        return [dict(row) for row in rows]

    def counts(self) -> list[dict[str, Any]]:
        """How many requests there were, by method, kind of path and status."""
        self.flush()
        rows = self._store.execute("SELECT method, path, status, COUNT(*) AS count FROM requests GROUP BY 1, 2, 3")
        totals: dict[tuple[str, str, int | None], int] = {}
        for row in rows:
            kind = (row["method"], _route(row["path"]), row["status"])
            totals[kind] = totals.get(kind, 0) + row["count"]
        return [
            {"method": method, "route": route, "status": status, "count": count}
            for (method, route, status), count in sorted(totals.items(), key=str)
        ]


def _route(path: str) -> str:
    """The path with its ids replaced, so that paths of one kind are counted together."""
    return re.sub(r"/[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}(?=/|$)", "/{id}", path)
