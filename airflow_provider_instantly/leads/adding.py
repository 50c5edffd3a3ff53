"""
One chunk of an upload: sent once, what was lost read back, and only what is missing sent again.

What an answer means is decided in `reconciliation`; here is what it takes to know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, assert_never

from airflow_provider_instantly.api.change import Answered, Change, Effect, Shown, Unconfirmed, Unneeded, carry_out
from airflow_provider_instantly.api.errors import (
    InstantlyBadRequestError,
    InstantlyError,
    InstantlyPaymentRequiredError,
    InstantlyRequestError,
)
from airflow_provider_instantly.api.freshness import ReadAge
from airflow_provider_instantly.api.sending import before_leaving
from airflow_provider_instantly.exceptions import (
    UploadNotConfirmedError,
    UploadRefusedError,
    failure,
)
from airflow_provider_instantly.leads.chunks import listed
from airflow_provider_instantly.leads.reconciliation import complaints_about, reconcile, said, unproven
from airflow_provider_instantly.leads.sightings import READ_BACK_PAUSES, SETTLED_AFTER
from airflow_provider_instantly.leads.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_instantly.api.lead import LeadsAdded
    from airflow_provider_instantly.leads.chunks import Chunk
    from airflow_provider_instantly.leads.reconciliation import Reconciled
    from airflow_provider_instantly.leads.rows import LeadRow
    from airflow_provider_instantly.leads.sightings import Sightings


@dataclass(frozen=True)
class TooLarge:
    """
    A request that Instantly found too large.

    :param size: bytes of its body.
    :param error: the refusal.
    :param was_alone: whether it had one row only, which was not added.
    """

    size: int
    error: InstantlyRequestError
    was_alone: bool = False


@dataclass(frozen=True, kw_only=True)
class Added:
    """
    What became of a chunk.

    :param tally: of its rows, as far as they are not in ``rest``.
    :param rejects: the rows that Instantly did not take, each with the reason.
    :param rest: what is still to be sent, in smaller requests.
    :param answer: what Instantly answered, if that came.
    :param too_large: the request that was too large, if there was one.
    :param has_duplicates: whether Instantly found some there already.
    :param has_waited: whether the time has passed in which a request of an earlier try may have been running.
    """

    tally: Tally
    rejects: Sequence[tuple[LeadRow, str]] = ()
    rest: Sequence[Chunk] = ()
    answer: LeadsAdded | None = None
    too_large: TooLarge | None = None
    has_duplicates: bool = False
    has_waited: bool = False


class Adding:
    """
    One chunk on its way: what is sent of it, and what follows from the answer or from its loss.

    :param seen: who of the chunk is there.
    :param reads_first: whether some of them may be there already, so that this is read first.
    :param may_be_running: whether a request of an earlier try may still be running; then ``reads_first`` is true, too.
    :param remaining_in_plan: how many more leads the plan has room for as Instantly said last, or None.
    :param room: the same as it follows from what was added since the plan was read, or None.
    """

    def __init__(
        self,
        seen: Sightings,
        *,
        reads_first: bool,
        may_be_running: bool,
        remaining_in_plan: int | None,
        room: int | None,
    ) -> None:
        self._seen = seen
        self._order = seen.order
        self._chunk = seen.chunk
        self._reads_first = reads_first
        self._may_be_running = may_be_running
        self._remaining_in_plan = remaining_in_plan
        self._room = room
        #: When the campaign was read by which the next request is decided.
        self._read_age = ReadAge(self._order.clock)
        #: The rows of the last request.
        self._sent = self._chunk
        #: Whether the answer to an earlier request with some of them was lost.
        self._was_lost = False
        #: The refusal that does not prove that no one was added.
        self._refusal: InstantlyRequestError | None = None

    def add(self) -> Added:
        """
        Add the rows that are missing.

        :raises UploadRefusedError: if leads must not be added any more.
        :raises UploadNotConfirmedError: if it is not known of some rows whether they were added.
        :raises TaskKilledError: if the task was killed.
        :raises InstantlyError: if a request was refused or never sent.
        """
        try:
            outcome = carry_out(self._change())
        except InstantlyRequestError as error:
            if self._refusal is not error:
                raise
            return self._refused(error)
        match outcome:
            case Unneeded() | Shown():
                return self._added(self._seen.known)
            case Answered(answer):
                return self._answered(answer)
            case Unconfirmed():
                raise self._given_up(outcome)
            case _:
                assert_never(outcome)

    def _change(self) -> Change[LeadsAdded, frozenset[int]]:
        """The upload of the chunk as a change that is sent safely."""
        return Change(
            name=f"upload of {self._chunk.span}",
            subject=self._order.noun.partition(" ")[0],
            request=self._order.request,
            read_before=self._read_before,
            is_needed=lambda before: before is None or len(before) < len(self._chunk),
            before_send=self._before_send,
            send=self._send,
            read=self._seen.read_back,
            proof=self._seen.proof,
            note=partial(self._order.log.warning, "%s"),
            note_retry=self._order.hook.metrics.note_retry,
            max_retries=self._order.hook.get_max_retries(),
            read_pauses=READ_BACK_PAUSES,
        )

    # How it is sent

    def _read_before(self) -> frozenset[int] | None:
        return self._seen.read_before(may_be_running=self._may_be_running) if self._reads_first else None

    def _before_send(self, before: frozenset[int] | None, doubt: Unconfirmed[frozenset[int]] | None) -> None:
        self._was_lost = self._seen.is_in_doubt = doubt is not None
        self._sent = self._seen.missing
        self._seen.stop_if_killed()
        if self._remaining_in_plan is not None and self._remaining_in_plan <= 0:
            raise self._seen.ended(UploadRefusedError, "The workspace's plan has no room for more leads.")
        try:
            with before_leaving(self._read_age.note_sent):
                reasons = self._order.why_not()
        except InstantlyError as error:
            if doubt is None:
                raise
            raise self._given_up(Unconfirmed(doubt.lost, Effect.UNCLEAR, self._seen.present, error)) from error
        if reasons:
            raise self._seen.ended(UploadRefusedError, *reasons)
        if self._order.rests_on_status:
            self._read_age.note_read()

    def _send(self) -> LeadsAdded:
        try:
            with before_leaving(self._before_first_byte):
                return self._order.send(self._sent)
        except InstantlyPaymentRequiredError as error:
            self._refusal = error
            raise
        except InstantlyBadRequestError as error:
            if error.status == 413:
                self._refusal = error
            raise

    def _before_first_byte(self) -> None:
        """To find a name and to make a connection takes seconds: what was decided before them may hold no more."""
        self._seen.stop_if_killed()
        what = f"upload of {self._chunk.span}"
        self._read_age.check(self._order.request, what, "The way to Instantly is slow.")
        self._seen.note_sent()

    # After an answer

    def _answered(self, answer: LeadsAdded) -> Added:
        result = reconcile(self._with_room(answer), len(self._sent), self._read_unproven(answer))
        for complaint in result.complaints:
            self._order.log.warning("Of %s: %s What is counted is who is there.", self._sent.span, complaint)
        tally = self._seen.counted(self._seen.present) + replace(
            self._counted(result), remaining_in_plan=answer.remaining_in_plan
        )
        return replace(
            self._added(tally, self._rejects(result) if tally.refused else ()),
            answer=answer,
            has_duplicates=bool(result.duplicated),
        )

    def _with_room(self, answer: LeadsAdded) -> LeadsAdded:
        """Of a list, Instantly does not say how much room is left. It follows from who came since it was read."""
        if answer.remaining_in_plan is not None or self._room is None:
            return answer
        taken = self._seen.counted(self._seen.present).found + (answer.uploaded or 0)
        return replace(answer, remaining_in_plan=max(0, self._room - taken))

    def _read_unproven(self, answer: LeadsAdded) -> list[int] | None:
        """Which rows are there, by their index, of those of which the answer does not tell it; None if it tells all."""
        count = len(self._sent)
        unknown = unproven(answer, count)
        if not unknown:
            return None
        self._seen.shown = frozenset(number for index, number in enumerate(self._sent.numbers) if index not in unknown)
        rows = [self._sent[index] for index in unknown]
        if complaints_about(answer, count):
            present = self._seen.settled(rows, apart=SETTLED_AFTER)
        else:
            present = self._seen.settled(rows, expected=_expected(answer, count, len(unknown)))
        return [index for index in unknown if self._sent.numbers[index] in present]

    def _counted(self, result: Reconciled) -> Tally:
        skipped = 0 if self._order.skip_if_in is None else result.skipped
        # What a lost request added comes to show as duplicates, too.
        found, before = (result.duplicated, 0) if self._was_lost else (0, result.duplicated)
        return Tally(
            uploaded=result.uploaded,
            already_there=before,
            found=result.found + found,
            skipped=skipped,
            refused=len(result.left_out) - skipped,
        )

    def _rejects(self, result: Reconciled) -> list[tuple[LeadRow, str]]:
        """Who was left out. Where some of them were skipped, it is not known who."""
        return [
            (self._sent[index], f"Instantly did not take it: {said(reasons)}")
            for index, reasons in result.left_out.items()
        ]

    def _added(self, tally: Tally, rejects: Sequence[tuple[LeadRow, str]] = ()) -> Added:
        return Added(tally=tally, rejects=rejects, has_waited=self._seen.has_waited)

    # After a refusal

    def _refused(self, error: InstantlyRequestError) -> Added:
        """After a refusal that does not prove that no one was added: read who is there."""
        try:
            self._seen.present |= self._seen.settled(self._chunk)
        except InstantlyError as unread:
            what = f"Instantly refused the upload of {self._chunk.span}, and who of them is there could not be read"
            raise failure(UploadNotConfirmedError, f"{what}: {unread}", *self._seen.so_far) from error
        if error.status != 413:
            raise error
        too_large = TooLarge(self._sent.size, error)
        missing = self._seen.missing
        if not missing:
            return replace(self._added(self._seen.known), too_large=too_large)
        if len(self._sent) == 1:
            refused = (missing[0], "Instantly finds it too large, even in a request of its own")
            added = self._added(self._seen.known + Tally(refused=1), [refused])
            return replace(added, too_large=replace(too_large, was_alone=True))
        self._order.log.warning("Instantly finds a request of %s too large, so it is halved.", self._sent.span)
        halves = missing.halves() if len(missing) > 1 else (missing,)
        return replace(self._added(self._seen.known), rest=halves, too_large=too_large)

    # What ends it

    def _given_up(self, doubt: Unconfirmed[frozenset[int]]) -> UploadNotConfirmedError:
        """The error for a chunk of which it is not known who was added, with what is known."""
        present = self._seen.present
        numbers = self._chunk.numbers
        unknown = [number for number in numbers if number not in present]
        certain = f"rows {listed([number for number in numbers if number in present])} are there" if present else ""
        error = failure(
            UploadNotConfirmedError,
            f"The answer to the upload of {self._chunk.span} was lost, and what was read since does not tell what "
            "became of all of them.",
            *([str(doubt.error)] if doubt.error else []),
            *([f"Certain: {certain}."] if certain else []),
            f"Not certain: rows {listed(unknown)}.",
            *self._seen.so_far,
        )
        error.__cause__ = doubt.lost
        return error


def _expected(answer: LeadsAdded, count: int, unknown: int) -> int:
    """How many leads are there at least, of those of which the answer does not tell it, by what it counts."""
    return (answer.uploaded or 0) + (answer.duplicated or 0) - (count - unknown)
