"""What a report says of each campaign: tables of cases, and what holds for any figures."""

from __future__ import annotations

import itertools
from collections import UserList
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.analytics.limits import Limits, Verdict, interval
from airflow_provider_instantly.api.account import Account
from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.launches.preflight.facts import Facts, Senders
from airflow_provider_instantly.launches.preflight.rules import CheckRules
from airflow_provider_instantly.launches.preflight.senders import judge_senders
from airflow_provider_instantly.reports.figures import (
    Rate,
    Report,
    name_of,
    rate_of,
    senders_of,
    states_of,
    windows_of,
)
from tests.statuses import ACTIVE, BOUNCED, DRAFT, UNKNOWN
from tests.unit.reports.campaigns import DRAFT_ID, LIMITS, NOW, SCHEDULE, SENT_ID, draft, sent_campaign

if TYPE_CHECKING:
    from datetime import datetime


# Rates


def test_a_rate_has_the_interval_of_the_limits() -> None:
    rate = Rate(14, 540, 0.99)
    assert rate.value == pytest.approx(14 / 540)
    assert rate.interval == interval(14, 540, 0.99)


@pytest.mark.parametrize(("count", "of"), [(None, 10), (1, None), (1, 0), (1, -1), (None, None)])
def test_what_is_not_known_has_no_rate(count: int | None, of: int | None) -> None:
    assert rate_of(count, of, 0.95) is None


def test_an_answer_that_counts_more_than_was_sent() -> None:
    assert Rate(7, 5, 0.99).value == 1.0


@pytest.mark.parametrize(
    ("totals", "limits", "verdict", "word"),
    [
        ({}, Limits(), None, "no limit"),
        ({"bounced": None}, Limits(max_bounce_rate=0.02), Verdict.UNKNOWN, "not known"),
        ({"bounced": 1, "sent": 10}, Limits(max_bounce_rate=0.02), Verdict.OPEN, "too few to tell"),
        ({"bounced": 14}, Limits(max_bounce_rate=0.02), Verdict.BREACHED, "breached"),
        ({"bounced": 2}, Limits(max_bounce_rate=0.02), Verdict.KEPT, "kept"),
        ({"bounced": 14}, Limits(max_bounce_rate=0.02, min_sent=10_000), Verdict.OPEN, "too few to tell"),
    ],
)
def test_a_verdict_is_the_guard_s(totals: dict[str, Any], limits: Limits, verdict: Verdict | None, word: str) -> None:
    bounces = sent_campaign(**totals).judged(limits)[0]
    assert (bounces.name, bounces.verdict, bounces.word) == ("Bounces", verdict, word)


def test_each_rate_has_its_own_limit() -> None:
    found = {each.name: (each.limit, each.verdict) for each in sent_campaign().judged(LIMITS)}
    assert found == {
        "Bounces": (0.02, Verdict.BREACHED),
        "Unsubscribed": (0.05, Verdict.KEPT),
        "Replies": (0.01, Verdict.KEPT),
    }


@pytest.mark.parametrize("sent", [None, 0])
def test_what_never_sent_has_no_rates(sent: int | None) -> None:
    assert not sent_campaign(sent=sent).has_sent
    assert sent_campaign(sent=sent).judged(LIMITS) == ()
    assert draft().judged(LIMITS) == ()


# States


def test_how_tasks_saw_a_campaign_in_their_order() -> None:
    results = {
        "the launch": {"id": SENT_ID, "status": ACTIVE, "status_name": "Active"},
        "the wait": {
            "verdict": "stopped",
            "campaigns": [{"id": DRAFT_ID, "status": DRAFT}, {"id": SENT_ID, "status": 1}],
        },
        "mapped": [{"id": SENT_ID, "status": UNKNOWN}, {"id": DRAFT_ID, "status": DRAFT}],
        "of mapped tasks": UserList([{"id": DRAFT_ID, "status": DRAFT}, {"id": SENT_ID, "status": ACTIVE}]),
        "the pause": {"id": SENT_ID, "status_before": ACTIVE, "status": BOUNCED},
    }
    seen = [(state.when, state.label) for state in states_of(results, SENT_ID)]
    assert seen == [
        ("the launch", "Active"),
        ("the wait", "Active"),
        ("mapped", "UNKNOWN(7)"),
        ("of mapped tasks", "Active"),
        ("before the pause", "Active"),
        ("the pause", "Bounce Protect"),
    ]


@pytest.mark.parametrize("result", [None, "text", 7, [], {}, {"id": SENT_ID}, {"id": SENT_ID, "status": "1"}, [None]])
def test_what_is_no_result_tells_nothing(result: object) -> None:
    assert list(states_of({"a task": result}, SENT_ID)) == []


def test_a_moment_that_names_an_address_loses_it() -> None:
    (state,) = states_of({"launch for ada@example.com": {"id": SENT_ID, "status": ACTIVE}}, SENT_ID)
    assert state.when == "launch for (an address)"


# Names, senders, windows


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Spring", "Spring"), ("", SENT_ID), ("For ada@example.com", "For (an address)"), ("x" * 200, "x" * 120 + "…")],
)
def test_a_campaign_s_name(name: str, shown: str) -> None:
    assert name_of(Campaign.from_api({"name": name}, SENT_ID)) == shown


def account(email: str, **fields: Any) -> Account:
    created = (NOW - timedelta(days=14)).isoformat()
    healthy = {"status": 1, "setup_pending": False, "warmup_status": 1, "timestamp_created": created}
    return Account.from_api({"email": email, **healthy, **fields})


@pytest.mark.parametrize(
    ("found", "score", "level", "note"),
    [
        (account("s@example.com"), 95, "good", ""),
        (account("s@example.com"), 79, "warning", "below 80"),
        (account("s@example.com"), None, "warning", "no warm-up score"),
        (account("s@example.com", warmup_status=-1), 95, "warning", "Banned"),
        (account("s@example.com", warmup_status=None), 95, "unknown", "How its warm-up stands is not known"),
        (account("s@example.com", warmup_status=9), 95, "unknown", "How its warm-up stands is not known"),
        (account("s@example.com", stat_warmup_score=79), 95, "warning", "below 80"),
        (account("s@example.com", timestamp_warmup_start=NOW.isoformat()), 95, "warning", "less than 14 days"),
        (account("s@example.com", timestamp_created=None), 95, "unknown", "Since when"),
        (account("s@example.com", status=-1), 95, "bad", "Connection Error"),
        (account("s@example.com", status=None), 95, "bad", "does not say"),
        (account("s@example.com", status=77), 95, "unknown", "Whether it can send"),
        (account("s@example.com", setup_pending=None), 95, "unknown", "Whether it can send"),
        (account("s@example.com", setup_pending=True), 95, "bad", "set-up is not done"),
        (None, None, "bad", "no such account"),
    ],
)
def test_how_a_sender_stands(found: Account | None, score: int | None, level: str, note: str) -> None:
    campaign = Campaign.from_api({"email_list": ["S@example.com"]}, SENT_ID)
    accounts, scores = [found] if found else [], {} if score is None else {"s@example.com": score}
    (sender,) = senders_of(campaign, frozenset(), accounts, scores, NOW)
    assert (sender.name, sender.level) == ("s…@example.com", level)
    assert note in " ".join(sender.notes)
    assert bool(sender.notes) is (level != "good")


def test_the_worst_senders_come_first_and_tagged_ones_count() -> None:
    campaign = Campaign.from_api({"email_list": ["good@example.com", "bad@example.com"]}, SENT_ID)
    accounts = [
        account("good@example.com"),
        account("bad@example.com", status=-1),
        account("tagged@example.com", tags=[{"id": "a-tag"}]),
        account("unknown@example.com", tags=[{"id": "a-tag"}], warmup_status=9),
        account("other@example.com"),
    ]
    scores = dict.fromkeys(("good@example.com", "bad@example.com", "unknown@example.com"), 100)
    found = senders_of(campaign, frozenset({"a-tag"}), accounts, scores, NOW)
    assert [(sender.name[0], sender.level) for sender in found] == [
        ("b", "bad"), ("t", "warning"), ("u", "unknown"), ("g", "good"),
    ]  # fmt: skip


ODD: list[dict[str, Any]] = [
    {},
    {"status": 77},
    {"status": -1},
    {"setup_pending": None},
    {"warmup_status": 0},
    {"warmup_status": 9},
    {"warmup_status": None},
    {"stat_warmup_score": 79},
    {"stat_warmup_score": 80},
    {"stat_warmup_score": None},
    {"timestamp_created": None},
    {"timestamp_created": NOW.isoformat()},
    {"timestamp_warmup_start": NOW.isoformat()},
]


@pytest.mark.parametrize("scores", [{}, {"s@example.com": 95}, {"s@example.com": 5}])
@pytest.mark.parametrize("fields", ODD)
def test_a_report_and_a_check_agree_on_each_account(fields: dict[str, Any], scores: dict[str, int]) -> None:
    one = account("s@example.com", **fields)
    campaign = Campaign.from_api({"email_list": ["s@example.com"]}, SENT_ID)
    (shown,) = senders_of(campaign, frozenset(), [one], scores, NOW)
    facts = Facts(campaign, NOW, senders=Senders((one,), scores=scores))
    codes = {finding.code for finding in judge_senders(facts, CheckRules())}
    assert {
        "good": set(),
        "unknown": codes & {"senders_unread", "warm_up_unread"},
        "warning": codes & {"cold_senders", "senders_unread", "warm_up_unread"},
        "bad": {"no_usable_sender"},
    }[shown.level] == codes
    assert ("cold_senders" in codes) is (shown.level == "warning")
    assert bool(codes) is (shown.level != "good")


def test_the_next_windows_follow_each_other() -> None:
    windows = windows_of(Campaign.from_api({"campaign_schedule": SCHEDULE}, SENT_ID), NOW)
    assert [f"{window.opens:%a %H:%M}" for window in windows] == ["Mon 09:00", "Tue 09:00", "Wed 09:00"]
    assert all(before.closes <= after.opens for before, after in itertools.pairwise(windows))


def test_a_schedule_that_opens_no_more() -> None:
    ended = {**SCHEDULE, "end_date": "2026-05-04"}
    assert len(windows_of(Campaign.from_api({"campaign_schedule": ended}, SENT_ID), NOW)) == 1
    assert windows_of(Campaign.from_api({}, SENT_ID), NOW) == ()


@pytest.mark.parametrize(
    ("since", "until", "period"),
    [
        (None, None, ""),
        ("2026-05-01", None, "from 2026-05-01, midnight UTC"),
        (None, "2026-05-02", "up to 2026-05-02 (exclusive), midnight UTC"),
        ("2026-05-01", "2026-05-02", "from 2026-05-01 up to 2026-05-02 (exclusive), midnight UTC"),
    ],
)
def test_the_period_in_words(since: str | None, until: str | None, period: str) -> None:
    made_at: datetime = NOW
    assert Report.of("A report", made_at, (), Limits(), since, until).period == period
