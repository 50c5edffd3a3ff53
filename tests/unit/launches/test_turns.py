"""Which campaign is paused when, if there are several, and one of them does not answer."""

from __future__ import annotations

import pytest

from airflow_provider_instantly.api.driver import drive
from airflow_provider_instantly.api.errors import (
    InstantlyAuthenticationError,
    InstantlyConnectionError,
    InstantlyRateLimitError,
)
from airflow_provider_instantly.exceptions import PauseNotConfirmedError
from airflow_provider_instantly.launches.turns import Turn, turns


def order(campaign_ids: list[str], *errors: Exception | None) -> list[str]:
    """Whose turns there are; a campaign in capitals is put off if its turn fails. The first end as given."""
    outcomes, had = list(errors), []

    def have(turn: Turn) -> Exception | None:
        had.append(turn.campaign_id.upper() if turn.may_be_put_off else turn.campaign_id)
        error = outcomes.pop(0) if outcomes else None
        return error if error is not None and turn.puts_off(error) else None

    drive(turns(campaign_ids), have)
    return had


def test_one_campaign_has_all_retries_at_once() -> None:
    assert order(["a"], InstantlyConnectionError("Silence.")) == ["a"]


def test_what_fails_comes_again_after_all_others() -> None:
    silent = InstantlyConnectionError("Silence.")

    assert order(["a", "b", "c"], silent, None, silent) == ["A", "B", "C", "a", "c"]


@pytest.mark.parametrize(
    "error",
    [InstantlyAuthenticationError("No."), PauseNotConfirmedError("Who knows."), RuntimeError("A bug.")],
    ids=lambda error: type(error).__name__,
)
def test_what_no_retry_fixes_does_not(error: Exception) -> None:
    assert order(["a", "b"], error) == ["A", "B"]


def test_what_another_look_may_tell_does() -> None:
    unknown = PauseNotConfirmedError("Who knows.")
    unknown.may_pass = True

    assert order(["a", "b"], unknown) == ["A", "B", "a"]


def test_the_rate_limit_is_everybodys() -> None:
    silent, limited = InstantlyConnectionError("Silence."), InstantlyRateLimitError("Too many.")

    assert order(["a", "b", "c"], silent, limited) == ["A", "B", "b", "C", "a"]


def test_one_answer_of_it_lets_no_silent_campaign_hold_up_the_others() -> None:
    """All that came after it had their retries at once, as if there were one campaign alone."""
    silent, limited = InstantlyConnectionError("Silence."), InstantlyRateLimitError("Too many.")

    assert order(["a", "b", "c"], limited, None, silent) == ["A", "a", "B", "C", "b"]


def test_while_it_lasts_each_has_one_turn() -> None:
    limited = InstantlyRateLimitError("Too many.")

    assert order(["a", "b", "c"], limited, limited, limited) == ["A", "a", "B", "b", "c"]
