"""What the example DAGs that stop campaigns find to stop, over real HTTP."""

from __future__ import annotations

import runpy
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_instantly.api.errors import InstantlyServerError, InstantlyUnexpectedAnswerError
from tests.airflow_versions import dags_of
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUSPENDED, UNHEALTHY

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"

pytestmark = pytest.mark.usefixtures("short_pauses")


def function_of(dag: str, task: str) -> Any:
    """The function of a task of an example DAG."""
    return module_of(dag)[task].function


def module_of(dag: str) -> dict[str, Any]:
    """What the file of an example DAG defines."""
    return runpy.run_path(str(Path(__file__).parents[2] / "dags" / f"{dag}.py"))


@pytest.fixture
def confirm() -> Any:
    """The last task of the red button, whose second look comes at once."""
    function = function_of("instantly_red_button", "confirm")
    function.__globals__["SECOND_LOOK_AFTER"] = 0.0
    return function


def test_a_campaign_without_an_id_keeps_no_other_from_being_guarded(
    sandbox: SandboxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [{"status": ACTIVE}, {"id": CAMPAIGN_ID, "status": ACTIVE}]
    sandbox.add_fault("body", "*/campaigns", json={"items": items}, count=2)
    assert function_of("instantly_guard", "running")() == [CAMPAIGN_ID]
    assert "without an id" in capsys.readouterr().out


def test_the_red_button_pauses_what_a_list_shows_that_repeats_itself(
    sandbox: SandboxClient, confirm: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = sandbox.add_campaigns(150, "Many", status=ACTIVE)
    sandbox.add_fault("repeat_cursor", count=None)
    found = function_of("instantly_red_button", "find")()
    assert len(found) == len(set(found)) >= 100
    assert set(found) <= set(ids)
    assert "There may be more campaigns" in capsys.readouterr().out
    with pytest.raises(InstantlyUnexpectedAnswerError, match="repeats itself"):
        confirm()


def test_the_red_button_finds_nothing_where_nothing_can_be_listed(sandbox: SandboxClient) -> None:
    sandbox.add_fault("error", "*/campaigns", status=503, count=None)
    with pytest.raises(InstantlyServerError):
        function_of("instantly_red_button", "find")()


def test_the_red_button_works_at_once_and_waits_for_nothing_longer_than_seconds() -> None:
    """Airflow's own pause before a retry is five minutes, and a new DAG may be switched off at first."""
    [dag] = dags_of(Path(__file__).parents[2] / "dags" / "instantly_red_button.py").values()
    assert dag.is_paused_upon_creation is False
    delays = {
        task_id: (getattr(task, "retries", None), getattr(task, "retry_delay", None))
        for task_id, task in dag.task_dict.items()
    }
    soon = timedelta(seconds=5)
    assert delays == {"find": (2, soon), "pause": (2, soon), "confirm": (0, soon)}


def test_the_red_button_looks_twice_before_it_gives_bad_news(sandbox: SandboxClient, confirm: Any) -> None:
    campaign_id = sandbox.add_campaign("Sends", status=ACTIVE)
    with pytest.raises(RuntimeError, match=campaign_id):
        confirm()
    asked = sandbox.requests(path="*/campaigns")
    assert len([each for each in asked if "starting_after" not in (each["query"] or "")]) == 2


def test_what_is_paused_between_the_looks_is_no_bad_news(
    sandbox: SandboxClient, confirm: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign_id = sandbox.add_campaign("Sends", status=ACTIVE)
    monkeypatch.setattr(time, "sleep", lambda _: sandbox.pause(campaign_id))
    confirm()
    assert "No campaign of the workspace sends." in capsys.readouterr().out


def test_a_list_that_breaks_off_once_is_listed_again(
    sandbox: SandboxClient, confirm: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.add_campaign("Does not", status=PAUSED)
    sandbox.add_fault("error", "*/campaigns", status=403)
    confirm()
    said = capsys.readouterr().out
    assert "listed once more" in said
    assert "No campaign of the workspace sends." in said


@pytest.mark.parametrize(
    ("status", "to_do"),
    [
        (COMPLETED, "Name the next one in the Variable instantly_campaign_id"),
        (PAUSED, "If it is to go on, resume it in Instantly"),
        (BOUNCED, "If it is to go on, resume it in Instantly"),
        (UNHEALTHY, "If it is to go on, resume it in Instantly"),
        (SUSPENDED, "If it is to go on, resume it in Instantly"),
    ],
)
def test_the_pipeline_says_what_to_do_about_a_campaign_that_it_leaves_alone(status: int, to_do: str) -> None:
    may_go_on = function_of("instantly_pipeline", "may_go_on")
    with pytest.raises(AirflowFailException, match=f"No one was added, and it was left as it is. {to_do}"):
        may_go_on({"id": CAMPAIGN_ID, "paused": False, "status": status, "status_name": "Any"})


@pytest.mark.parametrize(("paused", "status"), [(False, DRAFT), (True, PAUSED)])
def test_the_pipeline_goes_on_with_a_draft_and_with_what_it_has_paused(paused: bool, status: int) -> None:
    function_of("instantly_pipeline", "may_go_on")(
        {"id": CAMPAIGN_ID, "paused": paused, "status": status, "status_name": "Any"}
    )
