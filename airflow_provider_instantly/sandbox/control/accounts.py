"""The sending accounts: added, replaced and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException

from airflow_provider_instantly.sandbox.accounts import NewAccount
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from airflow_provider_instantly.sandbox.control.forms import AccountsInput

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.state import Sandbox


def account_routes(sandbox: Sandbox) -> APIRouter:
    """
    What is asked about the sending accounts.

    :param sandbox: what it controls.
    """
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

    return router
