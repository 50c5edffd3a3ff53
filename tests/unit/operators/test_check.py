"""`CheckCampaignOperator` over real HTTP: what it returns, when it fails, and that no address leaves it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset

from airflow_provider_instantly.api.errors import InstantlyAuthenticationError, InstantlyPermissionError
from airflow_provider_instantly.exceptions import CheckFailedError, CheckIncompleteError
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.tasklog import sentences_of
from tests.unit.launches.preflight.ready import CAMPAIGN_ID, WEEKDAYS
from tests.unit.launches.preflight.test_check import prepare
from tests.unit.outlet_events import OutletEvents

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")

SENDER = "ada@mail.example"


def operator(campaign_id: Any, **given: Any) -> CheckCampaignOperator:
    return CheckCampaignOperator(**{"task_id": "check", "campaign_id": campaign_id, **given})


def test_a_campaign_that_is_ready(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    campaign_id = prepare(sandbox, SENDER)

    run = run_task(operator(campaign_id))

    assert run.error is None
    url = f"{sandbox.url}/app/campaign/{campaign_id}/analytics"
    assert run.value == {
        "id": campaign_id,
        "name": "Spring",
        "status": 0,
        "status_name": "Draft",
        "url": url,
        "verdict": "passed",
        "findings": [],
        "ignored": [],
        "markdown": f"### Spring: passed\n\nDraft · [open in Instantly](<{url}>)\n\n"
        "Nothing was found that speaks against a launch.\n",
    }
    assert url in run.ti.xcom.values()
    assert f'The check ended: passed. [campaign "Spring" ({campaign_id})]' in task_log()


def test_a_warning_does_not_fail(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    campaign_id = prepare(sandbox, SENDER, stop_on_reply=False)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["verdict"] == "warning"
    assert [finding["code"] for finding in run.value["findings"]] == ["stop_on_reply_off"]
    assert "WARNING stop_on_reply_off: Leads that reply get further e-mails" in task_log()
    assert "`stop_on_reply_off`" in run.value["markdown"]


def test_an_error_fails_without_a_retry(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    campaign_id = prepare(sandbox)

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, CheckFailedError)
    assert isinstance(run.error, AirflowFailException)
    assert str(run.error) == (
        "The check found 1 error: It has no sender: it names no account and no tag. [no_sender] The campaign was left "
        "as it is. Add sending accounts to the campaign, or a tag to accounts. "
        f'[campaign "Spring" ({campaign_id})]'
    )
    # The finding and what to do about it have a line already.
    assert "ERROR no_sender: It has no sender" in task_log()
    assert sentences_of(run.error) == (
        "The check found 1 error.",
        "The campaign was left as it is.",
        f'[campaign "Spring" ({campaign_id})]',
    )


@pytest.mark.parametrize(
    ("given", "verdict", "ignored"),
    [({"fail_on": []}, "error", []), ({"ignore": ["no_sender"]}, "passed", ["no_sender"])],
)
def test_what_the_author_allows(
    sandbox: SandboxClient, run_task: Any, given: dict[str, Any], verdict: str, ignored: list[str]
) -> None:
    run = run_task(operator(prepare(sandbox), **given))
    assert (run.error, run.value["verdict"], run.value["ignored"]) == (None, verdict, ignored)


def test_a_warning_may_fail(sandbox: SandboxClient, run_task: Any) -> None:
    run = run_task(operator(prepare(sandbox, SENDER, stop_on_reply=False), fail_on=["warning"]))
    assert isinstance(run.error, CheckFailedError)


def test_what_could_not_be_read_is_retried(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = prepare(sandbox, SENDER)
    sandbox.add_fault("error", "*/leads/list", status=503, count=5)

    first, second = (run_task(operator(campaign_id)) for _ in range(2))

    assert isinstance(first.error, CheckIncompleteError)
    assert not isinstance(first.error, AirflowFailException)
    assert "[leads_unread]" in str(first.error)
    assert "The campaign was left as it is." in str(first.error)
    assert (second.error, second.value["verdict"]) == (None, "passed")


def test_errors_beside_what_could_not_be_read_are_not_retried(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = prepare(sandbox)
    sandbox.add_fault("error", "*/leads/list", status=403, count=None)
    assert isinstance(run_task(operator(campaign_id)).error, CheckFailedError)


def test_no_such_campaign(sandbox: SandboxClient, run_task: Any) -> None:
    run = run_task(operator(CAMPAIGN_ID))
    assert isinstance(run.error, CheckFailedError)
    assert f"There is no campaign {CAMPAIGN_ID}" in str(run.error)
    run = run_task(operator(CAMPAIGN_ID, fail_on=[]))
    assert (run.value["verdict"], run.value["status"]) == ("error", None)


@pytest.mark.parametrize(("status", "kind"), [(401, InstantlyAuthenticationError), (403, InstantlyPermissionError)])
@pytest.mark.parametrize("fail_on", [[], ["error", "incomplete"]])
def test_a_campaign_that_cannot_be_read_is_not_checked(
    sandbox: SandboxClient, run_task: Any, status: int, kind: type[Exception], fail_on: list[str]
) -> None:
    campaign_id = prepare(sandbox, SENDER)
    sandbox.add_fault("error", f"*/campaigns/{campaign_id}", status=status, count=None)
    run = run_task(operator(campaign_id, fail_on=fail_on))
    assert isinstance(run.error, kind)
    assert f"Campaign {campaign_id} was not checked, and was left as it is." in str(run.error)


def test_what_is_no_campaigns_id(run_task: Any) -> None:
    task = operator("{{ params.campaign_id }}")
    task.campaign_id = "spring"
    run = run_task(task)
    assert isinstance(run.error, AirflowFailException)
    assert "Nothing was requested" in str(run.error)


def test_it_tells_assets_which_campaign_it_was(sandbox: SandboxClient, run_task: Any) -> None:
    outlet, events = Asset("instantly://campaigns"), OutletEvents()
    campaign_id = prepare(sandbox, SENDER)
    run_task(operator(campaign_id, outlets=[outlet]), outlet_events=events)
    assert events[outlet].extra == {
        "campaign_id": campaign_id,
        "name": "Spring",
        "status": 0,
        "status_name": "Draft",
        "url": f"{sandbox.url}/app/campaign/{campaign_id}/analytics",
        "verdict": "passed",
        "instantly_conn_id": "instantly_default",
    }


def test_no_address_leaves_it(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    """Neither of leads nor of accounts, whatever is wrong and wherever an address stands."""
    address = "ada.lovelace@mail.example"
    text = f"<a href='htps://{address}/x'>TODO</a> {{{{{address}}}}} {{{{ {address} | a {{% if {address} {{{address}}}"
    campaign_id = prepare(
        sandbox,
        address,
        "grace.hopper@mail.example",
        name=f"For {address} (ada.lovelace%40mail.example)",
        email_list=[address, "grace.hopper@mail.example", "gone.sender@mail.example"],
        sequences=[{"steps": [{"variants": [{"subject": text, "body": text}]}]}],
        custom_variables={address: True},
        open_tracking=True,
        campaign_schedule={
            "schedules": [
                {"name": address, "timing": address, "days": WEEKDAYS},
                {"name": f"augusta.lovelace.{address}", "timing": {}, "days": WEEKDAYS},
                {"timing": {"from": f"augusta.lovelace.{address}"}, "days": WEEKDAYS},
                {"timing": {"from": [f"augusta.lovelace.{address}"]}, "days": WEEKDAYS},
                {"timing": {"from": "22:00", "to": "23:00"}, "days": {"6": True}, "timezone": "America/Detroit"},
            ]
        },
    )
    sandbox.add_accounts(address, fields={"status": -1})
    sandbox.add_accounts("grace.hopper@mail.example", age_days=1, failing=["mx"])

    allowed, failed = (run_task(operator(campaign_id, fail_on=levels)) for levels in ([], ["error"]))

    assert len(allowed.value["findings"]) > 8
    for text in (json.dumps(allowed.value, ensure_ascii=False), str(failed.error), task_log()):
        for name in ("lovelace", "hopper", "gone.sender", "p0@", "customer.example"):
            assert name not in text
    assert "mail.example" in str(allowed.value)


def test_no_key_leaves_it(
    sandbox: SandboxClient, run_task: Any, task_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = prepare(sandbox, SENDER)
    connection = {**json.loads(sandbox.airflow_connection), "extra": {"max_retries": 0}}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
    for path in ("*/leads/list", "*/accounts", "*/plan-details"):
        sandbox.add_fault("body", path, text=f"no, {sandbox.api_key}", count=None)
    run = run_task(operator(campaign_id, fail_on=[]))
    assert run.value["verdict"] == "incomplete"
    assert sandbox.api_key not in f"{run.value} {task_log()} {run.ti.xcom}"
