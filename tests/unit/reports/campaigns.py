"""Campaigns for the tests of reports: one that has sent, one that has not, one that is gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from airflow_provider_instantly.analytics.limits import Limits
from airflow_provider_instantly.api.analytics import CampaignAnalytics, PartAnalytics
from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.reports.figures import CampaignFigures, Report, Sender, State, windows_of

SENT_ID, DRAFT_ID, GONE_ID = (f"019e18e2-a521-7bb9-9dd6-45f1bc69dcd{digit}" for digit in "012")
NOW: Final = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SCHEDULE: Final = {
    "schedules": [
        {
            "name": "Weekdays",
            "timing": {"from": "09:00", "to": "17:00"},
            "days": {str(day): 1 <= day <= 5 for day in range(7)},
            "timezone": "America/Detroit",
        }
    ]
}
LIMITS: Final = Limits(max_bounce_rate=0.02, max_unsubscribe_rate=0.05, min_reply_rate=0.01)


def part(
    day: str = "", step: str = "", variant: str = "", sent: int | None = 10, replied: int | None = 1
) -> PartAnalytics:
    return PartAnalytics(date=day, step=step, variant=variant, sent=sent, replied=replied)


def sent_campaign(name: str = "Spring", **totals: int | None) -> CampaignFigures:
    """A campaign of 600 leads; by default 540 e-mails, of which 14 bounced and 31 were answered."""
    figures: dict[str, int | None] = {
        "leads": 600, "contacted": 540, "sent": 540, "bounced": 14, "replied": 31, "unsubscribed": 8, "completed": 31,
    }  # fmt: skip
    campaign = Campaign.from_api({"campaign_schedule": SCHEDULE}, SENT_ID)
    return CampaignFigures(
        id=SENT_ID,
        name=name,
        states=(State("the launch", CampaignStatus.ACTIVE), State("now", CampaignStatus.BOUNCE_PROTECT)),
        totals=CampaignAnalytics(SENT_ID, name, **(figures | totals)),
        days=(part("2026-05-03", sent=200, replied=9), part("2026-05-02", sent=340, replied=22)),
        variants=(part(step="0", variant="1", sent=264, replied=17), part(step="0", variant="0", sent=276, replied=14)),
        senders=(Sender("b…@example.com", "bad", ("It is in the status Paused.",), 100),),
        windows=windows_of(campaign, NOW),
    )


def draft() -> CampaignFigures:
    return CampaignFigures(DRAFT_ID, "Draft", (State("now", CampaignStatus.DRAFT),))


def gone() -> CampaignFigures:
    return CampaignFigures(GONE_ID, GONE_ID, (State("now", None),), is_there=False)


def report(*campaigns: CampaignFigures, title: str = "Campaign report") -> Report:
    return Report.of(title, NOW, campaigns or (sent_campaign(), draft(), gone()), LIMITS, None, None)
