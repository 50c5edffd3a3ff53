"""E-mails that leave by schedule, gap and limit, what comes of them, and the figures that tell of it."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.sandbox.client import running_sandbox
from airflow_provider_instantly.sandbox.schedule import next_open
from tests.unit.sandbox.conftest import Api

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

SENDER = "sender@example.com"
ALWAYS = {str(day): True for day in range(7)}
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def steps(*delays: float, unit: str = "days") -> list[dict[str, Any]]:
    variants = [{"subject": "Hello", "body": "Text"}]
    return [
        {"steps": [{"type": "email", "delay": delay, "delay_unit": unit, "variants": variants} for delay in delays]}
    ]


def campaign(sandbox: SandboxClient, **fields: Any) -> str:
    """A campaign with one healthy sender."""
    sandbox.add_accounts(SENDER)
    return sandbox.add_campaign(fields={"email_list": [SENDER], **fields})


def fill(api: Any, campaign_id: str, *names: str) -> None:
    leads = [{"email": f"{name}@example.org"} for name in names]
    assert api.post("/leads/add", json={"campaign_id": campaign_id, "leads": leads}).json()["leads_uploaded"]


def statuses(sandbox: SandboxClient, campaign_id: str) -> dict[str, int]:
    return {lead["email"].partition("@")[0]: lead["status"] for lead in sandbox.leads(campaign_id)}


class TestLeaving:
    def test_the_first_leaves_half_a_minute_after_its_lead_came(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, "ada")
        assert sandbox.emails(running) == []
        sandbox.advance_clock(30)
        (email,) = sandbox.emails(running)
        assert (email["lead"], email["account"], email["step"]) == ("ada@example.org", SENDER, 0)

    def test_an_account_sends_one_in_nine_to_fourteen_minutes(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, *"abcdef")
        sandbox.advance_clock(HOUR)
        sent = [email["sent_at"] for email in sandbox.emails(running)]
        gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
        assert 4 <= len(gaps) <= 5
        assert all(9 * MINUTE <= gap <= 14 * MINUTE for gap in gaps)

    def test_two_accounts_send_twice_as_much(self, api: Any, sandbox: SandboxClient) -> None:
        sandbox.add_accounts("one@example.com", "two@example.com", tags=["senders"])
        running = sandbox.add_campaign(fields={"email_tag_list": ["senders"]})
        api.activate(running)
        fill(api, running, *"abcdefghijkl")
        sandbox.advance_clock(HOUR)
        assert {email["account"] for email in sandbox.emails(running)} == {"one@example.com", "two@example.com"}
        assert 8 <= len(sandbox.emails(running)) <= 14

    @pytest.mark.parametrize("fields", [{"status": 2}, {"status": -1}, {"setup_pending": True}])
    def test_an_account_that_cannot_send_sends_nothing(
        self, api: Any, sandbox: SandboxClient, fields: dict[str, Any]
    ) -> None:
        running = campaign(sandbox)
        sandbox.add_accounts(SENDER, fields=fields)
        api.activate(running)
        fill(api, running, "ada")
        sandbox.advance_clock(DAY)
        assert sandbox.emails(running) == []

    def test_a_draft_and_a_paused_campaign_send_nothing(self, api: Any, sandbox: SandboxClient) -> None:
        draft = campaign(sandbox)
        fill(api, draft, "ada", "bob")
        sandbox.advance_clock(DAY)
        assert sandbox.emails(draft) == []
        api.activate(draft)
        sandbox.advance_clock(MINUTE)
        api.post(f"/campaigns/{draft}/pause")
        sandbox.advance_clock(DAY)
        assert len(sandbox.emails(draft)) == 1

    def test_a_script_decides_when_it_sends(self, api: Any, sandbox: SandboxClient) -> None:
        sandbox.add_accounts(SENDER)
        scripted = sandbox.add_campaign(
            script=[(600, "active"), (1200, "accounts_unhealthy")], fields={"email_list": [SENDER]}
        )
        api.activate(scripted)
        fill(api, scripted, *"abcdef")
        began = sandbox.campaign(scripted)["started_at"]
        sandbox.advance_clock(DAY)
        sent = [email["sent_at"] - began for email in sandbox.emails(scripted)]
        assert sent
        assert all(600 <= moment < 1200 for moment in sent)

    def test_daily_limits_of_campaign_and_account(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox, daily_limit=3)
        api.activate(running)
        fill(api, running, *"abcdefghij")
        sandbox.advance_clock(2 * DAY)
        days = [datetime.fromtimestamp(email["sent_at"], UTC).date() for email in sandbox.emails(running)]
        assert 6 <= len(days) <= 9
        assert max(days.count(day) for day in set(days)) == 3

    def test_nothing_leaves_outside_the_schedule(self, api: Any, sandbox: SandboxClient) -> None:
        window = {"name": "Night", "timing": {"from": "01:00", "to": "02:00"}, "days": ALWAYS, "timezone": "Etc/GMT+12"}
        running = campaign(sandbox, campaign_schedule={"schedules": [window]})
        api.activate(running)
        fill(api, running, *"abcdefghijklmnop")
        sandbox.advance_clock(2 * DAY)
        hours = {datetime.fromtimestamp(email["sent_at"], UTC).hour for email in sandbox.emails(running)}
        assert hours == {13}

    def test_follow_ups_leave_after_their_delay(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox, sequences=steps(2, 0, unit="hours"))
        api.activate(running)
        fill(api, running, "ada")
        sandbox.advance_clock(DAY)
        first, second = sandbox.emails(running)
        assert (first["step"], second["step"]) == (0, 1)
        assert 2 * HOUR <= second["sent_at"] - first["sent_at"] < 2.5 * HOUR

    def test_it_is_the_same_however_often_one_asks(self, api: Any, sandbox: SandboxClient) -> None:
        """What is sent depends on time alone, and not on when it is caught up."""
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, *"abcdefgh")
        for _ in range(60):
            sandbox.advance_clock(MINUTE)
            sandbox.emails(running)
        sent = [email["sent_at"] for email in sandbox.emails(running)]
        assert 5 <= len(sent) <= 7
        assert all(later - earlier >= 9 * MINUTE for earlier, later in itertools.pairwise(sent))


class TestOutcomes:
    def test_an_address_says_what_comes_of_it(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox, email_gap=1, random_wait_max=1)
        api.activate(running)
        fill(api, running, "plain", "a+bounce", "b+reply", "c+unsubscribe")
        sandbox.advance_clock(DAY)
        assert statuses(sandbox, running) == {"plain": 3, "a+bounce": -1, "b+reply": 3, "c+unsubscribe": -2}
        assert api.status(running) == 3

    def test_a_bounce_shows_within_minutes(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, "a+bounce")
        sandbox.advance_clock(DAY)
        (email,) = sandbox.emails(running)
        assert 4 <= email["bounced_at"] - email["sent_at"] <= 420

    def test_what_has_not_shown_yet_is_not_known(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, "a+reply")
        sandbox.advance_clock(MINUTE)
        assert statuses(sandbox, running) == {"a+reply": 1}
        (email,) = sandbox.emails(running)
        assert email["replied_at"] is None
        (figures,) = api.get("/campaigns/analytics").json()
        assert (figures["emails_sent_count"], figures["reply_count"]) == (1, 0)

    def test_rates_by_chance(self, api: Any, sandbox: SandboxClient) -> None:
        sandbox.set(bounce_rate=1.0)
        running = campaign(sandbox, email_gap=1)
        api.activate(running)
        fill(api, running, *"abc")
        sandbox.advance_clock(HOUR)
        assert set(statuses(sandbox, running).values()) == {-1}

    def test_bounce_protection_where_it_is_set(self, api: Any, sandbox: SandboxClient) -> None:
        sandbox.set(bounce_protect_rate=0.05)
        sandbox.add_accounts(SENDER, fields={"daily_limit": 1000})
        running = sandbox.add_campaign(fields={"email_list": [SENDER], "email_gap": 1, "random_wait_max": 1})
        api.activate(running)
        fill(api, running, *(f"lead-{number}" for number in range(18)), "x+bounce", "y+bounce", "z1", "z2", "z3")
        sandbox.advance_clock(2 * HOUR)
        assert api.status(running) == -2
        assert len(sandbox.emails(running)) >= 20

    def test_a_campaign_whose_leads_are_done_is_completed(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, "ada")
        sandbox.advance_clock(6 * MINUTE)
        assert api.status(running) == 1
        sandbox.advance_clock(2 * MINUTE)
        assert api.status(running) == 3


class TestFigures:
    def test_they_are_counted_from_what_left(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox, email_gap=1, random_wait_max=1, sequences=steps(1, 0))
        api.activate(running)
        fill(api, running, "plain", "a+bounce", "b+reply", "c+unsubscribe")
        sandbox.advance_clock(3 * DAY)
        (figures,) = api.get("/campaigns/analytics", params={"id": running}).json()
        assert {name: figures[name] for name in figures if figures[name] and name.endswith("count")} == {
            "leads_count": 4,
            "contacted_count": 4,
            "emails_sent_count": 5,
            "new_leads_contacted_count": 4,
            "reply_count": 1,
            "bounced_count": 1,
            "unsubscribed_count": 1,
            "completed_count": 2,
        }
        daily = api.get("/campaigns/analytics/daily", params={"campaign_id": running}).json()
        assert [day["sent"] for day in daily] == [4, 1]
        parts = api.get("/campaigns/analytics/steps", params={"campaign_id": running}).json()
        assert [(part["step"], part["variant"], part["sent"]) for part in parts] == [("0", "0", 4), ("1", "0", 1)]

    def test_they_lag_and_are_empty_before_the_first(self, api: Any, sandbox: SandboxClient) -> None:
        sandbox.set(analytics_lag=HOUR)
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, "ada", "bob")
        sandbox.advance_clock(30 * MINUTE)
        assert api.get("/campaigns/analytics").json() == []
        sandbox.advance_clock(35 * MINUTE)
        (figures,) = api.get("/campaigns/analytics").json()
        assert figures["emails_sent_count"] == 1

    def test_dates_are_utc_midnights(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, "ada")
        sandbox.advance_clock(HOUR)
        day = datetime.fromtimestamp(sandbox.emails(running)[0]["sent_at"], UTC).date().isoformat()
        (within,) = api.get("/campaigns/analytics", params={"start_date": day}).json()
        (before,) = api.get("/campaigns/analytics", params={"end_date": day}).json()
        assert (within["emails_sent_count"], before["emails_sent_count"]) == (1, 0)
        assert api.get("/campaigns/analytics", params={"start_date": "soon"}).status_code == 400

    def test_the_number_of_leads_may_be_left_out(self, api: Any, sandbox: SandboxClient) -> None:
        running = campaign(sandbox)
        api.activate(running)
        fill(api, running, "ada")
        sandbox.advance_clock(HOUR)
        (figures,) = api.get("/campaigns/analytics", params={"exclude_total_leads_count": "true"}).json()
        assert (figures["leads_count"], figures["emails_sent_count"]) == (0, 1)


class TestSchedule:
    @pytest.mark.parametrize(
        ("moment", "opens"),
        [
            ("2026-05-04T08:00Z", "2026-05-04T09:00Z"),
            ("2026-05-04T09:00Z", "2026-05-04T09:00Z"),
            ("2026-05-04T12:00Z", "2026-05-04T12:00Z"),
            ("2026-05-04T17:00Z", "2026-05-05T09:00Z"),
            ("2026-05-08T17:00Z", "2026-05-11T09:00Z"),  # a Friday evening
        ],
    )
    def test_working_hours(self, moment: str, opens: str) -> None:
        days = {str(day): day not in (0, 6) for day in range(7)}
        window = {"timing": {"from": "09:00", "to": "17:00"}, "days": days, "timezone": "UTC"}
        found = next_open({"schedules": [window]}, datetime.fromisoformat(moment).timestamp())
        assert found == datetime.fromisoformat(opens).timestamp()

    def test_dates_and_zones(self) -> None:
        window = {"timing": {"from": "09:00", "to": "17:00"}, "days": ALWAYS, "timezone": "America/Chicago"}
        schedule = {"start_date": "2026-07-01", "end_date": "2026-07-02", "schedules": [window]}
        long_before = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        assert next_open(schedule, long_before) == datetime(2026, 7, 1, 14, tzinfo=UTC).timestamp()
        assert next_open(schedule, datetime(2026, 7, 3, tzinfo=UTC).timestamp()) is None

    def test_no_day_never_opens(self) -> None:
        window = {"timing": {"from": "09:00", "to": "17:00"}, "days": {"1": False}, "timezone": "UTC"}
        assert next_open({"schedules": [window]}, 0.0) is None

    def test_none_is_always_open(self) -> None:
        assert next_open(None, 5.0) == 5.0


def test_a_clock_that_runs_faster() -> None:
    with running_sandbox("--speed", "3600") as sandbox:
        first = sandbox.health()["now"]
        sandbox.add_accounts(SENDER)
        second = sandbox.health()["now"]
        assert second - first > 1
        sandbox.set(clock_speed=1)
        stopped = sandbox.health()["now"]
        assert stopped >= second
        assert sandbox.health()["now"] - stopped < 60


def test_a_launch_can_be_lived_through_in_a_minute() -> None:
    """From the activation to the last e-mail and what came of it, by the sandbox's own time, which no one sets."""
    with running_sandbox("--speed", "600") as sandbox:
        running = campaign(sandbox)
        api = Api(sandbox.url, sandbox.api_key)
        fill(api, running, "ada", "bob+bounce")
        began, first = time.monotonic(), sandbox.health()["now"]
        api.activate(running)
        while api.status(running) != 3 and time.monotonic() - began < 60:
            time.sleep(0.1)
        (figures,) = api.get("/campaigns/analytics").json()
        api.session.close()
        assert statuses(sandbox, running) == {"ada": 3, "bob+bounce": -1}
        assert (figures["emails_sent_count"], figures["bounced_count"]) == (2, 1)
        one, another = (email["sent_at"] for email in sandbox.emails(running))
        assert first < one < another < sandbox.health()["now"]
        assert 9 * MINUTE <= another - one <= 14 * MINUTE, "they leave as in Instantly's own time"
