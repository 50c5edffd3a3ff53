"""
Who of a chunk is there, by all that is read of it: before it is sent, after its answer was lost, and after an answer.

A list may lag behind, and a request whose answer was lost may still be running: so it is read until it lasts. Who was
shown once is there, whatever later reads lack: they may lag more. If a person deleted them meanwhile, they stay away.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.change import Effect
from airflow_provider_instantly.exceptions import TaskKilledError, UploadNotConfirmedError, failure
from airflow_provider_instantly.leads.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_instantly.leads.chunks import Chunk
    from airflow_provider_instantly.leads.order import Order
    from airflow_provider_instantly.leads.progress import Progress
    from airflow_provider_instantly.leads.rows import LeadRow

#: Seconds before each read that finds out what became of a chunk whose answer was lost. Its request may still be
#: running at Instantly, and two that are alike at the same moment must not be: 67 s in all.
READ_BACK_PAUSES: Final = (2.0, 5.0, 10.0, 20.0, 30.0)
#: Seconds for which reads have to agree after an answer that does not add up: each, once Instantly adds a counter.
SETTLED_AFTER: Final = 30.0


class Sightings:
    """
    Who of a chunk was there before, and who is there now.

    :param order: what is asked of the upload.
    :param chunk: the rows.
    :param progress: how far the upload is.
    :param so_far: says what became of all rows of the upload, given what is known of this chunk's.
    """

    def __init__(
        self, order: Order, chunk: Chunk, progress: Progress, so_far: Callable[[Tally], tuple[str, ...]]
    ) -> None:
        self.order = order
        self.chunk = chunk
        self.progress = progress
        self._so_far = so_far
        #: Who was there before anything of it was sent.
        self.before: frozenset[int] = frozenset()
        #: Who was there at any read of all of it.
        self.present: frozenset[int] = frozenset()
        #: Who else is there by all that is known, while the rest of an answer is found out.
        self.shown: frozenset[int] = frozenset()
        #: Whether it is not known of all who were sent whether they were added.
        self.is_in_doubt = False
        #: Whether the time has passed in which a request of an earlier try may have been running.
        self.has_waited = False
        #: How often it was read back since the last request left.
        self._reads = 0

    @property
    def missing(self) -> Chunk:
        """The rows that are not there."""
        return self.chunk.without(self.present)

    @property
    def known(self) -> Tally:
        """Who is certainly there, while nothing more is known."""
        return self.counted(self.present | self.shown)

    def counted(self, present: frozenset[int]) -> Tally:
        """
        The tally of those who are there, where no answer says more.

        :param present: their numbers.
        """
        return Tally(already_there=len(self.before), found=len(present - self.before))

    @property
    def so_far(self) -> tuple[str, ...]:
        """What became of all rows of the upload, as sentences."""
        return self._so_far(self.known)

    def read_before(self, *, may_be_running: bool) -> frozenset[int]:
        """
        Read who is there before anything is sent.

        :param may_be_running: whether a request of an earlier try may still be running.
        :raises UploadNotConfirmedError: if it still adds some.
        """
        self.before = self.present = self.before | self._read_all()
        if may_be_running and not self.has_waited and self.missing:
            self._wait_for_an_earlier_try()
        return self.present

    def _wait_for_an_earlier_try(self) -> None:
        self.order.log.info(
            "An earlier try may have a request that is still running, so nothing is sent for %.0f s.",
            sum(READ_BACK_PAUSES),
        )
        for pause in READ_BACK_PAUSES:
            time.sleep(pause)
            self.stop_if_killed()
            self.progress.say_if_due()
            earlier = self.before
            self.before = self.present = earlier | self._read_all()
        if earlier != self.before:
            raise self.ended(
                UploadNotConfirmedError,
                f"A request of an earlier try still adds leads to {self.order.noun}: {len(self.before - earlier):,} "
                f"of {self.chunk.span} came within {READ_BACK_PAUSES[-1]:.0f} s.",
            )
        self.has_waited = True

    def note_sent(self) -> None:
        """Note that a request leaves: the next reads are about it."""
        self._reads = 0

    def read_back(self) -> frozenset[int]:
        """Read who is there after the answer was lost."""
        self.is_in_doubt = True
        self.stop_if_killed()
        self.progress.say_if_due()
        return self._read_all()

    def proof(self, _before: frozenset[int] | None, after: frozenset[int]) -> Effect:
        """
        What was read back proves. What is missing may be sent again once a minute has passed, and no more of it came at
        the end.

        :param after: who is there now.
        """
        self._reads += 1
        grew, self.present = not after <= self.present, self.present | after
        if not self.missing:
            return Effect.SHOWN
        return Effect.UNCLEAR if grew and self._reads >= len(READ_BACK_PAUSES) else Effect.ABSENT

    def settled(self, rows: Sequence[LeadRow], *, apart: float = 0.0, expected: int | None = None) -> frozenset[int]:
        """
        Which of some rows are there, read until all reads of a while agree: a list may lag behind an answer, and who is
        called absent may be added elsewhere by a person.

        :param rows: the rows.
        :param apart: how long that while is at least, in seconds.
        :param expected: how many of them are there at least, by all that is known. So many are waited for instead.
        """
        self.is_in_doubt = True
        counted, found = self.shown, frozenset[int]()
        seen: frozenset[int] | None = None
        passed = since = 0.0
        for pause in (0.0, *READ_BACK_PAUSES):
            time.sleep(pause)
            passed += pause
            if pause:
                self.stop_if_killed()
            self.progress.say_if_due()
            found |= self.order.present(rows)
            self.shown = counted | found
            is_settled = found == seen and passed - since >= apart
            if found != seen:
                seen, since = found, passed
            if len(found) == len(rows) or (is_settled if expected is None else len(found) >= expected):
                return found
        return found

    def stop_if_killed(self) -> None:
        """
        Go on only if the task was not killed.

        :raises TaskKilledError: if it was.
        :raises UploadNotConfirmedError: if it was, and it is in doubt who was added.
        """
        if self.order.is_killed():
            raise self.ended(TaskKilledError, "The task was killed.")

    def ended(self, kind: type[Exception], *reasons: str) -> Exception:
        """
        The error that ends the upload here. While it is in doubt who was added, another try has to find that out.

        :param kind: its type, where nothing is in doubt.
        :param reasons: why it ends, as sentences.
        """
        if not self.is_in_doubt:
            return failure(kind, *reasons, *self.so_far)
        doubt = f"Whether {self.chunk.span} were added is not known of all of them."
        return failure(UploadNotConfirmedError, *reasons, doubt, *self.so_far)

    def _read_all(self) -> frozenset[int]:
        return self.order.present(self.chunk)
