"""docker-compose.yaml keeps to the Compose specification, to what every engine has, and to what it promises."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import psutil
import pytest
import yaml
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_instantly import __version__
from deployment.compose import health, make_secrets, prepare
from local_airflow.postgres import Postgres, server_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

CHECKOUT = Path(__file__).parents[3]
FILE = CHECKOUT / "docker-compose.yaml"
FOLDER = CHECKOUT / "deployment" / "compose"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
#: Files that are put on top of it.
MORE_FILES = [FOLDER / "instantly.yaml", FOLDER / "trust.yaml"]
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
#: They do something and end.
STEPS = {"secrets", "init"}
LASTING = {name: service for name, service in SERVICES.items() if name not in STEPS}
AIRFLOW = {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}
#: What all parts of Airflow have.
AIRFLOW_SETTINGS: dict[str, str] = COMPOSE["x-environment"]

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
each_lasting_service = pytest.mark.parametrize("service", LASTING.values(), ids=LASTING)
each_file = pytest.mark.parametrize("file", [FILE, *MORE_FILES], ids=lambda file: file.name)


def _sources(service: dict[str, Any]) -> dict[str, str]:
    """What each mounted directory is, by its path in the container."""
    return {volume.split(":")[1]: volume.split(":")[0] for volume in service.get("volumes", [])}


@each_file
def test_it_meets_the_schema_of_the_compose_specification(file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_each_part_that_may_speak_to_instantly_trusts_an_authority_of_ones_own() -> None:
    trusting = yaml.safe_load((FOLDER / "trust.yaml").read_text())["services"]
    # A scheduler speaks to no service: a DAG's callbacks run in the DAG processor, all else in a worker or a triggerer.
    assert trusting.keys() == AIRFLOW - {"scheduler"}


def test_it_has_all_parts_of_an_airflow_on_celery_and_a_sandbox() -> None:
    assert SERVICES.keys() == {"secrets", "init", "postgres", "redis", "sandbox", *AIRFLOW}
    assert SERVICES["worker"]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


@each_lasting_service
def test_every_service_has_a_health_check_and_comes_back(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] == "CMD"
    # A busy machine may need as long as that again to start the check.
    assert int(service["healthcheck"]["timeout"].removesuffix("s")) > 2 * health.TIMEOUT
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(AIRFLOW | {"sandbox"}))
def test_a_service_is_asked_for_itself(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][1:] == ["python", "/opt/airflow/compose/health.py", name]
    assert name in {*health.PAGES, *health.JOBS, "worker"}


def test_steps_end_and_are_waited_for() -> None:
    waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).items()]

    assert {SERVICES[step]["restart"] for step in STEPS} == {"no"}
    assert {name for name, wait in waits if wait["condition"] == "service_completed_successfully"} == STEPS
    assert {name for name, wait in waits if wait["condition"] == "service_healthy"} <= LASTING.keys()


def test_what_was_learned_from_teams_on_celery_is_set() -> None:
    environment = SERVICES["worker"]["environment"]
    # A small machine answers late, and a task that was not answered in time has used up a try.
    assert int(environment["AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT"]) >= 30
    assert int(environment["AIRFLOW__CELERY__OPERATION_TIMEOUT"]) >= 30
    # A wait takes no slot, and a worker that lost the queue for a moment still takes several tasks at once.
    assert environment["AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"] == "True"
    assert json.loads(environment["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"]) == {
        "worker_enable_prefetch_count_reduction": False
    }
    # It is also the life of the token in a queued task.
    assert "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT" not in environment
    assert all(AIRFLOW_SETTINGS.items() <= SERVICES[name]["environment"].items() for name in AIRFLOW)


@each_service
def test_ports_are_open_on_loopback_only(service: dict[str, Any]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_pages_are_where_people_look_for_them_unless_a_variable_says_otherwise() -> None:
    assert SERVICES["api-server"]["ports"] == ["127.0.0.1:${AIRFLOW_PORT:-8080}:8080"]
    address = "${AIRFLOW_URL:-http://127.0.0.1:${AIRFLOW_PORT:-8080}}"
    assert SERVICES["api-server"]["environment"]["AIRFLOW__API__BASE_URL"] == address
    assert SERVICES["sandbox"]["ports"] == ["127.0.0.1:${SANDBOX_PORT:-8989}:8989"]


def test_a_proxy_before_airflow_says_how_a_browser_came() -> None:
    # Without it, a login's cookie is not kept from what is not encrypted.
    assert SERVICES["api-server"]["command"] == "api-server --proxy-headers"
    assert SERVICES["api-server"]["environment"]["FORWARDED_ALLOW_IPS"] == "*"


@each_service
def test_nothing_needs_root_or_the_host(service: dict[str, Any]) -> None:
    assert not service.keys() & {
        "privileged",
        "network_mode",
        "pid",
        "ipc",
        "devices",
        "cap_add",
        "userns_mode",
    }
    assert service.get("user", "airflow") in {"airflow", "postgres", "redis"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges" in service["security_opt"]
    assert set(_sources(service).values()) <= {*COMPOSE["volumes"], "./dags"}


@each_service
def test_nothing_is_written_but_to_volumes_and_memory(service: dict[str, Any]) -> None:
    assert service["read_only"]
    assert "/tmp" in service["tmpfs"]  # noqa: S108
    assert all(volume.endswith((":ro", ":ro,z")) for volume in service.get("volumes", []) if volume.startswith("./"))


@each_service
def test_a_service_is_bounded_and_ends_well(service: dict[str, Any]) -> None:
    assert service["init"]
    assert service["mem_limit"]
    assert service["logging"]["options"].keys() == {"max-file", "max-size"}
    assert service["restart"] == "no" or service["stop_grace_period"] in {"30s", "1m", "5m"}


def test_a_secret_can_be_changed_by_the_step_that_makes_it_alone() -> None:
    kept = {"secrets", "database-secret", "broker-secret"}
    writers = {
        name
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
        if volume.split(":")[0] in kept and not volume.endswith(":ro")
    }
    assert writers == {"secrets"}
    assert set(_sources(SERVICES["postgres"]).values()) == {"database", "database-secret"}
    assert set(_sources(SERVICES["redis"]).values()) == {"broker", "broker-secret"}


@each_file
def test_no_secret_is_in_the_file(file: Path) -> None:
    secret = re.compile(r"PASSWORD|SECRET|_KEY|TOKEN|SQL_ALCHEMY_CONN|BROKER_URL|RESULT_BACKEND|AIRFLOW_CONN_")
    for service in yaml.safe_load(file.read_text())["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not secret.search(name) or name.endswith(("_CMD", "_FILE")), name
            assert "@" not in value, name


def test_every_secret_that_is_read_is_made_once_and_for_the_group_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_secrets, "VOLUMES", tmp_path)
    for volume in ("secrets", "database-secret", "broker-secret"):
        (tmp_path / volume).mkdir()
    (tmp_path / "secrets" / "token-key").write_text("from an earlier start")

    make_secrets.main()
    made = {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    make_secrets.main()

    read = set(re.findall(r"cat /opt/airflow/(secrets/[a-z-]+)", FILE.read_text()))
    assert {str(file.relative_to(tmp_path)) for file in made} >= read
    assert {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()} == made
    assert made.pop(tmp_path / "secrets" / "token-key") == "from an earlier start"
    assert all(len(text) >= 24 for text in made.values())
    assert all(file.stat().st_mode & 0o007 == 0 for file in made)


def test_images_have_versions_that_are_tested() -> None:
    [newest] = re.findall(r"^AIRFLOW := (.+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)

    assert f"/airflow:{newest}\n" in DOCKERFILE
    assert f" constraints/airflow-{newest}.txt " in DOCKERFILE
    assert re.search(r"/postgres:\d+\.\d+$", SERVICES["postgres"]["image"])
    assert re.search(r"/redis:\d+\.\d+\.\d+$", SERVICES["redis"]["image"])


def test_one_image_is_built_once() -> None:
    image = f"airflow-provider-instantly:${{PROVIDER_VERSION:-{__version__}}}"
    ours = {name for name, service in SERVICES.items() if service["image"] == image}

    assert ours == SERVICES.keys() - {"postgres", "redis"}
    assert [name for name in ours if "build" in SERVICES[name]] == ["secrets"]
    assert {SERVICES[name]["pull_policy"] for name in ours} == {"never"}


def test_the_image_is_built_from_what_git_knows() -> None:
    allowed = [line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = {
        source
        for line in re.findall(r"^COPY --chown=airflow:0 (.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in line.split()
    }

    assert set(allowed) == copied
    assert all(list(CHECKOUT.glob(source)) for source in copied)


def test_the_image_has_the_examples_and_no_dags_of_its_user() -> None:
    [copied] = re.findall(r"^COPY --chown=airflow:0 (dags/\S+) /tmp/provider/dags/$", DOCKERFILE, re.MULTILINE)

    assert copied == "dags/instantly_*.py"
    assert set(CHECKOUT.glob(copied)) == set(CHECKOUT.glob("dags/*.py"))


def test_every_volume_is_mounted_on_a_directory_of_its_user() -> None:
    made = set(re.findall(r"mkdir --mode 750 (.+)$", DOCKERFILE, re.MULTILINE)[0].split())
    ours = [service for name, service in SERVICES.items() if name not in ("postgres", "redis")]
    mounted = {path for service in ours for path, source in _sources(service).items() if source in COMPOSE["volumes"]}

    assert mounted - {"/opt/airflow/logs"} == {f"/opt/airflow/{name}" for name in made}


def test_a_report_outlives_the_container_that_wrote_it() -> None:
    example = (CHECKOUT / "dags" / "instantly_report.py").read_text()
    path = SERVICES["dag-processor"]["environment"]["INSTANTLY_REPORT_PATH"].removeprefix("file://")

    assert 'os.environ.get("INSTANTLY_REPORT_PATH"' in example
    assert _sources(SERVICES["worker"])[path] == "reports"


def test_the_fonts_that_a_report_found_are_kept_for_the_next_one() -> None:
    # Where it may not write, matplotlib looks for all fonts in each process again, and warns in the log of the task.
    folder = PurePosixPath(SERVICES["worker"]["environment"]["MPLCONFIGDIR"])

    assert _sources(SERVICES["worker"])[str(folder.parent)] == "scratch"


def test_the_sandbox_is_reached_by_the_name_of_its_service() -> None:
    assert prepare.SANDBOX["host"] == "http://sandbox:8989"
    # Its page is opened by a browser on the host.
    assert json.loads(prepare.SANDBOX["extra"]) == {
        "allow_insecure_hosts": "sandbox",
        "app_url": "http://127.0.0.1:8989",
    }
    assert SERVICES["init"]["environment"]["SANDBOX_PAGE"] == "http://127.0.0.1:${SANDBOX_PORT:-8989}"
    assert {"--host=0.0.0.0", "--port=8989", "--allowed-host=sandbox", "--seed-samples"} <= set(
        SERVICES["sandbox"]["entrypoint"]
    )


def test_the_real_service_is_used_without_the_sandbox_and_at_its_pace() -> None:
    more = yaml.safe_load((FOLDER / "instantly.yaml").read_text())
    example = (CHECKOUT / "dags" / "instantly_launch.py").read_text()

    assert more["services"]["sandbox"] == {"profiles": ["sandbox"]}
    assert not any("sandbox" in service.get("depends_on", {}) for service in SERVICES.values())
    # A key is in no file and no variable of a container.
    assert more["services"]["init"] == {"environment": {prepare.WITHOUT_SANDBOX: "true"}}
    assert "secrets" not in more
    for name, value in more["services"]["worker"]["environment"].items():
        [default] = re.findall(rf'"{name}", ([\d *]+)\)', example)
        assert int(value) == math.prod(map(int, default.split("*")))


class Commands:
    """Records what would be run, and ends with a status."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.seen: list[tuple[list[str], str]] = []

    def __call__(self, command: list[str], *, input: str, **_: Any) -> SimpleNamespace:
        self.seen.append((command, input))
        return SimpleNamespace(returncode=self.status)


@pytest.fixture
def admin_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A password that stands nowhere else."""
    monkeypatch.setattr(prepare, "ADMIN_PASSWORD", tmp_path / "admin-password")
    prepare.ADMIN_PASSWORD.write_text("correct-horse-battery")
    return "correct-horse-battery"


def test_the_admins_password_is_on_no_command_line(admin_password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands()
    monkeypatch.setattr(subprocess, "run", commands)
    monkeypatch.setattr("airflow.utils.session.create_session", lambda: nullcontext())
    monkeypatch.setattr(prepare, "connect", lambda *_: "made")
    monkeypatch.setattr(sys, "argv", ["prepare.py"])

    prepare.main()

    assert [command[3:5] for command, _ in commands.seen] == [["db", "migrate"], ["users", "create"]]
    assert not any(admin_password in word for command, _ in commands.seen for word in command)
    assert [answers for _, answers in commands.seen] == ["", f"{admin_password}\n{admin_password}\n"]


def test_a_user_that_cannot_be_made_ends_the_step_without_the_password(
    admin_password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", Commands(status=3))

    with pytest.raises(SystemExit) as ended:
        prepare.airflow("users", "create", "--username", "admin", answers=f"{admin_password}\n")

    assert "`airflow users create` ended with status 3" in str(ended.value)
    assert admin_password not in str(ended.value)


def test_a_key_is_read_where_there_should_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a-key==\n"))
    assert prepare.api_key([]) is None
    with pytest.raises(SystemExit, match="for the sandbox, which needs no key"):
        prepare.api_key(["--api-key"])

    monkeypatch.setenv(prepare.WITHOUT_SANDBOX, "true")
    assert prepare.api_key([]) == ""
    assert prepare.api_key(["--api-key"]) == "a-key=="
    with pytest.raises(SystemExit, match="no key on standard input"):
        prepare.api_key(["--api-key"])


def test_a_key_that_is_typed_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = MagicMock()
    terminal.isatty.return_value = True
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(prepare, "getpass", lambda _: "a-key==")
    monkeypatch.setenv(prepare.WITHOUT_SANDBOX, "true")

    assert prepare.api_key(["--api-key"]) == "a-key=="
    terminal.read.assert_not_called()


def _stored(**changes: Any) -> Any:
    """The connection, as it is stored, with these fields; without any, as it was found."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalar(select(Connection).where(Connection.conn_id == prepare.CONNECTION_ID))
        for name, value in changes.items():
            setattr(found, name, value)
    with create_session() as session:
        found = session.scalar(select(Connection).where(Connection.conn_id == prepare.CONNECTION_ID))
        if found is not None:
            session.expunge(found)
    return found


def _start(key: str | None) -> str:
    """What becomes of the connection."""
    from airflow.utils.session import create_session

    with create_session() as session:
        return prepare.connect(session, key)


@pytest.fixture
def no_connection() -> Iterator[None]:
    """Starts, and leaves, without the connection."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    def forget() -> None:
        with create_session() as session:
            session.execute(delete(Connection).where(Connection.conn_id == prepare.CONNECTION_ID))

    forget()
    yield
    forget()


@pytest.mark.usefixtures("airflow_database", "no_connection")
def test_the_connection_is_made_once_and_takes_the_key_that_is_given() -> None:
    assert _start(None) == "made, and leads to the sandbox"
    assert _start(None) == "left as it is, and leads to http://sandbox:8989"
    assert _stored().password == prepare.SANDBOX["password"]

    assert _start("first-key") == "made, and leads to Instantly"
    connection = _stored()
    assert (connection.host, connection.port, connection.password) == (None, 443, "first-key")
    assert connection.extra is None

    _stored(extra="{}")
    assert _start("second-key") == "given the key, and leads to Instantly"
    assert _start("") == "left as it is, and leads to Instantly"
    connection = _stored()
    assert (connection.password, connection.extra) == ("second-key", "{}")


@pytest.mark.usefixtures("airflow_database", "no_connection")
def test_nothing_starts_without_a_key_for_the_real_service() -> None:
    with pytest.raises(SystemExit, match="No key is stored"):
        _start("")
    assert _stored() is None

    _start(None)
    with pytest.raises(SystemExit, match="No key is stored"):
        _start("")
    assert _stored().password == prepare.SANDBOX["password"]


@pytest.mark.usefixtures("airflow_database", "no_connection")
@pytest.mark.parametrize("host", [None, "https://instantly.example.com", "http://127.0.0.1:9000"])
def test_the_sandboxs_files_do_not_start_beside_another_connection(host: str | None) -> None:
    _start("a-key")
    _stored(host=host)

    with pytest.raises(
        SystemExit, match=f"leads to {host or 'Instantly'}, but these Compose files are for the sandbox"
    ):
        _start(None)

    assert _stored().password == "a-key"


@pytest.mark.usefixtures("airflow_database", "no_connection")
@pytest.mark.parametrize(
    "written",
    [
        {"host": "http://sandbox", "port": 8989},
        {"host": "sandbox", "schema": "http", "port": 8989},
        {"host": "HTTP://Sandbox:8989/"},
    ],
)
def test_the_sandbox_is_known_however_its_address_is_written(written: dict[str, Any]) -> None:
    _start(None)
    _stored(**written)

    assert _start(None).startswith("left as it is")
    assert _start("a-key") == "made, and leads to Instantly"

    connection = _stored()
    assert (connection.host, connection.schema, connection.password) == (None, None, "a-key")


@pytest.mark.usefixtures("airflow_database", "no_connection")
@pytest.mark.parametrize(
    "written",
    [
        {"host": "http://127.0.0.1:9000"},
        {"host": "instantly.example.com", "schema": "http"},
        {"host": "ftp://instantly.example.com"},
        {"conn_type": "http", "host": "https://example.com"},
    ],
)
def test_no_key_goes_where_it_could_be_read(written: dict[str, Any]) -> None:
    _start("first-key")
    _stored(**written)

    with pytest.raises(SystemExit, match="It was not given the key") as ended:
        _start("second-key")

    assert "second-key" not in str(ended.value)
    assert _stored().password == "first-key"


def test_the_guide_describes_every_variable_and_service() -> None:
    guide = (CHECKOUT / "docs" / "operations" / "deployment.md").read_text()
    rows = [line.split("|")[1] for line in guide.splitlines() if line.startswith("| `")]
    described = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    files = "".join(file.read_text() for file in (FILE, *MORE_FILES))
    variables = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", files))

    assert described == {*SERVICES, *variables, "COMPOSE_FILE"}
    for name in re.findall(r"docker compose exec (?:-T )?([a-z-]+)", guide):
        assert name in SERVICES
    for service, period in re.findall(r"^\| `([a-z-]+)` \|.*\| (.*)\|$", guide.split("## Settings")[0], re.MULTILINE):
        grace = LASTING.get(service, {}).get("stop_grace_period", "")
        assert period.strip() == grace.replace("m", " min").replace("s", " s")


@pytest.fixture
def page() -> Iterator[tuple[dict[str, Any], str]]:
    """What a page of this machine answers, to be changed, and its address."""
    answer: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield answer, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_is_healthy_if_it_answers_and_reaches_its_database(page: tuple[dict[str, Any], str]) -> None:
    answer, address = page

    assert health.answers(address)
    answer["metadatabase"] = {"status": "healthy"}
    assert health.answers(address)
    answer["metadatabase"] = {"status": "unhealthy"}
    assert not health.answers(address)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that a health check reads."""
    monkeypatch.setattr(health, "SECRETS", tmp_path)
    monkeypatch.setattr(health, "gethostname", lambda: "this-container")
    (tmp_path / "database-url").write_text("postgresql+psycopg2://airflow:word@postgres/airflow")
    (tmp_path / "broker-url").write_text("redis://:word@redis:6379/0")


@pytest.mark.usefixtures("secrets")
def test_a_job_is_healthy_if_this_container_has_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    psycopg2 = MagicMock()
    connection = psycopg2.connect.return_value
    cursor = connection.cursor.return_value.__enter__.return_value
    cursor.fetchone.return_value = (1,)
    monkeypatch.setitem(sys.modules, "psycopg2", psycopg2)
    monkeypatch.setattr(health, "container_age", lambda: 3600.0)

    assert health.has_heartbeat("TriggererJob")

    assert psycopg2.connect.call_args.args == ("postgresql://airflow:word@postgres/airflow",)
    assert cursor.execute.call_args.args[1] == ("TriggererJob", "this-container", health.HEARTBEAT_AGE)
    connection.close.assert_called_once_with()


@pytest.fixture(scope="module")
def jobs() -> Iterator[Engine]:
    """A PostgreSQL with Airflow's table of jobs."""
    if server_binaries() is None:
        pytest.skip("needs a server of PostgreSQL (apt-get install postgresql)")
    from airflow.jobs.job import Job

    with Postgres() as server:
        engine = create_engine(server.create_database("airflow"), poolclass=NullPool)
        Job.__table__.create(engine)
        yield engine


#: Each is healthy but for one thing, in seconds since the container began and since the last heartbeat.
OF_THIS_CONTAINER: dict[str, Any] = {"kind": "TriggererJob", "host": "this-container", "state": "running", "ago": 5}


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(
    ("age", "change", "is_healthy"),
    [
        (3600, {}, True),
        (3600, {"ago": health.HEARTBEAT_AGE - 10}, True),
        (3600, {"ago": health.HEARTBEAT_AGE + 1}, False),
        (3600, {"host": "another-container"}, False),
        (3600, {"kind": "SchedulerJob"}, False),
        (3600, {"state": "failed"}, False),
        # It was the process's that died, and that of the new one has not begun.
        (4, {}, False),
        (15, {}, True),
    ],
)
def test_the_heartbeat_is_that_of_this_containers_process(
    age: float, change: dict[str, Any], is_healthy: bool, jobs: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "database-url").write_text(jobs.url.render_as_string(hide_password=False))
    monkeypatch.setattr(health, "container_age", lambda: age)
    row = OF_THIS_CONTAINER | change
    with jobs.begin() as connection:
        connection.execute(text("DELETE FROM job"))
        connection.execute(
            text(
                "INSERT INTO job (job_type, hostname, state, latest_heartbeat) "
                "VALUES (:kind, :host, :state, now() - make_interval(secs => :ago))"
            ),
            row,
        )

    assert health.has_heartbeat("TriggererJob") is is_healthy


def test_a_container_is_as_old_as_its_first_process() -> None:
    first = psutil.Process(1)

    assert health.container_age() == pytest.approx(time.time() - first.create_time(), abs=5)


def test_airflow_writes_the_heartbeats_that_are_read() -> None:
    from airflow.jobs.job import Job

    assert {"job_type", "hostname", "state", "latest_heartbeat"} <= set(Job.__table__.columns.keys())
    assert Job.__tablename__ == "job"


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(("replies", "is_healthy"), [([{"celery@this-container": {"ok": "pong"}}], True), ([], False)])
def test_a_worker_is_healthy_if_it_answers_by_its_name(
    replies: list[Any], is_healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    celery = MagicMock()
    ping = celery.Celery.return_value.__enter__.return_value.control.ping
    ping.return_value = replies
    monkeypatch.setitem(sys.modules, "celery", celery)

    assert health.takes_tasks() is is_healthy

    celery.Celery.assert_called_once_with(broker="redis://:word@redis:6379/0")
    ping.assert_called_once_with(destination=["celery@this-container"], timeout=health.TIMEOUT)


@pytest.mark.parametrize("is_healthy", [True, False])
@pytest.mark.parametrize(
    ("service", "asks"),
    [("worker", "takes_tasks"), ("scheduler", "has_heartbeat"), ("api-server", "answers"), ("sandbox", "answers")],
)
def test_the_status_says_what_was_found(
    service: str, asks: str, is_healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["health.py", service])
    monkeypatch.setattr(health, asks, lambda *_: is_healthy)

    with pytest.raises(SystemExit) as ended:
        health.main()

    assert bool(ended.value.code) is not is_healthy
