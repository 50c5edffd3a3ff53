"""The waits in the triggerer: one event when campaigns have arrived, or one for each change of status."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import json
from abc import abstractmethod
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_instantly import validation
from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus, about
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.api.redaction import safe_text
from airflow_provider_instantly.clock import steady_clock
from airflow_provider_instantly.launches import ownership
from airflow_provider_instantly.links.campaign import CampaignLink
from airflow_provider_instantly.observability.metrics import TIME_TO_ACTIVE
from airflow_provider_instantly.tasklog import awarn, awrite
from airflow_provider_instantly.triggers.poller import MAX_PAGES, Poller
from airflow_provider_instantly.triggers.shared_hook import shared_hook
from airflow_provider_instantly.triggers.watermark import Watermark
from airflow_provider_instantly.triggers.xcom import drop_xcoms_of_earlier_tries, push_xcom, pushing_meanwhile
from airflow_provider_instantly.waits.arguments import packed, unpacked
from airflow_provider_instantly.waits.ending import MAX_EXPLAINING, aexplain, returned
from airflow_provider_instantly.waits.goal import END_OF_TIME, Goal, Verdict
from airflow_provider_instantly.waits.machine import Wait
from airflow_provider_instantly.waits.placement import BACKSTOP, MIN_ABSENCE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Hashable, Iterable
    from uuid import UUID

    from airflow.providers.common.compat.sdk import Context
    from jinja2 import Environment

    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.tasklog import TaskLog
    from airflow_provider_instantly.triggers.timing import Snapshot
    from airflow_provider_instantly.waits.result import WaitResult


_DEFAULT_CONN_ID: Final = "instantly_default"
#: Where it is refused, this is what its author reads.
_FOR_TASKS: Final = (
    "CampaignStatusTrigger is for tasks: it fires once and ends, and for an asset Airflow would start it again at "
    "once, without end. Give the AssetWatcher a CampaignChangeTrigger."
)


class _PollingTrigger(BaseEventTrigger):
    """
    A trigger that reads from a `Poller`: on Airflow >= 3.3 by one that all its siblings share.

    A constructor keeps what it is given and raises nothing. It runs in the triggerer, on a row that another release
    may have written, and what it raised there would end the triggerer for all others (Airflow 3.3.2), at each start.
    What is wrong is refused by `serialize`, which Airflow calls while it parses a DAG and when a task defers; in the
    triggerer it concerns this trigger alone.
    """

    instantly_conn_id: Any
    tag_ids: tuple[str, ...] = ()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        The class and its arguments, all of them plain values, without those that are the default.

        :raises ValueError: if an argument is wrong.
        """
        self._check()
        return f"{type(self).__module__}.{type(self).__qualname__}", self._arguments()

    def __repr__(self) -> str:
        """Name the class and the connection: `serialize`, which Airflow would ask, may refuse."""
        return f"<{type(self).__qualname__} instantly_conn_id={self.instantly_conn_id!r}>"

    def shared_stream_key(self) -> Hashable | None:
        """Triggers that read the same list with the same key share a poller; one whose arguments are wrong has none."""
        try:
            self._check()
        except ValueError:
            return None
        return ("instantly", self.instantly_conn_id, *sorted(self.tag_ids))

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Snapshot]:
        """
        What the poller sees, for all triggers of the group.

        :param kwargs: the arguments of one of them; only those that are in the key are read.
        """
        poller = Poller.shared(kwargs.get("instantly_conn_id", _DEFAULT_CONN_ID), kwargs.get("tag_ids") or ())
        async with aclosing(poller.snapshots()) as snapshots:
            async for snapshot in snapshots:
                yield snapshot

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Snapshot]) -> AsyncIterator[TriggerEvent]:
        """
        Pick the trigger's own events out of the shared poller's snapshots.

        :param shared_stream: the snapshots.
        """
        async for event in self._events(Poller.shared(self.instantly_conn_id, self.tag_ids), shared_stream):
            yield event

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """The same with a poller of its own: Airflow below 3.3 shares no streams."""
        try:
            self._check()
        except ValueError as error:
            async with aclosing(self._refuse(str(error))) as events:
                async for event in events:
                    yield event
            return
        poller = Poller(self.instantly_conn_id, self.tag_ids, for_joiners=False)
        async with aclosing(poller.snapshots()) as snapshots, aclosing(self._events(poller, snapshots)) as events:
            async for event in events:
                yield event

    @abstractmethod
    def _check(self) -> None:
        """Raise ValueError if an argument is wrong; in the triggerer after templates have been rendered."""

    @abstractmethod
    def _refuse(self, reason: str) -> AsyncGenerator[TriggerEvent, None]:
        """What this trigger does in the triggerer with wrong arguments."""

    @abstractmethod
    def _arguments(self) -> dict[str, Any]: ...

    @abstractmethod
    def _events(self, poller: Poller, snapshots: AsyncIterator[Snapshot]) -> AsyncGenerator[TriggerEvent, None]: ...


#: Seconds that a pause may take when the task was ended; Airflow gives a trigger 30 by default.
_KILL_TIMEOUT: Final = 25.0
_KILL_TIMED_OUT: Final = (
    f"The task was stopped, and after {_KILL_TIMEOUT:.0f} s it is not known whether the campaign was paused. "
    "Look at it in Instantly, and pause it there if it still sends."
)


class CampaignStatusTrigger(_PollingTrigger):
    """
    Fires once, when the wait for one or many campaigns is over, however it ended.

    It holds the id of the connection and never the key. The event carries how it stands with each campaign, and
    ``passthrough`` as it was given, so that the task that resumes needs nothing else.

    :param campaign_id: the UUID of a campaign, or several.
    :param instantly_conn_id: the id of the Airflow connection.
    :param passthrough: what the event carries back to the task; no secrets.
    :param end_from_trigger: whether success ends the task here, without a worker. A failure always resumes on a
        worker, where its reason can be raised, and retries and callbacks work as they always do.
    :param resume_after: the earliest moment, in seconds since the epoch, to send the task back to a worker.
    :param pause_on_kill: whether to pause the campaign when a person ends the task or clears it (Airflow >= 3.3).
    :param do_xcom_push: whether a success that ends here pushes how it stands, as ``do_xcom_push`` has a worker do.
    :param goal: what is waited for, and for how long: the fields of `airflow_provider_instantly.waits.goal.Goal`, each
        as an argument of its name, such as ``target_statuses`` and ``timeout``. Where there is no ``deadline``, it is
        ``timeout`` after the task was deferred.
    """

    # A task's trigger belongs to the task's triggerer queue; only asset triggers have none.
    supports_triggerer_queue = True

    def __init__(
        self,
        /,
        campaign_id: str | UUID | Collection[str | UUID],
        instantly_conn_id: str = _DEFAULT_CONN_ID,
        *,
        passthrough: dict[str, Any] | None = None,
        end_from_trigger: bool = False,
        resume_after: float | None = None,
        pause_on_kill: bool = False,
        do_xcom_push: bool = True,
        **goal: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.campaign_id = campaign_id
        self.instantly_conn_id = instantly_conn_id
        self.passthrough = passthrough or {}
        self.end_from_trigger = end_from_trigger
        self.resume_after = resume_after
        self.pause_on_kill = pause_on_kill
        self.do_xcom_push = do_xcom_push
        self.goal = Goal()
        self._problem = ""
        try:
            self.goal = Goal.from_json(goal)
        except ValueError as error:
            self._problem = str(error)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        The class and its arguments, all of them plain values, without those that are the default.

        :raises ValueError: if an argument is wrong, or if it is an asset that is to be watched.
        """
        if _is_called_for_an_asset():
            raise ValueError(_FOR_TASKS)
        return super().serialize()

    def _check(self) -> None:
        if self._is_watching:
            raise ValueError(_FOR_TASKS)
        if self._problem:
            raise ValueError(self._problem)
        # Native rendering makes a number of digits.
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", self.instantly_conn_id)
        validation.seconds("poll_interval", self.goal.poll_interval, low=validation.MIN_POLL_INTERVAL)
        self.named_campaigns()
        for name in ("end_from_trigger", "pause_on_kill", "do_xcom_push"):
            validation.flag(name, getattr(self, name))
        if not isinstance(self.passthrough, dict):
            raise ValueError("passthrough must be a dict.")
        if self.resume_after is not None and not _is_moment(self.resume_after):
            raise ValueError("resume_after must be a moment in seconds since the epoch.")

    def named_campaigns(self) -> list[str]:
        """
        The campaigns, each once, in lower case.

        :raises ValueError: if there is none, or something else among them.
        """
        return validation.campaign_ids("campaign_id", unpacked(self.campaign_id), many=True)

    @property
    def _is_watching(self) -> bool:
        """Whether the triggerer runs this for an asset: it numbers all triggers, and gives those of tasks a task."""
        return self.trigger_id is not None and self.task_instance is None

    async def _refuse(self, reason: str) -> AsyncGenerator[TriggerEvent, None]:
        if self._is_watching:
            await _stay_idle(self.log, reason)
        await self._stay_away()
        yield _fired({"campaigns": None, "reason": reason})

    def _arguments(self) -> dict[str, Any]:
        goal = self.goal
        if goal.deadline is None and goal.timeout is not None:
            # A task defers now. In the triggerer that could not be known: not after a restart, and Airflow's own limit,
            # which the task may set as it likes, does not tell.
            goal = replace(goal, deadline=steady_clock()() + goal.timeout)
        return {
            "campaign_id": packed(self.named_campaigns()),
            **goal.as_arguments(),
            **_without_defaults(
                {
                    "instantly_conn_id": (self.instantly_conn_id, _DEFAULT_CONN_ID),
                    "passthrough": (self.passthrough, {}),
                    "end_from_trigger": (self.end_from_trigger, False),
                    "resume_after": (self.resume_after, None),
                    "pause_on_kill": (self.pause_on_kill, False),
                    "do_xcom_push": (self.do_xcom_push, True),
                }
            ),
        }

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """The same, closed before it fires: `dag.test` ends the event loop then, and complains of what is open."""
        async with aclosing(super().run()) as events:
            event = await anext(events, None)
        if event is not None:
            yield event

    def render_template_fields(self, context: Context, jinja_env: Environment | None = None) -> None:
        """
        Render, and then let go of the DAG: each trigger that starts a task is given a copy of its own (Airflow 3.3.2).

        A thousand copies fill the memory, and to search them for garbage stops the event loop for up to a second.

        :param context: what Airflow made for this trigger alone; it is empty afterwards.
        :param jinja_env: what to render with, instead of what the DAG says.
        """
        super().render_template_fields(context, jinja_env)
        cast("dict[str, Any]", context).clear()
        ti: Any = self.task_instance
        ti.task = None

    async def on_kill(self) -> None:
        """
        Pause the campaign, if the task asks for it, and if it was really stopped.

        Airflow (seen on 3.3.2) also calls this when a person marked the task as success, and when it has moved the
        trigger to another triggerer: the task is still deferred then, or the other has sent it on. And where a newer
        attempt has begun, the campaign is that attempt's.
        """
        if self.pause_on_kill is not True:
            return
        pausing = asyncio.create_task(self._pause_what_is_own())
        # Airflow (seen on 3.3.2) cancels a trigger again in each of its rounds, until it has ended.
        while not pausing.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(pausing)
        pausing.result()

    async def _pause_what_is_own(self) -> None:
        from airflow_provider_instantly.hooks.instantly import InstantlyHook
        from airflow_provider_instantly.launches.pause import TIME_LIMIT

        left = list(self.named_campaigns())
        try:
            async with (
                asyncio.timeout(_KILL_TIMEOUT),
                InstantlyHook(self.instantly_conn_id, time_limit=TIME_LIMIT) as hook,
            ):
                while left:
                    killed = await ownership.apause_own(hook, self.task_instance, left[0], self.log)
                    await awrite(self.log, info=[killed.outcome])
                    left.pop(0)
        except TimeoutError:
            lines = [f"{_KILL_TIMED_OUT} {about(campaign_id)}" for campaign_id in left]
            await awrite(self.log, warnings=lines)

    async def _events(self, poller: Poller, snapshots: AsyncIterator[Snapshot]) -> AsyncGenerator[TriggerEvent, None]:
        campaign_ids = self.named_campaigns()
        goal = self._goal_from(steady_clock()())
        wait = Wait(campaign_ids, goal, now=poller.clock())
        if self.started_here:
            await drop_xcoms_of_earlier_tries(self.task_instance, ("return_value", "campaigns"), self.log)
        async with shared_hook(self.instantly_conn_id) as hook, self._linking(hook, campaign_ids):
            await self._wait(wait, poller, snapshots)
            self._note_time(wait, hook, steady_clock()())
            event = await self._event(wait, hook, poller)
        if self.pause_on_kill:
            # Whatever becomes of the task from here on, its wait was not killed.
            await push_xcom(self.task_instance, ownership.XCOM_KEY, None, self.log)
        yield event

    async def _wait(self, wait: Wait, poller: Poller, snapshots: AsyncIterator[Snapshot]) -> None:
        with poller.watching(wait.pending, wait.goal.poll_interval, wait) as watcher:
            await awrite(self.log, info=[wait.opening])
            async for snapshot in snapshots:
                if not watcher.accept(snapshot):
                    continue
                decision = wait.advance(
                    snapshot.campaigns, began=snapshot.began, now=snapshot.now, jitter=snapshot.jitter
                )
                await awrite(self.log, info=decision.info, warnings=decision.warnings)
                if decision.delay is None:
                    return
                watcher.campaign_ids = frozenset(wait.pending)
                poller.poll_again(watcher, decision.delay)

    def _note_time(self, wait: Wait, hook: InstantlyHook, now: float) -> None:
        """Note how long it took from the launch, if this task's first try did it: of another it is not known when."""
        is_first_try = getattr(self.task_instance, "try_number", 1) == 1
        if not is_first_try or self.passthrough.get("launched") is not True:
            return
        if wait.result().verdict is Verdict.REACHED and self.goal.deadline and self.goal.timeout:
            hook.metrics.measure(TIME_TO_ACTIVE, now - (self.goal.deadline - self.goal.timeout))

    @property
    def started_here(self) -> bool:
        """Whether the task began in the triggerer: where it defers, `serialize` sets the deadline."""
        return self.goal.deadline is None and self.goal.timeout is not None

    def _goal_from(self, now: float) -> Goal:
        """The goal with its deadline, which a task that starts here could not know when its DAG was parsed."""
        if not self.started_here or self.goal.timeout is None:
            return self.goal
        deadline = now + self.goal.timeout
        if (airflow_limit := getattr(self, "timeout_after", None)) is not None:
            # Counted from the deferral, so that a restart of the triggerer does not start it again.
            deadline = min(deadline, airflow_limit.timestamp() - BACKSTOP)
        return replace(self.goal, deadline=deadline)

    async def _event(self, wait: Wait, hook: InstantlyHook, poller: Poller) -> TriggerEvent:
        until = poller.clock() + MAX_EXPLAINING
        await aexplain(partial(poller.sending_status, hook, until), wait, self.log)
        result = wait.result()
        await awrite(self.log, info=[result.ending])
        if self._may_end_task and result.verdict is Verdict.REACHED and (success := await self._success(result)):
            return success
        await self._stay_away()
        return _fired({"campaigns": result.as_json(), "passthrough": self.passthrough})

    async def _stay_away(self) -> None:
        """Airflow (seen on 3.3.2) fails a task that comes back to a worker before it is known to have left one."""
        if _is_moment(self.resume_after):
            await asyncio.sleep(min(self.resume_after - steady_clock()(), MIN_ABSENCE))

    @property
    def _may_end_task(self) -> bool:
        """`dag.test` gives a trigger no task, and accepts no event but those that resume one (Airflow 3.3.2)."""
        return self.end_from_trigger and self.task_instance is not None

    async def _success(self, result: WaitResult) -> TriggerEvent | None:
        """End the task here, or None where its XCom cannot be stored from here."""
        from airflow.triggers.base import TaskSuccessEvent

        if not self.do_xcom_push:
            return TaskSuccessEvent()
        # Not as the event's own XComs: Airflow 3.3.2 stores those as JSON text, and who pulls one gets a str.
        pushed = await push_xcom(self.task_instance, "return_value", returned(result, self.passthrough), self.log)
        return TaskSuccessEvent() if pushed else None

    @contextlib.asynccontextmanager
    async def _linking(self, hook: InstantlyHook, campaign_ids: list[str]) -> AsyncIterator[None]:
        """Where no worker began the task, the link is pushed from here."""
        url = None
        if self.started_here and len(campaign_ids) == 1:
            with contextlib.suppress(InstantlyError):
                url = (await hook.aget_conn()).endpoint.campaign_page(campaign_ids[0])
        if url is None:
            yield
            return
        async with pushing_meanwhile(self.task_instance, CampaignLink.XCOM_KEY, url, self.log):
            yield


#: What a watcher of the workspace warns of once, where not all of it is watched.
LIST_IS_CUT: Final = (
    f"The list of campaigns goes on after {MAX_PAGES} pages, so the rest of it is not watched. Watch some campaigns "
    "with campaign_id, or those with a tag with tag_ids."
)


class CampaignChangeTrigger(_PollingTrigger):
    """
    Fires for every change of status in a workspace, for asset watchers.

    What was last seen is kept in the state store of the watched asset (Airflow >= 3.3), so that a restart of the
    triggerer neither loses a change nor fires twice for one. Only a triggerer that dies in the moment in which it fires
    may lose that event; and if Airflow answers neither when it is to be kept nor when that is read back, it may fire
    twice. The first poll of a new watcher only sets the scene: nothing has changed yet. Below 3.3, and where alike
    watchers of several assets share a trigger, only this process remembers.

    :param instantly_conn_id: the id of the Airflow connection.
    :param campaign_id: only these campaigns; None means all.
    :param tag_ids: only campaigns with one of these tags.
    :param from_statuses: only changes out of one of these; None means any.
    :param to_statuses: only changes into one of these; None means any.
    :param poll_interval: seconds between two polls.
    """

    def __init__(
        self,
        /,
        instantly_conn_id: str = _DEFAULT_CONN_ID,
        campaign_id: str | UUID | Collection[str | UUID] | None = None,
        tag_ids: Iterable[str] = (),
        from_statuses: Iterable[int] | None = None,
        to_statuses: Iterable[int] | None = None,
        poll_interval: float = 60.0,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.instantly_conn_id = instantly_conn_id
        self.campaign_ids: frozenset[str] = frozenset()
        self.from_statuses: frozenset[int] | None = None
        self.to_statuses: frozenset[int] | None = None
        self.poll_interval = 60.0
        self._problem = ""
        try:
            self._take(campaign_id, tag_ids, from_statuses, to_statuses, poll_interval, unknown)
        except ValueError as error:
            self._problem = str(error)

    def _take(
        self,
        campaign_id: object,
        tag_ids: object,
        from_statuses: object,
        to_statuses: object,
        poll_interval: object,
        unknown: dict[str, Any],
    ) -> None:
        """Note the arguments, or say what is wrong with them; see the constructor."""
        for name in unknown:
            raise ValueError(f"CampaignChangeTrigger has no argument {safe_text(name)}.")
        self.instantly_conn_id = validation.connection_id("instantly_conn_id", self.instantly_conn_id)
        if campaign_id is not None:
            self.campaign_ids = frozenset(validation.campaign_ids("campaign_id", unpacked(campaign_id), many=True))
        self.tag_ids = tuple(sorted(validation.texts("tag_ids", tag_ids)))
        if from_statuses is not None:
            self.from_statuses = validation.statuses("from_statuses", from_statuses)
        if to_statuses is not None:
            self.to_statuses = validation.statuses("to_statuses", to_statuses)
        self.poll_interval = validation.seconds("poll_interval", poll_interval, low=validation.MIN_POLL_INTERVAL)

    def _check(self) -> None:
        if self._problem:
            raise ValueError(self._problem)

    async def _refuse(self, reason: str) -> AsyncGenerator[TriggerEvent, None]:
        await _stay_idle(self.log, reason)
        yield _fired({})  # never reached; it makes this a generator

    def _arguments(self) -> dict[str, Any]:
        return _without_defaults(
            {
                "instantly_conn_id": (self.instantly_conn_id, _DEFAULT_CONN_ID),
                "campaign_id": (packed(sorted(self.campaign_ids)) if self.campaign_ids else None, None),
                "tag_ids": (list(self.tag_ids), []),
                "from_statuses": (None if self.from_statuses is None else sorted(self.from_statuses), None),
                "to_statuses": (None if self.to_statuses is None else sorted(self.to_statuses), None),
                "poll_interval": (self.poll_interval, 60.0),
            }
        )

    async def _events(self, poller: Poller, snapshots: AsyncIterator[Snapshot]) -> AsyncGenerator[TriggerEvent, None]:
        watermark = Watermark(getattr(self, "asset_state_store", None), self._watermark_key, self.log)
        known = await watermark.load()
        warned_of: frozenset[str] = frozenset()
        with poller.watching(None if self._reads_list else self.campaign_ids, self.poll_interval) as watcher:
            async for snapshot in snapshots:
                if not watcher.accept(snapshot):
                    continue
                warned_of = await self._warn(snapshot, warned_of)
                seen = [c for cid, c in snapshot.campaigns.items() if isinstance(c, Campaign) and self._watches(cid)]
                if known is not None and any(True for _ in self._changes(known, seen)):
                    # Another triggerer may run the same watcher for a while, and may have fired for it already.
                    known |= await watermark.load() or {}
                events = [] if known is None else [e for e in self._changes(known, seen) if self._wants(e)]
                pages = await self._pages(events)
                before = known or {}
                changed = {c.id: int(c.status) for c in seen if c.status is not None and before.get(c.id) != c.status}
                known = {**before, **changed}
                # Before the events: a crash in between must not fire twice for one change.
                async with aclosing(watermark.save(known, changed)) as kept:
                    async for part in kept:
                        for event in events:
                            if event["campaign_id"] in part:
                                yield _fired({**event, "url": pages.get(event["campaign_id"])})

    async def _pages(self, events: Iterable[dict[str, Any]]) -> dict[str, str]:
        """The page of each campaign, for the people who read of its change; none where the connection is gone."""
        campaign_ids = {event["campaign_id"] for event in events}
        if not campaign_ids:
            return {}
        async with shared_hook(self.instantly_conn_id) as hook:
            try:
                endpoint = (await hook.aget_conn()).endpoint
            except InstantlyError:
                return {}
        return {campaign_id: endpoint.campaign_page(campaign_id) for campaign_id in campaign_ids}

    @property
    def _reads_list(self) -> bool:
        """Tags are known only to the list, so a watcher of tags reads the list even for a few campaigns."""
        return bool(self.tag_ids) or not self.campaign_ids

    async def _warn(self, snapshot: Snapshot, warned_of: frozenset[str]) -> frozenset[str]:
        """Warn of the first error that it has not warned of yet, and return all that there are now."""
        if not snapshot.campaigns and snapshot.error is None:
            # In a pause nothing was requested, so nothing has passed.
            return warned_of
        errors = self._errors(snapshot)
        news = [line for line in errors if line not in warned_of]
        if news:
            # With a wrong key there is one for each campaign.
            await awarn(self.log, "%s", news[0])
        return frozenset(errors)

    def _errors(self, snapshot: Snapshot) -> list[str]:
        """What keeps this watcher from seeing what it watches; the same poll may have had others for its siblings."""
        if self._reads_list:
            if snapshot.is_cut:
                return [LIST_IS_CUT]
            return [f"The campaigns could not be listed; asking again: {snapshot.error}"] if snapshot.error else []
        return [
            f"The campaign could not be read; asking again: {error} {about(campaign_id)}"
            for campaign_id in sorted(self.campaign_ids)
            if isinstance(error := snapshot.campaigns.get(campaign_id), InstantlyError)
        ]

    def _watches(self, campaign_id: str) -> bool:
        return bool(campaign_id) and (not self.campaign_ids or campaign_id in self.campaign_ids)

    def _wants(self, event: dict[str, Any]) -> bool:
        wanted = ((self.from_statuses, event["from_status"]), (self.to_statuses, event["to_status"]))
        return all(statuses is None or status in statuses for statuses, status in wanted)

    def _changes(self, known: dict[str, int], seen: Iterable[Campaign]) -> Iterable[dict[str, Any]]:
        for campaign in seen:
            before, status = known.get(campaign.id), campaign.status
            if before is None or status is None or before == status:
                continue
            yield {
                "campaign_id": campaign.id,
                "name": campaign.shown_name,
                "from_status": before,
                "from_status_name": CampaignStatus(before).label,
                "to_status": int(status),
                "to_status_name": status.label,
                "instantly_conn_id": self.instantly_conn_id,
            }

    @property
    def _watermark_key(self) -> str:
        """One watermark for each set of arguments, since several watchers may watch one asset."""
        what = {**self._arguments(), "poll_interval": None}
        return f"instantly-{hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]}"


def _fired(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def _without_defaults(arguments: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The arguments whose value is not the default, both of which are given for each name."""
    return {name: value for name, (value, default) in arguments.items() if value != default}


def _is_moment(value: object) -> TypeGuard[float]:
    """Whether it is a moment in seconds since the epoch, before the year 10000."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < END_OF_TIME


def _is_called_for_an_asset() -> bool:
    """
    Whether Airflow serializes the trigger as that of an asset's watcher.

    It asks a task's trigger in the same way, so only the caller tells the two apart (Airflow 3.0 to 3.3.2).
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name in ("_is_called_for_an_asset", "serialize"):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name in ("encode_trigger", "_encode_trigger")


async def _stay_idle(log: TaskLog, reason: str) -> None:
    """Do nothing until the trigger is cancelled: an asset's trigger that ends is started again at once."""
    await awarn(
        log,
        "This trigger is idle: %s Correct it in the DAG. If it is right there, give the triggerer the release of the "
        "provider that the DAG processor has.",
        reason,
    )
    await asyncio.Event().wait()
