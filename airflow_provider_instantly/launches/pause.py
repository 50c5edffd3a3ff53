"""
A pause, from a worker or from the triggerer: read first, sent, read back where its answer was lost, and sent again.

A campaign that is paused or done already is left alone, and so is what Instantly stopped: paused, a person could resume
it unprotected.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, assert_never

from airflow_provider_instantly.api.campaign import STOPPED_STATUSES, CampaignStatus
from airflow_provider_instantly.api.change import (
    Answered,
    Change,
    Effect,
    Shown,
    Unconfirmed,
    Unneeded,
    acarry_out,
    carry_out,
)
from airflow_provider_instantly.api.errors import InstantlyRequestError
from airflow_provider_instantly.api.operations import pause_campaign
from airflow_provider_instantly.exceptions import PauseNotConfirmedError
from airflow_provider_instantly.tasklog import awarn

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.change import Outcome
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.tasklog import TaskLog

#: Seconds before each read after a lost answer. To pause twice does no harm, and a task that is killed has few seconds.
_READ_BACK_PAUSES: Final = (0.25, 0.75)
_DONE: Final = STOPPED_STATUSES | {CampaignStatus.PAUSED, CampaignStatus.COMPLETED}


@dataclass(frozen=True)
class Paused:
    """
    What became of a campaign that was to be paused.

    :param campaign: as it was last read, or as the answer to the pause describes it.
    :param was_sent: whether a pause was sent; else it was left as it was.
    :param was_answered: whether that was answered; else it was read afterwards that the campaign sends no more.
    """

    campaign: Campaign
    was_sent: bool
    was_answered: bool = False


def pause(
    hook: InstantlyHook, campaign_id: str, *, log: TaskLog, before_send: Callable[[Campaign], Any] = lambda _: None
) -> Paused:
    """
    Pause a campaign that may send, and make sure of it.

    :param hook: a hook that retries what may be repeated.
    :param campaign_id: its UUID.
    :param log: the task's log.
    :param before_send: is called with the campaign as it was read, right before each pause that is sent. It may raise,
        to send none.
    :raises PauseNotConfirmedError: if it is not known whether the pause took effect.
    :raises InstantlyError: if a request was refused or never sent; nothing was paused then.
    """
    retries = hook.get_conn().endpoint.max_retries if hook.max_retries is None else hook.max_retries
    change = _change(
        campaign_id,
        retries,
        before_send,
        send=partial(hook.pause_campaign, campaign_id, max_retries=0),
        read=partial(hook.get_campaign, campaign_id),
        note=partial(log.warning, "%s"),
    )
    try:
        return _paused(carry_out(change), campaign_id)
    except InstantlyRequestError as error:
        error.outcome = _not_paused(campaign_id)
        raise


async def apause(
    hook: InstantlyHook, campaign_id: str, *, log: TaskLog, before_send: Callable[[Campaign], Any] = lambda _: None
) -> Paused:
    """Async twin of `pause`; ``before_send`` may be a coroutine function."""
    retries = (await hook.aget_conn()).endpoint.max_retries if hook.max_retries is None else hook.max_retries
    change = _change(
        campaign_id,
        retries,
        before_send,
        send=partial(hook.apause_campaign, campaign_id, max_retries=0),
        read=partial(hook.aget_campaign, campaign_id),
        note=partial(awarn, log, "%s"),
    )
    try:
        return _paused(await acarry_out(change), campaign_id)
    except InstantlyRequestError as error:
        error.outcome = _not_paused(campaign_id)
        raise


def can_be_paused(campaign: Campaign) -> bool:
    """
    Whether a campaign may send, or may soon: right after its activation it may be shown as it was before.

    :param campaign: as it was just read.
    """
    return campaign.status not in _DONE


def _change(
    campaign_id: str,
    max_retries: int,
    before_send: Callable[[Campaign], Any],
    *,
    send: Callable[[], Any],
    read: Callable[[], Any],
    note: Callable[[str], Any],
) -> Change[Campaign, Campaign]:
    """What a pause is, whichever calls it is made with."""

    def check(before: Campaign | None, doubt: Unconfirmed[Campaign] | None) -> Any:
        campaign = before if doubt is None else doubt.state
        return None if campaign is None else before_send(campaign)

    return Change(
        name="pause",
        request=pause_campaign(campaign_id),
        is_needed=lambda campaign: campaign is None or can_be_paused(campaign),
        before_send=check,
        proof=lambda _, after: Effect.ABSENT if can_be_paused(after) else Effect.SHOWN,
        max_retries=max_retries,
        read_pauses=_READ_BACK_PAUSES,
        send=send,
        read=read,
        note=note,
    )


def _paused(outcome: Outcome[Campaign, Campaign], campaign_id: str) -> Paused:
    match outcome:
        case Unneeded(campaign):
            return Paused(campaign, was_sent=False)
        case Answered(campaign):
            return Paused(campaign, was_sent=True, was_answered=True)
        case Shown(campaign):
            return Paused(campaign, was_sent=True)
        case Unconfirmed():
            found = f"it is {outcome.state.status_label}" if outcome.state else "it could not be read"
            why = f": {outcome.error}" if outcome.error else "."
            raise PauseNotConfirmedError(
                f"The answer to the pause of campaign {campaign_id} was lost, and then {found}{why} It may or may not "
                "have been paused. Look at it in Instantly, and pause it there if it still sends."
            ) from outcome.lost
    assert_never(outcome)


def _not_paused(campaign_id: str) -> str:
    return f"Campaign {campaign_id} was not paused."
