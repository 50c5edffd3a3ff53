"""A table's people as leads of a campaign: our operator, and `HttpOperator` mapped over chunks, as one writes it."""

from __future__ import annotations

import json

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator
from benchmarks.lead_sides import CHUNK, DATABASE, HTTP, INSTANTLY, SQL, VARIABLES, body

CAMPAIGN = "{{ params.campaign_id }}"

with DAG(dag_id="upload_ours", schedule=None, params={"campaign_id": ""}):
    SqlToInstantlyLeadsOperator(
        task_id="upload",
        campaign_id=CAMPAIGN,
        sql=SQL,
        sql_conn_id=DATABASE,
        custom_variables=VARIABLES,
        chunk_size=CHUNK,
        instantly_conn_id=INSTANTLY,
    )

with DAG(dag_id="upload_http", schedule=None, params={"campaign_id": ""}):

    @task
    def bodies(campaign_id: str) -> list[str]:
        """The body of each request, for one task each."""
        with PostgresHook(DATABASE).get_conn() as connection:
            cursor = connection.cursor("people")
            cursor.execute(SQL)
            chunks: list[str] = []
            while rows := cursor.fetchmany(CHUNK):
                names = [column[0] for column in cursor.description or ()]
                chunks.append(json.dumps(body(campaign_id, [dict(zip(names, row, strict=True)) for row in rows])))
        return chunks

    HttpOperator.partial(
        task_id="upload",
        http_conn_id=HTTP,
        endpoint="/api/v2/leads/add",
        headers={"Content-Type": "application/json"},
    ).expand(data=bodies(CAMPAIGN))
