"""
Reads a campaign with Airflow's metrics on, as a process of Airflow does: run by the tests, to be seen from outside.

Its arguments are the id of a connection, and campaign ids.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.observability.metrics import RATE_LIMIT_WAIT


def start_metrics() -> None:
    """Load what starts metrics in each process of Airflow >= 3.2; below, they start by themselves."""
    with suppress(ImportError):
        import_module("airflow.sdk.serde")


def main() -> None:
    """Read the campaigns, and say that there was a wait of 1.5 s."""
    start_metrics()
    conn_id, *campaign_ids = sys.argv[1:]
    with InstantlyHook(conn_id) as hook:
        for campaign_id in campaign_ids:
            hook.get_campaign(campaign_id)
        hook.metrics.measure(RATE_LIMIT_WAIT, 1.5)
    if conf.getboolean("metrics", "otel_on"):
        from opentelemetry import metrics

        provider: Any = metrics.get_meter_provider()
        provider.force_flush()


if __name__ == "__main__":
    main()
