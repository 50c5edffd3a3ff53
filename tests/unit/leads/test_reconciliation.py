"""
What an answer means for each lead.

The truth is drawn first: what became of each lead. Then an answer that says it, or one that lies about it or lacks
parts; and whatever is concluded is compared with the truth.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.lead import LeadsAdded
from airflow_provider_instantly.leads.reconciliation import (
    DUPLICATED,
    PLAN_FULL,
    UNEXPLAINED,
    complaints_about,
    reconcile,
    said,
    unproven,
)

UPLOADED = "uploaded"
REASONS = ("duplicated", "in_blocklist", "skipped", "invalid_email", "incomplete", "duplicate_email")
FATES = st.sampled_from((UPLOADED, UPLOADED, *REASONS))


@dataclass
class Story:
    """What became of each lead, and what the answer says."""

    fates: list[str]
    answer: LeadsAdded
    #: Who was there before, and was left out for another reason.
    hidden: frozenset[int] = frozenset()

    @property
    def present(self) -> list[int]:
        return [i for i, fate in enumerate(self.fates) if fate in (UPLOADED, DUPLICATED) or i in self.hidden]

    @property
    def read(self) -> list[int] | None:
        """Who of those is there that have to be read, or None where the answer tells of all."""
        unknown = unproven(self.answer, len(self.fates))
        return [index for index in unknown if index in self.present] if unknown else None


def answer_to(fates: list[str], *, names_created: bool = True) -> LeadsAdded:
    counted = Counter(fates)
    created = {index: str(uuid.uuid4()) for index, fate in enumerate(fates) if fate == UPLOADED and names_created}
    reasons: dict[str, Any] = {reason: counted[reason] for reason in REASONS}
    return LeadsAdded(sent=len(fates), uploaded=counted[UPLOADED], created=created, **reasons)


@st.composite
def true_stories(draw: st.DrawFn) -> Story:
    fates = draw(st.lists(FATES, min_size=1, max_size=12))
    left_out = [index for index, fate in enumerate(fates) if fate not in (UPLOADED, DUPLICATED)]
    hidden = draw(st.sets(st.sampled_from(left_out))) if left_out else set()
    return Story(fates, answer_to(fates, names_created=draw(st.booleans())), frozenset(hidden))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Answers that may lack counters, or count wrongly."""
    story = draw(true_stories())
    changed = draw(st.sets(st.sampled_from(("sent", UPLOADED, *REASONS)), max_size=4))
    wrong: dict[str, Any] = {name: draw(st.none() | st.integers(0, 12)) for name in sorted(changed)}
    return Story(story.fates, replace(story.answer, **wrong), story.hidden)


@pytest.mark.parametrize(("uploaded", "duplicated"), [(3, 0), (2, 1), (0, 3)])
@pytest.mark.parametrize("names_created", [True, False])
def test_where_all_are_there_nothing_has_to_be_read(uploaded: int, duplicated: int, names_created: bool) -> None:
    answer = answer_to([UPLOADED] * uploaded + [DUPLICATED] * duplicated, names_created=names_created)
    found = reconcile(answer, 3)
    assert (found.uploaded, found.duplicated, found.found, found.left_out) == (uploaded, duplicated, 0, {})


@given(true_stories())
def test_a_true_answer_leaves_no_doubt_about_numbers(story: Story) -> None:
    count = len(story.fates)
    found = reconcile(story.answer, count, story.read)

    assert found.complaints == ()
    assert found.uploaded == story.fates.count(UPLOADED)
    assert found.duplicated == story.fates.count(DUPLICATED) + len(story.hidden)
    assert found.found == 0
    assert found.left_out.keys() == set(range(count)) - set(story.present)
    for index, reasons in found.left_out.items():
        assert story.fates[index] in reasons


@given(true_stories())
def test_one_reason_is_certain(story: Story) -> None:
    others = {fate for fate in story.fates if fate not in (UPLOADED, DUPLICATED)}
    for reasons in reconcile(story.answer, len(story.fates), story.read).left_out.values():
        assert set(reasons) == others


@given(true_stories())
def test_how_many_were_skipped_is_no_guess(story: Story) -> None:
    """Which of them is not known where there are other reasons; how many is, if no one of those is there already."""
    found = reconcile(story.answer, len(story.fates), story.read)
    skipped = [i for i, fate in enumerate(story.fates) if fate == "skipped" and i not in story.hidden]
    assert found.skipped <= len(skipped)
    if not story.hidden or {fate for fate in story.fates if fate not in (UPLOADED, DUPLICATED)} == {"skipped"}:
        assert found.skipped == len(skipped)


@given(true_stories())
def test_no_one_is_certainly_skipped_where_the_plan_may_be_full(story: Story) -> None:
    found = reconcile(replace(story.answer, remaining_in_plan=0), len(story.fates), story.read)
    assert found.skipped == 0


@given(stories())
def test_whatever_the_answer_says_no_count_is_untrue_after_a_read(story: Story) -> None:
    count = len(story.fates)
    found = reconcile(story.answer, count, story.present)

    assert found.present == len(story.present)
    assert found.left_out.keys() == set(range(count)) - set(story.present)
    if found.complaints:
        assert found.duplicated == 0
        assert found.uploaded <= story.fates.count(UPLOADED)


@given(stories())
def test_what_adds_up_to_another_number_is_said(story: Story) -> None:
    answer, count = story.answer, len(story.fates)
    known = [number for number in (answer.uploaded, *answer.reasons.values()) if number is not None]
    if sum(known) != count or answer.sent not in (None, count):
        assert complaints_about(answer, count)
        assert list(unproven(answer, count)) == list(range(count))


@given(st.lists(FATES, min_size=1, max_size=12), st.sets(st.sampled_from((UPLOADED, *REASONS))))
def test_a_counter_that_is_missing_is_never_taken_for_zero(fates: list[str], missing: set[str]) -> None:
    nothing: dict[str, Any] = dict.fromkeys(missing)
    answer = replace(answer_to(fates), **nothing)
    hidden = sum(fates.count(name) for name in missing)
    assert bool(complaints_about(answer, len(fates))) == bool(hidden)


def test_an_answer_without_counters_proves_nothing() -> None:
    [complaint] = complaints_about(LeadsAdded(), 3)
    assert complaint == (
        "Instantly accounts for 0 of 3 leads and does not say how many are uploaded, duplicated, in_blocklist, "
        "skipped, invalid_email, incomplete or duplicate_email."
    )
    found = reconcile(LeadsAdded(), 3, [0])
    assert (found.uploaded, found.duplicated, found.found, found.present) == (0, 0, 1, 1)
    assert found.left_out == {1: (), 2: ()}


@pytest.mark.parametrize(
    ("answer", "said_of_it"),
    [
        (replace(answer_to([UPLOADED] * 3), sent=2), "counts 2 leads in a request of 3"),
        (replace(answer_to([UPLOADED] * 3), uploaded=2), "accounts for 2 of 3 leads."),
        (replace(answer_to([UPLOADED] * 3), uploaded=4, skipped=-1), "fewer leads than none"),
        (replace(answer_to([UPLOADED] * 3), created={3: "an id"}), "that the request did not have"),
        (replace(answer_to([UPLOADED] * 3), created={0: "an id"}), "counts 3 leads as added, and names 1"),
        (
            replace(answer_to([UPLOADED] * 3), created={}, strangers=3),
            "names 3 leads as added that have other addresses",
        ),
        (replace(answer_to([UPLOADED] * 3), uploaded=None), "0 of 3 leads and does not say how many are uploaded."),
    ],
)
def test_each_thing_that_does_not_add_up_has_its_sentence(answer: LeadsAdded, said_of_it: str) -> None:
    assert said_of_it in " ".join(complaints_about(answer, 3))
    assert list(unproven(answer, 3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="only a read"):
        reconcile(answer, 3)


@pytest.mark.parametrize(
    ("fates", "names_created", "unknown"),
    [
        ([UPLOADED, UPLOADED], True, []),
        ([UPLOADED, DUPLICATED], False, []),
        ([UPLOADED, "in_blocklist", "skipped"], True, [1, 2]),
        (["in_blocklist"], True, [0]),
        ([UPLOADED, DUPLICATED, "skipped"], True, [1, 2]),
        ([UPLOADED, "in_blocklist"], False, [0, 1]),
    ],
)
def test_only_those_are_read_of_which_the_answer_does_not_tell(
    fates: list[str], names_created: bool, unknown: list[int]
) -> None:
    assert list(unproven(answer_to(fates, names_created=names_created), len(fates))) == unknown


def test_names_that_no_counter_counts_prove_nothing() -> None:
    answer = replace(answer_to([UPLOADED, "skipped"]), uploaded=None, skipped=2)
    assert complaints_about(answer, 2) == ()
    assert list(unproven(answer, 2)) == [0, 1]


@pytest.mark.parametrize("reason", ["skipped", "in_blocklist"])
def test_who_is_there_already_is_there_whichever_counter_has_it(reason: str) -> None:
    found = reconcile(answer_to([UPLOADED, reason, reason]), 3, [2])
    assert (found.uploaded, found.duplicated, found.found, found.complaints) == (1, 1, 0, ())
    assert found.left_out == {1: (reason,)}


@pytest.mark.parametrize(
    ("fates", "room", "reasons"),
    [
        ([UPLOADED, "skipped"], 0, ("skipped", PLAN_FULL)),
        ([UPLOADED, "skipped"], 1, ("skipped",)),
        ([UPLOADED, "skipped"], None, ("skipped",)),
        (["in_blocklist", "skipped"], 0, ("in_blocklist", "skipped", PLAN_FULL)),
        (["in_blocklist"], 0, ("in_blocklist",)),
    ],
)
def test_who_is_skipped_by_a_full_plan_may_have_met_its_end(
    fates: list[str], room: int | None, reasons: tuple[str, ...]
) -> None:
    answer = replace(answer_to(fates), remaining_in_plan=room)
    assert set(reconcile(answer, len(fates), []).left_out.values()) == {reasons}


def test_a_read_that_finds_fewer_than_were_counted_is_believed() -> None:
    found = reconcile(answer_to([UPLOADED, DUPLICATED, "skipped"]), 3, [])
    assert found.complaints == ("Instantly counts 2 leads as added or there already, and 1 are there.",)
    assert (found.uploaded, found.present) == (1, 1)
    assert found.left_out == {1: (), 2: ()}


@pytest.mark.parametrize(
    ("reasons", "text"),
    [
        ((), UNEXPLAINED),
        (("in_blocklist",), "in_blocklist"),
        (("in_blocklist", "skipped"), "one of in_blocklist, skipped"),
    ],
)
def test_reasons_are_said_as_certain_as_they_are(reasons: tuple[str, ...], text: str) -> None:
    assert said(reasons) == text
