"""What is asked of an upload, as Instantly gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.leads.uploading import Uploading, asked, put, rows, some, there

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses", "slept")


def test_a_list_of_leads_has_no_status(sandbox: SandboxClient, upload: Uploading) -> None:
    list_id = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"
    tally = upload(some(3), place={"list_id": list_id})
    assert tally.uploaded == 3
    assert "campaign" not in asked(sandbox)


@pytest.mark.parametrize("flag", ["workspace", "campaign"])
def test_who_is_elsewhere_is_left_out_where_asked_so(
    sandbox: SandboxClient, campaign_id: str, upload: Uploading, flag: str
) -> None:
    put(sandbox, sandbox.add_campaign("Other"), rows(2))
    tally = upload(some(3), skip_if_in=flag)
    assert there(sandbox, campaign_id) == [1, 3]
    assert (tally.uploaded, tally.skipped, tally.refused) == (2, 1, 0)
    assert upload.rejects == {}


def test_other_options_are_passed_on(sandbox: SandboxClient, upload: Uploading, campaign_id: str) -> None:
    upload(some(1), options={"verify_leads_on_import": True})
    assert sandbox.leads(campaign_id)[0]["verification_status"] == 11
