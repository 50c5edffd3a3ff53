"""DAGs for the tests that kill parts of Airflow, stop tasks by hand, or look for secrets: one launch, or one wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from local_airflow.configuration import AIRFLOW_3

PARAMS = {"campaign_id": "", "conn_id": "instantly_default"}
SHARED: dict[str, Any] = {
    "campaign_id": "{{ params.campaign_id }}",
    "instantly_conn_id": "{{ params.conn_id }}",
    "retry_delay": timedelta(seconds=1),
    "retry_exponential_backoff": False,
}


def describe(context: Any) -> None:
    """Log all that the task and its context hold, as OpenLineage and error trackers serialise them."""
    task = context["task"]
    print("All that the task holds:", str(task), repr(task), vars(task), repr(dict(context)))


with DAG("launch", schedule=None, params=PARAMS):
    # Enough to outlast a minute without Instantly, since the pauses between the tries are so short here.
    ActivateCampaignOperator(task_id="launch", retries=20, **SHARED)

with DAG("launch_once", schedule=None, params=PARAMS):
    ActivateCampaignOperator(
        task_id="launch", retries=0, on_success_callback=describe, on_failure_callback=describe, **SHARED
    )

HOLD = 3600
"""Seconds for which a campaign has to stay Active: in the tests, for ever."""
RUN_TIMEOUT = 30
"""Seconds that a run may take whose time is to be over while its launch waits."""
FAIL_FAST: dict[str, Any] = {"fail_fast" if AIRFLOW_3 else "fail_stop": True}


def launch_and_wait(stable_for: float = HOLD, **more: Any) -> None:
    """The task that launches a campaign and waits for it."""
    ActivateCampaignOperator(
        task_id="launch",
        wait_for_active=True,
        poll_interval=0.5,
        stable_for=stable_for,
        timeout=2 * HOLD if stable_for else 300,
        retries=2,
        **more,
        **SHARED,
    )


for deferrable in (False, True):
    where = "triggerer" if deferrable else "worker"
    for pause_on_kill in (False, True):
        kind = f"in_{where}{'_or_pause' if pause_on_kill else ''}"
        how: dict[str, Any] = {"deferrable": deferrable, "pause_on_kill": pause_on_kill}
        with DAG(f"launch_and_wait_{kind}", schedule=None, params=PARAMS):
            launch_and_wait(0, **how)
        with DAG(f"launch_and_hold_{kind}", schedule=None, params=PARAMS):
            launch_and_wait(**how)
        with DAG(
            f"launch_and_time_out_{kind}", schedule=None, params=PARAMS, dagrun_timeout=timedelta(seconds=RUN_TIMEOUT)
        ):
            launch_and_wait(**how)
        with DAG(f"launch_and_fail_fast_{kind}", schedule=None, params={**PARAMS, "other_id": ""}, **FAIL_FAST):
            launch_and_wait(**how)
            CampaignStatusSensor(
                task_id="other", poke_interval=1, timeout=300, **{**SHARED, "campaign_id": "{{ params.other_id }}"}
            )

with DAG("watch", schedule=None, params=PARAMS):
    for mode in ("poke", "reschedule"):
        CampaignStatusSensor(task_id=mode, mode=mode, poke_interval=2, timeout=300, retries=2, **SHARED)
    CampaignStatusSensor(task_id="deferred", deferrable=True, poke_interval=0.5, timeout=300, retries=2, **SHARED)
