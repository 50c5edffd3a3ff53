"""What differs between versions of Airflow, or has moved, and is met by tests in more than one place."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS, AIRFLOW_V_3_2_PLUS

if TYPE_CHECKING:
    from pathlib import Path

try:
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferred
except ImportError:  # Airflow < 3.2
    from airflow.exceptions import AirflowRescheduleException, TaskDeferred  # type: ignore[no-redef]

__all__ = [
    "READS_ANY_EXTRA",
    "SHOWS_FORMS",
    "AirflowRescheduleException",
    "TaskDeferred",
    "connection_form",
    "dags_of",
    "encode_trigger",
    "gets_context",
    "store_dags",
]

#: Airflow 3.0 shows what a provider says of its form only where Flask AppBuilder is installed.
SHOWS_FORMS = AIRFLOW_V_3_1_PLUS or find_spec("flask_appbuilder") is not None
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


def store_dags(file: Path) -> None:
    """
    Put the DAGs of a file into Airflow's database, as its DAG processor does.

    `dag.test()` does so itself, but not in 3.0, where a task with outlets fails that are not stored.
    """
    if AIRFLOW_V_3_1_PLUS or not AIRFLOW_V_3_0_PLUS:
        return
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.dagbag import DagBag

    bag: Any = DagBag(str(file), safe_mode=False)
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    bag.sync_to_db("dags-folder", None)


def connection_form(conn_type: str) -> dict[str, Any]:
    """
    What Airflow's pages know of the form of a connection.

    Below 3.2, the hook says it with Flask AppBuilder. Only Airflow 2 has that; the pages of 3.1 stand in for it.
    """
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    if not AIRFLOW_V_3_0_PLUS:
        prefix = f"extra__{conn_type}__"
        extra = {name.removeprefix(prefix) for name in manager.connection_form_widgets if name.startswith(prefix)}
        return {**manager.field_behaviours[conn_type], "extra": extra}
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    # It may have read the hooks before without what the pages put in the place of Flask AppBuilder.
    manager._cleanup()  # type: ignore[no-untyped-call]
    hooks: Any = HookMetaService.hook_meta_data()
    [hook] = [each for each in hooks if each.connection_type == conn_type]
    fields = {("schema" if name == "url_schema" else name): field for name, field in hook.standard_fields if field}
    return {
        "hidden_fields": [name for name, field in fields.items() if field.hidden],
        "relabeling": {name: field.title for name, field in fields.items() if field.title},
        "placeholders": {name: field.placeholder for name, field in fields.items() if field.placeholder},
        "extra": set(hook.extra_fields),
    }


def encode_trigger(trigger: Any) -> Any:
    """The trigger of a watcher as it stands in a serialized DAG, and as its hash is made of."""
    try:
        from airflow.serialization.encoders import encode_trigger
    except ImportError:  # Airflow < 3.2
        from airflow.serialization.serialized_objects import _encode_trigger as encode_trigger  # type: ignore
    return encode_trigger(trigger)


def gets_context(callback: Any) -> bool:
    """Whether Airflow hands a context to this callback of a deadline. Airflow 3.1 hands one to each."""
    if not AIRFLOW_V_3_2_PLUS:
        return True
    try:
        from airflow._shared.module_loading import accepts_context
    except ImportError:  # Airflow 3.2
        from airflow.models.callback import _accepts_context as accepts_context  # type: ignore
    ask: Any = accepts_context
    return bool(ask(callback))
