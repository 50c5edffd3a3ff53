"""
What a trigger that carries its DAG costs the triggerer's event loop, by the size of the DAG.

Airflow's own code for it, called in this process: how long the loop stands still while 50 such triggers arrive, which
is one portion, and while one of them is made; and what each keeps in memory. `dag_sizes` measures the same from
outside, in a real triggerer, but needs a machine that does nothing else; CPU time and memory as here do not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.row import Row

SIZES = (1, 10, 25, 50, 100, 200, 1000)
PORTION = 50
"""Triggers that Airflow hands to a triggerer at once."""
BLOCKED = 200.0
"""Milliseconds for which the loop may stand still before Airflow complains."""


def run(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """
    Measure each size in a process of its own.

    :param sizes: the numbers of tasks in the DAG.
    """
    note = (
        f"A trigger with its DAG: CPU time and memory (USS) of Airflow's own code in one process, {PORTION} triggers "
        "together. A wait that a worker began carries no DAG and costs nothing of this."
    )
    rows: list[Row] = []
    for size in sizes:
        memory, make, receive = _figures(size)
        what = f"trigger with a DAG of {size:,}"
        rows += [
            Row(f"{what}: memory", memory / 1e3, None, "kB", note=note),
            Row(f"{what}: CPU to make it", make * 1e3, None, "ms", note=note),
            Row(
                f"{what}: loop stands still while {PORTION} arrive",
                receive * 1e3,
                BLOCKED,
                "ms",
                "at most 200 ms",
                receive * 1e3 <= BLOCKED,
                note,
            ),
        ]
    return rows


def _figures(size: int) -> tuple[float, float, float]:
    dags = [{"dag_id": "measured", "kind": "ours_started", "tasks": size, "interval": 10}]
    with tempfile.TemporaryDirectory(prefix="benchmark-dag-") as home:
        result = subprocess.run(
            [sys.executable, "-m", "benchmarks.dag_in_trigger"],
            env={**os.environ, "AIRFLOW_HOME": home, "BENCHMARK_DAGS": json.dumps(dags)},
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        )
    memory, make, receive = json.loads(result.stdout.splitlines()[-1])
    return memory, make, receive


def _measure() -> None:
    """Print bytes for each trigger, CPU seconds to make one, and CPU seconds to receive a portion."""
    import datetime
    import gc
    import time
    import uuid

    import msgspec
    import psutil
    from airflow.executors.workloads.task import TaskInstanceDTO
    from airflow.executors.workloads.trigger import RunTrigger
    from airflow.jobs.triggerer_job_runner import ToTriggerRunner, TriggerRunner, messages
    from airflow.serialization.serialized_objects import DagSerialization
    from pydantic import TypeAdapter

    from benchmarks.dags import waits

    now = datetime.datetime.now(datetime.UTC)
    dag = DagSerialization.to_dict(waits.__dict__["measured"])
    run: dict[str, Any] = {
        **dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end", "end_date", "partition_key")),
        "dag_id": "measured",
        "run_id": "run",
        "run_after": now,
        "start_date": now,
        "run_type": "manual",
        "state": "running",
        "conf": {"campaign_ids": [str(uuid.uuid4()) for _ in dag["dag"]["tasks"]]},
        "consumed_asset_events": [],
    }
    ti = TaskInstanceDTO(
        id=uuid.uuid4(),
        dag_version_id=uuid.uuid4(),
        task_id="wait_0",
        dag_id="measured",
        run_id="run",
        try_number=1,
        map_index=-1,
        pool_slots=1,
        queue="default",
        priority_weight=1,
    )
    triggers = [
        RunTrigger(id=i, ti=ti, classpath="a.b.C", encrypted_kwargs="x" * 800, dag_data=dag, dag_run_data=run)
        for i in range(PORTION)
    ]
    sync = messages.TriggerStateSync(to_create=triggers, to_cancel=set())
    frame = msgspec.msgpack.encode(sync.model_dump(mode="json"))
    adapter: TypeAdapter[ToTriggerRunner] = TypeAdapter(ToTriggerRunner)

    def receive() -> messages.TriggerStateSync:
        received = adapter.validate_python(msgspec.msgpack.decode(frame))
        if not isinstance(received, messages.TriggerStateSync):
            raise TypeError(type(received))
        return received

    def make(trigger: RunTrigger) -> object:
        made = TriggerRunner.create_runtime_ti(ti, trigger.dag_data or {}, trigger.dag_run_data or {})
        return made, made.get_template_context()

    def memory() -> int:
        gc.collect()
        return int(psutil.Process().memory_full_info().uss)

    make(receive().to_create[0])
    begin = time.process_time()
    received = receive()
    seconds = time.process_time() - begin
    # The triggerer drops what it received as soon as the trigger is made.
    to_make = received.to_create
    before, begin = memory(), time.process_time()
    kept = [make(trigger) for trigger in to_make]
    making = (time.process_time() - begin) / PORTION
    print(json.dumps([(memory() - before) / len(kept), making, seconds]))


if __name__ == "__main__":
    _measure()
