"""What operators of one campaign share: which one it is, its link, what they return, and whom they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_instantly import validation
from airflow_provider_instantly.assets.events import announce
from airflow_provider_instantly.exceptions import refused
from airflow_provider_instantly.links.campaign import CampaignLink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.hooks.instantly import InstantlyHook

#: What a task returns and its asset events say, too, so that who follows them need not read the campaign first.
_ANNOUNCED: Final = ("name", "status", "status_name", "url", "launched", "paused", "verdict")


class SingleCampaignOperator(BaseOperator):
    """
    A task about one campaign, whose classes say what becomes of it.

    :param campaign_id: the UUID of the campaign, as text or as a ``uuid.UUID``; a template, an XCom. (templated)
    :param instantly_conn_id: the id of the Airflow connection. (templated)
    """

    template_fields: Sequence[str] = ("campaign_id", "instantly_conn_id")
    operator_extra_links = (CampaignLink(),)
    ui_color = "#dfeeff"
    #: What is raised, without a retry, where a template renders to what is no campaign's id.
    refusal: ClassVar[type[AirflowFailException]] = AirflowFailException
    #: Whether the task changes the campaign; else it only reads it.
    changes_campaign: ClassVar[bool] = True
    #: What it returns, once that is known; where it fails, as much of it as it has found out.
    _returned: dict[str, Any] | None = None

    def __init__(
        self, *, campaign_id: validation.CampaignId, instantly_conn_id: str = "instantly_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        validation.check_campaign_ids_early("campaign_id", campaign_id, many=False)
        self.campaign_id = validation.plain_campaign_ids(campaign_id)
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", instantly_conn_id)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        What this task is to OpenLineage, which calls this when it has succeeded or failed.

        :param task_instance: the task instance.
        """
        from airflow_provider_instantly.observability.lineage import of_campaign

        return of_campaign(self.campaign_id, self._returned, changes=self.changes_campaign)

    def _checked_campaign_id(self) -> str:
        try:
            return validation.campaign_ids("campaign_id", self.campaign_id, many=False)[0]
        except ValueError as error:
            raise refused(self.refusal, error) from None

    def _link(self, context: Context, hook: InstantlyHook, campaign_id: str) -> str:
        """Push the link's address as soon as the campaign is known, and return it."""
        url = hook.campaign_page(campaign_id)
        CampaignLink.persist(context, url)
        return url

    def _summary(self, campaign: Campaign, url: str) -> dict[str, Any]:
        return {
            "id": campaign.id,
            "name": campaign.shown_name,
            "status": None if campaign.status is None else int(campaign.status),
            "status_name": campaign.status_label,
            "url": url,
        }

    def _done(self, context: Context, summary: dict[str, Any]) -> dict[str, Any]:
        """Tell the DAGs that follow this task's assets which campaign it was, and how it stands."""
        self._returned = summary
        said: dict[str, Any] = {key: summary[key] for key in _ANNOUNCED if key in summary}
        said |= _announced_window(summary)
        announce(context, self.outlets, self.instantly_conn_id, [{"campaign_id": summary["id"], **said}])
        return summary


def _announced_window(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The next sending window of a launch, flat, as events have it."""
    if "next_sending_window" not in summary:
        return {}
    window = summary["next_sending_window"]
    known = window if isinstance(window, dict) else {}
    return {"next_window_opens": known.get("opens"), "next_window_closes": known.get("closes")}
