"""Who may do what: keys and workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException

from airflow_provider_instantly.sandbox.auth import Key, Workspace, is_api_key, new_api_key
from airflow_provider_instantly.sandbox.control.forms import KeyInput, WorkspaceInput

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.state import Sandbox


def access_routes(sandbox: Sandbox) -> APIRouter:
    """
    What is asked about keys and workspaces.

    :param sandbox: what it controls.
    """
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
