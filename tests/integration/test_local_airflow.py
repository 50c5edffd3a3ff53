"""The Airflow that the other integration tests run on does what they rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_airflow.work import LocalAirflowError

if TYPE_CHECKING:
    from local_airflow.standalone import LocalAirflow

pytestmark = pytest.mark.every_version


def test_runs_a_dag_and_shows_its_states_logs_and_xcoms(airflow: LocalAirflow) -> None:
    run = airflow.trigger("airflow_works", conf={"names": ["Ada", "Grace"]}, run_id="by_hand")

    assert run == "by_hand"
    assert airflow.wait_for_run("airflow_works", run) == "success"
    tasks = airflow.task_instances("airflow_works", run)
    assert [(task.task_id, task.map_index, task.state, task.try_number) for task in tasks] == [
        ("greet", 0, "success", 1),
        ("greet", 1, "success", 1),
        ("names", -1, "success", 1),
    ]
    assert airflow.xcom("airflow_works", run, "names") == ["Ada", "Grace"]
    assert airflow.xcom("airflow_works", run, "greet", map_index=1) == "GRACE"
    assert "Hello Grace" in airflow.task_log("airflow_works", run, "greet", map_index=1)


def test_shows_why_a_task_failed(airflow: LocalAirflow) -> None:
    run = airflow.trigger("airflow_fails")

    assert airflow.wait_for_run("airflow_fails", run) == "failed"
    assert airflow.task_states("airflow_fails", run) == {"fail": "failed"}
    assert "ValueError: This is the reason." in airflow.task_log("airflow_fails", run, "fail")


def test_a_killed_component_can_be_started_again(airflow: LocalAirflow) -> None:
    before = airflow.pid("triggerer")

    airflow.kill("triggerer")
    airflow.restart("triggerer")

    assert airflow.pid("triggerer") != before
    assert "triggerer" in airflow.components


def test_the_provider_is_registered(airflow: LocalAirflow) -> None:
    providers = {provider["package_name"] for provider in airflow.api("/providers")["providers"]}

    assert "airflow-provider-instantly" in providers


def test_an_unknown_dag_is_named(airflow: LocalAirflow) -> None:
    with pytest.raises(LocalAirflowError, match="does not know the DAG 'no_such_dag' within 1 s"):
        airflow.trigger("no_such_dag", timeout=1)
