"""
What earlier tries of the same task instance did, so that a retry does not undo what a person decided since.

Kept in Airflow's task state store, which exists from Airflow 3.3. Below, nothing is remembered, and a retry sees only
the campaign itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.exceptions import TaskKilledError
from airflow_provider_instantly.launches.plan import PriorOutcome, is_stop_without_proof

if TYPE_CHECKING:
    from airflow_provider_instantly.tasklog import TaskLog

_KEY: Final = "instantly_activation_{}"


class LaunchRecord:
    """
    Whether an activation was sent that may have taken effect, and as what the campaign was seen before it.

    :param context: the task's context.
    :param campaign_id: the UUID of the campaign. In another try the task's template may render to another one.
    :param log: the task's log.
    """

    def __init__(self, context: Any, campaign_id: str, log: TaskLog) -> None:
        self._store = context.get("task_state_store")
        self._key = _KEY.format(campaign_id)
        self._log = log
        #: What this try noted, or None while it noted nothing and the store has the word.
        self._noted: dict[str, Any] | None = None
        #: What the store has, or was last to be given.
        self._kept: dict[str, Any] | None = None
        self._before: dict[str, Any] = {}
        #: Whether Airflow knows this try no more: it has begun another one, or the task is gone.
        self.is_superseded = False

    def look_up(self) -> None:
        """Ask the store now, which may take long, so that it is not asked between a read and an activation."""
        self._read()

    @property
    def may_have_launched(self) -> bool:
        """Whether this task instance sent an activation that may have taken effect."""
        return bool(self._read())

    def prior_outcome(self, status: CampaignStatus | None) -> PriorOutcome:
        """
        What came of what was sent.

        :param status: as the campaign stands now: that it changed since an activation was sent proves a launch, but
            where it may have been stopped for what it sent before that; see `is_stop_without_proof`.
        """
        sent = self._read()
        if not sent or (sent.get("may_resume") and status is CampaignStatus.PAUSED):
            return PriorOutcome.NOTHING
        if sent.get("answered"):
            return PriorOutcome.LAUNCHED
        seen_before = sent.get("status_before")
        has_changed = seen_before is not None and status is not None and status.is_known and status != seen_before
        is_proof = has_changed and not is_stop_without_proof(seen_before, status)
        return PriorOutcome.LAUNCHED if is_proof else PriorOutcome.MAYBE

    def note_seen(self, status: CampaignStatus | None) -> None:
        """
        After each read that something is decided by: in another status than Paused, the campaign was resumed since.

        If it is Paused later, a person, a guard or Instantly did that, and a retry does not overrule it.

        :param status: as the campaign was read.
        """
        sent = self._read()
        if status is not CampaignStatus.PAUSED and sent.get("may_resume"):
            self._note({key: value for key, value in sent.items() if key != "may_resume"})

    def note_sending(self, status_before: CampaignStatus | None) -> None:
        """
        Before an activation is sent: the worker may die before its answer comes.

        :param status_before: as the campaign was seen, or None if it was not.
        """
        self._before = self._read()
        status = None if status_before is None else int(status_before)
        self._note({"status_before": status, "answered": bool(self._before.get("answered"))})

    def note_answered(self) -> None:
        """After the answer that says that the activation took effect."""
        self._note({**self._read(), "answered": True})

    def note_may_resume(self, *, is_written: bool = True) -> None:
        """
        After it is known why the campaign is Paused: its resumption had no effect yet, or we paused it ourselves.

        As long as it is read as nothing but Paused, it is not known that a person did it; see `note_seen`. In any other
        status it was launched by what was sent.

        :param is_written: whether the store gets it at once; else it does with the next note.
        """
        self._note({**self._read(), "may_resume": True}, is_written=is_written)

    def note_without_effect(self) -> None:
        """After it is certain that what was sent last had no effect: what was sent before that still counts."""
        self._note(self._before)

    def note_put_off(self) -> None:
        """
        After it was not sent, and is to be decided again at once: the store need not forget it and note it again.

        If this try dies before it does, or before `settle`, it may have sent it, as far as a later one knows.
        """
        self._note(self._before, is_written=False)

    def settle(self) -> None:
        """Let the store have what was noted, where it does not."""
        if self._noted is not None:
            self._note(self._noted)

    def _read(self) -> dict[str, Any]:
        if self._noted is None:
            stored = None if self._store is None else self._store.get(self._key, default=None)
            self._noted = self._kept = stored if isinstance(stored, dict) else {}
        return self._noted

    def _note(self, sent: dict[str, Any], *, is_written: bool = True) -> None:
        self._noted = sent
        if self._store is None or self.is_superseded or not is_written or sent == self._kept:
            return
        # Where it fails, it is not tried again with the same: that may take most of a minute, each time.
        self._kept = sent
        try:
            self._store.set(self._key, sent, retention=_for_ever())
        except TaskKilledError:
            raise
        except Exception as error:
            # The launch is safe without the record; only a later try knows less. But where there is one, this is over.
            self.is_superseded = _is_not_found(error)
            self._log.warning("The task state store could not be written (%s).", type(error).__name__)


def _is_not_found(error: Exception) -> bool:
    """Whether Airflow's API server answered that there is no such try (`AirflowRuntimeError` of Airflow >= 3.3)."""
    detail = getattr(getattr(error, "error", None), "detail", None)
    return isinstance(detail, dict) and detail.get("status_code") == 404


def _for_ever() -> timedelta:
    """As long as the run: else Airflow lets go of it after 30 days, and a run may be cleared after a year."""
    try:
        from airflow.sdk.execution_time.context import NEVER_EXPIRE
    except ImportError:  # below Airflow 3.3
        return timedelta.max
    return NEVER_EXPIRE
