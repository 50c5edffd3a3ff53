"""The calls about leads, over real HTTP: what comes back is what was asked for, and nothing deletes more than named."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    CampaignNotFoundError,
    InstantlyBadRequestError,
    InstantlyPermissionError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.lead import MAX_PER_REQUEST, Blocked, LeadStatus, Plan
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.hooks.leads import SURPLUS, check_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

UNKNOWN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
WORKSPACE = "0e5d1a0b-5a4d-4b0c-9f5e-000000000001"


def leads(*names: str) -> list[dict[str, Any]]:
    return [{"email": f"{name}@example.com"} for name in names]


@pytest.fixture
def campaign(sandbox: SandboxClient) -> str:
    return sandbox.add_campaign("Spring")


class TestAdding:
    def test_what_became_of_them(self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient) -> None:
        added = ask("add_leads", leads("a", "b", "b"), campaign_id=campaign)
        assert (added.sent, added.uploaded, added.duplicate_email) == (3, 2, 1)
        assert [lead["id"] for lead in sandbox.leads(campaign)] == list(added.created.values())
        again = ask("add_leads", leads("a"), campaign_id=campaign.upper())
        assert (again.uploaded, again.duplicated) == (0, 1)

    def test_the_api_s_options_are_passed_on(self, ask: Callable[..., Any], campaign: str) -> None:
        ask("add_leads", leads("a"), list_id=str(uuid.uuid4()))
        assert ask("add_leads", leads("a"), campaign_id=campaign, skip_if_in_workspace=True).skipped == 1

    @pytest.mark.parametrize("place", [{}, {"campaign_id": UNKNOWN_ID, "list_id": UNKNOWN_ID}, {"campaign_id": "x"}])
    def test_one_place_is_needed(self, ask: Callable[..., Any], sandbox: SandboxClient, place: dict[str, str]) -> None:
        with pytest.raises(ValueError, match=r"Nothing was requested"):
            ask("add_leads", leads("a"), **place)
        assert sandbox.requests() == []

    @pytest.mark.parametrize("count", [0, MAX_PER_REQUEST + 1])
    def test_so_many_at_once(self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient, count: int) -> None:
        with pytest.raises(ValueError, match=r"1 to 1,000"):
            ask("add_leads", leads(*map(str, range(count))), campaign_id=campaign)
        assert sandbox.requests() == []

    def test_a_campaign_that_is_not_there(self, ask: Callable[..., Any], sandbox: SandboxClient) -> None:
        with pytest.raises(CampaignNotFoundError, match=UNKNOWN_ID):
            ask("add_leads", leads("a"), campaign_id=UNKNOWN_ID)

    def test_a_bad_lead_is_not_a_missing_campaign(self, ask: Callable[..., Any], campaign: str) -> None:
        with pytest.raises(InstantlyBadRequestError):
            ask("add_leads", [{"email": "a@example.com", "shoe_size": 43}], campaign_id=campaign)

    def test_a_lost_answer_is_ambiguous_and_not_repeated(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient
    ) -> None:
        sandbox.add_fault("reset", "*/leads/add", moment="after", count=None)
        with pytest.raises(AmbiguousOutcomeError):
            ask("add_leads", leads("a"), campaign_id=campaign, max_retries=3)
        assert len(sandbox.requests(path="*/leads/add")) == 1
        assert len(sandbox.leads(campaign)) == 1

    def test_no_address_is_in_an_error(self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient) -> None:
        sandbox.add_fault("error", "*/leads/add", status=400)
        with pytest.raises(InstantlyBadRequestError) as caught:
            ask("add_leads", leads("ada.private"), campaign_id=campaign)
        assert "ada.private" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"

    def test_its_scope(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = sandbox.add_key("reader", ["leads:read"])
        sandbox.api_key, kept = key, sandbox.api_key
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", sandbox.airflow_connection)
        sandbox.api_key = kept
        with pytest.raises(InstantlyPermissionError, match="leads:create"):
            ask("add_leads", leads("a"), campaign_id=campaign)


class TestListing:
    def test_all_pages(self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient) -> None:
        ask("add_leads", leads(*map(str, range(250))), campaign_id=campaign)
        sandbox.clear_requests()
        found = ask("list_leads", campaign_id=campaign)
        assert len({lead.email for lead in found}) == 250
        assert {lead.status for lead in found} == {LeadStatus.ACTIVE}
        assert len(sandbox.requests(path="*/leads/list")) == 4, "the last page is empty, as live"

    def test_by_address_in_hundreds(self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient) -> None:
        ask("add_leads", leads(*map(str, range(250))), campaign_id=campaign)
        asked = [f"{number}@example.com" for number in range(240, 400)]
        assert {lead.email for lead in ask("list_leads", campaign_id=campaign, emails=asked)} == {
            f"{number}@example.com" for number in range(240, 250)
        }
        assert ask("list_leads", campaign_id=campaign, emails=[]) == []

    def test_of_a_list(self, ask: Callable[..., Any], sandbox: SandboxClient) -> None:
        place = {"list_id": str(uuid.uuid4())}
        ask("add_leads", leads("a"), **place)
        (lead,) = ask("list_leads", **place)
        assert (lead.list_id, lead.campaign_id, lead.status) == (place["list_id"], None, LeadStatus.IN_A_LIST)

    def test_a_filter(self, ask: Callable[..., Any], campaign: str) -> None:
        ask("add_leads", leads("a"), campaign_id=campaign)
        assert ask("list_leads", campaign_id=campaign, filter="FILTER_VAL_BOUNCED") == []

    def test_a_filter_that_is_not_heeded_is_noticed(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient
    ) -> None:
        ask("add_leads", leads("a"), campaign_id=sandbox.add_campaign())
        (stray,) = sandbox.leads(sandbox.campaigns()[0]["id"]) or sandbox.leads(sandbox.campaigns()[1]["id"])
        sandbox.add_fault("body", "*/leads/list", json={"items": [stray]}, count=None)
        with pytest.raises(InstantlyUnexpectedAnswerError, match=stray["id"]) as caught:
            ask("list_leads", campaign_id=campaign)
        assert "a@example.com" not in str(caught.value)

    @pytest.mark.parametrize(
        ("changed", "asked", "what"),
        [
            ({}, {"emails": ["bob@example.com"]}, "whose address was not asked for"),
            ({"email": None}, {"emails": ["bob@example.com"]}, "without an address"),
            ({}, {"filter": "FILTER_VAL_BOUNCED"}, "which is Active, where FILTER_VAL_BOUNCED was asked for"),
            ({"campaign": UNKNOWN_ID}, {}, "which is not in the campaign"),
        ],
    )
    def test_what_was_not_asked_for_is_not_believed(
        self,
        ask: Callable[..., Any],
        campaign: str,
        sandbox: SandboxClient,
        changed: dict[str, Any],
        asked: dict[str, Any],
        what: str,
    ) -> None:
        stray = {"id": UNKNOWN_ID, "email": "ada@example.com", "campaign": campaign, "status": 1, **changed}
        sandbox.add_fault("body", "*/leads/list", json={"items": [stray]})
        with pytest.raises(InstantlyUnexpectedAnswerError, match=what) as caught:
            ask("list_leads", campaign_id=campaign, **asked)
        assert "@" not in str(caught.value)

    def test_addresses_are_compared_as_instantly_keeps_them(self, ask: Callable[..., Any], campaign: str) -> None:
        ask("add_leads", leads("ada"), campaign_id=campaign)
        assert len(ask("list_leads", campaign_id=campaign, emails=[" Ada@Example.com"])) == 1

    def test_a_misspelt_filter_is_not_asked_for(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient
    ) -> None:
        with pytest.raises(ValueError, match="Nothing was requested"):
            ask("list_leads", campaign_id=campaign, filter="FILTER_VAL_BOUNCE")
        assert sandbox.requests() == []

    def test_the_same_person_twice_is_listed_twice(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient
    ) -> None:
        ada = {"email": "ada@example.com", "campaign": campaign}
        sandbox.add_fault("body", "*/leads/list", json={"items": [ada, ada]})
        assert len(ask("list_leads", campaign_id=campaign, emails=["ada@example.com"])) == 2

    def test_a_list_by_addresses_comes_to_its_end(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient
    ) -> None:
        ada = {"email": "ada@example.com", "campaign": campaign}
        sandbox.add_fault("body", "*/leads/list", json={"items": [ada] * (SURPLUS + 2)})
        with pytest.raises(InstantlyUnexpectedAnswerError, match="again and again"):
            ask("list_leads", campaign_id=campaign, emails=["ada@example.com"])

    def test_a_read_is_repeated(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient, short_pauses: None
    ) -> None:
        sandbox.add_fault("error", "*/leads/list", status=503)
        assert ask("list_leads", campaign_id=campaign, max_retries=None) == []


def test_a_read_by_post_is_repeated_after_a_failure(campaign: str, sandbox: SandboxClient, short_pauses: None) -> None:
    sandbox.add_fault("error", "*/leads/list", status=503)
    with InstantlyHook() as hook:
        assert list(hook.list_leads(campaign_id=campaign)) == []
    assert len(sandbox.requests(path="*/leads/list")) == 2


class TestDeleting:
    def test_only_those_that_are_named(self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient) -> None:
        added = ask("add_leads", leads("a", "b"), campaign_id=campaign)
        assert ask("delete_leads", [added.created[0]], campaign) == 1
        assert [lead["email"] for lead in sandbox.leads(campaign)] == ["b@example.com"]

    @pytest.mark.parametrize(("said", "found"), [(2, 2), (1, 1), (0, 0), (None, None), (-1, None), ("2", None)])
    def test_how_many_that_were(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient, said: object, found: int | None
    ) -> None:
        sandbox.add_fault("body", "*/leads", method="DELETE", json={"count": said})
        assert ask("delete_leads", [UNKNOWN_ID, WORKSPACE], campaign) == found

    def test_more_than_were_named_are_not_passed_over(
        self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient
    ) -> None:
        sandbox.add_fault("body", "*/leads", method="DELETE", json={"count": 250})
        with pytest.raises(
            InstantlyUnexpectedAnswerError, match=f"deleted 250 leads of campaign {campaign}, and 1 were named"
        ):
            ask("delete_leads", [UNKNOWN_ID, UNKNOWN_ID.upper()], campaign)

    def test_never_all(self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient) -> None:
        ask("add_leads", leads("a"), campaign_id=campaign)
        sandbox.clear_requests()
        with pytest.raises(ValueError, match="all leads of the campaign"):
            ask("delete_leads", [], campaign)
        with pytest.raises(ValueError, match="ids must be"):
            ask("delete_leads", [""], campaign)
        assert sandbox.requests() == []

    def test_what_is_no_lead(self, ask: Callable[..., Any], campaign: str, sandbox: SandboxClient) -> None:
        sandbox.clear_requests()
        with pytest.raises(ValueError, match="ids must be the UUID of a lead, not 'x'"):
            ask("delete_leads", ["x"], campaign)
        with pytest.raises(ValueError, match="ids must be a list of texts, and not one text"):
            ask("delete_leads", UNKNOWN_ID, campaign)
        assert sandbox.requests() == []


class TestBlocking:
    def test_addresses_and_domains(self, ask: Callable[..., Any], campaign: str) -> None:
        assert ask("block", ["evil.org", "a@example.com", "nonsense"]) == Blocked(valid=2, invalid=1)
        assert ask("add_leads", leads("a", "b"), campaign_id=campaign).in_blocklist == 1

    def test_none_and_too_many(self, ask: Callable[..., Any]) -> None:
        for values in ([], ["x.org"] * (MAX_PER_REQUEST + 1)):
            with pytest.raises(ValueError, match="1 to 1,000"):
                ask("block", values)


def test_the_plan(ask: Callable[..., Any], campaign: str, sandbox: SandboxClient) -> None:
    sandbox.set_workspace(WORKSPACE, lead_limit=5)
    ask("add_leads", leads("a", "b"), campaign_id=campaign)
    assert ask("get_plan") == Plan(lead_limit=5, lead_count=2)


def test_places() -> None:
    assert check_place(UNKNOWN_ID.upper(), None) == {"campaign_id": UNKNOWN_ID}
    assert check_place(None, UNKNOWN_ID) == {"list_id": UNKNOWN_ID}
