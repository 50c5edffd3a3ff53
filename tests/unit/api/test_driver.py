"""The two loops that run conversations: they do the same, and a list is walked through with either, over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.driver import adrive, drive, observed
from airflow_provider_instantly.api.endpoint import Endpoint
from airflow_provider_instantly.api.errors import InstantlyError, InstantlyRequestError
from airflow_provider_instantly.api.operations import list_campaigns
from airflow_provider_instantly.api.pages import Pages
from airflow_provider_instantly.api.transport import AsyncTransport, SyncTransport
from tests.unit.api.conftest import CAMPAIGN_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

KEY = base64.b64encode(b"019e18e2-a521-7bb9-9dd6-45f1bc69dcd1:secret").decode()


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """One of the two loops; what performs the steps is a plain function for both."""

    def asynchronously(steps: Any, perform: Callable[[Any], Any]) -> Any:
        async def aperform(step: Any) -> Any:
            await asyncio.sleep(0)
            return perform(step)

        return asyncio.run(adrive(steps, aperform))

    return drive if request.param == "sync" else asynchronously


class TestLoops:
    def test_each_step_is_sent_what_came_of_it(self, run: Callable[..., Any]) -> None:
        def steps() -> Generator[str, int, list[int]]:
            return [(yield "a"), (yield "bb"), (yield "ccc")]

        assert run(steps(), len) == [1, 2, 3]

    def test_one_without_steps(self, run: Callable[..., Any]) -> None:
        def steps() -> Generator[str, int, str]:
            yield from ()
            return "done"

        assert run(steps(), len) == "done"

    def test_what_it_raises_is_raised(self, run: Callable[..., Any]) -> None:
        def steps() -> Generator[str, int, None]:
            yield "a"
            raise LookupError("from the steps")

        with pytest.raises(LookupError, match="from the steps"):
            run(steps(), len)

    def test_what_a_step_raises_ends_the_run(self, run: Callable[..., Any]) -> None:
        closed = []

        def steps() -> Generator[str, int, None]:
            try:
                yield "a"
                yield "b"
            finally:
                closed.append(True)

        def perform(step: str) -> int:
            raise LookupError(f"from step {step}")

        with pytest.raises(LookupError, match="from step a"):
            run(steps(), perform)

    def test_a_step_that_ends_an_iteration_of_its_own_is_not_taken_for_the_end(self) -> None:
        def steps() -> Generator[str, int, str]:
            yield "a"
            return "done"

        with pytest.raises(StopIteration):
            drive(steps(), lambda step: next(iter(())))


class TestObserved:
    def test_an_observer_sees_each_step_and_what_came_of_it_and_changes_nothing(self, run: Callable[..., Any]) -> None:
        def steps() -> Generator[str, int, list[int]]:
            return [(yield "a"), (yield "bb")]

        seen: list[tuple[str, int]] = []

        assert run(observed(steps(), lambda step, came: seen.append((step, came))), len) == [1, 2]
        assert seen == [("a", 1), ("bb", 2)]

    def test_it_sees_a_step_before_the_generator_goes_on(self) -> None:
        order: list[str] = []

        def steps() -> Generator[str, int, None]:
            yield "a"
            order.append("goes on")

        drive(observed(steps(), lambda step, came: order.append(f"{step} was seen")), len)
        assert order == ["a was seen", "goes on"]

    def test_what_the_steps_raise_is_raised(self, run: Callable[..., Any]) -> None:
        def steps() -> Generator[str, int, None]:
            yield "a"
            raise LookupError("from the steps")

        with pytest.raises(LookupError, match="from the steps"):
            run(observed(steps(), lambda step, came: None), len)


class TestPagesOverHttp:
    @staticmethod
    def _pages(cursors: list[Any]) -> Callable[[Any], None]:
        coming = iter(cursors)

        def reply(request: Any) -> None:
            _send(request, {"items": [{"id": CAMPAIGN_ID}], "next_starting_after": next(coming)})

        return reply

    @pytest.fixture(params=["sync", "async"])
    def walk(self, request: pytest.FixtureRequest, raw_server: Any) -> Callable[[int], list[Any]]:
        """Walk through a list, and leave it after so many pages."""
        endpoint = Endpoint(raw_server.url, KEY)
        first = list_campaigns(search="é &=?", tag_ids=["a", "b"])

        def synchronously(at_most: int) -> list[Any]:
            pages = Pages(first)
            found: list[list[Any]] = []
            with SyncTransport(endpoint) as transport:
                while pages.has_more and len(found) < at_most:
                    found.append(drive(pages.next_page(), lambda step: _or_error(transport, step)))
            return found

        async def asynchronously(at_most: int) -> list[Any]:
            pages = Pages(first)
            found: list[list[Any]] = []
            async with AsyncTransport(endpoint) as transport:
                while pages.has_more and len(found) < at_most:
                    found.append(await adrive(pages.next_page(), lambda step: _aor_error(transport, step)))
            return found

        return synchronously if request.param == "sync" else lambda at_most: asyncio.run(asynchronously(at_most))

    def test_all_of_them(self, walk: Callable[[int], list[Any]], raw_server: Any) -> None:
        raw_server.reply = self._pages(["a", "b", None])
        assert walk(99) == [[{"id": CAMPAIGN_ID}]] * 3
        assert ["starting_after" in sent.line for sent in raw_server.received] == [False, True, True]

    def test_a_page_is_asked_for_when_it_is_wanted(self, walk: Callable[[int], list[Any]], raw_server: Any) -> None:
        raw_server.reply = self._pages([f"c{number}" for number in range(99)])
        assert len(walk(2)) == 2
        assert len(raw_server.received) == 2

    def test_a_cursor_that_repeats(self, walk: Callable[[int], list[Any]], raw_server: Any) -> None:
        raw_server.reply = self._pages(["a", "a", "a", "a"])
        assert len(walk(99)) == 2

    def test_an_error_in_the_middle(self, walk: Callable[[int], list[Any]], raw_server: Any) -> None:
        first_page = {"items": [{}], "next_starting_after": "a"}
        answers = iter([(first_page, 200)])

        def reply(request: Any) -> None:
            document, status = next(answers, ({}, 403))
            _send(request, document, status)

        raw_server.reply = reply
        with pytest.raises(InstantlyRequestError, match="campaigns:read"):
            walk(99)


def _send(request: Any, document: Any, status: int = 200) -> None:
    body = json.dumps(document).encode()
    request.send(f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def _or_error(transport: SyncTransport, step: Any) -> Any:
    try:
        return transport.call(step, max_retries=0)
    except InstantlyError as error:
        return error


async def _aor_error(transport: AsyncTransport, step: Any) -> Any:
    try:
        return await transport.call(step, max_retries=0)
    except InstantlyError as error:
        return error
