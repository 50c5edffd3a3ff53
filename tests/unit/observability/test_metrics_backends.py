"""The metrics as they leave Airflow: read back from a StatsD socket, and from an OpenTelemetry collector's."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.statsd_socket import StatsDSocket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

ROOT = Path(__file__).parents[3]


def work(sandbox: SandboxClient, campaigns: int, conn_id: str = "instantly_default", **settings: str) -> None:
    """Read campaigns in a process of its own, with settings of Airflow's section ``metrics``."""
    ids = sandbox.add_campaigns(campaigns)
    environment = {
        **os.environ,
        f"AIRFLOW_CONN_{conn_id.upper()}": sandbox.airflow_connection,
        **{f"AIRFLOW__METRICS__{name.upper()}": value for name, value in settings.items()},
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.unit.observability.counted_work", conn_id, *ids]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def counted(lines: list[str]) -> dict[str, int]:
    """What each of the provider's counters adds up to: on a busy machine, it comes in several parts."""
    found: Counter[str] = Counter()
    for line in lines:
        name, _, value = line.rpartition(":")
        if ".instantly." in name and value.endswith("|c"):
            found[name] += int(value.removesuffix("|c"))
    return dict(found)


@pytest.fixture
def statsd() -> Iterator[StatsDSocket]:
    pytest.importorskip("statsd", reason="Airflow's extra statsd is not installed")
    found = StatsDSocket()
    yield found
    found.close()


@pytest.fixture
def settings(statsd: StatsDSocket) -> dict[str, str]:
    return {"statsd_on": "True", "statsd_host": "127.0.0.1", "statsd_port": str(statsd.port)}


def test_a_statsd_socket_gets_them_with_tags(
    sandbox: SandboxClient, statsd: StatsDSocket, settings: dict[str, str]
) -> None:
    work(sandbox, 3, **settings, statsd_influxdb_enabled="True")
    lines = statsd.lines()
    assert counted(lines) == {"airflow.instantly.requests,connection=instantly_default,method=GET,status=200": 3}
    measured = [line for line in lines if ".instantly." in line and line.endswith("|ms")]
    assert measured == ["airflow.instantly.rate_limit_wait,connection=instantly_default:1500.000000|ms"]


def test_whatever_the_connection_is_called_the_numbers_come(
    sandbox: SandboxClient, statsd: StatsDSocket, settings: dict[str, str]
) -> None:
    """Airflow drops a number whose name has a character that it refuses, and the tags are a part of the name."""
    work(sandbox, 2, "client #1 (Zürich)", **settings, statsd_influxdb_enabled="True")
    assert counted(statsd.lines()) == {
        "airflow.instantly.requests,connection=client__1__Z_rich_,method=GET,status=200": 2
    }


def test_without_tags_the_names_are_the_same(
    sandbox: SandboxClient, statsd: StatsDSocket, settings: dict[str, str]
) -> None:
    work(sandbox, 2, **settings)
    assert counted(statsd.lines()) == {"airflow.instantly.requests": 2}


def test_airflows_own_list_of_allowed_metrics_counts(
    sandbox: SandboxClient, statsd: StatsDSocket, settings: dict[str, str]
) -> None:
    work(sandbox, 1, **settings, metrics_allow_list="instantly.requests")
    assert [line for line in statsd.lines() if ".instantly." in line] == ["airflow.instantly.requests:1|c"]


class Collector:
    """What OpenTelemetry's exporter posts to it, as its own format."""

    def __init__(self) -> None:
        self.port = 0
        self.bodies: list[bytes] = []

    def points(self) -> dict[str, list[Any]]:
        """The data points by the metrics' names."""
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        found: dict[str, list[Any]] = {}
        for body in self.bodies:
            request: Any = ExportMetricsServiceRequest.FromString(body)
            scopes = [scope for resource in request.resource_metrics for scope in resource.scope_metrics]
            for metric in (metric for scope in scopes for metric in scope.metrics):
                data = getattr(metric, metric.WhichOneof("data"))
                found.setdefault(metric.name, []).extend(data.data_points)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen on loopback as a collector does."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _tags(point: Any) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in point.attributes}


def test_an_opentelemetry_collector_gets_them(sandbox: SandboxClient) -> None:
    with collecting() as collector:
        work(sandbox, 3, otel_on="True", otel_host="127.0.0.1", otel_port=str(collector.port))
    points = collector.points()
    last = points["airflow.instantly.requests"][-1]
    assert _tags(last) == {"connection": "instantly_default", "method": "GET", "status": "200"}
    assert (last.as_int or last.as_double) == 3
    [wait] = points["airflow.instantly.rate_limit_wait"][-1:]
    assert _tags(wait) == {"connection": "instantly_default"}
    # A histogram, or below Airflow 3.2 the last value.
    assert (wait.sum if hasattr(wait, "sum") else wait.as_double) == 1500


def test_no_campaign_and_no_person_is_named_in_them(
    sandbox: SandboxClient, statsd: StatsDSocket, settings: dict[str, str]
) -> None:
    work(sandbox, 1, **settings, statsd_influxdb_enabled="True")
    ours = [line for line in statsd.lines() if ".instantly." in line]
    assert ours
    assert all(re.fullmatch(r"[\w.,=:|]+", line) for line in ours)
