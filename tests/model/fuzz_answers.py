"""
Fuzzing of the parsers of answers, led by coverage: `make soak` runs it with atheris, where that can be installed.

Whatever the bytes are, what comes out is a value or an error of our own tree.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["airflow_provider_instantly"]):
    from airflow_provider_instantly.api import answers, operations, pages
    from airflow_provider_instantly.api.answers import Answer
    from airflow_provider_instantly.api.campaign import Campaign, SendingStatus
    from airflow_provider_instantly.api.errors import InstantlyRequestError
    from airflow_provider_instantly.api.schedule import CampaignSchedule

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
KEY = "c2VjcmV0OnVubWlzdGFrYWJsZQ=="
NOW = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
REQUESTS = (
    operations.get_campaign(CAMPAIGN_ID),
    operations.activate_campaign(CAMPAIGN_ID),
    operations.get_sending_status(CAMPAIGN_ID),
    operations.list_campaigns(),
)


STATUSES = (200, 200, 200, 400, 401, 403, 404, 429, 503, 302)


def parse(data: bytes) -> None:
    """Read the bytes as an answer: three of them choose the request, the status and how much is a Retry-After."""
    if len(data) < 3:
        return
    request, status = REQUESTS[data[0] % len(REQUESTS)], STATUSES[data[1] % len(STATUSES)]
    end = 3 + data[2] % 32
    header, body = data[3:end].decode("latin-1"), data[end:]
    try:
        document = answers.read_answer(request, Answer(status, {"retry-after": header}, body), api_key=KEY, now=NOW)
    except InstantlyRequestError as error:
        if KEY.rstrip("=") in str(error):
            raise AssertionError("the key is in an error") from error
        return
    campaign = Campaign.from_api(document)
    campaign.schedule.next_sending_window(NOW)
    CampaignSchedule.from_api(document).next_sending_window(NOW)
    _ = campaign.title, SendingStatus.from_api(document).reason
    if isinstance(document.get("items"), list):
        pages.Pages(operations.list_campaigns()).after(document)


with tempfile.TemporaryDirectory(prefix="answers-") as corpus:
    for sample in (Path(__file__).parents[1] / "contract" / "samples").glob("*.json"):
        Path(corpus, sample.stem).write_bytes(b"\0\0\0" + sample.read_bytes())
    atheris.Setup([*sys.argv, corpus, "-max_len=8192"], parse)
    atheris.Fuzz()
