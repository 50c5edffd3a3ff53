"""Errors that a retry policy can tell apart, that say where they come from, and that survive an executor's pickling."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api import errors
from airflow_provider_instantly.api.protocol import not_believed
from tests.source_code import nodes_of_tasks, place

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST_ERRORS = [
    errors.InstantlyRequestError,
    errors.InstantlyAuthenticationError,
    errors.InstantlyPaymentRequiredError,
    errors.InstantlyPermissionError,
    errors.CampaignNotFoundError,
    errors.InstantlyNotFoundError,
    errors.InstantlyBadRequestError,
    errors.InstantlyRateLimitError,
    errors.InstantlyServerError,
    errors.InstantlyConnectionError,
    errors.InstantlyUnexpectedAnswerError,
    errors.AnswerTooLargeError,
    errors.OutdatedReadError,
    errors.AmbiguousOutcomeError,
]
_KINDS = [errors.InstantlyConfigurationError, errors.ConnectionLookupError, *REQUEST_ERRORS]
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


class TestMeaning:
    """What an error means for a retry is on its class. The table is that of the module's docstring."""

    ROW = re.compile(
        r"^ +(?:│ +)?(?:[├└]── )?(?P<name>\w+) +(?P<passes>yes|-) +(?P<all>yes|-) +(?P<none>yes|-|\*)(?: |$)"
    )

    def _rows(self) -> dict[str, dict[str, str]]:
        lines = (errors.__doc__ or "").splitlines()
        return {found["name"]: found.groupdict() for line in lines if (found := self.ROW.match(line))}

    def test_the_table_names_all_of_them(self) -> None:
        assert set(self._rows()) == {"InstantlyError", *(kind.__name__ for kind in _KINDS)}

    @pytest.mark.parametrize("kind", [errors.InstantlyError, *_KINDS])
    def test_the_table_is_right(self, kind: type[errors.InstantlyError]) -> None:
        row = self._rows()[kind.__name__]
        assert kind.may_pass == (row["passes"] == "yes")
        assert kind.concerns_all == (row["all"] == "yes")
        assert kind.proves_no_effect == (row["none"] == "yes")
        by_instance = kind in (errors.InstantlyConnectionError, errors.InstantlyUnexpectedAnswerError)
        assert (row["none"] == "*") == by_instance

    def test_what_may_pass_and_what_does_not(self) -> None:
        assert errors.ConnectionLookupError("x").may_pass
        assert not errors.InstantlyConfigurationError("x").may_pass

    @pytest.mark.parametrize("never_sent", [True, False])
    def test_what_was_never_sent_has_no_effect(self, never_sent: bool) -> None:
        error = errors.InstantlyConnectionError("x", never_sent=never_sent)
        assert error.proves_no_effect is never_sent

    @pytest.mark.parametrize(
        ("status", "is_refusal"),
        [
            (None, False),
            (200, False),
            (302, False),
            (399, False),
            (400, True),
            (407, True),
            (408, False),
            (409, True),
            (418, False),
            (420, False),
            (425, True),
            (451, True),
            (460, False),
            (499, False),
            (500, False),
            (599, False),
        ],
    )
    def test_a_refusal_is_one_whatever_came_with_it(self, status: int | None, is_refusal: bool) -> None:
        assert errors.InstantlyUnexpectedAnswerError("x", status=status).proves_no_effect is is_refusal


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

    def test_their_parts_are_lines_of_a_log(self, kind: type[errors.InstantlyRequestError]) -> None:
        error = kind("It failed.", **COORDINATES)
        error.outcome = "Nothing was changed."
        assert error.sentences == ("It failed.", "Nothing was changed.", "Instantly answered: Try later")
        assert kind("It failed.", excerpt="<html>").sentences == ("It failed.", "Instantly answered: <html>")
        assert kind("It failed.").sentences == ("It failed.",)

    def test_advice_is_a_line_of_its_own_after_what_became_of_the_campaign(
        self, kind: type[errors.InstantlyRequestError]
    ) -> None:
        error = kind("It failed.", advice="Check the key.", method="GET", path="/x")
        assert list(error.sentences) == ["It failed.", "Check the key."]
        error.outcome = "Nothing was changed."
        assert error.sentences == ("It failed.", "Nothing was changed.", "Check the key.")
        assert str(error) == "It failed. Nothing was changed. Check the key. [GET /x: no answer]"
        assert pickle.loads(pickle.dumps(error)).sentences == error.sentences  # noqa: S301

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


def _raised() -> Iterator[tuple[str, ast.Call]]:
    """Where the package makes an error of a request."""
    names = {*(kind.__name__ for kind in REQUEST_ERRORS), not_believed.__name__}
    for file, node in nodes_of_tasks():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield place(file, node), node


class TestAdvice:
    """The log of a task says what to do."""

    def test_each_is_raised_with_what_to_do(self) -> None:
        raised = list(_raised())
        assert len(raised) > 15
        assert [where for where, call in raised if not any(keyword.arg == "advice" for keyword in call.keywords)] == []
