"""A campaign that is ready for its launch, and its senders, leads and plan: each test spoils one thing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow_provider_instantly.api.account import Account
from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.lead import Lead, Plan
from airflow_provider_instantly.launches.preflight.facts import Facts, LeadSample, Senders
from airflow_provider_instantly.launches.preflight.judgement import judge
from airflow_provider_instantly.launches.preflight.rules import CheckRules

#: A Wednesday.
NOW: Final = datetime(2026, 7, 1, 12, tzinfo=UTC)
CAMPAIGN_ID: Final = "9b6f458e-6dc5-4762-83d5-a528aedd2235"
SENDER: Final = "ada@mail.example"
LEAD: Final = "grace@customer.example"
WEEKDAYS: Final = {"0": False, "1": True, "2": True, "3": True, "4": True, "5": True, "6": False}

DOCUMENT: Final[dict[str, Any]] = {
    "status": 0,
    "name": "Spring",
    "sequences": [
        {
            "steps": [
                {"variants": [{"subject": "Hello {{firstName}}", "body": "<p>Hi {{firstName}}, a word?</p>"}]},
                {"variants": [{"subject": "", "body": "<p>Any thoughts? {unsubscribe_link}</p>"}]},
            ]
        }
    ],
    "email_list": [SENDER],
    "email_tag_list": [],
    "daily_limit": 20,
    "stop_on_reply": True,
    "campaign_schedule": {
        "schedules": [
            {
                "name": "Weekdays",
                "timing": {"from": "09:00", "to": "17:00"},
                "days": WEEKDAYS,
                "timezone": "America/Detroit",
            }
        ]
    },
}
ACCOUNT: Final[dict[str, Any]] = {
    "email": SENDER,
    "status": 1,
    "setup_pending": False,
    "warmup_status": 1,
    "stat_warmup_score": 97,
    "daily_limit": 30,
    "timestamp_warmup_start": (NOW - timedelta(days=30)).isoformat(),
}
LEAD_DOCUMENT: Final[dict[str, Any]] = {
    "id": "019f19e7-cbee-7984-a98a-670c65cc875f",
    "campaign": CAMPAIGN_ID,
    "email": LEAD,
    "status": 1,
    "verification_status": 1,
    "payload": {"firstName": "Grace", "email": LEAD},
}


def emails(*steps: str, subject: str = "Hello") -> dict[str, Any]:
    """The part of a campaign's document that are its e-mails, given the body of each step."""
    variants = [[{"subject": "" if number else subject, "body": body}] for number, body in enumerate(steps)]
    return {"sequences": [{"steps": [{"variants": each} for each in variants]}]}


def accounts(*changes: dict[str, Any]) -> tuple[Account, ...]:
    """An account for each of the changes."""
    return tuple(
        Account.from_api({**ACCOUNT, "email": f"a{number}@mail{number}.example", **change})
        for number, change in enumerate(changes)
    )


def leads(*changes: dict[str, Any], has_more: bool = False) -> LeadSample:
    """A lead for each of the changes."""
    return LeadSample(tuple(Lead.from_api({**LEAD_DOCUMENT, **change}) for change in changes), has_more)


def facts(document: dict[str, Any] | None = None, **more: Any) -> Facts:
    """What is read of a campaign that is ready, but for what is given."""
    campaign = Campaign.from_api({**DOCUMENT, **(document or {})}, CAMPAIGN_ID)
    ready = {"senders": Senders((Account.from_api(ACCOUNT),)), "leads": leads({}), "plan": Plan(1000, 10)}
    return Facts(campaign, NOW, **{**ready, **more})


def found(given: Facts, **rules: Any) -> dict[str, str]:
    """The sentences of what is found, by code."""
    findings = judge(given, CheckRules(**rules))
    assert len({finding.code for finding in findings}) == len(findings)
    return {finding.code: finding.sentence for finding in findings}
