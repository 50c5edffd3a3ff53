"""`PauseCampaignOperator` over real HTTP: what it pauses, what it leaves, and what it does when answers are lost."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Asset

from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.exceptions import PauseNotConfirmedError, TaskKilledError
from airflow_provider_instantly.operators.campaign import PauseCampaignOperator
from tests.docs.documents import blocks, section, text_of
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, SUSPENDED, UNHEALTHY, UNKNOWN
from tests.unit.operators.test_campaign import LOST_AFTER_THE_EFFECT, LOST_BEFORE_THE_EFFECT, NAME, OTHER_ID
from tests.unit.outlet_events import OutletEvents

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")


def operator(campaign_id: Any, **given: Any) -> PauseCampaignOperator:
    return PauseCampaignOperator(**{"task_id": "pause", "campaign_id": campaign_id, **given})


def asked(sandbox: SandboxClient) -> list[str]:
    """The methods of all requests, in order."""
    return [request["method"] for request in sandbox.requests()]


def pauses(sandbox: SandboxClient) -> int:
    """How often a pause was asked for, with or without an effect."""
    return len(sandbox.requests(path="*/pause", method="POST"))


# The table: what it does with a campaign as it stands


@pytest.mark.parametrize("status", [ACTIVE, SUBSEQUENCES, UNKNOWN])
def test_pauses_what_sends(sandbox: SandboxClient, run_task: Any, task_log: Any, status: int) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert (run.value["paused"], run.value["status_before"], run.value["status"]) == (True, status, PAUSED)
    assert sandbox.campaign(campaign_id)["status"] == PAUSED
    assert asked(sandbox) == ["GET", "POST", "GET"]
    log = task_log()
    assert f'Paused campaign "{NAME}" ({campaign_id})' in log
    assert ("UNKNOWN(7), a status that this release does not know. Pausing it." in log) is (status == UNKNOWN)


@pytest.mark.parametrize(("pause_drafts", "status"), [(False, DRAFT), (True, PAUSED)])
def test_pauses_a_draft_only_where_asked_so(
    sandbox: SandboxClient, run_task: Any, task_log: Any, pause_drafts: bool, status: int
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=DRAFT)

    run = run_task(operator(campaign_id, pause_drafts=pause_drafts))

    assert run.error is None
    assert (run.value["paused"], run.value["status_before"]) == (pause_drafts, DRAFT)
    assert run.value["status"] == sandbox.campaign(campaign_id)["status"] == status
    assert pauses(sandbox) == pause_drafts
    assert ("is Draft, and was left as it is, because of pause_drafts=False" in task_log()) is not pause_drafts


@pytest.mark.parametrize("pause_drafts", [False, True])
@pytest.mark.parametrize(("status", "name"), [(PAUSED, "Paused"), (COMPLETED, "Completed")])
def test_leaves_what_sends_no_more(
    sandbox: SandboxClient, run_task: Any, task_log: Any, status: int, name: str, pause_drafts: bool
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    run = run_task(operator(campaign_id, pause_drafts=pause_drafts))

    assert run.error is None
    assert (run.value["paused"], run.value["status_before"], run.value["status"]) == (False, status, status)
    assert asked(sandbox) == ["GET"]
    assert f"is {name}, and was left as it is." in task_log()


STOPPED = [(UNHEALTHY, "Accounts Unhealthy"), (BOUNCED, "Bounce Protect"), (SUSPENDED, "Account Suspended")]


@pytest.mark.parametrize("pause_drafts", [False, True])
@pytest.mark.parametrize(("status", "name"), STOPPED)
def test_what_instantly_stopped_stays_stopped(
    sandbox: SandboxClient, run_task: Any, task_log: Any, status: int, name: str, pause_drafts: bool
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)

    run = run_task(operator(campaign_id, pause_drafts=pause_drafts))

    assert run.error is None
    assert (run.value["paused"], run.value["status_before"], run.value["status_name"]) == (False, status, name)
    assert sandbox.campaign(campaign_id)["status"] == status
    assert asked(sandbox) == ["GET"]
    log = task_log()
    assert f"is {name}: Instantly stopped it, so it stays as it is. If it were paused" in log
    assert "warning" in log.lower()


# What it is given, what it returns, and the link


def test_returns_what_the_manual_shows(sandbox: SandboxClient, run_task: Any) -> None:
    part = section(text_of("docs/reference/parameters.md"), "`PauseCampaignOperator`")
    [shown] = [json.loads(block.text) for block in blocks("json") if block.text in part]
    sandbox.add_campaign(shown["name"], id=shown["id"], status=shown["status_before"])

    # A sandbox has its own page for a campaign.
    page = shown["url"].replace("https://app.instantly.ai", sandbox.url)
    assert run_task(operator(shown["id"].upper())).value == {**shown, "url": page}


def test_the_link_works_before_anything_is_sent(sandbox: SandboxClient, run_task: Any, task_instance: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    ti, requests_before = task_instance(), []
    ti.on_push = lambda key, value: requests_before.append(len(sandbox.requests()))

    run = run_task(operator(campaign_id), ti)

    assert run.ti.xcom == {"_link_CampaignLink": run.value["url"]}
    assert requests_before == [0]


def test_an_event_of_its_outlets_says_how_the_campaign_stands(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    outlet, events = Asset(f"instantly://campaigns/{campaign_id}"), OutletEvents()

    run_task(operator(campaign_id, outlets=[outlet]), outlet_events=events)

    assert events[outlet].extra == {
        "campaign_id": campaign_id,
        "name": NAME,
        "status": PAUSED,
        "status_name": "Paused",
        "url": f"{sandbox.url}/app/campaign/{campaign_id}/analytics",
        "paused": True,
        "instantly_conn_id": "instantly_default",
    }


def test_campaign_and_connection_are_templates(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_AGENCY", sandbox.airflow_connection)
    monkeypatch.delenv("AIRFLOW_CONN_INSTANTLY_DEFAULT")
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    task = operator("{{ params.id }}", instantly_conn_id="{{ params.conn }}")
    task.render_template_fields({"params": {"id": UUID(campaign_id), "conn": "instantly_agency"}})

    assert run_task(task).value["paused"] is True


def test_it_can_be_mapped(sandbox: SandboxClient, run_task: Any) -> None:
    campaigns = sandbox.add_campaigns(2, NAME, status=ACTIVE)
    with DAG("a_dag", schedule=None):
        mapped: Any = PauseCampaignOperator.partial(task_id="pause", pause_drafts=True).expand(campaign_id=campaigns)

    for campaign_id in campaigns:
        task = mapped.unmap({"campaign_id": campaign_id, "pause_drafts": True, "task_id": "pause"})
        assert task.pause_drafts is True
        assert run_task(task).value["id"] == campaign_id
    assert [sandbox.campaign(campaign_id)["status"] for campaign_id in campaigns] == [PAUSED, PAUSED]


@pytest.mark.parametrize(
    ("campaign_id", "given", "says"),
    [
        ("none", {}, "campaign_id"),
        ([OTHER_ID], {}, "map the task"),
        (OTHER_ID, {"pause_drafts": "False"}, "pause_drafts must be True or False"),
        (OTHER_ID, {"instantly_conn_id": ""}, "instantly_conn_id"),
    ],
)
def test_an_argument_of_no_use_is_refused_while_the_dag_is_parsed(
    campaign_id: Any, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        operator(campaign_id, **given)


def test_a_template_that_is_no_campaign_fails_before_any_request(sandbox: SandboxClient, run_task: Any) -> None:
    task = operator("{{ params.id }}")
    task.render_template_fields({"params": {"id": "none"}})

    run = run_task(task)

    assert type(run.error) is AirflowFailException
    message = str(run.error)
    assert "not 'none'." in message
    assert message.endswith("Nothing was requested from Instantly.")
    assert sandbox.requests() == []


# Answers that were lost, and requests that were refused


@pytest.fixture
def impatient(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection gives up an answer after 0.3 s."""
    connection = {**json.loads(sandbox.airflow_connection), "extra": {"timeout": 0.3}}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))


@pytest.mark.usefixtures("impatient", "sandbox_time")
@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        *(pytest.param(fault, 1, id=f"after: {name}") for name, fault in LOST_AFTER_THE_EFFECT.items()),
        *(pytest.param(fault, 2, id=f"before: {name}") for name, fault in LOST_BEFORE_THE_EFFECT.items()),
    ],
)
@pytest.mark.parametrize("status", [ACTIVE, DRAFT])
def test_a_lost_answer_is_read_back_and_the_pause_repeated_where_it_had_no_effect(
    sandbox: SandboxClient, run_task: Any, task_log: Any, fault: dict[str, Any], sent: int, status: int
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)
    sandbox.add_fault(path="*/pause", **fault)

    run = run_task(operator(campaign_id, pause_drafts=True))

    assert run.error is None
    assert (run.value["paused"], run.value["status_before"], run.value["status"]) == (True, status, PAUSED)
    assert sandbox.campaign(campaign_id)["status"] == PAUSED
    assert pauses(sandbox) == sent
    assert "The answer to the pause was lost, so the campaign is read again" in task_log()


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_draft_after_a_lost_answer_proves_nothing(sandbox: SandboxClient, run_task: Any, moment: str) -> None:
    """What sends becomes no Draft again: the read shows an earlier moment."""
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment=moment)
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=1, count=None, fields={"status": DRAFT})

    run = run_task(operator(campaign_id))

    assert type(run.error) is PauseNotConfirmedError
    assert "and then it is Draft. It may or may not have been paused." in str(run.error)
    assert len(sandbox.requests(path="*/pause")) == 1


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize(("status", "name"), [*STOPPED, (COMPLETED, "Completed")])
def test_what_no_longer_sends_after_a_lost_answer_is_not_paused_again(
    sandbox: SandboxClient, run_task: Any, status: int, name: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment="before")
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=1, count=None, fields={"status": status})

    run = run_task(operator(campaign_id))

    assert (run.value["paused"], run.value["status_before"], run.value["status_name"]) == (False, ACTIVE, name)
    assert pauses(sandbox) == 1


@pytest.mark.usefixtures("sandbox_time")
def test_a_retry_reads_what_became_of_a_pause_that_was_never_confirmed(
    sandbox: SandboxClient, run_task: Any, task_instance: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment="after")
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=503, skip=1, count=None)

    first = run_task(operator(campaign_id))
    sandbox.clear_faults()
    second = run_task(operator(campaign_id), task_instance(try_number=2))

    assert type(first.error) is PauseNotConfirmedError
    for part in (
        campaign_id,
        "answer to the pause",
        "503",
        "may or may not have been paused",
        "Look at it in Instantly",
    ):
        assert part in str(first.error)
    assert (second.value["paused"], second.value["status_before"]) == (False, PAUSED)
    assert pauses(sandbox) == 1


@pytest.mark.usefixtures("sandbox_time")
def test_answers_that_are_lost_each_time_fail_the_try(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("error", path="*/pause", status=503, count=None)

    run = run_task(operator(campaign_id))

    assert type(run.error) is PauseNotConfirmedError
    assert not isinstance(run.error, AirflowFailException)
    assert pauses(sandbox) == 3
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


@pytest.mark.usefixtures("sandbox_time")
def test_an_answer_about_another_campaign_decides_nothing(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    others = {"id": OTHER_ID, "status": PAUSED}
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", count=None, fields=others)

    run = run_task(operator(campaign_id))

    assert type(run.error) is InstantlyUnexpectedAnswerError
    assert f"Campaign {campaign_id} was not paused" in str(run.error)
    assert pauses(sandbox) == 0


@pytest.mark.parametrize("date", [False, True])
def test_a_rate_limit_is_waited_for_and_the_campaign_read_again(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float], date: bool
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("error", path="*/pause", status=429, retry_after=7.0, retry_after_date=date)

    run = run_task(operator(campaign_id))

    assert run.value["paused"] is True
    assert asked(sandbox) == ["GET", "POST", "GET", "POST", "GET"]
    assert sum(sandbox_time) >= 6.0


def test_what_instantly_stops_during_a_rate_limit_is_not_paused(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("error", path="*/pause", status=429, retry_after=7.0)
    monkeypatch.setattr(time, "sleep", lambda seconds: sandbox.trip_bounce_protection(campaign_id))

    run = run_task(operator(campaign_id))

    assert (run.value["paused"], run.value["status_before"], run.value["status"]) == (False, ACTIVE, BOUNCED)
    assert sandbox.campaign(campaign_id)["status"] == BOUNCED


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, InstantlyAuthenticationError),
        (403, InstantlyPermissionError),
        (404, CampaignNotFoundError),
        (429, InstantlyRateLimitError),
    ],
)
def test_what_is_refused_says_that_nothing_was_paused(
    sandbox: SandboxClient, run_task: Any, method: str, status: int, error: type[Exception]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("error", method=method, status=status, count=None)

    run = run_task(operator(campaign_id))

    assert type(run.error) is error
    assert f"Campaign {campaign_id} was not paused" in str(run.error)
    assert campaign_id in run.ti.xcom["_link_CampaignLink"]
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


@pytest.mark.parametrize("scope", ["campaigns:read", "campaigns:update"])
def test_it_needs_the_scopes_that_the_manual_names(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)

    def run_with(*scopes: str) -> Any:
        connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key(scope, scopes)}
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
        return run_task(operator(campaign_id))

    others = {"campaigns:read", "campaigns:update", "campaigns:create", "leads:all"} - {scope}
    refused = run_with(*others)
    assert type(refused.error) is InstantlyPermissionError
    assert scope in str(refused.error)
    assert run_with("campaigns:read", "campaigns:update").value["paused"] is True


# A pause that was answered is confirmed


def test_an_effect_that_shows_late_is_waited_for(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    as_before = {"status": ACTIVE}
    sandbox.add_fault("fields", path=f"*/{campaign_id}", method="GET", skip=1, count=2, fields=as_before)

    run = run_task(operator(campaign_id))

    assert (run.value["paused"], run.value["status"]) == (True, PAUSED)
    assert pauses(sandbox) == 1
    assert sandbox_time == [0.0, 1.0, 2.0]


def test_an_answer_without_an_effect_is_not_called_a_pause(
    sandbox: SandboxClient, run_task: Any, sandbox_time: list[float]
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("body", path="*/pause", json={"id": campaign_id, "status": PAUSED}, moment="before")

    run = run_task(operator(campaign_id))

    assert type(run.error) is PauseNotConfirmedError
    for part in ("The pause was answered", NAME, campaign_id, "was Active", "no effect", "Another try reads it"):
        assert part in str(run.error)
    assert pauses(sandbox) == 1


@pytest.mark.parametrize(("shown", "confirmed"), [(PAUSED, True), (ACTIVE, False)])
def test_where_it_cannot_be_confirmed_the_answer_has_the_word(
    sandbox: SandboxClient, run_task: Any, task_log: Any, sandbox_time: list[float], shown: int, confirmed: bool
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("fields", path="*/pause", fields={"status": shown})
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=503, skip=1, count=None)

    run = run_task(operator(campaign_id))

    assert type(run.error) is (type(None) if confirmed else PauseNotConfirmedError)
    assert "could not be confirmed by a read" in task_log()
    assert pauses(sandbox) == 1


# Again, and stopped


def test_a_cleared_task_and_a_further_run_find_it_paused(
    sandbox: SandboxClient, run_task: Any, task_instance: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    task = operator(campaign_id)

    runs = [run_task(task), run_task(task, task_instance(try_number=2)), run_task(operator(campaign_id))]

    assert [run.value["paused"] for run in runs] == [True, False, False]
    assert {run.value["status"] for run in runs} == {PAUSED}
    assert pauses(sandbox) == 1


def kill_when_it_sleeps(monkeypatch: pytest.MonkeyPatch, task: PauseCampaignOperator) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: task.on_kill())


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (
            {"kind": "reset", "moment": "before"},
            PauseNotConfirmedError,
            ("The answer to the pause was lost", "the task was killed", "It may or may not have been paused."),
        ),
        (
            {"kind": "error", "status": 429, "retry_after": 7.0},
            TaskKilledError,
            ("The task was killed", "Another try reads it first"),
        ),
    ],
    ids=["lost", "429"],
)
def test_a_task_that_is_killed_sends_no_further_pause(
    sandbox: SandboxClient,
    run_task: Any,
    task_instance: Any,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
    error: type[Exception],
    says: tuple[str, ...],
) -> None:
    """
    Airflow >= 3 does not end the task: it goes on where it was interrupted, until it is killed for good.

    A pause whose answer was lost may still take effect, though the task said that it was killed before it sent one.
    """
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault(path="*/pause", **fault)
    task = operator(campaign_id)
    kill_when_it_sleeps(monkeypatch, task)

    run = run_task(task)

    assert type(run.error) is error
    for part in (*says, NAME, campaign_id, "was Active"):
        assert part in str(run.error)
    assert pauses(sandbox) == 1
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE
    assert run_task(operator(campaign_id), task_instance(try_number=2)).value["paused"] is True


def test_a_task_that_is_killed_before_it_sends_pauses_nothing(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("error", path=f"*/{campaign_id}", method="GET", status=503)
    task = operator(campaign_id)
    kill_when_it_sleeps(monkeypatch, task)

    assert type(run_task(task).error) is TaskKilledError
    assert pauses(sandbox) == 0


def test_a_task_that_is_killed_after_the_pause_says_what_it_did(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment="after")
    task = operator(campaign_id)
    kill_when_it_sleeps(monkeypatch, task)

    assert run_task(task).value["paused"] is True


def test_the_key_is_nowhere(sandbox: SandboxClient, run_task: Any, task_log: Callable[[], str]) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment="after")

    run = run_task(operator(campaign_id))

    assert sandbox.api_key not in json.dumps([run.value, run.ti.xcom]) + task_log()
