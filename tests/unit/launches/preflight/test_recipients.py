"""To whom: leads that are left, verified, and have room in the plan."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_instantly.api.lead import Plan
from airflow_provider_instantly.launches.preflight.facts import LeadSample
from tests.unit.launches.preflight.ready import LEAD, facts, found, leads


def test_no_leads() -> None:
    assert found(facts(leads=LeadSample())) == {"no_leads": "It has no leads."}


@pytest.mark.parametrize(
    ("status", "label"), [(3, "Completed"), (-1, "Bounced"), (-2, "Unsubscribed"), (-3, "Skipped")]
)
def test_no_lead_is_left(status: int, label: str) -> None:
    done = {"status": status}
    assert found(facts(leads=leads(done, done))) == {
        "no_lead_left": f"No e-mail is left to send: all leads are done (2 {label})."
    }
    assert "all leads that were read are done" in found(facts(leads=leads(done, has_more=True)))["no_lead_left"]
    assert found(facts(leads=leads(done, {}))) == {}


@pytest.mark.parametrize(
    ("status", "label"), [(None, "without a status"), ("1", "without a status"), (9, "UNKNOWN(9)")]
)
def test_leads_of_which_it_is_not_known_whether_they_are_done_are_no_pass(status: Any, label: str) -> None:
    doubtful, done = {"status": status}, {"status": 3}
    assert found(facts(leads=leads(doubtful, done, doubtful))) == {
        "leads_unread": f"Whether any e-mail is left to send is not known (2 {label})."
    }
    assert found(facts(leads=leads(doubtful, {}))) == {}


@pytest.mark.parametrize(
    ("status", "label"),
    [(-1, "Invalid"), (-2, "Risky"), (-3, "Catch All"), (-4, "Job Change"), (11, "Pending"),
     (None, "without a verification"), (99, "UNKNOWN(99)")],
)  # fmt: skip
def test_not_verified(status: Any, label: str) -> None:
    given = facts(leads=leads({}, {"verification_status": status}))
    assert found(given) == {"unverified_leads": f"1 of 2 leads that were read are not verified: 1 {label}."}
    assert found(given, max_unverified_share=0.5) == {}


def test_no_lead_is_named() -> None:
    given = facts(leads=leads({"verification_status": -1, "payload": {}}))
    assert all(LEAD not in sentence for sentence in found(given).values())


@pytest.mark.parametrize(
    ("plan", "codes"),
    [
        (Plan(100, 99), set()),
        (Plan(100, 100), {"plan_full"}),
        (Plan(100, 101), {"plan_full"}),
        (Plan(0, 0), {"plan_full"}),
        (Plan(None, 5), {"plan_unread"}),
        (Plan(100, None), {"plan_unread"}),
    ],
)
def test_the_plan(plan: Plan, codes: set[str]) -> None:
    assert found(facts(plan=plan)).keys() == codes
