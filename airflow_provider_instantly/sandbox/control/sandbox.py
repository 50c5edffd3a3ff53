"""The sandbox as a whole: its settings, its clock, starting over, and all that the page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import ValidationError

from airflow_provider_instantly import __version__
from airflow_provider_instantly.sandbox.auth import Workspace
from airflow_provider_instantly.sandbox.control.campaigns import seen
from airflow_provider_instantly.sandbox.control.forms import ClockInput
from airflow_provider_instantly.sandbox.scripts import STATUS_NAMES, status_name
from airflow_provider_instantly.sandbox.settings import Settings

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.state import Sandbox


def sandbox_routes(sandbox: Sandbox) -> APIRouter:
    """
    What is asked about the sandbox as a whole.

    :param sandbox: what it controls.
    """
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "now": sandbox.clock.now()}

    @router.get("/settings")
    async def settings() -> Settings:
        return sandbox.settings

    @router.patch("/settings")
    async def change_settings(given: dict[str, Any]) -> Settings:
        _replace(sandbox, _changed(sandbox.settings, given))
        return sandbox.settings

    @router.post("/clock")
    async def clock(given: ClockInput) -> dict[str, Any]:
        offset = sandbox.settings.clock_offset + given.advance
        _replace(sandbox, _changed(sandbox.settings, {"clock_offset": offset}))
        return {"now": sandbox.clock.now(), "offset": sandbox.clock.offset}

    @router.post("/reset")
    async def start_over() -> dict[str, Any]:
        _start_over(sandbox)
        return {}

    @router.get("/overview")
    async def overview(
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        offset: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        search: str | None = None,
    ) -> dict[str, Any]:
        return _overview(sandbox, limit, offset, search)

    return router


def _start_over(sandbox: Sandbox) -> None:
    sandbox.campaigns.delete_all()
    sandbox.faults.remove(None)
    for workspace in list(sandbox.workspaces):
        sandbox.workspaces.save(Workspace(**{**vars(workspace), "paid": True, "lead_limit": None}))
    sandbox.ensure_default_key()
    _replace(sandbox, Settings())
    sandbox.windows.clear()
    sandbox.log.clear()


def _overview(sandbox: Sandbox, limit: int, offset: int, search: str | None) -> dict[str, Any]:
    """All that the page shows."""
    campaigns, found = sandbox.campaigns.page(search, limit, offset)
    totals = sandbox.campaigns.totals()
    return {
        "now": sandbox.clock.now(),
        "api_key": sandbox.api_key,
        "statuses": STATUS_NAMES,
        "totals": [
            {"status": status, "name": status_name(status), "count": count}
            for status, count in sorted(totals.items(), key=str)
        ],
        "campaigns": [seen(sandbox, campaign) for campaign in campaigns],
        "found": found,
        "faults": [fault.model_dump(by_alias=True) for fault in sandbox.faults.waiting()],
        "requests": sandbox.log.latest(30),
        "settings": sandbox.settings.model_dump(),
    }


def _changed(settings: Settings, given: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate({**settings.model_dump(), **given})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)
        raise HTTPException(422, detail) from error


def _replace(sandbox: Sandbox, settings: Settings) -> None:
    """Change the settings in place, since all parts share them."""
    for name in Settings.model_fields:
        setattr(sandbox.settings, name, getattr(settings, name))
    sandbox.keep_settings()
    sandbox.store.commit()
