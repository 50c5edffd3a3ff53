"""
The protocol over real sockets: `requests` for tasks, `aiohttp` for the event loop of the triggerer.

Thin on purpose: one attempt is one request here; everything that is decided is decided in `exchange`. The libraries
make connections and write; both hand what comes back to `answer_reader`, so that the same bytes mean the same.
Redirects are never followed, so the key goes nowhere but to the endpoint.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_instantly.api.answers import MAYBE_ANOTHER_SERVER
from airflow_provider_instantly.api.driver import adrive, drive, observed
from airflow_provider_instantly.api.environment import environment_of, wrong_login
from airflow_provider_instantly.api.errors import (
    ASK_INSTANTLY,
    InstantlyConnectionError,
    InstantlyRequestError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.exchange import exchange
from airflow_provider_instantly.api.protocol import Request
from airflow_provider_instantly.api.retry import TimeBudget

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from airflow_provider_instantly.api.answers import Answer
    from airflow_provider_instantly.api.driver import Observe
    from airflow_provider_instantly.api.endpoint import Endpoint
    from airflow_provider_instantly.api.environment import Environment
    from airflow_provider_instantly.api.exchange import Reaction, Step
    from airflow_provider_instantly.api.over_aiohttp import AiohttpSession
    from airflow_provider_instantly.api.over_requests import RequestsSession
    from airflow_provider_instantly.api.protocol import Document
    from airflow_provider_instantly.api.sending import Sending

#: A pause before another try that is as long, in seconds, is written to the log of a task.
_LONG_PAUSE: Final = 5.0
#: Seconds that a request has where no time is left: enough for a service that is well.
_LEAST_TIMEOUT: Final = 1.0
_BROKE_LATER: Final = "The connection to Instantly broke before a whole answer came."
_IF_IT_TAKES_LONG: Final = "If it happens often, raise timeout in the connection's extra."
#: What follows from a certificate that is not trusted, and from a service that does not speak TLS.
_IF_UNTRUSTED: Final = (
    "Where a proxy signs what passes through it, let REQUESTS_CA_BUNDLE name a file that holds the proxy's "
    "certificate authority."
)
_IF_WITHOUT_TLS: Final = (
    "A Base URL without a scheme means https://. If the service speaks no TLS, write http:// in front of it."
)
_IF_UNREACHABLE: Final = "Check the connection's Base URL, and the way to it from this machine."
#: How libraries call the error of a name that is not known: that of the socket, and that of aiohttp with aiodns.
_UNKNOWN_NAMES: Final = ("gaierror", "ClientConnectorDNSError")

_log = logging.getLogger(__name__)


class _Transport:
    """
    What is alike over both libraries.

    :param endpoint: the service and the credentials.
    :param observe: is called with each attempt and each pause of a request, and with what came of it.
    :param budget: the time of all requests together; see `Retries`. By default there is no end of it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        observe: Observe[Step, Reaction] | None = None,
        *,
        budget: TimeBudget | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._observe = observe
        self._budget = budget or TimeBudget()

    def _exchange(self, request: Request, max_retries: int | None) -> Generator[Step, Reaction, Document]:
        retries = self.endpoint.max_retries if max_retries is None else max_retries
        steps = exchange(request, max_retries=retries, budget=self._budget, api_key=self.endpoint.api_key)
        return steps if self._observe is None else observed(steps, self._observe)

    @property
    def _timeout(self) -> float:
        """Seconds that the next request has to connect, and then for its answer. Others may have to follow it."""
        return min(self.endpoint.timeout, max(self._budget.left / 2, _LEAST_TIMEOUT))

    @contextmanager
    def _spending(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._budget.spend(time.monotonic() - began)


class SyncTransport(_Transport):
    """Talks to one endpoint from a task; its connections are reused until it is closed."""

    _session: RequestsSession | None = None

    def call(self, request: Request, *, max_retries: int | None = None) -> Document:
        """
        Send a request, again where that is safe, and return what it expects.

        :param request: what to ask.
        :param max_retries: overrides the endpoint's number.
        :raises InstantlyRequestError: see `exchange`.
        """
        return drive(self._exchange(request, max_retries), self._perform)

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
            with self._spending():
                return self._attempt(step)
        if step.seconds >= _LONG_PAUSE:
            # The log is not silent for long. In an event loop it would be: a line may have to wait there.
            _log.warning(
                "%s %s is sent again in %.0f s: %s",
                step.because.method,
                step.because.path,
                step.seconds,
                step.because.message,
            )
        time.sleep(step.seconds)
        return None

    def _attempt(self, request: Request) -> Answer | InstantlyRequestError:
        """
        Send a request once.

        :raises InstantlyConfigurationError: if the environment names a proxy or certificates that cannot be used.
        """
        from airflow_provider_instantly.api.over_requests import FAILURES, RequestsSession
        from airflow_provider_instantly.api.sending import Sending

        if self._session is None:
            self._session = RequestsSession(self.endpoint, environment_of(self.endpoint.base_url, takes_socks=True))
        session, sending = self._session, Sending(request.method, self._timeout)
        try:
            session.send(request, sending)
            return _answer_of(sending, session.environment)
        except FAILURES as error:
            if sending.is_stale:
                session.close_idle()
            return _what_went_wrong(request, sending, error, session.environment)


class AsyncTransport(_Transport):
    """Talks to one endpoint from an event loop; its connections are reused until it is closed."""

    _session: AiohttpSession | None = None

    async def call(self, request: Request, *, max_retries: int | None = None) -> Document:
        """
        Send a request, again where that is safe, and return what it expects.

        :param request: what to ask.
        :param max_retries: overrides the endpoint's number.
        :raises InstantlyRequestError: see `exchange`.
        """
        return await adrive(self._exchange(request, max_retries), self._perform)

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
            with self._spending():
                return await self._attempt(step)
        await asyncio.sleep(step.seconds)
        return None

    async def _attempt(self, request: Request) -> Answer | InstantlyRequestError:
        """
        Send a request once.

        :raises InstantlyConfigurationError: if the environment names a proxy or certificates that cannot be used.
        """
        from airflow_provider_instantly.api.over_aiohttp import FAILURES, AiohttpSession
        from airflow_provider_instantly.api.sending import Sending

        if self._session is None:
            self._session = AiohttpSession(self.endpoint, environment_of(self.endpoint.base_url, takes_socks=False))
        session, sending = self._session, Sending(request.method, self._timeout)
        try:
            await session.send(request, sending)
            return _answer_of(sending, session.environment)
        except FAILURES as error:
            if sending.is_stale:
                session.close_idle()
            return _what_went_wrong(request, sending, error, session.environment)


def _answer_of(sending: Sending, environment: Environment) -> Answer:
    answer = sending.whole_answer
    if answer.status == 407 and environment.proxy is not None:
        raise wrong_login(environment)
    return answer


def _what_went_wrong(
    request: Request, sending: Sending, error: Exception, environment: Environment
) -> InstantlyRequestError:
    """
    The error that a failed attempt is to its caller.

    Only the kind of what the libraries raise is shown: its text may hold a proxy's password or whatever a server sent.
    """
    from airflow_provider_instantly.api.answer_reader import (
        NO_HTTP,
        TOOK_TOO_LONG,
        BrokenAnswerError,
        UnreadableAnswerError,
    )

    causes = list(_causes(error))
    if not sending.has_left and 407 in map(_refusal_of_proxy, causes):
        raise wrong_login(environment) from None
    wrapped: InstantlyRequestError
    if isinstance(error, UnreadableAnswerError):
        wrapped = InstantlyUnexpectedAnswerError(
            "The answer is packed in a way that was not asked for, so it cannot be read.",
            advice=MAYBE_ANOTHER_SERVER,
            method=request.method,
            path=request.path,
            status=error.status,
        )
    else:
        reason = error.reason if isinstance(error, BrokenAnswerError) else type(error).__name__
        if sending.has_left:
            known = {TOOK_TOO_LONG: _IF_IT_TAKES_LONG, NO_HTTP: MAYBE_ANOTHER_SERVER}
            message, advice = _BROKE_LATER, known.get(reason, ASK_INSTANTLY)
        else:
            message, advice = _where_it_broke(causes, environment)
        wrapped = InstantlyConnectionError(
            f"{message} ({reason})",
            advice=advice,
            never_sent=not sending.has_left,
            on_stale_connection=sending.is_stale,
            method=request.method,
            path=request.path,
        )
    wrapped.__suppress_context__ = True
    return wrapped


def _where_it_broke(causes: list[BaseException], environment: Environment) -> tuple[str, str]:
    """
    Which host could not be reached, on which way, and why; and what to do.

    Of the proxy it names no more than its host.
    """
    way = ""
    if environment.proxy is not None:
        host = f" ({environment.proxy_host})" if environment.proxy_host else ""
        way = f" through the proxy that {environment.proxy_variable} names{host}"
    why, advice = _why_it_broke(causes, "the host" if environment.proxy is None else "the proxy")
    return f"{environment.host} could not be reached{way}: {why}, so nothing was sent.", advice


def _why_it_broke(causes: list[BaseException], peer: str) -> tuple[str, str]:
    """
    Why there was no connection, as a clause, and what to do.

    :param causes: the error and what it was made of.
    :param peer: how a sentence calls what the connection was to be made to.
    """

    def has(kind: type[BaseException]) -> bool:
        return any(isinstance(cause, kind) for cause in causes)

    if has(ssl.SSLCertVerificationError):
        return "its certificate is not trusted here, or is another host's", _IF_UNTRUSTED
    if has(ssl.SSLError):
        return "the TLS handshake failed", _IF_WITHOUT_TLS
    if refusal := next(filter(None, map(_refusal_of_proxy, causes)), None):
        return f"the proxy answered HTTP {refusal}", "Ask who runs the proxy."
    has_no_way = any(getattr(cause, "errno", None) in (errno.ENETUNREACH, errno.EHOSTUNREACH) for cause in causes)
    why = (
        f"{peer}'s name is not known here" if any(type(cause).__name__ in _UNKNOWN_NAMES for cause in causes)
        else f"{peer} refused the connection" if has(ConnectionRefusedError)
        else f"{peer} did not answer in time" if has(TimeoutError)
        else f"{peer} closed the connection" if has(ConnectionError)
        else "no network leads there" if has_no_way
        else "the connection failed"
    )  # fmt: skip
    return why, _IF_UNREACHABLE


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was made of: libraries keep that as a cause, a context, an argument or a reason."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and not any(cause is each for each in seen):
            seen.append(cause)
            yield cause
            waiting += [cause.__cause__, cause.__context__, *cause.args, getattr(cause, "reason", None)]


def _refusal_of_proxy(error: BaseException) -> int | None:
    """The status with which a proxy refused a tunnel: aiohttp has a field for it, `http.client` a text."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status
    match = re.match(r"Tunnel connection failed: (\d{3})", str(error)) if isinstance(error, OSError) else None
    return int(match[1]) if match else None
