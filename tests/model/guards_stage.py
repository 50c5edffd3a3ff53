"""
The stage of stories with guards: its campaigns have senders and leads, so e-mails leave, bounce and are counted late.

The sandbox works all that out. The ledger also has what an answer about figures said, and which requests took effect.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.api.answers import MAX_ANSWER_BYTES, Answer
from airflow_provider_instantly.sandbox.accounts import NewAccount
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from airflow_provider_instantly.sandbox.scripts import Standing
from airflow_provider_instantly.sandbox.settings import Settings
from tests.model.stage import KEY_NAME, Exchange, Stage
from tests.statuses import ACTIVE

if TYPE_CHECKING:
    from airflow_provider_instantly.api.protocol import Request
    from tests.model.guards_schedule import GuardedSchedule, Mails

#: Persons and accounts, which are found wherever they leak. A domain alone may be named.
_DOMAIN: Final = "leaks.example.com"
LEAK: Final = re.compile(r"(person|sender)\d+(\+[a-z]+)?(@|%40|&#)")
SCOPES: Final = ("all:read", "campaigns:update", "leads:create", "accounts:all")
_SENDERS: Final = tuple(f"sender{n}@{_DOMAIN}" for n in range(3))
#: What a campaign needs to pass a check: one e-mail.
_FIELDS: Final = {
    "email_list": list(_SENDERS),
    "email_gap": 1,
    "random_wait_max": 1,
    "daily_limit": 50,
    "stop_on_reply": True,
    "sequences": [
        {"steps": [{"type": "email", "delay": 0, "variants": [{"subject": "Hello", "body": "<p>Hello there</p>"}]}]}
    ],
}
_DEFAULTS: Final = Settings()


def address(person: int, what: str = "") -> str:
    """
    Where a person is written to.

    :param person: who.
    :param what: what comes of each e-mail: ``bounce``, ``unsubscribe`` or nothing.
    """
    return f"person{person}{f'+{what}' if what else ''}@{_DOMAIN}"


@dataclass
class Shown(Exchange):
    """
    A request and what came of it.

    :param figures: for an answer about figures, its elements by campaign, or None where it is no such answer.
    :param took_effect: for a pause, whether the sandbox noted one.
    :param leads_before: for an upload, how many leads the campaign had before it.
    :param added: for an upload, how many leads it added.
    """

    figures: dict[str, dict[str, Any]] | None = None
    took_effect: bool = False
    leads_before: int = 0
    added: int = 0


class GuardedStage(Stage):
    """
    One story's world.

    :param schedule: what is to happen.
    """

    schedule: GuardedSchedule
    scopes = SCOPES
    exchange_kind = Shown

    def __init__(self, schedule: GuardedSchedule) -> None:
        self._paused: dict[str, int] = {}
        super().__init__(schedule)

    def _set(self) -> None:
        super()._set()
        sandbox, schedule = self.service.sandbox, self.schedule
        for part in (sandbox.leads, sandbox.accounts, sandbox.sending, sandbox.analytics):
            part._clock = self.clock  # type: ignore[assignment]
        sandbox.settings.analytics_lag = schedule.lag
        sandbox.settings.bounce_protect_rate = schedule.protect_rate
        for sender in _SENDERS:
            sandbox.accounts.save(NewAccount(DEFAULT_WORKSPACE, sender))
        for campaign_id, mails in zip(self.campaign_ids, schedule.mails, strict=False):
            sandbox.campaigns.change(campaign_id, DEFAULT_WORKSPACE, _FIELDS, "the story")
            self._let_run(campaign_id, mails)
        sandbox.store.commit()

    def _let_run(self, campaign_id: str, mails: Mails) -> None:
        sandbox, schedule = self.service.sandbox, self.schedule
        if not mails.leads:
            return
        kinds = ["bounce"] * mails.bouncing + ["unsubscribe"] * mails.unsubscribing + [""] * mails.leads
        leads = [{"email": address(n, kinds[n])} for n in range(mails.leads)]
        sandbox.campaigns.set_standing(campaign_id, Standing(ACTIVE, None), "the story")
        sandbox.leads.add(DEFAULT_WORKSPACE, {"campaign_id": campaign_id, "leads": leads}, None)
        self.clock.elapsed += mails.ran_for
        sandbox.sending.catch_up()
        sandbox.campaigns.set_standing(campaign_id, Standing(schedule.status, None), "the story")

    def _exchange(self, request: Request) -> Exchange:
        # What is due by now is in the truth, too.
        self.service.sandbox.sending.catch_up()
        exchange = super()._exchange(request)
        operations = {"/campaigns/analytics": "figures", "/leads/add": "add"}
        exchange.operation = operations.get(request.path, exchange.operation)
        if exchange.operation == "add":
            assert isinstance(exchange, Shown)
            exchange.campaign_id = json.loads(request.content or b"{}").get("campaign_id")
            exchange.leads_before = self._count_leads(exchange.campaign_id)
        return exchange

    def _count_leads(self, campaign_id: str | None) -> int:
        query = "SELECT COUNT(*) FROM leads WHERE campaign_id = ?"
        return int(self.service.sandbox.store.execute(query, (campaign_id,)).fetchone()[0])

    def after(self, exchange: Exchange, reaction: object) -> bool:
        """Note what came of it; say whether the process dies now."""
        assert isinstance(exchange, Shown)
        dies = super().after(exchange, reaction)
        if exchange.operation == "figures" and isinstance(reaction, Answer):
            exchange.figures = _figures_in(reaction)
            exchange.answered = exchange.figures is not None
            exchange.seen = {}
        return dies

    def _note_effects(self, exchange: Exchange) -> None:
        super()._note_effects(exchange)
        assert isinstance(exchange, Shown)
        if exchange.operation == "pause" and exchange.campaign_id is not None:
            history = self.service.sandbox.campaigns.history(exchange.campaign_id)
            made = sum(entry["effect"] == "paused" and entry["actor"] == KEY_NAME for entry in history)
            exchange.took_effect |= made > self._paused.get(exchange.campaign_id, 0)
            self._paused[exchange.campaign_id] = made
        if exchange.operation == "add":
            exchange.added = max(0, self._count_leads(exchange.campaign_id) - exchange.leads_before)

    def leads(self) -> dict[str, list[str]]:
        """Who is in each campaign."""
        rows = self.service.call(
            lambda: self.service.sandbox.store.execute("SELECT campaign_id, email FROM leads").fetchall()
        )
        found: dict[str, list[str]] = {campaign_id: [] for campaign_id in self.campaign_ids}
        for row in rows:
            found[row["campaign_id"]].append(row["email"])
        return found

    def emails(self) -> list[tuple[str, str]]:
        """The campaign and the lead of each e-mail that left in the story, and before it."""
        query = "SELECT campaign_id, lead_id FROM emails"
        rows = self.service.call(lambda: self.service.sandbox.store.execute(query).fetchall())
        return [(row["campaign_id"], row["lead_id"]) for row in rows]

    def end(self) -> None:
        """Leave the sandbox as other stories expect it."""
        settings = self.service.sandbox.settings
        settings.analytics_lag, settings.bounce_protect_rate = _DEFAULTS.analytics_lag, _DEFAULTS.bounce_protect_rate


def _figures_in(answer: Answer) -> dict[str, dict[str, Any]] | None:
    """The figures that an answer shows, read by other means than the provider's."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if answer.status != 200 or len(answer.body) > MAX_ANSWER_BYTES or not isinstance(document, list):
        return None
    if not all(isinstance(each, dict) for each in document):
        return None
    return {str(each.get("campaign_id")).lower(): each for each in document}
