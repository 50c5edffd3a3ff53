"""A param without a valid default keeps a wait out of the triggerer: Airflow 3.3.2's triggerer ends over it."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import DAG, Param
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor


@pytest.mark.parametrize(
    ("param", "starts_in_triggerer"),
    [
        (Param("019e18e2-a521-7bb9-9dd6-45f1bc69dcd0", type="string"), True),
        ("", True),
        (Param(type="string"), False),
        (Param(None, type="string"), False),
        (Param(7, type="string"), False),
    ],
    ids=["valid default", "plain default", "required", "default None", "default of a wrong type"],
)
@pytest.mark.parametrize("of", ["dag", "task"])
def test_a_param_without_a_valid_default_keeps_the_wait_on_a_worker(of, param, starts_in_triggerer):
    params = {"campaign_id": param}
    with DAG("d", schedule=None, params=params if of == "dag" else {}):
        sensor = CampaignStatusSensor(
            task_id="wait",
            campaign_id="{{ params.campaign_id }}",
            deferrable=True,
            params=params if of == "task" else {},
        )

    assert sensor.start_from_trigger is (starts_in_triggerer and AIRFLOW_V_3_3_PLUS)
    assert (sensor.start_trigger_args is not None) is sensor.start_from_trigger
