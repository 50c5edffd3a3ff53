"""When and how much: schedules, limits, and what stops a campaign."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_instantly.launches.preflight.facts import Senders, Unread
from tests.unit.launches.preflight.ready import DOCUMENT, WEEKDAYS, accounts, facts, found, leads

DAILY = {str(day): True for day in range(7)}


def schedule(begin: str = "09:00", end: str = "17:00", days: Any = None, **more: Any) -> dict[str, Any]:
    entry = {"timing": {"from": begin, "to": end}, "days": days or WEEKDAYS, "timezone": "America/Detroit"}
    return {"campaign_schedule": {"schedules": [entry], **more}}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"campaign_schedule": None}, "The campaign has no schedule."),
        ({"campaign_schedule": {"schedules": []}}, "The campaign has no schedules."),
        (schedule(days={"1": False}), "it opens on no day of the week"),
        (schedule("09:00", "09:00"), "it never opens"),
        (schedule(start_date="2026-08-02", end_date="2026-08-01"), "is before the start_date"),
        (schedule(end_date="2026-06-01"), "Its end date has passed."),
        (schedule(end_date="2026-07-05", start_date="2026-07-04"), "Its schedule never opens."),
    ],
)
def test_never_opens(document: dict[str, Any], why: str) -> None:
    assert why in found(facts(document))["schedule_never_opens"]


def test_a_part_that_cannot_be_read() -> None:
    good = DOCUMENT["campaign_schedule"]["schedules"][0]
    document = {"campaign_schedule": {"schedules": [good, {"name": "ada@mail.example", "timing": 1}]}}
    sentences = found(facts(document))
    assert sentences.keys() == {"schedule_unread"}
    assert "ada" not in sentences["schedule_unread"]


@pytest.mark.parametrize(
    "document",
    [
        schedule(start_date="next week"),
        schedule(end_date=20260801),
        {"campaign_schedule": {"schedules": [*DOCUMENT["campaign_schedule"]["schedules"], "daily"]}},
        {
            "campaign_schedule": {
                "schedules": [
                    *DOCUMENT["campaign_schedule"]["schedules"],
                    {**DOCUMENT["campaign_schedule"]["schedules"][0], "timezone": "Moon/Tranquility"},
                ]
            }
        },
    ],
    ids=["start", "end", "no object", "zone"],
)
def test_what_cannot_be_read_is_no_pass(document: dict[str, Any]) -> None:
    """It may send tonight instead of next week."""
    sentences = found(facts(document))
    assert sentences.keys() == {"schedule_unread"}
    assert "so it may send at other times than those that were checked." in sentences["schedule_unread"]


def test_a_part_that_never_opens_is_a_warning() -> None:
    good = DOCUMENT["campaign_schedule"]["schedules"][0]
    never = schedule("09:00", "09:00")["campaign_schedule"]["schedules"][0]
    assert found(facts({"campaign_schedule": {"schedules": [good, never]}})).keys() == {"schedule_left_out"}


def test_a_schedule_that_is_unread_as_a_whole() -> None:
    sentences = found(facts({"campaign_schedule": {"schedules": ["daily"]}}))
    assert sentences.keys() == {"schedule_unread", "schedule_never_opens"}


@pytest.mark.parametrize("days", [{"0": True}, {"6": True}, {"0": True, "6": True}])
def test_weekends_only(days: dict[str, bool]) -> None:
    assert found(facts(schedule(days=days))).keys() == {"weekend_only"}


@pytest.mark.parametrize(
    ("begin", "end", "is_night"),
    [
        ("20:00", "23:59", True),
        ("00:00", "07:00", True),
        ("22:00", "06:00", True),
        ("22:00", "07:01", False),
        ("19:59", "23:00", False),
        ("00:00", "23:59", False),
    ],
)
def test_nights_only(begin: str, end: str, is_night: bool) -> None:
    assert found(facts(schedule(begin, end))).keys() == ({"night_only"} if is_night else set())


class TestRoom:
    def test_a_window_that_is_too_short_for_the_limits(self) -> None:
        """Each guess is in favour of the campaign: one e-mail at once, and then each nine minutes."""
        assert found(facts(schedule("09:00", "11:51"))) == {}
        assert found(facts(schedule("09:00", "11:50"))) == {
            "window_too_short": "Its longest day of sending has 170 minutes: room for 19 e-mails at most, and its "
            "limits allow 20."
        }

    def test_the_campaigns_own_gap(self) -> None:
        assert found(facts({"email_gap": 60})).keys() == {"window_too_short"}
        assert found(facts({"email_gap": 20})) == {}

    def test_more_senders_have_more_room(self) -> None:
        assert found(facts({"email_gap": 60}, senders=Senders(accounts({}, {}, {})))) == {}

    def test_windows_past_midnight_and_several_schedules_count(self) -> None:
        entries = [schedule("22:00", "08:30")["campaign_schedule"]["schedules"][0], schedule("08:30", "10:00")]
        document = {"campaign_schedule": {"schedules": [entries[0], entries[1]["campaign_schedule"]["schedules"][0]]}}
        assert found(facts({**document, "email_gap": 35})) == {}

    def test_an_end_before_all_leads_got_an_e_mail(self) -> None:
        """Wednesday noon: today, Thursday, and yesterday, in favour of the campaign."""
        document = schedule(end_date="2026-07-02") | {"daily_limit": 1}
        assert found(facts(document, leads=leads({}, {}, {}))) == {}
        sentence = found(facts(document, leads=leads({}, {}, {}, {}, has_more=True)))["window_too_short"]
        assert "It ends on 2026-07-02: until then 3 leads at most" in sentence
        assert sentence.endswith("at least 4 wait for it.")
        assert found(facts(schedule(end_date="2027-07-02") | {"daily_limit": 1}, leads=leads(*[{}] * 99))) == {}

    def test_new_leads_a_day(self) -> None:
        document = schedule(end_date="2026-07-02") | {"daily_max_leads": 1}
        assert found(facts(document, leads=leads(*[{}] * 4))).keys() == {"window_too_short"}

    @pytest.mark.parametrize(
        ("end", "waiting", "fits"),
        [("2026-07-02", 6, True), ("2026-07-02", 7, False), ("2026-07-06", 10, True), ("2026-07-06", 11, False)],
    )
    def test_days_without_sending_do_not_count(self, end: str, waiting: int, fits: bool) -> None:
        """Two leads a day, from Tuesday on: on three days until Thursday, on five until the next Monday."""
        given = facts(schedule(end_date=end) | {"daily_limit": 2}, leads=leads(*[{}] * waiting))
        assert found(given).keys() == (set() if fits else {"window_too_short"})

    @pytest.mark.parametrize(("end", "is_counted"), [("2026-09-30", True), ("2026-10-01", False)])
    def test_a_far_end_leaves_time_enough(self, end: str, is_counted: bool) -> None:
        given = facts(schedule(end_date=end) | {"daily_limit": 1}, leads=leads(*[{}] * 99))
        assert found(given).keys() == ({"window_too_short"} if is_counted else set())

    @pytest.mark.parametrize(("gap", "limit", "fits"), [(60, 5, True), (60, 6, False), (241, 1, True), (241, 2, False)])
    def test_a_window_past_midnight(self, gap: int, limit: int, fits: bool) -> None:
        """Four hours."""
        given = facts(schedule("19:00", "23:00") | {"email_gap": gap, "daily_limit": limit})
        past_midnight = facts(schedule("22:00", "02:00") | {"email_gap": gap, "daily_limit": limit})
        codes = set() if fits else {"window_too_short"}
        assert found(given).keys() == codes
        assert found(past_midnight).keys() == codes | {"night_only"}

    def test_the_shortest_gap(self) -> None:
        window = schedule("09:00", "09:10") | {"email_gap": 1}
        assert found(facts(window | {"daily_limit": 11})) == {}
        assert found(facts(window | {"daily_limit": 12})).keys() == {"window_too_short"}

    def test_the_accounts_limits_where_the_campaign_has_none(self) -> None:
        document = {"email_gap": 60, "daily_limit": None}
        assert found(facts(document)).keys() == {"window_too_short"}
        silent = Senders(accounts({"daily_limit": None}))
        assert found(facts(document, senders=silent)).keys() == {"limit_unknown"}

    def test_it_is_not_judged_where_senders_were_not_found(self) -> None:
        senders = Senders(accounts({}), not_found=1)
        assert found(facts({"email_gap": 60}, senders=senders)).keys() == {"senders_unread"}

    def test_it_is_not_judged_without_senders(self) -> None:
        assert found(facts({"email_gap": 60}, senders=Unread("No scope."))).keys() == {"senders_unread"}


class TestLimits:
    @pytest.mark.parametrize("name", ["daily_limit", "daily_max_leads"])
    def test_zero(self, name: str) -> None:
        assert found(facts({name: 0})) == {"limit_zero": f"A limit is 0: {name}."}

    def test_an_account_with_zero(self) -> None:
        sentences = found(facts(senders=Senders(accounts({}, {"daily_limit": 0}))))
        assert sentences == {"limit_zero": "A limit is 0: the daily limit of 1 of 2 senders."}

    def test_above_the_sum_of_the_accounts(self) -> None:
        assert found(facts({"daily_limit": 30})) == {}
        senders = Senders(accounts({"daily_limit": 10}, {"daily_limit": 10}))
        assert found(facts({"daily_limit": 21}, senders=senders)).keys() == {"limit_above_accounts"}
        senders = Senders(accounts({"daily_limit": 10}, {"daily_limit": None}))
        assert found(facts({"daily_limit": 21}, senders=senders)) == {}

    def test_above_the_advice(self) -> None:
        senders = Senders(accounts({"daily_limit": None}))
        assert found(facts({"daily_limit": 30}, senders=senders)) == {}
        assert found(facts({"daily_limit": 31}, senders=senders)).keys() == {"limit_above_advice"}
        assert found(facts(senders=Senders(accounts({"daily_limit": 31})))).keys() == {"limit_above_advice"}
        assert found(facts(senders=Senders(accounts({"daily_limit": 31}))), max_daily_per_account=31) == {}

    @pytest.mark.parametrize(
        ("daily", "limits", "is_open"),
        [
            (30, [None], False),
            (40, [10, None], False),
            (41, [10, None], True),
            (60, [10, None], True),
            (61, [10, None], False),  # that is more than the advice allows, which is found instead
            (60, [None, None], False),
            (60, [30, 30], False),
            (60, [60, None], False),
            (None, [None], True),
            (None, [30, None], True),
            (None, [30], False),
        ],
    )
    def test_limits_that_are_not_said(self, daily: int | None, limits: list[int | None], is_open: bool) -> None:
        """Live accounts often show none. Then the advice is taken for it, and what exceeds that is open."""
        senders = Senders(accounts(*({"daily_limit": limit} for limit in limits)))
        assert ("limit_unknown" in found(facts({"daily_limit": daily}, senders=senders))) is is_open

    def test_what_is_said_of_limits_that_are_not(self) -> None:
        senders = Senders(accounts({"daily_limit": 10}, {"daily_limit": None}))
        of = "Instantly does not say the daily limit of 1 of 2 senders, so it is open"
        assert found(facts({"daily_limit": 41}, senders=senders)) == {
            "limit_unknown": f"{of} whether they may send 41 a day together."
        }
        assert found(facts({"daily_limit": None}, senders=senders)) == {
            "limit_unknown": f"{of} how much they may send a day."
        }

    def test_none_is_no_limit(self) -> None:
        assert found(facts({"daily_limit": None, "daily_max_leads": None})) == {}


@pytest.mark.parametrize(
    ("document", "codes"),
    [
        ({"stop_on_reply": False}, {"stop_on_reply_off"}),
        ({"stop_on_reply": None}, set()),
        ({"disable_bounce_protect": True}, {"bounce_protection_off"}),
        ({"disable_bounce_protect": None}, set()),
        ({"disable_bounce_protect": False}, set()),
    ],
)
def test_switches(document: dict[str, Any], codes: set[str]) -> None:
    assert found(facts(document)).keys() == codes
