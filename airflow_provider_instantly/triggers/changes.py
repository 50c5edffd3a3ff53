"""The watcher in the triggerer: an event for each change of status."""

from __future__ import annotations

import hashlib
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly import validation
from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus, about
from airflow_provider_instantly.api.errors import InstantlyError
from airflow_provider_instantly.api.redaction import safe_text
from airflow_provider_instantly.tasklog import awarn
from airflow_provider_instantly.triggers.base import (
    DEFAULT_CONN_ID,
    PollingTrigger,
    fired,
    stay_idle,
    without_defaults,
)
from airflow_provider_instantly.triggers.poller import MAX_PAGES
from airflow_provider_instantly.triggers.shared_hook import shared_hook
from airflow_provider_instantly.triggers.watermark import Watermark
from airflow_provider_instantly.waits.arguments import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable
    from uuid import UUID

    from airflow.triggers.base import TriggerEvent

    from airflow_provider_instantly.triggers.poller import Poller
    from airflow_provider_instantly.triggers.timing import Snapshot

#: Seconds.
_POLL_INTERVAL: Final = 60.0
#: What a watcher of the workspace warns of once, where not all of it is watched.
LIST_IS_CUT: Final = (
    f"The list of campaigns goes on after {MAX_PAGES} pages, so the rest of it is not watched. Watch some campaigns "
    "with campaign_id, or those with a tag with tag_ids."
)


class CampaignChangeTrigger(PollingTrigger):
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

    #: The path that DAGs import it by, and that Airflow's database keeps.
    __module__ = "airflow_provider_instantly.triggers.campaign"

    def __init__(
        self,
        /,
        instantly_conn_id: str = DEFAULT_CONN_ID,
        campaign_id: str | UUID | Collection[str | UUID] | None = None,
        tag_ids: Iterable[str] = (),
        from_statuses: Iterable[int] | None = None,
        to_statuses: Iterable[int] | None = None,
        poll_interval: float = _POLL_INTERVAL,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.instantly_conn_id = instantly_conn_id
        self.campaign_ids: frozenset[str] = frozenset()
        self.from_statuses: frozenset[int] | None = None
        self.to_statuses: frozenset[int] | None = None
        self.poll_interval = _POLL_INTERVAL
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
        await stay_idle(self.log, reason)
        yield fired({})  # never reached; it makes this a generator

    def _arguments(self) -> dict[str, Any]:
        return without_defaults(
            {
                "instantly_conn_id": (self.instantly_conn_id, DEFAULT_CONN_ID),
                "campaign_id": (packed(sorted(self.campaign_ids)) if self.campaign_ids else None, None),
                "tag_ids": (list(self.tag_ids), []),
                "from_statuses": (None if self.from_statuses is None else sorted(self.from_statuses), None),
                "to_statuses": (None if self.to_statuses is None else sorted(self.to_statuses), None),
                "poll_interval": (self.poll_interval, _POLL_INTERVAL),
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
                events = await self._events_of(known, seen)
                changed = _news(known or {}, seen)
                known = {**(known or {}), **changed}
                # Before the events: a crash in between must not fire twice for one change.
                async with aclosing(watermark.save(known, changed)) as kept:
                    async for part in kept:
                        for event in [event for event in events if event["campaign_id"] in part]:
                            yield fired(event)

    async def _events_of(self, known: dict[str, int] | None, seen: Iterable[Campaign]) -> list[dict[str, Any]]:
        """What is to be fired for what was seen, filters and all; nothing while the scene is not set."""
        events = [] if known is None else [event for event in self._changes(known, seen) if self._wants(event)]
        pages = await self._pages(events)
        return [{**event, "url": pages.get(event["campaign_id"])} for event in events]

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
            if before is None or status is None or before == status or campaign.is_inferred:
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


def _news(known: dict[str, int], seen: Iterable[Campaign]) -> dict[str, int]:
    """
    The statuses that are to be remembered, of those campaigns that have another one than before.

    A Draft that was not read may be gone. It sets the scene where nothing is known, and is no change.
    """
    read = (c for c in seen if not c.is_inferred or c.id not in known)
    return {c.id: int(c.status) for c in read if c.status is not None and known.get(c.id) != c.status}
