"""
`CampaignStatusSensor` over real HTTP: what it decides, which is the same whichever way it waits.

A scenario is what one poll after the other shows; each mode gets the same polls and has to end alike.
"""

from __future__ import annotations

import json
import re
import runpy
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    PokeReturnValue,
)

from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.exceptions import CampaignStoppedError, CampaignWaitError
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, SUSPENDED, UNHEALTHY, UNKNOWN
from tests.unit.waits.events import BAD_EVENTS, CAMPAIGN_ID, GOOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

OTHER_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"
NAME = "Spring"
MODES: Mapping[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
#: What one poll shows: a status, or what goes wrong with it.
Poll = int | dict[str, Any]

every_mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
pytestmark = pytest.mark.usefixtures("short_pauses", "frequent_polls", "short_absences")


def error(status: int, **more: Any) -> dict[str, Any]:
    return {"kind": "error", "status": status, **more}


OUTAGES: Mapping[str, dict[str, Any]] = {
    "503": error(503),
    "500 as HTML": error(500, format="html"),
    "502 without a body": error(502, format="empty"),
    "408": error(408),
    "429": error(429),
    "429 with Retry-After": error(429, retry_after=0.1),
    "reset": {"kind": "reset"},
    "truncated JSON": {"kind": "truncate"},
    "cut off": {"kind": "truncate", "announce_all": True},
    "no object": {"kind": "body", "json": []},
    "HTML with 200": {"kind": "body", "text": "<html></html>", "content_type": "text/html"},
    "a status that is a word": {"kind": "fields", "fields": {"status": "one"}},
    "a redirect": {"kind": "redirect", "location": "http://127.0.0.1:1/"},
    "another campaign, which is Active": {"kind": "fields", "fields": {"id": OTHER_ID, "status": ACTIVE}},
    "another campaign, which was stopped": {"kind": "fields", "fields": {"id": OTHER_ID, "status": BOUNCED}},
}
FINAL_ERRORS = {
    "401": (error(401), "does not accept the API key"),
    "402": (error(402), "no active paid plan"),
    "403": (error(403), "campaigns:read"),
    "404": (error(404), "There is no campaign"),
    "400 as HTML": (error(400, format="html"), "There is no campaign"),
}


def show(sandbox: SandboxClient, *polls: Poll, campaign_id: str = CAMPAIGN_ID, status: int = DRAFT) -> str:
    """Add a campaign, and let the first poll at it show the first of these, and so on; the last one stays."""
    sandbox.add_campaign(NAME, id=campaign_id, status=status)
    for number, poll in enumerate(polls, 1):
        fault = poll if isinstance(poll, dict) else {"kind": "fields", "fields": {"status": poll}}
        count = None if number == len(polls) else 1
        sandbox.add_fault(path=f"*/campaigns/{campaign_id}", method="GET", **{"count": count, **fault})
    return campaign_id


def sensor(campaign_id: Any = CAMPAIGN_ID, **given: Any) -> CampaignStatusSensor:
    return CampaignStatusSensor(
        **{"task_id": "wait", "campaign_id": campaign_id, "poke_interval": 0.03, "timeout": 10, **given}
    )


def asked(sandbox: SandboxClient) -> list[tuple[str, int | None]]:
    """Each request: what for, and the status of its answer."""
    kinds = {"sending-status": "reason", "campaigns": "list"}
    return [
        (kinds.get(request["path"].rpartition("/")[2], "campaign"), request["status"]) for request in sandbox.requests()
    ]


def without_repetition(requests: list[tuple[str, int | None]]) -> list[tuple[str, int | None]]:
    return [request for request, _ in groupby(requests)]


# The scenarios that all modes decide alike


@dataclass(frozen=True)
class Scenario:
    """
    What the polls show, how the sensor ends, and how often it had to ask; None where that depends on the time.

    :param patience: seconds that a request waits for its answer.
    """

    polls: tuple[Poll, ...]
    error: type[Exception] | None = None
    status: int | None = ACTIVE
    campaign_requests: int | None = None
    sensor: Mapping[str, Any] = field(default_factory=dict)
    patience: float = 30.0


SCENARIOS = {
    "Active at once": Scenario((ACTIVE,), campaign_requests=1),
    "Active later": Scenario((DRAFT, PAUSED, DRAFT, ACTIVE), campaign_requests=4),
    "Running Subsequences, beyond Active": Scenario((DRAFT, SUBSEQUENCES), status=SUBSEQUENCES, campaign_requests=2),
    "Completed, beyond Active": Scenario((COMPLETED,), status=COMPLETED, campaign_requests=1),
    "Active is not beyond Completed": Scenario(
        (ACTIVE, SUBSEQUENCES, COMPLETED),
        status=COMPLETED,
        campaign_requests=3,
        sensor={"target_statuses": {CampaignStatus.COMPLETED}},
    ),
    "a target that would be a failure": Scenario(
        (DRAFT, BOUNCED),
        status=BOUNCED,
        campaign_requests=2,
        sensor={"target_statuses": [CampaignStatus.BOUNCE_PROTECT]},
    ),
    "no failed statuses": Scenario((BOUNCED, ACTIVE), campaign_requests=2, sensor={"failed_statuses": ()}),
    "Accounts Unhealthy at once": Scenario((UNHEALTHY,), CampaignStoppedError, campaign_requests=1),
    "Bounce Protect at once": Scenario((BOUNCED,), CampaignStoppedError, campaign_requests=1),
    "Account Suspended at once": Scenario((SUSPENDED,), CampaignStoppedError, campaign_requests=1),
    "Bounce Protect later": Scenario((DRAFT, DRAFT, BOUNCED), CampaignStoppedError, campaign_requests=3),
    "Paused counts as failed where asked so": Scenario(
        (DRAFT, PAUSED), CampaignStoppedError, campaign_requests=2, sensor={"failed_statuses": {2}}
    ),
    "an unknown status, then Active": Scenario((UNKNOWN, UNKNOWN, ACTIVE), campaign_requests=3),
    "Draft for ever": Scenario((DRAFT,), AirflowSensorTimeout, sensor={"timeout": 0.25}),
    "Paused for ever": Scenario((PAUSED,), AirflowSensorTimeout, sensor={"timeout": timedelta(seconds=0.25)}),
    "an unknown status for ever": Scenario((UNKNOWN,), AirflowSensorTimeout, sensor={"timeout": 0.25}),
    "one poll is all there is time for": Scenario(
        (DRAFT, ACTIVE), AirflowSensorTimeout, campaign_requests=1, sensor={"timeout": 0}
    ),
    "Active that holds": Scenario((DRAFT, ACTIVE), sensor={"stable_for": 0.3}),
    "Active that does not hold": Scenario(
        (ACTIVE, ACTIVE, UNHEALTHY), CampaignStoppedError, campaign_requests=3, sensor={"stable_for": 9}
    ),
    "Active that holds at the second attempt": Scenario(
        (ACTIVE, ACTIVE, PAUSED, ACTIVE), sensor={"stable_for": timedelta(seconds=0.2)}
    ),
    "Active that had no time to hold": Scenario(
        (DRAFT, DRAFT, ACTIVE), AirflowSensorTimeout, sensor={"stable_for": 0.9, "timeout": 1.0, "poke_interval": 0.5}
    ),
    "no answer at the first poll": Scenario((error(503), DRAFT, ACTIVE), campaign_requests=3),
    "no answer for too long": Scenario(
        (DRAFT, error(503)), CampaignWaitError, status=None, sensor={"failure_budget": 0.3}
    ),
    "another campaign for ever": Scenario(
        ({"kind": "fields", "fields": {"id": OTHER_ID, "status": ACTIVE}},),
        CampaignWaitError,
        status=None,
        sensor={"failure_budget": 0.3},
    ),
    "no answer at all": Scenario((error(429),), CampaignWaitError, status=None, sensor={"failure_budget": 0.3}),
    "an answer now and then refills the budget": Scenario(
        (*(DRAFT, error(500)) * 8, ACTIVE),
        campaign_requests=17,
        sensor={"failure_budget": 0.35},
    ),
    "no answer, and then stopped": Scenario((DRAFT, error(503), UNHEALTHY), CampaignStoppedError, campaign_requests=3),
    "too slow, then Active": Scenario((DRAFT, {"kind": "delay", "delay": 3.0}, ACTIVE), patience=1.0),
    **{
        f"{name}, then Active": Scenario((DRAFT, fault, ACTIVE), campaign_requests=3) for name, fault in OUTAGES.items()
    },
    **{
        f"{name}, which waiting cannot fix": Scenario((DRAFT, fault), CampaignWaitError, status=None)
        for name, (fault, _) in FINAL_ERRORS.items()
    },
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_every_mode_decides_the_same(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch, scenario: Scenario
) -> None:
    connection = {**json.loads(sandbox.airflow_connection), "extra": {"timeout": scenario.patience}}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
    seen = {}
    for name, mode in MODES.items():
        sandbox.reset()
        sandbox.set(limits_enabled=False)
        show(sandbox, *scenario.polls)
        run = run_task(sensor(**scenario.sensor, **mode))
        requests = asked(sandbox)
        seen[name] = (type(run.error), run.value, run.ti.xcom, without_repetition(requests))

        assert type(run.error) is (scenario.error or type(None)), f"{name}: {run}"
        if scenario.error is None:
            assert run.value["status"] == scenario.status
            assert run.value["verdict"] == "reached"
        if scenario.campaign_requests is not None:
            assert sum(kind == "campaign" for kind, _ in requests) == scenario.campaign_requests
        # Nothing but reads, and the reason only of what was stopped.
        assert {request["method"] for request in sandbox.requests()} == {"GET"}
        assert ("reason", 200) in requests or scenario.error is not CampaignStoppedError
        assert sandbox.activations() == 0
    assert seen["poke"] == seen["reschedule"] == seen["deferrable"]


# What it says


@every_mode
def test_the_value_says_how_the_campaign_stands(sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]) -> None:
    show(sandbox, DRAFT, error(503), ACTIVE)

    run = run_task(sensor(**mode))

    assert run.value == {
        "campaign_id": CAMPAIGN_ID,
        "verdict": "reached",
        "status": 1,
        "status_name": "Active",
        "title": f'"{NAME}" ({CAMPAIGN_ID})',
        "reason": "",
    }
    json.dumps(run.value)


@every_mode
@pytest.mark.parametrize(
    ("status", "name", "reason"),
    [
        (UNHEALTHY, "Accounts Unhealthy", "No sending account of the campaign is able to send."),
        (BOUNCED, "Bounce Protect", "Too many e-mails bounced, so the campaign was stopped."),
        (SUSPENDED, "Account Suspended", "The account is suspended."),
    ],
)
def test_a_stop_names_its_reason(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], status: int, name: str, reason: str
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID, status=PAUSED)
    sandbox.set_script(CAMPAIGN_ID, [(0.15, status)], start=True)

    run = run_task(sensor(**mode))

    assert isinstance(run.error, CampaignStoppedError)
    for part in (NAME, CAMPAIGN_ID, f"is {name}", reason, "It was left as it is", "resume the campaign there"):
        assert part in str(run.error)


@every_mode
def test_a_stop_after_an_outage_names_the_reason_of_the_stop(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]
) -> None:
    show(sandbox, DRAFT, error(503), BOUNCED, status=BOUNCED)

    run = run_task(sensor(**mode))

    assert isinstance(run.error, CampaignStoppedError)
    assert "Too many e-mails bounced" in str(run.error)
    assert "HTTP 503" not in str(run.error)


@every_mode
def test_a_stop_stands_without_its_reason(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], task_log: Any
) -> None:
    show(sandbox, DRAFT, BOUNCED)
    sandbox.add_fault("error", path="*/sending-status", status=500, count=None)

    run = run_task(sensor(**mode))

    assert isinstance(run.error, CampaignStoppedError)
    assert "Instantly says" not in str(run.error)
    assert "The reason could not be read" in task_log()


@every_mode
@pytest.mark.parametrize(
    ("status", "hint"), [(DRAFT, "it is Draft"), (PAUSED, "it is Paused"), (UNKNOWN, "it is UNKNOWN(7)")]
)
def test_a_timeout_says_what_was_waited_for_and_how_it_stands(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], status: int, hint: str
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID, status=status)

    run = run_task(sensor(timeout=0.2, **mode))

    assert isinstance(run.error, AirflowSensorTimeout)
    for part in (NAME, "not Active", hint, "left as it is"):
        assert part in str(run.error)


@every_mode
@pytest.mark.parametrize("name", FINAL_ERRORS)
def test_an_error_that_waiting_cannot_fix_ends_the_wait_at_once(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], name: str
) -> None:
    fault, says = FINAL_ERRORS[name]
    show(sandbox, DRAFT, fault)

    run = run_task(sensor(timeout=3600, failure_budget=3600, silent_fail=True, **mode))

    assert isinstance(run.error, CampaignWaitError)
    assert says in str(run.error)
    assert "cannot go on" in str(run.error)


@every_mode
def test_a_connection_that_does_not_exist_is_said_at_once(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]
) -> None:
    run = run_task(sensor(instantly_conn_id="instantly_nowhere", **mode))

    assert isinstance(run.error, CampaignWaitError)
    assert "There is no Airflow connection 'instantly_nowhere'" in str(run.error)
    assert asked(sandbox) == []


@every_mode
def test_a_service_that_is_not_there_spends_the_budget(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch, mode: dict[str, Any]
) -> None:
    nowhere = {"conn_type": "instantly", "host": "http://127.0.0.1:9", "password": sandbox.api_key}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_NOWHERE", json.dumps(nowhere))

    run = run_task(sensor(instantly_conn_id="instantly_nowhere", failure_budget=0.3, **mode))

    assert isinstance(run.error, CampaignWaitError)
    for part in ("Nothing was heard", CAMPAIGN_ID, "could not be reached", "another try waits again"):
        assert part in str(run.error)
    assert "not seen" not in str(run.error)


@every_mode
def test_each_change_is_logged_once_and_polls_are_not(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], task_log: Any
) -> None:
    show(sandbox, ACTIVE, ACTIVE, ACTIVE, PAUSED, ACTIVE)

    run_task(sensor(stable_for=0.5, **mode))

    log = task_log()
    # The stand-in of a deferral polls once on the worker and then again in the triggerer, and both say how it ended.
    places = 2 if "deferrable" in mode else 1
    assert said(log, "The campaign is Paused.") == 1
    assert said(log, "The campaign is Active.") <= 1 + places
    assert said(log, "Done: the campaign is Active.") == places
    # A wait that is rescheduled would say so at each poll.
    assert said(log, "Waiting for Active that holds for") == (0 if mode.get("mode") == "reschedule" else places)


def test_an_unknown_status_is_warned_of_once(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    show(sandbox, UNKNOWN, UNKNOWN, UNKNOWN, ACTIVE)

    run_task(sensor())

    assert said(task_log(), "status 7, which this release does not know") == 1


@every_mode
def test_why_an_active_campaign_is_not_sending_is_logged(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], task_log: Any
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID, status=ACTIVE, not_sending_status=1)

    run_task(sensor(stable_for=0.15, **mode))

    assert "is Active, but is not sending because it is outside its sending schedule" in task_log()


@every_mode
def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], task_log: Any
) -> None:
    show(sandbox, DRAFT, error(503), error(503), error(503), ACTIVE)

    run_task(sensor(**mode))

    log = task_log()
    assert said(log, "No answer about the campaign") == 1
    assert said(log, "Instantly answers again after") == 1


def said(log: str, text: str) -> int:
    """How often it was said: each line is written down once by `logging`, or once on the output, or both."""
    lines = [line for line in log.splitlines() if text in line]
    recorded = [line for line in lines if line.startswith(("INFO ", "WARNING "))]
    return len(recorded or lines)


@pytest.mark.parametrize(
    ("executor", "polls", "mode", "times"),
    [
        ("CeleryExecutor", (DRAFT, DRAFT, ACTIVE), {"mode": "poke"}, 1),
        # So short an absence keeps its worker.
        ("CeleryExecutor", (ACTIVE, ACTIVE), {"mode": "reschedule", "stable_for": 0.2}, 1),
        ("CeleryExecutor", (ACTIVE,), {"mode": "poke"}, 0),
        ("CeleryExecutor", (DRAFT, DRAFT, ACTIVE), {"deferrable": True}, 0),
        ("LocalExecutor", (DRAFT, DRAFT, ACTIVE), {"mode": "poke"}, 0),
    ],
)
def test_on_celery_a_wait_that_holds_a_slot_says_so_once(
    executor: str,
    polls: tuple[Poll, ...],
    mode: dict[str, Any],
    times: int,
    sandbox: SandboxClient,
    run_task: Any,
    task_log: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    show(sandbox, *polls)

    run = run_task(sensor(**mode))

    assert run.error is None
    assert said(task_log(), "With deferrable=True it holds none.") == times


def test_a_wait_that_leaves_its_worker_again_does_not_say_that_it_holds_its_slot_to_its_end(
    sandbox: SandboxClient, run_task: Any, task_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    show(sandbox, error(503), DRAFT, ACTIVE)

    run = run_task(sensor(mode="reschedule"))

    assert (run.error, run.rescheduled) == (None, 1)
    assert said(task_log(), "The wait holds a slot of its Celery worker for now") == 1
    assert "until it ends" not in task_log()


# Asked not to fail


FAILURES: Mapping[str, tuple[tuple[Poll, ...], type[Exception], str]] = {
    "stopped": ((DRAFT, BOUNCED), CampaignStoppedError, "Too many e-mails bounced"),
    "timed out": ((DRAFT,), AirflowSensorTimeout, "was not Active"),
    "no answer": ((DRAFT, error(503)), CampaignWaitError, "Nothing was heard"),
    "lost": ((DRAFT, error(404)), CampaignWaitError, "There is no campaign"),
}


@every_mode
@pytest.mark.parametrize(
    ("polls", "failure", "reason", "switch"),
    [*((*failure, "soft_fail") for failure in FAILURES.values()), (*FAILURES["stopped"], "never_fail")],
    ids=[*FAILURES, "stopped, never_fail"],
)
def test_skipped_instead_of_failed(
    sandbox: SandboxClient,
    run_task: Any,
    task_log: Any,
    mode: dict[str, Any],
    polls: tuple[Poll, ...],
    failure: type[Exception],
    reason: str,
    switch: str,
) -> None:
    show(sandbox, *polls, status=BOUNCED)

    run = run_task(sensor(timeout=0.3 if len(polls) == 1 else 10, failure_budget=0.2, **{switch: True}, **mode))

    assert isinstance(run.error, AirflowSkipException)
    assert any(isinstance(cause, failure) for cause in causes(run.error))
    # Airflow puts its own words in the place of ours when a task resumes, but the log has the reason.
    assert reason in f"{task_log()} {run.error}"


def causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


@every_mode
def test_silent_fail_waits_out_any_outage(sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]) -> None:
    show(sandbox, DRAFT, error(503), error(503), error(503), ACTIVE)

    run = run_task(sensor(failure_budget=0.05, silent_fail=True, **mode))

    assert run.error is None
    assert run.value["status"] == ACTIVE


@pytest.mark.parametrize("switch", ["soft_fail", "never_fail"])
def test_an_execution_timeout_of_airflow_is_skipped_too(
    sandbox: SandboxClient, run_task: Any, task_instance: Any, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    show(sandbox, DRAFT)

    def interrupted(seconds: float) -> None:
        raise AirflowTaskTimeout("the execution timeout")

    monkeypatch.setattr(time, "sleep", interrupted)

    assert isinstance(run_task(sensor(**{switch: True})).error, AirflowSkipException)
    with pytest.raises(AirflowTaskTimeout):
        sensor().execute({"ti": task_instance()})


# Several campaigns


@every_mode
def test_several_campaigns_all_arrive(sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]) -> None:
    ids = sandbox.add_campaigns(4, NAME, script=[(0.2, "active")], running=True)
    sandbox.set_script(ids[0], [(0.05, "active")], start=True)

    run = run_task(sensor(ids, **mode))

    assert run.error is None
    assert run.value["verdict"] == "reached"
    assert run.value["progress"] == "4 of 4 Active"
    assert [(c["campaign_id"], c["status"]) for c in run.value["campaigns"]] == [(i, ACTIVE) for i in ids]
    # Four campaigns are on one page of the list.
    assert {kind for kind, _ in asked(sandbox)} == {"list"}


@every_mode
def test_the_first_that_fails_ends_the_wait_for_all(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]
) -> None:
    ids = sandbox.add_campaigns(3, NAME)
    sandbox.set_script(ids[1], [(0.15, "bounce_protect")], start=True)

    run = run_task(sensor(ids, timeout=3600, **mode))

    assert isinstance(run.error, CampaignStoppedError)
    assert f"{NAME} 2" in str(run.error)
    assert "Too many e-mails bounced" in str(run.error)


@every_mode
def test_without_fail_fast_all_are_waited_for(sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]) -> None:
    ids = sandbox.add_campaigns(4, NAME)
    sandbox.set_script(ids[0], [(0.05, "bounce_protect")], start=True)
    sandbox.set_script(ids[1], [(0.3, "active")], start=True)
    sandbox.set_script(ids[2], [(0.4, "accounts_unhealthy")], start=True)
    sandbox.set_script(ids[3], [(0.1, "completed")], start=True)

    run = run_task(sensor(ids, fail_fast=False, **mode))

    assert isinstance(run.error, CampaignStoppedError)
    message = str(run.error)
    assert "2 of 4 Active, 2 stopped" in message
    assert f"{NAME} 1" in message
    assert "Too many e-mails bounced" in message
    assert f"{NAME} 3" in message
    assert "No sending account" in message
    assert f"{NAME} 2" not in message


@every_mode
def test_of_several_a_failed_wait_pushes_how_each_stands_if_the_task_pushes_anything(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]
) -> None:
    ids = [sandbox.add_campaign(NAME, status=CampaignStatus.BOUNCE_PROTECT), sandbox.add_campaign(NAME, status=ACTIVE)]

    loud = run_task(sensor(ids, **mode))
    silent = run_task(sensor(ids, do_xcom_push=False, **mode))

    assert type(loud.error) is type(silent.error) is CampaignStoppedError
    assert [each["campaign_id"] for each in loud.ti.xcom["campaigns"]["campaigns"]] == ids
    assert "campaigns" not in silent.ti.xcom


@every_mode
def test_one_of_several_that_is_gone(sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]) -> None:
    ids = [*sandbox.add_campaigns(3, NAME, status=ACTIVE), CAMPAIGN_ID]

    run = run_task(sensor(ids, **mode))

    assert isinstance(run.error, CampaignWaitError)
    assert f"There is no campaign {CAMPAIGN_ID}" in str(run.error)
    assert "3 of 4 Active, 1 unreadable" in str(run.error)


@every_mode
def test_of_several_only_those_still_waited_for_are_asked_for(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]
) -> None:
    first, second = sandbox.add_campaigns(2, NAME)
    sandbox.set_status(first, "active")
    sandbox.set_script(second, [(1.5, "active")], start=True)

    run = run_task(sensor([first, second], **mode))

    assert run.error is None
    asked_for = [request["path"].rpartition("/")[2] for request in sandbox.requests()]
    # The triggerer starts where the worker left off, but knows nothing of what the worker saw.
    assert asked_for.count(first) == (2 if "deferrable" in mode else 1)
    assert asked_for.count(second) >= 3


@pytest.mark.parametrize(
    "listed",
    [
        lambda ids: ids,
        tuple,
        set,
        lambda ids: [ids[0], ids[0].upper(), f" {ids[1]} "],
        str,
        json.dumps,
        lambda ids: f"  {json.dumps(ids)}\n",
    ],
    ids=["list", "tuple", "set", "one named twice", "what a template makes of a list", "JSON", "JSON with spaces"],
)
def test_the_ways_to_name_several_campaigns(
    sandbox: SandboxClient, run_task: Any, listed: Callable[[list[str]], Any]
) -> None:
    ids = sandbox.add_campaigns(2, NAME, status=ACTIVE)

    run = run_task(sensor(listed(ids)))

    assert {c["campaign_id"] for c in run.value["campaigns"]} == set(ids)


def test_a_template_is_rendered_to_one_campaign_or_to_several(sandbox: SandboxClient, run_task: Any) -> None:
    ids = sandbox.add_campaigns(2, NAME, status=ACTIVE)

    for template, expected in [("{{ params.ids }}", 2), ("{{ params.ids[0] }}", 1), (["{{ params.ids[1] }}"], 1)]:
        task = sensor(template)
        task.render_template_fields({"params": {"ids": ids}})
        run = run_task(task)
        assert len(run.value.get("campaigns", [run.value])) == expected


@every_mode
@pytest.mark.parametrize("is_native", [False, True], ids=["rendered to text", "rendered natively"])
def test_what_comes_from_databases_and_xcoms_is_rendered(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch, mode: dict[str, Any], is_native: bool
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_7", sandbox.airflow_connection)
    ids = sandbox.add_campaigns(2, NAME, script=[(0.1, "active")], running=True)
    rows = [(UUID(campaign_id),) for campaign_id in ids]
    xcoms = [rows, tuple(ids), set(map(UUID, ids)), [ids[:1], ids[1:]], {1: ids[0], 2: UUID(ids[1])}.values()]

    for xcom in xcoms:
        with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1), render_template_as_native_obj=is_native):
            task = sensor("{{ params.ids }}", instantly_conn_id="{{ params.conn }}", **mode)
        task.render_template_fields({"params": {"ids": xcom, "conn": "7"}})
        assert isinstance(task.instantly_conn_id, int) == is_native
        run = run_task(task)
        assert run.error is None
        assert {c["campaign_id"] for c in run.value["campaigns"]} == set(ids)


ROWS_DAG = """
from datetime import datetime
from uuid import UUID

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor

try:
    from airflow.sdk import task
except ImportError:  # Airflow 2
    from airflow.decorators import task

# Older versions store no UUIDs in XComs.
form = UUID if AIRFLOW_V_3_3_PLUS else str

@task
def rows():
    return [(form(id),) for id in {ids}]

begins = datetime(2026, 1, 1)
with DAG("rows_of_a_database", schedule=None, start_date=begins, render_template_as_native_obj={native}) as dag:
    found = rows()
    CampaignStatusSensor(task_id="xcom", campaign_id=found)
    found >> CampaignStatusSensor(task_id="template", campaign_id="{{{{ ti.xcom_pull('rows') }}}}")
"""


@pytest.mark.parametrize("is_native", [False, True], ids=["rendered to text", "rendered natively"])
def test_rows_of_a_database_come_through_airflows_xcoms(
    sandbox: SandboxClient, airflow_database: Path, is_native: bool
) -> None:
    ids = sandbox.add_campaigns(2, NAME, status=ACTIVE)
    # Airflow >= 3.3 runs only what it finds in its DAGs folder.
    file = airflow_database.parent / "dags" / "rows_of_a_database.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(ROWS_DAG.format(ids=ids, native=is_native))

    run = runpy.run_path(str(file))["dag"].test()

    assert {ti.task_id: ti.state for ti in run.get_task_instances()} == dict.fromkeys(
        ["rows", "xcom", "template"], "success"
    )
    read = [request["path"].rpartition("/")[2] for request in sandbox.requests()]
    assert sorted(read) == sorted(2 * ids)


@every_mode
def test_uuids_of_an_author_are_taken(sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]) -> None:
    ids = sandbox.add_campaigns(2, NAME, script=[(0.1, "active")], running=True)

    run = run_task(sensor([UUID(ids[0]), (UUID(ids[1]),)], **mode))

    assert [c["campaign_id"] for c in run.value["campaigns"]] == ids
    assert run_task(sensor(UUID(ids[0]), **mode)).value["campaign_id"] == ids[0]


# The worker is given back, or kept


def test_reschedule_gives_the_worker_back_while_there_is_nothing_to_remember(
    sandbox: SandboxClient, run_task: Any
) -> None:
    show(sandbox, DRAFT, PAUSED, UNKNOWN, ACTIVE)

    assert run_task(sensor(mode="reschedule")).rescheduled == 3


@pytest.mark.parametrize(
    ("polls", "arguments", "rescheduled"),
    [
        ((ACTIVE, ACTIVE, ACTIVE), {"stable_for": 0.3}, 0),
        ((DRAFT, ACTIVE, ACTIVE), {"stable_for": 0.3}, 1),
        ((DRAFT, error(503), error(503), ACTIVE), {}, 1),
        ((error(503), DRAFT, ACTIVE), {}, 1),
    ],
    ids=["a hold", "a hold after Draft", "an outage", "an outage at first"],
)
def test_reschedule_keeps_the_worker_while_there_is_something_to_remember(
    sandbox: SandboxClient, run_task: Any, polls: tuple[Poll, ...], arguments: dict[str, Any], rescheduled: int
) -> None:
    show(sandbox, *polls)

    run = run_task(sensor(mode="reschedule", **arguments))

    assert run.error is None
    assert run.rescheduled == rescheduled


def test_reschedule_keeps_the_worker_for_pauses_in_which_airflow_could_take_the_task_for_lost(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_instantly.sensors.campaign.MIN_ABSENCE", 0.1)
    show(sandbox, DRAFT, DRAFT, ACTIVE)

    assert run_task(sensor(mode="reschedule", poke_interval=0.09)).rescheduled == 0


def test_reschedule_keeps_the_worker_once_one_of_several_is_decided(sandbox: SandboxClient, run_task: Any) -> None:
    first, second, third = sandbox.add_campaigns(3, NAME)
    sandbox.set_status(first, "active")
    sandbox.set_script(second, [(0.2, "active")], start=True)
    sandbox.set_script(third, [(0.2, "active")], start=True)

    run = run_task(sensor([first, second, third], mode="reschedule"))

    assert run.error is None
    assert run.rescheduled == 0


@pytest.mark.parametrize("polls", [(ACTIVE,), (BOUNCED,), (error(404),)], ids=["reached", "stopped", "lost"])
@every_mode
def test_what_is_decided_already_never_leaves_the_worker(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], polls: tuple[Poll, ...]
) -> None:
    show(sandbox, *polls, status=BOUNCED)

    run = run_task(sensor(**mode))

    assert run.rescheduled == 0
    assert run.deferred_to == []


def test_the_deadline_of_a_rescheduled_sensor_counts_from_its_first_poll(
    sandbox: SandboxClient, run_task: Any, task_instance: Any
) -> None:
    show(sandbox, DRAFT)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)

    late = run_task(sensor(mode="reschedule", timeout=3500), task_instance(first_reschedule_date=an_hour_ago))

    assert isinstance(late.error, AirflowSensorTimeout)
    assert len(asked(sandbox)) == 1


def test_a_rescheduled_sensor_still_has_the_rest_of_its_time(
    sandbox: SandboxClient, run_task: Any, task_instance: Any
) -> None:
    show(sandbox, DRAFT)
    a_minute_ago = datetime.now(UTC) - timedelta(seconds=60)
    begun = time.monotonic()

    run = run_task(sensor(mode="reschedule", timeout=62), task_instance(first_reschedule_date=a_minute_ago))

    assert isinstance(run.error, AirflowSensorTimeout)
    assert run.rescheduled >= 2
    assert time.monotonic() - begun < 30


def test_a_poll_at_the_deadline_still_counts(sandbox: SandboxClient, run_task: Any) -> None:
    show(sandbox, DRAFT, ACTIVE)

    run = run_task(sensor(poke_interval=3600, timeout=4))

    assert run.error is None
    assert run.value["status"] == ACTIVE


def test_a_hold_is_decided_when_it_is_over_and_not_an_interval_later(sandbox: SandboxClient, run_task: Any) -> None:
    show(sandbox, ACTIVE)

    run = run_task(sensor(poke_interval=3600, timeout=3600, stable_for=0.3))

    assert run.error is None
    assert len(asked(sandbox)) == 2


def test_the_pause_that_the_server_asks_for_is_made(sandbox: SandboxClient, run_task: Any) -> None:
    show(sandbox, error(429, retry_after=0.7), ACTIVE)
    begun = time.monotonic()

    run = run_task(sensor())

    assert run.error is None
    assert time.monotonic() - begun >= 0.7


def test_the_deadline_comes_before_a_pause_that_the_server_asks_for(sandbox: SandboxClient, run_task: Any) -> None:
    show(sandbox, DRAFT, error(429, retry_after=300))
    begun = time.monotonic()

    run = run_task(sensor(timeout=0.4))

    assert isinstance(run.error, AirflowSensorTimeout)
    assert time.monotonic() - begun < 30


@every_mode
def test_airflows_own_limit_on_a_deferral_lies_behind_ours(
    sandbox: SandboxClient, mode: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    show(sandbox, DRAFT)
    task = sensor(timeout=100, **mode)
    limits: list[timedelta] = []

    def defer(*, trigger: Any, method_name: str, timeout: timedelta) -> None:
        limits.append(timeout)
        raise _LeftError

    monkeypatch.setattr(task, "defer", defer)
    if "deferrable" not in mode:
        return
    context: Any = {"ti": _Silent()}
    with pytest.raises(_LeftError):
        task.execute(context)

    assert limits[0] > timedelta(seconds=100)


class _LeftError(Exception):
    pass


class _Silent:
    def xcom_push(self, key: str, value: Any) -> None:
        pass


def test_poke_polls_once(sandbox: SandboxClient, task_instance: Any) -> None:
    show(sandbox, DRAFT, ACTIVE, BOUNCED)
    context: Any = {"ti": task_instance()}

    assert not sensor().poke(context)
    found = sensor().poke(context)
    with pytest.raises(CampaignStoppedError):
        sensor().poke(context)

    assert isinstance(found, PokeReturnValue)
    assert found
    assert found.xcom_value is not None
    assert found.xcom_value["status"] == ACTIVE


# The link


@every_mode
def test_the_link_works_from_the_first_moment(
    sandbox: SandboxClient, run_task: Any, task_instance: Any, mode: dict[str, Any]
) -> None:
    show(sandbox, DRAFT, ACTIVE)
    ti = task_instance()
    requests_before: list[int] = []
    ti.on_push = lambda key, value: requests_before.append(len(sandbox.requests()))

    run = run_task(sensor(**mode), ti)

    assert run.ti.xcom == {"_link_CampaignLink": f"{sandbox.url}/app/campaign/{CAMPAIGN_ID}/analytics"}
    assert requests_before[0] == 0


@every_mode
def test_several_campaigns_have_no_page_of_their_own(
    sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]
) -> None:
    run = run_task(sensor(sandbox.add_campaigns(2, NAME, status=ACTIVE), **mode))

    assert run.ti.xcom == {}


# Secrets


@every_mode
def test_the_key_is_nowhere(sandbox: SandboxClient, run_task: Any, mode: dict[str, Any], task_log: Any) -> None:
    echo = {"kind": "body", "status": 500, "json": {"message": f"Bearer {sandbox.api_key} failed"}}
    show(sandbox, DRAFT, echo, DRAFT, {**echo, "status": 401})

    run = run_task(sensor(**mode))

    assert isinstance(run.error, CampaignWaitError)
    everything = "\n".join(
        [task_log(), str(run.error), repr(run.error.__cause__), json.dumps([run.deferred_to, run.events, run.ti.xcom])]
    )
    assert "failed" in everything
    assert sandbox.api_key not in everything
    assert sandbox.api_key.rstrip("=") not in everything


# A resume event is input


@pytest.mark.parametrize("event", BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_an_event_that_does_not_fit_fails_the_task(event: Any) -> None:
    with pytest.raises(CampaignWaitError, match="does not tell how its wait ended"):
        sensor().execute_complete({}, event)


def test_an_event_that_fits_is_believed() -> None:
    assert sensor().execute_complete({}, {"campaigns": [GOOD]})["status"] == ACTIVE
    assert sensor(CAMPAIGN_ID.upper()).execute_complete({}, {"campaigns": [GOOD]})["status"] == ACTIVE


def test_a_stop_in_an_event_fails_with_its_reason() -> None:
    stopped = {**GOOD, "verdict": "stopped", "status": -1, "reason": "No account is healthy."}

    with pytest.raises(CampaignStoppedError, match="No account is healthy"):
        sensor().execute_complete({}, {"campaigns": [stopped]})


# What can be of no use is refused while the DAG is parsed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"campaign_id": "not-a-uuid"}, "not-a-uuid"),
        ({"campaign_id": ""}, "campaign_id"),
        ({"campaign_id": "None"}, "None"),
        ({"campaign_id": None}, "campaign_id"),
        ({"campaign_id": 7}, "campaign_id"),
        ({"campaign_id": []}, "at least one campaign"),
        ({"campaign_id": [CAMPAIGN_ID, "not-a-uuid"]}, "not-a-uuid"),
        ({"target_statuses": ()}, "target_statuses"),
        ({"target_statuses": 1}, "target_statuses"),
        ({"target_statuses": "active"}, "target_statuses"),
        ({"target_statuses": [5]}, "5, which is no status"),
        ({"failed_statuses": [5]}, "5, which is no status"),
        ({"failed_statuses": None}, "failed_statuses"),
        ({"stable_for": -1}, "stable_for"),
        ({"stable_for": "900"}, "stable_for"),
        ({"stable_for": float("nan")}, "stable_for"),
        ({"stable_for": 901, "timeout": 900}, "stable_for must be shorter than timeout"),
        ({"stable_for": 900, "timeout": 900}, "stable_for must be shorter than timeout"),
        ({"failure_budget": True}, "failure_budget"),
        ({"failure_budget": None}, "failure_budget"),
        ({"poke_interval": 0}, "poke_interval"),
        ({"fail_fast": "False"}, "fail_fast"),
        ({"deferrable": 1}, "deferrable"),
        ({"instantly_conn_id": " "}, "instantly_conn_id"),
        ({"exponential_backoff": True}, "exponential_backoff"),
    ],
)
def test_an_argument_of_no_use_is_refused_while_the_dag_is_parsed(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        sensor(**arguments)


def test_a_backoff_of_default_args_is_for_other_sensors() -> None:
    with DAG("a_dag", schedule=None, default_args={"exponential_backoff": True, "pause_on_kill": True}):
        assert CampaignStatusSensor(task_id="added", campaign_id=CAMPAIGN_ID).exponential_backoff is False
        with pytest.raises(ValueError, match="exponential_backoff is not for CampaignStatusSensor"):
            CampaignStatusSensor(task_id="written", campaign_id=CAMPAIGN_ID, exponential_backoff=True)


@pytest.mark.parametrize("rendered", ["", "   ", "None", "not-a-uuid", "[]", "['not-a-uuid']"])
def test_a_template_that_is_no_campaign_fails_before_any_request(
    sandbox: SandboxClient, run_task: Any, rendered: str
) -> None:
    task = sensor("{{ params.id }}")
    task.render_template_fields({"params": {"id": rendered}})

    run = run_task(task)

    assert run.error is not None
    assert "campaign_id" in str(run.error)
    assert rendered.strip("[]' ") in str(run.error)
    assert asked(sandbox) == []


@every_mode
def test_a_key_that_is_replaced_meanwhile(
    sandbox: SandboxClient, run_task: Any, key_replaced_meanwhile: Callable[[str, int], None], mode: dict[str, Any]
) -> None:
    sandbox.add_campaign(NAME, id=CAMPAIGN_ID, status=DRAFT)
    key_replaced_meanwhile(CAMPAIGN_ID, 1)

    run = run_task(sensor(**mode))

    assert run.error is None
    assert run.value["status"] == ACTIVE
    refused = [request for request in sandbox.requests() if request["status"] == 401]
    assert len(refused) <= 1
