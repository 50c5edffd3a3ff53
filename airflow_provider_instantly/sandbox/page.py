"""The page at ``/`` for people: the campaigns, live, and buttons to make things happen to them."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI
    from starlette.requests import Request

_HEADERS = {
    # Only its own files, and in no other page's frame: names of campaigns come from outside.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_FILES = {
    "/": ("page.html", "text/html"),
    # Where Instantly's own web application has the page of a campaign.
    "/app/campaign/{campaign_id}/analytics": ("page.html", "text/html"),
    "/_sandbox/page.css": ("page.css", "text/css"),
    "/_sandbox/page.js": ("page.js", "text/javascript"),
    "/_sandbox/picture.js": ("picture.js", "text/javascript"),
}


def add_page(app: FastAPI) -> None:
    """
    Serve the page and its files.

    :param app: the application.
    """
    for path, (name, media_type) in _FILES.items():
        app.add_route(path, _file(name, media_type))


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = resources.files(__package__).joinpath("static", name).read_bytes()

    async def serve(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return serve
