"""
A person approves a launch, with what the check found before them.

It needs Airflow 3.1 or later, which asks under *Required actions*. No answer within a day is no launch. The campaign is
checked once more right before its launch.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator

# Older Airflows ask no one.
if AIRFLOW_V_3_1_PLUS:
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    with DAG(
        dag_id="instantly_approval",
        schedule=None,
        params={"campaign_id": Param(title="Campaign", type="string", description="The UUID of the campaign.")},
        doc_md=__doc__,
        tags=["instantly"],
    ):
        check = CheckCampaignOperator(
            task_id="check",
            campaign_id="{{ params.campaign_id }}",
            # What was found is for the person to decide; what could not be read, too.
            fail_on=[],
        )
        approve = ApprovalOperator(
            task_id="approve",
            subject="Launch {{ ti.xcom_pull(task_ids='check')['name'] }}?",
            body="{{ ti.xcom_pull(task_ids='check')['markdown'] }}",
            # No answer is no launch.
            response_timeout=timedelta(days=1),
        )
        launch = ActivateCampaignOperator(
            task_id="launch",
            campaign_id="{{ params.campaign_id }}",
            # Hours may lie between the check and the approval, so it is checked again right before the launch.
            preflight=True,
        )
        check >> approve >> launch
