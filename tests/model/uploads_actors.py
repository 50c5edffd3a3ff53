"""Airflow's part in the stories of uploads: it runs tasks through retries, clears and deaths of their processes."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_instantly.operators.lead import AddLeadsOperator
from tests.model.actors import LogCatcher, TaskInstance, TaskLog
from tests.model.stage import ProcessDied
from tests.model.uploads_world import CAMPAIGN_ID, LIST_ID, World, address

if TYPE_CHECKING:
    from tests.model.uploads_schedule import UploadPlan

_CONNECTION = json.dumps({"conn_type": "instantly", "host": "http://127.0.0.1:1", "password": "a-key"})


@dataclass
class Try:
    """
    One try of a task.

    :param task: which task, and which try of it, counted from 1.
    :param plan: the task.
    :param value: what it returned.
    :param error: what it raised, or None. `ProcessDied` where its process died.
    :param persons: who was where when it ended.
    :param pushed: its XComs.
    """

    task: tuple[int, int]
    plan: UploadPlan
    value: Any = None
    error: BaseException | None = None
    persons: dict[str, list[int]] = field(default_factory=dict)
    pushed: list[Any] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        """Whether Airflow does not try again by itself."""
        return self.error is None or isinstance(self.error, AirflowFailException)


def play(world: World) -> list[Try]:
    """
    Run a schedule's tasks to their ends.

    :param world: their world.
    """
    tries: list[Try] = []
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.setLevel(logging.DEBUG)
    root.handlers = [LogCatcher(world.said)]
    try:
        with world.playing(), mock.patch.dict(os.environ, {"AIRFLOW_CONN_INSTANTLY_DEFAULT": _CONNECTION}):
            for position, plan in enumerate(world.schedule.tasks):
                tries += _run_task(world, position, plan)
                # Two runs at the same moment are not kept apart, and no one promises that.
                world.sleep(120.0)
    finally:
        root.setLevel(level)
        root.handlers = handlers
    world.end()
    return tries


def _run_task(world: World, position: int, plan: UploadPlan) -> list[Try]:
    tries: list[Try] = []
    retries, clears = plan.retries, plan.clears
    while True:
        one = Try((position, len(tries) + 1), plan)
        tries.append(one)
        _run_try(world, one)
        one.persons = {place: list(there) for place, there in world.places.items()}
        if not one.is_final and retries:
            retries -= 1
        elif clears:
            clears -= 1
        else:
            return tries
        world.sleep(plan.retry_delay)


def _run_try(world: World, one: Try) -> None:
    plan = one.plan
    rows = [{"email": address(person) if person else "no address", "first_name": "A"} for person in plan.rows]
    where: dict[str, Any] = {"list_id": LIST_ID} if plan.is_list else {"campaign_id": CAMPAIGN_ID}
    task = AddLeadsOperator(
        task_id="a_task",
        rows=rows,
        chunk_size=plan.chunk_size,
        if_running=plan.if_running,
        skip_if_in=plan.skip_if_in,
        on_reject=plan.on_reject,
        min_present=plan.min_present,
        dry_run=plan.dry_run,
        **where,
    )
    for name in ("_log", "_cached_logger"):
        object.__setattr__(task, name, TaskLog(world.said))
    world.task, world.on_kill = one.task, task.on_kill
    context: Any = {"ti": TaskInstance(one.task[1], one.pushed)}
    try:
        one.value = task.execute(context)
    except (ProcessDied, Exception) as error:
        one.error = error
