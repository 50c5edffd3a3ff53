"""The sending accounts of each workspace, their warm-up, and what their domains publish."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.sandbox.clock import Clock, timestamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

CHECKS: Final = ("mx", "spf", "dkim", "dmarc")
#: An account that has been warmed up and works.
_HEALTHY: Final[Mapping[str, Any]] = {
    "first_name": "Sandbox",
    "last_name": "Sender",
    "warmup_status": 1,
    "provider_code": 2,
    "setup_pending": False,
    "is_managed_account": False,
    "status": 1,
    "stat_warmup_score": 100,
    "daily_limit": 30,
}
_DAY: Final = 86_400.0


class AccountNotFoundError(Exception):
    """The workspace has no account of that address."""


@dataclass(frozen=True)
class NewAccount:
    """
    An account to be created, or the place of one of the same address.

    :param workspace: the workspace that it belongs to.
    :param email: its address.
    :param fields: fields of the API's document, beside those of a healthy account.
    :param tags: ids of its tags, which a campaign's ``email_tag_list`` may name.
    :param age_days: for how many days it has been there and warmed up.
    :param failing: which of ``mx``, ``spf``, ``dkim`` and ``dmarc`` its domain lacks.
    """

    workspace: str
    email: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    age_days: float = 30.0
    failing: Sequence[str] = ()


@dataclass(frozen=True)
class Account:
    """One sending account as it stands at the moment of reading."""

    row: sqlite3.Row

    @property
    def email(self) -> str:
        """Its address."""
        return str(self.row["email"])

    @property
    def tags(self) -> frozenset[str]:
        """The ids of its tags."""
        return frozenset(json.loads(self.row["tags"]))

    @property
    def fields(self) -> dict[str, Any]:
        """What the API says of it, without its dates."""
        found: dict[str, Any] = json.loads(self.row["document"])
        return found

    @property
    def may_send(self) -> bool:
        """Whether e-mails leave from it."""
        fields = self.fields
        return fields.get("status") == 1 and not fields.get("setup_pending")

    @property
    def cursor(self) -> str:
        """Where a list goes on behind it."""
        return f"{timestamp(self.row['created_at'])}&{self.email}"

    def document(self, *, with_tags: bool = False) -> dict[str, Any]:
        """The API's document."""
        created = timestamp(self.row["created_at"])
        tags = {"tags": [{"id": tag, "label": tag} for tag in sorted(self.tags)]} if with_tags else {}
        return {
            "email": self.email,
            "timestamp_created": created,
            "timestamp_updated": created,
            "organization": self.row["workspace"],
            **self.fields,
            **tags,
        }


class Accounts:
    """
    The sending accounts of all workspaces.

    Nothing is committed here: the caller commits when the request is done.
    """

    def __init__(self, store: sqlite3.Connection, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def save(self, new: NewAccount) -> None:
        """Create an account, or replace the one of the same address."""
        now = self._clock.now()
        created = now - new.age_days * _DAY
        fields = {**_HEALTHY, "timestamp_warmup_start": timestamp(created), **new.fields}
        self._store.execute(
            "INSERT OR REPLACE INTO accounts (workspace, email, created_at, tags, failing, document)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                new.workspace,
                new.email.lower(),
                created,
                json.dumps(list(new.tags)),
                json.dumps(list(new.failing)),
                json.dumps({name: value for name, value in fields.items() if value is not None}),
            ),
        )

    def remove(self, workspace: str, email: str) -> bool:
        """Remove an account; False if there is none of that address."""
        query = "DELETE FROM accounts WHERE workspace = ? AND email = ?"
        return self._store.execute(query, (workspace, email.lower())).rowcount > 0

    def get(self, workspace: str, email: str) -> Account:
        """
        Read one account.

        :raises AccountNotFoundError: if there is none.
        """
        query = "SELECT * FROM accounts WHERE workspace = ? AND email = ?"
        row = self._store.execute(query, (workspace, email.lower())).fetchone()
        if row is None:
            raise AccountNotFoundError(email)
        return Account(row)

    def read(self, workspace: str, asked: Mapping[str, Any]) -> Iterator[Account]:
        """
        The accounts of a workspace, the newest first.

        :param workspace: the workspace.
        :param asked: the query of ``GET /accounts``.
        """
        search = (asked.get("search") or "").lower()
        any_of = _split(asked.get("tag_ids"))
        all_of = _split(asked.get("tag_ids_all"))
        behind = asked.get("starting_after") or None
        query = "SELECT * FROM accounts WHERE workspace = ?"
        found = map(Account, self._store.execute(query, (workspace,)))
        # By the cursor itself, whose time is rounded.
        for account in sorted(found, key=lambda account: account.cursor, reverse=True):
            if behind is not None and account.cursor >= behind:
                continue
            if search not in account.email or (any_of and account.tags.isdisjoint(any_of)):
                continue
            if not all_of <= account.tags or asked.get("status", account.fields["status"]) != account.fields["status"]:
                continue
            yield account

    def senders(self, workspace: str, campaign: Mapping[str, Any]) -> list[Account]:
        """
        The accounts that e-mails of a campaign leave from.

        :param workspace: the workspace.
        :param campaign: the campaign's document.
        """
        return [account for account in self.named(workspace, campaign) if account.may_send]

    def named(self, workspace: str, campaign: Mapping[str, Any]) -> list[Account]:
        """
        The accounts that a campaign names, also those that cannot send.

        :param workspace: the workspace.
        :param campaign: the campaign's document: its ``email_list`` and ``email_tag_list`` name them.
        """
        named = {email.lower() for email in campaign.get("email_list") or ()}
        tags = frozenset(campaign.get("email_tag_list") or ())
        return [
            account
            for account in self.read(workspace, {})
            if account.email in named or not account.tags.isdisjoint(tags)
        ]

    def warmup(self, workspace: str, emails: Iterable[str]) -> dict[str, Any]:
        """
        The answer of ``POST /accounts/warmup-analytics``.

        An account that is not there, or never warmed up, is not in it.

        :param workspace: the workspace.
        :param emails: the addresses that are asked for.
        """
        figures: dict[str, Any] = {}
        for account in self._known(workspace, emails):
            score = account.fields.get("stat_warmup_score") or 0
            if not account.fields.get("warmup_status"):
                continue
            figures[account.email] = {
                "sent": 100,
                "landed_inbox": score,
                "landed_spam": 100 - score,
                "received": 100,
                "health_score_label": f"{score}%",
                "health_score": score,
            }
        return {"email_date_data": {}, "aggregate_data": figures}

    def vitals(self, workspace: str, emails: Iterable[str]) -> dict[str, Any]:
        """
        The answer of ``POST /accounts/test/vitals``: each domain once.

        It tests domains, and not whether an account is there, as live.

        :param workspace: the workspace.
        :param emails: the addresses whose domains are tested.
        """
        asked = list(emails)
        failing: dict[str, set[str]] = {email.rpartition("@")[2].lower(): set() for email in asked}
        for account in self._known(workspace, asked):
            failing[account.email.rpartition("@")[2]].update(json.loads(account.row["failing"]))
        found = [
            {"domain": domain, "allPass": not lacks, **{check: check not in lacks for check in CHECKS}}
            for domain, lacks in failing.items()
        ]
        return {
            "status": "success",
            "success_list": [each for each in found if each["allPass"]],
            "failure_list": [each for each in found if not each["allPass"]],
        }

    def _known(self, workspace: str, emails: Iterable[str]) -> Iterator[Account]:
        asked = {email.lower() for email in emails}
        return (account for account in self.read(workspace, {}) if account.email in asked)


def _split(text: str | None) -> frozenset[str]:
    return frozenset(filter(None, (text or "").split(",")))
