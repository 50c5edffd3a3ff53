"""The button on a task's page that opens the campaign in Instantly."""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_instantly.links.stored import StoredLink


class CampaignLink(StoredLink):
    """
    Opens the campaign in Instantly.

    A task calls `persist` as soon as it knows its campaign: the link then works while the task is still running.
    """

    name = "Campaign in Instantly"
    XCOM_KEY: ClassVar[str] = "_link_CampaignLink"
