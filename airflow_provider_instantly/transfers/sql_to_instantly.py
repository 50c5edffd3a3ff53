"""From a query of any database to leads in a campaign: `AddLeadsOperator` with a statement as its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.operators.lead import AddLeadsOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_instantly import validation


class SqlToInstantlyLeadsOperator(AddLeadsOperator):
    """
    Adds the people of a query to a campaign or a list, each once.

    The database keeps the result while it is read (PostgreSQL and MySQL with a server-side cursor), so the memory that
    it takes does not grow with the rows. All rows are read, and the connection is closed, before the first request to
    Instantly. In everything else it is `AddLeadsOperator`, and has its parameters except for ``rows`` and ``path``.

    :param sql: one statement that returns rows, or a file with one: ``people.sql``. (templated)
    :param sql_conn_id: the id of the database's Airflow connection. (templated)
    :param parameters: what the database's driver puts into the statement. Once rendered, Airflow shows it nowhere.
        (templated)
    :param sql_hook_params: arguments of the database's hook.
    :param more: the parameters of `AddLeadsOperator`.

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    template_fields: Sequence[str] = (
        "sql",
        "sql_conn_id",
        "parameters",
        *(name for name in AddLeadsOperator.template_fields if name not in ("rows", "path")),
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        sql: validation.Text,
        sql_conn_id: str,
        parameters: Sequence[Any] | Mapping[str, Any] | validation.Text | None = None,
        sql_hook_params: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            sql=sql, sql_conn_id=sql_conn_id, parameters=parameters, sql_hook_params=sql_hook_params, **more
        )
