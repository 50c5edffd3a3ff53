"""The operator that reports on campaigns: it reads their figures, and writes a page and pictures to object storage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_instantly import validation
from airflow_provider_instantly.analytics.limits import DEFAULT_CONFIDENCE, DEFAULT_MIN_SENT, Limits
from airflow_provider_instantly.api.errors import InstantlyRequestError
from airflow_provider_instantly.assets.events import announce
from airflow_provider_instantly.exceptions import failure, refused
from airflow_provider_instantly.links.report import ReportLink
from airflow_provider_instantly.storage import place_of
from airflow_provider_instantly.tasklog import reasons_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_instantly.reports.figures import CampaignFigures, Report

#: A page of more campaigns is none that a person reads.
MAX_CAMPAIGNS: Final = 200
PAGE_NAME: Final = "report.html"


class CampaignReportOperator(BaseOperator):
    """
    Writes a report on campaigns: one page, and a picture for each campaign that has sent.

    It has how each campaign stood, from lead to reply, bounces and replies with their limits, variants, senders and the
    next sending windows. It only reads Instantly. No address is in it: those of senders are masked. A retry and a
    cleared task write the same files again.

    It returns a dict: ``page`` and ``pictures`` (where they are), ``url`` (what the button opens), ``campaigns`` (their
    ids) and ``not_read`` (sentences about what the key may not read).

    Needs the extra ``report``.

    :param campaign_id: one UUID or several; a template, an XCom; 200 campaigns at most. (templated)
    :param path: the folder to write to: a path or URL, or an Airflow ``ObjectStoragePath``. What it has of these names
        is replaced. (templated)
    :param instantly_conn_id: the id of the Airflow connection. (templated)
    :param title: the heading of the page. (templated)
    :param since: only what was sent on this day or later (``YYYY-MM-DD``, UTC). (templated)
    :param until: only what was sent before this day (UTC). (templated)
    :param results: what tasks of this run returned about the campaigns, by what to call that moment:
        ``{"the launch": activate.output}``. (templated)
    :param max_bounce_rate: the most of the e-mails that may bounce, from 0 to 1.
    :param max_unsubscribe_rate: the most of the e-mails after which a lead may unsubscribe, from 0 to 1.
    :param min_reply_rate: the least of the e-mails that should be answered, from 0 to 1.
    :param min_sent: from so many e-mails on a rate is held against its limit as it is; below, by its interval.
    :param confidence: how sure the interval of a rate is, from 0.5 to 0.9999.
    :param public_url: the address at which a browser finds the folder. Without it, the button leads to ``path``.
        (templated)

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    template_fields: Sequence[str] = (
        "campaign_id",
        "path",
        "instantly_conn_id",
        "title",
        "since",
        "until",
        "results",
        "public_url",
    )
    operator_extra_links = (ReportLink(),)
    ui_color = "#dfeeff"

    def __init__(
        self,
        *,
        campaign_id: validation.CampaignIds,
        path: validation.Location,
        instantly_conn_id: str = "instantly_default",
        title: validation.Text = "Campaign report",
        since: validation.Day = None,
        until: validation.Day = None,
        results: Mapping[str, Any] | validation.Text | None = None,
        max_bounce_rate: float | None = None,
        max_unsubscribe_rate: float | None = None,
        min_reply_rate: float | None = None,
        min_sent: int = DEFAULT_MIN_SENT,
        confidence: float = DEFAULT_CONFIDENCE,
        public_url: validation.Text | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validation.check_campaign_ids_early("campaign_id", campaign_id, many=True)
        self.campaign_id = validation.plain_campaign_ids(campaign_id)
        self.path = validation.storage_path("path", path)
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", instantly_conn_id)
        self.title = title
        self.since, self.until = validation.period_early(since, until)
        self.results = results
        self.max_bounce_rate = validation.optional_share("max_bounce_rate", max_bounce_rate)
        self.max_unsubscribe_rate = validation.optional_share("max_unsubscribe_rate", max_unsubscribe_rate)
        self.min_reply_rate = validation.optional_share("min_reply_rate", min_reply_rate)
        self.min_sent = validation.count("min_sent", min_sent, low=1)
        self.confidence = validation.confidence("confidence", confidence)
        self.public_url = public_url
        if not validation.is_rendered_later(results):
            validation.results_by_moment("results", results)
        if not validation.is_rendered_later(public_url):
            validation.optional_web_address("public_url", public_url)
        #: The page, once it was written.
        self._page: str | None = None

    @reasons_first
    def execute(self, context: Context) -> dict[str, Any]:
        """
        Read, draw, write.

        :param context: the task's context.
        :raises AirflowFailException: if a rendered parameter is of no use, or the extra is not installed. Not retried.
        :raises InstantlyError: if Instantly refused a request or could not be reached; nothing was written then.
        """
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.reports.reading import Reading

        try:
            campaign_ids = validation.campaign_ids("campaign_id", self.campaign_id, many=True)
            since, until = validation.period(self.since, self.until)
            folder = validation.storage_path("path", self.path)
            results = validation.results_by_moment("results", self.results)
            public_url = validation.optional_web_address("public_url", self.public_url)
        except ValueError as error:
            raise refused(AirflowFailException, error) from None
        if len(campaign_ids) > MAX_CAMPAIGNS:
            raise failure(
                AirflowFailException,
                f"A report is about {MAX_CAMPAIGNS} campaigns at most, not {len(campaign_ids):,}.",
                "Nothing was read or written.",
                "Map the task over parts of them.",
            )
        _check_extra()
        with InstantlyHook(self.instantly_conn_id) as hook:
            reading = Reading(hook, since, until, results)
            try:
                campaigns = reading.campaigns(campaign_ids)
            except InstantlyRequestError as error:
                error.outcome = "No report was written, and the campaigns were left as they are."
                raise
        for sentence in reading.not_read:
            self.log.warning("%s", sentence)
        written = self._write(folder, self._report(campaigns, since, until))
        self._page = written["page"]
        url = f"{public_url.rstrip('/')}/{PAGE_NAME}" if public_url else written["page"]
        ReportLink.persist(context, url)
        said = [{"campaign_id": campaign_id, "report_url": url} for campaign_id in campaign_ids]
        announce(context, self.outlets, self.instantly_conn_id, said)
        return {**written, "url": url, "campaigns": campaign_ids, "not_read": reading.not_read}

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        What this task is to OpenLineage, which calls this when it has succeeded or failed.

        :param task_instance: the task instance.
        """
        from airflow_provider_instantly.observability.lineage import of_campaigns

        return of_campaigns(self.campaign_id, written=self._page)

    def _report(self, campaigns: Sequence[CampaignFigures], since: str | None, until: str | None) -> Report:
        from airflow_provider_instantly.reports.figures import Report

        limits = Limits(
            max_bounce_rate=self.max_bounce_rate,
            max_unsubscribe_rate=self.max_unsubscribe_rate,
            min_reply_rate=self.min_reply_rate,
            min_sent=self.min_sent,
            confidence=self.confidence,
        )
        return Report.of(str(self.title), datetime.now(UTC), campaigns, limits, since, until)

    def _write(self, path: str, report: Report) -> dict[str, Any]:
        """Write the page last: when it is there, so is what it leads to."""
        from airflow_provider_instantly.reports.charts import each_png
        from airflow_provider_instantly.reports.page import page

        drawn = page(report).encode()
        folder = place_of(path)
        folder.mkdir(parents=True, exist_ok=True)
        pictures = []
        for name, content in each_png(report.campaigns, report.limits):
            (folder / name).write_bytes(content)
            pictures.append(str(folder / name))
        place = folder / PAGE_NAME
        place.write_bytes(drawn)
        self.log.info("Wrote a report to %s. Campaigns in it: %s.", place, len(report.campaigns))
        return {"page": str(place), "pictures": pictures}


def _check_extra() -> None:
    """Before anything is read: what draws may not be there."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise failure(
            AirflowFailException,
            "A report needs matplotlib, which is not installed here.",
            "Nothing was read or written.",
            "Install the extra: pip install 'airflow-provider-instantly[report]'.",
        )
