"""The search for sending accounts: with how few requests, and what is believed. A check's is in `test_reading.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.driver import drive
from airflow_provider_instantly.api.errors import InstantlyUnexpectedAnswerError
from airflow_provider_instantly.api.senders import NoRequestLeftError, SenderSearch, SendersNotFoundError

if TYPE_CHECKING:
    from airflow_provider_instantly.api.protocol import Request

ENOUGH = 1_000


@dataclass
class Workspace:
    """
    The accounts of a workspace, in the order of its list.

    :param accounts: their addresses.
    :param tags: the tag of each that has one.
    :param shows_tags: whether the tags are in the answer.
    :param repeats: whether each page has the cursor of the first.
    """

    accounts: list[str]
    tags: dict[str, str] = field(default_factory=dict)
    shows_tags: bool = True
    repeats: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Any:
        query = dict(request.query)
        self.asked.append(query)
        wanted = query.get("tag_ids", "").split(",") if "tag_ids" in query else None
        found = [
            email
            for email in self.accounts
            if (wanted is None or self.tags.get(email) in wanted) and query.get("search", "") in email
        ]
        begin, limit = int(query.get("starting_after", 0)), int(query["limit"])
        page = found[begin : begin + limit]
        cursor = str(0 if self.repeats else begin + limit)
        return {"items": list(map(self._document, page)), **({"next_starting_after": cursor} if page else {})}

    def _document(self, email: str) -> dict[str, Any]:
        tags = [{"id": self.tags[email]}] if email in self.tags else []
        return {"email": email, "status": 1, **({"tags": tags} if self.shows_tags else {})}

    def search(self, named: list[str], *tags: str, most: int = ENOUGH, is_hurried: bool = False) -> SenderSearch:
        """A search that has come to its end."""
        search = SenderSearch(named, tags, lambda search: most - search.requests, is_hurried=is_hurried)
        drive(search.run(), self)
        assert search.requests == len(self.asked) <= most
        return search

    @property
    def domains(self) -> list[str | None]:
        """Which domains were searched; None for a page of the whole list."""
        return [query.get("search") for query in self.asked]


def on(domain: str, count: int) -> list[str]:
    return [f"a{number}@{domain}" for number in range(count)]


OTHERS = on("other.example", 2_000)


def test_the_list_of_a_small_workspace_is_read_once() -> None:
    workspace = Workspace(on("a.example", 40) + on("b.example", 40))
    search = workspace.search(["A0@a.example", "a1@b.example", "gone@a.example"])
    assert search.found.keys() == {"a0@a.example", "a1@b.example"}
    assert (search.gone, search.missing, workspace.domains) == ({"gone@a.example"}, set(), [None, None])


@pytest.mark.parametrize("is_hurried", [True, False])
def test_domains_are_searched_in_a_large_one(is_hurried: bool) -> None:
    workspace = Workspace(OTHERS + on("a.example", 3))
    search = workspace.search(on("a.example", 3), is_hurried=is_hurried)
    assert (len(search.found), workspace.domains) == (3, [None, "a.example"])


def test_as_many_domains_as_pages_were_read() -> None:
    """So it takes at most twice what reading the list would."""
    names = [f"a0@{letter}.example" for letter in "abc"]
    workspace = Workspace(OTHERS + names)
    assert len(workspace.search(names).found) == 3
    assert workspace.domains == [None, None, None, "a.example", "b.example", "c.example"]
    hurried = Workspace(OTHERS + names)
    assert len(hurried.search(names, is_hurried=True).found) == 3
    assert hurried.domains == [None, "a.example", "b.example", "c.example"]


def test_what_its_domain_does_not_show_is_looked_for_to_the_end() -> None:
    workspace = Workspace(OTHERS)
    search = workspace.search(["a0@gone.example"])
    assert (search.gone, search.missing) == ({"a0@gone.example"}, set())
    assert workspace.domains.count("gone.example") == 1
    hurried = Workspace(OTHERS).search(["a0@gone.example"], is_hurried=True)
    assert (hurried.gone, hurried.missing) == (set(), {"a0@gone.example"})


def test_what_is_not_found_with_the_requests_is_missing_and_not_gone() -> None:
    search = Workspace(OTHERS).search(["a0@gone.example"], most=5)
    assert (search.gone, search.missing, search.has_repeated_itself) == (set(), {"a0@gone.example"}, False)


def test_a_list_that_repeats_itself_is_not_whole() -> None:
    search = Workspace(on("a.example", 5), repeats=True).search(["gone@a.example"])
    assert (search.gone, search.missing, search.has_repeated_itself) == (set(), {"gone@a.example"}, True)


class TestTags:
    def test_those_with_a_tag_are_listed_by_it(self) -> None:
        workspace = Workspace(OTHERS, tags=dict.fromkeys(OTHERS[900:1_130], "red"))
        search = workspace.search([], "red", "green")
        assert (len(search.found), search.count) == (230, 230)
        assert {query["tag_ids"] for query in workspace.asked} == {"green,red"}

    def test_many_tags_do_not_fit_into_one_request(self) -> None:
        tags = [f"tag-{number:03}" for number in range(230)]
        workspace = Workspace(on("a.example", 230), tags=dict(zip(on("a.example", 230), tags, strict=True)))
        assert len(workspace.search([], *tags).found) == 230
        assert max(len(query["tag_ids"].split(",")) for query in workspace.asked) == 100

    def test_who_has_a_tag_is_not_looked_for_by_name(self) -> None:
        workspace = Workspace(OTHERS, tags={"a7@other.example": "red"})
        assert workspace.search(["a7@other.example"], "red").missing == set()
        assert all("tag_ids" in query for query in workspace.asked)

    def test_tags_that_are_not_shown_prove_nothing(self) -> None:
        workspace = Workspace(on("a.example", 3), tags={"a0@a.example": "red"}, shows_tags=False)
        with pytest.raises(InstantlyUnexpectedAnswerError, match="not said which tags it has"):
            workspace.search([], "red")

    def test_a_list_that_repeats_itself_is_not_whole(self) -> None:
        workspace = Workspace(on("a.example", 3), tags={"a0@a.example": "red"}, repeats=True)
        with pytest.raises(SendersNotFoundError, match="again and again"):
            workspace.search([], "red")

    def test_more_than_the_requests_reach(self) -> None:
        workspace = Workspace(OTHERS, tags=dict.fromkeys(OTHERS, "red"))
        with pytest.raises(NoRequestLeftError):
            workspace.search([], "red", most=5)
        assert len(workspace.asked) == 5


@given(
    size=st.integers(0, 950),
    domains=st.integers(1, 12),
    named=st.lists(st.integers(0, 1_000), max_size=30),
    tagged=st.integers(0, 300),
    is_hurried=st.booleans(),
)
def test_all_that_are_there_are_found_with_few_requests(
    size: int, domains: int, named: list[int], tagged: int, is_hurried: bool
) -> None:
    def address(number: int) -> str:
        return f"a{number}@mail{number % domains}.example"

    accounts = [address(number) for number in range(size)]
    workspace = Workspace(accounts, tags=dict.fromkeys(accounts[:tagged], "red"))
    search = workspace.search(list(map(address, named)), "red", is_hurried=is_hurried)
    wanted = set(map(address, named)) | set(accounts[:tagged])
    assert search.found.keys() == wanted & set(accounts)
    assert search.gone | search.missing == wanted - set(accounts)
    if not is_hurried:
        assert not search.missing
        by_tag = ceil(tagged / 100) + 1
        by_list = ceil(size / 100) + 1
        # No more domains are searched than pages were read, and each has its share of the accounts.
        assert search.requests <= by_tag + by_list + domains * (ceil(size / domains / 100) + 1)
