"""One poll of many campaigns: what it sees, and how few requests it takes, against a model of a workspace."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_instantly.api.bulk import EVERYTHING, Listing
from airflow_provider_instantly.api.campaign import Campaign, CampaignStatus
from airflow_provider_instantly.api.errors import (
    AnswerTooLargeError,
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyBadRequestError,
    InstantlyConnectionError,
    InstantlyError,
    InstantlyNotFoundError,
    InstantlyRateLimitError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.waits.goal import Goal, Verdict
from airflow_provider_instantly.waits.machine import Wait
from airflow_provider_instantly.waits.reader import Reader
from tests.unit.workspace import Question, Workspace, ids, questions, statuses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_instantly.api.protocol import Request


#: The lists that a poll may try.
LISTS = 3


class RepeatingWorkspace(Workspace):
    """Whose list without a status never gets beyond its first page."""

    def __call__(self, request: Request) -> Any:
        answer = super().__call__(request)
        if "exclude_status" not in dict(request.query):
            return answer
        first = [each for each in self.statuses if self.statuses[each] != 0][:10]
        return {"items": [{"id": each, "status": self.statuses[each]} for each in first], "next_starting_after": "10"}


def poll(reader: Reader, wanted: Iterable[str], workspace: Workspace) -> dict[str, Any]:
    """Read the campaigns once; only the requests of this poll are kept in the workspace."""
    return workspace.run(reader.read(wanted))


class TestFewestRequests:
    @pytest.mark.parametrize(
        ("wanted", "workspace_size", "first_poll", "later_polls"),
        [
            (1, 1, (0, 1), (0, 1)),
            (2, 50, (0, 2), (0, 2)),
            (3, 50, (1, 0), (1, 0)),
            (50, 50, (1, 0), (1, 0)),
            (100, 100, (1, 0), (1, 0)),
            # More than a page that no one knows: the first poll reads to the list's end, for those who may join.
            (1_000, 1_000, (11, 0), (10, 0)),
            (1_000, 3_000, (31, 0), (10, 0)),
        ],
    )
    def test_pages_where_they_are_cheaper(
        self, wanted: int, workspace_size: int, first_poll: tuple[int, int], later_polls: tuple[int, int]
    ) -> None:
        reader, workspace = Reader(for_joiners=True), Workspace(dict.fromkeys(ids(workspace_size), 1))
        for expected in (first_poll, later_polls, later_polls):
            seen = poll(reader, ids(wanted), workspace)
            assert (workspace.pages, workspace.singles) == expected
            assert list(statuses(seen).values()) == [1] * wanted

    @pytest.mark.parametrize("wanted", [100, 101, 1_000])
    def test_a_list_is_read_no_further_where_no_one_will_join(self, wanted: int) -> None:
        """In reschedule mode each poll is the first one of its process."""
        workspace = Workspace(dict.fromkeys(ids(12_000), 1))
        assert list(statuses(poll(Reader(), ids(wanted), workspace)).values()) == [1] * wanted
        assert len(workspace.asked) == -(-wanted // 100)

    def test_what_is_read_for_joiners_does_not_make_later_polls_dearer(self) -> None:
        workspace = Workspace({each: number % 2 for number, each in enumerate(ids(12_000))})
        reader, costs = Reader(for_joiners=True), []
        for _ in range(12):
            poll(reader, ids(200), workspace)
            costs.append((workspace.pages, workspace.singles))
        assert costs == [(121, 0), (4, 0), *[(2, 0)] * 10], "the second poll tries another list"

    @pytest.mark.parametrize("asks_after", [12, 17])
    def test_pages_for_those_who_joined_do_not_make_later_polls_dearer(self, asks_after: int) -> None:
        """Nor does another one think so that begins while a list is read once more for them."""
        workspace = Workspace(dict.fromkeys(ids(1_500), 2) | dict.fromkeys(ids(1_500, first=1_500), 1))
        reader, wanted = Reader(), ids(1_200, first=1_500)
        poll(reader, wanted, workspace)
        steps, costs = reader.read(wanted), []
        request: Request | None = next(steps)
        search = reader.open_search
        assert search is not None
        while request is not None:
            if search.pages == 2:
                reader.join(search, wanted, {})
            if search.pages == asks_after:
                costs.append(reader.expects(wanted))
            try:
                request = steps.send(workspace(request))
            except StopIteration:
                request = None
        poll(reader, wanted, workspace)
        assert search.listing == Listing(status=CampaignStatus.ACTIVE)
        assert (search.pages, len(workspace.asked)) == (16 + 2, 12)
        assert 12 <= costs[0] <= 17

    def test_few_of_many_are_asked_for_one_by_one_once_it_is_known_how_many_there_are(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(5_000), 1))
        wanted = ids(5, first=4_990)
        poll(reader, wanted, workspace)
        assert workspace.pages <= 6
        poll(reader, wanted, workspace)
        poll(reader, wanted, workspace)
        assert (workspace.pages, workspace.singles) == (0, 5)

    def test_many_that_lie_far_apart_are_asked_for_one_by_one(self) -> None:
        # On each page is one of them: the list is never the cheaper way, and a poll must not try it again and again.
        workspace = Workspace(dict.fromkeys(ids(30_000), 1))
        wanted = list(workspace.statuses)[5::500]
        reader = Reader()
        poll(reader, wanted, workspace)
        poll(reader, wanted, workspace)
        for _ in range(3):
            poll(reader, wanted, workspace)
            assert len(workspace.asked) <= len(wanted)

    def test_pages_again_when_more_are_wanted(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(300), 1))
        poll(reader, ids(3, first=290), workspace)
        poll(reader, ids(200), workspace)
        assert (workspace.pages, workspace.singles) == (2, 0)

    def test_each_campaign_is_asked_for_once(self) -> None:
        workspace = Workspace(dict.fromkeys(ids(2), 1))
        assert len(poll(Reader(), ids(1) * 2, workspace)) == 1
        assert workspace.singles == 1

    def test_nothing_for_nothing(self) -> None:
        workspace = Workspace({})
        assert poll(Reader(), [], workspace) == {}
        assert workspace.asked == []


class TestShorterLists:
    def test_a_thousand_drafts_are_one_page_without_drafts(self) -> None:
        reader, workspace = Reader(for_joiners=True), Workspace(dict.fromkeys(ids(1_000), 0))
        costs = []
        for _ in range(21):
            assert statuses(poll(reader, ids(1_000), workspace)) == workspace.statuses
            costs.append((workspace.pages, workspace.singles))
        assert costs == [(11, 0), *[(1, 0)] * 9, (10, 0), *[(1, 0)] * 9, (10, 0)], "each tenth poll sees all again"

    def test_a_launched_draft_is_seen_at_once(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(1_000), 0))
        for number, campaign_id in enumerate(ids(30)):
            workspace.statuses[campaign_id] = [1, -1, 2][number % 3]
            assert statuses(poll(reader, ids(1_000), workspace)) == workspace.statuses
        assert workspace.pages <= 10

    def test_a_draft_that_is_deleted_is_missed_at_each_tenth_poll(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(1_000), 0))
        gone = ids(1_000)[500]
        for _ in range(4):
            poll(reader, ids(1_000), workspace)
        del workspace.statuses[gone]
        found = [statuses(poll(reader, ids(1_000), workspace))[gone] for _ in range(7)]
        assert found == [0] * 6 + [CampaignNotFoundError]

    def test_a_draft_that_no_list_shows_says_so_until_it_is_read(self) -> None:
        """Others that join may never have existed for their wait: a list has shown them, to another."""
        reader, workspace = Reader(for_joiners=True), Workspace(dict.fromkeys(ids(1_000), 0))
        poll(reader, ids(200), workspace)
        gone = ids(20, first=500)
        for each in gone:
            del workspace.statuses[each]
        goal = Goal(target_statuses=frozenset({CampaignStatus.DRAFT}))
        wait, polls = Wait(gone, goal, now=0.0), 0
        while wait.pending:
            polls += 1
            wait.advance(poll(reader, wait.pending, workspace), began=60.0 * polls, now=60.0 * polls)
        assert wait.result().verdict == Verdict.UNREADABLE
        assert polls <= 10

    def test_drafts_that_decide_something_are_read_and_the_others_are_not(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(1_000), 0))
        poll(reader, ids(1_000), workspace)
        decisive = set(ids(3, first=500))
        for _ in range(2):
            seen: dict[str, Any] = workspace.run(reader.read(ids(1_000), decisive=decisive))
            assert {each for each, found in seen.items() if not found.is_inferred} == decisive
            assert (workspace.pages, workspace.singles) == (1, 3)

    def test_many_drafts_that_decide_something_are_read_from_a_list(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(3_000), 3) | dict.fromkeys(ids(1_000), 0))
        for _ in range(4):
            seen: dict[str, Any] = workspace.run(reader.read(ids(1_000), decisive=ids(1_000)))
            assert not any(found.is_inferred for found in seen.values())
        assert (workspace.pages, workspace.singles) == (10, 0)

    def test_one_that_was_shown_to_others_since_is_not_taken_for_the_draft_that_it_was(self) -> None:
        """It has been launched, and the list moved while it was read, so that it does not show it."""
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(1_000), 0))
        poll(reader, ids(1_000), workspace)
        launched = ids(1, first=999)[0]
        workspace.statuses[launched] = 1
        poll(reader, ids(999), workspace)
        workspace.unlisted = {launched}
        found = poll(reader, ids(1_000), workspace)[launched]
        assert (found.status, found.is_inferred) == (1, False)

    @pytest.mark.parametrize("error", [InstantlyRateLimitError("429"), InstantlyServerError("500")])
    @pytest.mark.parametrize("page", [1, 2])
    def test_where_the_tenth_poll_fails_the_next_one_reads_all(self, page: int, error: InstantlyError) -> None:
        """It is the one with many requests, so it is the one that meets the rate limit."""
        reader, workspace = Reader(for_joiners=True), Workspace(dict.fromkeys(ids(1_000), 0))
        for _ in range(10):
            poll(reader, ids(1_000), workspace)
        gone = ids(1_000)[500]
        del workspace.statuses[gone]
        workspace.fails = lambda request: error if len(workspace.asked) == page else None
        assert statuses(poll(reader, ids(1_000), workspace))[gone] is type(error)
        workspace.fails = lambda request: None
        assert statuses(poll(reader, ids(1_000), workspace))[gone] is CampaignNotFoundError

    def test_what_is_polled_now_and_then_is_missed_as_soon(self) -> None:
        """Its polls must not fall on those that take a Draft on trust for ever."""
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(1_001), 0))
        gone = ids(1_001)[1_000]
        polls = 0
        while polls < 13:
            for _ in range(4):
                poll(reader, ids(1_000), workspace)
            polls += 1
            if polls == 2:
                del workspace.statuses[gone]
            if statuses(poll(reader, ids(1_001), workspace))[gone] is CampaignNotFoundError:
                break
        assert polls <= 11, "the tenth of its polls after it was deleted"

    def test_some_drafts_of_a_large_workspace_are_found_among_the_drafts(self) -> None:
        # An agency keeps what it has completed, and prepares a hundred campaigns.
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(3_000), 3) | dict.fromkeys(ids(150, first=3_000), 0))
        wanted = ids(100, first=3_050)
        for _ in range(3):
            poll(reader, wanted, workspace)
        workspace.statuses[wanted[7]] = 1
        for _ in range(20):
            assert statuses(poll(reader, wanted, workspace)) == {cid: workspace.statuses[cid] for cid in wanted}
            assert (workspace.pages, workspace.singles) == (2, 1)

    def test_what_joins_is_asked_for_and_not_taken_for_a_draft(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(500), 0))
        poll(reader, ids(500), workspace)
        unheard_of = ids(3, first=700)
        seen = statuses(poll(reader, [*ids(500), *unheard_of], workspace))
        assert [seen[campaign_id] for campaign_id in unheard_of] == [CampaignNotFoundError] * 3
        assert (workspace.pages, workspace.singles) == (1, 3)

    def test_one_that_became_a_draft_again_is_asked_for(self) -> None:
        reader, workspace = Reader(), Workspace({**dict.fromkeys(ids(499), 0), ids(500)[-1]: 2})
        poll(reader, ids(500), workspace)
        workspace.statuses[ids(500)[-1]] = 0
        assert statuses(poll(reader, ids(500), workspace)) == workspace.statuses
        assert (workspace.pages, workspace.singles) == (1, 1)

    def test_a_service_that_does_not_heed_the_filter_is_not_trusted(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(500), 0), heeds_filters=False)
        for number in range(10):
            workspace.statuses[ids(500)[number * 50]] = 1
            workspace.statuses.pop(ids(500)[number * 50 + 7])
            truth = {cid: workspace.statuses.get(cid, CampaignNotFoundError) for cid in ids(500)}
            assert statuses(poll(reader, ids(500), workspace)) == truth

    def test_a_list_that_repeats_itself_is_not_trusted(self) -> None:
        reader, workspace = Reader(page_size=10), RepeatingWorkspace(dict.fromkeys(ids(100), 0))
        poll(reader, ids(100), workspace)
        workspace.statuses |= dict.fromkeys(ids(30), 1)
        assert statuses(poll(reader, ids(100), workspace)) == workspace.statuses
        assert sum("exclude_status" in dict(request.query) for request in workspace.asked) == 2

    @pytest.mark.parametrize("error", [InstantlyBadRequestError("400"), InstantlyServerError("500")])
    def test_a_list_that_is_refused_is_left_alone_and_the_whole_one_is_read(self, error: InstantlyError) -> None:
        reader = Reader(for_joiners=True)
        workspace = Workspace(dict.fromkeys(ids(500), 0), fails=lambda r: error if "status" in str(r.query) else None)
        costs = []
        for _ in range(20):
            assert statuses(poll(reader, ids(500), workspace)) == workspace.statuses
            costs.append(workspace.pages)
        assert costs == [6, 6, *[5] * 18]

    @pytest.mark.parametrize("error", [InstantlyRateLimitError("429"), InstantlyConnectionError("broken")])
    def test_an_error_that_concerns_all_is_met_once_and_forgets_nothing(self, error: InstantlyError) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(500), 0))
        poll(reader, ids(500), workspace)
        workspace.fails = lambda request: error
        assert list(poll(reader, ids(500), workspace).values()) == [error] * 500
        assert len(workspace.asked) == 1
        workspace.fails = lambda request: None
        poll(reader, ids(500), workspace)
        assert (workspace.pages, workspace.singles) == (1, 0)

    def test_thousands_that_join_in_parts_have_the_list_read_once(self) -> None:
        everyone = list(dict.fromkeys(ids(5_000), 0))
        reader, workspace = Reader(for_joiners=True), Workspace(dict.fromkeys(everyone, 0))
        costs = []
        for begin in range(0, 5_000, 200):
            part = everyone[begin : begin + 200]
            assert statuses(poll(reader, part, workspace)) == dict.fromkeys(part, 0)
            costs.append((workspace.pages, workspace.singles))
        assert costs == [(51, 0), *[(1, 0)] * 24]

    def test_of_those_who_are_polled_in_parts_one_part_sees_all_again_for_the_others(self) -> None:
        everyone = list(dict.fromkeys(ids(3_000), 0))
        reader, workspace = Reader(), Workspace(dict.fromkeys(everyone, 0))
        poll(reader, everyone, workspace)
        pages = 0
        for _ in range(10):
            for part in (everyone[2_000:], everyone[1_000:2_000], everyone[:1_000]):
                poll(reader, part, workspace)
                pages += workspace.pages
        assert pages <= 30 + 30

    def test_few_that_join_are_read_by_themselves_which_shows_their_names(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(1_000), 0))
        poll(reader, ids(995), workspace)
        found = poll(reader, ids(1_000), workspace)
        assert (workspace.pages, workspace.singles) == (1, 5)
        assert all(found[each].name for each in ids(1_000)[995:])

    def test_campaigns_that_no_wait_is_for_any_longer_are_forgotten(self) -> None:
        reader, workspace = Reader(), Workspace(dict.fromkeys(ids(1_000), 0))
        poll(reader, ids(1_000), workspace)
        for _ in range(100):
            poll(reader, ids(200), workspace)
        assert len(reader._known) <= 200

    @settings(max_examples=40)
    @given(data=st.data())
    def test_against_a_workspace_that_changes(self, data: st.DataObject) -> None:
        names = ids(40)
        workspace = Workspace(dict.fromkeys(names, 0), page_size=4)
        reader, unnoticed = Reader(page_size=4), Counter[str]()
        for _ in range(data.draw(st.integers(1, 40))):
            for campaign_id in data.draw(st.lists(st.sampled_from(names), max_size=3)):
                status = data.draw(st.sampled_from([0, 0, 1, 2, -1, 7, None]))
                workspace.statuses.pop(campaign_id, None) if status is None else workspace.statuses.update(
                    {campaign_id: status}
                )
            workspace.heeds_filters = data.draw(st.integers(0, 9)) > 0
            wanted = data.draw(st.lists(st.sampled_from(names), min_size=20, max_size=40, unique=True))
            for campaign_id, status in statuses(poll(reader, wanted, workspace)).items():
                truth = workspace.statuses.get(campaign_id, CampaignNotFoundError)
                if status == truth:
                    del unnoticed[campaign_id]
                else:
                    assert (status, truth) == (0, CampaignNotFoundError), "only that a Draft is gone may be overlooked"
                    unnoticed[campaign_id] += 1
                    assert unnoticed[campaign_id] <= 9


class TestWhatIsSeen:
    def test_the_campaigns_as_they_are(self) -> None:
        workspace = Workspace(dict(zip(ids(6), [0, 1, 2, -2, 7, 3.0], strict=True)))
        assert statuses(poll(Reader(), ids(6), workspace)) == workspace.statuses

    @pytest.mark.parametrize("count", [1, 3], ids=["alone", "on_the_list"])
    def test_nothing_is_kept_of_their_documents(self, count: int) -> None:
        seen = poll(Reader(), ids(count), Workspace(dict.fromkeys(ids(count), 1)))
        assert [campaign.document for campaign in seen.values()] == [{}] * count

    def test_a_campaign_that_is_read_alone_knows_its_id(self) -> None:
        workspace = Workspace(dict.fromkeys(ids(1), 1))
        (campaign,) = poll(Reader(), ids(1), workspace).values()
        assert campaign.title == f'"N" ({ids(1)[0]})'

    def test_one_that_the_list_does_not_show_is_asked_for_by_itself(self) -> None:
        workspace = Workspace(dict.fromkeys(ids(4), 1), unlisted={ids(4)[2]})
        assert statuses(poll(Reader(), ids(4), workspace)) == dict.fromkeys(ids(4), 1)
        assert (workspace.pages, workspace.singles) == (1, 1)

    def test_one_that_is_gone_is_an_error_and_the_others_are_not(self) -> None:
        workspace = Workspace(dict.fromkeys(ids(3), 1))
        seen = statuses(poll(Reader(), ids(4), workspace))
        assert seen == {**workspace.statuses, ids(4)[3]: CampaignNotFoundError}

    @pytest.mark.parametrize("status", [None, "1", "active", True, []])
    def test_one_without_a_status_on_the_list_is_an_error(self, status: object) -> None:
        workspace = Workspace({**dict.fromkeys(ids(3), 1), ids(4)[3]: status})
        if status is None:
            workspace.statuses[ids(4)[3]] = "none"
        seen = poll(Reader(), ids(4), workspace)
        assert type(seen[ids(4)[3]]) is InstantlyUnexpectedAnswerError
        assert ids(4)[3] in str(seen[ids(4)[3]])
        assert statuses(seen)[ids(1)[0]] == 1

    @pytest.mark.parametrize("items", [None, {}, "x"])
    def test_a_page_that_is_none_is_an_error_for_all(self, items: object) -> None:
        steps = Reader().read(ids(3))
        next(steps)
        with pytest.raises(StopIteration) as stopped:
            steps.send({"items": items})
        assert {type(found) for found in stopped.value.value.values()} == {InstantlyUnexpectedAnswerError}

    def test_campaigns_on_the_list_whose_id_is_strange_are_passed_over(self) -> None:
        steps = Reader().read(ids(3))
        next(steps)
        odd = [{"id": None, "status": 1}, {"id": "x"}, {}, {"id": ids(1)[0].upper(), "status": 2}]
        request = steps.send({"items": odd})
        assert request.resource.id == ids(3)[1]


class TestPagesThatAreTooLarge:
    """Campaigns with long e-mails, of which 100 are more than is read of an answer."""

    def test_half_as_many_are_asked_for_until_they_fit_and_then_from_the_start(self) -> None:
        reader = Reader()
        workspace = Workspace(dict.fromkeys(ids(100), 1), fails=lambda request: too_large(request, above=25))
        assert list(statuses(poll(reader, ids(100), workspace)).values()) == [1] * 100
        assert [dict(request.query)["limit"] for request in workspace.asked] == ["100", "50", "25", "25", "25", "25"]

        poll(reader, ids(100), workspace)
        assert [dict(request.query)["limit"] for request in workspace.asked] == ["25"] * 4

    def test_a_later_page(self) -> None:
        def fails(request: Request) -> InstantlyError | None:
            return too_large(request, above=50) if len(request.query) > 1 else None

        workspace = Workspace(dict.fromkeys(ids(200), 1), fails=fails)
        assert list(statuses(poll(Reader(for_joiners=True), ids(200), workspace)).values()) == [1] * 200
        assert len(workspace.asked) == 1 + 1 + 2 + 1

    def test_one_campaign_that_is_too_large_is_an_error(self) -> None:
        workspace = Workspace(dict.fromkeys(ids(9), 1), fails=lambda request: too_large(request, above=0))
        assert set(statuses(poll(Reader(), ids(9), workspace)).values()) == {AnswerTooLargeError}
        assert len(workspace.asked) == 7


def too_large(request: Request, above: int) -> AnswerTooLargeError | None:
    return AnswerTooLargeError("Too large.") if int(dict(request.query).get("limit", 0)) > above else None


class TestErrors:
    def test_on_the_first_page(self) -> None:
        workspace = Workspace(dict.fromkeys(ids(250), 1), fails=lambda request: InstantlyServerError("503"))
        seen = poll(Reader(), ids(250), workspace)
        assert set(statuses(seen).values()) == {InstantlyServerError}
        assert len(seen) == 250
        assert len(workspace.asked) == 1

    def test_on_a_later_page_what_was_seen_before_counts(self) -> None:
        workspace = Workspace(
            dict.fromkeys(ids(250), 1),
            fails=lambda request: InstantlyServerError("503") if len(request.query) > 1 else None,
        )
        seen = statuses(poll(Reader(), ids(250), workspace))
        assert list(seen.values()).count(1) == 100
        assert list(seen.values()).count(InstantlyServerError) == 150
        assert len(workspace.asked) == 2

    @pytest.mark.parametrize("error", [InstantlyRateLimitError("429"), InstantlyConnectionError("broken")])
    def test_that_would_be_the_same_for_all_is_met_once(self, error: InstantlyError) -> None:
        workspace = Workspace({}, fails=lambda request: error)
        assert list(poll(Reader({EVERYTHING: 9}), ids(5), workspace).values()) == [error] * 5
        assert len(workspace.asked) == 1

    @pytest.mark.parametrize("for_joiners", [True, False])
    @pytest.mark.parametrize(
        ("error", "page"),
        [
            (InstantlyBadRequestError("400"), 1),
            (InstantlyBadRequestError("422"), 2),
            (InstantlyNotFoundError("404"), 2),
        ],
    )
    def test_a_page_that_is_refused_says_nothing_of_the_campaigns(
        self, error: InstantlyError, page: int, for_joiners: bool
    ) -> None:
        workspace = Workspace(dict.fromkeys(ids(250), 1))
        workspace.fails = lambda r: error if r.resource.id is None and len(workspace.asked) == page else None
        reader = Reader(for_joiners=for_joiners)
        assert set(statuses(poll(reader, ids(250), workspace)).values()) == {1}
        assert len(workspace.asked) == page + 250 - 100 * (page - 1)
        workspace.fails = lambda r: None
        poll(reader, ids(250), workspace)
        assert len(workspace.asked) <= 4, "the list is tried again"

    def test_a_path_that_is_not_instantlys_is_met_once(self) -> None:
        workspace = Workspace({}, fails=lambda request: InstantlyNotFoundError("404"))
        assert set(statuses(poll(Reader(), ids(250), workspace)).values()) == {InstantlyNotFoundError}
        assert len(workspace.asked) == 1

    @pytest.mark.parametrize("error", [InstantlyServerError("500"), InstantlyAuthenticationError("401")])
    def test_of_one_campaign_says_nothing_of_the_others(self, error: InstantlyError) -> None:
        first = ids(1)[0]
        workspace = Workspace(
            dict.fromkeys(ids(3), 1), fails=lambda request: error if request.resource.id == first else None
        )
        assert list(statuses(poll(Reader({EVERYTHING: 9}), ids(3), workspace)).values()) == [type(error), 1, 1]

    def test_a_poll_that_failed_teaches_nothing(self) -> None:
        reader = Reader()
        poll(reader, ids(250), Workspace({}, fails=lambda request: InstantlyServerError("503")))
        assert reader == Reader()


#: Three campaigns that lie far apart in a list of 36 pages, none of which is worth its requests.
SCATTERED = Question(
    Workspace({each: number % 5 for number, each in enumerate(ids(36))}, page_size=1),
    [ids(36)[position] for position in (6, 15, 35)],
)


@example(question=SCATTERED)
@given(question=questions())
def test_against_a_model_of_a_workspace(question: Question) -> None:
    workspace, truth, reader = question.workspace, question.truth, Reader()
    assert statuses(poll(reader, question.wanted, workspace)) == truth
    first_cost = len(workspace.asked)
    assert first_cost <= 2 * len(truth) + 1
    for _ in range(LISTS - 1):
        assert statuses(poll(reader, question.wanted, workspace)) == truth
        assert len(workspace.asked) <= LISTS * len(truth), "the shorter lists are tried, each of them once"
    for _ in range(20):
        assert statuses(poll(reader, question.wanted, workspace)) == truth
        # Never dearer than asking one by one, nor than the first poll.
        assert len(workspace.asked) <= min(len(truth), max(first_cost, 2)) + len(workspace.unlisted)


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
ITEMS = st.none() | st.fixed_dictionaries({}, optional={"id": st.sampled_from(ids(8)) | SCALARS, "status": SCALARS})
ANSWERS = st.fixed_dictionaries(
    {}, optional={"items": st.lists(ITEMS, max_size=4) | SCALARS, "next_starting_after": SCALARS, "status": SCALARS}
)


@given(answers=st.lists(ANSWERS, min_size=20, max_size=20), count=st.integers(1, 8))
def test_whatever_is_answered_a_poll_ends(answers: list[Any], count: int) -> None:
    steps, coming, asked = Reader().read(ids(count)), iter(answers), 0
    seen: dict[str, Any] | None = None
    next(steps)
    while seen is None:
        asked += 1
        try:
            steps.send(next(coming))
        except StopIteration as stop:
            seen = stop.value
    assert set(seen) == set(ids(count))
    assert all(isinstance(found, Campaign | InstantlyError) for found in seen.values())
    assert asked <= 2 * count + 1
