"""The addresses under which campaigns are assets: ``instantly://campaigns`` and ``instantly://campaigns/<UUID>``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_instantly.api.campaign import check_campaign_id

if TYPE_CHECKING:
    from urllib.parse import SplitResult
    from uuid import UUID

ALL_CAMPAIGNS_URI = "instantly://campaigns"


def campaign_uri(campaign_id: str | UUID) -> str:
    """
    The address of one campaign.

    :param campaign_id: its UUID.
    :raises ValueError: if it is none.
    """
    return f"{ALL_CAMPAIGNS_URI}/{check_campaign_id(campaign_id)}"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Bring an ``instantly://`` address into its one form; Airflow calls this for every such asset.

    :param uri: the address, split.
    :raises ValueError: if it names neither all campaigns nor one.
    """
    campaign_id = uri.path.strip("/")
    if uri.netloc.lower() != "campaigns" or uri.query or uri.fragment:
        raise ValueError(f"An asset of Instantly is {ALL_CAMPAIGNS_URI} or {ALL_CAMPAIGNS_URI}/<UUID of a campaign>.")
    path = f"/{check_campaign_id(campaign_id, 'The path of an instantly:// asset')}" if campaign_id else ""
    return uri._replace(netloc="campaigns", path=path)
