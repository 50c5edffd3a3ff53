"""A change that is sent until it shows: what is read, what is sent again, and what its caller learns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_instantly.api.change import (
    MAX_OUTDATED,
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
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    InstantlyAuthenticationError,
    InstantlyConfigurationError,
    InstantlyConnectionError,
    InstantlyError,
    InstantlyRateLimitError,
    InstantlyServerError,
    OutdatedReadError,
)
from airflow_provider_instantly.api.operations import pause_campaign
from airflow_provider_instantly.api.retry import RATE_LIMIT_PATIENCE
from tests.unit.api.conftest import KilledError

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN, ABSENT, UNCLEAR = Effect.SHOWN, Effect.ABSENT, Effect.UNCLEAR
LOST = AmbiguousOutcomeError("The answer was lost.")
REFUSED = InstantlyAuthenticationError("The key is revoked.", status=401)
UNREADABLE = InstantlyServerError("It failed to answer.", status=503)
PUT_OFF = InstantlyRateLimitError("Too many requests.", retry_after=7.0, status=429)
OUTDATED = OutdatedReadError("It was read too long ago.")
NEVER_SENT = InstantlyConnectionError("The connection was refused.", never_sent=True)


@dataclass
class Remote:
    """
    What a change is made to. All that is done with it is kept in order.

    :param sends: what comes of each time that the change is sent.
    :param states: what each read after that shows, or why it could not be read.
    :param is_needed: whether the state before asks for the change.
    :param killed_before: before which sending the task is killed, counted from 1.
    """

    sends: list[Any]
    states: list[Any] = field(default_factory=list)
    is_needed: bool = True
    killed_before: int = 0
    trace: list[Any] = field(default_factory=list)
    doubts: list[Any] = field(default_factory=list)

    def read_before(self) -> str:
        """The state before."""
        self.trace.append("read before")
        return "before"

    def send(self) -> Any:
        """Send the change."""
        self.trace.append("send")
        return _given(self.sends)

    def read(self) -> Any:
        """The state after a lost answer."""
        self.trace.append("read")
        return _given(self.states)

    def before_send(self, before: Any, doubt: Any) -> None:
        """Right before the change is sent."""
        assert before == "before"
        self.doubts.append(doubt)
        if len(self.doubts) == self.killed_before:
            raise KilledError

    def change(self, *, asynchronous: bool = False, **more: Any) -> Change[Any, Any]:
        """The change, for one of the two drivers."""
        calls: dict[str, Any] = {name: getattr(self, name) for name in ("read_before", "send", "read", "before_send")}
        if asynchronous:
            calls = {name: _as_coroutine(call) for name, call in calls.items()}
        return Change(
            name="pause",
            request=pause_campaign("019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"),
            is_needed=lambda _: self.is_needed,
            proof=lambda before, state: state,
            note=lambda line: self.trace.append(line.partition(":")[0]),
            **{"max_retries": 2, **calls, **more},
        )


def _given(reactions: list[Any]) -> Any:
    reaction = reactions.pop(0)
    if isinstance(reaction, Exception):
        raise reaction
    return reaction


def _as_coroutine(call: Any) -> Any:
    async def coroutine(*given: Any) -> Any:
        return call(*given)

    return coroutine


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds of each pause, which pass at once."""
    with _no_waiting() as seconds:
        yield seconds


class _no_waiting:  # noqa: N801 - a context manager that reads as a phrase
    def __enter__(self) -> list[float]:
        seconds: list[float] = []

        async def asleep(pause: float) -> None:
            seconds.append(pause)

        self._patch = pytest.MonkeyPatch()
        # Only there: other threads of the test's process sleep, too.
        module = "airflow_provider_instantly.api.change"
        self._patch.setattr(f"{module}.time", SimpleNamespace(sleep=seconds.append))
        self._patch.setattr(f"{module}.asyncio", SimpleNamespace(sleep=asleep))
        self._patch.setattr(f"{module}.random", SimpleNamespace(random=lambda: 0.5))
        return seconds

    def __exit__(self, *exc_info: object) -> None:
        self._patch.undo()


def test_what_is_not_needed_is_not_sent() -> None:
    remote = Remote([], is_needed=False)
    assert carry_out(remote.change()) == Unneeded("before")
    assert remote.trace == ["read before"]


def test_what_is_answered_is_sent_once_and_not_read_again() -> None:
    remote = Remote(["done"])
    assert carry_out(remote.change()) == Answered("done")
    assert remote.trace == ["read before", "send"]
    assert remote.doubts == [None]


def test_an_answer_is_confirmed_by_reads_where_asked_to(slept: list[float]) -> None:
    remote = Remote(["done"], [ABSENT, UNCLEAR, SHOWN, SHOWN])
    assert carry_out(remote.change(confirm_pauses=(0.0, 5.0, 6.0, 7.0))) == Answered("done", SHOWN)
    assert remote.trace == ["read before", "send", "read", "read", "read"]
    assert slept == [0.0, 5.0, 6.0]


@pytest.mark.parametrize(
    ("states", "answered"),
    [
        ([ABSENT, UNCLEAR], Answered("done", UNCLEAR)),
        ([UNREADABLE], Answered("done", None)),
        ([ABSENT, UNREADABLE], Answered("done", ABSENT)),
    ],
)
def test_an_answer_that_no_read_confirms_is_not_sent_again(states: list[Any], answered: Answered[Any, Any]) -> None:
    remote = Remote(["done"], states.copy())
    assert carry_out(remote.change(confirm_pauses=(0.0, 1.0))) == answered
    assert remote.trace.count("send") == 1
    noted = "The pause was answered, but could not be confirmed by a read"
    assert (noted in remote.trace) is (UNREADABLE in states)


def test_without_a_read_of_its_own_the_state_before_is_read_like_the_one_after() -> None:
    remote = Remote(["done"], ["before"])
    assert carry_out(remote.change(read_before=None)) == Answered("done")
    assert remote.trace == ["read", "send"]


def test_a_lost_answer_is_read_back_until_it_shows(slept: list[float]) -> None:
    remote = Remote([LOST], [ABSENT, UNCLEAR, SHOWN])
    assert carry_out(remote.change()) == Shown(SHOWN)
    assert remote.trace == [
        "read before",
        "send",
        "The answer to the pause was lost, so the campaign is read again",
        "read",
        "read",
        "read",
    ]
    assert slept == list(READ_BACK_PAUSES)


def test_what_had_no_effect_is_sent_again_and_its_caller_learns_what_is_known() -> None:
    remote = Remote([LOST, "done"], [ABSENT] * 3)
    assert carry_out(remote.change()) == Answered("done")
    assert remote.trace.count("send") == 2
    assert remote.doubts == [None, Unconfirmed(LOST, ABSENT, ABSENT)]


@pytest.mark.parametrize("at", range(3))
def test_one_state_that_proves_nothing_is_enough_not_to_send_again(at: int) -> None:
    states: list[Any] = [ABSENT] * 3
    states[at] = UNCLEAR
    remote = Remote([LOST], states.copy())
    assert carry_out(remote.change()) == Unconfirmed(LOST, UNCLEAR, states[-1])


def test_it_is_sent_so_many_times_and_no_more() -> None:
    remote = Remote([LOST] * 9, [ABSENT] * 99)
    assert carry_out(remote.change()) == Unconfirmed(LOST, ABSENT, ABSENT)
    assert remote.trace.count("send") == MAX_SENDS

    once = Remote([LOST] * 9, [ABSENT] * 99)
    assert carry_out(once.change(max_sends=1)) == Unconfirmed(LOST, ABSENT, ABSENT)
    assert once.trace.count("send") == 1


def test_what_cannot_be_read_after_a_lost_answer_is_not_sent_again() -> None:
    remote = Remote([LOST], [ABSENT, UNREADABLE])
    assert carry_out(remote.change()) == Unconfirmed(LOST, UNCLEAR, None, UNREADABLE)


def test_what_is_refused_after_a_lost_answer_may_have_had_its_effect_before() -> None:
    remote = Remote([LOST, REFUSED], [ABSENT] * 3)
    assert carry_out(remote.change()) == Unconfirmed(LOST, UNCLEAR, ABSENT, REFUSED)


@pytest.mark.parametrize("max_retries", [0, 2])
def test_after_a_key_was_replaced_it_is_read_and_sent_again_once_without_a_pause(
    max_retries: int, slept: list[float]
) -> None:
    replaced = [InstantlyAuthenticationError("The key is revoked.", status=401) for _ in range(2)]
    for error in replaced:
        error.key_was_replaced = True
    again = "The API key was replaced, so the pause is tried again"

    remote = Remote([replaced[0], "done"])
    assert carry_out(remote.change(max_retries=max_retries)) == Answered("done")
    assert remote.trace == ["read before", "send", again, "read before", "send"]

    remote = Remote([*replaced])
    with pytest.raises(InstantlyAuthenticationError):
        carry_out(remote.change(max_retries=max_retries))
    assert remote.trace == ["read before", "send", again, "read before", "send"]
    assert slept == []


@pytest.mark.parametrize("error", [REFUSED, InstantlyConfigurationError("There is no connection.")])
def test_what_is_refused_at_once_had_no_effect(error: InstantlyError, slept: list[float]) -> None:
    remote = Remote([error])
    with pytest.raises(type(error)) as raised:
        carry_out(remote.change())
    assert raised.value is error
    assert slept == []


@pytest.mark.parametrize(("error", "pause"), [(PUT_OFF, 7.5), (NEVER_SENT, 0.5)])
def test_what_is_put_off_is_read_again_before_it_is_sent_again(
    error: InstantlyError, pause: float, slept: list[float]
) -> None:
    remote = Remote([error, "done"])
    assert carry_out(remote.change()) == Answered("done")
    assert remote.trace == ["read before", "send", "The pause was put off, so it is tried again", "read before", "send"]
    assert slept == [pause]
    assert remote.doubts == [None, None]


def test_its_caller_learns_of_each_pause_before_it_is_tried_again(slept: list[float]) -> None:
    noted: list[tuple[float, InstantlyError]] = []
    remote = Remote([PUT_OFF, NEVER_SENT, "done"])
    carry_out(remote.change(note_retry=lambda seconds, because: noted.append((seconds, because))))
    assert [because for _, because in noted] == [PUT_OFF, NEVER_SENT]
    assert [seconds for seconds, _ in noted] == slept


@pytest.mark.parametrize("max_retries", [0, 2])
def test_what_rests_on_a_read_of_too_long_ago_is_read_again_at_once(max_retries: int, slept: list[float]) -> None:
    again = "The pause was not sent, so the campaign is read again"
    remote = Remote([*[OUTDATED] * MAX_OUTDATED, "done"])
    assert carry_out(remote.change(max_retries=max_retries)) == Answered("done")
    assert remote.trace == [*["read before", "send", again] * MAX_OUTDATED, "read before", "send"]

    remote = Remote([OUTDATED] * 9)
    with pytest.raises(OutdatedReadError):
        carry_out(remote.change(max_retries=max_retries))
    assert remote.trace.count("send") == remote.trace.count("read before") == MAX_OUTDATED + 1
    assert slept == []


def test_what_is_outdated_after_a_lost_answer_is_read_again_at_once(slept: list[float]) -> None:
    remote = Remote([LOST, OUTDATED, "done"], [ABSENT] * 4)
    assert carry_out(remote.change()) == Answered("done")
    assert remote.trace.count("read before") == 1
    assert slept == [*READ_BACK_PAUSES, 0.0]
    assert remote.doubts == [None, *[Unconfirmed(LOST, ABSENT, ABSENT)] * 2]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (SHOWN, Shown(SHOWN)),
        (UNCLEAR, Unconfirmed(LOST, UNCLEAR, UNCLEAR)),
        (UNREADABLE, Unconfirmed(LOST, UNCLEAR, None, UNREADABLE)),
    ],
)
def test_what_is_outdated_after_a_lost_answer_may_have_come_to_show(state: Any, outcome: Any) -> None:
    remote = Remote([LOST, OUTDATED], [*[ABSENT] * 3, state])
    assert carry_out(remote.change()) == outcome


def test_what_is_outdated_each_time_after_a_lost_answer_may_have_had_its_effect() -> None:
    remote = Remote([OUTDATED, LOST, *[OUTDATED] * 9], [ABSENT] * 9)
    assert carry_out(remote.change()) == Unconfirmed(LOST, UNCLEAR, ABSENT, OUTDATED)
    assert remote.trace.count("send") == MAX_OUTDATED + 2


def test_it_is_not_put_off_for_ever() -> None:
    remote = Remote([NEVER_SENT] * 9)
    with pytest.raises(InstantlyConnectionError):
        carry_out(remote.change())
    assert remote.trace.count("send") == 3


def test_the_rate_limit_puts_it_off_for_longer_but_not_for_ever(slept: list[float]) -> None:
    remote = Remote([PUT_OFF] * 99)
    with pytest.raises(InstantlyRateLimitError):
        carry_out(remote.change())
    assert RATE_LIMIT_PATIENCE - 16 < sum(slept) <= RATE_LIMIT_PATIENCE + 16
    assert remote.trace.count("send") == remote.trace.count("read before") == len(slept) + 1


def test_the_rate_limit_does_not_put_it_off_where_nothing_may() -> None:
    remote = Remote([PUT_OFF] * 9)
    with pytest.raises(InstantlyRateLimitError):
        carry_out(remote.change(max_retries=0))
    assert remote.trace.count("send") == 1


@pytest.mark.parametrize("sending", [1, 2])
def test_the_caller_may_call_it_off_before_each_sending(sending: int) -> None:
    remote = Remote([LOST] * 9, [ABSENT] * 99, killed_before=sending)
    with pytest.raises(KilledError):
        carry_out(remote.change())
    assert remote.trace.count("send") == sending - 1


@pytest.mark.parametrize("error", [REFUSED, UNREADABLE])
def test_a_state_that_cannot_be_read_before_stops_it(error: InstantlyError) -> None:
    remote = Remote([], [error])
    with pytest.raises(type(error)):
        carry_out(remote.change(read_before=None))


REACTIONS = st.lists(
    st.sampled_from([LOST, LOST, LOST, "done", REFUSED, PUT_OFF, NEVER_SENT, OUTDATED]), min_size=12, max_size=12
)
STATES = st.lists(
    st.sampled_from([ABSENT, ABSENT, ABSENT, ABSENT, SHOWN, UNCLEAR, UNREADABLE]), min_size=40, max_size=40
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(REACTIONS, STATES, st.integers(0, 4), st.sampled_from([(), (0.0, 1.0)]))
def test_it_is_never_sent_blindly_and_alike_from_tasks_and_event_loops(
    sends: list[Any], states: list[Any], killed_before: int, confirm_pauses: tuple[float, ...]
) -> None:
    found = []
    for asynchronous in (False, True):
        remote = Remote([*sends, "done"], states.copy(), killed_before=killed_before)
        change = remote.change(asynchronous=asynchronous, confirm_pauses=confirm_pauses)
        with _no_waiting() as slept:
            try:
                outcome = asyncio.run(acarry_out(change)) if asynchronous else carry_out(change)
            except (KilledError, InstantlyError) as error:
                outcome = error  # type: ignore[assignment]
        found.append((outcome if isinstance(outcome, InstantlyError) else repr(outcome), remote.trace, slept))
    assert found[0] == found[1]

    steps = [step for step in found[0][1] if step in ("read before", "send", "read")]
    reactions, reads = iter([*sends, "done"]), iter(states)
    permitted = False
    absent = 0
    for step in steps:
        if step == "read before":
            permitted = True
        elif step == "send":
            assert permitted, "neither a read before nor reads that all show no effect came right before"
            # What was read too long ago is not sent, and what the reads before have shown still counts.
            permitted, absent = False, absent if next(reactions) is OUTDATED else 0
        else:
            is_absent = next(reads) is ABSENT
            absent += is_absent
            permitted = is_absent and absent >= len(READ_BACK_PAUSES)
    assert steps.count("send") <= MAX_SENDS + 2 + sends.count(PUT_OFF) + min(sends.count(OUTDATED), MAX_OUTDATED + 1)
