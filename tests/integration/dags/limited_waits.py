"""Waits that Airflow holds to one at a time: by a pool that counts deferred tasks, and by the task's own limit."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

NO_CAMPAIGN = "00000000-0000-4000-8000-000000000000"
IDS = {"campaign_ids": Param([NO_CAMPAIGN] * 3, type="array")}


def sensor(number: int, **limits: Any) -> CampaignStatusSensor:
    return CampaignStatusSensor(
        task_id=f"wait_{number}",
        campaign_id=f"{{{{ params.campaign_ids[{number}] }}}}",
        poke_interval=1,
        timeout=90,
        deferrable=True,
        **limits,
    )


with DAG(dag_id="waits_in_a_pool", schedule=None, params=IDS):
    for each in range(3):
        sensor(each, pool="one_at_a_time")

with DAG(dag_id="waits_one_in_a_dag", schedule=None, params=IDS):
    sensor(0, max_active_tis_per_dag=1)
