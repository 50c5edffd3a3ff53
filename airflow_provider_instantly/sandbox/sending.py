"""
The e-mails of campaigns that send: when each leaves, and what comes of it. None leaves the sandbox.

Nothing runs in the background. Whatever asks for a campaign first has the time since the last request caught up.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.sandbox.leads import ACTIVE, BOUNCED, COMPLETED, UNSUBSCRIBED
from airflow_provider_instantly.sandbox.schedule import next_open
from airflow_provider_instantly.sandbox.scripts import ACTIVE as ACTIVE_CAMPAIGN
from airflow_provider_instantly.sandbox.scripts import BOUNCE_PROTECT, Standing, load_script, standing_at

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from airflow_provider_instantly.sandbox.accounts import Account, Accounts
    from airflow_provider_instantly.sandbox.campaigns import Campaign, Campaigns
    from airflow_provider_instantly.sandbox.clock import Clock
    from airflow_provider_instantly.sandbox.settings import Settings

_ACTOR: Final = "sending"
_COMPLETED_CAMPAIGN: Final = 3
_DAY: Final = 86_400.0
_UNITS: Final[Mapping[str, float]] = {"minutes": 60.0, "hours": 3600.0, "days": _DAY}
#: Minutes between two e-mails of an account, and up to so many more: 9 to 14 were seen live.
_GAP: Final = 9.0
_RANDOM_WAIT: Final = 5.0
#: Seconds after an e-mail, from and to, in which what comes of it shows. A bounce took 4 s to 7 min live.
_BOUNCES_AFTER: Final = (4.0, 420.0)
_ANSWERS_AFTER: Final = (600.0, 7200.0)
#: Seconds from a lead's last e-mail until the lead is Completed, as seen live.
_COMPLETED_AFTER: Final = 370.0
#: Bounces stop a campaign from so many e-mails on, where the settings say so.
_JUDGED_FROM: Final = 20
#: Seconds, on the sandbox's clock, that are not worth going through all campaigns.
_GRAIN: Final = 1.0


@dataclass(frozen=True)
class _Outcome:
    """
    What comes of an e-mail.

    :param column: what is noted of the e-mail: ``bounced_at``, ``replied_at``, ``unsubscribed_at``, or None.
    :param after: seconds after the e-mail.
    :param status: the lead's status from then on, or None where it gets its next e-mail.
    """

    column: str | None = None
    after: float = 0.0
    status: int | None = None


class Sending:
    """
    Lets e-mails leave by schedule, gap and daily limit.

    Nothing is committed here: the caller commits when the request is done.
    """

    def __init__(
        self, store: sqlite3.Connection, clock: Clock, settings: Settings, campaigns: Campaigns, accounts: Accounts
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._campaigns = campaigns
        self._accounts = accounts
        self._caught_up = -math.inf

    def catch_up(self) -> None:
        """Let happen what has happened since the last time."""
        now = self._clock.now()
        if 0 <= now - self._caught_up < _GRAIN:
            return
        self._caught_up = now
        for row in self._store.execute("SELECT id, sent_until FROM campaigns WHERE sends").fetchall():
            if row["sent_until"] < now:
                self._catch_up(self._campaigns.get(row["id"]), now)

    def emails(self, campaign_id: str, limit: int) -> list[dict[str, Any]]:
        """
        The e-mails of a campaign, the oldest first, with the lead's address and what came of each until now.

        :param campaign_id: the campaign.
        :param limit: at most so many.
        """
        now = self._clock.now()
        rows = self._store.execute(
            "SELECT emails.*, leads.email AS lead FROM emails LEFT JOIN leads ON leads.id = lead_id"
            " WHERE emails.campaign_id = ? ORDER BY sent_at, emails.id LIMIT ?",
            (campaign_id.lower(), limit),
        )
        outcomes = ("bounced_at", "replied_at", "unsubscribed_at")
        return [
            {name: None if name in outcomes and (value or 0) > now else value for name, value in dict(row).items()}
            for row in rows
        ]

    def _catch_up(self, campaign: Campaign, now: float) -> None:
        document = campaign.document()
        senders = self._accounts.senders(campaign.row["workspace"], document)
        while senders and self._send_one(campaign, document, senders, now):
            pass
        self._store.execute("UPDATE campaigns SET sent_until = ? WHERE id = ?", (now, campaign.id))
        self._store.execute(
            "UPDATE leads SET status = ends_as, ends_at = NULL, replied_at ="
            " (SELECT MAX(replied_at) FROM emails WHERE lead_id = leads.id AND replied_at <= ?)"
            " WHERE campaign_id = ? AND ends_at <= ?",
            (now, campaign.id, now),
        )
        self._judge(campaign, now)

    def _send_one(self, campaign: Campaign, document: Mapping[str, Any], senders: list[Account], now: float) -> bool:
        """Send the next e-mail, if its time has come."""
        lead = self._store.execute(
            "SELECT * FROM leads WHERE campaign_id = ? AND status = ? AND due_at <= ? ORDER BY due_at, id LIMIT 1",
            (campaign.id, ACTIVE, now),
        ).fetchone()
        if lead is None:
            return False
        earliest = max(lead["due_at"], campaign.row["sent_until"])
        slots = [(self._slot(campaign, document, sender, earliest, now), sender) for sender in senders]
        moment, sender = min(slots, key=lambda slot: slot[0])
        if moment > now:
            return False
        self._send(campaign, document, lead, sender, moment)
        return True

    def _slot(
        self, campaign: Campaign, document: Mapping[str, Any], sender: Account, earliest: float, now: float
    ) -> float:
        """When the account may send the campaign's next e-mail; later than now where it is not yet known when."""
        never = now + 1.0
        moment = max(earliest, self._free_at(campaign, sender))
        while moment <= now:
            active = _next_active(campaign, moment)
            opens = None if active is None else next_open(document.get("campaign_schedule"), active)
            if opens is None:
                return never
            limited = self._within_limits(campaign, document, sender, opens)
            if limited == moment:
                return moment
            moment = limited
        return never

    def _free_at(self, campaign: Campaign, sender: Account) -> float:
        query = "SELECT free_at FROM accounts WHERE workspace = ? AND email = ?"
        found = self._store.execute(query, (campaign.row["workspace"], sender.email)).fetchone()
        return float(found["free_at"])

    def _within_limits(self, campaign: Campaign, document: Mapping[str, Any], sender: Account, moment: float) -> float:
        """The moment itself, or the next midnight where a daily limit is reached."""
        midnight = moment - moment % _DAY
        for column, value, limit in (
            ("campaign_id", campaign.id, document.get("daily_limit")),
            ("account", sender.email, sender.fields.get("daily_limit")),
        ):
            query = f"SELECT COUNT(*) FROM emails WHERE {column} = ? AND sent_at >= ? AND sent_at < ?"  # noqa: S608
            (sent,) = self._store.execute(query, (value, midnight, midnight + _DAY)).fetchone()
            if limit and sent >= limit:
                return midnight + _DAY
        return moment

    def _send(
        self, campaign: Campaign, document: Mapping[str, Any], lead: sqlite3.Row, sender: Account, moment: float
    ) -> None:
        steps = _steps(document)
        number = lead["next_step"]
        variant = _variant(steps[number], campaign.id, lead["email"], str(number))
        cursor = self._store.execute(
            "INSERT INTO emails (workspace, campaign_id, lead_id, account, step, variant, sent_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (campaign.row["workspace"], campaign.id, lead["id"], sender.email, number, variant, moment),
        )
        outcome = self._outcome(campaign, document, lead, number)
        if outcome.column is not None:
            query = f"UPDATE emails SET {outcome.column} = ? WHERE id = ?"  # noqa: S608
            self._store.execute(query, (moment + outcome.after, cursor.lastrowid))
        self._go_on_with(lead, steps, outcome, moment)
        self._let_rest(sender, document, moment)

    def _go_on_with(self, lead: sqlite3.Row, steps: list[Mapping[str, Any]], outcome: _Outcome, moment: float) -> None:
        """Note when a lead gets its next e-mail, or when and how it is done."""
        number = lead["next_step"]
        ends_at = ends_as = due_at = None
        if outcome.status is not None:
            ends_at, ends_as = moment + outcome.after, outcome.status
        elif number + 1 < len(steps):
            delay = float(steps[number].get("delay") or 0) * _UNITS[steps[number].get("delay_unit", "days")]
            due_at, number = moment + delay, number + 1
        else:
            ends_at, ends_as = moment + _COMPLETED_AFTER, COMPLETED
        self._store.execute(
            "UPDATE leads SET contacted_at = ?, ends_at = ?, ends_as = ?, due_at = ?, next_step = ? WHERE id = ?",
            (moment, ends_at, ends_as, due_at, number, lead["id"]),
        )

    def _let_rest(self, sender: Account, document: Mapping[str, Any], moment: float) -> None:
        """Note from when on an account may send again."""
        gap = document.get("email_gap") or _GAP
        wait = document.get("random_wait_max") or _RANDOM_WAIT
        free_at = moment + 60.0 * (gap + wait * _share("gap", sender.email, str(moment)))
        self._store.execute(
            "UPDATE accounts SET free_at = ? WHERE workspace = ? AND email = ?",
            (free_at, sender.row["workspace"], sender.email),
        )

    def _outcome(self, campaign: Campaign, document: Mapping[str, Any], lead: sqlite3.Row, step: int) -> _Outcome:
        """What comes of an e-mail: as the lead's address says, or by chance, the same in each run."""
        settings, email = self._settings, lead["email"]
        place = (campaign.id, email, str(step))
        if _happens("bounce", email, settings.bounce_rate, *place):
            return _Outcome("bounced_at", _between(*_BOUNCES_AFTER, "bounce", *place), BOUNCED)
        if _happens("unsubscribe", email, settings.unsubscribe_rate, *place):
            return _Outcome("unsubscribed_at", _between(*_ANSWERS_AFTER, "unsubscribe", *place), UNSUBSCRIBED)
        if _happens("reply", email, settings.reply_rate, *place):
            ends = document.get("stop_on_reply") is not False
            return _Outcome("replied_at", _between(*_ANSWERS_AFTER, "reply", *place), COMPLETED if ends else None)
        return _Outcome()

    def _judge(self, campaign: Campaign, now: float) -> None:
        """Stop or complete a campaign as Instantly would."""
        if self._campaigns.get(campaign.id).standing.status != ACTIVE_CAMPAIGN:
            return
        (sent, bounced) = self._store.execute(
            "SELECT COUNT(*), SUM(bounced_at <= ?) FROM emails WHERE campaign_id = ?", (now, campaign.id)
        ).fetchone()
        rate = self._settings.bounce_protect_rate
        if rate is not None and sent >= _JUDGED_FROM and bounced > rate * sent:
            self._campaigns.set_standing(campaign.id, Standing(BOUNCE_PROTECT, None), _ACTOR)
            return
        query = "SELECT 1 FROM leads WHERE campaign_id = ? AND status = ? LIMIT 1"
        if sent and self._store.execute(query, (campaign.id, ACTIVE)).fetchone() is None:
            self._campaigns.set_standing(campaign.id, Standing(_COMPLETED_CAMPAIGN, None), _ACTOR)
            self._store.execute("UPDATE campaigns SET sends = 0 WHERE id = ?", (campaign.id,))


def _next_active(campaign: Campaign, moment: float) -> float | None:
    """The moment itself where the campaign is Active, else when its script makes it so, or None."""
    row = campaign.row
    base = Standing(row["status"], row["not_sending_status"])

    def is_active(at: float) -> bool:
        return standing_at(base, row["script"], row["started_at"], at).status == ACTIVE_CAMPAIGN

    if is_active(moment):
        return moment
    if row["script"] is None or row["started_at"] is None:
        return None
    # A little later than the step, which a rounding error could else put before it.
    later = (row["started_at"] + step.after + 1e-6 for step in load_script(row["script"]))
    return next((at for at in later if at > moment and is_active(at)), None)


def _steps(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The steps of the only sequence that is used; a campaign without one sends one e-mail."""
    sequences = document.get("sequences") or [{}]
    return list(sequences[0].get("steps") or [{}])


def _variant(step: Mapping[str, Any], *place: str) -> int:
    """The number of the variant that is sent, among all of the step."""
    enabled = [index for index, variant in enumerate(step.get("variants") or [{}]) if not variant.get("v_disabled")]
    return enabled[int(_share("variant", *place) * len(enabled))] if enabled else 0


def _happens(what: str, email: str, rate: float, *place: str) -> bool:
    """Whether it happens: always to an address whose first part ends with ``+bounce``, and so on."""
    return email.partition("@")[0].endswith(f"+{what}") or _share(what, *place) < rate


def _between(low: float, high: float, *place: str) -> float:
    return low + (high - low) * _share("time", *place)


def _share(*place: str) -> float:
    """A number from 0 to 1, always the same for the same place."""
    digest = hashlib.sha256("\0".join(place).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
