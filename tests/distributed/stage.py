"""What the distributed test works with: campaigns of the sandbox, their senders, and a file of people for each."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.pipeline import CAMPAIGN

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

SENDERS = 2
"""Accounts of each campaign."""
DOMAIN = "people.example"
"""The domain of all leads' addresses, which nothing else has."""


@dataclass(frozen=True)
class Stage:
    """
    The campaigns, and who is to be in them.

    :param people: The addresses for each campaign, by its id. None is in two of them.
    :param files: The file with the people of each campaign.
    """

    people: dict[str, list[str]]
    files: dict[str, Path]

    @property
    def campaign_ids(self) -> list[str]:
        """The ids of the campaigns."""
        return list(self.people)

    @property
    def leads(self) -> int:
        """How many people there are."""
        return sum(map(len, self.people.values()))

    @property
    def conf(self) -> dict[str, object]:
        """The configuration of a run of the DAG."""
        campaigns = [{"campaign_id": each, "path": f"file://{self.files[each]}"} for each in self.people]
        return {"campaigns": campaigns, "campaign_ids": self.campaign_ids}


def set_stage(sandbox: SandboxClient, folder: Path, *, campaigns: int, leads: int) -> Stage:
    """
    Add Drafts that are ready but for their leads, and write the files of people.

    :param sandbox: The stand-in for Instantly.
    :param folder: Where the files are written; workers read them there.
    :param campaigns: How many campaigns.
    :param leads: How many people for each.
    """
    ids = sandbox.add_campaigns(campaigns, "Team", script=[(2, "active")], status="draft")
    for number, campaign_id in enumerate(ids):
        # A check finds senders by their domain: of several hundred in one, it would not read all.
        senders = [f"sender{at}@client{number}.example" for at in range(SENDERS)]
        sandbox.add_accounts(*senders)
        sandbox.set_fields(campaign_id, **CAMPAIGN, email_list=senders)
    folder.mkdir()
    people = {
        campaign_id: [f"p{number}.{at}@{DOMAIN}" for at in range(leads)] for number, campaign_id in enumerate(ids)
    }
    files = {campaign_id: folder / f"{campaign_id}.csv" for campaign_id in ids}
    for campaign_id, addresses in people.items():
        with files[campaign_id].open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["email", "first_name", "company_name"])
            writer.writerows((address, "Ada", f"Company {at}") for at, address in enumerate(addresses))
    return Stage(people, files)
