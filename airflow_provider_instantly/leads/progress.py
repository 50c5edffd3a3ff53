"""How far the work on many rows is, be they read, looked up or added: one line in the log every half minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_instantly.tasklog import TaskLog

#: Seconds between two lines.
INTERVAL: Final = 30.0

T = TypeVar("T")


class Progress:
    """
    Counts what is done.

    :param total: how many rows there are, or None where that is not known yet.
    :param log: the task's log.
    :param clock: seconds that pass.
    :param verb: what is done with the rows, as a participle.
    """

    def __init__(
        self, total: int | None, log: TaskLog, clock: Callable[[], float] | None = None, *, verb: str = "done"
    ) -> None:
        self.rows = 0
        self.chunks = 0
        self._total = total
        self._log = log
        self._clock = clock or time.monotonic
        self._verb = verb
        self._began = self._said = self._clock()

    def done(self, rows: int) -> None:
        """
        Count a chunk, and say so if the last line is old.

        :param rows: how many rows it had.
        """
        self.chunks += 1
        self.add(rows)

    def add(self, rows: int) -> None:
        """
        Count rows that are in no chunk, and say so if the last line is old.

        :param rows: how many.
        """
        self.rows += rows
        self.say_if_due()

    def each(self, rows: Iterable[T]) -> Iterator[T]:
        """
        Pass rows on one by one, and count them.

        :param rows: the rows.
        """
        for row in rows:
            self.rows += 1
            # There may be millions: most take no call of ours.
            if self._clock() - self._said >= INTERVAL:
                self.say_if_due()
            yield row

    def say_if_due(self) -> None:
        """Say how far it is if the last line is old. Who waits calls it now and then."""
        now = self._clock()
        if now - self._said >= INTERVAL:
            self._said = now
            self._log.info("%s", self.line())

    def line(self) -> str:
        """How far it is: rows, chunks, rate and the time left, as far as they are known."""
        passed = self._clock() - self._began
        rate = self.rows / passed if passed > 0 else 0.0
        of_all = "" if self._total is None else f" of {self._total:,}"
        in_chunks = f", in {self.chunks:,} chunks" if self.chunks else ""
        line = f"{self.rows:,}{of_all} rows are {self._verb}{in_chunks}"
        if not rate:
            return f"{line}."
        line = f"{line}: {rate:,.0f} a second"
        if self._total is None:
            return f"{line}."
        return f"{line}, about {_duration(max(0, self._total - self.rows) / rate)} left."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
