"""How the sandbox behaves as a whole; changed through the control API, kept over restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_instantly.sandbox.scripts import Step  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    import sqlite3

#: Bytes of a body that are read at all.
LARGEST_BODY = 10 * 1024 * 1024
#: Seconds that the clock may be ahead or behind. Dates end with the year 9999, and a script takes no century.
_CENTURY = 100 * 365.25 * 86_400


class Settings(BaseModel):
    """
    Everything that can be set.

    :param limits_enabled: whether requests are limited at all.
    :param requests_per_second: requests that a workspace may make within any second.
    :param requests_per_minute: requests that a workspace may make within any minute.
    :param retry_after: whether a refusal says when to come back, in a ``Retry-After`` header.
        Whether Instantly does that is not known, so it is off.
    :param latency: seconds added to every answer of the API.
    :param cursor: which page of a list carries a cursor. ``always``: every page that is not empty, as live;
        ``full_page``: also a full page that is the last; ``more``: only where more follows; ``empty``: the
        last page carries an empty string.
    :param plan_exhausted: what becomes of leads that the plan has no room for. ``skip``: as many as fit are added, the
        others are counted as skipped; ``refuse``: the request is answered with 402. What Instantly does is not known.
    :param duplicates_first: whether a lead that is in the campaign or list already is counted as duplicated also if it
        is blocked, or a ``skip_if_in`` flag finds it; else it is counted as blocked or skipped. What Instantly does is
        not known.
    :param max_body_bytes: a larger body is answered with 413. Instantly documents no limit.
    :param default_script: the script of campaigns that have none of their own.
    :param clock_offset: seconds that the sandbox's clock is ahead, a century at most.
    :param clock_speed: how many seconds pass on it in one.
    :param clock_anchor: since when it runs at that speed, in seconds since the epoch; the sandbox sets it.
    :param bounce_rate: the share of e-mails that bounce, seconds to minutes after they left.
    :param reply_rate: the share that is answered.
    :param unsubscribe_rate: the share whose reader unsubscribes.
    :param bounce_protect_rate: with more bounces than this share of at least 20 e-mails, a campaign falls to Bounce
        Protect; None never. Instantly's own limit is not known.
    :param analytics_lag: seconds by which the figures of campaigns are behind.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    limits_enabled: bool = True
    requests_per_second: int = Field(default=100, ge=1)
    requests_per_minute: int = Field(default=6000, ge=1)
    retry_after: bool = False
    latency: float = Field(default=0.0, ge=0, le=3600)
    cursor: Literal["always", "full_page", "more", "empty"] = "always"
    plan_exhausted: Literal["skip", "refuse"] = "skip"
    duplicates_first: bool = True
    max_body_bytes: int = Field(default=LARGEST_BODY, ge=1, le=LARGEST_BODY)
    default_script: list[Step] | None = None
    clock_offset: float = Field(default=0.0, ge=-_CENTURY, le=_CENTURY, allow_inf_nan=False)
    clock_speed: float = Field(default=1.0, ge=1.0, le=100_000.0)
    clock_anchor: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    bounce_rate: float = Field(default=0.0, ge=0, le=1)
    reply_rate: float = Field(default=0.0, ge=0, le=1)
    unsubscribe_rate: float = Field(default=0.0, ge=0, le=1)
    bounce_protect_rate: float | None = Field(default=None, ge=0, le=1)
    analytics_lag: float = Field(default=0.0, ge=0, le=_CENTURY)


def load_settings(store: sqlite3.Connection) -> Settings:
    """The settings of the last run, or the defaults."""
    row = store.execute("SELECT document FROM settings").fetchone()
    return Settings() if row is None else Settings.model_validate_json(row["document"])


def save_settings(store: sqlite3.Connection, settings: Settings) -> None:
    """Keep the settings for the next run."""
    store.execute("INSERT OR REPLACE INTO settings VALUES (1, ?)", (settings.model_dump_json(),))
