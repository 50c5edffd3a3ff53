"""The control API as a part of the application: where its routes are, and what holds for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from airflow_provider_instantly.sandbox.answers import decoded
from airflow_provider_instantly.sandbox.campaigns import CampaignNotFoundError
from airflow_provider_instantly.sandbox.control.access import access_routes
from airflow_provider_instantly.sandbox.control.accounts import account_routes
from airflow_provider_instantly.sandbox.control.campaigns import campaign_routes
from airflow_provider_instantly.sandbox.control.faults import fault_routes
from airflow_provider_instantly.sandbox.control.requests import request_routes
from airflow_provider_instantly.sandbox.control.sandbox import sandbox_routes

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.state import Sandbox

PATH = "/_sandbox"


def add_control(app: FastAPI, sandbox: Sandbox) -> None:
    """
    Serve the control API.

    :param app: the application.
    :param sandbox: what it controls.
    """

    @app.exception_handler(CampaignNotFoundError)
    async def no_such_campaign(_request: object, error: CampaignNotFoundError) -> JSONResponse:
        return JSONResponse({"detail": f"There is no campaign {error}."}, 404)

    async def caught_up() -> None:
        """What a campaign sends is known before it is shown or changed."""
        sandbox.sending.catch_up()

    for routes in (campaign_routes, account_routes, fault_routes, access_routes, request_routes, sandbox_routes):
        app.include_router(routes(sandbox), prefix=PATH, dependencies=[Depends(_check_body), Depends(caught_up)])


async def _check_body(request: Request) -> None:
    """Refuse a body that could not be given back, before any of it is kept or repeated in an answer."""
    body = await request.body()
    try:
        if body:
            decoded(body)
    except ValueError as error:
        raise HTTPException(422, f"The body cannot be used: {error}.") from None
