"""A table's people as leads of a campaign: our operator, and `HttpOperator` mapped over chunks, as one writes it."""

from __future__ import annotations

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, task

from benchmarks.lead_sides import HTTP_ARGUMENTS, bodies, our_operator

CAMPAIGN = "{{ params.campaign_id }}"

with DAG(dag_id="upload_ours", schedule=None, params={"campaign_id": ""}):
    our_operator(CAMPAIGN)

with DAG(dag_id="upload_http", schedule=None, params={"campaign_id": ""}):

    @task
    def chunks(campaign_id: str) -> list[str]:
        """The body of each request, for one task each."""
        return list(bodies(campaign_id))

    HttpOperator.partial(task_id="upload", **HTTP_ARGUMENTS).expand(data=chunks(CAMPAIGN))
