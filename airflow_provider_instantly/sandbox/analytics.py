"""The figures of campaigns, counted from the e-mails that left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from airflow_provider_instantly.sandbox.campaigns import Campaign
    from airflow_provider_instantly.sandbox.clock import Clock
    from airflow_provider_instantly.sandbox.settings import Settings

_NEVER: Final = (
    "open_count",
    "open_count_unique",
    "open_count_unique_by_step",
    "reply_count_automatic",
    "reply_count_automatic_unique",
    "reply_count_automatic_unique_by_step",
    "link_click_count",
    "link_click_count_unique",
    "link_click_count_unique_by_step",
    "total_opportunities",
    "total_opportunity_value",
)
_NEVER_OF_A_PART: Final = (
    "opened",
    "unique_opened",
    "replies_automatic",
    "unique_replies_automatic",
    "clicks",
    "unique_clicks",
    "opportunities",
    "unique_opportunities",
)
_COUNTS: Final = """
COUNT(*) AS sent, COUNT(DISTINCT lead_id) AS contacted, SUM(step = 0) AS new_leads,
SUM(COALESCE(bounced_at <= :until, 0)) AS bounced, SUM(COALESCE(replied_at <= :until, 0)) AS replied,
SUM(COALESCE(unsubscribed_at <= :until, 0)) AS unsubscribed
"""
_WHERE: Final = "workspace = :workspace AND campaign_id = :campaign AND sent_at >= :since AND sent_at < :until"


class Analytics:
    """The figures of all campaigns, as old as the settings make them."""

    def __init__(self, store: sqlite3.Connection, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    def of(self, campaign: Campaign, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """
        One element of the answer of ``GET /campaigns/analytics``, or None for a campaign that never sent.

        :param campaign: the campaign.
        :param asked: the query.
        """
        span = self._span(campaign, asked)
        found = self._store.execute(f"SELECT {_COUNTS} FROM emails WHERE {_WHERE}", span).fetchone()  # noqa: S608
        if not self._has_sent(campaign, span):
            return None
        leads, completed = self._store.execute(
            "SELECT COUNT(*), COALESCE(SUM(status = 3), 0) FROM leads WHERE campaign_id = ?", (campaign.id,)
        ).fetchone()
        replied = found["replied"] or 0
        return {
            "campaign_name": campaign.row["name"],
            "campaign_id": campaign.id,
            "campaign_status": campaign.standing.status,
            "campaign_is_evergreen": False,
            "leads_count": 0 if asked.get("exclude_total_leads_count") else leads,
            "contacted_count": found["contacted"],
            "emails_sent_count": found["sent"],
            "new_leads_contacted_count": found["new_leads"] or 0,
            "reply_count": replied,
            "reply_count_unique": replied,
            "reply_count_unique_by_step": replied,
            "bounced_count": found["bounced"] or 0,
            "unsubscribed_count": found["unsubscribed"] or 0,
            "completed_count": completed,
            **dict.fromkeys(_NEVER, 0),
        }

    def daily(self, campaign: Campaign, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """
        The answer of ``GET /campaigns/analytics/daily``: a row for each day, by UTC, on which e-mails left.

        :param campaign: the campaign.
        :param asked: the query.
        """
        rows = self._grouped(campaign, asked, "date(sent_at, 'unixepoch')")
        return [
            {
                "date": row["part"],
                "sent": row["sent"],
                "contacted": row["contacted"],
                "new_leads_contacted": row["new_leads"],
                "replies": row["replied"],
                "unique_replies": row["replied"],
                **dict.fromkeys(_NEVER_OF_A_PART, 0),
            }
            for row in rows
        ]

    def steps(self, campaign: Campaign, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """
        The answer of ``GET /campaigns/analytics/steps``: a row for each step and variant, both counted from "0".

        :param campaign: the campaign.
        :param asked: the query.
        """
        rows = self._grouped(campaign, asked, "step || '/' || variant")
        return [
            {
                "step": row["part"].partition("/")[0],
                "variant": row["part"].partition("/")[2],
                "sent": row["sent"],
                "replies": row["replied"],
                "unique_replies": row["replied"],
                **dict.fromkeys(_NEVER_OF_A_PART, 0),
            }
            for row in rows
        ]

    def _grouped(self, campaign: Campaign, asked: Mapping[str, Any], part: str) -> list[sqlite3.Row]:
        span = self._span(campaign, asked)
        query = f"SELECT {part} AS part, {_COUNTS} FROM emails WHERE {_WHERE} GROUP BY part ORDER BY part"  # noqa: S608
        return self._store.execute(query, span).fetchall()

    def _has_sent(self, campaign: Campaign, span: Mapping[str, Any]) -> bool:
        query = "SELECT 1 FROM emails WHERE campaign_id = ? AND sent_at < ? LIMIT 1"
        return self._store.execute(query, (campaign.id, span["seen_until"])).fetchone() is not None

    def _span(self, campaign: Campaign, asked: Mapping[str, Any]) -> dict[str, Any]:
        """From when until when e-mails count. A date without a time is midnight, UTC."""
        seen_until = self._clock.now() - self._settings.analytics_lag
        until = min(_moment(asked.get("end_date"), seen_until), seen_until)
        return {
            "workspace": campaign.row["workspace"],
            "campaign": campaign.id,
            "since": _moment(asked.get("start_date"), 0.0),
            "until": until,
            "seen_until": seen_until,
        }


def is_date(text: str | None) -> bool:
    """Whether a date of a query can be read; none, and an empty one, can."""
    try:
        _moment(text, 0.0)
    except (ValueError, OverflowError):
        return False
    return True


def _moment(text: str | None, otherwise: float) -> float:
    if not text:
        return otherwise
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
