"""200 launches that share Instantly's limit of requests: all at once, and as many as a pool has slots.

Leads are uploaded beside them, and a campaign is polled as a wait does it, so that it shows if one of them starves.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_instantly.sandbox.client import running_sandbox
from benchmarks.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

LAUNCHES: Final = 200
GOAL: Final = 1.2
TRIES: Final = 3
"""Tries of a task: one, and the retries that launches should have at least. It needs more than one only after 429."""
STARTS_AFTER: Final = 1.0
"""Seconds from the moment at which a slot is free to the first request of its task, as Airflow needs them at least."""
UPLOADED, CHUNK = 2_000, 100
POLL_INTERVAL: Final = 5.0


class Round(NamedTuple):
    """
    How many share what.

    :param limit: requests a second, as Instantly documents them, or as older reports have them (100 in 10 s).
    :param slots: launches at once.
    """

    limit: int
    slots: int


ROUNDS: Final = (Round(100, LAUNCHES), Round(100, 32), Round(10, LAUNCHES), Round(10, 32), Round(10, 8), Round(10, 4))


@dataclass
class _Played:
    """
    What one round took.

    :param seconds: from the first launch to the end of the last.
    :param allowed: how long as many requests must take, by the limit.
    :param refused: requests that were answered with 429.
    :param given_up: tries of launches that ended with an error.
    :param longest_gap: the longest that the wait went without an answer, in seconds.
    :param activations: how often campaigns were activated.
    """

    seconds: float
    allowed: float
    refused: int
    given_up: int
    longest_gap: float
    activations: int


def run(launches: int = LAUNCHES) -> list[Row]:
    """
    Play each limit with each number of slots.

    :param launches: how many launches.
    """
    rows = []
    for limit, slots in ROUNDS:
        played = _play(Round(limit, min(slots, launches)), launches)
        how = "all at once" if slots >= launches else f"{slots} at a time"
        what = f"{launches} launches at {limit} requests/s, {how}"
        note = (
            f"{what.capitalize()}: with an upload of {UPLOADED:,} leads and a wait beside them. The other is what the "
            f"limit allows for as many requests; {played.refused:,} were answered with 429 beside these."
        )
        in_time = played.seconds <= GOAL * played.allowed
        rows += [
            Row(f"{what}: time", played.seconds, played.allowed, "s", f"at most {GOAL:g}", in_time, note),
            Row(f"{what}: tries used up", played.given_up, None, "", "0", played.given_up == 0, note),
            Row(f"{what}: activations", played.activations, launches, "", "1", played.activations == launches, note),
            Row(f"{what}: longest time between two polls", played.longest_gap, POLL_INTERVAL, "s", note=note),
        ]
    return rows


def _play(game: Round, launches: int) -> _Played:
    with running_sandbox() as sandbox:
        sandbox.set(requests_per_second=game.limit, requests_per_minute=60 * game.limit)
        os.environ["AIRFLOW_CONN_INSTANTLY_DEFAULT"] = sandbox.airflow_connection
        ids = sandbox.add_campaigns(launches, "At once", status=0)
        filled, watched = sandbox.add_campaigns(2, "Beside", status=0)
        given_up: Counter[str] = Counter()
        done = threading.Event()
        gaps: list[float] = []
        with ThreadPoolExecutor(2) as beside, ThreadPoolExecutor(game.slots) as pool:
            polling = beside.submit(_poll, watched, done, gaps)
            begin = time.monotonic()
            try:
                uploading = beside.submit(_until_done, partial(_upload, filled), given_up)
                for each in [pool.submit(_until_done, partial(_launch, campaign), given_up) for campaign in ids]:
                    each.result()
                uploading.result()
            finally:
                seconds = time.monotonic() - begin
                done.set()
            polling.result()
        return _figures(sandbox, seconds, game.limit, given_up.total(), max(gaps, default=seconds))


def _figures(sandbox: SandboxClient, seconds: float, limit: int, given_up: int, gap: float) -> _Played:
    counts = sandbox.request_counts()
    refused = sum(each["count"] for each in counts if each["status"] == 429)
    accepted = sum(each["count"] for each in counts) - refused
    return _Played(seconds, accepted / limit, refused, given_up, gap, sandbox.activations())


def _until_done(task: Callable[[int], None], given_up: Counter[str]) -> None:
    """Run a task as Airflow does, and count the tries that end with an error."""
    from airflow_provider_instantly.api.errors import InstantlyError

    for number in range(1, TRIES + 1):
        time.sleep(STARTS_AFTER)
        try:
            return task(number)
        except InstantlyError as error:
            given_up[type(error).__name__] += 1
    # It failed for good, which the number of activations shows.
    return None


def _launch(campaign_id: str, try_number: int) -> None:
    from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator

    ActivateCampaignOperator(task_id="launch", campaign_id=campaign_id).execute(_context(try_number))


def _upload(campaign_id: str, try_number: int) -> None:
    from airflow_provider_instantly.operators.lead import AddLeadsOperator

    rows = [{"email": f"person{number}@people.example"} for number in range(UPLOADED)]
    task = AddLeadsOperator(task_id="upload", campaign_id=campaign_id, rows=rows, chunk_size=CHUNK)
    task.execute(_context(try_number))


def _poll(campaign_id: str, done: threading.Event, gaps: list[float]) -> None:
    """Read as a wait does: one attempt each interval, whatever comes of it."""
    from airflow_provider_instantly.api.errors import InstantlyError
    from airflow_provider_instantly.hooks.instantly import InstantlyHook

    last = time.monotonic()
    with InstantlyHook(max_retries=0) as hook:
        while not done.wait(POLL_INTERVAL):
            try:
                hook.get_campaign(campaign_id)
            except InstantlyError:
                continue
            gaps.append(time.monotonic() - last)
            last = time.monotonic()


def _context(try_number: int) -> Any:
    """As much of a task's context as a launch and an upload need where Airflow does not run."""
    nothing: Callable[..., None] = lambda **_: None  # noqa: E731
    return {"ti": SimpleNamespace(try_number=try_number, xcom_push=nothing)}
