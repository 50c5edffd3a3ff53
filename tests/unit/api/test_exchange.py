"""
What is repeated: tables, and exchanges with random adversaries.

The rule that matters most: after a change whose outcome is not known, nothing is ever sent again.
"""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.answers import MAX_ANSWER_BYTES, Answer
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    InstantlyConnectionError,
    InstantlyRequestError,
    InstantlyServerError,
)
from airflow_provider_instantly.api.exchange import Pause, exchange, may_repeat
from airflow_provider_instantly.api.retry import MAX_RETRY_AFTER
from tests.unit.api.conftest import CAMPAIGN_ID, GOOD_BODY
from tests.unit.api.made_up import (
    ACTIVATE,
    ECHOES,
    ERROR_BODIES,
    KEY,
    OVERSIZED,
    PAUSE,
    READ,
    REQUESTS,
    answer,
    assert_free_of_key,
    converse,
    error_of,
)

if TYPE_CHECKING:
    from airflow_provider_instantly.api.protocol import Request

BODIES = st.sampled_from([GOOD_BODY, *ERROR_BODIES.values(), *(echo.encode() for echo in ECHOES)]) | st.binary()
REACTIONS = st.builds(
    Answer,
    st.sampled_from([200, 201, 204, 302, 400, 401, 402, 403, 404, 408, 409, 422, 429, 500, 502, 503]),
    st.fixed_dictionaries({}, optional={"retry-after": st.sampled_from(["1", "-1", "nan", "999999", KEY])}),
    BODIES,
) | st.builds(InstantlyConnectionError, st.just("It broke."), never_sent=st.booleans())


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
    (answer(460), True, False, True),
    (answer(499), True, False, True),
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
        assert outcome.sentences == (
            "The request was sent, but it is not known whether it took effect: The connection broke.",
            "It was not repeated.",
            "Check the campaign in Instantly before you repeat it.",
        )
        _, _, outcome = converse(ACTIVATE, [answer(200, b"<html>")], max_retries=4)
        assert outcome.advice.startswith("Check the campaign in Instantly before you repeat it. Check that the")

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

    def test_a_pause_is_never_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            Pause(1.0, InstantlyServerError("x")).seconds = 0.0  # type: ignore[misc]

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


def proves_no_effect(reaction: object) -> bool:
    """Whether a change that was reacted to like this can have had no effect. Written from the rules, not the code."""
    if isinstance(reaction, InstantlyConnectionError):
        return reaction.never_sent
    assert isinstance(reaction, Answer)
    return 400 <= reaction.status < 500 and reaction.status != 408
