"""The figures of campaigns, as the API says them: what is missing is not known, and not zero."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from airflow_provider_instantly.api.analytics import CampaignAnalytics, PartAnalytics
from tests.samples import body_of
from tests.unit.json_values import ANY_JSON

CAMPAIGN = "9b6f458e-6dc5-4762-83d5-a528aedd2235"


def test_a_campaign() -> None:
    document = {
        "campaign_id": CAMPAIGN.upper(),
        "campaign_name": "Spring",
        "emails_sent_count": 40.0,
        "bounced_count": 2,
    }
    figures = CampaignAnalytics.from_api(document)
    assert (figures.campaign_id, figures.name, figures.sent, figures.bounced) == (CAMPAIGN, "Spring", 40, 2)
    assert figures.replied is None


def test_a_number_below_zero_is_no_figure() -> None:
    names = ("leads_count", "contacted_count", "emails_sent_count", "bounced_count", "reply_count", "completed_count")
    document = {"campaign_id": CAMPAIGN, **dict.fromkeys(names, -1), "unsubscribed_count": -2.0}
    assert CampaignAnalytics.from_api(document) == CampaignAnalytics(CAMPAIGN)
    parts = dict.fromkeys(("sent", "replies", "opened", "clicks"), -1)
    assert PartAnalytics.from_api(parts) == PartAnalytics()


def test_a_day_and_a_step() -> None:
    (day,) = map(PartAnalytics.from_api, body_of("daily_analytics"))
    assert (day.date, day.sent, day.replied) == ("2026-07-01", 5, 1)
    (step,) = map(PartAnalytics.from_api, body_of("step_analytics"))
    assert (step.step, step.variant, step.sent) == ("0", "0", 5)


@pytest.mark.parametrize(
    ("date", "day"),
    [("2026-07-01", "2026-07-01"), ("2026-07-01T00:00:00Z", "2026-07-01"), ("ada@example.com", ""), (20260701, "")],
)
def test_a_day_is_a_day(date: Any, day: str) -> None:
    assert PartAnalytics.from_api({"date": date}).date == day


@given(value=ANY_JSON)
def test_no_answer_breaks_it(value: Any) -> None:
    names = ("campaign_id", "campaign_name", "emails_sent_count", "date", "step", "sent")
    document = dict.fromkeys(names, value)
    assert isinstance(CampaignAnalytics.from_api(document).name, str)
    assert isinstance(PartAnalytics.from_api(document).date, str)
