"""Waits that cost nothing, on a real Airflow: who starts them, who ends them, and what is seen of them meanwhile."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

pytestmark = pytest.mark.skipif(
    not AIRFLOW_V_3_3_PLUS, reason="Below 3.3 Airflow renders no templates in the triggerer, and keeps no asset states"
)

LAUNCHED = "5a3d0e5e-0007-4000-8000-000000000007"
PATIENCE = 120.0


def wait_until(airflow: LocalAirflow, condition: Callable[[], bool], problem: str) -> None:
    airflow.wait_for(condition, PATIENCE, lambda: problem)


def is_deferred(airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str = "wait") -> bool:
    return airflow.task_states(dag_id, run_id).get(task_id) == "deferred"


def worker_starts(airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str = "wait") -> int:
    """How often the task was queued for a worker, as Airflow's own audit log and the task's row have it."""
    sql = (
        "SELECT count(*) FROM log WHERE dag_id = :dag_id AND run_id = :run_id AND task_id = :task_id "
        "AND event = 'running'"
    )
    [[logged]] = airflow.query(sql, dag_id=dag_id, run_id=run_id, task_id=task_id)
    return int(logged)


def worker_of(airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str = "wait") -> tuple[Any, ...]:
    """What a worker leaves in the row of a task that it runs."""
    sql = (
        "SELECT hostname, pid, queued_dttm FROM task_instance "
        "WHERE dag_id = :dag_id AND run_id = :run_id AND task_id = :task_id"
    )
    [row] = airflow.query(sql, dag_id=dag_id, run_id=run_id, task_id=task_id)
    return tuple(row)


def list_requests(sandbox: SandboxClient, after: int) -> int:
    return sum(r["path"].endswith("/campaigns") for r in sandbox.requests(after=after, method="GET"))


def last_request(sandbox: SandboxClient) -> int:
    return max((request["id"] for request in sandbox.requests(limit=1)), default=0)


def test_a_wait_begins_and_ends_without_a_worker_and_its_xcom_is_a_dict(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    campaign = sandbox.add_campaign("No worker", script=[(0, "active")])
    run = airflow.trigger("wait_and_read", conf={"campaign_id": campaign})

    wait_until(airflow, lambda: is_deferred(airflow, "wait_and_read", run), "The wait did not begin")
    links = f"/dags/wait_and_read/dagRuns/{run}/taskInstances/wait/links"
    wait_until(airflow, lambda: bool(airflow.api(links)["extra_links"]["Campaign in Instantly"]), "No link was pushed")
    link = airflow.api(links)["extra_links"]["Campaign in Instantly"]
    assert is_deferred(airflow, "wait_and_read", run), "the link works while the task is waiting"
    assert campaign in link
    sandbox.activate(campaign)

    assert airflow.wait_for_run("wait_and_read", run) == "success"
    assert worker_of(airflow, "wait_and_read", run)[1:] == (None, None), "no worker ever ran it"
    assert worker_of(airflow, "wait_and_read", run, "what_came")[1] is not None, "the task after it did have one"
    assert airflow.xcom("wait_and_read", run, "wait")["verdict"] == "reached"
    assert airflow.xcom("wait_and_read", run, "what_came") == "dict Active"
    assert "is Active" in airflow.task_log("wait_and_read", run, "wait")


def test_a_mapped_task_runs_over_what_a_wait_returns(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    """Its length is known only where a worker pushed it."""
    campaign = sandbox.add_campaign("Mapped over", status=1)
    run = airflow.trigger("wait_and_map", conf={"campaign_id": campaign})

    assert airflow.wait_for_run("wait_and_map", run) == "success"
    parts = [task for task in airflow.task_instances("wait_and_map", run) if task.task_id == "one_of"]
    assert len(parts) == len(airflow.xcom("wait_and_map", run, "wait"))


def test_a_wait_that_shall_push_no_xcom_pushes_none(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign("Not pushed", status=1)
    run = airflow.trigger("wait_and_push_nothing", conf={"campaign_id": campaign})

    assert airflow.wait_for_run("wait_and_push_nothing", run) == "success"
    assert worker_of(airflow, "wait_and_push_nothing", run)[1:] == (None, None)
    assert airflow.xcom_keys("wait_and_push_nothing", run, "wait") == ["_link_CampaignLink"]


def test_the_waits_of_many_runs_share_one_poller_and_need_no_worker(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    campaigns = [sandbox.add_campaigns(3, f"Run {number}", script=[(0, "active")]) for number in range(10)]
    runs = [airflow.trigger("waits_only", conf={"campaign_ids": ids}) for ids in campaigns]
    tasks = [(run, f"wait_{number}") for run in runs for number in range(3)]
    wait_until(
        airflow, lambda: all(is_deferred(airflow, "waits_only", *task) for task in tasks), "Not all waits have begun"
    )
    time.sleep(3)
    first = last_request(sandbox)
    time.sleep(6)
    last = last_request(sandbox)
    polls = list_requests(sandbox, first)
    for ids in campaigns:
        for campaign in ids:
            sandbox.activate(campaign)

    assert [airflow.wait_for_run("waits_only", run) for run in runs] == ["success"] * 10
    assert {worker_of(airflow, "waits_only", *task)[1:] for task in tasks} == {(None, None)}
    pages = -(-len(sandbox.campaigns()) // 100) + 1
    assert last - first <= 2 * 7 * pages, "thirty waits, each every second, but one poll for all"
    assert polls >= 4


def test_a_bounce_fails_on_a_worker_which_raises_the_reason_and_calls_back(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    campaign = sandbox.add_campaign("Bounces", script=[(0, "draft"), (2, "bounce_protect")], running=True)
    run = airflow.trigger("wait_with_retries", conf={"campaign_id": campaign})

    assert airflow.wait_for_run("wait_with_retries", run) == "failed"

    [task] = airflow.task_instances("wait_with_retries", run)
    assert task.try_number == 1, "what Instantly has stopped is not retried"
    log = airflow.task_log("wait_with_retries", run, "wait")
    assert "CampaignStoppedError" in log
    assert "The callback heard of: The campaign is Bounce Protect" in log
    assert worker_of(airflow, "wait_with_retries", run)[1] is not None


def test_a_wait_that_is_lost_is_retried_as_configured(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign("Deleted")
    run = airflow.trigger("wait_with_retries", conf={"campaign_id": campaign})
    wait_until(airflow, lambda: is_deferred(airflow, "wait_with_retries", run), "The wait did not begin")
    sandbox.delete(campaign)

    assert airflow.wait_for_run("wait_with_retries", run) == "failed"

    [task] = airflow.task_instances("wait_with_retries", run)
    assert task.try_number == 2
    logs = [airflow.task_log("wait_with_retries", run, "wait", try_number=n) for n in (1, 2)]
    assert all("CampaignWaitError" in log for log in logs)
    assert "The callback heard of" not in logs[0]
    assert "The callback heard of" in logs[1]


def test_a_wait_that_is_cleared_leaves_nothing_of_what_it_returned_before(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    """Airflow 3.3.2 removes the XComs of earlier tries only where a worker begins the next one."""
    campaign = sandbox.add_campaign("Stopped later", status=1)
    run = airflow.trigger("wait_with_retries", conf={"campaign_id": campaign})
    assert airflow.wait_for_run("wait_with_retries", run) == "success"
    assert airflow.xcom("wait_with_retries", run, "wait")["verdict"] == "reached"
    sandbox.set_status(campaign, "bounce_protect")

    body = {"dry_run": False, "only_failed": False, "dag_run_id": run, "task_ids": ["wait"]}
    airflow.api("/dags/wait_with_retries/clearTaskInstances", method="POST", json=body)

    wait_until(airflow, lambda: airflow.run_state("wait_with_retries", run) == "failed", "The wait did not fail")
    assert "return_value" not in airflow.xcom_keys("wait_with_retries", run, "wait")


def test_a_launch_with_its_wait_takes_one_worker_start(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign("Launched", script=[(0, "draft"), (15, "active")])
    run = airflow.trigger("launch_and_wait", conf={"campaign_id": campaign})
    wait_until(airflow, lambda: is_deferred(airflow, "launch_and_wait", run, "launch"), "The launch did not wait")
    worker = worker_of(airflow, "launch_and_wait", run, "launch")
    starts = worker_starts(airflow, "launch_and_wait", run, "launch")

    assert airflow.wait_for_run("launch_and_wait", run) == "success"

    assert worker_of(airflow, "launch_and_wait", run, "launch") == worker
    assert worker_starts(airflow, "launch_and_wait", run, "launch") == starts
    returned = airflow.xcom("launch_and_wait", run, "launch")
    assert (returned["id"], returned["status_name"], returned["launched"]) == (campaign, "Active", True)
    assert sandbox.activations(campaign) == 1


def test_a_launch_tells_the_schedules_that_follow_its_asset(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    sandbox.add_campaign("Announced", id=LAUNCHED)
    run = airflow.trigger("launch_and_announce")

    assert airflow.wait_for_run("launch_and_announce", run) == "success"

    events = airflow.api("/assets/events", params={"source_dag_id": "launch_and_announce"})["asset_events"]
    # Its asset and its alias have one each.
    assert [event["uri"] for event in events] == [f"instantly://campaigns/{LAUNCHED}"] * 2
    said = {"campaign_id": LAUNCHED, "name": "Announced", "status": 1, "status_name": "Active", "launched": True}
    assert all(said.items() <= event["extra"].items() for event in events)


@pytest.mark.slow
def test_a_change_starts_a_dag_once_also_when_the_triggerer_was_restarted(
    airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    campaigns = sandbox.add_campaigns(3, "Watched", status="active")
    wait_until(airflow, lambda: watermark_has(airflow, campaigns), "The watcher has not begun")

    sandbox.trip_bounce_protection(campaigns[0])
    wait_until(airflow, lambda: runs_of_change(airflow, campaigns[0]) == 1, "The change started no DAG")
    airflow.kill("triggerer", signal.SIGTERM)
    sandbox.trip_bounce_protection(campaigns[1])
    airflow.restart("triggerer")
    wait_until(
        airflow, lambda: runs_of_change(airflow, campaigns[1]) == 1, "The change during the restart started no DAG"
    )
    sandbox.trip_bounce_protection(campaigns[2])
    wait_until(
        airflow, lambda: runs_of_change(airflow, campaigns[2]) == 1, "The change after the restart started no DAG"
    )
    time.sleep(2)

    assert [runs_of_change(airflow, campaign) for campaign in campaigns] == [1, 1, 1]


def test_the_example_dag_reports_what_instantly_stops(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    campaign = sandbox.add_campaign("Spring", status="active")
    wait_until(
        airflow, lambda: watermark_has(airflow, [campaign], "instantly://changes/stopped"), "The watcher has not begun"
    )

    sandbox.set_status(campaign, "accounts_unhealthy")
    wait_until(
        airflow, lambda: runs_of_change(airflow, campaign, "instantly_stopped_campaign") == 1, "The DAG was not started"
    )

    sql = "SELECT run_id FROM dag_run WHERE dag_id = 'instantly_stopped_campaign'"
    reports = [airflow.xcom("instantly_stopped_campaign", row[0], "report") for row in airflow.query(sql)]
    lines = [line for report in reports for line in report]
    page = f"{sandbox.url}/app/campaign/{campaign}/analytics"
    assert f"Campaign Spring ({campaign}) was Active and is Accounts Unhealthy. {page}" in lines


def watermark_has(airflow: LocalAirflow, campaigns: list[str], asset: str = "bounced_campaigns") -> bool:
    """Whether an asset's watcher has seen the campaigns: a change of what it has not seen is none."""
    sql = "SELECT s.value FROM asset_state_store s JOIN asset a ON a.id = s.asset_id WHERE a.name = :asset"
    kept = " ".join(str(row[0]) for row in airflow.query(sql, asset=asset))
    return all(campaign in kept for campaign in campaigns)


def runs_of_change(airflow: LocalAirflow, campaign: str, dag_id: str = "started_by_a_change") -> int:
    """How many successful runs were started by a change of the campaign."""
    sql = (
        "SELECT count(*) FROM asset_event e JOIN dagrun_asset_event d ON d.event_id = e.id "
        "JOIN dag_run r ON r.id = d.dag_run_id "
        "WHERE r.dag_id = :dag_id AND r.state = 'success' AND CAST(e.extra AS TEXT) LIKE :campaign"
    )
    [[count]] = airflow.query(sql, dag_id=dag_id, campaign=f"%{campaign}%")
    return int(count)
