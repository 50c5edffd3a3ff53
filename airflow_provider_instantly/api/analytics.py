"""
The figures of campaigns, parsed tolerantly.

They tell what was sent, and never how a campaign stands: their ``campaign_status`` has disagreed with the campaign's
own. A campaign that never sent has no figures at all, which is not the same as zeros.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_instantly.api.campaign import answered_id
from airflow_provider_instantly.api.parsing import count
from airflow_provider_instantly.api.redaction import storable_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class CampaignAnalytics:
    """
    The figures of one campaign; each is None where the answer does not have it, or has a number below zero.

    :param campaign_id: the campaign's UUID in lower case, or an empty string.
    :param name: its name, or an empty string.
    :param leads: its leads.
    :param contacted: documented as leads that were written to; seen to follow the e-mails sent.
    :param sent: e-mails sent.
    :param bounced: e-mails that came back.
    :param replied: replies.
    :param unsubscribed: leads that unsubscribed.
    :param completed: leads that are done.
    """

    campaign_id: str
    name: str = ""
    leads: int | None = None
    contacted: int | None = None
    sent: int | None = None
    bounced: int | None = None
    replied: int | None = None
    unsubscribed: int | None = None
    completed: int | None = None

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Self:
        """
        Parse one element of the answer of ``GET /campaigns/analytics``.

        :param document: the decoded JSON object.
        """
        return cls(
            campaign_id=answered_id(document.get("campaign_id")) or "",
            name=storable_text(document.get("campaign_name")),
            leads=count(document.get("leads_count")),
            contacted=count(document.get("contacted_count")),
            sent=count(document.get("emails_sent_count")),
            bounced=count(document.get("bounced_count")),
            replied=count(document.get("reply_count")),
            unsubscribed=count(document.get("unsubscribed_count")),
            completed=count(document.get("completed_count")),
        )


@dataclass(frozen=True)
class PartAnalytics:
    """
    The figures of one day, or of one variant of a step; each is None where the answer does not have it.

    :param date: the day by UTC, ``YYYY-MM-DD``, or an empty string.
    :param step: the step, counted from "0", or an empty string.
    :param variant: the variant, counted from "0", or an empty string.
    :param sent: e-mails sent.
    :param replied: replies.
    :param opened: e-mails opened.
    :param clicked: links clicked.
    """

    date: str = ""
    step: str = ""
    variant: str = ""
    sent: int | None = None
    replied: int | None = None
    opened: int | None = None
    clicked: int | None = None

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Self:
        """
        Parse one element of the answer of ``GET /campaigns/analytics/daily`` or ``/steps``.

        :param document: the decoded JSON object.
        """
        return cls(
            date=_day(document.get("date")),
            step=storable_text(document.get("step")),
            variant=storable_text(document.get("variant")),
            sent=count(document.get("sent")),
            replied=count(document.get("replies")),
            opened=count(document.get("opened")),
            clicked=count(document.get("clicks")),
        )


def _day(value: object) -> str:
    found = _DAY.match(value) if isinstance(value, str) else None
    return "" if found is None else found[0]
