"""How far an upload is: one line in the log every half minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.tasklog import TaskLog

#: Seconds between two lines.
INTERVAL: Final = 30.0


class Progress:
    """
    Counts what is done.

    :param total: how many rows there are.
    :param log: the task's log.
    :param clock: seconds that pass.
    """

    def __init__(self, total: int, log: TaskLog, clock: Callable[[], float] | None = None) -> None:
        self.rows = 0
        self.chunks = 0
        self._total = total
        self._log = log
        self._clock = clock or (lambda: time.monotonic())
        self._began = self._said = self._clock()

    def done(self, rows: int) -> None:
        """
        Count a chunk, and say so if the last line is old.

        :param rows: how many rows it had.
        """
        self.rows += rows
        self.chunks += 1
        if self._clock() - self._said >= INTERVAL:
            self._said = self._clock()
            self._log.info("%s", self.line())

    def line(self) -> str:
        """How far it is: rows, chunks, rate and the time left."""
        passed = self._clock() - self._began
        rate = self.rows / passed if passed > 0 else 0.0
        line = f"{self.rows:,} of {self._total:,} rows are done, in {self.chunks:,} chunks"
        if not rate:
            return f"{line}."
        left = max(0, self._total - self.rows) / rate
        return f"{line}: {rate:,.0f} a second, about {_duration(left)} left."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
