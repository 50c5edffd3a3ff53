"""Nothing that was started is left running, however the starter ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local_airflow.processes import ProcessGuard, free_port, session_members
from tests.unit.patience import wait_until

# A process with two children that leave its process group, one of which outlives its parent.
FAMILY = """
import os, sys, time
for number in range(2):
    if os.fork() == 0:
        os.setpgid(0, 0)
        if number == 0 and os.fork() != 0:
            os._exit(0)
        time.sleep(600)
print("ready", flush=True)
time.sleep(600)
"""
# A process that starts such a family and says what its session is.
STARTER = """
import os, sys, time
from pathlib import Path
from local_airflow.processes import ProcessGuard
home = Path(sys.argv[1])
guard = ProcessGuard(remove=home)
process = guard.start([sys.executable, "-c", sys.argv[2]], env=dict(os.environ), cwd=home, log=home / "log")
print(process.pid, flush=True)
time.sleep(600)
"""


def start_family(guard: ProcessGuard, folder: Path) -> int:
    log = folder / "family.log"
    process = guard.start([sys.executable, "-c", FAMILY], env=dict(os.environ), cwd=folder, log=log)
    wait_until(lambda: "ready" in log.read_text() and len(session_members(process.pid)) == 3)
    return process.pid


def test_a_process_ends_with_its_whole_family(tmp_path: Path) -> None:
    with ProcessGuard() as guard:
        session = start_family(guard, tmp_path)

    assert session_members(session) == []


def test_orphans_of_a_killed_process_end_too(tmp_path: Path) -> None:
    with ProcessGuard() as guard:
        session = start_family(guard, tmp_path)
        os.kill(session, signal.SIGKILL)

    assert session_members(session) == []


def test_everything_ends_on_an_exception(tmp_path: Path) -> None:
    started = []

    def be_interrupted() -> None:
        with ProcessGuard() as guard:
            started.append(start_family(guard, tmp_path))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()

    assert [session_members(session) for session in started] == [[]]


def test_everything_ends_and_the_directory_goes_when_the_starter_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(home), FAMILY],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    session = int(starter.stdout.readline())
    wait_until(lambda: len(session_members(session)) == 3)

    starter.kill()
    starter.wait()
    starter.stdout.close()

    wait_until(lambda: not home.exists())
    assert session_members(session) == []


def test_the_output_of_a_process_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessGuard() as guard:
        process = guard.start([sys.executable, "-c", "print('hello')"], env={}, cwd=tmp_path, log=log)
        assert process.wait() == 0

    assert log.read_text() == "hello\n"


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        assert listener.fileno() > 0
