"""A stand-in for the store in which Airflow >= 3.3 keeps what the tries of one task instance tell each other."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import timedelta


class RefusedError(Exception):
    """As much of Airflow's `AirflowRuntimeError` as is read: what its API server answered."""

    def __init__(self, status: int) -> None:
        super().__init__(f"API_SERVER_ERROR: {status}")
        self.error = SimpleNamespace(detail={"status_code": status})


class TaskStateStore:
    """As much of Airflow's task state store as is used. It keeps JSON, refuses None, and may fail."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        #: For how long each is kept; None for as long as Airflow's settings say.
        self.retention: dict[str, timedelta | None] = {}
        self.cannot_read = self.cannot_write = False
        #: With which HTTP status Airflow's API server refuses to write, or None where it does not.
        self.refuses_with: int | None = None

    def get(self, key: str, default: Any = None) -> Any:
        """Read a value."""
        if self.cannot_read:
            raise RuntimeError("The API server is away: https://user:secret@the.api.server")
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Write a value."""
        if self.cannot_write:
            raise RuntimeError("The API server is away: https://user:secret@the.api.server")
        if self.refuses_with is not None:
            raise RefusedError(self.refuses_with)
        assert value is not None
        self.kept[key] = json.dumps(value)
        self.retention[key] = retention

    def values(self) -> list[Any]:
        """All that is kept."""
        return [json.loads(value) for value in self.kept.values()]
