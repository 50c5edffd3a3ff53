"""The loop on a worker: what it asks, says and sleeps; which events it believes; and how a wait's end ends a task."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_instantly import exceptions, tasklog
from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus, SendingStatus
from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    ConnectionLookupError,
    InstantlyConfigurationError,
    InstantlyServerError,
)
from airflow_provider_instantly.exceptions import CampaignStoppedError, CampaignWaitError
from airflow_provider_instantly.waits import ending, worker
from airflow_provider_instantly.waits.goal import Goal, Verdict
from airflow_provider_instantly.waits.machine import Wait
from airflow_provider_instantly.waits.result import CampaignOutcome, WaitResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: A machine that does other things too is no reason to fail.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

IDS = [f"019e18e2-a521-7bb9-9dd6-{number:012x}" for number in range(30)]
ONE = IDS[0]
LOG = logging.getLogger("a_task")


class ScriptedHook:
    """
    Answers looks from a script, and keeps what it was asked.

    :param looks: for each look, what is seen of every campaign: a status or an error; the last repeats.
    :param reason: the sending status, or the error that comes in its place.
    """

    def __init__(self, *looks: Any, reason: Any = None) -> None:
        self._looks = list(looks)
        self._reason = reason or SendingStatus("campaign_bounce_protect", "Too many bounces.")
        self.asked: list[list[str]] = []
        self.explained: list[str] = []

    def read_campaigns(self, campaign_ids: Iterable[str]) -> dict[str, Any]:
        self.asked.append(list(campaign_ids))
        seen = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return {cid: Campaign(cid, CampaignStatus(seen)) if isinstance(seen, int) else seen for cid in self.asked[-1]}

    def get_sending_status(self, campaign_id: str) -> SendingStatus:
        self.explained.append(campaign_id)
        if isinstance(self._reason, Exception):
            raise self._reason
        status: SendingStatus = self._reason
        return status

    async def aget_sending_status(self, campaign_id: str) -> SendingStatus:
        return self.get_sending_status(campaign_id)


class StandingClock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_780_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StandingClock:
    standing = StandingClock()
    monkeypatch.setattr(time, "sleep", standing.sleep)
    return standing


def wait_for(hook: Any, clock: StandingClock, ids: list[str] | None = None, **goal: Any) -> WaitResult:
    wait = Wait(ids or [ONE], Goal(**goal), now=clock())
    return worker.wait_on_worker(hook, wait, clock, LOG)


class TestLoop:
    def test_it_looks_and_sleeps_until_it_is_over(self, clock: StandingClock) -> None:
        hook = ScriptedHook(0, 0, 2, 1)
        assert wait_for(hook, clock, poll_interval=30.0).verdict is Verdict.REACHED
        assert clock.slept == [30, 30, 30]
        assert hook.asked == [[ONE]] * 4

    def test_a_wait_that_is_decided_at_once_does_not_sleep(self, clock: StandingClock) -> None:
        assert wait_for(ScriptedHook(1), clock).verdict is Verdict.REACHED
        assert clock.slept == []

    def test_it_ends_at_the_deadline(self, clock: StandingClock) -> None:
        result = wait_for(ScriptedHook(0), clock, poll_interval=30.0, deadline=clock() + 100)
        assert result.verdict is Verdict.TIMED_OUT
        assert clock.slept == [30, 30, 30, 10]

    def test_it_holds(self, clock: StandingClock) -> None:
        assert wait_for(ScriptedHook(1), clock, poll_interval=30.0, stable_for=50.0).verdict is Verdict.REACHED
        assert sum(clock.slept) == 50

    def test_it_survives_errors_that_may_pass(self, clock: StandingClock) -> None:
        hook = ScriptedHook(InstantlyServerError("503"), ConnectionLookupError("no database"), 1)
        assert wait_for(hook, clock).verdict is Verdict.REACHED

    @pytest.mark.parametrize("error", [CampaignNotFoundError("gone"), InstantlyConfigurationError("no key")])
    def test_it_ends_at_others(self, clock: StandingClock, error: Exception) -> None:
        assert wait_for(ScriptedHook(0, error), clock).verdict is Verdict.UNREADABLE

    def test_only_those_that_are_undecided_are_asked_for(self, clock: StandingClock) -> None:
        class Hook(ScriptedHook):
            def read_campaigns(self, campaign_ids: Iterable[str]) -> dict[str, Any]:
                seen = super().read_campaigns(campaign_ids)
                return {cid: Campaign(cid, CampaignStatus(1)) if cid == ONE else seen[cid] for cid in seen}

        hook = Hook(0, 0, 1)
        wait_for(hook, clock, IDS[:3])
        assert hook.asked == [IDS[:3], IDS[1:3], IDS[1:3]]

    def test_the_moment_is_taken_after_the_answer(self, clock: StandingClock) -> None:
        class Slow(ScriptedHook):
            def read_campaigns(self, campaign_ids: Iterable[str]) -> dict[str, Any]:
                clock.now += 7
                return super().read_campaigns(campaign_ids)

        result = wait_for(Slow(0), clock, poll_interval=30.0, deadline=clock() + 5)
        assert result.verdict is Verdict.TIMED_OUT
        assert clock.slept == []


class TestReasons:
    def test_a_stop_is_explained_when_the_wait_ends(self, clock: StandingClock) -> None:
        hook = ScriptedHook(0, -2)
        result = wait_for(hook, clock)
        assert hook.explained == [ONE]
        assert "Instantly says: Too many bounces." in result.message

    @pytest.mark.parametrize("status", [0, 1])
    def test_nothing_else_is(self, clock: StandingClock, status: int) -> None:
        hook = ScriptedHook(status)
        wait_for(hook, clock, deadline=clock() + 10)
        assert hook.explained == []

    def test_a_reason_that_cannot_be_read_changes_nothing(
        self, clock: StandingClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        hook = ScriptedHook(-1, reason=InstantlyServerError("It failed."))
        assert wait_for(hook, clock).verdict is Verdict.STOPPED
        assert "The reason could not be read: It failed." in caplog.text

    def test_of_very_many_only_some_are_asked_for(self, clock: StandingClock) -> None:
        hook = ScriptedHook(-1)
        wait_for(hook, clock, IDS, fail_fast=False)
        assert hook.explained == IDS[: ending.MAX_EXPLANATIONS]

    async def test_the_async_twin(self, caplog: pytest.LogCaptureFixture) -> None:
        wait = Wait(IDS[:2], Goal(fail_fast=False), now=0.0)
        wait.advance({cid: Campaign(cid, CampaignStatus(-1)) for cid in IDS[:2]}, now=0.0)
        hook = ScriptedHook(0)
        await ending.aexplain(hook, wait, LOG)  # type: ignore[arg-type]
        assert hook.explained == IDS[:2]
        assert wait.unexplained == []

        silent = Wait([ONE], Goal(), now=0.0)
        silent.advance({ONE: Campaign(ONE, CampaignStatus(-1))}, now=0.0)
        await ending.aexplain(ScriptedHook(0, reason=InstantlyServerError("No.")), silent, LOG)  # type: ignore[arg-type]
        assert silent.unexplained == [ONE]
        assert "The reason could not be read: No." in caplog.text


class TestTelling:
    def test_each_line_at_its_level(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        tasklog.write(LOG, info=["100% said"], warnings=["%s warned"])
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", "%s warned"),
            ("INFO", "100% said"),
        ]

    async def test_a_log_that_stands_still_does_not_hold_the_event_loop(self) -> None:
        """Airflow's log of a trigger is a socket, and whoever reads it may be busy."""
        goes_on = threading.Event()

        class FullLog:
            lines: ClassVar[list[str]] = []

            def info(self, event: str, *args: Any) -> None:
                assert goes_on.wait(20)
                self.lines.append(event % args)

            warning = info

        telling = asyncio.create_task(tasklog.awrite(FullLog(), info=["said"], warnings=["warned"]))
        await asyncio.sleep(0.05)
        assert not telling.done()
        goes_on.set()
        await telling
        assert FullLog.lines == ["warned", "said"]

    async def test_neither_does_one_that_has_to_take_a_warning(self, threads_of_log: Any) -> None:
        wait = Wait([ONE], Goal(), now=0.0)
        wait.advance({ONE: Campaign(ONE, CampaignStatus(-1))}, now=0.0)
        hook: Any = ScriptedHook(0, reason=InstantlyServerError("No."))
        await ending.aexplain(hook, wait, threads_of_log)
        assert threads_of_log.lines[0].startswith("The reason could not be read: No.")
        assert threading.get_ident() not in threads_of_log.threads

    async def test_what_has_nothing_to_say_needs_no_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(asyncio, "to_thread")
        await tasklog.awrite(LOG)


def outcome(verdict: str, status: int | None = 0, reason: str = "") -> WaitResult:
    return WaitResult(Goal(), (CampaignOutcome(ONE, Verdict(verdict), status, ONE, reason),))


class TestEnds:
    @pytest.mark.parametrize(
        ("verdict", "error", "is_retried"),
        [
            ("stopped", CampaignStoppedError, False),
            ("timed_out", AirflowSensorTimeout, False),
            ("execution_timeout", AirflowTaskTimeout, True),
            ("unreadable", CampaignWaitError, True),
            ("unanswered", CampaignWaitError, True),
            ("waiting", CampaignWaitError, True),
        ],
    )
    def test_how_a_wait_ends_a_task(self, verdict: str, error: type[Exception], is_retried: bool) -> None:
        result = outcome(verdict, -2)
        with pytest.raises(error) as caught:
            ending.raise_for_result(result)
        assert type(caught.value) is error
        assert str(caught.value) == (result.message or "The wait ended before it was decided.")
        assert isinstance(caught.value, AirflowFailException | AirflowSensorTimeout) is not is_retried

    def test_only_a_target_that_was_reached_does_not(self) -> None:
        ending.raise_for_result(outcome("reached", 1))

    def test_all_are_airflows_own_so_that_soft_fail_works(self) -> None:
        ours = [
            kind
            for kind in vars(exceptions).values()
            if isinstance(kind, type) and kind.__module__ == exceptions.__name__
        ]
        assert len(ours) >= 4
        assert all(issubclass(kind, AirflowException) for kind in ours)

    def test_what_a_task_returns(self) -> None:
        assert ending.returned(outcome("reached", 1), {}) == outcome("reached", 1).xcom
        passthrough = {"id": ONE, "status": 0, "status_name": "Draft", "launched": True}
        assert ending.returned(outcome("reached", 3), passthrough) == {
            "id": ONE,
            "status": 3,
            "status_name": "Completed",
            "launched": True,
        }


GOOD_EVENT = {"campaigns": outcome("reached", 1).as_json()}


class TestEvents:
    def test_one_of_this_wait_is_believed(self) -> None:
        assert ending.result_of_event(GOOD_EVENT, Goal(), [ONE]) == outcome("reached", 1)

    @pytest.mark.parametrize(
        "event",
        [
            None,
            "reached",
            [],
            {},
            {"status": "success"},
            {"campaigns": None},
            {"campaigns": []},
            {"campaigns": GOOD_EVENT["campaigns"] * 2},
            {"campaigns": outcome("waiting", 1).as_json()},
            {"campaigns": outcome("reached", 2).as_json()},
            {"campaigns": [{**GOOD_EVENT["campaigns"][0], "campaign_id": IDS[1]}]},
        ],
        ids=lambda event: str(event)[:40],
    )
    def test_anything_else_fails_the_task_and_says_what_became_of_the_campaign(self, event: Any) -> None:
        with pytest.raises(CampaignWaitError, match=r"^The task was resumed by an event that does not tell") as caught:
            ending.result_of_event(event, Goal(), [ONE])
        assert "The campaign was left as it is; another try looks at it again." in str(caught.value)

    @unhurried
    @given(
        event=st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["campaigns", "campaign_id", "verdict", "status"]), inner, max_size=4)
            ),
            max_leaves=9,
        )
    )
    def test_nothing_but_a_campaign_wait_error_comes_of_a_wrong_one(self, event: Any) -> None:
        with pytest.raises(CampaignWaitError):
            ending.result_of_event(event, Goal(), [ONE])


def test_a_log_that_needs_arguments_of_its_own_kind() -> None:
    """Airflow 3 gives tasks a structlog logger, which takes its arguments like `logging`."""
    lines: list[tuple[Any, ...]] = []

    class Log:
        info: Callable[..., None] = staticmethod(lambda *args: lines.append(args))
        warning: Callable[..., None] = staticmethod(lambda *args: lines.append(args))

    tasklog.write(Log(), info=["a"], warnings=["b"])
    assert lines == [("%s", "b"), ("%s", "a")]
