"""The button on a task's page that opens the campaign in Instantly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class CampaignLink(BaseOperatorLink):
    """
    Opens the campaign in Instantly.

    The button shows what lies under its XCom key, so a task calls `persist` as soon as it knows its campaign: the
    link then works while the task is still running.
    """

    name = "Campaign in Instantly"
    #: Airflow >= 3.0 looks for the address under this key.
    XCOM_KEY: Final = "_link_CampaignLink"

    @property
    def xcom_key(self) -> str:
        """Where Airflow >= 3.0 looks for the address."""
        return self.XCOM_KEY

    @classmethod
    def persist(cls, context: Any, url: str) -> None:
        """
        Make the button work from now on.

        :param context: the task's context.
        :param url: the campaign's page.
        """
        context["ti"].xcom_push(key=cls.XCOM_KEY, value=url)

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        The address of the button, or an empty string where the task never knew its campaign.

        :param operator: the task's operator.
        :param ti_key: the task instance.
        """
        return XCom.get_value(key=self.XCOM_KEY, ti_key=ti_key) or ""
