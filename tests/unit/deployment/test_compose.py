"""docker-compose.yaml keeps to the Compose specification, to what every engine has, and to what it promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deployment.compose import health, start_api_server

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[3]
FILE = CHECKOUT / "docker-compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def test_it_meets_the_schema_of_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_it_has_airflow_a_database_and_a_sandbox() -> None:
    assert set(SERVICES) == {"postgres", "sandbox", "api-server", "scheduler", "triggerer", "dag-processor"}


@each_service
def test_every_service_has_a_health_check_and_comes_back(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


@each_service
def test_services_wait_for_health_alone(service: dict[str, Any]) -> None:
    assert {wait["condition"] for wait in service.get("depends_on", {}).values()} <= {"service_healthy"}


@each_service
def test_ports_are_open_on_loopback_only(service: dict[str, Any]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_pages_are_where_people_look_for_them() -> None:
    assert SERVICES["api-server"]["ports"] == ["127.0.0.1:8080:8080"]
    assert SERVICES["sandbox"]["ports"] == ["127.0.0.1:8989:8989"]


@each_service
def test_nothing_needs_root_or_the_host(service: dict[str, Any]) -> None:
    assert not service.keys() & {
        "privileged",
        "user",
        "network_mode",
        "pid",
        "ipc",
        "devices",
        "cap_add",
        "userns_mode",
    }
    assert "no-new-privileges" in service["security_opt"]
    sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
    assert all(source in COMPOSE["volumes"] or source == "./dags" for source in sources)


@each_service
def test_no_secret_is_in_the_file(service: dict[str, Any]) -> None:
    secret = re.compile(r"PASSWORD|SECRET|_KEY|TOKEN|SQL_ALCHEMY_CONN|AIRFLOW_CONN_", re.IGNORECASE)
    for name, value in service.get("environment", {}).items():
        assert not secret.search(name) or name.endswith(("_CMD", "_FILE")), name
        assert "@" not in value, name


def test_every_secret_that_is_read_is_made() -> None:
    script = (CHECKOUT / "deployment" / "compose" / "start_api_server.py").read_text()
    read = re.findall(r"cat /opt/airflow/secrets/([a-z-]+)", FILE.read_text())

    assert set(read) == set(re.findall(r'keep\("([a-z-]+)"', script))


def test_images_have_versions_that_are_tested() -> None:
    dockerfile = (CHECKOUT / "deployment" / "compose" / "Dockerfile").read_text()
    [newest] = re.findall(r"^AIRFLOW := (.+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)

    assert f"/airflow:{newest}\n" in dockerfile
    assert re.search(r"/postgres:\d+$", SERVICES["postgres"]["image"])


def test_the_image_is_built_from_what_git_knows() -> None:
    allowed = [line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    dockerfile = (CHECKOUT / "deployment" / "compose" / "Dockerfile").read_text()
    copied = {
        source
        for line in re.findall(r"^COPY --chown=airflow:0 (.+) \S+$", dockerfile, re.MULTILINE)
        for source in line.split()
    }

    assert set(allowed) == copied
    assert all(list(CHECKOUT.glob(source)) for source in copied)


def test_the_sandbox_is_reached_by_the_name_of_its_service() -> None:
    connection = start_api_server.SANDBOX_CONNECTION["instantly_default"]

    assert connection["host"] == "http://sandbox:8989"
    # Its page is opened by a browser on the host.
    assert json.loads(connection["extra"]) == {"allow_insecure_hosts": "sandbox", "app_url": "http://127.0.0.1:8989"}
    assert "127.0.0.1:8989:8989" in SERVICES["sandbox"]["ports"]
    assert {"--host=0.0.0.0", "--port=8989", "--allowed-host=sandbox", "--seed-samples"} <= set(
        SERVICES["sandbox"]["entrypoint"]
    )


def test_a_secret_is_made_once_and_only_for_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_api_server, "SECRETS", tmp_path)

    assert start_api_server.keep("a-secret", "first") == "first"
    assert start_api_server.keep("a-secret", "second") == "first"
    assert (tmp_path / "a-secret").stat().st_mode & 0o007 == 0
    assert [file.name for file in tmp_path.iterdir()] == ["a-secret"]


@pytest.fixture
def api_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An API server that sees a healthy scheduler and an unhealthy triggerer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"scheduler": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}}')

        def log_message(self, *_: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(health, "HEALTH", f"http://{{host}}:{server.server_port}/")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("component", "status"), [("scheduler", False), ("triggerer", True)])
@pytest.mark.usefixtures("api_server")
def test_the_health_check_says_what_the_api_server_sees(
    component: str, status: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["health.py", component, "127.0.0.1"])

    with pytest.raises(SystemExit) as ended:
        health.main()

    assert ended.value.code == status
