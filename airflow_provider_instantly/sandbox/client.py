"""A sandbox for tests: start one, set the stage, make things fail, and see what was asked."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: A step of a script: seconds after the activation, and the status from then on.
Step = tuple[float, str | int] | tuple[float, str | int, int | None]


class SandboxError(Exception):
    """The sandbox did not start, or refused what the client asked."""


class SandboxClient:
    """
    Controls a running sandbox. Each call raises `SandboxError` if the sandbox refuses it, or does not answer.

    :param url: where it is, such as ``http://127.0.0.1:8989``.
    :param api_key: a key for the API itself.
    :param pid: its process id, or None if it is not known.
    """

    def __init__(self, url: str, api_key: str, pid: int | None = None) -> None:
        self.url = url.rstrip("/")
        self.api_key = api_key
        self.pid = pid
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def airflow_connection(self) -> str:
        """
        A connection to the sandbox, for an environment variable such as ``AIRFLOW_CONN_INSTANTLY_DEFAULT``.

        It holds the key.
        """
        return json.dumps({"conn_type": "instantly", "host": self.url, "password": self.api_key})

    def close(self) -> None:
        """Close the client's connections. The sandbox goes on."""
        self._session.close()

    # Campaigns

    def add_campaign(self, name: str = "Sandbox campaign", *, script: Sequence[Step] | None = None, **more: Any) -> str:
        """
        Add a campaign.

        :param name: its name.
        :param script: what becomes of it after its activation, such as
            ``[(2, "active"), (10, "bounce_protect")]``. Without one it is Active at once and stays so.
        :param more: ``id``, ``status``, ``not_sending_status``, ``running`` (start the script now),
            ``workspace``, ``tags``, ``fields`` (of the API's document), ``sending_status``.
        :return: its id.
        """
        return self.add_campaigns(1, name, script=script, **more)[0]

    def add_campaigns(
        self, count: int, name: str = "Sandbox campaign", *, script: Sequence[Step] | None = None, **more: Any
    ) -> list[str]:
        """
        Add many campaigns alike, in one request; their names are numbered.

        :param count: how many.
        :param name: what their names begin with.
        :param script: the script of each.
        :param more: as for :meth:`add_campaign`.
        :return: their ids, in the order of their numbers.
        """
        body = {"count": count, "name": name, "script": script, **more}
        ids: list[str] = self._ask("POST", "/campaigns", body)["ids"]
        return ids

    def campaign(self, campaign_id: str) -> dict[str, Any]:
        """
        A campaign's status, script, fields, and what was done to it.

        :param campaign_id: the campaign.
        """
        return self._ask("GET", f"/campaigns/{campaign_id}")

    def campaigns(self, limit: int = 1000) -> list[dict[str, Any]]:
        """
        The campaigns of all workspaces.

        :param limit: at most so many.
        """
        return self._items("/campaigns", limit=limit)

    def set_status(self, campaign_id: str, status: str | int, not_sending_status: int | None = None) -> None:
        """
        Set a status at once, as Instantly itself would.

        :param campaign_id: the campaign.
        :param status: a name such as ``"accounts_unhealthy"``, or any number.
        :param not_sending_status: why it is not sending, or None.
        """
        body = {"status": status, "not_sending_status": not_sending_status}
        self._ask("PATCH", f"/campaigns/{campaign_id}", body)

    def set_script(self, campaign_id: str, script: Sequence[Step] | None, *, start: bool = False) -> None:
        """
        Give a campaign another script.

        :param campaign_id: the campaign.
        :param script: the script, or None for none.
        :param start: start it now, without an activation.
        """
        self._ask("POST", f"/campaigns/{campaign_id}/script", {"steps": script, "start": start})

    def set_sending_status(self, campaign_id: str, document: Mapping[str, Any] | None) -> None:
        """
        Set the answer about a campaign's sending status.

        :param campaign_id: the campaign.
        :param document: the JSON object of the answer; None to have it derived from the status again.
        """
        self._ask("PATCH", f"/campaigns/{campaign_id}", {"sending_status": document})

    def set_fields(self, campaign_id: str, **fields: Any) -> None:
        """
        Set fields of the API's document of a campaign.

        :param campaign_id: the campaign.
        :param fields: the values by their names; None removes a field.
        """
        self._ask("PATCH", f"/campaigns/{campaign_id}", {"fields": fields})

    def trip_bounce_protection(self, campaign_id: str) -> None:
        """
        Stop a campaign as Instantly does when too many e-mails bounce.

        :param campaign_id: the campaign.
        """
        self._ask("POST", f"/campaigns/{campaign_id}/bounce-protect")

    def pause(self, campaign_id: str) -> None:
        """
        Pause a campaign as a person would in Instantly's pages.

        :param campaign_id: the campaign.
        """
        self._ask("POST", f"/campaigns/{campaign_id}/pause")

    def activate(self, campaign_id: str) -> None:
        """
        Activate a campaign as a person would in Instantly's pages.

        :param campaign_id: the campaign.
        """
        self._ask("POST", f"/campaigns/{campaign_id}/activate")

    def delete(self, campaign_id: str) -> None:
        """
        Delete a campaign.

        :param campaign_id: the campaign.
        """
        self._ask("DELETE", f"/campaigns/{campaign_id}")

    def activations(self, campaign_id: str | None = None) -> int:
        """
        How often a campaign was activated. Deleted ones count too.

        :param campaign_id: the campaign, or None for all of them together.
        """
        found = self._items("/activations")
        return sum(each["count"] for each in found if campaign_id in (None, each["campaign_id"]))

    # Leads and senders

    def add_accounts(self, *emails: str, **more: Any) -> None:
        """
        Add sending accounts, or replace those of the same address. Without more, each is warmed up and healthy.

        :param emails: their addresses.
        :param more: ``fields`` (of the API's document, such as ``{"status": -1}``), ``tags``, ``age_days``, ``failing``
            (of ``"mx"``, ``"spf"``, ``"dkim"``, ``"dmarc"``), ``workspace``.
        """
        self._ask("POST", "/accounts", {"emails": list(emails), **more})

    def remove_account(self, email: str) -> None:
        """
        Remove a sending account.

        :param email: its address.
        """
        self._ask("DELETE", f"/accounts/{email}")

    def leads(self, campaign_id: str) -> list[dict[str, Any]]:
        """
        The leads of a campaign, as the API describes them.

        :param campaign_id: the campaign.
        """
        return self._items(f"/campaigns/{campaign_id}/leads", limit=100_000)

    def emails(self, campaign_id: str) -> list[dict[str, Any]]:
        """
        The e-mails that left for a campaign, and what came of them, in seconds since the epoch.

        :param campaign_id: the campaign.
        """
        return self._items(f"/campaigns/{campaign_id}/emails", limit=100_000)

    # What goes wrong

    def add_fault(self, kind: str, path: str = "*", *, method: str = "*", **more: Any) -> int:
        """
        Make requests fail. Of several faults that match a request, the one that was added first hits it.

        :param kind: ``error``, ``reset``, ``delay``, ``drip``, ``truncate``, ``oversize``, ``body``,
            ``fields``, ``repeat_cursor`` or ``redirect``.
        :param path: a glob for the whole path, such as ``*/activate`` or ``/api/v2/campaigns``.
        :param method: the HTTP method, or ``*``.
        :param more: ``count`` (how many requests it hits, 1 if not given; None for all), ``skip`` (how many
            it lets pass before), ``delay`` (seconds), and what the kind of fault takes, such as ``status`` or
            ``moment="after"``.
        :return: its id.
        """
        body = {"kind": kind, "path": path, "method": method, **more}
        return int(self._ask("POST", "/faults", body)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults that may still hit a request."""
        return self._items("/faults")

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._ask("DELETE", "/faults")

    # Who may do what

    def add_key(self, name: str, scopes: Sequence[str] = ("all:all",), **more: Any) -> str:
        """
        Add a key.

        :param name: what the log calls it.
        :param scopes: what it may do, such as ``["campaigns:read"]``.
        :param more: ``workspace``, ``agency`` (may act on other workspaces), ``key`` (the key itself).
        :return: the key.
        """
        return str(self._ask("POST", "/keys", {"name": name, "scopes": list(scopes), **more})["key"])

    def revoke_key(self, name: str) -> None:
        """
        Make a key invalid. The default key is named ``default``.

        :param name: what the log calls it.
        """
        self._ask("DELETE", f"/keys/{name}")

    def set_workspace(self, workspace_id: str, **more: Any) -> None:
        """
        Add or change a workspace.

        :param workspace_id: its UUID.
        :param more: ``name``, ``paid`` (without a paid plan every request is answered with 402), ``lead_limit``
            (how many leads its plan stores).
        """
        self._ask("PUT", f"/workspaces/{workspace_id}", more)

    # The sandbox as a whole

    def set(self, **settings: Any) -> dict[str, Any]:
        """
        Change settings; what is not given stays.

        :param settings: any of those in ``docs/reference/sandbox.md``, such as ``requests_per_second`` or ``latency``.
        :return: all settings.
        """
        return self._ask("PATCH", "/settings", settings)

    def advance_clock(self, seconds: float) -> None:
        """
        Set the sandbox's clock forward, so that scripts need no waiting.

        :param seconds: by how much; below 0, back.
        """
        self._ask("POST", "/clock", {"advance": seconds})

    def requests(self, limit: int = 1000, **where: Any) -> list[dict[str, Any]]:
        """
        The latest requests to the API, oldest first.

        :param limit: at most so many.
        :param where: ``after`` (an id), ``path`` (a glob for the whole path), ``method``, ``effect``.
        """
        return self._items("/requests", limit=limit, **where)[::-1]

    def request_counts(self) -> list[dict[str, Any]]:
        """How many requests there were, by method, route and status."""
        return self._items("/requests/counts")

    def clear_requests(self) -> None:
        """Forget the requests."""
        self._ask("DELETE", "/requests")

    def reset(self) -> None:
        """Start over: no campaigns, faults or requests, all settings as at first, the default key valid."""
        self._ask("POST", "/reset")

    def health(self) -> dict[str, Any]:
        """Whether it answers, its version, and its clock."""
        return self._ask("GET", "/health")

    def _items(self, path: str, /, **query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._ask("GET", path, query=query)["items"]
        return items

    def _ask(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        url = f"{self.url}/_sandbox{path}"
        try:
            answer = self._session.request(method, url, json=body, params=query, timeout=30)
        except requests.RequestException as error:
            raise SandboxError(f"The sandbox at {self.url} does not answer: {error}") from error
        if not answer.ok:
            raise SandboxError(f"The sandbox refused {method} {path}: {answer.text[:1000]}")
        document: dict[str, Any] = answer.json()
        return document


@contextmanager
def running_sandbox(
    *arguments: str, database: Path | str | None = None, port: int = 0, timeout: float = 30.0
) -> Iterator[SandboxClient]:
    """
    Run a sandbox as a process of its own, on a free loopback port, for the time of a ``with`` block.

    :param arguments: further arguments of its command line.
    :param database: a file that keeps its state; without one it is in memory.
    :param port: the port; 0 for a free one.
    :param timeout: how many seconds it may take to start.
    :raises SandboxError: if it does not start; the message holds what it printed.
    """
    with tempfile.TemporaryDirectory(prefix="instantly-sandbox-") as directory:
        ready, output = Path(directory, "ready.json"), Path(directory, "output.txt")
        command = [sys.executable, "-m", "airflow_provider_instantly.sandbox", "--port", str(port)]
        command += ["--ready-file", str(ready), "--exit-with-parent", *arguments]
        if database is not None:
            command += ["--database", str(database)]
        with output.open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
            )
        try:
            found = _wait_until_ready(process, ready, output, timeout)
            client = SandboxClient(found["url"], found["api_key"], found["pid"])
            try:
                yield client
            finally:
                client.close()
        finally:
            _end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path, output: Path, timeout: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            printed = output.read_text("utf-8", "replace").strip()
            raise SandboxError(f"The sandbox did not start. It printed: {printed or 'nothing'}")
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(ready.read_text("utf-8"))
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
