"""One sensor for each way of waiting and each time limit, on a campaign that never arrives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
LIMITS: dict[str, dict[str, Any]] = {
    "timeout": {"timeout": 12},
    "execution_timeout": {"timeout": 300, "execution_timeout": timedelta(seconds=12)},
}

with DAG(
    "time_limits",
    schedule=None,
    params={"campaign_id": Param("", type="string")},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=1), "poke_interval": 11},
):
    for mode, waits in MODES.items():
        for limit, ends in LIMITS.items():
            if (mode, limit) == ("reschedule", "execution_timeout"):
                # It counts for each poll alone, so the timeout ends the wait, although it is longer.
                ends = {"timeout": 27, "execution_timeout": timedelta(seconds=20)}
            for soft in (False, True):
                CampaignStatusSensor(
                    task_id=f"{mode}_{limit}{'_soft' if soft else ''}",
                    campaign_id="{{ params.campaign_id }}",
                    soft_fail=soft,
                    **waits,
                    **ends,
                )
