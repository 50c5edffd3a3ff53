"""The operator that puts addresses and domains on the workspace's block list, and never takes any off it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_instantly import validation
from airflow_provider_instantly.exceptions import RowsRejectedError
from airflow_provider_instantly.operators.rows import ReadsRows, path_as_kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_instantly.leads.spool import Spool


class BlockContactsOperator(ReadsRows):
    """
    Puts addresses and domains on the workspace's block list. No campaign of the workspace sends to them any more.

    It reads the whole input, and then sends what it has in thousands. It only adds. What is blocked already stays so,
    so a retry, a cleared task and a second run do no harm, and a request whose answer is lost is sent again.

    It returns a dict of counts: ``rows``, ``rejected`` (neither an address nor a domain), ``duplicates`` (among the
    rows), ``blocked`` (on the list now, whether or not they were before; None if Instantly did not say) and ``refused``
    (not taken by Instantly; None if it did not say). No address is in it, nor in the log or an error.

    :param rows: a list of addresses and domains, or of mappings; an XCom of one, or a mapped argument. Airflow does not
        show them anywhere. (templated)
    :param path: a file in their place, below any Airflow ``ObjectStoragePath``: JSON, one value or object a line, or
        CSV with a header. (templated)
    :param sql: a query in their place, or a file with one: ``optouts.sql``. (templated)
    :param column: the column with the address or domain, if there is more than one. (templated)
    :param sql_conn_id: the id of the database's Airflow connection. (templated)
    :param parameters: what the database's driver puts into the query. (templated)
    :param sql_hook_params: arguments of the database's hook.
    :param on_reject: ``"fail"`` to fail at the end if there is a value that is no address or domain, or ``"warn"``.
    :param rejects_path: a file for the rejected rows, below any ``ObjectStoragePath``: their numbers, reasons and
        values, as JSON, one a line. (templated)
    :param instantly_conn_id: the id of the Airflow connection. (templated)

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    template_fields: Sequence[str] = (
        "rows",
        "path",
        "sql",
        "column",
        "sql_conn_id",
        "parameters",
        "rejects_path",
        "instantly_conn_id",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}  # noqa: RUF012 - as Airflow declares it
    ui_color = "#ffe8df"

    def __init__(
        self,
        *,
        rows: Any = None,
        path: str | PathLike[str] | None = None,
        sql: str | None = None,
        column: str | None = None,
        sql_conn_id: str | None = None,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        sql_hook_params: Mapping[str, Any] | None = None,
        on_reject: str = "fail",
        rejects_path: str | PathLike[str] | None = None,
        instantly_conn_id: str = "instantly_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rows=rows,
            path=path,
            sql=sql,
            sql_conn_id=sql_conn_id,
            parameters=parameters,
            sql_hook_params=sql_hook_params,
            **kwargs,
        )
        self.column = column
        self.on_reject = validation.one_of("on_reject", on_reject, ("fail", "warn"))
        self.rejects_path = path_as_kept(rejects_path)
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", instantly_conn_id)
        self._is_killed = False

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Read all, block, and count.

        :param context: the task's context.
        :raises InputError: if the input could not be read as rows. Nothing was sent.
        :raises RowsRejectedError: if there are values that could not be blocked; all others are. Not retried.
        :raises TaskKilledError: if the task was killed between two requests.
        :raises InstantlyError: if Instantly refused a request or could not be reached.
        """
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.leads.blocking import block_all
        from airflow_provider_instantly.leads.contacts import Contacts
        from airflow_provider_instantly.leads.spool import Spool

        with Spool() as spool, InstantlyHook(self.instantly_conn_id) as hook:
            counts = spool.fill(self._input(), Contacts(self.column), rejects_duplicates=False)
            self._report_rejects(spool)
            refused = block_all(hook, spool, len(spool), is_killed=lambda: self._is_killed, log=self.log)
        summary = {
            "rows": counts.rows,
            "rejected": counts.rejected,
            "duplicates": counts.duplicates,
            "blocked": None if refused is None else counts.good - refused,
            "refused": refused,
        }
        self._judge(summary, counts.good)
        return summary

    def on_kill(self) -> None:
        """Send no further request. Airflow calls it on the worker, from its handler of SIGTERM."""
        self._is_killed = True

    def _report_rejects(self, spool: Spool) -> None:
        from airflow_provider_instantly.leads.rejects import log_rejects, write_rejects

        log_rejects(self.log, spool.rejects())
        if self.rejects_path is not None:
            written = write_rejects(self.rejects_path, spool.rejects())
            self.log.info("Wrote %s rejected rows to the file of rejects_path.", f"{written:,}")

    def _judge(self, summary: Mapping[str, int | None], sent: int) -> None:
        """
        Say what became of the rows.

        :raises RowsRejectedError: if there are values that could not be blocked.
        """
        rejected, refused = summary["rejected"] or 0, summary["refused"]
        done = f"{sent - (refused or 0):,} addresses and domains of {summary['rows']:,} rows are on the block list."
        if refused is None:
            done = f"{sent:,} values of {summary['rows']:,} rows were sent; Instantly did not say whether it took them."
        if not rejected and not refused:
            self.log.info("%s", done)
            return
        where = "" if self.rejects_path is None else " The file of rejects_path has them."
        line = (
            f"{rejected:,} rows have no address or domain, and Instantly did not take {refused or 0:,} values. {done} "
            f"The log has the numbers of the rows, and the reasons.{where}"
        )
        if self.on_reject == "fail":
            raise RowsRejectedError(f"{line} Fix these rows and run it again, which does no harm to the others.")
        self.log.warning("%s", line)
