"""
What an answer means and what is repeated: tables, and exchanges with random adversaries.

The rule that matters most: after a change whose outcome is not known, nothing is ever sent again.
"""

from __future__ import annotations

import base64
import json
import math
import re
import traceback
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.api.driver import drive
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    AnswerTooLargeError,
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyBadRequestError,
    InstantlyConnectionError,
    InstantlyError,
    InstantlyNotFoundError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRateLimitError,
    InstantlyRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.protocol import (
    MAX_ANSWER_BYTES,
    Answer,
    Expected,
    Pages,
    Pause,
    Request,
    Resource,
    ask,
    ask_array,
    exchange,
    items_of,
    may_repeat,
    read_answer,
)
from airflow_provider_instantly.api.redaction import EXCERPT_CHARS
from airflow_provider_instantly.api.retry import MAX_RETRY_AFTER
from tests.unit.api.conftest import CAMPAIGN_ID, GOOD_BODY

if TYPE_CHECKING:
    from collections.abc import Iterable


SECRET = "sEcReT?>~secret"
KEY = base64.b64encode(f"019e18e2-a521-7bb9-9dd6-45f1bc69dcd1:{SECRET}".encode()).decode()
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)

READ = operations.get_campaign(CAMPAIGN_ID)
SENDING_STATUS = operations.get_sending_status(CAMPAIGN_ID)
LIST = operations.list_campaigns()
WORKSPACE = operations.get_workspace()
ACTIVATE = operations.activate_campaign(CAMPAIGN_ID)
PAUSE = operations.pause_campaign(CAMPAIGN_ID)
REQUESTS = {
    "read": READ,
    "sending status": SENDING_STATUS,
    "list": LIST,
    "workspace": WORKSPACE,
    "activate": ACTIVATE,
    "pause": PAUSE,
}
READS = [READ, SENDING_STATUS, LIST, WORKSPACE]
WRITES = [ACTIVATE, PAUSE]
ON_A_CAMPAIGN = [READ, SENDING_STATUS, ACTIVATE, PAUSE]
WITH_A_CAMPAIGN = [READ, ACTIVATE, PAUSE]

OVERSIZED = b'{"status": 1, "x": "' + b"x" * MAX_ANSWER_BYTES + b'"}'
ERROR_BODIES = {
    "JSON": b'{"statusCode": 999, "error": "Some Error", "message": "Some message"}',
    "HTML": b"<!DOCTYPE html><html><head><title>Error</title></head></html>",
    "truncated JSON": GOOD_BODY[:-3],
    "a list": b"[1, 2]",
    "a string": b'"Too many requests"',
    "null": b"null",
    "nothing": b"",
    "binary": b"\x80\x81\xff\x00",
    "deep nesting": b"[" * 200_000,
}


def answer(status: int = 200, body: bytes = GOOD_BODY, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def error_of(request: Request, reaction: Answer) -> InstantlyRequestError:
    with pytest.raises(InstantlyRequestError) as caught:
        read_answer(request, reaction, api_key=KEY, now=NOW)
    return caught.value


class TestRequests:
    def test_what_is_sent_follows_from_the_body_alone(self) -> None:
        with pytest.raises(TypeError, match="content"):
            made_up(content=b"{}")

    @pytest.mark.parametrize("value", [READ, answer(), Pause(1.0, InstantlyServerError("x"))], ids=type)
    def test_they_are_never_changed(self, value: Any) -> None:
        with pytest.raises(FrozenInstanceError):
            value.body = b""

    def test_a_body_is_json_and_only_it_has_a_content_type(self) -> None:
        request = made_up(body={"campaign": CAMPAIGN_ID, "names": ["é", None]})
        assert request.content is not None
        assert json.loads(request.content) == {"campaign": CAMPAIGN_ID, "names": ["é", None]}
        assert request.headers == {"Content-Type": "application/json"}
        assert made_up(body={}).content == b"{}"

    @pytest.mark.parametrize("body", [{}, {"campaign": CAMPAIGN_ID}])
    def test_what_is_written_already_is_sent_as_it_is(self, body: dict[str, Any]) -> None:
        request = made_up(body=body, written={"leads": '[{"email":"a@example.com"}]', "others": "[ ]"})
        sent = {**body, "leads": [{"email": "a@example.com"}], "others": []}
        assert json.loads(request.content or b"") == sent
        assert json.loads(request.with_parameters(limit=1).content or b"") == {**sent, "limit": 1}
        assert "example" not in repr(request)

    def test_without_a_body(self) -> None:
        assert made_up().content is None
        assert made_up().headers == {}

    def test_a_body_that_is_no_json_is_refused_before_anything_is_sent(self) -> None:
        with pytest.raises(ValueError, match="JSON"):
            made_up(body={"limit": math.nan})
        with pytest.raises(TypeError, match="JSON"):
            made_up(body={"limit": {1, 2}})

    def test_a_body_is_in_no_repr(self) -> None:
        assert "person@example.com" not in repr(made_up(body={"email": "person@example.com"}))

    def test_requests_are_values(self) -> None:
        assert made_up(body={"a": 1}) == made_up(body={"a": 1})
        assert made_up(body={"a": 1}) != made_up(body={"a": 2})
        assert len({made_up(body={"a": 1}), made_up(body={"a": 1}), READ, operations.get_campaign(CAMPAIGN_ID)}) == 2

    def test_parameters_are_in_the_body_where_there_is_one(self) -> None:
        request = made_up(body={"limit": 5, "campaign": "x"}, query=(("page", "1"),))
        assert request.parameter("limit") == 5
        assert request.parameter("page") is None
        other = request.with_parameters(limit=7, starting_after="c")
        assert other.body == {"limit": 7, "campaign": "x", "starting_after": "c"}
        assert json.loads(other.content or b"") == other.body
        assert (other.query, request.body) == (request.query, {"limit": 5, "campaign": "x"})

        request = made_up(query=(("limit", "5"), ("ids", "a"), ("ids", "b")))
        assert request.parameter("limit") == "5"
        assert request.with_parameters(limit=7).query == (("ids", "a"), ("ids", "b"), ("limit", "7"))


def made_up(method: str = "POST", *, only_reads: bool = True, **more: Any) -> Request:
    """An endpoint that Instantly does not have."""
    described = {"scope": "things:read", "resource": Resource("thing"), **more}
    return Request(method, "/things/search", only_reads=only_reads, **described)


class TestGoodAnswers:
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
    + [{"status": status} for status in (-100, -98, -3, 5, 99, 600)],
)
def test_what_names_no_campaign_and_has_a_status_that_is_not_known_is_none(
    request_: Request, body: dict[str, Any]
) -> None:
    error = error_of(request_, answer(200, json.dumps(body).encode()))
    assert type(error) is InstantlyUnexpectedAnswerError
    assert f"names none, and its status {body['status']} is not one that is known" in error.message

    named = {**body, "id": CAMPAIGN_ID}
    assert read_answer(request_, answer(200, json.dumps(named).encode())) == named


@pytest.mark.parametrize("status", [status for status in CampaignStatus if status.is_known])
def test_with_one_that_is_known_it_may_be(status: CampaignStatus) -> None:
    assert read_answer(READ, answer(200, json.dumps({"status": int(status)}).encode())) == {"status": int(status)}


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
            (422, InstantlyBadRequestError, None),
            (429, InstantlyRateLimitError, None),
            (451, InstantlyBadRequestError, None),
            (499, InstantlyBadRequestError, None),
            (500, InstantlyServerError, None),
            (502, InstantlyServerError, None),
            (503, InstantlyServerError, None),
            (504, InstantlyServerError, None),
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


#: A failure, whether a read is repeated after it, whether a write is, and whether a write's outcome is unknown.
FAILURES = [
    (answer(429), True, True, False),
    (answer(429, ERROR_BODIES["HTML"]), True, True, False),
    (InstantlyConnectionError("refused", never_sent=True), True, True, False),
    (InstantlyConnectionError("reset"), True, False, True),
    (answer(500), True, False, True),
    (answer(502, ERROR_BODIES["HTML"]), True, False, True),
    (answer(503, retry_after="1"), True, False, True),
    (answer(408), True, False, True),
    (answer(200, ERROR_BODIES["HTML"]), True, False, True),
    (answer(200, ERROR_BODIES["truncated JSON"]), True, False, True),
    (answer(200, b"[]"), True, False, True),
    (answer(200, OVERSIZED), True, False, True),
    (answer(307), True, False, True),
    (answer(400), False, False, False),
    (answer(401), False, False, False),
    (answer(402), False, False, False),
    (answer(403), False, False, False),
    (answer(404), False, False, False),
    (answer(409), False, False, False),
    (answer(422), False, False, False),
]
FAILURE_NAMES = [f"{f[0].status} {f[0].body[:9]!r}" if isinstance(f[0], Answer) else str(f[0]) for f in FAILURES]


class TestExchange:
    @pytest.mark.parametrize("failure", FAILURES, ids=FAILURE_NAMES)
    @pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
    def test_what_is_repeated(self, request_: Request, failure: tuple[Any, bool, bool, bool]) -> None:
        reaction, read_repeats, write_repeats, unknown = failure
        sent, _, outcome = converse(request_, [reaction, answer()], max_retries=3)

        repeats = read_repeats if request_.only_reads else write_repeats
        assert sent == (2 if repeats else 1)
        if repeats:
            assert outcome == json.loads(GOOD_BODY)
        else:
            assert isinstance(outcome, AmbiguousOutcomeError) == (unknown and not request_.only_reads)

    @pytest.mark.parametrize("failure", FAILURES, ids=FAILURE_NAMES)
    @pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
    def test_what_is_raised_when_no_try_is_left(self, request_: Request, failure: tuple[Any, bool, bool, bool]) -> None:
        reaction, *_, unknown = failure
        sent, pauses, outcome = converse(request_, [reaction] * 9, max_retries=0)

        assert (sent, pauses) == (1, [])
        plain = reaction if isinstance(reaction, InstantlyRequestError) else error_of(request_, reaction)
        expected = AmbiguousOutcomeError if unknown and not request_.only_reads else type(plain)
        assert type(outcome) is expected

    @pytest.mark.parametrize(
        ("status", "is_lost"), [(200, True), (302, True), (403, False), (404, False), (408, True), (500, True)]
    )
    def test_a_refusal_is_one_however_much_is_said_with_it(self, status: int, is_lost: bool) -> None:
        for request in (ACTIVATE, PAUSE):
            _, _, outcome = converse(request, [answer(status, OVERSIZED)], max_retries=0)
            assert isinstance(outcome, AmbiguousOutcomeError) is is_lost

    def test_an_ambiguous_outcome_says_so_and_keeps_what_made_it_so(self) -> None:
        lost = InstantlyConnectionError("The connection broke.", method="POST", path=ACTIVATE.path)
        _, _, outcome = converse(ACTIVATE, [lost], max_retries=4)
        assert isinstance(outcome, AmbiguousOutcomeError)
        assert outcome.__cause__ is lost
        assert "it is not known whether it took effect: The connection broke. It was not repeated." in outcome.message

        _, _, outcome = converse(PAUSE, [answer(503, ERROR_BODIES["JSON"])], max_retries=4)
        assert isinstance(outcome, AmbiguousOutcomeError)
        assert type(outcome.__cause__) is InstantlyServerError
        assert (outcome.method, outcome.path, outcome.status) == ("POST", PAUSE.path, 503)
        assert outcome.server_message == "Some message"

    def test_pauses_grow_and_obey_the_server(self) -> None:
        reactions = [answer(500), answer(429, retry_after="17"), answer(500), answer(429), answer(500), answer()]
        sent, pauses, outcome = converse(READ, reactions, max_retries=3, jitter=1.0)
        assert (sent, pauses) == (6, [1, 18, 2, 1, 4])
        assert outcome == json.loads(GOOD_BODY)

    def test_each_pause_tells_why(self) -> None:
        steps = exchange(READ, max_retries=1)
        assert next(steps) == READ
        step = steps.send(answer(503))
        assert isinstance(step, Pause)
        assert type(step.because) is InstantlyServerError

    def test_it_draws_a_new_random_number_for_each_pause(self) -> None:
        numbers = iter([0.25, 0.5])
        steps = exchange(READ, max_retries=2, jitter=lambda: next(numbers))
        next(steps)
        first = steps.send(answer(500))
        steps.send(None)
        second = steps.send(answer(500))
        assert isinstance(first, Pause)
        assert isinstance(second, Pause)
        assert (first.seconds, second.seconds) == (0.25, 1.0)

    @pytest.mark.parametrize(("max_retries", "sent"), [(0, 2), (1, 2), (2, 3), (5, 6)])
    def test_a_read_that_met_a_stale_connection_goes_out_again_once_and_at_once(
        self, max_retries: int, sent: int
    ) -> None:
        stale = InstantlyConnectionError("It was closed.", on_stale_connection=True)
        assert converse(READ, [stale, answer()], max_retries=max_retries) == (2, [], json.loads(GOOD_BODY))
        found, pauses, outcome = converse(READ, [stale] * 9, max_retries=max_retries)
        assert (found, len(pauses)) == (sent, sent - 2)
        assert outcome is stale

    @pytest.mark.parametrize("request_", [ACTIVATE, PAUSE], ids=["activate", "pause"])
    def test_a_change_that_met_one_does_not(self, request_: Request) -> None:
        stale = InstantlyConnectionError("It was closed.", on_stale_connection=True)
        sent, pauses, outcome = converse(request_, [stale, answer()], max_retries=5)
        assert (sent, pauses) == (1, [])
        assert isinstance(outcome, AmbiguousOutcomeError)

    def test_a_transport_that_hands_in_nothing_is_a_bug(self) -> None:
        steps = exchange(READ, max_retries=1)
        next(steps)
        with pytest.raises(TypeError, match="neither an answer nor an error"):
            steps.send(None)

    @given(data=st.data(), max_retries=st.integers(0, 6))
    def test_against_random_adversaries(self, data: st.DataObject, max_retries: int) -> None:
        request = data.draw(st.sampled_from(list(REQUESTS.values())))
        reactions = [*data.draw(st.lists(REACTIONS, max_size=max_retries + 9)), *[answer(503)] * (max_retries + 1)]
        sent, pauses, outcome = converse(request, reactions, max_retries=max_retries, jitter=data.draw(st.floats(0, 1)))

        limited = sum(isinstance(each, Answer) and each.status == 429 for each in reactions[:sent])
        assert 1 <= sent <= max_retries + 1 + (limited if max_retries else 0)
        assert len(pauses) == sent - 1
        assert all(0 <= pause <= MAX_RETRY_AFTER + 1 for pause in pauses)
        received = reactions[:sent]
        if not request.only_reads:
            # Before the last send, every reaction proved that nothing had happened.
            assert all(proves_no_effect(reaction) for reaction in received[:-1])
            if isinstance(outcome, InstantlyRequestError) and not isinstance(outcome, AmbiguousOutcomeError):
                assert all(proves_no_effect(reaction) for reaction in received)
        if isinstance(outcome, InstantlyRequestError):
            assert_free_of_key(outcome)
        else:
            final = received[-1]
            assert isinstance(final, Answer)
            assert outcome == json.loads(final.body)


ECHOES = [
    KEY,
    f"Bearer {KEY}",
    KEY.rstrip("="),
    quote(KEY, safe=""),
    quote(KEY, safe="").lower(),
    KEY.replace("/", "\\/").replace("=", "\\u003d").replace("+", "\\u002B"),
    KEY.replace("=", "&#x3D;"),
    base64.b64decode(KEY).decode(),
    SECRET,
]


class TestKey:
    """The key is in no error, wherever a server puts it."""

    @pytest.mark.parametrize("echo", ECHOES)
    @pytest.mark.parametrize("template", ["{}", '{{"message": "{}"}}', '{{"error": "no key {}"}}', "<html>{}</html>"])
    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
    def test_in_no_error(self, echo: str, template: str, status: int) -> None:
        for request in (READ, ACTIVATE):
            reaction = answer(status, template.format(echo).encode(), retry_after=echo, location=echo)
            _, _, outcome = converse(request, [reaction], max_retries=0)
            assert isinstance(outcome, InstantlyRequestError)
            assert_free_of_key(outcome)

    @pytest.mark.parametrize("echo", [KEY, f"Ours: {KEY}", quote(KEY, safe="")])
    def test_in_no_good_answer(self, echo: str) -> None:
        document = {"id": CAMPAIGN_ID, "status": 1, "name": echo, echo: [echo]}
        _, _, outcome = converse(READ, [answer(200, json.dumps(document).encode())], max_retries=0)
        assert outcome["status"] == 1
        assert "***" in outcome["name"]
        assert KEY not in repr(outcome)
        assert quote(KEY, safe="") not in repr(outcome)

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
    def test_in_no_other_encoding(self, encoding: str) -> None:
        for body in (KEY, json.dumps({"message": KEY})):
            assert_free_of_key(error_of(READ, answer(500, body.encode(encoding))))

    @pytest.mark.parametrize("blanks", [*range(1_500, 1_620, 4), 3_000, MAX_ANSWER_BYTES])
    def test_no_beginning_of_it_where_a_long_answer_is_cut(self, blanks: int) -> None:
        error = error_of(READ, answer(500, b" " * blanks + KEY.encode() + b"x" * 1_000))
        assert KEY[:8] not in error.excerpt

    def test_not_in_the_nothing_that_a_redirect_leads_to(self) -> None:
        error = error_of(READ, answer(302, b"", location=f"https://evil.example/?key={KEY}"))
        assert "evil" not in str(error)


class TestMayRepeat:
    def test_an_ambiguous_outcome_is_never_repeated(self) -> None:
        assert not AmbiguousOutcomeError("x").may_pass
        assert not any(may_repeat(request, AmbiguousOutcomeError("x")) for request in REQUESTS.values())


TOO_LARGE = AnswerTooLargeError("Too large.")


class TestWhatWasNotAskedFor:
    @staticmethod
    def odd(item: dict[str, Any]) -> str | None:
        """What is odd was not asked for."""
        return "an odd one" if item["n"] % 2 else None

    def test_it_does_not_make_another_request(self) -> None:
        assert replace(WORKSPACE, stray=self.odd) == WORKSPACE
        assert repr(replace(WORKSPACE, stray=self.odd)) == repr(WORKSPACE)

    def test_an_object(self) -> None:
        request = replace(WORKSPACE, stray=self.odd)
        assert drive(ask(request), lambda _: {"n": 2}) == {"n": 2}
        with pytest.raises(InstantlyUnexpectedAnswerError, match="Instantly answered with an odd one, so nothing"):
            drive(ask(request), lambda _: {"n": 1})

    def test_one_of_an_array_is_enough(self) -> None:
        request = replace(operations.get_campaign_analytics([]), stray=self.odd)
        assert drive(ask_array(request), lambda _: [{"n": 2}, {"n": 4}]) == [{"n": 2}, {"n": 4}]
        with pytest.raises(InstantlyUnexpectedAnswerError) as caught:
            drive(ask_array(request), lambda _: [{"n": 2}, {"n": 1, "name": "Ada"}])
        assert "Ada" not in str(caught.value)
        assert (caught.value.method, caught.value.path, caught.value.status) == ("GET", "/campaigns/analytics", 200)

    def test_a_page_that_has_it_stays_the_next(self) -> None:
        pages = Pages(replace(LIST, stray=self.odd))
        with pytest.raises(InstantlyUnexpectedAnswerError):
            drive(pages.next_page(), lambda _: {"items": [{"n": 1}], "next_starting_after": "c"})
        assert drive(pages.next_page(), lambda request: {"items": [{"n": 2}]}) == [{"n": 2}]
        assert not pages.has_more

    @pytest.mark.parametrize("odd", [None, 7, "x", [{"n": 2}]])
    def test_what_is_no_object_may_be_in_the_place_of_one(self, odd: object) -> None:
        pages = Pages(replace(LIST, stray=self.odd))
        with pytest.raises(InstantlyUnexpectedAnswerError, match="something that is no object"):
            drive(pages.next_page(), lambda request: {"items": [{"n": 2}, odd]})
        assert pages.has_more
        figures = replace(operations.get_campaign_analytics([]), stray=self.odd)
        answer = Answer(200, {}, json.dumps([{"n": 2}, odd]).encode())
        with pytest.raises(InstantlyUnexpectedAnswerError, match="something that is no object"):
            read_answer(figures, answer)
        assert read_answer(replace(figures, stray=None), answer) == [{"n": 2}]

    def test_it_holds_for_each_page(self) -> None:
        pages = Pages(replace(LIST, stray=self.odd))
        drive(pages.next_page(), lambda _: {"items": [{"n": 2}], "next_starting_after": "c"})
        with pytest.raises(InstantlyUnexpectedAnswerError):
            drive(pages.next_page(), lambda _: {"items": [{"n": 3}]})


class TestPages:
    def test_a_list_is_whole_unless_it_has_repeated_itself(self) -> None:
        pages = Pages(LIST)
        drive(pages.next_page(), lambda _: {"items": [{"n": 1}], "next_starting_after": "c"})
        pages.check_whole()
        drive(pages.next_page(), lambda _: {"items": [{"n": 2}], "next_starting_after": "c"})
        with pytest.raises(InstantlyUnexpectedAnswerError) as caught:
            pages.check_whole()
        assert caught.value.status == 200

    def test_it_follows_the_cursor_and_keeps_the_filters(self) -> None:
        first = operations.list_campaigns(search="x", starting_after="elsewhere")
        second = Pages(first).after(page("c&1"))
        assert second is not None
        assert (second.method, second.path) == ("GET", "/campaigns")
        assert dict(second.query) == {"limit": "100", "search": "x", "starting_after": "c&1"}

    @pytest.mark.parametrize("cursor", ["", None, 0, 7, True, False, [], ["c"], {}, {"c": 1}])
    def test_a_cursor_that_is_none_ends_the_list(self, cursor: object) -> None:
        assert Pages(LIST).after(page(cursor)) is None

    def test_no_cursor_ends_the_list(self) -> None:
        assert Pages(LIST).after({"items": [{}]}) is None

    def test_an_empty_page_ends_the_list_whatever_its_cursor(self) -> None:
        assert Pages(LIST).after({"items": [], "next_starting_after": "c"}) is None
        assert Pages(LIST).after({"items": [None, 7, "x"], "next_starting_after": "c"}) is None

    @pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
    def test_a_cursor_that_repeats_ends_the_list(self, cursors: list[str]) -> None:
        pages = Pages(LIST)
        assert not pages.has_repeated_itself
        found = [pages.after(page(cursor)) is not None for cursor in cursors]
        assert found == [True] * (len(cursors) - 1) + [False]
        assert pages.has_repeated_itself

    def test_a_list_that_ends_has_not_repeated_itself(self) -> None:
        pages = Pages(LIST)
        pages.after(page("a"))
        pages.after(page(None))
        assert not pages.has_repeated_itself
        with pytest.raises(TypeError, match="has_repeated_itself"):
            Pages(LIST, has_repeated_itself=True)  # type: ignore[call-arg]

    def test_a_page_without_items_says_where_it_came_from(self) -> None:
        steps = Pages(LIST).next_page()
        next(steps)
        with pytest.raises(InstantlyUnexpectedAnswerError, match="without a list of items") as caught:
            steps.send({"x": 1})
        assert (caught.value.method, caught.value.path, caught.value.status) == ("GET", "/campaigns", 200)

    @given(cursors=st.lists(st.none() | st.sampled_from("abcde") | st.integers() | st.just(""), max_size=30))
    def test_it_asks_for_no_page_twice(self, cursors: list[object]) -> None:
        pages, asked = Pages(LIST), list[str]()
        for cursor in cursors:
            request = pages.after(page(cursor))
            if request is None:
                break
            asked.append(dict(request.query)["starting_after"])
        assert len(asked) == len(set(asked))
        assert all(asked)

    def test_a_smaller_page_keeps_its_place_and_so_do_those_after_it(self) -> None:
        pages = Pages(operations.list_campaigns(search="x"))
        second = pages.after(page("c"))
        assert second is not None
        assert dict(pages.smaller(second, TOO_LARGE).query) == {"limit": "50", "search": "x", "starting_after": "c"}
        third = pages.after(page("d"))
        assert third is not None
        assert dict(third.query) == {"limit": "50", "search": "x", "starting_after": "d"}

    def test_a_page_of_one_cannot_be_smaller(self) -> None:
        with pytest.raises(AnswerTooLargeError) as caught:
            Pages(operations.list_campaigns(limit=1)).smaller(LIST, TOO_LARGE)
        assert caught.value is TOO_LARGE

    def test_a_list_that_never_ends_costs_only_what_is_asked_of_it(self) -> None:
        pages = Pages(LIST)
        for number in range(2_000):
            assert pages.after(page(f"c{number}")) is not None

    def test_a_list_that_reads_with_a_body_has_its_cursor_and_its_limit_there(self) -> None:
        pages = Pages(made_up(expects=Expected.PAGE, body={"campaign": "x"}))
        second = pages.after(page("c"))
        assert second is not None
        assert second.body == {"campaign": "x", "starting_after": "c"}
        assert pages.smaller(second, TOO_LARGE).body == {"campaign": "x", "starting_after": "c", "limit": 50}
        third = pages.after(page("d"))
        assert third is not None
        assert third.body == {"campaign": "x", "starting_after": "d", "limit": 50}

    def test_page_by_page(self) -> None:
        pages, asked = Pages(LIST), list[dict[str, str]]()
        replies = iter([TOO_LARGE, page("a"), {"items": [None, {"id": "x"}], "next_starting_after": "b"}, page(None)])
        found = []

        def reply(request: Request) -> object:
            asked.append(dict(request.query))
            return next(replies)

        while pages.has_more:
            found.append(drive(pages.next_page(), reply))
        assert found == [[{"id": CAMPAIGN_ID}], [{"id": "x"}], [{"id": CAMPAIGN_ID}]]
        assert [(query["limit"], query.get("starting_after")) for query in asked] == [
            ("100", None),
            ("50", None),
            ("50", "a"),
            ("50", "b"),
        ]
        with pytest.raises(ValueError, match="the list has ended"):
            next(pages.next_page())

    def test_a_page_that_could_not_be_read_stays_the_next(self) -> None:
        pages = Pages(LIST)
        for _ in range(2):
            steps = pages.next_page()
            assert next(steps) == LIST
            with pytest.raises(InstantlyServerError):
                steps.send(InstantlyServerError("It broke."))
            assert pages.has_more

    def test_what_is_no_object_on_a_page_is_passed_over(self) -> None:
        assert items_of({"items": [None, {"id": 1}, 7, [{}], "x", {}]}) == [{"id": 1}, {}]


def page(cursor: object) -> dict[str, Any]:
    return {"items": [{"id": CAMPAIGN_ID}], "next_starting_after": cursor}


BODIES = st.sampled_from([GOOD_BODY, *ERROR_BODIES.values(), *(echo.encode() for echo in ECHOES)]) | st.binary()
REACTIONS = st.builds(
    Answer,
    st.sampled_from([200, 201, 204, 302, 400, 401, 402, 403, 404, 408, 409, 422, 429, 500, 502, 503]),
    st.fixed_dictionaries({}, optional={"retry-after": st.sampled_from(["1", "-1", "nan", "999999", KEY])}),
    BODIES,
) | st.builds(InstantlyConnectionError, st.just("It broke."), never_sent=st.booleans())


def proves_no_effect(reaction: object) -> bool:
    """Whether a change that was reacted to like this can have had no effect. Written from the rules, not the code."""
    if isinstance(reaction, InstantlyConnectionError):
        return reaction.never_sent
    assert isinstance(reaction, Answer)
    return 400 <= reaction.status < 500 and reaction.status != 408


def converse(
    request: Request, reactions: Iterable[Any], *, max_retries: int, jitter: float = 0.5
) -> tuple[int, list[float], Any]:
    """Play a transport. Returns how often the request was sent, the pauses, and what came of it."""
    steps = exchange(request, max_retries=max_retries, api_key=KEY, jitter=lambda: jitter)
    coming, sent, pauses = iter(reactions), 0, list[float]()
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                assert math.isfinite(step.seconds)
                pauses.append(step.seconds)
                step = steps.send(None)
            else:
                assert step == request
                sent += 1
                step = steps.send(next(coming))
    except StopIteration as stop:
        return sent, pauses, stop.value
    except InstantlyError as error:
        return sent, pauses, error


def assert_free_of_key(error: BaseException) -> None:
    shown = "\n".join(
        [str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
    )
    for part in (*ECHOES, KEY.lower()):
        assert part.rstrip("=") not in shown
