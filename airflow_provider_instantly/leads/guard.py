"""Whether leads may be added: to a campaign as it stands, since adding to one that runs is sending, and to the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_instantly.api.campaign import RUNNING_STATUSES, STOPPED_STATUSES, CampaignStatus, about

if TYPE_CHECKING:
    from airflow_provider_instantly.api.campaign import Campaign

IfRunning = Literal["refuse", "add"]

#: In these a campaign sends nothing, and new leads wait until a person or a task launches it.
_WAITING: Final = frozenset({CampaignStatus.DRAFT, CampaignStatus.PAUSED})


def why_not(campaign: Campaign, if_running: IfRunning) -> tuple[str, ...]:
    """
    Why no leads are added to a campaign as it stands, as sentences; none if they may be.

    :param campaign: as it was just read.
    :param if_running: ``"add"`` to add to whatever there is.
    """
    if if_running == "add" or campaign.status in _WAITING:
        return ()
    return *_what_it_would_do(campaign), about(campaign.title)


def _what_it_would_do(campaign: Campaign) -> tuple[str, ...]:
    stands = f"The campaign is {campaign.status_label}"
    if campaign.status in RUNNING_STATUSES:
        return (
            f"{stands}, so leads that are added now would be e-mailed at once.",
            'Pause it first, or allow that with if_running="add".',
        )
    if campaign.status in STOPPED_STATUSES:
        return (
            f"{stands}: Instantly stopped it.",
            "Leads that are added now would be e-mailed as soon as a person resumes it.",
            'Fix the cause in Instantly first, or allow that with if_running="add".',
        )
    if campaign.status is CampaignStatus.COMPLETED:
        return (
            f"{stands}, and Instantly may go on with it by itself when it gets new leads: that is not documented.",
            'Pause it first, or allow that with if_running="add".',
        )
    return (
        f"{stands}, and this release does not know whether such a campaign sends.",
        'Look at it in Instantly; allow it with if_running="add".',
    )


def lacks_room(room: int, missing: int) -> tuple[str, ...]:
    """
    Why no leads are added to a plan, as sentences; none if they fit in.

    :param room: how many leads it has room for.
    :param missing: how many are to be added.
    """
    if missing <= room:
        return ()
    return (
        f"The workspace's plan has room for {room:,} more leads, and {missing:,} are to be added.",
        "Delete leads that are done, which frees room within minutes, or enlarge the plan.",
    )
