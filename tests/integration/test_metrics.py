"""The metrics of a real Airflow: of a task on its worker, and of its wait in the triggerer."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow
    from tests.statsd_socket import StatsDSocket

TIMEOUT = 120.0
"""Seconds until all has arrived: the triggerer hands its numbers over every ten."""
LINE = re.compile(r"airflow\.instantly\.(?P<name>\w+),(?P<tags>[^:]+):(?P<value>[\d.]+)\|(?P<kind>\w+)")


@pytest.mark.every_version
def test_worker_and_triggerer_hand_them_to_statsd(
    airflow: LocalAirflow, sandbox: SandboxClient, statsd: StatsDSocket
) -> None:
    campaign_id = sandbox.add_campaign("Counted", script=[(0, "active")])
    statsd.lines()

    run_id = airflow.trigger("launch_and_hold", conf={"campaign_id": campaign_id})

    assert airflow.wait_for_run("launch_and_hold", run_id, timeout=TIMEOUT) == "success"
    seen: Counter[str] = Counter()
    timers: list[float] = []

    def has_arrived() -> bool:
        # Airflow's own pass its list, too, where the name of a pool or a DAG has that word.
        for line in (line for line in statsd.lines() if line.startswith("airflow.instantly.")):
            match = LINE.fullmatch(line)
            assert match, line
            assert "connection=instantly_default" in match["tags"].split(",")
            seen[match["name"]] += 1
            if match["name"] == "time_to_active":
                timers.append(float(match["value"]))
        # The launch is the worker's, polls and the time are the triggerer's. The campaign has to hold for 3 s.
        is_timed = any(milliseconds >= 3000 for milliseconds in timers)
        return is_timed and seen.keys() >= {"requests", "launches", "polls", "statuses_seen"}

    airflow.wait_for(has_arrived, TIMEOUT, lambda: f"Not all metrics have arrived: {dict(seen)}")
