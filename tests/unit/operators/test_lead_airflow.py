"""`AddLeadsOperator` run by Airflow itself: rows come in every way that it has, and are kept in none of its tables."""

from __future__ import annotations

import re
import runpy
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS, AIRFLOW_V_3_4_PLUS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
#: Nothing else is written like it, so that it is found wherever it leaks.
DOMAIN = "unmistakable-person.example.com"
#: Where persons stand whatever the operator does: the DAG's own source, and the XComs that others push.
ELSEWHERE = {"dag_code", "xcom_v2" if AIRFLOW_V_3_4_PLUS else "xcom"}
#: What the tasks of others push, as Airflow 3.0 itself writes it down at the level DEBUG.
PUSHED_BY_OTHERS = re.compile(r".*\bmsg=SetXCom\(.* task_id='(people|people__\d|groups)', .*")

DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_instantly.operators.lead import AddLeadsOperator

ADD = {{"campaign_id": "{campaign_id}", "fields": {{"email": "mail"}}}}

with DAG("add_leads_in_every_way", schedule=None, render_template_as_native_obj={native}) as dag:

    @task(show_return_value_in_logs=False)
    def people(group):
        return [{{"mail": f"person{{group}}{{n}}@{domain}"}} for n in range(2)]

    @task(show_return_value_in_logs=False)
    def groups():
        return [[{{"mail": f"group{{group}}@{domain}"}}] for group in range(2)]

    AddLeadsOperator(task_id="literal", rows=[{{"mail": "literal@{domain}"}}], **ADD)
    AddLeadsOperator(task_id="xcom", rows=people(1), **ADD)
    AddLeadsOperator(task_id="xcom_of_mapped_tasks", rows=people.expand(group=[2, 3]), **ADD)
    AddLeadsOperator.partial(task_id="mapped", **ADD).expand(rows=groups())
    AddLeadsOperator.partial(task_id="partial", rows=people(4), fields=ADD["fields"]).expand(
        campaign_id=["{campaign_id}"]
    )
    AddLeadsOperator.partial(
        task_id="partial_literal", rows=[{{"mail": "partial@{domain}"}}], fields=ADD["fields"]
    ).expand(campaign_id=["{campaign_id}"])
    AddLeadsOperator.partial(task_id="mapped_literal", **ADD).expand(
        rows=[[{{"mail": f"mapped{{n}}@{domain}"}}] for n in range(3)]
    )
    AddLeadsOperator.partial(task_id="kwargs_literal", fields=ADD["fields"]).expand_kwargs(
        [{{"campaign_id": "{campaign_id}", "rows": [{{"mail": f"kwargs{{n}}@{domain}"}}]}} for n in range(2)]
    )
    AddLeadsOperator(task_id="template", rows="{{{{ ti.xcom_pull('people') }}}}", **ADD) << dag.get_task("people")
"""


@pytest.mark.parametrize("is_native", [False, True], ids=["rendered to text", "rendered natively"])
def test_rows_come_in_every_way_and_are_kept_nowhere(
    sandbox: SandboxClient, airflow_database: Path, task_log: Any, is_native: bool
) -> None:
    sandbox.add_campaign("Spring", id=CAMPAIGN_ID)
    # Airflow >= 3.3 runs only what it finds in its DAGs folder.
    file = airflow_database.parent / "dags" / "add_leads_in_every_way.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(DAG_FILE.format(campaign_id=CAMPAIGN_ID, domain=DOMAIN, native=is_native))

    run = runpy.run_path(str(file))["dag"].test()

    assert {ti.state for ti in run.get_task_instances()} == {"success"}
    assert len(sandbox.leads(CAMPAIGN_ID)) == 1 + 2 + 4 + 2 + 2 + 1 + 3 + 2
    assert tables_with(DOMAIN, airflow_database) <= ELSEWHERE
    assert DOMAIN not in (task_log() if AIRFLOW_V_3_1_PLUS else PUSHED_BY_OTHERS.sub("", task_log()))


def tables_with(text: str, database: Path) -> set[str]:
    """The tables of a database that hold a text anywhere."""
    found = set()
    with sqlite3.connect(database) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a table's own name
                if any(text.encode() in (cell if isinstance(cell, bytes) else str(cell).encode()) for cell in row):
                    found.add(table)
    return found
