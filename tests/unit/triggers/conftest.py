"""
An event loop whose time passes at once, and an Instantly that answers in it: hours of polling in milliseconds.

What needs a real connection uses the sandbox instead.
"""

from __future__ import annotations

import asyncio
import gc
import re
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from airflow_provider_instantly.api.endpoint import Endpoint
from airflow_provider_instantly.api.errors import CampaignNotFoundError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.triggers import campaign, changes, poller
from airflow_provider_instantly.waits.reader import Reader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator

    from airflow_provider_instantly.api.bulk import Seen
    from airflow_provider_instantly.api.protocol import Conversation, Json, Request

T = TypeVar("T")


async def eventually(condition: Callable[[], bool], what: str = "what the test waits for") -> None:
    """Wait until a condition holds; for tests in which time is real."""
    try:
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - another process has no event of ours
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"This did not come true: {what}") from None


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that never sleeps: where nothing is ready, its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1_000_000.0
        self._really_select = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._select  # type: ignore[attr-defined]

    def time(self) -> float:
        """Seconds since some moment, as tests have them pass."""
        return self._now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """A thread knows nothing of virtual time, so what it would do is done at once."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def _select(self, timeout: float | None = None) -> Any:
        ready = self._really_select(0)
        if ready or timeout == 0:
            return ready
        assert timeout is not None, "All wait, and none for a moment in time: this would hang for ever."
        self._now += timeout
        return ready


@dataclass
class InstantlyInVirtualTime:
    """
    An Instantly that answers without a network.

    :param statuses: the workspace: the status of each campaign, in the order of the list.
    :param unlisted: those of them that no list shows.
    :param is_endless: whether its list begins again, under ever new cursors, where it should end.
    :param repeats_itself: whether each page of its list names the same next page.
    :param latency: seconds for each answer.
    :param answer: may raise an error in the place of an answer; asked with each request.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    is_endless: bool = False
    repeats_itself: bool = False
    latency: float = 0.0
    answer: Callable[[Request], None] = lambda request: None
    requests: list[tuple[float, str]] = field(default_factory=list)
    polls: list[tuple[float, list[str]]] = field(default_factory=list)
    open_hooks: int = 0
    reasons: list[float] = field(default_factory=list)
    asking: int = 0

    def add(self, count: int, status: int = 0) -> list[str]:
        """Add campaigns and return their ids."""
        first = len(self.statuses)
        ids = [f"00000000-0000-4000-8000-{number:012x}" for number in range(first, first + count)]
        self.statuses |= dict.fromkeys(ids, status)
        return ids

    def since(self, moment: float) -> list[str]:
        """The requests from a moment on, as ``list`` or the campaign's id."""
        return [what for when, what in self.requests if when >= moment]

    def polls_of(self, campaign_id: str) -> list[float]:
        """When it was asked for a campaign, alone or among others."""
        return [when for when, ids in self.polls if campaign_id in ids]

    async def reply(self, request: Request) -> Json:
        """Answer a request."""
        found = re.fullmatch(r"/campaigns/([^/]+)(/sending-status)?", request.path)
        if found and found[2]:
            return await self._reason(request)
        self.requests.append((asyncio.get_running_loop().time(), found[1] if found else "list"))
        await asyncio.sleep(self.latency)
        self.answer(request)
        if found is None:
            return self._page(dict(request.query))
        if found[1] not in self.statuses:
            raise CampaignNotFoundError("It is gone.", method="GET", path=request.path, status=404)
        return self._document(found[1])

    async def _reason(self, request: Request) -> Json:
        self.reasons.append(asyncio.get_running_loop().time())
        self.asking += 1
        assert self.asking == 1, "reasons are asked for at the same time"
        try:
            await asyncio.sleep(self.latency)
            self.answer(request)
        finally:
            self.asking -= 1
        return {"summary": {"status_message": "The account is suspended."}}

    def _page(self, query: dict[str, str]) -> Json:
        ids = [each for each, status in self.statuses.items() if _is_shown(str(status), query)]
        ids = [each for each in ids if each not in self.unlisted] if self.unlisted else ids
        position = int(query.get("starting_after", "0"))
        end = position + int(query["limit"])
        start = position % len(ids) if self.is_endless else position
        more = {"next_starting_after": str(end)} if end < len(ids) or self.is_endless else {}
        if self.repeats_itself:
            more = {"next_starting_after": query.get("starting_after", str(end))}
        return {"items": [self._document(each) for each in ids[start : start + int(query["limit"])]], **more}

    def _document(self, campaign_id: str) -> Json:
        return {"id": campaign_id, "name": f"Campaign {campaign_id[-4:]}", "status": self.statuses[campaign_id]}


def _is_shown(status: str, query: dict[str, str]) -> bool:
    return query.get("status", status) == status != query.get("exclude_status")


class HookInVirtualTime(InstantlyHook):
    """The real hook, its transport replaced."""

    endpoint = Endpoint("https://api.instantly.ai", "a key")

    def __init__(self, instantly: InstantlyInVirtualTime) -> None:
        super().__init__(max_retries=0)
        self.instantly = instantly

    async def aget_conn(self) -> Any:
        """Return something with the calls of a transport."""
        return self

    async def call(self, request: Request, *, max_retries: int | None = None) -> Json:
        """Stand in for the transport's call."""
        return await self.instantly.reply(request)

    async def aclose(self) -> None:
        """Keep the stand-in for a transport."""


class Virtually:
    """
    Runs coroutines in virtual time.

    :param instantly: what answers there.
    """

    def __init__(self, instantly: InstantlyInVirtualTime) -> None:
        self.instantly = instantly
        #: Seconds by which the pollers' clocks are ahead of the machine's.
        self.ahead = 0.0

    def time(self) -> float:
        """What the machine's clock shows."""
        return asyncio.get_running_loop().time() - self.ahead

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it to its end; no task and no hook may be left then."""
        with asyncio.Runner(loop_factory=VirtualTimeLoop, debug=False) as runner:
            result = runner.run(_leaving_no_task(coroutine))
        assert self.instantly.open_hooks == 0
        return result


async def _leaving_no_task(coroutine: Coroutine[Any, Any, T]) -> T:
    result = await coroutine
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return result


@pytest.fixture
def virtually(monkeypatch: pytest.MonkeyPatch) -> Virtually:
    """Run a coroutine where time passes at once; ``virtually.instantly`` answers there."""
    instantly = InstantlyInVirtualTime()

    @asynccontextmanager
    async def hook_of(conn_id: str) -> AsyncIterator[InstantlyHook]:
        instantly.open_hooks += 1
        try:
            yield HookInVirtualTime(instantly)
        finally:
            instantly.open_hooks -= 1

    class NotingReader(Reader):
        """Notes what is polled."""

        def read(self, campaign_ids: Iterable[str], *args: Any, **more: Any) -> Conversation[Seen]:
            ids = list(campaign_ids)
            instantly.polls.append((asyncio.get_running_loop().time(), ids))
            return super().read(ids, *args, **more)

    monkeypatch.setattr(poller, "Reader", NotingReader)
    for module in (poller, campaign, changes):
        monkeypatch.setattr(module, "shared_hook", hook_of)
    virtual = Virtually(instantly)
    monkeypatch.setattr(poller, "steady_clock", lambda: asyncio.get_running_loop().time)
    monkeypatch.setattr(poller, "seconds_ahead", lambda clock: clock() - virtual.time())
    monkeypatch.setattr(campaign, "steady_clock", lambda: virtual.time)
    return virtual


@pytest.fixture
def nothing_left_open(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    """No HTTP session and no connection may be left to the garbage collector."""
    yield
    gc.collect()
    left = Counter(str(warning.message) for warning in recwarn if issubclass(warning.category, ResourceWarning))
    assert not left, f"left open: {left}"


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that watchers warn with."""
    lines: list[str] = []

    async def remember(log: Any, event: str, *args: object) -> None:
        lines.append(event % args)

    monkeypatch.setattr(changes, "awarn", remember)
    return lines
