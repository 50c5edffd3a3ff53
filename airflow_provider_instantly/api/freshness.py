"""How old a read may be when a change rests on it: seconds pass also where nothing is meant to wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.errors import OutdatedReadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.protocol import Request

#: Seconds from the answer to a read until the first byte of a change leaves that rests on it. Usually they are a
#: hundredth of one; but there may be a record to write in between, which Airflow may try again, and a connection to
#: make.
MAX_READ_AGE: Final = 2.0
#: Seconds from the moment when that read left. A slow answer may show how it was at its beginning.
MAX_READ_SPAN: Final = 5.0


@dataclass
class ReadAge:
    """
    When that was read by which a change is decided.

    :param clock: shows seconds, and never jumps.
    """

    clock: Callable[[], float]
    _sent_at: float | None = field(default=None, init=False)
    _read_at: float | None = field(default=None, init=False)

    def note_sent(self) -> None:
        """Note that a read leaves. One that is sent again leaves again."""
        self._sent_at = self.clock()

    def note_read(self) -> None:
        """Note that it was read: the answer has just come."""
        self._read_at = self.clock()

    def check(self, request: Request, change: str, why: str) -> None:
        """
        Go on only if the read is no older than it may be. What was never read is no age: the change rests on no read.

        :param request: what is about to leave.
        :param change: the change as a noun.
        :param why: what may have taken so long, as a sentence.
        :raises OutdatedReadError: if it is older.
        """
        noun = request.resource.noun
        if outdated := self._outdated(noun):
            raise OutdatedReadError(
                f"The {change} was not sent: when it was about to leave, {outdated}.",
                advice=why,
                method=request.method,
                path=request.path,
            )

    def _outdated(self, noun: str) -> str:
        """How old the read is, as a clause, if it is too old; else nothing."""
        if self._read_at is None:
            return ""
        now, sent_at = self.clock(), self._read_at if self._sent_at is None else self._sent_at
        if (age := now - self._read_at) > MAX_READ_AGE:
            return (
                f"{age:.1f} seconds had passed since the {noun} was read, and it rests on no read of more than "
                f"{MAX_READ_AGE:g} seconds ago"
            )
        if (span := now - sent_at) > MAX_READ_SPAN:
            return (
                f"{span:.1f} seconds had passed since the read of the {noun} was sent, and it rests on none that was "
                f"sent more than {MAX_READ_SPAN:g} seconds ago"
            )
        return ""
