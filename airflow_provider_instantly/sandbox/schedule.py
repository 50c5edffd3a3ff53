"""When a campaign's schedule is open, as the sandbox needs it to let e-mails leave. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def next_open(schedule: Mapping[str, Any] | None, moment: float) -> float | None:
    """
    The moment itself where the schedule is open, else when it opens next, or None if it never does.

    :param schedule: the API's ``campaign_schedule``; None is always open.
    :param moment: seconds since the epoch.
    """
    if schedule is None:
        return moment
    found = [opens for window in schedule["schedules"] for opens in _openings(schedule, window, moment)]
    return min(found, default=None)


def _openings(schedule: Mapping[str, Any], window: Mapping[str, Any], moment: float) -> Iterator[float]:
    zone = ZoneInfo(window["timezone"])
    here = datetime.fromtimestamp(moment, zone).date()
    first, last = (_date(schedule.get(name)) for name in ("start_date", "end_date"))
    begin = max(here, first or here)
    for day in (begin + timedelta(days=number) for number in range(8)):
        # Day 0 is Sunday.
        if (last is not None and day > last) or not window["days"].get(str(day.isoweekday() % 7)):
            continue
        opens, closes = (_at(day, window["timing"][name], zone) for name in ("from", "to"))
        if moment < closes:
            yield max(opens, moment)
            return


def _at(day: date, clock: str, zone: ZoneInfo) -> float:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC).timestamp()


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
