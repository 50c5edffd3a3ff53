"""Whether an upload may begin: the campaign and the plan are read, and nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_instantly.api.batches import batches
from airflow_provider_instantly.api.errors import InstantlyPermissionError
from airflow_provider_instantly.exceptions import TaskKilledError, UploadRefusedError, failure
from airflow_provider_instantly.leads.guard import lacks_room
from airflow_provider_instantly.leads.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_instantly.leads.order import Order
    from airflow_provider_instantly.leads.rows import LeadRow


def check(order: Order, rows: Iterable[LeadRow], total: int) -> int | None:
    """
    Read whether leads may be added.

    :param order: what is asked for.
    :param rows: rows that can be sent, each address once; they are read only where the plan may lack room.
    :param total: how many they are.
    :return: how many more leads the plan has room for, or None where that is not known.
    :raises UploadRefusedError: if they must not be added.
    :raises TaskKilledError: if the task was killed.
    :raises InstantlyError: if that could not be read.
    """
    if reasons := order.why_not():
        raise failure(UploadRefusedError, *reasons, added_no_one(order))
    try:
        room = order.hook.get_plan().room
    except InstantlyPermissionError:
        order.log.info("The API key may not read the plan, so its room is not known.")
        return None
    if room is None or room >= total:
        return room
    if reasons := lacks_room(room, total - count_present(order, rows, total)):
        if order.skip_if_in is None or room == 0:
            raise failure(UploadRefusedError, *reasons, added_no_one(order))
        order.log.info("%s Who is left out because of skip_if_in needs no room.", " ".join(reasons))
    return room


def count_present(order: Order, rows: Iterable[LeadRow], total: int) -> int:
    """
    How many of the rows are there, before anything is sent.

    :param order: what is asked for.
    :param rows: the rows, read once.
    :param total: how many they are.
    :raises TaskKilledError: if the task was killed between two requests.
    :raises InstantlyError: if they could not be read.
    """
    progress = Progress(total, order.log, verb="looked up")
    found = 0
    for page in batches(rows):
        if order.is_killed():
            raise failure(TaskKilledError, "The task was killed.", added_no_one(order))
        found += len(order.present(page))
        progress.add(len(page))
    return found


def added_no_one(order: Order) -> str:
    """
    What became of the rows of an upload that does not begin, as a sentence.

    :param order: what was asked for.
    """
    return f"This try added no one to {order.noun}."
