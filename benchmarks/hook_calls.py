"""Activate and read 500 campaigns through the hook, side by side with the client `instantlyai` from PyPI."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import TYPE_CHECKING

# Ours load when used. They are loaded here, so that neither side's watch counts an import.
import aiohttp  # noqa: F401
import requests  # noqa: F401

from benchmarks.endpoints import endpoints
from benchmarks.row import Row

if TYPE_CHECKING:
    from benchmarks.endpoints import Endpoints

CAMPAIGNS = 500
SYNC_CAMPAIGNS = 100
"""One after the other each takes a ninth of a second, on both sides, so fewer tell as much."""


def run(campaigns: int = CAMPAIGNS, sync_campaigns: int = SYNC_CAMPAIGNS) -> list[Row]:
    """
    Measure both, sync and async.

    :param campaigns: how many campaigns at once.
    :param sync_campaigns: how many campaigns one after the other.
    """
    with endpoints() as services:
        os.environ |= services.variables
        os.environ["AIRFLOW_CONN_INSTANTLY_DEFAULT"] = _connection(services)
        numbers = (sync_campaigns + 1, sync_campaigns + 1, campaigns, campaigns)
        ids = [services.sandbox.add_campaigns(number, f"Round {n}", status=0) for n, number in enumerate(numbers)]
        ours, theirs = _sync(services, ids[0], ids[1])
        aours, atheirs = asyncio.run(_async(services, ids[2], ids[3]))
    note = (
        "Activate + read: sync one by one, ours and theirs in turn, as the same sum of seconds; async all at once, one "
        "after the other. CPU is of this process."
    )
    rows = []
    for kind, number, (seconds, cpu), (other_seconds, other_cpu) in (
        ("sync", sync_campaigns, ours, theirs),
        ("async", campaigns, aours, atheirs),
    ):
        what, faster = f"activate + read, {number} campaigns, {kind}", seconds < other_seconds
        rows.append(Row(what, seconds, other_seconds, "s", "faster", faster, note))
        rows.append(Row(f"{what}: CPU", cpu, other_cpu, "s", note=note))
    return rows


def _connection(services: Endpoints) -> str:
    return json.dumps(services.connections["instantly_default"])


def _sync(services: Endpoints, ours: list[str], theirs: list[str]) -> tuple[tuple[float, float], tuple[float, float]]:
    from instantlyai import Instantly

    from airflow_provider_instantly.hooks.instantly import InstantlyHook

    mine, other = _Watch(), _Watch()
    key, url = services.sandbox.api_key, services.sandbox_url
    with InstantlyHook() as hook, Instantly(api_key=key, base_url=url) as client:

        def with_hook(campaign_id: str) -> None:
            hook.activate_campaign(campaign_id)
            hook.get_campaign(campaign_id)

        def with_client(campaign_id: str) -> None:
            client.campaigns.activate(campaign_id)
            client.campaigns.retrieve(campaign_id)

        # The first call of a side loads what is loaded when it is used, and connects.
        with_hook(ours[0])
        with_client(theirs[0])
        # In turn, so that whatever else the machine does slows both.
        for our_id, their_id in zip(ours[1:], theirs[1:], strict=True):
            with mine:
                with_hook(our_id)
            with other:
                with_client(their_id)
    return mine.read, other.read


async def _async(
    services: Endpoints, ours: list[str], theirs: list[str]
) -> tuple[tuple[float, float], tuple[float, float]]:
    from instantlyai import AsyncInstantly

    from airflow_provider_instantly.hooks.instantly import InstantlyHook

    mine, other = _Watch(), _Watch()
    async with InstantlyHook() as hook:

        async def with_hook(campaign_id: str) -> None:
            await hook.aactivate_campaign(campaign_id)
            await hook.aget_campaign(campaign_id)

        with mine:
            await asyncio.gather(*map(with_hook, ours))
    key, url = services.sandbox.api_key, services.sandbox_url
    async with AsyncInstantly(api_key=key, base_url=url) as client:

        async def with_client(campaign_id: str) -> None:
            await client.campaigns.activate(campaign_id)
            await client.campaigns.retrieve(campaign_id)

        with other:
            await asyncio.gather(*map(with_client, theirs))
    return mine.read, other.read


class _Watch:
    """Adds up seconds, and CPU seconds, over all the times that it was entered."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    @property
    def read(self) -> tuple[float, float]:
        return self.seconds, self.cpu

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *exc_info: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu += time.process_time() - self._began[1]
