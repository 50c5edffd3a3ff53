"""What both demos do: start runs for campaigns of the sandbox, and tell each change of a campaign, a run, a task."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

TIMEOUT = 75
"""Seconds that anything may take that is waited for."""


@dataclass
class Launch:
    """
    A campaign, the run of the DAG that launches it, and what was seen of both.

    :param name: The campaign's name.
    :param campaign_id: Its id.
    :param dag_id: The DAG.
    :param run_id: The run.
    :param seen: The latest state of the campaign, of the run, and of each task.
    """

    name: str
    campaign_id: str
    dag_id: str
    run_id: str
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Tell whether the run has ended."""
        return self.seen.get("run") in ("success", "failed")


@dataclass(frozen=True)
class Watch:
    """
    What a demo works with.

    :param sandbox: Instantly's stand-in.
    :param airflow: A real Airflow with a connection to it.
    :param tell: Called with a line for each thing that happens.
    """

    sandbox: SandboxClient
    airflow: LocalAirflow
    tell: Callable[[str], None]

    def start(self, dag_id: str, name: str, campaign_id: str, **conf: Any) -> Launch:
        """
        Start a run for a campaign.

        :param dag_id: The DAG.
        :param name: The campaign's name.
        :param campaign_id: Its id, which the run is given.
        :param conf: What else the run is given.
        """
        return Launch(
            name, campaign_id, dag_id, self.airflow.trigger(dag_id, conf={"campaign_id": campaign_id, **conf})
        )

    def wait_for(self, condition: Callable[[], bool], *launches: Launch) -> None:
        """
        Tell every change until the condition holds.

        :param condition: What is waited for.
        :param launches: What is looked at meanwhile.
        :raises LocalAirflowError: It does not come true in time.
        """

        def has_come_true() -> bool:
            for launch in launches:
                self.tell_changes(launch)
            return condition()

        self.airflow.wait_for(has_come_true, TIMEOUT, lambda: f"The demo should have gone on from {launches}")

    def tell_changes(self, launch: Launch) -> None:
        """
        Tell what has changed.

        :param launch: Of what.
        """
        tasks = self.airflow.task_states(launch.dag_id, launch.run_id)
        now = {
            "campaign": str(self.sandbox.campaign(launch.campaign_id)["status_name"]),
            **{task: state for task, state in tasks.items() if state is not None},
            "run": str(self.airflow.run_state(launch.dag_id, launch.run_id)),
        }
        for what, state in now.items():
            if launch.seen.get(what) != state:
                self.tell(f"{launch.name:<13} {what:<18} {state}")
        launch.seen.update(now)

    def errors(self, launch: Launch, task_id: str, kind: str) -> list[str]:
        """
        Return what a task's log says of errors of one kind.

        :param launch: The run.
        :param task_id: The task.
        :param kind: The name of the error's class.
        """
        log = self.airflow.task_log(launch.dag_id, launch.run_id, task_id).splitlines()
        return [line.partition(": ")[2] for line in log if f"{kind}: " in line]


def teller() -> Callable[[str], None]:
    """Return what prints a line with the seconds since now."""
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:5.1f} s  {line}", flush=True)

    return tell
