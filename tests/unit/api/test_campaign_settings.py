"""How a campaign sends, as recorded live and as no answer should ever have it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.campaign_settings import CampaignSettings
from tests.unit.json_values import ANY_JSON


def test_as_recorded() -> None:
    document = {
        "first_email_text_only": True,
        "email_list": [],
        "daily_limit": 10,
        "stop_on_reply": True,
        "email_tag_list": [],
        "open_tracking": False,
        "core_variables": {"firstName": True},
        "custom_variables": {"another_var": True, "my_custom_var": True},
    }
    assert Campaign.from_api(document).settings == CampaignSettings(
        daily_limit=10,
        stop_on_reply=True,
        open_tracking=False,
        core_variables=frozenset({"firstName"}),
        custom_variables=frozenset({"another_var", "my_custom_var"}),
    )


def test_what_is_not_said_is_unknown_and_not_off() -> None:
    settings = CampaignSettings.from_api({"stop_on_reply": None, "disable_bounce_protect": None})
    assert (settings.stop_on_reply, settings.disable_bounce_protect, settings.tracks) == (None, None, False)


def test_names_of_variables_stay_as_they_are() -> None:
    assert CampaignSettings.from_api({"custom_variables": {"Ice  Breaker": True, "gone": False}}).custom_variables == {
        "Ice  Breaker"
    }


@pytest.mark.parametrize("name", ["open_tracking", "link_tracking"])
def test_tracking(name: str) -> None:
    assert CampaignSettings.from_api({name: True}).tracks


def test_tags() -> None:
    assert CampaignSettings.from_api({"email_tag_list": ["a", "", None, "b"]}).sender_tags == {"a", "b"}


@given(value=ANY_JSON)
def test_no_answer_breaks_it(value: Any) -> None:
    settings = CampaignSettings.from_api(
        dict.fromkeys(["email_tag_list", "daily_limit", "stop_on_reply", "core_variables", "custom_variables"], value)
    )
    assert all(isinstance(name, str) for name in settings.custom_variables | settings.sender_tags)
