"""The DAGs that are measured; the environment variable ``BENCHMARK_DAGS`` says which."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

if TYPE_CHECKING:
    from collections.abc import Callable


def ours(index: int, **more: Any) -> None:
    """A sensor as one would write it: its campaign comes with the run."""
    CampaignStatusSensor(
        task_id=f"wait_{index}",
        campaign_id=f"{{{{ params.campaign_ids[{index}] }}}}",
        deferrable=True,
        poke_interval=INTERVAL,
        timeout=6 * 3600,
        **more,
    )


def ours_without_xcom(index: int) -> None:
    """The same, without a result: its end is all that counts."""
    ours(index, do_xcom_push=False)


def ours_on_worker(index: int) -> None:
    """The same, begun on a worker."""
    ours(index, start_from_trigger=False)


def ours_started(index: int) -> None:
    """The same, begun in the triggerer whatever the size of the DAG."""
    ours(index, start_from_trigger=True)


def ours_fleet(index: int) -> None:
    """One sensor for all campaigns of the run."""
    CampaignStatusSensor(
        task_id=f"wait_{index}",
        campaign_id=CAMPAIGN_IDS,
        deferrable=True,
        poke_interval=INTERVAL,
        timeout=6 * 3600,
    )


def ours_mapped(index: int) -> None:
    """One mapped sensor for each campaign."""
    CampaignStatusSensor.partial(
        task_id=f"wait_{index}", deferrable=True, poke_interval=INTERVAL, timeout=6 * 3600
    ).expand(campaign_id=CAMPAIGN_IDS)


def dbt(index: int) -> None:
    """The sensor of dbt Cloud."""
    from airflow.providers.dbt.cloud.sensors.dbt import DbtCloudJobRunSensor

    DbtCloudJobRunSensor(
        task_id=f"wait_{index}",
        run_id=index + 1,
        deferrable=True,
        poke_interval=INTERVAL,
        timeout=6 * 3600,
    )


def bare(index: int, **more: Any) -> None:
    """A sensor that does nothing: in place of its campaign stands the moment at which it ends."""
    from benchmarks.bare_wait import BareSensor

    moment = f"{{{{ params.campaign_ids[{index}] }}}}"
    BareSensor(task_id=f"wait_{index}", moment=moment, **{"do_xcom_push": False, **more})


def bare_with_xcom(index: int) -> None:
    """The same, which pushes an XCom at its end."""
    bare(index, do_xcom_push=True)


def bare_on_worker(index: int) -> None:
    """The same without an XCom, begun on a worker."""
    bare(index, start_from_trigger=False)


KINDS: dict[str, Callable[[int], None]] = {
    each.__name__: each
    for each in (
        *(ours, ours_without_xcom, ours_on_worker, ours_started, ours_fleet, ours_mapped),
        *(dbt, bare, bare_with_xcom, bare_on_worker),
    )
}

for wanted in json.loads(os.environ.get("BENCHMARK_DAGS", "[]")):
    INTERVAL = wanted["interval"]
    CAMPAIGN_IDS = wanted.get("campaign_ids", [])
    with DAG(dag_id=wanted["dag_id"], schedule=None, params={"campaign_ids": []}) as dag:
        for number in range(wanted["tasks"]):
            KINDS[wanted["kind"]](number)
    globals()[wanted["dag_id"]] = dag
