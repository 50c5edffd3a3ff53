"""Operator and sensor on a real Airflow: every way of waiting, deferred and mapped launches, the link, the provider."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from local_airflow.configuration import AIRFLOW_3, environment
from tests.integration.conftest import first_run

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

MODES = ("in_the_triggerer", "deferred_by_a_worker", "reschedule", "poke")
TIMEOUT = 240.0
"""Seconds that anything may take that is waited for; Airflow 2.11 on SQLite runs one task after the other."""


def link_of(airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str) -> str | None:
    """The address of the button, as Airflow's REST API tells it."""
    links: dict[str, Any] = airflow.api(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links")
    address: str | None = links.get("extra_links", links).get("Campaign in Instantly")
    return address


def reschedules(airflow: LocalAirflow, dag_id: str, run_id: str) -> int:
    """How often tasks of a run have given their workers back."""
    source = "task_reschedule r JOIN task_instance t ON t.id = r.ti_id" if AIRFLOW_3 else "task_reschedule t"
    sql = f"SELECT count(*) FROM {source} WHERE t.dag_id = :dag_id AND t.run_id = :run_id"  # noqa: S608 - no input
    [[number]] = airflow.query(sql, dag_id=dag_id, run_id=run_id)
    return int(number)


def page_of(sandbox: SandboxClient, campaign_id: str) -> str:
    return f"{sandbox.url}/app/campaign/{campaign_id}/analytics"


def refusals(sandbox: SandboxClient) -> int:
    """How often a key was refused."""
    return sum(counted["count"] for counted in sandbox.request_counts() if counted["status"] == 401)


def wait_until_every_mode_waits(airflow: LocalAirflow, run_id: str) -> None:
    """Wait until each task of ``wait_in_every_mode`` has polled its campaign, and waits where its mode waits."""
    dag_id = "wait_in_every_mode"
    waiting = {"in_the_triggerer": "deferred", "deferred_by_a_worker": "deferred", "poke": "running"}
    airflow.wait_for(
        lambda: (
            waiting.items() <= airflow.task_states(dag_id, run_id).items()
            and reschedules(airflow, dag_id, run_id) > 0
            and all(link_of(airflow, dag_id, run_id, mode) for mode in MODES)
        ),
        TIMEOUT,
        lambda: f"Not every task waits with a link that works: {airflow.task_states(dag_id, run_id)}",
    )


@pytest.mark.every_version
def test_every_mode_waits_for_a_campaign_that_a_person_launches(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    dag_id = "wait_in_every_mode"
    campaign_id = sandbox.add_campaign("Launched by a person", script=[(0, "active")])
    run_id = airflow.trigger(dag_id, conf={"campaign_id": campaign_id})
    wait_until_every_mode_waits(airflow, run_id)
    links = {link_of(airflow, dag_id, run_id, mode) for mode in MODES}

    sandbox.activate(campaign_id)

    assert airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT) == "success"
    assert links == {page_of(sandbox, campaign_id)}
    values = [airflow.xcom(dag_id, run_id, mode) for mode in MODES]
    assert values == [values[0]] * 4
    assert (values[0]["campaign_id"], values[0]["status_name"]) == (campaign_id, "Active")
    assert {task.try_number for task in airflow.task_instances(dag_id, run_id)} == {1}
    # No one but the person has activated it.
    assert sandbox.activations(campaign_id) == 1


@pytest.mark.every_version
def test_a_launch_with_an_alias_succeeds_and_starts_what_follows_the_alias(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    """What an event may say differs from version to version, and Airflow finds out when the task is done."""
    campaign_id = sandbox.add_campaign("Launched by an alias", script=[(0, "active")])
    airflow.wait_until_known("after_the_alias")

    run_id = airflow.trigger("launch_with_an_alias", conf={"campaign_id": campaign_id})

    assert airflow.wait_for_run("launch_with_an_alias", run_id, timeout=TIMEOUT) == "success"
    table = "asset_event" if AIRFLOW_3 else "dataset_event"
    sql = f"SELECT extra FROM {table} WHERE source_run_id = :run_id"  # noqa: S608 - no input
    [[extra]] = airflow.query(sql, run_id=run_id)
    said = extra if isinstance(extra, dict) else json.loads(extra)
    assert (said["campaign_id"], said["launched"], said["status_name"]) == (campaign_id, True, "Active")
    assert said["next_window_opens"] < said["next_window_closes"]
    started = first_run(airflow, "after_the_alias")
    assert airflow.wait_for_run("after_the_alias", started, timeout=TIMEOUT) == "success"
    # Before 3.1, Airflow gives the run the events of those assets that the alias had when the DAG's file was last read.
    # So it depends on which comes first, the run or the next reading.
    assert airflow.xcom("after_the_alias", started, "said") in ([[said]] if AIRFLOW_V_3_1_PLUS else [[said], []])


def test_the_key_is_replaced_while_every_mode_waits(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    dag_id, conn_id = "wait_in_every_mode", "replaced_key"
    host, _, port = sandbox.url.rpartition(":")
    connection = {"conn_type": "instantly", "host": host, "port": int(port)}
    airflow.add_connection(conn_id, **connection, password=sandbox.add_key("old"))
    campaign_id = sandbox.add_campaign("Waited for with two keys", script=[(0, "active")])
    run_id = airflow.trigger(dag_id, conf={"campaign_id": campaign_id, "conn_id": conn_id})
    wait_until_every_mode_waits(airflow, run_id)

    changed = {"connection_id": conn_id, **connection, "password": sandbox.add_key("new")}
    airflow.api(f"/connections/{conn_id}", method="PATCH", json=changed)
    before = refusals(sandbox)
    sandbox.revoke_key("old")
    sandbox.activate(campaign_id)

    assert airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT) == "success"
    assert {task.try_number for task in airflow.task_instances(dag_id, run_id)} == {1}
    # The two in the triggerer share a connection, and those on a worker have one each.
    assert refusals(sandbox) - before in (2, 3)


def test_every_mode_fails_with_the_reason_and_without_a_retry(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    dag_id = "wait_in_every_mode"
    campaign_id = sandbox.add_campaign("Bounces", script=[(0, "active"), (1, "bounce_protect")], running=True)

    run_id = airflow.trigger(dag_id, conf={"campaign_id": campaign_id})

    assert airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT) == "failed"
    for task in airflow.task_instances(dag_id, run_id):
        log = airflow.task_log(dag_id, run_id, task.task_id)
        assert (task.task_id, task.state, task.try_number) == (task.task_id, "failed", 1)
        assert '[campaign "Bounces"' in log
        assert "is Bounce Protect, so it will not become Active" in log
        assert "Too many e-mails bounced" in log
        assert sandbox.api_key not in log


class Deferred:
    """
    Two runs of the operator that waits in the triggerer, side by side: one campaign holds, one is stopped.

    :param airflow: the Airflow.
    :param sandbox: the stand-in for Instantly.
    """

    dag_id = "launch_and_hold"

    def __init__(self, airflow: LocalAirflow, sandbox: SandboxClient) -> None:
        self.healthy = sandbox.add_campaign("Holds", script=[(1, "active")])
        self.unhealthy = sandbox.add_campaign("Does not hold", script=[(1, "active"), (3, "accounts_unhealthy")])
        self.nothing = "None"
        self.runs = {
            campaign_id: airflow.trigger(self.dag_id, conf={"campaign_id": campaign_id})
            for campaign_id in (self.healthy, self.unhealthy, self.nothing)
        }


@pytest.fixture(scope="module")
def deferred(airflow: LocalAirflow, sandbox: SandboxClient) -> Deferred:
    """The runs, begun once for the tests of how they end."""
    return Deferred(airflow, sandbox)


def test_a_launch_that_holds_succeeds_in_the_triggerer(
    airflow: LocalAirflow, sandbox: SandboxClient, deferred: Deferred
) -> None:
    run_id = deferred.runs[deferred.healthy]

    assert airflow.wait_for_run(deferred.dag_id, run_id, timeout=TIMEOUT) == "success"

    value = airflow.xcom(deferred.dag_id, run_id, "launch")
    assert set(value) == {"id", "name", "status", "status_name", "launched", "url", "next_sending_window"}
    assert (value["id"], value["status"], value["launched"]) == (deferred.healthy, 1, True)
    assert value["url"] == link_of(airflow, deferred.dag_id, run_id, "launch") == page_of(sandbox, deferred.healthy)
    assert sandbox.activations(deferred.healthy) == 1


def test_a_launch_that_does_not_hold_fails_with_the_reason_and_without_a_retry(
    airflow: LocalAirflow, sandbox: SandboxClient, deferred: Deferred
) -> None:
    run_id = deferred.runs[deferred.unhealthy]

    assert airflow.wait_for_run(deferred.dag_id, run_id, timeout=TIMEOUT) == "failed"

    [task] = airflow.task_instances(deferred.dag_id, run_id)
    assert (task.state, task.try_number) == ("failed", 1)
    log = airflow.task_log(deferred.dag_id, run_id, "launch")
    assert "is Accounts Unhealthy" in log
    assert "No sending account of the campaign is able to send" in log
    assert sandbox.activations(deferred.unhealthy) == 1


def test_a_template_that_renders_to_no_campaign_fails_at_once(airflow: LocalAirflow, deferred: Deferred) -> None:
    run_id = deferred.runs[deferred.nothing]

    assert airflow.wait_for_run(deferred.dag_id, run_id, timeout=TIMEOUT) == "failed"

    [task] = airflow.task_instances(deferred.dag_id, run_id)
    assert (task.state, task.try_number) == ("failed", 1)
    assert "campaign_id must be the UUID of a campaign" in airflow.task_log(deferred.dag_id, run_id, "launch")
    assert not link_of(airflow, deferred.dag_id, run_id, "launch")


def test_a_mapped_launch_and_a_sensor_that_waits_for_all(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    dag_id = "launch_several"
    statuses = ("draft", "paused", "active")
    ids = [sandbox.add_campaign(f"One of three, {status}", status=status) for status in statuses]

    run_id = airflow.trigger(dag_id, conf={"campaign_ids": ids})

    assert airflow.wait_for_run(dag_id, run_id, timeout=TIMEOUT) == "success"
    values = [airflow.xcom(dag_id, run_id, "launch", map_index=index) for index in range(3)]
    assert [(value["id"], value["launched"]) for value in values] == list(zip(ids, (True, True, False), strict=True))
    seen = airflow.xcom(dag_id, run_id, "wait")
    assert seen["progress"] == "3 of 3 Active"
    assert [outcome["campaign_id"] for outcome in seen["campaigns"]] == ids
    assert [sandbox.activations(campaign_id) for campaign_id in ids] == [1, 1, 0]


def test_airflows_command_line_lists_the_provider(airflow: LocalAirflow) -> None:
    output = subprocess.run(
        [sys.executable, "-m", "airflow", "providers", "list", "--output", "json"],
        env={**environment(airflow.configuration), "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"},
        cwd=airflow.home,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    [row] = [row for row in json.loads(output[output.index("[") :]) if "instantly" in row["package_name"]]
    assert row["package_name"] == "airflow-provider-instantly"
    assert "Instantly" in row["description"]
