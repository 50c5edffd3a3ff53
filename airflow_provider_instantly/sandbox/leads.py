"""Leads: taken in once for each campaign or list, listed, deleted and moved."""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from airflow_provider_instantly.sandbox.block_list import AN_ADDRESS
from airflow_provider_instantly.sandbox.clock import Clock, timestamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_instantly.sandbox.block_list import BlockList
    from airflow_provider_instantly.sandbox.settings import Settings

#: What becomes of a lead, as its status. In a list it is 0, as seen live.
IN_A_LIST, ACTIVE, COMPLETED, BOUNCED, UNSUBSCRIBED = 0, 1, 3, -1, -2
VERIFIED, VERIFYING = 1, 11
#: Seconds until a new lead may get its first e-mail: the time seen live.
FIRST_EMAIL_AFTER: Final = 28.0
#: The fields of a lead and their names among the campaign's variables.
CORE: Final[Mapping[str, str]] = {
    "email": "email",
    "first_name": "firstName",
    "last_name": "lastName",
    "company_name": "companyName",
    "job_title": "jobTitle",
    "phone": "phone",
    "website": "website",
    "personalization": "personalization",
}
DUPLICATED: Final = "duplicated_leads"
BLOCKED: Final = "in_blocklist"
#: The counters of the leads that are not added.
_FATES: Final = (
    DUPLICATED,
    BLOCKED,
    "skipped_count",
    "invalid_email_count",
    "incomplete_count",
    "duplicate_email_count",
)
_INSERT = """
INSERT INTO leads
    (id, workspace, campaign_id, list_id, email, status, verification_status, created_at, due_at, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
#: The filters that the sandbox knows, as conditions on its table; one that it does not know is ignored, as live.
_FILTERS: Final[Mapping[str, str]] = {
    "FILTER_VAL_ACTIVE": "status = 1",
    "FILTER_VAL_COMPLETED": "status = 3",
    "FILTER_VAL_BOUNCED": "status = -1",
    "FILTER_VAL_UNSUBSCRIBED": "status = -2",
    "FILTER_VAL_CONTACTED": "contacted_at IS NOT NULL",
    "FILTER_VAL_NOT_CONTACTED": "contacted_at IS NULL",
    "FILTER_VAL_REPLIED": "replied_at IS NOT NULL",
    "FILTER_VAL_VALID": "verification_status = 1",
    "FILTER_VAL_INVALID": "verification_status = -1",
    "FILTER_VAL_RISKY": "verification_status = -2",
}


class LeadNotFoundError(Exception):
    """The workspace has no lead of that id."""


class PlanExhaustedError(Exception):
    """The plan has no room for the leads."""


@dataclass(frozen=True)
class Place:
    """
    Where leads are: a campaign or a list, the other is None.

    :param campaign_id: the campaign, in lower case.
    :param list_id: the list, in lower case.
    """

    campaign_id: str | None = None
    list_id: str | None = None

    @classmethod
    def of(cls, campaign_id: str | None, list_id: str | None) -> Place:
        """The place with these ids, which are the same ones in upper case."""
        return cls(*(given.lower() if given else None for given in (campaign_id, list_id)))


class Leads:
    """
    The leads of all workspaces.

    Nothing is committed here: the caller commits when the request is done.
    """

    def __init__(self, store: sqlite3.Connection, clock: Clock, settings: Settings, block_list: BlockList) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._block_list = block_list

    def add(self, workspace: str, request: Mapping[str, Any], room: int | None) -> dict[str, Any]:
        """
        Add the leads that are new and have an address, and say what became of the others.

        :param workspace: the workspace.
        :param request: the body of ``POST /leads/add``.
        :param room: how many leads the plan has room for, or None for any number.
        :raises PlanExhaustedError: if the plan has too little room, and the settings refuse such a request whole.
        """
        place = Place.of(request.get("campaign_id"), request.get("list_id"))
        now = self._clock.now()
        fates = dict.fromkeys(_FATES, 0)
        new = self._sort_out(workspace, place, request, fates)
        if room is not None and len(new) > room:
            if self._settings.plan_exhausted == "refuse":
                raise PlanExhaustedError
            fates["skipped_count"] += len(new) - room
            del new[room:]
        verification = VERIFYING if request.get("verify_leads_on_import") else VERIFIED
        created = [each.created(now) for each in new]
        rows = (
            each.row(entry["id"], workspace, place, verification, now) for each, entry in zip(new, created, strict=True)
        )
        self._store.executemany(_INSERT, rows)
        self._note_sending(place, now)
        return {
            "status": "success",
            "total_sent": len(request["leads"]),
            "leads_uploaded": len(created),
            "blocklist_used": request.get("blocklist_id"),
            **fates,
            # Live it came with a campaign only.
            "remaining_in_plan": None if room is None or place.campaign_id is None else room - len(created),
            "created_leads": created,
        }

    def read(self, workspace: str, asked: Mapping[str, Any]) -> Iterator[Lead]:
        """
        Read leads in the order of the API's lists: by id, the oldest first (as recorded live).

        :param workspace: the workspace.
        :param asked: the body of ``POST /leads/list``. What is not known in it narrows nothing, as live.
        """
        where, values = _conditions(workspace, asked)
        if cursor := asked.get("starting_after"):
            where.append("id > ?")
            values.append(cursor.lower())
        rows = self._store.execute(f"SELECT * FROM leads WHERE {' AND '.join(where)} ORDER BY id", values)  # noqa: S608
        return map(Lead, rows)

    def get(self, workspace: str, lead_id: str) -> Lead:
        """
        Read one lead.

        :raises LeadNotFoundError: if there is none.
        """
        query = "SELECT * FROM leads WHERE workspace = ? AND id = ?"
        row = self._store.execute(query, (workspace, lead_id.lower())).fetchone()
        if row is None:
            raise LeadNotFoundError(lead_id)
        return Lead(row)

    def delete(self, workspace: str, asked: Mapping[str, Any]) -> int:
        """
        Delete leads and say how many. Without ids and status, all leads of the campaign or list go.

        :param workspace: the workspace.
        :param asked: the body of ``DELETE /leads``.
        """
        where, values = _conditions(workspace, {**asked, "campaign": asked.get("campaign_id")})
        if (status := asked.get("status")) is not None:
            where.append("status = ?")
            values.append(status)
        found = f"SELECT id FROM leads WHERE {' AND '.join(where)} ORDER BY id LIMIT ?"  # noqa: S608
        deleted = self._store.execute(f"DELETE FROM leads WHERE id IN ({found})", (*values, asked.get("limit", -1)))  # noqa: S608
        return deleted.rowcount

    def move(self, workspace: str, asked: Mapping[str, Any]) -> tuple[list[str], int]:
        """
        Move leads to another campaign or list, and return their addresses and how many leads fitted.

        Who is there already is not moved.

        :param workspace: the workspace.
        :param asked: the body of ``POST /leads/move``. With ids and without their campaign or list, none is found.
        """
        if asked.get("ids") is not None and not (asked.get("campaign") or asked.get("list_id")):
            return [], 0
        target = Place.of(asked.get("to_campaign_id"), asked.get("to_list_id"))
        where, values = _conditions(workspace, asked)
        query = f"SELECT id, email FROM leads WHERE {' AND '.join(where)} ORDER BY id LIMIT ?"  # noqa: S608
        found = self._store.execute(query, (*values, _at_most(asked.get("limit")))).fetchall()
        taken = self._emails_in(workspace, target)
        moved = [row for row in found if row["email"] not in taken]
        status = IN_A_LIST if target.campaign_id is None else ACTIVE
        due_at = None if target.campaign_id is None else self._clock.now() + FIRST_EMAIL_AFTER
        self._note_sending(target, self._clock.now())
        self._store.executemany(
            "UPDATE leads SET campaign_id = ?, list_id = ?, status = ?, due_at = ?, next_step = 0 WHERE id = ?",
            ((target.campaign_id, target.list_id, status, due_at, row["id"]) for row in moved),
        )
        return [row["email"] for row in moved], len(found)

    def count(self, workspace: str) -> int:
        """How many leads a workspace has: its plan counts a person twice who is in two campaigns."""
        query = "SELECT COUNT(*) FROM leads WHERE workspace = ?"
        return int(self._store.execute(query, (workspace,)).fetchone()[0])

    def _note_sending(self, place: Place, now: float) -> None:
        """A campaign with leads may send from now on."""
        query = "UPDATE campaigns SET sends = 1, sent_until = ? WHERE id = ? AND NOT sends"
        self._store.execute(query, (now, place.campaign_id))

    def _emails_in(self, workspace: str, place: Place) -> set[str]:
        rows = self._store.execute(
            "SELECT email FROM leads WHERE workspace = ? AND campaign_id IS ? AND list_id IS ?",
            (workspace, place.campaign_id, place.list_id),
        )
        return {row["email"] for row in rows}

    def _sort_out(
        self, workspace: str, place: Place, request: Mapping[str, Any], fates: dict[str, int]
    ) -> list[_NewLead]:
        """The leads of a request that are to be added; all others are counted."""
        new: list[_NewLead] = []
        seen: set[str] = set()
        for index, lead in enumerate(request["leads"]):
            email = (lead.get("email") or "").strip().lower()
            fate = self._fate(workspace, place, email, lead, seen, request)
            seen.add(email)
            may_be_blocked = fate is None or (fate == DUPLICATED and not self._settings.duplicates_first)
            if email and may_be_blocked and self._block_list.blocks(workspace, email):
                fate = BLOCKED
            if fate is None:
                new.append(_NewLead(index, email, lead))
            else:
                fates[fate] += 1
        return new

    def _fate(
        self,
        workspace: str,
        place: Place,
        email: str,
        lead: Mapping[str, Any],
        seen: set[str],
        request: Mapping[str, Any],
    ) -> str | None:
        """The counter that counts the lead unless it is blocked, or None if it is to be added."""
        if not email:
            named = place.list_id is not None and (lead.get("first_name") or lead.get("last_name"))
            return None if named else "incomplete_count"
        if not AN_ADDRESS.fullmatch(email):
            return "invalid_email_count"
        if email in seen:
            return "duplicate_email_count"
        query = "SELECT campaign_id, list_id FROM leads WHERE workspace = ? AND email = ?"
        found = [Place(*row) for row in self._store.execute(query, (workspace, email))]
        is_skipped = (
            (request.get("skip_if_in_workspace") and found)
            or (request.get("skip_if_in_campaign") and any(other.campaign_id for other in found))
            or (request.get("skip_if_in_list") and any(other.list_id for other in found))
        )
        if place in found and (self._settings.duplicates_first or not is_skipped):
            return DUPLICATED
        return "skipped_count" if is_skipped else None


@dataclass(frozen=True)
class _NewLead:
    """
    A lead that is to be added.

    :param index: which one of its request it is.
    :param email: its address in lower case, or an empty string.
    :param given: what the request says of it.
    """

    index: int
    email: str
    given: Mapping[str, Any]

    def created(self, now: float) -> dict[str, Any]:
        """What the answer says of it, with its new id."""
        shown = {name: self.given[name] for name in ("first_name", "last_name", "phone") if self.given.get(name)}
        return {"index": self.index, "id": lead_id(now, self.index), "email": self.email or None, **shown}

    def row(self, lead_id: str, workspace: str, place: Place, verification: int, now: float) -> tuple[Any, ...]:
        """Its row of the table."""
        in_campaign = place.campaign_id is not None
        return (
            lead_id,
            workspace,
            place.campaign_id,
            place.list_id,
            self.email,
            ACTIVE if in_campaign else IN_A_LIST,
            verification,
            now,
            now + FIRST_EMAIL_AFTER if in_campaign else None,
            _document(self.email, self.given, place),
        )


@dataclass(frozen=True)
class Lead:
    """One lead as it stands at the moment of reading."""

    row: sqlite3.Row

    @property
    def id(self) -> str:
        """Its UUID."""
        return str(self.row["id"])

    def document(self) -> dict[str, Any]:
        """The API's document. Keys that would be null are left out, as live."""
        row = self.row
        fields: dict[str, Any] = json.loads(row["document"])
        contacted = row["contacted_at"]
        last_step = {} if contacted is None else {"lastStep": {"timestamp_executed": timestamp(contacted)}}
        moments = {"timestamp_last_contact": contacted, "timestamp_last_reply": row["replied_at"]}
        return {
            "id": self.id,
            "timestamp_created": timestamp(row["created_at"]),
            "timestamp_updated": timestamp(row["replied_at"] or contacted or row["created_at"]),
            "organization": row["workspace"],
            "status": row["status"],
            "email_open_count": 0,
            "email_reply_count": int(row["replied_at"] is not None),
            "email_click_count": 0,
            "company_domain": row["email"].rpartition("@")[2],
            "status_summary": last_step,
            **({"campaign": row["campaign_id"]} if row["campaign_id"] else {}),
            **({"list_id": row["list_id"]} if row["list_id"] else {}),
            **fields,
            **{name: timestamp(moment) for name, moment in moments.items() if moment is not None},
            "verification_status": row["verification_status"],
            "upload_method": "api",
        }


def lead_id(now: float, index: int) -> str:
    """
    A UUID of version 7: lists are in the order of ids, and so in that of creation, also within a millisecond.

    :param now: seconds since the epoch.
    :param index: which lead of a request it is; below 4,096.
    """
    milliseconds, fraction = divmod(int(now * 1000 * 4096), 4096)
    number = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | index << 50 | secrets.randbits(50)
    return str(UUID(int=number))


def _document(email: str, lead: Mapping[str, Any], place: Place) -> str:
    """What the API says of a lead that never changes: its fields, and the same among its variables."""
    fields = {name: lead[name] for name in CORE if lead.get(name)} | ({"email": email} if email else {})
    payload = {variable: fields.get(name, "") for name, variable in CORE.items() if name in fields or name != "phone"}
    payload |= lead.get("custom_variables") or {}
    if place.list_id is not None:
        payload["list_id"] = place.list_id
    more = {name: lead[name] for name in ("lt_interest_status", "pl_value_lead", "assigned_to") if name in lead}
    return json.dumps({**fields, "payload": payload, **more}, ensure_ascii=False, separators=(",", ":"))


def _at_most(limit: float | None) -> int:
    """What SQL takes as a limit: the contract allows any number, be it a fraction, negative, or beyond all integers."""
    return -1 if limit is None else int(min(max(limit, 0), sys.maxsize))


def _conditions(workspace: str, asked: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """What narrows a list of leads, as conditions and their values."""
    where, values = ["workspace = ?"], [workspace]

    def narrow(condition: str, *given: Any) -> None:
        where.append(condition)
        values.extend(given)

    if campaign := asked.get("campaign"):
        narrow("campaign_id = ?", campaign.lower())
    if list_id := asked.get("list_id"):
        narrow("list_id = ?", list_id.lower())
    for name, column in (("in_campaign", "campaign_id"), ("in_list", "list_id")):
        if name in asked:
            narrow(f"{column} IS {'NOT NULL' if asked[name] else 'NULL'}")
    if search := asked.get("search"):
        narrow("instr(casefold(document), ?)", search.casefold())
    if asked.get("filter") in _FILTERS:
        narrow(_FILTERS[asked["filter"]])
    for name, column, negated in (("ids", "id", ""), ("excluded_ids", "id", "NOT "), ("contacts", "email", "")):
        if asked.get(name) is not None:
            narrow(f"{column} {negated}IN (SELECT value FROM json_each(?))", _lowered(asked[name]))  # noqa: S608
    return where, values


def _lowered(texts: Iterable[str]) -> str:
    return json.dumps([text.strip().lower() for text in texts])
