"""Each task with the one scope that the manual says is enough, and with all others but that one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_instantly.api.errors import InstantlyPermissionError
from airflow_provider_instantly.exceptions import CampaignWaitError, CheckIncompleteError
from airflow_provider_instantly.notifications.campaign import PauseCampaignNotifier
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.operators.report import CampaignReportOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from tests.statuses import ACTIVE, PAUSED
from tests.unit.launches.preflight.test_check import prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

READ, UPDATE = "campaigns:read", "campaigns:update"
OTHERS = ["campaigns:create", "campaigns:delete", "leads:all", "workspaces:all"]
SENSORS: list[dict[str, Any]] = [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}]

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture
def with_scopes(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the connection have a key with these scopes and no other."""

    def with_scopes(*scopes: str) -> None:
        key = sandbox.add_key("with few scopes", scopes)
        connection = {**json.loads(sandbox.airflow_connection), "password": key}
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))

    return with_scopes


def requests_made(sandbox: SandboxClient) -> set[tuple[str, int]]:
    return {(request["method"], request["status"]) for request in sandbox.requests()}


@pytest.mark.parametrize("how", SENSORS, ids=str)
@pytest.mark.parametrize("count", [1, 3])
def test_the_sensor_needs_only_to_read(
    sandbox: SandboxClient, run_task: Any, with_scopes: Any, how: dict[str, Any], count: int
) -> None:
    campaigns = sandbox.add_campaigns(count, script=[(0, "active")], running=True)
    with_scopes(READ)

    run = run_task(CampaignStatusSensor(task_id="a_task", campaign_id=campaigns, poke_interval=0.1, **how))

    assert run.error is None
    assert requests_made(sandbox) == {("GET", 200)}


@pytest.mark.parametrize("how", SENSORS, ids=str)
def test_the_sensor_reads_why_a_campaign_was_stopped_with_the_same_scope(
    sandbox: SandboxClient, run_task: Any, with_scopes: Any, how: dict[str, Any]
) -> None:
    campaign = sandbox.add_campaign(status="bounce_protect")
    with_scopes(READ)

    run = run_task(CampaignStatusSensor(task_id="a_task", campaign_id=campaign, poke_interval=0.1, **how))

    assert "is Bounce Protect" in str(run.error)
    assert requests_made(sandbox) == {("GET", 200)}
    assert any(request["path"].endswith("/sending-status") for request in sandbox.requests())


@pytest.mark.parametrize("how", SENSORS, ids=str)
def test_without_that_scope_the_sensor_names_it_and_ends(
    sandbox: SandboxClient, run_task: Any, with_scopes: Any, how: dict[str, Any]
) -> None:
    campaign = sandbox.add_campaign(status="active")
    with_scopes(UPDATE, *OTHERS)

    run = run_task(CampaignStatusSensor(task_id="a_task", campaign_id=campaign, poke_interval=0.1, **how))

    assert isinstance(run.error, CampaignWaitError)
    assert READ in str(run.error)


def test_a_launch_unseen_needs_only_to_update(sandbox: SandboxClient, run_task: Any, with_scopes: Any) -> None:
    campaign = sandbox.add_campaign()
    with_scopes(UPDATE)

    run = run_task(ActivateCampaignOperator(task_id="a_task", campaign_id=campaign, check_before=False))

    assert run.error is None
    assert requests_made(sandbox) == {("POST", 200)}
    assert sandbox.activations(campaign) == 1


def test_a_launch_with_a_read_needs_both(sandbox: SandboxClient, run_task: Any, with_scopes: Any) -> None:
    campaign = sandbox.add_campaign()
    with_scopes(READ, UPDATE)

    run = run_task(ActivateCampaignOperator(task_id="a_task", campaign_id=campaign))

    assert run.error is None
    assert requests_made(sandbox) == {("GET", 200), ("POST", 200)}


@pytest.mark.parametrize(
    ("check_before", "scopes", "lacking"),
    [(False, (READ, *OTHERS), UPDATE), (True, (READ, *OTHERS), UPDATE), (True, (UPDATE, *OTHERS), READ)],
)
def test_without_its_scope_the_operator_names_it_and_launches_nothing(
    sandbox: SandboxClient, run_task: Any, with_scopes: Any, check_before: bool, scopes: tuple[str, ...], lacking: str
) -> None:
    campaign = sandbox.add_campaign()
    with_scopes(*scopes)

    run = run_task(ActivateCampaignOperator(task_id="a_task", campaign_id=campaign, check_before=check_before))

    assert isinstance(run.error, InstantlyPermissionError)
    assert lacking in str(run.error)
    assert sandbox.activations(campaign) == 0


@pytest.mark.parametrize("place", ["campaign", "list"])
def test_adding_leads_needs_no_more_than_the_manual_says(
    sandbox: SandboxClient, run_task: Any, with_scopes: Any, place: str
) -> None:
    place_id = sandbox.add_campaign()
    with_scopes("leads:read", "leads:create", *([READ] if place == "campaign" else []))

    where: dict[str, Any] = {f"{place}_id": place_id}
    run = run_task(AddLeadsOperator(task_id="a_task", rows=[{"email": "a@example.com"}], **where))

    assert run.error is None
    assert run.value["present"] == 1


@pytest.mark.parametrize("missing", ["leads:read", "leads:create", READ])
def test_adding_leads_names_what_it_lacks_and_adds_no_one(
    sandbox: SandboxClient, run_task: Any, with_scopes: Any, missing: str
) -> None:
    campaign_id = sandbox.add_campaign()
    with_scopes(*({"leads:read", "leads:create", READ} - {missing}))

    run = run_task(AddLeadsOperator(task_id="a_task", rows=[{"email": "a@example.com"}], campaign_id=campaign_id))

    assert isinstance(run.error, InstantlyPermissionError)
    assert missing in str(run.error)
    assert sandbox.leads(campaign_id) == []


def test_a_check_before_the_launch_reads_what_it_needs(sandbox: SandboxClient, run_task: Any, with_scopes: Any) -> None:
    campaign = prepare(sandbox, "ada@mail.example")
    with_scopes(READ, UPDATE, "leads:read", "accounts:read", "workspace_billing:read")

    run = run_task(ActivateCampaignOperator(task_id="a_task", campaign_id=campaign, preflight=True))

    assert run.error is None
    assert run.value["launched"]


@pytest.mark.parametrize("lacking", ["leads:read", "accounts:read", "workspace_billing:read"])
def test_without_a_scope_of_the_check_nothing_is_launched(
    sandbox: SandboxClient, run_task: Any, with_scopes: Any, lacking: str
) -> None:
    campaign = prepare(sandbox, "ada@mail.example")
    with_scopes(READ, UPDATE, *{"leads:read", "accounts:read", "workspace_billing:read"} - {lacking})

    checked = run_task(CheckCampaignOperator(task_id="a_task", campaign_id=campaign))
    launched = run_task(ActivateCampaignOperator(task_id="a_task", campaign_id=campaign, preflight=True))

    for run in (checked, launched):
        assert isinstance(run.error, CheckIncompleteError)
        assert lacking in str(run.error)
    assert sandbox.activations(campaign) == 0


def test_the_brake_needs_no_more_than_the_manual_says(sandbox: SandboxClient, with_scopes: Any) -> None:
    campaign = sandbox.add_campaign(status=ACTIVE)
    with_scopes(READ, UPDATE)

    PauseCampaignNotifier(campaign_id=campaign)({"dag": DAG("a_dag", schedule=None)})

    assert sandbox.campaign(campaign)["status"] == PAUSED


@pytest.mark.parametrize(("scope", "lacking"), [(READ, UPDATE), (UPDATE, READ)])
def test_the_brake_names_what_it_lacks(
    sandbox: SandboxClient, with_scopes: Any, task_log: Any, scope: str, lacking: str
) -> None:
    campaign = sandbox.add_campaign(status=ACTIVE)
    with_scopes(scope, *OTHERS)

    PauseCampaignNotifier(campaign_id=campaign)({"dag": DAG("a_dag", schedule=None)})

    assert lacking in task_log()
    assert sandbox.campaign(campaign)["status"] == ACTIVE


def test_a_report_needs_no_more_than_the_manual_says(
    sandbox: SandboxClient, run_task: Any, with_scopes: Any, tmp_path: Path
) -> None:
    campaign = prepare(sandbox, "ada@mail.example")
    with_scopes(READ, "accounts:read")

    run = run_task(CampaignReportOperator(task_id="a_task", campaign_id=campaign, path=str(tmp_path)))

    assert (run.error, run.value["not_read"]) == (None, [])
    assert {method for method, _ in requests_made(sandbox)} == {"GET"}


def test_a_report_names_what_it_lacks(sandbox: SandboxClient, run_task: Any, with_scopes: Any, tmp_path: Path) -> None:
    campaign = prepare(sandbox, "ada@mail.example")
    with_scopes("accounts:read", UPDATE, *OTHERS)

    run = run_task(CampaignReportOperator(task_id="a_task", campaign_id=campaign, path=str(tmp_path)))

    assert isinstance(run.error, InstantlyPermissionError)
    assert READ in str(run.error)
    assert list(tmp_path.iterdir()) == []
