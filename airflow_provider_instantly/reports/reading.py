"""What a report reads of its campaigns over the hook, and what it goes without where the key may not read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.protocol import PAGE_SIZE
from airflow_provider_instantly.api.senders import NoRequestLeftError, SenderSearch, SendersNotFoundError
from airflow_provider_instantly.reports.figures import (
    CampaignFigures,
    State,
    name_of,
    senders_of,
    states_of,
    windows_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_instantly.api.account import Account
    from airflow_provider_instantly.api.analytics import CampaignAnalytics
    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.schedule import SendingWindow
    from airflow_provider_instantly.hooks.instantly import InstantlyHook

#: No workspace has as many sending accounts; a list that goes on is none to wait for.
MAX_ACCOUNTS: Final = 50_000


@dataclass(frozen=True)
class _Found:
    """
    What is kept of a campaign.

    :param campaign: the campaign without its document.
    :param tags: ids of tags of which its senders may have one.
    :param windows: when it may send next.
    """

    campaign: Campaign
    tags: frozenset[str]
    windows: tuple[SendingWindow, ...]


@dataclass
class Reading:
    """
    Reads what a report says.

    :param hook: what reads.
    :param since: from which day on figures count, or None.
    :param until: up to which day figures count, or None.
    :param results: what tasks returned, by the moment.
    """

    hook: InstantlyHook
    since: str | None
    until: str | None
    results: Mapping[str, object]

    def __post_init__(self) -> None:
        #: What the key may not read: the report is made without it, and says so.
        self.not_read: list[str] = []

    def campaigns(self, campaign_ids: Sequence[str]) -> list[CampaignFigures]:
        """
        Everything about these campaigns, in their order.

        :param campaign_ids: their UUIDs.
        :raises InstantlyError: if anything could not be read for another reason than that the key may not.
        """
        found = {each.campaign.id: each for each in self._found(campaign_ids)}
        dates = {"start_date": self.since, "end_date": self.until}
        totals = self.hook.get_campaign_analytics(list(found), **dates) if found else {}
        accounts = self._accounts(found.values())
        return [
            _gone(campaign_id)
            if campaign_id not in found
            else self._campaign(found[campaign_id], totals.get(campaign_id), accounts)
            for campaign_id in campaign_ids
        ]

    def _found(self, campaign_ids: Sequence[str]) -> Iterator[_Found]:
        for campaign_id in campaign_ids:
            try:
                campaign = self.hook.get_campaign(campaign_id)
                windows = windows_of(campaign, datetime.now(UTC))
                # Without its document, which has all of its e-mails: two hundred of them are too large to keep.
                yield _Found(replace(campaign, document={}), campaign.settings.sender_tags, windows)
            except CampaignNotFoundError:
                self.not_read.append(f"The workspace has no campaign {campaign_id}.")

    def _accounts(self, campaigns: Iterable[_Found]) -> tuple[list[Account], dict[str, int]] | None:
        """The accounts that send, and the scores of those that show none, or None where they cannot be read."""
        found = list(campaigns)
        search = SenderSearch(
            (email for each in found for email in each.campaign.sending_accounts),
            (tag for each in found for tag in each.tags),
            lambda search: MAX_ACCOUNTS // PAGE_SIZE - search.requests,
        )
        endless = f"their list does not end with {MAX_ACCOUNTS:,}."
        try:
            self.hook.drive(search.run())
            if not search.missing:
                accounts = list(search.found.values())
                without = [account.email for account in accounts if account.warmup_score is None]
                return accounts, self.hook.get_warmup_scores(without) if without else {}
            problem = "their list repeats itself." if search.has_repeated_itself else endless
        except NoRequestLeftError:
            problem = endless
        except (InstantlyPermissionError, InstantlyPaymentRequiredError, SendersNotFoundError) as error:
            problem = str(error)
        except InstantlyUnexpectedAnswerError as error:
            # Without the answer itself, which may name persons.
            problem = error.message
        self.not_read.append(f"The senders could not be read: {problem}")
        return None

    def _campaign(
        self,
        found: _Found,
        totals: CampaignAnalytics | None,
        accounts: tuple[list[Account], dict[str, int]] | None,
    ) -> CampaignFigures:
        dates = {"start_date": self.since, "end_date": self.until}
        has_sent = totals is not None and bool(totals.sent)
        campaign = found.campaign
        return CampaignFigures(
            id=campaign.id,
            name=name_of(campaign),
            states=(*states_of(self.results, campaign.id), State("now", campaign.status)),
            totals=totals,
            days=tuple(self.hook.get_daily_analytics(campaign.id, **dates)) if has_sent else (),
            variants=tuple(self.hook.get_step_analytics(campaign.id, **dates)) if has_sent else (),
            senders=None if accounts is None else senders_of(campaign, found.tags, *accounts, datetime.now(UTC)),
            windows=found.windows,
        )


def _gone(campaign_id: str) -> CampaignFigures:
    return CampaignFigures(campaign_id, campaign_id, (State("now", None),), is_there=False)
