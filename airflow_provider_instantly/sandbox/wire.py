"""How an answer leaves: at once, drop by drop, cut off, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from airflow_provider_instantly.sandbox.faults import DripFault, Fault, OversizeFault, TruncateFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

    from airflow_provider_instantly.sandbox.answers import Answer

_PIECE = 65_536
_DROPS_PER_SECOND = 20


class Connections:
    """
    The connections that are open, by the client's address: ASGI itself offers no way to break one.

    :ivar closing: set when the server is about to end.
    """

    def __init__(self) -> None:
        self.closing = asyncio.Event()
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """The protocol class for the server, which reports each connection here."""
        transports = self._transports

        class ReportedConnection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
            """uvicorn's own protocol."""

            def connection_made(self, transport: asyncio.Transport) -> None:
                self._peer = tuple(transport.get_extra_info("peername")[:2])
                transports[self._peer] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self._peer, None)
                super().connection_lost(exc)

        return ReportedConnection

    def wire(self, scope: Scope, receive: Receive, send: Send) -> Wire | None:
        """The connection that a request came on, or None if it is closed."""
        transport = self._transports.get(tuple(scope["client"]))
        return None if transport is None else Wire(transport, self.closing, receive, send)


@dataclass(frozen=True)
class Wire:
    """
    The way back to the client of one request.

    :param transport: the connection.
    :param closing: set when the server is about to end.
    :param receive: the server's, for noticing that the client is gone.
    :param send: the server's, for a regular answer.
    """

    transport: asyncio.Transport
    closing: asyncio.Event
    receive: Receive
    send: Send

    async def pause(self, seconds: float) -> bool:
        """
        Wait, but not longer than the server runs.

        :param seconds: how long.
        :return: whether the server goes on.
        """
        if seconds:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.closing.wait()
        return not self.closing.is_set()

    async def reset(self) -> None:
        """Break the connection: the client sees a TCP reset."""
        if not self.transport.is_closing():
            peer: socket.socket = self.transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        await self._until_gone()

    async def answer(self, answer: Answer, fault: Fault | None) -> None:
        """
        Send the answer, in the way of the fault if there is one.

        :param answer: the answer.
        :param fault: the fault that hit the request, or None.
        """
        if isinstance(fault, DripFault):
            await self._drip(answer, fault)
        elif isinstance(fault, TruncateFault):
            await self._truncate(answer, fault)
        elif isinstance(fault, OversizeFault):
            await self._oversize(answer, fault)
        else:
            await self._start(answer, len(answer.body))
            await self._end(answer.body)

    async def _drip(self, answer: Answer, fault: DripFault) -> None:
        await self._start(answer, len(answer.body))
        drop = max(1, int(fault.bytes_per_second / _DROPS_PER_SECOND))
        for at in range(0, len(answer.body), drop):
            await self._piece(answer.body[at : at + drop])
            if not await self.pause(drop / fault.bytes_per_second) or self.transport.is_closing():
                await self.reset()
                return
        await self._end()

    async def _truncate(self, answer: Answer, fault: TruncateFault) -> None:
        kept = answer.body[: int(len(answer.body) * fault.keep)]
        if fault.announce_all:
            await self._start(answer, len(answer.body))
            await self._piece(kept)
            self.transport.close()
            await self._until_gone()
        else:
            await self._start(answer, len(kept))
            await self._end(kept)

    async def _oversize(self, answer: Answer, fault: OversizeFault) -> None:
        pieces = _padded(answer.body, fault.size)
        if fault.gzip:
            packed = gzip.compress(b"".join(pieces))
            answer.headers["content-encoding"] = "gzip"
            await self._start(answer, len(packed) if fault.announce else None)
            await self._end(packed)
            return
        await self._start(answer, max(fault.size, len(answer.body)) if fault.announce else None)
        for piece in pieces:
            await self._piece(piece)
            await asyncio.sleep(0)
            if self.transport.is_closing():
                await self._until_gone()
                return
        await self._end()

    async def _start(self, answer: Answer, length: int | None) -> None:
        headers = {"content-type": answer.content_type, **answer.headers}
        if length is not None:
            headers["content-length"] = str(length)
        encoded = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": encoded})

    async def _piece(self, body: bytes) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def _end(self, body: bytes = b"") -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def _until_gone(self) -> None:
        """Wait until the server has noticed that the connection is gone, or it would answer by itself."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


def _padded(body: bytes, size: int) -> Iterator[bytes]:
    """The body, and white space behind it up to the size: JSON allows that."""
    yield body
    for at in range(len(body), size, _PIECE):
        yield b" " * min(_PIECE, size - at)
