"""Sample campaigns, with ids that never change, so that a demonstration can name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from airflow_provider_instantly.sandbox.campaigns import NewCampaign
from airflow_provider_instantly.sandbox.scripts import parse_script_text

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.state import Sandbox

HEALTHY_ID = "5a3d0e5e-0001-4000-8000-000000000001"
BOUNCING_ID = "5a3d0e5e-0002-4000-8000-000000000002"

SAMPLES = (
    NewCampaign(
        id=HEALTHY_ID,
        workspace=DEFAULT_WORKSPACE,
        name="Sample: goes Active and stays so",
        script=parse_script_text("active@2"),
    ),
    NewCampaign(
        id=BOUNCING_ID,
        workspace=DEFAULT_WORKSPACE,
        name="Sample: falls to Bounce Protect",
        script=parse_script_text("active@2,bounce_protect@10"),
    ),
)


def add_samples(sandbox: Sandbox) -> None:
    """Add the sample campaigns that are not there yet."""
    sandbox.campaigns.ensure(SAMPLES, "samples")
    sandbox.store.commit()
