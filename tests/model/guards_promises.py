"""
The judge of stories with guards, pauses and brakes: it knows the promises and the truth, not the provider's decisions.

Each function takes the story and returns what it found wrong, as sentences. docs/reliability.md says the same in words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.exceptions import (
    CheckFailedError,
    CheckIncompleteError,
    LimitBreachedError,
    LimitNotJudgedError,
    PauseNotConfirmedError,
    RowsRejectedError,
    TaskKilledError,
    TooFewLeadsError,
    UploadNotConfirmedError,
    UploadRefusedError,
)
from tests.model.fault_schedule import LaunchPlan
from tests.model.guards_schedule import BrakePlan, CheckPlan, FillPlan, GuardPlan, PausePlan
from tests.model.guards_stage import LEAK, Shown
from tests.model.promises import REFUSALS, all_texts, broken_launches, secrets
from tests.model.stage import NOT_SENT, Kill, ProcessDied
from tests.statuses import COMPLETED, DRAFT, PAUSED, STOPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.model.actors import Try
    from tests.model.guards_stage import GuardedStage

#: What is never paused: done, or stopped by Instantly.
_LEFT_ALONE: Final = (PAUSED, COMPLETED, *STOPPED)
#: Which figure a limit of a rate is about.
_RATES: Final = {
    "max_bounce_rate": "bounced_count",
    "max_unsubscribe_rate": "unsubscribed_count",
    "min_reply_rate": "reply_count",
}
#: The counts of an XCom, and what an answer calls them.
_COUNTS: Final = {
    "sent": "emails_sent_count",
    "bounced": "bounced_count",
    "replied": "reply_count",
    "unsubscribed": "unsubscribed_count",
    "contacted": "contacted_count",
}
_ERRORS: Final[dict[type, tuple[type[BaseException], ...]]] = {
    PausePlan: (PauseNotConfirmedError, TaskKilledError, InstantlyError),
    GuardPlan: (LimitBreachedError, LimitNotJudgedError, PauseNotConfirmedError, TaskKilledError, InstantlyError),
    CheckPlan: (CheckFailedError, CheckIncompleteError, InstantlyError),
    FillPlan: (
        UploadRefusedError,
        UploadNotConfirmedError,
        RowsRejectedError,
        TooFewLeadsError,
        TaskKilledError,
        InstantlyError,
    ),
}
#: What a line of a brake says of a campaign.
_FATE: Final = re.compile(
    r"Paused campaign|was left as it is|it stays as it is|was not paused|may or may not have been paused"
    r"|pause had no effect|is not known whether|A pause was sent, and meanwhile"
)
#: Requests for one campaign that is to be paused, at most: a read, and each pause with the reads that follow it, each
#: read five times; and those that find out about it.
_PAUSE_BOUND: Final = 200


def broken(stage: GuardedStage, tries: list[Try]) -> list[str]:
    """
    Everything that is wrong with a story.

    :param stage: its world, with its ledger.
    :param tries: the tries of its tasks.
    """
    launches = [one for one in tries if isinstance(one.plan, LaunchPlan)]
    others = [one for one in tries if not isinstance(one.plan, LaunchPlan)]
    checks = (_changes, _pauses, _ends, _pause_results, _guards, _brakes, _fills, _bounds)
    wrong = [f"{check.__name__.strip('_')}: {line}" for check in checks for line in check(stage, others)]
    wrong += [f"secrets: {line}" for line in (*secrets(stage, tries), *_persons(stage, tries))]
    return [*wrong, *(f"mails: {line}" for line in _mails(stage)), *broken_launches(stage, launches)]


def _requests(stage: GuardedStage, one: Try) -> list[Shown]:
    return [entry for entry in stage.ledger if isinstance(entry, Shown) and entry.task == one.task]


def _pauses_of(stage: GuardedStage, one: Try, campaign_id: str | None = None) -> list[Shown]:
    """The pauses of a try that left."""
    return [
        each
        for each in _requests(stage, one)
        if each.operation == "pause" and each.fault not in NOT_SENT and campaign_id in (None, each.campaign_id)
    ]


def _may_have_paused(stage: GuardedStage, one: Try, campaign_id: str) -> bool:
    """Whether a pause of a try reached the campaign, or may have: one that was refused did not."""
    return any(each.status not in REFUSALS for each in _pauses_of(stage, one, campaign_id))


def _seen(stage: GuardedStage, one: Try, campaign_id: str) -> list[int]:
    """As what the try saw a campaign, one after the other."""
    return [each.seen[campaign_id] for each in _requests(stage, one) if campaign_id in each.seen]


# What is sent


def _changes(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    """Nothing but a launch activates, nothing but an upload adds, and a check changes nothing."""
    allowed = {FillPlan: {"add"}, CheckPlan: set(), GuardPlan: {"pause"}, PausePlan: {"pause"}, BrakePlan: {"pause"}}
    for one in tries:
        changes = {each.operation for each in _requests(stage, one)} & {"activate", "pause", "add"}
        for wrong in changes - allowed[type(one.plan)]:
            yield f"try {one.task} is a {type(one.plan).__name__} and sent {wrong}"
        if isinstance(one.plan, GuardPlan) and one.plan.on_breach != "pause" and changes:
            yield f"try {one.task} had to {one.plan.on_breach}, and paused"


def _pauses(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    """Each pause rests on a read that comes right before it and shows that the campaign may send."""
    for one in tries:
        mine = _requests(stage, one)
        kills = [e.number for e in stage.ledger if isinstance(e, Kill) and e.task == one.task]
        for at, pause in enumerate(mine):
            if pause.operation != "pause":
                continue
            read = mine[at - 1] if at else None
            where = f"request {pause.number} of try {one.task} paused {str(pause.campaign_id)[-2:]}, but"
            if read is None or read.operation != "read" or not read.answered or read.about_another:
                yield f"{where} no read came right before it"
                continue
            status = read.seen.get(pause.campaign_id or "")
            if status is None:
                yield f"{where} the read before it was of another campaign"
            elif status in _LEFT_ALONE:
                yield f"{where} it was seen {status}"
            elif status == DRAFT and not getattr(one.plan, "pause_drafts", False):
                yield f"{where} it was seen as a Draft, and Drafts were to be left"
            # A task that is killed between its read and its pause may have asked just before whether it still lives.
            if any(number <= read.number for number in kills) and not isinstance(one.plan, BrakePlan):
                yield f"{where} its task had been killed before it read the campaign"


# How it ends


def _ends(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    for one in tries:
        if one.escaped is not None:
            yield f"the trigger of try {one.task} raised {one.escaped!r}"
        if one.error is None or isinstance(one.error, ProcessDied):
            continue
        if isinstance(one.plan, BrakePlan):
            yield f"the brake {one.task} raised {one.error!r}"
        elif not isinstance(one.error, _ERRORS[type(one.plan)]):
            yield f"try {one.task} failed with {one.error!r}, which is not documented"
        yield from (f"try {one.task}: {line}" for line in _false_claims(stage, one, str(one.error)))


def _false_claims(stage: GuardedStage, one: Try, text: str) -> Iterator[str]:
    """What a line or an error says of a campaign that was paused, or was not."""
    for campaign_id in stage.campaign_ids:
        sent = _pauses_of(stage, one, campaign_id)
        seen = _seen(stage, one, campaign_id)
        if f"Campaign {campaign_id} was not paused" in text and any(each.took_effect for each in sent):
            yield f"it says that {campaign_id[-2:]} was not paused, and request {sent[-1].number} paused it"
        if re.search(rf"Paused campaign [^.\n]*{campaign_id}", text) and (
            not _may_have_paused(stage, one, campaign_id) or seen[-1] != PAUSED
        ):
            yield f"it says that it paused {campaign_id[-2:]}, and saw {seen or 'nothing'}"
        stands = re.search(rf"[Tt]he campaign is [A-Z][\w ]*(?:\(-?\d+\))?[,:][^\n]*{campaign_id}\)?\]", text)
        if stands and "left as it is" in text and seen and seen[-1] not in (*_LEFT_ALONE, DRAFT):
            yield f"it says that it left {campaign_id[-2:]}, and saw {seen[-1]}"
        if campaign_id in text and "They were left as they are" in text and any(each.took_effect for each in sent):
            yield f"it says that {campaign_id[-2:]} was left as it is, and paused it"


def _pause_results(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    """What a pause returns is what it saw."""
    for one in tries:
        if not isinstance(one.plan, PausePlan) or not one.succeeded:
            continue
        campaign_id = stage.campaign_ids[0]
        seen, has_paused = _seen(stage, one, campaign_id), _may_have_paused(stage, one, campaign_id)
        value = one.value if isinstance(one.value, dict) else {}
        where = f"try {one.task} returned {value!r}, and"
        if value.get("id") != campaign_id or not seen:
            yield f"{where} saw {seen}"
            continue
        # What sends becomes no Draft again, so after a pause such a read proves nothing.
        done = (*_LEFT_ALONE, *(() if one.plan.pause_drafts or has_paused else (DRAFT,)))
        if value["status"] != seen[-1] or seen[-1] not in done:
            yield f"{where} last saw {seen[-1]}"
        if value["status_before"] != seen[0]:
            yield f"{where} first saw {seen[0]}"
        if value["paused"] != (has_paused and seen[-1] == PAUSED):
            yield f"{where} {'may have' if has_paused else 'has not'} paused it, and last saw {seen[-1]}"


# Guards


def _guards(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    for one in (each for each in tries if isinstance(each.plan, GuardPlan)):
        read = [each for each in _requests(stage, one) if each.figures is not None]
        figures = read[-1].figures if read else None
        ids = stage.campaign_ids[: one.plan.campaigns]
        due = {} if figures is None else {each: verdicts(one.plan, figures.get(each)) for each in ids}
        breached = [each for each, found in due.items() if "breached" in found.values()]
        for pause in _pauses_of(stage, one):
            if pause.campaign_id not in breached:
                yield f"request {pause.number} of try {one.task} paused what breaches nothing: {figures}, {due}"
        if isinstance(one.error, LimitBreachedError) and not breached:
            yield f"try {one.task} says that a limit is breached: {figures}, {due}"
        pushed = [kept["figures"] for kept in one.handed_over if isinstance(kept, dict) and "figures" in kept]
        for value in (*pushed, *([one.value] if one.succeeded else [])):
            if figures is None:
                yield f"try {one.task} returned figures that it has not read: {value}"
                continue
            lines = (*_result(one, value, figures, due), *_said_paused(stage, one, value))
            yield from (f"try {one.task}: {line}; the answer was {figures}" for line in lines)
        if one.succeeded:
            yield from (f"try {one.task} {line}" for line in _calm(stage, one, ids, figures or {}, breached, due))


def _result(one: Try, value: dict[str, Any], figures: dict[str, Any], due: dict[str, dict[str, str]]) -> Iterator[str]:
    """Each number of an XCom is one of the answer, or None, and each verdict is the rule's."""
    for each in value["campaigns"]:
        campaign_id = each["campaign_id"]
        if campaign_id not in due:
            yield f"it judged {campaign_id}, which it does not guard"
            continue
        shown = figures.get(campaign_id)
        for name, called in _COUNTS.items():
            nothing = 0 if name in ("sent", "contacted") else None
            expected = nothing if shown is None else count(shown.get(called))
            if each[name] != expected:
                yield f"{name} of {campaign_id[-2:]} is {each[name]!r}, and not {expected!r}"
        for limit, called in _RATES.items():
            what = {"bounced_count": "bounce", "unsubscribed_count": "unsubscribe", "reply_count": "reply"}[called]
            happened, sent = (None, 0) if shown is None else (count(shown.get(n)) for n in (called, _COUNTS["sent"]))
            rate = happened / sent if sent and happened is not None else None
            if each[f"{what}_rate"] != rate:
                yield f"{what}_rate of {campaign_id[-2:]} is {each[f'{what}_rate']!r}, and not {rate!r} ({limit})"
        found = {finding["limit"]: finding["verdict"] for finding in each["findings"]}
        if found != due[campaign_id]:
            yield f"the verdicts of {campaign_id[-2:]} are {found}, and not {due[campaign_id]}"
    judged = [each["campaign_id"] for each in value["campaigns"] if each["campaign_id"] in due]
    if value["breached"] != [each for each in judged if "breached" in due[each].values()]:
        yield f"breached are {value['breached']}"


def _said_paused(stage: GuardedStage, one: Try, value: dict[str, Any]) -> Iterator[str]:
    for campaign_id in stage.campaign_ids:
        seen = _seen(stage, one, campaign_id)
        is_paused = _may_have_paused(stage, one, campaign_id) and seen[-1:] == [PAUSED]
        if campaign_id in value["paused"] and not is_paused:
            yield f"it says that it paused {campaign_id[-2:]}, and saw {seen}"
        if is_paused and campaign_id not in value["paused"] and one.succeeded:
            yield f"it does not say that it paused {campaign_id[-2:]}"


def _calm(
    stage: GuardedStage,
    one: Try,
    ids: list[str],
    figures: dict[str, Any],
    breached: list[str],
    due: dict[str, dict[str, str]],
) -> Iterator[str]:
    """A guard that succeeds has judged each campaign, and what breaches a limit sends no more."""
    if {each["campaign_id"] for each in one.value["campaigns"]} != set(ids):
        yield f"succeeded without having judged all of {ids}"
    for campaign_id in ids:
        if campaign_id not in figures and not _seen(stage, one, campaign_id):
            yield f"took a campaign for silent that it has not read: {campaign_id[-2:]}"
        last = _seen(stage, one, campaign_id)[-1:]
        is_left = last and last[0] in (*_LEFT_ALONE, DRAFT)
        if campaign_id in breached and one.plan.on_breach == "pause" and not is_left:
            yield f"succeeded, and {campaign_id[-2:]}, which breaches a limit, was seen {last}"
    if one.plan.on_breach == "fail" and breached:
        yield f"succeeded, and {breached} breach a limit"
    if one.plan.on_breach != "warn" and any("unknown" in found.values() for found in due.values()):
        yield f"succeeded, and it is not known whether a limit is breached: {due}"


def count(value: object) -> int | None:
    """A count of an answer, or None where it is none: there is no number of e-mails below zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return None
    return int(value) if 0 <= value < 2**63 else None


def verdicts(plan: GuardPlan, shown: dict[str, Any] | None) -> dict[str, str]:
    """
    The verdict that the documented rule has for each limit.

    :param plan: the limits.
    :param shown: the campaign's element of the answer, or None where there is none: nothing was sent.
    """
    figures = {"emails_sent_count": 0, "contacted_count": 0} if shown is None else shown
    sent = count(figures.get("emails_sent_count"))
    found: dict[str, str] = {}
    for limit, called in _RATES.items():
        value = getattr(plan, limit)
        if value is not None:
            found[limit] = _verdict(limit.startswith("max"), value, count(figures.get(called)), sent, plan)
    if plan.min_contacted is not None:
        contacted = count(figures.get("contacted_count"))
        few = contacted is not None and contacted < plan.min_contacted
        found["min_contacted"] = "unknown" if contacted is None else "breached" if few else "kept"
    return found


def _verdict(is_upper: bool, limit: float, happened: int | None, sent: int | None, plan: GuardPlan) -> str:
    if sent == 0:
        # What bounces, or is answered, was sent.
        return "unknown" if happened else "open"
    if sent is None or happened is None:
        return "unknown"
    beyond = happened / sent - limit if is_upper else limit - happened / sent
    if beyond <= 0:
        return "kept"
    if sent >= plan.min_sent:
        return "breached"
    # The interval's end lies beyond the limit exactly where a test with the limit as its hypothesis refuses it.
    beyond = min(happened, sent) / sent - limit if is_upper else beyond
    z = NormalDist().inv_cdf(0.5 + plan.confidence / 2)
    return "breached" if beyond - 0.5 / sent > z * math.sqrt(limit * (1 - limit) / sent) else "open"


# Brakes


def _brakes(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    """A brake says of each campaign what became of it, and that is true."""
    for one in (each for each in tries if isinstance(each.plan, BrakePlan) and each.succeeded):
        inner = [other.said for other in tries if other is not one and _is_within(other.said, one.said)]
        numbers = (n for n in range(*one.said) if not any(begin <= n < end for begin, end in inner))
        lines = [stage.said[n] for n in numbers]
        for campaign_id in stage.campaign_ids[: one.plan.campaigns]:
            about = [line for line in lines if campaign_id in line and _FATE.search(line)]
            if not about:
                yield f"the brake {one.task} does not say what became of {campaign_id[-2:]}"
                continue
            yield from (f"the brake {one.task}: {line}" for line in _false_claims(stage, one, about[-1]))
            seen = _seen(stage, one, campaign_id)
            has_paused = _may_have_paused(stage, one, campaign_id)
            left = (*_LEFT_ALONE, *(() if one.plan.pause_drafts or has_paused else (DRAFT,)))
            is_calm = "Paused campaign" in about[-1] or "as it is" in about[-1]
            if is_calm and (not seen or seen[-1] not in left):
                yield f"the brake {one.task} is content with {campaign_id[-2:]}, and saw {seen}"


def _is_within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1] and inner != outer


# Uploads, in a pipeline


def _fills(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    """Leads are added only right after a read that shows a campaign which waits, and are counted as they are."""
    for one in (each for each in tries if isinstance(each.plan, FillPlan)):
        mine = _requests(stage, one)
        for at, add in enumerate(mine):
            if add.operation != "add":
                continue
            read = mine[at - 1] if at else None
            status = read.seen.get(add.campaign_id or "") if read is not None and read.operation == "read" else None
            if status not in (DRAFT, PAUSED):
                yield f"request {add.number} of try {one.task} adds leads, and the campaign was seen {status}"
        if not one.succeeded:
            continue
        value, added = one.value, sum(each.added for each in mine)
        if value["rows"] != len(one.plan.rows) or value["uploaded"] > added:
            yield f"try {one.task} says {value}, and added {added}"
        if value["present"] != value["uploaded"] + value["already_there"] + value["found"]:
            yield f"try {one.task}: present is not the sum of its parts: {value}"
        if "deleted" not in stage.injected and value["present"] > len(stage.leads()[stage.campaign_ids[0]]):
            yield f"try {one.task} says that {value['present']} are there, and {stage.leads()} are"


def _mails(stage: GuardedStage) -> Iterator[str]:
    """No one is in a campaign twice, and no one gets its only e-mail twice."""
    for campaign_id, emails in stage.leads().items():
        if twice := [email for email, times in Counter(emails).items() if times > 1]:
            yield f"{twice} are in {campaign_id[-2:]} twice"
    if again := [lead for lead, times in Counter(stage.emails()).items() if times > 1]:
        yield f"{again} were e-mailed twice"


# For all


def _bounds(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    for one in tries:
        made = len(_requests(stage, one))
        bound = _PAUSE_BOUND * getattr(one.plan, "campaigns", 1)
        if made > bound:
            yield f"try {one.task} made {made} requests; at most {bound} were due"


def _persons(stage: GuardedStage, tries: list[Try]) -> Iterator[str]:
    for where, text in all_texts(stage, tries):
        if found := LEAK.search(text):
            yield f"an address is in {where}: {text[max(0, found.start() - 100) : found.end() + 30]}"
