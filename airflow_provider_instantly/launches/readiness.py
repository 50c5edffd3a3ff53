"""The check right before a launch: read before the campaign is read for the decision, and judged together with that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_instantly.api.campaign import about
from airflow_provider_instantly.exceptions import CheckIncompleteError, LaunchRefusedError, failure
from airflow_provider_instantly.launches.preflight import check
from airflow_provider_instantly.launches.preflight.finding import STANDING_CODES
from airflow_provider_instantly.tasklog import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.freshness import Freshness
    from airflow_provider_instantly.launches.preflight.facts import Facts
    from airflow_provider_instantly.launches.preflight.rules import CheckRules
    from airflow_provider_instantly.tasklog import TaskLog


@dataclass
class Readiness:
    """
    Whether a campaign is ready for one launch, which may be put off and decided again.

    :param hook: a hook that retries what may be repeated.
    :param rules: what the author of the DAG asks.
    :param freshness: for how long a check counts.
    :param outcome: what became of the campaign where it is not ready, as a sentence.
    :param read_until_launched: reads the campaign until it stands otherwise than it did, or for long enough to believe
        that it will not; None where no earlier try can have launched it.
    :param log: the task's log.
    """

    hook: InstantlyHook
    rules: CheckRules
    freshness: Freshness
    outcome: str
    read_until_launched: Callable[[Campaign], Campaign] | None
    log: TaskLog
    #: As it was read last; None where a launch was not due then.
    _facts: Facts | None = field(default=None, init=False, repr=False)

    @property
    def is_due(self) -> bool:
        """Whether no check counts any more."""
        return not self.freshness.is_checked

    def read(self, campaign: Campaign, *, is_to_be_launched: bool) -> None:
        """
        Read what the check needs.

        A campaign that is not to be launched is not checked: a retry after a launch of its own meets one that runs.

        :param campaign: as it was just read.
        :param is_to_be_launched: whether it would be launched as it stands.
        """
        self._facts = check.read(self.hook, campaign, self.rules) if is_to_be_launched else None
        self.freshness.note_check()

    def stop_if_unready(self, before: Campaign) -> None:
        """
        Judge the campaign as it was read for the decision, and what belongs to it as it was read before that.

        :param before: the campaign as it was read for the decision.
        :raises CheckIncompleteError: if another try may find it ready.
        :raises LaunchRefusedError: if it is not ready.
        """
        facts = self._facts
        if facts is None or _senders(facts.campaign) != _senders(before):
            raise failure(
                CheckIncompleteError,
                "The campaign was changed while it was checked.",
                self.outcome,
                "Another try checks it again.",
                about(before.title),
            )
        # How it stands, the plan has decided.
        rules = replace(self.rules, ignore=self.rules.ignore | STANDING_CODES)
        report = check.report(replace(facts, campaign=before), rules)
        write(self.log, warnings=report.lines())
        if report.failing:
            self._stop_if_launched_since(before)
            kind = CheckIncompleteError if report.may_pass else LaunchRefusedError
            said = (before.title, self.outcome)
            raise failure(kind, *report.sentences(*said), message=report.message(*said))
        write(self.log, info=[f"The check ended: {report.verdict}. {about(before.title)}"])

    def _stop_if_launched_since(self, before: Campaign) -> None:
        """A refusal must not hide a launch."""
        if self.read_until_launched is None:
            return
        campaign = self.read_until_launched(before)
        if campaign.status != before.status:
            raise failure(
                CheckIncompleteError,
                f"The campaign was {before.status_label} when it was checked, and is {campaign.status_label} now: an "
                "earlier try may have launched it.",
                self.outcome,
                "Another try reads it again.",
                about(campaign.title),
            )


def _senders(campaign: Campaign) -> tuple[frozenset[str], frozenset[str], int]:
    """Whom it names as senders: what a check reads about them is true of no others."""
    return frozenset(campaign.sending_accounts), campaign.settings.sender_tags, campaign.unread_senders
