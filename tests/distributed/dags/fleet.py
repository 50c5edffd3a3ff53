"""The DAG of the distributed test: each campaign is filled, checked, launched and watched; one sensor watches all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task, task_group

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

#: The pool of all that talks to Instantly from a worker.
POOL = "instantly"
PATIENCE = 2 * 60 * 60

with DAG(
    "fleet",
    schedule=None,
    params={
        "campaigns": Param([], type="array", description="Of each campaign: campaign_id, and the path of its people."),
        "campaign_ids": Param([], type="array"),
    },
    max_active_tasks=64,
    default_args={
        # What dies takes the try of its tasks along.
        "retries": 6,
        "retry_delay": timedelta(seconds=5),
        "retry_exponential_backoff": False,
        # A campaign goes its way to the end before the next begins.
        "weight_rule": "upstream",
    },
):

    @task
    def campaigns(params: Any = None) -> list[dict[str, str]]:
        """Name each campaign once."""
        found: list[dict[str, str]] = params["campaigns"]
        return found

    @task_group
    def campaign(campaign_id: Any, path: Any) -> None:
        """From a file of people to a campaign that runs."""
        add_leads = AddLeadsOperator(task_id="add_leads", campaign_id=campaign_id, path=path, pool=POOL)
        check = CheckCampaignOperator(task_id="check", campaign_id=campaign_id, pool=POOL)
        launch = ActivateCampaignOperator(task_id="launch", campaign_id=campaign_id, pool=POOL)
        watch = CampaignStatusSensor(
            task_id="watch",
            campaign_id=campaign_id,
            stable_for=30,
            poke_interval=10,
            timeout=PATIENCE,
        )
        add_leads >> check >> launch >> watch

    group: Any = campaign
    group.expand_kwargs(campaigns())

    CampaignStatusSensor(
        task_id="watch_all",
        campaign_id="{{ params.campaign_ids }}",
        fail_fast=False,
        stable_for=30,
        poke_interval=10,
        timeout=PATIENCE,
    )
