"""What became of the campaigns, the people and the tasks of a distributed run, held against what was promised."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.distributed.stage import DOMAIN
from tests.integration.test_secrets import found_in, rows, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.team import Team
    from tests.distributed.deaths import Death
    from tests.distributed.stage import Stage

#: Seconds, on the sandbox's clock, in which each person is written to.
DAYS = 5 * 86_400.0
DAG_ID = "fleet"
_ACTIVE = 1


@dataclass(frozen=True)
class Outcome:
    """
    What is left of a run.

    :param seed: What chose the deaths.
    :param deaths: What died.
    :param campaigns: How many campaigns there were.
    :param leads: How many people were to be added.
    :param seconds: How long the run took.
    :param run: The state of the run.
    :param tasks: How many tasks ended in each state.
    :param tries: How many tries they needed beyond the first.
    :param restarts: How often a part ended by itself and was started again.
    :param requests: Requests to the sandbox, those that were refused included.
    :param refused: Requests that were answered with 429.
    :param activations: How often a campaign was activated that did not run, by campaign.
    :param repeated: How often one was activated that ran already.
    :param duplicates: People who are in a campaign more than once.
    :param lost: People who are not in their campaign.
    :param written: How often each person was written to.
    :param searched: How many tables, logs and files were searched for the API key.
    :param keys: Where it was found.
    :param addresses: The logs in which a person's address was found.
    """

    seed: int
    deaths: Sequence[Death]
    campaigns: int
    leads: int
    seconds: float
    run: str
    tasks: Counter[str | None]
    tries: int
    restarts: int
    requests: int
    refused: int
    activations: Counter[str]
    repeated: int
    duplicates: int
    lost: int
    written: Counter[str]
    searched: int
    keys: Sequence[str]
    addresses: Sequence[str]

    @property
    def written_twice(self) -> int:
        """How many people were written to more than once."""
        return sum(count > 1 for count in self.written.values())

    def broken(self) -> list[str]:
        """Return a sentence for each promise that was not kept."""
        launched_once = len(self.activations) == self.campaigns and set(self.activations.values()) == {1}
        promises = {
            f"The run ended as {self.run}.": self.run == "success",
            f"Not all tasks succeeded: {dict(self.tasks)}.": set(self.tasks) == {"success"},
            f"{self.activations.total()} launches of {self.campaigns} campaigns.": launched_once,
            f"{self.repeated} activations of what ran already.": self.repeated == 0,
            f"{self.duplicates} people are in a campaign twice.": self.duplicates == 0,
            f"{self.lost} people were lost.": self.lost == 0,
            f"{self.written_twice} people were written to twice.": self.written_twice == 0,
            f"{len(self.written)} of {self.leads} people were written to.": len(self.written) == self.leads,
            f"The API key is in {self.keys}.": not self.keys,
            f"People's addresses are in {self.addresses}.": not self.addresses,
        }
        return [sentence for sentence, is_kept in promises.items() if not is_kept]

    def table(self) -> str:
        """Return what the documentation shows of a run, in Markdown."""
        figures = {
            "seed": self.seed,
            "campaigns": self.campaigns,
            "leads": self.leads,
            "killed": ", ".join(f"{each.container} at {each.at:.0%}" for each in self.deaths),
            "ended by themselves, started again": self.restarts,
            "tasks": self.tasks.total(),
            "tasks that succeeded": self.tasks["success"],
            "tries beyond the first": self.tries,
            "requests": self.requests,
            "answered with 429": self.refused,
            "launches": self.activations.total(),
            "activations of what ran already": self.repeated,
            "people added twice": self.duplicates,
            "people lost": self.lost,
            "people written to": len(self.written),
            "people written to twice": self.written_twice,
            "tables, logs and files searched for the API key": self.searched,
            "found in": len(self.keys),
            "logs with a person's address": len(self.addresses),
            "time": f"{self.seconds // 60:.0f} min {self.seconds % 60:.0f} s",
        }
        lines = [
            f"| {name} | {value:,} |" if isinstance(value, int) and name != "seed" else f"| {name} | {value} |"
            for name, value in figures.items()
        ]
        return "\n".join(["| | |", "|---|--:|", *lines])


def outcome(team: Team, stage: Stage, run_id: str, *, seed: int, deaths: Sequence[Death], seconds: float) -> Outcome:
    """
    Read what is left of a run, once it has ended.

    :param team: The Airflow.
    :param stage: What it worked with.
    :param run_id: The run.
    :param seed: What chose the deaths.
    :param deaths: What died.
    :param seconds: How long the run took.
    """
    sandbox = team.sandbox
    texts = list(_texts(team))
    tasks = team.task_instances(DAG_ID, run_id)
    counts = sandbox.request_counts()
    launches, repeated = _launches(sandbox, stage)
    present = {campaign: Counter(lead["email"] for lead in sandbox.leads(campaign)) for campaign in stage.people}
    return Outcome(
        seed=seed,
        deaths=deaths,
        campaigns=len(stage.people),
        leads=stage.leads,
        seconds=seconds,
        run=team.run_state(DAG_ID, run_id) or "",
        tasks=Counter(task.state for task in tasks),
        tries=sum(max(task.try_number - 1, 0) for task in tasks),
        restarts=team.restarts.total(),
        requests=sum(each["count"] for each in counts),
        refused=sum(each["count"] for each in counts if each["status"] == 429),
        activations=launches,
        repeated=repeated,
        duplicates=sum(count - 1 for found in present.values() for count in found.values()),
        lost=sum(address not in present[campaign] for campaign, people in stage.people.items() for address in people),
        written=_written(sandbox, stage),
        searched=len(texts),
        keys=[place for place, text in texts if found_in(text)],
        addresses=[str(file) for file in _logs(team.home) if DOMAIN in file.read_text(errors="replace")],
    )


def _launches(sandbox: SandboxClient, stage: Stage) -> tuple[Counter[str], int]:
    """Count the activations that changed something, by campaign, and those that did not."""
    history = [(campaign, effect) for campaign in stage.people for effect in sandbox.campaign(campaign)["history"]]
    activated = [(campaign, effect["from_status"]) for campaign, effect in history if effect["effect"] == "activated"]
    return Counter(campaign for campaign, before in activated if before != 1), sum(
        before == 1 for _, before in activated
    )


def _written(sandbox: SandboxClient, stage: Stage) -> Counter[str]:
    """Let days pass, in which all e-mails leave, and count those to each person."""
    sandbox.advance_clock(DAYS)
    return Counter(email["lead"] for campaign in stage.people for email in sandbox.emails(campaign))


def _logs(home: Path) -> list[Path]:
    return [file for file in home.rglob("*.log") if file.is_file()]


def _texts(team: Team) -> Iterator[tuple[str, bytes | str]]:
    """Yield all that is left: the database as a dump would show it, XComs included, the logs, and Redis's file."""
    for table in tables(team):
        yield f"table {table}", rows(team, table)
    for file in [*_logs(team.home), *(team.home / "broker").rglob("*.aof")]:
        yield str(file), file.read_bytes()
