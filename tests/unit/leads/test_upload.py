"""
The upload over real HTTP: who is added, who is refused, and what is read where an answer is lost.

Nearly every test ends with the leads that the sandbox has, and with the requests that it was asked.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.change import MAX_OUTDATED
from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyBadRequestError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyServerError,
    OutdatedReadError,
)
from airflow_provider_instantly.exceptions import TaskKilledError, UploadNotConfirmedError, UploadRefusedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.leads.rows import LeadRow
from airflow_provider_instantly.leads.upload import MOST_REFUSED_ALONE, READ_BACK_PAUSES, Tally, Upload
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from tests.statuses import ACTIVE, BOUNCED, DRAFT, PAUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def campaign_id(sandbox: SandboxClient) -> str:
    return sandbox.add_campaign("Spring")


class Uploading:
    """Uploads, and keeps what was rejected."""

    def __init__(self, campaign_id: str) -> None:
        self.place = {"campaign_id": campaign_id}
        self.rejects: dict[int, str] = {}
        self.is_killed: Callable[[], bool] = lambda: False

    def __call__(self, rows: list[LeadRow], **given: Any) -> Tally:
        with InstantlyHook(max_retries=given.pop("max_retries", 1)) as hook:
            upload = Upload(
                hook=hook,
                place=given.pop("place", self.place),
                reject=lambda row, reason: self.rejects.update({row.number: reason}),
                is_killed=lambda: self.is_killed(),
                log=logging.getLogger("a task"),
                **given,
            )
            return upload.run(rows, len(rows))


@pytest.fixture
def upload(campaign_id: str) -> Uploading:
    return Uploading(campaign_id)


def rows(*numbers: int) -> list[LeadRow]:
    return [LeadRow(n, {"email": f"person{n}@example.com"}) for n in numbers]


def some(count: int) -> list[LeadRow]:
    return rows(*range(1, count + 1))


def there(sandbox: SandboxClient, campaign_id: str) -> list[int]:
    """The rows that are in the campaign, in the order in which they came; twice who is there twice."""
    leads = sandbox.leads(campaign_id)
    return sorted(int(lead["email"].removeprefix("person").partition("@")[0]) for lead in leads)


def put(sandbox: SandboxClient, campaign_id: str, there: list[LeadRow]) -> None:
    with InstantlyHook() as hook:
        hook.add_leads([row.lead for row in there], campaign_id=campaign_id)
    sandbox.clear_requests()


def asked(sandbox: SandboxClient) -> list[str]:
    """What was asked, in order: ``campaign``, ``plan``, ``list``, ``add``."""
    names = {"plan-details": "plan"}
    last = [request["path"].rpartition("/")[2] for request in sandbox.requests()]
    return [names.get(name, name if name in ("list", "add") else "campaign") for name in last]


# What is added


def test_all_rows_are_added_chunk_by_chunk(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    tally = upload(some(25), chunk_size=10)

    assert there(sandbox, campaign_id) == list(range(1, 26))
    assert (tally.uploaded, tally.present, tally.refused, tally.already_there) == (25, 25, 0, 0)
    assert upload.rejects == {}
    each = ["campaign", "add"]
    # The list is asked whether its first rows are there: it shows one page, and an empty one at the most.
    assert [name for name in asked(sandbox) if name != "list"] == ["campaign", "plan", *each, *each, *each]
    assert asked(sandbox).count("list") == 1


def test_no_rows_are_no_upload(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    assert upload([]).present == 0
    assert "add" not in asked(sandbox)


def test_a_list_of_leads_has_no_status(sandbox: SandboxClient, upload: Uploading) -> None:
    list_id = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"
    tally = upload(some(3), place={"list_id": list_id})
    assert tally.uploaded == 3
    assert "campaign" not in asked(sandbox)


def test_a_second_run_adds_no_one(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    upload(some(25), chunk_size=10)
    sandbox.clear_requests()

    tally = upload(some(25), chunk_size=10)

    assert there(sandbox, campaign_id) == list(range(1, 26))
    assert (tally.uploaded, tally.already_there, tally.present) == (0, 25, 25)
    assert "add" not in asked(sandbox)


def test_from_a_duplicate_on_who_is_there_is_read_first(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    put(sandbox, campaign_id, rows(15, 25))
    tally = upload(some(30), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 31))
    assert (tally.uploaded, tally.already_there) == (28, 2)
    assert sandbox.requests(path="*/leads/add")[-1]["status"] == 200
    assert asked(sandbox)[-3:] == ["list", "campaign", "add"] or asked(sandbox)[-4:-2] == ["list", "list"]


def test_the_first_hundred_rows_are_read_whatever_the_size_of_a_chunk(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    put(sandbox, campaign_id, rows(95))
    tally = upload(some(120), chunk_size=10)
    assert (tally.uploaded, tally.already_there) == (119, 1)
    # Once for the first hundred, and then for each chunk.
    assert asked(sandbox).count("list") >= 1 + 12
    assert [request["status"] for request in sandbox.requests(path="*/leads/add")] == [200] * 12


@pytest.mark.parametrize("error", [TimeoutError("of Airflow"), KeyboardInterrupt()], ids=repr)
def test_what_ends_a_task_from_outside_hides_no_outcome(
    sandbox: SandboxClient,
    campaign_id: str,
    upload: Uploading,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
) -> None:
    asked_so_far = 0

    def is_killed() -> bool:
        nonlocal asked_so_far
        asked_so_far += 1
        if there(sandbox, campaign_id):
            raise error
        return False

    upload.is_killed = is_killed
    with pytest.raises(type(error)):
        upload(some(30), chunk_size=10)
    assert f"Of 30 rows, 10 are certainly in campaign {campaign_id}: 10 were added by this try" in caplog.text


@pytest.mark.parametrize("flag", ["workspace", "campaign"])
def test_who_is_elsewhere_is_left_out_where_asked_so(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, flag: str
) -> None:
    put(sandbox, sandbox.add_campaign("Other"), rows(2))
    tally = upload(some(3), skip_if_in=flag)
    assert there(sandbox, campaign_id) == [1, 3]
    assert (tally.uploaded, tally.skipped, tally.refused) == (2, 1, 0)
    assert upload.rejects == {}


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


def test_other_options_are_passed_on(sandbox: SandboxClient, upload: Uploading, campaign_id: str) -> None:
    upload(some(1), options={"verify_leads_on_import": True})
    assert sandbox.leads(campaign_id)[0]["verification_status"] == 11


BLOCK_LIST, ANOTHER = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f", "9e1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"


def test_another_block_list_than_was_asked_for_ends_it(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("fields", "*/leads/add", fields={"blocklist_used": ANOTHER}, skip=1)
    with pytest.raises(UploadRefusedError, match=rf"list {ANOTHER}, not .* Of 40 rows, 20 are") as raised:
        upload(some(40), chunk_size=10, options={"blocklist_id": BLOCK_LIST.upper()})
    assert "20 were added by this try" in str(raised.value)
    assert there(sandbox, campaign_id) == list(range(1, 21))


@pytest.mark.parametrize("used", [None, 7, "the list"])
def test_a_block_list_that_is_not_named_is_a_warning(
    sandbox: SandboxClient, upload: Uploading, caplog: pytest.LogCaptureFixture, used: Any
) -> None:
    sandbox.add_fault("fields", "*/leads/add", fields={"blocklist_used": used}, count=None)
    assert upload(some(40), chunk_size=10, options={"blocklist_id": BLOCK_LIST}).uploaded == 40
    assert caplog.text.count(f"does not say whether it heeded the block list {BLOCK_LIST}") == 1


@pytest.mark.parametrize("options", [{"blocklist_id": BLOCK_LIST}, {}], ids=str)
def test_the_block_list_that_was_asked_for_is_no_news(
    sandbox: SandboxClient, upload: Uploading, caplog: pytest.LogCaptureFixture, options: dict[str, str]
) -> None:
    assert upload(some(3), options=options).uploaded == 3
    assert "block list" not in caplog.text


# What is refused


@pytest.mark.parametrize("status", [ACTIVE, BOUNCED, 7])
def test_a_campaign_that_may_send_is_not_added_to(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, status: int
) -> None:
    sandbox.set_status(campaign_id, status)
    with pytest.raises(UploadRefusedError, match="This try added no one"):
        upload(some(3))
    assert asked(sandbox) == ["campaign"]


def test_it_is_added_to_where_that_is_asked_for(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.set_status(campaign_id, ACTIVE)
    assert upload(some(3), if_running="add").uploaded == 3


def test_a_campaign_that_is_launched_meanwhile_is_not_added_to(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    answers = iter([DRAFT, DRAFT, PAUSED, ACTIVE])

    class Launched(InstantlyHook):
        def get_campaign(self, campaign_id: Any) -> Any:
            sandbox.set_status(str(campaign_id), next(answers))
            return super().get_campaign(campaign_id)

    with Launched() as hook:
        running = Upload(
            hook=hook,
            place=upload.place,
            reject=lambda *_: None,
            is_killed=lambda: False,
            log=logging.getLogger("a task"),
            chunk_size=10,
        )
        with pytest.raises(UploadRefusedError, match=r"is Active.* Of 40 rows, 20 are certainly in") as raised:
            running.run(some(40), 40)

    assert campaign_id in str(raised.value)
    assert there(sandbox, campaign_id) == list(range(1, 21))


def test_nothing_is_sent_where_the_plan_has_no_room(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=2)
    with pytest.raises(UploadRefusedError, match="room for 2 more leads, and 3 are to be added"):
        upload(some(3))
    assert "add" not in asked(sandbox)


def test_who_is_skipped_needs_no_room(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    put(sandbox, sandbox.add_campaign("Other"), rows(2, 3, 4))
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=5)
    tally = upload(some(4), skip_if_in="campaign")
    assert (tally.uploaded, tally.skipped, tally.refused) == (1, 3, 0)
    assert "room for 2 more leads, and 4 are to be added" in caplog.text


def test_a_plan_without_any_room_has_none_for_the_others_either(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    put(sandbox, sandbox.add_campaign("Other"), rows(2, 3))
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=2)
    with pytest.raises(UploadRefusedError, match="room for 0 more leads, and 4 are to be added"):
        upload(some(4), skip_if_in="campaign")
    assert "add" not in asked(sandbox)


def test_who_found_no_room_in_a_list_is_not_called_skipped(sandbox: SandboxClient, upload: Uploading) -> None:
    """Of a list, Instantly does not say how much room is left; what it was at first is known."""
    put(sandbox, sandbox.add_campaign("Other"), rows(2))
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=3)
    tally = upload(some(4), place={"list_id": BLOCK_LIST}, skip_if_in="campaign")
    assert (tally.uploaded, tally.skipped, tally.refused, tally.remaining_in_plan) == (2, 0, 2, None)
    assert upload.rejects == dict.fromkeys((2, 4), "Instantly did not take it: one of skipped, plan full")


def test_who_is_there_already_needs_no_room(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    put(sandbox, campaign_id, some(3))
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=4)
    tally = upload(some(4))
    assert (tally.uploaded, tally.already_there) == (1, 3)


def test_a_key_that_may_not_read_the_plan_is_enough(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_key(sandbox, monkeypatch, "campaigns:read", "leads:read", "leads:create")
    assert upload(some(3)).uploaded == 3


def test_a_key_that_may_not_read_leads_adds_none(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_key(sandbox, monkeypatch, "campaigns:read", "leads:create")
    with pytest.raises(InstantlyPermissionError, match="leads:read"):
        upload(some(3))
    assert there(sandbox, campaign_id) == []


def use_key(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, *scopes: str) -> None:
    connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key("narrow", scopes)}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))


def test_a_plan_that_is_used_up_meanwhile_ends_it(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_key(sandbox, monkeypatch, "campaigns:read", "leads:read", "leads:create")
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=20)
    with pytest.raises(UploadRefusedError, match=r"no room for more leads\. Of 40 rows, 20 are certainly in"):
        upload(some(40), chunk_size=10)
    assert asked(sandbox).count("add") == 2


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


def test_a_402_in_the_middle_is_counted_truly(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault("error", "*/leads/add", status=402, skip=1, moment="after")
    with pytest.raises(InstantlyPaymentRequiredError) as raised:
        upload(some(40), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 21))
    assert "Of 40 rows, 20 are certainly in" in str(raised.value)
    assert "10 were added by this try" in str(raised.value)


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


def test_a_refusal_is_raised_with_what_became_of_the_leads(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("error", "*/leads/add", status=422, skip=1)
    with pytest.raises(InstantlyBadRequestError, match="Of 20 rows, 10 are certainly in campaign"):
        upload(some(20), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 11))


def test_a_campaign_that_does_not_exist(sandbox: SandboxClient, upload: Uploading) -> None:
    with pytest.raises(CampaignNotFoundError):
        upload(some(1), place={"campaign_id": "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"})


def test_who_is_blocked_is_rejected_with_the_reason(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    with InstantlyHook() as hook:
        hook.block(["person2@example.com"])
    tally = upload(some(3))
    assert upload.rejects == {2: "Instantly did not take it: in_blocklist"}
    assert (tally.uploaded, tally.refused, tally.present) == (2, 1, 2)


# Too large


def test_a_request_that_is_too_large_is_halved(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.set(max_body_bytes=700)
    tally = upload(some(40), chunk_size=20)
    assert there(sandbox, campaign_id) == list(range(1, 41))
    assert (tally.uploaded, tally.present) == (40, 40)
    statuses = [request["status"] for request in sandbox.requests(path="*/leads/add")]
    # It is learnt once how large they may be.
    assert statuses.count(413) == 1


def test_a_row_that_is_too_large_is_rejected(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.set(max_body_bytes=600)
    large = LeadRow(2, {"email": "person2@example.com", "personalization": "x" * 700})
    tally = upload([*rows(1), large, *rows(3)])
    assert there(sandbox, campaign_id) == [1, 3]
    assert list(upload.rejects) == [2]
    assert "too large" in upload.rejects[2]
    assert tally.refused == 1


def test_where_no_request_is_small_enough_it_does_not_go_on_row_by_row(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, slept: list[float]
) -> None:
    """Each row takes three requests and two seconds: of a hundred thousand, that would be days."""
    sandbox.add_fault("error", "*/leads/add", status=413, count=None)
    with pytest.raises(InstantlyBadRequestError, match="Of 200 rows, 0 are certainly in"):
        upload(some(200))
    assert list(upload.rejects) == list(range(1, MOST_REFUSED_ALONE + 1))
    assert sum(slept) < 60


def test_rows_that_are_too_large_keep_no_others_from_being_added_once_one_was(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.set(max_body_bytes=600)
    last = MOST_REFUSED_ALONE + 5
    large = [LeadRow(n, {"email": f"person{n}@example.com", "personalization": "x" * 700}) for n in range(2, last)]
    tally = upload([*rows(1), *large, *rows(last)])
    assert there(sandbox, campaign_id) == [1, last]
    assert tally.refused == len(large)


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


def test_a_retry_that_meets_an_upload_counts_who_is_there(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        if seconds == READ_BACK_PAUSES[-1]:
            put(sandbox, campaign_id, rows(1, 2))

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(UploadNotConfirmedError, match=r"2 of rows 1 to 10 came .* Of 10 rows, 2 are certainly in"):
        upload(some(10), is_retry=True)


def test_a_campaign_that_cannot_be_read_after_a_lost_answer_is_not_added_to(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    sandbox.add_fault("error", f"*/{campaign_id}", status=403, skip=2)
    with pytest.raises(UploadNotConfirmedError, match="Not certain: rows 1-10"):
        upload(some(10))
    assert asked(sandbox).count("add") == 1


# What passes


def test_a_429_is_waited_for(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    sandbox.add_fault("error", "*/leads/add", status=429)
    assert upload(some(10)).uploaded == 10
    # The campaign is read again, since it may have been launched in the pause.
    assert asked(sandbox)[-4:] == ["campaign", "add", "campaign", "add"]


def test_a_server_that_fails_before_anything_was_sent(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("error", f"*/{campaign_id}", status=503, count=None)
    with pytest.raises(InstantlyServerError, match="Of 10 rows, 0 are certainly in"):
        upload(some(10))
    assert "add" not in asked(sandbox)


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


# A kill


def test_a_killed_task_sends_no_further_chunk(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    upload.is_killed = lambda: bool(sandbox.requests(path="*/leads/add"))
    with pytest.raises(TaskKilledError, match="Of 30 rows, 10 are certainly in"):
        upload(some(30), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 11))


def test_a_task_that_is_killed_right_before_the_first_byte_sends_none(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    times: Iterator[bool] = iter([False, True, True])
    upload.is_killed = lambda: next(times)
    with pytest.raises(TaskKilledError):
        upload(some(3))
    assert "add" not in asked(sandbox)


def test_a_task_that_is_killed_after_a_lost_answer_says_that_it_is_not_known(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("reset", "*/leads/add", moment="before")
    upload.is_killed = lambda: bool(sandbox.requests(path="*/leads/add"))
    with pytest.raises(UploadNotConfirmedError, match=r"The task was killed\. Whether rows 1 to 3 were added"):
        upload(some(3))


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


def test_reasons_that_are_mixed_are_told_apart_by_a_read(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    with InstantlyHook() as hook:
        hook.block(["person120@example.com"])
    put(sandbox, campaign_id, rows(110))
    tally = upload(some(130))
    assert (tally.uploaded, tally.already_there, tally.refused) == (128, 1, 1)
    assert upload.rejects == {120: "Instantly did not take it: in_blocklist"}


def test_the_counts_are_an_xcom() -> None:
    assert Tally(uploaded=2, found=1).as_dict() == {
        "uploaded": 2,
        "already_there": 0,
        "found": 1,
        "skipped": 0,
        "refused": 0,
        "remaining_in_plan": None,
        "present": 3,
    }
