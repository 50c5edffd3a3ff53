"""Keys, scopes, workspaces, and what the edge refuses."""

from __future__ import annotations

import base64
import http.client
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.sandbox.auth import DEFAULT_API_KEY, Key, is_api_key, new_api_key
from airflow_provider_instantly.sandbox.client import SandboxError

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

OPERATIONS = [
    ("GET", "/campaigns", "campaigns:read"),
    ("GET", "/campaigns/{id}", "campaigns:read"),
    ("GET", "/campaigns/{id}/sending-status", "campaigns:read"),
    ("POST", "/campaigns/{id}/activate", "campaigns:update"),
    ("POST", "/campaigns/{id}/pause", "campaigns:update"),
    ("PATCH", "/campaigns/{id}", "campaigns:update"),
    ("POST", "/campaigns", "campaigns:create"),
    ("POST", "/campaigns/{id}/duplicate", "campaigns:create"),
    ("DELETE", "/campaigns/{id}", "campaigns:delete"),
    ("GET", "/workspaces/current", "workspaces:read"),
    ("POST", "/leads/add", "leads:create"),
    ("POST", "/leads/list", "leads:read"),
    ("GET", "/leads/{id}", "leads:read"),
    ("DELETE", "/leads/{id}", "leads:delete"),
    ("DELETE", "/leads", "leads:delete"),
    ("POST", "/leads/move", "leads:update"),
    ("GET", "/background-jobs/{id}", "background-jobs:read"),
    ("GET", "/block-lists-entries", "block_list_entries:read"),
    ("POST", "/block-lists-entries/bulk-create", "block_list_entries:create"),
    ("GET", "/accounts", "accounts:read"),
    ("POST", "/accounts/warmup-analytics", "accounts:read"),
    ("POST", "/accounts/test/vitals", "accounts:read"),
    ("GET", "/workspace-billing/plan-details", "workspace_billing:read"),
]


def test_keys_have_the_form_of_the_v2_api() -> None:
    for key in (DEFAULT_API_KEY, new_api_key()):
        identity, _, secret = base64.b64decode(key).decode().partition(":")
        assert uuid.UUID(identity)
        assert secret
        assert key.endswith("==")
        assert is_api_key(key)


@pytest.mark.parametrize("text", ["", "plain", "8f2e-v1-key", base64.b64encode(b"no-uuid:secret").decode(), "ä"])
def test_what_is_no_key(text: str) -> None:
    assert not is_api_key(text)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        DEFAULT_API_KEY,
        pytest.param(f"Bearer {new_api_key()}", id="another"),
    ],
)
def test_without_a_valid_key_everything_is_401(api_with: Any, header: str | None) -> None:
    api = api_with(None)
    headers = {} if header is None else {"Authorization": header}
    for method, path, _ in OPERATIONS:
        answer = api(method, path.replace("{id}", "not-even-a-uuid"), headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"] == "Unauthorized"


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_each_operation_needs_its_scope(
    sandbox: SandboxClient, api_with: Any, method: str, path: str, scope: str
) -> None:
    resource, verb = scope.split(":")
    others = sorted({each for _, _, each in OPERATIONS} - {scope})
    path = path.replace("{id}", sandbox.add_campaign())
    body = {"name": "x"} if method == "PATCH" else None
    lacking = api_with(sandbox.add_key("lacking", others))(method, path, json=body)
    assert lacking.status_code == 403
    assert lacking.json() == {
        "statusCode": 403,
        "error": "Forbidden",
        "message": f"The API key lacks the scope {scope}",
    }
    for enough in (scope, f"{resource}:all", f"all:{verb}", "all:all"):
        allowed = api_with(sandbox.add_key("enough", [enough]))(method, path, json=body)
        assert allowed.status_code not in (401, 403), enough


def test_a_refused_launch_has_no_effect(sandbox: SandboxClient, api_with: Any) -> None:
    campaign = sandbox.add_campaign()
    reader = api_with(sandbox.add_key("reader", ["campaigns:read"]))
    assert reader.activate(campaign).status_code == 403
    assert reader.status(campaign) == 0
    assert sandbox.activations(campaign) == 0


@pytest.mark.parametrize("scope", ["campaigns", "campaigns:write", "Campaigns:read", ""])
def test_a_wrong_scope_is_refused(sandbox: SandboxClient, scope: str) -> None:
    with pytest.raises(SandboxError, match="is no scope"):
        sandbox.add_key("wrong", [scope])


def test_a_revoked_key_is_401(sandbox: SandboxClient, api_with: Any) -> None:
    api = api_with(sandbox.add_key("short-lived"))
    assert api.get("/campaigns").status_code == 200
    sandbox.revoke_key("short-lived")
    assert api.get("/campaigns").status_code == 401
    with pytest.raises(SandboxError, match="no key named"):
        sandbox.revoke_key("short-lived")


def test_the_default_key_can_be_revoked_and_comes_back_with_a_reset(sandbox: SandboxClient, api: Any) -> None:
    sandbox.revoke_key("default")
    assert api.get("/campaigns").status_code == 401
    sandbox.reset()
    assert api.get("/campaigns").status_code == 200


def test_a_given_key_is_taken_if_it_has_the_form_of_one(sandbox: SandboxClient, api_with: Any) -> None:
    key = new_api_key()
    assert sandbox.add_key("mine", key=key) == key
    assert api_with(key).get("/campaigns").status_code == 200
    with pytest.raises(SandboxError, match="uuid:secret"):
        sandbox.add_key("mine", key="plain")


def test_a_workspace_without_a_paid_plan_is_402(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign()
    workspace = api.get("/workspaces/current").json()["id"]
    sandbox.set_workspace(workspace, paid=False)
    answer = api.activate(campaign)
    assert (answer.status_code, answer.json()["error"]) == (402, "Payment Required")
    assert sandbox.activations() == 0
    sandbox.set_workspace(workspace, paid=True)
    assert api.activate(campaign).status_code == 200


def test_an_agency_key_acts_on_another_workspace(sandbox: SandboxClient, api: Any, api_with: Any) -> None:
    other = str(uuid.uuid4())
    campaign = sandbox.add_campaign(workspace=other)
    sandbox.set_workspace(other, name="Client")
    assert api.get(f"/campaigns/{campaign}").status_code == 404
    headers = {"x-as-workspace": other}
    assert api.get(f"/campaigns/{campaign}", headers=headers).json()["organization"] == other
    assert api.get("/workspaces/current", headers=headers).json()["name"] == "Client"
    assert [each["id"] for each in api.get("/campaigns", headers=headers).json()["items"]] == [campaign]
    assert api.get("/campaigns").json()["items"] == []
    assert sandbox.requests()[-2]["workspace"] == other
    plain = api_with(sandbox.add_key("plain"))
    assert plain.get("/campaigns", headers=headers).status_code == 403
    assert api.get("/campaigns", headers={"x-as-workspace": str(uuid.uuid4())}).status_code == 403
    assert api.get("/campaigns", headers={"x-as-workspace": "nonsense"}).status_code == 403


def test_the_campaigns_of_another_workspace_cannot_be_launched(sandbox: SandboxClient, api: Any) -> None:
    campaign = sandbox.add_campaign(workspace=str(uuid.uuid4()))
    assert api.activate(campaign).status_code == 400
    assert api("DELETE", f"/campaigns/{campaign}").status_code == 404
    assert sandbox.campaign(campaign)["status"] == 0


@pytest.mark.parametrize("agent", [None, "", " ", "Python-urllib/3.11"])
def test_the_edge_refuses_clients_without_a_name(sandbox: SandboxClient, agent: str | None) -> None:
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=10)
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    if agent is not None:
        headers["User-Agent"] = agent
    connection.request("GET", "/api/v2/campaigns", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 403
    assert answer.read() == b"error code: 1010"
    assert answer.headers.get_content_type() == "text/plain"
    connection.close()
    assert sandbox.requests()[-1]["key"] is None


def test_scopes_include_others() -> None:
    key = Key("k", "w", ("campaigns:all", "all:read"))
    assert key.may("campaigns:delete")
    assert key.may("workspaces:read")
    assert not key.may("workspaces:update")
