"""
`ActivateCampaignOperator` over real HTTP: what it posts, what it refuses, and what it does when answers are lost.

E-mails cannot be unsent, so nearly every test ends by counting the activations that took effect.
"""

from __future__ import annotations

import json
import re
import runpy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSensorTimeout

from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyConfigurationError,
    InstantlyConnectionError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.exceptions import (
    CampaignStoppedError,
    CampaignWaitError,
    LaunchNotConfirmedError,
    LaunchRefusedError,
)
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.tasklog import sentences_of
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, SUSPENDED, UNHEALTHY, UNKNOWN
from tests.unit.task_state_store import TaskStateStore
from tests.unit.waits import events
from tests.unit.waits.events import CAMPAIGN_ID, GOOD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

NAME = "Spring"
OTHER_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"
STOPPED = [
    (UNHEALTHY, "Accounts Unhealthy", "No sending account of the campaign is able to send."),
    (BOUNCED, "Bounce Protect", "Too many e-mails bounced, so the campaign was stopped."),
    (SUSPENDED, "Account Suspended", "The account is suspended."),
]
WAITS: Mapping[str, dict[str, Any]] = {"on the worker": {"deferrable": False}, "deferred": {"deferrable": True}}
either_wait = pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())

pytestmark = pytest.mark.usefixtures("short_pauses", "frequent_polls")


def operator(campaign_id: Any, **given: Any) -> ActivateCampaignOperator:
    return ActivateCampaignOperator(
        **{"task_id": "activate", "campaign_id": campaign_id, "poll_interval": 0.03, "timeout": 10, **given}
    )


def activation_requests(sandbox: SandboxClient) -> int:
    """How often an activation was asked for, with or without an effect."""
    return len(sandbox.requests(path="*/activate", method="POST"))


def asked(sandbox: SandboxClient) -> list[str]:
    """The methods of all requests about campaigns themselves, in order."""
    return [request["method"] for request in sandbox.requests() if "sending-status" not in request["path"]]


# The table: what it does with a campaign as it stands


@pytest.mark.parametrize(("status", "name"), [(DRAFT, "Draft"), (COMPLETED, "Completed"), (PAUSED, "Paused")], ids=str)
def test_activates_what_does_not_run(
    sandbox: SandboxClient, run_task: Any, task_log: Any, status: int, name: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["launched"] is True
    assert run.value["status"] == ACTIVE
    assert asked(sandbox) == ["GET", "POST", "GET"]
    assert sandbox.activations(campaign_id) == 1
    assert f"is {name}. Activating it." in task_log()


def test_a_paused_campaign_is_not_resumed_where_asked_so(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=PAUSED)

    run = run_task(operator(campaign_id, resume_paused=False))

    assert isinstance(run.error, LaunchRefusedError)
    for part in (
        NAME,
        campaign_id,
        "is Paused",
        "resume_paused=False",
        "did not activate it",
        "Resume it in Instantly",
    ):
        assert part in str(run.error)
    assert asked(sandbox) == ["GET"]


@pytest.mark.parametrize("status", [DRAFT, COMPLETED, ACTIVE])
def test_resume_paused_concerns_paused_campaigns_only(sandbox: SandboxClient, run_task: Any, status: int) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    assert run_task(operator(campaign_id, resume_paused=False)).error is None
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


@pytest.mark.parametrize(("status", "name"), [(ACTIVE, "Active"), (SUBSEQUENCES, "Running Subsequences")])
def test_leaves_alone_what_runs(sandbox: SandboxClient, run_task: Any, task_log: Any, status: int, name: str) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["launched"] is False
    assert run.value["status_name"] == name
    assert asked(sandbox) == ["GET"]
    assert f"is {name} already, so nothing was sent" in task_log()


@pytest.mark.parametrize(("status", "name", "reason"), STOPPED)
def test_refuses_what_instantly_stopped(
    sandbox: SandboxClient, run_task: Any, task_log: Any, status: int, name: str, reason: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, LaunchRefusedError)
    # This is what Airflow does not retry.
    assert isinstance(run.error, AirflowFailException)
    for part in (NAME, campaign_id, f"is {name}", reason, "did not activate it", "reactivate_stopped=True", "7 days"):
        assert part in str(run.error)
    assert activation_requests(sandbox) == 0
    assert said_one_after_the_other(
        task_log(),
        f"The campaign is {name}: Instantly stopped it, so this try did not activate it.",
        f"Instantly says: {reason}",
        "Fix the cause in Instantly first.",
    )


def said_one_after_the_other(log: str, *lines: str) -> bool:
    """Whether the log has these as whole lines, in this order; behind a line, Airflow 3 says where it comes from."""
    written = iter(log.splitlines())
    return all(any(re.search(rf"{re.escape(line)}\s*(\[airflow|$)", each) for each in written) for line in lines)


@pytest.mark.parametrize(("status", "name", "reason"), STOPPED)
def test_reactivates_what_instantly_stopped_only_where_asked_so(
    sandbox: SandboxClient, run_task: Any, task_log: Any, status: int, name: str, reason: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    run = run_task(operator(campaign_id, reactivate_stopped=True))

    assert run.error is None
    assert run.value["launched"] is True
    assert sandbox.activations(campaign_id) == 1
    log = task_log()
    assert f"is {name}. Activating it all the same" in log
    assert "warning" in log.lower()


def test_refuses_also_where_the_reason_cannot_be_read(sandbox: SandboxClient, run_task: Any, sandbox_time: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=BOUNCED)
    sandbox.add_fault("error", path="*/sending-status", status=500, count=None)

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, LaunchRefusedError)
    assert "Instantly says" not in str(run.error)
    assert activation_requests(sandbox) == 0


def test_activates_a_status_that_this_release_does_not_know_and_warns(
    sandbox: SandboxClient, run_task: Any, task_log: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=UNKNOWN)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["launched"] is True
    assert sandbox.activations(campaign_id) == 1
    assert "UNKNOWN(7), a status that this release does not know" in task_log()


def test_a_status_that_is_no_number_is_not_activated(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", fields={"status": "draft"}, count=None)

    run = run_task(operator(campaign_id))

    assert "no status that is a number" in str(run.error)
    assert activation_requests(sandbox) == 0


# What it returns, and the link


def test_returns_what_the_next_task_may_want_to_know(sandbox: SandboxClient, run_task: Any) -> None:
    days = {str(day): True for day in range(7)}
    schedule = {"name": "Day", "timing": {"from": "09:00", "to": "17:00"}, "days": days, "timezone": "America/Detroit"}
    campaign_id = sandbox.add_campaign(NAME, fields={"campaign_schedule": {"schedules": [schedule]}})

    run = run_task(operator(campaign_id.upper()))

    window = run.value.pop("next_sending_window")
    assert run.value == {
        "id": campaign_id,
        "name": NAME,
        "status": 1,
        "status_name": "Active",
        "launched": True,
        "url": f"{sandbox.url}/app/campaign/{campaign_id}/analytics",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT09:00:00-0[45]:00", window["opens"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT17:00:00-0[45]:00", window["closes"])
    json.dumps(run.value)


@pytest.mark.parametrize("wait", [{}, *({"wait_for_active": True, **how} for how in WAITS.values())], ids=str)
def test_a_monstrous_campaign_is_stored_bounded_and_safe(
    sandbox: SandboxClient, run_task: Any, task_log: Any, monkeypatch: pytest.MonkeyPatch, wait: dict[str, Any]
) -> None:
    # On a busy machine it takes longer to read such an answer than a launch may rest on it.
    for limit in ("MAX_READ_AGE", "MAX_READ_SPAN"):
        monkeypatch.setattr(f"airflow_provider_instantly.api.freshness.{limit}", 600.0)
    entry = {"timing": {"from": "09:00", "to": "17:00"}, "days": {"1": True}, "timezone": "America/Detroit"}
    campaign_id = sandbox.add_campaign(NAME)
    document = {
        "id": campaign_id,
        "name": "Spring\r\n\x1b[31m" + "x" * 1_000_000,
        "campaign_schedule": {"schedules": [entry] * 20_000},
    }
    # The read that confirms the launch shows a Draft, too, so that there is something to wait for.
    as_draft: dict[str, Any] = {"method": "GET", "count": 2 if wait else 1}
    for status, faults in ((DRAFT, as_draft), (ACTIVE, {"count": None})):
        sandbox.add_fault("body", path=f"*/campaigns/{campaign_id}*", json={**document, "status": status}, **faults)

    run = run_task(operator(campaign_id, **wait))

    assert run.error is None
    assert run.value["name"].startswith("Spring [31mxxx")
    assert len(run.deferred_to) == wait.get("deferrable", 0)
    for stored in (run.value, *run.ti.xcom.values(), *run.events, *run.deferred_to):
        text = json.dumps(stored, default=str)
        assert len(text) < 5_000
        assert "\\u001b" not in text
    log = task_log()
    assert "Spring [31mxxx" in log
    assert "x" * 1_000 not in log


def test_a_campaign_that_never_sends_has_no_next_window(sandbox: SandboxClient, run_task: Any) -> None:
    schedule = {
        "name": "Never",
        "timing": {"from": "09:00", "to": "17:00"},
        "days": {"0": False},
        "timezone": "Etc/GMT+12",
    }
    campaign_id = sandbox.add_campaign(NAME, fields={"campaign_schedule": {"schedules": [schedule]}})

    run = run_task(operator(campaign_id))

    assert run.value["next_sending_window"] is None
    assert run.value["launched"] is True


def test_the_link_works_before_anything_is_sent(sandbox: SandboxClient, run_task: Any, task_instance: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    ti, requests_before = task_instance(), []
    ti.on_push = lambda key, value: requests_before.append(len(sandbox.requests()))

    run = run_task(operator(campaign_id), ti)

    assert run.ti.xcom == {"_link_CampaignLink": run.value["url"]}
    assert requests_before == [0]


@pytest.mark.parametrize("fault", [{"status": 401}, {"status": 404}, {"status": 503}])
def test_the_link_works_where_the_launch_fails(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float], fault: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=BOUNCED)
    sandbox.add_fault("error", count=None, **fault)

    run = run_task(operator(campaign_id))

    assert run.error is not None
    assert campaign_id in run.ti.xcom["_link_CampaignLink"]


def test_the_link_leads_to_the_agencys_own_domain(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {**json.loads(sandbox.airflow_connection), "extra": {"app_url": "https://mail.agency.example"}}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
    campaign_id = sandbox.add_campaign(NAME)

    run = run_task(operator(campaign_id))

    assert run.value["url"] == f"https://mail.agency.example/app/campaign/{campaign_id}/analytics"
    assert run.ti.xcom["_link_CampaignLink"] == run.value["url"]


# A campaign_id that is none


@pytest.mark.parametrize(
    "value", ["not-a-uuid", "", "   ", "None", None, 7, ["{{ params.id }}"], [], "019e18e2a5217bb99dd645f1bc69dcd0"]
)
def test_what_is_no_campaign_fails_while_the_dag_is_parsed(value: Any) -> None:
    with pytest.raises(ValueError, match="campaign_id"):
        operator(value)


@pytest.mark.parametrize(
    ("rendered", "named"),
    [
        ("not-a-uuid", "'not-a-uuid'"),
        ("", "''"),
        ("   ", "' '"),
        ("None", "'None'"),
        ("019e18e2", "'019e18e2'"),
        ("../../leads", "'../../leads'"),
        ("[]", "'[]'"),
    ],
)
def test_a_template_that_is_no_campaign_fails_before_any_request(
    sandbox: SandboxClient, run_task: Any, rendered: str, named: str
) -> None:
    task = operator("{{ params.id }}")
    task.render_template_fields({"params": {"id": rendered}})

    run = run_task(task)

    assert isinstance(run.error, LaunchRefusedError)
    assert "campaign_id must be the UUID of a campaign" in str(run.error)
    assert f"not {named}" in str(run.error)
    assert sentences_of(run.error)[1:] == (
        "It looks like 019e18e2-a521-7bb9-9dd6-45f1bc69dcd0.",
        "Nothing was requested from Instantly.",
    )
    assert " ".join(sentences_of(run.error)) == str(run.error)
    assert sandbox.requests() == []
    assert run.ti.xcom == {}


def test_a_template_is_rendered(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    task = operator("{{ params.id }}")
    task.render_template_fields({"params": {"id": f" {campaign_id.upper()}\n"}})

    assert run_task(task).value["id"] == campaign_id


ABOUT_WAITS: dict[str, Any] = {
    "stable_for": timedelta(hours=2),
    "pause_on_kill": True,
    "timeout": timedelta(hours=1),
    "poll_interval": 0,
}


def test_what_default_args_say_of_waits_is_ignored_by_a_task_that_does_not_wait(
    sandbox: SandboxClient, run_task: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    with DAG("a_dag", schedule=None, default_args=ABOUT_WAITS):
        task = ActivateCampaignOperator(task_id="launch", campaign_id=campaign_id)
        mapped: Any = ActivateCampaignOperator.partial(task_id="mapped").expand(campaign_id=[campaign_id])

    assert (task.stable_for, task.pause_on_kill, task.timeout, task.poll_interval) == (0, False, 3600, 60)
    assert mapped.unmap({"campaign_id": campaign_id}).stable_for == 0
    assert run_task(task).value["launched"] is True


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"stable_for": timedelta(hours=2)}, "stable_for"),
        ({"stable_for": 5}, r"stable_for .* wait_for_active=True"),
        ({"pause_on_kill": True}, r"pause_on_kill .* wait_for_active=True"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"wait_for_active": True}, "poll_interval"),
        ({"wait_for_active": True, "poll_interval": 1}, r"stable_for .* timeout"),
    ],
    ids=str,
)
def test_what_the_author_wrote_or_means_is_refused_all_the_same(given: dict[str, Any], says: str) -> None:
    with DAG("a_dag", schedule=None, default_args=ABOUT_WAITS), pytest.raises(ValueError, match=says):
        ActivateCampaignOperator(task_id="launch", campaign_id="{{ params.id }}", **given)


def test_default_args_count_for_a_task_that_waits() -> None:
    with DAG("a_dag", schedule=None, default_args={"stable_for": 900, "pause_on_kill": True}):
        task = ActivateCampaignOperator(task_id="launch", campaign_id="{{ params.id }}", wait_for_active=True)
    assert (task.stable_for, task.pause_on_kill) == (900, True)


@pytest.mark.parametrize("is_native", [False, True], ids=["rendered to text", "rendered natively"])
def test_a_uuid_of_a_database_and_digits_as_a_connection_are_rendered(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch, is_native: bool
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_7", sandbox.airflow_connection)
    campaign_id = sandbox.add_campaign(NAME)
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1), render_template_as_native_obj=is_native):
        task = operator("{{ params.id }}", instantly_conn_id="{{ params.conn }}")
    task.render_template_fields({"params": {"id": UUID(campaign_id), "conn": "7"}})

    assert run_task(task).value["id"] == campaign_id


@pytest.mark.parametrize("wait", [{}, *({"wait_for_active": True, **how} for how in WAITS.values())], ids=str)
def test_a_uuid_of_an_author_is_taken(sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0.1, "active")])
    assert run_task(operator(UUID(campaign_id), **wait)).value["id"] == campaign_id


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"timeout": -1}, "timeout"),
        ({"timeout": "3600"}, "timeout"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"stable_for": -1, "wait_for_active": True}, "stable_for"),
        ({"stable_for": 5}, "stable_for .* wait_for_active=True"),
        ({"pause_on_kill": True}, "pause_on_kill .* wait_for_active=True"),
        ({"stable_for": 901, "timeout": 900, "wait_for_active": True}, "stable_for .* timeout"),
        ({"wait_for_active": "no"}, "wait_for_active"),
        ({"deferrable": None}, "deferrable"),
        ({"reactivate_stopped": 1}, "reactivate_stopped"),
        ({"resume_paused": "False"}, "resume_paused"),
        ({"check_before": None}, "check_before"),
        ({"instantly_conn_id": ""}, "instantly_conn_id"),
    ],
)
def test_an_argument_of_no_use_is_refused_while_the_dag_is_parsed(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        operator("019e18e2-a521-7bb9-9dd6-45f1bc69dcd0", **given)


# Answers that were lost: exactly one activation takes effect


LOST_AFTER_THE_EFFECT: Mapping[str, dict[str, Any]] = {
    "reset": {"kind": "reset", "moment": "after"},
    "503": {"kind": "error", "status": 503, "moment": "after"},
    "502 as HTML": {"kind": "error", "status": 502, "format": "html", "moment": "after"},
    "504 without a body": {"kind": "error", "status": 504, "format": "empty", "moment": "after"},
    "499 of a gateway": {"kind": "error", "status": 499, "format": "html", "moment": "after"},
    "460 of a gateway": {"kind": "error", "status": 460, "moment": "after"},
    "truncated JSON": {"kind": "truncate"},
    "cut off": {"kind": "truncate", "announce_all": True},
    "HTML with 200": {"kind": "body", "text": "<html>fine</html>", "content_type": "text/html"},
    "a list": {"kind": "body", "json": []},
    "a status that is a word": {"kind": "fields", "fields": {"status": "active"}},
    "too slow": {"kind": "delay", "delay": 0.5, "moment": "after"},
    "another campaign": {"kind": "fields", "fields": {"id": OTHER_ID}},
}
LOST_BEFORE_THE_EFFECT: Mapping[str, dict[str, Any]] = {
    "reset": {"kind": "reset", "moment": "before"},
    "500": {"kind": "error", "status": 500},
    "503 as HTML": {"kind": "error", "status": 503, "format": "html"},
    "an error with 200": {"kind": "body", "json": {"error": "try later"}, "moment": "before"},
    "a redirect": {"kind": "redirect", "location": "http://127.0.0.1:1/"},
    "another campaign": {"kind": "body", "json": {"id": OTHER_ID, "status": ACTIVE}, "moment": "before"},
}


@pytest.fixture
def impatient(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection gives up an answer after 0.3 s."""
    connection = {**json.loads(sandbox.airflow_connection), "extra": {"timeout": 0.3}}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))


@pytest.mark.usefixtures("impatient", "sandbox_time")
@pytest.mark.parametrize("status", [DRAFT, PAUSED], ids=["Draft", "Paused"])
@pytest.mark.parametrize("fault", LOST_AFTER_THE_EFFECT.values(), ids=LOST_AFTER_THE_EFFECT.keys())
def test_an_answer_lost_after_the_effect(
    sandbox: SandboxClient, run_task: Any, task_log: Any, fault: dict[str, Any], status: int
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)
    sandbox.add_fault(path="*/activate", method="POST", **fault)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["launched"] is True
    assert run.value["status"] == ACTIVE
    assert activation_requests(sandbox) == 1
    assert sandbox.activations(campaign_id) == 1
    log = task_log()
    assert "The answer to the activation was lost, so the campaign is read again" in log
    assert "is Active: the activation took effect" in log


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("fault", LOST_BEFORE_THE_EFFECT.values(), ids=LOST_BEFORE_THE_EFFECT.keys())
def test_an_answer_lost_before_the_effect(
    sandbox: SandboxClient, run_task: Any, task_log: Any, fault: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault(path="*/activate", method="POST", **fault)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["launched"] is True
    assert activation_requests(sandbox) == 2
    assert sandbox.activations(campaign_id) == 1
    assert "is still Draft: activating it again" in task_log()


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("wait", [{}, *({"wait_for_active": True, **how} for how in WAITS.values())], ids=str)
@pytest.mark.parametrize("shown", [DRAFT, ACTIVE, BOUNCED])
def test_an_answer_about_another_campaign_decides_nothing(
    sandbox: SandboxClient, run_task: Any, shown: int, wait: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=BOUNCED)
    others: dict[str, Any] = {"fields": {"id": OTHER_ID, "status": shown}}
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", count=None, **others)

    run = run_task(operator(campaign_id, **wait))

    assert type(run.error) is InstantlyUnexpectedAnswerError
    for part in (OTHER_ID, campaign_id, "nothing is concluded", f"This try did not activate campaign {campaign_id}"):
        assert part in str(run.error)
    assert activation_requests(sandbox) == 0


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("wait", [{}, *({"wait_for_active": True, **how} for how in WAITS.values())], ids=str)
def test_an_answer_about_another_campaign_that_passes_is_read_over(
    sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    # Before the launch, and where the launch is confirmed.
    for skip, shown in ((0, ACTIVE), (1, BOUNCED)):
        others: dict[str, Any] = {"fields": {"id": OTHER_ID, "status": shown}}
        sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=skip, **others)

    run = run_task(operator(campaign_id, **wait))

    assert run.error is None
    assert (run.value["launched"], run.value["status"]) == (True, ACTIVE)
    assert sandbox.activations(campaign_id) == 1


@pytest.mark.usefixtures("sandbox_time")
def test_the_reason_of_another_campaign_is_not_given(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=BOUNCED)
    theirs = {"diagnostics": {"campaign_id": OTHER_ID}, "summary": {"status_message": "All is well with another one."}}
    sandbox.add_fault("body", path="*/sending-status", json=theirs, count=None)

    run = run_task(operator(campaign_id))

    assert type(run.error) is LaunchRefusedError
    assert "another one" not in str(run.error)


@pytest.mark.usefixtures("impatient")
def test_an_effect_that_comes_after_we_gave_up_the_answer(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("delay", path="*/activate", delay=0.6, moment="before")

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert activation_requests(sandbox) == 1
    assert sandbox.activations(campaign_id) == 1


def test_an_effect_that_shows_late_is_waited_for(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(2.5, "active")])
    sandbox.add_fault("reset", path="*/activate", moment="after")

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert sandbox.activations(campaign_id) == 1
    assert len(sandbox_time) >= 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_campaign_completed_before_is_never_launched_again_on_a_guess(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float], moment: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=COMPLETED, script=[(0, "active"), (0.5, "completed")])
    sandbox.add_fault("reset", path="*/activate", moment=moment)

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, LaunchNotConfirmedError)
    assert activation_requests(sandbox) == 1


@pytest.mark.usefixtures("sandbox_time")
def test_an_answer_lost_each_time_without_an_effect(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("error", path="*/activate", status=500, count=None)

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, LaunchNotConfirmedError)
    assert not isinstance(run.error, AirflowFailException)
    for part in (NAME, "is Draft", "had no effect", "another try reads it"):
        assert part in str(run.error)
    assert activation_requests(sandbox) == 3
    assert sandbox.activations(campaign_id) == 0


@pytest.mark.usefixtures("sandbox_time")
def test_an_answer_lost_and_then_nothing_can_be_read(sandbox: SandboxClient, run_task: Any, task_instance: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("reset", path="*/activate", moment="after")
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=503, skip=1, count=None)

    first = run_task(operator(campaign_id))
    sandbox.clear_faults()
    second = run_task(operator(campaign_id), task_instance(try_number=2))

    assert isinstance(first.error, LaunchNotConfirmedError)
    assert "may or may not have been launched" in str(first.error)
    assert "503" in str(first.error)
    assert second.error is None
    assert second.value["status"] == ACTIVE
    assert activation_requests(sandbox) == 1
    assert sandbox.activations(campaign_id) == 1


@pytest.mark.usefixtures("sandbox_time")
def test_an_answer_lost_and_then_a_person_paused_it(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0, "paused")])
    sandbox.add_fault("reset", path="*/activate", moment="after")

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, LaunchNotConfirmedError)
    assert "is Paused" in str(run.error)
    assert activation_requests(sandbox) == 1


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("fault", [None, "reset"], ids=["answered", "answer lost"])
@pytest.mark.parametrize(("status", "name", "reason"), STOPPED)
def test_stopped_right_after_the_launch(
    sandbox: SandboxClient, run_task: Any, status: int, name: str, reason: str, fault: str | None
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0, status)])
    if fault:
        sandbox.add_fault(fault, path="*/activate", moment="after")

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, CampaignStoppedError)
    for part in (NAME, f"it is {name}", reason, "was activated"):
        assert part in str(run.error)
    assert activation_requests(sandbox) == 1


# Answers that were not lost


def test_an_answer_is_checked_by_a_read(sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(2.5, "active")])

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["status"] == ACTIVE
    assert sandbox.activations(campaign_id) == 1
    assert sum(sandbox_time) >= 2.5


def test_an_activation_without_an_effect_is_not_called_a_launch(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(3600, "active")])

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, LaunchNotConfirmedError)
    assert "is Draft" in str(run.error)
    assert activation_requests(sandbox) == 1


@pytest.mark.parametrize(("status", "fault"), [(PAUSED, None), (COMPLETED, "reset")], ids=["Paused", "Completed"])
def test_another_try_is_not_said_to_activate_what_it_refuses(
    sandbox: SandboxClient,
    run_task: Any,
    task_instance: Any,
    sandbox_time: list[float],
    status: int,
    fault: str | None,
) -> None:
    campaign_id, store = sandbox.add_campaign(NAME, status=status, script=[(3600, "active")]), TaskStateStore()
    if fault:
        sandbox.add_fault(fault, path="*/activate", moment="before")

    first = run_task(operator(campaign_id), task_state_store=store)
    second = run_task(operator(campaign_id), task_instance(try_number=2), task_state_store=store)

    assert isinstance(first.error, LaunchNotConfirmedError)
    assert "It was left as it is; another try reads it before it decides." in str(first.error)
    assert isinstance(second.error, LaunchRefusedError)
    assert activation_requests(sandbox) == 1


@pytest.mark.parametrize(("script", "is_warned"), [([(3600, "active")], True), ([(0, "active")], False)], ids=str)
def test_what_was_completed_and_still_is_may_have_launched_nothing(
    sandbox: SandboxClient,
    run_task: Any,
    task_log: Any,
    sandbox_time: list[float],
    script: list[Any],
    is_warned: bool,
) -> None:
    """It was called launched, like one that runs."""
    campaign_id = sandbox.add_campaign(NAME, status=COMPLETED, script=script)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert ("The campaign is Completed, as it was before its activation" in task_log()) is is_warned
    assert ("Launched: the campaign is" in task_log()) is not is_warned


@pytest.mark.parametrize("status", [UNHEALTHY, BOUNCED, SUSPENDED])
def test_a_stop_that_shows_a_little_longer_after_the_reactivation_is_no_new_stop(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float], status: int
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status, script=[(2.5, "active")])

    run = run_task(operator(campaign_id, reactivate_stopped=True))

    assert run.error is None
    assert run.value["status"] == ACTIVE
    assert sandbox.activations(campaign_id) == 1


def test_a_reactivation_that_does_not_help_is_said(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=UNHEALTHY, script=[(3600, "active")])

    run = run_task(operator(campaign_id, reactivate_stopped=True))

    assert isinstance(run.error, CampaignStoppedError)
    # Nothing shows that it has run since.
    assert "The campaign was activated and is Accounts Unhealthy, as it was before: " in str(run.error)
    assert activation_requests(sandbox) == 1


@pytest.mark.parametrize("status", [UNHEALTHY, COMPLETED])
def test_an_activation_that_was_seen_is_not_said_to_have_had_no_effect(
    sandbox: SandboxClient, run_task: Any, task_log: Any, sandbox_time: list[float], status: int
) -> None:
    """It was, where the campaign was soon again as it had been before."""
    campaign_id = sandbox.add_campaign(NAME, status=status, script=[(0, "active")])
    sandbox.add_fault("reset", path="*/activate", moment="after")
    as_before = {"status": status}
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=2, count=None, fields=as_before)

    run = run_task(operator(campaign_id, reactivate_stopped=True))

    said = f"{task_log()} {run.error}"
    assert "The campaign is Active: the activation took effect." in said
    assert "has had no effect" not in said
    assert ("The campaign was activated, and Instantly stopped it" in said) is (status == UNHEALTHY)
    assert ("Launched: the campaign is Completed" in said) is (status == COMPLETED)
    assert activation_requests(sandbox) == 1


@pytest.mark.usefixtures("frequent_polls")
def test_a_launch_that_does_not_show_yet_is_not_said_to_be_seen(
    sandbox: SandboxClient, run_task: Any, task_log: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0.2, "active")])

    run = run_task(operator(campaign_id, wait_for_active=True))

    assert run.error is None
    assert "Launched: the campaign does not show it yet, and is Draft." in task_log()
    assert "Launched: the campaign is Draft" not in task_log()


def test_a_launch_stands_where_the_read_after_it_fails(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float], task_log: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=503, skip=1, count=None)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["launched"] is True
    assert "The campaign could not be read to confirm its launch: Instantly, or something" in task_log()


def test_a_launch_whose_answer_was_lost_is_not_called_answered(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float], task_log: Any
) -> None:
    """A read had shown it, the next one failed, and the log said that the activation was answered."""
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("reset", path="*/activate", moment="after")
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=503, skip=2, count=None)

    run = run_task(operator(campaign_id))

    assert run.value["launched"] is True
    log = task_log()
    assert "is Active: the activation took effect." in log
    assert "The campaign could not be read to confirm its launch: " in log
    assert "was answered" not in log


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("more", [{}, {"retry_after": 7.0}, {"retry_after": 7.0, "retry_after_date": True}], ids=str)
def test_a_rate_limit_proves_that_nothing_happened_so_it_is_repeated(
    sandbox: SandboxClient, run_task: Any, more: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("error", path="*/activate", status=429, count=2, **more)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert activation_requests(sandbox) == 3
    assert sandbox.activations(campaign_id) == 1


def test_a_rate_limit_that_does_not_end(sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("error", path="*/activate", status=429, count=None)

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, InstantlyRateLimitError)
    assert sandbox.activations(campaign_id) == 0


def test_a_read_is_repeated_until_it_succeeds(sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("error", path=f"*/{campaign_id}", status=503, count=2)
    sandbox.add_fault("reset", path=f"*/{campaign_id}", count=1)

    assert run_task(operator(campaign_id)).value["launched"] is True
    assert sandbox.activations(campaign_id) == 1


REFUSED = {
    401: (InstantlyAuthenticationError, "does not accept the API key"),
    402: (InstantlyPaymentRequiredError, "no active paid plan"),
    403: (InstantlyPermissionError, "needs the scope campaigns:"),
    404: (CampaignNotFoundError, "There is no campaign"),
    400: (CampaignNotFoundError, "There is no campaign"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("status", "error", "says"), [(status, *more) for status, more in REFUSED.items()])
def test_a_request_that_is_refused(
    sandbox: SandboxClient, run_task: Any, method: str, status: int, error: type[Exception], says: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("error", method=method, status=status, count=None)

    run = run_task(operator(campaign_id))

    assert type(run.error) is error
    assert says in str(run.error)
    assert activation_requests(sandbox) == (method == "POST")
    assert sandbox.activations(campaign_id) == 0


def test_a_campaign_that_does_not_exist(sandbox: SandboxClient, run_task: Any) -> None:
    missing = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"

    run = run_task(operator(missing))

    assert type(run.error) is CampaignNotFoundError
    assert missing in str(run.error)
    assert activation_requests(sandbox) == 0


def test_a_workspace_without_a_paid_plan(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.set_workspace(sandbox.campaign(campaign_id)["workspace"], paid=False)

    assert type(run_task(operator(campaign_id)).error) is InstantlyPaymentRequiredError
    assert sandbox.activations(campaign_id) == 0


def test_a_key_that_may_only_read(sandbox: SandboxClient, run_task: Any, use_key: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    use_key("campaigns:read")

    run = run_task(operator(campaign_id))

    assert type(run.error) is InstantlyPermissionError
    assert "campaigns:update" in str(run.error)
    assert sandbox.activations(campaign_id) == 0


def test_a_connection_that_does_not_exist(sandbox: SandboxClient, run_task: Any) -> None:
    run = run_task(operator(sandbox.add_campaign(NAME), instantly_conn_id="instantly_nowhere"))

    assert type(run.error) is InstantlyConfigurationError
    assert "There is no Airflow connection 'instantly_nowhere'" in str(run.error)


def test_a_service_that_is_not_there(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch, sandbox_time: list[float]
) -> None:
    nowhere = {"conn_type": "instantly", "host": "http://127.0.0.1:9", "password": sandbox.api_key}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(nowhere))

    run = run_task(operator(sandbox.add_campaign(NAME), check_before=False))

    assert type(run.error) is InstantlyConnectionError
    assert "nothing was sent" in str(run.error)


# Without a read before


@pytest.fixture
def use_key(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the connection have a key with these scopes only."""

    def use(*scopes: str) -> None:
        connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key("few scopes", scopes)}
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))

    return use


def test_without_a_read_one_scope_is_enough(sandbox: SandboxClient, run_task: Any, use_key: Any, task_log: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    use_key("campaigns:update")

    run = run_task(operator(campaign_id, check_before=False))

    assert run.error is None
    assert run.value["launched"] is True
    assert asked(sandbox) == ["POST"]
    assert sandbox.activations(campaign_id) == 1
    assert "because of check_before=False" in task_log()


def test_with_a_read_one_scope_is_not_enough(sandbox: SandboxClient, run_task: Any, use_key: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    use_key("campaigns:update")

    run = run_task(operator(campaign_id))

    assert type(run.error) is InstantlyPermissionError
    assert "campaigns:read" in str(run.error)
    assert activation_requests(sandbox) == 0


def test_a_retry_reads_even_where_the_first_try_did_not(
    sandbox: SandboxClient, run_task: Any, task_instance: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=BOUNCED)

    run = run_task(operator(campaign_id, check_before=False), task_instance(try_number=2))

    assert isinstance(run.error, LaunchRefusedError)
    assert "is Bounce Protect" in str(run.error)
    assert activation_requests(sandbox) == 0


def test_a_retry_that_may_not_read_is_refused(
    sandbox: SandboxClient, run_task: Any, task_instance: Any, use_key: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    use_key("campaigns:update")

    run = run_task(operator(campaign_id, check_before=False), task_instance(try_number=2))

    assert isinstance(run.error, LaunchRefusedError)
    for part in ("never repeated unseen", "campaigns:read", campaign_id):
        assert part in str(run.error)
    assert activation_requests(sandbox) == 0


@pytest.mark.usefixtures("sandbox_time")
def test_an_answer_lost_by_a_key_that_may_not_read(sandbox: SandboxClient, run_task: Any, use_key: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    use_key("campaigns:update")
    sandbox.add_fault("reset", path="*/activate", moment="after")

    run = run_task(operator(campaign_id, check_before=False))

    assert isinstance(run.error, LaunchNotConfirmedError)
    assert "may or may not have been launched" in str(run.error)
    assert activation_requests(sandbox) == 1


@pytest.mark.usefixtures("sandbox_time")
def test_an_answer_lost_without_a_read_before_is_read_back(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    sandbox.add_fault("reset", path="*/activate", moment="after")

    run = run_task(operator(campaign_id, check_before=False))

    assert run.error is None
    assert run.value["status"] == ACTIVE
    assert activation_requests(sandbox) == 1


# Again and again


@pytest.mark.parametrize("check_before", [True, False])
def test_retries_and_further_runs_launch_nothing_again(
    sandbox: SandboxClient, run_task: Any, task_instance: Any, check_before: bool
) -> None:
    campaign_id = sandbox.add_campaign(NAME)

    runs = [run_task(operator(campaign_id, check_before=check_before))]
    runs += [
        run_task(operator(campaign_id, check_before=check_before), task_instance(try_number=number))
        for number in (2, 3)
    ]
    runs.append(run_task(operator(campaign_id)))

    assert [run.value["launched"] for run in runs] == [True, False, False, False]
    assert {run.value["status"] for run in runs} == {ACTIVE}
    assert sandbox.activations(campaign_id) == 1


def test_a_retry_knows_from_airflows_store_that_an_earlier_try_launched(
    sandbox: SandboxClient, run_task: Any, task_instance: Any
) -> None:
    campaign_id, store = sandbox.add_campaign(NAME), TaskStateStore()

    run_task(operator(campaign_id), task_state_store=store)
    retry = run_task(operator(campaign_id), task_instance(try_number=2), task_state_store=store)

    assert retry.value["launched"] is True
    assert sandbox.activations(campaign_id) == 1


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize(
    ("status", "error"), [(PAUSED, LaunchRefusedError), (COMPLETED, None)], ids=["Paused", "Completed"]
)
def test_what_happened_since_an_earlier_try_launched_it_is_not_overruled(
    sandbox: SandboxClient, run_task: Any, task_instance: Any, status: int, error: type[Exception] | None
) -> None:
    campaign_id, store = sandbox.add_campaign(NAME), TaskStateStore()
    run_task(operator(campaign_id), task_state_store=store)
    sandbox.set_status(campaign_id, status)

    retry = run_task(operator(campaign_id), task_instance(try_number=2), task_state_store=store)

    assert type(retry.error) is (error or type(None))
    assert sandbox.campaign(campaign_id)["status"] == status
    assert sandbox.activations(campaign_id) == 1


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 401}, None], ids=["cannot read", "may not read", "stopped"]
)
def test_a_retry_does_not_deny_what_an_earlier_try_did(
    sandbox: SandboxClient, run_task: Any, task_instance: Any, fault: dict[str, Any] | None
) -> None:
    campaign_id, store = sandbox.add_campaign(NAME), TaskStateStore()
    run_task(operator(campaign_id), task_state_store=store)
    if fault is None:
        sandbox.set_status(campaign_id, BOUNCED)
    else:
        sandbox.add_fault("error", f"*/{campaign_id}", count=None, **fault)

    retry = run_task(operator(campaign_id), task_instance(try_number=2), task_state_store=store)

    assert retry.error is not None
    assert not re.search("was not activated(?! again)", str(retry.error))
    assert sandbox.activations(campaign_id) == 1


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("status", [401, 429, 500])
def test_an_earlier_try_that_launched_nothing_leaves_no_record(
    sandbox: SandboxClient, run_task: Any, task_instance: Any, status: int
) -> None:
    campaign_id, store = sandbox.add_campaign(NAME, status=PAUSED), TaskStateStore()
    sandbox.add_fault("error", path="*/activate", status=status, count=None)

    first = run_task(operator(campaign_id), task_state_store=store)
    sandbox.clear_faults()
    second = run_task(operator(campaign_id), task_instance(try_number=2), task_state_store=store)

    assert first.error is not None
    assert second.error is None
    assert sandbox.activations(campaign_id) == 1


def test_a_record_that_cannot_be_written_does_not_hinder_the_launch(
    sandbox: SandboxClient, run_task: Any, task_log: Any
) -> None:
    store = TaskStateStore()
    store.cannot_write = True
    campaign_id = sandbox.add_campaign(NAME)

    run = run_task(operator(campaign_id), task_state_store=store)

    assert run.value["launched"] is True
    assert "could not be written" in task_log()


# The wait for Active


@either_wait
def test_waits_until_it_is_active(sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0.3, "active")])

    run = run_task(operator(campaign_id, wait_for_active=True, **wait))

    assert run.error is None
    assert {key: run.value[key] for key in ("id", "name", "status", "status_name", "launched")} == {
        "id": campaign_id,
        "name": NAME,
        "status": ACTIVE,
        "status_name": "Active",
        "launched": True,
    }
    assert set(run.value) == {*["id", "name", "status", "status_name", "launched", "url", "next_sending_window"]}
    assert sandbox.activations(campaign_id) == 1
    assert len(run.deferred_to) == (1 if wait["deferrable"] else 0)


@either_wait
@pytest.mark.parametrize("status", [DRAFT, ACTIVE, SUBSEQUENCES])
def test_what_is_active_already_is_not_waited_for(
    sandbox: SandboxClient, run_task: Any, wait: dict[str, Any], status: int
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    run = run_task(operator(campaign_id, wait_for_active=True, **wait))

    assert run.error is None
    assert run.value["launched"] is (status == DRAFT)
    assert run.deferred_to == []


@either_wait
def test_the_wait_believes_its_own_eyes_and_not_the_answer(
    sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(3600, "active")])

    run = run_task(operator(campaign_id, check_before=False, wait_for_active=True, timeout=0.3, **wait))

    assert isinstance(run.error, AirflowSensorTimeout)
    assert sandbox.activations(campaign_id) == 1


@either_wait
def test_without_a_read_before_the_wait_reads_too(sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0.2, "active")])

    run = run_task(operator(campaign_id, check_before=False, wait_for_active=True, **wait))

    assert run.error is None
    assert run.value["launched"] is True
    assert asked(sandbox)[:2] == ["POST", "GET"]


@either_wait
def test_a_key_that_may_not_read_cannot_wait(
    sandbox: SandboxClient, run_task: Any, use_key: Any, wait: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME)
    use_key("campaigns:update")

    run = run_task(operator(campaign_id, check_before=False, wait_for_active=True, **wait))

    assert isinstance(run.error, CampaignWaitError)
    assert "campaigns:read" in str(run.error)
    assert sandbox.activations(campaign_id) == 1


@either_wait
@pytest.mark.parametrize("executor", ["CeleryExecutor", "LocalExecutor"])
def test_on_celery_a_wait_that_holds_a_slot_says_so_once(
    sandbox: SandboxClient,
    run_task: Any,
    task_log: Any,
    monkeypatch: pytest.MonkeyPatch,
    wait: dict[str, Any],
    executor: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    campaign_id = sandbox.add_campaign(NAME, script=[(0, "active")])

    assert run_task(operator(campaign_id, wait_for_active=True, stable_for=0.3, **wait)).error is None

    holds = executor == "CeleryExecutor" and not wait["deferrable"]
    assert ("With deferrable=True it holds none." in task_log()) is holds


@either_wait
def test_active_has_to_hold(sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0, "active"), (0.25, "paused"), (0.35, "active")])

    run = run_task(operator(campaign_id, wait_for_active=True, stable_for=0.3, **wait))

    assert run.error is None
    started = sandbox.campaign(campaign_id)["started_at"]
    assert sandbox.requests(method="GET")[-1]["at"] - started >= 0.35 + 0.3


@either_wait
@pytest.mark.parametrize(("status", "name", "reason"), STOPPED)
def test_stopped_during_the_wait(
    sandbox: SandboxClient, run_task: Any, task_log: Any, wait: dict[str, Any], status: int, name: str, reason: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0, "active"), (0.2, status)])

    run = run_task(operator(campaign_id, wait_for_active=True, stable_for=9, **wait))

    assert isinstance(run.error, CampaignStoppedError)
    assert isinstance(run.error, AirflowFailException)
    for part in (NAME, f"is {name}", reason, "This run activated the campaign"):
        assert part in str(run.error)
    assert sandbox.activations(campaign_id) == 1
    log = task_log()
    assert "Waiting for Active that holds for 9 s, with a poll every 0.03 s, until " in log
    assert said_one_after_the_other(
        log,
        "This run activated the campaign.",
        f"The campaign is {name}, so it will not become Active.",
        f"Instantly says: {reason}",
        "It was left as it is.",
        "Fix the cause in Instantly and resume the campaign there.",
    )


@either_wait
def test_what_this_run_did_not_activate_it_does_not_claim(
    sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0, "active"), (1.5, BOUNCED)], running=True)

    run = run_task(operator(campaign_id, wait_for_active=True, stable_for=9, **wait))

    assert isinstance(run.error, CampaignStoppedError)
    assert "activated" not in str(run.error)


@either_wait
def test_the_wait_ends_like_a_sensors_timeout(sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(3600, "active")])

    run = run_task(operator(campaign_id, wait_for_active=True, timeout=0.25, **wait))

    assert isinstance(run.error, AirflowSensorTimeout)
    for part in (NAME, "was not Active", "is Draft"):
        assert part in str(run.error)
    assert sandbox.activations(campaign_id) == 1


@either_wait
def test_the_wait_outlives_an_outage(sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0.2, "active")])
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=503, skip=2, count=3)

    run = run_task(operator(campaign_id, wait_for_active=True, **wait))

    assert run.error is None
    assert run.value["status"] == ACTIVE


@either_wait
def test_a_campaign_deleted_during_the_wait(sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(3600, "active")])
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=404, skip=3, count=None)

    run = run_task(operator(campaign_id, wait_for_active=True, **wait))

    assert isinstance(run.error, CampaignWaitError)
    assert "There is no campaign" in str(run.error)
    assert sandbox.activations(campaign_id) == 1


@either_wait
def test_the_key_is_nowhere(sandbox: SandboxClient, run_task: Any, wait: dict[str, Any], task_log: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=[(0.2, "active")])
    echo: dict[str, Any] = {"status": 503, "json": {"message": f"Bearer {sandbox.api_key} failed"}}
    sandbox.add_fault("body", path="*/activate", **echo)
    sandbox.add_fault("body", path=f"*/{campaign_id}", method="GET", skip=3, **echo)

    run = run_task(operator(campaign_id, wait_for_active=True, **wait))

    everything = task_log() + json.dumps([run.value, run.deferred_to, run.events, run.ti.xcom], default=str)
    assert run.error is None
    assert "failed" in everything
    assert sandbox.api_key.rstrip("=") not in everything


# A resume event is input


PASSTHROUGH = {"id": CAMPAIGN_ID, "name": NAME, "launched": True}
#: What the trigger sends along makes no event better.
BAD_EVENTS: Mapping[str, Any] = {
    name: {**event, "passthrough": PASSTHROUGH} if isinstance(event, dict) and "campaigns" in event else event
    for name, event in events.BAD_EVENTS.items()
} | {"only what it was passed": {"passthrough": PASSTHROUGH}}


@pytest.mark.parametrize("event", BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_an_event_that_does_not_fit_fails_the_task(event: Any) -> None:
    with pytest.raises(CampaignWaitError, match="does not tell how its wait ended"):
        operator(CAMPAIGN_ID).execute_complete({}, event)


@pytest.mark.parametrize("event", [None, {"campaigns": None, "reason": "A wait has no stable_fro."}])
def test_an_event_that_tells_nothing_does_not_hide_the_launch_before_it(task_log: Any, event: Any) -> None:
    """It said that the campaign was left as it is, and named none."""
    task = operator(CAMPAIGN_ID, wait_for_active=True, deferrable=True)

    with pytest.raises(CampaignWaitError) as raised:
        task.resume_execution("execute_complete", {"event": event}, {})

    assert "left as it is" not in str(raised.value)
    assert "The campaign was activated, or ran already, before that wait" in str(raised.value)
    assert str(raised.value).endswith(f" [campaign {CAMPAIGN_ID}]")
    assert "The campaign was activated, or ran already, before that wait" in task_log()


@pytest.mark.parametrize("passthrough", [None, "text", [], {}, {**PASSTHROUGH, "id": "another"}, {"name": NAME}])
def test_what_the_event_echoes_is_believed_only_of_this_campaign(passthrough: Any) -> None:
    value = operator(CAMPAIGN_ID).execute_complete({}, {"campaigns": [GOOD], "passthrough": passthrough})

    assert value == {"id": CAMPAIGN_ID, "status": ACTIVE, "status_name": "Active"}


def test_an_event_that_fits_is_believed() -> None:
    value = operator(CAMPAIGN_ID).execute_complete(
        {}, {"campaigns": [{**GOOD, "status": 3}], "passthrough": PASSTHROUGH}
    )

    assert value == {**PASSTHROUGH, "status": COMPLETED, "status_name": "Completed"}


def test_a_resume_whose_template_is_no_campaign_any_more_fails() -> None:
    task = operator("{{ params.id }}")
    task.campaign_id = "None"

    with pytest.raises(LaunchRefusedError, match="None"):
        task.execute_complete({}, {"campaigns": [GOOD], "passthrough": PASSTHROUGH})


# In Airflow's own hands


DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator

with DAG("launch_by_dag_test", schedule=None, params={{"id": "none"}}) as dag:
    ActivateCampaignOperator(
        task_id="activate",
        campaign_id="{{{{ params.id }}}}",
        wait_for_active=True,
        deferrable=True,
        poll_interval=0.1,
        stable_for=0.3,
        do_xcom_push={do_xcom_push},
    )
"""


@pytest.mark.usefixtures("short_absences")
@pytest.mark.parametrize(
    ("script", "pushes", "state"),
    [
        ([(0.5, "active")], True, "success"),
        ([(0.5, "active")], False, "success"),
        ([(0, "active"), (0.2, "bounce_protect")], True, "failed"),
    ],
    ids=["goes Active", "goes Active and pushes nothing", "bounces"],
)
def test_dag_test_runs_a_deferrable_launch_to_its_end(
    sandbox: SandboxClient, airflow_database: Path, task_log: Any, script: Any, pushes: bool, state: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, script=script)
    # Airflow >= 3.3 runs only what it finds in its DAGs folder.
    file = airflow_database.parent / "dags" / "launch_by_dag_test.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(DAG_FILE.format(do_xcom_push=pushes))

    run = runpy.run_path(str(file))["dag"].test(run_conf={"id": campaign_id})

    assert run.state == state
    logged = task_log()
    assert "could not be pushed" not in logged
    assert "asynchronous generator" not in logged
    assert sandbox.activations(campaign_id) == 1


@either_wait
def test_a_key_that_is_replaced_during_the_wait(
    sandbox: SandboxClient, run_task: Any, key_replaced_meanwhile: Callable[[str, int], None], wait: dict[str, Any]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=PAUSED)
    # The activation shows nothing at first, so that there is something to wait for.
    sandbox.add_fault(
        "body", path="*/activate", method="POST", json={"id": campaign_id, "status": ACTIVE}, moment="before"
    )
    # The launch reads it twice, with a hook of its own.
    key_replaced_meanwhile(campaign_id, 4)

    run = run_task(operator(campaign_id, wait_for_active=True, **wait))

    assert run.error is None
    assert run.value["status"] == ACTIVE
    assert activation_requests(sandbox) == 1
    assert len([request for request in sandbox.requests() if request["status"] == 401]) == 1


@pytest.mark.parametrize("traceback", [{}, {"traceback": ["Traceback: it broke."]}], ids=["silent", "traceback"])
@pytest.mark.parametrize("why", ["Trigger failure", "Trigger/execution timeout"])
def test_a_wait_that_airflow_ends_in_the_triggerer_says_what_is_known_of_the_campaign(
    task_log: Any, why: str, traceback: dict[str, Any]
) -> None:
    """A trigger that raised, and a deferral whose time was up while no triggerer ran, said no word of the campaign."""
    task = operator(CAMPAIGN_ID, wait_for_active=True, deferrable=True)

    with pytest.raises(CampaignWaitError) as raised:
        task.resume_execution(next_method="__fail__", next_kwargs={"error": why, **traceback}, context={})

    assert str(raised.value) == (
        f"Airflow ended the wait in the triggerer: {why}. The campaign was activated, or ran already, before that wait."
        f" How it stands now was not read; another try reads it first. [campaign {CAMPAIGN_ID}]"
    )
    assert type(raised.value.__cause__).__name__.startswith("TaskDeferral")
    assert f"Airflow ended the wait in the triggerer: {why}." in task_log()


def test_an_event_resumes_a_task_as_before() -> None:
    task = operator(CAMPAIGN_ID, wait_for_active=True, deferrable=True)
    event = {"campaigns": [GOOD], "passthrough": PASSTHROUGH}
    assert task.resume_execution("execute_complete", {"event": event}, {}) == task.execute_complete({}, event)
    with pytest.raises(CampaignWaitError, match="does not tell how its wait ended"):
        task.resume_execution("execute_complete", {"event": None}, {})
