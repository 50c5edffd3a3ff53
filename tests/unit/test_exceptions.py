"""How a task fails: Airflow honours `soft_fail` for its own exceptions only, and retries all but some."""

from __future__ import annotations

import ast
import pickle
import re

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowTaskTimeout

from airflow_provider_instantly import exceptions
from airflow_provider_instantly.api.campaign import UnusableValueError, check_campaign_id
from airflow_provider_instantly.tasklog import sentences_of
from tests.source_code import nodes_of_tasks

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


def _written(argument: ast.expr) -> str:
    """What a module writes of a sentence, with a word for each value that it puts into it."""
    parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "value" for part in parts)


def test_each_sentence_of_a_failure_is_given_by_itself() -> None:
    """The log has a line for each, and a screen shows some hundred characters of it."""
    calls = [node for _, node in nodes_of_tasks() if isinstance(node, ast.Call)]
    failures = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "failure"]
    written = [_written(argument) for call in failures for argument in call.args[1:]]
    assert len(written) > 50
    assert [each for each in written if re.search(r"[.!?] \S", each)] == []


@pytest.mark.parametrize("kind", [*OURS, AirflowTaskTimeout], ids=lambda kind: kind.__name__)
def test_a_failure_keeps_its_sentences_apart(kind: type[BaseException]) -> None:
    error = exceptions.failure(kind, "It broke.", "Fix it.")
    assert type(error) is kind
    for each in (error, pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert (str(each), sentences_of(each)) == ("It broke. Fix it.", ("It broke.", "Fix it."))


def test_a_parameter_that_cannot_be_used_fails_the_task_with_the_same_sentences() -> None:
    with pytest.raises(UnusableValueError) as caught:
        check_campaign_id("Spring. Launch")
    error = exceptions.refused(exceptions.LaunchRefusedError, caught.value)
    assert type(error) is exceptions.LaunchRefusedError
    assert str(error) == str(caught.value)
    assert sentences_of(error)[0] == "campaign_id must be the UUID of a campaign, not 'Spring. Launch'."
    assert len(sentences_of(error)) == 3
    assert sentences_of(exceptions.refused(AirflowFailException, ValueError("No. Never."))) == ("No. Never.",)


def test_a_failure_may_have_a_text_of_its_own() -> None:
    error = exceptions.failure(exceptions.CampaignWaitError, "One.", "Two.", message="One.\nTwo.")
    assert (str(error), sentences_of(error)) == ("One.\nTwo.", ("One.", "Two."))
