"""Where a deferred wait begins and ends: what Airflow makes of a DAG when it serializes it, on every version."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, Param, task
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_3_PLUS

from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.triggers.campaign import CampaignStatusTrigger
from airflow_provider_instantly.waits import placement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAMPAIGN = "5a3d0e5e-0001-4000-8000-000000000001"
MANY = [f"5a3d0e5e-0001-4000-8000-{number:012}" for number in range(20)]
TRIGGER = "airflow_provider_instantly.triggers.campaign.CampaignStatusTrigger"

only_where_it_starts_there = pytest.mark.skipif(
    not AIRFLOW_V_3_3_PLUS,
    reason="Below 3.3 Airflow renders no templates in the triggerer, so every wait begins on a worker",
)


def in_dag(make: Callable[[], Any] | None = None, **more: Any) -> DAG:
    """A DAG with the tasks that a function makes."""
    with DAG("waits", schedule=None, **more) as dag:
        (make or sensor)()
    return dag


def sensor(**given: Any) -> CampaignStatusSensor:
    return CampaignStatusSensor(**{"task_id": "wait", "campaign_id": CAMPAIGN, "deferrable": True, **given})


def serialized(dag: DAG) -> Any:
    """The DAG as the scheduler has it: written to JSON and read again, as Airflow does."""
    import json

    from airflow.serialization import serialized_objects

    # Airflow below 3.2 knows the older name.
    Serialization: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG  # type: ignore[attr-defined]  # noqa: N806
    return Serialization.from_dict(json.loads(json.dumps(Serialization.to_dict(dag))))


def starts(dag: DAG, task_id: str = "wait") -> bool:
    """Whether the scheduler starts the task in the triggerer."""
    found = serialized(dag).get_task(task_id)
    assert bool(found.start_from_trigger) == (found.start_trigger_args is not None)
    return bool(found.start_from_trigger)


# What the scheduler makes of it


@only_where_it_starts_there
def test_the_scheduler_is_given_what_it_makes_the_trigger_from() -> None:
    from airflow.models.trigger import Trigger

    dag = in_dag(
        lambda: sensor(campaign_id="{{ params.campaign }}", timeout=90, poke_interval=7), params={"campaign": "x"}
    )

    found = serialized(dag).get_task("wait")
    arguments = found.start_trigger_args

    assert (arguments.trigger_cls, arguments.next_method) == (TRIGGER, "execute_complete")
    assert arguments.timeout == timedelta(seconds=90 + placement.BACKSTOP), "Airflow's own limit lies behind ours"
    row = Trigger(classpath=arguments.trigger_cls, kwargs=arguments.trigger_kwargs)
    trigger = CampaignStatusTrigger(**row.kwargs)
    assert trigger.campaign_id == "{{ params.campaign }}"
    assert (trigger.goal.timeout, trigger.goal.deadline, trigger.goal.poll_interval) == (90, None, 7)
    assert trigger.end_from_trigger
    assert trigger.started_here
    assert {"campaign_id", "instantly_conn_id"} <= arguments.trigger_kwargs.keys() | row.kwargs.keys()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"start_from_trigger": True},
        {"campaign_id": [CAMPAIGN, "{{ params.another }}"]},
        {"campaign_id": "{{ dag_run.conf['campaign'] }}"},
        {"campaign_id": "{% if ds %}" + CAMPAIGN + "{% endif %}"},
        {"instantly_conn_id": "{{ params.agency }}"},
        {"retries": 3, "on_failure_callback": lambda context: None},
        {"soft_fail": True},
    ],
)
def test_a_wait_begins_in_the_triggerer_where_nothing_is_lost(given: dict[str, Any]) -> None:
    dag = in_dag(lambda: sensor(**given), params={"another": CAMPAIGN, "agency": "a"})

    assert starts(dag) is AIRFLOW_V_3_3_PLUS


@pytest.mark.parametrize(
    ("given", "because"),
    [
        ({"start_from_trigger": False}, None),
        ({"deferrable": False}, None),
        ({"campaign_id": "{{ ti.xcom_pull('ids') }}"}, "XComs"),
        ({"campaign_id": "{{ var.value.campaign }}"}, "variables"),
        ({"campaign_id": "{{ macros.uuid.uuid4() }}"}, "macros"),
        ({"campaign_id": [CAMPAIGN, "{{ ti.xcom_pull('ids') }}"]}, "XComs"),
        ({"campaign_id": "{{ params.campaign | unknown_filter }}"}, "macros"),
        ({"instantly_conn_id": "{{ var.value.connection }}"}, "variables"),
        ({"execution_timeout": timedelta(minutes=5)}, "execution_timeout"),
        ({"on_execute_callback": lambda context: None}, "on_execute_callback"),
        ({"pre_execute": lambda context: None}, "pre_execute"),
        ({"pool": "one_at_a_time"}, "pool"),
        ({"max_active_tis_per_dag": 1}, "max_active_tis_per_dag"),
        ({"max_active_tis_per_dagrun": 1}, "max_active_tis_per_dagrun"),
    ],
)
def test_a_wait_begins_on_a_worker_where_something_would_be_lost(given: dict[str, Any], because: str | None) -> None:
    made: list[CampaignStatusSensor] = []
    assert not starts(in_dag(lambda: made.append(sensor(**given))))
    if AIRFLOW_V_3_3_PLUS and because is not None:
        assert because in str(placement.why_not_start_in_triggerer(made[0]))
        # And who insists is not obeyed, since the wait would be wrong.
        assert not starts(in_dag(lambda: sensor(**given, start_from_trigger=True)))


@pytest.mark.parametrize("method", ["pre_execute", "execute"])
def test_a_wait_that_does_more_before_it_begins_does_it_on_a_worker(method: str) -> None:
    more = type("More", (CampaignStatusSensor,), {method: lambda self, context: None})
    made: list[CampaignStatusSensor] = []

    dag = in_dag(lambda: made.append(more(task_id="wait", campaign_id=CAMPAIGN, deferrable=True)))

    assert not starts(dag)
    if AIRFLOW_V_3_3_PLUS:
        assert "subclass" in str(placement.why_not_start_in_triggerer(made[0]))


@only_where_it_starts_there
def test_where_triggerers_have_queues_waits_begin_on_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker hands its trigger to the task's queue; of one that starts a task, Airflow 3.3.2 forgets the queue."""
    monkeypatch.setenv("AIRFLOW__TRIGGERER__QUEUES_ENABLED", "True")

    assert not starts(in_dag(lambda: sensor(start_from_trigger=True)))
    assert "queue" in str(placement.why_not_start_in_triggerer(sensor()))


@pytest.mark.parametrize("many", [[CAMPAIGN], (CAMPAIGN, "{{ params.another }}"), frozenset(MANY)])
def test_any_collection_of_campaigns_begins_in_the_triggerer(many: Any) -> None:
    dag = in_dag(lambda: sensor(campaign_id=many), params={"another": CAMPAIGN})

    assert starts(dag) is AIRFLOW_V_3_3_PLUS
    if AIRFLOW_V_3_3_PLUS:
        assert arguments_of(serialized(dag).get_task("wait"))["campaign_id"] == (
            # Else each parsing of the DAG would make a new version of it.
            sorted(many) if isinstance(many, frozenset) else list(many)
        )


def test_an_xcom_as_an_argument_begins_on_a_worker() -> None:
    def make() -> None:
        @task
        def ids() -> list[str]:
            return [CAMPAIGN]

        sensor(campaign_id=ids())

    assert not starts(in_dag(make))


@pytest.mark.parametrize("how", ["expand", "expand_kwargs"])
@pytest.mark.parametrize("insists", [None, True])
def test_mapped_waits_begin_on_a_worker(how: str, insists: bool | None) -> None:
    more = {} if insists is None else {"start_from_trigger": insists}

    def make() -> None:
        partial = CampaignStatusSensor.partial(task_id="wait", deferrable=True, **more)
        if how == "expand":
            partial.expand(campaign_id=[CAMPAIGN])
        else:
            partial.expand_kwargs([{"campaign_id": CAMPAIGN}])

    dag = in_dag(make)

    found = serialized(dag).get_task("wait")
    # Airflow notes what the user said, but starts nothing without the arguments.
    assert bool(found.start_from_trigger) is (AIRFLOW_V_3_3_PLUS and insists is True)
    assert not found.start_trigger_args
    unmapped = dag.get_task("wait").unmap({"campaign_id": CAMPAIGN})
    assert isinstance(unmapped, CampaignStatusSensor)
    assert unmapped.wants_start is insists


# Listeners


@pytest.fixture
def listener() -> Iterator[None]:
    """A registered listener."""
    from airflow.listeners import hookimpl
    from airflow.providers.common.compat.sdk import get_listener_manager

    class Listening:
        @staticmethod
        @hookimpl
        def on_task_instance_running(previous_state: Any, task_instance: Any) -> None: ...

    manager, plugin = get_listener_manager(), Listening()
    manager.pm.register(plugin)
    try:
        assert manager.has_listeners
        yield
    finally:
        manager.pm.unregister(plugin)


@only_where_it_starts_there
@pytest.mark.usefixtures("listener")
def test_where_a_listener_is_registered_waits_begin_and_end_on_a_worker() -> None:
    one = sensor(start_from_trigger=True, end_from_trigger=True)
    dag = in_dag(lambda: sensor(start_from_trigger=True))

    assert not starts(dag)
    assert "listener" in str(placement.why_not_start_in_triggerer(one))
    assert "listener" in str(placement.why_not_end_in_triggerer(one))


# Where it ends


@only_where_it_starts_there
@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ({}, True),
        ({"end_from_trigger": True}, True),
        ({"end_from_trigger": False}, False),
        ({"outlets": "one"}, False),
        ({"multiple_outputs": True}, False),
        ({"on_success_callback": lambda context: None}, False),
        ({"post_execute": lambda context, result: None}, False),
    ],
)
def test_a_wait_ends_in_the_triggerer_where_nothing_is_lost(given: dict[str, Any], ends: bool) -> None:
    from airflow.sdk import Asset

    given = {**given, "outlets": [Asset("one")]} if "outlets" in given else given
    found = serialized(in_dag(lambda: sensor(**given))).get_task("wait")

    assert found.start_from_trigger
    assert arguments_of(found)["end_from_trigger"] is ends


@only_where_it_starts_there
@pytest.mark.parametrize("method", ["post_execute", "execute_complete"])
def test_a_wait_that_does_more_when_it_is_over_does_it_on_a_worker(method: str) -> None:
    more = type("More", (CampaignStatusSensor,), {method: lambda self, context, event=None: None})

    found = serialized(in_dag(lambda: more(task_id="wait", campaign_id=CAMPAIGN, deferrable=True))).get_task("wait")

    assert found.start_from_trigger
    assert arguments_of(found)["end_from_trigger"] is False


@only_where_it_starts_there
def test_a_wait_whose_result_a_mapped_task_runs_over_ends_on_a_worker() -> None:
    from airflow.sdk import task

    @task
    def part(one: Any) -> None: ...

    def make() -> Any:
        wait = sensor()
        part.expand(one=wait.output)
        return wait

    found = serialized(in_dag(make)).get_task("wait")

    assert found.start_from_trigger
    assert arguments_of(found)["end_from_trigger"] is False


@only_where_it_starts_there
@pytest.mark.parametrize("pushes", [True, False])
def test_a_wait_that_ends_in_the_triggerer_pushes_what_a_worker_would(pushes: bool) -> None:
    found = serialized(in_dag(lambda: sensor(do_xcom_push=pushes))).get_task("wait")
    assert arguments_of(found)["do_xcom_push"] is pushes


def arguments_of(found: Any) -> dict[str, Any]:
    from airflow.models.trigger import Trigger

    return dict(Trigger(classpath=TRIGGER, kwargs=found.start_trigger_args.trigger_kwargs).kwargs)


# Large DAGs


def many(count: int, **given: Any) -> DAG:
    def make() -> None:
        for number in range(count):
            sensor(task_id=f"wait_{number}", **given)

    return in_dag(make)


@only_where_it_starts_there
def test_the_default_is_a_worker_where_the_dag_is_large() -> None:
    most = placement.MAX_TASKS_OF_A_LIGHT_DAG

    assert starts(many(most), "wait_0")
    assert not starts(many(most + 1), "wait_0")
    assert starts(many(most + 1, start_from_trigger=True), "wait_0")


def test_a_large_dag_that_insists_is_warned_of_once_in_a_parse(task_log: Callable[[], str]) -> None:
    serialized(many(60, start_from_trigger=True))

    assert task_log().count("carries the whole DAG") == (1 if AIRFLOW_V_3_3_PLUS else 0)


def test_large_dags_of_one_file_are_each_warned_of(task_log: Callable[[], str]) -> None:
    for _ in range(2):
        serialized(many(60, start_from_trigger=True))

    assert task_log().count("carries the whole DAG") == (2 if AIRFLOW_V_3_3_PLUS else 0)


# Python


def test_copies_begin_where_the_original_does() -> None:
    dag = in_dag(lambda: sensor(poke_interval=9))
    original = dag.get_task("wait")

    copies = [copy.deepcopy(original), copy.copy(original), copy.deepcopy(dag).get_task("wait")]

    for each in copies:
        assert isinstance(each, CampaignStatusSensor)
        assert each.start_from_trigger is original.start_from_trigger is AIRFLOW_V_3_3_PLUS
        assert (each.start_trigger_args is None) is (original.start_trigger_args is None)
        assert (each.campaign_id, each.poke_interval) == (CAMPAIGN, 9)


def test_a_sensor_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(sensor(poke_interval=9)))  # noqa: S301 - our own

    assert (again.task_id, again.campaign_id, again.poke_interval) == ("wait", CAMPAIGN, 9)
    assert again.start_from_trigger is AIRFLOW_V_3_3_PLUS


def test_the_switches_may_be_defaults_of_the_dag() -> None:
    def make() -> None:
        CampaignStatusSensor(task_id="wait", campaign_id=CAMPAIGN)
        CampaignStatusSensor(task_id="in_a_worker", campaign_id=CAMPAIGN, start_from_trigger=False)

    defaults = {"deferrable": True, "poke_interval": 9, "start_from_trigger": True, "end_from_trigger": True}
    dag = in_dag(make, default_args=defaults)

    assert starts(dag) is AIRFLOW_V_3_3_PLUS
    assert not starts(dag, "in_a_worker")
    wait = dag.get_task("wait")
    assert isinstance(wait, CampaignStatusSensor)
    assert wait.poke_interval == 9


def test_the_switches_may_be_changed_while_the_dag_is_made() -> None:
    def make() -> None:
        sensor().execution_timeout = timedelta(minutes=5)

    assert not starts(in_dag(make)), "it is decided when the DAG is complete"


def test_the_class_itself_starts_nothing() -> None:
    assert CampaignStatusSensor.start_from_trigger is False
    assert CampaignStatusSensor.start_trigger_args is None


@pytest.mark.parametrize("wrong", ["yes", 1, 0])
def test_a_switch_that_is_neither_on_nor_off_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="start_from_trigger must be True or False"):
        sensor(start_from_trigger=wrong)
    with pytest.raises(ValueError, match="end_from_trigger must be True or False"):
        sensor(end_from_trigger=wrong)


# The operator


def test_the_operator_begins_on_a_worker_always_and_ends_where_nothing_is_lost() -> None:
    def make() -> None:
        ActivateCampaignOperator(task_id="launch", campaign_id=CAMPAIGN, wait_for_active=True, deferrable=True)

    dag = in_dag(make)

    assert not starts(dag, "launch")
    assert (placement.why_not_end_in_triggerer(dag.get_task("launch")) is None) is AIRFLOW_V_3_3_PLUS


# execution_timeout


@pytest.mark.parametrize("limit", [600.0, 60.0, 5.0, 1.0])
def test_a_wait_ends_at_its_execution_timeout_or_shortly_before(limit: float) -> None:
    """Airflow 2.11 ends a deferral at that moment itself, and its error knows nothing of campaigns."""
    one = sensor(execution_timeout=timedelta(seconds=limit))

    deadline = placement.execution_deadline(one, 1000.0)
    assert deadline is not None
    if AIRFLOW_V_3_0_PLUS:
        assert deadline == 1000 + limit
    else:
        assert 1000 + 0.9 * limit <= deadline < 1000 + limit
    assert placement.execution_deadline(sensor(task_id="endless"), 1000.0) is None


@pytest.mark.parametrize(
    ("param", "starts_in_triggerer"),
    [
        (Param("019e18e2-a521-7bb9-9dd6-45f1bc69dcd0", type="string"), True),
        ("", True),
        (Param(type="string"), False),
        (Param(None, type="string"), False),
        (Param(7, type="string"), False),
    ],
    ids=["valid default", "plain default", "required", "default None", "default of a wrong type"],
)
@pytest.mark.parametrize("of", ["dag", "task"])
def test_a_param_without_a_valid_default_keeps_the_wait_on_a_worker(
    of: str, param: Any, starts_in_triggerer: bool
) -> None:
    """Airflow 3.3.2's triggerer ends over it."""
    params = {"campaign_id": param}
    with DAG("d", schedule=None, params=params if of == "dag" else {}):
        sensor = CampaignStatusSensor(
            task_id="wait",
            campaign_id="{{ params.campaign_id }}",
            deferrable=True,
            params=params if of == "task" else {},
        )

    assert sensor.start_from_trigger is (starts_in_triggerer and AIRFLOW_V_3_3_PLUS)
    assert (sensor.start_trigger_args is not None) is sensor.start_from_trigger


@pytest.mark.parametrize(
    ("configured", "given", "holds"),
    [
        ("CeleryExecutor", {}, True),
        ("airflow.providers.celery.executors.celery_executor.CeleryExecutor", {}, True),
        ("CeleryExecutor,LocalExecutor", {}, True),
        ("CeleryExecutor,LocalExecutor", {"executor": "LocalExecutor"}, False),
        ("LocalExecutor,CeleryExecutor", {}, False),
        ("LocalExecutor,CeleryExecutor", {"executor": "CeleryExecutor"}, True),
        ("LocalExecutor", {}, False),
        ("CeleryExecutor", {"deferrable": True}, False),
    ],
)
def test_a_slot_is_held_where_workers_are_celerys(
    configured: str, given: dict[str, Any], holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", configured)
    assert placement.holds_a_slot(sensor(**{"deferrable": False, **given})) is holds
