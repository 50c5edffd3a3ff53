"""What is counted of real work against the sandbox, and when and how Airflow gets it."""

from __future__ import annotations

import asyncio
import math
import re
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import CampaignNotFoundError, InstantlyConnectionError
from airflow_provider_instantly.exceptions import CampaignWaitError, LaunchRefusedError, TaskKilledError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches.failed import counts_failures
from airflow_provider_instantly.observability import metrics
from airflow_provider_instantly.observability.metrics import (
    CAMPAIGNS_POLLED,
    FLUSH_INTERVAL,
    LAUNCHES,
    LAUNCHES_FAILED,
    LEADS_ADDED,
    LEADS_REJECTED,
    METRICS,
    POLLS,
    RATE_LIMIT_WAIT,
    REQUESTS,
    RETRIES,
    STATUSES_SEEN,
    TIME_TO_ACTIVE,
    Metrics,
    are_on,
)
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator, PauseCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.triggers.campaign import CampaignStatusTrigger
from tests.airflow_versions import TaskDeferred
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, UNKNOWN
from tests.unit.conftest import TaskInstanceStandIn, first_event
from tests.unit.observability.conftest import CONNECTION, AirflowsStats

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

NO_CAMPAIGN = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
EITHER_WAIT = pytest.mark.parametrize("deferrable", [False, True], ids=["on a worker", "deferred"])

pytestmark = pytest.mark.usefixtures("short_pauses", "frequent_polls", "short_absences")


def launch(campaign_id: str, **given: Any) -> ActivateCampaignOperator:
    return ActivateCampaignOperator(
        **{"task_id": "launch", "campaign_id": campaign_id, "poll_interval": 0.03, "timeout": 10, **given}
    )


class TestRequests:
    def test_each_is_counted_with_its_method_and_its_status(self, sandbox: SandboxClient, stats: AirflowsStats) -> None:
        campaign_id = sandbox.add_campaign()
        with InstantlyHook() as hook:
            hook.get_campaign(campaign_id)
            hook.activate_campaign(campaign_id)
            with pytest.raises(CampaignNotFoundError):
                hook.get_campaign(NO_CAMPAIGN)
        assert stats.of(REQUESTS, method="GET", status="200") == 1
        assert stats.of(REQUESTS, method="POST", status="200") == 1
        assert stats.total(REQUESTS) == 3
        assert stats.total(RETRIES) == 0

    async def test_in_an_event_loop_too(self, sandbox: SandboxClient, stats: AirflowsStats) -> None:
        campaign_id = sandbox.add_campaign()
        async with InstantlyHook() as hook:
            await hook.aget_campaign(campaign_id)
        assert stats.of(REQUESTS, method="GET", status="200") == 1

    def test_one_without_an_answer(self, sandbox: SandboxClient, stats: AirflowsStats) -> None:
        campaign_id = sandbox.add_campaign()
        sandbox.add_fault("reset")
        with InstantlyHook(max_retries=0) as hook, pytest.raises(InstantlyConnectionError):
            hook.get_campaign(campaign_id)
        assert stats.of(REQUESTS, method="GET", status="none") == 1

    def test_a_retry_is_counted_with_the_status_that_it_follows(
        self, sandbox: SandboxClient, stats: AirflowsStats, sandbox_time: list[float]
    ) -> None:
        campaign_id = sandbox.add_campaign()
        sandbox.add_fault("error", status=503, count=1)
        with InstantlyHook() as hook:
            hook.get_campaign(campaign_id)
        assert stats.of(REQUESTS, method="GET", status="503") == 1
        assert stats.of(REQUESTS, method="GET", status="200") == 1
        assert stats.of(RETRIES, status="503") == stats.total(RETRIES) == 1
        assert stats.seconds(RATE_LIMIT_WAIT) == []

    def test_the_pause_for_the_rate_limit_is_measured(
        self, sandbox: SandboxClient, stats: AirflowsStats, sandbox_time: list[float]
    ) -> None:
        campaign_id = sandbox.add_campaign()
        sandbox.add_fault("error", status=429, count=1)
        with InstantlyHook() as hook:
            hook.get_campaign(campaign_id)
        assert stats.of(RETRIES, status="429") == 1
        assert stats.seconds(RATE_LIMIT_WAIT) == pytest.approx(sandbox_time)

    @pytest.mark.parametrize("operator", [launch, PauseCampaignOperator], ids=["a launch", "a pause"])
    def test_that_of_a_change_too(
        self, sandbox: SandboxClient, stats: AirflowsStats, sandbox_time: list[float], run_task: Any, operator: Any
    ) -> None:
        campaign_id = sandbox.add_campaign(status=DRAFT if operator is launch else ACTIVE)
        sandbox.add_fault("error", method="POST", status=429, count=1)
        assert run_task(operator(campaign_id=campaign_id, task_id="change")).error is None
        assert stats.of(RETRIES, status="429") == stats.total(RETRIES) == 1
        assert len(stats.seconds(RATE_LIMIT_WAIT)) == 1


class TestWaits:
    @EITHER_WAIT
    def test_polls_and_what_they_saw(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any, deferrable: bool
    ) -> None:
        running = sandbox.add_campaigns(3, status=ACTIVE)
        done = sandbox.add_campaign(status=COMPLETED)
        sensor = CampaignStatusSensor(
            task_id="wait",
            campaign_id=[*running, done],
            deferrable=deferrable,
            start_from_trigger=False,
            poke_interval=0.03,
            timeout=10,
        )
        run = run_task(sensor)
        assert run.error is None
        polls = stats.of(POLLS)
        assert polls >= 1
        assert stats.of(CAMPAIGNS_POLLED) == 4 * polls
        assert stats.of(STATUSES_SEEN, status="active") == 3 * polls
        assert stats.of(STATUSES_SEEN, status="completed") == polls

    def test_a_status_that_this_release_does_not_know(self, stats: AirflowsStats) -> None:
        counted = Metrics(CONNECTION)
        counted.note_poll({NO_CAMPAIGN: Campaign(NO_CAMPAIGN, CampaignStatus(UNKNOWN))})
        counted.flush()
        assert stats.of(STATUSES_SEEN, status="unknown") == 1

    def test_a_campaign_that_cannot_be_read_has_no_status(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any
    ) -> None:
        run_task(CampaignStatusSensor(task_id="wait", campaign_id=NO_CAMPAIGN, poke_interval=0.03, timeout=10))
        assert stats.of(CAMPAIGNS_POLLED) == 1
        assert stats.total(STATUSES_SEEN) == 0

    def test_a_poll_that_meets_the_rate_limit(
        self, sandbox: SandboxClient, stats: AirflowsStats, sandbox_time: list[float], run_task: Any
    ) -> None:
        campaign_id = sandbox.add_campaign(status=ACTIVE)
        sandbox.add_fault("error", status=429, count=1)
        sensor = CampaignStatusSensor(task_id="wait", campaign_id=campaign_id, poke_interval=0.03, timeout=1000)
        assert run_task(sensor).error is None
        assert stats.seconds(RATE_LIMIT_WAIT) == pytest.approx(sandbox_time)

    def test_a_poll_of_a_trigger_that_meets_the_rate_limit(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any
    ) -> None:
        campaign_id = sandbox.add_campaign(script=[(0, "active")])
        sandbox.add_fault("error", "*/campaigns/*", method="GET", status=429, skip=3, count=1)
        run = run_task(launch(campaign_id, wait_for_active=True, stable_for=0.2, deferrable=True))
        assert run.error is None
        assert len(stats.seconds(RATE_LIMIT_WAIT)) == 1

    def test_a_worker_hands_them_over_before_it_sleeps(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next poll may be an hour away, and a worker that is killed loses what it has."""
        campaign_id = sandbox.add_campaign(status=DRAFT)
        polls: list[tuple[int, int]] = []

        def sleep(seconds: float) -> None:
            polls.append((stats.of(POLLS), stats.of(REQUESTS, method="GET", status="200")))
            sandbox.set_status(campaign_id, ACTIVE)

        monkeypatch.setattr("airflow_provider_instantly.sensors.campaign.time.sleep", sleep)
        sensor = CampaignStatusSensor(task_id="wait", campaign_id=campaign_id, poke_interval=60, timeout=1000)
        assert run_task(sensor).error is None
        assert polls == [(1, 1)]

    async def test_so_does_the_triggerer(self, sandbox: SandboxClient, stats: AirflowsStats) -> None:
        trigger = CampaignStatusTrigger(sandbox.add_campaign(status=DRAFT), poll_interval=60)
        waiting = asyncio.create_task(first_event(trigger))
        async with asyncio.timeout(10):
            while not stats.of(POLLS):  # noqa: ASYNC110 - a thread counts
                await asyncio.sleep(0.01)
        assert stats.of(CAMPAIGNS_POLLED) == stats.of(STATUSES_SEEN, status="draft") == 1
        assert threading.get_ident() not in stats.threads
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


class TestLaunches:
    def test_a_launch_is_counted(self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any) -> None:
        run_task(launch(sandbox.add_campaign()))
        assert stats.of(LAUNCHES) == 1
        assert stats.total(LAUNCHES_FAILED) == 0
        assert stats.seconds(TIME_TO_ACTIVE) == []

    def test_what_runs_already_was_not_launched(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any
    ) -> None:
        run_task(launch(sandbox.add_campaign(status=ACTIVE), wait_for_active=True))
        assert stats.total(LAUNCHES) == stats.total(LAUNCHES_FAILED) == 0
        assert stats.seconds(TIME_TO_ACTIVE) == []

    def test_a_refused_one_is_counted_with_its_reason(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any
    ) -> None:
        assert isinstance(run_task(launch(sandbox.add_campaign(status=BOUNCED))).error, LaunchRefusedError)
        assert stats.of(LAUNCHES_FAILED, reason="refused") == stats.total(LAUNCHES_FAILED) == 1
        assert stats.total(LAUNCHES) == 0

    def test_one_that_instantly_does_not_know(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any
    ) -> None:
        assert run_task(launch(NO_CAMPAIGN)).error is not None
        assert stats.of(LAUNCHES_FAILED, reason="request_failed") == 1

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"campaign_id": "{{ a_template }}"}, "refused"),
            ({"instantly_conn_id": "no_such_connection"}, "no_connection"),
            ({"preflight": True}, "refused"),
        ],
        ids=str,
    )
    def test_one_that_ends_before_it_begins(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any, given: dict[str, Any], reason: str
    ) -> None:
        operator = launch(**{"campaign_id": sandbox.add_campaign(), **given})
        assert run_task(operator).error is not None
        counted = {tags for (name, tags), _ in stats.counts.items() if name == LAUNCHES_FAILED.name}
        assert counted == {frozenset({("connection", operator.instantly_conn_id), ("reason", reason)})}
        assert stats.total(LAUNCHES_FAILED) == 1

    @EITHER_WAIT
    @pytest.mark.parametrize(
        ("script", "given", "reason"),
        [
            ([(0, "active"), (0.1, "bounce_protect")], {"stable_for": 5}, "stopped"),
            ([(60, "active")], {"timeout": 0.3}, "timed_out"),
        ],
        ids=["stopped", "timeout"],
    )
    def test_one_whose_wait_fails_is_counted_once(
        self,
        sandbox: SandboxClient,
        stats: AirflowsStats,
        run_task: Any,
        deferrable: bool,
        script: Any,
        given: dict[str, Any],
        reason: str,
    ) -> None:
        operator = launch(sandbox.add_campaign(script=script), wait_for_active=True, deferrable=deferrable, **given)
        assert run_task(operator).error is not None
        assert stats.of(LAUNCHES_FAILED, reason=reason) == stats.total(LAUNCHES_FAILED) == 1

    def test_one_whose_execution_timeout_is_over(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any
    ) -> None:
        given = {"wait_for_active": True, "deferrable": True, "stable_for": 5}
        operator = launch(sandbox.add_campaign(), execution_timeout=timedelta(seconds=0.5), **given)
        with pytest.raises(AirflowTaskTimeout):
            run_task(operator)
        assert stats.of(LAUNCHES_FAILED, reason="timed_out") == stats.total(LAUNCHES_FAILED) == 1

    @pytest.mark.parametrize("why", ["Trigger failure", "Trigger/execution timeout"])
    def test_one_whose_wait_airflow_ends_in_the_triggerer(self, stats: AirflowsStats, why: str) -> None:
        """Airflow raised its own error before any method of ours was called."""
        task = launch(NO_CAMPAIGN, wait_for_active=True, deferrable=True)
        with pytest.raises(CampaignWaitError):
            task.resume_execution("__fail__", {"error": why}, {})
        assert stats.of(LAUNCHES_FAILED, reason="wait_failed") == stats.total(LAUNCHES_FAILED) == 1

    def test_one_that_waits_in_the_triggerer_has_not_failed(self, sandbox: SandboxClient, stats: AirflowsStats) -> None:
        task = launch(sandbox.add_campaign(), wait_for_active=True, stable_for=5, deferrable=True)
        with pytest.raises(TaskDeferred):
            task.execute({"ti": TaskInstanceStandIn()})  # type: ignore[typeddict-item]
        assert stats.total(LAUNCHES_FAILED) == 0

    @pytest.mark.parametrize("error", [TaskKilledError("Killed."), KeyboardInterrupt(), SystemExit(1)], ids=repr)
    def test_nor_has_one_that_is_killed(self, stats: AirflowsStats, error: BaseException) -> None:
        @counts_failures
        def execute(task: Any) -> None:
            raise error

        with pytest.raises(type(error)):
            execute(launch(NO_CAMPAIGN))
        assert stats.total(LAUNCHES_FAILED) == 0

    def test_what_no_one_expected_is_counted_too(self, stats: AirflowsStats) -> None:
        @counts_failures
        def execute(task: Any) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            execute(launch(NO_CAMPAIGN))
        assert stats.of(LAUNCHES_FAILED, reason="other") == 1

    @EITHER_WAIT
    def test_the_time_until_it_was_seen_active(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any, deferrable: bool
    ) -> None:
        campaign_id = sandbox.add_campaign(script=[(0, "active")])
        run = run_task(launch(campaign_id, wait_for_active=True, stable_for=0.2, deferrable=deferrable))
        assert run.error is None
        [seconds] = stats.seconds(TIME_TO_ACTIVE)
        assert seconds >= 0.2

    def test_in_another_try_it_is_not_known_when_it_was_launched(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any, task_instance: Any
    ) -> None:
        campaign_id = sandbox.add_campaign(script=[(0, "active")])
        operator = launch(campaign_id, wait_for_active=True, stable_for=0.2)
        assert run_task(operator, task_instance(try_number=2)).error is None
        assert stats.of(LAUNCHES) == 1
        assert stats.seconds(TIME_TO_ACTIVE) == []

    @pytest.mark.parametrize(("try_number", "times"), [(1, 1), (2, 0)])
    async def test_nor_does_the_triggerer(
        self, sandbox: SandboxClient, stats: AirflowsStats, task_instance: Any, try_number: int, times: int
    ) -> None:
        campaign_id = sandbox.add_campaign(status=ACTIVE)
        trigger: Any = CampaignStatusTrigger(
            campaign_id, passthrough={"launched": True}, deadline=time.time() + 50, timeout=60, poll_interval=0.03
        )
        trigger.task_instance = task_instance(try_number=try_number)
        assert await first_event(trigger)
        assert [seconds > 9 for seconds in stats.seconds(TIME_TO_ACTIVE)] == [True] * times


class TestLeads:
    def test_those_that_were_added_and_those_that_were_rejected(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any
    ) -> None:
        rows = [{"email": f"person{number}@example.com"} for number in range(3)] + [{"email": "no address"}]
        campaign_id = sandbox.add_campaign()
        run = run_task(AddLeadsOperator(task_id="add", campaign_id=campaign_id, rows=rows, on_reject="warn"))
        assert run.error is None
        assert stats.of(LEADS_ADDED) == 3
        assert stats.of(LEADS_REJECTED) == 1

    def test_a_dry_run_adds_and_rejects_no_one(
        self, sandbox: SandboxClient, stats: AirflowsStats, run_task: Any
    ) -> None:
        rows = [{"email": "person@example.com"}, {"email": "no address"}]
        campaign_id = sandbox.add_campaign()
        operator = AddLeadsOperator(task_id="add", campaign_id=campaign_id, rows=rows, on_reject="warn", dry_run=True)
        assert run_task(operator).error is None
        assert stats.total(LEADS_ADDED) == stats.total(LEADS_REJECTED) == 0


class TestHandingOver:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The seconds of the clock that is used."""
        now = [1000.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        return now

    def test_it_happens_at_most_every_few_seconds(self, stats: AirflowsStats, clock: list[float]) -> None:
        counted = Metrics(CONNECTION)
        clock[0] += 2 * FLUSH_INTERVAL
        counted.count(POLLS)
        counted.flush_if_due()
        assert stats.calls == 0
        clock[0] += FLUSH_INTERVAL
        counted.flush_if_due()
        assert stats.of(POLLS) == 1
        counted.count(POLLS, 2)
        counted.flush_if_due()
        assert stats.of(POLLS) == 1
        counted.flush()
        assert stats.of(POLLS) == 3

    def test_what_would_be_due_in_a_pause_is_handed_over_before_it(
        self, stats: AirflowsStats, clock: list[float]
    ) -> None:
        counted = Metrics(CONNECTION)
        counted.flush_if_due(math.inf)
        counted.count(POLLS)
        clock[0] += 1
        counted.flush_if_due(FLUSH_INTERVAL - 1.5)
        assert stats.calls == 0
        counted.flush_if_due(FLUSH_INTERVAL - 1)
        assert stats.of(POLLS) == 1

    @pytest.mark.parametrize(
        ("conn_id", "tag"),
        [
            ("instantly_default", "instantly_default"),
            ("team/a.b-c_D1", "team/a.b-c_D1"),
            ("a#b!c(d):e\\f>g,h=i|j@k l", "a_b_c_d__e_f_g_h_i_j_k_l"),
            ("Münch\n", "M_nch_"),
            ("x" * 250, "x" * 100),
        ],
    )
    def test_any_connections_id_is_a_tag_that_statsd_takes(self, stats: AirflowsStats, conn_id: str, tag: str) -> None:
        counted = Metrics(conn_id)
        counted.count(POLLS)
        counted.flush()
        assert stats.counts == {(POLLS.name, frozenset({("connection", tag)})): 1}

    def test_alike_numbers_are_handed_over_as_one(self, stats: AirflowsStats) -> None:
        counted = Metrics(CONNECTION)
        for _ in range(1000):
            counted.count(POLLS)
        counted.flush()
        assert (stats.of(POLLS), stats.calls) == (1000, 1)

    def test_nothing_is_handed_over_twice(self, stats: AirflowsStats) -> None:
        counted = Metrics(CONNECTION)
        counted.count(POLLS)
        counted.measure(RATE_LIMIT_WAIT, 1.5)
        counted.flush()
        counted.flush()
        assert (stats.of(POLLS), stats.seconds(RATE_LIMIT_WAIT)) == (1, [1.5])

    def test_where_there_is_nothing_nothing_is_handed_over(self, stats: AirflowsStats) -> None:
        Metrics(CONNECTION).flush()
        counted = Metrics(CONNECTION)
        counted.count(LEADS_ADDED, 0)
        counted.flush()
        assert stats.calls == 0

    def test_a_long_task_hands_over_before_it_ends(
        self, sandbox: SandboxClient, stats: AirflowsStats, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics, "FLUSH_INTERVAL", 0.0)
        campaign_id = sandbox.add_campaign()
        with InstantlyHook() as hook:
            for done in range(3):
                hook.get_campaign(campaign_id)
                assert stats.total(REQUESTS) == done
        assert stats.total(REQUESTS) == 3

    def test_nothing_is_handed_over_between_a_read_and_the_change_that_rests_on_it(
        self, sandbox: SandboxClient, stats: AirflowsStats, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Airflow may have to look up a host first, and meanwhile a person may pause the campaign."""
        monkeypatch.setattr(metrics, "FLUSH_INTERVAL", 0.0)
        campaign_id = sandbox.add_campaign()
        with InstantlyHook() as hook:
            hook.get_campaign(campaign_id)
            hook.activate_campaign(campaign_id, max_retries=0)
            assert stats.total(REQUESTS) == 0
        assert stats.total(REQUESTS) == 2

    async def test_an_event_loop_is_not_held_up(
        self, sandbox: SandboxClient, stats: AirflowsStats, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics, "FLUSH_INTERVAL", 0.0)
        campaign_id = sandbox.add_campaign()
        async with InstantlyHook() as hook:
            await hook.aget_campaign(campaign_id)
        await asyncio.get_running_loop().shutdown_default_executor()
        assert stats.total(REQUESTS) == 1
        assert threading.get_ident() not in stats.threads

    def test_what_cannot_be_handed_over_ends_no_task(
        self, sandbox: SandboxClient, stats: AirflowsStats, monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise OSError("no such host")

        monkeypatch.setattr(stats, "incr", fail)
        with InstantlyHook() as hook:
            hook.get_campaign(sandbox.add_campaign())
        assert "Metrics could not be handed to Airflow (OSError)." in caplog.text

    def test_a_task_that_is_killed_meanwhile_ends(self, stats: AirflowsStats, monkeypatch: pytest.MonkeyPatch) -> None:
        """A signal's handler raises it wherever the task is, and it would wait on."""

        def killed(*args: Any, **kwargs: Any) -> None:
            raise TaskKilledError("The task was killed.")

        monkeypatch.setattr(stats, "incr", killed)
        counted = Metrics(CONNECTION)
        counted.count(POLLS)
        with pytest.raises(TaskKilledError):
            counted.flush()


class TestWhereMetricsAreOff:
    @pytest.fixture(autouse=True)
    def afresh(self) -> Any:
        """Airflow's configuration is read once."""
        are_on.cache_clear()
        yield
        are_on.cache_clear()

    def test_they_are_off_by_default(self) -> None:
        assert not are_on()

    @pytest.mark.parametrize("switch", ["STATSD_ON", "STATSD_DATADOG_ENABLED", "OTEL_ON"])
    def test_each_of_airflows_switches_turns_them_on(self, switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(f"AIRFLOW__METRICS__{switch}", "True")
        assert are_on()

    def test_a_switch_that_is_no_boolean_is_off_and_said_to_be(
        self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, run_task: Any
    ) -> None:
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "perhaps")
        campaign_id = sandbox.add_campaign(status=DRAFT)
        assert run_task(launch(campaign_id, wait_for_active=False)).error is None
        assert sandbox.activations(campaign_id) == 1
        assert "Airflow's metrics are taken for off, since a switch cannot be read (AirflowConfigException)." in (
            caplog.text
        )

    def test_no_one_watches_the_requests_and_nothing_is_kept(self) -> None:
        counted = Metrics(CONNECTION)
        counted.count(POLLS)
        counted.measure(RATE_LIMIT_WAIT, 1.0)
        counted.note_poll({})
        assert counted.observer is None
        assert counted._take() is None


def test_names_are_fit_for_every_backend() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"instantly\.[a-z_]{1,40}", name) for name in names)
    assert all(re.fullmatch(r"[a-z_]+", tag) for metric in METRICS for tag in metric.tags)
