"""The example DAGs that launch, each on a real Airflow and to its end: its story as a user lives through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS

from airflow_provider_instantly.hooks.instantly import InstantlyHook
from tests.unit.launches.preflight.ready import DOCUMENT

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

pytestmark = pytest.mark.every_version

TIMEOUT = 240.0
"""Seconds that anything may take that is waited for; Airflow 2.11 on SQLite runs one task after the other."""


def first_run(airflow: LocalAirflow, dag_id: str) -> str:
    """The run that an asset has started, once there is one."""
    airflow.wait_for(lambda: bool(airflow.run_ids(dag_id)), TIMEOUT, lambda: f"The asset started no run of {dag_id}")
    return airflow.run_ids(dag_id)[0]


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
        events = airflow.api("/assets/events", params={"asset_id": asset["id"], "limit": 100})["asset_events"]
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


def ready_campaign(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, name: str, **fields: Any) -> str:
    """A campaign that a check finds nothing against: with e-mails, a sender and a lead."""
    sender = f"{name.replace(' ', '.').lower()}@mail.example"
    sandbox.add_accounts(sender)
    document = {key: value for key, value in DOCUMENT.items() if key not in ("status", "name")}
    campaign_id = sandbox.add_campaign(
        name, script=[(0, "active")], fields={**document, "email_list": [sender], **fields}
    )
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", sandbox.airflow_connection)
    with InstantlyHook() as hook:
        hook.add_leads([{"email": "grace@customer.example", "first_name": "Grace"}], campaign_id=campaign_id)
    return campaign_id


def asked(airflow: LocalAirflow, run_id: str) -> dict[str, Any]:
    """What a person is asked, once they are."""
    path = f"/dags/instantly_approval/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    # No person answers within a second; if one did, Airflow 3.3.2 would fail the task: see `MIN_ABSENCE`.
    heard = "Received executor event with state success for task instance TaskInstanceKey(dag_id='instantly_approval', "
    heard += f"task_id='approve', run_id='{run_id}'"
    airflow.wait_for(
        lambda: (
            airflow.task_states("instantly_approval", run_id)["approve"] in ("awaiting_input", "deferred")
            and heard in airflow.log("scheduler")
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
