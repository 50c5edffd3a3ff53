"""Lines at their level, and an event loop that no log holds up."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_instantly import tasklog

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

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
