"""Plays a run of the DAG on the team while its parts die, and says how it ended."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from sqlalchemy.exc import DBAPIError

from local_airflow.rest import RestError
from local_airflow.team import Team
from local_airflow.work import LocalAirflowError
from tests.distributed.deaths import ALL, SCALE, deaths
from tests.distributed.outcome import DAG_ID, outcome
from tests.distributed.settings import DIFFERENCES, POOL_SLOTS, VARIABLES
from tests.distributed.stage import set_stage
from tests.integration.test_secrets import CONN_ID, KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.distributed.deaths import Death
    from tests.distributed.outcome import Outcome
    from tests.distributed.stage import Stage

DAGS = Path(__file__).parent / "dags"
PATIENCE = 45 * 60.0
"""Seconds that a run may take."""
INTERVAL = 2.0
"""Seconds between two looks at how far it is."""
#: What cannot be asked while a part of it is down.
AWAY = (DBAPIError, requests.RequestException, RestError)


def play(
    *, seed: int, campaigns: int, leads: int, services: tuple[str, ...] = ALL, tell: Callable[[str], None]
) -> Outcome:
    """
    Start the team, run the DAG while its parts die, and read what became of it.

    :param seed: Chooses what dies, and when.
    :param campaigns: How many campaigns.
    :param leads: How many people for each.
    :param services: The services of which one part dies each.
    :param tell: Called with a line for each step.
    """
    plan = deaths(seed, services)
    with Team(DAGS, scale=SCALE, variables=VARIABLES, differences=DIFFERENCES, tell=tell) as team:
        stage = set_stage(team.sandbox, team.home / "people", campaigns=campaigns, leads=leads)
        _connect(team)
        team.add_pool("instantly", POOL_SLOTS)
        team.sandbox.clear_requests()
        run_id = team.trigger(DAG_ID, conf=stage.conf)
        tell(f"The run of {campaigns} campaigns has begun")
        began = time.monotonic()
        _watch(team, stage, run_id, plan, tell)
        seconds = time.monotonic() - began
        tell(f"The run has ended as {team.run_state(DAG_ID, run_id)} after {seconds:.0f} s")
        return outcome(team, stage, run_id, seed=seed, deaths=plan, seconds=seconds)


def _connect(team: Team) -> None:
    """Put a key that cannot be mistaken for anything into the connection that the Compose file's step has made."""
    team.sandbox.add_key(CONN_ID, key=KEY)
    body = {"connection_id": "instantly_default", "conn_type": "instantly", "password": KEY}
    team.api("/connections/instantly_default", method="PATCH", json=body, params={"update_mask": "password"})


def _watch(team: Team, stage: Stage, run_id: str, plan: Sequence[Death], tell: Callable[[str], None]) -> None:
    """Wait for the end of the run; meanwhile let each part die, and come back before the next dies."""
    deadline = time.monotonic() + PATIENCE
    coming = list(plan)
    back: dict[str, float] = {}
    while not (_has_ended(team, run_id) and not back):
        if time.monotonic() > deadline:
            raise LocalAirflowError(f"The run did not end: {_states(team, run_id)}\n{team.logged()}")
        team.look_after()
        for container in [container for container, at in back.items() if at < time.monotonic()]:
            team.start(container)
            del back[container]
            tell(f"{container} is started again")
        if coming and not back and _share_done(team, stage) >= coming[0].at:
            death = coming.pop(0)
            team.kill(death.container)
            back[death.container] = time.monotonic() + death.down
            tell(f"{death.container} is killed at {death.at:.0%}, for {death.down:.0f} s; {_states(team, run_id)}")
        time.sleep(INTERVAL)
    if coming:
        raise LocalAirflowError(f"The run ended before these died: {coming}")


def _share_done(team: Team, stage: Stage) -> float:
    """The share of the uploads and launches that the sandbox has seen."""
    changes = ("/leads/add", "/activate")
    counts = team.sandbox.request_counts()
    done = sum(each["count"] for each in counts if each["route"].endswith(changes) and each["status"] == 200)
    return float(done) / (2 * len(stage.people))


def _has_ended(team: Team, run_id: str) -> bool:
    with contextlib.suppress(*AWAY):
        return team.run_state(DAG_ID, run_id) in ("success", "failed")
    return False


def _states(team: Team, run_id: str) -> str:
    sql = "SELECT state, count(*) FROM task_instance WHERE run_id = :run_id GROUP BY state"
    with contextlib.suppress(*AWAY):
        return ", ".join(f"{count} {state}" for state, count in team.query(sql, run_id=run_id))
    return "the database is away"
