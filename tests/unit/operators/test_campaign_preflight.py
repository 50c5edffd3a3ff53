"""`ActivateCampaignOperator` with a check before the launch: what it refuses, and what no refusal may hide."""

from __future__ import annotations

import json
import logging
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.api.errors import InstantlyPermissionError
from airflow_provider_instantly.exceptions import (
    CheckIncompleteError,
    LaunchNotConfirmedError,
    LaunchRefusedError,
    TaskKilledError,
)
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches.record import LaunchRecord
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.tasklog import sentences_of
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES
from tests.unit.launches.preflight.ready import emails
from tests.unit.launches.preflight.test_check import prepare
from tests.unit.operators.test_campaign import LOST_AFTER_THE_EFFECT
from tests.unit.task_state_store import TaskStateStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses", "sandbox_time")

SENDER = "ada.lovelace@mail.example"


def operator(campaign_id: Any, **given: Any) -> ActivateCampaignOperator:
    return ActivateCampaignOperator(**{"task_id": "activate", "campaign_id": campaign_id, "preflight": True, **given})


def asked(sandbox: SandboxClient, campaign_id: str) -> list[str]:
    """What was asked for, in order, in short."""
    names = {f"GET {campaign_id}": "campaign", "POST activate": "activate", "POST list": "leads"}
    found = [f"{request['method']} {request['path'].rpartition('/')[2]}" for request in sandbox.requests()]
    return [names.get(each, each.rpartition(" ")[2]) for each in found]


def before_the_decision(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None], *, read: int = 2) -> None:
    """Let something happen right before the campaign is read for so many times."""
    get = InstantlyHook.get_campaign
    reads: list[str] = []

    def reading(hook: InstantlyHook, campaign_id: Any) -> Any:
        reads.append(campaign_id)
        if len(reads) == read:
            then()
        return get(hook, campaign_id)

    monkeypatch.setattr(InstantlyHook, "get_campaign", reading)


def test_the_check_comes_right_before_the_read_that_decides(
    sandbox: SandboxClient, run_task: Any, task_log: Any
) -> None:
    campaign_id = prepare(sandbox, SENDER)

    run = run_task(operator(campaign_id))

    assert run.error is None
    assert run.value["launched"]
    assert asked(sandbox, campaign_id) == [
        "campaign", "plan-details", "leads", "accounts", "vitals", "campaign", "activate", "campaign",
    ]  # fmt: skip
    assert f'The check ended: passed. [campaign "Spring" ({campaign_id})]' in task_log()


@pytest.mark.parametrize("senders", [1, 100, 101, 250])
def test_a_check_before_the_launch_asks_no_more_than_one_by_itself(
    sandbox: SandboxClient, run_task: Any, senders: int
) -> None:
    campaign_id = prepare(sandbox, *(f"sender{number}@mail{number % 7}.example" for number in range(senders)))

    run = run_task(operator(campaign_id))

    assert run.value["launched"]
    of_the_launch = ["campaign", "activate", "campaign"]
    asked_for = asked(sandbox, campaign_id)
    assert asked_for[-3:] == of_the_launch
    assert len(asked_for[:-3]) <= 1 + ceil(senders / 100) + 6


def test_what_is_not_ready_is_not_launched(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    campaign_id = prepare(sandbox)

    run = run_task(operator(campaign_id))

    assert isinstance(run.error, LaunchRefusedError)
    assert str(run.error) == (
        "The check found 1 error: It has no sender: it names no account and no tag. [no_sender] This try did not "
        "activate it. Add sending accounts to the campaign, or a tag to accounts. "
        f'[campaign "Spring" ({campaign_id})]'
    )
    assert sentences_of(run.error) == (
        "The check found 1 error.",
        "This try did not activate it.",
        f'[campaign "Spring" ({campaign_id})]',
    )
    assert sandbox.activations(campaign_id) == 0
    assert "activate" not in asked(sandbox, campaign_id)
    assert "ERROR no_sender" in task_log()


def test_without_preflight_nothing_is_checked(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = prepare(sandbox)
    assert run_task(operator(campaign_id, preflight=False)).error is None
    assert asked(sandbox, campaign_id) == ["campaign", "activate", "campaign"]


def test_a_warning_keeps_nothing_from_its_launch(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    run = run_task(operator(prepare(sandbox, SENDER, stop_on_reply=False)))
    assert run.value["launched"]
    assert "WARNING stop_on_reply_off" in task_log()


@pytest.mark.parametrize("preflight", [{"ignore": ["no_sender"]}, {"fail_on": ["warning"]}])
def test_what_the_author_allows(sandbox: SandboxClient, run_task: Any, preflight: dict[str, Any]) -> None:
    assert run_task(operator(prepare(sandbox), preflight=preflight)).value["launched"]


@pytest.mark.parametrize("path", ["*/leads/list", "*/accounts", "*/accounts/test/vitals", "*/plan-details"])
def test_what_could_not_be_read_is_no_pass(sandbox: SandboxClient, run_task: Any, path: str) -> None:
    campaign_id = prepare(sandbox, SENDER)
    sandbox.add_fault("error", path, status=503, count=5)

    runs = [run_task(operator(campaign_id)) for _ in range(2)]

    assert isinstance(runs[0].error, CheckIncompleteError)
    assert "This try did not activate it." in str(runs[0].error)
    assert runs[1].value["launched"]
    assert sandbox.activations(campaign_id) == 1


@pytest.mark.parametrize("status", [ACTIVE, SUBSEQUENCES])
def test_what_runs_is_left_alone_however_it_stands(sandbox: SandboxClient, run_task: Any, status: int) -> None:
    campaign_id = sandbox.add_campaign("Empty", status=status)
    run = run_task(operator(campaign_id))
    assert (run.error, run.value["launched"]) == (None, False)
    assert asked(sandbox, campaign_id) == ["campaign", "campaign"]


def test_how_it_stands_is_for_the_plan_to_decide(sandbox: SandboxClient, run_task: Any) -> None:
    ready, empty = prepare(sandbox, SENDER, leads=1), sandbox.add_campaign("Empty", status=BOUNCED)
    sandbox.set_status(ready, BOUNCED)
    assert "Instantly stopped it" in str(run_task(operator(ready)).error)
    assert run_task(operator(ready, reactivate_stopped=True)).value["launched"]
    refused = run_task(operator(empty, reactivate_stopped=True))
    assert isinstance(refused.error, LaunchRefusedError)
    assert "[no_step]" in str(refused.error)
    assert "[campaign_stopped]" not in str(refused.error)
    assert sandbox.activations(empty) == 0


def test_a_campaign_that_cannot_be_read(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = prepare(sandbox, SENDER)
    sandbox.add_fault("error", f"*/campaigns/{campaign_id}", status=403, count=1)
    run = run_task(operator(campaign_id))
    assert isinstance(run.error, InstantlyPermissionError)
    assert f"This try did not activate campaign {campaign_id}" in str(run.error)


class TestChangesMeanwhile:
    def test_e_mails_are_judged_as_the_decision_reads_them(
        self, sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign_id = prepare(sandbox, SENDER)
        before_the_decision(monkeypatch, lambda: sandbox.set_fields(campaign_id, **emails("TODO")))
        run = run_task(operator(campaign_id))
        assert isinstance(run.error, LaunchRefusedError)
        assert "[placeholder_text]" in str(run.error)
        assert sandbox.activations(campaign_id) == 0

    @pytest.mark.parametrize("fields", [{"email_list": []}, {"email_tag_list": ["a-tag"]}])
    def test_other_senders_are_checked_by_another_try(
        self, sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
    ) -> None:
        campaign_id = prepare(sandbox, SENDER)
        before_the_decision(monkeypatch, lambda: sandbox.set_fields(campaign_id, **fields))
        run = run_task(operator(campaign_id))
        assert isinstance(run.error, CheckIncompleteError)
        assert "was changed while it was checked. This try did not activate it." in str(run.error)
        assert sandbox.activations(campaign_id) == 0

    @pytest.mark.parametrize("status", [PAUSED, COMPLETED, DRAFT])
    def test_what_needed_no_launch_and_needs_one_now_is_not_launched_unchecked(
        self, sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        campaign_id = sandbox.add_campaign("Empty", status=ACTIVE)
        before_the_decision(monkeypatch, lambda: sandbox.set_status(campaign_id, status))
        run = run_task(operator(campaign_id))
        assert isinstance(run.error, CheckIncompleteError)
        assert sandbox.activations(campaign_id) == 0

    def test_one_that_runs_by_now_is_left_alone(
        self, sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign_id = sandbox.add_campaign("Empty")
        before_the_decision(monkeypatch, lambda: sandbox.set_status(campaign_id, ACTIVE))
        run = run_task(operator(campaign_id))
        assert (run.error, run.value["launched"]) == (None, False)

    def test_a_task_that_is_killed_meanwhile_activates_nothing(
        self, sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign_id = prepare(sandbox, SENDER)
        task = operator(campaign_id)
        before_the_decision(monkeypatch, task.on_kill)
        assert isinstance(run_task(task).error, TaskKilledError)
        assert sandbox.activations(campaign_id) == 0


class TestRecovery:
    """What an earlier try launched is launched, whatever a check would say of it."""

    @pytest.fixture(params=["with a record", "without"])
    def context(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"task_state_store": TaskStateStore()} if request.param == "with a record" else {}

    def test_a_retry_after_a_launch_of_its_own_is_not_checked(
        self, sandbox: SandboxClient, run_task: Any, task_instance: Any, context: dict[str, Any]
    ) -> None:
        campaign_id = prepare(sandbox, SENDER)
        assert run_task(operator(campaign_id), **context).value["launched"]
        sandbox.set_fields(campaign_id, email_list=[], sequences=[])

        run = run_task(operator(campaign_id), task_instance(try_number=2), **context)

        assert run.error is None
        assert run.value["status_name"] == "Active"
        assert run.value["launched"] is bool(context)
        assert sandbox.activations(campaign_id) == 1

    def test_a_launch_that_shows_late_is_not_hidden_by_a_refusal(
        self, sandbox: SandboxClient, run_task: Any, task_instance: Any, context: dict[str, Any]
    ) -> None:
        """Its answer was lost with its worker; by the time of the retry the campaign is not ready, and then Active."""
        campaign_id = prepare(sandbox, SENDER)
        sandbox.set_script(campaign_id, [(20, "active")])
        assert isinstance(run_task(operator(campaign_id), **context).error, LaunchNotConfirmedError)
        assert sandbox.activations(campaign_id) == 1
        sandbox.set_fields(campaign_id, email_list=[])
        sandbox.advance_clock(9)

        runs = [run_task(operator(campaign_id), task_instance(try_number=number), **context) for number in (2, 3)]

        assert all(not isinstance(run.error, LaunchRefusedError) for run in runs)
        assert runs[-1].error is None
        assert runs[-1].value["status_name"] == "Active"
        assert sandbox.activations(campaign_id) == 1

    def test_a_refusal_on_a_retry_speaks_for_its_own_try_only(
        self, sandbox: SandboxClient, run_task: Any, task_instance: Any, context: dict[str, Any]
    ) -> None:
        run = run_task(operator(prepare(sandbox)), task_instance(try_number=2), **context)
        assert isinstance(run.error, LaunchRefusedError)
        assert "This try did not activate it; whether an earlier one did, its log says. Add sending" in str(run.error)

    @pytest.mark.parametrize("fault", LOST_AFTER_THE_EFFECT.values(), ids=LOST_AFTER_THE_EFFECT.keys())
    def test_a_lost_answer_is_read_back_without_another_check(
        self, sandbox: SandboxClient, run_task: Any, fault: dict[str, Any]
    ) -> None:
        campaign_id = prepare(sandbox, SENDER)
        sandbox.add_fault(path="*/activate", **fault)
        assert run_task(operator(campaign_id)).value["launched"]
        assert asked(sandbox, campaign_id).count("leads") == 1
        assert sandbox.activations(campaign_id) == 1

    @pytest.mark.parametrize(("put_off", "checks"), [(7.0, 1), (59.0, 1), (61.0, 2)])
    def test_an_activation_that_was_put_off_is_checked_again_only_after_a_minute(
        self,
        sandbox: SandboxClient,
        run_task: Any,
        sandbox_time: list[float],
        monkeypatch: pytest.MonkeyPatch,
        put_off: float,
        checks: int,
    ) -> None:
        """Each such answer cost the requests of a whole check, on a rate limit that was used up."""
        monkeypatch.setattr(
            "airflow_provider_instantly.operators.campaign.steady_clock", lambda: lambda: 1e9 + sum(sandbox_time)
        )
        campaign_id = prepare(sandbox, SENDER)
        sandbox.add_fault("error", "*/activate", status=429, retry_after=put_off)

        assert run_task(operator(campaign_id)).value["launched"]

        check = ["campaign", "plan-details", "leads", "accounts", "vitals"]
        again = [*(check if checks == 2 else []), "campaign", "activate", "campaign"]
        assert asked(sandbox, campaign_id) == [*check, "campaign", "activate", *again]
        assert sandbox.activations(campaign_id) == 1

    def test_a_check_that_still_counts_judges_the_campaign_as_it_is_read_again(
        self, sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign_id = prepare(sandbox, SENDER)
        sandbox.add_fault("error", "*/activate", status=429)
        before_the_decision(monkeypatch, lambda: sandbox.set_fields(campaign_id, **emails("TODO")), read=3)

        run = run_task(operator(campaign_id))

        assert isinstance(run.error, LaunchRefusedError)
        assert "[placeholder_text]" in str(run.error)
        assert sandbox.activations(campaign_id) == 0

    def test_a_retry_after_a_possible_launch_waits_before_it_checks(
        self, sandbox: SandboxClient, run_task: Any, task_instance: Any, sandbox_time: list[float]
    ) -> None:
        """It waited between the check and the activation, for which the check has to be of this moment."""
        campaign_id, store = prepare(sandbox, SENDER), TaskStateStore()
        LaunchRecord({"task_state_store": store}, campaign_id, logging.getLogger("a task")).note_sending(
            CampaignStatus.DRAFT
        )

        run = run_task(operator(campaign_id), task_instance(try_number=2), task_state_store=store)

        assert run.value["launched"]
        assert asked(sandbox, campaign_id) == [
            "campaign", "campaign", "campaign", "campaign",
            "plan-details", "leads", "accounts", "vitals", "campaign", "activate", "campaign",
        ]  # fmt: skip
        assert sandbox_time == [1.0, 2.0, 4.0]

    def test_what_an_earlier_try_may_have_sent_is_waited_for_once(
        self, sandbox: SandboxClient, run_task: Any, task_instance: Any, sandbox_time: list[float]
    ) -> None:
        """Each activation that was put off let it wait for seven seconds more."""
        campaign_id, store = sandbox.add_campaign(), TaskStateStore()
        LaunchRecord({"task_state_store": store}, campaign_id, logging.getLogger("a task")).note_sending(
            CampaignStatus.DRAFT
        )
        sandbox.add_fault("error", "*/activate", status=429)

        run = run_task(operator(campaign_id, preflight=False), task_instance(try_number=2), task_state_store=store)

        assert run.value["launched"]
        assert asked(sandbox, campaign_id) == [*["campaign"] * 4, "activate", "campaign", "activate", "campaign"]
        assert sandbox_time[:3] == [1.0, 2.0, 4.0]
        assert len(sandbox_time) == 4


def test_no_address_leaves_it(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    campaign_id = prepare(sandbox, SENDER, **emails("TODO {{ada.lovelace@mail.example}}"))
    sandbox.add_accounts(SENDER, fields={"status": -1})
    refused = run_task(operator(campaign_id))
    launched = run_task(operator(campaign_id, preflight={"fail_on": []}))
    assert launched.value["launched"]
    for text in (str(refused.error), json.dumps(launched.value), task_log()):
        assert "lovelace" not in text
        assert "customer.example" not in text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"check_before": False}, "preflight reads the campaign, so it needs check_before=True"),
        ({"preflight": "yes"}, "preflight must be True or False"),
        ({"preflight": {"min_warmup_score": 101}}, "min_warmup_score"),
        ({"preflight": {"ignored": []}}, "preflight has 'ignored'"),
    ],
)
def test_what_can_be_of_no_use_is_refused_while_the_dag_is_parsed(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operator("019e18e2-a521-7bb9-9dd6-45f1bc69dcd0", **given)
