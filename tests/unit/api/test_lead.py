"""Leads and what became of them, as the API says it; and no address where a log could take it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, ClassVar

import pytest
from hypothesis import given

from airflow_provider_instantly.api.lead import (
    CORE_VARIABLES,
    Blocked,
    Lead,
    LeadsAdded,
    LeadStatus,
    Plan,
    VerificationStatus,
    WrittenLead,
    WrittenLeads,
    as_json,
)
from tests.samples import body_of
from tests.unit.json_values import ANY_JSON

ID = "019f19e7-cbee-7984-a98a-670c65cc875f"
CAMPAIGN = "9b6f458e-6dc5-4762-83d5-a528aedd2235"


class TestLead:
    def test_in_a_campaign(self) -> None:
        first, bounced = map(Lead.from_api, body_of("leads_in_a_campaign")["items"])
        assert (first.email, first.status, first.list_id) == ("first@example.org", LeadStatus.ACTIVE, None)
        assert first.variables["seats"] == 3
        assert (bounced.status, bounced.verification) == (LeadStatus.BOUNCED, VerificationStatus.VERIFIED)

    def test_in_a_list(self) -> None:
        (lead,) = map(Lead.from_api, body_of("leads_in_a_list")["items"])
        assert (lead.status, lead.campaign_id, bool(lead.list_id)) == (LeadStatus.IN_A_LIST, None, True)

    def test_ids_and_addresses_are_in_lower_case(self) -> None:
        lead = Lead.from_api({"id": ID.upper(), "email": "Ada@Example.com", "campaign": CAMPAIGN.upper()})
        assert (lead.id, lead.email, lead.campaign_id) == (ID, "ada@example.com", CAMPAIGN)

    def test_its_own_fields_are_variables_too(self) -> None:
        document = {
            "first_name": "Ada",
            "last_name": None,
            "company_name": "X",
            "payload": {"companyName": "Y", "a": 1},
        }
        assert Lead.from_api(document).variables == {"firstName": "Ada", "companyName": "Y", "a": 1}

    @pytest.mark.parametrize(
        ("status", "is_done"), [(1, False), (2, False), (0, False), (None, False), (9, False), (3, True), (-1, True)]
    )
    def test_who_gets_no_more_e_mails(self, status: int | None, is_done: bool) -> None:
        assert Lead.from_api({"status": status}).is_done is is_done

    def test_no_address_in_its_repr(self) -> None:
        lead = Lead.from_api({"id": ID, "email": "ada@example.com", "payload": {"email": "ada@example.com"}})
        assert "ada" not in repr(lead)

    def test_an_unknown_status_is_kept(self) -> None:
        assert Lead.from_api({"status": 9}).status == 9

    @given(document=ANY_JSON)
    def test_no_answer_breaks_it(self, document: Any) -> None:
        names = ("id", "email", "status", "campaign", "list_id", "verification_status", "payload")
        lead = Lead.from_api(dict.fromkeys(names, document))
        assert isinstance(lead.email, str)

    def test_core_variables_are_those_of_the_api(self) -> None:
        assert list(CORE_VARIABLES.values()) == [
            "email", "firstName", "lastName", "companyName", "jobTitle", "phone", "website", "personalization",
        ]  # fmt: skip


class TestLeadsAdded:
    def test_an_answer(self) -> None:
        added = LeadsAdded.from_api(body_of("leads_none_uploaded"))
        assert (added.sent, added.uploaded, added.remaining_in_plan) == (2, 0, 812)
        assert {reason: count for reason, count in added.reasons.items() if count} == {
            "duplicated": 1,
            "invalid_email": 1,
        }

    def test_which_rows_were_added(self) -> None:
        entries = [{"index": 1, "id": ID.upper(), "email": "a@example.com"}, {"index": "2", "id": ID}, {"index": 3}, 4]
        assert LeadsAdded.from_api({"created_leads": entries}).created == {1: ID}

    @pytest.mark.parametrize(
        ("email", "created", "strangers"),
        [
            ("ada@example.com", {0: ID}, 0),
            (" Ada@Example.com", {0: ID}, 0),
            ("ada@example.org", {}, 1),
            ("bob@example.com", {}, 1),
            (None, {0: ID}, 0),
            ("", {0: ID}, 0),
            (7, {0: ID}, 0),
        ],
    )
    def test_one_with_another_address_is_not_who_was_added(
        self, email: object, created: dict[int, str], strangers: int
    ) -> None:
        answer = {"created_leads": [{"index": 0, "id": ID, "email": email}]}
        added = LeadsAdded.from_api(answer, [{"email": "ada@example.com"}])
        assert (added.created, added.strangers) == (created, strangers)

    @pytest.mark.parametrize("wrong", [{0, 1, 2}, {0}, {2}, {0, 1}])
    def test_where_the_first_or_the_last_is_wrong_all_are_compared(self, wrong: set[int]) -> None:
        leads = [{"email": f"person{n}@example.com"} for n in range(3)]
        named = [{"index": n, "id": ID, "email": f"{'x' if n in wrong else ''}person{n}@example.com"} for n in range(3)]
        added = LeadsAdded.from_api({"created_leads": named}, leads)
        assert (added.strangers, set(added.created)) == (len(wrong), {0, 1, 2} - wrong)

    def test_whose_address_is_not_known_is_no_stranger(self) -> None:
        answer = {"created_leads": [{"index": 0, "id": ID, "email": "a@example.com"}]}
        for leads in ((), ({"first_name": "Ada"},)):
            assert LeadsAdded.from_api(answer, leads).strangers == 0

    @pytest.mark.parametrize(("email", "strangers"), [("ada@bücher.example", 0), ("bob@bücher.example", 1)])
    def test_a_domain_in_its_own_letters_is_the_same(self, email: str, strangers: int) -> None:
        answer = {"created_leads": [{"index": 0, "id": ID, "email": email}]}
        assert LeadsAdded.from_api(answer, [{"email": "ada@xn--bcher-kva.example"}]).strangers == strangers

    @pytest.mark.parametrize(("said", "room"), [(-1, None), (-(2**63), None), (0, 0), (5, 5), (None, None)])
    def test_less_room_than_none_is_not_known(self, said: object, room: int | None) -> None:
        assert LeadsAdded.from_api({"remaining_in_plan": said}).remaining_in_plan == room

    def test_a_counter_that_is_missing_is_not_zero(self) -> None:
        added = LeadsAdded.from_api({"leads_uploaded": 3})
        assert added.sent is None
        assert set(added.reasons.values()) == {None}

    @given(value=ANY_JSON)
    def test_no_answer_breaks_it(self, value: Any) -> None:
        names = ("total_sent", "leads_uploaded", "duplicated_leads", "remaining_in_plan", "created_leads")
        LeadsAdded.from_api(dict.fromkeys(names, value))


class TestWrittenLead:
    TEXT: ClassVar[str] = '{"email":"ada@example.com","custom_variables":{"seats":3}}'

    def test_it_is_what_is_written(self) -> None:
        lead = WrittenLead(self.TEXT)
        assert lead == {"email": "ada@example.com", "custom_variables": {"seats": 3}}
        assert (lead["email"], list(lead), len(lead)) == ("ada@example.com", ["email", "custom_variables"], 2)
        assert as_json(lead) is self.TEXT

    def test_it_shows_no_one(self) -> None:
        assert "ada" not in repr(WrittenLead(self.TEXT))

    def test_many_are_made_as_they_are_asked_for(self) -> None:
        texts = [self.TEXT, '{"email":"bob@example.com"}']
        leads = WrittenLeads(texts)
        assert [as_json(lead) for lead in leads] == texts
        assert [as_json(lead) for lead in leads[1:]] == texts[1:]
        assert (len(leads), leads[1]["email"]) == (2, "bob@example.com")
        assert repr(leads) == "WrittenLeads(2 leads)"

    def test_other_leads_are_written(self) -> None:
        assert as_json(MappingProxyType({"first_name": "Zoë"})) == '{"first_name": "Zo\\u00eb"}'
        with pytest.raises(ValueError, match="JSON"):
            as_json({"seats": float("nan")})


class TestPlan:
    @pytest.mark.parametrize("plan", [Plan(-1, 764), Plan(1000, -1), Plan(-(2**63), 0), Plan(None, 3)], ids=str)
    def test_less_than_none_is_no_number_of_leads(self, plan: Plan) -> None:
        assert plan.room is None

    def test_room(self) -> None:
        assert Plan.from_api(body_of("plan_with_room")) == Plan(1000, 764)
        assert Plan(1000, 764).room == 236

    def test_a_bundle_in_its_place(self) -> None:
        bundle = {"total_lead_limit": 10, "current_lead_count": 12}
        assert Plan.from_api({"subscriptions": {"outreach": {}, "bundle": bundle}}).room == 0

    @pytest.mark.parametrize("document", [{}, {"subscriptions": None}, {"subscriptions": {"outreach": 1}}])
    def test_what_is_not_said_is_not_known(self, document: dict[str, Any]) -> None:
        assert Plan.from_api(document).room is None


@pytest.mark.parametrize(
    ("document", "blocked"),
    [
        ({"items": [], "valid_count": 2, "invalid_count": 0}, Blocked(valid=2, invalid=0)),
        ({"valid_count": "2", "invalid_count": None}, Blocked()),
        ({}, Blocked()),
    ],
)
def test_what_became_of_blocked_values(document: dict[str, Any], blocked: Blocked) -> None:
    assert Blocked.from_api(document) == blocked
