"""The other demo: people of a SQL table become leads, are launched, watched, guarded and reported; a real Airflow."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_instantly.sandbox.client import running_sandbox
from demo.watching import Launch, Watch, teller
from local_airflow.standalone import LocalAirflow
from local_airflow.work import LocalAirflowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

DAGS = Path(__file__).parents[1] / "dags"
REPORT = Path(__file__).parents[1] / "build" / "demo-report"
PIPELINE, GUARD, REPORTING = "instantly_pipeline", "instantly_guard", "instantly_report"
#: How many times as fast the sandbox's clock runs: an account sends an e-mail each half minute, on its clock.
SPEED = 60
PEOPLE = 60
#: The pipeline's query, as SQLite's driver knows parameters.
PEOPLE_OF_A_CAMPAIGN = "SELECT email, first_name, company FROM audience WHERE campaign_id = :campaign_id"
#: The guard judges from so many e-mails on.
JUDGED_FROM = 20
STABLE_FOR = 3

#: Copy that leaves nothing to complain of, sent at any hour.
CAMPAIGN: Final[dict[str, Any]] = {
    "sequences": [
        {
            "steps": [
                {
                    "variants": [
                        {"subject": "A word, {{firstName}}?", "body": "<p>How does {{companyName}} do it?</p>"},
                        {"subject": "For {{companyName}}", "body": "<p>Hello {{firstName}}, one question.</p>"},
                    ]
                }
            ]
        }
    ],
    "daily_limit": 90,
    "email_gap": 0.5,
    "random_wait_max": 0,
    "stop_on_reply": True,
    "campaign_schedule": {
        "schedules": [
            {
                "name": "Always",
                "timing": {"from": "00:00", "to": "23:59"},
                "days": {str(day): True for day in range(7)},
                "timezone": "Etc/GMT+12",
            }
        ]
    },
}


class Story(NamedTuple):
    """A campaign of the demo: what it is called, who sends for it, and of how many of its e-mails what comes."""

    name: str
    senders: int
    bounces: int = 0
    replies: int = 0


SPRING = Story("Spring offer", senders=3, bounces=1, replies=9)
SUMMER = Story("Summer offer", senders=0)
AUTUMN = Story("Autumn offer", senders=3, bounces=30)
STORIES = (SPRING, SUMMER, AUTUMN)


@dataclass(frozen=True)
class Outcome:
    """
    How it ended for one campaign.

    :param launch: The run.
    :param leads: How many people are in it.
    :param sent: How many e-mails left.
    :param bounced: How many of them bounced.
    :param campaign: Its status in the end.
    :param activations: How often it was activated.
    """

    launch: Launch
    leads: int
    sent: int
    bounced: int
    campaign: str
    activations: int

    @property
    def row(self) -> tuple[str, ...]:
        """Return the row of the table."""
        tasks = [self.launch.seen.get(task, "-").replace("upstream_failed", "not run") for task in ("check", "launch")]
        counts = (self.leads, self.activations, self.sent, self.bounced)
        return (self.launch.name, *tasks, *map(str, counts), self.campaign)


def run(watch: Watch, table: Path) -> dict[Story, Outcome]:
    """
    Live through the story, and return how it ended.

    :param watch: What the demo works with.
    :param table: The SQLite file with the people.
    """
    ids = {story: add_campaign(watch.sandbox, story) for story in STORIES}
    fill(table, ids)
    watch.tell(f"The table has {PEOPLE} people for each of {len(ids)} campaigns")
    watch.airflow.add_variable("instantly_campaign_id", ids[SPRING])
    watch.tell(f"The pipeline is switched on: tonight's run is for {SPRING.name}, two more are started by hand")
    night = watch.airflow.switch_on(PIPELINE)
    launches = {SPRING: Launch(SPRING.name, ids[SPRING], PIPELINE, night)}
    launches |= {story: watch.start(PIPELINE, story.name, ids[story]) for story in (SUMMER, AUTUMN)}
    watch.wait_for(lambda: all(launch.has_ended for launch in launches.values()), *launches.values())
    sending = [launches[story] for story in (SPRING, AUTUMN)]
    watch.wait_for(lambda: all(sent(watch.sandbox, each) >= JUDGED_FROM for each in sending), *sending)
    watch.tell(f"{JUDGED_FROM} e-mails of both have left: the guard is switched on")
    follow(watch, GUARD, watch.airflow.switch_on(GUARD))
    for each in sending:
        watch.tell_changes(each)
    watch.tell("A report is made of all three")
    about = {"campaign_ids": list(ids.values()), "path": REPORT.as_uri()}
    follow(watch, REPORTING, watch.airflow.trigger(REPORTING, conf=about))
    return {story: outcome(watch, launch) for story, launch in launches.items()}


def add_campaign(sandbox: SandboxClient, story: Story) -> str:
    """Add a campaign and its senders to the sandbox."""
    senders = [f"{story.name.split()[0].lower()}{number}@mail.example" for number in range(story.senders)]
    if senders:
        sandbox.add_accounts(*senders)
    return sandbox.add_campaign(story.name, fields={**CAMPAIGN, "email_list": senders})


def fill(table: Path, ids: dict[Story, str]) -> None:
    """Write the table. One row of each campaign has no good address, and one person stands there twice."""
    with sqlite3.connect(table) as connection:
        connection.execute("CREATE TABLE audience (campaign_id TEXT, email TEXT, first_name TEXT, company TEXT)")
        for story, campaign_id in ids.items():
            rows = [(campaign_id, email, "Ada", f"Company {n}") for n, email in enumerate(addresses(story))]
            connection.executemany("INSERT INTO audience VALUES (?, ?, ?, ?)", [*rows, rows[0]])


def addresses(story: Story) -> Iterator[str]:
    """Yield the addresses of a campaign's people. The sandbox knows by them what comes of an e-mail."""
    for number in range(PEOPLE):
        fate = "+bounce" if number < story.bounces else "+reply" if number < story.bounces + story.replies else ""
        yield f"person{number}{fate}@{story.name.split()[0].lower()}.example"
    yield "no address at all"


def sent(sandbox: SandboxClient, launch: Launch) -> int:
    """Return how many e-mails of a campaign have left."""
    return len(sandbox.emails(launch.campaign_id))


def follow(watch: Watch, dag_id: str, run_id: str) -> None:
    """Wait for the end of a run, which has to be a success."""
    state = watch.airflow.wait_for_run(dag_id, run_id)
    watch.tell(f"{dag_id:<32} {state}")
    if state != "success":
        raise LocalAirflowError(f"The run {run_id} of {dag_id} ended as {state}.")


def outcome(watch: Watch, launch: Launch) -> Outcome:
    """Return how it ended for a campaign."""
    sandbox, campaign_id = watch.sandbox, launch.campaign_id
    emails = sandbox.emails(campaign_id)
    return Outcome(
        launch,
        leads=len(sandbox.leads(campaign_id)),
        sent=len(emails),
        bounced=sum(email["bounced_at"] is not None for email in emails),
        campaign=str(sandbox.campaign(campaign_id)["status_name"]),
        activations=sandbox.activations(campaign_id),
    )


def as_promised(ended: dict[Story, Outcome]) -> bool:
    """Tell whether one was launched and let be, one refused by the check, and one paused by the guard."""
    spring, summer, autumn = (ended[story] for story in STORIES)
    return (
        [each.leads for each in (spring, summer, autumn)] == [PEOPLE] * 3
        and [each.activations for each in (spring, summer, autumn)] == [1, 0, 1]
        and (spring.campaign, summer.campaign, autumn.campaign) in WANTED
        and summer.launch.seen["check"] == "failed"
        and summer.sent == 0
        and (REPORT / "report.html").exists()
    )


#: A campaign whose leads are all done is Completed.
WANTED: Final = (("Active", "Draft", "Paused"), ("Completed", "Draft", "Paused"))


def table_of(ended: dict[Story, Outcome]) -> str:
    """Return all outcomes for people."""
    rows: list[tuple[str, ...]] = [("", "check", "launch", "leads", "activations", "e-mails", "bounced", "in the end")]
    rows += [ended[story].row for story in STORIES]
    return "\n".join("{:<13} {:<8} {:<8} {:>5} {:>12} {:>8} {:>8}  {}".format(*row) for row in rows)


def why_refused(watch: Watch, launch: Launch) -> str:
    """Return what the check's log says."""
    reasons = watch.errors(launch, "check", "CheckFailedError")
    return reasons[-1] if reasons else "The log does not say why."


def main() -> None:
    """Run the demo; the exit status is 0 only if everything went as promised."""
    tell = teller()
    tell(f"Starting the sandbox and Airflow {version('apache-airflow')}")
    with tempfile.TemporaryDirectory(prefix="demo-") as folder, running_sandbox("--speed", str(SPEED)) as sandbox:
        tell(f"The sandbox is up, a minute in it is a second; its page for people is {sandbox.url}")
        table = Path(folder, "warehouse.db")
        with LocalAirflow(
            DAGS,
            connections={
                "instantly_default": json.loads(sandbox.airflow_connection),
                "warehouse": {"conn_type": "sqlite", "host": str(table)},
            },
            variables={
                "INSTANTLY_LAUNCH_STABLE_FOR": str(STABLE_FOR),
                "INSTANTLY_LAUNCH_POKE_INTERVAL": "1",
                "INSTANTLY_PIPELINE_SQL": PEOPLE_OF_A_CAMPAIGN,
            },
            tell=tell,
        ) as airflow:
            watch = Watch(sandbox, airflow, tell)
            ended = run(watch, table)
            refused = why_refused(watch, ended[SUMMER].launch)
    tell("Everything is stopped")
    print(f"\n{table_of(ended)}\n")
    print("\n".join(textwrap.wrap(f"Why the check refused one: {refused}", 100)))
    print(f"\nThe report: {REPORT / 'report.html'}\n")
    if not as_promised(ended):
        sys.exit("This is not what was promised: one launched, one refused by the check, one paused by the guard.")
    print("As promised: one campaign was launched, one refused by the check, and one paused for its bounces.")


if __name__ == "__main__":
    try:
        main()
    except LocalAirflowError as error:
        sys.exit(f"The demo failed. {error}")
    except KeyboardInterrupt:
        sys.exit(130)
