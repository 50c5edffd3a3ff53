"""What was not asked for is named, without an address; and what an answer does not say, it does not deny."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given

from airflow_provider_instantly.api.lead import LeadStatus
from airflow_provider_instantly.api.stray import (
    LEAD_FILTERS,
    stray_account,
    stray_campaign,
    stray_figures,
    stray_lead,
    stray_vitals,
    stray_warmup,
)
from tests.unit.json_values import ANY_JSON

CAMPAIGN = "9b6f458e-6dc5-4762-83d5-a528aedd2235"
LEAD = "019f19e7-cbee-7984-a98a-670c65cc875f"
OTHER = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
HERE = {"campaign_id": CAMPAIGN}
ADA = {"id": LEAD, "email": "Ada@Example.com", "campaign": CAMPAIGN.upper(), "status": 1}


class TestCampaigns:
    SPRING: ClassVar[dict[str, Any]] = {"id": CAMPAIGN.upper(), "name": "Spring  Sale ö", "status": 0}

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"status": 0},
            {"status": None, "exclude_status": 1},
            {"search": "SALE Ö"},
            # The same letter, as two characters and without its accent: a search may take them for one.
            {"search": "sale o\u0308"},
            {"search": "sale o"},
            {"search": " "},
        ],
        ids=str,
    )
    def test_one_that_fits(self, asked: dict[str, Any]) -> None:
        nothing = {"status": None, "exclude_status": None, "search": None}
        assert stray_campaign(self.SPRING, **{**nothing, **asked}) is None

    @pytest.mark.parametrize("status", [None, "0", True, {}])
    def test_a_status_that_is_not_shown_is_not_denied(self, status: object) -> None:
        shown = {**self.SPRING, "status": status}
        assert stray_campaign(shown, status=1, exclude_status=0, search=None) is None

    @pytest.mark.parametrize(
        ("changed", "asked", "what"),
        [
            ({}, {"status": 1}, f"campaign {CAMPAIGN}, which is Draft, where Active was asked for"),
            ({"status": 7}, {"status": 0}, f"campaign {CAMPAIGN}, which is UNKNOWN(7), where Draft was asked for"),
            ({}, {"exclude_status": 0}, f"campaign {CAMPAIGN}, which is Draft, where all but that were asked for"),
            ({}, {"search": "Spring Offer"}, f"campaign {CAMPAIGN}, which does not have what was searched for"),
            ({"id": 7, "name": None}, {"search": "x"}, "a campaign, which does not have what was searched for"),
            # What else is said of it has dates, ids and zones.
            ({}, {"search": "9b6f"}, f"campaign {CAMPAIGN}, which does not have what was searched for"),
            ({"timestamp_created": "2026-06-30"}, {"search": "2026"}, f"campaign {CAMPAIGN}, which does not have what"),
        ],
    )
    def test_one_that_does_not(self, changed: dict[str, Any], asked: dict[str, Any], what: str) -> None:
        nothing = {"status": None, "exclude_status": None, "search": None}
        said = stray_campaign({**self.SPRING, **changed}, **{**nothing, **asked})
        assert said is not None
        assert said.startswith(what)


class TestLeads:
    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"emails": {"ada@example.com", "bob@example.com"}},
            {"ids": {LEAD}},
            {"filter": "FILTER_VAL_ACTIVE"},
            {"filter": "FILTER_VAL_CONTACTED"},
        ],
        # A set is written in another order by each process.
        ids=lambda asked: ", ".join(asked),
    )
    def test_one_that_fits(self, asked: dict[str, Any]) -> None:
        assert stray_lead(ADA, place=HERE, **asked) is None

    @pytest.mark.parametrize(
        ("changed", "asked", "what"),
        [
            ({"campaign": OTHER}, {}, f"lead {LEAD}, which is not in the campaign {CAMPAIGN}"),
            ({"campaign": None}, {}, f"lead {LEAD}, which is not in the campaign {CAMPAIGN}"),
            ({"id": None, "campaign": None}, {}, f"a lead, which is not in the campaign {CAMPAIGN}"),
            ({}, {"emails": {"bob@example.com"}}, f"lead {LEAD}, whose address was not asked for"),
            ({"email": None}, {"emails": {"bob@example.com"}}, f"lead {LEAD} without an address"),
            ({}, {"emails": set()}, "whose address was not asked for"),
            ({}, {"ids": {OTHER}}, f"lead {LEAD}, which was not asked for"),
            ({}, {"filter": "FILTER_VAL_BOUNCED"}, "which is Active, where FILTER_VAL_BOUNCED was asked for"),
            ({"status": 3}, {"filter": "FILTER_VAL_ACTIVE"}, "which is Completed, where FILTER_VAL_ACTIVE"),
        ],
    )
    def test_one_that_does_not(self, changed: dict[str, Any], asked: dict[str, Any], what: str) -> None:
        said = stray_lead({**ADA, **changed}, place=HERE, **asked)
        assert said is not None
        assert what in said
        assert "@" not in said

    def test_of_a_list(self) -> None:
        assert stray_lead({"list_id": OTHER}, place={"list_id": OTHER.upper()}) is None
        assert "not in the list" in str(stray_lead({"campaign": OTHER}, place={"list_id": OTHER}))

    @pytest.mark.parametrize("status", [None, "3", 9])
    def test_a_status_that_is_not_known_denies_nothing(self, status: object) -> None:
        for word in LEAD_FILTERS:
            assert stray_lead({**ADA, "status": status}, place=HERE, filter=word) is None

    def test_each_known_status_fits_one_of_the_filters_that_tell(self) -> None:
        shown = [status for fitting in LEAD_FILTERS.values() if fitting is not None for status in fitting]
        assert sorted(shown) == sorted(LeadStatus)


class TestAccounts:
    RED: ClassVar[dict[str, Any]] = {
        "email": "Sender@Mail.example",
        "first_name": "Ada",
        "tags": [{"id": "Red"}, {"id": "x"}],
    }

    @pytest.mark.parametrize(
        ("tags", "search"),
        [([], None), (["red"], None), (["blue", "red"], None), ([], "mail.EXAMPLE"), ([], "ada sender"), (["red"], "")],
    )
    def test_one_that_fits(self, tags: list[str], search: str | None) -> None:
        assert stray_account(self.RED, tag_ids=tags, search=search) is None

    @pytest.mark.parametrize(
        ("changed", "tags", "search", "what"),
        [
            ({}, ["blue"], None, "none of the tags"),
            ({"tags": []}, ["red"], None, "none of the tags"),
            ({"tags": None}, ["red"], None, "not said which tags"),
            ({}, [], "other.example", "does not have what was searched for"),
            ({}, [], "ada bob", "does not have what was searched for"),
        ],
    )
    def test_one_that_does_not(self, changed: dict[str, Any], tags: list[str], search: str | None, what: str) -> None:
        said = stray_account({**self.RED, **changed}, tag_ids=tags, search=search)
        assert said is not None
        assert what in said
        assert "@" not in said

    def test_warm_up(self) -> None:
        document = {"aggregate_data": {"Ada@mail.example": {"health_score": 91}}}
        assert stray_warmup(document, emails={"ada@mail.example", "bob@mail.example"}) is None
        assert stray_warmup({}, emails={"ada@mail.example"}) is None
        assert "not asked for" in str(stray_warmup(document, emails={"bob@mail.example"}))

    @pytest.mark.parametrize("named", ["Mail.Example", "mail.example.", "example"])
    def test_a_domain_or_one_above_it(self, named: str) -> None:
        assert stray_vitals({"failure_list": [{"domain": named}]}, domains={"mail.example"}) is None

    @pytest.mark.parametrize("named", ["other.example", "l.example", "x.mail.example"])
    def test_a_domain_that_was_not_asked_for(self, named: str) -> None:
        fits = {"domain": "mail.example"}
        said = stray_vitals({"success_list": [fits], "failure_list": [{"domain": named}]}, domains={"mail.example"})
        assert said == "the test of a domain that was not asked for"


def test_figures() -> None:
    assert stray_figures({"campaign_id": CAMPAIGN.upper()}, campaign_ids={CAMPAIGN}) is None
    assert stray_figures({"campaign_id": OTHER}, campaign_ids=()) is None
    assert stray_figures({"campaign_id": OTHER}, campaign_ids={CAMPAIGN}) == (
        f"figures of campaign {OTHER}, which was not asked for"
    )
    assert "without an id" in str(stray_figures({}, campaign_ids={CAMPAIGN}))


@given(value=ANY_JSON)
def test_no_answer_breaks_it(value: Any) -> None:
    item = dict.fromkeys(("id", "email", "campaign", "status", "tags", "campaign_id", "aggregate_data"), value)
    stray_campaign(item, status=0, exclude_status=1, search="x")
    stray_lead(item, place=HERE, emails={"a@b.org"}, ids={LEAD}, filter="FILTER_VAL_ACTIVE")
    stray_account(item, tag_ids=["red"], search="x")
    stray_figures(item, campaign_ids={CAMPAIGN})
    stray_warmup(item, emails={"a@b.org"})
    stray_vitals({"success_list": value, "failure_list": [value, {"domain": value}]}, domains={"b.org"})
