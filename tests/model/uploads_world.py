"""
A stand-in Instantly in memory for stories of uploads, and a ledger that holds the truth.

It takes the place of one attempt of a request, so that all above it is the provider's own. It is as bad as what is not
known allows: where two requests with the same lead run at the same moment, it adds the person twice.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from airflow_provider_instantly.api.answers import Answer
from airflow_provider_instantly.api.errors import InstantlyConnectionError
from airflow_provider_instantly.api.freshness import ReadAge
from airflow_provider_instantly.api.sending import BEFORE_LEAVING
from airflow_provider_instantly.api.transport import SyncTransport
from airflow_provider_instantly.leads import adding
from tests.model.stage import ProcessDied, Runaway
from tests.model.uploads_schedule import DIES_AFTER, DIES_BEFORE, KILL, SLOW, Event, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.api.errors import InstantlyRequestError
    from airflow_provider_instantly.api.protocol import Request
    from tests.model.uploads_schedule import Schedule

CAMPAIGN_ID: Final = str(uuid.UUID(int=0xC0FFEE, version=4))
ANOTHER_ID: Final = str(uuid.UUID(int=0xBEEF, version=4))
LIST_ID: Final = str(uuid.UUID(int=0x1157, version=4))
#: Seconds that a request takes, and after which its client gives up.
ROUND_TRIP, TIMEOUT = 0.05, 5.0
#: No story may make more requests than this: it would be a loop without an end.
RUNAWAY: Final = 3_000


def address(person: int) -> str:
    """Where a person is written to; it is found wherever it leaks."""
    return f"person{person}@leaks.example.com"


def person_at(email: str) -> int:
    """The person of an address."""
    return int(email.partition("@")[0].removeprefix("person"))


@dataclass
class Sent:
    """
    A request that reached the service.

    :param number: which request of the story it was.
    :param task: which task made it, and in which try.
    :param operation: ``campaign``, ``plan``, ``list``, ``add``.
    :param at: when.
    :param status_before: the campaign's status when it arrived.
    :param seen: the status that the client was given, for a read of the campaign.
    :param persons: who was sent, for an upload.
    :param added: who was added by it so far.
    :param fates: the counter of each person, for an upload.
    :param answered: the HTTP status of the answer, or None where it was lost.
    :param fault: the kind of fault that hit it, or None.
    """

    number: int
    task: tuple[int, int]
    operation: str
    at: float
    status_before: int | None
    seen: int | None = None
    persons: tuple[int, ...] = ()
    added: set[int] = field(default_factory=set)
    fates: dict[int, str] = field(default_factory=dict)
    answered: int | None = None
    fault: str | None = None


@dataclass
class Landing:
    """A lead that a request adds only later."""

    at: float
    sent: Sent
    person: int
    place: str


class World:
    """
    One story's world.

    :param schedule: what is to happen.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.now = 1_790_000_000.0
        self.task = (0, 0)
        self.number = 0
        self.status: int | None = schedule.status
        self.blocked = set(schedule.blocked)
        self.room = schedule.room
        #: Who is where, in the order in which they came; twice who was added twice.
        self.places: dict[str, list[int]] = {
            CAMPAIGN_ID: sorted(schedule.there),
            ANOTHER_ID: sorted(schedule.elsewhere),
            LIST_ID: [],
        }
        self.ledger: list[Sent] = []
        self.landings: list[Landing] = []
        self.injected: Counter[str] = Counter()
        self.others: list[Event] = []
        self.said: list[str] = []
        self.on_kill: Callable[[], Any] = lambda: None

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Let the provider's requests and pauses be this world's."""
        with (
            mock.patch.object(SyncTransport, "_attempt", lambda _, request: self.attempt(request)),
            mock.patch.object(time, "sleep", self.sleep),
            mock.patch.object(adding, "ReadAge", side_effect=lambda _clock: ReadAge(lambda: self.now)),
        ):
            yield

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        if not 0 <= seconds < 1e6:
            raise Runaway(f"something sleeps {seconds} s")
        self.now += seconds

    def attempt(self, request: Request) -> Answer | InstantlyRequestError:
        """One attempt of a request."""
        self.number += 1
        if self.number > RUNAWAY:
            raise Runaway(f"{self.number} requests")
        self.now += ROUND_TRIP
        self.land()
        fault: Fault | None = None
        dies: Event | None = None
        slow = 0.0
        for number, what in self.schedule.happens:
            if number != self.number:
                continue
            self.injected[what.kind] += 1
            if isinstance(what, Fault):
                fault = what
            elif what.kind == DIES_BEFORE:
                raise ProcessDied
            elif what.kind == DIES_AFTER:
                dies = what
            elif what.kind == KILL:
                self.on_kill()
            elif what.kind == SLOW:
                slow += what.value
            else:
                self.happen(what)
        if fault is not None and fault.kind == "connection refused":
            return InstantlyConnectionError("refused", never_sent=True, method=request.method, path=request.path)
        self.now += slow
        self.land()
        BEFORE_LEAVING.get()()
        if dies is not None:
            fault = Fault(DIES_AFTER, effect=1.0, lasts=float(dies.value))
        answer = self.answer(request, fault)
        if dies is not None:
            raise ProcessDied
        return answer

    def land(self) -> None:
        """Let what comes late take effect as far as its time has come."""
        for landing in sorted(self.landings, key=lambda each: each.at):
            if landing.at <= self.now:
                self.landings.remove(landing)
                place = self.places[landing.place]
                others = [each for each in self.ledger if each is not landing.sent and each.at >= landing.sent.at]
                # Another request has added the same person meanwhile: they ran at the same moment.
                is_double = any(landing.person in each.added for each in others)
                if landing.person not in place or is_double:
                    place.append(landing.person)
                    landing.sent.added.add(landing.person)

    def end(self) -> None:
        """Let all that comes late take effect."""
        self.now += 1e5
        self.land()

    def happen(self, event: Event) -> None:
        """Let others do something."""
        place = self.places[CAMPAIGN_ID]
        self.others.append(event)
        match event.kind:
            case "the campaign is":
                self.status = None if self.status is None else event.value
            case "deleted":
                self.status = None
            case "a person adds" if event.value not in place:
                place.append(event.value)
            case "a person deletes" if event.value in place:
                place[:] = [person for person in place if person != event.value]
            case "a person blocks":
                self.blocked.add(event.value)
            case "room is":
                self.room = event.value

    # The service

    def answer(self, request: Request, fault: Fault | None) -> Answer | InstantlyRequestError:
        names = {"/leads/add": "add", "/leads/list": "list", "/workspace-billing/plan-details": "plan"}
        operation = names.get(request.path, "campaign")
        sent = Sent(self.number, self.task, operation, self.now, self.status)
        self.ledger.append(sent)
        if fault is not None:
            sent.fault = fault.kind
        body = json.loads(request.content or b"{}")
        if operation == "add":
            status, document = self.add(sent, body, fault)
        elif fault is not None and fault.status not in (None, 200):
            assert fault.status is not None
            status, document = fault.status, _error(fault.status)
        elif operation == "list":
            status, document = 200, self.listed(body, None if fault is None else fault.kind)
        elif operation == "plan":
            status, document = self.plan()
        else:
            status, document = self.campaign(sent)
        if fault is not None and fault.kind in ("answer lost", DIES_AFTER):
            self.now += TIMEOUT
            return InstantlyConnectionError("lost", method=request.method, path=request.path)
        sent.answered = status
        if fault is not None and fault.kind == "not JSON":
            return Answer(200, {}, b"<html>fine</html>")
        return Answer(status, {}, json.dumps(document).encode())

    def campaign(self, sent: Sent) -> tuple[int, Any]:
        if self.status is None:
            return 404, _error(404)
        sent.seen = self.status
        return 200, {"id": CAMPAIGN_ID, "name": "Story", "status": self.status}

    def plan(self) -> tuple[int, Any]:
        if not self.schedule.may_read_plan:
            return 403, _error(403)
        if self.room is None:
            return 200, {"subscriptions": {}}
        return 200, {"subscriptions": {"outreach": {"total_lead_limit": self.room, "current_lead_count": 0}}}

    def listed(self, body: dict[str, Any], fault: str | None) -> Any:
        place = body.get("campaign") or body["list_id"]
        wanted = [email.lower() for email in body.get("contacts") or []]
        shown = [person for person in self.places[place] if address(person) in wanted]
        if fault == "list of others":
            shown = list(range(100, 250))
        name = "list_id" if place == LIST_ID else "campaign"
        where = ANOTHER_ID if fault == "list of another campaign" else place
        items = [{"id": str(uuid.UUID(int=n + 1)), "email": address(n), name: where, "status": 1} for n in shown]
        if fault == "list of another campaign":
            items = items or [{"id": str(uuid.UUID(int=1)), "email": wanted[0], name: where, "status": 1}]
        begin = int(body.get("starting_after") or 0)
        page = items[begin : begin + body["limit"]]
        return {"items": page, **({"next_starting_after": str(begin + len(page))} if page else {})}

    def add(self, sent: Sent, body: dict[str, Any], fault: Fault | None) -> tuple[int, Any]:
        place = body.get("campaign_id") or body["list_id"]
        sent.persons = tuple(person_at(lead["email"]) for lead in body["leads"])
        is_refused = fault is not None and fault.status is not None and fault.status != 200 and not fault.effect
        if is_refused:
            assert fault is not None
            assert fault.status is not None
            return fault.status, _error(fault.status)
        if place == CAMPAIGN_ID and self.status is None:
            return 404, _error(404)
        if len(sent.persons) > self.schedule.largest:
            return 413, _error(413)
        fates = sent.fates = self.fates(place, sent.persons, body)
        new = [person for person, fate in fates.items() if fate == "leads_uploaded"]
        if self.room is not None and len(new) > self.room:
            if self.schedule.refuses_whole:
                return 402, _error(402)
            for person in new[self.room :]:
                fates[person] = "skipped_count"
            del new[self.room :]
        # What is wrong with lists only does an upload no harm.
        share = 1.0 if fault is None or fault.kind.startswith("list") else fault.effect
        taken = new[: round(len(new) * share)]
        if fault is not None and fault.lasts:
            step = fault.lasts / max(1, len(taken))
            self.landings += [Landing(self.now + step * (n + 1), sent, person, place) for n, person in enumerate(taken)]
        else:
            self.places[place] += taken
            sent.added |= set(taken)
        if self.room is not None:
            self.room -= len(taken)
        if fault is not None and fault.status not in (None, 200):
            assert fault.status is not None
            return fault.status, _error(fault.status)
        return 200, self.counted(sent, fates, taken, fault)

    def fates(self, place: str, persons: tuple[int, ...], body: dict[str, Any]) -> dict[int, str]:
        """The counter of each person."""
        found: dict[int, str] = {}
        skips = body.get("skip_if_in_workspace") or body.get("skip_if_in_campaign")
        for person in persons:
            is_there = person in self.places[place]
            if is_there and self.schedule.duplicates_first:
                found[person] = "duplicated_leads"
            elif skips and any(person in there for there in self.places.values()):
                found[person] = "skipped_count"
            elif person in self.blocked:
                found[person] = "in_blocklist"
            elif is_there:
                found[person] = "duplicated_leads"
            else:
                found[person] = "leads_uploaded"
        return found

    def counted(self, sent: Sent, fates: dict[int, str], taken: list[int], fault: Fault | None) -> dict[str, Any]:
        counts = Counter(fates.values())
        names = ("duplicated_leads", "in_blocklist", "skipped_count", "invalid_email_count", "incomplete_count")
        created = [
            {"index": sent.persons.index(p), "id": str(uuid.UUID(int=p + 1)), "email": address(p)} for p in taken
        ]
        document: dict[str, Any] = {
            "status": "success",
            "total_sent": len(sent.persons),
            "leads_uploaded": counts["leads_uploaded"],
            **{name: counts[name] for name in names},
            "duplicate_email_count": 0,
            "remaining_in_plan": self.room,
            "created_leads": created,
        }
        for name, value in () if fault is None else fault.fields:
            if name == "*":
                return {"status": "success"}
            if value is None:
                del document[name]
            else:
                document[name] = value
        return document


def _error(status: int) -> dict[str, Any]:
    return {"statusCode": status, "error": "No", "message": f"no, {address(1)}"}
