"""A server for the tests of the transports: it sends whatever bytes a test wants, and keeps what it received."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
#: An answer that every request takes for a good one.
GOOD_BODY = json.dumps({"id": CAMPAIGN_ID, "status": 1, "items": []}).encode()


def http_answer(body: bytes = GOOD_BODY, status: int = 200, **headers: str) -> bytes:
    """A whole answer as it goes over the wire."""
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + body


@dataclass
class Received:
    """
    One request as it arrived.

    :param raw: its bytes, up to the end of its body.
    :param connection: the number of the connection that it came on, from 0.
    """

    raw: bytes
    connection: int
    _socket: socket.socket = field(repr=False)

    @property
    def line(self) -> str:
        """The request line."""
        return self.raw.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def headers(self) -> dict[str, str]:
        """The headers, their names in lower case."""
        lines = self.raw.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def body(self) -> bytes:
        """What came after the headers."""
        return self.raw.split(b"\r\n\r\n", 1)[1]

    def send(self, data: bytes) -> None:
        """Send bytes; that the client has gone is no error."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def send_while_wanted(self, piece: bytes, pause: float, stop: threading.Event) -> int:
        """Send a piece again and again, until the client has gone. Returns how many were sent."""
        sent = 0
        with contextlib.suppress(OSError):
            while not stop.wait(pause):
                self._socket.sendall(piece)
                sent += 1
        return sent

    def tunnel_to(self, port: int) -> None:
        """Be a proxy that was asked for a tunnel, until one of its ends is closed."""
        with socket.create_connection(("127.0.0.1", port)) as other:
            self.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ends = {self._socket: other, other: self._socket}
            while True:
                for readable in select.select(list(ends), [], [])[0]:
                    data = readable.recv(65536)
                    if not data:
                        self.close()
                        return
                    ends[readable].sendall(data)

    def close(self) -> None:
        """End the connection in order."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.close()


class RawServer:
    """
    Listens on a free loopback port, with one thread for each connection.

    Set `reply` to decide what becomes of a request; without it, every one gets a good answer.

    :param tls: speaks TLS with this.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        #: The numbers of the connections that the client has closed.
        self.left: set[int] = set()
        self.reply: Callable[[Received], None] = lambda request: request.send(http_answer())
        self.stop = threading.Event()
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """The port."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return len(self._connections)

    def close(self) -> None:
        """End everything, and wait until it has ended."""
        self.stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                number = len(self._connections) - 1
                thread = threading.Thread(target=self._serve, args=(connection, number), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            while raw := _read_request(connection):
                request = Received(raw, number, connection)
                self.received.append(request)
                self.reply(request)
            self.left.add(number)


def _read_request(connection: socket.socket) -> bytes:
    raw = b""
    while b"\r\n\r\n" not in raw:
        more = connection.recv(65536)
        if not more:
            return b""
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        more = connection.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


class KilledError(Exception):
    """What Airflow raises in a task that is to end: from a signal's handler, in whatever line runs."""


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    """A server that a test tells what to send."""
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def other_server() -> Iterator[RawServer]:
    """Another one, to which nothing should go."""
    server = RawServer()
    yield server
    server.close()
