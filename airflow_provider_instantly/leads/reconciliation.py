"""
What an answer of ``POST /leads/add`` means for each lead of its request: what is certain, what is one of several.

The answer has counters, and a reason for no lead. A counter that it lacks is unknown, and not zero. What does not add
up is said, and then only a read tells who is there. So it is with who was left out, whatever the reason: Instantly does
not document which counter a lead has that is there already and that is blocked, or that ``skip_if_in`` finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_provider_instantly.api.lead import LeadsAdded

#: The counter of leads that are there already.
DUPLICATED: Final = "duplicated"
#: The counter of leads that were left out because of ``skip_if_in``.
SKIPPED: Final = "skipped"
#: What a lead may have met that is counted as skipped. Instantly does not document what it answers then.
PLAN_FULL: Final = "plan full"
#: What is said of a lead that is not there, where no counter tells why.
UNEXPLAINED: Final = "not there, and the answer does not say why"


@dataclass(frozen=True)
class Reconciled:
    """
    What became of the leads of one request.

    :param uploaded: how many were certainly added by it.
    :param duplicated: how many were certainly there before.
    :param found: how many more are there, added by it or there before.
    :param left_out: for the index of each lead that is not there, the reasons that it may have; none, where the answer
        gives none.
    :param skipped: how many of these were certainly left out because of ``skip_if_in``, whichever they are.
    :param complaints: what does not add up, in sentences.
    """

    uploaded: int
    duplicated: int
    found: int
    left_out: Mapping[int, tuple[str, ...]]
    skipped: int = 0
    complaints: tuple[str, ...] = ()

    @property
    def present(self) -> int:
        """How many are there."""
        return self.uploaded + self.duplicated + self.found


def complaints_about(answer: LeadsAdded, count: int) -> tuple[str, ...]:
    """
    What does not add up in an answer, in sentences; nothing, if all leads are accounted for.

    Where the counters that it has add up, one that it lacks can only be zero.

    :param answer: the answer.
    :param count: how many leads the request had.
    """
    found = []
    if answer.sent is not None and answer.sent != count:
        found.append(f"Instantly counts {answer.sent:,} leads in a request of {count:,}.")
    counters = {"uploaded": answer.uploaded, **answer.reasons}
    known = [number for number in counters.values() if number is not None]
    total = sum(known)
    if any(number < 0 for number in known):
        found.append("Instantly counts fewer leads than none.")
    elif total != count:
        missing = [name for name, number in counters.items() if number is None]
        unknown = f" and does not say how many are {_either(missing)}" if missing else ""
        found.append(f"Instantly accounts for {total:,} of {count:,} leads{unknown}.")
    if answer.strangers:
        found.append(
            f"Instantly names {answer.strangers:,} leads as added that have other addresses than those of the request."
        )
    created = answer.created
    if any(not 0 <= index < count for index in created):
        found.append("Instantly names leads as added that the request did not have.")
    elif answer.uploaded is not None and created and len(created) != answer.uploaded:
        found.append(f"Instantly counts {answer.uploaded:,} leads as added, and names {len(created):,}.")
    return tuple(found)


def unproven(answer: LeadsAdded, count: int) -> Sequence[int]:
    """
    The indexes of the leads of which only a read tells whether they are there; none where the answer tells of all.

    :param answer: the answer.
    :param count: how many leads the request had.
    """
    if not complaints_about(answer, count) and set(_given(answer)) <= {DUPLICATED}:
        # Whichever lead it was: all are there.
        return ()
    named = _named(answer, count)
    return [index for index in range(count) if index not in named]


def reconcile(answer: LeadsAdded, count: int, present: Collection[int] | None = None) -> Reconciled:
    """
    Say what became of each lead.

    :param answer: the answer.
    :param count: how many leads the request had.
    :param present: the indexes of the leads that a later read found there; None if nothing was read. Those that
        `unproven` names have to be read.
    """
    if present is None:
        if unproven(answer, count):
            raise ValueError("only a read tells what became of these leads")
        return Reconciled(uploaded=answer.uploaded or 0, duplicated=answer.duplicated or 0, found=0, left_out={})
    complaints = complaints_about(answer, count)
    there = frozenset(present) | _named(answer, count)
    counted = (answer.uploaded or 0) + (answer.duplicated or 0)
    if not complaints and len(there) < counted:
        complaints = (f"Instantly counts {counted:,} leads as added or there already, and {len(there):,} are there.",)
    absent = [index for index in range(count) if index not in there]
    if complaints:
        added = there & answer.created.keys()
        return Reconciled(
            uploaded=len(added),
            duplicated=0,
            found=len(there) - len(added),
            left_out=dict.fromkeys(absent, ()),
            complaints=complaints,
        )
    uploaded, reasons = answer.uploaded or 0, _why_left_out(answer)
    # Who is there and was not added was there before, whichever counter has it.
    return Reconciled(
        uploaded=uploaded,
        duplicated=len(there) - uploaded,
        found=0,
        left_out=dict.fromkeys(absent, reasons),
        skipped=_certainly_skipped(answer, reasons, absent),
    )


def said(reasons: tuple[str, ...]) -> str:
    """
    The reasons of a lead that is not there, for a person.

    :param reasons: see `Reconciled.left_out`.
    """
    if not reasons:
        return UNEXPLAINED
    return reasons[0] if len(reasons) == 1 else f"one of {', '.join(reasons)}"


def _named(answer: LeadsAdded, count: int) -> frozenset[int]:
    """The indexes of the leads that were certainly added, since the answer adds up and names all that it counts."""
    if complaints_about(answer, count) or len(answer.created) != (answer.uploaded or 0):
        return frozenset()
    return frozenset(answer.created)


def _why_left_out(answer: LeadsAdded) -> tuple[str, ...]:
    """The reasons that a lead may have which is not there."""
    reasons = [reason for reason in _given(answer) if reason != DUPLICATED]
    if SKIPPED in reasons and answer.remaining_in_plan == 0:
        reasons.append(PLAN_FULL)
    return tuple(reasons)


def _certainly_skipped(answer: LeadsAdded, reasons: tuple[str, ...], absent: Collection[int]) -> int:
    """
    How many of those who are not there were skipped. Which of them is open where there are other reasons; the number is
    not, unless some of those that were left out are there already: each of these may be one of the skipped.
    """
    if SKIPPED not in reasons or PLAN_FULL in reasons:
        return 0
    left_out = sum(number or 0 for reason, number in answer.reasons.items() if reason != DUPLICATED)
    return max(0, (answer.skipped or 0) - (left_out - len(absent)))


def _given(answer: LeadsAdded) -> list[str]:
    return [reason for reason, number in answer.reasons.items() if number]


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
