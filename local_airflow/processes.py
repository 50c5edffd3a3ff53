"""Processes that never outlive the one that started them, even if that one is killed.

Every process gets a session of its own. A guard process knows each session, and ends them all as soon as its
standard input closes, which happens on a normal end, on an exception, on Ctrl-C and on SIGKILL alike.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

KILL_TIMEOUT = 10.0
"""Seconds that the system may take to end a killed process before that is called an error."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def session_members(session: int) -> list[psutil.Process]:
    """
    Return the living processes of a session, whichever process group they moved to and whatever their parent is now.

    :param session: The process id of the session's first process, which may be gone.
    """
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getsid(pid) == session:
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    members.append(process)
    return members


def end_sessions(sessions: Sequence[int], *, timeout: float = KILL_TIMEOUT) -> None:
    """
    Kill every process of these sessions, and return when all are gone.

    :param sessions: Process ids of the sessions' first processes.
    :param timeout: Seconds after which this gives up.
    :raises TimeoutError: A process is still there.
    """
    deadline = time.monotonic() + timeout
    # In rounds, because a process may fork between the list and the kill.
    while members := [process for session in sessions for process in session_members(session)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"These processes could not be ended: {members}")
        for process in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(members, timeout=0.1)


class ProcessGuard:
    """
    Starts processes, and ends all of them with everything that they started.

    :param remove: A directory that is removed when the processes have ended.
    """

    def __init__(self, *, remove: Path | None = None) -> None:
        command = [sys.executable, "-m", "local_airflow.processes", *(["--remove", str(remove)] if remove else [])]
        self._guard = subprocess.Popen(
            command, stdin=subprocess.PIPE, cwd=Path(__file__).parents[1], text=True, start_new_session=True
        )
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> subprocess.Popen[bytes]:
        """
        Start a process in a session of its own.

        :param command: The program and its arguments.
        :param env: Its whole environment.
        :param cwd: Its working directory.
        :param log: The file to which its output is added.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        print(process.pid, file=self._to_guard, flush=True)
        return process

    @property
    def _to_guard(self) -> IO[str]:
        if self._guard.stdin is None:
            raise RuntimeError("The guard has no input.")
        return self._guard.stdin

    def close(self) -> None:
        """
        End everything that was started here.

        :raises RuntimeError: Something could not be ended; the guard has said what on the standard error.
        """
        self._to_guard.close()
        failed = self._guard.wait() != 0
        for process in self._started:
            process.wait()
        if failed:
            raise RuntimeError("Some processes could not be ended.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def guard(sessions: IO[str], remove: Path | None) -> None:
    """
    Wait until the input ends, then end the sessions that were named in it.

    :param sessions: One process id in each line.
    :param remove: A directory to remove at the end.
    """
    # Ctrl-C and a polite end are for the starter; the guard has to outlive it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_sessions([int(line) for line in sessions])
    if remove:
        shutil.rmtree(remove, ignore_errors=True)


def main() -> None:
    """Run as the guard."""
    parser = argparse.ArgumentParser(description="Ends the process sessions named on its input, when that closes.")
    parser.add_argument("--remove", type=Path, help="a directory to remove at the end")
    guard(sys.stdin, parser.parse_args().remove)


if __name__ == "__main__":
    main()
