"""A check over real HTTP: it changes nothing, and makes no more requests than it says."""

from __future__ import annotations

import json
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches.preflight.check import read, report
from airflow_provider_instantly.launches.preflight.rules import CheckRules
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from tests.unit.launches.preflight.ready import DOCUMENT

if TYPE_CHECKING:
    from airflow_provider_instantly.launches.preflight.report import Report
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")


def prepare(sandbox: SandboxClient, *senders: str, leads: int = 1, **fields: Any) -> str:
    """A campaign that is ready for its launch: with e-mails, senders and leads."""
    ready = {name: value for name, value in DOCUMENT.items() if name not in ("status", "name")}
    campaign_id = sandbox.add_campaign("Spring", fields={**ready, "email_list": list(senders), **fields})
    if senders:
        sandbox.add_accounts(*senders)
    if leads:
        people = [{"email": f"p{number}@customer.example", "first_name": "Grace"} for number in range(leads)]
        with InstantlyHook() as hook:
            hook.add_leads(people, campaign_id=campaign_id)
    sandbox.clear_requests()
    return campaign_id


def run(campaign_id: str, max_retries: int | None = 0, **rules: Any) -> Report:
    with InstantlyHook(max_retries=max_retries) as hook:
        return report(read(hook, hook.get_campaign(campaign_id), CheckRules(**rules)), CheckRules(**rules))


def codes(found: Report) -> set[str]:
    return {finding.code for finding in found.findings}


def test_a_campaign_that_is_ready(sandbox: SandboxClient) -> None:
    found = run(prepare(sandbox, "ada@mail.example"))
    assert (found.verdict, found.findings) == ("passed", ())


def test_a_plan_without_room(sandbox: SandboxClient) -> None:
    campaign_id = prepare(sandbox, "ada@mail.example")
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=1)
    assert codes(run(campaign_id)) == {"plan_full"}


def test_an_empty_campaign(sandbox: SandboxClient) -> None:
    found = run(sandbox.add_campaign("Empty"))
    assert found.verdict == "error"
    assert {"no_step", "no_sender", "no_leads"} <= codes(found)


def test_it_changes_nothing(sandbox: SandboxClient) -> None:
    campaign_id = prepare(sandbox, "ada@mail.example")
    before = sandbox.campaign(campaign_id)
    run(campaign_id)
    assert sandbox.campaign(campaign_id) == before
    assert [request["effect"] for request in sandbox.requests()] == [None] * len(sandbox.requests())


@pytest.mark.parametrize("cursor", ["always", "full_page", "more", "empty"])
@pytest.mark.parametrize(
    ("senders", "others", "domains"), [(0, 0, 1), (1, 0, 1), (99, 0, 30), (230, 0, 60), (3, 250, 2)]
)
@pytest.mark.parametrize("leads", [0, 1, 120])
def test_the_number_of_requests(
    sandbox: SandboxClient, cursor: str, senders: int, others: int, domains: int, leads: int
) -> None:
    sandbox.set(cursor=cursor)
    addresses = [f"a{number}@mail{number % domains}.example" for number in range(senders)]
    campaign_id = prepare(sandbox, *addresses, leads=leads)
    if others:
        sandbox.add_accounts(*(f"b{number}@other.example" for number in range(others)))
    found = run(campaign_id)
    assert len(sandbox.requests()) <= 1 + ceil(senders / 100) + 6
    assert "senders_unread" not in codes(found)


def test_accounts_by_tag(sandbox: SandboxClient) -> None:
    tag = "5810ba01-0da9-4e2f-b896-67b449443279"
    campaign_id = prepare(sandbox, email_tag_list=[tag])
    assert "no_sender" in codes(run(campaign_id))
    sandbox.add_accounts("ada@mail.example", tags=[tag])
    sandbox.add_accounts("eve@mail.example")
    assert not codes(run(campaign_id)) & {"no_sender", "no_usable_sender", "senders_unread"}


def test_what_goes_wrong_with_senders(sandbox: SandboxClient) -> None:
    campaign_id = prepare(sandbox, "ada@mail.example", "eve@other.example", "gone@mail.example")
    sandbox.add_accounts("ada@mail.example", fields={"status": -1})
    sandbox.add_accounts("eve@other.example", age_days=2, failing=["spf", "dmarc"])
    sandbox.remove_account("gone@mail.example")
    found = {finding.code: finding.sentence for finding in run(campaign_id).findings}
    assert "2 of 3 senders cannot send" in found["unusable_senders"]
    assert "on other.example" in found["cold_senders"]
    assert "other.example lacks SPF and DMARC" in found["domain_failing"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("*/accounts", "senders_unread"),
        ("*/accounts/test/vitals", "domains_unread"),
        ("*/leads/list", "leads_unread"),
        ("*/plan-details", "plan_unread"),
    ],
)
@pytest.mark.parametrize("status", [402, 403, 500])
def test_what_cannot_be_read_is_incomplete(sandbox: SandboxClient, path: str, code: str, status: int) -> None:
    campaign_id = prepare(sandbox, "ada@mail.example")
    sandbox.add_fault("error", path, status=status, count=None)
    found = run(campaign_id)
    assert code in codes(found)
    assert found.verdict == "incomplete"
    assert found.failing


def test_a_key_that_may_only_read_campaigns(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = prepare(sandbox, "ada@mail.example")
    key = sandbox.add_key("reader", ["campaigns:read"])
    connection = {**json.loads(sandbox.airflow_connection), "password": key}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
    found = {finding.code: finding.sentence for finding in run(campaign_id).findings}
    assert found.keys() == {"senders_unread", "leads_unread", "plan_unread"}
    for code, scope in (("senders", "accounts"), ("leads", "leads"), ("plan", "workspace_billing")):
        assert f"{scope}:read" in found[f"{code}_unread"]
