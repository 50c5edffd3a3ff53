"""Tells by its exit status whether this container does its work: the health check of docker-compose.yaml's services.

It asks for this container, not for its kind: of two triggerers, the one that hangs is unhealthy. Airflow's
`airflow jobs check` and Celery's `celery inspect ping` do the same in seconds of CPU time; this takes a fraction.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from socket import gethostname
from typing import Final

SECRETS = Path("/opt/airflow/secrets")
PAGES: Final = {
    "api-server": "http://127.0.0.1:8080/api/v2/monitor/health",
    "sandbox": "http://127.0.0.1:8989/_sandbox/health",
}
#: What Airflow calls the work of these services in its table `job`.
JOBS: Final = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}
#: Seconds after which a heartbeat is too old. Airflow sends one every few seconds.
HEARTBEAT_AGE: Final = 60
TIMEOUT: Final = 10
"""Seconds that each answer may take."""


def answers(page: str) -> bool:
    """
    Whether a page answers and, where it says so, reaches its database.

    :param page: its address.
    """
    with urllib.request.urlopen(page, timeout=TIMEOUT) as answer:  # noqa: S310
        said = json.load(answer)
    return bool(said.get("metadatabase", {}).get("status", "healthy") == "healthy")


def has_heartbeat(job: str) -> bool:
    """
    Whether this container runs such a job, and has said so lately, and since it was started.

    A container that is started again keeps its name: a heartbeat from before is that of a process that is dead.

    :param job: a type of Airflow's jobs.
    """
    import psycopg2

    url = (SECRETS / "database-url").read_text().replace("+psycopg2", "")
    with closing(psycopg2.connect(url, connect_timeout=TIMEOUT)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM job WHERE job_type = %s AND hostname = %s AND state = 'running'"
            " AND latest_heartbeat > now() - make_interval(secs => %s)",
            (job, gethostname(), min(HEARTBEAT_AGE, container_age())),
        )
        return bool(cursor.fetchone()[0])


def container_age() -> float:
    """Seconds since the first process of this container was started, by a clock that nothing sets."""
    # The second word is its name, in brackets, which may be anything. The 20th word after it is its start, in ticks
    # since the boot.
    started = int(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - started / os.sysconf("SC_CLK_TCK")


def takes_tasks() -> bool:
    """Whether the Celery worker of this container answers over the broker."""
    from celery import Celery

    with Celery(broker=(SECRETS / "broker-url").read_text()) as app:
        return bool(app.control.ping(destination=[f"celery@{gethostname()}"], timeout=TIMEOUT))


def main() -> None:
    """Ask for the service that is named; whatever goes wrong is not healthy."""
    [service] = sys.argv[1:]
    if service == "worker":
        is_healthy = takes_tasks()
    elif service in JOBS:
        is_healthy = has_heartbeat(JOBS[service])
    else:
        is_healthy = answers(PAGES[service])
    sys.exit(not is_healthy)


if __name__ == "__main__":
    main()
