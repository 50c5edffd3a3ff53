"""Leads: taken in, counted and reported, but never written to."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NONE_SENT = (
    "new_leads_contacted_count",
    "open_count",
    "open_count_unique",
    "reply_count",
    "reply_count_unique",
    "link_click_count",
    "link_click_count_unique",
    "bounced_count",
    "unsubscribed_count",
    "completed_count",
    "total_opportunities",
    "total_opportunity_value",
)


class Leads:
    """
    The leads of all workspaces.

    Nothing is committed here: the caller commits when the request is done.
    """

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store

    def add(self, workspace: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """
        Add the leads that are new and have an address, and say what became of the others.

        :param workspace: the workspace.
        :param request: the body of ``POST /leads/add``.
        """
        place = (_id(request.get("campaign_id")), _id(request.get("list_id")))
        fates = dict.fromkeys(
            ("duplicated_leads", "skipped_count", "invalid_email_count", "incomplete_count", "duplicate_email_count"),
            0,
        )
        created: list[dict[str, Any]] = []
        seen: set[str] = set()
        for index, lead in enumerate(request["leads"]):
            email = (lead.get("email") or "").strip().lower()
            fate = self._fate(workspace, place, email, seen, bool(request.get("skip_if_in_workspace")))
            seen.add(email)
            if fate is not None:
                fates[fate] += 1
                continue
            lead_id = str(uuid.uuid4())
            self._store.execute("INSERT INTO leads VALUES (?, ?, ?, ?, ?)", (lead_id, workspace, *place, email))
            names = {name: lead[name] for name in ("first_name", "last_name", "phone") if lead.get(name)}
            created.append({"index": index, "id": lead_id, "email": email, **names})
        return {
            "status": "success",
            "total_sent": len(request["leads"]),
            "leads_uploaded": len(created),
            "in_blocklist": 0,
            "blocklist_used": None,
            **fates,
            "remaining_in_plan": None,
            "created_leads": created,
        }

    def count(self, campaign_id: str) -> int:
        """How many leads a campaign has."""
        query = "SELECT COUNT(*) FROM leads WHERE campaign_id = ?"
        return int(self._store.execute(query, (campaign_id,)).fetchone()[0])

    def _fate(
        self, workspace: str, place: tuple[str | None, str | None], email: str, seen: set[str], anywhere: bool
    ) -> str | None:
        """The counter that counts the lead, or None if it is to be added."""
        if not email:
            return "incomplete_count"
        if not _EMAIL.fullmatch(email):
            return "invalid_email_count"
        if email in seen:
            return "duplicate_email_count"
        found = [
            (row["campaign_id"], row["list_id"])
            for row in self._store.execute(
                "SELECT campaign_id, list_id FROM leads WHERE workspace = ? AND email = ?", (workspace, email)
            )
        ]
        if place in found:
            return "duplicated_leads"
        return "skipped_count" if found and anywhere else None


def _id(given: str | None) -> str | None:
    """A UUID as it is kept: it is the same one in upper case."""
    return None if given is None else given.lower()


def analytics(campaign_id: str, name: str, status: int, leads: int) -> dict[str, Any]:
    """
    One element of the answer of ``GET /campaigns/analytics``: as if each lead had got its first e-mail.

    :param campaign_id: the campaign.
    :param name: its name.
    :param status: its status.
    :param leads: how many leads it has.
    """
    return {
        "campaign_name": name,
        "campaign_id": campaign_id,
        "campaign_status": status,
        "campaign_is_evergreen": False,
        "leads_count": leads,
        "contacted_count": leads,
        "emails_sent_count": leads,
        **dict.fromkeys(_NONE_SENT, 0),
    }
