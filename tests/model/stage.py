"""
Where the stories of the model play: a sandbox over real HTTP, a clock that does not wait, and a ledger.

The sandbox runs in a thread of this process. Every request that the provider makes is announced here first, so that
what a schedule has planned for «before the n-th request» happens exactly there, and the ledger holds the truth.
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import socket
import sys
import threading
import time as real_time
import uuid
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar
from unittest import mock

import uvicorn
from airflow.providers.common.compat.sdk import AirflowException

# The operator imports it when it runs, but its clock is set before.
import airflow_provider_instantly.launches.launcher  # noqa: F401
from airflow_provider_instantly.api.answers import MAX_ANSWER_BYTES, Answer
from airflow_provider_instantly.api.errors import OutdatedReadError
from airflow_provider_instantly.api.transport import AsyncTransport, SyncTransport
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE, Key, Workspace, api_key
from airflow_provider_instantly.sandbox.campaigns import CampaignNotFoundError, NewCampaign
from airflow_provider_instantly.sandbox.faults import _FAULT
from airflow_provider_instantly.sandbox.scripts import Standing, parse_script
from airflow_provider_instantly.sandbox.server import build_app
from airflow_provider_instantly.sandbox.state import open_sandbox
from airflow_provider_instantly.triggers import poller
from airflow_provider_instantly.waits import reader
from airflow_provider_instantly.waits.reader import Reader
from tests.model.fault_schedule import ANOTHER, BESIDE, KILL, Event, Fault
from tests.statuses import COMPLETED, PAUSED, RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.api.protocol import Request
    from airflow_provider_instantly.sandbox.state import Sandbox
    from tests.model.fault_schedule import Schedule

T = TypeVar("T")

#: Nothing else is written like it, so that it is found wherever it leaks.
SECRET: Final = "Zq7unmistakable"
API_KEY: Final = api_key(uuid.UUID(int=0xFEED), SECRET)
KEY_NAME: Final = "provider"
SCOPES: Final = ("campaigns:read", "campaigns:update")
#: Seconds for which a client waits for an answer: where the schedule makes it wait, and elsewhere.
SHORT_TIMEOUT: Final = 0.12
LONG_TIMEOUT: Final = 10.0
#: Seconds that a request takes on the virtual clock.
ROUND_TRIP: Final = 0.05
#: Seconds of real time that an event loop may spend on waiting.
PATIENCE: Final = 30.0
#: No story may make more requests than this: it would be a loop without an end.
RUNAWAY: Final = 1_500
#: An effect that comes late does so before the second request after the one that caused it.
LATE_BY: Final = 2


class Runaway(BaseException):
    """More requests than any bound allows, or an event loop that waits for nothing."""


class ProcessDied(BaseException):
    """The worker is gone, as after a SIGKILL; nothing in the provider may catch it."""


class VirtualClock:
    """Time that passes when anything sleeps. The wall clock of the tasks' machine can jump; the service's does not."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.jumped = 0.0
        #: Seconds that passed while another task ran in the middle of one, which could do nothing then.
        self.beside = 0.0
        self.epoch = 1_790_000_000.0

    def time(self) -> float:
        return self.epoch + self.elapsed + self.jumped

    def monotonic(self) -> float:
        return 1_000.0 + self.elapsed

    def now(self) -> float:
        """The service's clock."""
        return self.epoch + self.elapsed

    def own(self) -> float:
        """The service's clock, without what passed in the middle of a task."""
        return self.now() - self.beside

    def sleep(self, seconds: float) -> None:
        if not 0 <= seconds < 1e7:
            raise Runaway(f"something sleeps {seconds} s")
        self.elapsed += seconds


@dataclass
class Exchange:
    """
    A request and what came of it.

    :param number: which request of the story it was.
    :param task: which task made it, and in which try.
    :param operation: ``read``, ``list``, ``activate``, ``pause``, ``why``, ``check``, ``figures``, ``add``.
    :param campaign_id: the campaign that its path names, or None.
    :param at: when, on the service's clock.
    :param truth: for each campaign, its status when the request was sent, or None where it is deleted.
    :param unsettled: the campaigns whose last activation does not show yet.
    :param fault: the kind of fault that hit it, or None.
    :param seen: the statuses that the client was given.
    :param answered: whether there was an answer of the API's own form.
    :param about_another: whether the answer was about another campaign than the one asked for.
    :param status: the HTTP status that the client was given, or None.
    :param until: when its end came, on the service's clock; None while it is under way.
    """

    number: int
    task: tuple[int, int]
    operation: str
    campaign_id: str | None
    at: float
    truth: dict[str, int | None]
    unsettled: frozenset[str]
    fault: str | None = None
    seen: dict[str, int] = field(default_factory=dict)
    answered: bool = False
    about_another: bool = False
    status: int | None = None
    until: float | None = None


#: The kinds of fault by which no byte of a request leaves.
KEPT_BACK: Final = "kept back"
NOT_SENT: Final = frozenset({"connection refused", KEPT_BACK})


@dataclass
class Activation:
    """
    An activation that took effect at the service.

    :param exchange: the request that caused it.
    :param campaign_id: the campaign.
    :param from_status: as which it was found.
    :param effective: whether the campaign was not launched before.
    """

    exchange: Exchange
    campaign_id: str
    from_status: int | None
    effective: bool


@dataclass
class Change:
    """Something that a person, or Instantly, did to a campaign."""

    kind: str
    campaign_id: str
    at: float


@dataclass
class Death:
    """A process of ours that died."""

    task: tuple[int, int]


@dataclass
class Kill:
    """
    A task that Airflow ends, which goes on for some seconds nevertheless.

    :param task: the task and its try.
    :param number: the request right before which Airflow did.
    """

    task: tuple[int, int]
    number: int


class Service:
    """The sandbox in a thread; all that touches its state runs there."""

    shared: ClassVar[Service | None] = None

    def __init__(self) -> None:
        ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, args=(ready,), daemon=True, name="sandbox of the model").start()
        if not ready.wait(20):
            raise RuntimeError("the sandbox did not start")

    @classmethod
    def get(cls) -> Service:
        if cls.shared is None:
            cls.shared = cls()
        return cls.shared

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.sandbox: Sandbox = open_sandbox()
        self.sandbox.settings.limits_enabled = False
        # Only a socket that says TCP is sent without Nagle's delay by asyncio: 40 ms for each answer otherwise.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            build_app(self.sandbox),
            http=self.sandbox.connections.protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        ready.set()
        self.loop.run_until_complete(server._serve([listening]))

    def call(self, function: Callable[[], T]) -> T:
        """Run something where the sandbox's state lives."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(20)


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Stage:
    """
    One story's world.

    :param schedule: what is to happen.
    """

    #: What the key may do, and what the ledger notes of a request.
    scopes: ClassVar[tuple[str, ...]] = SCOPES
    exchange_kind: ClassVar[type[Exchange]] = Exchange

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.clock = VirtualClock()
        self.service = Service.get()
        self.ledger: list[Exchange | Activation | Change | Death | Kill] = []
        self.injected: Counter[str] = Counter()
        self.task = (0, 0)
        self.number = 0
        self.in_flight = 0
        self.said: list[str] = []
        #: Seconds for which Airflow's task state store lets a task wait.
        self.store_takes = 0.0
        self.on_death: Callable[[], None] | None = None
        self.on_kill: Callable[[], None] = lambda: None
        self.on_kill_of_trigger: Callable[[], None] | None = None
        self.run_beside: Callable[[int], None] = lambda _: None
        self._begun_beside: set[int] = set()
        self._killed_at: set[int] = set()
        self.waits = any(isinstance(w, Fault) and w.waits for _, w in schedule.happens)
        self._late: list[tuple[int, Exchange]] = []
        self._launched: dict[str, bool] = {}
        self._settles_at: dict[str, float] = {}
        self._dies_after = False
        self.campaign_ids = [str(uuid.UUID(int=0xC0FFEE + n)) for n in range(3)]
        self.service.call(self._set)

    def _set(self) -> None:
        """An empty sandbox with the schedule's campaigns."""
        sandbox, schedule = self.service.sandbox, self.schedule
        sandbox.campaigns.delete_all()
        sandbox.faults.remove(None)
        sandbox.log.clear()
        sandbox.workspaces.save(Workspace(DEFAULT_WORKSPACE, "Sandbox", paid=True, created_at=0.0))
        self._give_key(self.scopes)
        for holder in (sandbox, sandbox.campaigns):
            setattr(holder, "clock" if holder is sandbox else "_clock", self.clock)
        script = None if schedule.script is None else parse_script([list(step) for step in schedule.script])
        for campaign_id in self.campaign_ids:
            standing = Standing(schedule.status, None)
            new = NewCampaign(
                DEFAULT_WORKSPACE, f"Story {campaign_id[-2:]}", standing=standing, script=script, id=campaign_id
            )
            sandbox.campaigns.create([new], "the story")
            self._launched[campaign_id] = schedule.status in RUNNING
        sandbox.store.commit()

    # What the provider does, seen from its transports

    def is_killed_now(self) -> bool:
        """Whether Airflow ends the task before its next request. To ask lets it happen."""
        number = self.number + 1
        due = any(n == number and isinstance(e, Event) and e.kind == KILL for n, e in self.schedule.happens)
        if not due or number in self._killed_at:
            return False
        self._killed_at.add(number)
        self.injected[KILL] += 1
        self.ledger.append(Kill(self.task, number))
        return True

    def before(self, request: Request) -> tuple[Exchange, bool, str | None]:
        """Let happen what is planned before this request; say whether the process dies, and where to send it."""
        self._let_others_run()
        self.number += 1
        if self.number > RUNAWAY:
            raise Runaway(f"{self.number} requests")
        self.clock.elapsed += ROUND_TRIP
        return self.service.call(lambda: self._before(request))

    def _let_others_run(self) -> None:
        """Run other tasks that are due now, in the middle of this one."""
        number = self.number + 1
        due = [e for n, e in self.schedule.happens if n == number and isinstance(e, Event) and e.kind == BESIDE]
        if not due or number in self._begun_beside:
            return
        self._begun_beside.add(number)
        self.injected[BESIDE] += 1
        self.run_beside(int(due[0].value))

    def _before(self, request: Request) -> tuple[Exchange, bool, str | None]:
        sandbox = self.service.sandbox
        sandbox.faults.remove(None)
        dies, fault, self._dies_after = False, None, False
        for number, what in self.schedule.happens:
            if number != self.number or (isinstance(what, Event) and what.kind in (KILL, BESIDE)):
                continue
            if isinstance(what, Fault):
                fault = what
            elif what.kind == "process dies before the request":
                dies = True
            elif what.kind == "process dies after the answer":
                self._dies_after = True
            else:
                self._happen(what)
            if isinstance(what, Event):
                self.injected[what.kind] += 1
        for due, late in [each for each in self._late if each[0] <= self.number]:
            self._late.remove((due, late))
            self._take_effect(late)
        exchange = self._exchange(request)
        if dies:
            return exchange, True, None
        self.ledger.append(exchange)
        elsewhere = None
        if fault is not None:
            exchange.fault = fault.kind
            self.injected[fault.kind] += 1
            given = None if fault.fault is None else dict(fault.fault)
            if given is not None and fault.kind == ANOTHER and exchange.campaign_id in (None, given["json"]["id"]):
                # Of a list, or of that campaign itself, it says what cannot be checked.
                given = None
            if fault.kind == "connection refused":
                elsewhere = f"http://127.0.0.1:{_closed_port()}"
            elif fault.kind == "effect that comes late":
                given = {"kind": "error", "delay": 3 * SHORT_TIMEOUT}
                if exchange.operation in ("activate", "pause"):
                    self._late.append((self.number + LATE_BY, exchange))
            if given is not None:
                sandbox.faults.add(_FAULT.validate_python(given))
        sandbox.store.commit()
        return exchange, False, elsewhere

    def after(self, exchange: Exchange, reaction: object) -> bool:
        """Note what came of it; say whether the process dies now."""
        if exchange.fault is not None and reaction is not None and not isinstance(reaction, Answer):
            self.clock.elapsed += SHORT_TIMEOUT
        if isinstance(reaction, Answer):
            exchange.status = reaction.status
            exchange.about_another = _is_about_another(reaction, exchange)
            exchange.seen = {} if exchange.about_another else _statuses_in(reaction, exchange)
            exchange.answered = reaction.status == 200 and bool(
                exchange.seen or exchange.operation in ("why", "list", "check")
            )
        exchange.until = self.clock.now()
        self.service.call(lambda: self._note_effects(exchange))
        return self._dies_after

    def keep_back(self, exchange: Exchange) -> None:
        """Note that a task sent nothing of a request. Had it left, the sandbox's history would tell."""
        exchange.fault = KEPT_BACK
        self._late = [each for each in self._late if each[1] is not exchange]

    def _exchange(self, request: Request) -> Exchange:
        names = {"activate": "activate", "pause": "pause", "sending-status": "why"}
        operation = names.get(request.path.rpartition("/")[2], "read")
        if request.path == "/campaigns":
            operation = "list"
        elif not request.path.startswith("/campaigns/"):
            operation = "check"
        truth = {campaign_id: self.truth(campaign_id) for campaign_id in self.campaign_ids}
        unsettled = frozenset(c for c, at in self._settles_at.items() if self.clock.now() < at)
        made = (self.number, self.task, operation, request.resource.id, self.clock.now(), truth, unsettled)
        return self.exchange_kind(*made)

    def truth(self, campaign_id: str) -> int | None:
        try:
            return self.service.sandbox.campaigns.get(campaign_id).standing.status
        except CampaignNotFoundError:
            return None

    def _note_effects(self, exchange: Exchange) -> None:
        """The sandbox's own history says whether the request activated a campaign."""
        if exchange.operation not in ("activate", "pause") or exchange.campaign_id is None:
            return
        history = self.service.sandbox.campaigns.history(exchange.campaign_id)
        counted = sum(isinstance(e, Activation) and e.campaign_id == exchange.campaign_id for e in self.ledger)
        made = [entry for entry in history if entry["effect"] == "activated" and entry["actor"] == KEY_NAME]
        for entry in made[counted:]:
            self._note_activation(exchange, entry["from_status"])
        if exchange.operation == "pause" and self.truth(exchange.campaign_id) == PAUSED:
            self._launched[exchange.campaign_id] = False
            self._settles_at.pop(exchange.campaign_id, None)

    def _note_activation(self, exchange: Exchange, from_status: int | None) -> None:
        campaign_id = exchange.campaign_id or ""
        unsettled = self.clock.now() < self._settles_at.get(campaign_id, 0.0)
        effective = not (unsettled and self._launched[campaign_id]) and from_status not in RUNNING
        self.ledger.append(Activation(exchange, campaign_id, from_status, effective))
        self._launched[campaign_id] = True
        if self.schedule.script:
            self._settles_at[campaign_id] = self.clock.now() + self.schedule.script[0][0]

    def _take_effect(self, exchange: Exchange) -> None:
        campaign_id = exchange.campaign_id or ""
        if self.truth(campaign_id) is None:
            return
        if exchange.operation == "activate":
            self.service.sandbox.campaigns.activate(campaign_id, DEFAULT_WORKSPACE, KEY_NAME)
        else:
            self.service.sandbox.campaigns.pause(campaign_id, DEFAULT_WORKSPACE, KEY_NAME)
        self._note_effects(exchange)

    # What others do

    def _happen(self, event: Event) -> None:
        sandbox = self.service.sandbox
        campaign_id = self.campaign_ids[event.campaign]
        statuses = {
            "Instantly stops": int(event.value),
            "Instantly completes": COMPLETED,
            "an unknown status": int(event.value),
            "subsequences run": int(event.value),
        }
        match event.kind:
            case "clock jumps":
                self.clock.jumped += event.value
            case "time passes":
                self.clock.elapsed += event.value
            case "the task state store is slow":
                self.store_takes = event.value
            case "key revoked":
                sandbox.keys.revoke(KEY_NAME)
            case "key valid again":
                self._give_key(self.scopes)
                sandbox.workspaces.save(Workspace(DEFAULT_WORKSPACE, "Sandbox", paid=True, created_at=0.0))
            case "key may only read":
                self._give_key(("campaigns:read",))
            case "key may only update":
                self._give_key(("campaigns:update",))
            case "plan unpaid":
                sandbox.workspaces.save(Workspace(DEFAULT_WORKSPACE, "Sandbox", paid=False, created_at=0.0))
            case _ if self.truth(campaign_id) is None:
                return
            case "a person pauses":
                sandbox.campaigns.pause(campaign_id, None, "a person")
                self._changed(event, campaign_id, launched=False)
            case "a person activates":
                sandbox.campaigns.activate(campaign_id, DEFAULT_WORKSPACE, "a person")
                self._changed(event, campaign_id, launched=True)
            case "deleted":
                sandbox.campaigns.delete(campaign_id, None, "a person")
                self._changed(event, campaign_id, launched=False)
            case _:
                status = statuses[event.kind]
                sandbox.campaigns.set_standing(campaign_id, Standing(status, None), "Instantly")
                self._changed(event, campaign_id, launched=status in RUNNING)

    def _changed(self, event: Event, campaign_id: str, *, launched: bool) -> None:
        self.ledger.append(Change(event.kind, campaign_id, self.clock.now()))
        self._launched[campaign_id] = launched
        self._settles_at.pop(campaign_id, None)

    def _give_key(self, scopes: tuple[str, ...]) -> None:
        self.service.sandbox.keys.add(API_KEY, Key(KEY_NAME, DEFAULT_WORKSPACE, scopes))

    # The provider's surroundings

    @property
    def connection(self) -> str:
        extra = {"timeout": SHORT_TIMEOUT if self.waits else LONG_TIMEOUT}
        return json.dumps({"conn_type": "instantly", "host": self.service.url, "password": API_KEY, "extra": extra})

    @contextmanager
    def playing(self) -> Iterator[None]:
        """The provider on this stage: our clock, our connection, our view of its requests."""
        own_time = SimpleNamespace(time=self.clock.time, monotonic=self.clock.monotonic, sleep=self.clock.sleep)
        # Sockets live in real time.
        wire_time = SimpleNamespace(time=real_time.time, monotonic=real_time.monotonic, sleep=self.clock.sleep)
        clock = self.clock

        class Now(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.fromtimestamp(clock.time(), tz or UTC)

        with ExitStack() as stack:
            patch = stack.enter_context
            patch(mock.patch.dict(os.environ, {"AIRFLOW_CONN_INSTANTLY_DEFAULT": self.connection}))
            for name, module in list(sys.modules.items()):
                if not name.startswith("airflow_provider_instantly.") or ".sandbox" in name:
                    continue
                if getattr(module, "time", None) is real_time:
                    patch(mock.patch.object(module, "time", wire_time if name.endswith(".transport") else own_time))
                if getattr(module, "datetime", None) is datetime:
                    patch(mock.patch.object(module, "datetime", Now))
            patch(mock.patch.object(SyncTransport, "_attempt", self._sync_attempt(SyncTransport._attempt)))
            patch(mock.patch.object(AsyncTransport, "_attempt", self._async_attempt(AsyncTransport._attempt)))
            for module in (reader, poller):
                patch(mock.patch.object(module, "Reader", partial(Reader, page_size=self.schedule.page_size)))
            patch(mock.patch.object(InstantlyHook, "aget_conn", self._in_real_time(InstantlyHook.aget_conn)))
            yield

    def _sync_attempt(self, original: Any) -> Any:
        stage = self

        def attempt(transport: SyncTransport, request: Request) -> Any:
            if stage.is_killed_now():
                stage.on_kill()
            exchange, dies, elsewhere = stage.before(request)
            if dies:
                stage.ledger.append(Death(stage.task))
                raise ProcessDied
            where = transport if elsewhere is None else stage._sent_to(SyncTransport, transport, elsewhere)
            kept_back: AirflowException | OutdatedReadError | None = None
            reaction = None
            try:
                reaction = original(where, request)
            except (AirflowException, OutdatedReadError) as error:
                kept_back = error
                stage.keep_back(exchange)
            if stage.after(exchange, reaction):
                stage.ledger.append(Death(stage.task))
                raise ProcessDied
            if kept_back is not None:
                raise kept_back
            return reaction

        return attempt

    def _async_attempt(self, original: Any) -> Any:
        stage = self

        async def attempt(transport: AsyncTransport, request: Request) -> Any:
            if stage.is_killed_now() and stage.on_kill_of_trigger is not None:
                stage.on_kill_of_trigger()
                await asyncio.Event().wait()
            exchange, dies, elsewhere = stage.before(request)
            if dies:
                await stage._die()
            stage.in_flight += 1
            try:
                if elsewhere is None:
                    reaction = await original(transport, request)
                else:
                    async with stage._sent_to(AsyncTransport, transport, elsewhere) as other:
                        reaction = await original(other, request)
            finally:
                stage.in_flight -= 1
            if stage.after(exchange, reaction):
                await stage._die()
            return reaction

        return attempt

    def _in_real_time(self, original: Any) -> Any:
        """Airflow may look a connection up in a thread, which knows nothing of the virtual clock."""
        stage = self

        async def in_real_time(*args: Any) -> Any:
            stage.in_flight += 1
            try:
                return await original(*args)
            finally:
                stage.in_flight -= 1

        return in_real_time

    async def _die(self) -> None:
        """A triggerer that is gone does nothing any more."""
        self.ledger.append(Death(self.task))
        if self.on_death is not None:
            self.on_death()
        await asyncio.Event().wait()

    @staticmethod
    def _sent_to(kind: Any, transport: Any, base_url: str) -> Any:
        return kind(replace(transport.endpoint, base_url=base_url))


def _is_about_another(answer: Answer, exchange: Exchange) -> bool:
    """Whether an answer names a campaign, and not the one that was asked for; it may name none."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    if answer.status != 200 or exchange.operation in ("list", "why", "check") or not isinstance(document, dict):
        return False
    named = document.get("id")
    return named not in (None, "") and str(named).lower() != exchange.campaign_id


def _statuses_in(answer: Answer, exchange: Exchange) -> dict[str, int]:
    """The statuses that an answer shows, read by other means than the provider's; one that is too large shows none."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    if answer.status != 200 or len(answer.body) > MAX_ANSWER_BYTES or not isinstance(document, dict):
        return {}
    found = document.get("items") if exchange.operation == "list" else [{**document, "id": exchange.campaign_id}]
    seen: dict[str, int] = {}
    for each in found if isinstance(found, list) else []:
        status = each.get("status") if isinstance(each, dict) else None
        if not isinstance(status, int | float) or isinstance(status, bool) or not isinstance(each.get("id"), str):
            continue
        if abs(status) < 2**63 and status == int(status):
            seen.setdefault(each["id"], int(status))
    return {} if exchange.operation in ("why", "check") else seen


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    An event loop on the virtual clock: where it would wait for time alone, the time has come.

    :param stage: whose clock it shows, and whose requests are waited for in real time.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(_Impatient(stage))
        self._stage = stage

    def time(self) -> float:
        return self._stage.clock.monotonic()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """A thread knows nothing of the virtual clock, so it is waited for in real time."""
        running = super().run_in_executor(executor, func, *args)
        self._stage.in_flight += 1
        running.add_done_callback(self._is_back)
        return running

    def _is_back(self, _running: Any) -> None:
        self._stage.in_flight -= 1


class _Impatient(selectors.DefaultSelector):
    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage
        self._waited = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._stage.in_flight:
            began = real_time.monotonic()
            ready = super().select(PATIENCE if timeout is None else min(timeout, PATIENCE))
            passed = real_time.monotonic() - began
            self._waited += passed
            if self._waited > PATIENCE:
                raise Runaway("the event loop waits for something that does not come")
            # Time passes also while bytes drip in, or no timeout would ever come.
            self._stage.clock.elapsed += passed if ready else max(passed, timeout or 0.0)
            return ready
        if timeout is None:
            ready = super().select(PATIENCE)
            if not ready:
                raise Runaway("the event loop waits for nothing")
            return ready
        self._stage.clock.elapsed += timeout
        return []
