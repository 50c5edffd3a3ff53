"""The example DAGs that stop what must not be sent, each on a real Airflow to its end, with a sandbox of their own."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.sandbox.client import running_sandbox
from local_airflow.standalone import LocalAirflow
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

EXAMPLE_DAGS = Path(__file__).parents[2] / "dags"
TIMEOUT = 240.0
"""Seconds that a run may take."""


@pytest.fixture(scope="module")
def workspace() -> Iterator[SandboxClient]:
    """A sandbox of its own: these DAGs act on whole workspaces, and its clock is set forward."""
    with running_sandbox("--no-limits") as client:
        yield client


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a table of people who opted out."""
    file = tmp_path_factory.mktemp("warehouse") / "warehouse.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE opt_outs (email TEXT)")
    return file


@pytest.fixture(scope="module")
def guarded(workspace: SandboxClient, warehouse: Path) -> Iterator[LocalAirflow]:
    """A real Airflow whose connections lead to them."""
    connections = {
        "instantly_default": json.loads(workspace.airflow_connection),
        "warehouse": {"conn_type": "sqlite", "host": str(warehouse)},
    }
    with LocalAirflow(EXAMPLE_DAGS, connections=connections) as airflow:
        yield airflow


@pytest.fixture(autouse=True)
def empty(workspace: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each story begins with an empty workspace; the test's own hook speaks to it, too."""
    workspace.reset()
    workspace.set(limits_enabled=False)
    monkeypatch.setitem(os.environ, "AIRFLOW_CONN_INSTANTLY_DEFAULT", workspace.airflow_connection)


def launched(workspace: SandboxClient, name: str, leads: list[str]) -> str:
    """A campaign that writes to its leads."""
    senders = [f"sender{number}@{name.split()[0].lower()}.example" for number in range(4)]
    workspace.add_accounts(*senders)
    campaign_id = workspace.add_campaign(name, fields={"email_list": senders})
    workspace.activate(campaign_id)
    with InstantlyHook() as hook:
        hook.add_leads([{"email": email} for email in leads], campaign_id=campaign_id)
    return campaign_id


def switched_on(airflow: LocalAirflow, dag_id: str) -> tuple[str, str]:
    """Let a DAG run by its schedule, which it does at once: the id and the state of the run."""
    run_id = airflow.switch_on(dag_id, timeout=TIMEOUT)
    return run_id, airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT)


def finished(airflow: LocalAirflow, dag_id: str) -> tuple[str, str]:
    """Run a DAG to its end: the id and the state of the run."""
    run_id = airflow.trigger(dag_id)
    return run_id, airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT)


def test_the_guard_pauses_what_bounces_and_nothing_else(guarded: LocalAirflow, workspace: SandboxClient) -> None:
    bad = launched(workspace, "Bad list", [f"lead{n}+bounce@example.com" for n in range(60)])
    worse = launched(workspace, "Worse follow-ups", [f"late{n}+bounce@example.com" for n in range(60)])
    good = launched(workspace, "Good list", [f"person{n}@example.com" for n in range(60)])
    workspace.advance_clock(3600)
    workspace.set_status(worse, SUBSEQUENCES)
    silent = workspace.add_campaign("Has sent nothing", status=ACTIVE)
    assert min(len(workspace.emails(each)) for each in (bad, worse)) > 5

    run_id, state = switched_on(guarded, "instantly_guard")

    assert state == "success"
    assert [workspace.campaign(each)["status"] for each in (bad, worse, good, silent)] == [
        PAUSED, PAUSED, ACTIVE, ACTIVE,
    ]  # fmt: skip
    figures = guarded.xcom("instantly_guard", run_id, "pause_what_bounces")
    assert set(figures["breached"]) == set(figures["paused"]) == {bad, worse}
    assert {each["campaign_id"]: each["verdict"] for each in figures["campaigns"]} == {
        bad: "breached",
        worse: "breached",
        good: "kept",
        silent: "open",
    }
    lines = guarded.xcom("instantly_guard", run_id, "report")
    assert sorted(line.partition(":")[0] for line in lines) == ["Bad list", "Worse follow-ups"]

    # Where nothing runs, there is nothing to guard.
    for campaign_id in (good, silent):
        workspace.pause(campaign_id)
    run_id, state = finished(guarded, "instantly_guard")
    assert state == "success"
    assert guarded.task_states("instantly_guard", run_id) == {
        "running": "success",
        "pause_what_bounces": "skipped",
        "report": "skipped",
    }
    assert "@" not in guarded.task_log("instantly_guard", run_id, "running")


def test_the_red_button_pauses_all_that_may_send(guarded: LocalAirflow, workspace: SandboxClient) -> None:
    sends = [workspace.add_campaign("Sends", status=status) for status in (ACTIVE, ACTIVE, SUBSEQUENCES, UNKNOWN)]
    others = {workspace.add_campaign("Does not", status=status): status for status in (DRAFT, COMPLETED, BOUNCED)}

    run_id, state = finished(guarded, "instantly_red_button")

    assert state == "success"
    assert {workspace.campaign(campaign_id)["status"] for campaign_id in sends} == {PAUSED}
    assert {campaign_id: workspace.campaign(campaign_id)["status"] for campaign_id in others} == others
    assert guarded.task_states("instantly_red_button", run_id)["confirm"] == "success"

    # Pressed again, it finds nothing to do, and still confirms.
    run_id, state = finished(guarded, "instantly_red_button")
    assert state == "success"
    assert guarded.task_states("instantly_red_button", run_id) == {
        "find": "success",
        "pause": "skipped",
        "confirm": "success",
    }


def test_opt_outs_of_the_warehouse_are_blocked_for_all_campaigns(
    guarded: LocalAirflow, workspace: SandboxClient, warehouse: Path
) -> None:
    with sqlite3.connect(warehouse) as database:
        database.executemany(
            "INSERT INTO opt_outs VALUES (?)", [["ada@example.com"], ["left.example"], ["no address"], [None]]
        )

    run_id, state = switched_on(guarded, "instantly_opt_outs")

    assert state == "success"
    counts = guarded.xcom("instantly_opt_outs", run_id, "block")
    assert (counts["rows"], counts["blocked"], counts["rejected"]) == (4, 2, 2)
    campaign_id = workspace.add_campaign("Spring")
    with InstantlyHook() as hook:
        added = hook.add_leads(
            [{"email": email} for email in ("ada@example.com", "bob@left.example", "cy@example.com")],
            campaign_id=campaign_id,
        )
    assert added.in_blocklist == 2
    assert [lead["email"] for lead in workspace.leads(campaign_id)] == ["cy@example.com"]
    assert "ada@example.com" not in guarded.task_log("instantly_opt_outs", run_id, "block")
