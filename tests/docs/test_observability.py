"""The metrics are documented as they are, and the dashboard shows all of them and no others."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.launches.failed import OTHER, REASONS
from airflow_provider_instantly.observability.metrics import LAUNCHES_FAILED, METRICS, Kind
from tests.docs.documents import ROOT, rows, text_of

if TYPE_CHECKING:
    from airflow_provider_instantly.observability.metrics import Metric

DOCUMENT = text_of("docs/reference/metrics.md")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
QUERIES: list[str] = [target["expr"] for panel in PANELS for target in panel["targets"]]

each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


class TestDocument:
    @pytest.fixture
    def described(self) -> dict[str, tuple[str, ...]]:
        return {row.names[0]: row.cells for row in rows(DOCUMENT) if row.names}

    def test_each_metric_has_a_row_with_its_kind_and_its_tags(self, described: dict[str, tuple[str, ...]]) -> None:
        assert described.keys() == {metric.name for metric in METRICS}
        for metric in METRICS:
            _, kind, tags, _ = described[metric.name]
            assert (kind, re.findall(r"`(\w+)`", tags)) == (metric.kind, list(metric.tags))

    def test_each_reason_of_a_failed_launch_is_named(self, described: dict[str, tuple[str, ...]]) -> None:
        named = re.findall(r"`(\w+)`", described[LAUNCHES_FAILED.name][3])
        assert named == [*dict.fromkeys(REASONS.values()), OTHER]


class TestDashboard:
    def test_its_queries_name_all_metrics_and_no_others(self) -> None:
        named = {name for query in QUERIES for name in re.findall(r"airflow_(instantly_[a-z_]+)", query)}
        stems = {re.sub(r"_(sum|count)$", "", name) for name in named}
        assert stems == {metric.name.replace(".", "_") for metric in METRICS}

    @pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
    def test_counters_are_found_by_either_name_and_timers_by_that_of_the_exporter(self, metric: Metric) -> None:
        name = f"airflow_{metric.name.replace('.', '_')}"
        form = rf'__name__=~"{name}\(_total\)\?"' if metric.kind is Kind.COUNTER else rf"{name}_(sum|count)\{{"
        assert any(re.search(form, query) for query in QUERIES)

    def test_every_query_is_of_the_chosen_connections(self) -> None:
        assert all(query.count('connection=~"$connection"') == query.count("airflow_instantly_") for query in QUERIES)

    def test_brackets_close(self) -> None:
        for query in QUERIES:
            bare = re.sub(r'"[^"]*"', "", query)
            while bare != (bare := re.sub(r"\([^(){}\[\]]*\)|\{[^(){}\[\]]*\}|\[[^(){}\[\]]*\]", "", bare)):
                pass
            assert not set(bare) & set("(){}[]"), query

    @each_panel
    def test_a_panel_says_what_it_shows_and_where_from(self, panel: dict[str, Any]) -> None:
        assert panel["type"] in ("stat", "timeseries")
        assert panel["title"]
        assert panel["description"].endswith(".")
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)

    @each_panel
    def test_a_legend_shows_labels_that_its_query_has(self, panel: dict[str, Any]) -> None:
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert re.search(rf"by \([^)]*\b{label}\b", target["expr"])

    @pytest.mark.parametrize("query", [query for query in QUERIES if "$__range]" in query])
    def test_a_total_has_the_first_event_of_a_series(self, query: str) -> None:
        """Prometheus sees no increase from nothing to 1, and an exporter knows a series from its first event on."""
        for series in re.findall(r"increase\(([^\[]+)\[", query):
            increase, new = f"increase({series}[$__range])", f"(min_over_time({series}[$__range]) unless {series} "
            total = f"(({increase} + {new}offset $__range)) or {increase} or {new}offset $__range))"
            assert total in query

    def test_what_is_counted_has_no_decimals(self) -> None:
        """An increase is extrapolated to the whole of the chosen time."""
        totals = [panel for panel in PANELS if panel["type"] == "stat"]
        assert len(totals) == 4
        assert {panel["fieldConfig"]["defaults"]["decimals"] for panel in totals} == {0}

    def test_panels_do_not_overlap(self) -> None:
        assert len({panel["id"] for panel in PANELS}) == len(PANELS)
        for one, other in combinations((panel["gridPos"] for panel in PANELS), 2):
            is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            is_above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert is_beside or is_above
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)

    def test_its_variables_are_those_that_queries_use(self) -> None:
        names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
        assert names == {"datasource", "connection"}
        assert DASHBOARD["uid"]
        assert DASHBOARD["title"] == "Instantly"
