"""The manual's table of time limits, cell by cell, on a real Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

# Airflow 2.11 on SQLite runs one task after the other, so the sensors that hold their worker take minutes there.
pytestmark = [] if AIRFLOW_V_3_0_PLUS else [pytest.mark.slow]

DAG_ID = "time_limits"
TIMED_OUT = ("failed", 1)  # no sensor's timeout is retried
EXECUTION_TIMEOUT = ("failed", 2)  # a task's is
SKIPPED = ("skipped", 1)

#: The run, and of each task how it ended and how many tries it took.
Ended: TypeAlias = tuple[str, dict[str, tuple[str | None, int]]]

CELLS = {
    "poke_timeout": TIMED_OUT,
    "poke_timeout_soft": SKIPPED,
    "poke_execution_timeout": EXECUTION_TIMEOUT,
    "poke_execution_timeout_soft": SKIPPED,
    "reschedule_timeout": TIMED_OUT,
    "reschedule_timeout_soft": SKIPPED,
    "reschedule_execution_timeout": TIMED_OUT,
    "reschedule_execution_timeout_soft": SKIPPED,
    "deferrable_timeout": TIMED_OUT,
    "deferrable_timeout_soft": SKIPPED,
    "deferrable_execution_timeout": EXECUTION_TIMEOUT,
    # Airflow 2.11 ends a task that resumes too late by itself, and does not ask the sensor.
    "deferrable_execution_timeout_soft": SKIPPED if AIRFLOW_V_3_0_PLUS else EXECUTION_TIMEOUT,
}


@pytest.fixture(scope="module")
def ended(airflow: LocalAirflow, sandbox: SandboxClient) -> Ended:
    draft = sandbox.add_campaign("Never launched")
    run = airflow.trigger(DAG_ID, conf={"campaign_id": draft})
    airflow.wait_for_run(DAG_ID, run, timeout=300 if AIRFLOW_V_3_0_PLUS else 900)
    tasks = airflow.task_instances(DAG_ID, run)
    return run, {task.task_id: (task.state, task.try_number) for task in tasks}


@pytest.mark.parametrize("cell", CELLS)
def test_a_limit_means_the_same_in_every_mode(cell: str, ended: Ended) -> None:
    assert ended[1][cell] == CELLS[cell]


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferrable"])
def test_the_log_says_what_became_of_the_campaign(mode: str, ended: Ended, airflow: LocalAirflow) -> None:
    log = airflow.task_log(DAG_ID, ended[0], f"{mode}_timeout")

    assert "AirflowSensorTimeout" in log
    assert "was not Active within 12 s: it is Draft. It was left as it is." in log
