"""Whether an upload may begin: a campaign that may send, a plan without room, keys that may not read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyPermissionError,
    InstantlyServerError,
)
from airflow_provider_instantly.exceptions import UploadRefusedError
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from tests.statuses import ACTIVE, BOUNCED
from tests.unit.leads.uploading import Uploading, asked, put, rows, some, there, use_key

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses", "slept")


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


def test_a_campaign_that_does_not_exist(sandbox: SandboxClient, upload: Uploading) -> None:
    with pytest.raises(CampaignNotFoundError):
        upload(some(1), place={"campaign_id": "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"})


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


def test_a_server_that_fails_before_anything_was_sent(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading
) -> None:
    sandbox.add_fault("error", f"*/{campaign_id}", status=503, count=None)
    with pytest.raises(InstantlyServerError, match="Of 10 rows, 0 are certainly in"):
        upload(some(10))
    assert "add" not in asked(sandbox)
