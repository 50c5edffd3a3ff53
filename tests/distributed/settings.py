"""All in which the distributed test's Airflow differs from docker-compose.yaml, and why."""

from __future__ import annotations

from typing import Final

#: Variables of the Compose file.
VARIABLES: Final = {
    # Two workers with four slots each would start more processes than two cores run well.
    "WORKER_SLOTS": "3",
}
#: Environment variables that win over those of the Compose file.
DIFFERENCES: Final = {
    # What the tasks of a dead worker wait for: 5 minutes by default. A busy machine is late with a heartbeat.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    # A task that a dead worker had taken from the queue, but not begun: 10 minutes by default. The queue is short here,
    # since the pool lets no more tasks into it than the workers soon take, so the tokens of its tasks stay valid.
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "150",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    # The tasks of a dead scheduler are looked for every 5 minutes by default.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    # DAG files do not change.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
#: How many tasks that talk to Instantly run at once.
POOL_SLOTS: Final = 12
