"""The judge of the stories of uploads: it knows the promises and the truth, and nothing of the provider's decisions."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_instantly.api.errors import InstantlyError, InstantlyPaymentRequiredError
from airflow_provider_instantly.api.freshness import MAX_READ_AGE
from airflow_provider_instantly.exceptions import (
    RowsRejectedError,
    TaskKilledError,
    TooFewLeadsError,
    UploadNotConfirmedError,
    UploadRefusedError,
)
from tests.model.stage import ProcessDied
from tests.model.uploads_schedule import KILL
from tests.model.uploads_world import CAMPAIGN_ID, LIST_ID, Sent, World
from tests.statuses import DRAFT, PAUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.model.uploads_actors import Try

_OURS = (
    UploadRefusedError,
    UploadNotConfirmedError,
    RowsRejectedError,
    TooFewLeadsError,
    TaskKilledError,
    InstantlyError,
)


def broken(world: World, tries: list[Try]) -> list[str]:
    """
    The promises that a story broke, in sentences.

    :param world: what happened.
    :param tries: what the tasks came to.
    """
    return [
        *_no_one_twice(world),
        *_only_where_they_may_be(world, tries),
        *_sends(world, tries),
        *(f"try {one.task}: {wrong}" for one in tries for wrong in (*_counts(world, one), *_failure(world, one))),
        *_persons(world, tries),
    ]


def _no_one_twice(world: World) -> Iterator[str]:
    for place, there in world.places.items():
        for person, times in Counter(there).items():
            if times > 1:
                yield f"person {person} is {times} times in {place}, and is e-mailed as often"


def _only_where_they_may_be(world: World, tries: list[Try]) -> Iterator[str]:
    """Each upload follows a read of the campaign which showed that it waits, with no request of its try between."""
    plans = {one.task: one.plan for one in tries}
    last: Sent | None = None
    for sent in world.ledger:
        plan = plans[sent.task]
        if sent.operation == "add" and plan.dry_run:
            yield f"request {sent.number} adds leads in a dry run"
        if sent.operation == "add" and not plan.is_list:
            guard = last if last is not None and last.task == sent.task and last.operation == "campaign" else None
            if guard is None or guard.seen is None or guard.answered != 200:
                yield f"request {sent.number} adds leads, and the campaign was not read right before it"
            elif plan.if_running != "add" and guard.seen not in (DRAFT, PAUSED):
                yield f"request {sent.number} adds leads, and the campaign was seen {guard.seen}"
            elif plan.if_running != "add" and sent.at - guard.at > MAX_READ_AGE:
                yield f"request {sent.number} adds leads {sent.at - guard.at:.1f} s after the campaign was read"
        last = sent


def _sends(world: World, tries: list[Try]) -> Iterator[str]:
    for one in tries:
        adds = [sent for sent in world.ledger if sent.task == one.task and sent.operation == "add"]
        unknown = [sent for sent in adds if sent.answered is None or sent.answered >= 500 or sent.fault == "not JSON"]
        times = Counter(person for sent in unknown for person in sent.persons)
        for person, count in times.items():
            if count > 3:
                yield f"try {one.task} sent person {person} {count} times without an answer"
        killed = [n for n, what in world.schedule.happens if what.kind == KILL]
        for sent in adds:
            if any(number <= sent.number and _is_in(world, one, number) for number in killed):
                yield f"request {sent.number} adds leads after its task was killed"


def _is_in(world: World, one: Try, number: int) -> bool:
    """Whether a request of that number was made, or about to be made, by a try."""
    numbers = [sent.number for sent in world.ledger if sent.task == one.task]
    return bool(numbers) and min(numbers) <= number <= max(numbers)


def _counts(world: World, one: Try) -> Iterator[str]:
    if one.error is not None or not isinstance(one.value, dict):
        return
    value, plan = one.value, one.plan
    place = LIST_ID if plan.is_list else CAMPAIGN_ID
    there = set(one.persons[place])
    good = {person for person in plan.rows if person}
    deletes = any(event.kind in ("a person deletes", "deleted") for event in world.others)
    added = {person for sent in world.ledger if sent.task == one.task for person in sent.added}
    if value["rows"] != len(plan.rows):
        yield f"it counts {value['rows']} rows of {len(plan.rows)}"
    if value["present"] != value["uploaded"] + value["already_there"] + value["found"]:
        yield "present is not the sum of its parts"
    if plan.dry_run:
        if added or value["uploaded"]:
            yield "a dry run added leads"
        return
    if value["present"] + value["skipped"] + value["refused"] != len(good):
        yield f"not all of {len(good)} good rows are accounted for: {value}"
    if value["rejected"] != len(plan.rows) - len(good) + value["refused"]:
        yield f"it counts {value['rejected']} rejects"
    if value["uploaded"] > len(added):
        yield f"it counts {value['uploaded']} as uploaded, and {len(added)} were"
    if value["present"] > len(good & there) and not deletes:
        yield f"it counts {value['present']} as present, and {len(good & there)} are"
    if value["already_there"] > len(good & there - added) and not deletes:
        yield f"it counts {value['already_there']} as there before, and {len(good & there - added)} were"
    elsewhere = {person for where, persons in one.persons.items() if where != place for person in persons}
    # A person may add them since.
    skipped = (good - there) & elsewhere | (_who_was_skipped(world, one) & elsewhere - added)
    if value["skipped"] > len(skipped) and not deletes:
        yield f"it counts {value['skipped']} as skipped, and {len(skipped)} are elsewhere"
    if (exact := _skipped(world, one)) is not None and value["skipped"] != exact:
        yield f"it counts {value['skipped']} as skipped, and {exact} were"
    others_add = any(event.kind == "a person adds" for event in world.others)
    if value["present"] < len(good & there) and not others_add:
        yield f"it counts {value['present']} as present, and {len(good & there)} are"
    if isinstance(plan.min_present, int) and value["present"] < plan.min_present:
        yield "fewer are present than min_present asks for"
    if plan.on_reject == "fail" and value["rejected"]:
        yield "rows were rejected, and it did not fail"


def _skipped(world: World, one: Try) -> int | None:
    """How many were skipped, where the answers leave no doubt: the plan has room, and no one was there before."""
    adds = [sent for sent in world.ledger if sent.task == one.task and sent.operation == "add"]
    is_certain = world.schedule.duplicates_first and world.schedule.room is None and world.room is None
    if not is_certain or world.others or any(sent.answered != 200 or sent.fault is not None for sent in adds):
        return None
    return sum(fate == "skipped_count" for sent in adds for fate in sent.fates.values())


def _who_was_skipped(world: World, one: Try) -> set[int]:
    """Whom the service skipped in the uploads of a task."""
    sent = [each.fates.items() for each in world.ledger if each.task == one.task]
    return {person for fates in sent for person, fate in fates if fate == "skipped_count"}


def _failure(world: World, one: Try) -> Iterator[str]:
    error = one.error
    if error is None or isinstance(error, ProcessDied):
        return
    if not isinstance(error, _OURS):
        yield f"such an error is not documented: {error!r}"
        return
    message = str(error)
    place = LIST_ID if one.plan.is_list else CAMPAIGN_ID
    if place not in message:
        yield f"it does not name the place: {message}"
    there = set(one.persons[place])
    added = {person for sent in world.ledger if sent.task == one.task for person in sent.added}
    deletes = any(event.kind in ("a person deletes", "deleted") for event in world.others)
    adds = [sent for sent in world.ledger if sent.task == one.task and sent.operation == "add"]
    in_doubt = adds and adds[-1].answered is None and not set(adds[-1].persons) <= there
    if isinstance(error, UploadRefusedError) and in_doubt and not deletes:
        yield f"it is not known whether {adds[-1].persons} were added, and no retry finds out: {message}"
    if "added no one" in message and added:
        yield f"it says that it added no one, and it added {sorted(added)}"
    if claimed := re.search(
        r"Of ([\d,]+) rows, ([\d,]+) are certainly in .*?: ([\d,]+) were added by this try", message
    ):
        certain, uploaded = int(claimed[2]), int(claimed[3])
        good = {person for person in one.plan.rows if person}
        if certain > len(good & there) and not deletes:
            yield f"it says that {certain} are certainly in, and {len(good & there)} are"
        if uploaded > len(added):
            yield f"it says that it added {uploaded}, and it added {len(added)}"
        if isinstance(error, InstantlyPaymentRequiredError) and adds and adds[-1].answered == 402:
            in_chunk = len(set(adds[-1].persons) & there)
            if certain < in_chunk:
                yield f"it says that {certain} are certainly in, and {in_chunk} of the refused chunk alone are"
    elif not isinstance(error, RowsRejectedError | TooFewLeadsError) and "added no one" not in message:
        yield f"it does not say what became of the leads: {message}"
    if listed := re.search(r"Certain: rows ([\d, -]+) are there", message):
        numbers = [number for part in listed[1].split(", ") for number in _numbers(part)]
        wrong = [number for number in numbers if one.plan.rows[number - 1] not in there]
        if wrong and not deletes:
            yield f"it says that rows {wrong} are certainly there, and they are not"


def _numbers(part: str) -> range:
    low, _, high = part.partition("-")
    return range(int(low), int(high or low) + 1)


def _persons(world: World, tries: list[Try]) -> Iterator[str]:
    texts = [("a log", "\n".join(world.said))]
    for one in tries:
        texts.append(("an XCom", repr(one.value) + repr(one.pushed)))
        error = one.error
        while error is not None:
            texts.append(("an error", f"{error!r} {error} {error.__dict__}"))
            error = error.__cause__ or error.__context__
    for where, text in texts:
        if "leaks.example.com" in text:
            at = text.index("leaks.example.com")
            yield f"a person is in {where}: {text[max(0, at - 100) : at + 30]}"


def describe(world: World, tries: list[Try]) -> str:
    """The ledger and the ends, for a person."""
    lines = [
        f"{sent.at - 1.79e9:8.1f} s {sent.task} #{sent.number} {sent.operation} {list(sent.persons) or ''} "
        f"it is {sent.status_before}, HTTP {sent.answered}, added {sorted(sent.added)}"
        f"{f'  [{sent.fault}]' if sent.fault else ''}"
        for sent in world.ledger
    ]
    lines += [f"try {one.task}: {one.error!r} {one.value or ''} {one.persons}" for one in tries]
    return "\n".join(lines)
