"""One request on its way: what both transports note of it, so that its end means the same in both."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.api.answer_reader import CLOSED, TOOK_TOO_LONG, AnswerReader, BrokenAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.api.answers import Answer


class Sending:
    """
    One request that is sent once.

    :param method: its HTTP method.
    :param timeout: seconds to wait for a connection, and then for the whole answer.
    """

    def __init__(self, method: str, timeout: float) -> None:
        self.timeout = timeout
        self.reader = AnswerReader(method)
        #: Whether any byte of it may have left this machine: a connection was made, and it was written.
        self.has_left = False
        #: Whether its connection has carried an answer before.
        self.is_reused = False
        #: Whether its connection was closed or broke.
        self.is_closed = False
        self.answer: Answer | None = None

    def leave(self, *, is_reused: bool) -> None:
        """
        Note that it leaves this machine now, unless what `BEFORE_LEAVING` holds objects.

        :param is_reused: whether its connection has carried an answer before.
        """
        if not self.has_left:
            BEFORE_LEAVING.get()()
        self.has_left, self.is_reused = True, is_reused

    @property
    def is_stale(self) -> bool:
        """Whether it met a kept connection which was closed before any byte came back."""
        return self.is_reused and self.is_closed and not self.reader.has_begun

    @property
    def whole_answer(self) -> Answer:
        """
        What came back.

        :raises BrokenAnswerError: if that is nothing.
        """
        if self.answer is None:
            raise BrokenAnswerError("no answer was read")
        return self.answer

    def feed(self, data: bytes) -> bool:
        """
        Take what came over the wire, and return whether the answer is whole.

        :param data: at least one byte, or none where the connection has ended.
        :raises BrokenAnswerError: if it never will be.
        :raises UnreadableAnswerError: if its body is packed in a way that was not asked for.
        """
        self.is_closed = self.is_closed or not data
        self.answer = self.reader.feed(data)
        return self.answer is not None

    def broken_by(self, error: BaseException | None) -> BrokenAnswerError:
        """
        Note what became of its connection, and return what that means for the answer.

        :param error: the socket's error, or None where the connection was closed in order.
        """
        if isinstance(error, TimeoutError):
            return BrokenAnswerError(TOOK_TOO_LONG)
        self.is_closed = True
        if error is None:
            return BrokenAnswerError(CLOSED)
        was_reset = isinstance(error, ConnectionError)
        return BrokenAnswerError("the connection was reset" if was_reset else type(error).__name__)


#: Is called right before the first byte of a request leaves, and may raise, so that none does. To find a name and to
#: make a connection takes seconds, in which a task may be killed.
BEFORE_LEAVING: ContextVar[Callable[[], Any]] = ContextVar("airflow_provider_instantly_leaving", default=lambda: None)


@contextmanager
def before_leaving(call: Callable[[], Any]) -> Iterator[None]:
    """
    Have something called right before the first byte leaves of each request that is sent within.

    :param call: see `BEFORE_LEAVING`.
    """
    token = BEFORE_LEAVING.set(call)
    try:
        yield
    finally:
        BEFORE_LEAVING.reset(token)


#: The one that this thread or asyncio task is sending: the libraries pass nothing of ours down to their sockets.
CURRENT: ContextVar[Sending] = ContextVar("airflow_provider_instantly_sending")
