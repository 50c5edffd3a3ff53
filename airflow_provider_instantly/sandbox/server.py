"""The sandbox as a running server."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import shlex
import signal
import socket
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from airflow_provider_instantly.sandbox.answers import error_answer
from airflow_provider_instantly.sandbox.contract import contract
from airflow_provider_instantly.sandbox.control.app import add_control
from airflow_provider_instantly.sandbox.edge import PREFIX, Edge
from airflow_provider_instantly.sandbox.guard import Guard
from airflow_provider_instantly.sandbox.page import add_page
from airflow_provider_instantly.sandbox.routes import add_routes

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from types import FrameType

    from starlette.requests import Request

    from airflow_provider_instantly.sandbox.state import Sandbox


class ListenError(Exception):
    """The address cannot be listened on."""


@dataclass(frozen=True)
class Place:
    """
    Where the server is to be found.

    :param host: the address to listen on.
    :param port: the port; 0 for any that is free.
    :param allowed_hosts: further names under which the page and the control API may be reached.
    :param ready_file: a file that is written once the server answers, or None.
    :param parent: the process id of the parent, to end when it is gone, or None.
    """

    host: str = "127.0.0.1"
    port: int = 0
    allowed_hosts: Collection[str] = field(default_factory=tuple)
    ready_file: Path | None = None
    parent: int | None = None


def build_app(sandbox: Sandbox, allowed_hosts: Collection[str] = ()) -> FastAPI:
    """
    The sandbox as an ASGI application.

    :param sandbox: its state.
    :param allowed_hosts: names under which the page and the control API may be reached, beside loopback.
    """
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    add_routes(app, sandbox)
    add_control(app, sandbox)
    add_page(app)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Edge, sandbox=sandbox)
    app.add_middleware(Guard, allowed_hosts=allowed_hosts)

    @app.exception_handler(Exception)
    async def failed(request: Request, _error: Exception) -> Response:
        """What was not foreseen. It stands around all the rest, and the server prints the error after it."""
        sandbox.store.rollback()
        message = "The sandbox failed, and kept nothing of this request. What it printed says why."
        is_api = request.url.path.startswith(PREFIX)
        response = _api_error(500, message) if is_api else JSONResponse({"detail": message}, 500)
        # The server closes the connection after an error, and a client that does not know may use it again.
        response.headers["connection"] = "close"
        return response

    @app.get("/openapi.json")
    async def openapi() -> dict[str, object]:
        return contract()

    return app


async def _http_error(request: Request, error: Exception) -> Response:
    """A path or method that does not exist: both are a 404 here, as in the service's framework."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    if not request.url.path.startswith(PREFIX):
        return await http_exception_handler(request, error)
    return _api_error(404, f"Route {request.method}:{request.url.path} not found")


def _api_error(status: int, message: str) -> Response:
    answer = error_answer(status, message)
    return Response(answer.body, answer.status, answer.headers, answer.content_type)


def serve(sandbox: Sandbox, place: Place) -> None:
    """
    Serve until a signal ends it.

    :param sandbox: the state, which the caller closes.
    :param place: where to listen.
    :raises ListenError: if the address cannot be used.
    """
    with _listen(place) as listening:
        asyncio.run(_serve(sandbox, place, listening))


async def _serve(sandbox: Sandbox, place: Place, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    hosts = {*place.allowed_hosts} | ({host} if host not in ("0.0.0.0", "::") else set())  # noqa: S104
    config = uvicorn.Config(
        build_app(sandbox, hosts),
        http=sandbox.connections.protocol(),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        backlog=2048,
    )
    server = uvicorn.Server(config)
    _end_at_signals(server)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.01)
    if not running.done():
        _announce(sandbox, place, host, port)
    while not running.done():
        if place.parent not in (None, os.getppid()):
            server.should_exit = True
        if server.should_exit:
            sandbox.connections.closing.set()
        await asyncio.wait([running], timeout=0.1)
    await running


def _end_at_signals(server: uvicorn.Server) -> None:
    """Uvicorn ends at these signals too, but then raises them again, and the process would end by the signal."""

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def _listen(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    # Only a socket that says TCP is sent without Nagle's delay by asyncio: 40 ms for each answer otherwise.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((place.host, place.port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        why = error.strerror or error
        raise ListenError(f"The sandbox cannot listen on {place.host}, port {place.port}: {why}.") from error
    return listening


def _announce(sandbox: Sandbox, place: Place, host: str, port: int) -> None:
    """Say where the sandbox is: two lines for people, and a file for programs."""
    if not ipaddress.ip_address(host).is_loopback:
        print(
            f"WARNING: the sandbox listens on {host}, and its control API takes no key: "
            "anyone who reaches this port can use it.",
            file=sys.stderr,
            flush=True,
        )
    url = _url(host, port)
    print(f"Instantly sandbox: {url}  API key: {sandbox.api_key}")
    print(f"For Airflow: {_connection_command(url, port, sandbox.api_key)}", flush=True)
    if place.ready_file is not None:
        ready = {"url": url, "port": port, "api_key": sandbox.api_key, "pid": os.getpid()}
        unfinished = place.ready_file.with_name(place.ready_file.name + ".part")
        unfinished.write_text(json.dumps(ready), "utf-8")
        unfinished.replace(place.ready_file)


def _connection_command(url: str, port: int, api_key: str) -> str:
    """What makes a connection to it. The port stands in its own field, since Airflow 3.3.2 tests none without one."""
    words = ["airflow", "connections", "add", "instantly_default", "--conn-type", "instantly"]
    words += ["--conn-host", url.removesuffix(f":{port}"), "--conn-port", str(port), "--conn-password", api_key]
    return shlex.join(words)


def _url(host: str, port: int) -> str:
    """Where this machine reaches the server. All addresses is a place to listen on, but none to go to."""
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "::1" if address.version == 6 else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
