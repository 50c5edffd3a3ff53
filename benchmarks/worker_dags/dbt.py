"""dbt Cloud's wait, as one would write it."""

from __future__ import annotations

from airflow.providers.dbt.cloud.sensors.dbt import DbtCloudJobRunSensor
from airflow.sdk import DAG

INTERVAL = 10.0

with DAG(dag_id="wait_dbt", schedule=None):
    DbtCloudJobRunSensor(task_id="wait", run_id=1, deferrable=True, poke_interval=INTERVAL)
