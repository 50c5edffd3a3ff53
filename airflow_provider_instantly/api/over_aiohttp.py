"""
Requests over `aiohttp`: it makes the connections and keeps them; what comes back on them is read by `answer_reader`.

Loaded when the first request is sent.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, cast

import aiohttp

from airflow_provider_instantly.api.answer_reader import BrokenAnswerError, UnreadableAnswerError
from airflow_provider_instantly.api.sending import CURRENT, Sending
from airflow_provider_instantly.api.unpacking import ACCEPT_ENCODING

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

    from airflow_provider_instantly.api.endpoint import Endpoint
    from airflow_provider_instantly.api.environment import Environment
    from airflow_provider_instantly.api.protocol import Request


#: What a request may end in. Nothing else is caught: a signal's handler may raise an error of its own in any line.
FAILURES = (BrokenAnswerError, UnreadableAnswerError, aiohttp.ClientError, OSError, ValueError)


class AiohttpSession:
    """
    The connections of an event loop to one endpoint.

    :param endpoint: the service and the credentials.
    :param environment: the proxy and the certificates.
    """

    def __init__(self, endpoint: Endpoint, environment: Environment) -> None:
        self.environment = environment
        self._endpoint = endpoint
        self._receivers: weakref.WeakSet[_Receiver] = weakref.WeakSet()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=environment.ssl_context() or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Content-Type", "User-Agent"),
            request_class=_Request,
            response_class=_Response,
        )

    async def send(self, request: Request, sending: Sending) -> None:
        """
        Send a request once, and wait for its answer.

        :param request: what to ask.
        :param sending: learns how far it came, and what came back.
        :raises FAILURES: one of them, whatever ended it; `sending` says what that means.
        """
        token = CURRENT.set(sending)
        try:
            async with self._session.request(
                request.method,
                self._endpoint.url(request.path),
                params=request.query,
                headers={"Accept-Encoding": ACCEPT_ENCODING, **self._endpoint.headers(), **request.headers},
                data=request.content,
                allow_redirects=False,
                proxy=self.environment.proxy,
                # One span to connect, and then one for the answer, like the other transport; that one is `_Response`'s.
                timeout=aiohttp.ClientTimeout(total=2 * sending.timeout, connect=sending.timeout),
            ) as response:
                self._receivers.add(cast("_Response", response).receiver)
        finally:
            CURRENT.reset(token)

    def close_idle(self) -> None:
        """Close the connections that carry no request."""
        for receiver in list(self._receivers):
            receiver.close_if_idle()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


class _Receiver(asyncio.Protocol):
    """
    What a connection delivers goes to this, from its first request on, and no longer to aiohttp's own parser.

    :param handler: aiohttp's part of the connection; it keeps the connection, and learns that it was lost.
    """

    def __init__(self, handler: ResponseHandler) -> None:
        self._handler = handler
        self._answers = 0
        self._sending: Sending | None = None
        #: Done once the answer is whole, or will never be.
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def expect(self, sending: Sending) -> None:
        """
        The next bytes are the answer to this.

        :param sending: the request that is sent now.
        :raises BrokenAnswerError: if the connection is of no use: it was closed, or the server spoke unasked.
        """
        sending.leave(is_reused=self._answers > 0)
        if not self._handler.is_connected() or len(self._handler) > 0 or self._handler.exception() is not None:
            raise sending.broken_by(None)
        self._sending, self.end = sending, asyncio.get_running_loop().create_future()

    def forget(self) -> None:
        """Expect nothing any more: the one who sent the request has gone."""
        self._sending = None
        if not self.end.cancel() and not self.end.cancelled():
            # An error that no one asks for would be logged.
            self.end.exception()

    def close_if_idle(self) -> None:
        """Close the connection if it carries no request."""
        if self._sending is None:
            self._handler.close()

    def data_received(self, data: bytes) -> None:
        """Data."""
        if self._sending is None:
            # No one asked. What it says must not be taken for the answer to the next request.
            self._handler.close()
        else:
            self._read(self._sending, data)

    def eof_received(self) -> None:
        """The server has closed its side."""
        if self._sending is not None:
            self._read(self._sending, b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._sending is not None:
            self._stop(self._sending.broken_by(exc))
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """The server reads slower than the request is written."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """The server has read enough."""
        self._handler.resume_writing()

    def _read(self, sending: Sending, data: bytes) -> None:
        try:
            is_whole = sending.feed(data)
        except Exception as error:
            self._stop(error)
            return
        if is_whole:
            self._answers += 1
            if not sending.reader.can_continue:
                self._handler.force_close()
            self._stop(None)

    def _stop(self, error: Exception | None) -> None:
        self._sending = None
        if self.end.done():
            return
        if error is None:
            self.end.set_result(None)
        else:
            self.end.set_exception(error)


class _Request(aiohttp.ClientRequest):
    """A request whose answer goes to a `_Receiver`. An error of ours is none that aiohttp would send it again for."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write the request, once what comes back goes to us."""
        sending, handler, transport = CURRENT.get(), conn.protocol, conn.transport
        if handler is None or transport is None:
            raise sending.broken_by(None)
        receiver = transport.get_protocol()
        if not isinstance(receiver, _Receiver):
            receiver = _Receiver(handler)
            transport.set_protocol(receiver)
        receiver.expect(sending)
        try:
            response = await super().send(conn)
        except (aiohttp.ClientError, OSError) as error:
            receiver.forget()
            raise sending.broken_by(error) from None
        except BaseException:
            receiver.forget()
            raise
        cast("_Response", response).receiver = receiver
        return response


class _Response(aiohttp.ClientResponse):
    """An answer that must be there as a whole, headers and body, before its time is over."""

    receiver: _Receiver

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Wait for the whole answer. What aiohttp gets to see is its status."""
        sending = CURRENT.get()
        self._closed, self._protocol, self._connection = False, connection.protocol, connection
        try:
            async with asyncio.timeout(sending.timeout):
                await self.receiver.end
        except TimeoutError as error:
            raise sending.broken_by(error) from None
        finally:
            self.receiver.forget()
        self.status, self.reason = sending.whole_answer.status, ""
        if self._writer is not None and connection.protocol is not None:
            # The server answered before it had read the whole request.
            connection.protocol.force_close()
        return self
