"""The tasks of stories with guards, as operators, and the notifier as Airflow calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.notifications.campaign import PauseCampaignNotifier
from airflow_provider_instantly.operators.analytics import CampaignAnalyticsOperator
from airflow_provider_instantly.operators.campaign import PauseCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from tests.model.guards_schedule import BrakePlan, CheckPlan, FillPlan, GuardPlan, PausePlan
from tests.model.guards_stage import address

if TYPE_CHECKING:
    from tests.model.stage import Stage


def guard_task(stage: Stage, plan: PausePlan | GuardPlan | FillPlan | CheckPlan) -> Any:
    """
    The operator of a plan.

    :param stage: the story's world.
    :param plan: the plan.
    """
    first = stage.campaign_ids[0]
    match plan:
        case PausePlan():
            return PauseCampaignOperator(task_id="a_task", campaign_id=first, pause_drafts=plan.pause_drafts)
        case FillPlan():
            return AddLeadsOperator(
                task_id="a_task",
                campaign_id=first,
                rows=[{"email": address(n, "bounce" if n in plan.bouncing else "")} for n in plan.rows],
                chunk_size=plan.chunk_size,
            )
        case CheckPlan():
            return CheckCampaignOperator(task_id="a_task", campaign_id=first, fail_on=["error"])
        case GuardPlan():
            return CampaignAnalyticsOperator(
                task_id="a_task",
                campaign_id=stage.campaign_ids[: plan.campaigns] if plan.campaigns > 1 else first,
                max_bounce_rate=plan.max_bounce_rate,
                max_unsubscribe_rate=plan.max_unsubscribe_rate,
                min_reply_rate=plan.min_reply_rate,
                min_contacted=plan.min_contacted,
                min_sent=plan.min_sent,
                confidence=plan.confidence,
                on_breach=plan.on_breach,
            )


def brake(stage: Stage, plan: BrakePlan) -> PauseCampaignNotifier:
    """
    The notifier of a plan.

    :param stage: the story's world.
    :param plan: the plan.
    """
    return PauseCampaignNotifier(
        campaign_id=stage.campaign_ids[: plan.campaigns] if plan.campaigns > 1 else stage.campaign_ids[0],
        pause_drafts=plan.pause_drafts,
    )
