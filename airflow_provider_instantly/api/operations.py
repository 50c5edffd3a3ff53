"""
The operations of the Instantly API V2 that the provider uses, each as a request that states all there is to know of it.

A new operation is one function here, and one call, with its async twin, in the hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_instantly.api.errors import CampaignNotFoundError
from airflow_provider_instantly.api.protocol import PAGE_SIZE, Expected, Request, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable


def get_campaign(campaign_id: str) -> Request:
    """``GET /campaigns/{id}``."""
    return Request(
        "GET",
        _campaign_path(campaign_id),
        only_reads=True,
        scope="campaigns:read",
        resource=_campaign(campaign_id),
        expects=Expected.CAMPAIGN,
        identity=("id",),
    )


def activate_campaign(campaign_id: str) -> Request:
    """``POST /campaigns/{id}/activate``."""
    return _change_campaign(campaign_id, "/activate")


def pause_campaign(campaign_id: str) -> Request:
    """``POST /campaigns/{id}/pause``."""
    return _change_campaign(campaign_id, "/pause")


def get_sending_status(campaign_id: str) -> Request:
    """``GET /campaigns/{id}/sending-status``."""
    return Request(
        "GET",
        f"{_campaign_path(campaign_id)}/sending-status",
        only_reads=True,
        scope="campaigns:read",
        resource=_campaign(campaign_id),
        identity=("diagnostics", "campaign_id"),
    )


def get_workspace() -> Request:
    """``GET /workspaces/current``."""
    return Request(
        "GET", "/workspaces/current", only_reads=True, scope="workspaces:read", resource=Resource("workspace")
    )


def list_campaigns(
    *,
    limit: int = PAGE_SIZE,
    starting_after: str | None = None,
    search: str | None = None,
    tag_ids: Iterable[str] = (),
    status: int | None = None,
    exclude_status: int | None = None,
) -> Request:
    """``GET /campaigns``: one page."""
    wanted = {
        "limit": str(limit),
        "starting_after": starting_after,
        "search": search,
        "tag_ids": ",".join(tag_ids),
        "status": None if status is None else str(int(status)),
        "exclude_status": None if exclude_status is None else str(int(exclude_status)),
    }
    return Request(
        "GET",
        "/campaigns",
        only_reads=True,
        scope="campaigns:read",
        resource=Resource("list of campaigns"),
        expects=Expected.PAGE,
        query=tuple((name, value) for name, value in wanted.items() if value),
    )


def _change_campaign(campaign_id: str, action: str) -> Request:
    """A change of a campaign that takes no body and is answered with the campaign."""
    return Request(
        "POST",
        f"{_campaign_path(campaign_id)}{action}",
        only_reads=False,
        scope="campaigns:update",
        resource=_campaign(campaign_id),
        expects=Expected.CAMPAIGN,
        identity=("id",),
    )


def _campaign(campaign_id: str) -> Resource:
    """On the paths of a campaign that take no body, Instantly answers 400 where 404 is meant."""
    return Resource("campaign", campaign_id, missing=frozenset({400, 404}), not_found=CampaignNotFoundError)


def _campaign_path(campaign_id: str) -> str:
    return f"/campaigns/{quote(campaign_id, safe='')}"
