"""Why a campaign is or is not sending, in the service's own words for the reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.sandbox.clock import timestamp
from airflow_provider_instantly.sandbox.scripts import ACTIVE

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.campaigns import Campaign

_BY_STATUS = {
    0: ("campaign_draft", "The campaign was never launched."),
    2: ("campaign_paused", "A person paused the campaign."),
    3: ("campaign_completed", "Every lead got all its e-mails."),
    4: ("campaign_running_subsequences", "Only subsequences are left to send."),
    -1: ("campaign_accounts_unhealthy", "No sending account of the campaign is able to send."),
    -2: ("campaign_bounce_protect", "Too many e-mails bounced, so the campaign was stopped."),
    -99: ("campaign_account_suspended", "The account is suspended."),
}
_BY_REASON = {
    1: ("out_of_schedule", "It is outside the campaign's sending schedule."),
    2: ("waiting_for_leads", "No lead is ready for an e-mail."),
    3: ("daily_limit_met", "The campaign's daily limit is reached."),
    4: ("account_daily_limit_met", "All sending accounts are at their daily limit."),
    99: ("no_accounts_available", "No sending account is available."),
}
_HEALTHY = ("healthy", "The campaign is sending.")


def sending_status(campaign: Campaign, now: float) -> dict[str, Any]:
    """
    The answer of ``GET /campaigns/{id}/sending-status``.

    Both parts are null for a status that has no word. The diagnostics are there only while the campaign is
    active, as live.

    :param campaign: the campaign as it stands.
    :param now: the present, in seconds since the epoch.
    """
    if campaign.row["sending_status"] is not None:
        given: dict[str, Any] = json.loads(campaign.row["sending_status"])
        return given
    status, reason = campaign.standing
    found = _BY_REASON.get(reason or 0, _HEALTHY) if status == ACTIVE else _BY_STATUS.get(status)
    if found is None:
        return {"diagnostics": None, "summary": None}
    word, message = found
    summary = {
        "status": word,
        "status_message": message,
        "issue_started_at": None,
        "last_healthy_send_at": None,
        "ai_summary": None,
    }
    diagnostics = {
        "campaign_id": campaign.id,
        "last_updated": timestamp(now),
        "status": word,
        "issue_tracking": {"current_status_code": None if word == "healthy" else word},
    }
    return {"diagnostics": diagnostics if status == ACTIVE else None, "summary": summary}
