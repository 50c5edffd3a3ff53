"""The numbers of a campaign's statuses as Instantly documents them: tests do not ask the code what is right."""

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
