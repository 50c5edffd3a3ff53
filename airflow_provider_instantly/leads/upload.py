"""
The upload over the wire: rows in chunks, each sent once, what was lost read back, and only what is missing sent again.

What an answer means is decided in `reconciliation`, whether leads may be added in `guard`; here is what it takes to
know.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, assert_never

from airflow_provider_instantly.api.change import Answered, Change, Effect, Shown, Unconfirmed, Unneeded, carry_out
from airflow_provider_instantly.api.errors import (
    InstantlyBadRequestError,
    InstantlyError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRequestError,
)
from airflow_provider_instantly.api.freshness import ReadAge
from airflow_provider_instantly.api.lead import MAX_PER_REQUEST
from airflow_provider_instantly.api.operations import add_leads
from airflow_provider_instantly.api.protocol import PAGE_SIZE
from airflow_provider_instantly.api.sending import before_leaving
from airflow_provider_instantly.clock import steady_clock
from airflow_provider_instantly.exceptions import (
    TaskKilledError,
    UploadNotConfirmedError,
    UploadRefusedError,
    failure,
)
from airflow_provider_instantly.leads.chunks import chunk_of, cut, listed
from airflow_provider_instantly.leads.guard import IfRunning, lacks_room, why_not
from airflow_provider_instantly.leads.presence import present_in
from airflow_provider_instantly.leads.progress import Progress
from airflow_provider_instantly.leads.reconciliation import complaints_about, reconcile, said, unproven
from airflow_provider_instantly.observability.metrics import LEADS_ADDED, LEADS_REJECTED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_instantly.api.lead import LeadsAdded
    from airflow_provider_instantly.clock import Clock
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.leads.chunks import Chunk
    from airflow_provider_instantly.leads.rows import LeadRow
    from airflow_provider_instantly.tasklog import TaskLog

#: Seconds before each read that finds out what became of a chunk whose answer was lost. Its request may still be
#: running at Instantly, and two that are alike at the same moment must not be: 67 s in all.
READ_BACK_PAUSES: Final = (2.0, 5.0, 10.0, 20.0, 30.0)
#: Seconds for which reads have to agree after an answer that does not add up: each, once Instantly adds a counter.
_SETTLED_AFTER: Final = 30.0
#: So many rows may be too large each in a request of its own before any request is taken: more, and none is, most
#: likely.
MOST_REFUSED_ALONE: Final = 20
#: The API's flag for each value of ``skip_if_in``.
SKIP_FLAGS: Final = {
    "workspace": "skip_if_in_workspace",
    "campaign": "skip_if_in_campaign",
    "list": "skip_if_in_list",
}


@dataclass
class Tally:
    """
    What became of the rows that can be sent, counted. No number in it is guessed.

    :param uploaded: how many this try added, as Instantly's answers say.
    :param already_there: how many were in the campaign or list before.
    :param found: how many were there after an answer that was lost or does not add up: added by it, or there before.
    :param skipped: how many were left out because of ``skip_if_in``.
    :param refused: how many Instantly did not take.
    :param remaining_in_plan: how many more leads the plan has room for, or None where that is not known.
    """

    uploaded: int = 0
    already_there: int = 0
    found: int = 0
    skipped: int = 0
    refused: int = 0
    remaining_in_plan: int | None = None

    @property
    def present(self) -> int:
        """How many of the rows are in the campaign or list."""
        return self.uploaded + self.already_there + self.found

    def as_dict(self) -> dict[str, int | None]:
        """The counts, for an XCom."""
        return {**asdict(self), "present": self.present}


@dataclass(frozen=True, kw_only=True)
class Upload:
    """
    Adds rows to a campaign or a list, for one try of a task.

    :param hook: a hook that retries what may be repeated.
    :param place: ``campaign_id`` or ``list_id``, and its UUID.
    :param if_running: ``"add"`` to add to a campaign that sends, or that Instantly stopped.
    :param skip_if_in: ``"workspace"``, ``"campaign"`` or ``"list"``: who is in any such place is left out; or None.
    :param options: the API's other parameters: ``blocklist_id``, ``verify_leads_on_import``. If an answer names another
        block list, no further chunk is sent.
    :param chunk_size: rows in a request, at most.
    :param max_chunk_bytes: bytes of its body, at most.
    :param is_retry: whether an earlier try may have added some.
    :param reject: is called with each row that Instantly refused, and the reason.
    :param is_killed: whether the task is to end. It is asked before each chunk, and before its first byte; and before
        each read that counts who is there.
    :param log: the task's log.
    :param clock: shows seconds, and never jumps.
    """

    hook: InstantlyHook
    place: Mapping[str, str]
    reject: Callable[[LeadRow, str], Any]
    is_killed: Callable[[], bool]
    log: TaskLog
    if_running: IfRunning = "refuse"
    skip_if_in: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    chunk_size: int = MAX_PER_REQUEST
    max_chunk_bytes: int = 500_000
    is_retry: bool = False
    clock: Clock = field(default_factory=steady_clock)

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
            run.room = self.check(rows, total)
            run.add(rows)
        except InstantlyRequestError as error:
            error.outcome = run.so_far
            raise
        except (UploadRefusedError, UploadNotConfirmedError, TaskKilledError):
            raise
        except BaseException:
            # Such as Airflow's timeout, or a connection that could not be looked up: they know nothing of the rows.
            self.log.warning("%s", run.so_far)
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
            self.check(rows, total)
            return Tally(already_there=self.count_present(rows, total))
        except InstantlyRequestError as error:
            error.outcome = f"This try added no one to {self.noun}."
            raise

    def check(self, rows: Iterable[LeadRow], total: int) -> int | None:
        """
        Read whether leads may be added, and send nothing.

        :param rows: see `run`.
        :param total: see `run`.
        :return: how many more leads the plan has room for, or None where that is not known.
        :raises UploadRefusedError: if they must not be added.
        :raises TaskKilledError: if the task was killed.
        :raises InstantlyError: if that could not be read.
        """
        if reason := self.why_not():
            raise failure(UploadRefusedError, reason, f"This try added no one to {self.noun}.")
        try:
            room = self.hook.get_plan().room
        except InstantlyPermissionError:
            self.log.info("The API key may not read the plan, so its room is not known.")
            return None
        if room is None or room >= total:
            return room
        if reason := lacks_room(room, total - self.count_present(rows, total)):
            if self.skip_if_in is None or room == 0:
                raise failure(UploadRefusedError, reason, f"This try added no one to {self.noun}.")
            self.log.info("%s Who is left out because of skip_if_in needs no room.", reason)
        return room

    def why_not(self) -> str | None:
        """
        Read the campaign, and say why no leads may be added to it as it stands; None if they may be.

        :raises InstantlyError: if it could not be read.
        """
        if "campaign_id" not in self.place:
            return None
        return why_not(self.hook.get_campaign(self.place["campaign_id"]), self.if_running)

    def present(self, rows: Sequence[LeadRow]) -> frozenset[int]:
        """
        The numbers of the rows that are there.

        :param rows: the rows.
        """
        return present_in(self.hook, self.place, rows)

    def count_present(self, rows: Iterable[LeadRow], total: int) -> int:
        """
        How many of the rows are there, before anything is sent.

        :param rows: the rows, read once.
        :param total: how many they are.
        :raises TaskKilledError: if the task was killed between two requests.
        """
        progress = Progress(total, self.log, verb="looked up")
        found = 0
        for page in _in_pages(rows):
            if self.is_killed():
                raise TaskKilledError(f"The task was killed. This try added no one to {self.noun}.")
            found += len(self.present(page))
            progress.add(len(page))
        return found

    @property
    def noun(self) -> str:
        """Where the leads go."""
        ((name, place_id),) = self.place.items()
        return f"{name.removesuffix('_id')} {place_id}"


class _Run:
    """One upload, and what it knows so far."""

    #: How far the adding is, once it has begun.
    progress: Progress

    def __init__(self, upload: Upload, total: int) -> None:
        self.upload = upload
        self.tally = Tally()
        self.total = total
        #: How many more leads the plan had room for at first, or None where that is not known.
        self.room: int | None = None
        #: Whether leads of this input may be there already, so that who is there is read before each chunk.
        self.reads_first = upload.is_retry
        #: Whether a request of an earlier try may still be running.
        self.may_be_running = upload.is_retry
        #: Whether it was said that Instantly does not name the block list that it heeds.
        self.has_warned = False
        #: Bytes of a request that was too large.
        self.too_large: int | None = None
        #: How many rows were too large even in requests of their own, while no request was taken.
        self.refused_alone = 0
        #: Whether any request was taken.
        self.was_answered = False
        #: When the campaign was read by which the next request is decided.
        self.read_age = ReadAge(upload.clock)

    def add(self, rows: Iterable[LeadRow]) -> None:
        """Add the rows, which are read more than once, chunk by chunk."""
        self.progress = Progress(self.total, self.upload.log)
        if not self.reads_first:
            # If one of the first is there, this is not the first run.
            self.reads_first = bool(self.upload.present(list(islice(rows, PAGE_SIZE))))
        for chunk in cut(rows, self.upload.chunk_size, self.upload.max_chunk_bytes):
            waiting = [chunk]
            while waiting:
                each = waiting.pop()
                if self.too_large is not None and each.size >= self.too_large and len(each) > 1:
                    waiting += reversed(each.halves())
                else:
                    waiting += reversed(self._add_chunk(each))
            self.progress.done(len(chunk))
        self.upload.log.info("%s", self.progress.line())

    @property
    def so_far(self) -> str:
        """What became of the rows, in a sentence."""
        tally = self.tally
        found = f" for certain, and {tally.found:,} by it or before it" if tally.found else ""
        return (
            f"Of {self.total:,} rows, {tally.present:,} are certainly in {self.upload.noun}: {tally.uploaded:,} were "
            f"added by this try{found}. Another try reads who is there, and sends only what is missing."
        )

    def _add_chunk(self, chunk: Chunk) -> Sequence[Chunk]:
        """Add one chunk; return what is to be tried instead, in smaller ones."""
        adding = _Adding(self, chunk)
        try:
            return self._carry_out(adding)
        except BaseException:
            self.count_known(adding)
            raise

    def _carry_out(self, adding: _Adding) -> Sequence[Chunk]:
        chunk = adding.chunk
        try:
            outcome = carry_out(adding.change())
        except InstantlyRequestError as error:
            if adding.refusal is not error:
                raise
            return self._refused(adding, chunk, error)
        match outcome:
            case Unneeded():
                self.tally.already_there += len(chunk)
            case Shown(present):
                self._count_present(adding, present)
            case Answered(answer):
                self._count_answered(adding, answer)
            case Unconfirmed():
                raise self.give_up(adding, outcome)
            case _:
                assert_never(outcome)
        return ()

    # What is counted

    def count_known(self, adding: _Adding) -> None:
        """Count who of a chunk is known to be there, where nothing more becomes known of it."""
        if not adding.is_counted:
            self._count_present(adding, adding.present | adding.shown)

    def _count_present(self, adding: _Adding, present: Collection[int]) -> None:
        adding.is_counted = True
        self.tally.already_there += len(adding.before)
        self.tally.found += len(set(present) - adding.before)

    def _count_answered(self, adding: _Adding, answer: LeadsAdded) -> None:
        self.was_answered = True
        sent, count = adding.missing, len(adding.missing)
        if answer.remaining_in_plan is not None:
            self.tally.remaining_in_plan = answer.remaining_in_plan
        elif self.room is not None:
            # Of a list, Instantly does not say it.
            added = self.tally.uploaded + self.tally.found + (answer.uploaded or 0)
            answer = replace(answer, remaining_in_plan=max(0, self.room - added))
        indexes = None
        if unknown := unproven(answer, count):
            adding.shown = frozenset(row.number for index, row in enumerate(sent) if index not in unknown)
            rows = [sent[index] for index in unknown]
            if complaints_about(answer, count):
                present = adding.settled(rows, apart=_SETTLED_AFTER)
            else:
                present = adding.settled(rows, expected=_expected(answer, count, len(unknown)))
            indexes = [index for index in unknown if sent[index].number in present]
        result = reconcile(answer, count, indexes)
        for complaint in result.complaints:
            self.upload.log.warning("Of %s: %s What is counted is who is there.", adding.chunk.span, complaint)
        self._count_present(adding, adding.present)
        self.tally.uploaded += result.uploaded
        self.tally.found += result.found
        if adding.was_lost:
            # What the lost request added comes to show as duplicates, too.
            self.tally.found += result.duplicated
        else:
            self.tally.already_there += result.duplicated
        self.reads_first = self.reads_first or bool(result.duplicated)
        skipped = 0 if self.upload.skip_if_in is None else result.skipped
        self.tally.skipped += skipped
        self.tally.refused += len(result.left_out) - skipped
        for index, reasons in result.left_out.items():
            if skipped < len(result.left_out):
                self.upload.reject(sent[index], f"Instantly did not take it: {said(reasons)}")
        self._check_block_list(answer)

    def _check_block_list(self, answer: LeadsAdded) -> None:
        """
        Go on only if Instantly heeded the block list that was asked for: else it adds whom that list is there for.

        :raises UploadRefusedError: if it heeded another one.
        """
        wanted, used = self.upload.options.get("blocklist_id"), answer.blocklist_used
        if wanted is None or used == wanted.lower():
            return
        if used is not None:
            raise failure(
                UploadRefusedError,
                f"Instantly heeded the block list {used}, not {wanted}, which was asked for. No more rows are sent.",
                self.so_far,
                "Look at them in Instantly before you launch it: some may be on the list that was asked for.",
            )
        if not self.has_warned:
            self.has_warned = True
            self.upload.log.warning("Instantly does not say whether it heeded the block list %s.", wanted)

    # What ends it

    def _refused(self, adding: _Adding, chunk: Chunk, error: InstantlyRequestError) -> Sequence[Chunk]:
        """After a refusal that does not prove that no one was added: read who is there."""
        try:
            present = adding.settled(chunk.rows)
        except InstantlyError as unread:
            self.count_known(adding)
            raise failure(
                UploadNotConfirmedError,
                f"Instantly refused the upload of {chunk.span}, and who of them is there could not be read: {unread}",
                self.so_far,
            ) from error
        self._count_present(adding, present)
        if error.status != 413:
            raise error
        was_alone = len(adding.missing) == 1
        size = chunk_of(adding.missing).size
        self.too_large = min(size, self.too_large or size)
        missing = [row for row in chunk.rows if row.number not in present]
        if not missing:
            return ()
        if was_alone:
            self.tally.refused += 1
            self.upload.reject(missing[0], "Instantly finds it too large, even in a request of its own")
            self.refused_alone += 1
            if self.refused_alone == MOST_REFUSED_ALONE and not self.was_answered:
                self.upload.log.warning(
                    "No request was taken, and %s rows one after the other were too large, each by itself: something "
                    "before Instantly may limit the size of requests. No more rows are sent.",
                    self.refused_alone,
                )
                raise error
            return ()
        self.upload.log.warning("Instantly finds a request of %s too large, so it is halved.", chunk.span)
        rest = chunk_of(missing)
        return rest.halves() if len(rest) > 1 else (rest,)

    def give_up(self, adding: _Adding, doubt: Unconfirmed[frozenset[int]]) -> UploadNotConfirmedError:
        """The error for a chunk of which it is not known who was added, with what is known."""
        present = adding.present = doubt.state if doubt.state is not None else adding.present
        self.count_known(adding)
        numbers = [row.number for row in adding.chunk.rows]
        unknown = [number for number in numbers if number not in present]
        why = f" {doubt.error}" if doubt.error else ""
        certain = f"rows {listed([number for number in numbers if number in present])} are there" if present else ""
        error = UploadNotConfirmedError(
            f"The answer to the upload of {adding.chunk.span} was lost, and what was read since does not tell what "
            f"became of all of them.{why} {f'Certain: {certain}. ' if certain else ''}Not certain: rows "
            f"{listed(unknown)}. {self.so_far}"
        )
        error.__cause__ = doubt.lost
        return error


class _Adding:
    """One chunk on its way: who of it was there before, who is there now, and who is sent."""

    def __init__(self, run: _Run, chunk: Chunk) -> None:
        self.run = run
        self.upload = run.upload
        self.chunk = chunk
        self.before: frozenset[int] = frozenset()
        self.present: frozenset[int] = frozenset()
        self.missing: Sequence[LeadRow] = chunk.rows
        self.was_lost = False
        #: Who else is there by all that is known, while the rest of an answer is found out.
        self.shown: frozenset[int] = frozenset()
        #: Whether it is not known of all who were sent whether they were added.
        self.is_in_doubt = False
        #: Whether who is there has been counted.
        self.is_counted = False
        #: The refusal that does not prove that no one was added.
        self.refusal: InstantlyRequestError | None = None
        self._reads = 0

    def change(self) -> Change[LeadsAdded, frozenset[int]]:
        """The upload of the chunk as a change that is sent safely."""
        return Change(
            name=f"upload of {self.chunk.span}",
            subject=self.upload.noun.partition(" ")[0],
            request=add_leads((), self.upload.place, {}),
            read_before=self._read_before,
            is_needed=lambda before: before is None or len(before) < len(self.chunk),
            before_send=self._before_send,
            send=self._send,
            read=self._read_back,
            proof=self._proof,
            note=partial(self.upload.log.warning, "%s"),
            note_retry=self.upload.hook.metrics.note_retry,
            max_retries=self.upload.hook.get_max_retries(),
            read_pauses=READ_BACK_PAUSES,
        )

    def settled(self, rows: Sequence[LeadRow], *, apart: float = 0.0, expected: int | None = None) -> frozenset[int]:
        """
        Which of some rows are there, read until all reads of a while agree: a list may lag behind an answer, and who is
        called absent may be added elsewhere by a person.

        :param rows: the rows.
        :param apart: how long that while is at least, in seconds.
        :param expected: how many of them are there at least, by all that is known. So many are waited for instead.
        """
        self.is_in_doubt = True
        counted = self.shown
        seen: frozenset[int] | None = None
        passed = since = 0.0
        for pause in (0.0, *READ_BACK_PAUSES):
            time.sleep(pause)
            passed += pause
            if pause:
                self._stop_if_killed()
            self.run.progress.say_if_due()
            found = self.upload.present(rows)
            self.shown = counted | found
            is_settled = found == seen and passed - since >= apart
            if found != seen:
                seen, since = found, passed
            if len(found) == len(rows) or (is_settled if expected is None else len(found) >= expected):
                return found
        return found

    def _read_before(self) -> frozenset[int] | None:
        if not self.run.reads_first:
            return None
        self.before = self.present = self.upload.present(self.chunk.rows)
        if self.run.may_be_running and len(self.present) < len(self.chunk):
            self._read_until_settled()
        return self.present

    def _read_until_settled(self) -> None:
        """Let the time pass in which a request of an earlier try may still be running."""
        self.upload.log.info(
            "An earlier try may have a request that is still running, so nothing is sent for %.0f s.",
            sum(READ_BACK_PAUSES),
        )
        for pause in READ_BACK_PAUSES:
            time.sleep(pause)
            self._stop_if_killed()
            self.run.progress.say_if_due()
            earlier = self.before
            self.before = self.present = self.upload.present(self.chunk.rows)
        if earlier != self.before:
            raise self._ended(
                UploadNotConfirmedError,
                f"A request of an earlier try still adds leads to {self.upload.noun}: {len(self.before - earlier):,} "
                f"of {self.chunk.span} came within {READ_BACK_PAUSES[-1]:.0f} s.",
            )
        self.run.may_be_running = False

    def _before_send(self, before: frozenset[int] | None, doubt: Unconfirmed[frozenset[int]] | None) -> None:
        self.was_lost = self.is_in_doubt = doubt is not None
        if doubt is not None and doubt.state is not None:
            self.present = doubt.state
        self.missing = [row for row in self.chunk.rows if row.number not in self.present]
        self._stop_if_killed()
        remaining = self.run.tally.remaining_in_plan
        if remaining is not None and remaining <= 0:
            raise self._ended(UploadRefusedError, "The workspace's plan has no room for more leads.")
        try:
            with before_leaving(self.run.read_age.note_sent):
                reason = self.upload.why_not()
        except InstantlyError as error:
            if doubt is None:
                raise
            raise self.run.give_up(self, Unconfirmed(doubt.lost, Effect.UNCLEAR, self.present, error)) from error
        if reason:
            raise self._ended(UploadRefusedError, reason)
        if "campaign_id" in self.upload.place and self.upload.if_running == "refuse":
            self.run.read_age.note_read()

    def _before_first_byte(self) -> None:
        """To find a name and to make a connection takes seconds: what was decided before them may hold no more."""
        self._stop_if_killed()
        request = add_leads((), self.upload.place, {})
        self.run.read_age.check(request, f"upload of {self.chunk.span}", "The way to Instantly is slow.")
        # The next reads are about what leaves now.
        self._reads = 0

    def _ended(self, kind: type[Exception], reason: str) -> Exception:
        """The error that ends the upload here. While it is in doubt who was added, another try has to find that out."""
        self.run.count_known(self)
        if not self.is_in_doubt:
            return failure(kind, reason, self.run.so_far)
        doubt = f"Whether {self.chunk.span} were added is not known of all of them."
        return failure(UploadNotConfirmedError, reason, doubt, self.run.so_far)

    def _send(self) -> LeadsAdded:
        skip = self.upload.skip_if_in
        options = {**self.upload.options, **({} if skip is None else {SKIP_FLAGS[skip]: True})}
        try:
            with before_leaving(self._before_first_byte):
                return self.upload.hook.add_leads(
                    [row.lead for row in self.missing],
                    campaign_id=self.upload.place.get("campaign_id"),
                    list_id=self.upload.place.get("list_id"),
                    max_retries=0,
                    **options,
                )
        except InstantlyPaymentRequiredError as error:
            self.refusal = error
            raise
        except InstantlyBadRequestError as error:
            if error.status == 413:
                self.refusal = error
            raise

    def _read_back(self) -> frozenset[int]:
        self.was_lost = self.is_in_doubt = True
        self._stop_if_killed()
        self.run.progress.say_if_due()
        return self.upload.present(self.chunk.rows)

    def _proof(self, _before: frozenset[int] | None, after: frozenset[int]) -> Effect:
        """What is missing may be sent again once a minute has passed, and no more of it came at the end."""
        self._reads += 1
        grew, self.present = not after <= self.present, after
        if len(after) == len(self.chunk):
            return Effect.SHOWN
        return Effect.UNCLEAR if grew and self._reads >= len(READ_BACK_PAUSES) else Effect.ABSENT

    def _stop_if_killed(self) -> None:
        if self.upload.is_killed():
            raise self._ended(TaskKilledError, "The task was killed.")


def _expected(answer: LeadsAdded, count: int, unknown: int) -> int:
    """How many leads are there at least, of those of which the answer does not tell it, by what it counts."""
    return (answer.uploaded or 0) + (answer.duplicated or 0) - (count - unknown)


def _in_pages(rows: Iterable[LeadRow]) -> Iterator[list[LeadRow]]:
    page: list[LeadRow] = []
    for row in rows:
        page.append(row)
        if len(page) == PAGE_SIZE:
            yield page
            page = []
    if page:
        yield page
