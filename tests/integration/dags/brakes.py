"""DAGs that break, each with an emergency brake in another place."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_instantly.notifications.campaign import PauseCampaignNotifier

try:
    from airflow import sdk
except ImportError:  # Airflow 2
    sdk = None  # type: ignore[assignment]

#: Airflow < 3.1 has no deadlines.
DEADLINES: Any = sdk if hasattr(sdk, "DeadlineAlert") else None

#: A deadline's templates know nothing of the run's params.
LATE_CAMPAIGN = "5a3d0e5e-0009-4000-8000-000000000001"
BRAKE = PauseCampaignNotifier(campaign_id="{{ params.campaign_id }}")


def params() -> dict[str, Any]:
    """Which campaign, and for how many seconds the task works before it breaks."""
    return {"campaign_id": Param("none", type="string"), "seconds": Param(0, type="number")}


@task
def breaks(params: Any = None) -> None:
    """Work, and break."""
    time.sleep(params["seconds"])
    raise RuntimeError("The warehouse is gone.")


with DAG("brake_of_a_task", schedule=None, params=params(), default_args={"on_failure_callback": BRAKE}):
    breaks()

with DAG("brake_of_a_dag", schedule=None, params=params(), on_failure_callback=BRAKE):
    breaks()

if DEADLINES is not None:
    late = DEADLINES.DeadlineAlert(
        reference=DEADLINES.DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=1),
        callback=DEADLINES.AsyncCallback(PauseCampaignNotifier, {"campaign_id": LATE_CAMPAIGN}),
    )
    with DAG("brake_at_a_deadline", schedule=None, deadline=late):

        @task
        def takes_long() -> None:
            """Be late."""
            time.sleep(5)

        takes_long()
