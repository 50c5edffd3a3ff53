"""What ``default_args`` add is known from what stands on the task, in every way in which a task is made."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, TaskGroup

from airflow_provider_instantly.default_args import KnowsWhatWasWritten


class Task(KnowsWhatWasWritten, BaseOperator):
    """A task whose parameter means something only to some tasks."""

    def __init__(self, *, stable_for: object = None, flavour: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.is_added = self.is_from_default_args("stable_for", stable_for, kwargs.get("default_args"))


class Subclass(Task):
    """One that knows nothing of it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class SubclassWithSignature(Task):
    """One that has the parameter itself."""

    def __init__(self, *, stable_for: object = None, **kwargs: Any) -> None:
        super().__init__(stable_for=stable_for, **kwargs)


class SubclassWithOwnValue(Task):
    """One that passes a value of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(stable_for=7, **kwargs)


TASKS = (Task, Subclass, SubclassWithSignature)
FOR_ALL: Any = {"stable_for": True}


@pytest.mark.parametrize("task", TASKS)
def test_of_the_dag(task: Any) -> None:
    with DAG("d", schedule=None, default_args=FOR_ALL):
        assert task(task_id="added").is_added
        assert not task(task_id="written", stable_for=True).is_added
        assert not task(task_id="another", stable_for=5).is_added


@pytest.mark.parametrize("task", TASKS)
def test_of_a_task_group_and_of_the_task(task: Any) -> None:
    with DAG("d", schedule=None):
        assert not task(task_id="neither").is_added
        assert task(task_id="task", default_args=FOR_ALL).is_added
        with TaskGroup("group", default_args=FOR_ALL):
            assert task(task_id="added").is_added
            assert not task(task_id="written", stable_for=True).is_added


@pytest.mark.parametrize("task", TASKS)
def test_of_a_mapped_task(task: Any) -> None:
    with DAG("d", schedule=None, default_args=FOR_ALL):
        added = task.partial(task_id="added").expand(flavour=["a", "b"])
        written = task.partial(task_id="written", stable_for=True).expand(flavour=["a", "b"])
        expanded = task.partial(task_id="expanded").expand(stable_for=[True])
    assert added.unmap({"flavour": "a"}).is_added
    assert not written.unmap({"flavour": "a"}).is_added
    assert not expanded.unmap({"stable_for": True}).is_added


def test_a_value_of_a_subclass_is_written() -> None:
    with DAG("d", schedule=None, default_args={"stable_for": 5}):
        assert not SubclassWithOwnValue(task_id="own").is_added


@pytest.mark.parametrize("task", TASKS)
def test_copies_and_signatures_stay(task: Any) -> None:
    assert list(inspect.signature(task).parameters) == list(inspect.signature(task.__init__).parameters)[1:]
    with DAG("d", schedule=None, default_args=FOR_ALL):
        original = task(task_id="written", stable_for=True)
    for twin in (copy.copy(original), copy.deepcopy(original)):
        assert (twin.task_id, twin.is_added) == ("written", False)
