"""Airflow's own REST API, as one client for 2.11 (``/api/v1``) and 3.x (``/api/v2``)."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import requests

from local_airflow.configuration import ADMIN, AIRFLOW_3

TIMEOUT = 30
"""Seconds for one request."""


class RestError(Exception):
    """
    Airflow refused a request.

    :param status: The HTTP status.
    :param detail: What Airflow answered.
    """

    def __init__(self, method: str, path: str, status: int, detail: str) -> None:
        super().__init__(f"{method} {path}: HTTP {status}: {detail}")
        self.status = status


class AirflowRest:
    """
    An authenticated client.

    :param url: The address of the API server.
    :param password: The password of the user ``admin``.
    """

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self._password = password

    def health(self) -> dict[str, Any]:
        """
        Return the state of each component, as the API server sees it; needs no authentication.

        :raises requests.ConnectionError: The API server does not listen yet.
        """
        path = "/api/v2/monitor/health" if AIRFLOW_3 else "/health"
        with _session() as session:
            answer = session.get(f"{self.url}{path}", timeout=TIMEOUT)
        answer.raise_for_status()
        health: dict[str, Any] = answer.json()
        return health

    def __call__(
        self, path: str, *, method: str = "GET", json: Any = None, params: dict[str, Any] | None = None
    ) -> Any:
        """
        Make a request and return the JSON of its answer, None where there is none.

        :param path: The path below ``/api/v1`` or ``/api/v2``.
        :param method: The HTTP method.
        :param json: The document to send.
        :param params: The query.
        :raises RestError: The answer is not a success.
        """
        api = f"{self.url}/api/{'v2' if AIRFLOW_3 else 'v1'}"
        answer = self._authenticated.request(method, f"{api}{path}", json=json, params=params, timeout=TIMEOUT)
        if not answer.ok:
            raise RestError(method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    @cached_property
    def _authenticated(self) -> requests.Session:
        session = _session()
        if AIRFLOW_3:
            login = {"username": ADMIN, "password": self._password}
            answer = session.post(f"{self.url}/auth/token", json=login, timeout=TIMEOUT)
            answer.raise_for_status()
            session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        else:
            session.auth = (ADMIN, self._password)
        return session


def _session() -> requests.Session:
    session = requests.Session()
    # The server is on this machine: no proxy, and no password from a .netrc.
    session.trust_env = False
    return session
