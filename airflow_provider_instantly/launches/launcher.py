"""
A launch over the wire: read, activate once, read back what was lost, confirm.

What to do with a campaign as it stands is decided in `plan`; here is what it takes to know how it stands.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus, about, instantly_says
from airflow_provider_instantly.api.change import (
    READ_BACK_PAUSES,
    Answered,
    Change,
    Effect,
    Shown,
    Unconfirmed,
    Unneeded,
    carry_out,
)
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    InstantlyError,
    InstantlyPermissionError,
    InstantlyRequestError,
    OutdatedReadError,
)
from airflow_provider_instantly.api.operations import activate_campaign
from airflow_provider_instantly.api.sending import before_leaving
from airflow_provider_instantly.clock import steady_clock
from airflow_provider_instantly.exceptions import (
    CampaignStoppedError,
    LaunchNotConfirmedError,
    LaunchRefusedError,
    TaskKilledError,
    failure,
)
from airflow_provider_instantly.launches.freshness import Freshness
from airflow_provider_instantly.launches.plan import (
    NOT_LAUNCHED_STATUSES,
    LaunchAction,
    LaunchRules,
    effect_of_activation,
    plan_launch,
)
from airflow_provider_instantly.launches.readiness import Readiness
from airflow_provider_instantly.observability.metrics import LAUNCHES
from airflow_provider_instantly.tasklog import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.clock import Clock
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.plan import LaunchPlan
    from airflow_provider_instantly.launches.preflight.rules import CheckRules
    from airflow_provider_instantly.launches.record import LaunchRecord
    from airflow_provider_instantly.tasklog import TaskLog

#: The first read after an activation may still show one of these: from the read before, or from the moment since it.
_SHOWN_UNTIL_IT_TAKES_EFFECT: Final = STOPPED_STATUSES | {CampaignStatus.COMPLETED}


@dataclass(frozen=True)
class Launched:
    """
    A campaign that runs.

    :param campaign: as it was last read, or as the answer to its activation describes it.
    :param by_this_run: whether this task instance launched it, in this try or an earlier one.
    :param was_seen: whether it was read. The answer to an activation says Active whatever comes of it.
    """

    campaign: Campaign
    by_this_run: bool
    was_seen: bool = True


@dataclass
class Launcher:
    """
    Launches one campaign for one try of a task, once.

    :param hook: a hook that retries what may be repeated.
    :param rules: what the DAG's author allows.
    :param record: what earlier tries of the task did.
    :param is_retry: whether there were earlier tries.
    :param may_settle: whether a wait follows, so that a Draft or Paused after the activation is no failure.
    :param is_killed: whether the task is to end. It is asked right before each activation, and before its first byte.
    :param log: the task's log.
    :param preflight: the rules of a check before the launch, or None for no check.
    :param clock: shows seconds, and never jumps.
    """

    hook: InstantlyHook
    rules: LaunchRules
    record: LaunchRecord
    is_retry: bool
    may_settle: bool
    is_killed: Callable[[], bool]
    log: TaskLog
    preflight: CheckRules | None = None
    clock: Clock = field(default_factory=steady_clock)
    _freshness: Freshness = field(init=False, repr=False)
    _readiness: Readiness | None = field(default=None, init=False, repr=False)
    _has_waited: bool = field(default=False, init=False, repr=False)
    #: The campaign as it was right before it was activated, or None if it was not read, or seen to change since.
    _found: Campaign | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._freshness = Freshness(self.clock)
        if self.preflight is not None:
            self._readiness = Readiness(
                hook=self.hook,
                rules=self.preflight,
                freshness=self._freshness,
                outcome=f"This try did not activate it{self._but_earlier}.",
                # A refusal is final, and what an earlier try sent may show only now.
                read_until_launched=self._read_until_launched if self.is_retry else None,
                log=self.log,
            )

    def launch(self, campaign_id: str) -> Launched:
        """
        Launch the campaign, unless it runs already.

        :param campaign_id: its UUID.
        :raises LaunchRefusedError: if it must not be launched as it stands.
        :raises CheckIncompleteError: if a part of what the check needs could not be read; nothing was launched then.
        :raises CampaignStoppedError: if Instantly stopped it after the launch.
        :raises LaunchNotConfirmedError: if it is not known whether the launch took effect.
        :raises TaskKilledError: if the task was killed before it activated the campaign.
        :raises InstantlyError: if a request was refused or never sent; this try launched nothing then.
        """
        self.record.look_up()
        try:
            outcome = carry_out(self._activation(campaign_id))
        except Exception as error:
            if isinstance(error, InstantlyRequestError):
                error.outcome = f"This try did not activate campaign {campaign_id}{self._but_earlier}."
            self.record.settle()
            raise
        match outcome:
            case Unneeded(campaign):
                self.record.settle()
                return Launched(campaign, by_this_run=self.record.may_have_launched)
            case Answered(answered):
                self.record.note_answered()
                return self._confirmed(campaign_id, answered)
            case Shown(campaign):
                self._say(f"The campaign is {campaign.status_label}: the activation took effect.", campaign)
                # Whatever it is next, it was something else in between.
                self._found = None
                return self._confirmed(campaign_id, campaign)
            case Unconfirmed():
                self.record.settle()
                self._note_absence(outcome)
                raise _not_confirmed_after(outcome, campaign_id)
        assert_never(outcome)

    def _activation(self, campaign_id: str) -> Change[Campaign, Campaign]:
        doubt: Unconfirmed[Campaign] | None = None

        def before_send(before: Campaign | None, since: Unconfirmed[Campaign] | None) -> None:
            nonlocal doubt
            doubt = since
            self._before_activation(before, doubt)
            self._stop_if_killed(campaign_id, doubt)

        def send() -> Campaign:
            return self._activate(campaign_id, doubt)

        return Change(
            name="activation",
            request=activate_campaign(campaign_id),
            read_before=partial(self._read_before, campaign_id),
            is_needed=self._should_activate,
            before_send=before_send,
            send=send,
            read=partial(self._read, campaign_id),
            proof=effect_of_activation,
            note=partial(self.log.warning, "%s"),
            note_retry=self.hook.metrics.note_retry,
            max_retries=self.hook.get_max_retries(),
        )

    def _say(self, news: str, campaign: Campaign) -> None:
        write(self.log, info=[f"{news} {about(campaign.title)}"])

    @property
    def _but_earlier(self) -> str:
        return "; whether an earlier one did, its log says" if self.is_retry else ""

    def _read(self, campaign_id: str) -> Campaign:
        with before_leaving(self._freshness.note_sent):
            campaign = self.hook.get_campaign(campaign_id)
        self._freshness.note_read()
        self.record.note_seen(campaign.status)
        return campaign

    # Before the activation

    def _read_before(self, campaign_id: str) -> Campaign | None:
        if not self.rules.check_before and not self.is_retry:
            self.log.warning("Activating it unseen, because of check_before=False. %s", about(campaign_id))
            return None
        try:
            found = self._wait_for_earlier_tries(campaign_id)
            if self._readiness is None:
                return self._read(campaign_id) if found is None else found
            if self._readiness.is_due:
                found = found or self._read(campaign_id)
                self._readiness.read(found, is_to_be_launched=self._plan(found).action is LaunchAction.ACTIVATE)
            # Nothing lies between this read and the activation.
            return self._read(campaign_id)
        except InstantlyPermissionError as error:
            if self.rules.check_before:
                raise
            raise failure(
                LaunchRefusedError,
                "An earlier try may have launched the campaign, and this API key may not read it.",
                "A launch is never repeated unseen.",
                "Look at the campaign in Instantly, or give the key the scope campaigns:read.",
                about(campaign_id),
            ) from error

    def _wait_for_earlier_tries(self, campaign_id: str) -> Campaign | None:
        """
        What a try sent that died without an answer may still be on its way: read until it shows, or until it is late.

        It is waited for once: a launch that is put off after that has let more time pass.

        :return: the campaign as it was read last, or None if nothing was waited for.
        """
        if self._has_waited or not self.record.may_have_launched:
            return None
        campaign = self._read(campaign_id)
        if campaign.status in NOT_LAUNCHED_STATUSES:
            campaign = self._read_until_changed(campaign_id, campaign.status)
        self._has_waited = True
        return campaign

    def _should_activate(self, before: Campaign | None) -> bool:
        if before is None:
            return True
        plan = self._plan(before)
        if plan.action is LaunchAction.REFUSE:
            what, *advice = plan.sentences
            raise failure(LaunchRefusedError, what, *self._why_stopped(before), *advice)
        if plan.action is LaunchAction.ACTIVATE and self._readiness is not None:
            self._readiness.stop_if_unready(before)
        (self.log.warning if plan.is_warning else self.log.info)("%s", plan.reason)
        return plan.action is LaunchAction.ACTIVATE

    def _plan(self, campaign: Campaign) -> LaunchPlan:
        return plan_launch(campaign, self.rules, prior=self.record.prior_outcome(campaign.status))

    def _read_until_launched(self, before: Campaign) -> Campaign:
        return self._read_until_changed(before.id, before.status)

    # The activation

    def _before_activation(self, before: Campaign | None, doubt: Unconfirmed[Campaign] | None) -> None:
        if doubt is not None and doubt.state is not None:
            # The note of what is sent next follows, and nothing is to take long now.
            self._note_absence(doubt, is_written=False)
            self._say(f"The campaign is still {doubt.state.status_label}: activating it again.", doubt.state)
        self._found = before
        self.record.note_sending(None if before is None else before.status)

    def _stop_if_killed(self, campaign_id: str, doubt: Unconfirmed[Campaign] | None) -> None:
        """Asked before an activation, and again right before its first byte leaves."""
        if self.is_killed():
            why = "the task was killed"
        elif self.record.is_superseded:
            why = "Airflow did not know this try of the task any more"
        else:
            return
        self.record.note_without_effect()
        if doubt is None:
            raise failure(
                TaskKilledError,
                f"{why[0].upper()}{why[1:]}.",
                f"This try did not activate campaign {campaign_id}{self._but_earlier}.",
            )
        raise failure(
            LaunchNotConfirmedError,
            f"The campaign may or may not have been launched: the answer to its activation was lost, and then {why}.",
            "Another try reads it before anything is repeated.",
            about(campaign_id),
        ) from doubt.lost

    def _activate(self, campaign_id: str, doubt: Unconfirmed[Campaign] | None) -> Campaign:
        try:
            with before_leaving(partial(self._before_first_byte, campaign_id, doubt)):
                return self.hook.activate_campaign(campaign_id, max_retries=0)
        except OutdatedReadError:
            self.record.note_put_off()
            raise
        except InstantlyError as error:
            if not isinstance(error, AmbiguousOutcomeError):
                self.record.note_without_effect()
            raise

    def _before_first_byte(self, campaign_id: str, doubt: Unconfirmed[Campaign] | None) -> None:
        self._stop_if_killed(campaign_id, doubt)
        why = "Airflow's task state store or the way to Instantly is slow."
        self._freshness.check(activate_campaign(campaign_id), "activation", why)

    def _note_absence(self, doubt: Unconfirmed[Campaign], *, is_written: bool = True) -> None:
        """A retry must not take what was Paused all along for paused by a person since."""
        is_paused = doubt.state is not None and doubt.state.status is CampaignStatus.PAUSED
        if is_paused and doubt.effect is Effect.ABSENT:
            self.record.note_may_resume(is_written=is_written)

    # After the activation

    def _confirmed(self, campaign_id: str, answered: Campaign) -> Launched:
        """Check what an activation came to against a new read, where the key may read."""
        campaign = self._read_after(campaign_id, answered) if self.rules.check_before else answered
        if campaign.status in STOPPED_STATUSES:
            what = f"The campaign was activated, and Instantly stopped it: it is {campaign.status_label}."
            if self._stands_as_before(campaign):
                what = (
                    f"The campaign was activated and is {campaign.status_label}, as it was before: Instantly stopped "
                    "it again, or the activation has had no effect."
                )
            raise failure(
                CampaignStoppedError,
                what,
                *self._why_stopped(campaign),
                "Fix the cause in Instantly and resume the campaign there.",
                about(campaign.title),
            )
        if campaign.status in NOT_LAUNCHED_STATUSES and not self.may_settle:
            raise _not_confirmed(campaign)
        self._say_launched(campaign)
        self.hook.metrics.count(LAUNCHES)
        return Launched(campaign, by_this_run=True, was_seen=campaign is not answered)

    def _say_launched(self, campaign: Campaign) -> None:
        if campaign.status is CampaignStatus.COMPLETED and self._stands_as_before(campaign):
            what = "The campaign is Completed, as it was before its activation"
            why = "it may have no lead left, or the activation has had no effect"
            self.log.warning("%s: %s. Look at it in Instantly. %s", what, why, about(campaign.title))
            return
        is_shown = campaign.status not in NOT_LAUNCHED_STATUSES
        shown = "the campaign is" if is_shown else "the campaign does not show it yet, and is"
        self._say(f"Launched: {shown} {campaign.status_label}.", campaign)

    def _stands_as_before(self, campaign: Campaign) -> bool:
        return self._found is not None and self._found.status == campaign.status

    def _read_after(self, campaign_id: str, answered: Campaign) -> Campaign:
        campaign = None
        try:
            campaign = self._read(campaign_id)
            awaited_here = frozenset() if self.may_settle else NOT_LAUNCHED_STATUSES
            if campaign.status in _SHOWN_UNTIL_IT_TAKES_EFFECT | awaited_here:
                return self._read_until_changed(campaign_id, campaign.status)
            return campaign
        except InstantlyError as error:
            self.log.warning("The campaign could not be read to confirm its launch: %s", error)
            if self.may_settle:
                # The wait reads it again, when that no longer shows how the campaign stood before.
                time.sleep(sum(READ_BACK_PAUSES))
            elif campaign is not None:
                # It was read once, and not as launched.
                raise _not_confirmed(campaign) from error
            return answered

    def _read_until_changed(self, campaign_id: str, unchanged: CampaignStatus | None) -> Campaign:
        """Read until the status has changed, or for long enough to believe that it will not."""
        for pause in READ_BACK_PAUSES:
            time.sleep(pause)
            campaign = self._read(campaign_id)
            if campaign.status != unchanged:
                break
        return campaign

    def _why_stopped(self, campaign: Campaign) -> tuple[str, ...]:
        """What Instantly says of a campaign that it stopped, as a sentence or none; nothing is decided by it."""
        if campaign.status not in STOPPED_STATUSES:
            return ()
        try:
            return instantly_says(self.hook.get_sending_status(campaign.id).reason)
        except InstantlyError as error:
            self.log.warning("The reason could not be read: %s", error)
            return ()


def _not_confirmed_after(doubt: Unconfirmed[Campaign], campaign_id: str) -> LaunchNotConfirmedError:
    """The error for an activation whose answer was lost, and which no read has shown."""
    if doubt.error is None and doubt.state is not None:
        error = _not_confirmed(doubt.state)
    else:
        what = "it was activated again, which was refused"
        if doubt.state is None:
            what = "it could not be read"
        elif isinstance(doubt.error, OutdatedReadError):
            what = "it was not activated again"
        error = failure(
            LaunchNotConfirmedError,
            f"The campaign may or may not have been launched: the answer to its activation was lost, and then {what}: "
            f"{doubt.error}",
            "Another try reads it before anything is repeated.",
            about(campaign_id),
        )
    error.__cause__ = doubt.lost
    return error


def _not_confirmed(campaign: Campaign) -> LaunchNotConfirmedError:
    what = f"The campaign was to be activated and is {campaign.status_label}."
    if campaign.status in STOPPED_STATUSES:
        why = "Instantly may have stopped it after this launch, or the activation had no effect."
        left = "It was left as it is."
        advice = "Look at it in Instantly; if it has sent nothing, start a new run."
    else:
        why = "A person may have changed it, or the activation had no effect."
        left = "It was left as it is; another try reads it before it decides."
        advice = ""
    return failure(LaunchNotConfirmedError, *filter(None, (what, why, left, advice)), about(campaign.title))
