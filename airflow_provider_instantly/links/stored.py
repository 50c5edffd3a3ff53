"""A button on a task's page whose address the task itself pushes, past a backend for XComs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


def _database_xcom() -> Any:
    try:
        # Below Airflow 3.2, `airflow.sdk` itself does not have it.
        from airflow.sdk.bases.xcom import BaseXCom
    except ImportError:  # Airflow 2 reads links as all other XComs
        return XCom
    return BaseXCom


#: XComs past a backend of the user's. Airflow >= 3 reads links there, and of a backend's value it would show the path.
DatabaseXCom: Final = _database_xcom()


class StoredLink(BaseOperatorLink):
    """
    A link whose address lies under an XCom key, where the task puts it with `persist`.

    :cvar XCOM_KEY: the key. Under ``_link_`` and the name of the class, Airflow >= 3.0 reads the address.
    """

    XCOM_KEY: ClassVar[str]

    @property
    def xcom_key(self) -> str:
        """Where Airflow >= 3.0 reads the address."""
        return self.XCOM_KEY

    @classmethod
    def persist(cls, context: Any, url: str) -> None:
        """
        Make the button work from now on.

        :param context: the task's context.
        :param url: the address.
        """
        ti = context["ti"]
        if XCom is DatabaseXCom:
            ti.xcom_push(key=cls.XCOM_KEY, value=url)
        else:
            of = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
            DatabaseXCom.set(cls.XCOM_KEY, url, **of)

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        The address of the button, or an empty string where the task never pushed one.

        :param operator: the task's operator.
        :param ti_key: the task instance.
        """
        return DatabaseXCom.get_value(key=self.XCOM_KEY, ti_key=ti_key) or ""
