"""When and how much a campaign sends: its schedule, its limits, and the switches that stop it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.redaction import shown_text
from airflow_provider_instantly.launches.preflight.facts import LeadSample, Senders
from airflow_provider_instantly.launches.preflight.finding import Finding, counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from airflow_provider_instantly.api.schedule import CampaignSchedule, Schedule
    from airflow_provider_instantly.launches.preflight.facts import Facts
    from airflow_provider_instantly.launches.preflight.rules import CheckRules

#: Instantly's numbers of the days, Sunday first.
_WEEKEND: Final = frozenset({0, 6})
#: Minutes of the day that are no night: from 7:00 to 20:00.
_DAYTIME: Final = (7 * 60, 20 * 60)
_MINUTES_A_DAY: Final = 24 * 60
#: The least minutes between two e-mails of an account that were seen live, where the campaign says nothing.
_SHORTEST_GAP: Final = 9
#: Days before an end that are counted one by one; a later end leaves time enough.
_COUNTED_DAYS: Final = 92


def judge_schedule(facts: Facts, _rules: CheckRules) -> Iterator[Finding]:
    """
    Judge when the campaign may send.

    :param facts: what was read.
    """
    schedule = facts.campaign.schedule
    problems = _sentences(schedule.problems)
    if schedule.unread:
        what = "A part of its schedule cannot be read, so it may send at other times than those that were checked."
        yield Finding("schedule_unread", f"{what} {_sentences(schedule.unread)}")
    if schedule.next_sending_window(facts.now) is None:
        why = problems or ("Its end date has passed." if schedule.end_date is not None else "")
        yield Finding("schedule_never_opens", f"Its schedule never opens. {why}".rstrip())
        return
    if left_out := [problem for problem in schedule.problems if problem not in schedule.unread]:
        yield Finding("schedule_left_out", f"A part of its schedule is left out. {_sentences(left_out)}")
    entries = schedule.schedules
    if all(entry.days <= _WEEKEND for entry in entries):
        yield Finding("weekend_only", "It sends at the weekend only.")
    if not any(_daytime_minutes(entry) for entry in entries):
        yield Finding("night_only", "It sends at night only, by the clock of its schedule.")
    yield from _judge_room(facts, schedule)


def _sentences(problems: Iterable[str]) -> str:
    return " ".join(shown_text(problem) for problem in problems)


def judge_limits(facts: Facts, rules: CheckRules) -> Iterator[Finding]:
    """
    Judge the daily limits of the campaign and its senders.

    :param facts: what was read.
    :param rules: how much is too much.
    """
    settings = facts.campaign.settings
    accounts = facts.senders.usable if isinstance(facts.senders, Senders) else ()
    limits = [account.daily_limit for account in accounts]
    zeros = [name for name in ("daily_limit", "daily_max_leads") if getattr(settings, name) == 0]
    if still := limits.count(0):
        zeros.append(f"the daily limit of {counted(still, len(limits), 'sender')}")
    if zeros:
        yield Finding("limit_zero", f"A limit is 0: {listed(zeros)}.")
    known = [limit for limit in limits if limit is not None]
    daily, most = settings.daily_limit, rules.max_daily_per_account
    if daily is not None and limits and len(known) == len(limits) and daily > sum(known):
        what = f"Its daily limit is {daily:,}, and its senders may send {sum(known):,} a day together."
        yield Finding("limit_above_accounts", what)
    too_much = []
    if daily is not None and accounts and daily > most * len(accounts):
        too_much.append(f"its daily limit of {daily:,} is more than {most:,} for each of {len(accounts):,} senders")
    if high := sum(limit > most for limit in known):
        too_much.append(f"{counted(high, len(limits), 'sender')} may send more than {most:,} a day")
    if too_much:
        yield Finding("limit_above_advice", f"That is much for an account: {' and '.join(too_much)}.")
    yield from _judge_unknown_limits(daily, limits, most)


def _judge_unknown_limits(daily: int | None, limits: list[int | None], most: int) -> Iterator[Finding]:
    """Live, many accounts show no limit. Such a one is taken for one that keeps to the advice, if that is enough."""
    known = [limit for limit in limits if limit is not None]
    silent = len(limits) - len(known)
    if silent and (daily is None or sum(known) + most * silent < daily <= most * len(limits)):
        what = counted(silent, len(limits), "sender")
        whether = "how much they may send a day" if daily is None else f"whether they may send {daily:,} a day together"
        yield Finding("limit_unknown", f"Instantly does not say the daily limit of {what}, so it is open {whether}.")


def judge_switches(facts: Facts, _rules: CheckRules) -> Iterator[Finding]:
    """
    Judge what stops the campaign. What is not said is unknown, and not off.

    :param facts: what was read.
    """
    settings = facts.campaign.settings
    if settings.stop_on_reply is False:
        yield Finding("stop_on_reply_off", "Leads that reply get further e-mails: stop on reply is off.")
    if settings.disable_bounce_protect is True:
        yield Finding("bounce_protection_off", "Bounce protection is off.")


def _judge_room(facts: Facts, schedule: CampaignSchedule) -> Iterator[Finding]:
    """Only what certainly does not fit is found: each guess is in favour of the campaign."""
    if not isinstance(facts.senders, Senders) or facts.senders.not_found or not facts.senders.usable:
        return
    settings, accounts = facts.campaign.settings, facts.senders.usable
    gap = max(1, settings.email_gap or _SHORTEST_GAP)
    longest = max(_minutes_on(schedule, day) for day in range(7))
    room = len(accounts) * (longest // gap + 1)
    limits = [account.daily_limit for account in accounts]
    wishes = [settings.daily_limit or None, sum(filter(None, limits)) if None not in limits else None]
    wanted = min((wish for wish in wishes if wish), default=None)
    if wanted is not None and room < wanted:
        yield Finding(
            "window_too_short",
            f"Its longest day of sending has {longest:,} minutes: room for {room:,} e-mails at most, and its limits "
            f"allow {wanted:,}.",
        )
    if schedule.end_date is None or not isinstance(facts.leads, LeadSample):
        return
    most = min(amount for amount in (room, wanted, settings.daily_max_leads) if amount)
    left = _sending_days(schedule, facts.now.date() - timedelta(days=1), schedule.end_date)
    count = len(facts.leads.open)
    if left is not None and left * most < count:
        at_least = "at least " if facts.leads.has_more else ""
        yield Finding(
            "window_too_short",
            f"It ends on {schedule.end_date}: until then {left * most:,} leads at most get their first e-mail, and "
            f"{at_least}{count:,} wait for it.",
        )


def _spans(entry: Schedule) -> list[tuple[int, int]]:
    """The minutes of the day in which a schedule is open."""
    opens, closes = (moment.hour * 60 + moment.minute for moment in (entry.opens, entry.closes))
    return [(opens, closes)] if opens < closes else [(opens, _MINUTES_A_DAY), (0, closes)]


def _daytime_minutes(entry: Schedule) -> int:
    begin, end = _DAYTIME
    return sum(max(0, min(closes, end) - max(opens, begin)) for opens, closes in _spans(entry))


def _minutes_on(schedule: CampaignSchedule, day: int) -> int:
    """The most minutes in which it is open on a day of the week, as if its schedules never overlapped."""
    minutes = sum(
        closes - opens for entry in schedule.schedules if day in entry.days for opens, closes in _spans(entry)
    )
    return min(minutes, _MINUTES_A_DAY)


def _sending_days(schedule: CampaignSchedule, first: date, last: date) -> int | None:
    """On how many days it sends until its end, or None where that is far away."""
    first = max(first, schedule.start_date or first)
    if (last - first).days > _COUNTED_DAYS:
        return None
    days = frozenset[int]().union(*(entry.days for entry in schedule.schedules))
    # Day 1 of the calendar is a Monday, which makes the remainder Instantly's number of the weekday.
    return sum(ordinal % 7 in days for ordinal in range(first.toordinal(), last.toordinal() + 1))
