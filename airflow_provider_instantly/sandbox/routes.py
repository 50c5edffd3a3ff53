"""The API itself: from a request to an answer, as the service would give it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from starlette.responses import Response

from airflow_provider_instantly.sandbox.accounts import AccountNotFoundError
from airflow_provider_instantly.sandbox.analytics import is_date
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
from airflow_provider_instantly.sandbox.edge import ENTRY
from airflow_provider_instantly.sandbox.jobs import JobNotFoundError
from airflow_provider_instantly.sandbox.leads import LeadNotFoundError, PlanExhaustedError
from airflow_provider_instantly.sandbox.limits import SlidingWindows
from airflow_provider_instantly.sandbox.sending_status import sending_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

    from airflow_provider_instantly.sandbox.auth import Key, Workspace
    from airflow_provider_instantly.sandbox.request_log import Entry
    from airflow_provider_instantly.sandbox.state import Sandbox

T = TypeVar("T")
_NO_BODY = object()
#: How many leads a plan stores that has no limit here. Instantly's plans always have one.
_PLENTY: Final = 1_000_000_000
_MISSING: Mapping[type[Exception], str] = {
    AccountNotFoundError: "Account not found",
    JobNotFoundError: "Background job not found",
    LeadNotFoundError: "Lead not found",
}


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
        except (AccountNotFoundError, JobNotFoundError, LeadNotFoundError) as missing:
            answer = error_answer(404, _MISSING[type(missing)])
        except PlanExhaustedError:
            answer = error_answer(402, "The plan has no room for these leads")
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
    sandbox.sending.catch_up()
    body = await _body(request, sandbox.settings.max_body_bytes)
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


async def _body(request: Request, largest: int) -> Any:
    """The decoded JSON body, or ``_NO_BODY``."""
    if request.method == "GET":
        return _NO_BODY
    raw = bytearray()
    async for piece in request.stream():
        raw.extend(piece)
        if len(raw) > largest:
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
    page, cursor = _cut(call, found, limit, lambda campaign: campaign.id)
    items = ",".join(campaign.json() for campaign in page)
    tail = "" if cursor is None else f',"next_starting_after":"{cursor}"'
    return Answer(200, f'{{"items":[{items}]{tail}}}'.encode())


def _page(
    call: Call, found: Iterator[T], limit: int, cursor_of: Callable[[T], str], document_of: Callable[[T], Any]
) -> Answer:
    """A page of a list, with the cursor behind it."""
    page, cursor = _cut(call, found, limit, cursor_of)
    tail = {} if cursor is None else {"next_starting_after": cursor}
    return json_answer({"items": [document_of(each) for each in page], **tail})


def _cut(call: Call, found: Iterator[T], limit: int, cursor_of: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The first items, and the cursor behind them, or None if there is none. Live, even the last page had one."""
    kind = call.sandbox.settings.cursor
    page = list(islice(found, limit + 1))
    more, page = len(page) > limit, page[:limit]
    if page and (more or kind == "always" or (kind == "full_page" and len(page) == limit)):
        return page, cursor_of(page[-1])
    return page, "" if kind == "empty" else None


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
    figures = (call.sandbox.analytics.of(campaign, call.parameters) for campaign in _asked_for(call, given))
    # Live, campaigns that never sent are not in it.
    return json_answer([each for each in figures if each is not None])


def _get_daily_campaign_analytics(call: Call) -> Answer:
    return _parts(call, call.sandbox.analytics.daily)


def _get_step_campaign_analytics(call: Call) -> Answer:
    return _parts(call, call.sandbox.analytics.steps)


def _parts(call: Call, of: Callable[[Campaign, Mapping[str, Any]], list[dict[str, Any]]]) -> Answer:
    """The rows of the campaigns that are asked for, one campaign after the other."""
    given = [call.parameters["campaign_id"]] if call.parameters.get("campaign_id") else []
    status = call.parameters.get("campaign_status")
    campaigns = [each for each in _asked_for(call, given) if status in (None, each.standing.status)]
    return json_answer([row for campaign in campaigns for row in of(campaign, call.parameters)])


def _asked_for(call: Call, given: list[str]) -> Iterator[Campaign]:
    """The campaigns that a request for figures names, or all of the workspace."""
    for name in ("start_date", "end_date"):
        if not is_date(call.parameters.get(name)):
            raise RefusedError(400, f"querystring/{name} is no date")
    asked = {campaign_id.lower() for campaign_id in given}
    campaigns = call.sandbox.campaigns.read(call.workspace.id, Filter())
    return (campaign for campaign in campaigns if not asked or campaign.id in asked)


def _add_leads(call: Call) -> Answer:
    campaign_id = call.body.get("campaign_id")
    if campaign_id is not None:
        call.sandbox.campaigns.get(campaign_id, call.workspace.id)
    added = call.sandbox.leads.add(call.workspace.id, call.body, call.sandbox.room(call.workspace))
    if added["leads_uploaded"]:
        call.entry.effect = "leads_added"
    return json_answer(added)


def _list_leads(call: Call) -> Answer:
    asked = call.body or {}
    found = call.sandbox.leads.read(call.workspace.id, asked)
    return _page(call, found, asked.get("limit", 10), lambda lead: lead.id, lambda lead: lead.document())


def _get_lead(call: Call) -> Answer:
    return json_answer(call.sandbox.leads.get(call.workspace.id, call.parameters["id"]).document())


def _delete_lead(call: Call) -> Answer:
    lead = call.sandbox.leads.get(call.workspace.id, call.parameters["id"])
    call.sandbox.leads.delete(call.workspace.id, {"ids": [lead.id]})
    call.entry.effect = "leads_deleted"
    return json_answer(lead.document())


def _delete_leads(call: Call) -> Answer:
    if call.body is None:
        raise RefusedError(400, "body must be object")
    count = call.sandbox.leads.delete(call.workspace.id, call.body)
    if count:
        call.entry.effect = "leads_deleted"
    return json_answer({"count": count})


def _move_leads(call: Call) -> Answer:
    asked = call.body or {}
    target = asked.get("to_campaign_id")
    if target is not None:
        call.sandbox.campaigns.get(target, call.workspace.id)
    elif asked.get("to_list_id") is None:
        raise RefusedError(400, "body must name to_campaign_id or to_list_id")
    moved, found = call.sandbox.leads.move(call.workspace.id, asked)
    if moved:
        call.entry.effect = "leads_moved"
    return json_answer(call.sandbox.jobs.add_move(call.workspace.id, asked, moved, found))


def _get_background_job(call: Call) -> Answer:
    return json_answer(call.sandbox.jobs.get(call.workspace.id, call.parameters["id"]))


def _list_block_list_entries(call: Call) -> Answer:
    asked = call.parameters
    found = call.sandbox.block_list.read(
        call.workspace.id,
        search=asked.get("search"),
        domains_only=asked.get("domains_only", False),
        starting_after=asked.get("starting_after"),
    )
    return _page(call, found, asked.get("limit", 10), lambda entry: str(entry["id"]), lambda entry: entry)


def _add_block_list_entries(call: Call) -> Answer:
    entries, invalid = call.sandbox.block_list.add(call.workspace.id, call.body["bl_values"])
    if entries:
        call.entry.effect = "blocked"
    return json_answer({"items": entries, "valid_count": len(entries), "invalid_count": invalid})


def _get_plan(call: Call) -> Answer:
    workspace = call.workspace
    limit = _PLENTY if workspace.lead_limit is None else workspace.lead_limit
    outreach: dict[str, Any] = {"plan_name": "Sandbox", "addons_qty": 0}
    outreach["total_lead_limit"] = outreach["base_lead_limit"] = limit
    outreach["current_lead_count"] = call.sandbox.leads.count(workspace.id)
    return json_answer(
        {
            "organization_id": workspace.id,
            "organization_name": workspace.name,
            "subscriptions": {"outreach": outreach},
            "addons": {},
        }
    )


def _list_accounts(call: Call) -> Answer:
    asked = call.parameters
    found = call.sandbox.accounts.read(call.workspace.id, asked)
    tags = asked.get("include_tags", False)
    return _page(
        call, found, asked.get("limit", 10), lambda account: account.cursor, lambda a: a.document(with_tags=tags)
    )


def _get_account(call: Call) -> Answer:
    return json_answer(call.sandbox.accounts.get(call.workspace.id, call.parameters["email"]).document())


def _get_warmup_analytics(call: Call) -> Answer:
    return json_answer(call.sandbox.accounts.warmup(call.workspace.id, call.body["emails"]))


def _test_account_vitals(call: Call) -> Answer:
    return json_answer(call.sandbox.accounts.vitals(call.workspace.id, (call.body or {}).get("accounts", [])))


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
    "getDailyCampaignAnalytics": _get_daily_campaign_analytics,
    "getStepCampaignAnalytics": _get_step_campaign_analytics,
    "addLeads": _add_leads,
    "listLeads": _list_leads,
    "getLead": _get_lead,
    "deleteLead": _delete_lead,
    "deleteLeads": _delete_leads,
    "moveLeads": _move_leads,
    "getBackgroundJob": _get_background_job,
    "listBlockListEntries": _list_block_list_entries,
    "addBlockListEntries": _add_block_list_entries,
    "getPlan": _get_plan,
    "listAccounts": _list_accounts,
    "getAccount": _get_account,
    "getWarmupAnalytics": _get_warmup_analytics,
    "testAccountVitals": _test_account_vitals,
    "getCurrentWorkspace": _get_current_workspace,
}
