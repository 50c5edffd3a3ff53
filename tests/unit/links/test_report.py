"""`ReportLink`: its name and its key, by which Airflow finds it. The operator's tests show where it leads."""

from __future__ import annotations

from airflow_provider_instantly.links.report import ReportLink
from airflow_provider_instantly.operators.report import CampaignReportOperator


def test_it_is_the_operators_button() -> None:
    [link] = CampaignReportOperator.operator_extra_links
    assert isinstance(link, ReportLink)
    assert (link.name, link.xcom_key) == ("Report", "_link_ReportLink")
