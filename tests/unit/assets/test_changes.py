"""The asset of what a watcher reports: its address is never that of what tasks have done."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES
from airflow_provider_instantly.assets.campaign import ALL_CAMPAIGNS_URI
from airflow_provider_instantly.assets.changes import changes_asset
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger
from tests.airflow_versions import encode_trigger


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 has no watchers")
class TestOnAirflow3:
    def test_it_has_an_address_of_its_own_and_its_watcher(self) -> None:
        trigger = CampaignChangeTrigger(to_statuses=STOPPED_STATUSES)

        asset = changes_asset("stopped", trigger)

        assert (asset.name, asset.uri) == ("instantly://changes/stopped", "instantly://changes/stopped")
        assert not asset.uri.startswith(ALL_CAMPAIGNS_URI)
        [watcher] = asset.watchers
        assert (watcher.name, watcher.trigger) == ("stopped", trigger)

    def test_two_names_are_two_assets(self) -> None:
        stopped, launched = (changes_asset(name, CampaignChangeTrigger()) for name in ("stopped", "launched"))
        assert stopped.uri != launched.uri

    def test_two_files_that_name_it_alike_share_its_watcher(self) -> None:
        """When it parses a file, Airflow takes away all watchers of an asset but those with the triggers there."""
        one, other = (
            changes_asset("stopped", CampaignChangeTrigger(to_statuses=statuses))
            for statuses in (sorted(STOPPED_STATUSES), STOPPED_STATUSES)
        )
        assert encode_trigger(one.watchers[0].trigger) == encode_trigger(other.watchers[0].trigger)


@pytest.mark.parametrize("name", ["", "two words", "a/b"])
def test_a_name_that_is_no_part_of_an_address_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name of an asset of changes"):
        changes_asset(name, CampaignChangeTrigger())


@pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="Airflow 3 has watchers")
def test_airflow_2_is_informed_of_what_it_lacks() -> None:
    with pytest.raises(RuntimeError, match=r"instantly://changes/stopped cannot be watched.* Airflow 3\.0"):
        changes_asset("stopped", CampaignChangeTrigger())
