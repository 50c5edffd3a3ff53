"""
Requests over `requests`: it makes the connections and keeps them; what comes back on them is read by `answer_reader`.

Loaded when the first request is sent.
"""

from __future__ import annotations

import http.client
import io
import logging
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from airflow_provider_instantly.api.answer_reader import BrokenAnswerError, UnreadableAnswerError
from airflow_provider_instantly.api.sending import CURRENT, Sending
from airflow_provider_instantly.api.unpacking import ACCEPT_ENCODING

if TYPE_CHECKING:
    import socket

    from airflow_provider_instantly.api.endpoint import Endpoint
    from airflow_provider_instantly.api.environment import Environment
    from airflow_provider_instantly.api.protocol import Request

_CHUNK = 64 * 1024


#: What a request may end in. Nothing else is caught: a signal's handler may raise an error of its own in any line.
FAILURES = (BrokenAnswerError, UnreadableAnswerError, HTTPError, OSError, ValueError)


class RequestsSession:
    """
    The connections of a task to one endpoint.

    :param endpoint: the service and the credentials.
    :param environment: the proxy and the certificates.
    """

    def __init__(self, endpoint: Endpoint, environment: Environment) -> None:
        self.environment = environment
        self._endpoint = endpoint
        self._session = _Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # All requests go to one host, so the environment is asked once; a session would ask it for each of them.
        self._session.trust_env = False
        self._session.proxies, self._session.verify = dict(environment.proxies), environment.trust
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter())

    def send(self, request: Request, sending: Sending) -> None:
        """
        Send a request once, and wait for its answer.

        :param request: what to ask.
        :param sending: learns how far it came, and what came back.
        :raises FAILURES: one of them, whatever ended it; `sending` says what that means.
        """
        # Not by the session, which would merge its settings into each request again, and add a login from `.netrc`.
        prepared = requests.PreparedRequest()
        prepared.prepare(
            request.method,
            self._endpoint.url(request.path),
            headers={"Accept-Encoding": ACCEPT_ENCODING, **self._endpoint.headers(), **request.headers},
            params=request.query,
            data=request.content,
        )
        token = CURRENT.set(sending)
        try:
            with self._session.send(prepared, timeout=sending.timeout, allow_redirects=False, stream=True) as response:
                # Closed without this, it would take its connection with it.
                response.raw.release_conn()
        finally:
            CURRENT.reset(token)

    def close_idle(self) -> None:
        """Close the connections that carry no request."""
        self._session.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class _WithoutQueries(logging.Filter):
    """Takes queries out of what urllib3 logs of our requests: the cursor of a list of accounts holds an address."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, without what stands behind a question mark in a URL of ours."""
        if CURRENT.get(None) is not None and isinstance(record.args, tuple):
            record.args = tuple(arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_WithoutQueries())


class _Session(requests.Session):
    """Knows no redirects: it would read the whole body of one, however large, though it is not to be followed."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None."""


class _Adapter(HTTPAdapter):
    """Makes connections, direct or through a proxy, that read each answer as we do, and with a deadline."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not issubclass(pool.ConnectionCls, _Connection):
            parts = {"response_class": _Response}
            pool.ConnectionCls = type("Connection", (_Connection, pool.ConnectionCls), parts)
        return pool


if TYPE_CHECKING:
    _AnyConnection = http.client.HTTPConnection
else:
    _AnyConnection = object


class _Connection(_AnyConnection):
    """Mixed into the connections of urllib3: notes when a request leaves, and on what kind of connection."""

    _is_ready = False
    _answers = 0

    def connect(self) -> None:
        self._is_ready, self._answers = False, 0
        super().connect()
        # The proxy's tunnel and the TLS handshake are behind us; they write, too.
        self._is_ready = True

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        if not self._is_ready:
            super().send(data)
            return
        sending = CURRENT.get()
        sending.leave(is_reused=self._answers > 0)
        try:
            super().send(data)
        except BrokenPipeError:
            # urllib3 goes on to read the answer: a server may refuse a request before it has read all of it.
            raise
        except OSError as error:
            raise sending.broken_by(error) from None

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        response = super().getresponse(*args, **kwargs)
        self._answers += 1
        return response


class _Response(http.client.HTTPResponse):
    """An answer that must be there as a whole, headers and body, before its time is over."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        give_up_at = time.monotonic() + CURRENT.get().timeout
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach(), give_up_at))

    def begin(self) -> None:
        """Read the whole answer. What urllib3 gets to see is its status, and nothing that it could log."""
        sending = CURRENT.get()
        while not sending.feed(self._received(sending)):
            pass
        self.status = self.code = sending.whole_answer.status
        self.reason, self.version = "", 11
        self.headers = self.msg = http.client.HTTPMessage()
        self.length, self.chunked = 0, False
        self.will_close = not sending.reader.can_continue
        self.close()

    def _received(self, sending: Sending) -> bytes:
        try:
            return self.fp.read1(_CHUNK)
        except OSError as error:
            raise sending.broken_by(error) from None


class _TimedReader(io.RawIOBase):
    """A socket's own timeout starts again with each packet, so a server that drips could hold us for ever."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, give_up_at: float) -> None:
        self._socket = sock
        self._raw = raw
        self._give_up_at = give_up_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._give_up_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
