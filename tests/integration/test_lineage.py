"""A real run with OpenLineage's provider on: what it writes of our tasks, and that no person is in it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS, AIRFLOW_V_3_2_PLUS

from local_airflow.configuration import AIRFLOW_3, Configuration, default_executor, environment
from local_airflow.metadata_database import prepare_database, sqlite_url

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytest.importorskip("airflow.providers.openlineage")

ROOT = Path(__file__).parents[2]
PEOPLE = [{"email": f"person{number}@customer.example", "first_name": f"Xaver{number}"} for number in range(3)]
DAG = """
from airflow.providers.common.compat.sdk import DAG, AssetAlias

from airflow_provider_instantly.assets.campaign import all_campaigns_asset
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator

with DAG("lineage", schedule=None) as dag:
    add = AddLeadsOperator(task_id="add", campaign_id={campaign_id!r}, path={path!r}, custom_variables="*")
    rows = AddLeadsOperator(task_id="rows", campaign_id={campaign_id!r}, rows={rows!r})
    query = SqlToInstantlyLeadsOperator(
        task_id="query",
        campaign_id={campaign_id!r},
        sql="SELECT email FROM people WHERE email = :email",
        sql_conn_id="crm",
        parameters={{"email": "{{{{ var.value.person }}}}"}},
    )
    launch = ActivateCampaignOperator(
        task_id="launch", campaign_id={campaign_id!r}, outlets=[all_campaigns_asset(), AssetAlias("launched")]
    )
    add >> rows >> query >> launch

if __name__ == "__main__":
    dag.test()
"""


def run(folder: Path, text: str, sandbox: SandboxClient, **variables: str) -> list[dict[str, Any]]:
    """Run a DAG in one process, and return the events that OpenLineage wrote."""
    home, events = folder / "airflow", folder / "events.jsonl"
    url = sqlite_url(home / "airflow.db")
    configuration = Configuration(
        home=home,
        port=0,
        database_url=url,
        executor=default_executor(url),
        settings={
            "openlineage.transport": json.dumps({"type": "file", "log_file_path": str(events), "append": True}),
            # With all that it can be asked to write; what comes with Airflow 3.0 and 3.1 writes nothing then.
            "openlineage.include_full_task_info": str(AIRFLOW_V_3_2_PLUS or not AIRFLOW_3),
        },
        variables={
            "AIRFLOW_CONN_INSTANTLY_DEFAULT": sandbox.airflow_connection,
            "PYTHONPATH": str(ROOT),
            **variables,
        },
    )
    for each in (configuration.dags_folder, configuration.task_logs, configuration.scratch):
        each.mkdir(parents=True)
    prepare_database(configuration)
    file = configuration.dags_folder / "lineage.py"
    file.write_text(text)
    # Below 3.1, `dag.test()` stores none of the outlets, and fails for want of them.
    commands = [] if AIRFLOW_V_3_1_PLUS else [["-m", "airflow", "dags", "reserialize"]]
    for command in (*commands, [str(file)]):
        done = subprocess.run(
            [sys.executable, *command],
            env=environment(configuration),
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert events.exists(), done.stdout + done.stderr
    return [json.loads(line) for line in events.read_text("utf-8").splitlines()]


def test_it_writes_campaigns_and_files_and_no_person(sandbox: SandboxClient, tmp_path: Path) -> None:
    campaign_id = sandbox.add_campaign("For ann@customer.example")
    people = tmp_path / "people.jsonl"
    people.write_text("\n".join(map(json.dumps, PEOPLE)))
    database = tmp_path / "crm.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE people (email TEXT)")
        connection.execute("INSERT INTO people VALUES (?)", (PEOPLE[0]["email"],))
    dag = DAG.format(campaign_id=campaign_id, path=str(people), rows=PEOPLE)
    crm = json.dumps({"conn_type": "sqlite", "host": str(database)})

    events = run(tmp_path, dag, sandbox, AIRFLOW_CONN_CRM=crm, AIRFLOW_VAR_PERSON=PEOPLE[0]["email"])

    ended = {event["job"]["name"]: event for event in events if event["eventType"] == "COMPLETE"}
    add, launch = ended["lineage.add"], ended["lineage.launch"]
    assert [(each["namespace"], each["name"]) for each in add["inputs"]] == [("file", str(people))]
    campaign = ("instantly", f"campaigns/{campaign_id}")
    for event in (add, ended["lineage.rows"], ended["lineage.query"], launch):
        assert campaign in [(each["namespace"], each["name"]) for each in event["outputs"]]
    assert add["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert add["outputs"][0]["facets"]["instantly_leads"]["uploaded"] == 3
    assert launch["outputs"][0]["facets"]["instantly_campaign"]["statusName"] == "Active"
    text = json.dumps(events)
    key = json.loads(sandbox.airflow_connection)["password"]
    assert [secret for secret in ("@customer", "Xaver", key) if secret in text] == []
