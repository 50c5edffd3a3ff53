"""
The protocol over real sockets: `requests` for tasks, `aiohttp` for the event loop of the triggerer.

Thin on purpose: one attempt is one call here; everything that is decided is decided in `protocol`.
Redirects are never followed, so the key goes nowhere but to the endpoint.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_instantly.api.driver import adrive, drive
from airflow_provider_instantly.api.errors import (
    InstantlyConfigurationError,
    InstantlyConnectionError,
    InstantlyRequestError,
)
from airflow_provider_instantly.api.protocol import (
    MAX_ANSWER_BYTES,
    Answer,
    Request,
    exchange,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator

    import aiohttp
    import requests

    from airflow_provider_instantly.api.endpoint import Endpoint
    from airflow_provider_instantly.api.protocol import Document, Reaction, Step

_CHUNK = 64 * 1024
_ENCODINGS = "gzip, deflate"
#: The longest header that Python's own HTTP client takes; aiohttp's default is far shorter.
_MAX_HEADER_BYTES = 64 * 1024


class SyncTransport:
    """
    Talks to one endpoint from a task; its connections are reused until it is closed.

    :param endpoint: the service and the credentials.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._session: requests.Session | None = None

    def call(self, request: Request, *, max_retries: int | None = None) -> Document:
        """
        Send a request, again where that is safe, and return what it expects.

        :param request: what to ask.
        :param max_retries: overrides the endpoint's number.
        :raises InstantlyRequestError: see `protocol.exchange`.
        """
        return drive(_exchange(request, self.endpoint, max_retries), self._perform)

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _perform(self, step: Step) -> Reaction:
        if isinstance(step, Request):
            return self._attempt(step)
        time.sleep(step.seconds)
        return None

    def _attempt(self, request: Request) -> Answer | InstantlyRequestError:
        from urllib3.exceptions import HTTPError

        try:
            return self._send(request)
        except (HTTPError, OSError, ValueError) as error:
            return _connection_error(request, error, never_sent=_requests_never_sent(error))

    def _send(self, request: Request) -> Answer:
        import requests

        if self._session is None:
            self._session = _new_session(self.endpoint)
        # Not by the session, which would merge its settings into each request anew, and add a login from `.netrc`.
        prepared = requests.PreparedRequest()
        prepared.prepare(
            request.method,
            self.endpoint.url(request.path),
            headers={"Accept-Encoding": _ENCODINGS, **self.endpoint.headers(), **request.headers},
            params=request.query,
            data=request.content,
        )
        with self._session.send(
            prepared, timeout=self.endpoint.timeout, allow_redirects=False, stream=True
        ) as response:
            body = bytearray()
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    break
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, bytes(body))


class AsyncTransport:
    """
    Talks to one endpoint from an event loop; its connections are reused until it is closed.

    :param endpoint: the service and the credentials.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None
        self._proxy: str | None = None

    async def call(self, request: Request, *, max_retries: int | None = None) -> Document:
        """
        Send a request, again where that is safe, and return what it expects.

        :param request: what to ask.
        :param max_retries: overrides the endpoint's number.
        :raises InstantlyRequestError: see `protocol.exchange`.
        """
        return await adrive(_exchange(request, self.endpoint, max_retries), self._perform)

    async def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _perform(self, step: Step) -> Reaction:
        if isinstance(step, Request):
            return await self._attempt(step)
        await asyncio.sleep(step.seconds)
        return None

    async def _attempt(self, request: Request) -> Answer | InstantlyRequestError:
        import aiohttp

        try:
            return await self._send(request)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            return _connection_error(request, error, never_sent=never_sent)

    async def _send(self, request: Request) -> Answer:
        import aiohttp

        if self._session is None:
            timeout = self.endpoint.timeout
            self._proxy, context = _surroundings(self.endpoint.base_url)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                # One span to connect, and then one for the answer, like the other transport.
                timeout=aiohttp.ClientTimeout(total=2 * timeout, connect=timeout, sock_read=timeout),
                max_line_size=_MAX_HEADER_BYTES,
                max_field_size=_MAX_HEADER_BYTES,
                skip_auto_headers=("Content-Type", "User-Agent"),
            )
        async with self._session.request(
            request.method,
            self.endpoint.url(request.path),
            params=request.query,
            headers={**self.endpoint.headers(), **request.headers},
            data=request.content,
            allow_redirects=False,
            proxy=self._proxy,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    break
            headers = {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}
            return Answer(response.status, headers, bytes(body))


def _exchange(request: Request, endpoint: Endpoint, max_retries: int | None) -> Generator[Step, Reaction, Document]:
    retries = endpoint.max_retries if max_retries is None else max_retries
    return exchange(request, max_retries=retries, api_key=endpoint.api_key)


def _new_session(endpoint: Endpoint) -> requests.Session:
    from http.cookiejar import DefaultCookiePolicy

    import requests
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        """Makes connections, direct or through a proxy, that read each answer with a deadline."""

        def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
            pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
            if not issubclass(pool.ConnectionCls.response_class, _TimedResponse):
                response_class = type("Response", (_TimedResponse,), {"timeout": endpoint.timeout})
                pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": response_class})
            return pool

    class Session(requests.Session):
        """Knows no redirects: it would read the whole body of one, however large, though it is not to be followed."""

        def get_redirect_target(self, resp: requests.Response) -> None:
            """None."""

    session = Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # All requests go to one host, so the environment is asked once; a session would ask it for each of them.
    session.trust_env = False
    session.proxies, session.verify = _proxies_and_trust(endpoint.base_url)
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter())
    return session


class _TimedResponse(http.client.HTTPResponse):
    """An answer that must be there as a whole, headers and body, before its time is over."""

    timeout: float

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach(), time.monotonic() + self.timeout))


class _TimedReader(io.RawIOBase):
    """A socket's own timeout starts anew with each packet, so a server that drips could hold us for ever."""

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


def _proxies_and_trust(url: str) -> tuple[Any, Any]:
    """What the environment says to `requests` for this address: which proxies, and whose certificates."""
    import requests

    with requests.Session() as session:
        settings = session.merge_environment_settings(url, {}, None, None, None)
    return settings["proxies"], settings["verify"]


def _surroundings(url: str) -> tuple[str | None, ssl.SSLContext | bool]:
    """
    The proxy and the trusted certificates, as `requests` takes them from the environment.

    aiohttp would see neither ``REQUESTS_CA_BUNDLE`` nor a network in ``NO_PROXY``, but ``.netrc``.
    """
    from requests.utils import DEFAULT_CA_BUNDLE_PATH, prepend_scheme_if_needed, select_proxy

    proxies, trust = _proxies_and_trust(url)
    proxy = select_proxy(url, proxies)
    if proxy is not None:
        proxy = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
        if not proxy.lower().startswith(("http://", "https://")):
            raise InstantlyConfigurationError(
                "The proxy that the environment names for Instantly is neither an http:// nor an https:// one, and "
                "the triggerer can use no other. Name one in https_proxy, or exempt Instantly's host in no_proxy."
            )
    if not url.startswith("https://"):
        return proxy, True
    trusted = Path(trust if isinstance(trust, str) else DEFAULT_CA_BUNDLE_PATH)
    is_directory = trusted.is_dir()
    context = ssl.create_default_context(
        cafile=None if is_directory else trusted, capath=trusted if is_directory else None
    )
    context.set_alpn_protocols(["http/1.1"])
    return proxy, context


def _requests_never_sent(error: BaseException) -> bool:
    """Whether it broke while a connection was made, to the proxy if there is one, or when a certificate was checked."""
    from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError, SSLError

    reason: object = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    if isinstance(reason, ProxyError):
        reason = reason.original_error
    if isinstance(reason, SSLError):
        reason = reason.args[0]
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ssl.SSLCertVerificationError)


def _connection_error(request: Request, error: BaseException, *, never_sent: bool) -> InstantlyConnectionError:
    """Only the kind of the error is told: its text may hold a proxy's password or whatever a server sent."""
    if never_sent:
        message = "Instantly could not be reached: no connection was made, and nothing was sent."
    else:
        message = "The connection to Instantly broke before a whole answer came."
    wrapped = InstantlyConnectionError(
        f"{message} ({type(error).__name__})",
        never_sent=never_sent,
        method=request.method,
        path=request.path,
    )
    wrapped.__suppress_context__ = True
    return wrapped
