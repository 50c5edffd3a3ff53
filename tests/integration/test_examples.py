"""The example DAGs that launch, wait and report, each on a real Airflow to its end, as a user lives through it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_instantly.hooks.instantly import InstantlyHook
from local_airflow.rest import RestError
from tests.integration.conftest import CLIENTS_SLOTS, first_run
from tests.statuses import ACTIVE, PAUSED
from tests.unit.launches.preflight.ready import DOCUMENT

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import URL

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

pytestmark = pytest.mark.every_version

TIMEOUT = 240.0
"""Seconds that anything may take that is waited for; Airflow 2.11 on SQLite runs one task after the other."""


def names_in_grid(airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str) -> set[str]:
    """What Airflow's pages call the instances of a mapped task."""
    tasks = airflow.api(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
    return {task["rendered_map_index"] for task in tasks if task["task_id"] == task_id}


def test_an_updated_asset_launches_the_campaign_that_its_event_names(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    campaign_id = sandbox.add_campaign("Its audience is ready", script=[(0, "active")])
    airflow.wait_until_known("instantly_launch_on_asset")

    prepared = airflow.trigger("instantly_audience", conf={"campaign_id": campaign_id})

    assert airflow.wait_for_run("instantly_audience", prepared, timeout=TIMEOUT) == "success"
    run_id = first_run(airflow, "instantly_launch_on_asset")
    assert airflow.wait_for_run("instantly_launch_on_asset", run_id, timeout=TIMEOUT) == "success"
    assert airflow.xcom("instantly_launch_on_asset", run_id, "campaigns") == [campaign_id]
    assert names_in_grid(airflow, "instantly_launch_on_asset", run_id, "launch") == {campaign_id}
    assert sandbox.campaign(campaign_id)["status_name"] == "Active"
    assert sandbox.activations(campaign_id) == 1


def test_a_launch_starts_what_follows_launches_and_nothing_that_waits_for_a_stop(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    campaign_id = sandbox.add_campaign("Followed", script=[(0, "active")])
    airflow.wait_until_known("instantly_after_launch")

    launch = airflow.trigger("instantly_announced_launch", conf={"campaign_id": campaign_id})

    assert airflow.wait_for_run("instantly_announced_launch", launch, timeout=TIMEOUT) == "success"
    run_id = first_run(airflow, "instantly_after_launch")
    sandbox.set_status(campaign_id, "completed")
    assert airflow.wait_for_run("instantly_after_launch", run_id, timeout=TIMEOUT) == "success"
    assert airflow.xcom("instantly_after_launch", run_id, "launched") == [campaign_id]
    [figures] = airflow.xcom("instantly_after_launch", run_id, "figures")["campaigns"]
    assert figures["campaign_id"] == campaign_id
    if AIRFLOW_V_3_0_PLUS:
        query = {"source_dag_id": "instantly_announced_launch"}
        [event] = airflow.api("/assets/events", params=query)["asset_events"]
        assert [run["dag_id"] for run in event["created_dagruns"]] == ["instantly_after_launch"]


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 has no watchers, nor events that are made by hand")
def test_an_event_that_is_made_by_hand_is_no_stopped_campaign(airflow: LocalAirflow) -> None:
    dag_id, uri = "instantly_stopped_campaign", "instantly://changes/stopped"
    airflow.wait_until_known(dag_id)
    [asset] = [each for each in airflow.api("/assets", params={"limit": 100})["assets"] if each["uri"] == uri]

    made = airflow.api("/assets/events", method="POST", json={"asset_id": asset["id"], "extra": {}})

    def started() -> list[str]:
        try:
            events = airflow.api("/assets/events", params={"asset_id": asset["id"], "limit": 100})["asset_events"]
        except RestError as error:
            # Airflow cannot say which run there is until it has begun.
            if error.status != 500:
                raise
            return []
        return [run["run_id"] for each in events if each["id"] == made["id"] for run in each["created_dagruns"]]

    airflow.wait_for(lambda: bool(started()), TIMEOUT, lambda: "The event started no run")
    [run_id] = started()
    assert airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT) == "success"


def test_of_many_clients_one_that_must_not_be_launched_holds_up_no_other(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    healthy = [sandbox.add_campaign(f"Client {n}", script=[(0, "active")]) for n in range(3)]
    stopped = sandbox.add_campaign("Stopped client", status="bounce_protect")

    run_id = airflow.trigger("instantly_clients", conf={"campaign_ids": [*healthy, stopped, healthy[0]]})

    assert airflow.wait_for_run("instantly_clients", run_id, timeout=TIMEOUT) == "failed"
    launches = [task for task in airflow.task_instances("instantly_clients", run_id) if task.task_id == "launch"]
    assert sorted(str(task.state) for task in launches) == ["failed", "success", "success", "success"]
    assert names_in_grid(airflow, "instantly_clients", run_id, "launch") == {*healthy, stopped}
    # What Instantly stopped is refused at once: it is nothing that a retry could change.
    assert {task.try_number for task in launches} == {1}
    assert [sandbox.activations(campaign_id) for campaign_id in (*healthy, stopped)] == [1, 1, 1, 0]


def test_a_pool_limits_how_many_clients_launch_at_once(
    airflow_on_postgres: LocalAirflow, sandbox: SandboxClient
) -> None:
    airflow, many = airflow_on_postgres, 3 * CLIENTS_SLOTS
    campaigns = [sandbox.add_campaign(f"One of many {n}", script=[(0, "active")]) for n in range(many)]
    run_id = airflow.trigger("instantly_clients", conf={"campaign_ids": campaigns})
    at_once = 0

    def has_ended() -> bool:
        nonlocal at_once
        tasks = airflow.task_instances("instantly_clients", run_id)
        at_once = max(at_once, sum(each.task_id == "launch" and each.state in ("queued", "running") for each in tasks))
        return airflow.run_state("instantly_clients", run_id) in ("success", "failed")

    airflow.wait_for(has_ended, 4 * TIMEOUT, lambda: f"{airflow.task_instances('instantly_clients', run_id)}")

    assert airflow.run_state("instantly_clients", run_id) == "success"
    assert at_once == CLIENTS_SLOTS
    assert [sandbox.activations(campaign_id) for campaign_id in campaigns] == [1] * many


def add_people(warehouse: URL, campaign_id: str, *names: str) -> None:
    """Add people to the table that the pipeline reads."""
    columns = "campaign_id VARCHAR(36), email VARCHAR(99), first_name VARCHAR(99), company VARCHAR(99)"
    row = "(:campaign_id, :email, :first_name, 'Customer')"
    rows = [
        {"campaign_id": campaign_id, "email": f"{name}@customer.example", "first_name": name.title()} for name in names
    ]
    with create_engine(warehouse, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS audience ({columns})"))
        connection.execute(text(f"INSERT INTO audience VALUES {row}"), rows)  # noqa: S608 - no input is in it


def test_a_pipeline_runs_night_after_night(airflow: LocalAirflow, sandbox: SandboxClient, warehouse: URL) -> None:
    dag_id, campaign_id = "instantly_pipeline", sendable_campaign(sandbox, "Nightly")
    airflow.add_variable("instantly_campaign_id", campaign_id)
    add_people(warehouse, campaign_id, "ada-lovelace", "ben-franklin")

    first = airflow.switch_on(dag_id, timeout=TIMEOUT)

    assert airflow.wait_for_run(dag_id, first, timeout=TIMEOUT) == "success"
    assert (sandbox.campaign(campaign_id)["status"], sandbox.activations(campaign_id)) == (ACTIVE, 1)

    # The second night: a run without any params, as by its schedule.
    add_people(warehouse, campaign_id, "cy-young")
    second = airflow.trigger(dag_id)

    assert airflow.wait_for_run(dag_id, second, timeout=TIMEOUT) == "success"
    counts = airflow.xcom(dag_id, second, "add_leads")
    assert (counts["rows"], counts["uploaded"], counts["already_there"]) == (3, 1, 2)
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE
    history = [each["effect"] for each in sandbox.campaign(campaign_id)["history"]]
    assert [effect for effect in history if effect in ("activated", "paused")] == ["activated", "paused", "activated"]
    assert len({lead["email"] for lead in sandbox.leads(campaign_id)}) == len(sandbox.leads(campaign_id)) == 3

    # The third night: a guard or a person has paused it meanwhile.
    sandbox.pause(campaign_id)
    add_people(warehouse, campaign_id, "dee-dee")
    third = airflow.trigger(dag_id)

    assert airflow.wait_for_run(dag_id, third, timeout=TIMEOUT) == "failed"
    assert airflow.task_states(dag_id, third) == {
        "pause": "success",
        "may_go_on": "failed",
        "add_leads": "upstream_failed",
        "check": "upstream_failed",
        "launch": "upstream_failed",
    }
    assert "was Paused already. No one was added" in airflow.task_log(dag_id, third, "may_go_on")
    assert (sandbox.campaign(campaign_id)["status"], sandbox.activations(campaign_id)) == (PAUSED, 2)
    assert len(sandbox.leads(campaign_id)) == 3
    logs = [airflow.task_log(dag_id, run_id, "add_leads") for run_id in (first, second)]
    assert [name for name in ("ada-lovelace", "ben-franklin", "cy-young") if any(name in log for log in logs)] == []


def test_a_pipeline_by_hand_is_for_the_campaign_that_is_named_and_is_not_launched_unready(
    airflow: LocalAirflow, sandbox: SandboxClient, warehouse: URL
) -> None:
    campaign_id = sandbox.add_campaign("Empty")
    add_people(warehouse, campaign_id, "eve-adams")
    airflow.wait_until_known("instantly_pipeline")
    airflow.api("/dags/instantly_pipeline", method="PATCH", json={"is_paused": False})

    run_id = airflow.trigger("instantly_pipeline", conf={"campaign_id": campaign_id})

    assert airflow.wait_for_run("instantly_pipeline", run_id, timeout=TIMEOUT) == "failed"
    states = airflow.task_states("instantly_pipeline", run_id)
    assert (states["add_leads"], states["check"], states["launch"]) == ("success", "failed", "upstream_failed")
    assert "[no_sender]" in airflow.task_log("instantly_pipeline", run_id, "check")
    assert (len(sandbox.leads(campaign_id)), sandbox.activations(campaign_id)) == (1, 0)


def test_a_fleet_is_waited_for_in_one_task(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    dag_id, task_id = "instantly_fleet", "wait_until_all_are_active"
    healthy = [sandbox.add_campaign(f"Of the fleet {n}", status="active") for n in range(3)]
    stopped = [sandbox.add_campaign(f"Stopped {n}", status=status) for n, status in enumerate((-1, -2))]

    good = airflow.trigger(dag_id, conf={"campaign_ids": healthy})
    bad = airflow.trigger(dag_id, conf={"campaign_ids": [*stopped, *healthy]})

    assert airflow.wait_for_run(dag_id, good, timeout=TIMEOUT) == "success"
    assert {each["status_name"] for each in airflow.xcom(dag_id, good, task_id)["campaigns"]} == {"Active"}
    assert airflow.wait_for_run(dag_id, bad, timeout=TIMEOUT) == "failed"
    # It tells of all that went wrong, not only of the first.
    log = airflow.task_log(dag_id, bad, task_id)
    assert [campaign_id for campaign_id in stopped if campaign_id not in log] == []
    assert sum(map(sandbox.activations, [*healthy, *stopped])) == 0


def test_a_report_is_written_where_its_run_says(airflow: LocalAirflow, sandbox: SandboxClient, tmp_path: Path) -> None:
    campaigns = [sandbox.add_campaign("Reported first", status="active"), sandbox.add_campaign("Reported second")]
    conf = {"campaign_ids": campaigns, "path": tmp_path.as_uri()}

    run_id = airflow.trigger("instantly_report", conf=conf)

    assert airflow.wait_for_run("instantly_report", run_id, timeout=TIMEOUT) == "success"
    value = airflow.xcom("instantly_report", run_id, "report")
    assert (value["campaigns"], value["not_read"]) == (campaigns, [])
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.index("Reported first") < page.index("Reported second")


def sendable_campaign(sandbox: SandboxClient, name: str, **fields: Any) -> str:
    """A campaign with e-mails and a sender, and without leads."""
    sender = f"{name.replace(' ', '.').lower()}@mail.example"
    sandbox.add_accounts(sender)
    document = {key: value for key, value in DOCUMENT.items() if key not in ("status", "name")}
    return sandbox.add_campaign(name, script=[(0, "active")], fields={**document, "email_list": [sender], **fields})


def ready_campaign(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, name: str, **fields: Any) -> str:
    """A campaign that a check finds nothing against: with e-mails, a sender and a lead."""
    campaign_id = sendable_campaign(sandbox, name, **fields)
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", sandbox.airflow_connection)
    with InstantlyHook() as hook:
        hook.add_leads([{"email": "grace@customer.example", "first_name": "Grace"}], campaign_id=campaign_id)
    return campaign_id


def asked(airflow: LocalAirflow, run_id: str) -> dict[str, Any]:
    """What a person is asked, once they are."""
    path = f"/dags/instantly_approval/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    # No person answers within a second; if one did, Airflow 3.3.2 would fail the task: see `MIN_ABSENCE`.
    key = f"TaskInstanceKey(dag_id='instantly_approval', task_id='approve', run_id='{run_id}'"
    heard = re.compile(rf"Received executor event with state success for task instance .*{re.escape(key)}")
    airflow.wait_for(
        lambda: (
            airflow.task_states("instantly_approval", run_id)["approve"] in ("awaiting_input", "deferred")
            and heard.search(airflow.log("scheduler")) is not None
        ),
        TIMEOUT,
        lambda: f"No one was asked: {airflow.task_states('instantly_approval', run_id)}",
    )
    details: dict[str, Any] = airflow.api(path)
    return details


def answer(airflow: LocalAirflow, run_id: str, option: str) -> None:
    path = f"/dags/instantly_approval/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    airflow.api(path, method="PATCH", json={"chosen_options": [option]})


@pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Airflow asks a person from 3.1 on")
class TestApproval:
    def test_a_person_approves_with_the_check_before_them(
        self, airflow: LocalAirflow, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign_id = ready_campaign(sandbox, monkeypatch, "Wanted", stop_on_reply=False)
        run_id = airflow.trigger("instantly_approval", conf={"campaign_id": campaign_id})
        details = asked(airflow, run_id)
        assert details["subject"] == "Launch Wanted?"
        assert "stop_on_reply_off" in details["body"]
        assert sandbox.activations(campaign_id) == 0

        answer(airflow, run_id, "Approve")

        assert airflow.wait_for_run("instantly_approval", run_id, timeout=TIMEOUT) == "success"
        assert sandbox.activations(campaign_id) == 1

    def test_no_is_no_launch(
        self, airflow: LocalAirflow, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign_id = ready_campaign(sandbox, monkeypatch, "Unwanted")
        run_id = airflow.trigger("instantly_approval", conf={"campaign_id": campaign_id})
        asked(airflow, run_id)

        answer(airflow, run_id, "Reject")

        airflow.wait_for_run("instantly_approval", run_id, timeout=TIMEOUT)
        assert airflow.task_states("instantly_approval", run_id)["launch"] == "skipped"
        assert sandbox.activations(campaign_id) == 0

    def test_what_has_changed_since_the_check_is_found_again(
        self, airflow: LocalAirflow, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign_id = ready_campaign(sandbox, monkeypatch, "Changed")
        run_id = airflow.trigger("instantly_approval", conf={"campaign_id": campaign_id})
        asked(airflow, run_id)
        sandbox.set_fields(campaign_id, email_list=[])

        answer(airflow, run_id, "Approve")

        assert airflow.wait_for_run("instantly_approval", run_id, timeout=TIMEOUT) == "failed"
        assert airflow.task_states("instantly_approval", run_id)["launch"] == "failed"
        assert "[no_sender]" in airflow.task_log("instantly_approval", run_id, "launch")
        assert sandbox.activations(campaign_id) == 0
