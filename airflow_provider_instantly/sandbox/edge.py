"""What lies between a client and the service: the edge's own refusals, latency, faults, and the log."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from airflow_provider_instantly.sandbox.answers import JSON, TEXT, Answer
from airflow_provider_instantly.sandbox.faults import Fault, ResetFault, altered, instead
from airflow_provider_instantly.sandbox.request_log import Entry
from airflow_provider_instantly.sandbox.settings import LARGEST_BODY

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_instantly.sandbox.state import Sandbox

PREFIX = "/api/"
#: Where a request's log entry lies in its ASGI scope.
ENTRY = "sandbox.entry"


class Edge:
    """
    The middleware around the API; the page and the control API do not pass it.

    :param app: what answers.
    :param sandbox: the sandbox.
    """

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        sandbox = self._sandbox
        received = await _received(receive)
        wire = sandbox.connections.wire(scope, receive, send)
        if received is None or wire is None:
            return
        entry, clearances = self._entry(scope), sandbox.log.clearances
        scope[ENTRY] = entry
        fault = sandbox.faults.take(scope["method"], scope["path"])
        if fault is not None:
            entry.fault = fault.kind
        before, after = _delays(fault)
        answer = await self._answer(scope, received, entry, fault) if await wire.pause(before) else None
        entry.status = None if answer is None else answer.status
        sandbox.log.add(entry, clearances)
        if answer is None or not await wire.pause(sandbox.settings.latency + after):
            await wire.reset()
        else:
            await wire.answer(answer, fault)

    async def _answer(self, scope: Scope, receive: Receive, entry: Entry, fault: Fault | None) -> Answer | None:
        """The answer, with what the fault makes of it; None where the connection is to be reset."""
        if fault is not None and fault.moment == "before":
            if isinstance(fault, ResetFault):
                return None
            given = instead(fault, self._sandbox.clock.now())
            if given is not None:
                return given
        answer = _refused_by_edge(entry) or await self._own(scope, receive)
        if fault is None or fault.moment == "before":
            return answer
        if isinstance(fault, ResetFault):
            return None
        cursor = dict(_pairs(scope)).get("starting_after")
        return instead(fault, self._sandbox.clock.now()) or altered(fault, answer, cursor)

    async def _own(self, scope: Scope, receive: Receive) -> Answer:
        """The service's own answer."""
        start: dict[str, Any] = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await self._app(scope, receive, collect)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        headers.pop("content-length", None)
        return Answer(start["status"], bytes(body), headers.pop("content-type", JSON), headers)

    def _entry(self, scope: Scope) -> Entry:
        agent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), None)
        return Entry(
            at=self._sandbox.clock.now(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            user_agent=agent,
        )


async def _received(receive: Receive) -> Receive | None:
    """
    Read a request to its end, so that it has its effect also when its client is gone by then.

    :return: what gives it again, and then what comes after it; None if the client left in the middle of it.
    """
    messages: deque[Message] = deque()
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        messages.append(message)
        size += len(message.get("body", b""))
        if not message.get("more_body") or size > LARGEST_BODY:
            break

    async def again() -> Message:
        return messages.popleft() if messages else await receive()

    return again


def _delays(fault: Fault | None) -> tuple[float, float]:
    """The seconds that a fault delays a request before and after its effect."""
    if fault is None:
        return 0.0, 0.0
    return (fault.delay, 0.0) if fault.moment == "before" else (0.0, fault.delay)


def _pairs(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _refused_by_edge(entry: Entry) -> Answer | None:
    """What the edge in front of the real service answers to a client without a name, or Python's own."""
    agent = (entry.user_agent or "").strip()
    if agent and not agent.startswith("Python-urllib"):
        return None
    return Answer(403, b"error code: 1010", TEXT)
