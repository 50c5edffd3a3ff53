"""What a check can find: each finding has a code, a level, a sentence, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: So many places, domains or names are listed in one sentence.
_LISTED: Final = 5


class Level(StrEnum):
    """How much a finding matters."""

    #: The campaign should not be launched.
    ERROR = "error"
    #: A person should know.
    WARNING = "warning"
    #: It could not be read, so it is not known.
    INCOMPLETE = "incomplete"


_E, _W, _I = Level.ERROR, Level.WARNING, Level.INCOMPLETE
_FIX_COPY: Final = "Correct the e-mails in Instantly."
_FIX_SCHEDULE: Final = "Correct the campaign's schedule in Instantly."
_GRANT: Final = (
    "Give the API key the scope that is missing, or try again if it may pass; else allow this code in ignore."
)

#: Every code, with its level and what to do about it.
CODES: Final[Mapping[str, tuple[Level, str]]] = MappingProxyType(
    {
        # How it stands
        "no_such_campaign": (_E, "Check the campaign's id, and the workspace of the connection's API key."),
        "campaign_stopped": (_E, "Fix the cause in Instantly, and resume the campaign there."),
        "campaign_running": (_E, "Nothing is left to launch. Check that it is the campaign that you mean."),
        "status_unread": (_I, "Look at the campaign in Instantly. If it may be launched, allow this code in ignore."),
        # What its e-mails say
        "no_step": (_E, "Write the campaign's e-mails in Instantly."),
        "no_variant": (_E, "Switch a variant of the step on, or delete the step."),
        "empty_body": (_E, _FIX_COPY),
        "empty_subject": (_E, "Give the first e-mail a subject. Those after it may go without."),
        "placeholder_text": (_E, _FIX_COPY),
        "broken_template": (_E, _FIX_COPY),
        "malformed_link": (_E, "Correct the link: whole, with https:// and a host."),
        # Its variables
        "unknown_variable": (_E, "Correct the name, or add the variable to the leads."),
        "missing_values": (_E, "Add the values to the leads, or a fallback: {{name | text}}."),
        "variables_unread": (_I, _GRANT),
        "variable_spelling": (_W, "Write the name exactly as the variable is called, in double braces."),
        "tight_fallback": (_W, "Put a blank on each side of the bar: {{name | text}}."),
        "unsubscribe_braces": (_W, "Write {unsubscribe_link}, in single braces."),
        "custom_like_core": (_W, "Give the custom variable another name."),
        # Who sends
        "no_sender": (_E, "Add sending accounts to the campaign, or a tag to accounts."),
        "no_usable_sender": (_E, "Reconnect the accounts in Instantly, or add others to the campaign."),
        "unusable_senders": (_W, "Reconnect the accounts in Instantly, or take them out of the campaign."),
        "senders_unread": (_I, _GRANT),
        "cold_senders": (_W, "Let them warm up first, or send from other accounts."),
        "warm_up_unread": (_I, _GRANT),
        "domain_failing": (_W, "Correct the DNS records of the domain."),
        "domains_unread": (_I, _GRANT),
        "no_tracking_domain": (_W, "Set a tracking domain up for the accounts, or switch tracking off."),
        # To whom
        "no_leads": (_E, "Add leads to the campaign."),
        "no_lead_left": (_E, "Add new leads to the campaign."),
        "unverified_leads": (_W, "Verify the leads, and delete the bad ones."),
        "leads_unread": (_I, _GRANT),
        "plan_full": (_E, "Delete leads that are done, or extend the plan."),
        "plan_unread": (_I, _GRANT),
        # When, and how much
        "schedule_never_opens": (_E, _FIX_SCHEDULE),
        "schedule_unread": (
            _I,
            "Look at the schedule in Instantly. If it is as it should be, allow this code in ignore.",
        ),
        "schedule_left_out": (_W, _FIX_SCHEDULE),
        "window_too_short": (_W, "Widen the sending windows, add accounts, or lower the limits."),
        "night_only": (_W, _FIX_SCHEDULE),
        "weekend_only": (_W, _FIX_SCHEDULE),
        "limit_zero": (_W, "Set a limit above 0. To stop an account, pause it: a limit of 0 does not."),
        "limit_above_accounts": (_W, "Lower the campaign's daily limit, or add accounts."),
        "limit_above_advice": (_W, "Lower the daily limit, or add accounts."),
        "limit_unknown": (_W, "Set a daily limit for the campaign and for each account."),
        "stop_on_reply_off": (_W, "Switch stop on reply on, unless leads that replied should get more e-mails."),
        "bounce_protection_off": (_W, "Switch bounce protection on."),
    }
)

#: Without a campaign there is nothing to check, so it is never allowed.
NEVER_IGNORED: Final = frozenset({"no_such_campaign"})
#: How the campaign stands, which a launch decides for itself.
STANDING_CODES: Final = frozenset({"campaign_stopped", "campaign_running", "status_unread"})


@dataclass(frozen=True)
class Finding:
    """
    One thing that was found.

    :param code: one of `CODES`.
    :param sentence: what was found. It names no address of a person or an account.
    """

    code: str
    sentence: str

    @property
    def level(self) -> Level:
        """How much it matters."""
        return CODES[self.code][0]

    @property
    def what_to_do(self) -> str:
        """What to do about it, as a sentence."""
        return CODES[self.code][1]

    def as_dict(self) -> dict[str, str]:
        """As an XCom has it."""
        return {
            "code": self.code,
            "level": self.level.value,
            "sentence": self.sentence,
            "what_to_do": self.what_to_do,
        }


def listed(items: Iterable[str]) -> str:
    """
    Return a few items as they stand in a sentence, each once.

    :param items: names or places.
    """
    found = list(dict.fromkeys(items))
    more = len(found) - _LISTED
    return ", ".join(found[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def counted(count: int, total: int, noun: str) -> str:
    """
    Return how many of how many, for the beginning of a sentence.

    :param count: how many.
    :param total: of how many.
    :param noun: what they are, in the singular.
    """
    return f"{count:,} of {total:,} {noun}{'' if total == 1 else 's'}"


def worst(findings: Sequence[Finding]) -> Level | None:
    """
    Return the level that matters most, or None where nothing was found.

    :param findings: what was found.
    """
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.ERROR, Level.INCOMPLETE, Level.WARNING) if level in levels), None)
