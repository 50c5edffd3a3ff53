"""
Upload a table with tasks of a real Airflow: one task of ours, beside `HttpOperator` mapped over chunks of the table.

What it costs when each task has a process of its own, as tasks have.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import make_url

from benchmarks.endpoints import endpoints
from benchmarks.lead_sides import CHUNK, DATABASE
from benchmarks.lead_upload import leads_of, table_of
from benchmarks.row import Row, at_most
from benchmarks.workers import expect_success, worker_cpu
from local_airflow.postgres import Postgres
from local_airflow.standalone import LocalAirflow

if TYPE_CHECKING:
    from benchmarks.endpoints import Endpoints

ROWS: Final = 20_000
_SETTLING: Final = 2.0
"""Seconds after a run until its processes are gone, and their CPU time counts."""


def run(rows: int = ROWS) -> list[Row]:
    """
    Measure both in one Airflow, one after the other.

    :param rows: how many rows the table has.
    """
    with Postgres() as postgres, endpoints(latency=0) as services:
        url = make_url(table_of(postgres, rows))
        table = {
            "conn_type": "postgres",
            "host": url.host,
            "port": url.port,
            "login": url.username,
            "password": url.password,
            "schema": url.database,
        }
        with LocalAirflow(
            Path(__file__).parent / "upload_dags",
            connections={**services.connections, DATABASE: table},
            variables={**services.variables, "PYTHONPATH": str(Path(__file__).parents[1])},
        ) as airflow:
            ours, http = (_cost(airflow, services, dag_id, rows) for dag_id in ("upload_ours", "upload_http"))
    what = f"upload of {rows:,} leads by tasks"
    note = (
        f"{what.capitalize()}: a real Airflow with LocalExecutor; the other is `HttpOperator` mapped over requests of "
        f"{CHUNK:,} leads, whose bodies another task makes. CPU is that of the executor's processes and all that they "
        "started."
    )
    return [at_most(f"{what}: CPU per 1,000, beside HttpOperator", ours, http, "ms", 1, note)]


def _cost(airflow: LocalAirflow, services: Endpoints, dag_id: str, rows: int) -> float:
    """
    CPU milliseconds of the workers for 1,000 rows.

    :raises RuntimeError: if not all are there at the end.
    """
    campaign_id = services.sandbox.add_campaign(dag_id, status=0)
    before = worker_cpu(airflow)
    expect_success(airflow, dag_id, [airflow.trigger(dag_id, conf={"campaign_id": campaign_id})])
    time.sleep(_SETTLING)
    there = leads_of(services, campaign_id)
    if there != rows:
        raise RuntimeError(f"{dag_id}: {there:,} of {rows:,} leads are in the campaign.")
    return (worker_cpu(airflow) - before) / rows * 1e6
