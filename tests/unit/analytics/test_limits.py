"""Limits of figures: a table of cases, the interval against the literature, how often a fine campaign is accused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.analytics.limits import (
    Finding,
    Limits,
    Verdict,
    gravest,
    interval,
    nothing_sent,
    rates,
)
from airflow_provider_instantly.api.analytics import CampaignAnalytics

ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
KEPT, OPEN, UNKNOWN, BREACHED = Verdict.KEPT, Verdict.OPEN, Verdict.UNKNOWN, Verdict.BREACHED


def figures(sent: int | None, **counts: int | None) -> CampaignAnalytics:
    return CampaignAnalytics(ID, "Spring", sent=sent, **counts)


def only(found: list[Finding]) -> Finding:
    [finding] = found
    return finding


@pytest.mark.parametrize(
    ("sent", "bounced", "verdict"),
    [
        # From min_sent on, the rate itself; the limit is not over the limit.
        (100, 5, KEPT),
        (100, 6, BREACHED),
        (200, 10, KEPT),
        (200, 11, BREACHED),
        # Below, the lower end of the interval.
        (99, 4, KEPT),
        (99, 5, OPEN),
        (30, 1, KEPT),
        (20, 1, KEPT),
        (19, 1, OPEN),
        (30, 2, OPEN),
        (1, 1, OPEN),
        (2, 1, OPEN),
        (2, 2, BREACHED),
        (4, 4, BREACHED),
        (11, 3, BREACHED),
        (12, 3, OPEN),
        (99, 20, BREACHED),
        # A bounce may be counted on another day than its e-mail.
        (4, 5, BREACHED),
        (100, 101, BREACHED),
        (1, 0, KEPT),
        (0, 0, OPEN),
        (0, 3, OPEN),
    ],
)
def test_bounces(sent: int, bounced: int, verdict: Verdict) -> None:
    finding = only(Limits(max_bounce_rate=0.05).judge(figures(sent, bounced=bounced)))
    assert (finding.limit, finding.verdict) == ("max_bounce_rate", verdict)


@pytest.mark.parametrize(
    ("sent", "replied", "verdict"),
    [(100, 2, KEPT), (100, 1, BREACHED), (99, 2, KEPT), (99, 1, OPEN), (99, 0, OPEN), (1, 0, OPEN), (0, 0, OPEN)],
)
def test_replies(sent: int, replied: int, verdict: Verdict) -> None:
    finding = only(Limits(min_reply_rate=0.02).judge(figures(sent, replied=replied)))
    assert (finding.limit, finding.verdict) == ("min_reply_rate", verdict)


def test_replies_that_are_certainly_too_few_before_min_sent() -> None:
    finding = only(Limits(min_reply_rate=0.5).judge(figures(50, replied=5)))
    assert finding.verdict is BREACHED


@pytest.mark.parametrize(("contacted", "verdict"), [(9, BREACHED), (10, KEPT), (0, BREACHED), (None, UNKNOWN)])
def test_contacted_is_no_rate_and_judged_at_once(contacted: int | None, verdict: Verdict) -> None:
    assert only(Limits(min_contacted=10).judge(figures(1, contacted=contacted))).verdict is verdict


@pytest.mark.parametrize(("are_of_days", "verdict"), [(True, OPEN), (False, UNKNOWN)])
def test_what_bounces_was_sent_on_some_day(are_of_days: bool, verdict: Verdict) -> None:
    limits = Limits(max_bounce_rate=0.05)
    assert only(limits.judge(figures(0, bounced=3), are_of_days=are_of_days)).verdict is verdict
    assert only(limits.judge(figures(0, bounced=0), are_of_days=are_of_days)).verdict is OPEN
    assert only(limits.judge(nothing_sent(ID), are_of_days=are_of_days)).verdict is OPEN


def test_nothing_sent_is_neither_good_nor_bad() -> None:
    limits = Limits(max_bounce_rate=0, max_unsubscribe_rate=0, min_reply_rate=1, min_contacted=1)
    findings = limits.judge(nothing_sent(ID, "Spring"))
    assert [finding.verdict for finding in findings] == [OPEN, OPEN, OPEN, BREACHED]
    assert findings[0].reason == "Nothing was sent, so max_bounce_rate cannot be judged."
    assert set(rates(nothing_sent(ID)).values()) == {None}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (figures(100), "does not say how many bounced"),
        (figures(None, bounced=3), "does not say how many e-mails were sent"),
        (figures(None), "does not say how many e-mails were sent"),
    ],
)
def test_what_the_answer_lacks_is_not_zero(found: CampaignAnalytics, says: str) -> None:
    finding = only(Limits(max_bounce_rate=0.05).judge(found))
    assert finding.verdict is UNKNOWN
    assert says in finding.reason


def test_it_says_by_what_it_judged() -> None:
    limits = Limits(max_bounce_rate=0.05, min_sent=50)
    assert only(limits.judge(figures(1_000, bounced=60))).reason == (
        "60 of 1,000 e-mails bounced (6 %), and max_bounce_rate is 5 %."
    )
    assert only(limits.judge(figures(4, bounced=4))).reason == (
        "4 of 4 e-mails bounced (100 %), and max_bounce_rate is 5 %. Fewer than min_sent (50) were sent: "
        "the rate is at least 29 %, with a confidence of 99 %."
    )
    assert only(limits.judge(figures(1, bounced=1))).reason.endswith("which is no breach yet.")
    assert " the rate is at most " in only(Limits(min_reply_rate=0.1).judge(figures(5, replied=0))).reason


def test_what_an_author_gave_is_not_rounded() -> None:
    limits = Limits(max_bounce_rate=0.1234, confidence=0.9999)
    assert only(limits.judge(figures(10_000, bounced=1_235))).reason.endswith("and max_bounce_rate is 12.34 %.")
    reason = only(limits.judge(figures(5, bounced=70))).reason
    assert reason.startswith("70 of 5 e-mails bounced (1,400 %), and ")
    assert reason.endswith("with a confidence of 99.99 %.")


def test_a_limit_that_is_not_set_is_not_judged() -> None:
    assert Limits().judge(figures(100, bounced=100)) == []
    assert gravest([]) is None


def test_a_limit_of_zero_is_one() -> None:
    limits = Limits(max_bounce_rate=0.0, max_unsubscribe_rate=0.0, min_reply_rate=0.0, min_contacted=0)
    found = limits.judge(figures(100, bounced=1, unsubscribed=0, replied=0, contacted=0))
    assert [finding.verdict for finding in found] == [BREACHED, KEPT, KEPT, KEPT]


@pytest.mark.parametrize(
    ("verdicts", "speaks"),
    [
        ([KEPT, OPEN, UNKNOWN, BREACHED], BREACHED),
        ([KEPT, OPEN, UNKNOWN], UNKNOWN),
        ([KEPT, OPEN], OPEN),
        ([KEPT], KEPT),
    ],
)
def test_the_gravest_speaks_for_a_campaign(verdicts: list[Verdict], speaks: Verdict) -> None:
    assert gravest(Finding("a limit", verdict, "") for verdict in verdicts) is speaks


def test_rates() -> None:
    assert rates(figures(200, bounced=3, unsubscribed=1)) == {
        "bounce_rate": 0.015,
        "unsubscribe_rate": 0.005,
        "reply_rate": None,
    }


# The interval


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 4, at 95 %.
        (81, 263, 0.2535, 0.3682),
        (15, 148, 0.0598, 0.1644),
        (0, 20, 0.0, 0.2005),
        (1, 29, 0.0018, 0.1963),
    ],
)
def test_the_interval_is_the_one_of_the_literature(count: int, total: int, low: float, high: float) -> None:
    assert interval(count, total, 0.95) == pytest.approx((low, high), abs=0.00005)


counts = st.integers(1, 2_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(counts, st.floats(0.5, 0.9999))
def test_the_interval_holds_the_rate_and_is_symmetrical(given_counts: tuple[int, int], confidence: float) -> None:
    count, total = given_counts
    low, high = interval(count, total, confidence)
    assert 0 <= low <= count / total <= high <= 1
    assert interval(total - count, total, confidence) == pytest.approx((1 - high, 1 - low))


@given(counts, st.integers(1, 500), st.floats(0.001, 0.5))
def test_more_bounces_never_acquit(given_counts: tuple[int, int], min_sent: int, limit: float) -> None:
    bounced, sent = given_counts
    limits = Limits(max_bounce_rate=limit, min_sent=min_sent)
    found = [only(limits.judge(figures(sent, bounced=n))).verdict for n in range(0, sent + 1, max(1, sent // 20))]
    order: list[Any] = [KEPT, OPEN, BREACHED]
    assert [order.index(verdict) for verdict in found] == sorted(order.index(verdict) for verdict in found)
    if only(limits.judge(figures(sent, bounced=bounced))).verdict is BREACHED:
        assert bounced / sent > limit


def accused(true_rate: float, limits: Limits) -> float:
    """How likely it is that a campaign is called a breach before `min_sent`, if it is judged after every e-mail."""
    chances, found = {0: 1.0}, 0.0
    for sent in range(1, limits.min_sent):
        following: dict[int, float] = {}
        for bounced, chance in chances.items():
            following[bounced + 1] = following.get(bounced + 1, 0.0) + chance * true_rate
            following[bounced] = following.get(bounced, 0.0) + chance * (1 - true_rate)
        breached = [n for n in following if only(limits.judge(figures(sent, bounced=n))).verdict is BREACHED]
        found += sum(following.pop(n) for n in breached)
        chances = following
    return found


@pytest.mark.parametrize("limit", [0.03, 0.05, 0.1])
def test_a_fine_campaign_is_rarely_accused(limit: float) -> None:
    assert accused(limit / 2, Limits(max_bounce_rate=limit)) < 0.025
    assert accused(limit, Limits(max_bounce_rate=limit)) < 0.08


def test_how_rarely_is_what_the_manual_says() -> None:
    assert round(accused(0.025, Limits(max_bounce_rate=0.05)), 3) == 0.006


def test_a_bad_campaign_is_found_long_before_min_sent() -> None:
    assert accused(0.3, Limits(max_bounce_rate=0.05)) > 0.99
