"""A thousand deferred sensors on PostgreSQL outlive the triggerer's death, and a second triggerer takes its share."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_instantly.sandbox.client import running_sandbox
from benchmarks.triggerer import long_steps, noting_steps
from local_airflow.configuration import environment
from local_airflow.processes import ProcessGuard
from local_airflow.standalone import LocalAirflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local_airflow.postgres import Postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="below 3.3 a wait needs a worker, a thousand of them hours"),
]

DAGS = Path(__file__).parents[2] / "benchmarks" / "dags"
TASKS = 10
RUNS = int(os.environ.get("THOUSAND_WAITS_RUNS", "100"))
PATIENCE = 900.0
"""Seconds for each part of the test; a machine with two cores that does nothing else needs a fifth of it."""
# What becomes of a campaign, and of its task. One of ten campaigns is stopped.
ENDS = {"active": "success", "bounce_protect": "failed", "accounts_unhealthy": "failed"}
SETTINGS = {"core.max_active_runs_per_dag": str(RUNS)}


def test_a_thousand_waits_outlive_the_triggerers_death(postgres: Postgres, tmp_path: Path) -> None:
    noted = tmp_path / "steps"
    dag = {"dag_id": "waits", "kind": "ours", "tasks": TASKS, "interval": 5}
    with running_sandbox("--no-limits", "--latency", "0.05") as sandbox:
        ids = sandbox.add_campaigns(TASKS * RUNS, "Waiting", status=0)
        with LocalAirflow(
            DAGS,
            connections={"instantly_default": json.loads(sandbox.airflow_connection)},
            database_url=postgres.create_database("thousand_waits"),
            settings=SETTINGS,
            variables={"BENCHMARK_DAGS": json.dumps([dag]), **noting_steps(noted)},
        ) as airflow:
            expected: dict[tuple[str, str], str] = {}
            for number in range(RUNS):
                of_run = ids[number * TASKS : (number + 1) * TASKS]
                run_id = airflow.trigger("waits", conf={"campaign_ids": of_run})
                expected |= {(run_id, f"wait_{index}"): cid for index, cid in enumerate(of_run)}
            fates = {cid: _fate(number) for number, cid in enumerate(ids)}
            thirds = ids[::3], ids[1::3], ids[2::3]

            _wait(airflow, lambda: _states(airflow) == {"deferred": len(ids)} and _running(airflow) == len(ids))
            for cid in thirds[0]:
                sandbox.set_status(cid, fates[cid])
            _wait(airflow, lambda: _states(airflow)["success"] > len(thirds[0]) / 4)
            airflow.kill("triggerer")
            for cid in thirds[1]:
                sandbox.set_status(cid, fates[cid])
            with second_triggerer(airflow):
                airflow.restart("triggerer")
                _wait(airflow, lambda: _states(airflow)["deferred"] == len(thirds[2]))
                shares = _shares(airflow)
                for cid in thirds[2]:
                    sandbox.set_status(cid, fates[cid])
                _wait(airflow, lambda: set(_states(airflow)) == {"success", "failed"})

            rows = airflow.query("SELECT run_id, task_id, state, pid FROM task_instance")
            assert {(run, task): state for run, task, state, _ in rows} == {
                key: ENDS[fates[cid]] for key, cid in expected.items()
            }
            assert not [pid for *_, state, pid in rows if state == "success" and pid is not None], "no worker ran"
            [[xcoms]] = airflow.query("SELECT count(*) FROM xcom WHERE key = 'return_value'")
            assert xcoms == sum(fate == "active" for fate in fates.values())
            assert len(shares) == 2, f"two triggerers share the waits: {shares}"
            # In CPU time: this test's processes share the machine's cores, and that blocks no loop.
            assert long_steps(noted) == []


def _fate(number: int) -> str:
    return {3: "bounce_protect", 13: "accounts_unhealthy"}.get(number % 20, "active")


def _states(airflow: LocalAirflow) -> Counter[str]:
    return Counter(dict(airflow.query("SELECT state, count(*) FROM task_instance GROUP BY state")))


def _running(airflow: LocalAirflow) -> int:
    """How many waits say in their logs that they have polled."""
    logs = airflow.configuration.task_logs.rglob("*.trigger.*.log")
    return sum("is Draft" in log.read_text(errors="replace") for log in logs)


def _shares(airflow: LocalAirflow) -> dict[int, int]:
    sql = "SELECT triggerer_id, count(*) FROM trigger WHERE triggerer_id IS NOT NULL GROUP BY triggerer_id"
    return dict(airflow.query(sql))


def _wait(airflow: LocalAirflow, condition: Callable[[], bool]) -> None:
    # Each check reads a thousand rows or logs, so there is a pause after it.
    def is_met() -> bool:
        time.sleep(1)
        return condition()

    airflow.wait_for(is_met, PATIENCE, lambda: f"{_states(airflow)} {_shares(airflow)}")


@contextmanager
def second_triggerer(airflow: LocalAirflow) -> Iterator[None]:
    """Run another triggerer next to the one that belongs to the Airflow."""
    log = airflow.home / "second-triggerer.log"
    command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"]
    with ProcessGuard() as guard:
        guard.start(command, env=environment(airflow.configuration), cwd=airflow.home, log=log)
        yield
