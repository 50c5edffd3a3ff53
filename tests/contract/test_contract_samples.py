"""
Answers in the shapes that were recorded live: they meet the contract, they parse, the sandbox gives the same.

The samples were written for the project. Real recordings are no part of it; where they lie beside the
checkout, they are read too.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_instantly.api.campaign import Campaign, SendingStatus
from airflow_provider_instantly.sandbox.client import SandboxClient, running_sandbox
from airflow_provider_instantly.sandbox.contract import contract, resolved, validator
from tests import samples
from tests.contract.references import RECORDED_ANSWERS, WHY_NOT
from tests.samples import body_of, sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPERATIONS = {
    (method.upper(), path): operation
    for path, methods in contract()["paths"].items()
    for method, operation in methods.items()
}
BY_ID = {operation["operationId"]: operation for operation in OPERATIONS.values()}


def complaints(operation: dict[str, Any], status: int, body: Any) -> list[str]:
    answer = resolved(operation["responses"][str(status)])
    check = validator(answer["content"]["application/json"]["schema"])
    return [f"{error.json_path}: {error.message}" for error in check.iter_errors(body)]


def parse(operation_id: str, body: Any) -> None:
    """Parse a successful answer as the provider does, and compare what it found."""
    if operation_id == "getSendingStatus":
        known = (body["diagnostics"] or body["summary"] or {}).get("status")
        assert SendingStatus.from_api(body).status == known
        return
    for document in body["items"] if operation_id == "listCampaigns" else [body]:
        parsed = Campaign.from_api(document)
        assert (parsed.id, parsed.name, parsed.status) == (document["id"], document["name"], document["status"])
        assert parsed.not_sending_status == document.get("not_sending_status")
        assert list(parsed.sending_accounts) == document.get("email_list", [])


def is_campaign(operation_id: str) -> bool:
    return operation_id.endswith(("Campaign", "Campaigns", "SendingStatus"))


@pytest.mark.parametrize("name", samples.NAMES)
def test_a_sample_meets_the_contract(name: str) -> None:
    given = sample(name)
    assert complaints(BY_ID[given["operation"]], given["status"], given["body"]) == []


@pytest.mark.parametrize("name", samples.NAMES)
def test_a_sample_parses(name: str) -> None:
    given = sample(name)
    if given["status"] == 200 and is_campaign(given["operation"]):
        parse(given["operation"], given["body"])
    elif given["status"] != 200:
        assert set(given["body"]) == {"statusCode", "error", "message"}
    else:
        assert given["body"] is not None


def test_the_samples_cover_every_operation() -> None:
    assert {sample(name)["operation"] for name in samples.NAMES} == set(BY_ID)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("id", "no-uuid"),
        ("status", "1"),
        ("status", 5),
        ("name", None),
        ("email_list", None),
        ("campaign_schedule", {}),
    ],
)
def test_the_contract_tells_a_wrong_answer(field: str, wrong: Any) -> None:
    body = body_of("activate_campaign")
    assert complaints(BY_ID["activateCampaign"], 200, {**body, field: wrong}) != []


@pytest.mark.skipif(not RECORDED_ANSWERS, reason=WHY_NOT)
@pytest.mark.parametrize("path", RECORDED_ANSWERS, ids=lambda path: path.stem)
def test_recordings_meet_the_contract_and_parse(path: Path) -> None:
    checked = 0
    for call in json.loads(path.read_text("utf-8")):
        for (method, template), operation in OPERATIONS.items():
            pattern = re.sub(r"\{[^}]*\}", "[0-9a-f-]{36}", template)
            if method == call["method"] and re.fullmatch(pattern, call["path"]):
                assert complaints(operation, call["status"], call["response"]) == [], call["path"]
                if call["status"] == 200 and is_campaign(operation["operationId"]):
                    parse(operation["operationId"], call["response"])
                checked += 1
    assert checked > 0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxClient]:
    with running_sandbox() as sandbox:
        yield sandbox


def ask(sandbox: SandboxClient, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    return requests.request(method, f"{sandbox.url}/api/v2{path}", json=body, headers=headers, timeout=10).json()


def test_the_sandbox_creates_in_the_same_shape(sandbox: SandboxClient) -> None:
    given = sample("create_campaign")
    created = ask(sandbox, "POST", "/campaigns", given["request"])
    assert set(created) == set(given["body"])
    assert created["campaign_schedule"] == given["body"]["campaign_schedule"]


@pytest.mark.parametrize("name", ["get_campaign_stopped", "get_campaign_nulls", "get_campaign_undocumented_keys"])
def test_the_sandbox_reads_in_the_same_shape(sandbox: SandboxClient, name: str) -> None:
    body = body_of(name)
    campaign = sandbox.add_campaign(
        body["name"], status=body["status"], not_sending_status=body.get("not_sending_status"), fields=body
    )
    read = ask(sandbox, "GET", f"/campaigns/{campaign}")
    own = ("id", "organization", "timestamp_created", "timestamp_updated")
    expected = {key: value for key, value in body.items() if value is not None and key not in own}
    assert {key: value for key, value in read.items() if key not in own} == expected


def test_the_sandbox_sends_no_field_that_the_contract_does_not_have(sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign(script=[(0, "active", 2)])
    documents = [
        ("Campaign", ask(sandbox, "POST", f"/campaigns/{campaign}/activate")),
        ("Campaign", ask(sandbox, "GET", f"/campaigns/{campaign}")),
        ("CampaignPage", ask(sandbox, "GET", "/campaigns")),
        ("SendingStatus", ask(sandbox, "GET", f"/campaigns/{campaign}/sending-status")),
        ("Workspace", ask(sandbox, "GET", "/workspaces/current")),
    ]
    for name, document in documents:
        known = contract()["components"]["schemas"][name]["properties"]
        assert set(document) <= set(known), name


def test_the_contract_s_time_zones_are_the_provider_s() -> None:
    from airflow_provider_instantly.api.schedule import TIME_ZONES

    assert set(contract()["components"]["schemas"]["TimeZone"]["enum"]) == set(TIME_ZONES)


def test_the_contract_s_statuses_are_the_provider_s() -> None:
    from airflow_provider_instantly.api.campaign import CampaignStatus, NotSendingStatus

    schemas = contract()["components"]["schemas"]
    named = dict(zip(schemas["CampaignStatus"]["enum"], schemas["CampaignStatus"]["x-enum-names"], strict=True))
    assert named == {status.value: status.label for status in CampaignStatus}
    assert set(schemas["NotSendingStatus"]["enum"]) - {None} == {reason.value for reason in NotSendingStatus}
