"""Whether leads may be added, status by status."""

from __future__ import annotations

import pytest

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.leads.guard import lacks_room, why_not
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, SUSPENDED, UNHEALTHY, UNKNOWN

ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
REFUSED = {
    ACTIVE: "e-mailed at once",
    SUBSEQUENCES: "e-mailed at once",
    UNHEALTHY: "Instantly stopped it",
    BOUNCED: "Instantly stopped it",
    SUSPENDED: "Instantly stopped it",
    COMPLETED: "may go on with it by itself",
    UNKNOWN: "does not know whether such a campaign sends",
}


def campaign(status: int | None) -> Campaign:
    return Campaign(ID, None if status is None else CampaignStatus(status))


@pytest.mark.parametrize("status", [DRAFT, PAUSED])
def test_what_waits_for_a_launch_is_added_to(status: int) -> None:
    assert why_not(campaign(status), "refuse") == ()


@pytest.mark.parametrize(("status", "reason"), REFUSED.items())
def test_whatever_else_is_refused(status: int, reason: str) -> None:
    refusal = why_not(campaign(status), "refuse")
    for part in (ID, reason, CampaignStatus(status).label, 'if_running="add"'):
        assert part in " ".join(refusal)


@pytest.mark.parametrize("refusal", [*(why_not(campaign(status), "refuse") for status in REFUSED), lacks_room(5, 9)])
def test_what_to_do_has_a_line_of_its_own_in_the_log(refusal: tuple[str, ...]) -> None:
    assert len(refusal) > 1
    assert not any(". " in sentence for sentence in refusal)


def test_a_campaign_without_a_status_is_refused() -> None:
    assert why_not(campaign(None), "refuse")


@pytest.mark.parametrize("status", [DRAFT, PAUSED, *REFUSED])
def test_all_is_added_to_where_that_is_asked_for(status: int) -> None:
    assert why_not(campaign(status), "add") == ()


def test_every_status_is_decided() -> None:
    assert {int(status) for status in CampaignStatus if status.is_known} == {DRAFT, PAUSED, *REFUSED} - {UNKNOWN}


@pytest.mark.parametrize(("room", "missing"), [(5, 5), (5, 0), (0, 0)])
def test_what_fits_in_is_added(room: int, missing: int) -> None:
    assert lacks_room(room, missing) == ()


def test_what_does_not_fit_in_is_refused() -> None:
    assert "room for 5 more leads, and 1,006 are to be added" in lacks_room(5, 1_006)[0]
