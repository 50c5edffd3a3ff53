"""The button on a task's page that opens the report that it wrote."""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_instantly.links.stored import StoredLink


class ReportLink(StoredLink):
    """Opens the page of a report, once it is written."""

    name = "Report"
    XCOM_KEY: ClassVar[str] = "_link_ReportLink"
