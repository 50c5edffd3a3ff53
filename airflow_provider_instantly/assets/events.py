"""What the events of assets say of campaigns: tasks write it, and the DAGs that follow them read it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.api.campaign import about, is_campaign_id
from airflow_provider_instantly.assets.campaign import campaign_asset
from airflow_provider_instantly.exceptions import TaskKilledError
from airflow_provider_instantly.validation import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: So many events of an alias are made by one task, at most. Airflow gets them all in the request that ends the task.
MAX_ALIAS_EVENTS: Final = 500
#: What a value of an event may be. Airflow 2.11 to 3.1 hash those of an alias, and a task that is done fails on others.
_PLAIN: Final = (str, int, float, type(None))

_log = logging.getLogger(__name__)


def announce(
    context: Mapping[str, Any], outlets: Iterable[Any], conn_id: str, results: Sequence[Mapping[str, Any]]
) -> None:
    """
    Say in the events of a task's outlets which campaigns it was about, and how they stand.

    An asset has one event for each task. An alias has one for each campaign, on the asset of that campaign: which one a
    template means is not known while the DAG is parsed. `MAX_ALIAS_EVENTS` of them are made at most.

    The work is done by then, so nothing that Airflow raises here fails the task: the log has a warning instead.

    :param context: the task's context.
    :param outlets: the task's outlets. What is no asset, no reference to one and no alias is passed over.
    :param conn_id: the id of the Airflow connection.
    :param results: what to say of each campaign: its ``campaign_id``, and more. Only plain values are said, so that an
        event is as flat for every version of Airflow: texts, numbers, booleans and None.
    """
    said = [_flat({**result, "instantly_conn_id": conn_id}) for result in results]
    for outlet in outlets:
        try:
            _announce_on(context, outlet, said)
        except TaskKilledError:
            raise
        except Exception as error:
            # Airflow asks its API server for the asset that a reference means.
            _log.warning("The event of an outlet says nothing of what this task did (%s).", type(error).__name__)


def _announce_on(context: Mapping[str, Any], outlet: object, said: Sequence[dict[str, Any]]) -> None:
    from airflow.providers.common.compat.sdk import AssetAlias

    if isinstance(outlet, AssetAlias):
        of_campaigns = [each for each in said if is_campaign_id(each.get("campaign_id"))]
        for each in of_campaigns[:MAX_ALIAS_EVENTS]:
            context["outlet_events"][outlet].add(campaign_asset(each["campaign_id"]), extra=each)
        if (left := len(of_campaigns) - MAX_ALIAS_EVENTS) > 0:
            _log.warning(
                "An alias has events of %s campaigns and none of %s more: one task makes no more of them. Give the "
                "task an asset as its outlet, whose event names all, or several tasks some of the campaigns each.",
                f"{MAX_ALIAS_EVENTS:,}",
                f"{left:,}",
            )
    elif isinstance(outlet, _kinds_of_assets()):
        context["outlet_events"][outlet].extra = said[0] if len(said) == 1 else {"campaigns": [*said]}


def _kinds_of_assets() -> tuple[type, ...]:
    from airflow.providers.common.compat.sdk import Asset

    try:
        from airflow.sdk.definitions.asset import AssetRef
    except ImportError:  # Airflow 2
        return (Asset,)
    return (Asset, AssetRef)


def _flat(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if isinstance(value, _PLAIN)}


def campaign_events(context: Mapping[str, Any], *, newer_than: timedelta | float | None = None) -> list[dict[str, Any]]:
    """
    What the events that started a run say of campaigns, the oldest first: of each campaign a dict.

    Each has a ``campaign_id``, as text in lower case; docs/reference/events.md lists what else tasks and watchers say.
    An event that names no campaign is left out: anyone can make one by hand, and anything can have the asset as its
    outlet. A run that was started by hand has no events.

    :param context: the task's context.
    :param newer_than: leave out what is older now, and log it: a ``timedelta`` or seconds. What launches needs it:
        to the first run after a DAG was switched off, Airflow (2.11 to 3.3) hands what came meanwhile, too.
    :raises ValueError: if ``newer_than`` is no length of time.
    """
    started_by = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}  # Airflow 2
    # One that came through an alias stands there twice.
    events = {id(event): event for of_one in started_by.values() for event in of_one}
    in_order = sorted(events.values(), key=lambda event: event.timestamp)
    if newer_than is not None:
        limit = timedelta(seconds=seconds("newer_than", newer_than, low=1.0))
        in_order = _fresh(in_order, limit, datetime.now(UTC))
    return [campaign for event in in_order for campaign in _campaigns_of(event.extra)]


def _fresh(events: Iterable[Any], limit: timedelta, now: datetime) -> list[Any]:
    """The events that are newer than the limit. Of the others, the log has each campaign."""
    fresh = []
    for event in events:
        # Airflow's server has written the time. Clocks differ: one that is yet to come is fresh.
        age = now - event.timestamp
        if age < limit:
            fresh.append(event)
            continue
        for campaign in _campaigns_of(event.extra):
            _log.warning(
                "Its event is left out: it is %s old, and only what is newer than %s counts. %s",
                timedelta(seconds=int(age.total_seconds())),
                limit,
                about(campaign["campaign_id"]),
            )
    return fresh


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
