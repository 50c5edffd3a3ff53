"""Whether to launch a campaign, as a pure decision: e-mails cannot be unsent, so it is taken in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.campaign import RUNNING_STATUSES, STOPPED_STATUSES, CampaignStatus, about
from airflow_provider_instantly.api.change import Effect

if TYPE_CHECKING:
    from airflow_provider_instantly.api.campaign import Campaign


class PriorOutcome(StrEnum):
    """What came of the activations that this task instance sent so far."""

    NOTHING = "nothing"
    MAYBE = "maybe"
    LAUNCHED = "launched"


class LaunchAction(StrEnum):
    """What to do with a campaign that is to be launched."""

    ACTIVATE = "activate"
    LEAVE = "leave"
    REFUSE = "refuse"


@dataclass(frozen=True)
class LaunchPlan:
    """
    The decision and its reason.

    :param action: what to do.
    :param sentences: why, what follows, and which campaign it is: for the log or the error.
    :param is_warning: whether it is for a person to check.
    """

    action: LaunchAction
    sentences: tuple[str, ...]
    is_warning: bool = False

    @property
    def reason(self) -> str:
        """The sentences as one line."""
        return " ".join(self.sentences)


@dataclass(frozen=True)
class LaunchRules:
    """
    What the DAG's author allows.

    :param reactivate_stopped: whether a campaign that Instantly stopped may be activated.
    :param resume_paused: whether a paused campaign may be resumed.
    :param check_before: whether the campaign is read before it is activated.
    """

    reactivate_stopped: bool = False
    resume_paused: bool = True
    check_before: bool = True


#: A campaign in one of these has not been launched, or not since it was paused.
NOT_LAUNCHED_STATUSES: Final = frozenset({CampaignStatus.DRAFT, CampaignStatus.PAUSED})
#: A campaign comes to one of these by a launch only.
_LAUNCHED_STATUSES: Final = RUNNING_STATUSES | STOPPED_STATUSES | {CampaignStatus.COMPLETED}


def plan_launch(campaign: Campaign, rules: LaunchRules, *, prior: PriorOutcome = PriorOutcome.NOTHING) -> LaunchPlan:
    """
    Decide what launching means for a campaign as it stands.

    :param campaign: as it was just read.
    :param rules: what the DAG's author allows.
    :param prior: what came of the activations that this task instance sent before.
    """
    plan = _plan(campaign.status, rules, prior)
    return replace(plan, sentences=(*plan.sentences, about(campaign.title)))


def _plan(status: CampaignStatus | None, rules: LaunchRules, prior: PriorOutcome) -> LaunchPlan:
    if status is None:
        return LaunchPlan(LaunchAction.REFUSE, ("The campaign has no status, so this try did not activate it.",))
    stands = f"The campaign is {status.label}"
    if status in RUNNING_STATUSES:
        return LaunchPlan(LaunchAction.LEAVE, (f"{stands} already, so nothing was sent to Instantly.",))
    if prior is not PriorOutcome.NOTHING and status is not CampaignStatus.DRAFT:
        return _plan_after_a_launch(stands, status, rules, prior)
    if status in STOPPED_STATUSES:
        return _plan_for_stopped(stands, rules)
    if status is CampaignStatus.PAUSED and not rules.resume_paused:
        return LaunchPlan(
            LaunchAction.REFUSE,
            (f"{stands}, and resume_paused=False, so this try did not activate it.", "Resume it in Instantly first."),
        )
    if not status.is_known:
        reason = (f"{stands}, a status that this release does not know.", "Activating it.")
        return LaunchPlan(LaunchAction.ACTIVATE, reason, is_warning=True)
    return LaunchPlan(LaunchAction.ACTIVATE, (f"{stands}.", "Activating it."))


def effect_of_activation(before: Campaign | None, after: Campaign) -> Effect:
    """
    What a read after an activation whose answer was lost proves of it.

    A campaign that Instantly had stopped and that is stopped still may have been launched and stopped again, and one
    that is Completed still may have run: neither is ever launched a second time on a guess.

    :param before: the campaign right before the activation, or None if it was not read.
    :param after: the campaign as it was just read.
    """
    if before is None:
        # It may have been completed or stopped already.
        return Effect.SHOWN if after.status in RUNNING_STATUSES else Effect.UNCLEAR
    if after.status != before.status:
        is_proof = after.status in _LAUNCHED_STATUSES and not is_stop_without_proof(before.status, after.status)
        return Effect.SHOWN if is_proof else Effect.UNCLEAR
    return Effect.ABSENT if after.status in NOT_LAUNCHED_STATUSES else Effect.UNCLEAR


def is_stop_without_proof(before: int | None, after: int | None) -> bool:
    """
    Whether a campaign is stopped that may have been stopped without a launch in between.

    One that was launched before may be stopped for what it sent then, also while it is Paused: a stop proves the launch
    of a Draft alone.

    :param before: its status before the activation, or None if it is not known.
    :param after: its status now.
    """
    return after in STOPPED_STATUSES and before != CampaignStatus.DRAFT


def _plan_after_a_launch(stands: str, status: CampaignStatus, rules: LaunchRules, prior: PriorOutcome) -> LaunchPlan:
    """What this task instance launched, or may have, is not launched a second time."""
    if status is CampaignStatus.PAUSED:
        return LaunchPlan(
            LaunchAction.REFUSE,
            (
                f"{stands}, although this task activated it, or tried to: a person, a guard or pause_on_kill may have "
                "paused it since.",
                "A retry does not overrule that, so it was not resumed.",
                "Resume it in Instantly, or start a new run.",
            ),
        )
    if status in STOPPED_STATUSES:
        launched = "launched it, and" if prior is PriorOutcome.LAUNCHED else "tried to activate it; it may be that"
        hint = ["reactivate_stopped=True is for how the task finds a campaign."] if rules.reactivate_stopped else []
        return LaunchPlan(
            LaunchAction.REFUSE,
            (
                f"{stands}: this task {launched} Instantly stopped it since, so it was not activated again.",
                *hint,
                "Fix the cause in Instantly, and start a new run.",
            ),
        )
    if prior is PriorOutcome.LAUNCHED:
        if status is CampaignStatus.COMPLETED:
            return LaunchPlan(LaunchAction.LEAVE, (f"{stands}: this task launched it, and it is done.",))
        reason = (
            f"{stands}, a status that this release does not know.",
            "This task launched it, so it is left alone.",
        )
        return LaunchPlan(LaunchAction.LEAVE, reason, is_warning=True)
    return LaunchPlan(
        LaunchAction.REFUSE,
        (
            f"{stands}.",
            "This task tried to activate it, and it is not known whether that took effect, so it was not activated "
            "again.",
            "Look at it in Instantly; if it has sent nothing since, start a new run.",
        ),
    )


def _plan_for_stopped(stands: str, rules: LaunchRules) -> LaunchPlan:
    if rules.reactivate_stopped:
        reason = (f"{stands}.", "Activating it all the same, because of reactivate_stopped=True.")
        return LaunchPlan(LaunchAction.ACTIVATE, reason, is_warning=True)
    return LaunchPlan(
        LaunchAction.REFUSE,
        (
            f"{stands}: Instantly stopped it, so this try did not activate it.",
            "Fix the cause in Instantly first.",
            "reactivate_stopped=True would activate it all the same.",
            "After bounce protection, Instantly does not protect it again for 7 days.",
        ),
    )
