"""The picture of a campaign on the page: true figures, and no address that a person could write to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_instantly.sandbox.picture import masked

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from tests.unit.sandbox.conftest import Api

SENDER, BROKEN = "sender@mail.example.com", "broken@mail.example.com"


def picture(sandbox: SandboxClient, campaign_id: str) -> dict[str, Any]:
    answer = requests.get(f"{sandbox.url}/_sandbox/campaigns/{campaign_id}/picture", timeout=10)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def states(seen: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["count"] for each in seen["leads"]["states"] if each["count"]}


@pytest.fixture
def campaign_id(sandbox: SandboxClient, api: Api) -> str:
    """An Active campaign with one sender that works, one that does not, and four leads."""
    sandbox.add_accounts(SENDER)
    sandbox.add_accounts(BROKEN, fields={"status": -1, "warmup_status": 0})
    campaign_id = sandbox.add_campaign("Spring", fields={"email_list": [SENDER, BROKEN]})
    leads = [{"email": f"{name}@customer.example"} for name in ("olga", "petra+bounce", "ivy+reply", "roy+unsubscribe")]
    assert api.post("/leads/add", json={"campaign_id": campaign_id, "leads": leads}).status_code == 200
    sandbox.activate(campaign_id)
    return campaign_id


def test_before_the_first_e_mail(sandbox: SandboxClient, campaign_id: str) -> None:
    seen = picture(sandbox, campaign_id)
    assert (seen["name"], seen["status_name"]) == ("Spring", "Active")
    assert (seen["leads"]["total"], states(seen)) == (4, {"Waiting": 4})
    assert seen["emails"] == {"sent": 0, "contacted": 0, "replied": 0, "bounced": 0, "unsubscribed": 0}
    assert seen["bars"]["items"] == []
    assert all(lead["contacted_at"] is None for lead in seen["leads"]["latest"])


def test_what_became_of_each_lead(sandbox: SandboxClient, campaign_id: str) -> None:
    sandbox.advance_clock(86_400)
    seen = picture(sandbox, campaign_id)
    assert states(seen) == {"Completed": 1, "Replied": 1, "Unsubscribed": 1, "Bounced": 1}
    assert seen["emails"] == {"sent": 4, "contacted": 4, "replied": 1, "bounced": 1, "unsubscribed": 1}


def test_what_has_not_shown_yet_is_not_in_it(sandbox: SandboxClient, campaign_id: str) -> None:
    sandbox.advance_clock(29)
    seen = picture(sandbox, campaign_id)
    assert states(seen) == {"Waiting": 3, "Written to": 1}
    assert seen["emails"]["sent"] == 1
    assert seen["leads"]["latest"][0]["contacted_at"] is not None


def test_the_bars_hold_every_e_mail_once(sandbox: SandboxClient, campaign_id: str) -> None:
    sandbox.advance_clock(86_400)
    bars = picture(sandbox, campaign_id)["bars"]
    assert 1 <= len(bars["items"]) <= 48
    totals = {name: sum(each[name] for each in bars["items"]) for name in ("sent", "replied", "bounced")}
    assert totals == {"sent": 4, "replied": 1, "bounced": 1}
    first = min(each["sent_at"] for each in sandbox.emails(campaign_id))
    assert bars["since"] <= first < bars["since"] + bars["seconds"]


def test_months_fit_into_the_bars(sandbox: SandboxClient, api: Api) -> None:
    sandbox.add_accounts(SENDER, fields={"daily_limit": 1})
    campaign_id = sandbox.add_campaign("Slow", fields={"email_list": [SENDER]})
    leads = [{"email": f"p{number}@customer.example"} for number in range(120)]
    assert api.post("/leads/add", json={"campaign_id": campaign_id, "leads": leads}).status_code == 200
    sandbox.activate(campaign_id)
    sandbox.advance_clock(130 * 86_400)
    seen = picture(sandbox, campaign_id)
    assert len(seen["bars"]["items"]) <= 48
    assert sum(each["sent"] for each in seen["bars"]["items"]) == seen["emails"]["sent"] == 120
    assert len(seen["leads"]["latest"]) == 12


def test_the_senders(sandbox: SandboxClient, campaign_id: str) -> None:
    sandbox.advance_clock(29)
    senders = picture(sandbox, campaign_id)["senders"]
    assert (senders["total"], senders["ready"]) == (2, 1)
    found = {each["email"]: each for each in senders["items"]}
    assert found["s…@mail.example.com"] | {"today": 1} == {
        "email": "s…@mail.example.com",
        "status": "Active",
        "may_send": True,
        "score": 100,
        "today": 1,
        "daily_limit": 30,
    }
    assert (found["b…@mail.example.com"]["status"], found["b…@mail.example.com"]["score"]) == ("Connection error", None)


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"setup_pending": True}, "Set-up pending"), ({"status": 2}, "Paused"), ({"status": 7}, "Unknown (7)")],
)
def test_how_a_sender_stands(sandbox: SandboxClient, fields: dict[str, Any], status: str) -> None:
    sandbox.add_accounts(SENDER, fields=fields)
    campaign_id = sandbox.add_campaign("Spring", fields={"email_list": [SENDER]})
    (sender,) = picture(sandbox, campaign_id)["senders"]["items"]
    assert (sender["status"], sender["may_send"]) == (status, False)


def test_no_address_is_whole(sandbox: SandboxClient, campaign_id: str) -> None:
    sandbox.advance_clock(86_400)
    text = json.dumps(picture(sandbox, campaign_id), ensure_ascii=False)
    # No name of these is a hexadecimal number, as parts of the campaign's UUID are.
    for local in ("olga", "petra", "ivy", "roy", "sender@", "broken@"):
        assert local not in text


@pytest.mark.parametrize(
    ("email", "shown"), [("ada@example.com", "a…@example.com"), ("@example.com", "…@example.com"), ("x", "…@x")]
)
def test_an_address_is_masked(email: str, shown: str) -> None:
    assert masked(email) == shown


def test_a_campaign_without_anything(sandbox: SandboxClient) -> None:
    seen = picture(sandbox, sandbox.add_campaign())
    assert (seen["leads"]["total"], seen["senders"]["total"], seen["bars"]["items"]) == (0, 0, [])


def test_no_such_campaign(sandbox: SandboxClient) -> None:
    unknown = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
    answer = requests.get(f"{sandbox.url}/_sandbox/campaigns/{unknown}/picture", timeout=10)
    assert (answer.status_code, answer.json()) == (404, {"detail": f"There is no campaign {unknown}."})
