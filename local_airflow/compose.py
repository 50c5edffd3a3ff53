"""docker-compose.yaml, read as processes of this machine: what each service runs, with which environment, after what.

A container's folders become folders below one home, the names of services and their ports become loopback ports.
Nothing else is changed, so that what runs here is what the file describes.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT = Path(__file__).parents[1]
FILE = CHECKOUT / "docker-compose.yaml"
SCRIPTS = CHECKOUT / "deployment" / "compose"
"""What the image has in /opt/airflow/compose."""
HOSTNAMES = Path(__file__).parent / "hostname"
LISTENERS = ("api-server", "postgres", "redis", "sandbox")
"""The services that others connect to; each gets a port."""
#: How `airflow` starts them in the image. No one fetches logs from a folder that all share.
MORE_ARGUMENTS = {"triggerer": ["--skip-serve-logs"], "worker": ["--skip-serve-logs"]}
#: One whose default has no other in it.
_VARIABLE = re.compile(r"\$\{(\w+):-([^${}]*)\}")


@dataclass(frozen=True)
class Place:
    """
    Where the services run on this machine.

    :param home: The folder that stands for /opt/airflow and the volumes.
    :param ports: The port of each of :data:`LISTENERS`.
    :param variables: The variables of the Compose file, such as ``WORKER_SLOTS``.
    """

    home: Path
    ports: Mapping[str, int]
    variables: Mapping[str, str]

    @property
    def scratch(self) -> Path:
        """The folder that stands for the containers' memory file systems."""
        return self.home / "memory"

    def here(self, text: str) -> str:
        """
        Return a text of the Compose file, or of a script of the image, as it has to read on this machine.

        :param text: A word of a command, a value of an environment, or a whole script.
        """
        api, database, broker, sandbox = (self.ports[name] for name in LISTENERS)
        found, before = text, ""
        while found != before:
            found, before = _VARIABLE.sub(lambda match: self.variables.get(match[1], match[2]), found), found
        found = found.replace("$$", "$")
        for there, here in {
            "/opt/airflow": str(self.home),
            "/run/": f"{self.home}/",
            "dir /data": f"dir {self.home}/broker",
            "api-server:8080": f"127.0.0.1:{api}",
            "127.0.0.1:8080": f"127.0.0.1:{api}",
            "@postgres/": f"@127.0.0.1:{database}/",
            "@redis:6379": f"@127.0.0.1:{broker}",
            "redis-server -": f"redis-server --bind 127.0.0.1 --port {broker} -",
            "redis-cli ping": f"redis-cli -p {broker} ping",
            "//sandbox:8989": f"//127.0.0.1:{sandbox}",
            "127.0.0.1:8989": f"127.0.0.1:{sandbox}",
            '"port": 8989': f'"port": {sandbox}',
            "--host=0.0.0.0": "--host=127.0.0.1",
            "--port=8989": f"--port={sandbox}",
        }.items():
            found = found.replace(there, here)
        return found


@dataclass(frozen=True)
class Service:
    """
    A service of the Compose file.

    :param name: Its name.
    :param command: What runs it; empty for PostgreSQL, which the image starts in a way of its own.
    :param environment: What the file says of its environment.
    :param health: What tells by its exit status whether it does its work; empty for a step.
    :param waits_for: The services that come before it.
    :param options: The settings of PostgreSQL.
    :param is_step: Whether it runs once and ends, before others start.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...]
    waits_for: tuple[str, ...]
    options: Mapping[str, str]
    is_step: bool

    def variables(self, place: Place, hostname: str) -> dict[str, str]:
        """
        Return the whole environment of one of its containers.

        :param place: Where it runs.
        :param hostname: The name of the container.
        """
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW_", "_AIRFLOW_", "INSTANTLY_", "PYTHON"))
        }
        return inherited | {
            "AIRFLOW_HOME": str(place.home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(place.ports["api-server"]),
            "LOCAL_HOSTNAME": hostname,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": str(HOSTNAMES),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(place.scratch),
            "XDG_RUNTIME_DIR": str(place.scratch),
            **self.environment,
        }


def services(place: Place, file: Path = FILE) -> dict[str, Service]:
    """
    Read the services of a Compose file, each after those that it waits for.

    :param place: Where they run.
    :param file: The Compose file.
    """
    described: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text("utf-8"))["services"]
    order = TopologicalSorter({name: set(service.get("depends_on", {})) for name, service in described.items()})
    return {name: _service(name, described[name], place) for name in order.static_order()}


def _service(name: str, described: Mapping[str, Any], place: Place) -> Service:
    environment = {key: place.here(str(value)) for key, value in described.get("environment", {}).items()}
    health = described.get("healthcheck", {}).get("test", [])
    return Service(
        name=name,
        command=tuple(map(place.here, _command(name, described))),
        environment=environment,
        # It begins with the word CMD.
        health=tuple(place.here(_python(word)) for word in health[1:]),
        waits_for=tuple(described.get("depends_on", {})),
        options=_options(described.get("command", [])) if name == "postgres" else {},
        is_step=described.get("restart") == "no",
    )


def _command(name: str, described: Mapping[str, Any]) -> list[str]:
    if name == "postgres":
        return []
    if entrypoint := described.get("entrypoint"):
        return [_python(word) for word in entrypoint]
    return [sys.executable, "-m", "airflow", *shlex.split(described["command"]), *MORE_ARGUMENTS.get(name, [])]


def _python(word: str) -> str:
    return sys.executable if word == "python" else word


def _options(command: list[str]) -> dict[str, str]:
    """Return the settings that follow each ``-c``."""
    pairs = [command[at + 1] for at, word in enumerate(command) if word == "-c"]
    return dict(pair.split("=", 1) for pair in pairs)
