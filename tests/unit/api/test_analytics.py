"""The figures of campaigns, as the API says them: what is missing is not known, and not zero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given

from airflow_provider_instantly.api.analytics import CampaignAnalytics, PartAnalytics
from tests.unit.api.test_parsing import ANY_JSON

SAMPLES = Path(__file__).parents[2] / "contract" / "samples"
CAMPAIGN = "9b6f458e-6dc5-4762-83d5-a528aedd2235"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))["body"]


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


def test_a_day_and_a_step() -> None:
    (day,) = map(PartAnalytics.from_api, sample("daily_analytics"))
    assert (day.date, day.sent, day.replied) == ("2026-07-01", 5, 1)
    (step,) = map(PartAnalytics.from_api, sample("step_analytics"))
    assert (step.step, step.variant, step.sent) == ("0", "0", 5)


@given(value=ANY_JSON)
def test_no_answer_breaks_it(value: Any) -> None:
    names = ("campaign_id", "campaign_name", "emails_sent_count", "date", "step", "sent")
    document = dict.fromkeys(names, value)
    assert isinstance(CampaignAnalytics.from_api(document).name, str)
    assert isinstance(PartAnalytics.from_api(document).date, str)
