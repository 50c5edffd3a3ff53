"""
Wait until many campaigns run, in one task: one request shows a hundred of them. The ids are given with each run.

It launches nothing. It fails when all are decided and some were stopped, and its XCom `campaigns` then says how each
stands.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

with DAG(
    dag_id="instantly_fleet",
    schedule=None,
    # A default that is valid, though of no use, lets Airflow >= 3.3 begin the wait without a worker.
    params={"campaign_ids": Param([], title="Campaigns", type="array", description="The UUIDs of the campaigns.")},
    doc_md=__doc__,
    tags=["instantly"],
):
    CampaignStatusSensor(
        task_id="wait_until_all_are_active",
        campaign_id="{{ params.campaign_ids }}",
        # Hear of all that go wrong, not only of the first.
        fail_fast=False,
        poke_interval=60,
        timeout=6 * 60 * 60,
        deferrable=True,
    )
