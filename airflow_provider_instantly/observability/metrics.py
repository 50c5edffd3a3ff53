"""
What the provider counts, handed to Airflow's own metrics: StatsD, Datadog or OpenTelemetry, as Airflow is configured.

Counting adds to a number in memory. The numbers go to Airflow after the work, when the oldest is ten seconds old or a
pause begins that is as long, and from the triggerer in a thread, so that no request waits for them. Where Airflow's
metrics are off, nothing is counted.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.errors import InstantlyRateLimitError
from airflow_provider_instantly.api.exchange import Pause
from airflow_provider_instantly.exceptions import TaskKilledError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_instantly.api.driver import Observe
    from airflow_provider_instantly.api.errors import InstantlyError
    from airflow_provider_instantly.api.exchange import Reaction, Step

#: Seconds that a number waits until it is handed to Airflow, while there is work.
FLUSH_INTERVAL: Final = 10.0
#: Of what makes Airflow hand metrics on: any of these, in its section ``metrics``.
SWITCHES: Final = ("statsd_on", "statsd_datadog_enabled", "otel_on")
_NO_ANSWER: Final = "none"
#: What Airflow refuses in a name of StatsD (2.11 to 3.3), tags included: it drops the number, with a traceback.
_REFUSED: Final = re.compile(r"[^A-Za-z0-9_./-]")
#: Airflow refuses names of more than 250 characters, tags included.
_TAG_CHARS: Final = 100

_log = logging.getLogger(__name__)


class Kind(StrEnum):
    """How a metric adds up."""

    COUNTER = "counter"
    TIMER = "timer"


@dataclass(frozen=True)
class Metric:
    """
    A metric, as it is documented.

    :param name: its name, in front of which Airflow puts its own prefix.
    :param kind: how it adds up.
    :param tags: the names of its tags, beside ``connection``.
    """

    name: str
    kind: Kind = Kind.COUNTER
    tags: tuple[str, ...] = ()


REQUESTS: Final = Metric("instantly.requests", tags=("method", "status"))
RETRIES: Final = Metric("instantly.retries", tags=("status",))
RATE_LIMIT_WAIT: Final = Metric("instantly.rate_limit_wait", Kind.TIMER)
POLLS: Final = Metric("instantly.polls")
CAMPAIGNS_POLLED: Final = Metric("instantly.campaigns_polled")
STATUSES_SEEN: Final = Metric("instantly.statuses_seen", tags=("status",))
LAUNCHES: Final = Metric("instantly.launches")
LAUNCHES_FAILED: Final = Metric("instantly.launches_failed", tags=("reason",))
TIME_TO_ACTIVE: Final = Metric("instantly.time_to_active", Kind.TIMER)
LEADS_ADDED: Final = Metric("instantly.leads_added")
LEADS_REJECTED: Final = Metric("instantly.leads_rejected")

#: All there are.
METRICS: Final = (
    REQUESTS,
    RETRIES,
    RATE_LIMIT_WAIT,
    POLLS,
    CAMPAIGNS_POLLED,
    STATUSES_SEEN,
    LAUNCHES,
    LAUNCHES_FAILED,
    TIME_TO_ACTIVE,
    LEADS_ADDED,
    LEADS_REJECTED,
)

#: A metric's name, and the values of its tags.
_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class _Batch:
    """
    Numbers on their way to Airflow.

    :param counts: how much was counted of each.
    :param times: each time that was measured, in seconds.
    """

    counts: Mapping[_Key, int]
    times: Iterable[tuple[_Key, float]]


@cache
def are_on() -> bool:
    """Whether Airflow hands metrics on; read once by each process. A switch that is no boolean is off."""
    from airflow.providers.common.compat.sdk import conf

    try:
        return any(conf.getboolean("metrics", switch, fallback=False) for switch in SWITCHES)
    except TaskKilledError:
        raise
    except Exception as error:
        # A launch must not fail for it, least of all after it was sent.
        _log.warning("Airflow's metrics are taken for off, since a switch cannot be read (%s).", type(error).__name__)
        return False


class Metrics:
    """
    The numbers of one connection, until Airflow has them.

    :param conn_id: the id of the Airflow connection, which is a tag of each, as far as every backend takes it.
    """

    def __init__(self, conn_id: str) -> None:
        self._connection = ("connection", _REFUSED.sub("_", str(conn_id))[:_TAG_CHARS])
        self._counts: Counter[_Key] = Counter()
        self._times: list[tuple[_Key, float]] = []
        #: Since when there is something to hand over.
        self._since: float | None = None

    # What is counted

    @property
    def observer(self) -> Observe[Step, Reaction] | None:
        """What a transport calls for each step of a request; None where nothing is counted."""
        return self._observe if are_on() else None

    def count(self, metric: Metric, number: int = 1, *tags: str) -> None:
        """
        Add to a counter.

        :param metric: which.
        :param number: how much.
        :param tags: the values of the metric's tags, in their order.
        """
        if number and are_on():
            self._note_time()
            self._counts[self._key(metric, tags)] += number

    def measure(self, metric: Metric, seconds: float) -> None:
        """
        Note how long something took.

        :param metric: what.
        :param seconds: how long.
        """
        if are_on():
            self._note_time()
            self._times.append((self._key(metric, ()), max(seconds, 0.0)))

    def note_retry(self, seconds: float, because: InstantlyError) -> None:
        """
        A request is about to be sent again.

        :param seconds: the pause before that.
        :param because: what came of it the last time.
        """
        self.count(RETRIES, 1, _status(because))
        self.note_errors(seconds, [because])

    def note_errors(self, seconds: float, errors: Iterable[object]) -> None:
        """
        Nothing is requested for a while.

        :param seconds: how long.
        :param errors: because of these. The time counts where one of them is the rate limit.
        """
        if any(isinstance(error, InstantlyRateLimitError) for error in errors):
            self.measure(RATE_LIMIT_WAIT, seconds)

    def note_poll(self, seen: Mapping[str, Campaign | InstantlyError]) -> None:
        """
        A poll of campaigns is over.

        :param seen: what it read of each, or the error that stood in its place.
        """
        if not are_on():
            return
        self.count(POLLS)
        self.count(CAMPAIGNS_POLLED, len(seen))
        statuses = Counter(_status_seen(found) for found in seen.values() if isinstance(found, Campaign))
        for status, number in statuses.items():
            self.count(STATUSES_SEEN, number, status)

    def _observe(self, step: Step, reaction: Reaction) -> None:
        if isinstance(step, Pause):
            self.note_retry(step.seconds, step.because)
        else:
            self.count(REQUESTS, 1, step.method, _status(reaction))

    def _key(self, metric: Metric, values: tuple[str, ...]) -> _Key:
        return metric.name, (self._connection, *zip(metric.tags, values, strict=True))

    def _note_time(self) -> None:
        if self._since is None:
            self._since = time.monotonic()

    # How it gets to Airflow

    def flush_if_due(self, pause: float = 0.0) -> None:
        """
        Hand all to Airflow, if the oldest of it is as old as that.

        :param pause: seconds in which nothing is done now; what would be due by their end is handed over before.
        """
        if self._is_due(pause):
            self.flush()

    def flush_soon_if_due(self, pause: float = 0.0) -> None:
        """The same in the event loop, which goes on at once."""
        if self._is_due(pause) and (batch := self._take()):
            asyncio.get_running_loop().run_in_executor(None, _hand_over, batch)

    def _is_due(self, pause: float) -> bool:
        return self._since is not None and time.monotonic() + pause >= self._since + FLUSH_INTERVAL

    def flush(self) -> None:
        """Hand all to Airflow."""
        if batch := self._take():
            _hand_over(batch)

    async def aflush(self) -> None:
        """Async twin of `flush`: Airflow may have to look up a host first, or to import much, so a thread does it."""
        if batch := self._take():
            await asyncio.to_thread(_hand_over, batch)

    def _take(self) -> _Batch | None:
        if self._since is None:
            return None
        batch = _Batch(self._counts, self._times)
        self._counts, self._times, self._since = Counter(), [], None
        return batch


def _hand_over(batch: _Batch) -> None:
    """A metric is worth no task: what cannot be handed over is lost."""
    try:
        from airflow.providers.common.compat.sdk import Stats

        stats: Any = Stats
        for (name, tags), number in batch.counts.items():
            stats.incr(name, number, tags=dict(tags))
        for (name, tags), seconds in batch.times:
            # As a number, it is milliseconds to every version of Airflow and to every backend.
            stats.timing(name, seconds * 1000.0, tags=dict(tags))
    except TaskKilledError:
        # A signal's handler raises it wherever the task is.
        raise
    except Exception as error:
        _log.warning("Metrics could not be handed to Airflow (%s).", type(error).__name__)


def _status(reaction: object) -> str:
    """The HTTP status of an answer or an error, as a tag."""
    status = getattr(reaction, "status", None)
    return _NO_ANSWER if status is None else str(status)


def _status_seen(campaign: Campaign) -> str:
    """A campaign's status as a tag; all that this release does not know are one."""
    status = campaign.status
    return "unknown" if status is None or not status.is_known else status.name.lower()
