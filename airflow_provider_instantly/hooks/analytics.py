"""The hook's calls about the figures of campaigns. They tell what was sent, and never how a campaign stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.analytics import CampaignAnalytics, PartAnalytics
from airflow_provider_instantly.api.batches import batches
from airflow_provider_instantly.api.campaign import check_campaign_id
from airflow_provider_instantly.api.errors import ASK_INSTANTLY
from airflow_provider_instantly.api.protocol import ask_array, not_believed
from airflow_provider_instantly.hooks.calls import Calls, several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_instantly.api.protocol import Conversation, Request

#: Campaigns whose figures one request asks for: each id takes 41 characters of an address that may not be too long.
AT_ONCE: Final = 100


class AnalyticsCalls(Calls):
    """Reads the figures of campaigns."""

    def get_campaign_analytics(
        self, campaign_ids: Iterable[str], *, start_date: str | None = None, end_date: str | None = None
    ) -> dict[str, CampaignAnalytics]:
        """
        Read the figures of campaigns. One that never sent has none, and is missing.

        :param campaign_ids: their UUIDs; none means all campaigns of the workspace.
        :param start_date: only from the midnight, UTC, of this day on (``YYYY-MM-DD``).
        :param end_date: only up to the midnight, UTC, at which this day begins.
        :return: the figures, by the campaign's id.
        :raises ValueError: if an id is no UUID, or campaign_ids is one text.
        :raises InstantlyError: if they could not be read.
        """
        return self.drive(_figures(campaign_ids, start_date, end_date))

    async def aget_campaign_analytics(
        self, campaign_ids: Iterable[str], *, start_date: str | None = None, end_date: str | None = None
    ) -> dict[str, CampaignAnalytics]:
        """Async twin of `get_campaign_analytics`."""
        return await self.adrive(_figures(campaign_ids, start_date, end_date))

    def get_daily_analytics(
        self, campaign_id: str, *, start_date: str | None = None, end_date: str | None = None
    ) -> list[PartAnalytics]:
        """
        Read a campaign's figures of each day.

        :param campaign_id: its UUID.
        :param start_date: see `get_campaign_analytics`.
        :param end_date: see `get_campaign_analytics`.
        :raises ValueError: if the id is no UUID.
        :raises InstantlyError: if they could not be read.
        """
        return self.drive(_parts(operations.get_daily_campaign_analytics, campaign_id, start_date, end_date))

    async def aget_daily_analytics(
        self, campaign_id: str, *, start_date: str | None = None, end_date: str | None = None
    ) -> list[PartAnalytics]:
        """Async twin of `get_daily_analytics`."""
        return await self.adrive(_parts(operations.get_daily_campaign_analytics, campaign_id, start_date, end_date))

    def get_step_analytics(
        self, campaign_id: str, *, start_date: str | None = None, end_date: str | None = None
    ) -> list[PartAnalytics]:
        """
        Read a campaign's figures of each step and variant.

        :param campaign_id: its UUID.
        :param start_date: see `get_campaign_analytics`.
        :param end_date: see `get_campaign_analytics`.
        :raises ValueError: if the id is no UUID.
        :raises InstantlyError: if they could not be read.
        """
        return self.drive(_parts(operations.get_step_campaign_analytics, campaign_id, start_date, end_date))

    async def aget_step_analytics(
        self, campaign_id: str, *, start_date: str | None = None, end_date: str | None = None
    ) -> list[PartAnalytics]:
        """Async twin of `get_step_analytics`."""
        return await self.adrive(_parts(operations.get_step_campaign_analytics, campaign_id, start_date, end_date))


def _figures(
    campaign_ids: Iterable[str], start_date: str | None, end_date: str | None
) -> Conversation[dict[str, CampaignAnalytics]]:
    ids = list(dict.fromkeys(map(check_campaign_id, several("campaign_ids", campaign_ids))))
    found: dict[str, CampaignAnalytics] = {}
    # Without ids, one request asks for all campaigns.
    for asked in batches(ids, AT_ONCE) if ids else [ids]:
        request = operations.get_campaign_analytics(asked, start_date=start_date, end_date=end_date)
        for figures in map(CampaignAnalytics.from_api, (yield from ask_array(request))):
            if found.get(figures.campaign_id, figures) != figures:
                raise not_believed(
                    request,
                    f"Instantly answered with figures of campaign {figures.campaign_id} that contradict each other, so "
                    "nothing is concluded from them.",
                    advice=ASK_INSTANTLY,
                )
            found[figures.campaign_id] = figures
    return found


def _parts(
    operation: Callable[..., Request], campaign_id: str, start_date: str | None, end_date: str | None
) -> Conversation[list[PartAnalytics]]:
    request = operation(check_campaign_id(campaign_id), start_date=start_date, end_date=end_date)
    return list(map(PartAnalytics.from_api, (yield from ask_array(request))))
