"""The addresses of assets: one form of each, known to Airflow through the provider info."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_instantly.assets.campaign import (
    ALL_CAMPAIGNS_URI,
    CHANGES_URI,
    all_campaigns_asset,
    campaign_asset,
    campaign_uri,
    changes_uri,
    sanitize_uri,
)

CAMPAIGN = "5a3d0e5e-0001-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("instantly://campaigns", "instantly://campaigns"),
        ("instantly://campaigns/", "instantly://campaigns"),
        ("instantly://CAMPAIGNS", "instantly://campaigns"),
        (f"instantly://campaigns/{CAMPAIGN}", f"instantly://campaigns/{CAMPAIGN}"),
        (f"instantly://Campaigns/{CAMPAIGN.upper()}/", f"instantly://campaigns/{CAMPAIGN}"),
        ("instantly://changes/stopped", "instantly://changes/stopped"),
        ("instantly://Changes/Of-client_7.eu/", "instantly://changes/Of-client_7.eu"),
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
        "instantly://changes",
        "instantly://changes/",
        "instantly://changes/stopped/today",
        "instantly://changes/-2",
        "instantly://changes/of%20all",
        f"instantly://changes/{'x' * 101}",
        "instantly://changes/stopped?to=-2",
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


@pytest.mark.parametrize("name", ["stopped", "7", "of-client_7.EU", "x" * 100])
def test_the_address_of_what_a_watcher_reports(name: str) -> None:
    assert changes_uri(name) == f"{CHANGES_URI}/{name}"
    assert sanitize_uri(urlsplit(changes_uri(name))).geturl() == changes_uri(name)


@pytest.mark.parametrize("name", ["", " ", "two words", "a/b", "-x", "x" * 101, "ä", None, 7])
def test_a_watchers_name_is_part_of_an_address(name: object) -> None:
    with pytest.raises(ValueError, match="name of an asset of changes"):
        changes_uri(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("campaign_id", [CAMPAIGN, CAMPAIGN.upper(), UUID(CAMPAIGN)])
def test_the_asset_of_a_campaign_is_the_same_wherever_it_is_made(campaign_id: str | UUID) -> None:
    asset = campaign_asset(campaign_id)
    assert asset.uri == f"instantly://campaigns/{CAMPAIGN}"
    assert asset == Asset(f"instantly://campaigns/{CAMPAIGN}")


def test_a_template_is_no_campaign_yet() -> None:
    with pytest.raises(ValueError, match="UUID"):
        campaign_asset("{{ params.campaign_id }}")


def test_the_asset_of_all_campaigns() -> None:
    assert all_campaigns_asset() == Asset(ALL_CAMPAIGNS_URI)


def test_airflow_knows_the_scheme() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    found = [getattr(manager, name, {}) for name in ("asset_uri_handlers", "dataset_uri_handlers")]

    assert any(handlers.get("instantly") is sanitize_uri for handlers in found)


def test_airflow_brings_an_assets_address_into_its_form() -> None:
    assert Asset(f"instantly://Campaigns/{CAMPAIGN.upper()}/").uri == f"instantly://campaigns/{CAMPAIGN}"
