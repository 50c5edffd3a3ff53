"""The operations of the API, their documents and their refusals."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.sandbox.contract import contract

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

SCHEDULE = {
    "schedules": [
        {
            "name": "Weekdays",
            "timing": {"from": "09:00", "to": "17:00"},
            "days": {"1": True, "2": True, "3": True, "4": True, "5": True},
            "timezone": "America/Chicago",
        }
    ]
}
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


def schedule(**changes: Any) -> dict[str, Any]:
    return {"schedules": [{**SCHEDULE["schedules"][0], **changes}]}


def test_create_answers_with_a_draft_and_leaves_null_fields_out(api: Any) -> None:
    body = {"name": "Spring", "campaign_schedule": SCHEDULE, "daily_limit": None, "email_list": ["a@example.com"]}
    answer = api.post("/campaigns", json=body)
    assert answer.status_code == 200
    created = answer.json()
    assert set(created) == {
        "id",
        "name",
        "status",
        "campaign_schedule",
        "timestamp_created",
        "timestamp_updated",
        "open_tracking",
        "organization",
        "email_list",
    }
    assert created["status"] == 0
    assert created["open_tracking"] is False
    assert created["campaign_schedule"] == SCHEDULE
    assert uuid.UUID(created["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created["timestamp_created"])
    assert api.get(f"/campaigns/{created['id']}").json() == created


def test_an_id_is_taken_in_any_case(api: Any, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign()
    assert api.get(f"/campaigns/{campaign.upper()}").json()["id"] == campaign


def test_patch_changes_what_is_given_and_the_time(api: Any) -> None:
    created = api.post("/campaigns", json={"name": "Spring", "campaign_schedule": SCHEDULE, "daily_limit": 5}).json()
    changed = api("PATCH", f"/campaigns/{created['id']}", json={"name": "Summer", "daily_limit": None}).json()
    assert changed["name"] == "Summer"
    assert "daily_limit" not in changed
    assert changed["timestamp_updated"] >= created["timestamp_updated"]
    assert changed["campaign_schedule"] == SCHEDULE
    assert [each["name"] for each in api.get("/campaigns", params={"search": "summ"}).json()["items"]] == ["Summer"]


@pytest.mark.parametrize("field", ["status", "id", "not_sending_status", "timestamp_created", "invented"])
def test_what_cannot_be_patched_is_refused(api: Any, sandbox: SandboxClient, field: str) -> None:
    campaign = sandbox.add_campaign()
    answer = api("PATCH", f"/campaigns/{campaign}", json={field: 1})
    assert answer.status_code == 400
    assert answer.json()["message"] == "body must NOT have additional properties"
    assert api.status(campaign) == 0


def test_delete_answers_with_the_campaign_as_it_was(api: Any, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign("Gone")
    assert api("DELETE", f"/campaigns/{campaign}").json()["name"] == "Gone"
    assert api.get(f"/campaigns/{campaign}").status_code == 404


def test_duplicate_is_a_draft_of_its_own(api: Any, sandbox: SandboxClient) -> None:
    original = sandbox.add_campaign("Spring", status="active", fields={"daily_limit": 7})
    copy = api.post(f"/campaigns/{original}/duplicate").json()
    assert copy["id"] != original
    assert (copy["name"], copy["status"], copy["daily_limit"]) == ("Spring (copy)", 0, 7)
    named = api.post(f"/campaigns/{original}/duplicate", json={"name": "Autumn"}).json()
    assert named["name"] == "Autumn"


def test_a_copy_follows_the_script_of_its_original(api: Any, sandbox: SandboxClient) -> None:
    original = sandbox.add_campaign(script=[(0, "active"), (10, "completed")])
    copy = api.post(f"/campaigns/{original}/duplicate").json()["id"]
    api.activate(copy)
    sandbox.advance_clock(10)
    assert (api.status(copy), api.status(original)) == (3, 0)


def test_not_sending_status_only_when_read_by_id(api: Any, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign(script=[(0, "active", 1)])
    answers = [
        api.activate(campaign).json(),
        api.get("/campaigns").json()["items"][0],
        api.post(f"/campaigns/{campaign}/duplicate").json(),
    ]
    assert all("not_sending_status" not in answer for answer in answers)
    assert api.get(f"/campaigns/{campaign}").json()["not_sending_status"] == 1
    assert "not_sending_status" not in api.post(f"/campaigns/{campaign}/pause").json()


@pytest.mark.parametrize("verb", ["activate", "pause"])
def test_a_launch_of_an_unknown_campaign_is_a_400_that_says_404(api: Any, verb: str) -> None:
    answer = api.post(f"/campaigns/{UNKNOWN}/{verb}")
    assert answer.status_code == 400
    assert answer.json() == {"statusCode": 404, "error": "Not Found", "message": "Campaign not found"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/duplicate"), ("GET", "/sending-status")],
)
def test_an_unknown_campaign_is_a_404_elsewhere(api: Any, method: str, path: str) -> None:
    body = {"name": "x"} if method == "PATCH" else None
    answer = api(method, f"/campaigns/{UNKNOWN}{path}", json=body)
    assert (answer.status_code, answer.json()["statusCode"]) == (404, 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/activate"),
        ("POST", "/pause"),
        ("POST", "/duplicate"),
        ("GET", "/sending-status"),
    ],
)
def test_a_malformed_id_is_a_400(api: Any, method: str, path: str) -> None:
    body = {"name": "x"} if method == "PATCH" else None
    answer = api(method, f"/campaigns/not-a-uuid{path}", json=body)
    assert answer.status_code == 400
    assert answer.json() == {
        "statusCode": 400,
        "error": "Bad Request",
        "message": 'params/id must match format "uuid"',
    }


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PUT", "/campaigns"), ("GET", "/campaigns/")])
def test_an_unknown_route_is_a_404(api: Any, method: str, path: str) -> None:
    answer = api(method, path)
    assert answer.status_code == 404
    assert answer.json()["message"] == f"Route {method}:/api/v2{path} not found"


@pytest.mark.parametrize("path", ["/activate", "/pause", "/duplicate", ""])
def test_a_json_content_type_with_an_empty_body_is_refused(api: Any, sandbox: SandboxClient, path: str) -> None:
    campaign = sandbox.add_campaign()
    method = "POST" if path else "DELETE"
    answer = api(method, f"/campaigns/{campaign}{path}", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["message"] == "Body cannot be empty when content-type is set to 'application/json'"
    assert sandbox.activations() == 0
    assert sandbox.campaign(campaign)["status"] == 0


def test_other_bodies_of_a_launch(api: Any, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign()
    assert api.post(f"/campaigns/{campaign}/activate", json={}).status_code == 200
    assert api.post(f"/campaigns/{campaign}/activate", data={"a": "b"}).status_code == 415
    broken = {"data": "{", "headers": {"Content-Type": "application/json"}}
    assert api.post(f"/campaigns/{campaign}/activate", **broken).status_code == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "body must be object"),
        ([], "body must be object"),
        ({"name": "x"}, "body must have required property 'campaign_schedule'"),
        ({"name": 1, "campaign_schedule": SCHEDULE}, "body/name must be string"),
        (
            {"name": "x", "campaign_schedule": {"schedules": []}},
            "body/campaign_schedule/schedules must NOT have fewer than 1 items",
        ),
        (
            {"name": "x", "campaign_schedule": schedule(timezone="Europe/Nowhere")},
            "body/campaign_schedule/schedules/0/timezone must be equal to one of the allowed values",
        ),
        (
            {"name": "x", "campaign_schedule": schedule(days={})},
            "body/campaign_schedule/schedules/0/days must NOT have fewer than 1 properties",
        ),
        (
            {"name": "x", "campaign_schedule": schedule(timing={"from": "9:00", "to": "17:00"})},
            "body/campaign_schedule/schedules/0/timing/from must match pattern",
        ),
        (
            {"name": "x", "campaign_schedule": {**SCHEDULE, "start_date": "tomorrow"}},
            'body/campaign_schedule/start_date must match format "date"',
        ),
        (
            {"name": "x", "campaign_schedule": SCHEDULE, "daily_max_leads": -1},
            "body/daily_max_leads must be >= 0",
        ),
    ],
)
def test_a_malformed_campaign_is_refused(api: Any, body: Any, message: str) -> None:
    answer = api.post("/campaigns", json=body) if body is not None else api.post("/campaigns")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


@pytest.mark.parametrize("value", [r'"\ud800"', "1e999", "NaN"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/campaigns", '{"campaign_schedule": %s, "name": "x", "daily_limit": %s}'),
        ("POST", "/campaigns", '{"campaign_schedule": %s, "name": %s}'),
        ("PATCH", "/campaigns/{id}", '{"campaign_schedule": %s, "name": %s}'),
        ("PATCH", "/campaigns/{id}", '{"campaign_schedule": %s, "pl_value": %s}'),
        ("POST", "/campaigns/{id}/duplicate", '{"campaign_schedule": %s, "name": %s}'),
    ],
)
def test_a_body_that_no_answer_could_repeat_is_refused(
    api: Any, sandbox: SandboxClient, method: str, path: str, body: str, value: str
) -> None:
    campaign = sandbox.add_campaign()
    before = sandbox.campaigns()
    answer = api(
        method,
        path.replace("{id}", campaign),
        data=body % (json.dumps(SCHEDULE), value),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"
    assert sandbox.campaigns() == before


def test_a_lead_that_no_answer_could_repeat_is_refused(api: Any, sandbox: SandboxClient) -> None:
    body = r'{"campaign_id": "%s", "leads": [{"email": "a@example.com", "first_name": "\ud800"}]}'
    campaign = sandbox.add_campaign()
    answer = api.post("/leads/add", data=body % campaign, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")


def test_the_102_time_zones_are_taken_and_no_other(api: Any, sandbox: SandboxClient) -> None:
    zones = contract()["components"]["schemas"]["TimeZone"]["enum"]
    assert len(set(zones)) == 102
    sandbox.set(limits_enabled=False)
    campaign = sandbox.add_campaign()
    for zone in zones:
        body = {"campaign_schedule": schedule(timezone=zone)}
        assert api("PATCH", f"/campaigns/{campaign}", json=body).status_code == 200, zone
    for zone in ("UTC", "Europe/Paris", "america/chicago", "", None):
        body = {"campaign_schedule": schedule(timezone=zone)}
        assert api("PATCH", f"/campaigns/{campaign}", json=body).status_code == 400, zone


def test_lists_are_ordered_by_id_descending_ten_to_a_page(api: Any, sandbox: SandboxClient) -> None:
    ids = sorted(sandbox.add_campaigns(12), reverse=True)
    first = api.get("/campaigns").json()
    assert [each["id"] for each in first["items"]] == ids[:10]
    assert first["next_starting_after"] == ids[9]
    second = api.get("/campaigns", params={"starting_after": ids[9]}).json()
    assert [each["id"] for each in second["items"]] == ids[10:]


@pytest.mark.parametrize(
    ("cursor", "count", "pages"),
    [
        ("always", 5, [(3, "id"), (2, "id"), (0, None)]),
        ("always", 6, [(3, "id"), (3, "id"), (0, None)]),
        ("full_page", 5, [(3, "id"), (2, None)]),
        ("full_page", 6, [(3, "id"), (3, "id"), (0, None)]),
        ("more", 5, [(3, "id"), (2, None)]),
        ("more", 6, [(3, "id"), (3, None)]),
        ("empty", 6, [(3, "id"), (3, "")]),
        ("always", 0, [(0, None)]),
    ],
)
def test_the_last_page_can_end_in_each_known_way(
    api: Any, sandbox: SandboxClient, cursor: str, count: int, pages: list[tuple[int, str | None]]
) -> None:
    sandbox.set(cursor=cursor)
    if count:
        sandbox.add_campaigns(count)
    seen = []
    after = None
    while True:
        page = api.get("/campaigns", params={"limit": 3, "starting_after": after}).json()
        after = page.get("next_starting_after")
        seen.append((len(page["items"]), "id" if after else after))
        if not after:
            break
    assert seen == pages


def test_a_cursor_holds_when_its_campaign_is_deleted(api: Any, sandbox: SandboxClient) -> None:
    ids = sorted(sandbox.add_campaigns(4), reverse=True)
    cursor = api.get("/campaigns", params={"limit": 2}).json()["next_starting_after"]
    sandbox.delete(cursor)
    rest = api.get("/campaigns", params={"starting_after": cursor}).json()["items"]
    assert [each["id"] for each in rest] == ids[2:]


def test_filters(api: Any, sandbox: SandboxClient) -> None:
    tag = str(uuid.uuid4())
    draft = sandbox.add_campaign("Spring ÄRGER", tags=[tag, "other"])
    active = sandbox.add_campaign("spring launch", script=[(0, "active"), (10, "accounts_unhealthy")], running=True)
    agent = sandbox.add_campaign("100% agent_", fields={"ai_sdr_id": "agent-1"}, status="paused")

    def found(**query: Any) -> set[str]:
        return {each["id"] for each in api.get("/campaigns", params=query).json()["items"]}

    assert found(search="spring") == {draft, active}
    assert found(search="ärger") == {draft}
    assert found(search="100%") == {agent}
    assert found(search="%") == {agent}
    assert found(tag_ids=f"{uuid.uuid4()},{tag}") == {draft}
    assert found(tag_ids=str(uuid.uuid4())) == set()
    assert found(ai_sales_agent_id="agent-1") == {agent}
    assert found(status=1) == {active}
    assert found(exclude_status=1) == {draft, agent}
    assert found(status=1, exclude_status=1) == set()
    sandbox.advance_clock(10)
    assert found(status=1) == set()
    assert found(status=-1) == {active}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "querystring/limit must be >= 1"),
        ("limit=101", "querystring/limit must be <= 100"),
        ("limit=ten", "querystring/limit must be integer"),
        ("limit=", "querystring/limit must be integer"),
        ("status=5", "querystring/status must be equal to one of the allowed values"),
        ("exclude_status=active", "querystring/exclude_status must be"),
    ],
)
def test_malformed_queries_are_refused(api: Any, query: str, message: str) -> None:
    answer = api.get(f"/campaigns?{query}")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


def test_an_unknown_query_parameter_is_ignored(api: Any) -> None:
    assert api.get("/campaigns?invented=1&limit=100").status_code == 200


@pytest.mark.parametrize(
    ("status", "reason", "word"),
    [
        (0, None, "campaign_draft"),
        (1, None, "healthy"),
        (1, 1, "out_of_schedule"),
        (1, 2, "waiting_for_leads"),
        (1, 3, "daily_limit_met"),
        (1, 4, "account_daily_limit_met"),
        (1, 99, "no_accounts_available"),
        (2, None, "campaign_paused"),
        (3, None, "campaign_completed"),
        (4, None, "campaign_running_subsequences"),
        (-1, 99, "campaign_accounts_unhealthy"),
        (-2, None, "campaign_bounce_protect"),
        (-99, None, "campaign_account_suspended"),
    ],
)
def test_sending_status_says_why(api: Any, sandbox: SandboxClient, status: int, reason: int | None, word: str) -> None:
    campaign = sandbox.add_campaign(status=status, not_sending_status=reason)
    answer = api.get(f"/campaigns/{campaign}/sending-status", params={"with_ai_summary": "true"}).json()
    assert answer["summary"]["status"] == word
    assert answer["summary"]["status_message"].endswith(".")
    if status == 1:
        assert answer["diagnostics"]["status"] == word
    else:
        assert answer["diagnostics"] is None


def test_sending_status_can_be_set_and_be_empty(api: Any, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign(status=7)
    path = f"/campaigns/{campaign}/sending-status"
    assert api.get(path).json() == {"diagnostics": None, "summary": None}
    sandbox.set_sending_status(campaign, {"diagnostics": {"status": "domain_limit_reached"}, "summary": None})
    assert api.get(path).json()["diagnostics"]["status"] == "domain_limit_reached"
    sandbox.set_sending_status(campaign, None)
    assert api.get(path).json()["diagnostics"] is None


def test_current_workspace(api: Any) -> None:
    workspace = api.get("/workspaces/current").json()
    assert workspace["name"] == "Sandbox"
    assert uuid.UUID(workspace["id"])


def test_leads_are_counted_by_what_became_of_them(api: Any, sandbox: SandboxClient) -> None:
    campaign, other = sandbox.add_campaigns(2)
    emails = ["a@example.com", "A@example.com ", "b@example.com", "nonsense", None, ""]
    body = {"campaign_id": campaign, "leads": [{"email": email, "first_name": "Ada"} for email in emails]}
    first = api.post("/leads/add", json=body).json()
    assert first["status"] == "success"
    assert (first["total_sent"], first["leads_uploaded"]) == (6, 2)
    assert (first["duplicate_email_count"], first["invalid_email_count"], first["incomplete_count"]) == (1, 1, 2)
    assert [each["index"] for each in first["created_leads"]] == [0, 2]
    again = api.post("/leads/add", json=body).json()
    assert (again["leads_uploaded"], again["duplicated_leads"]) == (0, 2)
    elsewhere = {"campaign_id": other, "leads": [{"email": "a@example.com"}]}
    assert api.post("/leads/add", json={**elsewhere, "skip_if_in_workspace": True}).json()["skipped_count"] == 1
    assert api.post("/leads/add", json=elsewhere).json()["leads_uploaded"] == 1


@pytest.mark.parametrize("place", [{}, {"campaign_id": UNKNOWN, "list_id": UNKNOWN}])
def test_leads_need_one_place(api: Any, place: dict[str, str]) -> None:
    assert api.post("/leads/add", json={"leads": [{"email": "a@example.com"}], **place}).status_code == 400


def test_leads_for_an_unknown_campaign(api: Any) -> None:
    body = {"leads": [{"email": "a@example.com"}], "campaign_id": UNKNOWN}
    assert api.post("/leads/add", json=body).status_code == 404


def test_analytics_know_only_campaigns_that_sent(api: Any, sandbox: SandboxClient) -> None:
    sandbox.add_accounts("sender@example.com")
    campaign, quiet = sandbox.add_campaigns(2, fields={"email_list": ["sender@example.com"]})
    for each in (campaign, quiet):
        api.activate(each)
    api.post("/leads/add", json={"campaign_id": campaign, "leads": [{"email": "a@example.com"}]})
    assert api.get("/campaigns/analytics").json() == []
    sandbox.advance_clock(60)
    (only,) = api.get("/campaigns/analytics").json()
    assert (only["campaign_id"], only["leads_count"], only["emails_sent_count"]) == (campaign, 1, 1)
    assert api.get("/campaigns/analytics", params={"id": quiet}).json() == []
    assert len(api.get("/campaigns/analytics", params={"ids": [quiet, campaign]}).json()) == 1


def test_ids_are_the_same_in_upper_case(api: Any, sandbox: SandboxClient) -> None:
    sandbox.add_accounts("sender@example.com")
    senders = {"email_list": ["SENDER@example.com"]}
    campaign = sandbox.add_campaign(id="ABCDEF00-0000-4000-8000-00000000ABCD", fields=senders)
    shouted = campaign.upper()
    assert campaign != shouted
    assert api.get(f"/campaigns/{shouted}").json()["id"] == campaign
    api.activate(shouted)
    lead = {"leads": [{"email": "a@example.com"}]}
    assert api.post("/leads/add", json={"campaign_id": shouted, **lead}).json()["leads_uploaded"] == 1
    assert api.post("/leads/add", json={"campaign_id": campaign, **lead}).json()["duplicated_leads"] == 1
    sandbox.advance_clock(60)
    for query in ({}, {"id": shouted}, {"ids": [shouted]}):
        (only,) = api.get("/campaigns/analytics", params=query).json()
        assert (only["campaign_id"], only["leads_count"]) == (campaign, 1), query
    api.post("/leads/add", json={"list_id": UNKNOWN.upper(), **lead})
    assert api.post("/leads/add", json={"list_id": UNKNOWN.lower(), **lead}).json()["duplicated_leads"] == 1
    behind = sandbox.add_campaign(id="abcdef00-0000-4000-8000-00000000aaaa")
    (item,) = api.get("/campaigns", params={"starting_after": shouted}).json()["items"]
    assert item["id"] == behind


def test_the_contract_is_served(sandbox: SandboxClient, api: Any) -> None:
    assert api.session.get(f"{sandbox.url}/openapi.json", timeout=10).json() == contract()
