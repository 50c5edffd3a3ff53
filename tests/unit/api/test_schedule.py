"""
When a campaign may send: a table for each decision, then a slow oracle that knows nothing of how it is computed.

The oracle walks through UTC minute by minute, reads the clock with zoneinfo, and asks whether it shows a time of
the schedule. It shares no code with what it checks, and does not import pendulum.
"""

from __future__ import annotations

import copy
import pickle
import time as stopwatch
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_instantly.api.schedule import MAX_SCHEDULES, TIME_ZONES, CampaignSchedule, SendingWindow
from tests.unit.json_values import json_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERY_DAY = "0123456"
WEEKDAYS = "12345"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def entry(begin: str, end: str, zone: str = "America/Detroit", days: str = EVERY_DAY, **extra: Any) -> dict[str, Any]:
    timing = {"from": begin, "to": end}
    return {"timing": timing, "days": {day: day in days for day in EVERY_DAY}, "timezone": zone, **extra}


def campaign(*entries: Any, **dates: Any) -> CampaignSchedule:
    return CampaignSchedule.from_api({"schedules": list(entries), **dates})


def clock(text: str, zone: str = "America/Detroit", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def shown(window: SendingWindow | None) -> tuple[str, str] | None:
    return None if window is None else (window.opens.isoformat(), window.closes.isoformat())


def windows(schedule: CampaignSchedule, now: datetime, until: datetime) -> list[tuple[str, str]]:
    """What a caller sees that asks again whenever a window closes."""
    found = []
    while (window := schedule.next_sending_window(now)) and window.opens < until:
        found.append((window.opens.isoformat(), window.closes.isoformat()))
        now = window.closes
    return found


class TestTimeZones:
    def test_there_are_102(self) -> None:
        assert len(TIME_ZONES) == 102

    @pytest.mark.parametrize("name", sorted(TIME_ZONES))
    def test_each_is_known_here(self, name: str) -> None:
        schedule = campaign(entry("09:00", "17:00", name))

        assert schedule.problems == ()
        window = schedule.next_sending_window(datetime(2026, 7, 1, tzinfo=UTC))
        assert window is not None
        assert window.opens.timezone_name == name
        assert (window.opens.hour, window.closes.hour) == (9, 17)

    def test_etc_gmt_plus_12_lies_west_of_greenwich(self) -> None:
        schedule = campaign(entry("00:00", "23:59", "Etc/GMT+12", WEEKDAYS))

        window = schedule.next_sending_window(clock("2026-06-28T12:00", "UTC"))

        assert shown(window) == ("2026-06-29T00:00:00-12:00", "2026-06-29T23:59:00-12:00")

    def test_one_that_instantly_does_not_list_yet_will_do(self) -> None:
        assert campaign(entry("09:00", "17:00", "Europe/Vienna")).problems == ()


class TestParsing:
    @pytest.mark.parametrize("document", [None, [], "09:00", 7, True])
    def test_what_is_no_object_is_no_schedule(self, document: object) -> None:
        schedule = CampaignSchedule.from_api(document)

        assert schedule.schedules == ()
        assert schedule.problems == ("The campaign has no schedule.",)
        assert schedule.next_sending_window(datetime.now(UTC)) is None

    @pytest.mark.parametrize("document", [{}, {"schedules": None}, {"schedules": []}, {"schedules": {"0": {}}}])
    def test_no_schedules(self, document: object) -> None:
        assert CampaignSchedule.from_api(document).problems == ("The campaign has no schedules.",)

    @pytest.mark.parametrize(
        ("broken", "why"),
        [
            ("09:00-17:00", "it is not an object but '09:00-17:00'"),
            (None, "it is not an object but None"),
            ({}, "it has no timing"),
            ({"timing": "09:00", "days": {}}, "it has no timing"),
            ({"timing": {"from": "09:00", "to": "17:00"}}, "it has no days"),
            ({"timing": {"from": "09:00", "to": "17:00"}, "days": ["1"]}, "it has no days"),
            (entry("9:00", "17:00"), "timing.from is not a time such as 09:00 but '9:00'"),
            (entry("09:00\n", "17:00"), r"timing.from is not a time such as 09:00 but '09:00\n'"),
            (entry("09:00", "24:00"), "timing.to is not a time such as 09:00 but '24:00'"),
            (entry("09:00", "17:60"), "timing.to is not a time such as 09:00 but '17:60'"),
            (entry("09:00", "\u0661\u0667:00"), "timing.to is not a time such as 09:00 but '\u0661\u0667:00'"),
            (entry("09:00", None), "timing.to is not a time such as 09:00 but None"),  # type: ignore[arg-type]
            (entry("09:00", 17), "timing.to is not a time such as 09:00 but 17"),  # type: ignore[arg-type]
            ({**entry("09:00", "17:00"), "timezone": None}, "its timezone is not a name but None"),
            (entry("09:00", "17:00", "Mars/Olympus"), "its timezone 'Mars/Olympus' is not known here"),
            (entry("09:00", "17:00", "America"), "its timezone 'America' is not known here"),
            (entry("09:00", "17:00", ""), "its timezone '' is not known here"),
            (entry("09:00", "17:00", "../../etc/passwd"), "its timezone '../../etc/passwd' is not known here"),
            (entry("09:00", "17:00", "\0"), r"its timezone '\x00' is not known here"),
            (entry("09:00", "17:00", "x" * 5000), "its timezone 'xxxxxxxxxxxx...xxxxxxxxxxxxx' is not known here"),
            (entry("09:00", "09:00"), "it opens and closes at 09:00, so it never opens"),
            (entry("09:00", "17:00", days=""), "it opens on no day of the week"),
        ],
    )
    def test_an_entry_that_cannot_be_used_is_left_out_and_named(self, broken: object, why: str) -> None:
        schedule = campaign(broken, entry("10:00", "11:00", name="Good"))

        assert [each.name for each in schedule.schedules] == ["Good"]
        assert schedule.problems == (f"Schedule 1 is left out: {why}.",)
        assert schedule.is_sending_time(clock("2026-06-03T10:30"))

    def test_a_problem_names_the_schedule(self) -> None:
        schedule = campaign(entry("09:00", "17:00"), entry("09:00", "09:00", name="Mornings"))

        assert schedule.problems[0].startswith("Schedule 2 ('Mornings') is left out: ")

    @pytest.mark.parametrize("name", [None, 7, ["x"]])
    def test_a_schedule_needs_no_name(self, name: object) -> None:
        window = campaign(entry("09:00", "17:00", name=name)).next_sending_window(clock("2026-06-03T10:00"))

        assert window is not None
        assert window.schedule_name is None

    def test_only_true_opens_a_day(self) -> None:
        days = {"0": None, "1": "true", "2": 1, "3": True, "4": False, "7": True, "Friday": True}

        schedule = campaign({**entry("09:00", "17:00"), "days": days})

        assert schedule.problems == ()
        assert schedule.schedules[0].days == {3}

    def test_unknown_keys_do_no_harm(self) -> None:
        assert campaign(entry("09:00", "17:00", colour="blue"), stop_on_holidays=True).problems == ()

    @pytest.mark.parametrize(
        ("text", "day"),
        [
            ("2026-05-04", date(2026, 5, 4)),
            ("2026-05-04T00:00:00.000Z", date(2026, 5, 4)),
            ("2026-05-04T23:30:00-05:00", date(2026, 5, 4)),
            ("2026-05-04 00:00:00", date(2026, 5, 4)),
            (None, None),
            ("", None),
        ],
    )
    def test_dates(self, text: object, day: date | None) -> None:
        schedule = campaign(entry("09:00", "17:00"), start_date=text, end_date=text)

        assert (schedule.start_date, schedule.end_date, schedule.problems) == (day, day, ())

    @pytest.mark.parametrize(
        "value", ["2026-02-30", "2026-13-01", "0000-01-01", "04.05.2026", "20260504", 20260504, {}]
    )
    def test_a_date_that_cannot_be_read_is_left_out_and_named(self, value: object) -> None:
        schedule = campaign(entry("09:00", "17:00"), start_date=value)

        assert schedule.start_date is None
        assert schedule.problems == (f"The start_date is left out: it is not a day such as 2026-05-04 but {value!r}.",)

    def test_the_result_is_a_value(self) -> None:
        assert campaign(entry("09:00", "17:00")) == campaign(entry("09:00", "17:00"))
        assert len({campaign(entry("09:00", "17:00")), campaign(entry("09:00", "17:00"))}) == 1


class TestOneSchedule:
    weekdays = campaign(entry("09:00", "17:00", days=WEEKDAYS, name="Weekdays"))

    @pytest.mark.parametrize(
        ("now", "day", "sending"),
        [
            ("2026-06-03T00:00", "2026-06-03", False),
            ("2026-06-03T08:59:59.999999", "2026-06-03", False),
            ("2026-06-03T09:00", "2026-06-03", True),
            ("2026-06-03T16:59:59.999999", "2026-06-03", True),
            ("2026-06-03T17:00", "2026-06-04", False),
            ("2026-06-05T17:00", "2026-06-08", False),  # Friday evening
            ("2026-06-06T12:00", "2026-06-08", False),
            ("2026-06-07T12:00", "2026-06-08", False),
        ],
    )
    def test_a_window_opens_at_from_and_is_closed_at_to(self, now: str, day: str, sending: bool) -> None:
        window = self.weekdays.next_sending_window(clock(now))

        assert shown(window) == (f"{day}T09:00:00-04:00", f"{day}T17:00:00-04:00")
        assert window is not None
        assert window.schedule_name == "Weekdays"
        assert self.weekdays.is_sending_time(clock(now)) is sending
        assert window.is_open(clock(now)) is sending

    @pytest.mark.parametrize(("key", "day"), [(str(n), f"2026-06-{7 + n:02}") for n in range(7)])
    def test_day_0_is_a_sunday(self, key: str, day: str) -> None:
        window = campaign(entry("09:00", "17:00", days=key)).next_sending_window(clock("2026-06-06T18:00"))

        assert window is not None
        assert window.opens.isoformat()[:10] == day

    @pytest.mark.parametrize(
        "now",
        [
            datetime(2026, 6, 3, 14, 30, tzinfo=UTC),
            datetime(2026, 6, 3, 20, 0, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            pendulum.datetime(2026, 6, 3, 10, 30, tz="America/Detroit"),
            pendulum.datetime(2026, 6, 4, 2, 30, tz="Pacific/Auckland"),
        ],
    )
    def test_now_may_be_of_any_zone(self, now: datetime) -> None:
        window = self.weekdays.next_sending_window(now)

        assert shown(window) == ("2026-06-03T09:00:00-04:00", "2026-06-03T17:00:00-04:00")
        assert isinstance(window.opens, pendulum.DateTime)  # type: ignore[union-attr]
        assert isinstance(window.closes, pendulum.DateTime)  # type: ignore[union-attr]
        assert self.weekdays.is_sending_time(now)

    @pytest.mark.parametrize("now", [datetime(2026, 6, 3, 10), pendulum.naive(2026, 6, 3, 10)])
    def test_a_naive_now_is_refused(self, now: datetime) -> None:
        window = self.weekdays.next_sending_window(datetime.now(UTC))
        assert window is not None

        for ask in (self.weekdays.next_sending_window, self.weekdays.is_sending_time, window.is_open):
            with pytest.raises(ValueError, match=r"2026-06-03T10:00:00 has no time zone.*Pass an aware one"):
                ask(now)

    def test_a_naive_now_is_refused_even_where_nothing_ever_opens(self) -> None:
        with pytest.raises(ValueError, match="has no time zone"):
            CampaignSchedule().is_sending_time(datetime(2026, 6, 3, 10))


class TestPastMidnight:
    def test_to_before_from_belongs_to_the_day_on_which_it_opens(self) -> None:
        fridays = campaign(entry("22:00", "02:00", days="5"))

        assert shown(fridays.next_sending_window(clock("2026-06-06T01:59"))) == (
            "2026-06-05T22:00:00-04:00",
            "2026-06-06T02:00:00-04:00",
        )
        assert not fridays.is_sending_time(clock("2026-06-05T01:00"))
        assert fridays.is_sending_time(clock("2026-06-05T23:00"))
        assert fridays.is_sending_time(clock("2026-06-06T01:00"))
        assert not fridays.is_sending_time(clock("2026-06-06T23:00"))

    def test_a_long_one_is_still_open_two_days_later_in_utc(self) -> None:
        mondays = campaign(entry("22:00", "21:00", "Etc/GMT+12", "1"))

        window = mondays.next_sending_window(clock("2026-06-03T08:59", "UTC"))

        assert shown(window) == ("2026-06-01T22:00:00-12:00", "2026-06-02T21:00:00-12:00")
        assert mondays.is_sending_time(clock("2026-06-03T08:59", "UTC"))

    def test_to_at_midnight_is_the_end_of_the_day(self) -> None:
        window = campaign(entry("22:00", "00:00", days="5")).next_sending_window(clock("2026-06-05T12:00"))

        assert shown(window) == ("2026-06-05T22:00:00-04:00", "2026-06-06T00:00:00-04:00")

    def test_to_equal_to_from_never_opens(self) -> None:
        schedule = campaign(entry("09:00", "09:00"))

        assert schedule.next_sending_window(clock("2026-06-03T09:00")) is None
        assert not schedule.is_sending_time(clock("2026-06-03T09:00"))

    def test_the_start_date_does_not_open_a_window_of_the_eve(self) -> None:
        schedule = campaign(entry("22:00", "02:00"), start_date="2026-06-05")

        assert not schedule.is_sending_time(clock("2026-06-05T01:00"))
        assert shown(schedule.next_sending_window(clock("2026-06-05T01:00"))) == (
            "2026-06-05T22:00:00-04:00",
            "2026-06-06T02:00:00-04:00",
        )

    def test_the_end_date_cuts_at_midnight(self) -> None:
        schedule = campaign(entry("22:00", "02:00"), end_date="2026-06-05")

        assert shown(schedule.next_sending_window(clock("2026-06-05T02:00"))) == (
            "2026-06-05T22:00:00-04:00",
            "2026-06-06T00:00:00-04:00",
        )
        assert schedule.next_sending_window(clock("2026-06-06T00:00")) is None
        assert not schedule.is_sending_time(clock("2026-06-06T01:00"))


class TestDates:
    one_day = campaign(entry("09:00", "17:00"), start_date="2026-06-03", end_date="2026-06-03")

    def test_both_are_included(self) -> None:
        found = windows(self.one_day, clock("2026-01-01T00:00"), clock("2027-01-01T00:00"))

        assert found == [("2026-06-03T09:00:00-04:00", "2026-06-03T17:00:00-04:00")]

    def test_they_are_days_of_each_schedules_own_zone(self) -> None:
        day = {"start_date": "2026-06-03", "end_date": "2026-06-03"}
        schedule = campaign(entry("00:00", "23:59", "Etc/GMT-13"), entry("00:00", "23:59", "Etc/GMT+12"), **day)

        assert windows(schedule, clock("2026-01-01T00:00"), clock("2027-01-01T00:00")) == [
            ("2026-06-03T00:00:00+13:00", "2026-06-03T23:59:00+13:00"),
            ("2026-06-03T00:00:00-12:00", "2026-06-03T23:59:00-12:00"),
        ]

    def test_the_day_has_to_be_one_of_the_schedule(self) -> None:
        wednesday = {"start_date": "2026-06-03", "end_date": "2026-06-03"}

        assert campaign(entry("09:00", "17:00", days="4"), **wednesday).next_sending_window(clock("2026-06-01")) is None

    def test_an_end_before_the_start_never_opens_and_is_named(self) -> None:
        schedule = campaign(entry("09:00", "17:00"), start_date="2026-06-03", end_date="2026-06-02")

        assert schedule.problems == (
            "The end_date 2026-06-02 is before the start_date 2026-06-03, so the campaign never opens.",
        )
        assert schedule.next_sending_window(clock("2026-06-02T10:00")) is None

    @pytest.mark.parametrize(
        ("start", "opens"),
        [("2026-06-08", "2026-06-08"), ("2099-12-31", "2100-01-04"), ("9876-05-04", "9876-05-08")],
    )
    def test_a_start_however_far_is_found_without_a_crawl(self, start: str, opens: str) -> None:
        schedule = campaign(entry("09:00", "17:00", "Etc/GMT+12", "12"), start_date=start)
        durations = []
        for _ in range(5):
            began = stopwatch.perf_counter()
            window = schedule.next_sending_window(datetime(2026, 6, 3, tzinfo=UTC))
            durations.append(stopwatch.perf_counter() - began)

        assert shown(window) == (f"{opens}T09:00:00-12:00", f"{opens}T17:00:00-12:00")
        # A crawl over 7,850 years takes seconds.
        assert min(durations) < 0.05

    @pytest.mark.parametrize("now", ["2026-06-03T12:00", "9999-12-31T23:00", "0001-01-02T12:00"])
    @pytest.mark.parametrize("zone", ["Etc/GMT-13", "Etc/GMT+12", "America/Detroit"])
    @pytest.mark.parametrize("dates", [("0001-01-01", "9999-12-31"), ("9999-12-31", None), (None, "0001-01-01")])
    def test_the_ends_of_the_calendar_do_no_harm(
        self, now: str, zone: str, dates: tuple[str | None, str | None]
    ) -> None:
        schedule = campaign(entry("22:00", "21:59", zone), start_date=dates[0], end_date=dates[1])
        moment = clock(now, "UTC")

        window = schedule.next_sending_window(moment)

        assert schedule.is_sending_time(moment) is (window is not None and window.is_open(moment))
        assert (window is not None) is (dates == ("0001-01-01", "9999-12-31") and not now.startswith("9999"))


class TestSeveralSchedules:
    def test_the_first_to_open_is_next(self) -> None:
        schedule = campaign(
            entry("09:00", "17:00", "America/Detroit", name="Detroit"),
            entry("09:00", "17:00", "Asia/Kolkata", name="Kolkata"),
        )

        found = schedule.next_sending_window(clock("2026-06-03T18:00"))

        assert shown(found) == ("2026-06-04T09:00:00+05:30", "2026-06-04T17:00:00+05:30")
        assert found is not None
        assert found.schedule_name == "Kolkata"

    @pytest.mark.parametrize(
        ("now", "name"),
        [
            ("08:00", "Morning"),
            ("09:30", "Morning"),
            ("10:30", "Day"),
            ("12:00", "Day"),
            ("17:30", "Night"),  # Both are to open at 18:00.
        ],
    )
    def test_of_two_that_are_open_the_one_that_closes_last_counts(self, now: str, name: str) -> None:
        schedule = campaign(
            entry("09:00", "12:00", name="Morning"),
            entry("10:00", "17:00", name="Day"),
            entry("18:00", "19:00", name="Evening"),
            entry("18:00", "02:00", name="Night"),
        )

        window = schedule.next_sending_window(clock(f"2026-06-03T{now}"))

        assert window is not None
        assert window.schedule_name == name

    def test_of_two_that_close_together_the_one_that_opened_first_counts(self) -> None:
        schedule = campaign(entry("10:00", "12:00", name="Late"), entry("09:00", "12:00", name="Early"))

        window = schedule.next_sending_window(clock("2026-06-03T11:00"))

        assert window is not None
        assert window.schedule_name == "Early"

    def test_sending_may_go_on_after_a_window_closes(self) -> None:
        schedule = campaign(entry("09:00", "12:00"), entry("12:00", "17:00"))

        window = schedule.next_sending_window(clock("2026-06-03T10:00"))

        assert window is not None
        assert schedule.is_sending_time(window.closes)


class TestClockChanges:
    """
    Detroit: 2026-03-08 02:00 EST (-05:00) becomes 03:00 EDT (-04:00), 2026-11-01 02:00 EDT becomes 01:00 EST.

    Apia: the day 2011-12-30 did not happen.
    """

    @pytest.mark.parametrize(
        ("begin", "end", "expected"),
        [
            # across the gap: an hour shorter
            ("01:00", "09:00", [("01:00:00-05:00", "09:00:00-04:00")]),
            # from in the gap
            ("02:30", "09:00", [("03:00:00-04:00", "09:00:00-04:00")]),
            ("02:00", "09:00", [("03:00:00-04:00", "09:00:00-04:00")]),
            # to in the gap
            ("01:00", "02:30", [("01:00:00-05:00", "03:00:00-04:00")]),
            ("01:00", "02:00", [("01:00:00-05:00", "03:00:00-04:00")]),
            ("01:00", "03:00", [("01:00:00-05:00", "03:00:00-04:00")]),
            # both in the gap
            ("02:10", "02:50", []),
            ("02:00", "03:00", []),
        ],
    )
    def test_the_clock_skips_an_hour(self, begin: str, end: str, expected: list[tuple[str, str]]) -> None:
        schedule = campaign(entry(begin, end))

        found = windows(schedule, clock("2026-03-08T00:00"), clock("2026-03-09T00:00"))

        assert found == [(f"2026-03-08T{opens}", f"2026-03-08T{closes}") for opens, closes in expected]

    @pytest.mark.parametrize("now", ["2026-03-01T03:00", "2026-03-08T00:00", "2026-03-08T12:00"])
    def test_a_window_in_the_gap_opens_again_a_week_later(self, now: str) -> None:
        window = campaign(entry("02:10", "02:50", days="0")).next_sending_window(clock(now))

        assert shown(window) == ("2026-03-15T02:10:00-04:00", "2026-03-15T02:50:00-04:00")

    @pytest.mark.parametrize(
        ("begin", "end", "expected"),
        [
            # across the repeated hour: an hour longer
            ("00:30", "09:00", [("00:30:00-04:00", "09:00:00-05:00")]),
            ("01:00", "02:00", [("01:00:00-04:00", "02:00:00-05:00")]),
            # from in the repeated hour
            ("01:30", "09:00", [("01:30:00-04:00", "01:00:00-05:00"), ("01:30:00-05:00", "09:00:00-05:00")]),
            # to in the repeated hour
            ("00:30", "01:30", [("00:30:00-04:00", "01:30:00-04:00"), ("01:00:00-05:00", "01:30:00-05:00")]),
            # both in the repeated hour
            ("01:10", "01:50", [("01:10:00-04:00", "01:50:00-04:00"), ("01:10:00-05:00", "01:50:00-05:00")]),
            # next to it
            ("00:30", "01:00", [("00:30:00-04:00", "01:00:00-04:00")]),
            ("02:00", "09:00", [("02:00:00-05:00", "09:00:00-05:00")]),
        ],
    )
    def test_the_clock_shows_an_hour_twice(self, begin: str, end: str, expected: list[tuple[str, str]]) -> None:
        schedule = campaign(entry(begin, end))

        found = windows(schedule, clock("2026-11-01T00:00"), clock("2026-11-02T00:00"))

        assert found == [(f"2026-11-01T{opens}", f"2026-11-01T{closes}") for opens, closes in expected]

    @pytest.mark.parametrize("make", [clock, lambda text, fold: pendulum.instance(clock(text, fold=fold))])
    def test_now_in_the_repeated_hour_is_taken_for_the_pass_it_is(self, make: Any) -> None:
        schedule = campaign(entry("01:30", "01:40"), start_date="2026-11-01", end_date="2026-11-01")
        first, between, second = (
            make("2026-11-01T01:35", fold=0),
            make("2026-11-01T01:05", fold=1),
            make("2026-11-01T01:35", fold=1),
        )

        assert shown(schedule.next_sending_window(first)) == ("2026-11-01T01:30:00-04:00", "2026-11-01T01:40:00-04:00")
        for now in (between, second):
            window = schedule.next_sending_window(now)
            assert shown(window) == ("2026-11-01T01:30:00-05:00", "2026-11-01T01:40:00-05:00")
            assert window is not None
            assert not window.is_open(first)
        assert [schedule.is_sending_time(now) for now in (first, between, second)] == [True, False, True]

    def test_past_midnight_across_a_change_at_midnight(self) -> None:
        # Santiago, 2026-04-05: 00:00 becomes 23:00 of Saturday; 2026-09-06: 00:00 becomes 01:00.
        saturdays = campaign(entry("23:30", "00:30", "America/Santiago", "6"))

        assert windows(saturdays, clock("2026-04-04T12:00"), clock("2026-04-06T12:00")) == [
            ("2026-04-04T23:30:00-03:00", "2026-04-04T23:00:00-04:00"),
            ("2026-04-04T23:30:00-04:00", "2026-04-05T00:30:00-04:00"),
        ]
        assert windows(saturdays, clock("2026-09-05T12:00"), clock("2026-09-07T12:00")) == [
            ("2026-09-05T23:30:00-04:00", "2026-09-06T01:00:00-03:00"),
        ]

    def test_the_last_day_ends_twice_where_its_midnight_comes_twice(self) -> None:
        # St. John's, 2010-11-07: 00:01 becomes 23:01 of Saturday, which was the last day.
        schedule = campaign(entry("22:00", "02:00", "America/St_Johns"), end_date="2010-11-06")

        assert windows(schedule, clock("2010-11-06T12:00"), clock("2010-11-09T12:00")) == [
            ("2010-11-06T22:00:00-02:30", "2010-11-07T00:00:00-02:30"),
            ("2010-11-06T23:01:00-03:30", "2010-11-07T00:00:00-03:30"),
        ]

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            # Friday is skipped, and so is its window.
            (
                ("09:00", "17:00"),
                [("29T09:00:00-10:00", "29T17:00:00-10:00"), ("31T09:00:00+14:00", "31T17:00:00+14:00")],
            ),
            # Thursday's closes in the gap, Friday's opens in it.
            (("22:00", "02:00", "4"), [("29T22:00:00-10:00", "31T00:00:00+14:00")]),
            (("22:00", "02:00", "5"), [("31T00:00:00+14:00", "31T02:00:00+14:00")]),
            (("09:00", "17:00", "5"), []),
        ],
    )
    def test_the_clock_skips_a_day(self, arguments: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
        begin, end, *days = arguments
        schedule = campaign(entry(begin, end, "Pacific/Apia", *days))

        found = windows(schedule, clock("2011-12-29T05:00", "Pacific/Apia"), clock("2011-12-31T21:00", "Pacific/Apia"))

        assert found == [(f"2011-12-{opens}", f"2011-12-{closes}") for opens, closes in expected]


# --- The oracle -------------------------------------------------------------------------------------------------------


class Want(NamedTuple):
    """A schedule in the oracle's own words."""

    begin: int
    end: int
    days: frozenset[int]
    zone: str
    start: date | None
    stop: date | None

    def in_the_apis_words(self, name: str) -> dict[str, Any]:
        begin, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (self.begin, self.end))
        return entry(begin, end, self.zone, "".join(map(str, self.days)), name=name)

    def opened_on(self, minute: datetime) -> date | None:
        """The day whose window is open in this minute of UTC, or None."""
        wall = minute.astimezone(ZoneInfo(self.zone))
        today, of_day = wall.date(), wall.hour * 60 + wall.minute
        if self.begin < self.end:
            day = today if self.begin <= of_day < self.end else None
        elif of_day >= self.begin:
            day = today
        else:
            day = today - DAY if of_day < self.end else None
        if day is None or day.isoweekday() % 7 not in self.days:
            return None
        if (self.start and day < self.start) or (self.stop and (day > self.stop or today > self.stop)):
            return None
        return day


def walk(want: Want, now: datetime, horizon: timedelta) -> tuple[datetime, datetime] | None:
    """The window of one schedule that is open or opens next, if it opens before the horizon."""
    if want.begin == want.end:
        return None
    opens = now.replace(second=0, microsecond=0)
    while (day := want.opened_on(opens)) is None:
        opens += MINUTE
        if opens >= now + horizon:
            return None
    closes = opens
    while want.opened_on(closes) == day:
        closes += MINUTE
    while want.opened_on(opens - MINUTE) == day:
        opens -= MINUTE
    return opens, closes


def expected(wants: list[Want], now: datetime, horizon: timedelta) -> tuple[datetime, datetime, str] | None:
    found = [(*window, str(n)) for n, want in enumerate(wants) if (window := walk(want, now, horizon))]
    if now_open := [each for each in found if each[0] <= now]:
        latest = max(each[1] for each in now_open)
        return min((each for each in now_open if each[1] == latest), key=lambda each: each[0])
    if not found:
        return None
    soonest = min(each[0] for each in found)
    return max((each for each in found if each[0] == soonest), key=lambda each: each[1])


@cache
def changes(zone: str, year: int) -> list[datetime]:
    """The minutes of a year in UTC at which the zone's clock changes."""

    def offset(moment: datetime) -> timedelta | None:
        return moment.astimezone(ZoneInfo(zone)).utcoffset()

    found, day = [], datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        if offset(day) != offset(day + DAY):
            moment = day
            while offset(moment) == offset(day):
                moment += MINUTE
            found.append(moment)
        day += DAY
    return found


def minutes_of_day() -> st.SearchStrategy[int]:
    return st.integers(0, 24 * 60 - 1)


@st.composite
def situations(draw: st.DrawFn, most: int = 3) -> tuple[list[Want], datetime]:
    """Some schedules and a moment, mostly close to a change of the clock, to midnight and to the dates."""
    zone = draw(st.sampled_from(sorted(TIME_ZONES)))
    year = draw(st.integers(1990, 2037))
    moments = changes(zone, year) or [datetime(year, draw(st.integers(1, 12)), 1, tzinfo=UTC)]
    anchor = draw(st.sampled_from(moments))
    # What the clock shows just before and just after the change: times near these are where errors live.
    walls = [(anchor - MINUTE).astimezone(ZoneInfo(zone)), anchor.astimezone(ZoneInfo(zone))]
    near = st.builds(
        lambda wall, shift: (wall.hour * 60 + wall.minute + shift) % (24 * 60),
        st.sampled_from(walls),
        st.integers(-90, 90),
    )
    a_time = near | minutes_of_day()
    a_day = st.builds(lambda shift: (anchor + shift * DAY).date(), st.integers(-3, 3))
    start, stop = draw(st.none() | a_day), draw(st.none() | a_day)
    other = st.sampled_from(sorted(TIME_ZONES))
    wants = [
        Want(
            draw(a_time),
            draw(a_time),
            draw(st.just(frozenset(range(7))) | st.frozensets(st.integers(0, 6))),
            zone if n == 0 else draw(st.just(zone) | other),
            start,
            stop,
        )
        for n in range(draw(st.integers(1, most)))
    ]
    return wants, anchor + timedelta(seconds=draw(st.integers(-2 * 86400, 2 * 86400)))


def parsed(wants: list[Want]) -> CampaignSchedule:
    start, stop = (day and day.isoformat() for day in (wants[0].start, wants[0].stop))
    entries = [want.in_the_apis_words(str(n)) for n, want in enumerate(wants)]
    return campaign(*entries, start_date=start, end_date=stop)


APIA = datetime(2011, 12, 30, 10, tzinfo=UTC)
FRIDAY_NIGHT = Want(22 * 60, 2 * 60, frozenset({5}), "Pacific/Apia", date(2011, 12, 30), date(2011, 12, 31))


class TestAgainstTheOracle:
    @settings(max_examples=250, deadline=None)
    @given(situations())
    @example(([FRIDAY_NIGHT], APIA))
    @example(([FRIDAY_NIGHT._replace(days=frozenset({4}), start=None)], APIA - timedelta(hours=13)))
    def test_the_next_window(self, situation: tuple[list[Want], datetime]) -> None:
        wants, now = situation
        horizon = timedelta(days=4)
        window = parsed(wants).next_sending_window(now)

        want = expected(wants, now, horizon)

        if want is None:
            assert window is None or window.opens.astimezone(UTC) >= now.replace(second=0, microsecond=0) + horizon
        else:
            assert window is not None
            assert (window.opens.astimezone(UTC), window.closes.astimezone(UTC), window.schedule_name) == want

    @settings(max_examples=250, deadline=None)
    @given(situations(), st.lists(st.integers(-2 * 86400, 2 * 86400), min_size=20, max_size=20))
    def test_whether_it_is_sending_time(self, situation: tuple[list[Want], datetime], shifts: list[int]) -> None:
        wants, around = situation
        schedule = parsed(wants)
        for now in (around + timedelta(seconds=shift) for shift in shifts):
            window = schedule.next_sending_window(now)
            sending = any(want.begin != want.end and want.opened_on(now) for want in wants)

            assert schedule.is_sending_time(now) is sending
            assert (window is not None and window.is_open(now)) is sending
            assert window is None or (now < window.closes.astimezone(UTC) and window.opens != window.closes)

    @pytest.mark.parametrize("zone", sorted(TIME_ZONES))
    def test_every_minute_around_the_changes_of_every_zone(self, zone: str) -> None:
        """The windows that follow each other for two days, on the days of every change from 2024 to 2026."""
        for change in [each for year in (2024, 2025, 2026) for each in changes(zone, year)] or [
            datetime(2026, 3, 29, tzinfo=UTC)
        ]:
            before, after = ((m.hour * 60 + m.minute) for m in self.walls(zone, change))
            for begin, end in self.awkward(before, after):
                want = Want(begin % 1440, end % 1440, frozenset(range(7)), zone, None, None)
                schedule, since, until = parsed([want]), change - DAY, change + DAY

                assert list(self.followed(schedule, since, until)) == list(self.walked(want, since, until))

    @staticmethod
    def walls(zone: str, change: datetime) -> Iterator[datetime]:
        yield (change - MINUTE).astimezone(ZoneInfo(zone)) + MINUTE
        yield change.astimezone(ZoneInfo(zone))

    @staticmethod
    def awkward(before: int, after: int) -> Iterator[tuple[int, int]]:
        low, high = min(before, after), max(before, after)
        yield low - 60, high + 60
        yield low + 20, high + 60
        yield low - 60, low + 20
        yield low + 10, low + 20
        yield high, low

    @staticmethod
    def followed(schedule: CampaignSchedule, now: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        while (window := schedule.next_sending_window(now)) and window.opens.astimezone(UTC) < until:
            yield window.opens.astimezone(UTC), window.closes.astimezone(UTC)
            now = window.closes

    @staticmethod
    def walked(want: Want, now: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        while (window := walk(want, now, until - now)) and window[0] < until:
            yield window
            now = window[1]


def anything() -> st.SearchStrategy[Any]:
    """What JSON can hold, with the keys of a schedule in it now and then."""
    keys = st.sampled_from(["schedules", "timing", "days", "timezone", "from", "to", "start_date", "end_date", "1"])
    return json_values(st.sampled_from(["09:00", "UTC"]), keys)


class TestNothingThatInstantlySaysIsAnException:
    @settings(max_examples=200, deadline=None)
    @given(anything())
    def test_any_json(self, document: object) -> None:
        schedule = CampaignSchedule.from_api(document)

        assert schedule.schedules or schedule.problems
        assert schedule.is_sending_time(APIA) in (True, False)

    @settings(max_examples=200, deadline=None)
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "name": anything(),
                "timing": anything() | st.dictionaries(st.sampled_from(["from", "to"]), anything()),
                "days": anything() | st.dictionaries(st.sampled_from(list(EVERY_DAY)), anything()),
                "timezone": anything() | st.text(),
            },
        ),
        anything(),
        anything(),
    )
    def test_any_entry(self, broken: object, start: object, end: object) -> None:
        schedule = campaign(broken, start_date=start, end_date=end)

        assert len(schedule.schedules) == 1 or schedule.problems
        assert all(problem.endswith(".") and len(problem) < 300 for problem in schedule.problems)


class TestBounds:
    """A server may send what it likes; what is kept of it, and the time that it costs, are bounded."""

    @pytest.mark.parametrize(("count", "kept"), [(MAX_SCHEDULES, MAX_SCHEDULES), (20_000, MAX_SCHEDULES)])
    def test_schedules(self, count: int, kept: int) -> None:
        schedule = campaign(*[entry("09:00", "17:00")] * count)

        assert len(schedule.schedules) == kept
        left_out = [f"The campaign has {count:,} schedules; those after the first {kept} are left out."]
        assert list(schedule.problems) == (left_out if count > kept else [])
        assert schedule.next_sending_window(APIA) is not None

    def test_problems(self) -> None:
        schedule = campaign(*[{"name": "x" * 1000}] * 20_000)
        assert len(schedule.problems) == MAX_SCHEDULES + 1
        assert all(problem.isprintable() and len(problem) < 300 for problem in schedule.problems)

    def test_names(self) -> None:
        schedule = campaign(entry("09:00", "17:00", name="Work\r\n\x1b[31mdays" + "x" * 1_000_000))

        window = schedule.next_sending_window(APIA)

        assert window is not None
        assert window.schedule_name == schedule.schedules[0].name
        assert str(window.schedule_name).startswith("Work [31mdays")
        assert str(window.schedule_name).isprintable()
        assert len(str(window.schedule_name)) <= 501

    @pytest.mark.parametrize("zone", ["x" * 1_000_000, "../" * 50, "UTC\0", "", "/etc/localtime"], ids=lambda z: z[:9])
    def test_a_time_zone_that_no_system_has(self, zone: str) -> None:
        (problem,) = campaign(entry("09:00", "17:00", zone)).problems
        assert "is not known here" in problem
        assert problem.isprintable()


class TestValues:
    """A schedule is a value: with each version of pendulum, of which some cannot hash their own time zones."""

    DOCUMENT: ClassVar[dict[str, Any]] = {
        "schedules": [entry("09:00", "17:00", name="Day"), entry("22:00", "02:00", "Asia/Kolkata")],
        "start_date": "2026-01-01",
        "end_date": "2026-12-31",
    }

    def test_equal_ones_are_equal_and_hash_alike(self) -> None:
        one = CampaignSchedule.from_api(self.DOCUMENT)
        # A process forgets time zones that it has not used for a while.
        pendulum.Timezone.clear_cache()
        other = CampaignSchedule.from_api(copy.deepcopy(self.DOCUMENT))

        assert one == other
        assert hash(one) == hash(other)
        assert {*one.schedules, *other.schedules} == set(one.schedules)
        assert one != campaign(entry("09:00", "17:00", name="Day"))
        assert one.schedules[0] != campaign(entry("09:00", "17:00", "America/Chicago", name="Day")).schedules[0]

    @pytest.mark.parametrize(
        "twin",
        [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))],  # noqa: S301
        ids=["copy", "deep", "pickle"],
    )
    def test_copies_are_equal(self, twin: Callable[[Any], Any]) -> None:
        schedule = CampaignSchedule.from_api(self.DOCUMENT)
        window = schedule.next_sending_window(clock("2026-06-03 10:00"))

        for value in (schedule, schedule.schedules[0], window):
            assert twin(value) == value
            assert hash(twin(value)) == hash(value)
        assert twin(schedule).next_sending_window(clock("2026-06-03 10:00")) == window
        assert twin(window).opens.timezone_name == "America/Detroit"

    def test_a_schedule_has_its_time_zone(self) -> None:
        (first, second) = CampaignSchedule.from_api(self.DOCUMENT).schedules
        assert (first.time_zone_name, first.time_zone.name) == ("America/Detroit", "America/Detroit")
        assert second.time_zone == pendulum.timezone("Asia/Kolkata")
