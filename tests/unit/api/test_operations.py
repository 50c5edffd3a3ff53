"""Every operation as a request: its path, its scope, whether it reads, and the right name for a campaign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.errors import CampaignNotFoundError, InstantlyNotFoundError
from airflow_provider_instantly.api.protocol import Expected, Request
from airflow_provider_instantly.sandbox import contract as contract_module
from tests.unit.api.conftest import CAMPAIGN_ID

LIST_ID = "119389b5-6900-4e2b-bd60-9dc7c08c1c95"
HERE = {"campaign_id": CAMPAIGN_ID}
LEADS = [{"email": "a@example.com"}]

#: The operation's name in the contract, the request, whether it reads, and what it expects.
OPERATIONS: list[tuple[str, Request, bool, Expected]] = [
    ("getCampaign", operations.get_campaign(CAMPAIGN_ID), True, Expected.CAMPAIGN),
    ("activateCampaign", operations.activate_campaign(CAMPAIGN_ID), False, Expected.CAMPAIGN),
    ("pauseCampaign", operations.pause_campaign(CAMPAIGN_ID), False, Expected.CAMPAIGN),
    ("getSendingStatus", operations.get_sending_status(CAMPAIGN_ID), True, Expected.OBJECT),
    ("getCurrentWorkspace", operations.get_workspace(), True, Expected.OBJECT),
    ("listCampaigns", operations.list_campaigns(), True, Expected.PAGE),
    ("listLeads", operations.list_leads(HERE), True, Expected.PAGE),
    ("addLeads", operations.add_leads(LEADS, HERE, {}), False, Expected.OBJECT),
    ("deleteLeads", operations.delete_leads([LIST_ID], CAMPAIGN_ID), False, Expected.OBJECT),
    ("addBlockListEntries", operations.add_block_list_entries(["x.org"]), False, Expected.OBJECT),
    ("getPlan", operations.get_plan(), True, Expected.OBJECT),
    ("listAccounts", operations.list_accounts(), True, Expected.PAGE),
    ("getWarmupAnalytics", operations.get_warmup_analytics(["a@b.org"]), True, Expected.OBJECT),
    ("testAccountVitals", operations.get_account_vitals(["a@b.org"]), True, Expected.OBJECT),
    ("getCampaignAnalytics", operations.get_campaign_analytics([CAMPAIGN_ID]), True, Expected.ARRAY),
    ("getDailyCampaignAnalytics", operations.get_daily_campaign_analytics(CAMPAIGN_ID), True, Expected.ARRAY),
    ("getStepCampaignAnalytics", operations.get_step_campaign_analytics(CAMPAIGN_ID), True, Expected.ARRAY),
]
IDS = [name for name, *_ in OPERATIONS]


@pytest.mark.parametrize(("name", "request_", "reads", "expects"), OPERATIONS, ids=IDS)
def test_each_is_the_contract_s(name: str, request_: Request, reads: bool, expects: Expected) -> None:
    contract = next(operation for operation in contract_module.operations() if operation.id == name)
    path = contract.path.replace("{id}", CAMPAIGN_ID)
    assert (request_.method, f"/api/v2{request_.path}") == (contract.method, path)
    assert request_.scope in (contract.scope, None)
    assert (request_.only_reads, request_.expects) == (reads, expects)
    # Nothing is asked for that the service does not know: it would ignore it, and answer with everything.
    query: dict[str, list[str]] = {}
    for key, value in request_.query:
        query.setdefault(key, []).append(value)
    assert set(contract.check_parameters({"id": CAMPAIGN_ID}, query)) >= set(query)
    if request_.content is not None:
        sent = json.loads(request_.content)
        contract.check_body(sent)
        document = contract_module.contract()["paths"][contract.path][contract.method.lower()]["requestBody"]
        known = contract_module.resolved(document["content"]["application/json"]["schema"])["properties"]
        assert set(sent) <= set(known)


@pytest.mark.parametrize(("name", "request_"), [(name, request) for name, request, *_ in OPERATIONS], ids=IDS)
def test_only_a_body_has_a_content_type(name: str, request_: Request) -> None:
    assert (request_.content is None) == (request_.headers == {})
    assert "a@" not in repr(request_)


def test_every_builder_is_tested_here() -> None:
    source = Path(operations.__file__).read_text("utf-8")
    builders = {name for name in vars(operations) if f"\ndef {name}(" in source and not name.startswith("_")}
    assert len(builders) == len(OPERATIONS)


@pytest.mark.parametrize(
    ("request_", "missing"),
    [
        (operations.activate_campaign(CAMPAIGN_ID), {400, 404}),
        (operations.add_leads(LEADS, HERE, {}), {404}),
        (operations.delete_leads([LIST_ID], CAMPAIGN_ID), {404}),
    ],
)
def test_what_a_missing_campaign_is(request_: Request, missing: set[int]) -> None:
    assert (set(request_.resource.missing), request_.resource.id) == (missing, CAMPAIGN_ID)
    assert request_.resource.not_found is CampaignNotFoundError


def test_a_list_of_leads_is_no_campaign() -> None:
    resource = operations.add_leads(LEADS, {"list_id": LIST_ID}, {}).resource
    assert (resource.id, resource.not_found) == (LIST_ID, InstantlyNotFoundError)


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    assert operations.activate_campaign("../x?y#z").path == "/campaigns/..%2Fx%3Fy%23z/activate"


def test_lists_ask_for_the_largest_page() -> None:
    assert operations.list_campaigns().query == (("limit", "100"),)
    assert dict(operations.list_accounts().query)["limit"] == "100"
    assert operations.list_leads(HERE).body == {"campaign": CAMPAIGN_ID, "limit": 100}


def test_the_filters_of_campaigns() -> None:
    request = operations.list_campaigns(
        limit=7, starting_after="a&b=c", search="é ?", tag_ids=["t1", "t2"], status=0, exclude_status=-99
    )
    assert dict(request.query) == {
        "limit": "7",
        "starting_after": "a&b=c",
        "search": "é ?",
        "tag_ids": "t1,t2",
        "status": "0",
        "exclude_status": "-99",
    }


def test_the_filters_of_leads() -> None:
    request = operations.list_leads(
        {"list_id": LIST_ID}, emails=["a@b.org"], ids=[CAMPAIGN_ID], filter="FILTER_VAL_ACTIVE", limit=5
    )
    assert request.body == {
        "list_id": LIST_ID,
        "contacts": ["a@b.org"],
        "ids": [CAMPAIGN_ID],
        "filter": "FILTER_VAL_ACTIVE",
        "limit": 5,
    }


def test_a_filter_that_is_no_word_of_the_api_is_not_sent() -> None:
    with pytest.raises(ValueError, match=r"not 'FILTER_VAL_BOUNCE': Instantly may ignore .* Nothing was requested"):
        operations.list_leads(HERE, filter="FILTER_VAL_BOUNCE")


def test_no_leads_are_no_filter_to_leave_out() -> None:
    body: Any = operations.list_leads(HERE, emails=[]).body
    assert body["contacts"] == []


def test_leads_are_sent_as_they_are() -> None:
    request = operations.add_leads(LEADS, HERE, {"skip_if_in_workspace": True})
    assert request.content is not None
    assert json.loads(request.content) == {**HERE, "skip_if_in_workspace": True, "leads": LEADS}


def test_leads_are_never_deleted_without_ids() -> None:
    with pytest.raises(ValueError, match="all leads of the campaign"):
        operations.delete_leads([], CAMPAIGN_ID)


def test_dates_of_figures() -> None:
    request = operations.get_campaign_analytics([CAMPAIGN_ID, LIST_ID], start_date="2026-05-01", end_date="2026-06-01")
    assert request.query == (
        ("ids", CAMPAIGN_ID),
        ("ids", LIST_ID),
        ("start_date", "2026-05-01"),
        ("end_date", "2026-06-01"),
    )
