"""What a report reads of its campaigns over real HTTP. `operators/test_report.py` has what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.reports.reading import Reading

if TYPE_CHECKING:
    from airflow_provider_instantly.reports.figures import CampaignFigures
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")

TAG = "5810ba01-0da9-4e2f-b896-67b449443279"


def read(*campaign_ids: str) -> tuple[list[CampaignFigures], list[str]]:
    with InstantlyHook() as hook:
        reading = Reading(hook, None, None, {})
        return reading.campaigns(campaign_ids), reading.not_read


def senders(figures: CampaignFigures) -> dict[str, str]:
    """How each sender stands, by its masked address."""
    assert figures.senders is not None
    return {sender.name: sender.level for sender in figures.senders}


def searches(sandbox: SandboxClient) -> list[str]:
    """What was asked of the list of accounts."""
    return [request["query"] for request in sandbox.requests(path="*/accounts")]


def test_senders_with_a_tag_are_listed_by_it(sandbox: SandboxClient) -> None:
    sandbox.add_accounts(*(f"o{number}@other.example" for number in range(150)))
    sandbox.add_accounts("ada@tag.example", tags=[TAG])
    campaign_id = sandbox.add_campaign(fields={"email_list": [], "email_tag_list": [TAG]})

    [figures], not_read = read(campaign_id)

    assert (senders(figures), not_read) == ({"a…@tag.example": "good"}, [])
    assert searches(sandbox)
    assert all(f"tag_ids={TAG}" in query for query in searches(sandbox))


def test_each_campaign_has_its_own(sandbox: SandboxClient) -> None:
    sandbox.add_accounts("ada@tag.example", tags=[TAG])
    sandbox.add_accounts("max@mail.example", fields={"status": -1})
    tagged = sandbox.add_campaign(fields={"email_list": [], "email_tag_list": [TAG]})
    named = sandbox.add_campaign(fields={"email_list": ["Max@mail.example", "gone@mail.example"]})

    (first, second), not_read = read(tagged, named)

    assert senders(first) == {"a…@tag.example": "good"}
    assert senders(second) == {"m…@mail.example": "bad", "g…@mail.example": "bad"}
    assert not_read == []


def test_no_account_is_asked_for_where_none_is_named(sandbox: SandboxClient) -> None:
    [figures], not_read = read(sandbox.add_campaign(fields={"email_list": []}))
    assert (figures.senders, not_read, searches(sandbox)) == ((), [], [])


def test_tags_that_are_not_shown_prove_nothing(sandbox: SandboxClient) -> None:
    page = {"items": [{"email": "ada@tag.example", "status": 1}]}
    sandbox.add_fault("body", "*/accounts", json=page, count=None)

    [figures], not_read = read(sandbox.add_campaign(fields={"email_list": [], "email_tag_list": [TAG]}))

    assert figures.senders is None
    [sentence] = not_read
    assert sentence.startswith("The senders could not be read: Instantly answered with a sending account of ")
    assert "@" not in sentence
