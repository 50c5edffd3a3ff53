"""What Airflow's own `ProvidersManager` makes of the provider: wrong keys in the provider info pass in silence."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers_manager import ProvidersManager


@pytest.fixture(scope="module")
def manager() -> ProvidersManager:
    return ProvidersManager()  # type: ignore[no-untyped-call]


def test_the_provider_is_known_under_the_name_of_its_distribution(manager: ProvidersManager) -> None:
    provider = manager.providers["airflow-provider-instantly"]

    assert provider.data["name"] == "Instantly"


@pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")
def test_the_connection_type_leads_to_the_hook(manager: ProvidersManager) -> None:
    hook = manager.hooks["instantly"]

    assert hook is not None
    assert hook.hook_class_name == "airflow_provider_instantly.hooks.instantly.InstantlyHook"
    assert hook.package_name == "airflow-provider-instantly"
    assert (hook.connection_id_attribute_name, hook.hook_name) == ("instantly_conn_id", "Instantly")
    assert hook.connection_testable


def test_the_connection_form_asks_for_what_the_hook_reads(manager: ProvidersManager) -> None:
    behaviour = manager.field_behaviours["instantly"]

    assert behaviour["relabeling"] == {"host": "Base URL", "password": "API key"}
    assert set(behaviour["hidden_fields"]) == {"login", "schema"}
    assert {name for name in manager.connection_form_widgets if name.startswith("extra__instantly__")} == {
        f"extra__instantly__{field}"
        for field in ("workspace_id", "timeout", "max_retries", "allow_insecure_hosts", "app_url")
    }


def test_the_link_is_known(manager: ProvidersManager) -> None:
    assert "airflow_provider_instantly.links.campaign.CampaignLink" in manager.extra_links_class_names


def test_the_notifier_is_known(manager: ProvidersManager) -> None:
    known: Any = manager.notification
    assert "airflow_provider_instantly.notifications.campaign.PauseCampaignNotifier" in known
