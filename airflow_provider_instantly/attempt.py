"""
Whose campaign it is: the attempt of a task that waits for it may pause it when it is killed, and no other.

The attempt leaves its number in an XCom. Airflow removes it when another attempt begins, and the trigger withdraws it
when it sends the task on. So a worker or a triggerer that stood still for a while, and wakes up when another has taken
over, finds that the campaign is no longer its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus

if TYPE_CHECKING:
    from airflow_provider_instantly.api.campaign import Campaign

#: Where it is; the value is the number of the try, or None when its wait is over.
XCOM_KEY: Final = "instantly_waiting_attempt"
_DONE: Final = STOPPED_STATUSES | {CampaignStatus.PAUSED, CampaignStatus.COMPLETED}


def can_be_paused(campaign: Campaign) -> bool:
    """
    Whether a campaign that was activated may still send; right after it, it may be shown as it was before.

    :param campaign: as it was just read.
    """
    return campaign.status not in _DONE


def claim(ti: Any) -> None:
    """
    Note on the worker that this attempt waits for the campaign.

    :param ti: the task instance.
    """
    ti.xcom_push(XCOM_KEY, ti.try_number)


def is_own(ti: Any) -> bool:
    """
    Whether the campaign is still this attempt's, asked on the worker.

    :param ti: the task instance.
    """
    found: Any = ti.xcom_pull(task_ids=ti.task_id, key=XCOM_KEY, map_indexes=ti.map_index)
    return bool(found == ti.try_number)


async def ais_own(ti: Any) -> bool:
    """
    The same, asked in the triggerer.

    :param ti: the trigger's task instance.
    """
    found: Any = await XCom.aget_one(
        key=XCOM_KEY, dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index
    )
    return bool(found == ti.try_number)
