"""The example DAG `instantly_launch` on a real Airflow: as a user runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

pytestmark = pytest.mark.every_version

DAG_ID = "instantly_launch"


def test_a_healthy_campaign_is_launched_and_an_unhealthy_one_fails_with_its_reason(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    healthy = sandbox.add_campaign("Healthy", script=[(1, "active")])
    unhealthy = sandbox.add_campaign("Unhealthy", script=[(1, "active"), (3, "bounce_protect")])
    healthy_run = airflow.trigger(DAG_ID, conf={"campaign_id": healthy})
    unhealthy_run = airflow.trigger(DAG_ID, conf={"campaign_id": unhealthy})

    assert airflow.wait_for_run(DAG_ID, healthy_run) == "success"
    assert airflow.wait_for_run(DAG_ID, unhealthy_run) == "failed"

    launched = airflow.xcom(DAG_ID, healthy_run, "activate")
    assert (launched["id"], launched["status_name"], launched["launched"]) == (healthy, "Active", True)
    assert airflow.task_states(DAG_ID, healthy_run) == {"activate": "success", "wait_until_active": "success"}
    assert airflow.task_states(DAG_ID, unhealthy_run) == {"activate": "success", "wait_until_active": "failed"}
    assert {task.try_number for task in airflow.task_instances(DAG_ID, unhealthy_run)} == {1}
    assert '[campaign "Unhealthy"' in airflow.task_log(DAG_ID, unhealthy_run, "wait_until_active")
    assert "is Bounce Protect" in airflow.task_log(DAG_ID, unhealthy_run, "wait_until_active")
    assert [sandbox.activations(campaign) for campaign in (healthy, unhealthy)] == [1, 1]


def test_a_campaign_that_instantly_stopped_is_not_launched(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    stopped = sandbox.add_campaign("Stopped", status="bounce_protect")
    run = airflow.trigger(DAG_ID, conf={"campaign_id": stopped})

    assert airflow.wait_for_run(DAG_ID, run) == "failed"

    assert airflow.task_states(DAG_ID, run) == {"activate": "failed", "wait_until_active": "upstream_failed"}
    assert "is Bounce Protect" in airflow.task_log(DAG_ID, run, "activate")
    assert sandbox.activations(stopped) == 0
