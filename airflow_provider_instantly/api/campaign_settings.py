"""How a campaign sends: its limits and switches, its senders' tags, the variables it knows; parsed tolerantly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_instantly.api.parsing import count, flag
from airflow_provider_instantly.api.redaction import storable_text


@dataclass(frozen=True)
class CampaignSettings:
    """
    The settings of a campaign. Live answers omit what is null, and null is unknown, not off.

    :param sender_tags: ids of tags: accounts with one of them send for it, beside those that it names.
    :param daily_limit: the most e-mails a day, or None.
    :param daily_max_leads: the most leads a day that get their first e-mail, or None.
    :param email_gap: minutes between two e-mails of an account, or None.
    :param stop_on_reply: whether a lead that replies gets no more e-mails, or None.
    :param disable_bounce_protect: whether it goes on whatever bounces, or None.
    :param open_tracking: whether opens are tracked, or None.
    :param link_tracking: whether links are tracked, or None.
    :param core_variables: the names among its leads' own fields that it knows.
    :param custom_variables: the names beside these that it knows.
    """

    sender_tags: frozenset[str] = frozenset()
    daily_limit: int | None = None
    daily_max_leads: int | None = None
    email_gap: int | None = None
    stop_on_reply: bool | None = None
    disable_bounce_protect: bool | None = None
    open_tracking: bool | None = None
    link_tracking: bool | None = None
    core_variables: frozenset[str] = frozenset()
    custom_variables: frozenset[str] = frozenset()

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Self:
        """
        Parse the API's JSON object of a campaign. What is missing, null or of a wrong type counts as not there.

        :param document: the decoded JSON object.
        """
        tags = document.get("email_tag_list")
        return cls(
            sender_tags=frozenset(filter(None, map(storable_text, tags))) if isinstance(tags, list) else frozenset(),
            daily_limit=count(document.get("daily_limit")),
            daily_max_leads=count(document.get("daily_max_leads")),
            email_gap=count(document.get("email_gap")),
            stop_on_reply=flag(document.get("stop_on_reply")),
            disable_bounce_protect=flag(document.get("disable_bounce_protect")),
            open_tracking=flag(document.get("open_tracking")),
            link_tracking=flag(document.get("link_tracking")),
            core_variables=_names(document.get("core_variables")),
            custom_variables=_names(document.get("custom_variables")),
        )

    @property
    def tracks(self) -> bool:
        """Whether opens or links are tracked, for which a domain is needed."""
        return self.open_tracking is True or self.link_tracking is True


def _names(value: object) -> frozenset[str]:
    """Live it is an object whose keys are the names, each ``true``. They are case-sensitive and stay as they are."""
    if not isinstance(value, Mapping):
        return frozenset()
    return frozenset(name for name, is_there in value.items() if isinstance(name, str) and is_there is not False)
