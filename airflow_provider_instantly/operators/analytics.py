"""
The operator that reads the figures of campaigns, holds them against limits, and acts on a breach.

The figures come from one request for a hundred campaigns; what a breach is, `analytics.limits` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_instantly import validation
from airflow_provider_instantly.analytics.limits import (
    DEFAULT_CONFIDENCE,
    DEFAULT_MIN_SENT,
    Finding,
    Limits,
    Verdict,
    gravest,
    nothing_sent,
    rates,
)
from airflow_provider_instantly.api.campaign import about, title_of
from airflow_provider_instantly.api.errors import InstantlyError, InstantlyRequestError
from airflow_provider_instantly.api.redaction import without_addresses
from airflow_provider_instantly.assets.events import announce
from airflow_provider_instantly.exceptions import (
    LimitBreachedError,
    LimitNotJudgedError,
    PauseNotConfirmedError,
    TaskKilledError,
    failure,
    refused,
)
from airflow_provider_instantly.tasklog import reasons_first, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_instantly.api.analytics import CampaignAnalytics
    from airflow_provider_instantly.api.campaign import Campaign
    from airflow_provider_instantly.api.change import Unconfirmed
    from airflow_provider_instantly.hooks.instantly import InstantlyHook

#: What follows from a breach.
ON_BREACH: Final = ("fail", "pause", "warn")
#: The XCom with the figures of a task that fails.
XCOM_KEY: Final = "figures"
#: How many campaigns a log line or an error describes each; the XCom has them all.
_DESCRIBED: Final = 20


@dataclass(frozen=True)
class _Judged:
    """A campaign's figures, and what is known of its limits."""

    figures: CampaignAnalytics
    findings: tuple[Finding, ...]

    @property
    def id(self) -> str:
        return self.figures.campaign_id

    @property
    def title(self) -> str:
        return title_of(self.figures.name, self.id)

    @property
    def name(self) -> str:
        return without_addresses(self.figures.name)

    @property
    def verdict(self) -> Verdict | None:
        return gravest(self.findings)

    def reasons(self, *verdicts: Verdict) -> str:
        return " ".join(finding.reason for finding in self.findings if not verdicts or finding.verdict in verdicts)

    @property
    def line(self) -> str:
        figures = self.figures
        known = {"leads contacted": figures.contacted, "e-mails sent": figures.sent, "bounced": figures.bounced}
        known |= {"replied": figures.replied, "unsubscribed": figures.unsubscribed}
        counts = ", ".join(f"{count:,} {what}" for what, count in known.items() if count is not None)
        return " ".join(filter(None, (self.reasons(), f"{counts or 'No figures'}.", about(self.title))))

    def as_json(self) -> dict[str, Any]:
        figures = self.figures
        names = ("leads", "contacted", "sent", "bounced", "replied", "unsubscribed", "completed")
        return {
            "campaign_id": self.id,
            "name": self.name,
            **{name: getattr(figures, name) for name in names},
            **rates(figures),
            "verdict": None if self.verdict is None else self.verdict.value,
            "findings": [finding.as_json() for finding in self.findings],
        }

    def announced(self, *, was_paused: bool) -> dict[str, Any]:
        verdict = None if self.verdict is None else self.verdict.value
        return {"campaign_id": self.id, "name": self.name, "verdict": verdict, "paused": was_paused}


class CampaignAnalyticsOperator(BaseOperator):
    """
    Reads the figures of campaigns, and holds them against limits.

    It returns a dict: ``campaigns`` (a list with the figures, rates, ``verdict`` and ``findings`` of each), ``since``
    and ``until``, ``breached`` and ``paused`` (ids of campaigns; paused by this try). If the task fails after the
    figures were read, the same is in the XCom ``figures``.

    A rate is a share of the e-mails sent. From ``min_sent`` e-mails on it is judged as it is. Below, it counts as a
    breach only if the end of its confidence interval that speaks for the campaign lies beyond the limit, too. Where
    nothing was sent, no rate is judged.

    :param campaign_id: one campaign or many, as for `CampaignStatusSensor`: texts, UUIDs, templates, XComs. (templated)
    :param instantly_conn_id: the id of the Airflow connection. (templated)
    :param since: only what was sent on this day or later (``YYYY-MM-DD``, UTC). (templated)
    :param until: only what was sent before this day (UTC). (templated)
    :param max_bounce_rate: the largest share of e-mails that may bounce, from 0 to 1.
    :param max_unsubscribe_rate: the largest share of e-mails after which a lead may unsubscribe, from 0 to 1.
    :param min_reply_rate: the smallest share of e-mails that must be replied to, from 0 to 1.
    :param min_contacted: how many leads must have been contacted. It is judged at once, whatever ``min_sent`` is.
    :param min_sent: from how many e-mails on a rate is judged as it is.
    :param confidence: how sure the interval below ``min_sent`` is.
    :param on_breach: ``fail`` fails the task, without a retry. ``pause`` pauses the campaigns that breach a limit, as
        `PauseCampaignOperator` does, and succeeds; it never resumes. ``warn`` logs a warning.

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    template_fields: Sequence[str] = ("campaign_id", "instantly_conn_id", "since", "until")
    ui_color = "#dfeeff"

    def __init__(
        self,
        *,
        campaign_id: validation.CampaignIds,
        instantly_conn_id: str = "instantly_default",
        since: validation.Day = None,
        until: validation.Day = None,
        max_bounce_rate: float | None = None,
        max_unsubscribe_rate: float | None = None,
        min_reply_rate: float | None = None,
        min_contacted: int | None = None,
        min_sent: int = DEFAULT_MIN_SENT,
        confidence: float = DEFAULT_CONFIDENCE,
        on_breach: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validation.check_campaign_ids_early("campaign_id", campaign_id, many=True)
        self.campaign_id = validation.plain_campaign_ids(campaign_id)
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", instantly_conn_id)
        self.since, self.until = validation.period_early(since, until)
        self.max_bounce_rate = validation.optional_share("max_bounce_rate", max_bounce_rate)
        self.max_unsubscribe_rate = validation.optional_share("max_unsubscribe_rate", max_unsubscribe_rate)
        self.min_reply_rate = validation.optional_share("min_reply_rate", min_reply_rate)
        self.min_contacted = None if min_contacted is None else validation.count("min_contacted", min_contacted, low=0)
        self.min_sent = validation.count("min_sent", min_sent, low=1)
        self.confidence = validation.confidence("confidence", confidence)
        self.on_breach = validation.one_of("on_breach", on_breach, ON_BREACH)
        if self.on_breach == "pause" and self.min_contacted is not None:
            raise ValueError(
                "on_breach='pause' does not go with min_contacted: a campaign would be paused before it can contact "
                "enough. Give min_contacted to a task with on_breach='fail' or 'warn'."
            )
        self._is_killed = False

    @reasons_first
    def execute(self, context: Context) -> dict[str, Any]:
        """
        Read the figures, judge them, and act on breaches.

        :param context: the task's context.
        :raises AirflowFailException: if a template rendered to what is no campaign's id or no day. Not retried.
        :raises LimitBreachedError: with ``on_breach="fail"``, if a limit is breached. Not retried.
        :raises LimitNotJudgedError: unless ``on_breach="warn"``, if the answer lacks a figure that a limit is about.
        :raises PauseNotConfirmedError: if it is not known whether a pause took effect.
        :raises TaskKilledError: if the task was killed before it had paused all that breach a limit.
        :raises InstantlyError: if Instantly refused a request or could not be reached, or knows no such campaign.
        """
        from airflow_provider_instantly.hooks.instantly import InstantlyHook

        campaign_ids, since, until = self._checked()
        with InstantlyHook(self.instantly_conn_id) as hook:
            found, failures = self._read(hook, campaign_ids, since, until)
            are_of_days = since is not None or until is not None
            judged = [
                self._judge(found[campaign_id], are_of_days) for campaign_id in campaign_ids if campaign_id in found
            ]
            self._report(judged)
            breached = [each for each in judged if each.verdict is Verdict.BREACHED]
            paused = self._pause(hook, breached, failures) if self.on_breach == "pause" else []
        result = {
            "campaigns": [each.as_json() for each in judged],
            "since": since,
            "until": until,
            "breached": [each.id for each in breached],
            "paused": paused,
        }
        error = self._error(judged, breached, failures, unread=len(campaign_ids) - len(judged))
        if error is None:
            said = [each.announced(was_paused=each.id in paused) for each in breached]
            announce(context, self.outlets, self.instantly_conn_id, said)
            return result
        if self.do_xcom_push:
            context["ti"].xcom_push(key=XCOM_KEY, value=result)
        raise error

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """
        What this task is to OpenLineage, which calls this when it has succeeded or failed.

        :param task_instance: the task instance.
        """
        from airflow_provider_instantly.observability.lineage import of_campaigns

        return of_campaigns(self.campaign_id)

    def on_kill(self) -> None:
        """Pause nothing any more. Airflow calls it on the worker, from its handler of SIGTERM."""
        self._is_killed = True

    def _checked(self) -> tuple[list[str], str | None, str | None]:
        try:
            campaign_ids = validation.campaign_ids("campaign_id", self.campaign_id, many=True)
            since, until = validation.period(self.since, self.until)
        except ValueError as error:
            raise refused(AirflowFailException, error) from None
        return campaign_ids, since, until

    def _read(
        self, hook: InstantlyHook, campaign_ids: Sequence[str], since: str | None, until: str | None
    ) -> tuple[dict[str, CampaignAnalytics], list[Exception]]:
        """
        Read the figures, a hundred campaigns at once. What cannot be read does not keep the others from being judged.

        :raises InstantlyError: if nothing could be read.
        """
        from airflow_provider_instantly.hooks.analytics import AT_ONCE

        found: dict[str, CampaignAnalytics] = {}
        failures: list[Exception] = []
        silent: list[str] = []
        for begin in range(0, len(campaign_ids), AT_ONCE):
            asked = campaign_ids[begin : begin + AT_ONCE]
            try:
                figures = hook.get_campaign_analytics(asked, start_date=since, end_date=until)
            except InstantlyError as error:
                _say_what_was_left(error, campaign_ids[begin:] if error.concerns_all else asked)
                failures.append(error)
                if error.concerns_all:
                    break
                continue
            found |= figures
            silent += [campaign_id for campaign_id in asked if campaign_id not in figures]
        if failures and not found and not silent:
            raise failures[0]
        write(self.log, warnings=[f"Figures could not be read: {error}" for error in failures])
        return found | self._without_figures(hook, silent, failures), failures

    def _without_figures(
        self, hook: InstantlyHook, campaign_ids: Sequence[str], failures: list[Exception]
    ) -> dict[str, CampaignAnalytics]:
        """
        Tell campaigns that have sent nothing from those that there are not: Instantly answers nothing about both.

        A guard of a campaign that does not exist would be content for ever.
        """
        if not campaign_ids:
            return {}
        read = hook.read_campaigns(campaign_ids)
        silent: dict[str, CampaignAnalytics] = {}
        for campaign_id in campaign_ids:
            campaign = read[campaign_id]
            if isinstance(campaign, InstantlyError):
                _say_what_was_left(campaign, [campaign_id])
                write(self.log, warnings=[f"There are no figures: {campaign} {about(campaign_id)}"])
                failures.append(campaign)
            else:
                silent[campaign_id] = nothing_sent(campaign_id, campaign.name)
        return silent

    def _judge(self, figures: CampaignAnalytics, are_of_days: bool) -> _Judged:
        limits = Limits(
            max_bounce_rate=self.max_bounce_rate,
            max_unsubscribe_rate=self.max_unsubscribe_rate,
            min_reply_rate=self.min_reply_rate,
            min_contacted=self.min_contacted,
            min_sent=self.min_sent,
            confidence=self.confidence,
        )
        return _Judged(figures, tuple(limits.judge(figures, are_of_days=are_of_days)))

    def _report(self, judged: Sequence[_Judged]) -> None:
        bad = [each for each in judged if each.verdict in (Verdict.BREACHED, Verdict.UNKNOWN)]
        fine = [each for each in judged if each not in bad]
        write(
            self.log,
            info=[each.line for each in fine[:_DESCRIBED]] + _more(fine),
            warnings=[each.line for each in bad[:_DESCRIBED]] + _more(bad),
        )

    def _pause(self, hook: InstantlyHook, breached: Iterable[_Judged], failures: list[Exception]) -> list[str]:
        """Pause each, whatever became of the others, and return which were paused."""
        from airflow_provider_instantly.launches.pause import DRAFTS, pause

        paused = []
        for each in breached:
            try:
                found = pause(hook, each.id, log=self.log, spare=DRAFTS, switch=None, before_send=self._stop_if_killed)
            except (InstantlyError, PauseNotConfirmedError) as error:
                write(self.log, warnings=[str(error)])
                failures.append(error)
                continue
            except TaskKilledError as error:
                failures.insert(0, error)
                break
            (self.log.warning if found.needs_attention else self.log.info)("%s", found.outcome)
            paused += [each.id] if found.is_effective else []
        return paused

    def _stop_if_killed(self, campaign: Campaign, doubt: Unconfirmed[Campaign] | None) -> None:
        from airflow_provider_instantly.launches.pause import killed_before_pause

        if self._is_killed:
            raise killed_before_pause(campaign, doubt)

    def _error(
        self, judged: Sequence[_Judged], breached: Sequence[_Judged], failures: Sequence[Exception], *, unread: int
    ) -> Exception | None:
        unknown = [each for each in judged if any(finding.verdict is Verdict.UNKNOWN for finding in each.findings)]
        if breached and self.on_breach == "fail":
            others = unread + sum(each.verdict is not Verdict.BREACHED for each in unknown)
            return _failure(
                LimitBreachedError,
                f"{len(breached):,} of {len(judged):,} campaigns breach a limit.",
                _described(breached, Verdict.BREACHED),
                f"They were left as they are.{_not_judged(others)}",
                "Pause what must not go on (on_breach='pause' does), or change the limit.",
            )
        if failures:
            return failures[0]
        if unknown and self.on_breach != "warn":
            return _failure(
                LimitNotJudgedError,
                f"{len(unknown):,} of {len(judged):,} campaigns could not be judged.",
                _described(unknown, Verdict.UNKNOWN),
                _became_of(unknown),
                "Another try reads the figures again.",
            )
        return None


def _say_what_was_left(error: InstantlyError, campaign_ids: Sequence[str]) -> None:
    if isinstance(error, InstantlyRequestError):
        error.outcome = (
            f"Campaign {campaign_ids[0]} was not judged, and was left as it is."
            if len(campaign_ids) == 1
            else f"{len(campaign_ids):,} campaigns were not judged, and were left as they are."
        )


def _described(campaigns: Sequence[_Judged], verdict: Verdict) -> str:
    described = [f"{each.reasons(verdict)} {about(each.title)}" for each in campaigns[:_DESCRIBED]]
    return " ".join([*described, *_more(campaigns)])


def _failure(kind: type[Exception], what: str, described: str, became: str, advice: str) -> Exception:
    """Each campaign has its line in the log already, so none of the error's does it again."""
    return failure(kind, what, became, advice, message=f"{what} {described} {became} {advice}")


def _became_of(unknown: Sequence[_Judged]) -> str:
    """What a guard that pauses did with campaigns of which not every limit could be judged."""
    if any(each.verdict is Verdict.BREACHED for each in unknown):
        return "What breaches another limit was to be paused, and the log says what became of it. The rest was left."
    return "They were left as they are."


def _not_judged(count: int) -> str:
    """Of how many others it is not known whether they breach a limit: a breach fails the task without a retry."""
    if not count:
        return ""
    return f" {count:,} more could not be judged, and {'was left as it is' if count == 1 else 'were left as they are'}."


def _more(campaigns: Sequence[_Judged]) -> list[str]:
    left = len(campaigns) - _DESCRIBED
    return [f"And {left:,} more, which the XCom has."] if left > 0 else []
