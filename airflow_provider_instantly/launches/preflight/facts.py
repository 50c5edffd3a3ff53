"""What a check was able to read of a campaign, and what not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_provider_instantly.api.account import Account, DomainVitals
    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.lead import Lead, Plan


@dataclass(frozen=True)
class Unread:
    """
    Something that could not be read, which is never a pass.

    :param reason: why, as a sentence without an address.
    """

    reason: str


@dataclass(frozen=True)
class Senders:
    """
    The accounts that send for the campaign.

    :param accounts: those that were found.
    :param gone: how many of those that the campaign names do not exist.
    :param not_found: how many were not found with the requests that a check may make, so that nothing is known of them.
    :param scores: warm-up scores by address, of accounts that show none themselves; None where they were not read.
    :param vitals: what was found of domains, by domain.
    :param untested: why domains were not tested, or None where all were.
    """

    accounts: tuple[Account, ...] = field(default=(), repr=False)
    gone: int = 0
    not_found: int = 0
    scores: Mapping[str, int] | Unread = field(default_factory=dict, repr=False)
    vitals: Mapping[str, DomainVitals] = field(default_factory=dict)
    untested: Unread | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.accounts) + self.gone + self.not_found

    @property
    def usable(self) -> tuple[Account, ...]:
        """Those that can send."""
        return tuple(account for account in self.accounts if account.may_send)


@dataclass(frozen=True)
class LeadSample:
    """
    The leads of the campaign that were read.

    :param leads: at most a hundred of them: first of all those that are still to be written to.
    :param has_more: whether there may be more.
    """

    leads: tuple[Lead, ...] = field(default=(), repr=False)
    has_more: bool = False

    @property
    def open(self) -> tuple[Lead, ...]:
        """Those that may still get e-mails."""
        return tuple(lead for lead in self.leads if not lead.is_done)


@dataclass(frozen=True)
class Facts:
    """
    What was read of a campaign.

    :param campaign: the campaign with its document.
    :param now: when it was read; aware.
    :param senders: its senders.
    :param leads: some of its leads.
    :param plan: what the workspace's plan has room for.
    """

    campaign: Campaign
    now: datetime
    senders: Senders | Unread = field(default_factory=Senders)
    leads: LeadSample | Unread = field(default_factory=LeadSample)
    plan: Plan | Unread = field(default_factory=lambda: Unread("It was not asked for."))
