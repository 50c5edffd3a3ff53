"""An API key that cannot be mistaken for anything is used in every way that goes well or wrong, and then looked for."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet

from local_airflow.configuration import AIRFLOW_3
from local_airflow.rest import RestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow
    from local_airflow.work import RunningAirflow

pytestmark = pytest.mark.skipif(not AIRFLOW_3, reason="these tests know the REST API of Airflow 3")

PAIR = "0badc0de-5ec2-4e75-8bad-c0ffee15f00d:qZ7vUnmistakableX9wKfP3j"
KEY = base64.b64encode(PAIR.encode()).decode()
SECRET = PAIR.partition(":")[2]
CONN_ID = "marked"
"""Also the name by which the sandbox knows the key."""
FORGED = "[2026-01-01] INFO FORGED"
"""What a hostile server wants to stand at the beginning of a line of the log."""


def forms(key: str = KEY) -> dict[str, bytes]:
    """Return each form of the key that must be nowhere; PostgreSQL shows binary columns in hexadecimal."""
    bare = key.rstrip("=")
    texts = {
        "as it is": bare,
        "its first half": bare[: len(bare) // 2],
        "its second half": bare[len(bare) // 2 :],
        "decoded": PAIR,
        "its secret": SECRET,
        "half of its secret": SECRET[: len(SECRET) // 2],
        "encoded for a URL": quote(key, safe="").removesuffix("%3D%3D"),
        "decoded and encoded for a URL": quote(PAIR, safe=""),
        "encoded again": base64.b64encode(key.encode()).decode().rstrip("=")[:-1],
    }
    return {name: text.encode() for name, text in texts.items()} | {
        f"{name}, in hexadecimal": text.encode().hex().encode() for name, text in texts.items()
    }


def found_in(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    return [name for name, form in forms().items() if form in content]


def test_the_search_finds_the_key() -> None:
    assert KEY.endswith("==")
    assert found_in(f"Bearer {KEY}!") != []
    assert found_in(PAIR) != []
    assert found_in(base64.b64encode(KEY.encode())) == ["encoded again"]
    assert found_in(quote(KEY, safe="")) != []
    assert found_in(rf"\x{KEY.encode().hex()}") != []
    assert found_in("Bearer ***") == []


class Witness:
    """A server on another port that remembers every request with its headers, and answers like Instantly."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                witness.requests.append(f"{self.command} {self.path}\n{self.headers}")
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b'{"id": "00000000-0000-0000-0000-000000000000", "status": 1}')

            do_POST = do_GET  # noqa: N815 - the base class looks for that name

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port


@contextmanager
def running_witness() -> Iterator[Witness]:
    witness = Witness()
    thread = threading.Thread(target=witness.server.serve_forever)
    thread.start()
    try:
        yield witness
    finally:
        witness.server.shutdown()
        thread.join()
        witness.server.server_close()


def echoes() -> dict[str, dict[str, Any]]:
    """Return answers that carry the key, in the forms in which servers and gateways echo what they were sent."""
    escaped = "".join(f"&#{ord(char)};" for char in KEY)
    return {
        "401": {"status": 401, "json": {"error": "Unauthorized", "message": f"The key {KEY} is not valid"}},
        "403": {"status": 403, "json": {"error": "Forbidden", "message": f"{PAIR} lacks a scope"}},
        "404": {"status": 404, "json": {"message": quote(KEY, safe="")}},
        "429": {"status": 429, "json": {"message": f"Too many requests of {KEY}"}},
        "500": {"status": 500, "text": f"<html><title>{escaped}</title>{KEY}</html>", "content_type": "text/html"},
        "503": {"status": 503, "text": f"upstream said: authorization: Bearer {KEY}", "content_type": "text/plain"},
        "200": {"status": 200, "text": f"not JSON: {KEY}", "content_type": "application/json"},
        "a status": {"status": 200, "json": {"id": KEY, "name": KEY, "status": KEY}},
        "forged": {"status": 403, "json": {"message": f"no\r\n{FORGED}\n\x1b[2K\r{FORGED}\u2028{FORGED} {SECRET}"}},
    }


SHORT = {"read: 401", "read: 500", "activation: forged", "read: to a lookalike", "activation: to another port"}
"""What goes wrong in `make test`; the rest takes minutes."""


def add_campaigns_that_fail(sandbox: SandboxClient, witness: Witness, *, is_short: bool) -> list[str]:
    """Return campaigns whose reads or activations all go wrong, each in its own way."""
    campaigns = []

    def add(name: str, kind: str, *, path: str = "", **fault: Any) -> None:
        if name in SHORT or not is_short:
            campaigns.append(sandbox.add_campaign(name))
            sandbox.add_fault(kind, f"*/{campaigns[-1]}{path}", count=None, **fault)

    for name, body in echoes().items():
        add(f"read: {name}", "body", **body)
    for name in ("500", "forged"):
        add(f"activation: {name}", "body", path="/activate", moment="before", **echoes()[name])
    port = sandbox.url.rpartition(":")[2]
    for name, location in {
        "to another port": f"http://127.0.0.1:{witness.port}/",
        "to https": f"https://127.0.0.1:{witness.port}/",
        "to a lookalike": f"http://127.0.0.1:{port}@localhost:{witness.port}/",
        "to another name": f"http://localhost:{port}/api/v2/campaigns",
        "with the key": f"http://127.0.0.1:{witness.port}/?key={quote(KEY)}",
    }.items():
        add(f"read: {name}", "redirect", location=location)
    add("activation: to another port", "redirect", path="/activate", location=f"http://127.0.0.1:{witness.port}/")
    add("read: reset", "reset")
    add("activation: reset", "reset", path="/activate")
    add("read: truncated", "truncate", announce_all=True)
    add("read: without end", "oversize", size=900_000_000, announce=False)
    add("read: a bomb", "oversize", size=900_000_000, gzip=True)
    add("read: byte by byte", "drip", bytes_per_second=0.5)
    return campaigns


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    with running_witness() as witness:
        yield witness


@pytest.fixture(scope="module", params=["short", pytest.param("long", marks=pytest.mark.slow)])
def everything(
    request: pytest.FixtureRequest, airflow_on_postgres: LocalAirflow, sandbox: SandboxClient, witness: Witness
) -> dict[str, str]:
    """Do all that can go well or wrong with the key, and return all texts that are left of it, by their place."""
    airflow, is_short = airflow_on_postgres, request.param == "short"
    sandbox.add_key(CONN_ID, key=KEY)
    connection = {**json.loads(sandbox.airflow_connection), "password": KEY}
    patient = {"max_retries": 1, "timeout": 3}
    connect(airflow, CONN_ID, **connection, extra=patient)
    extras: list[dict[str, Any]] = [{"timeout": "soon"}]
    extras += [] if is_short else [{"max_retries": -1}, {"workspace_id": "none"}, {"app_url": "nowhere"}]
    for number, extra in enumerate(extras):
        connect(airflow, f"{CONN_ID}_{number}", **connection, extra=extra)
    connect(airflow, f"{CONN_ID}_host", **{**connection, "host": "http://elsewhere.example"})

    runs = []

    def start(dag_id: str, campaign_id: str, conn_id: str = CONN_ID) -> tuple[str, str]:
        runs.append((dag_id, airflow.trigger(dag_id, conf={"campaign_id": campaign_id, "conn_id": conn_id})))
        return runs[-1]

    held = sandbox.add_campaign("Held")
    hold = start("launch_and_hold_in_triggerer_or_pause", held)
    for campaign in add_campaigns_that_fail(sandbox, witness, is_short=is_short):
        start("launch_once", campaign)
    for number in (*range(len(extras)), "host"):
        start("launch_once", sandbox.add_campaign(), f"{CONN_ID}_{number}")
    start("launch_once", sandbox.add_campaign(f"well\n{FORGED}"))
    start("watch", sandbox.add_campaign("Watched", script=[(2, "active"), (3600, "paused")], running=True))
    start("watch", sandbox.add_campaign("Stopped", status="bounce_protect"))
    airflow.wait_for(
        lambda: airflow.task_states(*hold) == {"launch": "deferred"} and rows(airflow, "trigger") != "",
        60,
        lambda: "The wait was not deferred",
    )
    while_waiting = {f"table {table}, while waiting": rows(airflow, table) for table in tables(airflow)}
    path = f"/dags/{hold[0]}/dagRuns/{hold[1]}/taskInstances/launch"
    airflow.api(path, method="PATCH", json={"new_state": "failed"})
    for dag_id, run_id in runs:
        airflow.wait_for_run(dag_id, run_id, timeout=240)
    sandbox.clear_faults()
    return {
        **while_waiting,
        **{f"table {table}": rows(airflow, table) for table in tables(airflow)},
        **{str(file): file.read_text(errors="replace") for file in airflow.home.rglob("*") if is_readable(file)},
        **{f"REST API {path}": text for path, text in answers(airflow, runs)},
        **{"the sandbox's requests": json.dumps(sandbox.requests(limit=10_000)) + json.dumps(sandbox.request_counts())},
        **{"the sandbox's campaigns": json.dumps([campaign["history"] for campaign in [sandbox.campaign(held)]])},
        **{"the witness": "\n".join(witness.requests)},
    }


def connect(airflow: LocalAirflow, conn_id: str, **fields: Any) -> None:
    """Make a connection, in the place of one that an earlier run made."""
    with contextlib.suppress(RestError):
        airflow.api(f"/connections/{conn_id}", method="DELETE")
    airflow.add_connection(conn_id, **fields)


def is_readable(file: Any) -> bool:
    return file.is_file() and not file.is_symlink() and "dags" not in file.parts


def tables(airflow: RunningAirflow) -> list[str]:
    return [
        name
        for [name] in airflow.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    ]


def rows(airflow: RunningAirflow, table: str) -> str:
    """Return a table as text, as PostgreSQL's own dump would."""
    return "\n".join(row for [row] in airflow.query(f'SELECT CAST(t AS text) FROM "{table}" AS t'))  # noqa: S608


def answers(airflow: LocalAirflow, runs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Ask the API server for everything that it tells about connections, runs and settings."""
    paths = ["/connections", f"/connections/{CONN_ID}", "/config", "/importErrors", "/eventLogs", "/providers"]
    paths += [f"/connections/{CONN_ID}_{number}" for number in (0, 1, 2, 3, "host")]
    for dag_id in {dag_id for dag_id, _ in runs}:
        paths += [f"/dags/{dag_id}/details", f"/dags/{dag_id}/tasks", f"/dagSources/{dag_id}"]
    for dag_id, run_id in runs:
        run = f"/dags/{dag_id}/dagRuns/{run_id}"
        paths += [run, f"{run}/taskInstances"]
        for task in airflow.task_instances(dag_id, run_id):
            one = f"{run}/taskInstances/{task.task_id}"
            paths += [f"{one}/xcomEntries", f"{one}/xcomEntries/return_value", f"{one}/links", f"{one}/tries"]
            paths += [f"{one}/logs/{number}" for number in range(1, task.try_number + 1)]
    for path in paths:
        try:
            yield path, json.dumps(airflow.api(path))
        except RestError as error:
            yield path, str(error)


def test_the_key_is_nowhere_but_in_the_encrypted_connection(everything: dict[str, str]) -> None:
    assert {place: found for place, text in everything.items() if (found := found_in(text))} == {}


def test_what_was_searched_is_what_there_is(everything: dict[str, str], airflow_on_postgres: LocalAirflow) -> None:
    """Otherwise nothing found would mean nothing."""
    fernet = Fernet(airflow_on_postgres.configuration.secrets.fernet_key)
    [[stored]] = airflow_on_postgres.query("SELECT password FROM connection WHERE conn_id = :conn_id", conn_id=CONN_ID)
    assert fernet.decrypt(stored.encode()).decode() == KEY
    assert stored in everything["table connection"]
    assert CONN_ID in everything["table trigger, while waiting"]
    assert CONN_ID in everything["table rendered_task_instance_fields"]
    assert "ActivateCampaignOperator" in everything["table serialized_dag"]
    assert "instantly_activation" in everything["table task_state_store"]
    assert "return_value" in everything["table xcom"]
    logs = "\n".join(text for place, text in everything.items() if place.endswith(".log"))
    assert '"level":"debug"' in logs
    assert "All that the task holds" in logs
    for status in ("401", "403", "500"):
        assert f"HTTP {status}" in logs
    assert f'"key": "{CONN_ID}"' in everything["the sandbox's requests"]


def test_no_request_followed_a_redirect(everything: dict[str, str], witness: Witness) -> None:
    assert everything["the witness"] == ""
    assert witness.requests == []


def test_a_hostile_server_forges_no_line(everything: dict[str, str]) -> None:
    """Airflow's logs are lines of JSON; what a person reads of them has no line that begins as the server wants."""
    records = [
        json.loads(line) for place, text in everything.items() if "attempt=" in place for line in text.splitlines()
    ]
    records_of_it = [record for record in records if FORGED in json.dumps(record)]
    assert records_of_it != []
    for record in records_of_it:
        for text in strings(record):
            assert not any(line.startswith(FORGED) for line in text.splitlines()), record
            assert "\x1b" not in text


def strings(value: Any) -> Iterator[str]:
    """Return every text in a document."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from strings(each)
        case list():
            for each in value:
                yield from strings(each)
