"""The operator that checks a campaign before its launch. It reads, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.api.campaign import Campaign, about
from airflow_provider_instantly.api.errors import CampaignNotFoundError, InstantlyRequestError
from airflow_provider_instantly.exceptions import CheckFailedError, CheckIncompleteError, failure
from airflow_provider_instantly.launches.preflight.rules import CheckRules
from airflow_provider_instantly.operators.check_rules import check_rules
from airflow_provider_instantly.operators.single_campaign import SingleCampaignOperator
from airflow_provider_instantly.tasklog import reasons_first, write

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_instantly import validation
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.preflight.report import Report


class CheckCampaignOperator(SingleCampaignOperator):
    """
    Checks whether a campaign is ready for its launch, and says what is missing. It changes nothing.

    It reads the campaign, a sample of its leads, its senders, their domains and the workspace's plan. What it cannot
    read is a finding, too: *incomplete*, never a pass.

    It returns a dict: ``id``, ``name``, ``status``, ``status_name``, ``url``, ``verdict`` (``passed``, or the level
    that matters most: ``error``, ``incomplete``, ``warning``), ``findings`` (each with ``code``, ``level``,
    ``sentence``, ``what_to_do``), ``ignored`` (codes), and ``markdown``, the same for a person who approves. No address
    of a lead or an account is in it: accounts are counted, and named by their domains.

    :param campaign_id: the UUID of the campaign, as text or as a ``uuid.UUID``; a template, an XCom. (templated)
    :param instantly_conn_id: the id of the Airflow connection. (templated)
    :param ignore: codes of findings that do not count.
    :param fail_on: the levels that fail the task; none, to decide by the verdict that is returned.
    :param min_warmup_score: a sender with a lower warm-up score, from 0 to 100, is cold.
    :param min_warmup_days: a sender that has been warmed up for fewer days is cold.
    :param max_missing_share: the share of leads, from 0 to 1, that may lack the value of a variable without a fallback.
    :param max_unverified_share: the share of leads, from 0 to 1, that may be unverified, invalid or risky.
    :param max_daily_per_account: the most e-mails a day and account that are no warning.
    :param extra_requests: the most requests beside one for the campaign and one for each hundred senders.

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    changes_campaign = False

    def __init__(
        self,
        *,
        campaign_id: validation.CampaignId,
        instantly_conn_id: str = "instantly_default",
        ignore: Collection[str] = (),
        fail_on: Collection[str] = ("error", "incomplete"),
        min_warmup_score: int = CheckRules.min_warmup_score,
        min_warmup_days: int = CheckRules.min_warmup_days,
        max_missing_share: float = CheckRules.max_missing_share,
        max_unverified_share: float = CheckRules.max_unverified_share,
        max_daily_per_account: int = CheckRules.max_daily_per_account,
        extra_requests: int = CheckRules.extra_requests,
        **kwargs: Any,
    ) -> None:
        super().__init__(campaign_id=campaign_id, instantly_conn_id=instantly_conn_id, **kwargs)
        self.rules = check_rules(
            ignore=ignore,
            fail_on=fail_on,
            min_warmup_score=min_warmup_score,
            min_warmup_days=min_warmup_days,
            max_missing_share=max_missing_share,
            max_unverified_share=max_unverified_share,
            max_daily_per_account=max_daily_per_account,
            extra_requests=extra_requests,
        )

    @reasons_first
    def execute(self, context: Context) -> dict[str, Any]:
        """
        Read, and judge.

        :param context: the task's context.
        :raises AirflowFailException: if ``campaign_id`` rendered to what is no campaign's id. Not retried.
        :raises CheckFailedError: if something was found that fails the task. Not retried.
        :raises CheckIncompleteError: if all that fails the task could not be read.
        :raises InstantlyError: if the campaign itself could not be read.
        """
        from airflow_provider_instantly.hooks.instantly import InstantlyHook

        campaign_id = self._checked_campaign_id()
        with InstantlyHook(self.instantly_conn_id) as hook:
            url = self._link(context, hook, campaign_id)
            campaign, report = self._check(hook, campaign_id)
        write(self.log, warnings=report.lines())
        if report.ignored:
            self.log.info("Found and ignored: %s.", ", ".join(finding.code for finding in report.ignored))
        summary = self._returned = self._summary(campaign, url)
        if report.failing:
            kind = CheckIncompleteError if report.may_pass else CheckFailedError
            said = (campaign.title, "The campaign was left as it is.")
            raise failure(kind, *report.sentences(*said), message=report.message(*said))
        self.log.info("The check ended: %s. %s", report.verdict, about(campaign.title))
        markdown = report.markdown(campaign.shown_name or campaign.id, campaign.status_label, url)
        return self._done(context, {**summary, **report.as_dict(), "markdown": markdown})

    def _check(self, hook: InstantlyHook, campaign_id: str) -> tuple[Campaign, Report]:
        from airflow_provider_instantly.launches.preflight.check import read, report
        from airflow_provider_instantly.launches.preflight.finding import Finding
        from airflow_provider_instantly.launches.preflight.report import Report

        try:
            campaign = hook.get_campaign(campaign_id)
        except CampaignNotFoundError as error:
            return Campaign(campaign_id, None), Report.of([Finding("no_such_campaign", error.message)], self.rules)
        except InstantlyRequestError as error:
            error.outcome = f"Campaign {campaign_id} was not checked, and was left as it is."
            raise
        return campaign, report(read(hook, campaign, self.rules), self.rules)
