"""The demo: a real Airflow launches two campaigns in the sandbox. One goes Active, one falls to Bounce Protect."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from airflow_provider_instantly.sandbox.client import running_sandbox
from demo.watching import Launch, Watch, teller
from local_airflow.standalone import LocalAirflow
from local_airflow.work import LocalAirflowError

DAGS = Path(__file__).parents[1] / "dags"
DAG_ID = "instantly_launch"
WAIT = "wait_until_active"
STABLE_FOR = 10
"""Seconds for which a campaign has to stay Active."""
WATCHED_FOR = 3
"""Seconds for which the second campaign is watched before Instantly stops it; less than it has to stay Active."""


class Outcome(NamedTuple):
    """How a launch ended; the reason is what Airflow's log says about a failure."""

    activations: int
    campaign: str
    run: str
    tries: int
    reason: str


def run(watch: Watch) -> tuple[Outcome, Outcome]:
    """
    Launch both campaigns, stop the second while it is watched, and return how both ended.

    :param watch: What the demo works with.
    """
    healthy, unhealthy = launch(watch, "Spring offer"), launch(watch, "Autumn offer")
    watch.wait_for(lambda: is_watched(unhealthy), healthy, unhealthy)
    stop_at = time.monotonic() + WATCHED_FOR
    watch.wait_for(lambda: time.monotonic() > stop_at, healthy, unhealthy)
    watch.tell(f"Too many e-mails of {unhealthy.name!r} bounce: Instantly stops it")
    watch.sandbox.trip_bounce_protection(unhealthy.campaign_id)
    watch.wait_for(lambda: healthy.has_ended and unhealthy.has_ended, healthy, unhealthy)
    return outcome(watch, healthy), outcome(watch, unhealthy)


def launch(watch: Watch, name: str) -> Launch:
    """Make a campaign that goes Active when it is activated, and start a run that launches it."""
    return watch.start(DAG_ID, name, watch.sandbox.add_campaign(name, script=[(2, "active")]))


def is_watched(launch: Launch) -> bool:
    """Tell whether a campaign runs and Airflow is waiting to see whether that holds."""
    return launch.seen["campaign"] == "Active" and launch.seen.get(WAIT) == "deferred"


def outcome(watch: Watch, launch: Launch) -> Outcome:
    """Return how a launch ended."""
    reasons = watch.errors(launch, WAIT, "CampaignStoppedError")
    return Outcome(
        activations=watch.sandbox.activations(launch.campaign_id),
        campaign=launch.seen["campaign"],
        run=launch.seen["run"],
        tries=max(task.try_number for task in watch.airflow.task_instances(DAG_ID, launch.run_id)),
        reason=reasons[-1] if reasons else "",
    )


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
    tell = teller()
    tell(f"Starting the sandbox and Airflow {version('apache-airflow')}")
    with running_sandbox() as sandbox:
        tell(f"The sandbox is up; its page for people is {sandbox.url}")
        with LocalAirflow(
            DAGS,
            connections={"instantly_default": json.loads(sandbox.airflow_connection)},
            variables={"INSTANTLY_LAUNCH_STABLE_FOR": str(STABLE_FOR), "INSTANTLY_LAUNCH_POKE_INTERVAL": "1"},
            tell=tell,
        ) as airflow:
            outcomes = run(Watch(sandbox, airflow, tell))
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
