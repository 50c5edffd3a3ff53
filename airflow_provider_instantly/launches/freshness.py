"""How old what was read may be when an activation rests on it: the campaign, and what a check reads beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from airflow_provider_instantly.api.freshness import ReadAge

#: Seconds for which a check before a launch counts where the activation is put off.
MAX_CHECK_AGE: Final = 60.0


@dataclass
class Freshness(ReadAge):
    """When a launch has read what it decides by."""

    _checked_at: float | None = field(default=None, init=False)

    def note_check(self) -> None:
        """Note that all was read that a check needs."""
        self._checked_at = self.clock()

    @property
    def is_checked(self) -> bool:
        """Whether there was a check that still counts."""
        return self._checked_at is not None and self.clock() - self._checked_at <= MAX_CHECK_AGE
