"""Which tries of a task are launches that failed, and why. That they are counted: `test_metrics.py`."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowTaskTimeout

from airflow_provider_instantly.api.errors import (
    ConnectionLookupError,
    InstantlyConfigurationError,
    InstantlyRateLimitError,
    InstantlyServerError,
)
from airflow_provider_instantly.exceptions import (
    CampaignStoppedError,
    CampaignWaitError,
    CheckIncompleteError,
    LaunchNotConfirmedError,
    LaunchRefusedError,
    TaskKilledError,
)
from airflow_provider_instantly.launches.failed import OTHER, REASONS, reason_of
from tests.airflow_versions import TaskDeferred


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LaunchRefusedError("x"), "refused"),
        (CheckIncompleteError("x"), "check_incomplete"),
        (CampaignStoppedError("x"), "stopped"),
        (LaunchNotConfirmedError("x"), "not_confirmed"),
        (AirflowSensorTimeout("x"), "timed_out"),
        (AirflowTaskTimeout("x"), "timed_out"),
        (CampaignWaitError("x"), "wait_failed"),
        (InstantlyConfigurationError("x"), "no_connection"),
        (ConnectionLookupError("x"), "no_connection"),
        (InstantlyRateLimitError("x"), "request_failed"),
        (InstantlyServerError("x"), "request_failed"),
        (ZeroDivisionError(), OTHER),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_why_a_launch_failed(error: BaseException, reason: str) -> None:
    assert reason_of(error) == reason


def test_each_reason_has_an_error_above() -> None:
    assert set(REASONS.values()) == {
        *("refused", "check_incomplete", "stopped", "not_confirmed"),
        *("timed_out", "wait_failed", "no_connection", "request_failed"),
    }


@pytest.mark.parametrize(
    "error",
    [TaskKilledError("x"), TaskDeferred(trigger=None, method_name="x"), KeyboardInterrupt(), SystemExit(1)],
    ids=lambda error: type(error).__name__,
)
def test_what_ends_a_try_and_is_no_failure(error: BaseException) -> None:
    assert reason_of(error) is None
