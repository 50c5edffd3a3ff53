"""Puts TLS before a server on this machine: ``python -m benchmarks.tls_front PORT TARGET_PORT CERTIFICATE KEY``."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys

_CHUNK = 65536


async def serve(port: int, target: int, certificate: str, key: str) -> None:
    """
    Pass on what comes in, until the standard input is closed.

    :param port: where to listen on loopback.
    :param target: the port to pass it on to.
    :param certificate: the file with the certificate.
    :param key: the file with its key.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(connected, "127.0.0.1", port, ssl=context, backlog=1024)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
