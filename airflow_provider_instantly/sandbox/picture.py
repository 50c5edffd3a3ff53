"""A campaign as the page draws it: its leads, its senders and its figures, with every address masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from airflow_provider_instantly.sandbox.accounts import Account
    from airflow_provider_instantly.sandbox.campaigns import Campaign
    from airflow_provider_instantly.sandbox.state import Sandbox

_DAY: Final = 86_400
#: How long a bar of the picture may stand for, in seconds: the shortest that leaves no more than so many bars.
_WIDTHS: Final = (60, 300, 900, 3600, 4 * 3600, _DAY, 7 * _DAY, 30 * _DAY)
_MOST_BARS: Final = 48
#: So many leads and senders are listed; all are counted.
_LISTED: Final = 12
#: What becomes of a lead, in words; the order in which it happens.
_STATES: Final = ("Waiting", "Written to", "Completed", "Replied", "Unsubscribed", "Bounced")
_STATE: Final = """
CASE WHEN status = -1 THEN 'Bounced' WHEN status = -2 THEN 'Unsubscribed' WHEN replied_at IS NOT NULL THEN 'Replied'
WHEN status = 3 THEN 'Completed' WHEN contacted_at IS NOT NULL THEN 'Written to' ELSE 'Waiting' END
"""
_ACCOUNT_STATUSES: Final[Mapping[int, str]] = {
    1: "Active",
    2: "Paused",
    3: "Maintenance",
    -1: "Connection error",
    -2: "Soft bounce error",
    -3: "Sending error",
}


def picture(sandbox: Sandbox, campaign: Campaign) -> dict[str, Any]:
    """
    All that the page draws of a campaign, as it is now.

    :param sandbox: the sandbox.
    :param campaign: the campaign.
    """
    now = sandbox.clock.now()
    return {
        "leads": _leads(sandbox.store, campaign),
        "senders": _senders(sandbox, campaign, now),
        "emails": _emails(sandbox.store, campaign, now),
        "bars": _bars(sandbox.store, campaign, now),
    }


def masked(email: str) -> str:
    """
    An address that no one can write to: ``a…@example.com``.

    :param email: the address.
    """
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _leads(store: sqlite3.Connection, campaign: Campaign) -> dict[str, Any]:
    counts = dict(
        store.execute(
            f"SELECT {_STATE} AS state, COUNT(*) FROM leads WHERE campaign_id = ? GROUP BY state",  # noqa: S608
            (campaign.id,),
        ).fetchall()
    )
    latest = store.execute(
        f"SELECT email, {_STATE} AS state, contacted_at FROM leads WHERE campaign_id = ?"  # noqa: S608
        " ORDER BY contacted_at IS NULL, contacted_at DESC, id LIMIT ?",
        (campaign.id, _LISTED),
    )
    return {
        "total": sum(counts.values()),
        "states": [{"name": name, "count": counts.get(name, 0)} for name in _STATES],
        "latest": [
            {"email": masked(row["email"]), "state": row["state"], "contacted_at": row["contacted_at"]}
            for row in latest
        ],
    }


def _senders(sandbox: Sandbox, campaign: Campaign, now: float) -> dict[str, Any]:
    """The accounts that the campaign names, also those that cannot send."""
    accounts = sandbox.accounts.named(campaign.row["workspace"], campaign.document())
    return {
        "total": len(accounts),
        "ready": sum(account.may_send for account in accounts),
        "items": [_sender(sandbox.store, account, now) for account in accounts[:_LISTED]],
    }


def _sender(store: sqlite3.Connection, account: Account, now: float) -> dict[str, Any]:
    midnight = now - now % _DAY
    query = "SELECT COUNT(*) FROM emails WHERE account = ? AND workspace = ? AND sent_at >= ?"
    (today,) = store.execute(query, (account.email, account.row["workspace"], midnight)).fetchone()
    fields = account.fields
    status = "Set-up pending" if fields.get("setup_pending") else _ACCOUNT_STATUSES.get(fields.get("status", 0))
    return {
        "email": masked(account.email),
        "status": status or f"Unknown ({fields.get('status')})",
        "may_send": account.may_send,
        "score": (fields.get("stat_warmup_score") or 0) if fields.get("warmup_status") else None,
        "today": today,
        "daily_limit": fields.get("daily_limit"),
    }


def _emails(store: sqlite3.Connection, campaign: Campaign, now: float) -> dict[str, int]:
    """How many e-mails left, how many leads got one, and what has shown of them until now."""
    row = store.execute(
        "SELECT COUNT(*) AS sent, COUNT(DISTINCT lead_id) AS contacted, SUM(replied_at <= :now) AS replied,"
        " SUM(bounced_at <= :now) AS bounced, SUM(unsubscribed_at <= :now) AS unsubscribed"
        " FROM emails WHERE campaign_id = :campaign",
        {"now": now, "campaign": campaign.id},
    ).fetchone()
    return {name: row[name] or 0 for name in row.keys()}  # noqa: SIM118 - a row iterates over its values


def _bars(store: sqlite3.Connection, campaign: Campaign, now: float) -> dict[str, Any]:
    """The e-mails over time: how many left in each stretch, and how many of these bounced or were answered."""
    query = "SELECT MIN(sent_at), MAX(sent_at) FROM emails WHERE campaign_id = ?"
    first, last = store.execute(query, (campaign.id,)).fetchone()
    if first is None:
        return {"since": None, "seconds": None, "items": []}
    seconds = next((width for width in _WIDTHS if last // width - first // width < _MOST_BARS), _WIDTHS[-1])
    since = int(first // seconds)
    items = [{"sent": 0, "replied": 0, "bounced": 0} for _ in range(since, int(last // seconds) + 1)]
    for row in store.execute(
        "SELECT CAST(sent_at / :seconds AS INTEGER) AS bar, COUNT(*) AS sent,"
        " SUM(COALESCE(replied_at <= :now, 0)) AS replied, SUM(COALESCE(bounced_at <= :now, 0)) AS bounced"
        " FROM emails WHERE campaign_id = :campaign GROUP BY bar",
        {"seconds": seconds, "now": now, "campaign": campaign.id},
    ):
        items[row["bar"] - since] = {name: row[name] for name in ("sent", "replied", "bounced")}
    return {"since": since * seconds, "seconds": seconds, "items": items}
