"""
When a campaign may send: its schedules, each with its own time zone, as windows of time.

Only the schedule counts here, not the status, the leads or the limits. Instantly documents the fields, not what
they mean at their edges, so this is what they mean here:

- **The clock decides.** A schedule is open while a clock on the wall in its time zone shows a time from
  ``timing.from`` (included) to ``timing.to`` (not included) on one of its days. Both changes of the clock follow from
  that. A time that the clock skips is not there: a window that would open in the gap opens when the gap is over, one
  that would close in it closes when the gap begins, and one that lies wholly in it does not open that day. A time that
  the clock shows twice counts both times, so a window that begins or ends in the repeated hour can open twice.
- **to before from** runs past midnight. Such a window belongs to the day on which it opens.
- **to equal to from** never opens: an interval without its end holds nothing. The other reading, a whole day, would
  promise people sending that perhaps never comes; this one is named among the ``problems``, so that it is noticed.
- **start_date and end_date** are included, and are days in the time zone of each schedule, since a campaign has no
  zone besides those of its schedules. A window has to open on one of these days, and none goes on after the last:
  one that runs past midnight is cut there.
- **Several schedules** are not merged: a window is that of one schedule on one day. Where two are open, the one that
  closes last counts. So sending may go on after a window closes: ask again for that moment.
"""

from __future__ import annotations

import re
import reprlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self

import pendulum

from airflow_provider_instantly.api.redaction import storable_text, without_addresses

# fmt: off
#: The time zones that Instantly accepts. Source: the ``Campaign`` schema of the Instantly API V2.
TIME_ZONES = frozenset({
    "Africa/Abidjan", "Africa/Addis_Ababa", "Africa/Algiers", "Africa/Blantyre", "Africa/Cairo", "Africa/Casablanca",
    "Africa/Ceuta", "Africa/Tripoli", "Africa/Windhoek",
    "America/Anchorage", "America/Anguilla", "America/Araguaina", "America/Argentina/La_Rioja", "America/Asuncion",
    "America/Bahia", "America/Bahia_Banderas", "America/Belize", "America/Bogota", "America/Boise",
    "America/Campo_Grande", "America/Caracas", "America/Chicago", "America/Chihuahua", "America/Creston",
    "America/Danmarkshavn", "America/Dawson", "America/Detroit", "America/Glace_Bay", "America/Godthab",
    "America/Indiana/Marengo", "America/Montevideo", "America/Noronha", "America/Regina", "America/Santiago",
    "America/Sao_Paulo", "America/Scoresbysund", "America/St_Johns",
    "Antarctica/Davis", "Antarctica/DumontDUrville", "Antarctica/Macquarie", "Antarctica/Mawson", "Antarctica/Vostok",
    "Arctic/Longyearbyen",
    "Asia/Aden", "Asia/Amman", "Asia/Anadyr", "Asia/Baghdad", "Asia/Baku", "Asia/Beirut", "Asia/Brunei", "Asia/Chita",
    "Asia/Choibalsan", "Asia/Colombo", "Asia/Damascus", "Asia/Dhaka", "Asia/Dili", "Asia/Dubai", "Asia/Hong_Kong",
    "Asia/Irkutsk", "Asia/Jerusalem", "Asia/Kabul", "Asia/Kamchatka", "Asia/Karachi", "Asia/Kathmandu", "Asia/Kolkata",
    "Asia/Krasnoyarsk", "Asia/Nicosia", "Asia/Novokuznetsk", "Asia/Pyongyang", "Asia/Rangoon", "Asia/Sakhalin",
    "Asia/Taipei", "Asia/Tbilisi", "Asia/Tehran", "Asia/Yekaterinburg", "Asia/Yerevan",
    "Atlantic/Canary", "Atlantic/Cape_Verde",
    "Australia/Adelaide", "Australia/Brisbane", "Australia/Currie", "Australia/Darwin", "Australia/Melbourne",
    "Australia/Perth",
    "Etc/GMT+10", "Etc/GMT+11", "Etc/GMT+12", "Etc/GMT-12", "Etc/GMT-13",
    "Europe/Astrakhan", "Europe/Belgrade", "Europe/Bucharest", "Europe/Helsinki", "Europe/Isle_of_Man",
    "Europe/Istanbul", "Europe/Kaliningrad", "Europe/Kirov", "Europe/Sarajevo",
    "Indian/Mahe",
    "Pacific/Apia", "Pacific/Auckland", "Pacific/Fiji",
})
# fmt: on

#: So many schedules of one campaign count. One costs up to half a millisecond for each question after a window, and an
#: answer of 10 MB has room for 60,000 of them.
MAX_SCHEDULES: Final = 100
#: No name of a time zone is longer, and one that a server makes up should not reach the file system.
_MAX_ZONE_CHARS: Final = 100

_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
# The API's own examples show a date with a time behind it, too. The day is the one that is written.
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ].*)?")

_WHOLE = reprlib.Repr()
_WHOLE.maxstring = 1_000

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

# A window that is still to close opened at most three days ago: a zone is up to a day behind UTC, its clock may be put
# back by up to a day, and the window may run past midnight. Three weeks hold each weekday twice after that, so one
# is found even where a change of the clock swallows the other.
_DAYS_BEFORE, _DAYS_SEARCHED = 3, 21
# Python's calendar ends here; some room is left for windows that cross midnight.
_FIRST_DAY, _LAST_DAY = date.min.toordinal() + 2, date.max.toordinal() - 2


class _NeverOpensError(ValueError):
    """An entry of ``schedules`` that can be read, and never opens."""


@dataclass(frozen=True, slots=True)
class SendingWindow:
    """
    A stretch of time in which one schedule lets the campaign send.

    :param opens: the first moment of the window, in the schedule's time zone.
    :param closes: the first moment after the window, in the schedule's time zone.
    :param schedule_name: the schedule's name, or None where it has none.
    """

    opens: pendulum.DateTime
    closes: pendulum.DateTime
    schedule_name: str | None

    def is_open(self, moment: datetime) -> bool:
        """
        Whether the moment lies in the window.

        Better than comparing by hand: Python compares two datetimes of the same zone by their clocks, so
        the two passes of a repeated hour are one to it.

        :param moment: an aware datetime, of any zone.
        :raises ValueError: if it is naive.
        """
        return self.opens.astimezone(UTC) <= _in_utc(moment) < self.closes.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    One entry of a campaign's ``schedules``.

    :param name: its name, or None.
    :param opens: the time of day at which it opens.
    :param closes: the time of day at which it closes; where that is before ``opens``, on the next day.
    :param days: the days on which it opens, 0 for Sunday to 6 for Saturday.
    :param time_zone_name: the name of the time zone of all of these, such as ``America/Detroit``.
    """

    name: str | None
    opens: time
    closes: time
    days: frozenset[int]
    time_zone_name: str

    @property
    def time_zone(self) -> pendulum.Timezone:
        """The time zone itself. Not a field: pendulum 3.1 and 3.2 cannot hash it, and 3.0 compares it by identity."""
        return pendulum.timezone(self.time_zone_name)

    @classmethod
    def from_api(cls, entry: object) -> Self:
        """
        Parse one entry of ``schedules``. A day that is not ``true`` is a day on which it does not open.

        :param entry: the decoded JSON.
        :raises ValueError: if it cannot be read, or would never open (`_NeverOpensError`). The message is a clause that
            says why.
        """
        if not isinstance(entry, Mapping):
            raise ValueError(f"it is not an object but {_quoted(entry)}")
        name, timing, days = entry.get("name"), entry.get("timing"), entry.get("days")
        if not isinstance(timing, Mapping):
            raise ValueError("it has no timing")
        if not isinstance(days, Mapping):
            raise ValueError("it has no days")
        schedule = cls(
            name=storable_text(name) if isinstance(name, str) else None,
            opens=_clock_time(timing, "from"),
            closes=_clock_time(timing, "to"),
            days=frozenset(day for day in range(7) if days.get(str(day)) is True),
            time_zone_name=_time_zone_name(entry.get("timezone")),
        )
        if schedule.opens == schedule.closes:
            raise _NeverOpensError(f"it opens and closes at {schedule.opens:%H:%M}, so it never opens")
        if not schedule.days:
            raise _NeverOpensError("it opens on no day of the week")
        return schedule

    def intervals(
        self, moment: datetime, start_date: date | None, end_date: date | None
    ) -> Iterator[tuple[datetime, datetime]]:
        """
        Yield when it opens and closes, in UTC, as far as that matters for what is open at the moment or opens next.

        :param moment: the moment, in UTC.
        :param start_date: the first day on which a window may open, or None.
        :param end_date: the last day on which a window may open or go on, or None.
        """
        zone = self.time_zone
        for day in self._opening_days(moment, start_date, end_date):
            opens, closes = datetime.combine(day, self.opens), datetime.combine(day, self.closes)
            if closes < opens:
                closes = datetime.combine(day, time.min if day == end_date else self.closes) + _DAY
            yield from _intervals(zone, opens, closes)

    def _opening_days(self, moment: datetime, start_date: date | None, end_date: date | None) -> Iterator[date]:
        first = max(moment.toordinal() - _DAYS_BEFORE, _FIRST_DAY)
        last = _LAST_DAY
        if start_date is not None:
            first = max(first, start_date.toordinal())
        if end_date is not None:
            last = min(last, end_date.toordinal())
        for ordinal in range(first, min(last, first + _DAYS_SEARCHED - 1) + 1):
            # Day 1 of the calendar is a Monday, which makes the remainder Instantly's number of the weekday.
            if ordinal % 7 in self.days:
                yield date.fromordinal(ordinal)


@dataclass(frozen=True)
class CampaignSchedule:
    """
    When a campaign may send, as far as its ``campaign_schedule`` tells.

    :param schedules: the first `MAX_SCHEDULES` of its schedules, without those that cannot be read or never open.
    :param start_date: the first day, in each schedule's time zone, or None.
    :param end_date: the last day, in each schedule's time zone, or None.
    :param problems: sentences about what was left out and what keeps it from ever opening, for people.
    :param unread: those of them that tell of what could not be read: it may send at other times than those known here.
    """

    schedules: tuple[Schedule, ...] = ()
    start_date: date | None = None
    end_date: date | None = None
    problems: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @classmethod
    def from_api(cls, document: object) -> Self:
        """
        Parse a campaign's ``campaign_schedule``. What cannot be read is left out and named in ``problems``.

        :param document: the decoded JSON, whatever it is.
        """
        if not isinstance(document, Mapping):
            return cls(problems=("The campaign has no schedule.",))
        problems: list[str] = []
        unread: list[str] = []
        schedules = tuple(_schedules(document.get("schedules"), problems, unread))
        start_date = _date(document, "start_date", unread)
        end_date = _date(document, "end_date", unread)
        problems += (problem for problem in unread if problem not in problems)
        if start_date is not None and end_date is not None and end_date < start_date:
            problems.append(
                f"The end_date {end_date} is before the start_date {start_date}, so the campaign never opens."
            )
        return cls(schedules, start_date, end_date, tuple(problems), tuple(unread))

    def next_sending_window(self, now: datetime) -> SendingWindow | None:
        """
        Return the window that is open, or else the next one to open; None if none opens again.

        :param now: an aware datetime, of any zone.
        :raises ValueError: if it is naive.
        """
        moment = _in_utc(now)
        found = [
            (opens, closes, schedule)
            for schedule in self.schedules
            for opens, closes in schedule.intervals(moment, self.start_date, self.end_date)
            if moment < closes
        ]
        if not found:
            return None
        # The first to be open; of several the one that closes last, and of those the one that opened first.
        opens, closes, schedule = min(found, key=lambda each: (max(each[0], moment), moment - each[1], each[0]))
        return SendingWindow(
            opens=pendulum.instance(opens).in_timezone(schedule.time_zone),
            closes=pendulum.instance(closes).in_timezone(schedule.time_zone),
            schedule_name=schedule.name,
        )

    def is_sending_time(self, now: datetime) -> bool:
        """
        Whether a schedule is open.

        :param now: an aware datetime, of any zone.
        :raises ValueError: if it is naive.
        """
        window = self.next_sending_window(now)
        return window is not None and window.is_open(now)


def _schedules(entries: object, problems: list[str], unread: list[str]) -> Iterator[Schedule]:
    if not isinstance(entries, list) or not entries:
        problems.append("The campaign has no schedules.")
        return
    if len(entries) > MAX_SCHEDULES:
        problems.append(
            f"The campaign has {len(entries):,} schedules; those after the first {MAX_SCHEDULES} are left out."
        )
    for number, entry in enumerate(entries[:MAX_SCHEDULES], start=1):
        try:
            yield Schedule.from_api(entry)
        except ValueError as error:
            name = entry.get("name") if isinstance(entry, Mapping) else None
            named = f" ({_quoted(name)})" if isinstance(name, str) else ""
            problems.append(f"Schedule {number}{named} is left out: {error}.")
            if not isinstance(error, _NeverOpensError):
                unread.append(problems[-1])


def _quoted(value: object) -> str:
    # Before it is cut: of an address without its at sign, no one would know that it is one.
    text = reprlib.repr(without_addresses(value)) if isinstance(value, str) else without_addresses(_WHOLE.repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _clock_time(timing: Mapping[str, object], key: str) -> time:
    value = timing.get(key)
    if not isinstance(value, str) or not _CLOCK_TIME.fullmatch(value):
        raise ValueError(f"timing.{key} is not a time such as 09:00 but {_quoted(value)}")
    return time.fromisoformat(value)


def _time_zone_name(name: object) -> str:
    # Not held against TIME_ZONES: Instantly may learn a new one, and what can be resolved can be reckoned with.
    if not isinstance(name, str):
        raise ValueError(f"its timezone is not a name but {_quoted(name)}")
    try:
        if len(name) > _MAX_ZONE_CHARS:
            raise ValueError("too long")
        pendulum.timezone(name)
    except (ValueError, OSError) as error:
        # OSError: names such as "America", which is a directory of the time zone database.
        raise ValueError(f"its timezone {_quoted(name)} is not known here") from error
    return name


def _date(document: Mapping[str, object], key: str, unread: list[str]) -> date | None:
    value = document.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str) and (match := _DATE.fullmatch(value)):
        try:
            return date.fromisoformat(match[1])
        except ValueError:
            pass
    unread.append(f"The {key} is left out: it is not a day such as 2026-05-04 but {_quoted(value)}.")
    return None


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(
            f"The datetime {moment.isoformat()} has no time zone, so it is no certain moment. "
            "Pass an aware one, such as pendulum.now('UTC')."
        )
    utc = moment.astimezone(UTC)
    # A plain datetime, whatever came: the search computes too much for pendulum's own.
    return datetime.combine(utc.date(), utc.time(), UTC)


def _intervals(zone: pendulum.Timezone, opens: datetime, closes: datetime) -> list[tuple[datetime, datetime]]:
    """Return when, in UTC, the zone's clock shows a time from opens up to closes: nearly always one interval."""
    first, last = _only_moment(zone, opens), _only_moment(zone, closes)
    if first is not None and last is not None:
        # The clock may change in between; that makes the interval longer or shorter, but does not move its ends.
        return [(first, last)]
    found: list[tuple[datetime, datetime]] = []
    # No offset from UTC reaches a day.
    for begins, ends, offset in _offsets(zone, _moment(opens, _DAY), _moment(closes, -_DAY)):
        first, last = max(begins, _moment(opens, offset)), min(ends, _moment(closes, offset))
        if first >= last:
            continue
        if found and found[-1][1] == first:
            first = found.pop()[0]
        found.append((first, last))
    return found


def _moment(clock: datetime, offset: timedelta) -> datetime:
    return (clock - offset).replace(tzinfo=UTC)


def _only_moment(zone: pendulum.Timezone, clock: datetime) -> datetime | None:
    """Return the moment at which the zone's clock shows the time, or None where it skips it or shows it twice."""
    offset = zone.utcoffset(clock)
    if offset is None or offset != zone.utcoffset(clock.replace(fold=1)):
        return None
    return _moment(clock, offset)


def _offsets(
    zone: pendulum.Timezone, begins: datetime, ends: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield the zone's offsets from UTC between two moments, each with the interval in which it holds."""
    hour, offset = begins, _offset_at(zone, begins)
    while hour < ends:
        if _offset_at(zone, hour + _HOUR) != offset:
            change = _change_after(zone, hour)
            yield begins, change, offset
            begins, offset = change, _offset_at(zone, change)
        hour += _HOUR
    yield begins, ends, offset


def _change_after(zone: pendulum.Timezone, hour: datetime) -> datetime:
    """Return the second at which the zone's offset from UTC changes, within an hour in which it does."""
    before = _offset_at(zone, hour)
    seconds = bisect_left(
        range(3600), True, key=lambda second: _offset_at(zone, hour + timedelta(seconds=second)) != before
    )
    return hour + timedelta(seconds=seconds)


def _offset_at(zone: pendulum.Timezone, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
