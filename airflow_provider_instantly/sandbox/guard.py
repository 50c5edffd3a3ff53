"""Who may use the control API and the page: programs and pages of this machine, no web page from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from airflow_provider_instantly.sandbox.edge import PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """
    Refuses requests that a browser sends for another site.

    The control API takes no key. A web page that a user happens to visit could drive it all the same: by a
    form or script aimed at this address (then the ``Origin`` is its own), or by a host name of its own that
    resolves to this address (then the ``Host`` is that name). Both are refused.

    :param app: what answers.
    :param allowed_hosts: host names under which the sandbox is meant to be reached.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self._app = app
        self._allowed = LOOPBACK_NAMES | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "http" and not scope["path"].startswith(PREFIX):
            reason = self._objection(Headers(scope=scope))
            if reason is not None:
                await JSONResponse({"detail": reason}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _objection(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if _name(f"//{host}") not in self._allowed:
            return (
                f"The sandbox was not started for the host name in {host[:100]!r}. "
                "Use localhost, or start it with --allowed-host NAME."
            )
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
            return "The control API cannot be used from another web page."
        return None


def _name(url: str) -> str | None:
    """The host name in a URL, in lower case and without its port."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
