"""
What makes a part of an answer one that was not asked for: a filter was not heeded, or another request was answered.

A service that does not know a filter ignores it, and answers with everything. Each function here names, without an
address, what it was given, or returns None where that fits. What an answer does not say, it does not deny.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from unicodedata import combining, normalize

from airflow_provider_instantly.api.account import each_domain
from airflow_provider_instantly.api.campaign import CampaignStatus, answered_id
from airflow_provider_instantly.api.lead import LeadStatus
from airflow_provider_instantly.api.redaction import storable_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_WITHOUT_A_STATUS: Final = (
    "FILTER_VAL_CONTACTED",
    "FILTER_VAL_NOT_CONTACTED",
    "FILTER_VAL_RISKY",
    "FILTER_VAL_INVALID",
    "FILTER_VAL_VALID",
    "FILTER_VAL_IN_SUBSEQUENCE",
    "FILTER_VAL_OPENED_NO_REPLY",
    "FILTER_VAL_COMPLETED_NO_REPLY",
    "FILTER_VAL_NO_OPENS",
    "FILTER_VAL_REPLIED",
    "FILTER_VAL_LINK_CLICKED",
    "FILTER_LEAD_INTERESTED",
    "FILTER_LEAD_NOT_INTERESTED",
    "FILTER_LEAD_MEETING_BOOKED",
    "FILTER_LEAD_MEETING_COMPLETED",
    "FILTER_LEAD_CLOSED",
    "FILTER_LEAD_OUT_OF_OFFICE",
    "FILTER_LEAD_WRONG_PERSON",
    "FILTER_LEAD_LOST",
    "FILTER_LEAD_NO_SHOW",
    "FILTER_LEAD_CUSTOM_LABEL_POSITIVE",
    "FILTER_LEAD_CUSTOM_LABEL_NEGATIVE",
)
#: The API's words for a filter of leads, and which statuses a lead may have that one fits; None where a lead does not
#: show whether it does. Source: ``POST /leads/list`` of the Instantly API V2.
LEAD_FILTERS: Final[Mapping[str, frozenset[LeadStatus] | None]] = MappingProxyType(
    {
        "FILTER_VAL_ACTIVE": frozenset({LeadStatus.IN_A_LIST, LeadStatus.ACTIVE, LeadStatus.PAUSED}),
        "FILTER_VAL_COMPLETED": frozenset({LeadStatus.COMPLETED}),
        "FILTER_VAL_BOUNCED": frozenset({LeadStatus.BOUNCED}),
        "FILTER_VAL_UNSUBSCRIBED": frozenset({LeadStatus.UNSUBSCRIBED}),
        "FILTER_VAL_SKIPPED": frozenset({LeadStatus.SKIPPED}),
        **dict.fromkeys(_WITHOUT_A_STATUS),
    }
)


def stray_campaign(
    item: Mapping[str, Any], *, status: int | None, exclude_status: int | None, search: str | None
) -> str | None:
    """
    What makes a campaign of a list one that was not asked for. It does not show its tags.

    :param item: the JSON object of the campaign.
    :param status: the status that was asked for, or None for any.
    :param exclude_status: the status that was not asked for, or None.
    :param search: what was searched for, or None. Instantly searches in names, and all that is said has dates and ids.
    """
    campaign_id = answered_id(item.get("id"))
    which = f"campaign {campaign_id}" if campaign_id else "a campaign"
    shown = CampaignStatus.from_api(item.get("status"))
    if shown is not None and status is not None and shown != status:
        return f"{which}, which is {shown.label}, where {CampaignStatus(status).label} was asked for"
    if shown is not None and shown == exclude_status:
        return f"{which}, which is {shown.label}, where all but that were asked for"
    return None if _have_words([item.get("name")], search) else f"{which}, which does not have what was searched for"


def stray_lead(
    item: Mapping[str, Any],
    *,
    place: Mapping[str, str],
    emails: Collection[str] | None = None,
    ids: Collection[str] | None = None,
    filter: str | None = None,
) -> str | None:
    """
    What makes a lead of a list one that was not asked for.

    :param item: the JSON object of the lead.
    :param place: ``campaign_id`` or ``list_id`` that was asked for.
    :param emails: the addresses that were asked for, in lower case, or None for any.
    :param ids: the leads that were asked for, in lower case, or None for any.
    :param filter: the filter that was asked for, or None.
    """
    lead_id = answered_id(item.get("id"))
    which = f"lead {lead_id}" if lead_id else "a lead"
    for name, key in (("campaign_id", "campaign"), ("list_id", "list_id")):
        if name in place and answered_id(item.get(key)) != place[name].lower():
            return f"{which}, which is not in the {name.removesuffix('_id')} {place[name]} that was asked for"
    if ids is not None and lead_id not in ids:
        return f"{which}, which was not asked for"
    if emails is not None:
        email = storable_text(item.get("email")).lower()
        if not email:
            return f"{which} without an address, where addresses were asked for"
        if email not in emails:
            return f"{which}, whose address was not asked for"
    fitting, status = LEAD_FILTERS.get(filter or ""), LeadStatus.from_api(item.get("status"))
    if fitting is not None and status is not None and status.is_known and status not in fitting:
        return f"{which}, which is {status.label}, where {filter} was asked for"
    return None


def stray_account(item: Mapping[str, Any], *, tag_ids: Collection[str], search: str | None) -> str | None:
    """
    What makes a sending account of a list one that was not asked for.

    :param item: the JSON object of the account.
    :param tag_ids: the tags that were asked for, of which it must have one; none for any account.
    :param search: what was searched for, or None.
    """
    if tag_ids:
        tags = item.get("tags")
        if not isinstance(tags, list):
            return "a sending account of which it is not said which tags it has"
        shown = {storable_text(tag.get("id")).lower() for tag in tags if isinstance(tag, Mapping)}
        if shown.isdisjoint(tag_id.lower() for tag_id in tag_ids):
            return "a sending account that has none of the tags that were asked for"
    # Instantly does not document in which of its texts it searches.
    return None if _have_words(item.values(), search) else "a sending account that does not have what was searched for"


def stray_figures(item: Mapping[str, Any], *, campaign_ids: Collection[str]) -> str | None:
    """
    What makes a campaign's figures such that were not asked for.

    :param item: the JSON object of the figures.
    :param campaign_ids: the campaigns that were asked for, in lower case; none for all.
    """
    campaign_id = answered_id(item.get("campaign_id"))
    if not campaign_ids or campaign_id in campaign_ids:
        return None
    return f"figures of campaign {campaign_id or 'without an id'}, which was not asked for"


def stray_warmup(document: Mapping[str, Any], *, emails: Collection[str]) -> str | None:
    """
    What makes an answer about warm-up one that was not asked for.

    :param document: the JSON object.
    :param emails: the accounts that were asked for, in lower case.
    """
    figures = document.get("aggregate_data")
    named = figures if isinstance(figures, Mapping) else ()
    is_stray = any(storable_text(email).lower() not in emails for email in named)
    return "the warm-up of a sending account that was not asked for" if is_stray else None


def stray_vitals(document: Mapping[str, Any], *, domains: Collection[str]) -> str | None:
    """
    What makes an answer about domains one that was not asked for.

    What a domain publishes may stand at a domain above it, so that fits, too.

    :param document: the JSON object.
    :param domains: the domains that were asked for, in lower case.
    """
    for named, _ in each_domain(document):
        if not any(domain == named or domain.endswith(f".{named}") for domain in domains):
            return "the test of a domain that was not asked for"
    return None


def _have_words(values: Iterable[object], search: str | None) -> bool:
    """Whether each word that was searched for stands in one of these texts."""
    if not search:
        return True
    texts = "\n".join(_folded(value) for value in values if isinstance(value, str))
    return all(word in texts for word in _folded(search).split())


def _folded(text: str) -> str:
    """A text without what a search may not heed: case, accents, and in how many characters a letter is written."""
    if not text.isascii():
        text = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    return text.casefold()
