"""What goes wrong: faults that wait for requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException

from airflow_provider_instantly.sandbox.faults import Fault

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.state import Sandbox


def fault_routes(sandbox: Sandbox) -> APIRouter:
    """
    What is asked about faults.

    :param sandbox: what it controls.
    """
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
