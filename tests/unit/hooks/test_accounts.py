"""The calls about sending accounts, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient


def test_all_pages_with_their_tags(ask: Callable[..., Any], sandbox: SandboxClient) -> None:
    sandbox.add_accounts(*(f"sender-{number}@example.com" for number in range(150)), tags=["red"])
    found = ask("list_accounts")
    assert (len(found), {account.tag_ids for account in found}) == (150, {frozenset({"red"})})


def test_only_those_with_a_tag(ask: Callable[..., Any], sandbox: SandboxClient) -> None:
    sandbox.add_accounts("red@example.com", tags=["red"])
    sandbox.add_accounts("blue@example.com", tags=["blue"])
    assert [account.email for account in ask("list_accounts", tag_ids=["red", "green"])] == ["red@example.com"]


def test_warmup_scores_in_hundreds(ask: Callable[..., Any], sandbox: SandboxClient) -> None:
    emails = [f"sender-{number}@example.com" for number in range(150)]
    sandbox.add_accounts(*emails[:149], fields={"stat_warmup_score": 91})
    scores = ask("get_warmup_scores", emails)
    assert (len(scores), set(scores.values())) == (149, {91})
    assert len(sandbox.requests(path="*/warmup-analytics")) == 2
    assert ask("get_warmup_scores", []) == {}


def test_each_domain_is_tested_once(ask: Callable[..., Any], sandbox: SandboxClient) -> None:
    sandbox.add_accounts("a@bad.example", "b@bad.example", failing=["spf", "dmarc"])
    vitals = ask("check_domains", ["a@bad.example", "b@bad.example", "c@Good.example"])
    assert {domain: each.failing for domain, each in vitals.items()} == {
        "bad.example": ("spf", "dmarc"),
        "good.example": (),
    }
