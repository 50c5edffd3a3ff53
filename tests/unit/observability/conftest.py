"""Airflow's metrics, as far as the provider needs them: they are on, and what is handed over is kept."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat import sdk

from airflow_provider_instantly.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.observability.metrics import Metric

CONNECTION = "instantly_default"


class AirflowsStats:
    """As much of Airflow's ``Stats`` as is used."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
        self.times: list[tuple[str, float, dict[str, str]]] = []
        self.threads: set[int] = set()
        self.calls = 0

    def incr(self, name: str, count: int = 1, rate: float = 1, *, tags: dict[str, str] | None = None) -> None:
        """Add to a counter."""
        self.counts[name, frozenset((tags or {}).items())] += count
        self._note_call()

    def timing(self, name: str, dt: float, *, tags: dict[str, str] | None = None) -> None:
        """Keep a time, in milliseconds."""
        self.times.append((name, dt, tags or {}))
        self._note_call()

    def _note_call(self) -> None:
        self.calls += 1
        self.threads.add(threading.get_ident())

    def of(self, metric: Metric, **tags: str) -> int:
        """How much was counted, with these tags and the connection's."""
        return self.counts[metric.name, frozenset({"connection": CONNECTION, **tags}.items())]

    def total(self, metric: Metric) -> int:
        """How much was counted, with whatever tags."""
        return sum(number for (name, _), number in self.counts.items() if name == metric.name)

    def seconds(self, metric: Metric) -> list[float]:
        """The times of a timer."""
        return [dt / 1000 for name, dt, _ in self.times if name == metric.name]


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowsStats]:
    """Airflow's metrics are on, and here is what they get."""
    found = AirflowsStats()
    monkeypatch.setattr(metrics, "are_on", lambda: True)
    monkeypatch.setitem(vars(sdk), "Stats", found)
    yield found
    names: set[Any] = {name for name, _ in found.counts} | {name for name, *_ in found.times}
    assert names <= {metric.name for metric in metrics.METRICS}
