"""
Launch the campaigns of many clients, each in a task of its own: one that fails holds up no other.

The grid names each task after its campaign. How many launch at once is the number of slots of the pool that
`INSTANTLY_CLIENTS_POOL` names.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator

# How many launch at once is the number of slots of the pool. Campaigns that are waited for take none.
POOL = os.environ.get("INSTANTLY_CLIENTS_POOL", "default_pool")
STABLE_FOR = float(os.environ.get("INSTANTLY_LAUNCH_STABLE_FOR", 15 * 60))
POLL_INTERVAL = float(os.environ.get("INSTANTLY_LAUNCH_POKE_INTERVAL", 60))

with DAG(
    dag_id="instantly_clients",
    schedule=None,
    params={
        "campaign_ids": Param([], title="Campaigns", type="array", description="The UUIDs of the clients' campaigns.")
    },
    doc_md=__doc__,
    tags=["instantly"],
):

    @task
    def clients(params: Any = None) -> list[str]:
        """Name each campaign once. What knows your clients stands here."""
        return sorted(set(params["campaign_ids"]))

    ActivateCampaignOperator.partial(
        task_id="launch",
        map_index_template="{{ task.campaign_id }}",
        pool=POOL,
        wait_for_active=True,
        stable_for=STABLE_FOR,
        poll_interval=POLL_INTERVAL,
        timeout=60 * 60,
        deferrable=True,
        # Each try reads its campaign first, so that what runs is not launched again.
        retries=2,
    ).expand(campaign_id=clients())
