"""What an answer means: tables of good ones, of bad ones, and of those about another."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.answers import MAX_ANSWER_BYTES, Answer, read_answer
from airflow_provider_instantly.api.campaign import CAMPAIGN_FIELDS, CampaignStatus
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    AnswerTooLargeError,
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyBadRequestError,
    InstantlyNotFoundError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.protocol import Expected, Request
from airflow_provider_instantly.api.redaction import EXCERPT_CHARS
from tests.unit.api.conftest import CAMPAIGN_ID, GOOD_BODY
from tests.unit.api.made_up import (
    ACTIVATE,
    ERROR_BODIES,
    KEY,
    LIST,
    NOW,
    ON_A_CAMPAIGN,
    OVERSIZED,
    PAUSE,
    READ,
    REQUESTS,
    SENDING_STATUS,
    WITH_A_CAMPAIGN,
    WORKSPACE,
    answer,
    assert_free_of_key,
    converse,
    error_of,
    made_up,
)


class TestGoodAnswers:
    def test_they_are_never_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            answer().body = b""  # type: ignore[misc]

    @pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
    @pytest.mark.parametrize("status", [200, 201, 202, 299])
    def test_the_object_is_returned_as_it_is(self, request_: Request, status: int) -> None:
        assert read_answer(request_, answer(status)) == json.loads(GOOD_BODY)

    @pytest.mark.parametrize("body", ["{}", '{"status": null}', '{"status": "one"}', '{"status": true}'])
    def test_a_campaign_must_have_a_status(self, body: str) -> None:
        for request in WITH_A_CAMPAIGN:
            error = error_of(request, answer(200, body.encode()))
            assert type(error) is InstantlyUnexpectedAnswerError
        assert read_answer(SENDING_STATUS, answer(200, body.encode())) == json.loads(body)

    @pytest.mark.parametrize("status", [7, -7, 1.0])
    def test_a_status_that_is_not_known_is_one(self, status: float) -> None:
        document = {"id": CAMPAIGN_ID, "status": status}
        assert read_answer(READ, answer(200, json.dumps(document).encode())) == document

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
    def test_every_encoding_of_json(self, encoding: str) -> None:
        assert read_answer(READ, answer(200, GOOD_BODY.decode().encode(encoding)))["status"] == 1

    def test_an_array_is_returned_without_what_is_no_object(self) -> None:
        request = made_up(expects=Expected.ARRAY)
        assert read_answer(request, answer(200, b'[{"a": 1}, null, 7, [{}], "x", {}]')) == [{"a": 1}, {}]
        assert read_answer(request, answer(200, b"[]")) == []

    @pytest.mark.parametrize("written", [CAMPAIGN_ID, CAMPAIGN_ID.upper(), None, ""])
    def test_a_campaign_may_omit_its_id_and_write_it_in_any_case(self, written: str | None) -> None:
        document = {"id": written, "status": 1}
        for asked in (CAMPAIGN_ID, CAMPAIGN_ID.upper()):
            assert read_answer(operations.get_campaign(asked), answer(200, json.dumps(document).encode())) == document
        assert read_answer(READ, answer(200, b'{"status": 1}')) == {"status": 1}

    @pytest.mark.parametrize(
        "diagnostics", [None, {}, [], {"campaign_id": None}, {"campaign_id": CAMPAIGN_ID.upper()}, {"campaign_id": ""}]
    )
    def test_so_may_a_sending_status(self, diagnostics: object) -> None:
        document = {"diagnostics": diagnostics}
        assert read_answer(SENDING_STATUS, answer(200, json.dumps(document).encode())) == document


@pytest.mark.parametrize("request_", WITH_A_CAMPAIGN)
@pytest.mark.parametrize(
    "body",
    [{"status": 200, "message": "OK"}, {"status": 503}, {"status": 404, "id": None}, {"status": 7, "message": "ok"}]
    + [{"status": 0, "message": "ok"}, {"status": 1, "id": "", "code": 0}, {"status": 1, "success": True}]
    + [{"status": 1, "info": "OK"}, {"status": 0, "detail": "cached"}, {"status": 0, "data": None}]
    + [{"status": 0, "data": {"id": CAMPAIGN_ID, "status": -2}}, {"status": 1, "name": "x", "errorCode": 7}]
    + [{"status": status} for status in (-100, -98, -3, 5, 99, 600)],
)
def test_what_names_no_campaign_and_looks_like_a_gateways_is_none(request_: Request, body: dict[str, Any]) -> None:
    """0 was read as Draft, and would have launched what Instantly stopped; 1 as Active, and nothing was launched."""
    error = error_of(request_, answer(200, json.dumps(body).encode()))
    assert type(error) is InstantlyUnexpectedAnswerError
    assert "The answer should be a campaign, but names none, so nothing is concluded from it." in error.message

    complete = {**body, "id": CAMPAIGN_ID}
    assert read_answer(request_, answer(200, json.dumps(complete).encode())) == complete


@pytest.mark.parametrize("status", [status for status in CampaignStatus if status.is_known])
def test_with_one_that_is_known_it_may_be(status: CampaignStatus) -> None:
    assert read_answer(READ, answer(200, json.dumps({"status": int(status)}).encode())) == {"status": int(status)}


def test_with_all_of_a_campaigns_fields_it_may_be() -> None:
    document = {**dict.fromkeys(CAMPAIGN_FIELDS), "status": 1}
    assert read_answer(READ, answer(200, json.dumps(document).encode())) == document


def what_happened(request: Request, reaction: Answer) -> str:
    """The first line of the error that an answer is; nothing where it is a good one."""
    try:
        read_answer(request, reaction)
    except InstantlyRequestError as error:
        return error.sentences[0]
    return ""


OTHER_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcff"


class TestAnswersAboutAnother:
    """A cache or a proxy may hand out the answer to another request. It decides nothing."""

    @pytest.mark.parametrize("request_", WITH_A_CAMPAIGN)
    @pytest.mark.parametrize("named", [OTHER_ID, OTHER_ID.upper(), "x", 7, [CAMPAIGN_ID], {"id": CAMPAIGN_ID}, True])
    def test_a_campaign(self, request_: Request, named: object) -> None:
        error = error_of(request_, answer(200, json.dumps({"id": named, "status": 1}).encode()))
        assert type(error) is InstantlyUnexpectedAnswerError
        assert f"not about {CAMPAIGN_ID}, which was asked for, so nothing is concluded from it" in error.message
        assert error.message.startswith("The answer is about the campaign ")

    def test_a_sending_status(self) -> None:
        body = json.dumps({"diagnostics": {"campaign_id": OTHER_ID, "status": "healthy"}}).encode()
        error = error_of(SENDING_STATUS, answer(200, body))
        assert type(error) is InstantlyUnexpectedAnswerError
        assert OTHER_ID in error.message

    @pytest.mark.parametrize("request_", [ACTIVATE, PAUSE])
    def test_after_a_change_the_answer_is_lost(self, request_: Request) -> None:
        other = answer(200, json.dumps({"id": OTHER_ID, "status": 1}).encode())
        sent, _, outcome = converse(request_, [other, answer()], max_retries=4)
        assert sent == 1
        assert type(outcome) is AmbiguousOutcomeError
        assert type(outcome.__cause__) is InstantlyUnexpectedAnswerError

    def test_a_read_is_repeated(self) -> None:
        other = answer(200, json.dumps({"id": OTHER_ID, "status": 1}).encode())
        sent, _, outcome = converse(READ, [other, other, answer()], max_retries=4)
        assert (sent, outcome) == (3, json.loads(GOOD_BODY))

    @pytest.mark.parametrize("named", ["ada@example.com", {"ada@example.com": ["ada%40example.com"]}])
    def test_what_it_names_is_shown_without_addresses(self, named: Any) -> None:
        error = error_of(READ, answer(200, json.dumps({"id": named, "status": 1}).encode()))
        assert "(an address)" in error.message
        assert "ada" not in str(error)

    @pytest.mark.parametrize("named", [KEY, f"x\n{KEY}", "x\r\n\x1b[31my" * 500])
    def test_what_it_names_is_made_safe(self, named: str) -> None:
        error = error_of(READ, answer(200, json.dumps({"id": named, "status": 1}).encode()))
        assert_free_of_key(error)
        assert error.message.isprintable()
        assert len(error.message) < 700

    @given(named=st.text(max_size=40) | st.uuids().map(str), shown=st.sampled_from(WITH_A_CAMPAIGN))
    def test_no_other_name_is_believed(self, named: str, shown: Request) -> None:
        reaction = answer(200, json.dumps({"id": named, "status": 1}).encode())
        if named.lower() in (CAMPAIGN_ID, ""):
            assert read_answer(shown, reaction)["status"] == 1
        else:
            assert type(error_of(shown, reaction)) is InstantlyUnexpectedAnswerError


class TestBadAnswers:
    @pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b'{"items":[{"email":"joe.doe@example.com"'),
            (400, b'{"message":"body/leads/0: joe.doe@example.com is no address"}'),
            (503, b"<p>joe.doe%40example.com</p>"),
        ],
    )
    def test_no_address_is_in_an_error(self, request_: Request, status: int, body: bytes) -> None:
        error = error_of(request_, answer(status, body))
        assert "(an address)" in str(error)
        assert not re.search("joe|example.com", f"{error} {vars(error)}")

    @pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
    @pytest.mark.parametrize("body", [body for body in ERROR_BODIES if body != "JSON"])
    @pytest.mark.parametrize("status", [200, 204])
    def test_success_without_a_json_object_is_unexpected(self, request_: Request, body: str, status: int) -> None:
        error = error_of(request_, answer(status, ERROR_BODIES[body]))
        assert type(error) is InstantlyUnexpectedAnswerError
        assert "not a JSON object" in error.message
        # A line of its own in the log.
        assert error.advice.startswith("Check that the connection's Base URL is Instantly's;")

    @pytest.mark.parametrize("body", ERROR_BODIES)
    @pytest.mark.parametrize(
        ("status", "on_a_campaign", "elsewhere"),
        [
            (100, InstantlyUnexpectedAnswerError, None),
            (301, InstantlyUnexpectedAnswerError, None),
            (302, InstantlyUnexpectedAnswerError, None),
            (304, InstantlyUnexpectedAnswerError, None),
            (307, InstantlyUnexpectedAnswerError, None),
            (308, InstantlyUnexpectedAnswerError, None),
            (400, CampaignNotFoundError, InstantlyBadRequestError),
            (401, InstantlyAuthenticationError, None),
            (402, InstantlyPaymentRequiredError, None),
            (403, InstantlyPermissionError, None),
            (404, CampaignNotFoundError, InstantlyNotFoundError),
            (405, InstantlyBadRequestError, None),
            (408, InstantlyServerError, None),
            (409, InstantlyBadRequestError, None),
            (415, InstantlyBadRequestError, None),
            (419, InstantlyServerError, None),
            (421, InstantlyBadRequestError, None),
            (422, InstantlyBadRequestError, None),
            (425, InstantlyBadRequestError, None),
            (429, InstantlyRateLimitError, None),
            (444, InstantlyServerError, None),
            (451, InstantlyBadRequestError, None),
            (460, InstantlyServerError, None),
            (499, InstantlyServerError, None),
            (500, InstantlyServerError, None),
            (502, InstantlyServerError, None),
            (503, InstantlyServerError, None),
            (504, InstantlyServerError, None),
            (511, InstantlyServerError, None),
            (520, InstantlyServerError, None),
            (599, InstantlyServerError, None),
            (999, InstantlyServerError, None),
        ],
    )
    def test_every_status_has_one_meaning(
        self, status: int, on_a_campaign: type[Exception], elsewhere: type[Exception] | None, body: str
    ) -> None:
        for request in REQUESTS.values():
            error = error_of(request, answer(status, ERROR_BODIES[body]))
            expected = on_a_campaign if request in ON_A_CAMPAIGN else elsewhere or on_a_campaign
            assert type(error) is expected
            assert (error.method, error.path, error.status) == (request.method, request.path, status)

    @pytest.mark.parametrize(
        "body", [*ERROR_BODIES.values(), b'{"items": 1}', b'{"status": 1}', b'{"id": "x", "status": 1}', OVERSIZED]
    )
    def test_what_happened_is_one_sentence(self, body: bytes) -> None:
        """What follows from it is a line of its own in the log, behind what became of the campaign."""
        for request in (*REQUESTS.values(), made_up(expects=Expected.ARRAY)):
            for status in (200, 302, *range(400, 412), 429, 499, 503):
                assert ". " not in what_happened(request, answer(status, body, retry_after="7"))

    @pytest.mark.parametrize("status", [200, 302, 401, 404, 429, 500])
    def test_an_oversized_answer_is_refused_whatever_its_status(self, status: int) -> None:
        for request in REQUESTS.values():
            error = error_of(request, answer(status, OVERSIZED))
            assert type(error) is (AnswerTooLargeError if status == 200 else InstantlyUnexpectedAnswerError)
            assert "larger than 10 MB" in error.message

    def test_the_limit_is_ten_megabytes(self) -> None:
        assert MAX_ANSWER_BYTES == 10_485_760

    def test_an_error_of_just_ten_megabytes_is_known_by_its_status(self) -> None:
        assert type(error_of(READ, answer(401, b" " * MAX_ANSWER_BYTES))) is InstantlyAuthenticationError

    @pytest.mark.parametrize("status", [102, 199, 300, 304, 399])
    def test_what_is_neither_good_nor_an_error_is_unexpected(self, status: int) -> None:
        for request in REQUESTS.values():
            error = error_of(request, answer(status))
            assert type(error) is InstantlyUnexpectedAnswerError
            assert "answers neither with redirects nor with such a status" in error.message

    @pytest.mark.parametrize("status", [200, 201, 299])
    def test_every_status_from_200_on_is_good(self, status: int) -> None:
        assert read_answer(READ, answer(status)) == json.loads(GOOD_BODY)

    def test_an_answer_of_just_ten_megabytes_is_read(self) -> None:
        body = OVERSIZED.replace(b"x" * 100, b"", 1).ljust(MAX_ANSWER_BYTES)
        assert len(body) == MAX_ANSWER_BYTES
        assert read_answer(READ, answer(200, body))["status"] == 1

    def test_what_the_server_says_is_quoted(self) -> None:
        error = error_of(READ, answer(500, ERROR_BODIES["JSON"]))
        assert error.server_message == "Some message"
        assert str(error).endswith(f"[GET /campaigns/{CAMPAIGN_ID}: HTTP 500; Some message]")

    @pytest.mark.parametrize(
        ("document", "message"),
        [
            ({"message": "m", "error": "e"}, "m"),
            ({"error": "e"}, "e"),
            ({"message": "", "error": "e"}, "e"),
            ({"message": None}, ""),
            ({"message": ["m"]}, ""),
            ({"message": {"text": "m"}}, ""),
            ({"message": "a\nb" + "x" * 500}, "a b" + "x" * 197 + "…"),
        ],
    )
    def test_the_servers_message(self, document: dict[str, Any], message: str) -> None:
        assert error_of(READ, answer(500, json.dumps(document).encode())).server_message == message

    def test_the_excerpt_is_short_and_one_line(self) -> None:
        error = error_of(READ, answer(502, b"<h1>\r\n\x1b[31mBad Gateway</h1>" + b"x" * 5_000))
        assert error.excerpt.startswith("<h1> [31mBad Gateway</h1>")
        assert len(error.excerpt) == EXCERPT_CHARS + 1
        assert error.excerpt in str(error)

    def test_a_message_stays_short_though_the_answer_is_long(self) -> None:
        body = json.dumps({"message": "m" * (MAX_ANSWER_BYTES - 100)}).encode()
        assert len(str(error_of(READ, answer(500, body)))) < 700

    @pytest.mark.parametrize(
        ("request_", "scope"),
        [
            (READ, "campaigns:read"),
            (SENDING_STATUS, "campaigns:read"),
            (LIST, "campaigns:read"),
            (WORKSPACE, "workspaces:read"),
            (ACTIVATE, "campaigns:update"),
            (PAUSE, "campaigns:update"),
        ],
        ids=REQUESTS,
    )
    def test_a_refusal_names_the_scope(self, request_: Request, scope: str) -> None:
        assert f"the scope {scope}," in error_of(request_, answer(403)).message

    def test_a_campaign_that_is_missing_is_named(self) -> None:
        assert CAMPAIGN_ID in error_of(ACTIVATE, answer(404)).message

    def test_a_call_without_a_known_scope(self) -> None:
        assert "the API key lacks a scope, or" in error_of(made_up(scope=None), answer(403)).message

    @pytest.mark.parametrize("body", [b"{}", b'{"items": []}', b"7", b'"x"', b"null", b"", b"[1", b"\xff"])
    def test_what_is_no_array_where_one_is_expected(self, body: bytes) -> None:
        error = error_of(made_up(expects=Expected.ARRAY), answer(200, body))
        assert type(error) is InstantlyUnexpectedAnswerError
        assert "The answer is not a JSON array." in error.message

    @pytest.mark.parametrize("items", [None, {}, "x", 7, True, {"0": {}}])
    def test_a_page_without_a_list_is_unexpected(self, items: object) -> None:
        for document in ({"items": items}, {}):
            error = error_of(LIST, answer(200, json.dumps(document).encode()))
            assert type(error) is InstantlyUnexpectedAnswerError
            assert "without a list of items" in error.message
            assert (error.method, error.path) == ("GET", "/campaigns")

    def test_a_date_to_wait_for_is_held_against_the_present_moment(self) -> None:
        later = answer(429, retry_after=format_datetime(NOW + timedelta(seconds=90), usegmt=True))
        error = error_of(READ, later)
        assert isinstance(error, InstantlyRateLimitError)
        assert error.retry_after == 90
        assert "asks to wait 90 s" in error.message

        in_an_hour = answer(429, retry_after=format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
        with pytest.raises(InstantlyRateLimitError) as caught:
            read_answer(READ, in_an_hour)
        assert caught.value.retry_after is not None
        assert 3_000 < caught.value.retry_after <= 3_600

    def test_a_rate_limit_carries_it(self) -> None:
        error = error_of(READ, answer(429, retry_after="7"))
        assert isinstance(error, InstantlyRateLimitError)
        assert error.retry_after == 7
        assert "asks to wait 7 s" in error.message
        silent = error_of(READ, answer(429))
        assert isinstance(silent, InstantlyRateLimitError)
        assert silent.retry_after is None
        assert "asks to wait" not in silent.message
