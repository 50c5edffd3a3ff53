"""Leads, block lists, plans and moves: each lead once in a campaign, and answers that are as odd as the live ones."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.sandbox.leads import lead_id

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

WORKSPACE = "0e5d1a0b-5a4d-4b0c-9f5e-000000000001"


def add(api: Any, place: dict[str, str], *emails: str, **more: Any) -> dict[str, Any]:
    answer = api.post("/leads/add", json={**place, "leads": [{"email": email} for email in emails], **more})
    assert answer.status_code == 200, answer.text
    added: dict[str, Any] = answer.json()
    return added


def listed(api: Any, **asked: Any) -> list[dict[str, Any]]:
    answer = api.post("/leads/list", json=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.fixture
def campaign(sandbox: SandboxClient) -> str:
    return sandbox.add_campaign("Spring")


@pytest.fixture
def here(campaign: str) -> dict[str, str]:
    return {"campaign_id": campaign}


class TestReading:
    def test_a_lead_reads_back_as_it_was_added(self, api: Any, here: dict[str, str]) -> None:
        lead = {
            "email": " Ada@Example.com",
            "first_name": "Ada",
            "company_name": "Engines",
            "custom_variables": {"plan": "gold", "seats": 3, "trial": True, "note": None},
        }
        (created,) = api.post("/leads/add", json={**here, "leads": [lead]}).json()["created_leads"]
        found = api.get(f"/leads/{created['id']}").json()
        assert (found["email"], found["first_name"], found["status"]) == ("ada@example.com", "Ada", 1)
        assert found["campaign"] == here["campaign_id"]
        assert "list_id" not in found
        payload = {
            "firstName": "Ada",
            "companyName": "Engines",
            "plan": "gold",
            "seats": 3,
            "trial": True,
            "note": None,
        }
        assert payload.items() <= found["payload"].items()
        assert listed(api, campaign=here["campaign_id"]) == [found]

    def test_ids_are_in_the_order_of_creation(self, api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
        emails = [f"lead-{number}@example.com" for number in range(5)]
        for email in emails:
            add(api, here, email)
            sandbox.advance_clock(0.01)
        found = listed(api, campaign=here["campaign_id"])
        assert [lead["email"] for lead in found] == emails
        assert uuid.UUID(found[0]["id"]).version == 7

    def test_so_are_those_of_two_requests_in_one_millisecond(self) -> None:
        moments = [1_800_000_000.0, 1_800_000_000.0003]
        found = [lead_id(now, index) for now in moments for index in range(4)]
        assert found == sorted(found)
        assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in found} == {(7, uuid.RFC_4122)}

    def test_pages_end_with_an_empty_one(self, api: Any, here: dict[str, str]) -> None:
        add(api, here, *(f"lead-{number}@example.com" for number in range(5)))
        seen, cursor, pages = [], None, 0
        while pages < 10:
            body = {"campaign": here["campaign_id"], "limit": 2, **({"starting_after": cursor} if cursor else {})}
            page = api.post("/leads/list", json=body).json()
            pages += 1
            seen += [lead["email"] for lead in page["items"]]
            cursor = page.get("next_starting_after")
            if not cursor:
                break
        assert (len(seen), len(set(seen)), pages) == (5, 5, 4)

    def test_an_unknown_filter_name_is_ignored_and_the_whole_workspace_answers(
        self, api: Any, here: dict[str, str], sandbox: SandboxClient
    ) -> None:
        add(api, here, "a@example.com")
        add(api, {"campaign_id": sandbox.add_campaign()}, "b@example.com")
        assert len(listed(api, campaign_id=here["campaign_id"])) == 2
        assert len(listed(api, campaign=here["campaign_id"])) == 1

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"contacts": ["B@example.com"]}, "b"),
            ({"contacts": []}, ""),
            ({"search": "ADA"}, "a"),
            ({"in_list": True}, "c"),
            ({"in_campaign": True}, "ab"),
            ({"filter": "FILTER_VAL_ACTIVE"}, "ab"),
            ({"filter": "FILTER_VAL_BOUNCED"}, ""),
            ({"filter": "FILTER_OF_NEXT_YEAR"}, "abc"),
        ],
    )
    def test_what_narrows_a_list(self, api: Any, here: dict[str, str], asked: dict[str, Any], found: str) -> None:
        api.post("/leads/add", json={**here, "leads": [{"email": "a@example.com", "first_name": "Ada"}]})
        add(api, here, "b@example.com")
        add(api, {"list_id": str(uuid.uuid4())}, "c@example.com")
        assert "".join(lead["email"][0] for lead in listed(api, **asked)) == found

    def test_ids_narrow_it_too(self, api: Any, here: dict[str, str]) -> None:
        first, second = (each["id"] for each in add(api, here, "a@example.com", "b@example.com")["created_leads"])
        assert [lead["id"] for lead in listed(api, ids=[first.upper()])] == [first]
        assert [lead["id"] for lead in listed(api, excluded_ids=[first])] == [second]

    def test_more_than_a_hundred_is_refused(self, api: Any) -> None:
        assert api.post("/leads/list", json={"limit": 101}).status_code == 400

    def test_in_a_list_the_status_is_0(self, api: Any) -> None:
        place = {"list_id": str(uuid.uuid4())}
        add(api, place, "a@example.com")
        (lead,) = listed(api, list_id=place["list_id"])
        assert (lead["status"], lead["list_id"]) == (0, place["list_id"])

    def test_of_another_workspace_nothing_is_seen(
        self, api: Any, here: dict[str, str], sandbox: SandboxClient, api_with: Any
    ) -> None:
        (created,) = add(api, here, "a@example.com")["created_leads"]
        other = api_with(sandbox.add_key("other", workspace=str(uuid.uuid4())))
        assert other.get(f"/leads/{created['id']}").status_code == 404
        assert other.post("/leads/list", json={}).json()["items"] == []


class TestAdding:
    def test_a_list_takes_a_name_without_an_address(self, api: Any, here: dict[str, str]) -> None:
        lead = {"first_name": "Ada"}
        place = {"list_id": str(uuid.uuid4())}
        assert api.post("/leads/add", json={**place, "leads": [lead]}).json()["leads_uploaded"] == 1
        assert api.post("/leads/add", json={**here, "leads": [lead]}).json()["incomplete_count"] == 1

    def test_known_leads_are_not_updated(self, api: Any, here: dict[str, str]) -> None:
        for name in ("Ada", "Bob"):
            api.post("/leads/add", json={**here, "leads": [{"email": "a@example.com", "first_name": name}]})
        assert listed(api, campaign=here["campaign_id"])[0]["first_name"] == "Ada"

    @pytest.mark.parametrize(
        ("flag", "where", "skipped"),
        [
            ("skip_if_in_workspace", "list", 1),
            ("skip_if_in_campaign", "campaign", 1),
            ("skip_if_in_campaign", "list", 0),
            ("skip_if_in_list", "list", 1),
            ("skip_if_in_list", "campaign", 0),
        ],
    )
    def test_who_is_elsewhere_is_skipped_if_asked(
        self, api: Any, here: dict[str, str], sandbox: SandboxClient, flag: str, where: str, skipped: int
    ) -> None:
        elsewhere = {"list_id": str(uuid.uuid4())} if where == "list" else {"campaign_id": sandbox.add_campaign()}
        add(api, elsewhere, "a@example.com")
        assert add(api, here, "a@example.com", **{flag: True})["skipped_count"] == skipped

    @pytest.mark.parametrize(
        ("more", "counter"),
        [
            ({"skip_if_in_workspace": True}, "skipped_count"),
            ({"skip_if_in_campaign": True}, "skipped_count"),
            ({"skip_if_in_list": True}, "duplicated_leads"),
            ({}, "duplicated_leads"),
        ],
        ids=str,
    )
    def test_who_is_there_already_may_be_counted_as_skipped(
        self, api: Any, here: dict[str, str], sandbox: SandboxClient, more: dict[str, bool], counter: str
    ) -> None:
        add(api, here, "a@example.com")
        assert add(api, here, "a@example.com", **more)["duplicated_leads"] == 1
        sandbox.set(duplicates_first=False)
        assert add(api, here, "a@example.com", **more)[counter] == 1

    def test_who_is_there_already_may_be_counted_as_blocked(
        self, api: Any, here: dict[str, str], sandbox: SandboxClient
    ) -> None:
        add(api, here, "a@example.com")
        api.post("/block-lists-entries/bulk-create", json={"bl_values": ["a@example.com"]})
        assert add(api, here, "a@example.com")["duplicated_leads"] == 1
        sandbox.set(duplicates_first=False)
        assert add(api, here, "a@example.com")["in_blocklist"] == 1

    def test_blocked_addresses_and_domains_are_left_out(self, api: Any, here: dict[str, str]) -> None:
        blocked = api.post(
            "/block-lists-entries/bulk-create", json={"bl_values": ["Bad@Example.com", "evil.org", "nonsense"]}
        ).json()
        assert (blocked["valid_count"], blocked["invalid_count"]) == (2, 1)
        assert {each["bl_value"]: each["is_domain"] for each in blocked["items"]} == {
            "bad@example.com": False,
            "evil.org": True,
        }
        added = add(api, here, "bad@example.com", "x@evil.org", "good@example.com")
        assert (added["in_blocklist"], added["leads_uploaded"]) == (2, 1)

    def test_blocking_twice_adds_nothing(self, api: Any) -> None:
        for _ in range(2):
            api.post("/block-lists-entries/bulk-create", json={"bl_values": ["evil.org", "a@example.com"]})
        assert len(api.get("/block-lists-entries").json()["items"]) == 2
        (domain,) = api.get("/block-lists-entries", params={"domains_only": "true"}).json()["items"]
        assert domain["bl_value"] == "evil.org"
        first = api.get("/block-lists-entries", params={"limit": 1}).json()
        behind = {"limit": 1, "starting_after": first["next_starting_after"]}
        assert api.get("/block-lists-entries", params=behind).json()["items"] != first["items"]

    def test_verification_is_pending_where_it_was_asked_for(self, api: Any, here: dict[str, str]) -> None:
        add(api, here, "a@example.com", verify_leads_on_import=True)
        assert listed(api, campaign=here["campaign_id"])[0]["verification_status"] == 11

    def test_a_body_that_is_too_large(self, api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
        sandbox.set(max_body_bytes=200)
        body = {**here, "leads": [{"email": "a@example.com", "personalization": "x" * 200}]}
        answer = api.post("/leads/add", json=body)
        assert (answer.status_code, answer.json()["statusCode"]) == (413, 413)
        assert sandbox.leads(here["campaign_id"]) == []

    def test_the_counters_add_up(self, api: Any, here: dict[str, str]) -> None:
        api.post("/block-lists-entries/bulk-create", json={"bl_values": ["evil.org"]})
        add(api, here, "known@example.com")
        added = add(api, here, "known@example.com", "new@example.com", "new@example.com", "x@evil.org", "nonsense", "")
        reasons = ("in_blocklist", "duplicated_leads", "skipped_count", "invalid_email_count", "incomplete_count")
        counted = sum(added[name] for name in (*reasons, "duplicate_email_count", "leads_uploaded"))
        assert counted == added["total_sent"] == 6


class TestPlan:
    def test_without_a_limit_there_is_room_for_all(self, api: Any, here: dict[str, str]) -> None:
        assert add(api, here, "a@example.com")["remaining_in_plan"] is None
        outreach = api.get("/workspace-billing/plan-details").json()["subscriptions"]["outreach"]
        assert (outreach["current_lead_count"], outreach["total_lead_limit"]) == (1, 1_000_000_000)

    def test_a_person_in_two_campaigns_counts_twice(
        self, api: Any, here: dict[str, str], sandbox: SandboxClient
    ) -> None:
        sandbox.set_workspace(WORKSPACE, lead_limit=5)
        assert add(api, here, "a@example.com")["remaining_in_plan"] == 4
        assert add(api, {"campaign_id": sandbox.add_campaign()}, "a@example.com")["remaining_in_plan"] == 3
        assert add(api, {"list_id": str(uuid.uuid4())}, "b@example.com")["remaining_in_plan"] is None
        outreach = api.get("/workspace-billing/plan-details").json()["subscriptions"]["outreach"]
        assert (outreach["current_lead_count"], outreach["total_lead_limit"]) == (3, 5)

    def test_what_does_not_fit_is_skipped(self, api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
        sandbox.set_workspace(WORKSPACE, lead_limit=2)
        added = add(api, here, "a@example.com", "b@example.com", "c@example.com")
        assert (added["leads_uploaded"], added["skipped_count"], added["remaining_in_plan"]) == (2, 1, 0)

    def test_or_the_request_is_refused_whole(self, api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
        sandbox.set_workspace(WORKSPACE, lead_limit=2)
        sandbox.set(plan_exhausted="refuse")
        leads = [{"email": f"{name}@example.com"} for name in "abc"]
        assert api.post("/leads/add", json={**here, "leads": leads}).status_code == 402
        assert sandbox.leads(here["campaign_id"]) == []

    def test_deleting_frees_room(self, api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
        sandbox.set_workspace(WORKSPACE, lead_limit=1)
        add(api, here, "a@example.com")
        api("DELETE", "/leads", json=here)
        assert add(api, here, "b@example.com")["leads_uploaded"] == 1


class TestDeleting:
    def test_without_ids_all_go(self, api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
        other = sandbox.add_campaign()
        add(api, here, "a@example.com", "b@example.com")
        add(api, {"campaign_id": other}, "a@example.com")
        assert api("DELETE", "/leads", json=here).json() == {"count": 2}
        assert len(sandbox.leads(other)) == 1

    def test_with_ids_only_those_go(self, api: Any, here: dict[str, str]) -> None:
        first, _ = (each["id"] for each in add(api, here, "a@example.com", "b@example.com")["created_leads"])
        assert api("DELETE", "/leads", json={**here, "ids": [first]}).json() == {"count": 1}
        assert api("DELETE", "/leads", json={**here, "ids": [first]}).json() == {"count": 0}
        assert [lead["email"] for lead in listed(api)] == ["b@example.com"]

    def test_a_limit_and_a_status(self, api: Any, here: dict[str, str]) -> None:
        add(api, here, "a@example.com", "b@example.com", "c@example.com")
        assert api("DELETE", "/leads", json={**here, "status": -1}).json() == {"count": 0}
        assert api("DELETE", "/leads", json={**here, "limit": 2}).json() == {"count": 2}

    def test_one_by_its_path_takes_no_body(self, api: Any, here: dict[str, str]) -> None:
        (created,) = add(api, here, "a@example.com")["created_leads"]
        path = f"/leads/{created['id']}"
        assert api("DELETE", path, headers={"Content-Type": "application/json"}).status_code == 400
        assert api("DELETE", path).json()["email"] == "a@example.com"
        assert api("DELETE", path).status_code == 404

    def test_a_place_is_needed(self, api: Any) -> None:
        assert api("DELETE", "/leads", json={}).status_code == 400
        assert api("DELETE", "/leads").status_code == 400


class TestMoving:
    def test_leads_move_to_another_campaign(self, api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
        target = sandbox.add_campaign()
        add(api, here, "a@example.com", "b@example.com")
        add(api, {"campaign_id": target}, "b@example.com")
        body = {"campaign": here["campaign_id"], "to_campaign_id": target}
        job = api.post("/leads/move", json=body).json()
        assert (job["status"], job["progress"], "moved_leads" in job["data"]) == ("pending", 0, False)
        sandbox.advance_clock(1)
        done = api.get(f"/background-jobs/{job['id']}").json()
        assert (done["status"], done["data"]["moved_leads"], done["data"]["total_leads"]) == ("success", 1, 2)
        assert [lead["email"] for lead in sandbox.leads(here["campaign_id"])] == ["b@example.com"]
        assert len(sandbox.leads(target)) == 2

    def test_ids_without_their_place_move_no_lead_and_the_job_succeeds(
        self, api: Any, here: dict[str, str], sandbox: SandboxClient
    ) -> None:
        (created,) = add(api, here, "a@example.com")["created_leads"]
        body = {"ids": [created["id"]], "to_campaign_id": sandbox.add_campaign()}
        job = api.post("/leads/move", json=body).json()
        sandbox.advance_clock(1)
        done = api.get(f"/background-jobs/{job['id']}").json()
        assert (done["status"], done["data"]["moved_leads"]) == ("success", 0)

    @pytest.mark.parametrize(
        ("limit", "moved"), [(1, 1), (1.9, 1), (0.02, 0), (0, 0), (-5, 0), (2, 2), (1e300, 3), (10**30, 3), (None, 3)]
    )
    def test_a_limit_may_be_any_number(
        self, api: Any, here: dict[str, str], sandbox: SandboxClient, limit: float | None, moved: int
    ) -> None:
        target = sandbox.add_campaign()
        add(api, here, "a@example.com", "b@example.com", "c@example.com")
        body = {"campaign": here["campaign_id"], "to_campaign_id": target}
        answer = api.post("/leads/move", json=body if limit is None else {**body, "limit": limit})
        assert answer.status_code == 200
        assert len(sandbox.leads(target)) == moved

    def test_there_must_be_somewhere_to_go(self, api: Any, here: dict[str, str]) -> None:
        assert api.post("/leads/move", json={"campaign": here["campaign_id"]}).status_code == 400
        unknown = {"campaign": here["campaign_id"], "to_campaign_id": str(uuid.uuid4())}
        assert api.post("/leads/move", json=unknown).status_code == 404

    def test_a_job_that_is_not_there(self, api: Any) -> None:
        assert api.get("/background-jobs/none").status_code == 404


def test_an_answer_that_is_lost_after_its_effect(api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
    import requests

    sandbox.add_fault("reset", "*/leads/add", moment="after")
    with pytest.raises(requests.ConnectionError):
        add(api, here, "a@example.com")
    assert [lead["email"] for lead in sandbox.leads(here["campaign_id"])] == ["a@example.com"]
    assert add(api, here, "a@example.com")["duplicated_leads"] == 1


def test_no_address_is_in_the_log(api: Any, here: dict[str, str], sandbox: SandboxClient) -> None:
    add(api, here, "a.person@example.com")
    assert "a.person" not in json.dumps(sandbox.requests())
