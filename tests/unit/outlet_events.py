"""A stand-in for what Airflow gives a task for the events of its outlets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Outlet:
    """The events of one outlet, as a task fills them in."""

    extra: dict[str, Any] | None = None
    added: list[tuple[str, Any]] = field(default_factory=list)

    def add(self, asset: Any, extra: Any = None) -> None:
        """Add an event of an asset to an alias."""
        self.added.append((asset.uri, extra))


class OutletEvents:
    """The events of all outlets. What is an outlet can be no key of a dict in Airflow 3.0."""

    def __init__(self) -> None:
        self.said: dict[str, Outlet] = {}

    def __getitem__(self, outlet: Any) -> Outlet:
        return self.said.setdefault(repr(outlet), Outlet())
