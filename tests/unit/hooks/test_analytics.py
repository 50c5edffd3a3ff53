"""The calls about figures, over real HTTP: what never sent has none, and what was not asked for decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import InstantlyUnexpectedAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

SENDER = "sender@example.com"


@pytest.fixture
def sent(ask: Callable[..., Any], sandbox: SandboxClient) -> str:
    """A campaign that has sent two e-mails, one of which bounced."""
    sandbox.add_accounts(SENDER)
    campaign = sandbox.add_campaign("Spring", fields={"email_list": [SENDER]})
    sandbox.activate(campaign)
    ask("add_leads", [{"email": "a@example.com"}, {"email": "b+bounce@example.com"}], campaign_id=campaign)
    sandbox.advance_clock(3600)
    return campaign


def test_figures_by_campaign(ask: Callable[..., Any], sent: str, sandbox: SandboxClient) -> None:
    quiet = sandbox.add_campaign()
    found = ask("get_campaign_analytics", [sent.upper(), quiet])
    assert list(found) == [sent]
    assert (found[sent].sent, found[sent].bounced, found[sent].leads) == (2, 1, 2)


def test_of_all_campaigns(ask: Callable[..., Any], sent: str) -> None:
    assert list(ask("get_campaign_analytics", [])) == [sent]


def test_of_very_many_in_hundreds(ask: Callable[..., Any], sent: str, sandbox: SandboxClient) -> None:
    others = sandbox.add_campaigns(150)
    assert list(ask("get_campaign_analytics", [*others, sent])) == [sent]
    assert len(sandbox.requests(path="*/campaigns/analytics")) == 2


def test_figures_that_were_not_asked_for(ask: Callable[..., Any], sent: str, sandbox: SandboxClient) -> None:
    (stray,) = ask("get_campaign_analytics", [sent])
    other = sandbox.add_campaign()
    sandbox.add_fault("body", "*/campaigns/analytics", json=[{"campaign_id": stray, "emails_sent_count": 5}])
    with pytest.raises(InstantlyUnexpectedAnswerError, match=stray):
        ask("get_campaign_analytics", [other])


def test_figures_that_contradict_each_other(ask: Callable[..., Any], sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign()
    rows = [{"campaign_id": campaign, "emails_sent_count": 100, "bounced_count": count} for count in (50, 0)]
    sandbox.add_fault("body", "*/campaigns/analytics", json=rows)
    with pytest.raises(InstantlyUnexpectedAnswerError, match=f"{campaign} that contradict each other"):
        ask("get_campaign_analytics", [campaign])


def test_the_same_figures_twice(ask: Callable[..., Any], sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign()
    sandbox.add_fault("body", "*/campaigns/analytics", json=[{"campaign_id": campaign, "emails_sent_count": 5}] * 2)
    assert ask("get_campaign_analytics", [campaign])[campaign].sent == 5


def test_by_day_and_by_step(ask: Callable[..., Any], sent: str) -> None:
    daily = ask("get_daily_analytics", sent)
    assert sum(day.sent for day in daily) == 2
    (step,) = ask("get_step_analytics", sent)
    assert (step.step, step.variant, step.sent) == ("0", "0", 2)


def test_dates(ask: Callable[..., Any], sent: str) -> None:
    far = "2100-01-01"
    assert ask("get_campaign_analytics", [sent], end_date=far)[sent].sent == 2
    assert ask("get_campaign_analytics", [sent], start_date=far)[sent].sent == 0
    assert ask("get_daily_analytics", sent, start_date=far) == []
    assert ask("get_step_analytics", sent, start_date=far) == []


def test_what_is_no_id_is_refused(ask: Callable[..., Any]) -> None:
    for call in ("get_daily_analytics", "get_step_analytics"):
        with pytest.raises(ValueError, match="must be the UUID"):
            ask(call, "x")
    with pytest.raises(ValueError, match="must be the UUID"):
        ask("get_campaign_analytics", ["x"])
