"""How a task fails: Airflow honours `soft_fail` for its own exceptions only, and retries all but some."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_instantly import exceptions

OURS = [kind for kind in vars(exceptions).values() if isinstance(kind, type) and kind.__module__ == exceptions.__name__]


def test_all_are_airflows_own_so_that_soft_fail_works() -> None:
    assert len(OURS) >= 4
    assert all(issubclass(kind, AirflowException) for kind in OURS)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_only_what_another_try_cannot_change_is_not_retried(kind: type[Exception]) -> None:
    not_retried = {
        exceptions.LaunchRefusedError,
        exceptions.CheckFailedError,
        exceptions.CampaignStoppedError,
        exceptions.UploadRefusedError,
        exceptions.RowsRejectedError,
        exceptions.LimitBreachedError,
    }
    assert issubclass(kind, AirflowFailException) is (kind in not_retried)
