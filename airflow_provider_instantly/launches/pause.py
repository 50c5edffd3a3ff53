"""
A pause, from a worker or from the triggerer: read first, sent, confirmed by a read, sent again where it had no effect.

A campaign that is paused or done already is left alone, and so is what Instantly stopped: paused, a person could resume
it unprotected.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, assert_never

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus, about
from airflow_provider_instantly.api.change import (
    MAX_SENDS,
    READ_BACK_PAUSES,
    Answered,
    Change,
    Effect,
    Shown,
    Unconfirmed,
    Unneeded,
    acarry_out,
    carry_out,
)
from airflow_provider_instantly.api.errors import InstantlyError, InstantlyRequestError
from airflow_provider_instantly.api.operations import pause_campaign
from airflow_provider_instantly.exceptions import PauseNotConfirmedError, TaskKilledError, failure
from airflow_provider_instantly.launches.turns import Turn
from airflow_provider_instantly.tasklog import awarn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.change import Outcome
    from airflow_provider_instantly.api.retry import TimeBudget
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.tasklog import TaskLog

    BeforePause = Callable[[Campaign, Unconfirmed[Campaign] | None], Any]

#: Seconds before each read after a lost answer. To pause twice does no harm, and a task that is killed has few seconds.
_READ_BACK_PAUSES: Final = (0.25, 0.75)
#: Seconds before each read that confirms an answer.
_CONFIRM_PAUSES: Final = (0.0, *READ_BACK_PAUSES)
_DONE: Final = STOPPED_STATUSES | {CampaignStatus.PAUSED, CampaignStatus.COMPLETED}
#: Seconds that pauses have where Airflow (3.3.2) gives little time, and one has to say what became of them: 20 s to the
#: callback of a task, 30 to a trigger that is killed, 50 to the callbacks of a DAG. A request and a read of what became
#: of it may come on top.
TIME_LIMIT: Final = 12.0
#: What to do about a campaign of which it is not certain that it was paused.
_LOOK: Final = "Look at it in Instantly, and pause it there if it still sends."
#: What sends nothing yet: spared, unless the caller wants such a campaign paused, too.
DRAFTS: Final = frozenset({CampaignStatus.DRAFT})


def _nothing_before(_campaign: Campaign, _doubt: Unconfirmed[Campaign] | None) -> None:
    """What is called before a pause by default."""


@dataclass(frozen=True)
class Paused:
    """
    What became of a campaign that was to be paused.

    :param found: as it was read first.
    :param campaign: as it was last read, or as the answer to the pause describes it.
    :param was_sent: whether a pause was sent; else it was left as it was.
    :param was_answered: whether that was answered; else it was read afterwards that the campaign sends no more.
    :param switch: the caller's parameter because of which Drafts are left as they are, or None if it has none.
    """

    found: Campaign
    campaign: Campaign
    was_sent: bool = False
    was_answered: bool = False
    switch: str | None = None

    @property
    def is_effective(self) -> bool:
        """Whether a pause was sent, and the campaign is Paused."""
        return self.was_sent and self.campaign.status is CampaignStatus.PAUSED

    @property
    def needs_attention(self) -> bool:
        """Whether the outcome is a warning: Instantly stopped the campaign."""
        return self.campaign.status in STOPPED_STATUSES

    @property
    def outcome(self) -> str:
        """What became of it, as a line for the log."""
        if self.is_effective:
            return f"Paused campaign {self.campaign.title}."
        return f"{self._why_not_paused} {about(self.campaign.title)}"

    @property
    def _why_not_paused(self) -> str:
        stands = f"The campaign is {self.campaign.status_label}"
        if self.was_sent:
            return f"A pause was sent, and meanwhile the campaign became {self.campaign.status_label}."
        if self.needs_attention:
            why = "Instantly stopped it, so it stays as it is. If it were paused, a person could resume it unprotected."
            return f"{stands}: {why}"
        if self.campaign.status is CampaignStatus.DRAFT:
            why = ": a Draft sends nothing" if self.switch is None else f", because of {self.switch}=False"
            return f"{stands}, and was left as it is{why}."
        return f"{stands}, and was left as it is."


def pause(
    hook: InstantlyHook,
    campaign_id: str,
    *,
    log: TaskLog,
    spare: Collection[CampaignStatus] = (),
    switch: str | None = "pause_drafts",
    confirm: bool = True,
    before_send: BeforePause = _nothing_before,
    turn: Turn | None = None,
) -> Paused:
    """
    Pause a campaign that may send, and make sure of it.

    :param hook: a hook that retries what may be repeated.
    :param campaign_id: its UUID.
    :param log: the task's log.
    :param spare: the statuses in which it is left as it is, beside those in which it is never paused.
    :param switch: the caller's parameter that says so of Drafts, for the log; None if it has none.
    :param confirm: whether to read it after the answer, too: for up to seven seconds, until it is seen stopped.
    :param before_send: is called with the campaign as it was read, right before each pause that is sent; and with None,
        or with what is known of an earlier pause whose answer was lost. It may raise, to send none.
    :param turn: its turn, if it is one of several.
    :raises PauseNotConfirmedError: if it is not known whether the pause took effect.
    :raises InstantlyError: if a request was refused or never sent; nothing was paused then.
    """
    pausing = _Pausing(campaign_id, frozenset(spare), switch, confirm, before_send, turn or Turn(campaign_id))
    change = pausing.change(
        hook.get_max_retries(),
        send=partial(hook.pause_campaign, campaign_id, max_retries=0),
        read=partial(hook.get_campaign, campaign_id),
        note=partial(log.warning, "%s"),
        note_retry=hook.metrics.note_retry,
        budget=hook.budget,
    )
    try:
        return pausing.result(carry_out(change))
    except InstantlyError as error:
        raise pausing.error_of(error)  # noqa: B904 - it is that error, or an earlier one with a cause of its own


async def apause(
    hook: InstantlyHook,
    campaign_id: str,
    *,
    log: TaskLog,
    spare: Collection[CampaignStatus] = (),
    switch: str | None = "pause_drafts",
    confirm: bool = True,
    before_send: BeforePause = _nothing_before,
    turn: Turn | None = None,
) -> Paused:
    """Async twin of `pause`; ``before_send`` may be a coroutine function."""
    pausing = _Pausing(campaign_id, frozenset(spare), switch, confirm, before_send, turn or Turn(campaign_id))
    change = pausing.change(
        await hook.aget_max_retries(),
        send=partial(hook.apause_campaign, campaign_id, max_retries=0),
        read=partial(hook.aget_campaign, campaign_id),
        note=partial(awarn, log, "%s"),
        note_retry=hook.metrics.note_retry,
        budget=hook.budget,
    )
    try:
        return pausing.result(await acarry_out(change))
    except InstantlyError as error:
        raise pausing.error_of(error)  # noqa: B904 - see `pause`


@dataclass(frozen=True)
class _Pausing:
    """
    What a pause is, whichever calls it is made with.

    :param campaign_id: the campaign's UUID.
    :param spare: the statuses in which it is not paused, beside those in which none ever is. They prove no pause: no
        campaign that sends becomes a Draft again, so a read that says so is of an earlier moment.
    :param switch: see `pause`.
    :param confirm: whether to read it after the answer.
    :param before_send: see `pause`.
    :param turn: see `pause`.
    :param reads: the campaign as it was read each time before a pause was to be sent for the first time.
    """

    campaign_id: str
    spare: frozenset[CampaignStatus]
    switch: str | None
    confirm: bool
    before_send: BeforePause
    turn: Turn
    reads: list[Campaign] = field(default_factory=list)

    def change(
        self,
        max_retries: int,
        *,
        send: Callable[[], Any],
        read: Callable[[], Any],
        note: Callable[[str], Any],
        note_retry: Callable[[float, InstantlyError], Any],
        budget: TimeBudget,
    ) -> Change[Campaign, Campaign]:
        return Change(
            name="pause",
            request=pause_campaign(self.campaign_id),
            is_needed=self._decide,
            before_send=self._before_send,
            proof=lambda _, after: self._proof(after),
            max_retries=max_retries,
            read_pauses=_READ_BACK_PAUSES[:1] if self.turn.may_be_put_off else _READ_BACK_PAUSES,
            confirm_pauses=self._confirm_pauses,
            max_sends=self._max_sends,
            send=send,
            read=read,
            note=note,
            note_retry=note_retry,
            budget=budget,
        )

    def result(self, outcome: Outcome[Campaign, Campaign]) -> Paused:
        found = self.reads[0]
        match outcome:
            case Unneeded(campaign):
                if self.turn.earlier is not None and campaign.status not in _DONE:
                    # It is spared, and that is no proof of the pause that was sent.
                    raise self.turn.earlier
                return Paused(found, campaign, was_sent=self.turn.earlier is not None, switch=self.switch)
            case Shown(campaign):
                return Paused(found, campaign, was_sent=True)
            case Answered(answer, seen):
                campaign = seen or answer
                if campaign.status not in _DONE:
                    raise _without_effect(campaign)
                return Paused(found, campaign, was_sent=True, was_answered=True)
            case Unconfirmed():
                raise _not_confirmed(outcome, self.campaign_id) from outcome.lost
        assert_never(outcome)

    def error_of(self, error: InstantlyError) -> Exception:
        """
        The error that says what became of the campaign.

        :param error: what kept a pause from being sent. An earlier turn may have sent one.
        """
        if (doubt := self.turn.doubt) is not None:
            state = self.reads[-1] if self.reads else None
            not_confirmed = _not_confirmed(replace(doubt, state=state, error=error), self.campaign_id)
            not_confirmed.__cause__ = doubt.lost
            return not_confirmed
        if self.turn.unmoved is not None:
            return without_another_pause(*self.turn.unmoved, str(error))
        if isinstance(error, InstantlyRequestError):
            error.outcome = _not_paused(self.campaign_id)
        return error

    @property
    def _max_sends(self) -> int:
        """How often it is sent in this turn; in both turns together not more often than in one."""
        if self.turn.may_be_put_off:
            return 1
        return MAX_SENDS if self.turn.earlier is None else MAX_SENDS - 1

    @property
    def _confirm_pauses(self) -> tuple[float, ...]:
        if not self.confirm:
            return ()
        return _CONFIRM_PAUSES[:1] if self.turn.may_be_put_off else _CONFIRM_PAUSES

    def _may_send(self, campaign: Campaign) -> bool:
        """Whether it may send, or may soon: right after its activation it may be shown as it was before."""
        return campaign.status not in _DONE and campaign.status not in self.spare

    def _proof(self, after: Campaign) -> Effect:
        if after.status in _DONE:
            return Effect.SHOWN
        return Effect.ABSENT if self._may_send(after) else Effect.UNCLEAR

    def _decide(self, before: Campaign | None) -> bool:
        """Note how it stands, and take the decision."""
        if before is None:
            return True
        self.reads.append(before)
        return self._may_send(before)

    def _before_send(self, before: Campaign | None, doubt: Unconfirmed[Campaign] | None) -> Any:
        campaign = before if doubt is None else doubt.state
        return None if campaign is None else self.before_send(campaign, doubt or self.turn.doubt)


def what_failed(campaign_id: str, error: Exception) -> str:
    """
    What became of a campaign whose pause ended in an error, as sentences for the log.

    :param campaign_id: the campaign's UUID.
    :param error: what was raised, by `pause` or before it.
    """
    if isinstance(error, InstantlyRequestError | PauseNotConfirmedError):
        return str(error)
    if isinstance(error, InstantlyError):
        return f"Campaign {campaign_id} was not paused: {error}"
    # What other errors say is not known, and might be a secret.
    return f"It is not known whether campaign {campaign_id} was paused ({type(error).__name__}). {_LOOK}"


def killed_before_pause(
    campaign: Campaign, doubt: Unconfirmed[Campaign] | None
) -> TaskKilledError | PauseNotConfirmedError:
    """
    The error of a task that was killed before it sent a pause, or before it sent it again.

    :param campaign: as it was last read.
    :param doubt: what is known of an earlier pause whose answer was lost, or None if there was none.
    """
    if doubt is not None:
        return not_paused_again(campaign, doubt, "the task was killed")
    return failure(
        TaskKilledError,
        "The task was killed, so it sends no pause any more.",
        f"The campaign was {campaign.status_label} when it was last read.",
        "Another try reads it first; or pause it in Instantly.",
        about(campaign.title),
    )


def not_paused_again(campaign: Campaign, doubt: Unconfirmed[Campaign], why: str) -> PauseNotConfirmedError:
    """
    The error of a pause whose answer was lost, and which is not sent again.

    :param campaign: as it was last read.
    :param doubt: what is known of that pause.
    :param why: why it is not sent again, as a clause.
    """
    error = failure(
        PauseNotConfirmedError,
        f"The answer to the pause was lost, and then the campaign was {campaign.status_label}.",
        f"It was not paused again: {why}.",
        "It may or may not have been paused.",
        "Look at it in Instantly, and pause it there if it still sends and is not to.",
        about(campaign.title),
    )
    error.__cause__ = doubt.lost
    return error


def without_another_pause(status_label: str, title: str, why: str) -> PauseNotConfirmedError:
    """
    The error of a pause that was answered and has had no effect, and which is not sent again.

    :param status_label: how the campaign stood after that pause.
    :param title: how it is called.
    :param why: why it is not sent again, as a clause with its stop, or as the text of an error.
    """
    return failure(
        PauseNotConfirmedError,
        *_nothing_changed(status_label),
        f"It was not paused again: {why}",
        _LOOK,
        about(title),
    )


def _without_effect(campaign: Campaign) -> PauseNotConfirmedError:
    error = failure(
        PauseNotConfirmedError,
        *_nothing_changed(campaign.status_label),
        # A brake has no other try.
        _LOOK,
        "Another try reads it before it pauses it.",
        about(campaign.title),
    )
    error.may_pass, error.unmoved = True, (campaign.status_label, campaign.title)
    return error


def _nothing_changed(status_label: str) -> tuple[str, str]:
    return (
        f"The pause was answered, but the campaign was {status_label} when it was last read.",
        "The pause had no effect, or a person resumed the campaign.",
    )


def _not_confirmed(doubt: Unconfirmed[Campaign], campaign_id: str) -> PauseNotConfirmedError:
    found = f"it is {doubt.state.status_label}" if doubt.state else "it could not be read"
    why = f": {doubt.error}" if doubt.error else "."
    error = failure(
        PauseNotConfirmedError,
        f"The answer to the pause was lost, and then {found}{why}",
        "It may or may not have been paused.",
        _LOOK,
        about(campaign_id),
    )
    error.may_pass = doubt.error is None or doubt.error.may_pass
    return error


def _not_paused(campaign_id: str) -> str:
    return f"Campaign {campaign_id} was not paused."
