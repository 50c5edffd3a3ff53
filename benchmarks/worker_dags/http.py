"""A launch with its wait, and a wait alone, with the HTTP provider: what one writes who has nothing else."""

from __future__ import annotations

import json
import os
from typing import Any

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import DAG

INTERVAL = 10.0
ACTIVE = 1
PATH = "/api/v2/campaigns/{{ params.campaign_id }}"
HEADERS = json.loads(os.environ.get("BENCHMARK_HEADERS", "{}"))


def is_active(response: Any) -> bool:
    """What a user of the HTTP sensor writes."""
    return bool(response.json()["status"] == ACTIVE)


def sensor() -> HttpSensor:
    """The wait."""
    return HttpSensor(
        task_id="wait",
        http_conn_id="instantly_http",
        endpoint=PATH,
        headers=HEADERS,
        response_check=is_active,
        mode="reschedule",
        poke_interval=INTERVAL,
    )


with DAG(dag_id="launch_http", schedule=None, params={"campaign_id": ""}):
    activate = HttpOperator(
        task_id="activate",
        http_conn_id="instantly_http",
        endpoint=f"{PATH}/activate",
        method="POST",
        data="{}",
        headers=HEADERS,
    )
    activate >> sensor()

with DAG(dag_id="wait_http", schedule=None, params={"campaign_id": ""}):
    sensor()
