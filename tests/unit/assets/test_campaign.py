"""Campaigns as assets: one form of each address, known to Airflow through the provider info."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_instantly.assets.campaign import ALL_CAMPAIGNS_URI, campaign_uri, sanitize_uri
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

CAMPAIGN = "5a3d0e5e-0001-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("instantly://campaigns", "instantly://campaigns"),
        ("instantly://campaigns/", "instantly://campaigns"),
        ("instantly://CAMPAIGNS", "instantly://campaigns"),
        (f"instantly://campaigns/{CAMPAIGN}", f"instantly://campaigns/{CAMPAIGN}"),
        (f"instantly://Campaigns/{CAMPAIGN.upper()}/", f"instantly://campaigns/{CAMPAIGN}"),
    ],
)
def test_an_address_has_one_form(written: str, form: str) -> None:
    assert sanitize_uri(urlsplit(written)).geturl() == form
    assert sanitize_uri(urlsplit(form)).geturl() == form


@pytest.mark.parametrize(
    "wrong",
    [
        f"instantly://{CAMPAIGN}",
        f"instantly://leads/{CAMPAIGN}",
        "instantly://campaigns/spring",
        f"instantly://campaigns/{CAMPAIGN}/leads",
        f"instantly://campaigns/{CAMPAIGN}?key=x",
        "instantly://campaigns#all",
        "instantly://user:secret@campaigns",
        "instantly:///campaigns",
    ],
)
def test_an_address_of_anything_else_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="instantly://") as refused:
        sanitize_uri(urlsplit(wrong))
    assert "secret" not in str(refused.value)


def test_the_address_of_a_campaign() -> None:
    assert campaign_uri(CAMPAIGN.upper()) == f"{ALL_CAMPAIGNS_URI}/{CAMPAIGN}"
    with pytest.raises(ValueError, match="UUID"):
        campaign_uri("spring")


def test_airflow_knows_the_scheme() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    found = [getattr(manager, name, {}) for name in ("asset_uri_handlers", "dataset_uri_handlers")]

    assert any(handlers.get("instantly") is sanitize_uri for handlers in found)


def test_airflow_brings_an_assets_address_into_its_form() -> None:
    assert Asset(f"instantly://Campaigns/{CAMPAIGN.upper()}/").uri == f"instantly://campaigns/{CAMPAIGN}"


class OutletEvents(dict[Any, Any]):
    """What Airflow gives a task for the events of its outlets."""

    class Event:
        """One event."""

        extra: dict[str, Any] | None = None

    def __missing__(self, outlet: Any) -> Event:
        event = self[outlet] = self.Event()
        return event


@pytest.mark.parametrize("wait", [{}, {"wait_for_active": True, "deferrable": True, "poll_interval": 0.1}])
def test_a_launch_announces_the_campaign_and_how_it_stands(
    sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]
) -> None:
    cid = sandbox.add_campaign("Spring", script=[(0, "active")])
    events, outlets = OutletEvents(), [Asset(campaign_uri(cid)), Asset(ALL_CAMPAIGNS_URI)]
    operator = ActivateCampaignOperator(task_id="launch", campaign_id=cid, outlets=outlets, **wait)

    run = run_task(operator, outlet_events=events)

    assert run.error is None
    announced = {"id": cid, "status": 1, "status_name": "Active"}
    assert [events[outlet].extra for outlet in outlets] == [announced, announced]


def test_a_launch_that_fails_announces_nothing(sandbox: SandboxClient, run_task: Any) -> None:
    cid = sandbox.add_campaign("Spring", status="bounce_protect")
    events, outlet = OutletEvents(), Asset(campaign_uri(cid))

    run = run_task(ActivateCampaignOperator(task_id="launch", campaign_id=cid, outlets=[outlet]), outlet_events=events)

    assert run.error is not None
    assert events == {}
