"""`AddLeadsOperator` in a process that is killed: nothing of ours is left, and a retry adds no one twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.leads import sightings
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from tests.unit.patience import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

CODE = """
import sys
from types import SimpleNamespace
from airflow_provider_instantly.operators.lead import AddLeadsOperator

rows = [{"email": f"person{n}@example.com"} for n in range(30)]
ti = SimpleNamespace(
    try_number=1, dag_id="d", task_id="t", run_id="r", map_index=-1, xcom_push=lambda key, value: None
)
AddLeadsOperator(task_id="t", campaign_id=sys.argv[1], rows=rows, chunk_size=10).execute({"ti": ti})
"""


@pytest.mark.parametrize(
    ("moment", "left"), [("after", 10), ("before", 20)], ids=["after the effect", "before the effect"]
)
def test_a_worker_that_is_killed_while_it_waits_for_an_answer(
    sandbox: SandboxClient,
    run_task: Any,
    task_instance: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    moment: str,
    left: int,
) -> None:
    campaign_id = sandbox.add_campaign("Spring")
    sandbox.add_fault("delay", "*/leads/add", delay=120.0, moment=moment, skip=1)
    environment = {**os.environ, "TMPDIR": str(tmp_path), "SQLITE_TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", CODE, campaign_id], env=environment)
    try:
        wait_until(lambda: process.poll() is not None or (sandbox.leads(campaign_id) and not sandbox.faults()))
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list(tmp_path.iterdir()) == []
    before = len(sandbox.leads(campaign_id))
    assert before == 30 - left
    monkeypatch.setattr(sightings, "READ_BACK_PAUSES", (0.01, 0.01))

    rows = [{"email": f"person{n}@example.com"} for n in range(30)]
    task = AddLeadsOperator(task_id="t", campaign_id=campaign_id, rows=rows, chunk_size=10)
    run = run_task(task, task_instance(try_number=2))

    assert run.error is None
    assert (run.value["uploaded"], run.value["already_there"], run.value["present"]) == (left, before, 30)
    emails = [lead["email"] for lead in sandbox.leads(campaign_id)]
    assert len(emails) == len(set(emails)) == 30
