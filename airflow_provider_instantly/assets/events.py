"""What the events of assets say of campaigns: tasks write it, and the DAGs that follow them read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.api.campaign import is_campaign_id
from airflow_provider_instantly.assets.campaign import campaign_asset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


def announce(
    context: Mapping[str, Any], outlets: Iterable[Any], conn_id: str, results: Sequence[Mapping[str, Any]]
) -> None:
    """
    Say in the events of a task's outlets which campaigns it was about, and how they stand.

    An asset has one event for each task. An alias has one for each campaign, on the asset of that campaign: which one a
    template means is not known while the DAG is parsed.

    :param context: the task's context.
    :param outlets: the task's outlets. What is neither an asset nor an alias is passed over.
    :param conn_id: the id of the Airflow connection.
    :param results: what to say of each campaign: its ``campaign_id``, and more.
    """
    from airflow.providers.common.compat.sdk import AssetAlias

    said = [{**result, "instantly_conn_id": conn_id} for result in results]
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            for each in said:
                if is_campaign_id(campaign_id := each.get("campaign_id")):
                    context["outlet_events"][outlet].add(campaign_asset(campaign_id), extra=each)
        elif hasattr(outlet, "uri"):
            context["outlet_events"][outlet].extra = said[0] if len(said) == 1 else {"campaigns": said}


def campaign_events(context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    What the events that started a run say of campaigns, the oldest first: of each campaign a dict.

    Each has a ``campaign_id``, as text in lower case; docs/reference/events.md lists what else tasks and watchers say.
    An event that names no campaign is left out: anyone can make one by hand, and anything can have the asset as its
    outlet. A run that was started by hand has no events.

    :param context: the task's context.
    """
    started_by = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}  # Airflow 2
    # One that came through an alias stands there twice.
    events = {id(event): event for of_one in started_by.values() for event in of_one}
    in_order = sorted(events.values(), key=lambda event: event.timestamp)
    return [campaign for event in in_order for campaign in _campaigns_of(event.extra)]


def _campaigns_of(extra: object) -> Iterator[dict[str, Any]]:
    if not isinstance(extra, dict):
        return
    # What a trigger has fired, Airflow puts one level deeper.
    payload = extra.get("payload")
    said = payload if isinstance(payload, dict) else extra
    several = said.get("campaigns")
    for campaign in several if isinstance(several, list) else [said]:
        if isinstance(campaign, dict) and is_campaign_id(campaign_id := campaign.get("campaign_id")):
            yield {**campaign, "campaign_id": campaign_id.lower()}
