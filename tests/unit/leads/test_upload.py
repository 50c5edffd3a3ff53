"""
The upload over real HTTP: which rows are added in which requests, what is added up, and where it stops.

Nearly every test ends with the leads that the sandbox has, and with the requests that it was asked.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import (
    InstantlyBadRequestError,
    InstantlyPaymentRequiredError,
)
from airflow_provider_instantly.exceptions import TaskKilledError, UploadRefusedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.leads.rows import LeadRow
from airflow_provider_instantly.leads.upload import MOST_REFUSED_ALONE, Upload
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from tests.statuses import ACTIVE, DRAFT, PAUSED
from tests.unit.leads.uploading import ANOTHER_LIST, BLOCK_LIST, Uploading, asked, put, rows, some, there, use_key

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses", "slept")


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


# The block list


def test_another_block_list_than_was_asked_for_ends_it(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("fields", "*/leads/add", fields={"blocklist_used": ANOTHER_LIST}, skip=1)
    with pytest.raises(UploadRefusedError, match=rf"list {ANOTHER_LIST}, not .* Of 40 rows, 20 are") as raised:
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


# What ends it


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


def test_a_plan_that_is_used_up_meanwhile_ends_it(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_key(sandbox, monkeypatch, "campaigns:read", "leads:read", "leads:create")
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=20)
    with pytest.raises(UploadRefusedError, match=r"no room for more leads\. Of 40 rows, 20 are certainly in"):
        upload(some(40), chunk_size=10)
    assert asked(sandbox).count("add") == 2


def test_a_402_in_the_middle_is_counted_truly(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault("error", "*/leads/add", status=402, skip=1, moment="after")
    with pytest.raises(InstantlyPaymentRequiredError) as raised:
        upload(some(40), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 21))
    assert "Of 40 rows, 20 are certainly in" in str(raised.value)
    assert "10 were added by this try" in str(raised.value)


def test_a_refusal_is_raised_with_what_became_of_the_leads(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("error", "*/leads/add", status=422, skip=1)
    with pytest.raises(InstantlyBadRequestError, match="Of 20 rows, 10 are certainly in campaign"):
        upload(some(20), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 11))


def test_a_killed_task_sends_no_further_chunk(sandbox: SandboxClient, campaign_id: str, upload: Uploading) -> None:
    upload.is_killed = lambda: bool(sandbox.requests(path="*/leads/add"))
    with pytest.raises(TaskKilledError, match="Of 30 rows, 10 are certainly in"):
        upload(some(30), chunk_size=10)
    assert there(sandbox, campaign_id) == list(range(1, 11))


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
