"""A request is a value that says all that is known of it, and a conversation believes only what was asked for."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.driver import drive
from airflow_provider_instantly.api.errors import (
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.protocol import ask, ask_array
from tests.unit.api.conftest import CAMPAIGN_ID
from tests.unit.api.made_up import (
    READ,
    WORKSPACE,
    made_up,
)


class TestRequests:
    def test_what_is_sent_follows_from_the_body_alone(self) -> None:
        with pytest.raises(TypeError, match="content"):
            made_up(content=b"{}")

    def test_they_are_never_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            READ.body = {}  # type: ignore[misc]

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
