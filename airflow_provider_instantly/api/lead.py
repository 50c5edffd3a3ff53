"""
What Instantly says of leads, parsed tolerantly.

A lead is a person. So nothing here shows an address in its ``repr``, and who logs a lead logs its id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Self, overload

from airflow_provider_instantly.api.campaign import answered_id
from airflow_provider_instantly.api.parsing import OpenIntEnum, count, integer
from airflow_provider_instantly.api.redaction import storable_text

#: Leads, or entries of the block list, in one request.
MAX_PER_REQUEST: Final = 1000
#: The fields of a lead that Instantly knows, and the name of each among the variables of a campaign's e-mails.
CORE_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email": "email",
        "first_name": "firstName",
        "last_name": "lastName",
        "company_name": "companyName",
        "job_title": "jobTitle",
        "phone": "phone",
        "website": "website",
        "personalization": "personalization",
    }
)


class WrittenLead(Mapping[str, Any]):
    """
    A lead that is to be sent, as the JSON text that goes into the request. It is read only if it is looked into.

    :param text: a JSON object in ASCII. A person's: never log it.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.text)
        return fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class WrittenLeads(Sequence[WrittenLead]):
    """
    Leads that are to be sent, each of which is made when it is asked for.

    Python's garbage collector counts objects that live on. A thousand of them for each request would make it walk over
    all of Airflow again and again; it does not count texts.

    :param texts: the JSON texts of the leads. A person's each: never log them.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    @overload
    def __getitem__(self, index: int) -> WrittenLead: ...

    @overload
    def __getitem__(self, index: slice) -> WrittenLeads: ...

    def __getitem__(self, index: int | slice) -> WrittenLead | WrittenLeads:
        if isinstance(index, slice):
            return WrittenLeads(self._texts[index])
        return WrittenLead(self._texts[index])

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} leads)"


def as_json(lead: Mapping[str, Any]) -> str:
    """
    The JSON text of a lead that is to be sent, in ASCII.

    :param lead: a lead with the API's own names.
    :raises ValueError: if it cannot be written as JSON.
    """
    return lead.text if isinstance(lead, WrittenLead) else json.dumps(dict(lead), allow_nan=False)


class LeadStatus(OpenIntEnum):
    """
    The status of a lead.

    Source: the ``Lead`` schema of the Instantly API V2; 0 is what a lead in a list has, as seen live.
    """

    IN_A_LIST = 0
    ACTIVE = 1
    PAUSED = 2
    COMPLETED = 3
    BOUNCED = -1
    UNSUBSCRIBED = -2
    SKIPPED = -3


_DONE: Final = frozenset({LeadStatus.COMPLETED, LeadStatus.BOUNCED, LeadStatus.UNSUBSCRIBED, LeadStatus.SKIPPED})


class VerificationStatus(OpenIntEnum):
    """
    What Instantly's verification says of a lead's address.

    Source: the ``Lead`` schema of the Instantly API V2.
    """

    VERIFIED = 1
    PENDING = 11
    PENDING_USER = 12
    INVALID = -1
    RISKY = -2
    CATCH_ALL = -3
    JOB_CHANGE = -4


@dataclass(frozen=True)
class Lead:
    """
    One lead, as the API described it at one moment.

    :param id: its UUID, in lower case, or an empty string where the answer carries none.
    :param email: its address in lower case, or an empty string. It is a person's: never log it.
    :param status: its status, or None where the answer carries none that is a number.
    :param campaign_id: the campaign that it is in, in lower case, or None.
    :param list_id: the list that it is in, in lower case, or None.
    :param verification: what is known of its address, or None.
    :param variables: the values for the campaign's variables, by their names: the API's ``payload``, and the lead's own
        fields under their names among the variables.
    """

    id: str
    email: str = field(default="", repr=False)
    status: LeadStatus | None = None
    campaign_id: str | None = None
    list_id: str | None = None
    verification: VerificationStatus | None = None
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_done(self) -> bool:
        """Whether no more e-mails go to it. A status that is not known does not say so."""
        return self.status in _DONE

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Self:
        """
        Parse the API's JSON object. A key that is missing, null or of a wrong type counts as not there.

        :param document: the decoded JSON object of a lead.
        """
        payload = document.get("payload")
        return cls(
            id=answered_id(document.get("id")) or "",
            email=storable_text(document.get("email")).lower(),
            status=LeadStatus.from_api(document.get("status")),
            campaign_id=answered_id(document.get("campaign")),
            list_id=answered_id(document.get("list_id")),
            verification=VerificationStatus.from_api(document.get("verification_status")),
            variables={**_core_values(document), **(payload if isinstance(payload, Mapping) else {})},
        )


@dataclass(frozen=True)
class LeadsAdded:
    """
    What became of the leads of one ``POST /leads/add``. The answer gives counts, and no reason for any one lead.

    A counter that the answer lacks is None: it is not known, and not zero.

    :param sent: how many leads the request had.
    :param uploaded: how many were added.
    :param duplicated: were in the campaign or list already.
    :param in_blocklist: are blocked.
    :param skipped: were left out because of ``skip_if_in``.
    :param invalid_email: have an address that is none.
    :param incomplete: have no address.
    :param duplicate_email: stand in the request more than once.
    :param remaining_in_plan: how many more the plan has room for, or None where that is not known.
    :param created: the index in the request of each lead that was added, and its id.
    :param strangers: how many leads it names as added under an address that is not theirs in the request: it may be the
        answer to another one.
    :param blocklist_used: the id of the block list that was heeded, in lower case, or None where it is not said.
    """

    sent: int | None = None
    uploaded: int | None = None
    duplicated: int | None = None
    in_blocklist: int | None = None
    skipped: int | None = None
    invalid_email: int | None = None
    incomplete: int | None = None
    duplicate_email: int | None = None
    remaining_in_plan: int | None = None
    created: Mapping[int, str] = field(default_factory=dict)
    strangers: int = 0
    blocklist_used: str | None = None

    @classmethod
    def from_api(cls, document: Mapping[str, Any], leads: Sequence[Mapping[str, Any]] = ()) -> Self:
        """
        Parse the API's JSON object.

        :param document: the decoded JSON object of the answer.
        :param leads: the leads of the request, in their order, where they are known.
        """
        entries = document.get("created_leads")
        named = [entry for entry in (entries if isinstance(entries, list) else ()) if isinstance(entry, dict)]
        strangers = _strangers(named, leads)
        created = {
            index: lead_id
            for entry in named
            if (index := integer(entry.get("index"))) is not None
            and (lead_id := answered_id(entry.get("id"))) is not None
            and index not in strangers
        }
        return cls(
            sent=integer(document.get("total_sent")),
            uploaded=integer(document.get("leads_uploaded")),
            duplicated=integer(document.get("duplicated_leads")),
            in_blocklist=integer(document.get("in_blocklist")),
            skipped=integer(document.get("skipped_count")),
            invalid_email=integer(document.get("invalid_email_count")),
            incomplete=integer(document.get("incomplete_count")),
            duplicate_email=integer(document.get("duplicate_email_count")),
            # Less than none is no number of leads; many a service says so that there is no limit.
            remaining_in_plan=count(document.get("remaining_in_plan")),
            blocklist_used=answered_id(document.get("blocklist_used")),
            created=created,
            strangers=len(strangers),
        )

    @property
    def reasons(self) -> Mapping[str, int | None]:
        """How many were left out, by reason."""
        return {
            "duplicated": self.duplicated,
            "in_blocklist": self.in_blocklist,
            "skipped": self.skipped,
            "invalid_email": self.invalid_email,
            "incomplete": self.incomplete,
            "duplicate_email": self.duplicate_email,
        }


@dataclass(frozen=True)
class Blocked:
    """
    What became of the values of one ``POST /block-lists-entries/bulk-create``.

    :param valid: how many Instantly took for an address or a domain, or None where the answer does not say.
    :param invalid: how many it took for neither, and did not block, or None where the answer does not say.
    """

    valid: int | None = None
    invalid: int | None = None

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Self:
        """
        Parse the API's JSON object.

        :param document: the decoded JSON object of the answer.
        """
        return cls(integer(document.get("valid_count")), integer(document.get("invalid_count")))


@dataclass(frozen=True)
class Plan:
    """
    What the workspace's plan has room for.

    :param lead_limit: how many leads it stores, or None where the answer does not say.
    :param lead_count: how many there are: a person in two campaigns counts twice. None where it is not said.
    """

    lead_limit: int | None = None
    lead_count: int | None = None

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Self:
        """
        Parse the answer of ``GET /workspace-billing/plan-details``: an outreach plan, or a bundle in its place.

        :param document: the decoded JSON object.
        """
        subscriptions = document.get("subscriptions")
        plans = (
            [subscriptions.get(name) for name in ("outreach", "bundle")] if isinstance(subscriptions, Mapping) else []
        )
        known = [plan for plan in plans if isinstance(plan, Mapping)]

        def first(name: str) -> int | None:
            return next((value for plan in known if (value := count(plan.get(name))) is not None), None)

        return cls(first("total_lead_limit"), first("current_lead_count"))

    @property
    def room(self) -> int | None:
        """How many more leads it stores, or None where that is not known."""
        if self.lead_limit is None or self.lead_count is None or self.lead_limit < 0 or self.lead_count < 0:
            # Less than none is no number of leads; many a service says so that there is no limit.
            return None
        return max(0, self.lead_limit - self.lead_count)


def _core_values(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[key] for key, name in CORE_VARIABLES.items() if document.get(key) is not None}


def _strangers(named: Sequence[Mapping[str, Any]], leads: Sequence[Mapping[str, Any]]) -> frozenset[int]:
    """
    The indexes of the leads that an answer names by another address than the request has there.

    An answer is about one request as a whole. So the first and the last that it names tell whether it is about this
    one, and the others are compared only where these are wrong: to read a thousand leads takes as long as to send them.
    """
    if not any(_is_stranger(entry, leads) for entry in (*named[:1], *named[-1:])):
        return frozenset()
    return frozenset(entry["index"] for entry in named if _is_stranger(entry, leads))


def _is_stranger(entry: Mapping[str, Any], leads: Sequence[Mapping[str, Any]]) -> bool:
    index = integer(entry.get("index"))
    if index is None or not 0 <= index < len(leads):
        return False
    said, sent = (storable_text(value).lower() for value in (entry.get("email"), leads[index].get("email")))
    if not said or not sent:
        return False
    # A domain in its own letters proves nothing: it is sent in ASCII.
    return said != sent if said.isascii() else said.rpartition("@")[0] != sent.rpartition("@")[0]
