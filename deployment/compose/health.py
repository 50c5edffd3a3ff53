"""Tells by its exit status whether the API server sees a component of Airflow as healthy: the services' health check.

Airflow's own `airflow jobs check` does the same in seconds of CPU time; this takes a fraction of one.
"""

from __future__ import annotations

import json
import sys
import urllib.request

HEALTH = "http://{host}:8080/api/v2/monitor/health"


def main() -> None:
    """Ask for the component named first, on the host named second."""
    component, host = sys.argv[1:]
    with urllib.request.urlopen(HEALTH.format(host=host), timeout=10) as answer:  # noqa: S310
        status = json.load(answer)[component]["status"]
    sys.exit(status != "healthy")


if __name__ == "__main__":
    main()
