"""Who of a chunk is there, over real HTTP: what is read and how long, and what is counted where that ends early."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from airflow_provider_instantly.api.errors import (
    InstantlyPermissionError,
)
from airflow_provider_instantly.exceptions import TaskKilledError, UploadNotConfirmedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.leads.order import Order
from airflow_provider_instantly.leads.sightings import READ_BACK_PAUSES
from tests.statuses import ACTIVE
from tests.unit.leads.uploading import Uploading, asked, put, rows, some, there

if TYPE_CHECKING:
    from airflow_provider_instantly.api.lead import LeadsAdded
    from airflow_provider_instantly.leads.chunks import Chunk
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses", "slept")


# A retry


def test_a_retry_sends_only_what_is_missing(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, slept: list[float]
) -> None:
    put(sandbox, campaign_id, some(15))
    tally = upload(some(30), chunk_size=10, is_retry=True)
    assert there(sandbox, campaign_id) == list(range(1, 31))
    assert (tally.uploaded, tally.already_there) == (15, 15)
    # Before it sends anything, a minute passes in which the last request of the earlier try comes to its end.
    assert slept == list(READ_BACK_PAUSES)
    assert asked(sandbox).count("add") == 2


def test_a_retry_that_finds_all_sends_nothing_and_waits_for_nothing(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, slept: list[float]
) -> None:
    put(sandbox, campaign_id, some(15))
    assert upload(some(15), is_retry=True).already_there == 15
    assert slept == []
    assert "add" not in asked(sandbox)


def test_a_retry_waits_for_what_an_earlier_try_still_adds(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = iter(range(1, 11))

    def sleep(seconds: float) -> None:
        with InstantlyHook() as hook:
            hook.add_leads([row.lead for row in rows(next(coming))], campaign_id=campaign_id)

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(UploadNotConfirmedError, match="A request of an earlier try still adds leads"):
        upload(some(10), is_retry=True)
    assert asked(sandbox).count("add") == len(READ_BACK_PAUSES)


def test_a_retry_that_meets_an_upload_counts_who_is_there(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        if seconds == READ_BACK_PAUSES[-1]:
            put(sandbox, campaign_id, rows(1, 2))

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(UploadNotConfirmedError, match=r"2 of rows 1 to 10 came .* Of 10 rows, 2 are certainly in"):
        upload(some(10), is_retry=True)


# Whatever ends it


def test_who_was_read_after_a_lost_answer_is_counted_whatever_ends_it(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")

    def sleep(seconds: float) -> None:
        if seconds == READ_BACK_PAUSES[0]:
            put(sandbox, campaign_id, rows(1, 2, 3))
        sandbox.set_status(campaign_id, ACTIVE)

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(UploadNotConfirmedError, match=r"Of 10 rows, 3 are certainly in.* and 3 by it or before it\."):
        upload(some(10))


def test_who_was_there_before_is_counted_whatever_ends_it(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    put(sandbox, campaign_id, rows(2, 3))
    upload.is_killed = lambda: "list" in asked(sandbox)
    with pytest.raises(TaskKilledError, match="Of 10 rows, 2 are certainly in"):
        upload(some(10))


def test_who_was_there_before_is_counted_where_the_campaign_cannot_be_read(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    put(sandbox, campaign_id, rows(2, 3))
    sandbox.add_fault("error", f"*/{campaign_id}", status=403, skip=1)
    with pytest.raises(InstantlyPermissionError, match="Of 10 rows, 2 are certainly in"):
        upload(some(10))


def test_an_upload_that_still_goes_on_is_left_alone(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    coming = iter(range(1, 11))

    def sleep(seconds: float) -> None:
        with InstantlyHook() as hook:
            hook.add_leads([row.lead for row in rows(next(coming))], campaign_id=campaign_id)

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(UploadNotConfirmedError, match=r"Certain: rows 1-5 are there\. Not certain: rows 6-10\."):
        upload(some(10))
    # Five leads were put there one by one; the upload was sent once.
    assert asked(sandbox).count("add") == 1 + len(READ_BACK_PAUSES)


# A list that shows someone, and then does not: one machine of a service may lag behind another. To show some takes two
# requests, since a list promises one page more.


def sizes_of_requests(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many leads each request of an upload has from now on."""
    sent: list[int] = []
    send = Order.send

    def noting(order: Order, chunk: Chunk) -> LeadsAdded:
        sent.append(len(chunk))
        return send(order, chunk)

    monkeypatch.setattr(Order, "send", noting)
    return sent


def test_who_was_shown_once_before_a_429_is_not_sent_after_it(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if a person deletes them meanwhile: they stay away."""
    put(sandbox, campaign_id, rows(1, 2, 3))
    sandbox.add_fault("error", "*/leads/add", status=429)
    sandbox.add_fault("body", "*/leads/list", json={"items": []}, skip=4, count=None)
    sent = sizes_of_requests(monkeypatch)
    tally = upload(some(10))
    assert sent == [7, 7]
    assert (tally.uploaded, tally.already_there, tally.present) == (7, 3, 10)


def test_who_was_shown_once_after_a_lost_answer_is_not_sent_again(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    sandbox.add_fault("body", "*/leads/list", json={"items": []}, skip=3, count=len(READ_BACK_PAUSES) - 1)
    sent = sizes_of_requests(monkeypatch)

    def sleep(seconds: float) -> None:
        if seconds == READ_BACK_PAUSES[0]:
            put(sandbox, campaign_id, rows(1, 2, 3))

    monkeypatch.setattr(time, "sleep", sleep)
    tally = upload(some(10))
    assert (tally.uploaded, tally.found, tally.present) == (7, 3, 10)
    assert sent == [10, 7]


def test_who_was_shown_before_a_lost_answer_is_counted_once(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    put(sandbox, campaign_id, rows(1, 2, 3))
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    sandbox.add_fault("body", "*/leads/list", json={"items": []}, skip=4, count=len(READ_BACK_PAUSES))
    tally = upload(some(10))
    assert (tally.uploaded, tally.already_there, tally.found, tally.present) == (7, 3, 0, 10)


def test_who_is_shown_again_is_not_taken_for_what_an_earlier_try_adds(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    put(sandbox, campaign_id, rows(1, 2, 3))
    sandbox.add_fault("body", "*/leads/list", json={"items": []}, skip=2, count=len(READ_BACK_PAUSES) - 1)
    tally = upload(some(10), is_retry=True)
    assert (tally.uploaded, tally.already_there, tally.present) == (7, 3, 10)


def test_who_was_shown_once_after_an_answer_is_not_refused(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("body", "*/leads/add", json={"status": "success"}, moment="after")
    # The second page of a hundred is shown by no read, and the first one by the first read after the answer.
    sandbox.add_fault("body", "*/leads/list", json={"items": []}, skip=2, count=None)
    tally = upload(some(101), chunk_size=101)
    assert (tally.present, tally.refused) == (100, 1)


def test_who_was_shown_once_after_a_413_is_counted_once(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("error", "*/leads/add", status=413, moment="after")
    sandbox.add_fault("body", "*/leads/list", json={"items": []}, skip=2, count=None)
    tally = upload(some(101), chunk_size=101)
    assert (tally.found, tally.already_there, tally.present) == (100, 1, 101)


# Answers that do not add up


@pytest.mark.parametrize(
    "fields",
    [
        {"leads_uploaded": None},
        {"leads_uploaded": 2},
        {"duplicated_leads": 5},
        {"total_sent": 9},
        {"created_leads": []},
        {"skipped_count": "many", "leads_uploaded": 9},
    ],
    ids=str,
)
def test_what_does_not_add_up_is_read_and_said(
    sandbox: SandboxClient,
    campaign_id: str,
    upload: Uploading,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, Any],
) -> None:
    sandbox.add_fault("fields", "*/leads/add", fields=fields)
    tally = upload(some(10))
    assert tally.present == 10
    assert tally.refused == 0
    if "created_leads" not in fields:
        assert "Of rows 1 to 10: Instantly" in caplog.text
    assert "@" not in caplog.text


def test_a_200_that_added_no_one_is_no_success(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.add_fault("body", "*/leads/add", json={"status": "success"}, moment="before")
    tally = upload(some(3))
    assert (tally.present, tally.refused) == (0, 3)
    assert set(upload.rejects.values()) == {"Instantly did not take it: not there, and the answer does not say why"}


@pytest.mark.parametrize(("moment", "there"), [("before", 0), ("after", 3)])
def test_an_answer_to_another_request_is_not_believed(
    sandbox: SandboxClient,
    campaign_id: str,
    upload: Uploading,
    caplog: pytest.LogCaptureFixture,
    moment: str,
    there: int,
) -> None:
    """A cache or a proxy may mix up answers, and that to as many other leads adds up."""
    names = ("in_blocklist", "duplicated_leads", "skipped_count", "invalid_email_count", "incomplete_count")
    created = [{"index": n, "id": str(uuid4()), "email": f"someone{n}@example.com"} for n in range(3)]
    answer = {"total_sent": 3, "leads_uploaded": 3, "duplicate_email_count": 0, "created_leads": created}
    sandbox.add_fault("body", "*/leads/add", json={**answer, **dict.fromkeys(names, 0)}, moment=moment)
    tally = upload(some(3))
    assert (tally.uploaded, tally.found, tally.refused) == (0, there, 3 - there)
    assert "names 3 leads as added that have other addresses" in caplog.text
    assert "@" not in caplog.text


@pytest.mark.parametrize("reads", [1, 4])
def test_a_list_that_lags_behind_an_answer_refuses_no_one(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, reads: int
) -> None:
    sandbox.add_fault("body", "*/leads/add", json={"status": "success"}, moment="after")
    sandbox.add_fault("body", "*/leads/list", json={"items": []}, skip=1, count=reads)
    tally = upload(some(3))
    assert (tally.uploaded, tally.found, tally.refused) == (0, 3, 0)
    assert upload.rejects == {}


def test_a_counter_that_is_new_takes_half_a_minute_of_each_chunk(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, slept: list[float]
) -> None:
    """One of the leads has a reason that this release does not know."""
    with InstantlyHook() as hook:
        hook.block(["person2@example.com"])
    sandbox.add_fault("fields", "*/leads/add", fields={"in_blocklist": 0, "on_holiday_count": 1})
    tally = upload(some(3))
    assert (tally.present, tally.refused) == (2, 1)
    assert 30 <= sum(slept) < sum(READ_BACK_PAUSES)


def test_a_lead_that_comes_late_is_waited_for_again(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reads have to agree for half a minute, and the last of them came in between."""
    sandbox.add_fault("body", "*/leads/add", json={"status": "success"}, moment="before")

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds == READ_BACK_PAUSES[2]:
            put(sandbox, campaign_id, rows(1))

    monkeypatch.setattr(time, "sleep", sleep)
    tally = upload(some(3))
    assert (tally.present, tally.refused) == (1, 2)
    assert sum(slept) == sum(READ_BACK_PAUSES)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "body", "json": {"status": "success"}, "moment": "before"}, {"kind": "error", "status": 402}],
    ids=str,
)
def test_a_killed_task_does_not_wait_until_it_is_settled_who_is_there(
    sandbox: SandboxClient,
    campaign_id: str,
    upload: Uploading,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
) -> None:
    """Who its reads have shown so far is counted, and that it is not known of the rest is said."""
    sandbox.add_fault(path="*/leads/add", skip=1, **fault)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            put(sandbox, campaign_id, rows(11, 12))

    monkeypatch.setattr(time, "sleep", sleep)
    upload.is_killed = lambda: len(slept) == 3
    with pytest.raises(
        UploadNotConfirmedError, match=r"was killed\. Whether rows 11 to 20 .* Of 20 rows, 12 are certain"
    ):
        upload(some(20), chunk_size=10)
    assert slept == [0.0, *READ_BACK_PAUSES[:2]]


@pytest.mark.parametrize("reads", [1, 4])
def test_as_many_are_waited_for_as_an_answer_counts(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, reads: int
) -> None:
    with InstantlyHook() as hook:
        hook.block(["person2@example.com"])
    sandbox.add_fault("fields", "*/leads/add", fields={"created_leads": []})
    sandbox.add_fault("body", "*/leads/list", json={"items": []}, skip=1, count=reads)
    tally = upload(some(3))
    assert (tally.uploaded, tally.found, tally.refused) == (2, 0, 1)
    assert upload.rejects == {2: "Instantly did not take it: in_blocklist"}
