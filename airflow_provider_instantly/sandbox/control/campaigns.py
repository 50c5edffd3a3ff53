"""The campaigns: created, changed, shown, and what is done to them as Instantly or a person does it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query

from airflow_provider_instantly.sandbox.campaigns import Campaign, Filter, NewCampaign
from airflow_provider_instantly.sandbox.control.forms import CampaignChange, CampaignsInput, ScriptInput
from airflow_provider_instantly.sandbox.picture import picture
from airflow_provider_instantly.sandbox.scripts import (
    BOUNCE_PROTECT,
    Number,
    Standing,
    load_script,
    parse_script,
    position_at,
    status_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.state import Sandbox

_ACTOR = "control API"


def campaign_routes(sandbox: Sandbox) -> APIRouter:
    """
    What is asked about campaigns.

    :param sandbox: what it controls.
    """
    router = APIRouter()
    for add in (_add_many, _add_one, _add_contents, _add_actions):
        add(router, sandbox)
    return router


def _add_many(router: APIRouter, sandbox: Sandbox) -> None:
    """All campaigns, or many alike."""
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
        return {"items": [seen(sandbox, campaign) for campaign in islice(found, limit)]}

    @router.delete("/campaigns")
    async def delete_campaigns() -> dict[str, Any]:
        campaigns.delete_all()
        sandbox.store.commit()
        return {}


def _add_one(router: APIRouter, sandbox: Sandbox) -> None:
    campaigns = sandbox.campaigns

    @router.get("/campaigns/{campaign_id}")
    async def get_campaign(campaign_id: UUID) -> dict[str, Any]:
        campaign = campaigns.get(str(campaign_id))
        return {
            **seen(sandbox, campaign),
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
        return seen(sandbox, campaigns.get(campaign.id))

    @router.delete("/campaigns/{campaign_id}")
    async def delete_campaign(campaign_id: UUID) -> dict[str, Any]:
        deleted = campaigns.delete(str(campaign_id), None, _ACTOR)
        sandbox.store.commit()
        return {"id": deleted.id}


def _add_contents(router: APIRouter, sandbox: Sandbox) -> None:
    """Whom a campaign writes to, and what it sent."""

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
        return {**seen(sandbox, campaign), **picture(sandbox, campaign)}


def _add_actions(router: APIRouter, sandbox: Sandbox) -> None:
    """What is done to a campaign, and what was done."""
    campaigns = sandbox.campaigns

    @router.post("/campaigns/{campaign_id}/script")
    async def set_script(campaign_id: UUID, given: ScriptInput) -> dict[str, Any]:
        script = None if given.steps is None else parse_script(given.steps)
        changed = campaigns.set_script(str(campaign_id), script, start=given.start)
        sandbox.store.commit()
        return seen(sandbox, changed)

    @router.post("/campaigns/{campaign_id}/activate")
    async def activate(campaign_id: UUID) -> dict[str, Any]:
        campaign = campaigns.get(str(campaign_id))
        campaigns.activate(campaign.id, campaign.row["workspace"], _ACTOR)
        sandbox.store.commit()
        return seen(sandbox, campaigns.get(campaign.id))

    @router.post("/campaigns/{campaign_id}/pause")
    async def pause(campaign_id: UUID) -> dict[str, Any]:
        paused = campaigns.pause(str(campaign_id), None, _ACTOR)
        sandbox.store.commit()
        return seen(sandbox, paused)

    @router.post("/campaigns/{campaign_id}/bounce-protect")
    async def trip_bounce_protection(campaign_id: UUID) -> dict[str, Any]:
        stopped = campaigns.set_standing(str(campaign_id), Standing(BOUNCE_PROTECT, None), _ACTOR)
        sandbox.store.commit()
        return seen(sandbox, stopped)

    @router.get("/activations")
    async def activations() -> dict[str, Any]:
        return {"items": campaigns.activations()}


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


def seen(sandbox: Sandbox, campaign: Campaign) -> dict[str, Any]:
    """
    A campaign as the control API shows it.

    :param sandbox: where it is.
    :param campaign: the campaign.
    """
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
