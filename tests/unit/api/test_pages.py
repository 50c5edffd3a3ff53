"""The way through a list: which page is next, when it ends, and what is believed of a page."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api import operations
from airflow_provider_instantly.api.answers import Answer, read_answer
from airflow_provider_instantly.api.driver import drive
from airflow_provider_instantly.api.errors import (
    AnswerTooLargeError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.pages import Pages, items_of
from airflow_provider_instantly.api.protocol import Expected, Request
from tests.unit.api.conftest import CAMPAIGN_ID
from tests.unit.api.made_up import (
    LIST,
    made_up,
)

TOO_LARGE = AnswerTooLargeError("Too large.")


class TestWhatWasNotAskedFor:
    @staticmethod
    def odd(item: dict[str, Any]) -> str | None:
        """What is odd was not asked for."""
        return "an odd one" if item["n"] % 2 else None

    def test_a_page_that_has_it_stays_the_next(self) -> None:
        pages = Pages(replace(LIST, stray=self.odd))
        with pytest.raises(InstantlyUnexpectedAnswerError) as caught:
            drive(pages.next_page(), lambda _: {"items": [{"n": 1}], "next_starting_after": "c"})
        assert caught.value.sentences == (
            "Instantly answered with an odd one, so nothing is concluded from the answer.",
            "It may not have heeded a filter, or a cache or a proxy may have mixed up answers.",
        )
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
        what, advice = caught.value.sentences
        assert ". " not in what
        assert advice == "If it goes on, ask Instantly."

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
