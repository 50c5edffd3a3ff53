"""The calls about sending accounts, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import InstantlyUnexpectedAnswerError

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


@pytest.mark.parametrize("number", [2026, 0])
def test_a_number_is_searched_for_as_a_text(ask: Callable[..., Any], sandbox: SandboxClient, number: int) -> None:
    sandbox.add_accounts(f"ada{number}@example.com", "bob@example.com")
    assert [account.email for account in ask("list_accounts", search=number)] == [f"ada{number}@example.com"]


@pytest.mark.parametrize("blank", [{"search": ""}, {"tag_ids": [" "]}], ids=str)
def test_what_is_blank_finds_nothing(ask: Callable[..., Any], sandbox: SandboxClient, blank: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="blank"):
        list(ask("list_accounts", **blank))
    assert sandbox.requests() == []


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


STRAY = {"email": "ada@other.example", "tags": [{"id": "blue"}]}


@pytest.mark.parametrize(
    ("call", "args", "asked", "path", "body", "what"),
    [
        ("list_accounts", (), {"tag_ids": ["red"]}, "*/accounts", {"items": [STRAY]}, "none of the tags"),
        ("list_accounts", (), {"search": "mail.example"}, "*/accounts", {"items": [STRAY]}, "searched for"),
        (
            "get_warmup_scores",
            (["a@mail.example"],),
            {},
            "*/warmup-analytics",
            {"aggregate_data": {"ada@other.example": {"health_score": 91}}},
            "a sending account that was not asked for",
        ),
        (
            "check_domains",
            (["a@mail.example"],),
            {},
            "*/vitals",
            {"success_list": [{"domain": "other.example", "allPass": True}]},
            "a domain that was not asked for",
        ),
    ],
    ids=["tags", "search", "warm-up", "domains"],
)
def test_what_was_not_asked_for_is_not_believed(
    ask: Callable[..., Any],
    sandbox: SandboxClient,
    call: str,
    args: tuple[Any, ...],
    asked: dict[str, Any],
    path: str,
    body: dict[str, Any],
    what: str,
) -> None:
    sandbox.add_fault("body", path, json=body)
    with pytest.raises(InstantlyUnexpectedAnswerError, match=what) as caught:
        ask(call, *args, **asked)
    assert "@" not in str(caught.value)
    assert "other.example" not in str(caught.value)
