"""One chunk on its way, over real HTTP: what is sent, and what follows from an answer, a refusal, or neither."""

from __future__ import annotations

import logging
import time
import uuid
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.change import MAX_OUTDATED
from airflow_provider_instantly.api.errors import (
    InstantlyPaymentRequiredError,
    OutdatedReadError,
)
from airflow_provider_instantly.exceptions import TaskKilledError, UploadNotConfirmedError, UploadRefusedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.leads.sightings import READ_BACK_PAUSES
from airflow_provider_instantly.leads.upload import Upload
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from tests.statuses import ACTIVE
from tests.unit.leads.uploading import BLOCK_LIST, Uploading, asked, put, rows, some, there, use_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.leads.rows import LeadRow
    from airflow_provider_instantly.leads.tally import Tally
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses", "slept")


# Who is left out


@pytest.mark.parametrize("skip_if_in", ["workspace", "campaign"])
def test_who_is_there_already_is_there_whichever_counter_has_it(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, skip_if_in: str
) -> None:
    """The second run of an input whose first hundred rows are new: Instantly may count the others as skipped."""
    sandbox.set(duplicates_first=False)
    put(sandbox, campaign_id, rows(*range(101, 106)))
    put(sandbox, sandbox.add_campaign("Other"), rows(1))
    tally = upload(some(105), skip_if_in=skip_if_in)
    assert (tally.uploaded, tally.already_there, tally.present, tally.skipped) == (99, 5, 104, 1)
    assert upload.rejects == {}
    # Once for the first hundred, and for those that were left out a page and an empty one.
    assert asked(sandbox).count("list") <= 3


def test_who_is_there_already_and_blocked_is_there(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.set(duplicates_first=False)
    put(sandbox, campaign_id, rows(101))
    with InstantlyHook() as hook:
        hook.block(["person101@example.com", "person7@example.com"])
    tally = upload(some(105))
    assert (tally.uploaded, tally.already_there, tally.refused) == (103, 1, 1)
    assert upload.rejects == {7: "Instantly did not take it: in_blocklist"}


def test_one_who_is_blocked_makes_no_one_refused_who_was_skipped(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    """Instantly does not say which of them was blocked, but how many were."""
    put(sandbox, sandbox.add_campaign("Other"), rows(2, 3, 4, 5))
    with InstantlyHook() as hook:
        hook.block(["person6@example.com"])
    tally = upload(some(6), skip_if_in="campaign")
    assert (tally.uploaded, tally.skipped, tally.refused) == (1, 4, 1)
    assert upload.rejects == dict.fromkeys(range(2, 7), "Instantly did not take it: one of in_blocklist, skipped")


def test_who_is_blocked_is_rejected_with_the_reason(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    with InstantlyHook() as hook:
        hook.block(["person2@example.com"])
    tally = upload(some(3))
    assert upload.rejects == {2: "Instantly did not take it: in_blocklist"}
    assert (tally.uploaded, tally.refused, tally.present) == (2, 1, 2)


def test_a_read_tells_mixed_reasons_apart(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    with InstantlyHook() as hook:
        hook.block(["person120@example.com"])
    put(sandbox, campaign_id, rows(110))
    tally = upload(some(130))
    assert (tally.uploaded, tally.already_there, tally.refused) == (128, 1, 1)
    assert upload.rejects == {120: "Instantly did not take it: in_blocklist"}


def test_who_found_no_room_in_a_list_is_not_called_skipped(sandbox: SandboxClient, upload: Uploading) -> None:
    """Of a list, Instantly does not say how much room is left; what it was at first is known."""
    put(sandbox, sandbox.add_campaign("Other"), rows(2))
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=3)
    tally = upload(some(4), place={"list_id": BLOCK_LIST}, skip_if_in="campaign")
    assert (tally.uploaded, tally.skipped, tally.refused, tally.remaining_in_plan) == (2, 0, 2, None)
    assert upload.rejects == dict.fromkeys((2, 4), "Instantly did not take it: one of skipped, plan full")


def test_who_found_no_room_after_a_lost_answer_is_not_called_skipped(
    sandbox: SandboxClient, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom the lost request added has taken the last room of the plan."""
    put(sandbox, sandbox.add_campaign("Other"), rows(2))
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=2)
    sandbox.add_fault("reset", "*/leads/add", moment="before")

    def sleep(seconds: float) -> None:
        if seconds == READ_BACK_PAUSES[0]:
            with InstantlyHook() as hook:
                hook.add_leads([rows(1)[0].lead], list_id=BLOCK_LIST)

    monkeypatch.setattr(time, "sleep", sleep)
    tally = upload(some(4), place={"list_id": BLOCK_LIST}, skip_if_in="campaign")
    assert (tally.uploaded, tally.found, tally.skipped, tally.refused) == (0, 1, 0, 3)
    assert upload.rejects == dict.fromkeys((2, 3, 4), "Instantly did not take it: one of skipped, plan full")


def test_who_is_left_out_where_the_plan_is_full_is_not_called_skipped(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instantly may count as skipped who is elsewhere and who found no room, and does not say who is who."""
    put(sandbox, sandbox.add_campaign("Other"), rows(2))
    use_key(sandbox, monkeypatch, "campaigns:read", "leads:read", "leads:create")
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=3)
    tally = upload(some(4), skip_if_in="campaign")
    assert there(sandbox, campaign_id) == [1, 3]
    assert (tally.uploaded, tally.skipped, tally.refused, tally.remaining_in_plan) == (2, 0, 2, 0)
    assert upload.rejects == dict.fromkeys((2, 4), "Instantly did not take it: one of skipped, plan full")


def test_a_plan_that_counts_below_zero_is_not_used_up(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("fields", "*/leads/add", fields={"remaining_in_plan": -1}, count=None)
    tally = upload(some(40), chunk_size=10)
    assert (tally.uploaded, tally.remaining_in_plan) == (40, None)


# Refusals


def test_who_may_have_been_added_by_this_try_is_not_said_not_to_be(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("error", "*/leads/add", status=402, moment="after", skip=1)
    with pytest.raises(InstantlyPaymentRequiredError) as raised:
        upload(some(20), chunk_size=10)
    assert "20 are certainly in" in str(raised.value)
    assert "10 were added by this try for certain, and 10 by it or before it." in str(raised.value)


def test_a_402_that_hides_who_is_there_says_so(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.add_fault("error", "*/leads/add", status=402)
    sandbox.add_fault("error", "*/leads/list", status=402, skip=1)
    with pytest.raises(UploadNotConfirmedError, match="rows 1 to 3, and who of them is there could not be read"):
        upload(some(3))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "error", "status": 413}, "a request of rows 4 to 10 too large"),
        ({"kind": "body", "json": {}, "moment": "after"}, "Of rows 4 to 10: Instantly accounts for 0 of 7 leads"),
    ],
    ids=["413", "sums"],
)
def test_what_is_said_of_a_request_names_the_rows_that_it_had(
    sandbox: SandboxClient,
    campaign_id: str,
    upload: Uploading,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, Any],
    said: str,
) -> None:
    put(sandbox, campaign_id, rows(1, 2, 3))
    sandbox.add_fault(path="*/leads/add", **fault)
    assert upload(some(10)).present == 10
    assert said in caplog.text


def test_a_413_that_added_them_all_the_same_adds_no_one_twice(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("error", "*/leads/add", status=413, moment="after")
    tally = upload(some(10))
    assert there(sandbox, campaign_id) == list(range(1, 11))
    # It is not known whether this request or another added them, but they were not there before.
    assert (tally.uploaded, tally.found, tally.already_there) == (0, 10, 0)
    assert asked(sandbox).count("add") == 1


def test_a_413_that_added_one_all_the_same_sends_the_others(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault("error", "*/leads/add", status=413)
    monkeypatch.setattr(time, "sleep", lambda _: put(sandbox, campaign_id, rows(1)))
    tally = upload(some(2))
    assert there(sandbox, campaign_id) == [1, 2]
    assert tally.present == 2
    assert upload.rejects == {}


# Lost answers


LOST = [
    {"kind": "error", "status": 502, "moment": "after"},
    {"kind": "reset", "moment": "after"},
    {"kind": "truncate"},
    {"kind": "body", "json": []},
]


NEVER_ARRIVED = [{"kind": "error", "status": 502, "moment": "before"}, {"kind": "reset", "moment": "before"}]


@pytest.mark.parametrize("fault", LOST, ids=str)
def test_an_answer_that_is_lost_after_the_effect_sends_no_one_again(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, fault: dict[str, Any]
) -> None:
    sandbox.add_fault(path="*/leads/add", **fault)
    tally = upload(some(20), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 21))
    assert (tally.uploaded, tally.found, tally.present) == (10, 10, 20)
    assert asked(sandbox).count("add") == 2


@pytest.mark.parametrize("fault", NEVER_ARRIVED, ids=str)
def test_an_upload_that_had_no_effect_is_sent_again_after_a_minute(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, slept: list[float], fault: dict[str, Any]
) -> None:
    sandbox.add_fault(path="*/leads/add", **fault)
    tally = upload(some(20), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 21))
    assert (tally.uploaded, tally.present) == (20, 20)
    assert sum(slept) == sum(READ_BACK_PAUSES) >= 60


def test_only_what_is_missing_is_sent_again(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    put_at = READ_BACK_PAUSES[1]

    def sleep(seconds: float) -> None:
        if seconds == put_at:
            with InstantlyHook() as hook:
                hook.add_leads([row.lead for row in rows(1, 2, 3)], campaign_id=campaign_id)

    monkeypatch.setattr(time, "sleep", sleep)
    tally = upload(some(10))
    assert there(sandbox, campaign_id) == list(range(1, 11))
    assert (tally.uploaded, tally.found, tally.present) == (7, 3, 10)


def test_what_comes_late_is_not_counted_as_there_before(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    """It comes between the last read and the second request, which counts it as duplicates."""
    sandbox.add_fault("reset", "*/leads/add", moment="before")

    class Late(InstantlyHook):
        adds = 0

        def add_leads(self, leads: Any, **given: Any) -> Any:
            self.adds += 1
            if self.adds == 2:
                super().add_leads(leads[:4], **given)
            return super().add_leads(leads, **given)

    with Late() as hook:
        late = Upload(
            hook=hook,
            place=upload.place,
            reject=lambda *_: None,
            is_killed=lambda: False,
            log=logging.getLogger("a task"),
        )
        tally = late.run(some(10), 10)
    assert (tally.uploaded, tally.found, tally.already_there) == (6, 4, 0)


def test_after_three_lost_answers_it_says_what_is_certain(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    put(sandbox, campaign_id, rows(3, 4, 5))
    sandbox.add_fault("reset", "*/leads/add", moment="before", count=3)
    with pytest.raises(UploadNotConfirmedError) as raised:
        upload(some(10))
    assert asked(sandbox).count("add") == 3
    for part in ("rows 1 to 10 was lost", "Certain: rows 3-5 are there. Not certain: rows 1-2, 6-10.", campaign_id):
        assert part in str(raised.value)
    assert "@" not in str(raised.value)


def test_who_cannot_be_read_back_is_not_sent_again(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="after")
    sandbox.add_fault("error", "*/leads/list", status=503, skip=1, count=None)
    with pytest.raises(UploadNotConfirmedError, match="Not certain: rows 1-10"):
        upload(some(10))
    assert asked(sandbox).count("add") == 1


def test_a_campaign_that_is_launched_after_a_lost_answer_is_not_added_to(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    monkeypatch.setattr(time, "sleep", lambda _: sandbox.set_status(campaign_id, ACTIVE))
    with pytest.raises(UploadNotConfirmedError, match="Whether rows 1 to 10 were added is not known of all of them"):
        upload(some(10))
    assert asked(sandbox).count("add") == 1


def test_a_campaign_that_cannot_be_read_after_a_lost_answer_is_not_added_to(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    sandbox.add_fault("error", f"*/{campaign_id}", status=403, skip=2)
    with pytest.raises(UploadNotConfirmedError, match="Not certain: rows 1-10"):
        upload(some(10))
    assert asked(sandbox).count("add") == 1


def test_a_task_that_is_killed_after_a_lost_answer_says_that_it_is_not_known(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    upload.is_killed = lambda: bool(sandbox.requests(path="*/leads/add"))
    with pytest.raises(UploadNotConfirmedError, match=r"The task was killed\. Whether rows 1 to 3 were added"):
        upload(some(3))


# What passes


def test_a_429_is_waited_for(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.add_fault("error", "*/leads/add", status=429)
    assert upload(some(10)).uploaded == 10
    # The campaign is read again, since it may have been launched in the pause.
    assert asked(sandbox)[-4:] == ["campaign", "add", "campaign", "add"]


# Reads that are too old


class Late(InstantlyHook):
    """
    To make the connection for an upload takes three seconds, some times.

    :param times: how often.
    :param meanwhile: what happens in each of them.
    """

    def __init__(self, times: int, meanwhile: Callable[[], Any] = lambda: None) -> None:
        super().__init__(max_retries=1)
        self.now = 1_790_000_000.0
        self.times = times
        self.meanwhile = meanwhile

    def clock(self) -> float:
        return self.now

    def add_leads(self, *leads: Any, **given: Any) -> Any:
        if self.times:
            self.times -= 1
            self.now += 3.0
            self.meanwhile()
        return super().add_leads(*leads, **given)


def upload_late(hook: Late, place: dict[str, str], rows: list[LeadRow], **given: Any) -> Tally:
    with hook:
        upload = Upload(
            hook=hook,
            place=place,
            reject=lambda *_: None,
            is_killed=lambda: False,
            log=logging.getLogger("a task"),
            clock=hook.clock,
            **given,
        )
        return upload.run(rows, len(rows))


def test_what_is_late_is_not_added_to_a_campaign_that_is_launched_meanwhile(
    sandbox: SandboxClient, campaign_id: str
) -> None:
    hook = Late(1, lambda: sandbox.set_status(campaign_id, ACTIVE))
    with pytest.raises(UploadRefusedError, match=r"is Active.* Of 3 rows, 0 are certainly in"):
        upload_late(hook, {"campaign_id": campaign_id}, some(3))
    assert "add" not in asked(sandbox)


def test_what_is_late_is_sent_after_another_read(
    sandbox: SandboxClient, campaign_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    tally = upload_late(Late(MAX_OUTDATED), {"campaign_id": campaign_id}, some(3))
    assert (tally.uploaded, there(sandbox, campaign_id)) == (3, [1, 2, 3])
    assert asked(sandbox)[-MAX_OUTDATED - 2 :] == ["campaign"] * (MAX_OUTDATED + 1) + ["add"]
    assert "The upload of rows 1 to 3 was not sent, so the campaign is read again: " in caplog.text
    assert "3.0 seconds had passed since the campaign was read" in caplog.text


def test_what_comes_slowly_shows_how_the_campaign_was_before(
    sandbox: SandboxClient, campaign_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, read = Late(0), Late.get_campaign

    def read_slowly(self: Late, of: str) -> Any:
        campaign = read(self, of)
        if asked(sandbox).count("campaign") == 2:
            self.now += 20.0
            sandbox.set_status(campaign_id, ACTIVE)
        return campaign

    monkeypatch.setattr(Late, "get_campaign", read_slowly)
    with pytest.raises(UploadRefusedError, match=r"is Active.* Of 3 rows, 0 are certainly in"):
        upload_late(hook, {"campaign_id": campaign_id}, some(3))
    assert "add" not in asked(sandbox)


def test_what_is_late_each_time_is_not_sent(sandbox: SandboxClient, campaign_id: str) -> None:
    with pytest.raises(OutdatedReadError, match=r"3\.0 seconds .* Of 3 rows, 0 are certainly in"):
        upload_late(Late(MAX_OUTDATED + 1), {"campaign_id": campaign_id}, some(3))
    assert "add" not in asked(sandbox)
    assert upload_late(Late(0), {"campaign_id": campaign_id}, some(3), is_retry=True).uploaded == 3


@pytest.mark.parametrize("comes", [[], [3], [1, 2, 3]], ids=["nothing", "a part", "all"])
def test_what_is_late_after_a_lost_answer_is_read_back_once_more(
    sandbox: SandboxClient, campaign_id: str, comes: list[int]
) -> None:
    """What the lost request adds meanwhile shows that it still runs."""
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    place = {"campaign_id": campaign_id}

    class LateAfterwards(Late):
        def add_leads(self, *leads: Any, **given: Any) -> Any:
            if not sandbox.requests(path="*/leads/add"):
                return InstantlyHook.add_leads(self, *leads, **given)
            return super().add_leads(*leads, **given)

    def meanwhile() -> None:
        if comes:
            # Not as a part of the request that is about to leave.
            Context().run(put, sandbox, campaign_id, rows(*comes))

    hook = LateAfterwards(1, meanwhile)
    if len(comes) == 1:
        with pytest.raises(UploadNotConfirmedError, match=r"Certain: rows 3 are there\. Not certain: rows 1-2\."):
            upload_late(hook, place, some(3))
        assert there(sandbox, campaign_id) == [3]
    else:
        tally = upload_late(hook, place, some(3))
        assert (tally.uploaded, tally.found) == ((0, 3) if comes else (3, 0))
        assert there(sandbox, campaign_id) == [1, 2, 3]


@pytest.mark.parametrize("switches", [{}, {"if_running": "add"}], ids=["a list", "if_running"])
def test_what_rests_on_no_read_is_never_late(
    sandbox: SandboxClient, campaign_id: str, switches: dict[str, Any]
) -> None:
    place = {"campaign_id": campaign_id} if switches else {"list_id": str(uuid.uuid4())}
    assert upload_late(Late(9), place, some(3), **switches).uploaded == 3


def test_a_task_that_is_killed_right_before_the_first_byte_sends_none(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    times: Iterator[bool] = iter([False, True, True])
    upload.is_killed = lambda: next(times)
    with pytest.raises(TaskKilledError):
        upload(some(3))
    assert "add" not in asked(sandbox)
