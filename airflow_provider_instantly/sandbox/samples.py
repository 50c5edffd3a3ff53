"""
Sample campaigns, with ids that never change, so that a demonstration can name them.

Each is ready for its launch: it has e-mails, a sender and a lead, so that a check finds nothing. What becomes of it,
its script decides: the lead waits for its second e-mail for a year, and until then the campaign is not Completed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.sandbox.accounts import NewAccount
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from airflow_provider_instantly.sandbox.campaigns import NewCampaign
from airflow_provider_instantly.sandbox.scripts import parse_script_text

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.state import Sandbox

HEALTHY_ID = "5a3d0e5e-0001-4000-8000-000000000001"
BOUNCING_ID = "5a3d0e5e-0002-4000-8000-000000000002"

SENDER: Final = "sender@sandbox.example"
LEAD: Final = {"email": "ada@customer.example", "first_name": "Ada", "company_name": "Customer"}
_READY: Final[dict[str, Any]] = {
    "sequences": [
        {
            "steps": [
                {
                    "type": "email",
                    "delay": 365,
                    "variants": [{"subject": "Hello {{firstName}}", "body": "<p>Hi {{firstName}}, a word?</p>"}],
                },
                {
                    "type": "email",
                    "delay": 0,
                    "variants": [{"subject": "", "body": "<p>Any thoughts? {unsubscribe_link}</p>"}],
                },
            ]
        }
    ],
    "email_list": [SENDER],
    "daily_limit": 30,
    "stop_on_reply": True,
}

SAMPLES = (
    NewCampaign(
        id=HEALTHY_ID,
        workspace=DEFAULT_WORKSPACE,
        name="Sample: goes Active and stays so",
        fields=_READY,
        script=parse_script_text("active@2"),
    ),
    NewCampaign(
        id=BOUNCING_ID,
        workspace=DEFAULT_WORKSPACE,
        name="Sample: falls to Bounce Protect",
        fields=_READY,
        script=parse_script_text("active@2,bounce_protect@10"),
    ),
)


def add_samples(sandbox: Sandbox) -> None:
    """Add the sample campaigns that are not there yet, with what they need."""
    new = [sample for sample in SAMPLES if not sandbox.campaigns.has(sample.id)]
    sandbox.campaigns.create(new, "samples")
    if new:
        sandbox.accounts.save(NewAccount(DEFAULT_WORKSPACE, SENDER))
    for sample in new:
        sandbox.leads.add(DEFAULT_WORKSPACE, {"campaign_id": sample.id, "leads": [LEAD]}, room=None)
    sandbox.store.commit()
