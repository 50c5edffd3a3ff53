"""Whose campaign it is when its task is stopped; Airflow's own answers are stand-ins."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_instantly.exceptions import PauseNotConfirmedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches import ownership
from tests.statuses import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient


class TaskInstance(SimpleNamespace):
    """A task instance of Airflow >= 3 that stands in the database as its field `state` says."""

    dag_id, task_id, run_id, map_index, try_number = "a_dag", "a_task", "a_run", -1, 2

    def get_task_states(self, **which: Any) -> dict[str, dict[str, Any]]:
        """As Airflow >= 3 answers; a task that was cleared has no state."""
        assert which == {"dag_id": "a_dag", "task_ids": ["a_task"], "run_ids": ["a_run"], "map_index": -1}
        return self.states  # type: ignore[no-any-return]

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep an XCom."""
        self.xcom[key] = value

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        """An XCom of this task instance."""
        assert (task_ids, map_indexes) == ("a_task", -1)
        return self.xcom.get(key)


def task_instance(state: str | None, **xcom: Any) -> TaskInstance:
    return TaskInstance(states={"a_run": {"a_task": state}}, xcom=xcom)


STATES = pytest.mark.parametrize(
    ("state", "may"),
    [
        ("running", True), ("failed", True), ("queued", True), (None, True),
        ("skipped", True), ("success", False), ("deferred", False),
    ],
)  # fmt: skip


class TestOnAWorker:
    @STATES
    def test_only_a_task_that_was_stopped_may_pause(self, state: str | None, may: bool) -> None:
        ti = task_instance(state)
        ownership.claim(ti)
        assert ownership.may_pause(ti) is may

    @pytest.mark.parametrize("claimed", [{}, {ownership.XCOM_KEY: 1}, {ownership.XCOM_KEY: None}], ids=str)
    def test_what_is_another_attempts_is_left_alone(self, claimed: dict[str, Any]) -> None:
        assert ownership.may_pause(task_instance("failed", **claimed)) is False

    def test_a_run_that_is_gone_counts_as_stopped(self) -> None:
        ti = TaskInstance(states={}, xcom={ownership.XCOM_KEY: 2})
        assert ownership.may_pause(ti) is True

    @pytest.mark.parametrize(("state", "may"), [("running", True), ("failed", True), (None, True), ("success", False)])
    def test_airflow_2_tells_the_state_in_its_own_way(self, state: str | None, may: bool) -> None:
        ti = SimpleNamespace(task_id="a_task", try_number=1, map_index=-1)
        ti.current_state, ti.xcom_pull = lambda: state, lambda **which: 1

        assert ownership.may_pause(ti) is may


class TestInTheTriggerer:
    @pytest.fixture
    def triggers_task(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None, int | None], Any]:
        def triggers_task(state: str | None, claimed_by: int | None) -> Any:
            async def astate(ti: Any) -> str | None:
                return state

            async def aget_one(**which: Any) -> int | None:
                assert which == {
                    "key": ownership.XCOM_KEY,
                    "dag_id": "a_dag",
                    "task_id": "a_task",
                    "run_id": "a_run",
                    "map_index": -1,
                }
                return claimed_by

            monkeypatch.setattr(ownership, "_astate", astate)
            monkeypatch.setattr(XCom, "aget_one", aget_one, raising=False)
            return task_instance(state)

        return triggers_task

    @STATES
    async def test_only_a_task_that_was_stopped_may_pause(
        self, triggers_task: Callable[..., Any], state: str | None, may: bool
    ) -> None:
        assert await ownership.amay_pause(triggers_task(state, 2)) is may

    @pytest.mark.parametrize("claimed_by", [1, 3, None])
    async def test_what_is_another_attempts_is_left_alone(
        self, triggers_task: Callable[..., Any], claimed_by: int | None
    ) -> None:
        assert await ownership.amay_pause(triggers_task("failed", claimed_by)) is False


class TestWhatIsSaid:
    """A campaign that is another's by now is left alone, but a pause that was sent may still take effect."""

    @pytest.fixture(params=["on a worker", "in the triggerer"])
    def pause_own(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], Any]:
        log = logging.getLogger("a task")

        def pause_own(campaign_id: str, own_for: int) -> Any:
            asked = iter([True] * own_for)

            async def amay_pause(ti: Any) -> bool:
                return next(asked, False)

            monkeypatch.setattr(ownership, "may_pause", lambda ti: next(asked, False))
            monkeypatch.setattr(ownership, "amay_pause", amay_pause)
            if request.param == "on a worker":
                with InstantlyHook() as hook:
                    return ownership.pause_own(hook, None, campaign_id, log)

            async def run() -> Any:
                async with InstantlyHook() as hook:
                    return await ownership.apause_own(hook, None, campaign_id, log)

            return asyncio.run(run())

        return pause_own

    def test_what_was_never_paused_is_left_as_it_is(self, sandbox: SandboxClient, pause_own: Any) -> None:
        killed = pause_own(sandbox.add_campaign("Spring", status=ACTIVE), 0)
        assert killed.outcome.startswith(
            "The campaign is left as it is: its task goes on, or it was marked as success."
        )
        assert not killed.was_paused_by_us
        assert sandbox.requests(path="*/pause") == []

    def test_what_may_have_been_paused_is_not_called_left_as_it_is(
        self, sandbox: SandboxClient, pause_own: Any
    ) -> None:
        campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
        sandbox.add_fault("reset", path="*/pause", moment="before")

        with pytest.raises(PauseNotConfirmedError, match="It may or may not have been paused") as raised:
            pause_own(campaign_id, 1)

        assert "It was not paused again: its task goes on, or it was marked as success." in str(raised.value)
        assert campaign_id in str(raised.value)
        assert "left as it is" not in str(raised.value)
        assert len(sandbox.requests(path="*/pause")) == 1
