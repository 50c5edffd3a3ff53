"""The sandbox as a process: its command line, its start and end, and what survives a restart."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from airflow_provider_instantly.sandbox.__main__ import main
from airflow_provider_instantly.sandbox.auth import DEFAULT_API_KEY, new_api_key
from airflow_provider_instantly.sandbox.client import SandboxClient, SandboxError, running_sandbox
from tests.unit.patience import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is what is tested
COMMAND = [sys.executable, "-m", "airflow_provider_instantly.sandbox"]


@contextlib.contextmanager
def started(directory: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], SandboxClient]]:
    """A sandbox that the test ends by itself; killed if it does not."""
    ready = directory / f"ready-{time.monotonic_ns()}.json"
    command = [*COMMAND, "--port", "0", "--ready-file", str(ready), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None)
        found = json.loads(ready.read_text("utf-8"))
        client = SandboxClient(found["url"], found["api_key"], found["pid"])
        yield process, client
        client.close()
    finally:
        process.kill()
        process.communicate()


def activate(sandbox: SandboxClient, campaign: str) -> int:
    url = f"{sandbox.url}/api/v2/campaigns/{campaign}/activate"
    return requests.post(url, headers={"Authorization": f"Bearer {sandbox.api_key}"}, timeout=10).status_code


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def needs_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as (process, sandbox):
        assert process.pid == sandbox.pid
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    where, command = out.splitlines()
    assert where == f"Instantly sandbox: {sandbox.url}  API key: {sandbox.api_key}"
    assert command.startswith("For Airflow: airflow connections add instantly_default ")
    assert err == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_command_that_it_prints_makes_a_connection_to_it(tmp_path: Path, host: str) -> None:
    if ":" in host:
        needs_ipv6()
    with started(tmp_path, "--host", host) as (process, sandbox):
        process.terminate()
        out, _ = process.communicate(timeout=10)
    words = shlex.split(out.partition("For Airflow: ")[2])
    assert words[:4] == ["airflow", "connections", "add", "instantly_default"]
    given = dict(zip(words[4::2], words[5::2], strict=True))
    assert given["--conn-type"] == "instantly"
    assert f"{given['--conn-host']}:{given['--conn-port']}" == sandbox.url
    assert given["--conn-password"] == sandbox.api_key


def test_it_prints_the_ids_of_its_campaigns(tmp_path: Path) -> None:
    with started(tmp_path, "--seed-samples", "--campaign", "One=active@1") as (process, sandbox):
        campaigns = {f"Campaign {each['id']}: {each['name']}" for each in sandbox.campaigns()}
        process.terminate()
        out, _ = process.communicate(timeout=10)
    assert len(campaigns) == 3
    assert campaigns <= set(out.splitlines())


def test_it_ends_cleanly_with_answers_under_way(tmp_path: Path) -> None:
    with started(tmp_path) as (process, sandbox):
        sandbox.add_fault("delay", delay=600)
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{sandbox.url}/api/v2/campaigns", headers={"User-Agent": "x"}, timeout=(5, 0.2))
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")


def test_faults_and_lost_clients_print_nothing(tmp_path: Path) -> None:
    with started(tmp_path) as (process, sandbox):
        campaign = sandbox.add_campaign()
        faults: list[tuple[str, dict[str, Any]]] = [
            ("reset", {}),
            ("reset", {"moment": "after", "delay": 0.4}),
            ("truncate", {"announce_all": True}),
            ("drip", {"bytes_per_second": 2}),
            ("oversize", {"size": 50_000_000}),
            ("delay", {"delay": 0.4, "moment": "before"}),
        ]
        for kind, more in faults:
            sandbox.add_fault(kind, **more)
        for _ in faults:
            with contextlib.suppress(requests.RequestException):
                requests.get(f"{sandbox.url}/api/v2/campaigns/{campaign}", timeout=(5, 0.2), stream=True).close()
        time.sleep(0.5)
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert err == ""


def test_state_survives_a_sigkill(tmp_path: Path) -> None:
    database = ("--database", str(tmp_path / "sandbox.sqlite"))
    with started(tmp_path, *database) as (process, sandbox):
        campaign = sandbox.add_campaign("Spring", script=[(0, "active"), (60, "bounce_protect")])
        deleted = sandbox.add_campaign("Gone")
        key = sandbox.add_key("reader", ["campaigns:read"])
        sandbox.set(latency=0.01, cursor="more")
        sandbox.add_fault("error", "*/pause", status=500, count=3)
        sandbox.set_workspace("0e5d1a0b-5a4d-4b0c-9f5e-00000000aaaa", paid=False)
        activate(sandbox, campaign)
        sandbox.delete(deleted)
        sandbox.advance_clock(30)
        process.kill()
        process.communicate()
    with started(tmp_path, *database) as (_, again):
        assert again.campaign(campaign)["status"] == 1
        assert again.activations(campaign) == 1
        assert [each["name"] for each in again.campaigns()] == ["Spring"]
        assert again.set()["cursor"] == "more"
        assert again.faults()[0]["count"] == 3
        logged = again.requests(effect="activated")
        assert [(each["path"], each["key"]) for each in logged] == [
            (f"/api/v2/campaigns/{campaign}/activate", "default")
        ]
        url = f"{again.url}/api/v2/campaigns/{campaign}"
        assert requests.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=10).json()["status"] == 1
        again.advance_clock(30)
        assert again.campaign(campaign)["status"] == -2


def test_a_failure_in_the_middle_of_a_change_undoes_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.sqlite"
    broken = "CREATE TRIGGER broken BEFORE INSERT ON effects BEGIN SELECT RAISE(ABORT, 'no more room'); END"
    with started(tmp_path, "--database", str(file)) as (process, sandbox):
        campaign = sandbox.add_campaign("Spring")
        run_sql(file, broken)
        headers = {"Authorization": f"Bearer {sandbox.api_key}"}
        control = f"{sandbox.url}/_sandbox/campaigns/{campaign}"
        changed = requests.patch(control, json={"fields": {"open_tracking": True}, "status": 1}, timeout=10)
        activated = requests.post(f"{sandbox.url}/api/v2/campaigns/{campaign}/activate", headers=headers, timeout=10)
        run_sql(file, "DROP TRIGGER broken")
        sandbox.add_campaign("Autumn")
        after = sandbox.campaign(campaign)
        process.terminate()
        _, err = process.communicate(timeout=10)
    failed = "The sandbox failed, and kept nothing of this request. What it printed says why."
    assert (changed.status_code, changed.json()) == (500, {"detail": failed})
    said = {"statusCode": 500, "error": "Internal Server Error", "message": failed}
    assert (activated.status_code, activated.json()) == (500, said)
    assert (after["status"], after["fields"]["open_tracking"], len(after["history"])) == (0, False, 1)
    assert [each.headers["connection"] for each in (changed, activated)] == ["close", "close"]
    assert err.count("no more room") == 2


def run_sql(file: Path, statement: str) -> None:
    """Change the database of a sandbox behind its back."""
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def test_no_key_lies_in_the_database(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.sqlite"
    with started(tmp_path, "--database", str(file)) as (process, sandbox):
        key = sandbox.add_key("named")
        for each in (key, sandbox.api_key):
            headers = {"Authorization": f"Bearer {each}"}
            requests.get(f"{sandbox.url}/api/v2/campaigns?api_key={each}", headers=headers, timeout=10)
        sandbox.requests()
        process.terminate()
        process.communicate(timeout=10)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("sandbox.sqlite*"))
    assert b"named" in stored
    for each in (key, sandbox.api_key):
        assert each.encode() not in stored
        assert each.rstrip("=").encode() not in stored


def test_reads_are_logged_to_the_file_in_batches(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.sqlite"
    with started(tmp_path, "--database", str(file)) as (_, sandbox):
        requests.get(f"{sandbox.url}/api/v2/campaigns", timeout=10)

        def count() -> int:
            with contextlib.closing(sqlite3.connect(file)) as connection:
                return int(connection.execute("SELECT COUNT(*) FROM requests").fetchone()[0])

        wait_until(count)
        assert count() == 1


def test_what_the_command_line_puts_in_place(tmp_path: Path) -> None:
    arguments = (
        *("--campaign", "One=active@1,bounce_protect@2.5", "--campaign", "Two", "--seed-samples"),
        *("--key", "reader=campaigns:read,workspaces:read", "--latency", "0.01", "--no-limits"),
    )
    database = ("--database", str(tmp_path / "sandbox.sqlite"))
    with started(tmp_path, *database, *arguments) as (_, sandbox):
        campaigns = {each["name"]: each for each in sandbox.campaigns()}
        assert len(campaigns) == 4
        assert [(step["after"], step["status"]) for step in campaigns["One"]["script"]] == [(1, 1), (2.5, -2)]
        assert campaigns["Two"]["script"] is None
        assert "5a3d0e5e-0001-4000-8000-000000000001" in {each["id"] for each in campaigns.values()}
        assert (sandbox.set()["latency"], sandbox.set()["limits_enabled"]) == (0.01, False)
        keys = requests.get(f"{sandbox.url}/_sandbox/keys", timeout=10).json()["items"]
        assert {each["name"]: each["scopes"] for each in keys}["reader"] == ["campaigns:read", "workspaces:read"]
    with started(tmp_path, *database, *arguments) as (_, again):
        assert {each["id"] for each in again.campaigns()} == {each["id"] for each in campaigns.values()}


def test_the_default_key_is_always_the_same_unless_another_is_given(sandbox: SandboxClient) -> None:
    assert sandbox.api_key == DEFAULT_API_KEY
    key = new_api_key()
    with running_sandbox("--api-key", key) as other:
        assert other.api_key == key
        for each, status in ((key, 200), (DEFAULT_API_KEY, 401)):
            headers = {"Authorization": f"Bearer {each}"}
            assert requests.get(f"{other.url}/api/v2/campaigns", headers=headers, timeout=10).status_code == status


def test_a_place_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    assert capsys.readouterr().err == f"The sandbox cannot listen on 127.0.0.1, port {port}: Address already in use.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--api-key", "plain"), "base64 of uuid:secret"),
        (("--campaign", "One=activ@2"), "'activ' is no campaign status"),
        (("--campaign", "One=active"), "Write status@seconds"),
        (("--key", "reader=everything"), "'everything' is no scope"),
        (("--latency", "-1"), "'-1' is no number of seconds from 0 to 3600"),
        (("--latency", "soon"), "'soon' is no number of seconds"),
        (("--port", "70000"), "'70000' is no port"),
        (("--host", "no.such.name.invalid"), "cannot listen on no.such.name.invalid, port 0"),
        (("--database", "/no/such/directory/file"), "/no/such/directory/file cannot be used"),
    ],
)
def test_wrong_arguments_are_named(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    try:
        code = main(["--port", "0", *arguments])
    except SystemExit as left:
        code = int(left.code or 0)
    assert code != 0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("content", ["no database", "another release", "another program"])
def test_a_file_that_is_no_database_of_ours_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = tmp_path / "other"
    if content == "no database":
        file.write_bytes(b"precious data" * 100)
    else:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            version = 99 if content == "another release" else 0
            connection.executescript(f"PRAGMA user_version = {version}; CREATE TABLE precious (data TEXT);")
    before = file.read_bytes()
    assert main(["--port", "0", "--database", str(file)]) == 1
    assert str(file) in capsys.readouterr().err
    assert file.read_bytes() == before


def test_a_warning_where_others_can_reach_it(tmp_path: Path) -> None:
    with started(tmp_path, "--host", EVERYWHERE, "--allowed-host", "sandbox") as (process, sandbox):
        url = f"http://127.0.0.1:{sandbox.url.rpartition(':')[2]}/_sandbox/health"
        codes = {
            host: requests.get(url, headers={"Host": host}, timeout=10).status_code
            for host in ("sandbox:8989", "SANDBOX", "127.0.0.1", EVERYWHERE, "elsewhere")
        }
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert "WARNING" in err
    assert "control API takes no key" in err
    assert codes == {"sandbox:8989": 200, "SANDBOX": 200, "127.0.0.1": 200, EVERYWHERE: 403, "elsewhere": 403}


@pytest.mark.parametrize(("host", "printed"), [(EVERYWHERE, "http://127.0.0.1:"), ("::", "http://[::1]:")])
def test_the_address_that_it_prints_can_be_used_wherever_it_listens(tmp_path: Path, host: str, printed: str) -> None:
    if ":" in host:
        needs_ipv6()
    with started(tmp_path, "--host", host) as (process, sandbox):
        assert sandbox.url.startswith(printed)
        assert sandbox.health()["status"] == "ok"
        process.terminate()
        out, err = process.communicate(timeout=10)
    assert f"Instantly sandbox: {sandbox.url} " in out
    assert f"listens on {host}," in err


def test_it_listens_on_ipv6_loopback_too(tmp_path: Path) -> None:
    needs_ipv6()
    with started(tmp_path, "--host", "::1") as (_, sandbox):
        assert sandbox.url.startswith("http://[::1]:")
        assert sandbox.health()["status"] == "ok"
        sandbox.add_fault("reset")
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{sandbox.url}/api/v2/campaigns", timeout=10)


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from airflow_provider_instantly.sandbox.client import running_sandbox\n"
        "with running_sandbox() as sandbox:\n"
        "    print(sandbox.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert parent.returncode == -signal.SIGKILL
    pid = int(parent.stdout)
    wait_until(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    """Whether a process still runs; one that waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_running_sandbox_ends_it_also_after_an_error() -> None:
    with pytest.raises(KeyError), running_sandbox() as sandbox:
        raise KeyError
    with pytest.raises(SandboxError, match="does not answer"):
        sandbox.health()


def test_running_sandbox_tells_why_it_does_not_start() -> None:
    with (
        pytest.raises(SandboxError, match="unrecognized arguments: --nonsense"),
        running_sandbox("--nonsense"),
    ):
        pytest.fail("it started")


def test_the_sandbox_imports_no_airflow_and_nothing_else_of_the_provider() -> None:
    loaded = python(
        "import pkgutil, sys, importlib\n"
        "import airflow_provider_instantly.sandbox as sandbox\n"
        "for module in pkgutil.iter_modules(sandbox.__path__, sandbox.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*sorted(sys.modules))\n"
    ).split()
    assert "fastapi" in loaded
    assert "airflow_provider_instantly.sandbox.server" in loaded
    assert [name for name in loaded if name == "airflow" or name.startswith("airflow.")] == []
    ours = [name for name in loaded if name.startswith("airflow_provider_instantly.")]
    assert [name for name in ours if not name.startswith("airflow_provider_instantly.sandbox")] == []


def test_the_client_imports_no_server() -> None:
    loaded = python("import sys, airflow_provider_instantly.sandbox.client; print(*sys.modules)").split()
    assert not {"fastapi", "uvicorn", "pydantic", "starlette", "jsonschema"} & set(loaded)


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['fastapi'] = None; from runpy import run_module; "
    code += (
        "sys.argv = ['sandbox', '--port', '0']; run_module('airflow_provider_instantly.sandbox', run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("The sandbox needs fastapi, which is not installed.")
    assert "pip install 'airflow-provider-instantly[sandbox]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_many_reads_a_second(tmp_path: Path) -> None:
    """A floor far below what was measured, so that a slip such as a commit per read is noticed."""
    with running_sandbox("--no-limits", "--database", str(tmp_path / "sandbox.sqlite")) as sandbox:
        campaign = sandbox.add_campaigns(1000)[0]
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {sandbox.api_key}"
        started_at = time.monotonic()
        for _ in range(100):
            assert session.get(f"{sandbox.url}/api/v2/campaigns/{campaign}", timeout=10).ok
        for _ in range(10):
            page: dict[str, Any] = session.get(f"{sandbox.url}/api/v2/campaigns?limit=100", timeout=10).json()
            assert len(page["items"]) == 100
        session.close()
        assert time.monotonic() - started_at < 4
