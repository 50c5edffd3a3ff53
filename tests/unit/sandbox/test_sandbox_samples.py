"""The sample campaigns: ready for a launch with a check, and then as their scripts say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.sandbox.client import SandboxClient, running_sandbox
from airflow_provider_instantly.sandbox.samples import BOUNCING_ID, HEALTHY_ID, SENDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLES = [HEALTHY_ID, BOUNCING_ID]
DAY = 86_400.0


@pytest.fixture
def samples() -> Iterator[SandboxClient]:
    with running_sandbox("--seed-samples") as sandbox:
        yield sandbox


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_check_finds_nothing(
    samples: SandboxClient, sample: str, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", samples.airflow_connection)
    run = run_task(CheckCampaignOperator(task_id="check", campaign_id=sample))
    assert run.error is None
    assert (run.value["verdict"], run.value["findings"]) == ("passed", [])


def test_its_script_decides_what_becomes_of_each(samples: SandboxClient) -> None:
    """Their lead and sender complete none meanwhile."""
    for sample in SAMPLES:
        samples.activate(sample)
    samples.advance_clock(5)
    assert [samples.campaign(sample)["status_name"] for sample in SAMPLES] == ["Active", "Active"]
    for _ in range(30):
        samples.advance_clock(DAY)
        assert [samples.campaign(sample)["status_name"] for sample in SAMPLES] == ["Active", "Bounce Protect"]
    assert len(samples.emails(HEALTHY_ID)) == 1


def test_another_start_leaves_what_they_have_become(tmp_path: Path) -> None:
    arguments = ("--seed-samples",)
    with running_sandbox(*arguments, database=tmp_path / "sandbox.sqlite") as sandbox:
        sandbox.add_accounts(SENDER, fields={"status": -1})
    with running_sandbox(*arguments, database=tmp_path / "sandbox.sqlite") as again:
        assert [len(again.leads(sample)) for sample in SAMPLES] == [1, 1]
        headers = {"Authorization": f"Bearer {again.api_key}"}
        account = requests.get(f"{again.url}/api/v2/accounts/{SENDER}", headers=headers, timeout=10).json()
        assert account["status"] == -1
