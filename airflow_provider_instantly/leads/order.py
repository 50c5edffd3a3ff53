"""What is asked of an upload: where the leads go, with which options, and in what requests; each made once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.api.lead import MAX_PER_REQUEST
from airflow_provider_instantly.api.operations import add_leads
from airflow_provider_instantly.clock import steady_clock
from airflow_provider_instantly.leads.chunks import DEFAULT_CHUNK_BYTES
from airflow_provider_instantly.leads.guard import IfRunning, why_not
from airflow_provider_instantly.leads.presence import present_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_instantly.api.lead import LeadsAdded
    from airflow_provider_instantly.api.protocol import Request
    from airflow_provider_instantly.clock import Clock
    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.leads.chunks import Chunk
    from airflow_provider_instantly.leads.rows import LeadRow
    from airflow_provider_instantly.tasklog import TaskLog

#: The API's flag for each value of ``skip_if_in``.
SKIP_FLAGS: Final = {
    "workspace": "skip_if_in_workspace",
    "campaign": "skip_if_in_campaign",
    "list": "skip_if_in_list",
}


@dataclass(frozen=True, kw_only=True)
class Order:
    """
    An upload as one try of a task asks for it.

    :param hook: a hook that retries what may be repeated.
    :param place: ``campaign_id`` or ``list_id``, and its UUID.
    :param if_running: ``"add"`` to add to a campaign that sends, or that Instantly stopped.
    :param skip_if_in: ``"workspace"``, ``"campaign"`` or ``"list"``: who is in any such place is left out; or None.
    :param options: the API's other parameters: ``blocklist_id``, ``verify_leads_on_import``. If an answer names another
        block list, no further chunk is sent.
    :param chunk_size: rows in a request, at most.
    :param max_chunk_bytes: bytes of its body, at most.
    :param is_retry: whether an earlier try may have added some.
    :param reject: is called with each row that Instantly refused, and the reason.
    :param is_killed: whether the task is to end. It is asked before each chunk, and before its first byte; and before
        each read that counts who is there.
    :param log: the task's log.
    :param clock: shows seconds, and never jumps.
    """

    hook: InstantlyHook
    place: Mapping[str, str]
    reject: Callable[[LeadRow, str], Any]
    is_killed: Callable[[], bool]
    log: TaskLog
    if_running: IfRunning = "refuse"
    skip_if_in: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    chunk_size: int = MAX_PER_REQUEST
    max_chunk_bytes: int = DEFAULT_CHUNK_BYTES
    is_retry: bool = False
    clock: Clock = field(default_factory=steady_clock)

    @property
    def noun(self) -> str:
        """Where the leads go."""
        ((name, place_id),) = self.place.items()
        return f"{name.removesuffix('_id')} {place_id}"

    @property
    def request(self) -> Request:
        """The request that adds leads, without any: what it may do, and what it is about."""
        return add_leads((), self.place, {})

    @property
    def rests_on_status(self) -> bool:
        """Whether leads may be added only as long as the campaign stands as it was read."""
        return "campaign_id" in self.place and self.if_running == "refuse"

    def why_not(self) -> tuple[str, ...]:
        """
        Read the campaign, and say in sentences why no leads may be added to it as it stands; none if they may be.

        :raises InstantlyError: if it could not be read.
        """
        if "campaign_id" not in self.place:
            return ()
        return why_not(self.hook.get_campaign(self.place["campaign_id"]), self.if_running)

    def present(self, rows: Sequence[LeadRow]) -> frozenset[int]:
        """
        Read the numbers of the rows that are there.

        :param rows: the rows.
        :raises InstantlyError: if they could not be read.
        """
        return present_in(self.hook, self.place, rows)

    def send(self, chunk: Chunk) -> LeadsAdded:
        """
        Add rows in one request, which is not repeated.

        :param chunk: the rows.
        :raises InstantlyError: if it was refused, or its answer was lost.
        """
        skip = {} if self.skip_if_in is None else {SKIP_FLAGS[self.skip_if_in]: True}
        return self.hook.add_leads(
            chunk.leads,
            campaign_id=self.place.get("campaign_id"),
            list_id=self.place.get("list_id"),
            max_retries=0,
            **self.options,
            **skip,
        )
