"""
What Instantly says of a campaign, parsed tolerantly.

Live answers omit nullable keys, carry undocumented ones, and grow new enum values every month. So nothing
here refuses an answer for a key or a number it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeGuard
from uuid import UUID

from airflow_provider_instantly.api.parsing import OpenIntEnum
from airflow_provider_instantly.api.redaction import (
    shown_text,
    shown_value,
    storable_text,
    without_addresses,
)

if TYPE_CHECKING:
    from airflow_provider_instantly.api.campaign_settings import CampaignSettings
    from airflow_provider_instantly.api.schedule import CampaignSchedule
    from airflow_provider_instantly.api.sequence import Step

#: So many sending accounts of one campaign are kept.
MAX_ACCOUNTS = 10_000
#: All fields of a campaign (the ``Campaign`` schema of the Instantly API V2).
CAMPAIGN_FIELDS = frozenset([
    "ai_sdr_id", "allow_risky_contacts", "auto_variant_select", "bcc_list", "campaign_schedule", "cc_list",
    "core_variables", "custom_variables", "daily_limit", "daily_max_leads", "disable_bounce_protect", "email_gap",
    "email_list", "email_tag_list", "first_email_text_only", "id", "insert_unsubscribe_header", "is_evergreen",
    "limit_emails_per_company_override", "link_tracking", "match_lead_esp", "name", "not_sending_status",
    "open_tracking", "organization", "owned_by", "pl_value", "prioritize_new_leads", "provider_routing_rules",
    "random_wait_max", "sequences", "status", "stop_for_company", "stop_on_auto_reply", "stop_on_reply",
    "text_only", "timestamp_created", "timestamp_updated",
])  # fmt: skip
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class CampaignStatus(OpenIntEnum):
    """
    The status of a campaign.

    Source: the ``Campaign`` schema of the Instantly API V2.
    """

    DRAFT = 0
    ACTIVE = 1
    PAUSED = 2
    COMPLETED = 3
    RUNNING_SUBSEQUENCES = 4
    ACCOUNTS_UNHEALTHY = -1
    BOUNCE_PROTECT = -2
    ACCOUNT_SUSPENDED = -99


#: Instantly itself stopped the campaign. Reactivating one is a decision for a person.
STOPPED_STATUSES = frozenset(
    {CampaignStatus.ACCOUNTS_UNHEALTHY, CampaignStatus.BOUNCE_PROTECT, CampaignStatus.ACCOUNT_SUSPENDED}
)

#: The campaign was launched and needs no launch: it sends, or it follows up.
RUNNING_STATUSES = frozenset({CampaignStatus.ACTIVE, CampaignStatus.RUNNING_SUBSEQUENCES})


class NotSendingStatus(OpenIntEnum):
    """
    Why an active campaign is not sending right now.

    Source: the ``Campaign`` schema of the Instantly API V2.
    """

    OUTSIDE_SCHEDULE = 1
    WAITING_FOR_LEADS = 2
    DAILY_LIMIT_REACHED = 3
    ACCOUNTS_AT_DAILY_LIMIT = 4
    ERROR = 99

    @property
    def explanation(self) -> str:
        """What it means, as a clause for a log line."""
        return _NOT_SENDING_EXPLANATIONS.get(self, f"Instantly gives the reason number {self._value_}")


_NOT_SENDING_EXPLANATIONS: Mapping[NotSendingStatus, str] = {
    NotSendingStatus.OUTSIDE_SCHEDULE: "it is outside its sending schedule",
    NotSendingStatus.WAITING_FOR_LEADS: "it waits for a lead to process",
    NotSendingStatus.DAILY_LIMIT_REACHED: "its daily limit is reached",
    NotSendingStatus.ACCOUNTS_AT_DAILY_LIMIT: "all its sending accounts are at their daily limit",
    NotSendingStatus.ERROR: "it met an error that only Instantly's support can explain",
}


class UnusableValueError(ValueError):
    """
    What was given can be of no use, so nothing was requested. It keeps its sentences apart, as lines of a log.

    :param sentences: what is wrong with it, and what to do.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


def is_campaign_id(value: object) -> TypeGuard[str]:
    """Whether the value is a UUID in its usual text form, the only form that Instantly accepts."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def answered_id(value: object) -> str | None:
    """
    Return a UUID of an answer in lower case, or None where it is none. Other things have ids of the same form.

    :param value: what the answer's JSON has.
    """
    return value.lower() if is_campaign_id(value) else None


def check_campaign_id(value: object, name: str = "campaign_id", noun: str = "campaign") -> str:
    """
    Return the campaign's id in lower case, or say what is wrong with it. Other things have ids of the same form.

    :param value: what the user gave: a text, or a ``uuid.UUID``, as drivers of databases return.
    :param name: the parameter to name in the error.
    :param noun: what has the id, for the error.
    :raises UnusableValueError: if it is no such UUID; nothing was requested then.
    """
    text = str(value) if isinstance(value, UUID) else value.strip() if isinstance(value, str) else value
    if not is_campaign_id(text):
        raise UnusableValueError(
            f"{name} must be the UUID of a {noun}, not {shown_value(value)}.",
            "It looks like 019e18e2-a521-7bb9-9dd6-45f1bc69dcd0.",
            "Nothing was requested from Instantly.",
        )
    return text.lower()


def about(title: str) -> str:
    """
    Which campaign a line is about, for its end: a name may be long, and the news has to come first.

    :param title: how a line names the campaign, see `Campaign.title`.
    """
    return f"[campaign {title}]"


def title_of(name: str, campaign_id: str) -> str:
    """
    How a line names a campaign: by its name, made safe and without addresses, and by its id.

    :param name: its name, or an empty string.
    :param campaign_id: its UUID.
    """
    return f'"{shown_text(name)}" ({campaign_id})' if name else campaign_id


def instantly_says(reason: str) -> tuple[str, ...]:
    """
    Instantly's reason as one sentence, or none.

    :param reason: a text that is safe in a log, such as `SendingStatus.reason`, or an empty string.
    """
    if not reason:
        return ()
    return (f"Instantly says: {reason if reason.endswith(('.', '!', '?', '…')) else f'{reason}.'}",)


def status_of(document: Mapping[str, Any]) -> CampaignStatus | None:
    """
    The status in the API's JSON object of a campaign, or None where it carries none that is a number.

    :param document: the decoded JSON object.
    """
    return CampaignStatus.from_api(document.get("status"))


@dataclass(frozen=True)
class Campaign:
    """
    One campaign, as the API described it at one moment.

    :param id: the campaign's UUID, in lower case, or an empty string where the answer carries none.
    :param status: its status, or None where the answer carries none that is a number.
    :param name: its name on one line, cut where it is very long, or an empty string.
    :param not_sending_status: why it is not sending; only ``GET /campaigns/{id}`` tells.
    :param sending_accounts: the addresses of the accounts that send for it, `MAX_ACCOUNTS` at most.
    :param document: the API's JSON object as it came, for keys that have no field here. Neither bounded nor made safe:
        nothing here logs or stores it.
    """

    #: Whether its status follows from what a list does not show. It may be gone instead.
    is_inferred: ClassVar[bool] = False

    id: str
    status: CampaignStatus | None
    name: str = ""
    not_sending_status: NotSendingStatus | None = None
    sending_accounts: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_api(cls, document: Mapping[str, Any], campaign_id: str | None = None) -> Self:
        """
        Parse the API's JSON object. A key that is missing, null or of a wrong type counts as not there.

        :param document: the decoded JSON object of a campaign.
        :param campaign_id: the id that was asked for, in lower case: an answer may omit its own.
        """
        return cls(
            id=campaign_id or answered_id(document.get("id")) or "",
            status=status_of(document),
            name=storable_text(document.get("name")),
            not_sending_status=NotSendingStatus.from_api(document.get("not_sending_status")),
            sending_accounts=_accounts(document.get("email_list")),
            document=dict(document),
        )

    def without_document(self) -> Self:
        """The same without what may be long: the e-mails' texts, the schedule, the accounts."""
        return replace(self, sending_accounts=(), document={})

    @property
    def title(self) -> str:
        """How a log line names it; see `title_of`."""
        return title_of(self.name, self.id)

    @property
    def shown_name(self) -> str:
        """Its name as it may stand in a log or an XCom: without addresses, which are persons'."""
        return without_addresses(self.name)

    @property
    def status_label(self) -> str:
        """The status as a person reads it."""
        return "without a status" if self.status is None else self.status.label

    @property
    def unread_senders(self) -> int:
        """
        How many senders and tags of senders it has beside those that are known: entries that are no texts, and accounts
        beyond `MAX_ACCOUNTS`.
        """
        document = self.document
        return _unread(document.get("email_list"), MAX_ACCOUNTS) + _unread(document.get("email_tag_list"))

    @cached_property
    def schedule(self) -> CampaignSchedule:
        """When the campaign may send. Parsed when first asked for, since it loads pendulum."""
        from airflow_provider_instantly.api.schedule import CampaignSchedule

        return CampaignSchedule.from_api(self.document.get("campaign_schedule"))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The e-mails that it sends to a lead, one after the other."""
        from airflow_provider_instantly.api.sequence import steps_of

        return steps_of(self.document)

    @cached_property
    def settings(self) -> CampaignSettings:
        """Its limits and switches, the tags of its senders, and the variables that it knows."""
        from airflow_provider_instantly.api.campaign_settings import CampaignSettings

        return CampaignSettings.from_api(self.document)


@dataclass(frozen=True)
class SendingStatus:
    """
    Instantly's own word on why a campaign is or is not sending.

    :param status: a word such as ``healthy`` or ``campaign_bounce_protect``, or None where Instantly knows none.
    :param message: the same for people, or an empty string.
    """

    status: str | None = None
    message: str = ""

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Self:
        """
        Parse the answer of ``GET /campaigns/{id}/sending-status``; both its parts may be null.

        :param document: the decoded JSON object.
        """
        parts = [part for key in ("diagnostics", "summary") if isinstance(part := document.get(key), Mapping)]
        return cls(
            status=next((word for part in parts if (word := storable_text(part.get("status")))), None),
            message=next((text for part in reversed(parts) if (text := storable_text(part.get("status_message")))), ""),
        )

    @property
    def reason(self) -> str:
        """The best explanation there is, without addresses, or an empty string."""
        return shown_text(self.message or (self.status or "").replace("_", " "))


def _unread(entries: object, most: int | None = None) -> int:
    """How many entries of a list are no texts, or beyond the most that are kept. What is no list is one such entry."""
    if entries is None:
        return 0
    if not isinstance(entries, list):
        return 1
    kept = entries[:most]
    return len(entries) - len(kept) + sum(not storable_text(entry) for entry in kept)


def _accounts(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(storable_text, value[:MAX_ACCOUNTS]))) if isinstance(value, list) else ()
