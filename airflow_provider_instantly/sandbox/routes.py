"""The API itself: from a request to an answer, as the service would give it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_instantly.sandbox.answers import (
    JSON,
    Answer,
    RefusedError,
    decoded,
    error_answer,
    json_answer,
)
from airflow_provider_instantly.sandbox.campaigns import Campaign, CampaignNotFoundError, Filter, NewCampaign
from airflow_provider_instantly.sandbox.clock import timestamp
from airflow_provider_instantly.sandbox.contract import Operation, operations
from airflow_provider_instantly.sandbox.edge import ENTRY, LARGEST_BODY
from airflow_provider_instantly.sandbox.leads import analytics
from airflow_provider_instantly.sandbox.limits import SlidingWindows
from airflow_provider_instantly.sandbox.sendingstatus import sending_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

    from airflow_provider_instantly.sandbox.auth import Key, Workspace
    from airflow_provider_instantly.sandbox.requestlog import Entry
    from airflow_provider_instantly.sandbox.state import Sandbox

_NO_BODY = object()


@dataclass(frozen=True)
class Call:
    """
    A request that is known to be allowed and well-formed.

    :param sandbox: what it is for.
    :param caller: whose key it carries.
    :param workspace: what it acts on.
    :param parameters: its path and query parameters, in their own types.
    :param body: its decoded body, or None.
    :param entry: its line in the log.
    """

    sandbox: Sandbox
    caller: Key
    workspace: Workspace
    parameters: Mapping[str, Any]
    body: Any
    entry: Entry

    def campaign(self) -> Campaign:
        """The campaign that the path names."""
        return self.sandbox.campaigns.get(self.parameters["id"], self.workspace.id)


def add_routes(app: FastAPI, sandbox: Sandbox) -> None:
    """
    Serve the contract's operations.

    :param app: the application.
    :param sandbox: what they act on.
    """
    for operation in operations():
        app.add_route(operation.path, _endpoint(operation, sandbox), methods=[operation.method])


def _endpoint(operation: Operation, sandbox: Sandbox) -> Callable[[Request], Awaitable[Response]]:
    handler = _HANDLERS[operation.id]

    async def endpoint(request: Request) -> Response:
        try:
            answer = handler(await _call(operation, sandbox, request))
        except RefusedError as refused:
            answer = refused.answer
        except CampaignNotFoundError:
            # Instantly documents a 400 whose body says 404 for these two.
            status = 400 if operation.id in ("activateCampaign", "pauseCampaign") else 404
            answer = error_answer(status, "Campaign not found", said_status=404)
        return Response(answer.body, answer.status, answer.headers, answer.content_type)

    return endpoint


async def _call(operation: Operation, sandbox: Sandbox, request: Request) -> Call:
    """
    Check the request in the order of the service: key, limits, scope, body, parameters.

    :raises RefusedError: at the first check that fails.
    """
    entry: Entry = request.scope[ENTRY]
    caller = sandbox.keys.caller(request.headers.get("authorization"))
    entry.key = caller.name
    workspace = sandbox.workspaces.acted_on(caller, request.headers.get("x-as-workspace"))
    entry.workspace = workspace.id
    _limit(sandbox, workspace.id)
    if not caller.may(operation.scope):
        raise RefusedError(403, f"The API key lacks the scope {operation.scope}")
    body = await _body(request)
    query: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        query.setdefault(name, []).append(value)
    parameters = operation.check_parameters(request.path_params, query)
    if body is not _NO_BODY:
        operation.check_body(body)
    elif operation.body_required:
        raise RefusedError(400, "body must be object")
    else:
        body = None
    return Call(sandbox, caller, workspace, parameters, body, entry)


def _limit(sandbox: Sandbox, workspace_id: str) -> None:
    settings = sandbox.settings
    if not settings.limits_enabled:
        return
    windows = sandbox.windows.setdefault(workspace_id, SlidingWindows())
    wait = windows.wait(time.monotonic(), settings.requests_per_second, settings.requests_per_minute)
    if wait:
        headers = {"retry-after": str(max(1, round(wait + 0.5)))} if settings.retry_after else {}
        raise RefusedError(429, "Too many requests, please slow down", headers=headers)


async def _body(request: Request) -> Any:
    """The decoded JSON body, or ``_NO_BODY``."""
    if request.method == "GET":
        return _NO_BODY
    raw = bytearray()
    async for piece in request.stream():
        raw.extend(piece)
        if len(raw) > LARGEST_BODY:
            raise RefusedError(413, "Request body is too large")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not raw:
        if content_type == "application/json":
            raise RefusedError(400, "Body cannot be empty when content-type is set to 'application/json'")
        return _NO_BODY
    if content_type != "application/json":
        raise RefusedError(415, f"Unsupported Media Type: {content_type or 'none'}")
    try:
        return decoded(raw)
    except ValueError:
        raise RefusedError(400, "Body is not valid JSON but content-type is set to 'application/json'") from None


def _list_campaigns(call: Call) -> Answer:
    asked = call.parameters
    limit = asked.get("limit", 10)
    where = Filter(
        search=asked.get("search"),
        tags=frozenset(filter(None, asked.get("tag_ids", "").split(","))),
        ai_sales_agent=asked.get("ai_sales_agent_id") or None,
        status=asked.get("status"),
        exclude_status=asked.get("exclude_status"),
    )
    found = call.sandbox.campaigns.read(call.workspace.id, where, asked.get("starting_after", "").lower())
    page = list(islice(found, limit + 1))
    more, page = len(page) > limit, page[:limit]
    items = ",".join(campaign.json() for campaign in page)
    cursor = _cursor(call.sandbox.settings.cursor, page, full=len(page) == limit, more=more)
    tail = "" if cursor is None else f',"next_starting_after":"{cursor}"'
    return Answer(200, f'{{"items":[{items}]{tail}}}'.encode())


def _cursor(kind: str, page: list[Campaign], *, full: bool, more: bool) -> str | None:
    """The cursor behind a page, or None if it carries none. Live, even the last page had one."""
    if page and (more or kind == "always" or (kind == "full_page" and full)):
        return page[-1].id
    return "" if kind == "empty" else None


def _create_campaign(call: Call) -> Answer:
    new = NewCampaign(workspace=call.workspace.id, name=call.body["name"], fields=call.body)
    call.sandbox.campaigns.create([new], call.caller.name)
    call.entry.effect = "created"
    return _campaign(call.sandbox.campaigns.get(new.id))


def _get_campaign(call: Call) -> Answer:
    return _campaign(call.campaign(), with_reason=True)


def _patch_campaign(call: Call) -> Answer:
    campaigns = call.sandbox.campaigns
    changed = campaigns.change(call.parameters["id"], call.workspace.id, call.body, call.caller.name)
    call.entry.effect = "patched"
    return _campaign(changed)


def _delete_campaign(call: Call) -> Answer:
    deleted = call.sandbox.campaigns.delete(call.parameters["id"], call.workspace.id, call.caller.name)
    call.entry.effect = "deleted"
    return _campaign(deleted)


def _duplicate_campaign(call: Call) -> Answer:
    name = (call.body or {}).get("name")
    copy = call.sandbox.campaigns.duplicate(call.parameters["id"], call.workspace.id, name, call.caller.name)
    call.entry.effect = "duplicated"
    return _campaign(copy)


def _activate_campaign(call: Call) -> Answer:
    campaign = call.sandbox.campaigns.activate(call.parameters["id"], call.workspace.id, call.caller.name)
    call.entry.effect = "activated"
    # The answer says Active whatever follows, as live: health states arrive later.
    return _campaign(campaign.as_active())


def _pause_campaign(call: Call) -> Answer:
    campaign = call.sandbox.campaigns.pause(call.parameters["id"], call.workspace.id, call.caller.name)
    call.entry.effect = "paused"
    return _campaign(campaign)


def _get_sending_status(call: Call) -> Answer:
    return json_answer(sending_status(call.campaign(), call.sandbox.clock.now()))


def _get_campaign_analytics(call: Call) -> Answer:
    given = [*call.parameters.get("ids", []), *filter(None, [call.parameters.get("id")])]
    asked = {campaign_id.lower() for campaign_id in given}
    campaigns = call.sandbox.campaigns
    found = (
        (campaign, call.sandbox.leads.count(campaign.id))
        for campaign in campaigns.read(call.workspace.id, Filter())
        if (not asked or campaign.id in asked) and campaigns.activations_of(campaign.id)
    )
    # Live, campaigns that never sent are not in it.
    return json_answer(
        [
            analytics(campaign.id, campaign.row["name"], campaign.standing.status, leads)
            for campaign, leads in found
            if leads
        ]
    )


def _add_leads(call: Call) -> Answer:
    campaign_id = call.body.get("campaign_id")
    if campaign_id is not None:
        call.sandbox.campaigns.get(campaign_id, call.workspace.id)
    added = call.sandbox.leads.add(call.workspace.id, call.body)
    if added["leads_uploaded"]:
        call.entry.effect = "leads_added"
    return json_answer(added)


def _get_current_workspace(call: Call) -> Answer:
    workspace = call.workspace
    created = timestamp(workspace.created_at)
    return json_answer(
        {
            "id": workspace.id,
            "timestamp_created": created,
            "timestamp_updated": created,
            "owner": workspace.id,
            "name": workspace.name,
        }
    )


def _campaign(campaign: Campaign, *, with_reason: bool = False) -> Answer:
    return Answer(200, campaign.json(with_reason=with_reason).encode(), JSON)


_HANDLERS: Mapping[str, Callable[[Call], Answer]] = {
    "listCampaigns": _list_campaigns,
    "createCampaign": _create_campaign,
    "getCampaign": _get_campaign,
    "patchCampaign": _patch_campaign,
    "deleteCampaign": _delete_campaign,
    "duplicateCampaign": _duplicate_campaign,
    "activateCampaign": _activate_campaign,
    "pauseCampaign": _pause_campaign,
    "getSendingStatus": _get_sending_status,
    "getCampaignAnalytics": _get_campaign_analytics,
    "addLeads": _add_leads,
    "getCurrentWorkspace": _get_current_workspace,
}
