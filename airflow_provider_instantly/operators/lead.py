"""
The operator that adds leads to a campaign or a list.

It validates the whole input first, reads before it sends, and says of every row what became of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_instantly import validation
from airflow_provider_instantly.api.campaign import check_campaign_id
from airflow_provider_instantly.api.lead import MAX_PER_REQUEST
from airflow_provider_instantly.assets.events import announce
from airflow_provider_instantly.exceptions import (
    RejectsNotWrittenError,
    RowsRejectedError,
    TooFewLeadsError,
    failure,
    refused,
)
from airflow_provider_instantly.leads.chunks import DEFAULT_CHUNK_BYTES
from airflow_provider_instantly.leads.rows import Columns
from airflow_provider_instantly.links.campaign import CampaignLink
from airflow_provider_instantly.operators.rows import ReadsRows
from airflow_provider_instantly.tasklog import reasons_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.leads.spool import Spool
    from airflow_provider_instantly.leads.tally import Tally
    from airflow_provider_instantly.leads.upload import Upload

_LARGEST_CHUNK_BYTES: Final = 10_000_000
#: What would be returned, if the task fails after all leads were sent.
XCOM_KEY: Final = "counts"
#: What a task returns and its asset events say, too.
_ANNOUNCED: Final = ("campaign_id", "list_id", "url", "dry_run", "present", "uploaded")


class AddLeadsOperator(ReadsRows):
    """
    Adds leads to a campaign or a list, each once, and says of every row what became of it.

    It reads and validates the whole input before the first request. A campaign that sends, or may send, is not added to
    unless asked for: adding to it is sending. Who is there already is not added again, so a retry, a cleared task and a
    second run do no harm. After an answer that was lost it reads who is there, and sends only who is missing.

    It returns a dict of counts: ``rows``, ``rejected`` (before and after sending), ``duplicates`` (among the rows
    themselves), ``uploaded``, ``already_there``, ``found`` (there after an answer that was lost: added by it, or there
    before), ``present`` (the three together), ``skipped``, ``refused``, ``remaining_in_plan``; and ``campaign_id``,
    ``list_id``, ``url`` and ``dry_run``. No address is in it, nor in the log or an error. If the task fails after all
    that can be sent was sent, the same dict is in the XCom ``counts``.

    :param campaign_id: the UUID of the campaign, as text or as a ``uuid.UUID``; a template, an XCom. (templated)
    :param list_id: the UUID of a list of leads in its place. (templated)
    :param rows: a list of mappings, an XCom of one, or a mapped argument. Airflow does not show them anywhere, and
        templates within the rows are not rendered. (templated)
    :param path: a file in their place, below any Airflow ``ObjectStoragePath``: JSON objects, one a line, or CSV.
        (templated)
    :param fields: the column of each field whose column has another name: ``{"first_name": "given_name"}``. (templated)
    :param custom_variables: the columns that become custom variables, or ``"*"`` for all that are no field. By default
        such a column rejects its row. (templated)
    :param if_running: ``"add"`` to add to a campaign also if it sends, is Completed, was stopped by Instantly, or has a
        status that this release does not know.
    :param skip_if_in: ``"workspace"``, ``"campaign"`` or ``"list"``: leave out who is in any such place already.
    :param blocklist_id: the UUID of a block list in the place of the workspace's own. (templated)
    :param verify: whether Instantly verifies the new addresses, which costs credits.
    :param on_reject: ``"fail"`` to fail at the end if more than ``max_rejected`` rows were rejected, or ``"warn"``.
    :param max_rejected: how many rows may be rejected, or which share of them.
    :param rejects_path: a file for the rejected rows, below any ``ObjectStoragePath``: their numbers, reasons and
        values, as JSON, one a line. (templated)
    :param min_present: how many of the rows, or which share, must be in the campaign or list at the end: added now or
        before.
    :param chunk_size: rows in a request, at most.
    :param max_chunk_bytes: bytes of a request, at most.
    :param dry_run: whether to do all but the sending.
    :param instantly_conn_id: the id of the Airflow connection. (templated)

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    template_fields: Sequence[str] = (
        "campaign_id",
        "list_id",
        "rows",
        "path",
        "fields",
        "custom_variables",
        "blocklist_id",
        "rejects_path",
        "instantly_conn_id",
    )
    operator_extra_links = (CampaignLink(),)
    ui_color = "#dfeeff"

    def __init__(
        self,
        *,
        campaign_id: validation.CampaignId | None = None,
        list_id: validation.CampaignId | None = None,
        rows: Any = None,
        path: validation.Location | None = None,
        fields: Mapping[str, str] | validation.Text | None = None,
        custom_variables: Sequence[str] | validation.Text | None = None,
        if_running: str = "refuse",
        skip_if_in: str | None = None,
        blocklist_id: validation.CampaignId | None = None,
        verify: bool = False,
        on_reject: str = "fail",
        max_rejected: float = 0,
        rejects_path: validation.Location | None = None,
        min_present: float | None = None,
        chunk_size: int = MAX_PER_REQUEST,
        max_chunk_bytes: int = DEFAULT_CHUNK_BYTES,
        dry_run: bool = False,
        instantly_conn_id: str = "instantly_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(rows=rows, path=path, rejects_path=rejects_path, **kwargs)
        if (campaign_id is None) == (list_id is None):
            raise ValueError("Name a campaign_id or a list_id, and not both.")
        if campaign_id is not None:
            validation.check_campaign_ids_early("campaign_id", campaign_id, many=False)
        for name, value, noun in (("list_id", list_id, "list of leads"), ("blocklist_id", blocklist_id, "block list")):
            if value is not None and not validation.is_rendered_later(value):
                check_campaign_id(value, name, noun)
        self.campaign_id = validation.plain_campaign_ids(campaign_id)
        self.list_id = validation.plain_campaign_ids(list_id)
        # Any: what they are once Airflow has rendered them is checked then.
        self.fields: Any = fields
        self.custom_variables: Any = custom_variables
        _check_columns_early(fields, custom_variables)
        self.if_running = validation.one_of("if_running", if_running, ("refuse", "add"))
        places = ("workspace", "campaign", "list")
        self.skip_if_in = None if skip_if_in is None else validation.one_of("skip_if_in", skip_if_in, places)
        self.blocklist_id = validation.plain_campaign_ids(blocklist_id)
        self.verify = validation.flag("verify", verify)
        self.on_reject = validation.one_of("on_reject", on_reject, ("fail", "warn"))
        self.max_rejected = validation.amount("max_rejected", max_rejected)
        self.min_present = None if min_present is None else validation.amount("min_present", min_present)
        self.chunk_size = validation.count("chunk_size", chunk_size, low=1, high=MAX_PER_REQUEST)
        self.max_chunk_bytes = validation.count(
            "max_chunk_bytes", max_chunk_bytes, low=1_000, high=_LARGEST_CHUNK_BYTES
        )
        # Airflow has a method of the name dry_run.
        self.is_dry_run = validation.flag("dry_run", dry_run)
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", instantly_conn_id)
        self._note_what_was_given()
        self._is_killed = False
        #: What it returns, once that is known.
        self._returned: dict[str, Any] | None = None

    @reasons_first
    def execute(self, context: Context) -> dict[str, Any]:
        """
        Validate, add, and count.

        :param context: the task's context.
        :raises AirflowFailException: if a template rendered to nothing, or to what can be of no use. Not retried.
        :raises InputError: if the input could not be read as rows. Nothing was sent.
        :raises UploadRefusedError: if leads must not be added, or no more of them. Not retried.
        :raises UploadNotConfirmedError: if it is not known of some rows whether they were added.
        :raises RowsRejectedError: if more rows were rejected than allowed; all others were added. Not retried.
        :raises RejectsNotWrittenError: if all is done but the file of the rejected rows.
        :raises TooFewLeadsError: if fewer are there at the end than there have to be.
        :raises TaskKilledError: if the task was killed between two chunks.
        :raises InstantlyError: if Instantly refused a request or could not be reached.
        """
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.leads.spool import Spool
        from airflow_provider_instantly.observability.metrics import LEADS_REJECTED

        self._check_what_was_given()
        place, columns, options = self._place(), self._columns(), self._options()
        with Spool() as spool, InstantlyHook(self.instantly_conn_id) as hook:
            url = self._link(context, hook, place)
            self._read_into(spool, columns)
            self._log_input(spool)
            if not self.is_dry_run:
                hook.metrics.count(LEADS_REJECTED, spool.counts.rejected)
            upload = self._upload(context, hook, place, options, spool)
            try:
                tally = (upload.dry_run if self.is_dry_run else upload.run)(spool, len(spool))
            finally:
                unwritten = self._report_rejects(spool)
            summary = self._returned = self._summary(place, spool, tally, url)
            sentence = _sentence(summary, upload.noun)
            self.log.info("%s", sentence)
            try:
                if unwritten is not None:
                    raise failure(
                        RejectsNotWrittenError,
                        f"The file of rejects_path could not be written ({type(unwritten).__name__}).",
                        sentence,
                        "Another try reads who is there, sends only what is missing, and writes the file.",
                    ) from unwritten
                self._judge(summary, upload.noun)
            except Exception:
                # A task that fails returns nothing, and these leads are there.
                if self.do_xcom_push:
                    context["ti"].xcom_push(key=XCOM_KEY, value=summary)
                raise
        return self._done(context, summary)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        What this task is to OpenLineage, which calls this when it has succeeded or failed.

        :param task_instance: the task instance.
        """
        from airflow_provider_instantly.observability.lineage import of_leads

        # A dry run that fails has written nothing either.
        place = {} if self.is_dry_run else {"campaign_id": self.campaign_id, "list_id": self.list_id}
        return of_leads(self._lineage_of_input(), place, self._returned)

    def on_kill(self) -> None:
        """Add no further chunk. Airflow calls it on the worker, from its handler of SIGTERM."""
        self._is_killed = True

    # What is read

    def _place(self) -> dict[str, str]:
        from airflow_provider_instantly.hooks.leads import check_place

        try:
            return check_place(self.campaign_id, self.list_id)
        except ValueError as error:
            raise refused(AirflowFailException, error) from None

    def _columns(self) -> Columns:
        try:
            return _columns_of(self.fields, self.custom_variables)
        except ValueError as error:
            raise failure(AirflowFailException, str(error), "Nothing was requested from Instantly.") from None

    def _options(self) -> dict[str, Any]:
        """The API's other parameters."""
        options: dict[str, Any] = {}
        if self.blocklist_id is not None:
            try:
                options["blocklist_id"] = check_campaign_id(self.blocklist_id, "blocklist_id", "block list")
            except ValueError as error:
                raise refused(AirflowFailException, error) from None
        if self.verify:
            options["verify_leads_on_import"] = True
        return options

    def _link(self, context: Context, hook: InstantlyHook, place: Mapping[str, str]) -> str | None:
        if "campaign_id" not in place:
            return None
        url = hook.campaign_page(place["campaign_id"])
        CampaignLink.persist(context, url)
        return url

    # What is sent

    def _upload(
        self,
        context: Context,
        hook: InstantlyHook,
        place: Mapping[str, str],
        options: Mapping[str, Any],
        spool: Spool,
    ) -> Upload:
        from airflow_provider_instantly.leads.upload import Upload

        return Upload(
            hook=hook,
            place=place,
            if_running="add" if self.if_running == "add" else "refuse",
            skip_if_in=self.skip_if_in,
            options=options,
            chunk_size=self.chunk_size,
            max_chunk_bytes=self.max_chunk_bytes,
            is_retry=context["ti"].try_number > 1,
            reject=spool.reject,
            is_killed=lambda: self._is_killed,
            log=self.log,
        )

    # What is said

    def _log_input(self, spool: Spool) -> None:
        counts = spool.counts
        self.log.info("The input has %s rows, of which %s can be sent.", f"{counts.rows:,}", f"{counts.good:,}")

    def _summary(self, place: Mapping[str, str], spool: Spool, tally: Tally, url: str | None) -> dict[str, Any]:
        counts = spool.counts
        return {
            "campaign_id": place.get("campaign_id"),
            "list_id": place.get("list_id"),
            "url": url,
            "dry_run": self.is_dry_run,
            "rows": counts.rows,
            "rejected": counts.rejected + tally.refused,
            "duplicates": counts.duplicates,
            **tally.as_dict(),
        }

    def _judge(self, summary: Mapping[str, Any], noun: str) -> None:
        """
        Fail where too many rows were rejected, or too few are there.

        :raises RowsRejectedError: if more rows were rejected than allowed.
        :raises TooFewLeadsError: if fewer are there than there have to be.
        """
        rows, rejected, present = summary["rows"], summary["rejected"], summary["present"]
        allowed = _of(self.max_rejected, rows, math.floor)
        if rejected > allowed:
            others = f"All others are done: {present:,} are in {noun}."
            if self.is_dry_run:
                others = f"Nothing was sent to {noun}."
            sentences = [
                f"{rejected:,} of {rows:,} rows were rejected, and {allowed:,} may be.",
                others,
                "The log has the rows' numbers and reasons.",
                *self._where_rejects_are(),
            ]
            if self.on_reject == "fail":
                raise failure(RowsRejectedError, *sentences, "Fix these rows, or allow more with max_rejected.")
            self.log.warning("%s", " ".join(sentences))
        if self.min_present is None or self.is_dry_run:
            return
        needed = _of(self.min_present, rows, math.ceil)
        if present < needed:
            raise failure(
                TooFewLeadsError,
                f"{present:,} of {rows:,} rows are in {noun}, and {needed:,} have to be.",
                "The log says what became of the others.",
                "Another try reads who is there, and sends only what is missing.",
            )

    def _done(self, context: Context, summary: dict[str, Any]) -> dict[str, Any]:
        """Tell the DAGs that follow this task's assets which campaign or list it was, and how many leads are there."""
        announce(context, self.outlets, self.instantly_conn_id, [{key: summary[key] for key in _ANNOUNCED}])
        return summary


def _check_columns_early(fields: Any, custom_variables: Any) -> None:
    """
    Refuse, while the DAG is parsed, columns that can be of no use whatever the templates among them render to.

    :raises ValueError: if no run could use them.
    """
    if validation.is_rendered_later(fields) or validation.is_rendered_later(custom_variables):
        return
    if isinstance(fields, Mapping):
        # Airflow renders the values of a dict, and not its keys.
        fields = {name: "" if validation.is_rendered_later(column) else column for name, column in fields.items()}
    if validation.is_collection(custom_variables):
        custom_variables = [name for name in custom_variables if not validation.is_rendered_later(name)]
    _columns_of(fields, custom_variables)


def _columns_of(fields: Any, custom_variables: Any) -> Columns:
    return Columns({} if fields is None else fields, custom_variables)


def _of(amount: float, rows: int, rounded: Any) -> int:
    """A count as it is, or a share of the rows: of the number as it was written, since 0.55 * 100 is more than 55."""
    from fractions import Fraction

    return amount if isinstance(amount, int) else int(rounded(Fraction(str(amount)) * rows))


def _sentence(summary: Mapping[str, Any], noun: str) -> str:
    return (
        f"Of {summary['rows']:,} rows, {summary['present']:,} are in {noun}: {summary['uploaded']:,} added now, "
        f"{summary['already_there']:,} there already, {summary['found']:,} found after an answer that proved nothing. "
        f"{summary['rejected']:,} rejected, {summary['skipped']:,} skipped."
    )
