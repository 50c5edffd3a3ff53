"""Sending accounts, their warm-up and their domains, as the API says it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from airflow_provider_instantly.api.account import (
    Account,
    AccountStatus,
    DomainVitals,
    Warmth,
    WarmthSign,
    WarmupStatus,
    domain_vitals,
    warmth_of,
    warmup_scores,
)
from tests.samples import body_of
from tests.unit.json_values import ANY_JSON


def test_a_healthy_account() -> None:
    (account,) = map(Account.from_api, body_of("accounts")["items"])
    assert (account.email, account.domain, account.may_send) == ("sender@example.com", "example.com", True)
    assert (account.warmup_status, account.warmup_score, account.daily_limit) == (WarmupStatus.ACTIVE, 94, 30)
    assert account.created_at == datetime(2026, 6, 1, 8, tzinfo=UTC)


def test_one_in_error() -> None:
    account = Account.from_api(body_of("get_account_in_error"))
    assert (account.status, account.may_send) == (AccountStatus.CONNECTION_ERROR, False)


@pytest.mark.parametrize(
    ("document", "may", "is_known"),
    [
        ({"status": 1, "setup_pending": False}, True, True),
        ({"status": 1}, True, False),
        ({"status": 1, "setup_pending": True}, False, False),
        ({"status": 2, "setup_pending": False}, False, False),
        ({"status": 77, "setup_pending": False}, True, False),
        ({}, False, False),
    ],
)
def test_which_may_send(document: dict[str, Any], may: bool, is_known: bool) -> None:
    account = Account.from_api(document)
    assert (account.may_send, account.is_known_to_send) == (may, is_known)


NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
WARM = Account(
    "a@a.example",
    warmup_status=WarmupStatus.ACTIVE,
    warmup_score=80,
    warmup_started_at=NOW - timedelta(days=14),
    created_at=NOW - timedelta(days=30),
)
SCORE, WARM_UP, AGE = WarmthSign


@pytest.mark.parametrize(
    ("changes", "scores", "cold", "unknown"),
    [
        ({}, None, (), ()),
        ({"warmup_score": 79}, {}, (SCORE,), ()),
        ({"warmup_score": 79}, {"a@a.example": 99}, (SCORE,), ()),
        ({"warmup_score": None}, {"a@a.example": 80}, (), ()),
        ({"warmup_score": None}, {"a@a.example": 79}, (SCORE,), ()),
        ({"warmup_score": None}, {"b@a.example": 99}, (SCORE,), ()),
        ({"warmup_score": None}, None, (), (SCORE,)),
        ({"warmup_status": WarmupStatus.PAUSED}, None, (WARM_UP,), ()),
        ({"warmup_status": WarmupStatus.BANNED}, None, (WARM_UP,), ()),
        ({"warmup_status": WarmupStatus(9)}, None, (), (WARM_UP,)),
        ({"warmup_status": None}, None, (), (WARM_UP,)),
        ({"warmup_started_at": NOW - timedelta(days=13, hours=23)}, None, (AGE,), ()),
        ({"warmup_started_at": None}, None, (), ()),
        ({"warmup_started_at": None, "created_at": NOW}, None, (AGE,), ()),
        ({"warmup_started_at": None, "created_at": None}, None, (), (AGE,)),
    ],
)
def test_whether_one_is_warm(
    changes: dict[str, Any],
    scores: dict[str, int] | None,
    cold: tuple[WarmthSign, ...],
    unknown: tuple[WarmthSign, ...],
) -> None:
    warmth = warmth_of(replace(WARM, **changes), scores, NOW)
    assert (warmth.cold, warmth.unknown) == (cold, unknown)


def test_what_is_asked_of_a_warm_one() -> None:
    young = replace(WARM, warmup_score=60, warmup_started_at=NOW - timedelta(days=3))
    assert warmth_of(young, {}, NOW) == Warmth((SCORE, AGE), (), 60)
    assert warmth_of(young, {}, NOW, min_score=60, min_days=3) == Warmth(score=60)


def test_tags_are_read_where_they_are() -> None:
    assert Account.from_api({"tags": [{"id": "red"}, {"label": "x"}, 3]}).tag_ids == {"red"}
    assert Account.from_api({}).tag_ids == frozenset()


def test_vitals_by_domain() -> None:
    assert domain_vitals(body_of("vitals_failing")) == {"example.com": DomainVitals("example.com", ("dkim",))}
    passing = {"success_list": [{"domain": "Good.example", "allPass": True}], "failure_list": None}
    assert domain_vitals(passing) == {"good.example": DomainVitals("good.example")}


def test_the_dot_that_may_end_a_domain_is_no_part_of_it() -> None:
    answer = {"success_list": [{"domain": "a.example.", "allPass": True}, {"domain": ".", "allPass": True}]}
    assert domain_vitals(answer) == {"a.example": DomainVitals("a.example")}


def test_a_domain_of_which_nothing_is_said_was_not_tested() -> None:
    silent: list[dict[str, Any]] = [{}, {"allPass": False}, {"mx": "false", "spf": None, "dkim": 0}]
    for entry in silent:
        assert domain_vitals({"failure_list": [{"domain": "a.example", **entry}]}) == {}


def test_checks_of_which_nothing_is_said_are_unknown() -> None:
    answer = {"success_list": [{"domain": "a.example", "allPass": False, "mx": True, "dkim": False, "spf": "true"}]}
    assert domain_vitals(answer) == {"a.example": DomainVitals("a.example", ("dkim",), ("spf", "dmarc"))}


@pytest.mark.parametrize("lists", [("success_list", "failure_list"), ("failure_list", "success_list")])
def test_what_is_said_of_a_domain_twice(lists: tuple[str, str]) -> None:
    first, second = lists
    answer = {
        first: [{"domain": "a.example", "mx": False}],
        second: [{"domain": "A.example", "mx": True, "spf": False}],
    }
    assert domain_vitals(answer)["a.example"] == DomainVitals("a.example", ("mx", "spf"), ("dkim", "dmarc"))


@pytest.mark.parametrize(
    ("score", "found"), [(0, 0), (100.0, 100), (101, None), (-1, None), (10**12, None), ("9", None)]
)
def test_a_score_is_from_0_to_100(score: Any, found: int | None) -> None:
    assert Account.from_api({"stat_warmup_score": score}).warmup_score == found
    assert warmup_scores({"aggregate_data": {"a@a.example": {"health_score": score}}}).get("a@a.example") == found


@pytest.mark.parametrize(
    ("email", "domain"),
    [("ada@a.example", "a.example"), ("a@b@c.example", "c.example"), ("ada%40a.example", ""), ("", "")],
)
def test_the_domain_of_an_address(email: str, domain: str) -> None:
    assert Account(email).domain == domain


def test_scores_of_those_that_have_one() -> None:
    assert warmup_scores(body_of("warmup_of_an_unknown_account")) == {}
    figures = {"A@example.com": {"health_score": 92}, "b@example.com": {}, "c@example.com": None}
    assert warmup_scores({"aggregate_data": figures}) == {"a@example.com": 92}


@given(value=ANY_JSON)
def test_no_answer_breaks_it(value: Any) -> None:
    names = ("email", "status", "setup_pending", "warmup_status", "stat_warmup_score", "timestamp_created", "tags")
    assert isinstance(Account.from_api(dict.fromkeys(names, value)).may_send, bool)
    assert isinstance(domain_vitals({"success_list": value, "failure_list": [value]}), dict)
    assert isinstance(warmup_scores({"aggregate_data": value}), dict)
