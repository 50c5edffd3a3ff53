"""The operator that puts addresses and domains on the workspace's block list, and never takes any off it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_instantly import validation
from airflow_provider_instantly.exceptions import (
    BlockNotConfirmedError,
    RejectsNotWrittenError,
    RowsRejectedError,
    failure,
)
from airflow_provider_instantly.operators.rows import ReadsRows
from airflow_provider_instantly.tasklog import reasons_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_instantly.leads.blocking import Taken
    from airflow_provider_instantly.leads.spool import Counts


class BlockContactsOperator(ReadsRows):
    """
    Puts addresses and domains on the workspace's block list. No campaign of the workspace sends to them any more.

    It reads the whole input, and then sends what it has in thousands. It only adds. What is blocked already stays so,
    so a retry, a cleared task and a second run do no harm, and a request whose answer is lost is sent again.

    It returns a dict of counts: ``rows``, ``rejected`` (neither an address nor a domain), ``duplicates`` (among the
    rows), ``blocked`` (on the list now, whether or not they were before; None if Instantly did not say, or what it
    counts does not add up) and ``refused`` (not taken by Instantly; None if it did not say). No address is in it, nor
    in the log or an error.

    :param rows: a list of addresses and domains, or of mappings; an XCom of one, or a mapped argument. Airflow does not
        show them anywhere. (templated)
    :param path: a file in their place, below any Airflow ``ObjectStoragePath``: JSON, one value or object a line, or
        CSV with a header. (templated)
    :param sql: a query in their place, or a file with one: ``optouts.sql``. (templated)
    :param column: the column with the address or domain, if there is more than one. (templated)
    :param sql_conn_id: the id of the database's Airflow connection. (templated)
    :param parameters: what the database's driver puts into the query. Once rendered, Airflow shows it nowhere.
        (templated)
    :param sql_hook_params: arguments of the database's hook.
    :param on_reject: ``"fail"`` to fail at the end if there is a value that is no address or domain, or of which
        Instantly does not say that it is blocked; or ``"warn"``.
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
        path: validation.Location | None = None,
        sql: validation.Text | None = None,
        column: validation.Text | None = None,
        sql_conn_id: str | None = None,
        parameters: Sequence[Any] | Mapping[str, Any] | validation.Text | None = None,
        sql_hook_params: Mapping[str, Any] | None = None,
        on_reject: str = "fail",
        rejects_path: validation.Location | None = None,
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
            rejects_path=rejects_path,
            **kwargs,
        )
        self.column: Any = column
        self.on_reject = validation.one_of("on_reject", on_reject, ("fail", "warn"))
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", instantly_conn_id)
        self._note_what_was_given()
        self._is_killed = False
        #: What it returns, once that is known.
        self._returned: dict[str, Any] | None = None

    @reasons_first
    def execute(self, context: Context) -> dict[str, Any]:
        """
        Read all, block, and count.

        :param context: the task's context.
        :raises AirflowFailException: if a template rendered to nothing. Not retried.
        :raises InputError: if the input could not be read as rows. Nothing was sent.
        :raises RowsRejectedError: if there are values that could not be blocked; all others are. Not retried.
        :raises BlockNotConfirmedError: if what Instantly counts does not account for all that was sent.
        :raises RejectsNotWrittenError: if all is done but the file of the rejected rows.
        :raises TaskKilledError: if the task was killed between two requests.
        :raises InstantlyError: if Instantly refused a request or could not be reached.
        """
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.leads.blocking import block_all
        from airflow_provider_instantly.leads.contacts import Contacts
        from airflow_provider_instantly.leads.spool import Spool

        self._check_what_was_given()
        with Spool() as spool, InstantlyHook(self.instantly_conn_id) as hook:
            counts = self._read_into(spool, Contacts(self.column), rejects_duplicates=False)
            unwritten = self._report_rejects(spool)
            taken = block_all(hook, spool, len(spool), is_killed=lambda: self._is_killed, log=self.log)
        self._returned = {
            "rows": counts.rows,
            "rejected": counts.rejected,
            "duplicates": counts.duplicates,
            "blocked": counts.good - taken.refused if taken.adds_up else None,
            "refused": taken.refused if taken.is_known else None,
        }
        if unwritten is not None:
            raise failure(
                RejectsNotWrittenError,
                f"The file of rejects_path could not be written ({type(unwritten).__name__}).",
                _done(counts, taken),
                f"{counts.rejected:,} rows have no address or domain.",
                "Another try blocks the same again, which does no harm, and writes the file.",
            ) from unwritten
        self._judge(counts, taken)
        return self._returned

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        What this task is to OpenLineage, which calls this when it has succeeded or failed.

        :param task_instance: the task instance.
        """
        from airflow_provider_instantly.observability.lineage import of_block_list

        return of_block_list(self._lineage_of_input(), self.instantly_conn_id, self._returned)

    def on_kill(self) -> None:
        """Send no further request. Airflow calls it on the worker, from its handler of SIGTERM."""
        self._is_killed = True

    def _judge(self, counts: Counts, taken: Taken) -> None:
        """
        Say what became of the rows.

        :raises RowsRejectedError: if there are values that could not be blocked.
        :raises BlockNotConfirmedError: if it is not known of some values whether they are blocked.
        """
        done = _done(counts, taken)
        if self.on_reject == "fail" and not taken.adds_up:
            raise failure(
                BlockNotConfirmedError,
                "What Instantly counts does not account for all that was sent, so some of it may not be blocked.",
                done,
                f"{counts.rejected:,} rows have no address or domain.",
                "Another try sends it all again, which does no harm.",
                "Or look at the block list in Instantly.",
            )
        if not counts.rejected and not taken.refused:
            (self.log.info if taken.adds_up else self.log.warning)("%s", done)
            return
        sentences = [_what_is_not_blocked(counts, taken), done]
        if counts.rejected:
            sentences += ["The log has the numbers of the rows, and the reasons.", *self._where_rejects_are()]
        if self.on_reject == "fail":
            advice = "Fix these rows and run it again, which does no harm to the others."
            raise failure(RowsRejectedError, *sentences, advice)
        self.log.warning("%s", " ".join(sentences))


def _what_is_not_blocked(counts: Counts, taken: Taken) -> str:
    refused = f"{taken.refused:,} values{', and does not say which' if taken.refused else ''}"
    return f"{counts.rejected:,} rows have no address or domain, and Instantly did not take {refused}."


def _done(counts: Counts, taken: Taken) -> str:
    if taken.adds_up:
        return f"{counts.good - taken.refused:,} addresses and domains of {counts.rows:,} rows are on the block list."
    what = "took them" if not taken.refused else "took the others"
    return f"{counts.good:,} values of {counts.rows:,} rows were sent; Instantly did not say whether it {what}."
