"""
Python loads this by itself in the processes of a measured Airflow: it notes the long steps of triggerers' event loops.

A step is all that the loop does before it checks its timers again. It is measured in CPU time of the loop's thread
without searches for garbage, so that neither a busy machine nor the size of Airflow itself is taken for ours.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

NOTES = os.environ.get("TRIGGERER_STEPS")
LONG = 0.05
"""Seconds from which on a step is noted."""

_collecting: defaultdict[int, float] = defaultdict(float)
"""CPU seconds that each thread has searched for garbage."""
_run_once: Any = asyncio.BaseEventLoop._run_once  # type: ignore[attr-defined]


def _around_collection(phase: str, _info: dict[str, int]) -> None:
    now = time.thread_time()
    _collecting[threading.get_ident()] += -now if phase == "start" else now


def _timed_step(loop: asyncio.BaseEventLoop) -> None:
    thread = threading.get_ident()
    before = time.thread_time() - _collecting[thread]
    _run_once(loop)
    took = time.thread_time() - _collecting[thread] - before
    # The supervisor of a triggerer has a loop too, in another thread.
    if took > LONG and NOTES and threading.current_thread() is threading.main_thread():
        with Path(NOTES).open("a") as file:
            file.write(f"{took:.3f}\n")


if NOTES and "triggerer" in sys.orig_argv:
    gc.callbacks.append(_around_collection)
    asyncio.BaseEventLoop._run_once = _timed_step  # type: ignore[attr-defined]
