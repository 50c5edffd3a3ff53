"""A campaign that is ready has no finding; and whatever is read, no judge breaks and no address is named."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.account import Account
from airflow_provider_instantly.api.lead import Lead
from airflow_provider_instantly.launches.preflight.facts import LeadSample, Senders, Unread
from airflow_provider_instantly.launches.preflight.finding import CODES
from airflow_provider_instantly.launches.preflight.judgement import judge
from airflow_provider_instantly.launches.preflight.rules import CheckRules
from tests.unit.json_values import ANY_JSON
from tests.unit.launches.preflight.ready import ACCOUNT, DOCUMENT, LEAD, LEAD_DOCUMENT, SENDER, facts, found

UNREAD = Unread("The workspace has no active paid plan.")


def test_a_campaign_that_is_ready() -> None:
    assert found(facts()) == {}


def test_what_could_not_be_read_is_never_a_pass() -> None:
    unread = found(facts(senders=UNREAD, leads=UNREAD, plan=UNREAD))
    assert unread.keys() == {"senders_unread", "leads_unread", "plan_unread"}
    assert all("no active paid plan" in sentence for sentence in unread.values())


SPOILT = st.fixed_dictionaries({}, optional=dict.fromkeys([*DOCUMENT, "email_gap", "custom_variables"], ANY_JSON))


@given(
    document=SPOILT,
    account=st.fixed_dictionaries({}, optional=dict.fromkeys(ACCOUNT, ANY_JSON)),
    lead=st.fixed_dictionaries({}, optional=dict.fromkeys(LEAD_DOCUMENT, ANY_JSON)),
    gone=st.integers(0, 2),
)
def test_no_answer_breaks_it(document: Any, account: Any, lead: Any, gone: int) -> None:
    given_facts = facts(
        document,
        senders=Senders((Account.from_api({**ACCOUNT, **account}),), gone=gone),
        leads=LeadSample((Lead.from_api({**LEAD_DOCUMENT, **lead}),)),
    )
    for finding in judge(given_facts, CheckRules()):
        assert finding.code in CODES
        assert finding.sentence.isprintable()


@given(text=st.sampled_from(["{{%s}}", "{{%s | a}}", "{{%s", "{%s}", "<a href='%s'>x</a>", "https://%s/x", "TODO %s"]))
def test_no_address_is_named(text: str) -> None:
    for address in (SENDER, LEAD, SENDER.replace("@", "&#64;"), SENDER.replace("@", "%40")):
        spoilt = {"sequences": [{"steps": [{"variants": [{"subject": text % address, "body": text % address}]}]}]}
        names = {"custom_variables": {address: True}, "email_list": [address]}
        for finding in judge(facts({**spoilt, **names}), CheckRules()):
            assert "ada" not in finding.sentence
            assert "grace" not in finding.sentence
