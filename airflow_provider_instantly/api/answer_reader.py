"""
Reads one HTTP answer from the bytes of a connection: the same for both transports, and bounded in every direction.

Pure. The two HTTP libraries read the same bytes differently, so neither of them reads answers here: `h11` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11

from airflow_provider_instantly.api.answers import MAX_ANSWER_BYTES, Answer
from airflow_provider_instantly.api.unpacking import CorruptBodyError, UnknownCodingError, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Bytes of a status line with its headers, or of one interim answer.
MAX_HEAD_BYTES: Final = 64 * 1024
#: Interim answers (1xx) before the answer.
MAX_INTERIM: Final = 100
#: A chunk costs time, however short it is, and an event loop has better things to do.
MAX_CHUNKS: Final = 20_000
CLOSED: Final = "the server closed the connection"
TOOK_TOO_LONG: Final = "the answer took too long"
NO_HTTP: Final = "what came is not HTTP"
#: All bytes of an answer: a whole body, and what its chunks and headers add.
MAX_WIRE_BYTES: Final = MAX_ANSWER_BYTES + 2 * 1024 * 1024


class BrokenAnswerError(Exception):
    """
    No whole answer came.

    It derives from `Exception` alone, so that no HTTP library takes it for an error of its own.

    :param reason: why, as a clause, and nothing of what the server sent.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnreadableAnswerError(Exception):
    """
    A whole answer came, with a good status, and a body that is packed in a way that was not asked for.

    :param status: its HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class AnswerReader:
    """
    Reads the answer to one request.

    :param method: the request's HTTP method.
    """

    def __init__(self, method: str) -> None:
        # Its own limit is for what is incomplete, and so depends on how the bytes were cut.
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=2 * MAX_WIRE_BYTES)
        self._connection.send(h11.Request(method=method, target="/", headers=[("Host", "instantly")]))
        self._connection.send(h11.EndOfMessage())
        self._received = 0
        self._head_began = 0
        self._interim = 0
        self._chunks = 0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        #: Whether the connection can carry another request, once there is an answer.
        self.can_continue = False

    @property
    def has_begun(self) -> bool:
        """Whether any byte came."""
        return self._received > 0

    def feed(self, data: bytes) -> Answer | None:
        """
        Take what came over the wire, and return the answer once it is whole, or larger than is read.

        :param data: at least one byte, or none where the connection has ended.
        :raises BrokenAnswerError: if there will be no whole answer.
        :raises UnreadableAnswerError: if its body is packed in a way that was not asked for.
        """
        room = MAX_WIRE_BYTES - self._received
        if data and room <= 0:
            raise BrokenAnswerError("the answer is too long")
        self._received += len(data[:room])
        self._connection.receive_data(data[:room])
        try:
            answer = self._advance()
        except h11.RemoteProtocolError:
            self.can_continue = False
            raise BrokenAnswerError(NO_HTTP if data else CLOSED) from None
        if answer is None and len(data) > room:
            raise BrokenAnswerError("the answer is too long")
        self.can_continue = self.can_continue and len(data) <= room
        return answer

    def _advance(self) -> Answer | None:
        while True:
            event = self._connection.next_event()
            if isinstance(event, h11.InformationalResponse):
                self._interim += 1
                self._end_head()
                if self._interim > MAX_INTERIM:
                    raise BrokenAnswerError("interim answers came without end")
            elif isinstance(event, h11.Response):
                self._end_head()
                self._status, self._headers = event.status_code, _joined(event.headers)
            elif isinstance(event, h11.Data):
                self._chunks += event.chunk_start
                if self._chunks > MAX_CHUNKS:
                    raise BrokenAnswerError("its chunks are too many")
                self._body += event.data
                if len(self._body) > MAX_ANSWER_BYTES:
                    return Answer(self._status, self._headers, bytes(self._body[: MAX_ANSWER_BYTES + 1]))
            elif isinstance(event, h11.EndOfMessage):
                at_rest = (self._connection.our_state, self._connection.their_state) == (h11.DONE, h11.DONE)
                self.can_continue = at_rest and self._connection.trailing_data == (b"", False)
                return Answer(self._status, self._headers, self._unpacked(self._status))
            elif event is h11.NEED_DATA:
                if not self._status and self._received - self._head_began > MAX_HEAD_BYTES:
                    raise BrokenAnswerError("its headers are too long")
                return None
            else:
                raise BrokenAnswerError(NO_HTTP)

    def _end_head(self) -> None:
        began, self._head_began = self._head_began, self._received - len(self._connection.trailing_data[0])
        if self._head_began - began > MAX_HEAD_BYTES:
            raise BrokenAnswerError("its headers are too long")

    def _unpacked(self, status: int) -> bytes:
        """An error's status tells more than a body that cannot be read, so that stays."""
        is_good = 200 <= status < 300
        try:
            return unpack(bytes(self._body), self._headers.get("content-encoding", ""), limit=MAX_ANSWER_BYTES)
        except UnknownCodingError:
            if is_good:
                raise UnreadableAnswerError(status) from None
        except CorruptBodyError:
            if is_good:
                raise BrokenAnswerError("its body cannot be unpacked") from None
        return b""


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in lower case; what is there more than once is one list (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
