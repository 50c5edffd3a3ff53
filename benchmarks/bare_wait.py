"""
The least that a wait in the triggerer can be: it sleeps until a moment, and its task ends there.

What such waits cost is Airflow's own part of what any wait costs.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskSuccessEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class BareTrigger(BaseTrigger):
    """
    Sleeps.

    :param moment: until when, in seconds since the epoch; a text, since it comes from a template.
    :param do_xcom_push: whether to push an XCom then.
    """

    def __init__(self, moment: str, do_xcom_push: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.moment = moment
        self.do_xcom_push = do_xcom_push

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments."""
        return CLASSPATH, {"moment": self.moment, "do_xcom_push": self.do_xcom_push}

    async def run(self) -> AsyncIterator[TaskSuccessEvent]:
        """Say one thing, as every wait does, and sleep."""
        self.log.info("Waiting until %s.", self.moment)
        await asyncio.sleep(max(0.0, float(self.moment) - time.time()))
        if self.do_xcom_push:
            ti: Any = self.task_instance
            where = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
            await XCom.aset("return_value", self.moment, **where)
        yield TaskSuccessEvent()


CLASSPATH = f"{BareTrigger.__module__}.{BareTrigger.__qualname__}"


class BareSensor(BaseSensorOperator):
    """
    Begins and ends in the triggerer.

    :param moment: when it ends, in seconds since the epoch (templated).
    """

    template_fields: Sequence[str] = ("moment",)
    start_from_trigger = True
    start_trigger_args = StartTriggerArgs(trigger_cls=CLASSPATH, next_method="execute")

    def __init__(self, *, moment: str, start_from_trigger: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.moment = moment
        self.start_from_trigger = start_from_trigger
        self.start_trigger_args = dataclasses.replace(
            self.start_trigger_args, trigger_kwargs={"moment": moment, "do_xcom_push": self.do_xcom_push}
        )
