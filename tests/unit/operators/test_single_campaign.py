"""What operators of one campaign share: the ids, the link, and what the DAGs that follow read in an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset

from airflow_provider_instantly.exceptions import LaunchRefusedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.operators.single_campaign import SingleCampaignOperator
from tests.unit.outlet_events import OutletEvents

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient


class ReadCampaignOperator(SingleCampaignOperator):
    """One that does no more than to read."""

    def execute(self, context: Any) -> dict[str, Any]:
        campaign_id = self._checked_campaign_id()
        with InstantlyHook(self.instantly_conn_id) as hook:
            url = self._link(context, hook, campaign_id)
            return self._done(context, {**self._summary(hook.get_campaign(campaign_id), url), "other": 1})


class RefusingOperator(ReadCampaignOperator):
    """One that refuses with an error of its own."""

    refusal: ClassVar[type[AirflowFailException]] = LaunchRefusedError


def test_it_links_to_the_campaign_returns_it_and_announces_what_followers_need(
    sandbox: SandboxClient, run_task: Any
) -> None:
    campaign_id = sandbox.add_campaign("Spring")
    outlet, events = Asset("instantly://campaigns"), OutletEvents()

    run = run_task(ReadCampaignOperator(task_id="t", campaign_id=campaign_id, outlets=[outlet]), outlet_events=events)

    url = f"{sandbox.url}/app/campaign/{campaign_id}/analytics"
    summary = {"name": "Spring", "status": 0, "status_name": "Draft", "url": url}
    assert run.error is None
    assert run.value == {"id": campaign_id, **summary, "other": 1}
    assert url in run.ti.xcom.values()
    assert events[outlet].extra == {"campaign_id": campaign_id, **summary, "instantly_conn_id": "instantly_default"}


@pytest.mark.parametrize("operator", [ReadCampaignOperator, RefusingOperator])
def test_what_renders_to_no_campaign_ends_the_task_without_a_retry(
    sandbox: SandboxClient, run_task: Any, operator: type[SingleCampaignOperator]
) -> None:
    task = operator(task_id="t", campaign_id="{{ nothing }}")
    task.campaign_id = ""

    run = run_task(task)

    assert type(run.error) is operator.refusal
    assert "campaign_id" in str(run.error)
    assert sandbox.requests() == []


@pytest.mark.parametrize("value", [None, 7, "my campaign", []])
def test_what_is_no_campaign_fails_while_the_dag_is_parsed(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^campaign_id must "):
        ReadCampaignOperator(task_id="t", campaign_id=value)
