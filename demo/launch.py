"""The demo: a real Airflow launches two campaigns in the sandbox. One goes Active, one falls to Bounce Protect."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_instantly.sandbox.client import running_sandbox
from local_airflow.standalone import LocalAirflow, LocalAirflowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

DAGS = Path(__file__).parents[1] / "dags"
DAG_ID = "instantly_launch"
WAIT = "wait_until_active"
STABLE_FOR = 10
"""Seconds for which a campaign has to stay Active."""
WATCHED_FOR = 3
"""Seconds for which the second campaign is watched before Instantly stops it; less than it has to stay Active."""
TIMEOUT = 75
"""Seconds that anything may take that is waited for."""


@dataclass
class Launch:
    """
    A campaign, the run of the DAG that launches it, and what was seen of both.

    :param name: The campaign's name.
    :param campaign_id: Its id.
    :param run_id: The run.
    :param seen: The latest state of the campaign, of the run, and of each task.
    """

    name: str
    campaign_id: str
    run_id: str
    seen: dict[str, str] = field(default_factory=dict)


class Outcome(NamedTuple):
    """How a launch ended; the reason is what Airflow's log says about a failure."""

    activations: int
    campaign: str
    run: str
    tries: int
    reason: str


class Demo:
    """
    What the demo works with.

    :param sandbox: Instantly's stand-in.
    :param airflow: A real Airflow with a connection to it.
    :param tell: Called with a line for each thing that happens.
    """

    def __init__(self, sandbox: SandboxClient, airflow: LocalAirflow, tell: Callable[[str], None]) -> None:
        self.sandbox = sandbox
        self.airflow = airflow
        self.tell = tell

    def run(self) -> tuple[Outcome, Outcome]:
        """Launch both campaigns, stop the second while it is watched, and return how both ended."""
        healthy, unhealthy = self.launch("Spring offer"), self.launch("Autumn offer")
        self.wait_for(lambda: self.is_watched(unhealthy), healthy, unhealthy)
        stop_at = time.monotonic() + WATCHED_FOR
        self.wait_for(lambda: time.monotonic() > stop_at, healthy, unhealthy)
        self.tell(f"Too many e-mails of {unhealthy.name!r} bounce: Instantly stops it")
        self.sandbox.trip_bounce_protection(unhealthy.campaign_id)
        self.wait_for(lambda: has_ended(healthy) and has_ended(unhealthy), healthy, unhealthy)
        return self.outcome(healthy), self.outcome(unhealthy)

    def launch(self, name: str) -> Launch:
        """Make a campaign that goes Active when it is activated, and start a run that launches it."""
        campaign_id = self.sandbox.add_campaign(name, script=[(2, "active")])
        return Launch(name, campaign_id, self.airflow.trigger(DAG_ID, conf={"campaign_id": campaign_id}))

    def is_watched(self, launch: Launch) -> bool:
        """Tell whether a campaign runs and Airflow is waiting to see whether that holds."""
        return launch.seen["campaign"] == "Active" and launch.seen.get(WAIT) == "deferred"

    def wait_for(self, condition: Callable[[], bool], *launches: Launch) -> None:
        """Tell every change until the condition holds."""

        def has_come_true() -> bool:
            for launch in launches:
                self.tell_changes(launch)
            return condition()

        self.airflow.wait_for(has_come_true, TIMEOUT, lambda: f"The demo should have gone on from {launches}")

    def tell_changes(self, launch: Launch) -> None:
        """Tell what has changed about a launch."""
        tasks = self.airflow.task_states(DAG_ID, launch.run_id)
        now = {
            "campaign": str(self.sandbox.campaign(launch.campaign_id)["status_name"]),
            **{task: state for task, state in tasks.items() if state is not None},
            "run": str(self.airflow.run_state(DAG_ID, launch.run_id)),
        }
        for what, state in now.items():
            if launch.seen.get(what) != state:
                self.tell(f"{launch.name:<13} {what:<18} {state}")
        launch.seen.update(now)

    def outcome(self, launch: Launch) -> Outcome:
        """Return how a launch ended."""
        log = self.airflow.task_log(DAG_ID, launch.run_id, WAIT).splitlines()
        reasons = [line.partition(": ")[2] for line in log if "CampaignStoppedError: " in line]
        return Outcome(
            activations=self.sandbox.activations(launch.campaign_id),
            campaign=launch.seen["campaign"],
            run=launch.seen["run"],
            tries=max(task.try_number for task in self.airflow.task_instances(DAG_ID, launch.run_id)),
            reason=reasons[-1] if reasons else "",
        )


def has_ended(launch: Launch) -> bool:
    """Tell whether the run of a launch has ended."""
    return launch.seen["run"] in ("success", "failed")


def as_promised(healthy: Outcome, unhealthy: Outcome) -> bool:
    """Tell whether the first launch succeeded, and the second failed at once and with its reason."""
    return healthy == Outcome(1, "Active", "success", 1, "") and (
        unhealthy[:4] == (1, "Bounce Protect", "failed", 1) and "Bounce Protect" in unhealthy.reason
    )


def table(healthy: Outcome, unhealthy: Outcome) -> str:
    """Return both outcomes for people."""
    rows: list[tuple[str, ...]] = [("", "activations", "campaign", "run", "tries")]
    rows += [(name, *map(str, each[:4])) for name, each in (("Spring offer", healthy), ("Autumn offer", unhealthy))]
    lines = ["{:<13} {:<12} {:<15} {:<8} {}".format(*row) for row in rows]
    return "\n".join([*lines, "", *textwrap.wrap(f"Airflow's log says why: {unhealthy.reason}", 100)])


def main() -> None:
    """Run the demo; the exit status is 0 only if everything went as promised."""
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:5.1f} s  {line}", flush=True)

    tell(f"Starting the sandbox and Airflow {version('apache-airflow')}")
    with running_sandbox() as sandbox:
        tell(f"The sandbox is up; its page for people is {sandbox.url}")
        with LocalAirflow(
            DAGS,
            connections={"instantly_default": json.loads(sandbox.airflow_connection)},
            variables={"INSTANTLY_LAUNCH_STABLE_FOR": str(STABLE_FOR), "INSTANTLY_LAUNCH_POKE_INTERVAL": "1"},
            tell=tell,
        ) as airflow:
            outcomes = Demo(sandbox, airflow, tell).run()
    tell("Everything is stopped")
    print(f"\n{table(*outcomes)}\n")
    if not as_promised(*outcomes):
        sys.exit("This is not what was promised: the first should succeed, the second fail once, with its reason.")
    print("As promised: the first launch succeeded; the second failed at once, with its reason, and was not retried.")


if __name__ == "__main__":
    try:
        main()
    except LocalAirflowError as error:
        sys.exit(f"The demo failed. {error}")
    except KeyboardInterrupt:
        sys.exit(130)
