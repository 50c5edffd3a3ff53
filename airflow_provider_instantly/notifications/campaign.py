"""
The emergency brake: a notifier that pauses campaigns when the pipeline behind them breaks.

It never raises: what failed before it is what a person has to see. It says in the log what became of each campaign.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.notifier import BaseNotifier

from airflow_provider_instantly import validation
from airflow_provider_instantly.api.driver import adrive, drive
from airflow_provider_instantly.api.redaction import shown_text
from airflow_provider_instantly.tasklog import awrite, write

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_instantly.api.campaign import CampaignStatus
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.launches.pause import Paused
    from airflow_provider_instantly.launches.turns import Turn

#: So many campaigns are named before the first is paused.
_NAMED: Final = 20


class PauseCampaignNotifier(BaseNotifier):
    """
    Pauses campaigns, for ``on_failure_callback`` of a task or a DAG, and for other callbacks and deadlines.

    It pauses as `PauseCampaignOperator` does: it reads each campaign first, leaves what sends no more and what
    Instantly stopped, confirms, and reads back what was lost. What goes wrong with one campaign does not keep it from
    the others: one that does not answer has another try after them.

    :param campaign_id: one campaign or many, as for `CampaignStatusSensor`: texts, UUIDs, templates, XComs. (templated)
    :param instantly_conn_id: the id of the Airflow connection. (templated)
    :param pause_drafts: whether to pause Drafts, too. A Draft sends nothing.

    :raises ValueError: while the DAG is parsed, if a parameter can be of no use.
    """

    template_fields: Sequence[str] = ("campaign_id", "instantly_conn_id")

    def __init__(
        self,
        *,
        campaign_id: validation.CampaignIds,
        instantly_conn_id: str = "instantly_default",
        pause_drafts: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validation.check_campaign_ids_early("campaign_id", campaign_id, many=True)
        self.campaign_id = validation.plain_campaign_ids(campaign_id)
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", instantly_conn_id)
        self.pause_drafts = validation.flag("pause_drafts", pause_drafts)
        self._unrendered: Exception | None = None

    def __call__(self, *args: Any) -> None:
        """
        Pause, in a task or in the DAG processor.

        :param args: the context of a task or of a DAG run.
        """
        # Airflow renders a notifier in place, and one may be called for several tasks of a process.
        BaseNotifier.__call__(copy(self), *args)

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """
        Fill the templates. If that fails, the log says so, and nothing is paused.

        :param context: the context of a task or of a DAG run.
        :param jinja_env: what to render with.
        """
        try:
            super().render_template_fields(context, jinja_env)
        except Exception as error:
            # Raised, Airflow would log a traceback that says nothing of campaigns.
            self._unrendered = error

    def notify(self, context: Context) -> None:
        """
        Pause all campaigns, one after the other.

        :param context: the context of a task or of a DAG run.
        """
        try:
            self._pause_all()
        except Exception as error:
            write(self.log, warnings=_nothing_known(error))

    async def async_notify(self, context: Context) -> None:
        """
        Async twin of `notify`, for the triggerer of Airflow >= 3.1.

        :param context: the context of a deadline.
        """
        try:
            await self._apause_all()
        except Exception as error:
            await awrite(self.log, warnings=_nothing_known(error))

    def _pause_all(self) -> None:
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.launches.pause import TIME_LIMIT
        from airflow_provider_instantly.launches.turns import turns

        campaign_ids = self._checked_campaign_ids()
        write(self.log, info=[_beginning(campaign_ids)])
        with InstantlyHook(self.instantly_conn_id, time_limit=TIME_LIMIT) as hook:
            drive(turns(campaign_ids), partial(self._pause, hook))

    def _pause(self, hook: InstantlyHook, turn: Turn) -> Exception | None:
        """Let a campaign have its turn, and say what became of it; or return the error for which it is put off."""
        from airflow_provider_instantly.launches.pause import pause, what_failed

        hook.max_retries = 0 if turn.may_be_put_off else None
        try:
            paused = pause(hook, turn.campaign_id, log=self.log, spare=self._spared, turn=turn)
        except Exception as error:
            if turn.puts_off(error):
                return error
            write(self.log, warnings=[what_failed(turn.campaign_id, error)])
        else:
            write(self.log, **_line(paused))
        return None

    async def _apause_all(self) -> None:
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.launches.pause import TIME_LIMIT
        from airflow_provider_instantly.launches.turns import turns

        campaign_ids = self._checked_campaign_ids()
        await awrite(self.log, info=[_beginning(campaign_ids)])
        async with InstantlyHook(self.instantly_conn_id, time_limit=TIME_LIMIT) as hook:
            await adrive(turns(campaign_ids), partial(self._apause, hook))

    async def _apause(self, hook: InstantlyHook, turn: Turn) -> Exception | None:
        """Async twin of `_pause`."""
        from airflow_provider_instantly.launches.pause import apause, what_failed

        hook.max_retries = 0 if turn.may_be_put_off else None
        try:
            paused = await apause(hook, turn.campaign_id, log=self.log, spare=self._spared, turn=turn)
        except Exception as error:
            if turn.puts_off(error):
                return error
            await awrite(self.log, warnings=[what_failed(turn.campaign_id, error)])
        else:
            await awrite(self.log, **_line(paused))
        return None

    def _checked_campaign_ids(self) -> list[str]:
        if self._unrendered is not None:
            raise self._unrendered
        return validation.campaign_ids("campaign_id", self.campaign_id, many=True)

    @property
    def _spared(self) -> Collection[CampaignStatus]:
        from airflow_provider_instantly.launches.pause import DRAFTS

        return frozenset() if self.pause_drafts else DRAFTS


def _beginning(campaign_ids: Sequence[str]) -> str:
    """Airflow may end a callback at any moment, and nothing tells it before."""
    named, more = ", ".join(campaign_ids[:_NAMED]), len(campaign_ids) - _NAMED
    return (
        f"Pausing {named}{f' and {more:,} more' if more > 0 else ''}. If no line below says what became of a campaign, "
        "Airflow ended this callback before that was known: look at it in Instantly."
    )


def _line(paused: Paused) -> dict[str, list[str]]:
    return {"warnings" if paused.needs_attention else "info": [paused.outcome]}


def _nothing_known(error: Exception) -> tuple[str, ...]:
    reason = shown_text(str(error))
    return (
        f"No campaign was paused, since it is not known which to pause ({type(error).__name__}: {reason}).",
        "Look at your campaigns in Instantly, and pause there what must not send.",
    )
