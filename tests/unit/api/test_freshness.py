"""How old a read may be, with a clock that the tests set."""

from __future__ import annotations

import pytest

from airflow_provider_instantly.api.errors import OutdatedReadError
from airflow_provider_instantly.api.freshness import MAX_READ_AGE, MAX_READ_SPAN, ReadAge
from airflow_provider_instantly.api.operations import activate_campaign

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"


@pytest.fixture
def now() -> list[float]:
    return [1_790_000_000.0]


@pytest.fixture
def read_age(now: list[float]) -> ReadAge:
    return ReadAge(lambda: now[0])


def check(read_age: ReadAge) -> None:
    read_age.check(activate_campaign(CAMPAIGN_ID), "activation", "The way is long.")


def test_a_read_counts_for_two_seconds(read_age: ReadAge, now: list[float]) -> None:
    read_age.note_read()
    now[0] += MAX_READ_AGE
    check(read_age)
    now[0] += 0.5
    with pytest.raises(OutdatedReadError) as raised:
        check(read_age)
    read_age.note_read()
    check(read_age)
    assert raised.value.sentences[1:] == ("The way is long.",)
    assert MAX_READ_AGE == 2.0
    assert str(raised.value) == (
        "The activation was not sent: when it was about to leave, 2.5 seconds had passed since the campaign was read, "
        "and it rests on no read of more than 2 seconds ago. The way is long. "
        f"[POST /campaigns/{CAMPAIGN_ID}/activate: no answer]"
    )


def test_a_read_counts_for_five_seconds_from_when_it_was_sent(read_age: ReadAge, now: list[float]) -> None:
    read_age.note_sent()
    now[0] += 3 * MAX_READ_SPAN
    read_age.note_sent()
    now[0] += MAX_READ_SPAN - 1
    read_age.note_read()
    now[0] += 1
    check(read_age)
    now[0] += 0.5
    with pytest.raises(OutdatedReadError) as raised:
        check(read_age)
    assert MAX_READ_SPAN == 5.0
    assert str(raised.value) == (
        "The activation was not sent: when it was about to leave, 5.5 seconds had passed since the read of the "
        "campaign was sent, and it rests on none that was sent more than 5 seconds ago. The way is long. "
        f"[POST /campaigns/{CAMPAIGN_ID}/activate: no answer]"
    )


def test_what_is_changed_unseen_rests_on_no_read(read_age: ReadAge, now: list[float]) -> None:
    check(read_age)
    read_age.note_sent()
    now[0] += 3 * MAX_READ_SPAN
    check(read_age)
