"""What the example DAGs that stop campaigns find to stop, over real HTTP."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.errors import InstantlyServerError, InstantlyUnexpectedAnswerError
from tests.statuses import ACTIVE

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"

pytestmark = pytest.mark.usefixtures("short_pauses")


def function_of(dag: str, task: str) -> Any:
    """The function of a task of an example DAG."""
    return runpy.run_path(str(Path(__file__).parents[2] / "dags" / f"{dag}.py"))[task].function


def test_a_campaign_without_an_id_keeps_no_other_from_being_guarded(
    sandbox: SandboxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [{"status": ACTIVE}, {"id": CAMPAIGN_ID, "status": ACTIVE}]
    sandbox.add_fault("body", "*/campaigns", json={"items": items}, count=2)
    assert function_of("instantly_guard", "running")() == [CAMPAIGN_ID]
    assert "without an id" in capsys.readouterr().out


def test_the_red_button_pauses_what_a_list_shows_that_repeats_itself(
    sandbox: SandboxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = sandbox.add_campaigns(150, "Many", status=ACTIVE)
    sandbox.add_fault("repeat_cursor", count=None)
    found = function_of("instantly_red_button", "find")()
    assert len(found) == len(set(found)) >= 100
    assert set(found) <= set(ids)
    assert "There may be more campaigns" in capsys.readouterr().out
    with pytest.raises(InstantlyUnexpectedAnswerError, match="repeats itself"):
        function_of("instantly_red_button", "confirm")()


def test_the_red_button_finds_nothing_where_nothing_can_be_listed(sandbox: SandboxClient) -> None:
    sandbox.add_fault("error", "*/campaigns", status=503, count=None)
    with pytest.raises(InstantlyServerError):
        function_of("instantly_red_button", "find")()
