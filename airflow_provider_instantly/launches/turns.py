"""
Whose turn it is, where several campaigns are paused one after the other in little time.

One that does not answer must not hold up the others, so it has another turn after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_instantly.api.change import Effect, Unconfirmed
from airflow_provider_instantly.api.errors import AmbiguousOutcomeError, InstantlyError, InstantlyRateLimitError
from airflow_provider_instantly.exceptions import PauseNotConfirmedError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from airflow_provider_instantly.api.campaign import Campaign


@dataclass(frozen=True)
class Turn:
    """
    The turn of one campaign among several that are paused one after the other.

    :param campaign_id: its UUID.
    :param may_be_put_off: whether it has another turn if this one fails. Then this one makes no retries, sends one
        pause, and reads once what came of it.
    :param earlier: what is known of a pause that an earlier turn sent; None if none was sent.
    """

    campaign_id: str
    may_be_put_off: bool = False
    earlier: PauseNotConfirmedError | None = None

    def puts_off(self, error: Exception) -> bool:
        """
        Whether it has another turn after an error, which is then said of that one.

        :param error: what came of this turn.
        """
        return self.may_be_put_off and isinstance(error, InstantlyError | PauseNotConfirmedError) and error.may_pass

    @property
    def doubt(self) -> Unconfirmed[Campaign] | None:
        """The same as `earlier`, if the answer to that pause was lost."""
        lost = None if self.earlier is None else self.earlier.__cause__
        return Unconfirmed(lost, Effect.UNCLEAR) if isinstance(lost, AmbiguousOutcomeError) else None

    @property
    def unmoved(self) -> tuple[str, str] | None:
        """How the campaign stood after that pause, and how it is called, if it was answered and has had no effect."""
        return None if self.earlier is None else self.earlier.unmoved


def turns(campaign_ids: Sequence[str]) -> Generator[Turn, Exception | None, None]:
    """
    Let each campaign have its turn, and those that may be paused by a retry another one after all others.

    The retries of one that does not answer would take up to twelve seconds, and callbacks have twenty. So would its
    pauses whose answers are lost, and to wait until an answer shows takes seven.

    :param campaign_ids: their UUIDs. It is sent the error of each turn that is put off, and else None.
    """
    untried, put_off = list(campaign_ids), dict[str, PauseNotConfirmedError | None]()
    was_limited = False
    while len(campaign_ids) > 1 and untried:
        error = yield Turn(untried[0], may_be_put_off=True)
        if isinstance(error, InstantlyRateLimitError):
            # The others would get the same answer, and make it worse. The retries of this one wait until there is room
            # again; if it is soon used up again, each of the others has one turn.
            if was_limited:
                break
            was_limited = True
            yield Turn(untried.pop(0))
            continue
        campaign_id = untried.pop(0)
        if error is not None:
            put_off[campaign_id] = error if isinstance(error, PauseNotConfirmedError) else None
    for campaign_id in (*untried, *put_off):
        yield Turn(campaign_id, earlier=put_off.get(campaign_id))
