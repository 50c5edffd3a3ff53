"""The asset of what a watcher reports: changes of campaigns' statuses. Needs Airflow 3.0 or later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_instantly.assets.campaign import changes_uri

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset

    from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger


def changes_asset(name: str, trigger: CampaignChangeTrigger) -> Asset:
    """
    The asset ``instantly://changes/<name>``, with the watcher that reports changes on it. For ``schedule=`` of DAGs.

    Give each trigger a name of its own: all that follow a name hear of whatever its triggers report. Where several
    DAGs name the asset, each calls this with an equal trigger; best, all import the asset from one module. An
    ``Asset(changes_uri(name))`` has no watcher, and Airflow (3.0 to 3.3.2) takes away whatever watchers an asset does
    not have in the file that it has parsed last.

    :param name: what tells it from other watchers: letters, digits, ``_``, ``.`` and ``-``, at most 100.
    :param trigger: which changes to report.
    :raises ValueError: if it is no such name.
    :raises RuntimeError: on Airflow 2, which has no watchers.
    """
    uri = changes_uri(name)
    try:
        from airflow.sdk import Asset, AssetWatcher
    except ImportError as error:  # Airflow 2
        raise RuntimeError(
            f"The asset {uri} cannot be watched: watchers of assets need Airflow 3.0 or later. On Airflow 2, let a "
            "DAG with a schedule read the campaigns."
        ) from error
    return Asset(uri=uri, watchers=[AssetWatcher(name=name, trigger=trigger)])
