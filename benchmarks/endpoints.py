"""What is asked in the measurements: the sandbox, and a dbt Cloud as slow as it; both over TLS, as in real life."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_instantly.sandbox.client import SandboxClient, running_sandbox
from local_airflow.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that every answer takes longer than this machine needs.
LATENCY = 0.05
START_TIMEOUT = 30.0
ACCOUNT = 1


@dataclass(frozen=True)
class Endpoints:
    """
    Both services, and how they are reached.

    :param sandbox: the stand-in for Instantly, to be prepared and asked for its counts.
    :param sandbox_url: where it is reached over TLS.
    :param dbt: the stand-in for dbt Cloud.
    :param certificate: the file with the certificate that both show.
    """

    sandbox: SandboxClient
    sandbox_url: str
    dbt: DbtCloud
    certificate: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment that makes Python trust both."""
        return {"SSL_CERT_FILE": str(self.certificate), "REQUESTS_CA_BUNDLE": str(self.certificate)}

    @property
    def connections(self) -> dict[str, dict[str, Any]]:
        """The Airflow connections to both."""
        return {
            "instantly_default": {
                "conn_type": "instantly",
                "host": self.sandbox_url,
                "password": self.sandbox.api_key,
            },
            "instantly_http": {
                "conn_type": "http",
                "host": self.sandbox_url,
                "extra": json.dumps({"Authorization": f"Bearer {self.sandbox.api_key}"}),
            },
            "dbt_cloud_default": {
                "conn_type": "dbt_cloud",
                "host": self.dbt.tenant,
                "login": str(ACCOUNT),
                "password": "a-token",
            },
        }

    def sandbox_requests(self) -> int:
        """How many requests the sandbox has answered."""
        return sum(entry["count"] for entry in self.sandbox.request_counts())


class DbtCloud:
    """
    Controls the stand-in for dbt Cloud.

    :param port: its port.
    :param certificate: the file with its certificate.
    """

    def __init__(self, port: int, certificate: Path) -> None:
        self.tenant = f"127.0.0.1:{port}"
        self._certificate = certificate

    def answered(self) -> int:
        """How many requests for job runs it has answered."""
        return int(self._ask("GET", "/count").json()["count"])

    def finish(self) -> None:
        """Let all job runs succeed."""
        self._ask("POST", "/finish")

    def start(self) -> None:
        """Let all job runs run again."""
        self._ask("POST", "/start")

    def _ask(self, method: str, path: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, f"https://{self.tenant}{path}", verify=str(self._certificate), timeout=START_TIMEOUT
            )
        answer.raise_for_status()
        return answer


@contextmanager
def endpoints(latency: float = LATENCY) -> Iterator[Endpoints]:
    """
    Run both services as processes of their own, for the time of a ``with`` block.

    :param latency: seconds that every answer takes longer than this machine needs.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-endpoints-")))
        certificate, key = _make_certificate(folder)
        sandbox = stack.enter_context(running_sandbox("--no-limits", "--latency", str(latency)))
        front, dbt = free_port(), free_port()
        target = sandbox.url.rpartition(":")[2]
        tls = [str(certificate), str(key)]
        stack.enter_context(_running("benchmarks.tls_front", str(front), target, *tls, port=front))
        stack.enter_context(_running("benchmarks.slow_dbt_cloud", str(dbt), str(latency), *tls, port=dbt))
        yield Endpoints(sandbox, f"https://127.0.0.1:{front}", DbtCloud(dbt, certificate), certificate)


@contextmanager
def _running(module: str, *arguments: str, port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], cwd=Path(__file__).parents[1], stdin=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{module} did not start.")
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].touch(mode=0o600)
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
