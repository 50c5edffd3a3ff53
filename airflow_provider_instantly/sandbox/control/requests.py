"""What was asked: the log of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.state import Sandbox


def request_routes(sandbox: Sandbox) -> APIRouter:
    """
    What is asked about the log of requests.

    :param sandbox: what it controls.
    """
    router = APIRouter()

    @router.get("/requests")
    async def requests(
        limit: Annotated[int, Query(ge=1, le=200_000)] = 100,
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        path: str = "*",
        method: str | None = None,
        effect: str | None = None,
    ) -> dict[str, Any]:
        return {"items": sandbox.log.latest(limit, after, path, method, effect)}

    @router.get("/requests/counts")
    async def request_counts() -> dict[str, Any]:
        return {"items": sandbox.log.counts()}

    @router.delete("/requests")
    async def clear_requests() -> dict[str, Any]:
        sandbox.log.clear()
        return {}

    return router
