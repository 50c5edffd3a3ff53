"""What the control API takes: an unknown name is a mistake, and said to be one."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from airflow_provider_instantly.sandbox.auth import ALL_SCOPES, DEFAULT_WORKSPACE, check_scopes
from airflow_provider_instantly.sandbox.scripts import Number, Status, Step


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
