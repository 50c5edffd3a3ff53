"""What a watcher of changes has seen last, kept in the state store of the watched asset (Airflow >= 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_instantly.tasklog import awarn

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping

    from airflow_provider_instantly.tasklog import TaskLog


class Watermark:
    """
    The status of every campaign that was watched, as it was when the last events fired.

    It is kept in parts, by the last digit of the campaigns' ids: Airflow warns of values above 64 KiB, which 1,500
    campaigns would exceed, and a change then writes one part only.

    :param store: the state store of the trigger's asset, or None where there is none: then nothing is kept.
    :param key: the key in the store.
    :param log: the trigger's log.
    """

    def __init__(self, store: Any, key: str, log: TaskLog) -> None:
        self._store = store
        self._keys = {digit: f"{key}-{digit}" for digit in "0123456789abcdef"}
        self._log = log

    async def load(self) -> dict[str, int] | None:
        """Read what was kept, or None where nothing was."""
        if self._store is None:
            return None
        try:
            parts = [await self._store.aget(key) for key in self._keys.values()]
        except ValueError as error:
            if type(error) is not ValueError:
                # What decoders raise derives from it, and says nothing about the assets.
                raise
            await awarn(
                self._log,
                "This watcher belongs to several assets, so it remembers nothing when the triggerer restarts (%s). "
                "Give the watcher of each asset other arguments, such as another poll_interval.",
                error,
            )
            self._store = None
            return None
        found = [part for part in parts if isinstance(part, dict)]
        if not found:
            return None
        return {cid: status for part in found for cid, status in part.items() if isinstance(status, int)}

    async def save(self, known: Mapping[str, int], changed: Iterable[str]) -> AsyncGenerator[frozenset[str], None]:
        """
        Keep the parts in which something has changed, and say after each which of the changes it has.

        So their events can be fired before the next part is written: if that fails, no one would fire them again.

        :param known: the status of every campaign.
        :param changed: those of them that are not kept yet.
        :raises Exception: what the store raises. If it has kept the part all the same, or if that cannot be known, its
            changes are named before.
        """
        parts: dict[str, set[str]] = {}
        for campaign_id in changed:
            parts.setdefault(campaign_id[-1], set()).add(campaign_id)
        for digit, ids in sorted(parts.items()):
            failed: Exception | None = None
            if self._store is not None:
                part = {campaign_id: status for campaign_id, status in known.items() if campaign_id[-1] == digit}
                try:
                    await self._store.aset(self._keys[digit], part)
                except Exception as error:
                    if not await self._may_have_kept(self._keys[digit], part):
                        raise
                    failed = error
            yield frozenset(ids)
            if failed is not None:
                raise failed

    async def _may_have_kept(self, key: str, part: dict[str, int]) -> bool:
        """Whether a write that failed may have had its effect: only its answer may have been lost."""
        try:
            return bool(await self._store.aget(key) == part)
        except Exception:
            return True
