"""
A stand-in for the one call of dbt Cloud that its sensor makes, as slow as the sandbox.

``python -m benchmarks.slow_dbt_cloud PORT LATENCY CERTIFICATE KEY``
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

import uvicorn

_RUNNING, _SUCCESS = 3, 10


class SlowDbtCloud:
    """
    Answers, as an ASGI application, how any job run stands.

    :param latency: seconds that each answer takes.
    """

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.status = _RUNNING
        self.count = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await _answer(send, await self._document(scope["path"]))

    async def _document(self, path: str) -> dict[str, Any]:
        if path == "/count":
            return {"count": self.count}
        if path in ("/finish", "/start"):
            self.status = _SUCCESS if path == "/finish" else _RUNNING
            return {}
        self.count += 1
        await asyncio.sleep(self.latency)
        run = int(path.rstrip("/").rpartition("/")[2])
        return {"status": {"code": 200, "is_success": True}, "data": {"id": run, "status": self.status}}


async def _answer(send: Any, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(port: int, latency: float, certificate: str, key: str) -> None:
    """
    Serve until the standard input is closed.

    :param port: where to listen on loopback.
    :param latency: seconds that each answer takes.
    :param certificate: the file with the certificate.
    :param key: the file with its key.
    """
    config = uvicorn.Config(
        SlowDbtCloud(latency),
        host="127.0.0.1",
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="error",
        lifespan="off",
        backlog=2048,
    )
    server = uvicorn.Server(config)

    def end_with_parent() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4])
