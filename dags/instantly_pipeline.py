"""
Each night, new people of a table become leads of a campaign, which is checked and launched before it writes to them.

It needs the extra `sql`, the Airflow Variable `instantly_campaign_id`, the connection `instantly_default`, and one to
your warehouse, which has a table `audience`. `INSTANTLY_WAREHOUSE_CONN_ID` names the latter; without, it is
`warehouse`. The DAG is paused at first. A run by hand may be for another campaign.

From the second night on the campaign runs, and to add leads to it would be to send. So it is paused, gets its leads, is
checked, and resumed. What a person or a guard has paused, and what Instantly has stopped, is left alone: the run fails.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Param, task

from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator, PauseCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator

STABLE_FOR = float(os.environ.get("INSTANTLY_LAUNCH_STABLE_FOR", 15 * 60))
POLL_INTERVAL = float(os.environ.get("INSTANTLY_LAUNCH_POKE_INTERVAL", 60))
# A parameter of a statement is %(name)s for PostgreSQL and MySQL, and :name for SQLite.
PEOPLE = os.environ.get(
    "INSTANTLY_PIPELINE_SQL",
    "SELECT email, first_name, company FROM audience WHERE campaign_id = %(campaign_id)s",
)
CAMPAIGN_ID = "{{ params.campaign_id or var.value.instantly_campaign_id }}"

with DAG(
    dag_id="instantly_pipeline",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,  # switch it on once its connections and the Variable are there
    params={
        "campaign_id": Param(
            None,
            title="Campaign",
            type=["null", "string"],
            description="Its UUID; without one, it is that of the Variable instantly_campaign_id.",
        ),
    },
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["instantly"],
):
    # A Draft is left as it is.
    pause = PauseCampaignOperator(task_id="pause", campaign_id=CAMPAIGN_ID)

    @task
    def may_go_on(paused: dict[str, Any]) -> None:
        """Go on with a Draft, and with what this run has paused. Whether anything else goes on, a person decides."""
        if paused["paused"] or paused["status"] == CampaignStatus.DRAFT:
            return
        if paused["status"] == CampaignStatus.COMPLETED:
            to_do = (
                "Name the next one in the Variable instantly_campaign_id and clear the task pause, or in a run by hand."
            )
        else:
            to_do = "If it is to go on, resume it in Instantly, and clear the task pause."
        raise AirflowFailException(
            f"Campaign {paused['id']} was {paused['status_name']} already. No one was added, and it was left as it "
            f"is. {to_do}"
        )

    add_leads = SqlToInstantlyLeadsOperator(
        task_id="add_leads",
        sql=PEOPLE,
        parameters={"campaign_id": CAMPAIGN_ID},
        sql_conn_id=os.environ.get("INSTANTLY_WAREHOUSE_CONN_ID", "warehouse"),
        campaign_id=CAMPAIGN_ID,
        fields={"company_name": "company"},
        # A few rows without a good address are no reason to launch nothing; their numbers are in the log.
        max_rejected=0.05,
        # No two runs add to one campaign at the same moment.
        max_active_tis_per_dag=1,
    )
    # If it fails, the campaign stays paused: correct what was found, and clear this task.
    check = CheckCampaignOperator(task_id="check", campaign_id=CAMPAIGN_ID)
    launch = ActivateCampaignOperator(
        task_id="launch",
        campaign_id=CAMPAIGN_ID,
        wait_for_active=True,
        stable_for=STABLE_FOR,
        poll_interval=POLL_INTERVAL,
        timeout=60 * 60,
        deferrable=True,
    )
    may_go_on(pause.output) >> add_leads >> check >> launch
