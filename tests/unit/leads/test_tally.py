"""The tally of an upload: what it adds up, and what it says."""

from __future__ import annotations

from airflow_provider_instantly.leads.tally import Tally


def test_the_counts_are_an_xcom() -> None:
    assert Tally(uploaded=2, found=1).as_dict() == {
        "uploaded": 2,
        "already_there": 0,
        "found": 1,
        "skipped": 0,
        "refused": 0,
        "remaining_in_plan": None,
        "present": 3,
    }


def test_tallies_add_up() -> None:
    first = Tally(1, 2, 3, 4, 5, remaining_in_plan=9)
    assert first + Tally(10, 20, 30, 40, 50, remaining_in_plan=0) == Tally(11, 22, 33, 44, 55, remaining_in_plan=0)
    assert (first + Tally(uploaded=1)).remaining_in_plan == 9


def test_what_was_found_is_not_said_to_be_added_for_certain() -> None:
    said = Tally(uploaded=1_000, already_there=5).so_far(2_000, "campaign c")
    assert said[0] == "Of 2,000 rows, 1,005 are certainly in campaign c: 1,000 were added by this try."
    assert said[1].startswith("Another try reads who is there")
    found = Tally(1_000, 5, 2).so_far(9, "c")
    assert "1,000 were added by this try for certain, and 2 by it or before it." in found[0]
