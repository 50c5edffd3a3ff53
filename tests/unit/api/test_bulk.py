"""Many campaigns read at once and without memory: what is seen, and with how many requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.bulk import EVERYTHING, Search, read_each, read_many
from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.errors import (
    AnswerTooLargeError,
    CampaignNotFoundError,
    InstantlyBadRequestError,
    InstantlyConnectionError,
    InstantlyRateLimitError,
    InstantlyServerError,
)
from tests.unit.workspace import Question, Workspace, ids, questions, statuses

if TYPE_CHECKING:
    from airflow_provider_instantly.api.bulk import Seen
    from airflow_provider_instantly.api.errors import InstantlyError
    from airflow_provider_instantly.api.protocol import Request


@pytest.mark.parametrize(
    ("wanted", "size", "requests"),
    [(0, 9, 0), (1, 9, 1), (2, 500, 2), (3, 50, 1), (100, 100, 1), (250, 250, 3), (1_000, 1_000, 10)],
)
def test_pages_where_they_are_cheaper(wanted: int, size: int, requests: int) -> None:
    workspace = Workspace(dict.fromkeys(ids(size), 1))
    seen = workspace.run(read_many(ids(wanted)))
    assert statuses(seen) == dict.fromkeys(ids(wanted), 1)
    assert len(workspace.asked) == requests


def test_what_the_list_does_not_show_is_asked_for() -> None:
    workspace = Workspace(dict.fromkeys(ids(250), 0), unlisted={ids(9)[8]})
    del workspace.statuses[ids(1)[0]]
    seen = statuses(workspace.run(read_many(ids(250))))
    assert seen == dict.fromkeys(ids(250), 0) | {ids(1)[0]: CampaignNotFoundError}
    assert (workspace.pages, workspace.singles) == (3, 2)


def test_nothing_is_kept_of_their_documents() -> None:
    seen = Workspace(dict.fromkeys(ids(5), 1)).run(read_many(ids(5)))
    assert [isinstance(found, Campaign) and found.document for found in seen.values()] == [{}] * 5


@pytest.mark.parametrize("error", [InstantlyServerError("500"), InstantlyRateLimitError("429")])
def test_a_list_that_breaks_stands_in_the_place_of_what_it_has_not_shown(error: InstantlyError) -> None:
    workspace = Workspace(dict.fromkeys(ids(250), 1), fails=lambda r: error if len(r.query) > 1 else None)
    seen = list(statuses(workspace.run(read_many(ids(250)))).values())
    assert (seen.count(1), seen.count(type(error))) == (100, 150)
    assert len(workspace.asked) == 2


def test_a_page_that_is_refused_says_nothing_of_what_it_would_have_shown() -> None:
    """A cursor may be outlived by the list that it was made for."""
    error = InstantlyBadRequestError("400")
    workspace = Workspace(dict.fromkeys(ids(250), 1), fails=lambda r: error if len(r.query) > 1 else None)
    assert statuses(workspace.run(read_many(ids(250)))) == dict.fromkeys(ids(250), 1)
    assert (workspace.pages, workspace.singles) == (2, 150)


def test_an_error_that_concerns_all_is_met_once_among_single_reads() -> None:
    error = InstantlyConnectionError("broken")
    workspace = Workspace(dict.fromkeys(ids(5), 1), fails=lambda r: error if r.resource.id == ids(5)[2] else None)
    seen: Seen = {}
    workspace.run(read_each(ids(5), seen))
    assert list(statuses(seen).values()) == [1, 1, *[InstantlyConnectionError] * 3]
    assert len(workspace.asked) == 3


def test_what_is_found_is_put_down_page_by_page() -> None:
    workspace, seen, counts = Workspace(dict.fromkeys(ids(250), 1)), dict[str, Any](), list[int]()
    steps = Search(EVERYTHING, ids(250), ids(250)).run(seen, 9)
    request: Request | None = next(steps)
    while request is not None:
        try:
            request = steps.send(workspace(request))
        except StopIteration:
            request = None
        counts.append(len(seen))
    assert counts == [100, 200, 250]


@pytest.mark.parametrize(("limit", "pages"), [(1, 1), (2, 2), (9, 3)])
def test_a_search_ends_at_its_limit(limit: float, pages: int) -> None:
    workspace, seen = Workspace(dict.fromkeys(ids(250), 1)), dict[str, Any]()
    search = Search(EVERYTHING, ids(250), ids(250))
    workspace.run(search.run(seen, limit))
    assert (search.pages, len(seen), search.is_at_end) == (pages, min(100 * pages, 250), pages == 3)
    assert search.is_whole == search.is_at_end
    assert search.missing == set(ids(250)) - seen.keys()


def joined_after(pages: int, who: list[str], workspace: Workspace, own: list[str]) -> tuple[dict[str, Any], Search]:
    """Search for some, let others join after so many pages, and return what those were shown."""
    search, shown, seen = Search(EVERYTHING, own, own), dict[str, Any](), dict[str, Any]()
    steps = search.run(seen, float("inf"))
    request: Request | None = next(steps)
    while request is not None:
        if search.pages == pages and not shown and (who[0] in seen or who[0] not in own):
            search.join(who, who, shown)
        try:
            request = steps.send(workspace(request))
        except StopIteration:
            request = None
    assert search.is_over
    assert statuses(seen) == dict.fromkeys(own, 1)
    return shown, search


@pytest.mark.parametrize(("first", "pages"), [(800, 9), (600, 7), (0, 11 + 1), (300, 11 + 4)])
def test_who_joins_a_search_is_shown_what_is_read_from_then_on(first: int, pages: int) -> None:
    """A campaign of an earlier page is not what it was when that was read: the list is begun again for it."""
    workspace = Workspace(dict.fromkeys(ids(1_000), 1))
    shown, search = joined_after(5, ids(20, first=first), workspace, ids(520))
    assert statuses(shown) == dict.fromkeys(ids(20, first=first), 1)
    assert search.pages == pages
    assert search.length in (11, float("inf"))


def test_who_joins_a_search_for_what_is_on_no_list_does_not_keep_it_going_for_ever() -> None:
    workspace, gone = Workspace(dict.fromkeys(ids(1_000), 1)), ids(20, first=2_000)
    shown, search = joined_after(5, gone, workspace, ids(520))
    assert shown == {}
    assert (search.pages, search.length) == (22, 11)


def test_a_search_goes_round_once_more_and_not_for_ever_though_others_go_on_joining() -> None:
    """Who is on no list waits for its end, and a poll that owns it for what it reads after that."""
    workspace, own = Workspace(dict.fromkeys(ids(1_000), 1)), ids(1_000)
    search, shown, pages = Search(EVERYTHING, own, own), dict[str, Any](), 0
    steps = search.run({}, float("inf"))
    request: Request | None = next(steps)
    while request is not None and pages < 100:
        try:
            request = steps.send(workspace(request))
        except StopIteration:
            request = None
        pages += 1
        passed = ids(10, first=max(pages % 11 - 1, 0) * 100)
        search.join(passed, passed, shown)
    assert (pages, search.is_over) == (22, True)


@given(
    joins=st.lists(st.tuples(st.integers(0, 30), st.sets(st.integers(0, 69), min_size=1, max_size=9)), max_size=12),
    own=st.sets(st.integers(0, 69), min_size=3),
    is_thorough=st.booleans(),
)
def test_who_joins_sees_nothing_older_and_the_search_ends(
    joins: list[tuple[int, set[int]]], own: set[int], is_thorough: bool
) -> None:
    """Each answer shows its number as the status of all its campaigns; the last ten are on no list."""
    everyone = ids(70)
    workspace = Workspace(dict.fromkeys(everyone, 0), unlisted=set(everyone[60:]), page_size=6)
    wanted, shown, seen = [everyone[n] for n in own], list[tuple[int, dict[str, Any]]](), dict[str, Any]()
    search = Search(EVERYTHING, wanted, wanted, is_thorough=is_thorough)
    steps = search.run(seen, float("inf"))
    request: Request | None = next(steps)
    while request is not None:
        for _, who in (join for join in joins if join[0] == search.pages):
            shown.append((search.pages, {}))
            joined = [everyone[n] for n in who]
            search.join(joined, joined, shown[-1][1])
        workspace.statuses = dict.fromkeys(everyone, search.pages + 1)
        try:
            request = steps.send(workspace(request))
        except StopIteration:
            request = None
    assert search.is_over
    assert search.pages <= 2 * 11
    assert all(found.status > since for since, of_one in shown for found in of_one.values())
    assert all(found.status > 0 for found in seen.values())


def test_a_search_that_fails_fails_for_those_who_have_joined() -> None:
    search, own, others = Search(EVERYTHING, ids(250), ids(250)), dict[str, Any](), dict[str, Any]()
    steps = search.run(own, 9)
    steps.send(Workspace(dict.fromkeys(ids(250), 1))(next(steps)))
    search.join(ids(1), ids(1), others)
    error = InstantlyConnectionError("broken")
    search.fail(error)
    assert others == {ids(1)[0]: error}
    assert list(own.values()).count(error) == 150
    steps.close()
    assert search.is_over


@pytest.mark.parametrize(("length", "pages"), [(float("inf"), 6), (10, 10)])
def test_a_list_whose_end_is_near_is_read_to_its_end(length: float, pages: int) -> None:
    """Six pages have not shown five campaigns: without an end in sight they are asked for one by one."""
    workspace, wanted = Workspace(dict.fromkeys(ids(999), 1)), [*ids(1), *ids(6, first=990)]
    search = Search(EVERYTHING, wanted, wanted, length=length)
    workspace.run(search.run({}, float("inf")))
    assert search.pages == pages


def test_a_search_remembers_how_large_its_pages_may_be() -> None:
    workspace = Workspace(
        dict.fromkeys(ids(60), 1),
        fails=lambda r: AnswerTooLargeError("Too large.") if int(dict(r.query)["limit"]) > 25 else None,
    )
    search, seen = Search(EVERYTHING, ids(60), ids(60)), dict[str, Any]()
    workspace.run(search.run(seen, 9))
    assert (search.page_size, statuses(seen)) == (25, dict.fromkeys(ids(60), 1))


@given(question=questions())
def test_against_a_model_of_a_workspace(question: Question) -> None:
    workspace, truth = question.workspace, question.truth
    for _ in range(2):
        assert statuses(workspace.run(read_many(question.wanted))) == truth
        assert len(workspace.asked) <= 2 * len(truth) + 1
