"""
One upload of a table's rows: ``python -m benchmarks.lead_sides SIDE CAMPAIGN_ID``, in a process of its own.

``ours`` is the operator. ``dlt`` and ``http`` are what an engineer would write instead; both send rows as they are, so
they neither check addresses nor know what became of whom. All three send as many rows in a request.

It prints what its process took, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator

#: Rows in a request.
CHUNK: Final = 1_000
#: The Airflow connections to the table's database and to the service.
DATABASE: Final = "leads_table"
INSTANTLY: Final = "instantly_default"
#: What each `HttpOperator` has beside its data.
HTTP_ARGUMENTS: Final[dict[str, Any]] = {
    "http_conn_id": "instantly_http",
    "endpoint": "/api/v2/leads/add",
    "headers": {"Content-Type": "application/json"},
}
#: The environment variable with what `dlt` needs instead: the database's address, the service's, and its key.
WITHOUT_AIRFLOW: Final = "BENCHMARK_LEADS"
SQL: Final = "SELECT email, first_name, last_name, company_name, job_title, city, employees FROM people"
VARIABLES: Final = ("city", "employees")


def ours(campaign_id: str) -> None:
    """
    Upload with the operator.

    :param campaign_id: the campaign.
    """
    our_operator(campaign_id).execute({"ti": _TaskInstance()})  # type: ignore[typeddict-item]


def our_operator(campaign_id: str) -> SqlToInstantlyLeadsOperator:
    """
    The operator that uploads the table.

    :param campaign_id: the campaign, or a template of it.
    """
    from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator

    return SqlToInstantlyLeadsOperator(
        task_id="upload",
        campaign_id=campaign_id,
        sql=SQL,
        sql_conn_id=DATABASE,
        custom_variables=VARIABLES,
        chunk_size=CHUNK,
        instantly_conn_id=INSTANTLY,
    )


def dlt(campaign_id: str) -> None:
    """
    Upload with a pipeline of ``dlt``, whose custom destination sends each batch.

    :param campaign_id: the campaign.
    """
    import requests

    library: Any = import_module("dlt")
    database, url, key = json.loads(os.environ[WITHOUT_AIRFLOW])
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"

    def people() -> Iterator[list[dict[str, Any]]]:
        import psycopg2
        import psycopg2.extras

        with psycopg2.connect(database) as connection:
            cursor = connection.cursor("people", cursor_factory=psycopg2.extras.RealDictCursor)
            cursor.execute(SQL)
            while rows := cursor.fetchmany(CHUNK):
                yield [dict(row) for row in rows]

    def instantly(items: list[dict[str, Any]], _table: Any) -> None:
        session.post(f"{url}/api/v2/leads/add", json=_body(campaign_id, items)).raise_for_status()

    destination = library.destination(
        instantly, batch_size=CHUNK, name="instantly", naming_convention="direct", max_parallel_load_jobs=1
    )
    pipeline = library.pipeline("leads", pipelines_dir=os.environ["AIRFLOW_HOME"], destination=destination())
    pipeline.run(library.resource(people, name="people"))


def http(campaign_id: str) -> None:
    """
    Upload with one ``HttpOperator`` for each chunk.

    They run in this one process. Mapped, as they would be in a DAG, each would need a process of its own.

    :param campaign_id: the campaign.
    """
    from airflow.providers.http.operators.http import HttpOperator

    context: Any = {"ti": _TaskInstance()}
    for data in bodies(campaign_id):
        HttpOperator(task_id="upload", data=data, **HTTP_ARGUMENTS).execute(context)


def bodies(campaign_id: str) -> Iterator[str]:
    """
    The JSON bodies of the requests that upload the table, as a user of `HttpOperator` would make them.

    :param campaign_id: the campaign.
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    with PostgresHook(DATABASE).get_conn() as connection:
        cursor = connection.cursor("people")
        cursor.execute(SQL)
        names: list[str] = []
        while rows := cursor.fetchmany(CHUNK):
            names = names or [column[0] for column in cursor.description or ()]
            yield json.dumps(_body(campaign_id, [dict(zip(names, row, strict=True)) for row in rows]))


def _body(campaign_id: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A request's body."""
    leads = [
        {
            **{name: value for name, value in row.items() if name not in VARIABLES},
            "custom_variables": {name: row[name] for name in VARIABLES},
        }
        for row in rows
    ]
    return {"campaign_id": campaign_id, "leads": leads}


class _TaskInstance:
    """As much of a task instance as an operator needs on its first try."""

    try_number = 1

    def xcom_push(self, key: str, value: object) -> None:
        """Push nothing."""


def _peak() -> int:
    """Bytes of memory that this process had at most. (``ru_maxrss`` also counts that of the process it came from.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    """Upload, and print what it took."""
    _, side, campaign_id = sys.argv
    {"ours": ours, "dlt": dlt, "http": http}[side](campaign_id)
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    print(json.dumps({"cpu": cpu, "peak": _peak()}))


if __name__ == "__main__":
    main()
