"""The control API under ``/_sandbox``: set the stage, make things fail, and see what was asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_instantly import __version__
from airflow_provider_instantly.sandbox.accounts import NewAccount
from airflow_provider_instantly.sandbox.answers import decoded
from airflow_provider_instantly.sandbox.auth import (
    ALL_SCOPES,
    DEFAULT_WORKSPACE,
    Key,
    Workspace,
    check_scopes,
    is_api_key,
    new_api_key,
)
from airflow_provider_instantly.sandbox.campaigns import Campaign, CampaignNotFoundError, Filter, NewCampaign
from airflow_provider_instantly.sandbox.faults import Fault  # noqa: TC001 - FastAPI reads it
from airflow_provider_instantly.sandbox.picture import picture
from airflow_provider_instantly.sandbox.scripts import (
    BOUNCE_PROTECT,
    STATUS_NAMES,
    Number,
    Standing,
    Status,
    Step,
    load_script,
    parse_script,
    position_at,
    status_name,
)
from airflow_provider_instantly.sandbox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.state import Sandbox

PATH = "/_sandbox"
_ACTOR = "control API"


class _Input(BaseModel):
    """Input of the control API: an unknown name is a mistake, and said to be one."""

    model_config = ConfigDict(extra="forbid")


class CampaignsInput(_Input):
    """
    One campaign, or many alike.

    :param count: how many; their names are numbered if there are several.
    :param fields: fields of the API's document.
    :param running: start the script at once, as if the campaign had just been activated.
    """

    name: str = "Sandbox campaign"
    id: UUID | None = None
    count: int = Field(default=1, ge=1, le=100_000)
    status: Status = 0
    not_sending_status: Number | None = None
    script: list[Step] | None = None
    running: bool = False
    workspace: UUID = UUID(DEFAULT_WORKSPACE)
    tags: list[str] = []
    fields: dict[str, Any] = {}
    sending_status: dict[str, Any] | None = None


def _check_name(fields: dict[str, Any]) -> dict[str, Any]:
    """The one field that the sandbox itself relies on."""
    if not isinstance(fields.get("name", ""), str):
        raise ValueError("The name of a campaign is text, and cannot be removed.")
    return fields


class CampaignChange(_Input):
    """
    What to change at once; what is not given stays.

    A status and its reason are one thing, though: either of them ends the script, and a status without a
    reason has none.

    :param status: the new status; without one, the present status stays.
    :param not_sending_status: why it is not sending, or None.
    :param sending_status: the answer about its sending status; null to have it derived again.
    :param fields: fields of the API's document; null removes one.
    """

    status: Status | None = None
    not_sending_status: Number | None = None
    tags: list[str] | None = None
    sending_status: dict[str, Any] | None = None
    fields: Annotated[dict[str, Any], AfterValidator(_check_name)] | None = None


class ScriptInput(_Input):
    """
    A script for a campaign; null for none.

    :param start: start it now, without an activation.
    """

    steps: list[Step] | None
    start: bool = False


class KeyInput(_Input):
    """
    A key.

    :param key: the key itself, if it is not to be made up.
    :param agency: whether it may act on other workspaces.
    """

    name: str = Field(min_length=1, max_length=100)
    scopes: Annotated[tuple[str, ...], AfterValidator(check_scopes)] = ALL_SCOPES
    workspace: UUID = UUID(DEFAULT_WORKSPACE)
    agency: bool = False
    key: str | None = None


class WorkspaceInput(_Input):
    """A workspace; what is not given stays."""

    name: str | None = None
    paid: bool | None = None
    lead_limit: Annotated[int, Field(ge=0)] | None = None


class ClockInput(_Input):
    """Seconds to set the clock forward (or back)."""

    advance: float = Field(allow_inf_nan=False)


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

    for router in (
        _campaign_routes(sandbox),
        _action_routes(sandbox),
        _lead_routes(sandbox),
        _fault_routes(sandbox),
        _access_routes(sandbox),
        _log_routes(sandbox),
        _sandbox_routes(sandbox),
    ):
        app.include_router(router, prefix=PATH, dependencies=[Depends(_check_body), Depends(caught_up)])


async def _check_body(request: Request) -> None:
    """Refuse a body that could not be given back, before any of it is kept or repeated in an answer."""
    body = await request.body()
    try:
        if body:
            decoded(body)
    except ValueError as error:
        raise HTTPException(422, f"The body cannot be used: {error}.") from None


def _campaign_routes(sandbox: Sandbox) -> APIRouter:
    router = APIRouter()
    campaigns = sandbox.campaigns

    @router.post("/campaigns", status_code=201)
    async def create_campaigns(given: CampaignsInput) -> dict[str, list[str]]:
        if given.id is not None and given.count > 1:
            raise HTTPException(422, "An id is for one campaign; leave out id or count.")
        if given.id is not None and campaigns.has(str(given.id)):
            raise HTTPException(409, f"There is a campaign {given.id} already.")
        sandbox.ensure_workspace(str(given.workspace))
        ids = campaigns.create(list(_new_campaigns(given)), _ACTOR)
        sandbox.store.commit()
        return {"ids": ids}

    @router.get("/campaigns")
    async def list_campaigns(
        limit: Annotated[int, Query(ge=1, le=100_000)] = 100,
        search: str | None = None,
        status: Number | None = None,
        workspace: UUID | None = None,
    ) -> dict[str, Any]:
        where = Filter(search=search, status=status)
        found = campaigns.read(None if workspace is None else str(workspace), where)
        return {"items": [_seen(sandbox, campaign) for campaign in islice(found, limit)]}

    @router.delete("/campaigns")
    async def delete_campaigns() -> dict[str, Any]:
        campaigns.delete_all()
        sandbox.store.commit()
        return {}

    @router.get("/campaigns/{campaign_id}")
    async def get_campaign(campaign_id: UUID) -> dict[str, Any]:
        campaign = campaigns.get(str(campaign_id))
        return {
            **_seen(sandbox, campaign),
            "fields": campaign.document(),
            "history": campaigns.history(campaign.id),
        }

    @router.patch("/campaigns/{campaign_id}")
    async def change_campaign(campaign_id: UUID, given: CampaignChange) -> dict[str, Any]:
        campaign = campaigns.get(str(campaign_id))
        asked = given.model_fields_set
        if given.fields is not None:
            campaigns.change(campaign.id, None, given.fields, _ACTOR)
        if given.tags is not None:
            campaigns.set_tags(campaign.id, given.tags)
        if "sending_status" in asked:
            campaigns.set_sending_status(campaign.id, given.sending_status)
        if asked & {"status", "not_sending_status"}:
            status = campaign.standing.status if given.status is None else given.status
            campaigns.set_standing(campaign.id, Standing(status, given.not_sending_status), _ACTOR)
        sandbox.store.commit()
        return _seen(sandbox, campaigns.get(campaign.id))

    @router.delete("/campaigns/{campaign_id}")
    async def delete_campaign(campaign_id: UUID) -> dict[str, Any]:
        deleted = campaigns.delete(str(campaign_id), None, _ACTOR)
        sandbox.store.commit()
        return {"id": deleted.id}

    return router


def _action_routes(sandbox: Sandbox) -> APIRouter:
    """What is done to a campaign, and what was done."""
    router = APIRouter()
    campaigns = sandbox.campaigns

    @router.post("/campaigns/{campaign_id}/script")
    async def set_script(campaign_id: UUID, given: ScriptInput) -> dict[str, Any]:
        script = None if given.steps is None else parse_script(given.steps)
        changed = campaigns.set_script(str(campaign_id), script, start=given.start)
        sandbox.store.commit()
        return _seen(sandbox, changed)

    @router.post("/campaigns/{campaign_id}/activate")
    async def activate(campaign_id: UUID) -> dict[str, Any]:
        campaign = campaigns.get(str(campaign_id))
        campaigns.activate(campaign.id, campaign.row["workspace"], _ACTOR)
        sandbox.store.commit()
        return _seen(sandbox, campaigns.get(campaign.id))

    @router.post("/campaigns/{campaign_id}/pause")
    async def pause(campaign_id: UUID) -> dict[str, Any]:
        paused = campaigns.pause(str(campaign_id), None, _ACTOR)
        sandbox.store.commit()
        return _seen(sandbox, paused)

    @router.post("/campaigns/{campaign_id}/bounce-protect")
    async def trip_bounce_protection(campaign_id: UUID) -> dict[str, Any]:
        stopped = campaigns.set_standing(str(campaign_id), Standing(BOUNCE_PROTECT, None), _ACTOR)
        sandbox.store.commit()
        return _seen(sandbox, stopped)

    @router.get("/activations")
    async def activations() -> dict[str, Any]:
        return {"items": campaigns.activations()}

    return router


class AccountsInput(_Input):
    """
    Sending accounts; one of the same address is replaced.

    :param emails: their addresses.
    :param fields: fields of the API's document, beside those of a healthy account; null removes one.
    :param tags: ids of their tags.
    :param age_days: for how many days they have been there and warmed up.
    :param failing: what their domains lack.
    """

    emails: list[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]] = Field(min_length=1, max_length=10_000)
    fields: dict[str, Any] = {}
    tags: list[str] = []
    age_days: float = Field(default=30.0, ge=0, le=36_500)
    failing: list[Literal["mx", "spf", "dkim", "dmarc"]] = []
    workspace: UUID = UUID(DEFAULT_WORKSPACE)


def _lead_routes(sandbox: Sandbox) -> APIRouter:
    router = APIRouter()

    @router.post("/accounts", status_code=201)
    async def save_accounts(given: AccountsInput) -> dict[str, Any]:
        workspace = str(given.workspace)
        sandbox.ensure_workspace(workspace)
        for email in given.emails:
            new = NewAccount(workspace, email, given.fields, given.tags, given.age_days, given.failing)
            sandbox.accounts.save(new)
        sandbox.store.commit()
        return {"emails": [email.lower() for email in given.emails]}

    @router.delete("/accounts/{email}")
    async def remove_account(email: str, workspace: UUID | None = None) -> dict[str, Any]:
        if not sandbox.accounts.remove(str(workspace or DEFAULT_WORKSPACE), email):
            raise HTTPException(404, "There is no such account.")
        sandbox.store.commit()
        return {}

    @router.get("/campaigns/{campaign_id}/leads")
    async def leads(campaign_id: UUID, limit: Annotated[int, Query(ge=1, le=100_000)] = 1000) -> dict[str, Any]:
        campaign = sandbox.campaigns.get(str(campaign_id))
        found = sandbox.leads.read(campaign.row["workspace"], {"campaign": campaign.id})
        return {"items": [lead.document() for lead in islice(found, limit)]}

    @router.get("/campaigns/{campaign_id}/emails")
    async def emails(campaign_id: UUID, limit: Annotated[int, Query(ge=1, le=100_000)] = 1000) -> dict[str, Any]:
        return {"items": sandbox.sending.emails(str(campaign_id), limit)}

    @router.get("/campaigns/{campaign_id}/picture")
    async def campaign_picture(campaign_id: UUID) -> dict[str, Any]:
        campaign = sandbox.campaigns.get(str(campaign_id))
        return {**_seen(sandbox, campaign), **picture(sandbox, campaign)}

    return router


def _fault_routes(sandbox: Sandbox) -> APIRouter:
    router = APIRouter()

    @router.post("/faults", status_code=201)
    async def add_fault(fault: Fault) -> dict[str, Any]:
        added = sandbox.faults.add(fault)
        sandbox.store.commit()
        return added.model_dump(by_alias=True)

    @router.get("/faults")
    async def list_faults() -> dict[str, Any]:
        return {"items": [fault.model_dump(by_alias=True) for fault in sandbox.faults.waiting()]}

    @router.delete("/faults")
    async def clear_faults() -> dict[str, Any]:
        sandbox.faults.remove(None)
        sandbox.store.commit()
        return {}

    @router.delete("/faults/{fault_id}")
    async def remove_fault(fault_id: int) -> dict[str, Any]:
        if not sandbox.faults.remove(fault_id):
            raise HTTPException(404, f"There is no fault {fault_id}; it may be used up.")
        sandbox.store.commit()
        return {}

    return router


def _access_routes(sandbox: Sandbox) -> APIRouter:
    router = APIRouter()

    @router.post("/keys", status_code=201)
    async def add_key(given: KeyInput) -> dict[str, Any]:
        text = given.key or new_api_key()
        if not is_api_key(text):
            raise HTTPException(422, "The key has not the form of a V2 key: base64 of uuid:secret.")
        workspace = str(given.workspace)
        sandbox.ensure_workspace(workspace)
        sandbox.keys.add(text, Key(given.name, workspace, given.scopes, given.agency))
        sandbox.store.commit()
        return {"name": given.name, "key": text}

    @router.get("/keys")
    async def list_keys() -> dict[str, Any]:
        return {
            "items": [
                {"name": key.name, "scopes": key.scopes, "workspace": key.workspace, "agency": key.agency}
                for key in sandbox.keys
            ]
        }

    @router.delete("/keys/{name}")
    async def revoke_key(name: str) -> dict[str, Any]:
        if not sandbox.keys.revoke(name):
            raise HTTPException(404, f"There is no key named {name}.")
        sandbox.store.commit()
        return {}

    @router.get("/workspaces")
    async def list_workspaces() -> dict[str, Any]:
        return {"items": [vars(workspace) for workspace in sandbox.workspaces]}

    @router.put("/workspaces/{workspace_id}")
    async def save_workspace(workspace_id: UUID, given: WorkspaceInput) -> dict[str, Any]:
        sandbox.ensure_workspace(str(workspace_id))
        workspace = sandbox.workspaces.get(str(workspace_id))
        assert workspace is not None  # noqa: S101 - it was ensured
        changed = Workspace(**{**vars(workspace), **given.model_dump(exclude_none=True)})
        sandbox.workspaces.save(changed)
        sandbox.store.commit()
        return vars(changed)

    return router


def _log_routes(sandbox: Sandbox) -> APIRouter:
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


def _sandbox_routes(sandbox: Sandbox) -> APIRouter:
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
        sandbox.campaigns.delete_all()
        sandbox.faults.remove(None)
        for workspace in list(sandbox.workspaces):
            sandbox.workspaces.save(Workspace(**{**vars(workspace), "paid": True, "lead_limit": None}))
        sandbox.ensure_default_key()
        _replace(sandbox, Settings())
        sandbox.windows.clear()
        sandbox.log.clear()
        return {}

    @router.get("/overview")
    async def overview(
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        offset: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        search: str | None = None,
    ) -> dict[str, Any]:
        """All that the page shows, in one answer."""
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
            "campaigns": [_seen(sandbox, campaign) for campaign in campaigns],
            "found": found,
            "faults": [fault.model_dump(by_alias=True) for fault in sandbox.faults.waiting()],
            "requests": sandbox.log.latest(30),
            "settings": sandbox.settings.model_dump(),
        }

    return router


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


def _new_campaigns(given: CampaignsInput) -> Iterator[NewCampaign]:
    script = None if given.script is None else parse_script(given.script)
    for number in range(1, given.count + 1):
        new = NewCampaign(
            workspace=str(given.workspace),
            name=given.name if given.count == 1 else f"{given.name} {number}",
            fields=given.fields,
            standing=Standing(given.status, given.not_sending_status),
            script=script,
            running=given.running,
            tags=given.tags,
            sending_status=given.sending_status,
        )
        yield new if given.id is None else replace(new, id=str(given.id))


def _seen(sandbox: Sandbox, campaign: Campaign) -> dict[str, Any]:
    """A campaign as the control API shows it."""
    row, standing = campaign.row, campaign.standing
    position = position_at(row["script"], row["started_at"], sandbox.clock.now())
    return {
        "id": campaign.id,
        "name": row["name"],
        "workspace": row["workspace"],
        "status": standing.status,
        "status_name": status_name(standing.status),
        "not_sending_status": standing.not_sending_status,
        "script": None if row["script"] is None else [step.model_dump() for step in load_script(row["script"])],
        "started_at": row["started_at"],
        "position": None if position is None else position._asdict(),
        "activations": sandbox.campaigns.activations_of(campaign.id),
    }
