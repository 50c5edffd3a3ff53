"""Which tries of a task are launches that failed, and why, for Airflow's metrics."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, Protocol, TypeVar

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowTaskTimeout

from airflow_provider_instantly.api.errors import ConnectionLookupError, InstantlyConfigurationError, InstantlyError
from airflow_provider_instantly.exceptions import (
    CampaignStoppedError,
    CampaignWaitError,
    CheckIncompleteError,
    LaunchNotConfirmedError,
    LaunchRefusedError,
    TaskKilledError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: As what the launches are counted that these errors end.
REASONS: Final[Mapping[type[BaseException], str]] = {
    LaunchRefusedError: "refused",
    CheckIncompleteError: "check_incomplete",
    CampaignStoppedError: "stopped",
    LaunchNotConfirmedError: "not_confirmed",
    AirflowSensorTimeout: "timed_out",
    AirflowTaskTimeout: "timed_out",
    CampaignWaitError: "wait_failed",
    InstantlyConfigurationError: "no_connection",
    ConnectionLookupError: "no_connection",
    InstantlyError: "request_failed",
}
OTHER: Final = "other"


class HasConnection(Protocol):
    """A task, as far as its connection goes."""

    instantly_conn_id: str


S = TypeVar("S", bound=HasConnection)
P = ParamSpec("P")
T = TypeVar("T")


def counts_failures(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """
    Make a method that launches count each error that ends it, whatever comes of the hook: a connection may be missing.

    :param method: what Airflow calls to run or to resume the task, so that a try is counted once.
    """

    @wraps(method)
    def counting(task: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(task, *args, **kwargs)
        except BaseException as error:
            if (reason := reason_of(error)) is not None:
                _count(task.instantly_conn_id, reason)
            raise

    return counting


def reason_of(error: BaseException) -> str | None:
    """
    As what a launch is counted that ended so, or None where it did not fail.

    :param error: what ended the try. A task that was killed, or that goes on in the triggerer, has not failed.
    """
    reason = next((reason for kind, reason in REASONS.items() if isinstance(error, kind)), None)
    if reason is None and isinstance(error, Exception) and not isinstance(error, TaskKilledError):
        return OTHER
    return reason


def _count(conn_id: str, reason: str) -> None:
    from airflow_provider_instantly.observability.metrics import LAUNCHES_FAILED, Metrics

    metrics = Metrics(conn_id)
    metrics.count(LAUNCHES_FAILED, 1, reason)
    metrics.flush()
