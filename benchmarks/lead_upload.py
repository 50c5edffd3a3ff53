"""
Upload a table of PostgreSQL to the sandbox: with the operator, with ``dlt``, with ``HttpOperator``.

What it costs, and whether memory grows with the number of rows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import requests
from sqlalchemy import create_engine, text

from benchmarks.endpoints import endpoints
from benchmarks.lead_sides import DATABASE, WITHOUT_AIRFLOW
from benchmarks.row import Row, at_most
from local_airflow.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.endpoints import Endpoints

SMALL, LARGE = 10_000, 1_000_000
SIDES: Final = ("ours", "dlt", "http")
_ALLOWED_GROWTH: Final = 30.0
# Addresses as unordered as people's are.
_TABLE: Final = """
CREATE TABLE people AS SELECT
    left(md5(n::text), 9) || '.' || n || '@company' || n % 50000 || '.com' AS email,
    'First ' || n % 5000 AS first_name,
    'Lâst ' || n % 70000 AS last_name,
    'Company ' || n % 50000 || ' Ltd.' AS company_name,
    'Head of ' || n % 300 AS job_title,
    'City ' || n % 9000 AS city,
    n % 10000 AS employees
FROM generate_series(1, {rows}) AS n
"""


@dataclass(frozen=True)
class Upload:
    """
    What one upload took.

    :param rows: how many rows it had.
    :param cpu: CPU seconds of its process and that process's children.
    :param peak: bytes of memory that its process had at most.
    """

    rows: int
    cpu: float
    peak: int


def run(small: int = SMALL, large: int = LARGE) -> list[Row]:
    """
    Measure each side with few and with many rows.

    :param small: how many are few.
    :param large: how many are many.
    """
    found = measure((small, large), SIDES)
    cost = {side: _cost(*found[side]) for side in SIDES}
    growth = {side: _growth(*found[side]) for side in SIDES}
    note = (
        "Leads: of PostgreSQL, 1,000 in a request, each side in a process of its own, each with a sandbox of its own "
        f"over TLS. CPU is that of the process, of {large:,} rows less {small:,}, so that no start counts. Ours checks "
        "all rows before the first request, reads the campaign before each, and knows what became of each row; the "
        "others do none of that. The HttpOperators run in one process; `upload_tasks` has them as tasks."
    )
    what = f"upload of {large:,} leads"
    return [
        at_most(f"{what}: CPU per 1,000, beside dlt", cost["ours"], cost["dlt"], "ms", 1 / 2, note),
        at_most(f"{what}: CPU per 1,000, beside HttpOperator", cost["ours"], cost["http"], "ms", 1, note),
        Row(
            f"{what}: memory beyond that of {small:,}",
            growth["ours"],
            growth["dlt"],
            "MB",
            f"at most {_ALLOWED_GROWTH:g} MB",
            growth["ours"] <= _ALLOWED_GROWTH,
            note,
        ),
        Row(f"{what}: memory", _megabytes(found["ours"][-1].peak), _megabytes(found["dlt"][-1].peak), "MB", note=note),
    ]


def measure(sizes: Sequence[int], sides: Sequence[str]) -> dict[str, list[Upload]]:
    """
    Upload tables of these sizes, each with each side.

    :param sizes: how many rows the tables have.
    :param sides: of `SIDES`.
    :return: for each side, what its uploads took.
    """
    found: dict[str, list[Upload]] = {side: [] for side in sides}
    with Postgres() as postgres:
        for rows in sizes:
            url = table_of(postgres, rows)
            for side in sides:
                found[side].append(_upload(url, rows, side))
    return found


def table_of(postgres: Postgres, rows: int) -> str:
    """
    Make a database with a table of people, and return its URL.

    :param postgres: the server.
    :param rows: how many people.
    """
    url = postgres.create_database(f"people_{rows}")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(_TABLE.format(rows=rows)))
    engine.dispose()
    return url


def _upload(database: str, rows: int, side: str) -> Upload:
    """
    Upload a table.

    :raises RuntimeError: if not all are there at the end.
    """
    with endpoints(latency=0) as services, tempfile.TemporaryDirectory(prefix="benchmark-leads-") as home:
        campaign_id = services.sandbox.add_campaign("Spring", status=0)
        plain = database.replace("postgresql+psycopg2", "postgresql")
        connections = {
            f"AIRFLOW_CONN_{name}".upper(): json.dumps(connection) for name, connection in services.connections.items()
        }
        result = subprocess.run(
            [sys.executable, "-m", "benchmarks.lead_sides", side, campaign_id],
            cwd=Path(__file__).parents[1],
            env={
                **os.environ,
                **services.variables,
                **connections,
                f"AIRFLOW_CONN_{DATABASE}".upper(): plain.replace("postgresql", "postgres"),
                WITHOUT_AIRFLOW: json.dumps([plain, services.sandbox_url, services.sandbox.api_key]),
                "AIRFLOW_HOME": home,
                "RUNTIME__DLTHUB_TELEMETRY": "false",
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        there = leads_of(services, campaign_id)
        if there != rows:
            raise RuntimeError(f"{side}: {there:,} of {rows:,} leads are in the campaign.")
    took = json.loads(result.stdout.splitlines()[-1])
    return Upload(rows, took["cpu"], took["peak"])


def leads_of(services: Endpoints, campaign_id: str) -> int:
    """
    How many leads a campaign has.

    :param services: where it is.
    :param campaign_id: the campaign.
    """
    answer = requests.get(f"{services.sandbox.url}/_sandbox/campaigns/{campaign_id}/picture", timeout=60)
    answer.raise_for_status()
    return int(answer.json()["leads"]["total"])


def _cost(few: Upload, many: Upload) -> float:
    """CPU milliseconds for each 1,000 rows more."""
    return (many.cpu - few.cpu) / (many.rows - few.rows) * 1e6


def _growth(few: Upload, many: Upload) -> float:
    """Megabytes that many rows take beyond those of few."""
    return _megabytes(many.peak - few.peak)


def _megabytes(size: int) -> float:
    return size / 1e6
