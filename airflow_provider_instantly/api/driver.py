"""
Runs what generators ask for: one loop for tasks, and the same for event loops.

A generator yields a step and is sent back what came of it; what its steps are is its own business. So all that is
decided is decided once, in a generator without I/O, and both loops do it alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    #: Is called with a step and what came of it.
    Observe = Callable[["S", "R"], Any]

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")


def drive(steps: Generator[S, Any, T], perform: Callable[[S], Any]) -> T:
    """
    Run a generator to its end and return what it returns.

    :param steps: yields steps, and is sent what came of each.
    :param perform: does one step. What it raises ends the run.
    """
    reaction = None
    while True:
        try:
            step = steps.send(reaction)
        except StopIteration as stop:
            returned: T = stop.value
            return returned
        reaction = perform(step)


async def adrive(steps: Generator[S, Any, T], perform: Callable[[S], Awaitable[Any]]) -> T:
    """Async twin of `drive`."""
    reaction = None
    while True:
        try:
            step = steps.send(reaction)
        except StopIteration as stop:
            returned: T = stop.value
            return returned
        reaction = await perform(step)


def observed(steps: Generator[S, R, T], observe: Observe[S, R]) -> Generator[S, R, T]:
    """
    The same steps, while someone watches.

    :param steps: a generator to run.
    :param observe: is called with each step that was done, before the generator goes on.
    """
    reaction: Any = None
    while True:
        try:
            step = steps.send(reaction)
        except StopIteration as stop:
            returned: T = stop.value
            return returned
        reaction = yield step
        observe(step, reaction)
