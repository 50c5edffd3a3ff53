"""Errors that a retry policy can tell apart, that say where they come from, and that survive an executor's pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from airflow_provider_instantly.api import errors

REQUEST_ERRORS = [
    errors.InstantlyRequestError,
    errors.InstantlyAuthenticationError,
    errors.InstantlyPaymentRequiredError,
    errors.InstantlyPermissionError,
    errors.CampaignNotFoundError,
    errors.InstantlyBadRequestError,
    errors.InstantlyRateLimitError,
    errors.InstantlyServerError,
    errors.InstantlyConnectionError,
    errors.InstantlyUnexpectedAnswerError,
    errors.AnswerTooLargeError,
    errors.AmbiguousOutcomeError,
]
COORDINATES: dict[str, Any] = {
    "method": "POST",
    "path": "/campaigns/x/activate",
    "status": 503,
    "server_message": "Try later",
    "excerpt": "{...}",
}


class TestTree:
    def test_one_base_catches_all(self) -> None:
        kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
        assert len(kinds) == len(REQUEST_ERRORS) + 3
        assert all(issubclass(kind, errors.InstantlyError) for kind in kinds)

    @pytest.mark.parametrize("kind", REQUEST_ERRORS[1:])
    def test_no_kind_of_answer_is_another(self, kind: type[errors.InstantlyRequestError]) -> None:
        others = [other for other in REQUEST_ERRORS[1:] if other is not kind]
        assert not any(issubclass(kind, other) for other in others)

    @pytest.mark.parametrize("kind", [errors.InstantlyConfigurationError, errors.ConnectionLookupError])
    def test_what_was_never_a_request_is_no_request_error(self, kind: type[Exception]) -> None:
        assert not issubclass(kind, errors.InstantlyRequestError)


@pytest.mark.parametrize("kind", REQUEST_ERRORS)
class TestRequestErrors:
    def test_they_carry_their_coordinates(self, kind: type[errors.InstantlyRequestError]) -> None:
        error = kind("It failed.", **COORDINATES)
        assert {name: getattr(error, name) for name in COORDINATES} == COORDINATES
        assert error.message == "It failed."

    def test_they_say_where_they_come_from(self, kind: type[errors.InstantlyRequestError]) -> None:
        assert str(kind("It failed.", **COORDINATES)) == (
            "It failed. [POST /campaigns/x/activate: HTTP 503; Try later]"
        )
        assert str(kind("It failed.", method="GET", path="/x")) == "It failed. [GET /x: no answer]"
        assert str(kind("It failed.", method="GET", path="/x", status=500, excerpt="<html>")) == (
            "It failed. [GET /x: HTTP 500; <html>]"
        )

    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    def test_they_survive_pickling(self, kind: type[errors.InstantlyRequestError], protocol: int) -> None:
        error = kind("It failed.", **COORDINATES)
        extra = {"retry_after": 7.0, "never_sent": True}
        for name in extra.keys() & vars(error).keys():
            setattr(error, name, extra[name])
        for twin in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
            assert type(twin) is kind
            assert vars(twin) == vars(error)
            assert (str(twin), twin.args) == (str(error), error.args)

    def test_their_defaults_are_empty(self, kind: type[errors.InstantlyRequestError]) -> None:
        error = kind("It failed.")
        assert (error.method, error.path, error.status) == ("", "", None)
        assert (error.server_message, error.excerpt) == ("", "")


class TestExtraFields:
    def test_a_rate_limit_knows_how_long_to_wait(self) -> None:
        assert errors.InstantlyRateLimitError("x", retry_after=7.5).retry_after == 7.5
        assert errors.InstantlyRateLimitError("x").retry_after is None

    def test_a_broken_connection_knows_whether_anything_was_sent(self) -> None:
        assert errors.InstantlyConnectionError("x", never_sent=True).never_sent
        assert not errors.InstantlyConnectionError("x").never_sent
