"""The example DAGs: each can be parsed, says in Airflow's pages what it is for, and has its row in the reference."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS

from tests.airflow_versions import dags_of
from tests.docs.documents import ROOT, rows, text_of
from tests.statuses import ACTIVE, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES

EXAMPLES = sorted((ROOT / "dags").glob("*.py"))
#: What needs a later Airflow than the oldest. It must not be an error there, either.
SINCE = {"instantly_stopped_campaign": AIRFLOW_V_3_0_PLUS, "instantly_approval": AIRFLOW_V_3_1_PLUS}


@pytest.fixture(scope="module")
def dags() -> dict[str, list[Any]]:
    """The DAGs of each example, by the name of its file."""
    return {file.stem: list(dags_of(file).values()) for file in EXAMPLES}


@pytest.mark.parametrize("name", [file.stem for file in EXAMPLES])
class TestEachExample:
    def test_it_has_the_dag_of_its_name(self, dags: dict[str, list[Any]], name: str) -> None:
        is_here = SINCE.get(name, True)
        assert (name in [dag.dag_id for dag in dags[name]]) is is_here

    def test_it_says_what_it_is_for(self, dags: dict[str, list[Any]], name: str) -> None:
        for dag in dags[name]:
            assert dag.doc_md
            assert len(dag.doc_md.strip().splitlines()) > 2, "the first line says what it does, the rest what it needs"
            assert "instantly" in dag.tags

    def test_the_form_of_a_run_explains_what_is_asked(self, dags: dict[str, list[Any]], name: str) -> None:
        for dag in dags[name]:
            for key, param in dag.params.items():
                assert param.schema.get("title"), key
                assert param.description, key

    def test_each_instance_of_a_mapped_task_has_a_name(self, dags: dict[str, list[Any]], name: str) -> None:
        for dag in dags[name]:
            for task in dag.tasks:
                if hasattr(task, "partial_kwargs"):
                    assert task.partial_kwargs.get("map_index_template") == "{{ task.campaign_id }}", task.task_id

    def test_it_has_a_row_in_the_reference(self, name: str) -> None:
        described = {named for row in rows(text_of("docs/reference/examples.md")) for named in row.names}
        assert f"dags/{name}.py" in described


def test_what_they_read_from_the_environment_is_described() -> None:
    read = {name for file in EXAMPLES for name in re.findall(r'"(INSTANTLY_[A-Z_]+)"', file.read_text("utf-8"))}
    described = {name for row in rows(text_of("docs/reference/examples.md")) for name in row.names}
    assert read == {name for name in described if name.startswith("INSTANTLY_")}


def test_a_launch_that_is_completed_at_once_is_followed_like_any_other(
    dags: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    [task] = [task for dag in dags["instantly_after_launch"] for task in dag.tasks if task.task_id == "launched"]
    ids = [f"5a3d0e5e-000{number}-4000-8000-000000000001" for number in range(6)]
    said: list[dict[str, Any]] = [
        {"status": COMPLETED, "launched": True},
        {"status": ACTIVE, "launched": False},
        {"status": SUBSEQUENCES},
        {"status": COMPLETED, "launched": False},
        {"status": PAUSED, "paused": True},
        {"verdict": "passed", "status": DRAFT},
    ]
    events = [
        SimpleNamespace(timestamp=number, extra={"campaign_id": campaign_id, **extra})
        for number, (campaign_id, extra) in enumerate(zip(ids, said, strict=True))
    ]
    context = {"triggering_asset_events": {"campaigns": events}}
    monkeypatch.setitem(task.python_callable.__globals__, "get_current_context", lambda: context)
    assert task.python_callable() == ids[:3]


def test_what_came_while_the_launching_dag_was_switched_off_is_not_launched(
    dags: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the first event after it is switched on, Airflow hands the run all that came before, too."""
    [task] = [task for dag in dags["instantly_launch_on_asset"] for task in dag.tasks if task.task_id == "campaigns"]
    old, new = (f"5a3d0e5e-000{number}-4000-8000-000000000001" for number in range(2))
    events = [
        SimpleNamespace(timestamp=datetime.now(UTC) - ago, extra={"campaign_id": campaign_id})
        for ago, campaign_id in ((timedelta(days=7), old), (timedelta(seconds=9), new))
    ]
    context = {"triggering_asset_events": {"instantly_audience": events}}
    monkeypatch.setitem(task.python_callable.__globals__, "get_current_context", lambda: context)
    assert task.python_callable() == [new]
    assert [(old in line, new in line) for line in caplog.messages] == [(True, False)]
