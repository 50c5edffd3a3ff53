"""How old what was read may be when an activation rests on it: seconds pass also where nothing is meant to wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds from the answer to a read until the first byte of an activation leaves that rests on it. Usually they are a
#: hundredth of one; but the record is written in between, which Airflow may try again, and a connection may be made.
MAX_READ_AGE: Final = 2.0
#: Seconds for which a check before a launch counts where the activation is put off.
MAX_CHECK_AGE: Final = 60.0


@dataclass
class Freshness:
    """
    When a launch has read what it decides by.

    :param clock: shows seconds, and never jumps.
    """

    clock: Callable[[], float]
    _read_at: float | None = field(default=None, init=False)
    _checked_at: float | None = field(default=None, init=False)

    def note_read(self) -> None:
        """Note that the campaign was read: the answer has just come."""
        self._read_at = self.clock()

    @property
    def outdated(self) -> float | None:
        """The age of the last read in seconds, if that is too old to activate the campaign by it; else None."""
        age = 0.0 if self._read_at is None else self.clock() - self._read_at
        return age if age > MAX_READ_AGE else None

    def note_check(self) -> None:
        """Note that all was read that a check needs."""
        self._checked_at = self.clock()

    @property
    def is_checked(self) -> bool:
        """Whether there was a check that still counts."""
        return self._checked_at is not None and self.clock() - self._checked_at <= MAX_CHECK_AGE
