"""
What the provider promises, checked against the ledger of a story that was played.

Each function takes the story and returns what it found wrong, as sentences. docs/reliability.md says the same in words.
"""

from __future__ import annotations

import base64
import json
import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_provider_instantly.api.change import READ_BACK_PAUSES
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.exceptions import (
    CampaignStoppedError,
    CampaignWaitError,
    CheckIncompleteError,
    LaunchNotConfirmedError,
    LaunchRefusedError,
    TaskKilledError,
)
from tests.model.actors import POLL, StoppedByHand, Try
from tests.model.fault_schedule import OTHERS, LaunchPlan, WaitPlan
from tests.model.stage import (
    API_KEY,
    NOT_SENT,
    SECRET,
    Activation,
    Change,
    Death,
    Exchange,
    Kill,
    ProcessDied,
)
from tests.statuses import COMPLETED, DRAFT, PAUSED, RUNNING, STOPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.model.stage import Stage

#: What the default target, Active, is reached in.
ARRIVED: Final = (*RUNNING, COMPLETED)
#: What Instantly answers to a request that it did not carry out.
REFUSALS: Final = (400, 401, 402, 403, 404, 429)
#: Requests that a read is at most, and so is each other call that only reads.
READ_BOUND: Final = 5
#: How often an activation is put off at most by what is no 429: four times as nothing was sent, once because the key
#: was replaced, three times because its read was too old. It counts, although most of these never arrive.
PUT_OFF_BOUND: Final = 4 + 1 + 3
#: Requests of one launch at most, of which none was answered with 429. Reads: one before it, and after a try that may
#: have launched it three more; one for each time that it was put off; three after each of three activations; one to
#: confirm, and where it shows no launch yet three more; and the reason of a stop. And these activations.
LAUNCH_BOUND: Final = READ_BOUND * (1 + 3 + PUT_OFF_BOUND + 3 * 3 + 1 + 3 + 1) + PUT_OFF_BOUND + 3
#: And after each 429 to an activation, the campaign is read again.
BOUND_AFTER_429: Final = READ_BOUND
#: And of a check: the campaign and six more. It is made again where the last one was this many seconds ago.
CHECK_BOUND: Final = READ_BOUND * (1 + 6)
CHECK_COUNTS_FOR: Final = 60.0
#: And where a check refuses a retry, three reads.
REFUSAL_BOUND: Final = READ_BOUND * 3
#: Seconds from the answer to a read until an activation leaves that rests on it.
OLDEST_READ: Final = 2.0
#: Seconds after which a status that was there before an activation, and still is, counts as its outcome.
PATIENCE_FOR_AN_EFFECT: Final = sum(READ_BACK_PAUSES)
#: What a sentence says of the campaign, so that a reader knows what became of it.
OUTCOME: Final = re.compile(
    r"did not activate|was not activated again|was not resumed|[Nn]othing was (changed|requested|launched|sent)"
    r"|left as it is|stays as it is|may or may not have|was activated|could not be launched|was to be activated"
    r"|cannot go on|never repeated|activation had no effect|Paused campaign|was not paused"
    r"|A pause was sent, and meanwhile the campaign"
)


def broken(stage: Stage, tries: list[Try]) -> list[str]:
    """
    Everything that is wrong with a story.

    :param stage: its world, with its ledger.
    :param tries: the tries of its tasks.
    """
    return [*broken_launches(stage, tries), *(f"secrets: {wrong}" for wrong in secrets(stage, tries))]


def broken_launches(stage: Stage, tries: list[Try]) -> list[str]:
    """
    What is wrong with launches and waits.

    :param stage: their world, with its ledger.
    :param tries: the tries of these tasks.
    """
    checks = (_activations, _pauses, _other_campaigns, _ends, _bounds)
    return [f"{check.__name__.strip('_')}: {wrong}" for check in checks for wrong in check(stage, tries)]


# A launch


def _activations(stage: Stage, tries: list[Try]) -> Iterator[str]:
    """Each activation rests on a read that comes right before it, and on what that read showed."""
    for one in tries:
        mine = _exchanges(stage, one)
        changes = [exchange for exchange in mine if exchange.operation in ("activate", "pause")]
        if isinstance(one.plan, WaitPlan) and changes:
            yield f"a sensor sent {changes[0].operation}"
            continue
        for exchange in (change for change in changes if change.operation == "activate"):
            if exchange.fault in NOT_SENT:
                continue
            wrong = _why_not_permitted(stage, tries, one, mine, exchange)
            if wrong:
                yield f"request {exchange.number} of try {one.task} activated the campaign, but {wrong}"


def _pauses(stage: Stage, tries: list[Try]) -> Iterator[str]:
    """A pause is sent only where a task was killed that had to pause it, and only to what may send."""
    for one in tries:
        mine = _exchanges(stage, one)
        for exchange in (each for each in mine if each.operation == "pause"):
            wrong = _why_not_to_pause(stage, one, mine, exchange)
            if wrong:
                yield f"request {exchange.number} of try {one.task} paused the campaign, but {wrong}"
        if _goes_on_after_a_kill(stage, one):
            yield f"try {one.task} had to pause its campaign when it was killed, and went on to wait"
        says = str(one.error) if isinstance(one.error, TaskKilledError | StoppedByHand) else ""
        shown = [e.seen[stage.campaign_ids[0]] for e in mine if stage.campaign_ids[0] in e.seen]
        if "Paused campaign" in says and shown[-1] not in (PAUSED, COMPLETED, *STOPPED):
            yield f"try {one.task} says that it paused the campaign, and it was last seen {shown[-1]}"


def _goes_on_after_a_kill(stage: Stage, one: Try) -> bool:
    """Whether a wait for what this try launched ended by itself, although its task was killed during it."""
    if not isinstance(one.plan, LaunchPlan) or not one.plan.pause_on_kill:
        return False
    launched = any(isinstance(e, Activation) and e.exchange.task == one.task for e in stage.ledger)
    kills = [e.number for e in stage.ledger if isinstance(e, Kill) and e.task == one.task]
    # What asks why a campaign was stopped comes after the wait.
    during = [e for e in _exchanges(stage, one) if e.number in kills and e.operation != "why"]
    went_on = one.succeeded or isinstance(one.error, CampaignWaitError | AirflowSensorTimeout)
    return launched and went_on and bool(during)


def _why_not_to_pause(stage: Stage, one: Try, mine: list[Exchange], pause: Exchange) -> str | None:
    plan, campaign_id = one.plan, stage.campaign_ids[0]
    if not isinstance(plan, LaunchPlan) or not plan.pause_on_kill:
        return "it was not meant to"
    if not any(isinstance(e, Kill) and e.task == one.task and e.number <= pause.number for e in stage.ledger):
        return "its task was not killed"
    # A worker that died had noted that it sends, and it is not known whether it did.
    died = any(isinstance(e, Death) and e.task[0] == one.task[0] for e in stage.ledger)
    mine_too = [e for e in stage.ledger if isinstance(e, Exchange) and e.task[0] == one.task[0]]
    if not died and not any(_may_have_activated(e) for e in mine_too):
        return "its task had not launched it, nor may have"
    read = mine[mine.index(pause) - 1]
    if read.operation != "read" or not read.answered:
        return "no read came right before it"
    status = read.seen[campaign_id]
    return f"it was seen {status}" if status in (PAUSED, COMPLETED, *STOPPED) else None


def _other_campaigns(stage: Stage, tries: list[Try]) -> Iterator[str]:
    """An answer about another campaign decides nothing; after an activation it is read back as a lost one is."""
    for one in tries:
        mine = _exchanges(stage, one)
        for at, exchange in enumerate(mine[:-1]):
            following = mine[at + 1]
            if exchange.about_another and exchange.operation == "read" and following.operation in ("activate", "pause"):
                yield f"request {following.number} of try {one.task} rests on an answer about another campaign"
        believed = [e for e in mine if e.about_another and e.operation == "activate"]
        read_back = [e for e in mine if believed and e.number > believed[-1].number and e.seen]
        if believed and one.succeeded and not read_back:
            yield f"try {one.task} succeeded on an answer about another campaign, number {believed[-1].number}"
        if one.succeeded and any(other in repr(one.value) for other in OTHERS) and isinstance(one.plan, LaunchPlan):
            yield f"try {one.task} returned another campaign: {one.value!r}"


def _why_not_permitted(
    stage: Stage, tries: list[Try], one: Try, mine: list[Exchange], activation: Exchange
) -> str | None:
    plan = one.plan
    assert isinstance(plan, LaunchPlan)
    if plan.preflight == "refuses":
        return "a check had to refuse it"
    if any(isinstance(e, Kill) and e.task == one.task and e.number < activation.number for e in stage.ledger):
        return "it had been killed before"
    before = mine[: mine.index(activation)]
    if not plan.check_before and one.task[1] == 1 and not any(_may_have_activated(e) for e in before):
        return None
    sent_before = [exchange for exchange in before if exchange.operation != "why"]
    read = sent_before[-1] if sent_before else None
    if read is None or read.operation != "read" or not read.answered:
        return "no read came right before it"
    age = activation.at - (math.inf if read.until is None else read.until)
    if age > OLDEST_READ:
        return f"it rests on a read of {age:.1f} s ago"
    status = read.seen[stage.campaign_ids[0]]
    if status in RUNNING:
        return f"it was seen {status}, running"
    launched = list(_effective_before(stage, one, activation))
    if status in STOPPED:
        if not plan.reactivate_stopped:
            return f"it was seen {status}, stopped by Instantly"
        if launched or any(_may_have_activated(e) for e in _known_exchanges(stage, one, activation)):
            return f"it was seen {status}, and this run had launched it before, or may have"
        return None
    if status == PAUSED:
        if not plan.resume_paused:
            return "it was seen Paused, and resume_paused is False"
        # An answer that was lost and a read that shows Paused again tell that the activation had no effect; that a
        # person paused it in between, nothing could show.
        # And what the task itself paused, when it was killed, it may resume. Neither holds once it was seen otherwise.
        otherwise = max(_seen_otherwise(stage, one, activation), default=0)
        paused = [
            e.number
            for e in _known_exchanges(stage, one, activation)
            if e.operation == "pause" and e.answered and e.number > otherwise
        ]
        known = [
            entry
            for entry in launched
            if (_shown_before(stage, entry) != PAUSED or entry.exchange.answered or entry.exchange.number < otherwise)
            and entry.exchange.number > max(paused, default=0)
        ]
        return "it was seen Paused, and this run had launched it before" if known else None
    if status == DRAFT:
        return None
    return f"it was seen {status}, and this run had launched it before" if launched else None


def _effective_before(stage: Stage, one: Try, activation: Exchange) -> Iterator[Activation]:
    """
    The effective launches of this run that a sound provider could know of when it sends another activation.

    Without Airflow's task state store those of earlier tries are beyond its knowledge.
    """
    for entry in stage.ledger:
        if not isinstance(entry, Activation) or not entry.effective:
            continue
        if _is_known(stage, entry.exchange, one, activation):
            yield entry


def _shown_before(stage: Stage, launch: Activation) -> int | None:
    """How the read that a launch rests on showed the campaign, whatever became of it in the moment between."""
    sent = launch.exchange
    reads = (e for e in stage.ledger if isinstance(e, Exchange) and e.task == sent.task and e.operation == "read")
    shown = [read.seen.get(stage.campaign_ids[0]) for read in reads if read.number < sent.number]
    return shown[-1] if shown else None


def _known_exchanges(stage: Stage, one: Try, activation: Exchange) -> Iterator[Exchange]:
    """The requests of this run that a sound provider could know of, likewise."""
    for entry in stage.ledger:
        if isinstance(entry, Exchange) and _is_known(stage, entry, one, activation):
            yield entry


def _seen_otherwise(stage: Stage, one: Try, activation: Exchange) -> Iterator[int]:
    """
    The numbers of the reads that a sound provider could know of, and that showed the campaign as anything but Paused.

    What a process read right before it died, no later one can know.
    """
    unknown = {id(e) for e, death in pairwise(stage.ledger) if isinstance(death, Death)}
    for entry in _known_exchanges(stage, one, activation):
        status = entry.seen.get(stage.campaign_ids[0], PAUSED)
        if entry.operation in ("read", "list") and status != PAUSED and id(entry) not in unknown:
            yield entry.number


def _is_known(stage: Stage, exchange: Exchange, one: Try, activation: Exchange) -> bool:
    is_of_this_run = exchange.task[0] == one.task[0] and exchange.number < activation.number
    return is_of_this_run and (exchange.task == one.task or stage.schedule.remembers)


def _may_have_activated(exchange: Exchange) -> bool:
    """Whether an activation was sent whose answer was lost."""
    is_sent = exchange.operation == "activate" and exchange.fault not in NOT_SENT
    return is_sent and exchange.status not in REFUSALS


# The end of a task


def _ends(stage: Stage, tries: list[Try]) -> Iterator[str]:
    for one in tries:
        if one.escaped is not None:
            yield f"the trigger of try {one.task} raised {one.escaped!r}"
        elif one.error is None:
            check = _launch_that_succeeded if isinstance(one.plan, LaunchPlan) else _wait_that_succeeded
            yield from (f"try {one.task} succeeded, but {wrong}" for wrong in check(stage, tries, one))
        elif not isinstance(one.error, ProcessDied | StoppedByHand):
            yield from (f"try {one.task} failed with {one.error!r}, but {wrong}" for wrong in _failure(stage, one))


def _launch_that_succeeded(stage: Stage, tries: list[Try], one: Try) -> Iterator[str]:
    plan, campaign_id = one.plan, stage.campaign_ids[0]
    assert isinstance(plan, LaunchPlan)
    value = one.value if isinstance(one.value, dict) else {}
    if value.get("id") != campaign_id or "launched" not in value:
        yield f"it returned {one.value!r}"
        return
    mine = _exchanges(stage, one)
    reads = [e for e in mine if campaign_id in e.seen and e.operation in ("read", "list")]
    activations = [
        entry
        for entry in stage.ledger
        if isinstance(entry, Activation) and entry.exchange.task[0] == one.task[0] and entry.exchange.task <= one.task
    ]
    if value["launched"] and not activations and not _others_may_have_been_quicker(stage, one):
        yield "it says that this run launched it, and no activation of this run took effect"
    if not value["launched"] and not (reads and reads[-1].seen[campaign_id] in ARRIVED):
        yield "it says that others launched it, and never saw it launched"
    if plan.wait:
        yield from _target_was_seen(stage, one, [campaign_id], plan.stable_for)
    elif reads:
        answers = [e for e in mine if campaign_id in e.seen]
        last = answers[-1].seen[campaign_id]
        if last in STOPPED or last in (DRAFT, PAUSED):
            yield f"it was last seen {last}"
        if value["status"] != last:
            yield f"it says {value['status']}, and {last} was seen"


def _others_may_have_been_quicker(stage: Stage, one: Try) -> bool:
    """
    After a lost answer, that the campaign changed proves a launch, but not whose.

    A worker that died had noted that it sends, and it is not known whether it did. And where a person launched it in
    the moment between our read and our activation, or it ran already and we did not read it, nothing could tell.
    """
    assert isinstance(one.plan, LaunchPlan)
    lost = any(
        isinstance(e, Exchange) and e.task[0] == one.task[0] and _may_have_activated(e) and not e.answered
        for e in stage.ledger
    )
    died = any(isinstance(e, Death) and e.task[0] == one.task[0] for e in stage.ledger)
    others = {"a person activates", "Instantly completes", "subsequences run"}
    changed = any(isinstance(e, Change) and e.kind in others for e in stage.ledger)
    # Another task's activation may come to show only now.
    changed = changed or any(isinstance(e, Activation) and e.exchange.task[0] != one.task[0] for e in stage.ledger)
    return (lost or died) and (changed or not one.plan.check_before)


def _wait_that_succeeded(stage: Stage, tries: list[Try], one: Try) -> Iterator[str]:
    plan = one.plan
    assert isinstance(plan, WaitPlan)
    ids = stage.campaign_ids[: plan.campaigns]
    value = one.value if isinstance(one.value, dict) else {}
    outcomes = value.get("campaigns", [value])
    if sorted(outcome.get("campaign_id") for outcome in outcomes) != ids:
        yield f"it returned {one.value!r}"
        return
    yield from _target_was_seen(stage, one, ids, plan.stable_for)


def _target_was_seen(stage: Stage, one: Try, ids: list[str], stable_for: float) -> Iterator[str]:
    """The reads of this try showed each campaign arrived, and for long enough."""
    for campaign_id in ids:
        reads = [e for e in _exchanges(stage, one) if campaign_id in e.seen and e.operation in ("read", "list")]
        held: list[Exchange] = []
        longest = -1.0
        for read in reads:
            held = [*held, read] if read.seen[campaign_id] in ARRIVED else []
            # What a read shows was so at some moment between its request and its answer.
            longest = max(longest, held[-1].at - (held[0].until or math.inf), 0.0) if held else longest
        if longest < stable_for and not stage.clock.jumped:
            yield f"campaign {campaign_id[-2:]} was seen arrived for {longest:.1f} s of {stable_for} s"
        for read in reads:
            if read.truth[campaign_id] != read.seen[campaign_id]:
                yield f"request {read.number} showed {read.seen[campaign_id]}, and it was {read.truth[campaign_id]}"
        sent = [e.at for e in _exchanges(stage, one) if e.operation == "activate"]
        unseen = isinstance(one.plan, LaunchPlan) and not one.plan.check_before
        is_old = not unseen and held and campaign_id in held[-1].unsettled and held[-1].seen[campaign_id] == COMPLETED
        if is_old and sent and held[-1].at - sent[-1] < PATIENCE_FOR_AN_EFFECT:
            yield f"what was seen of campaign {campaign_id[-2:]} was its end before this launch"


def _failure(stage: Stage, one: Try) -> Iterator[str]:
    error, plan = one.error, one.plan
    assert error is not None
    # Where a sensor has to skip, Airflow >= 3 says so in its own words, and ours are the cause.
    message = f"{error} {error.__cause__}" if isinstance(error, AirflowSkipException) else str(error)
    launch = isinstance(plan, LaunchPlan)
    ours: tuple[type[BaseException], ...] = (
        (
            LaunchRefusedError,
            CheckIncompleteError,
            LaunchNotConfirmedError,
            TaskKilledError,
            CampaignStoppedError,
            CampaignWaitError,
            InstantlyError,
        )
        if launch
        else (CampaignStoppedError, CampaignWaitError, AirflowSkipException)
    )
    if not isinstance(error, (*ours, AirflowSensorTimeout)):
        yield "such an error is not documented"
    if not launch and not isinstance(error, AirflowException):
        yield "a sensor must raise AirflowException"
    if isinstance(plan, WaitPlan) and plan.soft_fail != isinstance(error, AirflowSkipException):
        yield "soft_fail decides otherwise"
    if not any(c in message for c in stage.campaign_ids):
        yield "it names no campaign"
    if not OUTCOME.search(message):
        yield "it does not say what became of the campaign"
    mine = _exchanges(stage, one)
    reads = [e for e in mine if e.seen and e.operation in ("read", "list")]
    if isinstance(error, CampaignStoppedError) and not any(s in STOPPED for e in reads for s in e.seen.values()):
        yield "no read showed it stopped"
    if message.startswith("The check of") and reads and any(s in RUNNING for s in reads[-1].seen.values()):
        yield "a refusal by the check hides that the campaign runs"
    launched = [e for e in stage.ledger if isinstance(e, Activation) and e.exchange.task == one.task]
    claims_nothing = isinstance(error, LaunchRefusedError | InstantlyError) or "did not activate" in message
    if claims_nothing and launched:
        yield f"request {launched[0].exchange.number} had activated it"
    if isinstance(error, CampaignWaitError | AirflowSensorTimeout) and launched and "activated" not in message:
        yield f"it does not say that request {launched[0].exchange.number} activated it"


# Bounds


def _bounds(stage: Stage, tries: list[Try]) -> Iterator[str]:
    for one in tries:
        count, bound = len(_exchanges(stage, one)), request_bound(stage, one)
        if count > bound:
            yield f"try {one.task} made {count} requests; at most {bound} were due"
        yield from _checks_too_soon(stage, one)
        limit = time_bound(stage, one)
        if one.ended - one.began > limit and not stage.clock.jumped and "time passes" not in stage.injected:
            yield f"try {one.task} took {one.ended - one.began:.0f} s; at most {limit:.0f} s were due"


def _checks_too_soon(stage: Stage, one: Try) -> Iterator[str]:
    """After an activation that was put off, a check is made again only where the last one is old."""
    steps = [exchange for exchange in _exchanges(stage, one) if exchange.operation in ("check", "activate")]
    last = -math.inf
    for before, after in pairwise(steps):
        last = before.at if before.operation == "check" else last
        if before.operation == "activate" and after.operation == "check" and after.at - last < CHECK_COUNTS_FOR:
            yield f"request {after.number} of try {one.task} checks again after {after.at - last:.0f} s"


def request_bound(stage: Stage, one: Try) -> int:
    """Requests that a try may make at most."""
    plan = one.plan
    jumps = 86_400.0 if stage.clock.jumped else 0.0
    waits = isinstance(plan, WaitPlan) or bool(plan.wait)
    launch = _launch_bound(stage, one) if isinstance(plan, LaunchPlan) else 0
    if not waits:
        return launch
    campaigns = plan.campaigns if isinstance(plan, WaitPlan) else 1
    # One read an interval, of which the poller draws a twentieth forward, and one more where a hold or the time ends. A
    # read is one request a campaign at most, or pages and what they lack; after a 401 the triggerer asks twice.
    reads = 2 * ((plan.timeout + jumps) / (0.95 * POLL) + 2)
    deaths = 1 + stage.injected["process dies before the request"] + stage.injected["process dies after the answer"]
    return launch + int(reads * (campaigns + 2) + 2 * deaths * (campaigns + 2) + campaigns)


def _launch_bound(stage: Stage, one: Try) -> int:
    mine = _exchanges(stage, one)
    limited = [exchange for exchange in mine if exchange.status == 429]
    bound = LAUNCH_BOUND + len(limited) + BOUND_AFTER_429 * sum(each.operation == "activate" for each in limited)
    if not one.plan.preflight:
        return bound
    checked = [exchange.at for exchange in mine if exchange.operation == "check"]
    again = (max(checked, default=one.began) - one.began) // CHECK_COUNTS_FOR
    return bound + CHECK_BOUND * (1 + int(again)) + REFUSAL_BOUND


def time_bound(stage: Stage, one: Try) -> float:
    """Seconds that a try may take at most."""
    plan = one.plan
    # Each of the requests of a launch may be put off by what the server asks for, 300 s and a second, before it is
    # repeated; in the worst case all of them.
    launch = _launch_bound(stage, one) * 301.0 if isinstance(plan, LaunchPlan) else 0.0
    waits = isinstance(plan, WaitPlan) or bool(plan.wait)
    return launch + (plan.timeout + 30.0 + 4 * POLL if waits else 0.0)


# Secrets


def secrets(stage: Stage, tries: list[Try]) -> Iterator[str]:
    """
    Where the key is to be found.

    :param stage: the story's world.
    :param tries: the tries of its tasks.
    """
    encoded = base64.b64encode(SECRET.encode()).decode().rstrip("=")
    for where, text in all_texts(stage, tries):
        if API_KEY.rstrip("=") in text or SECRET in text or encoded in text:
            yield f"the key is in {where}: {text[:200]}"


def all_texts(stage: Stage, tries: list[Try]) -> Iterator[tuple[str, str]]:
    """
    All that was logged, handed over, returned and raised, each with a word for where.

    :param stage: the story's world.
    :param tries: the tries of its tasks.
    """
    yield "a log", "\n".join(stage.said)
    for one in tries:
        yield "what was handed over", json.dumps(one.handed_over)
        yield "the XCom", repr(one.value)
        error: BaseException | None = one.error
        while error is not None:
            yield "an error", f"{error!r} {error} {getattr(error, '__dict__', '')}"
            error = error.__cause__ or error.__context__


def _exchanges(stage: Stage, one: Try) -> list[Exchange]:
    return [entry for entry in stage.ledger if isinstance(entry, Exchange) and entry.task == one.task]


def describe(stage: Stage, tries: list[Try]) -> str:
    """The ledger and the ends, for a person."""
    lines: list[str] = []
    first = stage.campaign_ids[0]
    for entry in stage.ledger:
        at = f"{entry.at - stage.clock.epoch:8.1f} s" if isinstance(entry, Exchange | Change) else " " * 10
        match entry:
            case Exchange():
                seen = ",".join(map(str, entry.seen.values())) or "nothing"
                fault = f"  [{entry.fault}]" if entry.fault else ""
                lines.append(
                    f"{at} {entry.task} #{entry.number} {entry.operation}: it is {entry.truth[first]}, "
                    f"seen {seen}, HTTP {entry.status}{fault}"
                )
            case Activation():
                lines.append(f"{at}      activated from {entry.from_status}, effective: {entry.effective}")
            case Change():
                lines.append(f"{at}      {entry.kind} {entry.campaign_id[-2:]}")
            case Kill():
                lines.append(f"{at}      {entry.task} is killed before #{entry.number}")
            case _:
                lines.append(f"{at}      the process of {entry.task} died")
    lines += [f"try {one.task}: {one.error!r} {one.value if one.succeeded else ''}" for one in tries]
    return "\n".join(lines)
