"""What the guard among the example DAGs finds to guard, over real HTTP."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from airflow_provider_instantly.sandbox.client import SandboxClient

GUARD = Path(__file__).parents[2] / "dags" / "instantly_guard.py"
CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"


def test_a_campaign_without_an_id_keeps_no_other_from_being_guarded(
    sandbox: SandboxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.add_fault("body", "*/campaigns", json={"items": [{"status": 1}, {"id": CAMPAIGN_ID, "status": 1}]}, count=2)
    running = runpy.run_path(str(GUARD))["running"].function
    assert running() == [CAMPAIGN_ID]
    assert "without an id" in capsys.readouterr().out
