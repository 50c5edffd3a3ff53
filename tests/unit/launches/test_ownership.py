"""Whose campaign it is when its task is stopped; Airflow's own answers are stand-ins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_instantly.launches import ownership

if TYPE_CHECKING:
    from collections.abc import Callable


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
