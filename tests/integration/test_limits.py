"""Limits that Airflow holds against tasks on workers only, on a real Airflow: deferrable waits keep to them, too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

pytestmark = pytest.mark.skipif(
    not AIRFLOW_V_3_3_PLUS, reason="Below 3.3 every wait begins on a worker, where Airflow holds its limits"
)


def waiting(airflow: LocalAirflow, dag_id: str) -> int:
    """How many tasks of a DAG hold a place: on a worker, on their way to one, or deferred."""
    sql = (
        "SELECT count(*) FROM task_instance WHERE dag_id = :dag_id "
        "AND state IN ('queued', 'running', 'deferred', 'restarting')"
    )
    [[count]] = airflow.query(sql, dag_id=dag_id)
    return int(count)


def most_at_once(airflow: LocalAirflow, dag_id: str, seconds: float) -> int:
    """The most that were seen so while the scheduler had time to start others."""
    most, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        most = max(most, waiting(airflow, dag_id))
        time.sleep(0.2)
    return most


def deferred(airflow: LocalAirflow, dag_id: str) -> bool:
    [[count]] = airflow.query(
        "SELECT count(*) FROM task_instance WHERE dag_id = :dag_id AND state = 'deferred'", dag_id=dag_id
    )
    return bool(count)


def test_one_waits_at_a_time_in_a_pool_that_counts_deferred_tasks(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    pool = {"name": "one_at_a_time", "slots": 1, "include_deferred": True}
    airflow.api("/pools", method="POST", json=pool)
    campaigns = sandbox.add_campaigns(3, "In a pool")
    run = airflow.trigger("waits_in_a_pool", conf={"campaign_ids": campaigns})
    airflow.wait_for(lambda: deferred(airflow, "waits_in_a_pool"), 60, lambda: "No wait began")

    assert most_at_once(airflow, "waits_in_a_pool", 8) == 1

    for campaign in campaigns:
        sandbox.set_status(campaign, "active")
    assert airflow.wait_for_run("waits_in_a_pool", run) == "success"


def test_one_waits_at_a_time_where_its_dag_may_run_it_once(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    campaigns = sandbox.add_campaigns(3, "Once")
    runs = [airflow.trigger("waits_one_in_a_dag", conf={"campaign_ids": [each] * 3}) for each in campaigns]
    airflow.wait_for(lambda: deferred(airflow, "waits_one_in_a_dag"), 60, lambda: "No wait began")

    assert most_at_once(airflow, "waits_one_in_a_dag", 8) == 1

    for campaign in campaigns:
        sandbox.set_status(campaign, "active")
    assert [airflow.wait_for_run("waits_one_in_a_dag", run) for run in runs] == ["success"] * 3
