"""Lines at their level, an event loop that no log holds up, and errors whose reasons stand before them."""

from __future__ import annotations

import ast
import asyncio
import logging
import re
import threading
import traceback
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_instantly import tasklog
from airflow_provider_instantly.api.errors import InstantlyConfigurationError, InstantlyPermissionError
from airflow_provider_instantly.exceptions import CampaignStoppedError, LaunchRefusedError, failure
from tests.source_code import nodes_of_tasks, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG = logging.getLogger("a_task")


class TestTelling:
    def test_each_line_at_its_level(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        tasklog.write(LOG, info=["100% said"], warnings=["%s warned"])
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", "%s warned"),
            ("INFO", "100% said"),
        ]

    async def test_a_log_that_stands_still_does_not_hold_the_event_loop(self) -> None:
        """Airflow's log of a trigger is a socket, and its reader may be busy."""
        goes_on = threading.Event()

        class FullLog:
            lines: ClassVar[list[str]] = []

            def info(self, event: str, *args: Any) -> None:
                assert goes_on.wait(20)
                self.lines.append(event % args)

            warning = info

        telling = asyncio.create_task(tasklog.awrite(FullLog(), info=["said"], warnings=["warned"]))
        await asyncio.sleep(0.05)
        assert not telling.done()
        goes_on.set()
        await telling
        assert FullLog.lines == ["warned", "said"]

    async def test_what_has_nothing_to_say_needs_no_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(asyncio, "to_thread")
        await tasklog.awrite(LOG)


def test_a_log_that_needs_arguments_of_its_own_kind() -> None:
    """Airflow 3 gives tasks a structlog logger, which takes its arguments like `logging`."""
    lines: list[tuple[Any, ...]] = []

    class Log:
        info: Callable[..., None] = staticmethod(lambda *args: lines.append(args))
        warning: Callable[..., None] = staticmethod(lambda *args: lines.append(args))

    tasklog.write(Log(), info=["a"], warnings=["b"])
    assert lines == [("%s", "b"), ("%s", "a")]


def _joined_in_one_text() -> Iterator[str]:
    """Where an error is raised with several sentences in one text; what fails while a DAG is parsed has no log."""
    for file, node in nodes_of_tasks():
        match node:
            case ast.Call(func=ast.Name(id="ValueError" | "RuntimeError" | "_UnfitError")):
                continue
            # A request's error has its coordinates, too, and puts its own sentences together.
            case ast.Call(func=ast.Name(id=name), args=[text], keywords=[]) if name.endswith(
                ("Error", "FailException")
            ) and re.search(r"\. [A-Z{]", ast.unparse(text)):
                yield place(file, node)
            # How many sentences its text has, is not to be seen here.
            case ast.Raise(exc=ast.Call(func=ast.Name(id="kind"))):
                yield place(file, node)


def test_every_error_of_a_task_keeps_its_sentences_apart() -> None:
    """A screen has room for the first: what became of the campaign, and what to do, would stand beyond its edge."""
    assert list(_joined_in_one_text()) == []


class TestReasonsFirst:
    @pytest.mark.parametrize(
        ("error", "lines"),
        [
            (failure(LaunchRefusedError, "It runs.", "Pause it."), ["It runs.", "Pause it."]),
            (CampaignStoppedError("It was stopped."), ["It was stopped."]),
            (AirflowFailException("It cannot."), ["It cannot."]),
            (InstantlyConfigurationError("There is no key. Add one."), ["There is no key. Add one."]),
            (InstantlyConfigurationError("There is no key.", "Add one."), ["There is no key.", "Add one."]),
            (
                InstantlyPermissionError("It may not.", path="/x", status=403, server_message="No. Never."),
                ["It may not.", "Instantly answered: No. Never."],
            ),
            (AirflowSkipException("Not today."), []),
            (ZeroDivisionError("A bug."), []),
            (KeyboardInterrupt(), []),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_each_sentence_is_a_line_before_the_error(
        self, caplog: pytest.LogCaptureFixture, error: BaseException, lines: list[str]
    ) -> None:
        class Task:
            log = LOG

            @tasklog.reasons_first
            def execute(self, context: dict[str, str]) -> None:
                """Fail."""
                raise error

        with pytest.raises(type(error)) as caught:
            Task().execute({})
        assert caught.value is error
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", line) for line in lines
        ]

    @pytest.mark.parametrize(
        ("error", "frames"),
        [
            (failure(LaunchRefusedError, "It runs."), ["telling"]),
            (InstantlyConfigurationError("There is no key."), ["telling"]),
            (LaunchRefusedError("It runs."), ["telling"]),
            (ZeroDivisionError("A bug."), ["telling", "execute", "_deep"]),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_a_traceback_does_not_push_the_reasons_out_of_the_page(
        self, caplog: pytest.LogCaptureFixture, error: BaseException, frames: list[str]
    ) -> None:
        class Task:
            log = LOG

            @tasklog.reasons_first
            def execute(self, context: dict[str, str]) -> None:
                """Fail further down."""
                self._deep()

            def _deep(self) -> None:
                raise error from KeyError("its cause")

        caplog.set_level(logging.DEBUG)
        with pytest.raises(type(error)) as caught:
            Task().execute({})
        assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)[1:]] == frames
        assert isinstance(caught.value.__cause__, KeyError)
        whole = [record.exc_text or "" for record in caplog.records if record.levelname == "DEBUG"]
        assert len(whole) == (frames == ["telling"])
        assert all("in _deep" in text for text in whole)

    def test_what_does_not_fail_is_as_it_was(self, caplog: pytest.LogCaptureFixture) -> None:
        class Task:
            log = LOG

            @tasklog.reasons_first
            def execute(self, context: dict[str, str], event: int = 1) -> tuple[dict[str, str], int]:
                """Work."""
                return context, event

        assert Task().execute({"a": "b"}, event=2) == ({"a": "b"}, 2)
        assert (Task.execute.__name__, Task.execute.__doc__) == ("execute", "Work.")
        assert caplog.records == []
