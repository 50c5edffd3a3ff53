"""
The red button: pause every campaign of the workspace that may send, and fail if one still does. Run it by hand.

What Instantly itself has stopped is left as it is: paused, a person could resume it unprotected. If there are more than
a thousand campaigns, run it again. Nothing in it waits longer than seconds, and the DAG is switched on from the start.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.operators.campaign import PauseCampaignOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

# All others may send, also those with a status that this release does not know.
NOT_SENDING = STOPPED_STATUSES | {CampaignStatus.DRAFT, CampaignStatus.PAUSED, CampaignStatus.COMPLETED}
# Airflow maps a task at most 1,024 times (core.max_map_length). For more, press the button again.
AT_ONCE = 1_000
# Airflow's own pause before a retry is five minutes. What sends meanwhile cannot be unsent.
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=5)}
SECOND_LOOK_AFTER = 5.0


def sending() -> Iterator[str]:
    """The campaigns of the workspace that may send, as they are listed."""
    with InstantlyHook() as hook:
        yield from (campaign.id for campaign in hook.list_campaigns() if campaign.status not in NOT_SENDING)


with DAG(
    dag_id="instantly_red_button",
    schedule=None,
    is_paused_upon_creation=False,  # a button that has to be switched on first stops nothing
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["instantly"],
):

    @task
    def find() -> list[str]:
        """Which campaigns to pause. If the list breaks off, those that it showed; `confirm` reads it again."""
        found: list[str] = []
        try:
            for campaign_id in sending():
                found.append(campaign_id)
        except InstantlyError as error:
            if not found:
                raise
            print(f"There may be more campaigns than those that are paused now: {error}")
        return list(dict.fromkeys(found))[:AT_ONCE]

    # Each is for itself: what cannot be paused holds up no other.
    paused = PauseCampaignOperator.partial(task_id="pause", map_index_template="{{ task.campaign_id }}").expand(
        campaign_id=find()
    )

    # Also where a pause has failed, and where there was nothing to pause. It looks twice by itself, without a retry:
    # bad news comes within seconds.
    @task(trigger_rule="all_done", retries=0)
    def confirm() -> None:
        """Read the whole workspace again: a campaign may have been launched meanwhile."""
        left: list[str] | None = None
        try:
            left = list(sending())
        except InstantlyError as error:
            print(f"The campaigns could not be listed, so they are listed once more: {error}")
        if left != []:
            time.sleep(SECOND_LOOK_AFTER)
            left = list(sending())
        if left:
            raise RuntimeError(
                f"{len(left):,} campaigns may still send. Run this again, or pause them in Instantly: {left}"
            )
        print("No campaign of the workspace sends.")

    paused >> confirm()
