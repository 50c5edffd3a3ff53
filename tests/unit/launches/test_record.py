"""What a task instance remembers of its launches from try to try, and what becomes of it where nothing remembers."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.exceptions import TaskKilledError
from airflow_provider_instantly.launches.plan import PriorOutcome
from airflow_provider_instantly.launches.record import LaunchRecord
from tests import statuses
from tests.unit.task_state_store import TaskStateStore

DRAFT, ACTIVE, PAUSED, COMPLETED, UNHEALTHY, BOUNCED, UNKNOWN = map(
    CampaignStatus,
    (
        statuses.DRAFT,
        statuses.ACTIVE,
        statuses.PAUSED,
        statuses.COMPLETED,
        statuses.UNHEALTHY,
        statuses.BOUNCED,
        statuses.UNKNOWN,
    ),
)
CAMPAIGN_ID = "0192e0c2-7f9d-7b5e-9f5f-1f1f2c3d4e5f"


@pytest.fixture
def store() -> TaskStateStore:
    return TaskStateStore()


def record(store: TaskStateStore | None) -> LaunchRecord:
    """The record as the next try finds it."""
    context = {} if store is None else {"task_state_store": store}
    return LaunchRecord(context, CAMPAIGN_ID, logging.getLogger("a task"))


def test_the_first_try_has_launched_nothing(store: TaskStateStore) -> None:
    assert not record(store).may_have_launched
    assert record(store).prior_outcome(PAUSED) is PriorOutcome.NOTHING


@pytest.mark.parametrize(
    ("before", "now", "prior"),
    [
        (DRAFT, DRAFT, PriorOutcome.MAYBE),
        (DRAFT, PAUSED, PriorOutcome.LAUNCHED),
        (PAUSED, PAUSED, PriorOutcome.MAYBE),
        (PAUSED, COMPLETED, PriorOutcome.LAUNCHED),
        (COMPLETED, COMPLETED, PriorOutcome.MAYBE),
        # A stop proves the launch of a Draft alone: any other was launched before, and may be stopped for that.
        (DRAFT, BOUNCED, PriorOutcome.LAUNCHED),
        (PAUSED, BOUNCED, PriorOutcome.MAYBE),
        (COMPLETED, BOUNCED, PriorOutcome.MAYBE),
        (UNHEALTHY, BOUNCED, PriorOutcome.MAYBE),
        (DRAFT, UNKNOWN, PriorOutcome.MAYBE),
        (DRAFT, None, PriorOutcome.MAYBE),
        (None, PAUSED, PriorOutcome.MAYBE),
    ],
)
def test_a_try_that_died_before_the_answer_may_have_launched(
    store: TaskStateStore, before: CampaignStatus | None, now: CampaignStatus | None, prior: PriorOutcome
) -> None:
    record(store).note_sending(before)

    assert record(store).may_have_launched
    assert record(store).prior_outcome(now) is prior


@pytest.mark.parametrize("now", [DRAFT, ACTIVE, PAUSED, COMPLETED, BOUNCED, UNKNOWN, None])
def test_an_answer_proves_the_launch(store: TaskStateStore, now: CampaignStatus | None) -> None:
    first = record(store)
    first.note_sending(DRAFT)
    first.note_answered()

    assert record(store).prior_outcome(now) is PriorOutcome.LAUNCHED


def test_what_had_no_effect_counts_no_more(store: TaskStateStore) -> None:
    first = record(store)
    first.note_sending(DRAFT)
    first.note_without_effect()

    assert not first.may_have_launched
    assert not record(store).may_have_launched


@pytest.mark.parametrize(
    ("now", "prior"),
    [
        (PAUSED, PriorOutcome.NOTHING),
        (BOUNCED, PriorOutcome.MAYBE),
        (COMPLETED, PriorOutcome.LAUNCHED),
        (UNKNOWN, PriorOutcome.MAYBE),
    ],
)
def test_what_stayed_paused_is_a_launch_once_it_shows(
    store: TaskStateStore, now: CampaignStatus, prior: PriorOutcome
) -> None:
    first = record(store)
    first.note_sending(PAUSED)
    first.note_may_resume()

    assert record(store).may_have_launched
    assert record(store).prior_outcome(now) is prior


def test_what_stayed_paused_counts_as_sent_again_with_the_next_activation(store: TaskStateStore) -> None:
    first = record(store)
    first.note_sending(PAUSED)
    first.note_may_resume()
    first.note_sending(PAUSED)

    assert record(store).prior_outcome(PAUSED) is PriorOutcome.MAYBE


@pytest.mark.parametrize("seen", [DRAFT, ACTIVE, COMPLETED, BOUNCED, UNKNOWN, None])
@pytest.mark.parametrize("answered", [True, False])
def test_what_was_read_in_another_status_since_is_paused_by_another(
    store: TaskStateStore, seen: CampaignStatus | None, answered: bool
) -> None:
    """It was remembered for ever that the campaign may be resumed, so the next retry overruled a person's pause."""
    first = record(store)
    first.note_sending(PAUSED)
    if answered:
        first.note_answered()
    first.note_may_resume()
    record(store).note_seen(seen)

    assert record(store).prior_outcome(PAUSED) is (PriorOutcome.LAUNCHED if answered else PriorOutcome.MAYBE)


def test_what_is_read_as_paused_still_may_be_resumed(store: TaskStateStore) -> None:
    first = record(store)
    first.note_sending(PAUSED)
    first.note_may_resume()
    record(store).note_seen(PAUSED)

    assert record(store).prior_outcome(PAUSED) is PriorOutcome.NOTHING


@pytest.mark.parametrize("seen", [PAUSED, ACTIVE])
def test_a_read_alone_writes_nothing(store: TaskStateStore, seen: CampaignStatus) -> None:
    record(store).note_seen(seen)
    assert store.kept == {}
    record(store).note_sending(DRAFT)
    store.cannot_write = True
    record(store).note_seen(seen)


def test_what_had_no_effect_does_not_take_back_what_an_earlier_try_did(store: TaskStateStore) -> None:
    first = record(store)
    first.note_sending(DRAFT)
    first.note_answered()
    second = record(store)
    second.note_sending(BOUNCED)
    second.note_without_effect()

    assert record(store).prior_outcome(PAUSED) is PriorOutcome.LAUNCHED


def test_a_second_activation_does_not_forget_that_the_first_was_answered(store: TaskStateStore) -> None:
    first = record(store)
    first.note_sending(DRAFT)
    first.note_answered()
    record(store).note_sending(PAUSED)

    assert record(store).prior_outcome(PAUSED) is PriorOutcome.LAUNCHED


def test_what_we_paused_ourselves_may_be_resumed(store: TaskStateStore) -> None:
    first = record(store)
    first.note_sending(DRAFT)
    first.note_answered()
    first.note_may_resume()

    assert record(store).prior_outcome(PAUSED) is PriorOutcome.NOTHING


def test_what_we_paused_ourselves_and_instantly_stopped_since_was_launched(store: TaskStateStore) -> None:
    """It was forgotten with the pause, and reactivated where reactivate_stopped allows what a task finds so."""
    first = record(store)
    first.note_sending(DRAFT)
    first.note_answered()
    first.note_may_resume()

    assert record(store).prior_outcome(BOUNCED) is PriorOutcome.LAUNCHED


def test_below_airflow_33_a_try_remembers_only_what_it_did_itself() -> None:
    first = record(None)
    first.note_sending(DRAFT)
    first.note_answered()

    assert first.prior_outcome(PAUSED) is PriorOutcome.LAUNCHED
    assert not record(None).may_have_launched


def test_it_is_kept_for_as_long_as_the_run(store: TaskStateStore) -> None:
    """After 30 days Airflow let go of it, and a task that was cleared launched a second time what was Completed."""
    first = record(store)
    first.note_sending(DRAFT)
    assert list(store.retention.values()) == [timedelta.max]
    first.note_answered()
    assert list(store.retention.values()) == [timedelta.max]


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="The store is new in Airflow 3.3.")
def test_airflows_own_store_lets_it_never_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    sent: list[Any] = []
    comms = SimpleNamespace(send=sent.append)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", comms, raising=False)
    store: Any = TaskStateStoreAccessor(uuid4(), scope=None)  # type: ignore[arg-type]

    record(store).note_sending(DRAFT)

    assert [(message.type, message.value, message.expires_at) for message in sent[1:]] == [
        ("SetTaskStateStore", {"status_before": 0, "answered": False}, None)
    ]


def test_a_store_that_cannot_be_written_is_warned_of_without_its_secrets(
    store: TaskStateStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.cannot_write = True
    first = record(store)

    first.note_sending(DRAFT)
    first.note_answered()

    assert first.prior_outcome(PAUSED) is PriorOutcome.LAUNCHED, "this try still knows"
    assert "could not be written (RuntimeError)" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(("status", "is_superseded"), [(404, True), (401, False), (409, False), (500, False)])
def test_a_try_that_airflow_does_not_know_any_more_is_superseded(
    store: TaskStateStore, status: int, is_superseded: bool
) -> None:
    store.refuses_with = status
    first = record(store)
    assert not first.is_superseded

    first.note_sending(DRAFT)

    assert first.is_superseded is is_superseded


def test_what_a_superseded_try_notes_is_not_sent_again(store: TaskStateStore, caplog: pytest.LogCaptureFixture) -> None:
    store.refuses_with = 404
    first = record(store)
    first.note_sending(DRAFT)
    first.note_without_effect()
    first.settle()
    assert caplog.text.count("could not be written") == 1


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="The store is new in Airflow 3.3.")
def test_airflow_says_of_a_try_that_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    def send(message: Any) -> Any:
        if message.type == "GetTaskStateStore":
            return ErrorResponse(error=ErrorType.TASK_STORE_NOT_FOUND, detail={"key": message.key})
        raise AirflowRuntimeError(
            ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404, "message": "Not Found"})
        )

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
    store: Any = TaskStateStoreAccessor(uuid4(), scope=None)  # type: ignore[arg-type]
    first = record(store)
    first.note_sending(DRAFT)
    assert first.is_superseded


def test_a_store_that_cannot_be_read_stops_the_try_before_anything_is_sent(store: TaskStateStore) -> None:
    """Otherwise a retry could overrule a person who has paused the campaign since."""
    store.cannot_read = True

    with pytest.raises(RuntimeError):
        record(store).prior_outcome(PAUSED)
    with pytest.raises(RuntimeError):
        record(store).note_sending(DRAFT)


@pytest.mark.parametrize("foreign", [True, 1, "sent", [1], {}, {"answered": None}])
def test_what_was_not_written_as_a_record_is_not_believed(store: TaskStateStore, foreign: Any) -> None:
    record(store).note_sending(DRAFT)
    [key] = store.kept
    store.kept[key] = json.dumps(foreign)

    assert record(store).prior_outcome(DRAFT) in (PriorOutcome.NOTHING, PriorOutcome.MAYBE)


def test_a_task_that_is_killed_while_it_is_written_ends(store: TaskStateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*args: Any, **more: Any) -> None:
        raise TaskKilledError("The task was killed.")

    monkeypatch.setattr(store, "set", killed)
    with pytest.raises(TaskKilledError):
        record(store).note_sending(DRAFT)


def test_what_is_put_off_is_written_once(store: TaskStateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """To write it takes time, in which what it is about becomes outdated."""
    written: list[Any] = []
    monkeypatch.setattr(store, "set", lambda key, value, **_: written.append(value))
    first = record(store)
    for _ in range(3):
        first.note_sending(DRAFT)
        first.note_put_off()
        assert not first.may_have_launched, "it was not sent"
    first.note_sending(DRAFT)
    first.note_answered()

    assert written == [{"status_before": DRAFT, "answered": False}, {"status_before": DRAFT, "answered": True}]


def test_a_try_that_dies_while_it_is_put_off_may_have_launched(store: TaskStateStore) -> None:
    first = record(store)
    first.note_sending(DRAFT)
    first.note_put_off()

    assert record(store).prior_outcome(PAUSED) is PriorOutcome.LAUNCHED
    first.settle()
    assert record(store).prior_outcome(PAUSED) is PriorOutcome.NOTHING


def test_what_is_settled_already_is_not_written_again(store: TaskStateStore) -> None:
    record(store).settle()
    first = record(store)
    first.look_up()
    first.settle()
    assert store.kept == {}
    first.note_sending(DRAFT)
    store.cannot_read = store.cannot_write = True
    first.settle()
    assert first.may_have_launched
