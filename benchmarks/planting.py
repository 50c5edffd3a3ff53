"""
Puts deferred task instances into Airflow's database, as the scheduler and the workers do, but without their minutes.

Runs in Airflow's own environment: ``python -m benchmarks.planting``, with a JSON document on the standard input.
Where a task starts in the triggerer, the scheduler's own code defers it. Where a worker begins it, its trigger is the
one that the worker would have handed over.
"""

from __future__ import annotations

import datetime
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.connection import Connection
from airflow.models.dagbag import DBDagBag
from airflow.models.trigger import Trigger
from airflow.sdk.exceptions import TaskDeferred
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def main(wanted: dict[str, Any]) -> None:
    """
    Plant what is asked for.

    :param wanted: ``connections`` to make, and ``dags``: for each id of a DAG the configurations of its runs.
    """
    with create_session() as session:
        for connection_id, fields in wanted["connections"].items():
            session.add(Connection(conn_id=connection_id, **fields))
        bundles = DagBundlesManager()  # type: ignore[no-untyped-call]
        bundles.sync_bundles_to_db(session=session)
        [bundle] = bundles.get_all_dag_bundles()
        session.commit()
        bundle.initialize()
        parsed = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        if parsed.import_errors:
            raise RuntimeError(str(parsed.import_errors))
        sync_bag_to_db(parsed, bundle.name, None, session=session)
        session.commit()
        for dag_id, runs in wanted["dags"].items():
            for number, conf in enumerate(runs):
                _plant_run(parsed.dags[dag_id], f"{time.time_ns()}_{number}", conf, session)
                session.commit()


def _plant_run(dag: Any, run_id: str, conf: dict[str, Any], session: Session) -> None:
    now = datetime.datetime.now(datetime.UTC)
    serialized = DBDagBag(load_op_links=False).get_latest_version_of_dag(dag.dag_id, session=session)
    if serialized is None:
        raise RuntimeError(f"The DAG {dag.dag_id} was not stored.")
    run = serialized.create_dagrun(
        run_id=run_id,
        run_after=now,
        conf=conf,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        start_date=now,
        session=session,
    )
    run.dag = serialized
    session.flush()
    ready = run.task_instance_scheduling_decisions(session=session).schedulable_tis
    run.schedule_tis(ready, session=session)
    session.flush()
    for ti in run.get_task_instances(session=session):
        session.refresh(ti)
        if ti.state == TaskInstanceState.SCHEDULED:
            _defer_as_worker(dag.get_task(ti.task_id), ti, conf, session)


def _defer_as_worker(task: Any, ti: Any, conf: dict[str, Any], session: Session) -> None:
    """Do to a task instance what the API server does when a worker reports that the task was deferred."""
    trigger, timeout = _trigger_of(task, ti, conf)
    row = Trigger.from_object(trigger)
    session.add(row)
    session.flush()
    now = datetime.datetime.now(datetime.UTC)
    ti.state = TaskInstanceState.DEFERRED
    ti.trigger_id = row.id
    ti.trigger_timeout = None if timeout is None else now + timeout
    ti.next_method = "execute_complete"
    ti.next_kwargs = {}
    ti.start_date = now
    ti.try_number = 1


def _trigger_of(task: Any, ti: Any, conf: dict[str, Any]) -> tuple[Any, datetime.timedelta | None]:
    if task.task_type == "DbtCloudJobRunSensor":
        from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger

        return (
            DbtCloudRunJobTrigger(
                run_id=task.run_id,
                conn_id=task.dbt_cloud_conn_id,
                account_id=task.account_id,
                poll_interval=task.poke_interval,
                end_time=time.time() + task.timeout,
                hook_params=task.hook_params,
            ),
            None,
        )
    if task.task_type == "BareSensor":
        from benchmarks.bare_wait import BareTrigger

        return BareTrigger(conf["campaign_ids"][_index(ti.task_id)]), None
    if ti.map_index >= 0:
        task = task.unmap(
            task.expand_input.value | {"campaign_id": task.expand_input.value["campaign_id"][ti.map_index]}
        )
        ids = [task.campaign_id]
    else:
        ids = task.campaign_id if isinstance(task.campaign_id, list) else [conf["campaign_ids"][_index(ti.task_id)]]
    now = time.time()
    try:
        task._defer(ids, task._goal(deadline=now + task.timeout), now)
    except TaskDeferred as deferred:
        return deferred.trigger, deferred.timeout
    raise RuntimeError(f"{task} did not defer.")


def _index(task_id: str) -> int:
    return int(task_id.rpartition("_")[2])


if __name__ == "__main__":
    main(json.load(sys.stdin))
