"""A campaign's statuses as Instantly documents them: tests do not ask the code what is right."""

from __future__ import annotations

from typing import Final

DRAFT: Final = 0
ACTIVE: Final = 1
PAUSED: Final = 2
COMPLETED: Final = 3
SUBSEQUENCES: Final = 4
UNHEALTHY: Final = -1
BOUNCED: Final = -2
SUSPENDED: Final = -99
#: A number that is documented nowhere.
UNKNOWN: Final = 7

NAMES: Final = {
    DRAFT: "Draft",
    ACTIVE: "Active",
    PAUSED: "Paused",
    COMPLETED: "Completed",
    SUBSEQUENCES: "Running Subsequences",
    UNHEALTHY: "Accounts Unhealthy",
    BOUNCED: "Bounce Protect",
    SUSPENDED: "Account Suspended",
}
KNOWN: Final = tuple(NAMES)
ALL: Final = (*KNOWN, UNKNOWN)
#: What sends.
RUNNING: Final = (ACTIVE, SUBSEQUENCES)
#: What Instantly itself has stopped.
STOPPED: Final = (UNHEALTHY, BOUNCED, SUSPENDED)
