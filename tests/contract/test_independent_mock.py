"""
The hook works against a service that is not ours: Prism makes a mock server from an OpenAPI file.

Prism refuses what the file does not allow (the key, parameters, bodies), so this checks our requests as well. The file
is the project's contract, and Instantly's own where that lies beside the checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from local_airflow.processes import ProcessGuard, free_port
from tests.contract.references import OPENAPI_OF_A_LAUNCH
from tests.contract.references import WHY_NOT as NO_REFERENCES

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
CONTRACT = CHECKOUT / "airflow_provider_instantly" / "sandbox" / "contract.json"
PRISM = CHECKOUT / "build" / "prism" / "node_modules" / ".bin" / "prism"
CAMPAIGN_ID = "5a3d0e5e-0001-4000-8000-000000000001"
START_TIMEOUT = 60.0

WHY_NOT = next(
    (
        reason
        for missing, reason in (
            (shutil.which("node") is None, "Prism needs Node.js, which is not installed"),
            (not PRISM.exists(), "Prism is not installed: run `make prism`"),
        )
        if missing
    ),
    None,
)
pytestmark = pytest.mark.skipif(WHY_NOT is not None and "REQUIRE_PRISM" not in os.environ, reason=WHY_NOT or "")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(CONTRACT, id="our_contract"),
        pytest.param(
            OPENAPI_OF_A_LAUNCH,
            id="instantly",
            marks=pytest.mark.skipif(not OPENAPI_OF_A_LAUNCH.exists(), reason=NO_REFERENCES),
        ),
    ],
)
def mock_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a mock server whose answers are made from the schemas, new ones for each request."""
    folder = tmp_path_factory.mktemp("prism")
    url = f"http://127.0.0.1:{(port := free_port())}"
    log, document = folder / "log", folder / "openapi.json"
    document.write_text(json.dumps(about_one_campaign(json.loads(request.param.read_text("utf-8")))), "utf-8")
    command = [str(PRISM), "mock", "--dynamic", "--host", "127.0.0.1", "--port", str(port), str(document)]
    with ProcessGuard() as guard:
        guard.start(command, env=dict(os.environ), cwd=folder, log=log)
        deadline = time.monotonic() + START_TIMEOUT
        while "Prism is listening" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield url


def about_one_campaign(node: Any) -> Any:
    """The document with one id for all campaigns: the hook believes no answer about another than it has asked for."""
    if isinstance(node, list):
        return [about_one_campaign(each) for each in node]
    if not isinstance(node, dict):
        return node
    changed = {name: about_one_campaign(each) for name, each in node.items()}
    fields = changed.get("properties")
    if isinstance(fields, dict):
        named = [name for name in ("id", "campaign_id") if name in fields]
        if "campaign_schedule" in fields or "issue_tracking" in fields:
            fields.update({key: {"type": "string", "enum": [CAMPAIGN_ID]} for key in named})
    return changed


@pytest.fixture
def hook(mock_server: str, monkeypatch: pytest.MonkeyPatch) -> InstantlyHook:
    connection = {"conn_type": "instantly", "host": mock_server, "password": "any-key"}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
    return InstantlyHook()


def test_the_mock_server_insists_on_a_key(mock_server: str) -> None:
    answer = requests.get(f"{mock_server}/api/v2/campaigns/{CAMPAIGN_ID}", timeout=10)

    assert answer.status_code == 401


def test_a_campaign_is_activated_paused_and_read(hook: InstantlyHook) -> None:
    with hook:
        for _ in range(10):
            found = [
                hook.activate_campaign(CAMPAIGN_ID),
                hook.get_campaign(CAMPAIGN_ID),
                hook.pause_campaign(CAMPAIGN_ID),
            ]
            assert all(isinstance(campaign, Campaign) for campaign in found)
            assert {campaign.id for campaign in found} == {CAMPAIGN_ID}


async def test_a_campaign_is_activated_paused_and_read_asynchronously(hook: InstantlyHook) -> None:
    async with hook:
        for _ in range(10):
            found = [
                await hook.aactivate_campaign(CAMPAIGN_ID),
                await hook.aget_campaign(CAMPAIGN_ID),
                await hook.apause_campaign(CAMPAIGN_ID),
            ]
            assert all(isinstance(campaign, Campaign) for campaign in found)
            assert {campaign.id for campaign in found} == {CAMPAIGN_ID}


async def test_the_sending_status_is_read(hook: InstantlyHook) -> None:
    async with hook:
        for _ in range(10):
            assert hook.get_sending_status(CAMPAIGN_ID) is not None
            assert await hook.aget_sending_status(CAMPAIGN_ID) is not None
    hook.close()


async def test_campaigns_are_listed(hook: InstantlyHook) -> None:
    listed: list[Campaign] = []
    with hook:
        for _ in range(10):
            listed += islice(hook.list_campaigns(), 3)
    async with hook:
        for _ in range(10):
            async for campaign in hook.alist_campaigns():
                listed.append(campaign)
                break

    assert listed
    assert {type(campaign) for campaign in listed} == {Campaign}
