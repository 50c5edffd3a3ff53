"""The facets of our own, as OpenLineage writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

serde: Any = pytest.importorskip("openlineage.client.serde")
facets: Any = pytest.importorskip("airflow_provider_instantly.observability.facets")


def written(facet: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(serde.Serde.to_json(facet))
    assert document.pop("_producer")
    assert document.pop("_schemaURL").startswith("https://openlineage.io/spec/")
    return document


def test_a_campaign() -> None:
    facet = facets.CampaignDatasetFacet(status=1, statusName="Active", changed=False)
    assert written(facet) == {"status": 1, "statusName": "Active", "changed": False}


def test_leads() -> None:
    facet = facets.LeadsDatasetFacet(rows=4, rejected=1, duplicates=0, uploaded=2, alreadyThere=1, found=0, skipped=0)
    assert written(facet) == {
        "rows": 4,
        "rejected": 1,
        "duplicates": 0,
        "uploaded": 2,
        "alreadyThere": 1,
        "found": 0,
        "skipped": 0,
    }


def test_what_is_not_known_is_left_out() -> None:
    assert written(facets.CampaignDatasetFacet()) == {}
