"""`CampaignLink`: that it is a DAG's own button. What it stores is tested with `test_stored.py`."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_instantly.links.campaign import CampaignLink
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

CAMPAIGN_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5e"


@pytest.mark.parametrize("task_class", [ActivateCampaignOperator, CampaignStatusSensor])
def test_the_link_survives_the_serialization_of_a_dag(task_class: Any) -> None:
    from airflow.providers.common.compat.sdk import DAG
    from airflow.serialization import serialized_objects

    # Airflow below 3.2 knows the older name.
    Serialization: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG  # type: ignore[attr-defined]  # noqa: N806
    with DAG("with_a_link", schedule=None) as dag:
        task_class(task_id="a_task", campaign_id=CAMPAIGN_ID)
    restored = Serialization.from_dict(Serialization.to_dict(dag)).get_task("a_task")

    [link] = restored.operator_extra_links
    assert link.name == "Campaign in Instantly"
    assert getattr(link, "xcom_key", CampaignLink.XCOM_KEY) == CampaignLink.XCOM_KEY
    assert restored.extra_links == ["Campaign in Instantly"]
