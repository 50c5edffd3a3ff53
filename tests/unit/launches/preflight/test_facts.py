"""What was read: who can send, who may still be written to, and no address in a repr."""

from __future__ import annotations

from airflow_provider_instantly.launches.preflight.facts import Senders
from tests.unit.launches.preflight.ready import LEAD, accounts, facts, leads


def test_senders() -> None:
    senders = Senders(accounts({}, {"status": -1}), gone=1, not_found=2)
    assert senders.count == 5
    assert senders.usable == senders.accounts[:1]


def test_leads_that_may_still_get_e_mails() -> None:
    sample = leads({}, {"status": 3}, {"status": 9})
    assert sample.open == (sample.leads[0], sample.leads[2])


def test_no_address_in_a_repr() -> None:
    given = facts()
    assert LEAD not in repr(given)
    assert "@" not in repr(given.senders)
