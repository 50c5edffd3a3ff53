"""What tests of uploads share: a campaign, and an upload to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.leads.uploading import Uploading

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient


@pytest.fixture
def campaign_id(sandbox: SandboxClient) -> str:
    return sandbox.add_campaign("Spring")


@pytest.fixture
def upload(campaign_id: str) -> Uploading:
    return Uploading(campaign_id)
