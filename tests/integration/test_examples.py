"""The example DAGs that launch, each on a real Airflow and to its end: its story as a user lives through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

pytestmark = pytest.mark.every_version

TIMEOUT = 240.0
"""Seconds that anything may take that is waited for; Airflow 2.11 on SQLite runs one task after the other."""


def test_an_updated_asset_launches_the_campaign_that_its_event_names(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    campaign_id = sandbox.add_campaign("Its audience is ready", script=[(0, "active")])
    airflow.wait_until_known("instantly_launch_on_asset")

    prepared = airflow.trigger("instantly_audience", conf={"campaign_id": campaign_id})

    assert airflow.wait_for_run("instantly_audience", prepared, timeout=TIMEOUT) == "success"
    airflow.wait_for(
        lambda: bool(airflow.run_ids("instantly_launch_on_asset")), TIMEOUT, lambda: "The asset started no run"
    )
    [run_id] = airflow.run_ids("instantly_launch_on_asset")
    assert airflow.wait_for_run("instantly_launch_on_asset", run_id, timeout=TIMEOUT) == "success"
    assert airflow.xcom("instantly_launch_on_asset", run_id, "campaigns") == [campaign_id]
    assert sandbox.campaign(campaign_id)["status_name"] == "Active"
    assert sandbox.activations(campaign_id) == 1


def test_of_many_clients_one_that_must_not_be_launched_holds_up_no_other(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    healthy = [sandbox.add_campaign(f"Client {n}", script=[(0, "active")]) for n in range(3)]
    stopped = sandbox.add_campaign("Stopped client", status="bounce_protect")

    run_id = airflow.trigger("instantly_clients", conf={"campaign_ids": [*healthy, stopped, healthy[0]]})

    assert airflow.wait_for_run("instantly_clients", run_id, timeout=TIMEOUT) == "failed"
    launches = [task for task in airflow.task_instances("instantly_clients", run_id) if task.task_id == "launch"]
    assert sorted(str(task.state) for task in launches) == ["failed", "success", "success", "success"]
    # What Instantly stopped is refused at once: it is nothing that a retry could change.
    assert {task.try_number for task in launches} == {1}
    assert [sandbox.activations(campaign_id) for campaign_id in (*healthy, stopped)] == [1, 1, 1, 0]
