"""
The operations of the Instantly API V2 that the provider uses, each as a request that states all there is to know of it.

A new operation is one function here, and one call, with its async twin, in the hook.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_instantly.api.account import domain_of
from airflow_provider_instantly.api.errors import CampaignNotFoundError
from airflow_provider_instantly.api.lead import as_json
from airflow_provider_instantly.api.protocol import PAGE_SIZE, Expected, Request, Resource
from airflow_provider_instantly.api.redaction import shown_value
from airflow_provider_instantly.api.stray import (
    LEAD_FILTERS,
    stray_account,
    stray_figures,
    stray_lead,
    stray_vitals,
    stray_warmup,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_instantly.api.protocol import Json


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


# Leads


def list_leads(
    place: Mapping[str, str],
    *,
    emails: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    filter: str | None = None,
    limit: int = PAGE_SIZE,
) -> Request:
    """
    ``POST /leads/list``: one page. The service ignores a name that it does not know, and answers with all leads.

    :param place: ``campaign_id`` or ``list_id``. The API calls a campaign ``campaign`` here.
    :param emails: only leads with these addresses.
    :param ids: only these leads.
    :param filter: one of the API's words, such as ``FILTER_VAL_BOUNCED``.
    :param limit: leads on a page; more than 100 are refused.
    :raises ValueError: if the filter is none of these words.
    """
    if filter is not None and filter not in LEAD_FILTERS:
        raise ValueError(
            f"filter must be one of the API's words, such as FILTER_VAL_BOUNCED, not {shown_value(filter)}: Instantly "
            "may ignore a word that it does not know, and list all leads. Nothing was requested."
        )
    wanted = {
        "campaign": place.get("campaign_id"),
        "list_id": place.get("list_id"),
        "contacts": None if emails is None else list(emails),
        "ids": None if ids is None else list(ids),
        "filter": filter,
        "limit": limit,
    }
    return Request(
        "POST",
        "/leads/list",
        only_reads=True,
        scope="leads:read",
        resource=Resource("list of leads"),
        expects=Expected.PAGE,
        stray=partial(
            stray_lead,
            place=place,
            emails=None if emails is None else _in_lower_case(emails),
            ids=None if ids is None else _in_lower_case(ids),
            filter=filter,
        ),
        body={name: value for name, value in wanted.items() if value is not None},
    )


def add_leads(leads: Sequence[Mapping[str, Any]], place: Mapping[str, str], options: Mapping[str, Any]) -> Request:
    """
    ``POST /leads/add``. Leads that are in the campaign or list already are counted, and not added again.

    :param leads: 1 to 1,000 leads, each with the API's own names.
    :param place: ``campaign_id`` or ``list_id``.
    :param options: the API's other parameters.
    """
    return Request(
        "POST",
        "/leads/add",
        only_reads=False,
        scope="leads:create",
        resource=_place(place),
        body={**place, **options},
        written={"leads": f"[{', '.join(map(as_json, leads))}]"},
    )


def delete_leads(ids: Sequence[str], campaign_id: str) -> Request:
    """
    ``DELETE /leads``. Without ids the service would delete all leads of the campaign.

    :param ids: the leads' ids.
    :param campaign_id: their campaign.
    :raises ValueError: if there are no ids.
    """
    if not ids:
        raise ValueError("Name the leads to delete: without ids, Instantly deletes all leads of the campaign.")
    return Request(
        "DELETE",
        "/leads",
        only_reads=False,
        scope="leads:delete",
        resource=_place({"campaign_id": campaign_id}),
        body={"campaign_id": campaign_id, "ids": list(ids)},
    )


def _place(place: Mapping[str, str]) -> Resource:
    """Where leads are. Unlike on a campaign's own path, a 400 is about the leads here, and not about the campaign."""
    ((name, place_id),) = place.items()
    if name == "campaign_id":
        return Resource("campaign", place_id, not_found=CampaignNotFoundError)
    return Resource("list of leads", place_id)


def add_block_list_entries(values: Sequence[str]) -> Request:
    """``POST /block-lists-entries/bulk-create``: 1 to 1,000 addresses and domains; known ones stay as they are."""
    return Request(
        "POST",
        "/block-lists-entries/bulk-create",
        only_reads=False,
        scope="block_list_entries:create",
        resource=Resource("block list"),
        body={"bl_values": list(values)},
    )


def get_plan() -> Request:
    """``GET /workspace-billing/plan-details``."""
    return Request(
        "GET",
        "/workspace-billing/plan-details",
        only_reads=True,
        scope="workspace_billing:read",
        resource=Resource("plan"),
    )


# Sending accounts


def list_accounts(*, tag_ids: Iterable[str] = (), search: str | None = None, limit: int = PAGE_SIZE) -> Request:
    """
    ``GET /accounts``: one page, with the accounts' tags. More than 100 give an empty page (seen live).

    :param tag_ids: ids of tags, of which an account must have one.
    :param search: a part of the address, such as a domain.
    :param limit: accounts on a page.
    """
    tags = tuple(tag_ids)
    query = {"limit": str(limit), "tag_ids": ",".join(tags), "search": search, "include_tags": "true"}
    return Request(
        "GET",
        "/accounts",
        only_reads=True,
        scope="accounts:read",
        resource=Resource("list of sending accounts"),
        expects=Expected.PAGE,
        stray=partial(stray_account, tag_ids=tags, search=search),
        query=tuple((name, value) for name, value in query.items() if value),
    )


def get_warmup_analytics(emails: Sequence[str]) -> Request:
    """``POST /accounts/warmup-analytics``: of 1 to 100 accounts."""
    stray = partial(stray_warmup, emails=_in_lower_case(emails))
    return _about_accounts("/accounts/warmup-analytics", {"emails": list(emails)}, stray)


def get_account_vitals(emails: Sequence[str]) -> Request:
    """``POST /accounts/test/vitals``: it tests the domains, and not whether the accounts exist."""
    domains = frozenset(map(domain_of, _in_lower_case(emails)))
    return _about_accounts("/accounts/test/vitals", {"accounts": list(emails)}, partial(stray_vitals, domains=domains))


def _about_accounts(path: str, body: Json, stray: Callable[[Json], str | None]) -> Request:
    resource = Resource("sending accounts")
    return Request("POST", path, only_reads=True, scope="accounts:read", resource=resource, stray=stray, body=body)


def _in_lower_case(texts: Iterable[str]) -> frozenset[str]:
    """Texts as they are compared."""
    return frozenset(text.strip().lower() for text in texts)


# Figures


def get_campaign_analytics(
    campaign_ids: Iterable[str], *, start_date: str | None = None, end_date: str | None = None
) -> Request:
    """
    ``GET /campaigns/analytics``; the parameter of the campaigns is ``ids`` here, repeated.

    :param campaign_ids: the campaigns; none means all.
    :param start_date: the first day, ``YYYY-MM-DD``; a day without a time is its midnight, UTC.
    :param end_date: up to the midnight, UTC, at which this day begins.
    """
    asked = tuple(campaign_ids)
    ids = tuple(("ids", campaign_id) for campaign_id in asked)
    stray = partial(stray_figures, campaign_ids=_in_lower_case(asked))
    return _figures("/campaigns/analytics", (*ids, *_dates(start_date, end_date)), stray)


def get_daily_campaign_analytics(
    campaign_id: str, *, start_date: str | None = None, end_date: str | None = None
) -> Request:
    """``GET /campaigns/analytics/daily``; the parameter of the campaign is ``campaign_id`` here."""
    dates = _dates(start_date, end_date)
    return _figures("/campaigns/analytics/daily", (("campaign_id", campaign_id), *dates))


def get_step_campaign_analytics(
    campaign_id: str, *, start_date: str | None = None, end_date: str | None = None
) -> Request:
    """``GET /campaigns/analytics/steps``; the parameter of the campaign is ``campaign_id`` here."""
    dates = _dates(start_date, end_date)
    return _figures("/campaigns/analytics/steps", (("campaign_id", campaign_id), *dates))


def _figures(
    path: str, query: tuple[tuple[str, str], ...], stray: Callable[[Json], str | None] | None = None
) -> Request:
    return Request(
        "GET",
        path,
        only_reads=True,
        # Instantly documents no scope for its figures.
        scope=None,
        resource=Resource("figures of campaigns"),
        expects=Expected.ARRAY,
        stray=stray,
        query=query,
    )


def _dates(start_date: str | None, end_date: str | None) -> tuple[tuple[str, str], ...]:
    given = {"start_date": start_date, "end_date": end_date}
    return tuple((name, value) for name, value in given.items() if value is not None)


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
