"""`PauseCampaignNotifier` on a real Airflow: who calls it where, and that the failure itself stays seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_airflow.configuration import AIRFLOW_3
from tests.integration.dags.brakes import DEADLINES, LATE_CAMPAIGN

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

TIMEOUT = 240.0
"""Seconds that anything may take that is waited for."""


def wait_until_paused(airflow: LocalAirflow, sandbox: SandboxClient, campaign_id: str) -> None:
    airflow.wait_for(
        lambda: sandbox.campaign(campaign_id)["status_name"] == "Paused", TIMEOUT, lambda: "The brake did not work"
    )


def wait_until_running(airflow: LocalAirflow, dag_id: str, run_id: str) -> None:
    airflow.wait_for(
        lambda: airflow.task_states(dag_id, run_id).get("breaks") == "running",
        TIMEOUT,
        lambda: "The task did not begin",
    )


@pytest.mark.parametrize("dag_id", ["brake_of_a_task", "brake_of_a_dag"])
def test_what_fails_pulls_the_brake(airflow: LocalAirflow, sandbox: SandboxClient, dag_id: str) -> None:
    campaign_id = sandbox.add_campaign("Filled by a pipeline", status="active")

    run_id = airflow.trigger(dag_id, conf={"campaign_id": campaign_id})

    assert airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT) == "failed"
    wait_until_paused(airflow, sandbox, campaign_id)
    log = airflow.task_log(dag_id, run_id, "breaks")
    assert "The warehouse is gone." in log
    assert ("Paused campaign" in log) is (dag_id == "brake_of_a_task")


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2.11 calls the task's own callback, too.")
def test_a_task_that_a_person_marks_as_failed_calls_the_callback_of_its_dag_alone(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    campaigns = {
        dag_id: sandbox.add_campaign(dag_id, status="active") for dag_id in ("brake_of_a_task", "brake_of_a_dag")
    }
    for dag_id, campaign_id in campaigns.items():
        run_id = airflow.trigger(dag_id, conf={"campaign_id": campaign_id, "seconds": 120})
        wait_until_running(airflow, dag_id, run_id)
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/breaks"
        airflow.api(path, method="PATCH", json={"new_state": "failed"})
        assert airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT) == "failed"

    wait_until_paused(airflow, sandbox, campaigns["brake_of_a_dag"])
    assert sandbox.campaign(campaigns["brake_of_a_task"])["status_name"] == "Active"


@pytest.mark.skipif(DEADLINES is None, reason="Deadlines are new in Airflow 3.1.")
def test_a_run_that_is_late_pulls_the_brake(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    sandbox.add_campaign("Late", id=LATE_CAMPAIGN, status="active")

    run_id = airflow.trigger("brake_at_a_deadline")

    wait_until_paused(airflow, sandbox, LATE_CAMPAIGN)
    assert airflow.wait_for_run("brake_at_a_deadline", run_id, timeout=TIMEOUT) == "success"
