"""
The addresses of Instantly's assets, and the assets of campaigns.

``instantly://campaigns/<UUID>`` is one campaign and ``instantly://campaigns`` all of them: there, tasks say what they
did. ``instantly://changes/<name>`` is what a watcher reports, see `assets.changes`. The two are apart, so that what a
task does starts no DAG that waits for a change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.campaign import check_campaign_id

if TYPE_CHECKING:
    from urllib.parse import SplitResult
    from uuid import UUID

    from airflow.providers.common.compat.sdk import Asset

ALL_CAMPAIGNS_URI: Final = "instantly://campaigns"
CHANGES_URI: Final = "instantly://changes"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def campaign_uri(campaign_id: str | UUID) -> str:
    """
    The address of one campaign.

    :param campaign_id: its UUID.
    :raises ValueError: if it is none.
    """
    return f"{ALL_CAMPAIGNS_URI}/{check_campaign_id(campaign_id)}"


def changes_uri(name: str) -> str:
    """
    The address of what a watcher reports. DAGs that follow it take `assets.changes.changes_asset`, with its watcher.

    :param name: what tells it from other watchers: letters, digits, ``_``, ``.`` and ``-``, at most 100.
    :raises ValueError: if it is no such name.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("The name of an asset of changes is 1 to 100 letters, digits, and - _ . between them.")
    return f"{CHANGES_URI}/{name}"


def campaign_asset(campaign_id: str | UUID) -> Asset:
    """
    The asset of one campaign, for ``outlets=`` of tasks and ``schedule=`` of the DAGs that follow them.

    :param campaign_id: its UUID. A template is none: give such a task `all_campaigns_asset`, or an ``AssetAlias``.
    :raises ValueError: if it is none.
    """
    return _asset(campaign_uri(campaign_id))


def all_campaigns_asset() -> Asset:
    """The asset of all campaigns; each of its events says which one it is about."""
    return _asset(ALL_CAMPAIGNS_URI)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Bring an ``instantly://`` address into its one form; Airflow calls this for every such asset.

    :param uri: the address, split.
    :raises ValueError: if it names neither all campaigns, nor one, nor what a watcher reports.
    """
    what, path = uri.netloc.lower(), uri.path.strip("/")
    is_plain = not uri.query and not uri.fragment
    if is_plain and what == "changes" and _NAME.fullmatch(path):
        return uri._replace(netloc=what, path=f"/{path}")
    if is_plain and what == "campaigns":
        campaign_id = check_campaign_id(path, "The path of an instantly:// asset") if path else ""
        return uri._replace(netloc=what, path=f"/{campaign_id}" if campaign_id else "")
    raise ValueError(
        f"An asset of Instantly is {ALL_CAMPAIGNS_URI}, {ALL_CAMPAIGNS_URI}/<UUID of a campaign> or "
        f"{CHANGES_URI}/<name>."
    )


def _asset(uri: str) -> Asset:
    # Airflow loads this module for the addresses alone, at the start of processes that know no assets.
    from airflow.providers.common.compat.sdk import Asset

    return Asset(uri=uri)
