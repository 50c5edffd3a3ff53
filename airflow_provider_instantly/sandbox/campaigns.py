"""The campaigns: how they are kept, how their status changes, and how the API writes them."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.sandbox.clock import Clock, timestamp
from airflow_provider_instantly.sandbox.scripts import (
    ACTIVE,
    DRAFT,
    PAUSED,
    RUNNING_SUBSEQUENCES,
    STOPPED,
    Script,
    Standing,
    dump_script,
    standing_at,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_instantly.sandbox.settings import Settings

#: Sends at any time, so that a campaign without a schedule of its own is never outside of it.
ALWAYS_OPEN = {
    "schedules": [
        {
            "name": "Always",
            "timing": {"from": "00:00", "to": "23:59"},
            "days": {str(day): True for day in range(7)},
            "timezone": "Etc/GMT+12",
        }
    ]
}

_NEW = Standing(DRAFT, None)
_INSERT = """
INSERT INTO campaigns
    (id, workspace, name, status, not_sending_status, script, started_at, tags, sending_status, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class CampaignNotFoundError(Exception):
    """The workspace has no campaign of that id."""


@dataclass(frozen=True)
class NewCampaign:
    """
    A campaign to be created.

    :param workspace: the workspace that it belongs to.
    :param name: its name.
    :param fields: further fields of the API's document; None values are left out, as live.
    :param standing: its status at first.
    :param script: what becomes of it after an activation; None for the default script.
    :param running: whether the script starts at once.
    :param tags: ids of its tags, for the list's ``tag_ids``.
    :param sending_status: the answer about its sending status, or None to have it derived from the status.
    :param id: its UUID.
    """

    workspace: str
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    standing: Standing = _NEW
    script: Script | None = None
    running: bool = False
    tags: Sequence[str] = ()
    sending_status: Mapping[str, Any] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Filter:
    """
    Which campaigns a list holds.

    :param search: a part of the name, in any case.
    :param tags: at least one of these tags.
    :param ai_sales_agent: the id of the sales agent that made it.
    :param status: only this status.
    :param exclude_status: any but this status.
    """

    search: str | None = None
    tags: frozenset[str] = frozenset()
    ai_sales_agent: str | None = None
    status: int | None = None
    exclude_status: int | None = None


@dataclass(frozen=True)
class Campaign:
    """One campaign as it stands at the moment of reading."""

    row: sqlite3.Row
    standing: Standing

    @property
    def id(self) -> str:
        """Its UUID."""
        return str(self.row["id"])

    def json(self, *, with_reason: bool = False) -> str:
        """
        The API's document, as text. It is put together and not encoded, because lists are read often.

        :param with_reason: include ``not_sending_status``, which only ``GET /campaigns/{id}`` does.
        """
        reason = self.standing.not_sending_status
        extra = f'"not_sending_status":{reason},' if with_reason and reason is not None else ""
        return f'{{"id":"{self.id}","status":{self.standing.status},{extra}{self.row["document"][1:]}'

    def as_active(self) -> Campaign:
        """The same campaign, said to be Active."""
        return replace(self, standing=Standing(ACTIVE, None))

    def document(self) -> dict[str, Any]:
        """The API's document without its status."""
        fields: dict[str, Any] = json.loads(self.row["document"])
        return fields


class Campaigns:
    """
    All campaigns of all workspaces.

    Nothing is committed here: the caller commits when the request is done.
    """

    def __init__(self, store: sqlite3.Connection, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    def create(self, new: Sequence[NewCampaign], actor: str) -> list[str]:
        """Create campaigns and return their ids."""
        now = self._clock.now()
        self._store.executemany(_INSERT, (_row(campaign, now) for campaign in new))
        self._store.executemany(
            "INSERT INTO effects (at, campaign_id, effect, to_status, actor) VALUES (?, ?, 'created', ?, ?)",
            ((now, campaign.id, campaign.standing.status, actor) for campaign in new),
        )
        return [campaign.id for campaign in new]

    def ensure(self, campaigns: Sequence[NewCampaign], actor: str) -> None:
        """Create those campaigns whose id is not taken."""
        self.create([campaign for campaign in campaigns if not self.has(campaign.id)], actor)

    def has(self, campaign_id: str) -> bool:
        """Whether there is a campaign of that id."""
        query = "SELECT 1 FROM campaigns WHERE id = ?"
        return self._store.execute(query, (campaign_id.lower(),)).fetchone() is not None

    def get(self, campaign_id: str, workspace: str | None = None) -> Campaign:
        """
        Read one campaign.

        :param campaign_id: its UUID, in any case.
        :param workspace: the workspace that it must belong to, or None for any.
        :raises CampaignNotFoundError: if there is none.
        """
        row = self._store.execute("SELECT * FROM campaigns WHERE id = ?", (campaign_id.lower(),)).fetchone()
        if row is None or workspace not in (None, row["workspace"]):
            raise CampaignNotFoundError(campaign_id)
        return self._read_row(row, self._clock.now())

    def read(
        self,
        workspace: str | None,
        where: Filter,
        starting_after: str | None = None,
    ) -> Iterator[Campaign]:
        """
        Read campaigns in the order of the API's lists: by id, descending (as recorded live).

        :param workspace: the workspace, or None for all.
        :param where: which of them.
        :param starting_after: the cursor: only those behind it.
        """
        conditions, values = ["1"], []
        for condition, value in (
            ("workspace = ?", workspace),
            ("id < ?", starting_after or None),
            ("instr(casefold(name), ?)", where.search.casefold() if where.search else None),
            ("(started_at IS NOT NULL OR status = ?)", where.status),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        now = self._clock.now()
        rows = self._store.execute(
            f"SELECT * FROM campaigns WHERE {' AND '.join(conditions)} ORDER BY id DESC",  # noqa: S608
            values,
        )
        for row in rows:
            campaign = self._read_row(row, now)
            if _matches(campaign, where):
                yield campaign

    def page(self, search: str | None, limit: int, offset: int) -> tuple[list[Campaign], int]:
        """
        A page of the campaigns of all workspaces, the newest first, as people leaf through them.

        :param search: a part of the name, in any case, or None for all.
        :param limit: how many a page holds.
        :param offset: how many lie before it.
        :return: the page, and how many campaigns there are on all pages.
        """
        wanted = {"search": (search or "").casefold(), "limit": limit, "offset": offset}
        found = "FROM campaigns WHERE :search = '' OR instr(casefold(name), :search)"
        now = self._clock.now()
        rows = self._store.execute(f"SELECT * {found} ORDER BY rowid DESC LIMIT :limit OFFSET :offset", wanted)
        page = [self._read_row(row, now) for row in rows]
        return page, int(self._store.execute(f"SELECT COUNT(*) {found}", wanted).fetchone()[0])

    def activate(self, campaign_id: str, workspace: str, actor: str) -> Campaign:
        """
        Activate a campaign, whatever its status: also one that was stopped, which is the danger.

        Its script starts, again if need be. Until the script's first step it is read as it was before.
        """
        before = self.get(campaign_id, workspace)
        script = before.row["script"] or dump_script(self._settings.default_script)
        base = before.standing if script else Standing(ACTIVE, None)
        self._set(before, base, script=script, started_at=self._clock.now() if script else None)
        return self._done(before, "activated", actor, touch=True)

    def pause(self, campaign_id: str, workspace: str | None, actor: str) -> Campaign:
        """Pause a campaign, whatever its status. Its script stops."""
        before = self.get(campaign_id, workspace)
        self._set(before, Standing(PAUSED, None), script=before.row["script"], started_at=None)
        return self._done(before, "paused", actor, touch=True)

    def set_standing(self, campaign_id: str, standing: Standing, actor: str) -> Campaign:
        """Set a status at once, as the service itself would. Its script stops."""
        before = self.get(campaign_id)
        self._set(before, standing, script=before.row["script"], started_at=None)
        return self._done(before, "stopped" if standing.status in STOPPED else "status_set", actor)

    def set_script(self, campaign_id: str, script: Script | None, *, start: bool) -> Campaign:
        """Give a campaign another script, and start it if asked to; one that runs stops."""
        before = self.get(campaign_id)
        started_at = self._clock.now() if start and script else None
        self._set(before, before.standing, script=dump_script(script), started_at=started_at)
        return self.get(campaign_id)

    def set_tags(self, campaign_id: str, tags: Sequence[str]) -> None:
        """Give a campaign other tags."""
        self._store.execute("UPDATE campaigns SET tags = ? WHERE id = ?", (json.dumps(list(tags)), campaign_id))

    def set_sending_status(self, campaign_id: str, document: Mapping[str, Any] | None) -> None:
        """Set the answer about its sending status; None to have it derived from the status again."""
        text = None if document is None else json.dumps(document)
        self._store.execute("UPDATE campaigns SET sending_status = ? WHERE id = ?", (text, campaign_id))

    def change(self, campaign_id: str, workspace: str | None, fields: Mapping[str, Any], actor: str) -> Campaign:
        """Change fields of the API's document; None removes one, as live answers leave it out."""
        before = self.get(campaign_id, workspace)
        document = before.document()
        document.update(fields)
        self._write(before.id, document)
        return self._done(before, "patched", actor, touch=True)

    def duplicate(self, campaign_id: str, workspace: str, name: str | None, actor: str) -> Campaign:
        """Copy a campaign, its script included. The copy is a draft."""
        original = self.get(campaign_id, workspace)
        fields = original.document()
        name = name or f"{fields['name']} (copy)"
        copy = NewCampaign(workspace=original.row["workspace"], name=name, fields=fields)
        self.create([copy], actor)
        self._store.execute(
            "UPDATE campaigns SET script = ?, tags = ? WHERE id = ?",
            (original.row["script"], original.row["tags"], copy.id),
        )
        return self.get(copy.id)

    def delete(self, campaign_id: str, workspace: str | None, actor: str) -> Campaign:
        """Delete a campaign and return it as it was. What happened to it stays known."""
        before = self.get(campaign_id, workspace)
        self._store.execute("DELETE FROM campaigns WHERE id = ?", (before.id,))
        self._record(before, "deleted", None, actor)
        return before

    def delete_all(self) -> None:
        """Delete all campaigns, what happened to them, and whom they write to and from."""
        for table in ("campaigns", "effects", "leads", "emails", "blocked", "accounts", "jobs"):
            self._store.execute(f"DELETE FROM {table}")  # noqa: S608

    def history(self, campaign_id: str) -> list[dict[str, Any]]:
        """What was done to a campaign, oldest first, also if it is deleted."""
        rows = self._store.execute("SELECT * FROM effects WHERE campaign_id = ? ORDER BY id", (campaign_id.lower(),))
        return [dict(row) for row in rows]

    def activations(self) -> list[dict[str, Any]]:
        """How often each campaign was activated, and how often of these it was what the service had stopped."""
        rows = self._store.execute(
            "SELECT campaign_id, SUM(effect = 'activated') AS count,"
            " SUM(from_status IN (-1, -2, -99) OR to_status IN (-1, -2, -99)) AS stops"
            " FROM effects GROUP BY campaign_id HAVING count > 0 ORDER BY campaign_id"
        ).fetchall()
        return [
            {
                "campaign_id": row["campaign_id"],
                "count": row["count"],
                "of_stopped": _of_stopped(self.history(row["campaign_id"])) if row["stops"] else 0,
            }
            for row in rows
        ]

    def activations_of(self, campaign_id: str) -> int:
        """How often a campaign was activated."""
        query = "SELECT COUNT(*) FROM effects WHERE campaign_id = ? AND effect = 'activated'"
        return int(self._store.execute(query, (campaign_id,)).fetchone()[0])

    def totals(self) -> dict[int, int]:
        """How many campaigns there are of each status."""
        totals: dict[int, int] = {}
        for status, count in self._store.execute(
            "SELECT status, COUNT(*) FROM campaigns WHERE started_at IS NULL GROUP BY status"
        ):
            totals[status] = count
        now = self._clock.now()
        for row in self._store.execute(
            "SELECT status, not_sending_status, script, started_at FROM campaigns WHERE started_at IS NOT NULL"
        ):
            status = _standing(row, now).status
            totals[status] = totals.get(status, 0) + 1
        return totals

    def _read_row(self, row: sqlite3.Row, now: float) -> Campaign:
        return Campaign(row, _standing(row, now))

    def _set(self, before: Campaign, base: Standing, *, script: str | None, started_at: float | None) -> None:
        self._store.execute(
            "UPDATE campaigns SET status = ?, not_sending_status = ?, script = ?, started_at = ? WHERE id = ?",
            (base.status, base.not_sending_status, script, started_at, before.id),
        )

    def _write(self, campaign_id: str, document: dict[str, Any]) -> None:
        self._store.execute(
            "UPDATE campaigns SET name = ?, document = ? WHERE id = ?",
            (document["name"], _encoded(document), campaign_id),
        )

    def _done(self, before: Campaign, effect: str, actor: str, *, touch: bool = False) -> Campaign:
        """Record what was done, and read the campaign again."""
        if touch:
            document = self.get(before.id).document()
            document["timestamp_updated"] = timestamp(self._clock.now())
            self._write(before.id, document)
        after = self.get(before.id)
        self._record(before, effect, after.standing.status, actor)
        return after

    def _record(self, before: Campaign, effect: str, to_status: int | None, actor: str) -> None:
        self._store.execute(
            "INSERT INTO effects (at, campaign_id, effect, from_status, to_status, actor) VALUES (?, ?, ?, ?, ?, ?)",
            (self._clock.now(), before.id, effect, before.standing.status, to_status, actor),
        )


def _of_stopped(history: Iterable[Mapping[str, Any]]) -> int:
    """How many activations were of a stopped campaign. One that was paused since is as dangerous."""
    count, is_stopped = 0, False
    for effect in history:
        is_stopped = _is_stopped(effect["from_status"], is_stopped)
        if effect["effect"] == "activated":
            count += is_stopped
            is_stopped = False
        else:
            is_stopped = _is_stopped(effect["to_status"], is_stopped)
    return count


def _is_stopped(status: int | None, was_stopped: bool) -> bool:
    """Whether a campaign of this status is one that the service stopped, and that has not run since."""
    if status in STOPPED:
        return True
    return was_stopped and status not in (ACTIVE, RUNNING_SUBSEQUENCES)


def _standing(row: sqlite3.Row, now: float) -> Standing:
    base = Standing(row["status"], row["not_sending_status"])
    return standing_at(base, row["script"], row["started_at"], now)


def _matches(campaign: Campaign, where: Filter) -> bool:
    """What the query could not decide."""
    status = campaign.standing.status
    if where.status not in (None, status) or where.exclude_status == status:
        return False
    if where.tags and where.tags.isdisjoint(json.loads(campaign.row["tags"])):
        return False
    return where.ai_sales_agent is None or campaign.document().get("ai_sdr_id") == where.ai_sales_agent


def _row(new: NewCampaign, now: float) -> tuple[Any, ...]:
    created = timestamp(now)
    document = {
        "campaign_schedule": ALWAYS_OPEN,
        "open_tracking": False,
        **new.fields,
        "name": new.name,
        "organization": new.workspace,
        "timestamp_created": created,
        "timestamp_updated": created,
    }
    return (
        new.id.lower(),
        new.workspace,
        new.name,
        new.standing.status,
        new.standing.not_sending_status,
        dump_script(new.script),
        now if new.running and new.script else None,
        json.dumps(list(new.tags)),
        None if new.sending_status is None else json.dumps(new.sending_status),
        _encoded(document),
    )


def _encoded(document: Mapping[str, Any]) -> str:
    """The document as it is kept: without id and status, which are put in when it is read, and without nulls."""
    kept = {
        name: value
        for name, value in document.items()
        if value is not None and name not in ("id", "status", "not_sending_status")
    }
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
