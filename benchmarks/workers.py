"""Worker processes and their CPU, in a whole Airflow: launches with a wait of 60 seconds, and waits alone."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.endpoints import endpoints
from benchmarks.row import Row, at_most
from local_airflow.standalone import LocalAirflow

if TYPE_CHECKING:
    from benchmarks.endpoints import Endpoints

RUNS = 5
WAIT = 60.0
"""Seconds from the activation until a campaign is Active."""
SHORT_WAIT = 25.0
"""Seconds for which the waits alone wait."""
TIMEOUT = 240.0
# The scheduler says so of every task that it hands over, each time; LocalExecutor then starts a process for it.
_HANDED_OVER = re.compile(r"Trying to enqueue tasks: .*")


def run(runs: int = RUNS, wait: float = WAIT, short_wait: float = SHORT_WAIT) -> list[Row]:
    """
    Measure all in one Airflow, one after the other.

    :param runs: how many runs of each DAG, side by side.
    :param wait: seconds until a launched campaign is Active.
    :param short_wait: seconds for which the waits alone wait.
    """
    with endpoints() as services:
        headers = {"Authorization": f"Bearer {services.sandbox.api_key}", "Content-Type": "application/json"}
        with LocalAirflow(
            Path(__file__).parent / "worker_dags",
            connections=services.connections,
            variables={**services.variables, "BENCHMARK_HEADERS": json.dumps(headers)},
        ) as airflow:
            ours = _launches(airflow, services, "launch_ours", runs, wait)
            http = _launches(airflow, services, "launch_http", runs, wait)
            starts = _waits(airflow, services, runs, short_wait)
    launch = f"activate + wait of {wait:.0f} s"
    alone = f"wait of {short_wait:.0f} s"
    note = (
        f"Workers: {runs} runs, LocalExecutor, interval 10 s on both sides; the other of a launch is HttpOperator + "
        'HttpSensor(mode="reschedule", response_check=...). CPU is that of the executor\'s processes and all that they '
        "started, for one launch."
    )
    waits = (
        f"{alone.capitalize()}: `dbt` is DbtCloudJobRunSensor(deferrable=True), `http` is HttpSensor as above, which "
        "needs one worker for each poll."
    )
    return [
        Row(f"{launch}: worker processes", ours[0], http[0], "", "1", ours[0] == 1, note),
        at_most(f"{launch}: CPU of workers", ours[1], http[1], "s", 1 / 5, note),
        Row(
            f"{alone}: worker processes, dbt",
            starts["wait_ours"],
            starts["wait_dbt"],
            "",
            "0",
            starts["wait_ours"] == 0,
            waits,
        ),
        Row(
            f"{alone}: worker processes, http",
            starts["wait_ours"],
            starts["wait_http"],
            "",
            "0",
            starts["wait_ours"] == 0,
            waits,
        ),
    ]


def _launches(airflow: LocalAirflow, services: Endpoints, dag_id: str, runs: int, wait: float) -> tuple[float, float]:
    """Worker processes and their CPU seconds for one run, on average."""
    script: list[tuple[float, str | int]] = [(wait, "active")]
    ids = services.sandbox.add_campaigns(runs, dag_id, script=script, status=0)
    before = worker_cpu(airflow)
    started = [airflow.trigger(dag_id, conf={"campaign_id": campaign_id}) for campaign_id in ids]
    expect_success(airflow, dag_id, started)
    time.sleep(2)
    return _workers(airflow, dag_id) / runs, (worker_cpu(airflow) - before) / runs


def _waits(airflow: LocalAirflow, services: Endpoints, runs: int, wait: float) -> dict[str, float]:
    """Worker processes for one wait, on average, by DAG."""
    ids = services.sandbox.add_campaigns(runs, "Waiting", status=0)
    dags = ("wait_ours", "wait_http", "wait_dbt")
    started = {
        dag_id: [airflow.trigger(dag_id, conf={} if dag_id == "wait_dbt" else {"campaign_id": cid}) for cid in ids]
        for dag_id in dags
    }
    time.sleep(wait)
    services.dbt.finish()
    for campaign_id in ids:
        services.sandbox.set_status(campaign_id, "active")
    for dag_id, run_ids in started.items():
        expect_success(airflow, dag_id, run_ids)
    time.sleep(2)
    return {dag_id: _workers(airflow, dag_id) / runs for dag_id in dags}


def expect_success(airflow: LocalAirflow, dag_id: str, run_ids: list[str]) -> None:
    """
    Wait for the end of runs, and say which of them failed.

    :param airflow: where they run.
    :param dag_id: their DAG.
    :param run_ids: the runs.
    """
    states = [airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT) for run_id in run_ids]
    if set(states) != {"success"}:
        # Airflow may fail a task that it queues again within seconds; such a run has still cost what it cost.
        tasks = [task for run_id in run_ids for task in airflow.task_instances(dag_id, run_id)]
        print(f"{dag_id}: {states} {tasks}")


def _workers(airflow: LocalAirflow, dag_id: str) -> int:
    return "".join(_HANDED_OVER.findall(airflow.log("scheduler"))).count(f"<TaskInstance: {dag_id}.")


def worker_cpu(airflow: LocalAirflow) -> float:
    """
    CPU seconds of the executor's processes, which are the scheduler's children, and of all they have started.

    :param airflow: where they run.
    """
    total = 0.0
    for worker in psutil.Process(airflow.pid("scheduler")).children():
        # A worker collects a task's process only when it has the next task: until then that one counts by itself.
        for process in (worker, *worker.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
