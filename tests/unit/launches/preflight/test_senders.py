"""Who sends: whether there is anyone, can send, is warm, and is believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_instantly.api.account import Account, DomainVitals
from airflow_provider_instantly.launches.preflight.facts import Senders, Unread
from tests.unit.launches.preflight.ready import NOW, accounts, facts, found


def of(*changes: dict[str, Any], document: dict[str, Any] | None = None, **more: Any) -> dict[str, str]:
    return found(facts(document, senders=Senders(accounts(*changes), **more)))


def test_no_sender() -> None:
    none: dict[str, Any] = {"email_list": []}
    assert found(facts(none, senders=Senders())) == {"no_sender": "It has no sender: it names no account and no tag."}
    tagged = found(facts({**none, "email_tag_list": ["a-tag"]}, senders=Senders()))
    assert tagged == {"no_sender": "It has no sender: it names no account, and no account has one of its tags."}


@pytest.mark.parametrize(
    "document", [{"email_tag_list": [{"id": "a-tag"}]}, {"email_list": [{"email": "ada@mail.example"}]}], ids=str
)
def test_senders_that_cannot_be_read_are_no_pass(document: dict[str, Any]) -> None:
    unread = {"senders_unread": "It names senders or tags of senders that this release cannot read: 1."}
    assert of({}, document=document) == unread
    assert found(facts({"email_list": [], **document}, senders=Senders())) == unread, "not known to have none"


FAILING: list[tuple[dict[str, Any], str]] = [
    ({"status": -1}, "Connection Error"),
    ({"status": -2}, "Soft Bounce Error"),
    ({"status": -3}, "Sending Error"),
    ({"status": 2}, "Paused"),
    ({"status": None}, "without a status"),
    ({"setup_pending": True}, "set-up pending"),
]


@pytest.mark.parametrize(("change", "state"), FAILING)
def test_all_or_some_cannot_send(change: dict[str, Any], state: str) -> None:
    assert of(change) == {"no_usable_sender": f"1 of 1 sender cannot send (on mail0.example). {state}: 1."}
    assert of(change, {}) == {"unusable_senders": f"1 of 2 senders cannot send (on mail0.example). {state}: 1."}


@pytest.mark.parametrize("email", ["ada%40a.example", "ada@ada%40a.example", "ada.lovelace", "ada&#64;a.example"])
def test_an_account_with_an_odd_address_is_not_named(email: str) -> None:
    vitals = {email: DomainVitals(email if "." in email.partition("@")[2] else f"x@{email}", ("mx",))}
    sentences = of({"email": email, "status": -1}, {"email": email, "stat_warmup_score": 1}, vitals=vitals)
    assert sentences.keys() == {"unusable_senders", "cold_senders", "domain_failing"}
    assert "ada" not in " ".join(sentences.values())


def test_those_that_are_gone() -> None:
    assert of(gone=2) == {"no_usable_sender": "2 of 2 senders cannot send. gone: 2."}
    assert of({}, gone=1).keys() == {"unusable_senders"}


@pytest.mark.parametrize(
    ("change", "doubt"), [({"status": 9}, "UNKNOWN(9)"), ({"setup_pending": None}, "set-up not known")]
)
def test_what_is_not_known_does_not_speak_against_an_account_and_is_no_pass(change: dict[str, Any], doubt: str) -> None:
    assert of({}, change) == {
        "senders_unread": f"Whether 1 of 2 senders can send is not known (on mail1.example). {doubt}: 1."
    }
    sentence = of({}, change, not_found=2)["senders_unread"]
    assert sentence.startswith("2 of 4 senders could not be found with the requests")
    assert sentence.endswith(f"Whether 1 of 4 senders can send is not known (on mail1.example). {doubt}: 1.")


def test_those_that_were_not_found() -> None:
    assert of({}, not_found=3).keys() == {"senders_unread"}
    assert "3 of 4 senders" in of({}, not_found=3)["senders_unread"]


@pytest.mark.parametrize(
    "change",
    [
        {"stat_warmup_score": 79},
        {"stat_warmup_score": 0, "warmup_status": 0},
        {"stat_warmup_score": None},
        {"warmup_status": 0},
        {"warmup_status": -1},
        {"warmup_status": -3},
        {"timestamp_warmup_start": (NOW - timedelta(days=13)).isoformat()},
        {"timestamp_warmup_start": None, "timestamp_created": (NOW - timedelta(hours=1)).isoformat()},
    ],
)
def test_cold_ones(change: dict[str, Any]) -> None:
    sentences = of({}, change)
    assert sentences.keys() == {"cold_senders"}
    assert sentences["cold_senders"].startswith("1 of 2 senders are cold (on mail1.example): ")


@pytest.mark.parametrize(
    "change",
    [
        {"stat_warmup_score": 80},
        {"timestamp_warmup_start": (NOW - timedelta(days=14)).isoformat()},
        {"timestamp_warmup_start": None, "timestamp_created": (NOW - timedelta(days=14)).isoformat()},
    ],
)
def test_warm_ones(change: dict[str, Any]) -> None:
    assert of(change) == {}


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"warmup_status": None}, "a status of the warm-up that is known"),
        ({"warmup_status": 9}, "a status of the warm-up that is known"),
        ({"timestamp_warmup_start": None}, "a date"),
        ({"timestamp_warmup_start": "soon", "timestamp_created": 7}, "a date"),
    ],
)
def test_what_is_not_known_to_be_warm_is_no_pass(change: dict[str, Any], lacks: str) -> None:
    """Nor is it called cold."""
    assert of({}, change) == {"warm_up_unread": f"The warm-up of 1 of 2 senders is not known (without {lacks}: 1)."}


def test_one_that_is_cold_and_of_which_not_all_is_known() -> None:
    sentences = of({"stat_warmup_score": 10, "warmup_status": None}, {"stat_warmup_score": 20})
    assert sentences.keys() == {"cold_senders", "warm_up_unread"}
    assert sentences["cold_senders"].endswith(": 2 have a warm-up score below 80, or none.")


def test_accounts_as_instantly_shows_them() -> None:
    """It leaves out what is null: the limit, the tracking domain, the beginning of the warm-up (seen live)."""
    shown = {"timestamp_created": "2026-06-01T08:00:00.000Z", "warmup_status": 1, "stat_warmup_score": 94}
    account = Account.from_api({"email": "ada@mail.example", "status": 1, "setup_pending": False, **shown})
    assert found(facts(senders=Senders((account,)))) == {}


def test_thresholds() -> None:
    senders = Senders(accounts({"stat_warmup_score": 70, "timestamp_warmup_start": (NOW - timedelta(3)).isoformat()}))
    assert found(facts(senders=senders), min_warmup_score=70, min_warmup_days=3) == {}


def test_scores_that_were_asked_for() -> None:
    assert of({"stat_warmup_score": None}, scores={"a0@mail0.example": 90}) == {}
    unread = of({"stat_warmup_score": None}, scores=Unread("No scope."))
    assert unread == {"warm_up_unread": "The warm-up of 1 of 1 sender is not known (without a score: 1). No scope."}
    assert of({}, scores=Unread("No scope.")) == {}


def test_domains() -> None:
    vitals = {"a.example": DomainVitals("a.example", ("spf", "dkim")), "b.example": DomainVitals("b.example")}
    assert of({}, vitals=vitals) == {
        "domain_failing": "Domains do not publish what they should: a.example lacks SPF and DKIM."
    }
    assert of({}, untested=Unread("No scope.")).keys() == {"domains_unread"}


@pytest.mark.parametrize("tracking", ["open_tracking", "link_tracking"])
@pytest.mark.parametrize(
    ("change", "works"),
    [
        ({}, False),
        ({"tracking_domain_name": "t.example", "tracking_domain_status": "pending"}, False),
        ({"tracking_domain_name": "t.example", "tracking_domain_status": "active"}, True),
        ({"tracking_domain_name": "t.example", "tracking_domain_status": "Active"}, True),
        ({"tracking_domain_name": "t.example"}, False),
    ],
)
def test_tracking(tracking: str, change: dict[str, Any], works: bool) -> None:
    assert of(change, document={tracking: True}).keys() == (set() if works else {"no_tracking_domain"})
    assert of(change, document={tracking: False}) == {}


def test_a_tracking_domain_of_which_nothing_is_said_is_no_pass() -> None:
    """Its status may be null. That is a warning, as a domain that does not work is."""
    silent, pending = ({"tracking_domain_name": "t.example", "tracking_domain_status": s} for s in (None, "pending"))
    assert of({}, silent, pending, document={"open_tracking": True}) == {
        "no_tracking_domain": "It tracks, and 3 of 3 senders have no tracking domain that is known to work (on "
        "mail0.example, mail1.example, mail2.example). Of 1 of these, Instantly does not say whether theirs works."
    }


def test_they_are_named_by_their_domains_alone() -> None:
    sentences = of(
        *(change for change, _ in FAILING), {"stat_warmup_score": 0}, gone=1, document={"open_tracking": True}
    )
    assert len(sentences) == 3
    assert all("@" not in sentence and "a0" not in sentence for sentence in sentences.values())
