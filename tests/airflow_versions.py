"""In what versions of Airflow differ that tests meet in more than one place, or that has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS

if TYPE_CHECKING:
    from pathlib import Path

try:
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferred
except ImportError:  # Airflow < 3.2
    from airflow.exceptions import AirflowRescheduleException, TaskDeferred  # type: ignore[no-redef]

__all__ = ["READS_ANY_EXTRA", "AirflowRescheduleException", "TaskDeferred", "dags_of"]

#: Airflow 3.0 and 3.1 say of a connection in the environment whose extra is no JSON object that there is none.
READS_ANY_EXTRA = AIRFLOW_V_3_2_PLUS or not AIRFLOW_V_3_0_PLUS


def dags_of(file: Path) -> dict[str, Any]:
    """The DAGs of a file, as Airflow's DAG processor finds them."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow < 3.2
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]
    bag = DagBag(str(file), safe_mode=False)
    assert not bag.import_errors
    dags: dict[str, Any] = bag.dags
    return dags
