"""Sending accounts: their health, warm-up and domains, and which of them a campaign sends from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.sandbox.client import SandboxError

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient


def emails(answer: Any) -> list[str]:
    return [account["email"] for account in answer.json()["items"]]


def test_a_new_account_is_healthy(api: Any, sandbox: SandboxClient) -> None:
    sandbox.add_accounts("Sender@Example.com")
    account = api.get("/accounts/sender@example.com").json()
    assert (account["status"], account["setup_pending"], account["stat_warmup_score"]) == (1, False, 100)
    assert account["timestamp_warmup_start"] < account["timestamp_created"] or account["timestamp_created"]


def test_fields_are_the_api_s_own_and_null_removes_one(api: Any, sandbox: SandboxClient) -> None:
    fields = {"status": -1, "stat_warmup_score": None, "tracking_domain_name": "t.example.com"}
    sandbox.add_accounts("sender@example.com", fields=fields)
    account = api.get("/accounts/sender@example.com").json()
    assert (account["status"], account["tracking_domain_name"]) == (-1, "t.example.com")
    assert "stat_warmup_score" not in account


def test_one_that_is_gone(api: Any, sandbox: SandboxClient) -> None:
    sandbox.add_accounts("sender@example.com")
    sandbox.remove_account("sender@example.com")
    assert api.get("/accounts/sender@example.com").status_code == 404
    with pytest.raises(SandboxError):
        sandbox.remove_account("sender@example.com")


def test_lists_are_paged_newest_first(api: Any, sandbox: SandboxClient) -> None:
    for age in range(5):
        sandbox.add_accounts(f"sender-{age}@example.com", age_days=age)
    seen, cursor = [], None
    for _ in range(4):
        query = {"limit": 2, **({"starting_after": cursor} if cursor else {})}
        answer = api.get("/accounts", params=query)
        seen += emails(answer)
        cursor = answer.json().get("next_starting_after")
    assert seen == [f"sender-{age}@example.com" for age in range(5)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"tag_ids": "red,blue"}, ["blue@example.com", "both@example.com", "red@example.com"]),
        ({"tag_ids_all": "red,blue"}, ["both@example.com"]),
        ({"search": "RED"}, ["red@example.com"]),
        ({"status": -1}, ["blue@example.com"]),
    ],
)
def test_what_narrows_a_list(api: Any, sandbox: SandboxClient, query: dict[str, Any], found: list[str]) -> None:
    sandbox.add_accounts("red@example.com", tags=["red"])
    sandbox.add_accounts("blue@example.com", tags=["blue"], fields={"status": -1})
    sandbox.add_accounts("both@example.com", tags=["red", "blue"])
    sandbox.add_accounts("none@example.com")
    assert sorted(emails(api.get("/accounts", params=query))) == found


def test_tags_come_only_when_asked_for(api: Any, sandbox: SandboxClient) -> None:
    sandbox.add_accounts("sender@example.com", tags=["red"])
    (plain,) = api.get("/accounts").json()["items"]
    (tagged,) = api.get("/accounts", params={"include_tags": "true"}).json()["items"]
    assert "tags" not in plain
    assert tagged["tags"] == [{"id": "red", "label": "red"}]


def test_an_account_that_never_warmed_up_is_missing_from_the_figures(api: Any, sandbox: SandboxClient) -> None:
    sandbox.add_accounts("warm@example.com", fields={"stat_warmup_score": 92})
    sandbox.add_accounts("cold@example.com", fields={"warmup_status": 0})
    asked = ["warm@example.com", "cold@example.com", "missing@example.com"]
    figures = api.post("/accounts/warmup-analytics", json={"emails": asked}).json()["aggregate_data"]
    assert {email: each["health_score"] for email, each in figures.items()} == {"warm@example.com": 92}


def test_vitals_are_those_of_domains(api: Any, sandbox: SandboxClient) -> None:
    sandbox.add_accounts("a@bad.example", "b@bad.example", failing=["dkim"])
    asked = {"accounts": ["a@bad.example", "b@bad.example", "missing@good.example"]}
    vitals = api.post("/accounts/test/vitals", json=asked).json()
    assert vitals["failure_list"] == [
        {"domain": "bad.example", "allPass": False, "mx": True, "spf": True, "dkim": False, "dmarc": True}
    ]
    assert [each["domain"] for each in vitals["success_list"]] == ["good.example"]
