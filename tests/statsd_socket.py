"""A socket that reads back what Airflow sends to StatsD."""

from __future__ import annotations

import socket


class StatsDSocket:
    """A socket that StatsD's packets go to. They wait in it until they are read."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def lines(self) -> list[str]:
        """What has arrived."""
        found: list[str] = []
        while True:
            try:
                found += self._socket.recv(65536).decode().splitlines()
            except BlockingIOError:
                return found

    def close(self) -> None:
        """Close it."""
        self._socket.close()
