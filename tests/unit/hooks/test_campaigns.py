"""The hook's calls about campaigns, over real HTTP against the sandbox, each sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus, NotSendingStatus
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    CampaignNotFoundError,
    InstantlyConfigurationError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from tests.unit.hooks.connections import UNKNOWN_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient


class TestCampaigns:
    def test_reading_one(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        campaign_id = sandbox.add_campaign(
            "Autumn", status=1, not_sending_status=1, fields={"email_list": ["a@b.example"]}
        )
        campaign = ask("get_campaign", campaign_id)
        assert (campaign.id, campaign.name) == (campaign_id, "Autumn")
        assert campaign.status is CampaignStatus.ACTIVE
        assert campaign.not_sending_status is NotSendingStatus.OUTSIDE_SCHEDULE
        assert campaign.sending_accounts == ("a@b.example",)

    def test_an_id_may_be_written_in_any_case_and_with_blanks(
        self, sandbox: SandboxClient, ask: Callable[..., Any]
    ) -> None:
        campaign_id = sandbox.add_campaign()
        assert ask("get_campaign", f" {campaign_id.upper()}\n").id == campaign_id

    @pytest.mark.parametrize("status", [0, 2, 3, -2])
    def test_activating_one_whatever_its_status(
        self, sandbox: SandboxClient, ask: Callable[..., Any], status: int
    ) -> None:
        campaign_id = sandbox.add_campaign(status=status)
        assert ask("activate_campaign", campaign_id).status is CampaignStatus.ACTIVE
        assert sandbox.activations(campaign_id) == 1
        assert [(request["method"], request["status"]) for request in sandbox.requests()] == [("POST", 200)]

    def test_pausing_one(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        campaign_id = sandbox.add_campaign(status=1)
        assert ask("pause_campaign", campaign_id).status is CampaignStatus.PAUSED
        assert sandbox.campaign(campaign_id)["status"] == 2

    def test_why_it_is_not_sending(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        campaign_id = sandbox.add_campaign(status=-2)
        found = ask("get_sending_status", campaign_id)
        assert found.status == "campaign_bounce_protect"
        assert found.reason
        sandbox.set_sending_status(campaign_id, {"diagnostics": None, "summary": None})
        assert ask("get_sending_status", campaign_id).reason == ""

    @pytest.mark.parametrize("name", ["get_campaign", "activate_campaign", "pause_campaign", "get_sending_status"])
    def test_one_that_is_not_there(self, sandbox: SandboxClient, ask: Callable[..., Any], name: str) -> None:
        with pytest.raises(CampaignNotFoundError, match=f"There is no campaign {UNKNOWN_ID}"):
            ask(name, UNKNOWN_ID)

    @pytest.mark.parametrize("name", ["get_campaign", "activate_campaign", "pause_campaign", "get_sending_status"])
    @pytest.mark.parametrize("campaign_id", ["", "my campaign", "../workspaces/current", None, 7])
    def test_what_is_no_id_is_never_asked_for(
        self, sandbox: SandboxClient, ask: Callable[..., Any], name: str, campaign_id: Any
    ) -> None:
        with pytest.raises(ValueError, match="Nothing was requested from Instantly"):
            ask(name, campaign_id)
        assert sandbox.requests() == []

    def test_an_answer_that_omits_the_id(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        campaign_id = sandbox.add_campaign("Autumn")
        sandbox.add_fault("body", json={"name": "Autumn", "status": 1})
        assert ask("get_campaign", campaign_id).id == campaign_id

    def test_a_status_that_is_not_known(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        campaign_id = sandbox.add_campaign(status=7)
        assert ask("get_campaign", campaign_id).status.name == "UNKNOWN(7)"

    @pytest.mark.parametrize("name", ["get_campaign", "get_sending_status"])
    def test_an_answer_about_another_campaign(self, sandbox: SandboxClient, ask: Callable[..., Any], name: str) -> None:
        campaign_id = sandbox.add_campaign("Autumn")
        other: dict[str, Any] = {"id": UNKNOWN_ID, "status": 1, "diagnostics": {"campaign_id": UNKNOWN_ID}}
        sandbox.add_fault("body", json=other)
        with pytest.raises(InstantlyUnexpectedAnswerError, match=f"{UNKNOWN_ID}, not about {campaign_id}"):
            ask(name, campaign_id)

    @pytest.mark.parametrize("name", ["activate_campaign", "pause_campaign"])
    def test_an_answer_about_another_campaign_than_the_changed_one_is_lost(
        self, sandbox: SandboxClient, ask: Callable[..., Any], name: str
    ) -> None:
        campaign_id = sandbox.add_campaign("Autumn")
        sandbox.add_fault("fields", fields={"id": UNKNOWN_ID})
        with pytest.raises(AmbiguousOutcomeError, match=f"{UNKNOWN_ID}, not about {campaign_id}"):
            ask(name, campaign_id, max_retries=3)
        assert len(sandbox.requests()) == 1

    def test_many_are_found_by_their_own_ids(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        ids = sandbox.add_campaigns(3, "Many")
        sandbox.add_fault("fields", path="*/campaigns", fields={"id": UNKNOWN_ID, "status": -2})
        seen = ask("read_campaigns", ids)
        assert {campaign_id: campaign.status for campaign_id, campaign in seen.items()} == dict.fromkeys(ids, 0)


class TestLists:
    @pytest.mark.parametrize(
        ("cursor", "count", "requests"),
        [
            ("always", 250, 4),
            ("full_page", 250, 3),
            ("full_page", 200, 3),
            ("more", 200, 2),
            ("empty", 200, 2),
            ("always", 1, 2),
        ],
    )
    def test_all_pages_whatever_the_last_ones_cursor(
        self, sandbox: SandboxClient, ask: Callable[..., Any], cursor: str, count: int, requests: int
    ) -> None:
        sandbox.set(cursor=cursor)
        ids = sandbox.add_campaigns(count, "Many")
        assert sorted(campaign.id for campaign in ask("list_campaigns")) == sorted(ids)
        assert len(sandbox.requests(path="*/campaigns")) == requests

    def test_none(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        assert ask("list_campaigns") == []

    def test_a_list_that_repeats_itself_ends_and_is_not_called_whole(
        self, sandbox: SandboxClient, ask: Callable[..., Any]
    ) -> None:
        sandbox.add_campaigns(150, "Many")
        sandbox.add_fault("repeat_cursor")
        with pytest.raises(InstantlyUnexpectedAnswerError, match="The list of campaigns repeats itself"):
            ask("list_campaigns")
        assert len(sandbox.requests()) <= 3

    @pytest.mark.parametrize("call", ["list_campaigns", "read_campaigns"])
    def test_pages_that_are_too_large_are_read_in_smaller_ones(
        self, sandbox: SandboxClient, ask: Callable[..., Any], call: str
    ) -> None:
        sequences = [{"steps": [{"type": "email", "delay": 1, "variants": [{"subject": "Hi", "body": "x" * 300_000}]}]}]
        ids = sandbox.add_campaigns(60, "Long", fields={"sequences": sequences})
        found = ask(call) if call == "list_campaigns" else ask(call, ids).values()
        assert sorted(campaign.id for campaign in found) == sorted(ids)
        sizes = [dict(parse_qsl(request["query"]))["limit"] for request in sandbox.requests()]
        assert sizes[:2] == ["100", "50"]
        assert sizes[-1] == "25"

    def test_filters(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        tag = "0a000000-0000-4000-8000-000000000001"
        spring = sandbox.add_campaign("Spring é&=", status=1, tags=[tag])
        autumn = sandbox.add_campaign("Autumn", status=0)

        def ids(**filters: Any) -> set[str]:
            return {campaign.id for campaign in ask("list_campaigns", **filters)}

        assert ids(search="é&=") == {spring}
        assert ids(status=CampaignStatus.DRAFT) == {autumn}
        assert ids(exclude_status=0) == {spring}
        # As a parameter of a DAG may have it.
        assert ids(status="0") == {autumn}
        assert ids(exclude_status="0") == {spring}
        assert ids(tag_ids=[tag]) == {spring}
        assert ids() == {spring, autumn}

    @pytest.mark.parametrize("number", [2026, 0])
    def test_a_number_is_searched_for_as_a_text(
        self, sandbox: SandboxClient, ask: Callable[..., Any], number: int
    ) -> None:
        """As a parameter of a DAG may have it: of 0, all campaigns were listed, and any other number was a crash."""
        numbered, _other = (sandbox.add_campaign(f"Spring{end}", status=0) for end in (f" {number}", ""))

        assert [campaign.id for campaign in ask("list_campaigns", search=number)] == [numbered]

    @pytest.mark.parametrize(
        ("blank", "meant"),
        [({"search": ""}, "give None"), ({"search": " "}, "give None"), ({"tag_ids": ["", "x"]}, "give no tag")],
        ids=str,
    )
    def test_what_is_blank_finds_nothing(
        self, sandbox: SandboxClient, ask: Callable[..., Any], blank: dict[str, Any], meant: str
    ) -> None:
        """A parameter of a DAG that was not given listed all campaigns, to be launched."""
        with pytest.raises(ValueError, match=f"blank.*{meant}"):
            list(ask("list_campaigns", **blank))
        assert sandbox.requests() == []

    @pytest.mark.parametrize(
        ("asked", "what"),
        [
            ({"status": CampaignStatus.DRAFT}, f"campaign {UNKNOWN_ID}, which is Active, where Draft was asked for"),
            ({"exclude_status": 1}, f"campaign {UNKNOWN_ID}, which is Active, where all but that were asked for"),
            ({"exclude_status": "1"}, f"campaign {UNKNOWN_ID}, which is Active, where all but that were asked for"),
            ({"search": "spring"}, f"campaign {UNKNOWN_ID}, which does not have what was searched for"),
        ],
        ids=["status", "exclude_status", "exclude_status as text", "search"],
    )
    def test_a_filter_that_is_not_heeded_is_noticed(
        self, sandbox: SandboxClient, ask: Callable[..., Any], asked: dict[str, Any], what: str
    ) -> None:
        """A DAG that launched all Drafts of the list would have launched what runs, or was stopped."""
        sandbox.add_fault(
            "body", "*/campaigns", json={"items": [{"id": UNKNOWN_ID, "status": 1, "name": "Autumn"}]}, count=None
        )
        with pytest.raises(InstantlyUnexpectedAnswerError, match=what):
            ask("list_campaigns", **asked)
        assert [campaign.id for campaign in ask("list_campaigns", search="autumn", status=1)] == [UNKNOWN_ID]
        assert [campaign.id for campaign in ask("list_campaigns")] == [UNKNOWN_ID]

    def test_a_page_is_asked_for_when_it_is_wanted(self, sandbox: SandboxClient) -> None:
        sandbox.add_campaigns(250, "Many")
        with InstantlyHook() as hook:
            campaigns = hook.list_campaigns()
            assert sandbox.requests() == []
            next(campaigns)
            assert len(sandbox.requests()) == 1

    async def test_an_async_list_may_be_left(self, sandbox: SandboxClient) -> None:
        sandbox.add_campaigns(250, "Many")
        async with InstantlyHook() as hook:
            async for _ in hook.alist_campaigns():
                break
        assert len(sandbox.requests()) == 1

    def test_an_error_in_the_middle(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        sandbox.add_campaigns(250, "Many")
        sandbox.add_fault("error", skip=1, status=500)
        with pytest.raises(InstantlyServerError):
            ask("list_campaigns")


class TestManyAtOnce:
    """Reading many at once, which every wait does."""

    def test_many_with_few_requests(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        ids = sandbox.add_campaigns(150, "Many", status=2)
        seen = ask("read_campaigns", [*ids, UNKNOWN_ID.upper()])
        assert [seen[cid].status for cid in ids] == [2] * 150
        assert type(seen[UNKNOWN_ID]) is CampaignNotFoundError
        assert len(sandbox.requests()) == 3

    def test_one_is_read_alone_and_with_its_reason_for_not_sending(
        self, sandbox: SandboxClient, ask: Callable[..., Any]
    ) -> None:
        campaign_id = sandbox.add_campaign(status=1, not_sending_status=3)
        assert ask("read_campaigns", [campaign_id])[campaign_id].not_sending_status == 3

    def test_nothing_is_answered_from_memory(self, sandbox: SandboxClient) -> None:
        ids = sandbox.add_campaigns(250, "Draft", status=0)
        with InstantlyHook() as hook:
            for number in range(10):
                sandbox.delete(ids[number])
                seen = hook.read_campaigns(ids)
                assert {type(seen[each]) for each in ids[: number + 1]} == {CampaignNotFoundError}
                rest = [seen[each] for each in ids[number + 1 :]]
                assert all(isinstance(campaign, Campaign) and campaign.name for campaign in rest)

    def test_errors_are_values(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        ids = sandbox.add_campaigns(5, "Some")
        sandbox.add_fault("error", status=503, count=None)
        assert {type(seen) for seen in ask("read_campaigns", ids).values()} == {InstantlyServerError}

    def test_so_are_those_of_the_connection(self, ask: Callable[..., Any]) -> None:
        (error,) = ask("read_campaigns", [UNKNOWN_ID]).values()
        assert type(error) is InstantlyConfigurationError
        assert "There is no Airflow connection" in str(error)

    def test_what_is_no_id_is_refused(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        with pytest.raises(ValueError, match="must be the UUID"):
            ask("read_campaigns", [UNKNOWN_ID, "x"])
        assert sandbox.requests() == []
