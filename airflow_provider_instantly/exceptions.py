"""
How a task of this provider fails, as Airflow sees it.

All derive from Airflow's own exceptions: only then does Airflow honour ``soft_fail`` when a task resumes, and know
which failures are not worth a retry.
"""

from __future__ import annotations

from typing import TypeVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

E = TypeVar("E", bound=BaseException)


def failure(kind: type[E], *sentences: str, message: str = "") -> E:
    """
    An error that keeps its sentences apart, so that the log can have a line for each of them: see `tasklog`.

    :param kind: its type, one of ours or of Airflow's.
    :param sentences: what happened, why, what became of the campaign, and what to do next.
    :param message: its text, where that is not simply the sentences one after the other.
    """
    error = kind(message or " ".join(sentences))
    vars(error)["sentences"] = sentences
    return error


def refused(kind: type[E], error: ValueError) -> E:
    """
    The failure of a task whose parameters cannot be used, with the sentences of the error that says so.

    :param kind: its type, one of ours or of Airflow's.
    :param error: what is wrong with a parameter.
    """
    return failure(kind, *getattr(error, "sentences", (str(error),)))


class LaunchRefusedError(AirflowFailException):
    """The operator would not activate the campaign; nothing was changed, and a retry would not change that."""


class CheckFailedError(AirflowFailException):
    """The check of a campaign found what keeps it from a launch. A retry would find it again, so there is none."""


class CheckIncompleteError(AirflowException):
    """A part of what a check needs could not be read. Nothing was launched; another try reads it again."""


class CampaignStoppedError(AirflowFailException):
    """Instantly stopped the campaign. Only a person can fix that, so there is no retry."""


class LaunchNotConfirmedError(AirflowException):
    """The campaign may or may not have been launched. Another try reads it first, so it may be retried."""


class PauseNotConfirmedError(AirflowException):
    """The campaign may or may not have been paused. Another try reads it first, so it may be retried."""

    #: Whether another read may soon tell, or another pause help. If not, a person has to look.
    may_pass: bool = False
    #: How the campaign stood, and how it is called, if the pause was answered and has had no effect. The campaign
    #: itself has addresses, and tools that show errors show what they hold.
    unmoved: tuple[str, str] | None = None


class InputError(AirflowException):
    """The rows of an input could not be read. Nothing was sent from it, and another try reads it again."""


class TaskKilledError(AirflowException):
    """The task was killed before it changed anything, or while it waited. A retry reads first."""


class CampaignWaitError(AirflowException):
    """The wait ended without knowing how the campaign stands. Another try waits again."""


class UploadRefusedError(AirflowFailException):
    """The operator would not add leads, or no more of them, and a retry would not change that."""


class UploadNotConfirmedError(AirflowException):
    """It is not known of some rows whether they were added. Another try reads first, so it may be retried."""


class RowsRejectedError(AirflowFailException):
    """More rows were rejected than allowed. All others were added, and a retry would not change that."""


class RejectsNotWrittenError(AirflowException):
    """The rows are done, but the file of rejects could not be written. Another try writes it, and adds no one twice."""


class BlockNotConfirmedError(AirflowException):
    """What was sent to be blocked may not be: Instantly did not account for it. Another try sends it again."""


class TooFewLeadsError(AirflowException):
    """After the upload, fewer leads are in the campaign or list than there have to be."""


class LimitBreachedError(AirflowFailException):
    """The figures of a campaign breach a limit. A retry would find the same, so there is none."""


class LimitNotJudgedError(AirflowException):
    """Instantly's answer lacks a figure that a limit is about. Another try reads it again."""
