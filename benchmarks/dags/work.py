"""The DAGs whose workers are counted: a launch with its wait, or a wait alone, each as one would write it."""

from __future__ import annotations

import json
import os
from typing import Any

from airflow.sdk import DAG

INTERVAL = 10.0
ACTIVE = 1
CAMPAIGN = "{{ params.campaign_id }}"


def is_active(response: Any) -> bool:
    """What a user of the HTTP sensor writes."""
    return bool(response.json()["status"] == ACTIVE)


if os.environ.get("BENCHMARK_WORK"):
    from airflow.providers.dbt.cloud.sensors.dbt import DbtCloudJobRunSensor
    from airflow.providers.http.operators.http import HttpOperator
    from airflow.providers.http.sensors.http import HttpSensor

    from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
    from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

    PARAMS = {"campaign_id": ""}

    with DAG(dag_id="launch_ours", schedule=None, params=PARAMS):
        ActivateCampaignOperator(
            task_id="activate",
            campaign_id=CAMPAIGN,
            wait_for_active=True,
            deferrable=True,
            poll_interval=INTERVAL,
        )

    def http_sensor() -> HttpSensor:
        """The wait with the HTTP provider alone."""
        return HttpSensor(
            task_id="wait",
            http_conn_id="instantly_http",
            endpoint=f"/api/v2/campaigns/{CAMPAIGN}",
            headers=HEADERS,
            response_check=is_active,
            mode="reschedule",
            poke_interval=INTERVAL,
        )

    HEADERS = json.loads(os.environ["BENCHMARK_WORK"])

    with DAG(dag_id="launch_http", schedule=None, params=PARAMS):
        activate = HttpOperator(
            task_id="activate",
            http_conn_id="instantly_http",
            endpoint=f"/api/v2/campaigns/{CAMPAIGN}/activate",
            method="POST",
            data="{}",
            headers=HEADERS,
        )
        activate >> http_sensor()

    with DAG(dag_id="wait_http", schedule=None, params=PARAMS):
        http_sensor()

    with DAG(dag_id="wait_ours", schedule=None, params=PARAMS):
        CampaignStatusSensor(task_id="wait", campaign_id=CAMPAIGN, deferrable=True, poke_interval=INTERVAL)

    with DAG(dag_id="wait_dbt", schedule=None):
        DbtCloudJobRunSensor(task_id="wait", run_id=1, deferrable=True, poke_interval=INTERVAL)
