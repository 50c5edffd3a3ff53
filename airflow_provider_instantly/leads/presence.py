"""Who of some rows is in a campaign or a list, read by e-mail address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_instantly.api.batches import batches
from airflow_provider_instantly.api.errors import InstantlyBadRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_instantly.hooks.instantly import InstantlyHook
    from airflow_provider_instantly.leads.rows import LeadRow


def present_in(hook: InstantlyHook, place: Mapping[str, str], rows: Sequence[LeadRow]) -> frozenset[int]:
    """
    The numbers of the rows whose address is there.

    :param hook: the hook.
    :param place: ``campaign_id`` or ``list_id``, and its UUID.
    :param rows: the rows; a hundred take one request, or two.
    :raises InstantlyUnexpectedAnswerError: if leads are listed that were not asked for, or the same ones without end:
        the list proves nothing then.
    :raises InstantlyError: if a page could not be read.
    """
    found: set[int] = set()
    for part in batches(rows):
        wanted = {str(row.lead["email"]).lower(): row.number for row in part}
        found |= _found_in_parts(hook, place, wanted)
    return frozenset(found)


def _found_in_parts(hook: InstantlyHook, place: Mapping[str, str], wanted: dict[str, int]) -> set[int]:
    """What is found, in smaller requests where one is too large: something before Instantly may limit their size."""
    try:
        return _found(hook, place, wanted)
    except InstantlyBadRequestError as error:
        if error.status != 413 or len(wanted) == 1:
            raise
    entries, middle = list(wanted.items()), len(wanted) // 2
    first, second = dict(entries[:middle]), dict(entries[middle:])
    return _found_in_parts(hook, place, first) | _found_in_parts(hook, place, second)


def _found(hook: InstantlyHook, place: Mapping[str, str], wanted: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for lead in hook.list_leads(**place, emails=list(wanted)):
        found.add(wanted[lead.email])
        if len(found) == len(wanted):
            # The list often promises one page more, which is empty.
            break
    return found
