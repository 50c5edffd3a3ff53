"""What is read of a campaign: unknown numbers and keys, wrong types, and names that a person chose."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.campaign import (
    MAX_ACCOUNTS,
    RUNNING_STATUSES,
    STOPPED_STATUSES,
    Campaign,
    CampaignStatus,
    NotSendingStatus,
    SendingStatus,
    about,
    answered_id,
    check_campaign_id,
    instantly_says,
    is_campaign_id,
)
from tests.statuses import NAMES, RUNNING, STOPPED
from tests.unit.api.conftest import CAMPAIGN_ID
from tests.unit.json_values import ANY_JSON

KNOWN_KEYS = st.sampled_from(["id", "status", "name", "not_sending_status", "email_list", "campaign_schedule"])
CAMPAIGN_DOCUMENTS = st.dictionaries(KNOWN_KEYS | st.text(max_size=8), ANY_JSON, max_size=8)

NOT_SENDING = {
    1: "Outside Schedule",
    2: "Waiting For Leads",
    3: "Daily Limit Reached",
    4: "Accounts At Daily Limit",
    99: "Error",
}


class TestOpenEnums:
    @pytest.mark.parametrize(("number", "label"), NAMES.items())
    def test_every_status_has_its_label(self, number: int, label: str) -> None:
        assert CampaignStatus(number).label == label
        assert CampaignStatus(number).is_known

    @pytest.mark.parametrize(("number", "label"), NOT_SENDING.items())
    def test_every_reason_for_not_sending_has_its_label_and_a_clause(self, number: int, label: str) -> None:
        assert NotSendingStatus(number).label == label
        assert not NotSendingStatus(number).explanation.startswith("Instantly gives the reason number")

    def test_there_are_no_others(self) -> None:
        assert {int(status) for status in CampaignStatus} == set(NAMES)
        assert {int(reason) for reason in NotSendingStatus} == set(NOT_SENDING)

    def test_which_statuses_are_stopped_and_which_run(self) -> None:
        assert set(STOPPED) == STOPPED_STATUSES
        assert set(RUNNING) == RUNNING_STATUSES

    @pytest.mark.parametrize("enum", [CampaignStatus, NotSendingStatus])
    @given(number=st.integers().filter(lambda n: n not in NAMES and n not in NOT_SENDING))
    def test_an_unknown_number_is_kept(self, enum: type[CampaignStatus], number: int) -> None:
        found = enum(number)

        assert (found, found.value, int(found)) == (number, number, number)
        assert found.name == found.label == f"UNKNOWN({number})"
        assert not found.is_known
        assert isinstance(found, enum)
        assert json.dumps(found) == str(number)

    @given(number=st.integers(min_value=5, max_value=90))
    def test_unknown_members_behave_like_members(self, number: int) -> None:
        found = CampaignStatus(number)

        assert found == CampaignStatus(number)
        assert hash(found) == hash(CampaignStatus(number)) == hash(number)
        assert len({found, CampaignStatus(number), number}) == 1
        assert found != CampaignStatus(number + 1)
        assert found not in STOPPED_STATUSES
        for twin in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):  # noqa: S301
            assert (twin, twin.name, type(twin)) == (found, found.name, CampaignStatus)
        assert f"UNKNOWN({number})" in repr(found)

    def test_known_members_stay_singletons(self) -> None:
        assert CampaignStatus(-2) is CampaignStatus.BOUNCE_PROTECT
        assert pickle.loads(pickle.dumps(CampaignStatus.PAUSED)) is CampaignStatus.PAUSED  # noqa: S301

    def test_the_enum_does_not_grow(self) -> None:
        before = list(CampaignStatus), dict(CampaignStatus.__members__)
        for number in range(100, 200):
            CampaignStatus(number)
        assert (list(CampaignStatus), dict(CampaignStatus.__members__)) == before

    @pytest.mark.parametrize("value", ["1", "active", None, 1.5, b"1", [], float("nan")])
    def test_what_is_no_integer_is_no_status(self, value: Any) -> None:
        with pytest.raises(ValueError, match="is not a valid CampaignStatus"):
            CampaignStatus(value)

    def test_an_unknown_reason_is_explained_by_its_number(self) -> None:
        assert NotSendingStatus(7).explanation == "Instantly gives the reason number 7"


class TestCampaignIds:
    @pytest.mark.parametrize("value", [CAMPAIGN_ID, CAMPAIGN_ID.upper(), f"  {CAMPAIGN_ID}\n"])
    def test_a_uuid_is_taken_in_lower_case(self, value: str) -> None:
        assert check_campaign_id(value) == CAMPAIGN_ID

    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            "my campaign",
            CAMPAIGN_ID[:-1],
            f"{CAMPAIGN_ID}0",
            CAMPAIGN_ID.replace("-", ""),
            f"{{{CAMPAIGN_ID}}}",
            f"urn:uuid:{CAMPAIGN_ID}",
            f"{CAMPAIGN_ID}/activate",
            f"../{CAMPAIGN_ID}",
            f"{CAMPAIGN_ID}\n{CAMPAIGN_ID}",
            CAMPAIGN_ID.replace("0", "٠"),  # noqa: RUF001 - an Arabic digit is no hexadecimal one
            "{{ params.campaign_id }}",
            None,
            7,
            CAMPAIGN_ID.encode(),
            [CAMPAIGN_ID],
        ],
    )
    def test_anything_else_is_refused_and_named(self, value: object) -> None:
        with pytest.raises(ValueError, match="must be the UUID of a campaign") as caught:
            check_campaign_id(value, "the_parameter")

        assert str(caught.value).startswith("the_parameter must be")
        assert repr(value) in str(caught.value)
        assert str(caught.value).endswith("Nothing was requested from Instantly.")
        assert not is_campaign_id(value)

    def test_those_of_an_answer(self) -> None:
        assert answered_id("019E18E2-A521-7BB9-9DD6-45F1BC69DCD0") == "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
        assert [answered_id(value) for value in ("", " 019e18e2-a521-7bb9-9dd6-45f1bc69dcd0", None, 7)] == [None] * 4

    def test_what_was_given_stands_where_a_page_of_the_log_still_shows_it(self) -> None:
        with pytest.raises(ValueError, match="must be the UUID") as caught:
            check_campaign_id("Spring")

        assert str(caught.value).startswith("campaign_id must be the UUID of a campaign, not 'Spring'.")

    def test_the_error_is_one_short_line(self) -> None:
        with pytest.raises(ValueError, match="UUID") as caught:
            check_campaign_id("x" * 100_000 + "\n\x1b[31m")
        assert len(str(caught.value)) < 500
        assert str(caught.value).isprintable()


class TestCampaign:
    def test_what_an_answer_says_is_not_inferred(self) -> None:
        assert not Campaign.from_api({"status": 0}).is_inferred

    def test_ten_thousand_accounts_are_kept(self) -> None:
        assert MAX_ACCOUNTS == 10_000

    @pytest.mark.parametrize(
        ("status", "label"), [(None, "without a status"), (0, "Draft"), (-2, "Bounce Protect"), (7, "UNKNOWN(7)")]
    )
    def test_its_status_as_a_person_reads_it(self, status: int | None, label: str) -> None:
        campaign = Campaign(CAMPAIGN_ID, None if status is None else CampaignStatus(status))
        assert campaign.status_label == label

    def test_a_whole_document(self) -> None:
        document = {
            "id": CAMPAIGN_ID.upper(),
            "name": "Autumn",
            "status": 1,
            "not_sending_status": 4,
            "email_list": ["ann@example.com", "bob@example.com"],
            "a_key_of_next_month": {"deep": [1, 2]},
        }
        campaign = Campaign.from_api(document)

        assert campaign.id == CAMPAIGN_ID
        assert campaign.name == "Autumn"
        assert campaign.status is CampaignStatus.ACTIVE
        assert campaign.not_sending_status is NotSendingStatus.ACCOUNTS_AT_DAILY_LIMIT
        assert campaign.sending_accounts == ("ann@example.com", "bob@example.com")
        assert campaign.document == document
        assert campaign.title == f'"Autumn" ({CAMPAIGN_ID})'

    def test_nothing_has_to_be_there(self) -> None:
        campaign = Campaign.from_api({})
        assert (campaign.id, campaign.status, campaign.name) == ("", None, "")
        assert (campaign.not_sending_status, campaign.sending_accounts) == (None, ())

    @pytest.mark.parametrize("status", [None, "1", "active", True, False, [1], {"status": 1}, 1.5])
    def test_a_status_of_a_wrong_type_is_none(self, status: object) -> None:
        assert Campaign.from_api({"status": status, "not_sending_status": status}).status is None
        assert Campaign.from_api({"status": status, "not_sending_status": status}).not_sending_status is None

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
    def test_a_number_that_is_none_is_no_status(self, text: str) -> None:
        assert Campaign.from_api(json.loads(f'{{"status": {text}}}')).status is None

    @pytest.mark.parametrize(("status", "meant"), [(1.0, 1), (-2.0, -2), (0.0, 0), (-0.0, 0), (7.0, 7)])
    def test_the_api_declares_numbers_so_a_whole_float_counts(self, status: float, meant: int) -> None:
        assert Campaign.from_api({"status": status}).status == meant

    @pytest.mark.parametrize("campaign_id", [None, 7, "", "abc", "../x", [CAMPAIGN_ID], {"id": 1}])
    def test_an_id_of_a_wrong_type_is_empty(self, campaign_id: object) -> None:
        assert Campaign.from_api({"id": campaign_id}).id == ""

    @pytest.mark.parametrize("accounts", [None, "ann@example.com", {"ann@example.com": 1}, 3, True])
    def test_accounts_of_a_wrong_type_are_none(self, accounts: object) -> None:
        assert Campaign.from_api({"email_list": accounts}).sending_accounts == ()

    def test_accounts_keep_what_is_text(self) -> None:
        accounts = [None, "ann@example.com", 7, ["x"], "bob@example.com"]
        assert Campaign.from_api({"email_list": accounts}).sending_accounts == ("ann@example.com", "bob@example.com")

    @given(document=CAMPAIGN_DOCUMENTS)
    def test_no_json_object_is_too_strange(self, document: dict[str, Any]) -> None:
        campaign = Campaign.from_api(document)

        assert campaign.document.keys() == document.keys()
        assert campaign.status is None or isinstance(campaign.status, CampaignStatus)
        assert isinstance(campaign.name, str)
        assert campaign.title.isprintable()
        assert hash(campaign) == hash(Campaign.from_api(document))

    @pytest.mark.parametrize(
        ("name", "kept"), [("half \ud83d", "half ?"), ("a\0b", "ab"), ("é😀", "é😀")], ids=["surrogate", "NUL", "emoji"]
    )
    def test_texts_can_be_stored_as_an_xcom(self, name: str, kept: str) -> None:
        # Airflow sends XComs as UTF-8, which has no half characters; PostgreSQL's JSON has no NUL.
        campaign = Campaign.from_api({"name": name, "email_list": [name]})
        assert (campaign.name, campaign.sending_accounts) == (kept, (kept,))
        assert campaign.document["name"] == name

    @given(document=CAMPAIGN_DOCUMENTS)
    def test_every_text_that_is_kept_is_short_and_safe(self, document: dict[str, Any]) -> None:
        campaign = Campaign.from_api(document)
        for text in (campaign.name, *campaign.sending_accounts):
            assert text.isprintable()
            assert len(text) <= 501

    def test_no_text_is_too_long(self) -> None:
        monster = "Spring\r\n\x1b[31m" + "x" * 1_000_000
        campaign = Campaign.from_api({"name": monster, "email_list": [monster] * (MAX_ACCOUNTS + 1)})
        assert campaign.name == "Spring [31m" + "x" * (500 - len("Spring [31m")) + "…"
        assert campaign.sending_accounts == (campaign.name,) * MAX_ACCOUNTS
        assert campaign.document["name"] == monster

    @pytest.mark.parametrize("number", [1e300, -1e300, 2**63, -(2**63) - 1])
    def test_a_number_that_no_database_can_hold_is_no_status(self, number: float) -> None:
        assert Campaign.from_api({"status": number}).status is None
        assert Campaign.from_api({"not_sending_status": number}).not_sending_status is None

    def test_an_answer_may_omit_the_id_that_was_asked_for(self) -> None:
        assert Campaign.from_api({"name": "Autumn"}, CAMPAIGN_ID).title == f'"Autumn" ({CAMPAIGN_ID})'
        assert Campaign.from_api({"id": "another"}, CAMPAIGN_ID).id == CAMPAIGN_ID

    def test_it_keeps_the_document_even_if_the_caller_changes_its_own(self) -> None:
        document: dict[str, Any] = {"status": 1}
        campaign = Campaign.from_api(document)
        document["status"] = 2
        assert campaign.document == {"status": 1}

    def test_it_is_frozen_comparable_and_picklable(self) -> None:
        campaign = Campaign.from_api({"id": CAMPAIGN_ID, "status": 7, "new": 1})
        with pytest.raises(FrozenInstanceError):
            campaign.status = None  # type: ignore[misc]
        twin = pickle.loads(pickle.dumps(campaign))  # noqa: S301
        assert twin == campaign
        assert twin.document == campaign.document
        assert twin.status.name == "UNKNOWN(7)"

    def test_its_repr_has_no_document(self) -> None:
        assert "secret" not in repr(Campaign.from_api({"status": 1, "sequences": "secret"}))

    def test_an_address_in_a_name_is_in_no_log(self) -> None:
        campaign = Campaign.from_api({"id": CAMPAIGN_ID, "name": "For ada@example.com"})
        assert (campaign.name, campaign.shown_name) == ("For ada@example.com", "For (an address)")
        assert campaign.title == f'"For (an address)" ({CAMPAIGN_ID})'

    @pytest.mark.parametrize(
        ("name", "title"),
        [
            ("", CAMPAIGN_ID),
            ("A\nB\x1b[31m\u202e", f'"A B [31m" ({CAMPAIGN_ID})'),
            ("x" * 300, f'"{"x" * 200}…" ({CAMPAIGN_ID})'),
        ],
    )
    def test_a_title_cannot_forge_a_log_line(self, name: str, title: str) -> None:
        assert Campaign.from_api({"id": CAMPAIGN_ID, "name": name}).title == title

    @pytest.mark.parametrize("part", ["schedule", "steps", "settings"])
    def test_what_few_ask_for_is_parsed_once(self, part: str) -> None:
        email = {"type": "email", "variants": [{"subject": "Hello", "body": "Hello"}]}
        campaign = Campaign.from_api({"sequences": [{"steps": [email]}], "campaign_schedule": {}})
        assert not callable(getattr(campaign, part))
        assert getattr(campaign, part) is getattr(campaign, part)

    def test_the_schedule_is_parsed_once_and_from_anything(self) -> None:
        campaign = Campaign.from_api({"campaign_schedule": "every day"})
        assert campaign.schedule is campaign.schedule


@pytest.mark.parametrize(
    ("document", "unread"),
    [
        ({}, 0),
        ({"email_list": None, "email_tag_list": None}, 0),
        ({"email_list": ["a@example.com"], "email_tag_list": ["x"]}, 0),
        ({"email_list": ["a@example.com", {"email": "b@example.com"}, 7, None, ""]}, 4),
        ({"email_tag_list": [{"id": "x"}, "y"]}, 1),
        ({"email_list": "a@example.com", "email_tag_list": {"id": "x"}}, 2),
        ({"email_list": ["a@example.com"] * (MAX_ACCOUNTS + 3)}, 3),
    ],
    ids=lambda given: str(given)[:40],
)
def test_senders_that_cannot_be_read_are_counted(document: dict[str, Any], unread: int) -> None:
    assert Campaign.from_api(document).unread_senders == unread


class TestLines:
    def test_which_campaign_it_is_stands_at_the_end(self) -> None:
        campaign = Campaign.from_api({"id": CAMPAIGN_ID, "name": "Autumn"})
        assert about(campaign.title) == f'[campaign "Autumn" ({CAMPAIGN_ID})]'

    @pytest.mark.parametrize(
        ("reason", "sentences"),
        [
            ("", ()),
            ("Too many bounces", ("Instantly says: Too many bounces.",)),
            *((text, (f"Instantly says: {text}",)) for text in ("It is.", "Is it?", "Stop!", "It goes on…")),
        ],
    )
    def test_what_instantly_says_is_one_sentence_or_none(self, reason: str, sentences: tuple[str, ...]) -> None:
        assert instantly_says(reason) == sentences


class TestSendingStatus:
    def test_it_is_a_value(self) -> None:
        assert hash(SendingStatus("healthy")) == hash(SendingStatus("healthy"))
        with pytest.raises(FrozenInstanceError):
            SendingStatus("healthy").status = "stopped"  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("document", "status", "message"),
        [
            ({}, None, ""),
            ({"diagnostics": None, "summary": None}, None, ""),
            ({"diagnostics": {"status": "healthy"}, "summary": None}, "healthy", ""),
            ({"diagnostics": None, "summary": {"status": "out_of_schedule"}}, "out_of_schedule", ""),
            ({"diagnostics": {"status": "a"}, "summary": {"status": "b", "status_message": "B."}}, "a", "B."),
            ({"diagnostics": {"status": None}, "summary": {"status": "b"}}, "b", ""),
            ({"diagnostics": {"status": ""}, "summary": {"status": "b"}}, "b", ""),
            ({"diagnostics": {"status_message": "A."}, "summary": {"status_message": None}}, None, "A."),
            ({"diagnostics": [], "summary": "text"}, None, ""),
            ({"diagnostics": {"status": 7}, "summary": {"status": ["b"], "status_message": 7}}, None, ""),
        ],
    )
    def test_diagnostics_then_summary(self, document: dict[str, Any], status: str | None, message: str) -> None:
        found = SendingStatus.from_api(document)
        assert (found.status, found.message) == (status, message)

    def test_no_text_is_too_long(self) -> None:
        monster = "Bounced\r\n\x1b[31m" + "x" * 1_000_000
        found = SendingStatus.from_api({"diagnostics": {"status": monster}, "summary": {"status_message": monster}})
        for text in (str(found.status), found.message, found.reason):
            assert text.startswith("Bounced [31mxxx")
            assert text.isprintable()
            assert len(text) <= 501

    @given(document=st.dictionaries(st.sampled_from(["diagnostics", "summary"]) | st.text(max_size=3), ANY_JSON))
    def test_no_json_object_is_too_strange(self, document: dict[str, Any]) -> None:
        assert SendingStatus.from_api(document).reason.isprintable()

    def test_a_reason_names_no_account(self) -> None:
        status = SendingStatus("account_error", "The account ada@example.com cannot send.")
        assert status.reason == "The account (an address) cannot send."

    @pytest.mark.parametrize(
        ("status", "message", "reason"),
        [
            (None, "", ""),
            ("campaign_bounce_protect", "", "campaign bounce protect"),
            ("campaign_bounce_protect", "Too many\nbounces.", "Too many bounces."),
        ],
    )
    def test_the_reason_prefers_what_is_meant_for_people(self, status: str | None, message: str, reason: str) -> None:
        assert SendingStatus(status, message).reason == reason
