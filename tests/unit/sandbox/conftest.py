"""One sandbox process for all tests of the sandbox, reset before each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_instantly.sandbox.client import SandboxClient, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


class Api:
    """
    The sandbox's API, called as a user's client would.

    :param url: where the sandbox is.
    :param key: the key to send, or None.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self.url = f"{url}/api/v2"
        self.session = requests.Session()
        self.session.trust_env = False
        if key is not None:
            self.session.headers["Authorization"] = f"Bearer {key}"

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=10, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self("GET", path, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self("POST", path, **more)

    def status(self, campaign_id: str) -> int:
        return int(self.get(f"/campaigns/{campaign_id}").json()["status"])

    def activate(self, campaign_id: str) -> requests.Response:
        return self.post(f"/campaigns/{campaign_id}/activate")


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxClient]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: SandboxClient) -> SandboxClient:
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def api(sandbox: SandboxClient) -> Iterator[Api]:
    api = Api(sandbox.url, sandbox.api_key)
    yield api
    api.session.close()


@pytest.fixture
def api_with(sandbox: SandboxClient) -> Iterator[Any]:
    """The API with another key: ``api_with(key)``, or ``api_with(None)`` for none."""
    made: list[Api] = []

    def make(key: str | None) -> Api:
        made.append(Api(sandbox.url, key))
        return made[-1]

    yield make
    for each in made:
        each.session.close()
