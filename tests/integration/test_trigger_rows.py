"""
What stands in Airflow's database of triggers and their links, on a real Airflow that stores XComs as objects.

A triggerer takes up rows that another release has written, as in a rolling upgrade; no row may end the others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS, AIRFLOW_V_3_4_PLUS
from sqlalchemy import create_engine, text

from local_airflow.postgres import server_binaries
from local_airflow.standalone import LocalAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

of_shared_streams = pytest.mark.skipif(
    not AIRFLOW_V_3_3_PLUS, reason="Below 3.3 no wait begins in the triggerer, and no watcher shares a poller"
)

WAITS = """
from airflow.providers.common.compat.sdk import DAG, Param
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

CAMPAIGN = {"campaign_id": Param("00000000-0000-4000-8000-000000000000", type="string")}

with DAG("wait", schedule=None, params=CAMPAIGN):
    CampaignStatusSensor(
        task_id="wait", campaign_id="{{ params.campaign_id }}", poke_interval=1, timeout=120, deferrable=True
    )

with DAG("launch", schedule=None, params=CAMPAIGN):
    ActivateCampaignOperator(
        task_id="launch", campaign_id="{{ params.campaign_id }}", wait_for_active=True, poll_interval=1, stable_for=8
    )
"""
WATCHERS = """
from airflow.sdk import DAG, Asset, AssetWatcher, task
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger

for name in ("one", "other"):
    watcher = AssetWatcher(name=name, trigger=CampaignChangeTrigger(poll_interval=1, to_statuses=[-1, -2]))
    with DAG(f"started_by_{name}", schedule=[Asset(name, watchers=[watcher])]):
        task(task_id="started")(lambda: None)()
"""
WRONG_WATCHER = """
from airflow.sdk import DAG, Asset, AssetWatcher, task
from airflow_provider_instantly.triggers.campaign import CampaignStatusTrigger

watcher = AssetWatcher(name="w", trigger=CampaignStatusTrigger("5a3d0e5e-0001-4000-8000-000000000001"))
with DAG("started_by_a_wait", schedule=[Asset("waited", watchers=[watcher])]):
    task(task_id="started")(lambda: None)()
"""
TRIGGERS = "airflow_provider_instantly.triggers.campaign."
PATIENCE = 90.0


@pytest.fixture(scope="module")
def storing_airflow(
    sandbox: SandboxClient, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    """An Airflow with Airflow's own XCom backend that writes objects; every XCom is large enough for it."""
    folder = tmp_path_factory.mktemp("dags")
    (folder / "waits.py").write_text(WAITS)
    if AIRFLOW_V_3_3_PLUS:
        (folder / "watchers.py").write_text(WATCHERS)
    url = None if server_binaries() is None else request.getfixturevalue("postgres").create_database("rows")
    settings = {
        "core.xcom_backend": "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend",
        "common.io.xcom_objectstorage_path": f"file://{tmp_path_factory.mktemp('objects')}",
        "common.io.xcom_objectstorage_threshold": "1",
    }
    connections = {"instantly_default": json.loads(sandbox.airflow_connection)}
    with LocalAirflow(folder, connections=connections, database_url=url, settings=settings) as airflow:
        yield airflow


def link(airflow: LocalAirflow, dag_id: str, run_id: str) -> str:
    """What the button of the DAG's task opens, or an empty string."""
    found = airflow.api(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{dag_id}/links")
    return str(found.get("extra_links", found)["Campaign in Instantly"] or "")


def watcher_of(airflow: LocalAirflow) -> int:
    """The row of the trigger that watches the assets, or 0."""
    [[found]] = airflow.query("SELECT min(trigger_id) FROM asset_watcher")
    return int(found or 0)


def rewrite(airflow: LocalAirflow, row: int, trigger: str, **arguments: object) -> None:
    """Make a trigger's row as another release might have written it."""
    engine = create_engine(airflow.configuration.database_url)
    with engine.begin() as connection:
        sql = text("UPDATE trigger SET classpath = :path, kwargs = :kwargs WHERE id = :id")
        connection.execute(sql, {"path": f"{TRIGGERS}{trigger}", "kwargs": json.dumps(arguments), "id": row})
    engine.dispose()


@pytest.mark.every_version
@pytest.mark.parametrize("dag_id", ["wait", "launch"])
def test_a_link_opens_the_campaign_while_its_task_runs_and_afterwards(
    storing_airflow: LocalAirflow, sandbox: SandboxClient, dag_id: str
) -> None:
    airflow, campaign = storing_airflow, sandbox.add_campaign("Linked")
    run = airflow.trigger(dag_id, conf={"campaign_id": campaign})
    airflow.wait_for(lambda: bool(link(airflow, dag_id, run)), PATIENCE, lambda: "No link came")

    during = link(airflow, dag_id, run)
    assert airflow.run_state(dag_id, run) == "running"
    sandbox.set_status(campaign, "active")
    assert airflow.wait_for_run(dag_id, run) == "success"

    assert [during, link(airflow, dag_id, run)] == [f"{sandbox.url}/app/campaign/{campaign}/analytics"] * 2
    source = "xcom_v2 x JOIN task_instance t ON t.id = x.task_instance_id" if AIRFLOW_V_3_4_PLUS else "xcom"
    sql = f"SELECT value FROM {source} WHERE run_id = :run AND dag_id = :dag AND key = 'return_value'"  # noqa: S608
    [[stored]] = airflow.query(sql, run=run, dag=dag_id)
    # Airflow 2 stores bytes.
    stored = bytes(stored) if isinstance(stored, memoryview) else stored
    assert "file://" in str(stored), "its result is an object all the same"


@of_shared_streams
def test_rows_of_another_release_do_not_end_the_triggerer(
    storing_airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    airflow, campaign = storing_airflow, sandbox.add_campaign("Beside them")
    run = airflow.trigger("wait", conf={"campaign_id": campaign})
    airflow.wait_for(
        lambda: airflow.task_states("wait", run)["wait"] == "deferred", PATIENCE, lambda: "It did not begin"
    )
    failing = airflow.trigger("wait", conf={"campaign_id": sandbox.add_campaign("Its row is wrong")})
    airflow.wait_for(
        lambda: airflow.task_states("wait", failing)["wait"] == "deferred", PATIENCE, lambda: "It did not begin"
    )
    airflow.wait_for(lambda: watcher_of(airflow) > 0, PATIENCE, lambda: "There is no watcher")
    airflow.kill("dag-processor")
    airflow.kill("triggerer")

    [[waiting]] = airflow.query("SELECT trigger_id FROM task_instance WHERE run_id = :run", run=failing)
    rewrite(airflow, watcher_of(airflow), "CampaignChangeTrigger", to_statuses=[5, -2])
    rewrite(airflow, waiting, "CampaignStatusTrigger", campaign_id=campaign, target_statuses=[5])
    airflow.restart("triggerer")
    airflow.wait_for(
        lambda: "This trigger is idle: to_statuses has 5" in airflow.log("triggerer"),
        PATIENCE,
        lambda: "It did not warn",
    )

    assert airflow.wait_for_run("wait", failing) == "failed"
    assert "The triggerer could not wait: target_statuses has 5" in airflow.task_log("wait", failing, "wait")
    sandbox.set_status(campaign, "active")
    assert airflow.wait_for_run("wait", run) == "success"
    assert "triggerer" in airflow.components
    assert airflow.log("triggerer").count("This trigger is idle") == 1


@of_shared_streams
def test_a_wait_that_watches_an_asset_is_refused_while_parsed_and_idle_if_it_came_about(
    storing_airflow: LocalAirflow, sandbox: SandboxClient
) -> None:
    airflow, campaign = storing_airflow, sandbox.add_campaign("Watched", status="active")
    rewrite(airflow, watcher_of(airflow), "CampaignStatusTrigger", campaign_id=campaign)
    airflow.restart("triggerer")
    airflow.wait_for(
        lambda: "Give the AssetWatcher a CampaignChangeTrigger" in airflow.log("triggerer"),
        PATIENCE,
        lambda: "No warning",
    )
    assert airflow.query("SELECT count(*) FROM asset_event") == [(0,)]

    [folder] = [each for each in airflow.configuration.dags_folder.iterdir() if (each / "waits.py").exists()]
    Path(folder / "wrong.py").write_text(WRONG_WATCHER)
    airflow.restart("dag-processor")

    def errors() -> str:
        return str(airflow.api("/importErrors")["import_errors"])

    airflow.wait_for(lambda: "wrong.py" in errors(), PATIENCE, lambda: "It was not refused")
    assert "Give the AssetWatcher a CampaignChangeTrigger" in errors()
