"""What a task's author wrote on it, and what ``default_args`` added to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class KnowsWhatWasWritten:
    """
    A task that can tell what its author wrote on it from what ``default_args`` of its DAG or task group added.

    Airflow (2.11 to 3.3) hands both to ``__init__`` alike. What ``default_args`` say is for all tasks that it means
    something to, so a task to which it means nothing has to ignore it; the same on the task itself is a mistake.
    """

    # Not in the task's __dict__, which Airflow 2 copies attribute by attribute, its own first.
    __slots__ = ("_written",)
    _written: frozenset[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        type.__setattr__(cls, "__new__", staticmethod(_noting_what_is_written(cls.__init__)))

    def is_from_default_args(self, name: str, value: object, default_args: Mapping[str, object] | None) -> bool:
        """
        Whether an argument was added from ``default_args``.

        :param name: the argument's name.
        :param value: what ``__init__`` was passed.
        :param default_args: what Airflow passes to ``__init__`` under this name: those of DAG, group and task merged.
        """
        added = default_args or {}
        # A subclass may pass a value of its own to the class that it derives from.
        return name not in self._written and name in added and added[name] is value


def _noting_what_is_written(init: Callable[..., None]) -> Callable[..., Any]:
    """A ``__new__``, which Python passes what the author wrote, before Airflow adds to it for ``__init__``."""

    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        task: Any = object.__new__(cls)
        object.__setattr__(task, "_written", frozenset(kwargs))
        return task

    # So that the signature of the class remains that of its __init__.
    new.__wrapped__ = init  # type: ignore[attr-defined]
    return new
