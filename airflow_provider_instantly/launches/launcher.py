"""
A launch over the wire: look, activate once, read back what was lost, confirm.

What to do with a campaign as it stands is decided in `launch`; here is what it takes to know how it stands.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.campaign import RUNNING_STATUSES, STOPPED_STATUSES, CampaignStatus
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    InstantlyError,
    InstantlyPermissionError,
    InstantlyRequestError,
)
from airflow_provider_instantly.api.protocol import activate_campaign, may_repeat
from airflow_provider_instantly.api.retry import pause_before_retry
from airflow_provider_instantly.clock import jitter
from airflow_provider_instantly.exceptions import (
    CampaignStoppedError,
    LaunchNotConfirmedError,
    LaunchRefusedError,
    TaskKilledError,
)
from airflow_provider_instantly.launches.plan import LaunchAction, LaunchRules, plan_launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.record import LaunchRecord
    from airflow_provider_instantly.tasklog import TaskLog

#: Seconds between the looks that find out what became of an activation whose answer was lost.
READ_BACK_PAUSES: Final = (1.0, 2.0, 4.0)
#: How often an activation is sent in one try, where each look after a lost answer shows that it had no effect.
MAX_ACTIVATIONS: Final = 3

_LAUNCHED_STATUSES: Final = RUNNING_STATUSES | {CampaignStatus.COMPLETED}
_NOT_LAUNCHED_STATUSES: Final = frozenset({CampaignStatus.DRAFT, CampaignStatus.PAUSED})
#: The first look after an activation may still show one of these: from the last look, or from the moment since it.
_SHOWN_UNTIL_IT_TAKES_EFFECT: Final = STOPPED_STATUSES | {CampaignStatus.COMPLETED}


@dataclass(frozen=True)
class Launched:
    """
    A campaign that runs.

    :param campaign: as it was last seen, or as the answer to its activation describes it.
    :param by_this_run: whether this task instance launched it, in this try or an earlier one.
    :param was_seen: whether it was read. The answer to an activation says Active whatever comes of it.
    """

    campaign: Campaign
    by_this_run: bool
    was_seen: bool = True


@dataclass(frozen=True)
class Launcher:
    """
    Launches one campaign for one try of a task.

    :param hook: a hook that retries what may be repeated.
    :param rules: what the DAG's author allows.
    :param record: what earlier tries of the task did.
    :param is_retry: whether there were earlier tries.
    :param may_settle: whether somebody goes on watching, so that a Draft or Paused after the activation is no failure.
    :param is_killed: whether the task is to end. It is asked right before each activation.
    :param log: the task's log.
    """

    hook: InstantlyHook
    rules: LaunchRules
    record: LaunchRecord
    is_retry: bool
    may_settle: bool
    is_killed: Callable[[], bool]
    log: TaskLog

    def launch(self, campaign_id: str) -> Launched:
        """
        Launch the campaign, unless it runs already.

        :param campaign_id: its UUID.
        :raises LaunchRefusedError: if it must not be launched as it stands.
        :raises CampaignStoppedError: if Instantly stopped it after the launch.
        :raises LaunchNotConfirmedError: if nobody can say whether the launch took effect.
        :raises TaskKilledError: if the task was killed before it activated the campaign.
        :raises InstantlyError: if a request was refused or never sent; this try launched nothing then.
        """
        try:
            return self._look_and_launch(campaign_id)
        except InstantlyRequestError as error:
            error.outcome = f"This try did not activate campaign {campaign_id}{self._but_earlier}."
            raise

    def _look_and_launch(self, campaign_id: str) -> Launched:
        put_off = 0
        while True:
            before = self._look_before(campaign_id)
            if before is not None and not self._should_activate(before):
                return Launched(before, by_this_run=self.record.may_have_launched)
            try:
                answered = self._activate(campaign_id, before)
            except InstantlyRequestError as error:
                if put_off == self._max_retries or not may_repeat(activate_campaign(campaign_id), error):
                    raise
                # In the pause, which may be minutes, the campaign can be paused or stopped: it is looked at again.
                self.log.info("The activation was put off, so it is tried again: %s", error)
                time.sleep(pause_before_retry(error, put_off, jitter()))
                put_off += 1
            else:
                confirmed = self._confirm(answered)
                return Launched(confirmed, by_this_run=True, was_seen=confirmed is not answered)

    @property
    def _but_earlier(self) -> str:
        return "; whether an earlier one did, its log says" if self.is_retry else ""

    @property
    def _max_retries(self) -> int:
        own = self.hook.max_retries
        return self.hook.get_conn().endpoint.max_retries if own is None else own

    def _look_before(self, campaign_id: str) -> Campaign | None:
        if not self.rules.check_before and not self.is_retry:
            self.log.warning("Activating campaign %s unseen, because of check_before=False.", campaign_id)
            return None
        try:
            campaign = self.hook.get_campaign(campaign_id)
            if campaign.status in _NOT_LAUNCHED_STATUSES and self.record.may_have_launched:
                # What a try sent that died without an answer may still be on its way.
                campaign = self._read_back(campaign_id, campaign.status)
            return campaign
        except InstantlyPermissionError as error:
            if self.rules.check_before:
                raise
            raise LaunchRefusedError(
                f"An earlier try may have launched campaign {campaign_id}, and this API key may not look. A launch is "
                "never repeated unseen. Look at the campaign in Instantly, or give the key the scope campaigns:read."
            ) from error

    def _should_activate(self, campaign: Campaign) -> bool:
        plan = plan_launch(campaign, self.rules, prior=self.record.prior_outcome(campaign.status))
        if plan.action is LaunchAction.REFUSE:
            raise LaunchRefusedError(f"{plan.reason}{self._why_stopped(campaign)}")
        (self.log.warning if plan.is_warning else self.log.info)("%s", plan.reason)
        return plan.action is LaunchAction.ACTIVATE

    def _activate(self, campaign_id: str, before: Campaign | None) -> Campaign:
        status_before = None if before is None else before.status
        lost: AmbiguousOutcomeError | None = None
        for attempt in range(1, MAX_ACTIVATIONS + 1):
            self.record.note_sending(status_before)
            self._stop_if_killed(campaign_id, lost)
            try:
                answered = self.hook.activate_campaign(campaign_id, max_retries=0)
            except AmbiguousOutcomeError as error:
                lost = error
            except InstantlyError as error:
                self.record.note_without_effect()
                if lost is None:
                    raise
                raise LaunchNotConfirmedError(
                    f"Campaign {campaign_id} may or may not have been launched: the answer to its activation was lost, "
                    f"and the next one was refused: {error} Another try reads it before anything is repeated."
                ) from error
            else:
                self.record.note_answered()
                return answered
            self.log.warning("The answer to the activation was lost, so the campaign is read again: %s", lost)
            after = self._read_after_lost_answer(campaign_id, status_before, lost)
            if after.status != status_before:
                # Unseen before, it may have been completed or stopped already.
                may_show_it = RUNNING_STATUSES if before is None else _LAUNCHED_STATUSES | STOPPED_STATUSES
                if after.status in may_show_it:
                    self.log.info("Campaign %s is %s: the activation took effect.", after.title, after.status_label)
                    return after
                raise _not_confirmed(after) from lost
            if after.status is CampaignStatus.PAUSED:
                # Else a retry would take it for paused by somebody since.
                self.record.note_without_effect()
            if attempt == MAX_ACTIVATIONS or after.status not in _NOT_LAUNCHED_STATUSES | STOPPED_STATUSES:
                # What was Completed before may have run and be Completed again: that is never launched twice.
                raise _not_confirmed(after) from lost
            self.log.info("Campaign %s is still %s: activating it again.", after.title, after.status_label)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _stop_if_killed(self, campaign_id: str, lost: AmbiguousOutcomeError | None) -> None:
        if not self.is_killed():
            return
        self.record.note_without_effect()
        if lost is None:
            raise TaskKilledError(
                f"The task was killed. This try did not activate campaign {campaign_id}{self._but_earlier}."
            )
        raise LaunchNotConfirmedError(
            f"Campaign {campaign_id} may or may not have been launched: the answer to its activation was lost, and "
            "then the task was killed. Another try reads it before anything is repeated."
        ) from lost

    def _read_after_lost_answer(
        self, campaign_id: str, before: CampaignStatus | None, lost: AmbiguousOutcomeError
    ) -> Campaign:
        try:
            return self._read_back(campaign_id, before)
        except InstantlyError as error:
            raise LaunchNotConfirmedError(
                f"Campaign {campaign_id} may or may not have been launched: the answer to its activation was lost, "
                f"and then it could not be read: {error} Another try reads it before anything is repeated."
            ) from lost

    def _read_back(self, campaign_id: str, unchanged: CampaignStatus | None) -> Campaign:
        """Look until the status has changed, or for long enough to believe that it will not."""
        for pause in READ_BACK_PAUSES:
            time.sleep(pause)
            campaign = self.hook.get_campaign(campaign_id)
            if campaign.status != unchanged:
                break
        return campaign

    def _confirm(self, answered: Campaign) -> Campaign:
        """Check the answer to the activation against a fresh look, where the key may look."""
        campaign = answered
        if self.rules.check_before:
            try:
                campaign = self.hook.get_campaign(answered.id)
                awaited_here = frozenset() if self.may_settle else _NOT_LAUNCHED_STATUSES
                if campaign.status in _SHOWN_UNTIL_IT_TAKES_EFFECT | awaited_here:
                    campaign = self._read_back(answered.id, campaign.status)
            except InstantlyError as error:
                self.log.warning("The activation was answered, but could not be confirmed by a look: %s", error)
                if self.may_settle:
                    # Whoever waits looks anew, when that no longer shows how the campaign stood before.
                    time.sleep(sum(READ_BACK_PAUSES))
                    campaign = answered
        if campaign.status in STOPPED_STATUSES:
            raise CampaignStoppedError(
                f"Campaign {campaign.title} was activated, and Instantly stopped it: it is {campaign.status_label}. "
                f"Mend the cause in Instantly and resume the campaign there.{self._why_stopped(campaign)}"
            )
        if campaign.status in _NOT_LAUNCHED_STATUSES and not self.may_settle:
            raise _not_confirmed(campaign)
        self.log.info("Launched campaign %s: it is %s.", campaign.title, campaign.status_label)
        return campaign

    def _why_stopped(self, campaign: Campaign) -> str:
        """What Instantly says of a campaign that it stopped; nothing is decided by it."""
        if campaign.status not in STOPPED_STATUSES:
            return ""
        try:
            reason = self.hook.get_sending_status(campaign.id).reason
        except InstantlyError as error:
            self.log.warning("The reason could not be read: %s", error)
            return ""
        return f" Instantly says: {reason}" if reason else ""


def _not_confirmed(campaign: Campaign) -> LaunchNotConfirmedError:
    return LaunchNotConfirmedError(
        f"Campaign {campaign.title} was to be activated and is {campaign.status_label}. Somebody else may have changed "
        "it, or the activation had no effect. It was left as it is; another try reads it before it activates it."
    )
