"""
What a task reads and writes, in OpenLineage's words: campaigns, lists of leads, tables and files.

No person is in it: no row, no statement, no campaign's name. What events of outlets say, OpenLineage's own provider
adds. OpenLineage is imported when it asks, and not before:
Airflow imports this module wherever an asset is named.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow_provider_instantly.api.campaign import check_campaign_id
from airflow_provider_instantly.api.redaction import without_addresses
from airflow_provider_instantly.assets.campaign import campaign_uri
from airflow_provider_instantly.storage import local_file, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset

#: OpenLineage's namespace of whatever is at Instantly. Ids are unique without the name of a host.
NAMESPACE: Final = "instantly"
#: The names under which a campaign and its leads have facets of ours.
CAMPAIGN_FACET: Final = "instantly_campaign"
LEADS_FACET: Final = "instantly_leads"
#: So many campaigns of one task are datasets of their own, at most: OpenLineage sends them all in one event.
MAX_CAMPAIGNS: Final = 100
#: Schemes that OpenLineage knows by another name.
_SCHEMES: Final = {"gcs": "gs", "s3a": "s3", "s3n": "s3"}

_log = logging.getLogger(__name__)


def convert_asset_to_openlineage(asset: Any, lineage_context: Any) -> Dataset:
    """
    The dataset that an asset of Instantly is; Airflow calls this for those of inlets and outlets.

    :param asset: the asset; its address is ``instantly://…``.
    :param lineage_context: not needed.
    """
    from openlineage.client.event_v2 import Dataset

    return Dataset(namespace=NAMESPACE, name=_name_of(asset.uri))


# What tasks are about


def of_campaign(campaign_id: object, summary: Mapping[str, Any] | None, *, changes: bool) -> OperatorLineage[Any, Any]:
    """
    The lineage of a task about one campaign.

    :param campaign_id: the campaign as the task names it; nothing is said of what is no UUID, such as a template that
        was not rendered.
    :param summary: what the task returns, or as much as is known where it failed; None for nothing.
    :param changes: whether the task changes the campaign; else it reads it.
    """
    if (known_id := _known(campaign_id)) is None:
        return _lineage()
    from airflow_provider_instantly.observability.facets import CampaignDatasetFacet

    known = summary or {}
    changed = known.get("launched", known.get("paused")) if changes else None
    facet = CampaignDatasetFacet(status=known.get("status"), statusName=known.get("status_name"), changed=changed)
    facets = {CAMPAIGN_FACET: facet} if summary else {}
    name = _name_of(campaign_uri(known_id))
    return _lineage(outputs=[_output(name, facets)]) if changes else _lineage(inputs=[_input(NAMESPACE, name, facets)])


def of_campaigns(campaign_ids: object, *, written: object = None) -> OperatorLineage[Any, Any]:
    """
    The lineage of a task that reads campaigns.

    :param campaign_ids: the campaigns as the task names them; `MAX_CAMPAIGNS` are said at most, and nothing of what
        names none.
    :param written: the file that it wrote, or None.
    """
    from airflow_provider_instantly import validation

    try:
        names = [
            _name_of(campaign_uri(each)) for each in validation.campaign_ids("campaign_id", campaign_ids, many=True)
        ]
    except ValueError:
        names = []
    if (left := len(names) - MAX_CAMPAIGNS) > 0:
        _log.warning("OpenLineage learns of %s campaigns of this task, and not of %s more.", MAX_CAMPAIGNS, f"{left:,}")
    inputs = [_input(NAMESPACE, name) for name in names[:MAX_CAMPAIGNS]]
    if written is None:
        return _lineage(inputs=inputs)
    namespace, name = _place_of(written)
    return _lineage(inputs=inputs, outputs=[_output(name, namespace=namespace)])


def of_leads(
    sources: Sequence[InputDataset], place: Mapping[str, Any], summary: Mapping[str, Any] | None
) -> OperatorLineage[Any, Any]:
    """
    The lineage of a task that adds leads.

    :param sources: where the rows come from: see `of_file` and `of_query`.
    :param place: the ``campaign_id`` or ``list_id`` that they go to, as the task names it; nothing is written where
        neither is a UUID.
    :param summary: what the task returns, or None where it failed before that.
    """
    from airflow_provider_instantly.observability.facets import LeadsDatasetFacet

    counts = summary or {}
    _count_rows(sources, counts.get("rows"))
    facet = LeadsDatasetFacet(
        rows=counts.get("rows"),
        rejected=counts.get("rejected"),
        duplicates=counts.get("duplicates"),
        uploaded=counts.get("uploaded"),
        alreadyThere=counts.get("already_there"),
        found=counts.get("found"),
        skipped=counts.get("skipped"),
    )
    kinds = {"campaign_id": "campaigns", "list_id": "lead-lists"}
    names = [f"{kind}/{known}" for name, kind in kinds.items() if (known := _known(place.get(name)))]
    facets = {LEADS_FACET: facet} if summary else {}
    outputs = [_output(name, facets, rows=counts.get("uploaded")) for name in names]
    return _lineage(inputs=sources, outputs=outputs)


def of_block_list(
    sources: Sequence[InputDataset], conn_id: str, summary: Mapping[str, Any] | None
) -> OperatorLineage[Any, Any]:
    """
    The lineage of a task that puts addresses and domains on the block list.

    :param sources: see `of_leads`.
    :param conn_id: the id of the Airflow connection; each workspace has one list. Nothing is written to that of a
        template that was not rendered.
    :param summary: what the task returns, or None where it failed before that.
    """
    from airflow_provider_instantly import validation

    counts = summary or {}
    _count_rows(sources, counts.get("rows"))
    if validation.is_rendered_later(conn_id):
        return _lineage(inputs=sources)
    return _lineage(inputs=sources, outputs=[_output(f"block-lists/{conn_id}", rows=counts.get("blocked"))])


# Where rows come from


def of_file(path: object) -> list[InputDataset]:
    """
    The dataset that a file is.

    :param path: a path, a URL, or an Airflow ``ObjectStoragePath``.
    """
    return [_input(*_place_of(path))]


def of_query(hook: Any, conn_id: str, sql: str) -> list[InputDataset]:
    """
    The tables that a statement names. The database is asked for its default schema, and nothing else.

    There are none where the database's hook does not describe itself to OpenLineage, as that of SQLite.

    :param hook: a common-sql hook.
    :param conn_id: the id of its Airflow connection.
    :param sql: the statement.
    """
    from airflow.providers.openlineage.sqlparser import SQLParser

    connection = hook.get_connection(conn_id)
    database = hook.get_openlineage_database_info(connection)
    if database is None:
        return []
    parser = SQLParser(
        dialect=hook.get_openlineage_database_dialect(connection), default_schema=hook.get_openlineage_default_schema()
    )
    # Of what it finds, its facets have the statement, in which a person may be named.
    found = parser.generate_openlineage_metadata_from_sql(
        sql=sql, hook=hook, database_info=database, use_connection=False
    )
    return [_input(table.namespace, table.name) for table in found.inputs]


def _place_of(path: Any) -> tuple[str, str]:
    """The namespace and the name of a file, as OpenLineage writes them."""
    parts = urlsplit(str(path))
    if parts.scheme in ("", "file") and (file := local_file(place_of(path))) is not None:
        return "file", _without_addresses(str(file.absolute()))
    # In front of the at sign, a path names its connection, and a URL may have a login.
    authority = parts.netloc.rpartition("@")[2]
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    return f"{scheme}://{authority}", _without_addresses(parts.path.lstrip("/"))


def _without_addresses(path: str) -> str:
    """A path without the names in it that are addresses. In other texts, a slash may be a part of one."""
    return "/".join(map(without_addresses, path.split("/")))


# How OpenLineage writes it


def _known(value: object) -> str | None:
    """A UUID in its one form, or None: of what is none, and of a template that was not rendered, nothing is said."""
    try:
        return check_campaign_id(value)
    except ValueError:
        return None


def _name_of(uri: str) -> str:
    """The name of what an ``instantly://`` address leads to."""
    parts = urlsplit(uri)
    return f"{parts.netloc}{parts.path}"


def _lineage(inputs: Sequence[InputDataset] = (), outputs: Sequence[OutputDataset] = ()) -> OperatorLineage[Any, Any]:
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage(inputs=[*inputs], outputs=[*outputs])


def _input(namespace: str, name: str, facets: Mapping[str, Any] | None = None) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(namespace=namespace, name=name, facets={**(facets or {})}, inputFacets={})


def _output(
    name: str, facets: Mapping[str, Any] | None = None, namespace: str = NAMESPACE, *, rows: int | None = None
) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset

    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
    return OutputDataset(
        namespace=namespace,
        name=name,
        facets={**(facets or {})},
        outputFacets={} if rows is None else {"outputStatistics": statistics},
    )


def _count_rows(sources: Sequence[InputDataset], rows: int | None) -> None:
    """Say how many rows were read, if they come from one place: of several tables it is not known which had them."""
    from openlineage.client.facet_v2 import data_quality_metrics_input_dataset

    if rows is not None and len(sources) == 1:
        facet = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(rowCount=rows, columnMetrics={})
        sources[0].inputFacets = {"dataQualityMetrics": facet}
