"""What OpenLineage's own facets have no place for. Loaded where OpenLineage is installed and asks."""

from __future__ import annotations

from attr import define, field
from openlineage.client.facet_v2 import DatasetFacet

# OpenLineage writes the fields of facets in camel case.
# ruff: noqa: N815


@define
class CampaignDatasetFacet(DatasetFacet):
    """
    How a campaign stood at the end of a task.

    :param status: its status, as Instantly numbers it; None if it is not known.
    :param statusName: the same as a person reads it.
    :param changed: whether this task launched or paused it; None if it only read it, or that is not known.
    """

    status: int | None = field(default=None, kw_only=True)
    statusName: str | None = field(default=None, kw_only=True)
    changed: bool | None = field(default=None, kw_only=True)


@define
class LeadsDatasetFacet(DatasetFacet):
    """
    What became of the rows that were to be leads: the counts that the task returns.

    :param rows: how many there were.
    :param rejected: how many were rejected, before they were sent or by Instantly.
    :param duplicates: how many had the address of another row.
    :param uploaded: how many were added.
    :param alreadyThere: how many were there before.
    :param found: how many are there by it or before it.
    :param skipped: how many were left out because of ``skip_if_in``.
    """

    rows: int | None = field(default=None, kw_only=True)
    rejected: int | None = field(default=None, kw_only=True)
    duplicates: int | None = field(default=None, kw_only=True)
    uploaded: int | None = field(default=None, kw_only=True)
    alreadyThere: int | None = field(default=None, kw_only=True)
    found: int | None = field(default=None, kw_only=True)
    skipped: int | None = field(default=None, kw_only=True)
