"""
The upload over the wire: whether it may begin, rows in chunks one after the other, and what became of all of them.

How a chunk gets there is in `adding`; whether leads may be added at all, in `admission` and `guard`.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.errors import InstantlyRequestError
from airflow_provider_instantly.api.protocol import PAGE_SIZE
from airflow_provider_instantly.exceptions import (
    TaskKilledError,
    UploadNotConfirmedError,
    UploadRefusedError,
    failure,
)
from airflow_provider_instantly.leads.adding import Adding
from airflow_provider_instantly.leads.admission import added_no_one, check, count_present
from airflow_provider_instantly.leads.chunks import cut
from airflow_provider_instantly.leads.order import Order
from airflow_provider_instantly.leads.progress import Progress
from airflow_provider_instantly.leads.sightings import Sightings
from airflow_provider_instantly.leads.tally import Tally
from airflow_provider_instantly.observability.metrics import LEADS_ADDED, LEADS_REJECTED
from airflow_provider_instantly.tasklog import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_instantly.api.lead import LeadsAdded
    from airflow_provider_instantly.leads.adding import Added, TooLarge
    from airflow_provider_instantly.leads.chunks import Chunk
    from airflow_provider_instantly.leads.rows import LeadRow

#: So many rows may be too large each in a request of its own before any request is taken: more, and none is, most
#: likely.
MOST_REFUSED_ALONE: Final = 20


class Upload(Order):
    """Adds rows to a campaign or a list, for one try of a task; see `Order` for its parameters."""

    def run(self, rows: Iterable[LeadRow], total: int) -> Tally:
        """
        Add the rows that are missing.

        :param rows: rows that can be sent, each address once. They are read more than once.
        :param total: how many they are.
        :raises UploadRefusedError: if leads must not be added, or no more of them.
        :raises UploadNotConfirmedError: if it is not known of some rows whether they were added.
        :raises TaskKilledError: if the task was killed between two chunks.
        :raises InstantlyError: if a request was refused or never sent. ``outcome`` says who is there.
        """
        run = _Run(self, total)
        try:
            run.add(rows, check(self, rows, total))
        except InstantlyRequestError as error:
            error.outcome = " ".join(run.so_far())
            raise
        except (UploadRefusedError, UploadNotConfirmedError, TaskKilledError):
            raise
        except BaseException:
            # Such as Airflow's timeout, or a connection that could not be looked up: they know nothing of the rows.
            write(self.log, warnings=run.so_far())
            raise
        finally:
            self.hook.metrics.count(LEADS_ADDED, run.tally.uploaded)
            self.hook.metrics.count(LEADS_REJECTED, run.tally.refused)
        return run.tally

    def dry_run(self, rows: Iterable[LeadRow], total: int) -> Tally:
        """
        Do all but the sending, and count who is there.

        :param rows: see `run`.
        :param total: see `run`.
        :raises UploadRefusedError: if leads must not be added.
        :raises TaskKilledError: if the task was killed.
        :raises InstantlyError: if what is needed could not be read.
        """
        self.log.info("Nothing is sent, because of dry_run=True.")
        try:
            check(self, rows, total)
            return Tally(already_there=count_present(self, rows, total))
        except InstantlyRequestError as error:
            error.outcome = added_no_one(self)
            raise


class _Run:
    """One upload, and what its chunks have taught so far."""

    def __init__(self, order: Order, total: int) -> None:
        self.order = order
        self.total = total
        self.tally = Tally()
        #: Whether leads of this input may be there already, so that who is there is read before each chunk.
        self.reads_first = order.is_retry
        #: Whether a request of an earlier try may still be running.
        self.may_be_running = order.is_retry
        #: Whether any request was taken.
        self.was_answered = False
        #: Whether it was said that Instantly does not name the block list that it heeds.
        self.has_warned = False
        #: Bytes of the smallest request that was too large.
        self.too_large: int | None = None
        #: How many rows were too large even in requests of their own.
        self.refused_alone = 0

    def so_far(self, chunk: Tally | None = None) -> tuple[str, ...]:
        """What became of the rows, as sentences; with what is known of a chunk that is not counted yet."""
        return (self.tally + (chunk or Tally())).so_far(self.total, self.order.noun)

    def add(self, rows: Iterable[LeadRow], room: int | None) -> None:
        """
        Add the rows, chunk by chunk.

        :param rows: the rows, which are read more than once.
        :param room: how many more leads the plan has room for at first, or None where that is not known.
        """
        progress = Progress(self.total, self.order.log)
        if not self.reads_first:
            # If one of the first is there, this is not the first run.
            self.reads_first = bool(self.order.present(list(islice(rows, PAGE_SIZE))))
        for chunk in cut(rows, self.order.chunk_size, self.order.max_chunk_bytes):
            waiting = [chunk]
            while waiting:
                each = waiting.pop()
                if self.too_large is not None and each.size >= self.too_large and len(each) > 1:
                    waiting += reversed(each.halves())
                else:
                    waiting += reversed(self._add_chunk(each, room, progress))
            progress.done(len(chunk))
        self.order.log.info("%s", progress.line())

    def _add_chunk(self, chunk: Chunk, room: int | None, progress: Progress) -> Sequence[Chunk]:
        """Add one chunk; return what is to be tried instead, in smaller ones."""
        seen = Sightings(self.order, chunk, progress, self.so_far)
        adding = Adding(
            seen,
            reads_first=self.reads_first,
            may_be_running=self.may_be_running,
            remaining_in_plan=self.tally.remaining_in_plan,
            room=None if room is None else room - self.tally.uploaded - self.tally.found,
        )
        try:
            added = adding.add()
        except BaseException:
            self.tally += seen.known
            raise
        self._count(added)
        return added.rest

    def _count(self, added: Added) -> None:
        """
        Add up what became of a chunk.

        :raises UploadRefusedError: if Instantly heeded another block list than was asked for.
        :raises InstantlyRequestError: if no request is small enough for Instantly.
        """
        self.tally += added.tally
        for row, reason in added.rejects:
            self.order.reject(row, reason)
        self.reads_first = self.reads_first or added.has_duplicates
        self.may_be_running = self.may_be_running and not added.has_waited
        if added.answer is not None:
            self.was_answered = True
            self._check_block_list(added.answer)
        if added.too_large is not None:
            self._check_size(added.too_large)

    def _check_block_list(self, answer: LeadsAdded) -> None:
        """Go on only if Instantly heeded the block list that was asked for: else it adds those who must not be."""
        wanted, used = self.order.options.get("blocklist_id"), answer.blocklist_used
        if wanted is None or used == wanted.lower():
            return
        if used is not None:
            raise failure(
                UploadRefusedError,
                f"Instantly heeded the block list {used}, not {wanted}, which was asked for.",
                "No more rows are sent.",
                *self.so_far(),
                "Look at them in Instantly before you launch it: some may be on the list that was asked for.",
            )
        if not self.has_warned:
            self.has_warned = True
            self.order.log.warning("Instantly does not say whether it heeded the block list %s.", wanted)

    def _check_size(self, refused: TooLarge) -> None:
        """Go on only while it can be that some requests are small enough."""
        self.too_large = min(refused.size, self.too_large or refused.size)
        self.refused_alone += refused.was_alone
        if refused.was_alone and self.refused_alone == MOST_REFUSED_ALONE and not self.was_answered:
            self.order.log.warning(
                "No request was taken, and %s rows one after the other were too large, each by itself: something "
                "before Instantly may limit the size of requests. No more rows are sent.",
                self.refused_alone,
            )
            raise refused.error
