"""docker-compose.yaml's services as processes of this machine, while a `with` runs: Airflow on Celery.

What each service runs is read from that file (`local_airflow.compose`). As Docker does, this starts each when those
are healthy that it waits for, and starts again what has ended. It needs PostgreSQL's and Redis's programs, and Celery.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from airflow_provider_instantly.sandbox.auth import DEFAULT_API_KEY
from airflow_provider_instantly.sandbox.client import SandboxClient
from local_airflow.compose import LISTENERS, SCRIPTS, Place, Service, services
from local_airflow.postgres import Postgres, server_binaries
from local_airflow.processes import ProcessGuard, free_port, session_members
from local_airflow.rest import AirflowRest
from local_airflow.work import LocalAirflowError, RunningAirflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

START_TIMEOUT = 300.0
"""Seconds until a container must be healthy, as long as the Compose file gives it."""
HEALTH_INTERVAL = 2.0
"""Seconds between two health checks of a container that starts."""
LOG_TAIL = 40
"""Lines of each container's log that are shown when something went wrong."""


def missing() -> list[str]:
    """Return what has to be installed before a team can run here, as people call it."""
    found = {
        "PostgreSQL (apt-get install postgresql)": server_binaries(),
        "Redis (apt-get install redis-server)": shutil.which("redis-server"),
        "Celery (make test-distributed installs it)": _has_celery(),
    }
    return [name for name, there in found.items() if not there]


def _has_celery() -> bool:
    from importlib.util import find_spec

    return find_spec("celery") is not None


class Team(RunningAirflow):
    """
    The services of docker-compose.yaml; to be used in a ``with`` statement, which ends all of them.

    :param dags: The folder with DAG files that stands in the place of the project's examples.
    :param scale: How many containers a service has, 1 if it is not named.
    :param variables: Variables of the Compose file, such as ``WORKER_SLOTS``.
    :param differences: Environment variables that win over what the Compose file says.
    :param tell: Called with a line for each step of the start.
    """

    def __init__(
        self,
        dags: Path,
        *,
        scale: Mapping[str, int] | None = None,
        variables: Mapping[str, str] | None = None,
        differences: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="local-team-")).resolve()
        ports = {name: free_port() for name in LISTENERS}
        self.place = Place(self.home, ports, {"AIRFLOW_PORT": str(ports["api-server"]), **(variables or {})})
        self.services = services(self.place)
        self.restarts: Counter[str] = Counter()
        self.task_logs = self.home / "logs"
        self.url = f"http://127.0.0.1:{ports['api-server']}"
        self.sandbox = SandboxClient(f"http://127.0.0.1:{ports['sandbox']}", DEFAULT_API_KEY)
        self._dags, self._scale, self._differences, self._tell = dags, scale or {}, differences or {}, tell
        self._guard = ProcessGuard(remove=self.home)
        self._containers: dict[str, subprocess.Popen[bytes]] = {}
        self._seen_healthy: set[str] = set()
        self._down: set[str] = set()
        self._exit = ExitStack()

    @property
    def containers(self) -> tuple[str, ...]:
        """The names of all containers that last: that of the service, and a number."""
        return tuple(
            f"{name}-{number + 1}"
            for name, service in self.services.items()
            if not service.is_step
            for number in range(self._scale.get(name, 1))
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._guard)
            stack.callback(self.sandbox.close)
            self._make_folders()
            for service in self.services.values():
                self._bring_up(service, stack)
            self._wait_until_healthy(self.services)
            self.api = AirflowRest(self.url, (self.home / "secrets" / "admin-password").read_text())
            self._exit = stack.pop_all()
        return self

    # -- containers ----------------------------------------------------------------------------------------------------

    def kill(self, container: str) -> None:
        """
        Kill a container with all that runs in it, and keep it down until it is started.

        :param container: One of :attr:`containers`.
        """
        self._down.add(container)
        if container == "postgres-1":
            self._postgres.stop(signal.SIGKILL)
            return
        process = self._containers[container]
        with contextlib.suppress(psutil.NoSuchProcess):
            # Tasks have sessions of their own.
            members = {*psutil.Process(process.pid).children(recursive=True), *session_members(process.pid)}
            for member in members:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        process.wait()

    def start(self, container: str) -> None:
        """
        Start a container that was killed; it need not be healthy yet.

        :param container: One of :attr:`containers`.
        """
        self._down.discard(container)
        if container == "postgres-1":
            self._postgres.start()
        else:
            self._start(container)

    def is_healthy(self, container: str) -> bool:
        """
        Tell whether a container does its work, as the health check of the Compose file does.

        :param container: One of :attr:`containers`.
        """
        service, environment = self._described(container)
        if service.name == "postgres":
            return self._postgres.is_running
        ended = subprocess.run(
            service.health, env=environment, cwd=self.home, capture_output=True, timeout=60, check=False
        )
        return ended.returncode == 0

    def look_after(self) -> None:
        """Start again what has ended by itself, as the Compose file asks for, and count that."""
        for container, process in self._containers.items():
            if container not in self._down and process.poll() is not None:
                self.restarts[container] += 1
                self._start(container)

    def logged(self) -> str:
        """Return the ends of the containers' logs."""
        tails = {name: self.log(name).splitlines()[-LOG_TAIL:] for name in self._containers}
        return "\n".join("\n".join([f"-- {name}", *lines]) for name, lines in tails.items())

    def _make_folders(self) -> None:
        """Make what the image and the volumes have."""
        for name in ("broker", "broker-secret", "compose", "database-secret", "logs", "sandbox", "scratch", "secrets"):
            (self.home / name).mkdir()
        self.place.scratch.mkdir()
        (self.home / "dags").symlink_to(self._dags.resolve())
        for script in SCRIPTS.glob("*.py"):
            (self.home / "compose" / script.name).write_text(self.place.here(script.read_text("utf-8")))

    def _bring_up(self, service: Service, stack: ExitStack) -> None:
        """Run a step to its end, or start the containers of any other service, once it need not wait any longer."""
        self._wait_until_healthy(service.waits_for)
        if service.is_step:
            self._run(service)
        elif service.name == "postgres":
            self._open_database(service, stack)
        else:
            for container in self._containers_of([service.name]):
                self._start(container)

    def _containers_of(self, names: Iterable[str]) -> list[str]:
        return [each for each in self.containers if each.rpartition("-")[0] in names]

    def _run(self, service: Service) -> None:
        name = service.name
        with self._log_file(name).open("ab") as log:
            ended = subprocess.run(
                service.command,
                env=self._environment(service, name),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if ended.returncode:
            raise LocalAirflowError(f"{name} ended with status {ended.returncode}:\n{self.log(name)}")
        self._tell(f"{name} is done")

    def _open_database(self, service: Service, stack: ExitStack) -> None:
        password = Path(service.environment["POSTGRES_PASSWORD_FILE"]).read_text()
        self._postgres = stack.enter_context(
            Postgres(
                user=service.environment["POSTGRES_USER"],
                password=password,
                settings=service.options,
                port=self.place.ports["postgres"],
            )
        )
        self.database_url = self._postgres.create_database(service.environment["POSTGRES_DB"])

    def _start(self, container: str) -> None:
        service, environment = self._described(container)
        self._containers[container] = self._guard.start(
            service.command, env=environment, cwd=self.home, log=self._log_file(container)
        )

    def _wait_until_healthy(self, names: Iterable[str]) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        for container in self._containers_of(names):
            while container not in self._seen_healthy and not self.is_healthy(container):
                self.look_after()
                if time.monotonic() > deadline:
                    raise LocalAirflowError(f"{container} is not healthy.\n{self.logged()}")
                time.sleep(HEALTH_INTERVAL)
            if container not in self._seen_healthy:
                self._seen_healthy.add(container)
                self._tell(f"{container} is healthy")

    def _described(self, container: str) -> tuple[Service, dict[str, str]]:
        service = self.services[container.rpartition("-")[0]]
        return service, self._environment(service, container)

    def _environment(self, service: Service, container: str) -> dict[str, str]:
        return service.variables(self.place, container) | dict(self._differences)
