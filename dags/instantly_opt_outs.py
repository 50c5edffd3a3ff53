"""
Every hour, put the people who opted out anywhere onto Instantly's block list. They are rows of your warehouse.

It needs the extra `sql`, the connection `instantly_default`, and one to your warehouse, which has a table `opt_outs`
with a column `email`. `INSTANTLY_WAREHOUSE_CONN_ID` names the latter; without, it is `warehouse`. The DAG is paused at
first.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_instantly.operators.block_list import BlockContactsOperator

# An Airflow connection to any database of its common-sql hooks.
WAREHOUSE = os.environ.get("INSTANTLY_WAREHOUSE_CONN_ID", "warehouse")

with DAG(
    dag_id="instantly_opt_outs",
    schedule=timedelta(hours=1),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,  # switch it on once its connections are there
    doc_md=__doc__,
    tags=["instantly"],
):
    BlockContactsOperator(
        task_id="block",
        # All of them each time: what is blocked stays so, and a row that was missed once is not missed for good.
        sql="SELECT email FROM opt_outs",
        sql_conn_id=WAREHOUSE,
        # What is no address is logged by its row's number, and does not keep the others off the list.
        on_reject="warn",
        retries=2,
    )
