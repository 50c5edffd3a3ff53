"""Every service of docker-compose.yaml runs as a process as the file describes it; nothing of a container is left."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_instantly.sandbox.__main__ import _parser
from airflow_provider_instantly.sandbox.settings import Settings
from local_airflow.compose import FILE, HOSTNAMES, LISTENERS, SCRIPTS, Place, Service, services

DESCRIBED: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))["services"]
PLACE = Place(Path("/somewhere"), dict(zip(LISTENERS, range(4001, 4005), strict=True)), {"WORKER_SLOTS": "3"})
SERVICES = services(PLACE)
#: What only a container has: its folders, the names of other services, the ports of the file.
OF_CONTAINERS = re.compile(r"/opt/airflow|/run/|\bdir /data|:8080|8989|:6379|@postgres|@redis|0\.0\.0\.0|\$\{|\$\$")

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def test_every_service_of_the_file_is_run() -> None:
    assert SERVICES.keys() == DESCRIBED.keys()
    assert [name for name, service in SERVICES.items() if service.is_step] == ["secrets", "init"]
    assert [name for name, service in SERVICES.items() if not service.command] == ["postgres"]


@each_service
def test_a_service_comes_after_those_that_it_waits_for(service: Service) -> None:
    order = list(SERVICES)
    assert service.waits_for == tuple(DESCRIBED[service.name].get("depends_on", {}))
    assert all(order.index(name) < order.index(service.name) for name in service.waits_for)


@each_service
def test_nothing_of_a_container_is_left(service: Service) -> None:
    texts = [*service.command, *service.environment.values(), *service.health]
    assert [text for text in texts if OF_CONTAINERS.search(text)] == []


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda script: script.name)
def test_nothing_of_a_container_is_left_in_what_the_image_runs(script: Path) -> None:
    code = PLACE.here(script.read_text("utf-8"))
    assert [line for line in code.splitlines() if OF_CONTAINERS.search(line)] == []


@each_service
def test_the_environment_is_what_the_file_says(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("INSTANTLY_LAUNCH_STABLE_FOR", "of the caller")
    described = DESCRIBED[service.name].get("environment", {})

    found = service.variables(PLACE, "worker-2")

    assert service.environment.keys() == described.keys()
    assert all(found[name] == PLACE.here(str(value)) for name, value in described.items())
    assert "of the caller" not in found.values()
    assert found["LOCAL_HOSTNAME"] == "worker-2"


def test_airflow_is_started_as_its_image_starts_it() -> None:
    assert SERVICES["worker"].command[1:] == ("-m", "airflow", "celery", "worker", "--skip-serve-logs")
    assert SERVICES["scheduler"].command[1:] == ("-m", "airflow", "scheduler")
    assert SERVICES["worker"].environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "3"
    assert SERVICES["triggerer"].environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "3"


def test_the_sandbox_has_its_limits_on() -> None:
    started = _parser().parse_args(SERVICES["sandbox"].command[3:])
    assert not started.no_limits
    assert Settings().limits_enabled


def test_the_default_of_a_variable_may_be_another_variable() -> None:
    text = "${WORKER_SLOTS:-4} ${OUTER:-in ${INNER:-front} of ${WORKER_SLOTS:-4}}"

    assert PLACE.here(text) == "3 in front of 3"


def test_the_database_has_the_settings_of_the_file() -> None:
    assert SERVICES["postgres"].options == {"max_connections": "200"}


def test_redis_writes_each_change_to_a_file_and_listens_on_loopback() -> None:
    script = SERVICES["redis"].command[-1]
    assert "redis-server --bind 127.0.0.1 --port 4003 - <<END" in script
    assert "appendonly yes" in script
    assert "appendfsync always" in script
    assert "dir /somewhere/broker" in script
    assert "requirepass $(cat /somewhere/broker-secret/password)" in script


@each_service
def test_a_service_is_asked_for_its_health_as_in_the_file(service: Service) -> None:
    asked = DESCRIBED[service.name].get("healthcheck", {}).get("test", ["CMD"])
    assert service.health == tuple(PLACE.here(sys.executable if word == "python" else word) for word in asked[1:])
    assert service.is_step or service.health


def test_a_process_has_the_host_name_of_its_container() -> None:
    code = "import socket; print(socket.gethostname())"
    environment = SERVICES["worker"].variables(PLACE, "worker-2")

    named = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    del environment["LOCAL_HOSTNAME"]
    other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert (named.stdout.strip(), other.stdout.strip()) == ("worker-2", socket.gethostname())
    assert (HOSTNAMES / "sitecustomize.py").is_file()
