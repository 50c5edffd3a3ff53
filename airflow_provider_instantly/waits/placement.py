"""
Where a deferred wait begins and ends: in the triggerer wherever Airflow allows it without a loss, else on a worker.

Airflow >= 3.3 can start a task in the triggerer, with its templates rendered, and end it there. What it then leaves out
(listeners, asset events, callbacks at the start) is what decides here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, overload

from airflow.providers.common.compat.sdk import conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_3_PLUS

from airflow_provider_instantly.validation import is_collection
from airflow_provider_instantly.waits.arguments import CAMPAIGNS_THAT_FIT, fit, packed_if_literal

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.triggers.base import StartTriggerArgs

#: Seconds by which Airflow's own limit on a deferral lies behind our deadline, which it only backs up.
BACKSTOP: Final = 600.0
#: Seconds that a task stays away from the workers at least. Airflow (seen on 3.3.2) fails a task that is queued again
#: before the scheduler has read the executor's report of its first run.
MIN_ABSENCE: Final = 10.0
#: Seconds by which a deferred wait ends before ``execution_timeout`` on Airflow 2.11, which counts the time until a
#: worker resumes the task, and then ends it with an error that knows nothing of campaigns, nor of ``soft_fail``.
_HEAD_START: Final = 0.0 if AIRFLOW_V_3_0_PLUS else 30.0
#: A trigger that starts a task carries its whole serialized DAG. A DAG of 25 tasks takes about 97 kB and 5 ms of CPU in
#: the triggerer; one of 100 takes 334 kB and 11 ms; one of 1,000 takes 3.5 MB and 170 ms, and the event loop stalls for
#: two seconds where 50 come together. (Airflow 3.3.2, `python -m benchmarks dag_in_trigger`)
MAX_TASKS_OF_A_LIGHT_DAG: Final = 25

#: Airflow's own, of which tasks are that name none. That it counts deferred tasks is known to the scheduler only.
_DEFAULT_POOL: Final = "default_pool"
#: Why a wait for very many campaigns takes place on a worker.
TOO_LONG: Final = (
    f"a trigger's row has room for about {CAMPAIGNS_THAT_FIT:,} campaigns where Airflow's database is or may be MySQL"
)

#: What a wait says that holds a slot which others want.
HOLDS_A_SLOT: Final = (
    "The wait holds a slot of its Celery worker until it ends, and other tasks queue for it. With deferrable=True it "
    "holds none."
)
#: The same of one that leaves its worker later: in mode "reschedule", once there is nothing to remember any more.
HOLDS_A_SLOT_FOR_NOW: Final = HOLDS_A_SLOT.replace("until it ends", "for now")

_FACTS_OF_THE_RUN: Final = frozenset(
    {
        "dag_run",
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "logical_date",
        "params",
        "run_id",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
    }
)


def why_not_end_in_triggerer(task: Any) -> str | None:
    """
    Why success must be noted on a worker, or None where the triggerer may end the task.

    :param task: the operator.
    """
    if not AIRFLOW_V_3_3_PLUS:
        return "Airflow below 3.3 cannot"
    if task.outlets:
        return "its outlets are announced on a worker only"
    if task.multiple_outputs:
        return "multiple_outputs are pushed on a worker only"
    if task.has_on_success_callback:
        return "on_success_callback is called on a worker only"
    if task._post_execute_hook or _has_own(task, "post_execute", "execute_complete"):
        return "post_execute, and what a subclass does when its wait is over, run on a worker only"
    if task.has_dag() and next(task.iter_mapped_dependants(), None) is not None:
        return "a mapped task runs over its result, and only a worker tells Airflow how long that is"
    if _has_listeners():
        return "a listener is registered, which hears only of what ends on a worker"
    return None


def why_not_start_in_triggerer(task: Any) -> str | None:
    """
    Why the task must begin on a worker, or None where the triggerer may start it.

    :param task: the operator, in its DAG or not yet.
    """
    if not AIRFLOW_V_3_3_PLUS:
        return "Airflow below 3.3 does not render templates there"
    if not _renders_in_triggerer(task.campaign_id) or not _renders_in_triggerer(task.instantly_conn_id):
        return "its templates need what only a worker has, such as XComs, variables or macros of the DAG"
    if not _params_have_values(task):
        return "a param of its DAG has no valid default, which stops the triggerer of Airflow 3.3.2 altogether"
    if task.execution_timeout is not None:
        return "execution_timeout is counted on a worker only"
    if task.has_on_execute_callback:
        return "on_execute_callback is called on a worker only"
    if task._pre_execute_hook or _has_own(task, "pre_execute", "execute"):
        return "pre_execute, and what a subclass does before it waits, run on a worker only"
    if task.pool != _DEFAULT_POOL:
        return "its pool may count deferred tasks, and Airflow has only what begins on a worker wait for a slot"
    if task.max_active_tis_per_dag is not None or task.max_active_tis_per_dagrun is not None:
        return "Airflow holds max_active_tis_per_dag and max_active_tis_per_dagrun against what begins on a worker only"
    if not fit({"campaign_id": packed_if_literal(task.campaign_id)}):
        return TOO_LONG
    if conf.getboolean("triggerer", "queues_enabled", fallback=False):
        return "only a worker hands its trigger to the task's queue (Airflow 3.3.2)"
    if _has_listeners():
        return "a listener is registered, which hears only of what begins on a worker"
    return None


def holds_a_slot(task: Any) -> bool:
    """
    Whether a wait on a worker takes from others what they soon lack: Celery's slots are few, and for all DAGs.

    :param task: the operator. One that is deferrable has been asked to leave its worker, and says why it stays.
    """
    if task.deferrable:
        return False
    # The first of several is what a task has that names none.
    configured: str = conf.get("core", "executor", fallback="")
    return "celery" in (task.executor or configured.partition(",")[0]).lower()


def execution_deadline(task: Any, started: float) -> float | None:
    """
    When a deferred wait has used up the task's ``execution_timeout``, in seconds since the epoch, or None.

    Airflow 3 counts that time on a worker only, so the wait counts it by itself.

    :param task: the operator.
    :param started: when its worker began, in seconds since the epoch.
    """
    limit: timedelta | None = task.execution_timeout
    if limit is None:
        return None
    seconds = limit.total_seconds()
    return started + seconds - min(_HEAD_START, seconds / 10)


def is_light(task: Any) -> bool:
    """
    Whether the task's DAG is small enough for its triggers to carry it.

    :param task: the operator; without a DAG it counts as light.
    """
    return not task.has_dag() or len(task.dag.task_dict) <= MAX_TASKS_OF_A_LIGHT_DAG


class StartsFromTrigger:
    """
    The attribute ``start_from_trigger``, decided when Airflow asks, which is when the DAG is complete.

    On the class it is False: Airflow cannot start mapped tasks in the triggerer, and reads it there for them.
    """

    def __get__(self, task: Any, owner: type) -> bool:
        """Whether Airflow should start the task in the triggerer."""
        return task is not None and task.starts_in_triggerer()


class StartTriggerArguments:
    """The attribute ``start_trigger_args``, made when Airflow asks, for the same reason."""

    @overload
    def __get__(self, task: None, owner: type) -> None: ...

    @overload
    def __get__(self, task: Any, owner: type) -> StartTriggerArgs | None: ...

    def __get__(self, task: Any, owner: type) -> StartTriggerArgs | None:
        """What Airflow makes the trigger from."""
        return None if task is None or not task.starts_in_triggerer() else task.first_trigger()


def _params_have_values(task: Any) -> bool:
    """Airflow 3.3.2 validates the params before a run's own values count; where one fails, its triggerer ends."""
    try:
        task.params.validate()
        if task.has_dag():
            task.dag.params.validate()
    except Exception:
        # Whatever a param's own check raises, the triggerer would meet it too.
        return False
    return True


def _has_listeners() -> bool:
    from airflow.providers.common.compat.sdk import get_listener_manager

    return bool(get_listener_manager().has_listeners)


def _has_own(task: Any, *methods: str) -> bool:
    """Whether a subclass that is not ours has one of the methods for itself."""
    known = ("airflow.", "airflow_provider_instantly.")
    return not all(getattr(type(task), method).__module__.startswith(known) for method in methods)


def _renders_in_triggerer(value: Any) -> bool:
    if is_collection(value):
        return all(_renders_in_triggerer(entry) for entry in value)
    return isinstance(value, str) and _names_only_the_run(value)


@lru_cache(maxsize=1024)
def _names_only_the_run(template: str) -> bool:
    """
    Whether a template uses nothing but facts of its DAG run.

    Seen on Airflow 3.3.2: an XCom that a template pulls in the triggerer is never answered, and the trigger hangs; and
    a DAG's own macros and filters are not there.
    """
    if "{" not in template:
        return True
    from jinja2 import Environment, TemplateError, meta

    environment = Environment(autoescape=True)
    try:
        environment.compile(template)
        names = meta.find_undeclared_variables(environment.parse(template))
    except TemplateError:
        return False
    return names <= _FACTS_OF_THE_RUN
