"""Uploads to the sandbox: what the tests of several modules make, and what they ask of it afterwards."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.leads.rows import LeadRow
from airflow_provider_instantly.leads.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from airflow_provider_instantly.leads.tally import Tally
    from airflow_provider_instantly.sandbox.client import SandboxClient

BLOCK_LIST, ANOTHER_LIST = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f", "9e1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"


class Uploading:
    """Uploads, and keeps what was rejected."""

    def __init__(self, campaign_id: str) -> None:
        self.place = {"campaign_id": campaign_id}
        self.rejects: dict[int, str] = {}
        self.is_killed: Callable[[], bool] = lambda: False

    def __call__(self, rows: list[LeadRow], **given: Any) -> Tally:
        with InstantlyHook(max_retries=given.pop("max_retries", 1)) as hook:
            upload = Upload(
                hook=hook,
                place=given.pop("place", self.place),
                reject=lambda row, reason: self.rejects.update({row.number: reason}),
                is_killed=lambda: self.is_killed(),
                log=logging.getLogger("a task"),
                **given,
            )
            return upload.run(rows, len(rows))


def rows(*numbers: int) -> list[LeadRow]:
    return [LeadRow(n, {"email": f"person{n}@example.com"}) for n in numbers]


def some(count: int) -> list[LeadRow]:
    return rows(*range(1, count + 1))


def there(sandbox: SandboxClient, campaign_id: str) -> list[int]:
    """The rows that are in the campaign, in the order in which they came; twice who is there twice."""
    leads = sandbox.leads(campaign_id)
    return sorted(int(lead["email"].removeprefix("person").partition("@")[0]) for lead in leads)


def put(sandbox: SandboxClient, campaign_id: str, there: list[LeadRow]) -> None:
    with InstantlyHook() as hook:
        hook.add_leads([row.lead for row in there], campaign_id=campaign_id)
    sandbox.clear_requests()


def asked(sandbox: SandboxClient) -> list[str]:
    """What was asked, in order: ``campaign``, ``plan``, ``list``, ``add``."""
    names = {"plan-details": "plan"}
    last = [request["path"].rpartition("/")[2] for request in sandbox.requests()]
    return [names.get(name, name if name in ("list", "add") else "campaign") for name in last]


def use_key(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, *scopes: str) -> None:
    connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key("narrow", scopes)}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
