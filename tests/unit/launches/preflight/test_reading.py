"""What a check reads: with how few requests, what it believes, and what becomes of what it cannot read."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.driver import drive
from airflow_provider_instantly.api.errors import (
    InstantlyConnectionError,
    InstantlyError,
    InstantlyPermissionError,
)
from airflow_provider_instantly.launches.preflight.facts import Facts, LeadSample, Senders, Unread
from airflow_provider_instantly.launches.preflight.reading import read_facts
from airflow_provider_instantly.launches.preflight.rules import CheckRules
from tests.unit.launches.preflight.ready import ACCOUNT, CAMPAIGN_ID, DOCUMENT, LEAD_DOCUMENT, NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.protocol import Request

TAG = "5810ba01-0da9-4e2f-b896-67b449443279"


@dataclass
class Instantly:
    """
    A workspace that answers as Instantly does.

    :param named: the accounts that the campaign names.
    :param accounts: the addresses of all accounts, in the order of the list.
    :param tagged: those with the campaign's tag.
    :param statuses: the status of each lead.
    :param fails: an error for a request, or None.
    :param heeds: whether filters, tags and searches are heeded.
    :param shows_tags: whether the accounts' tags are in the answer.
    :param scores: whether accounts show their warm-up score.
    :param always_has_a_cursor: whether each page that is not empty has a cursor, as live.
    """

    named: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    tagged: set[str] = field(default_factory=set)
    statuses: list[int] = field(default_factory=lambda: [1])
    fails: Callable[[Request], InstantlyError | None] = lambda _: None
    heeds: bool = True
    shows_tags: bool = True
    scores: bool = True
    always_has_a_cursor: bool = True
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Any:
        self.asked.append(request)
        if error := self.fails(request):
            return error
        match request.path:
            case "/accounts":
                return self._accounts(dict(request.query))
            case "/leads/list":
                assert request.body is not None
                return self._leads(request.body)
            case "/accounts/warmup-analytics":
                emails = request.parameter("emails")
                return {"aggregate_data": {email: {"health_score": 91} for email in emails}}
            case "/accounts/test/vitals":
                domains = {email.rpartition("@")[2] for email in request.parameter("accounts")}
                return {"success_list": [{"domain": domain, "allPass": True} for domain in domains]}
            case "/workspace-billing/plan-details":
                return {"subscriptions": {"outreach": {"total_lead_limit": 10, "current_lead_count": 1}}}
            case other:
                raise AssertionError(other)

    def _accounts(self, query: dict[str, str]) -> Any:
        wanted = [
            email
            for email in self.accounts
            if not self.heeds
            or ((TAG not in query.get("tag_ids", "") or email in self.tagged) and query.get("search", "") in email)
        ]
        score = {} if self.scores else {"stat_warmup_score": None}

        def document(email: str) -> dict[str, Any]:
            tags = [{"id": TAG}] if email in self.tagged else []
            return {**ACCOUNT, **score, "email": email, **({"tags": tags} if self.shows_tags else {})}

        items = list(map(document, wanted))
        return self._page(items, query)

    def _leads(self, body: dict[str, Any]) -> Any:
        statuses = [s for s in self.statuses if not (body.get("filter") and self.heeds) or s == 1]
        return self._page([{**LEAD_DOCUMENT, "status": status} for status in statuses], body)

    def _page(self, items: list[Any], asked: dict[str, Any]) -> Any:
        begin, limit = int(asked.get("starting_after", 0)), int(asked["limit"])
        page = items[begin : begin + limit]
        has_cursor = page and (self.always_has_a_cursor or begin + limit < len(items))
        return {"items": page, **({"next_starting_after": str(begin + limit)} if has_cursor else {})}

    @property
    def campaign(self) -> Campaign:
        """The campaign as it was just read."""
        tags = [TAG] if self.tagged else []
        return Campaign.from_api({**DOCUMENT, "email_list": self.named, "email_tag_list": tags}, CAMPAIGN_ID)

    def read(self, **rules: Any) -> Facts:
        """What a check reads of the campaign."""
        return drive(read_facts(self.campaign, CheckRules(**rules), NOW), self)

    def senders(self, **rules: Any) -> Senders:
        """What a check reads of the senders."""
        senders = self.read(**rules).senders
        assert isinstance(senders, Senders), senders
        return senders

    def sample(self) -> LeadSample:
        """What a check reads of the leads."""
        leads = self.read().leads
        assert isinstance(leads, LeadSample), leads
        return leads


def named(count: int, domains: int = 1) -> list[str]:
    return [f"a{number}@mail{number % domains}.example" for number in range(count)]


def test_a_small_workspace() -> None:
    instantly = Instantly(named(3), named(5))
    assert instantly.senders().count == 3
    assert [request.path.rpartition("/")[2] for request in instantly.asked] == [
        "plan-details", "list", "accounts", "vitals",
    ]  # fmt: skip


def test_it_only_reads() -> None:
    instantly = Instantly(named(3), named(300), {"t@tag.example"}, [3], scores=False)
    instantly.read()
    assert all(request.only_reads for request in instantly.asked)


class TestSenders:
    def test_no_account_is_asked_for_where_none_is_named(self) -> None:
        instantly = Instantly()
        assert instantly.senders() == Senders()
        assert "/accounts" not in [request.path for request in instantly.asked]

    @pytest.mark.parametrize("always_has_a_cursor", [True, False])
    def test_one_that_is_gone(self, always_has_a_cursor: bool) -> None:
        senders = Instantly(named(3), named(2), always_has_a_cursor=always_has_a_cursor).senders()
        assert (len(senders.accounts), senders.gone, senders.not_found) == (2, 1, 0)

    def test_addresses_are_compared_in_lower_case(self) -> None:
        assert len(Instantly(["A0@Mail0.example"], named(1)).senders().accounts) == 1

    def test_by_tag(self) -> None:
        instantly = Instantly(accounts=named(900), tagged=set(named(900)[400:630]))
        assert len(instantly.senders().accounts) == 230

    def test_by_name_and_by_tag_each_once(self) -> None:
        both = Instantly(named(3), named(900), tagged=set(named(900)[2:5]))
        assert len(both.senders().accounts) == 5

    def test_in_a_large_workspace_by_their_domain(self) -> None:
        others = [f"b{number}@other.example" for number in range(5_000)]
        instantly = Instantly(named(50, domains=2), others + named(60, domains=2))
        senders = instantly.senders()
        assert (len(senders.accounts), senders.not_found) == (50, 0)
        assert [dict(request.query).get("search") for request in instantly.asked if request.path == "/accounts"] == [
            None, "mail0.example", "mail1.example",
        ]  # fmt: skip

    def test_that_one_is_gone_is_believed_where_its_domain_shows_others(self) -> None:
        others = [f"b{number}@other.example" for number in range(5_000)]
        senders = Instantly(["a0@mail0.example", "gone@mail0.example", "x@y.example"], others + named(1)).senders()
        assert (len(senders.accounts), senders.gone, senders.not_found) == (1, 1, 1)

    def test_those_beyond_the_requests_are_not_found(self) -> None:
        others = [f"b{number}@other.example" for number in range(5_000)]
        instantly = Instantly(named(50, domains=20), others + named(50, domains=20))
        senders = instantly.senders()
        assert (senders.accounts, senders.gone, senders.not_found) == ((), 0, 50)
        assert instantly.senders(extra_requests=60).not_found == 0

    def test_more_with_a_tag_than_the_requests_reach(self) -> None:
        heedless = Instantly(accounts=named(5_000), tagged={named(5_000)[-1]}, heeds=False)
        assert isinstance(heedless.read().senders, Unread)

    def test_tags_that_are_not_shown_prove_nothing(self) -> None:
        senders = Instantly(accounts=named(5), tagged=set(named(2)), shows_tags=False).read().senders
        assert isinstance(senders, Unread)

    def test_a_tag_that_no_account_has(self) -> None:
        senders = Instantly(accounts=named(5), tagged={"gone@mail.example"}).senders()
        assert senders.count == 0

    def test_scores_are_asked_for_where_accounts_show_none(self) -> None:
        senders = Instantly(named(2), named(2), scores=False).senders()
        assert senders.scores == dict.fromkeys(named(2), 91)

    def test_each_domain_is_tested_once(self) -> None:
        instantly = Instantly(named(40, domains=4), named(40, domains=4))
        assert instantly.senders().vitals.keys() == {f"mail{number}.example" for number in range(4)}
        assert len(instantly.asked[-1].parameter("accounts")) == 4

    @pytest.mark.parametrize("said", [{}, {"allPass": False}, {"mx": True}, {"mx": True, "spf": True, "dkim": False}])
    def test_domains_of_which_the_answer_leaves_checks_out(self, said: dict[str, Any]) -> None:
        instantly = Instantly(named(2, domains=2), named(2, domains=2))

        def answer(request: Request) -> Any:
            found = instantly(request)
            if request.path == "/accounts/test/vitals":
                found["success_list"][0] = {"domain": found["success_list"][0]["domain"], **said}
            return found

        facts = drive(read_facts(instantly.campaign, CheckRules(), NOW), answer)
        assert isinstance(facts.senders, Senders)
        assert facts.senders.untested == Unread("Of 1 of 2, Instantly did not say the outcome of each check.")


class TestLeads:
    @pytest.mark.parametrize(
        ("statuses", "read", "has_more", "requests"),
        [
            ([], 0, False, 2),
            ([1], 1, False, 1),
            ([3] * 500 + [1], 1, False, 1),
            ([1] * 100, 100, True, 1),
            ([1] * 101, 100, True, 1),
            ([3, -1], 2, False, 2),
            ([9, 3], 2, False, 2),
            ([3] * 500, 100, True, 2),
        ],
    )
    def test_who_is_still_to_be_written_to_comes_first(
        self, statuses: list[int], read: int, has_more: bool, requests: int
    ) -> None:
        instantly = Instantly(statuses=statuses)
        sample = instantly.sample()
        assert (len(sample.leads), sample.has_more) == (read, has_more)
        assert sum(request.path == "/leads/list" for request in instantly.asked) == requests

    def test_a_filter_that_is_not_heeded_proves_nothing(self) -> None:
        assert isinstance(Instantly(statuses=[3] * 500 + [1], heeds=False).read().leads, Unread)
        assert Instantly(statuses=[3, 3, 1], heeds=False).sample().open
        assert not Instantly(statuses=[3, 3], heeds=False).sample().open

    def test_leads_of_another_campaign_are_not_believed(self) -> None:
        def answer(request: Request) -> Any:
            found = Instantly()(request)
            if request.path == "/leads/list":
                found["items"][0]["campaign"] = TAG
            return found

        facts = drive(read_facts(Instantly().campaign, CheckRules(), NOW), answer)
        assert isinstance(facts.leads, Unread)


class TestFailures:
    def test_each_part_fails_for_itself(self) -> None:
        for path in ("/accounts", "/leads/list", "/workspace-billing/plan-details"):

            def fails(request: Request, path: str = path) -> InstantlyError | None:
                return InstantlyPermissionError("No scope.") if request.path == path else None

            facts = Instantly(named(1), named(1), fails=fails).read()
            unread = {
                name: part for name in ("senders", "leads", "plan") if isinstance(part := getattr(facts, name), Unread)
            }
            assert list(unread.values()) == [Unread("No scope.")], path

    @pytest.mark.parametrize("path", ["/accounts/warmup-analytics", "/accounts/test/vitals"])
    def test_accounts_without_their_warm_up_or_domains(self, path: str) -> None:
        def fails(request: Request) -> InstantlyError | None:
            return InstantlyPermissionError("No scope.") if request.path == path else None

        senders = Instantly(named(1), named(1), fails=fails, scores=False).senders()
        assert [senders.scores, senders.untested].count(Unread("No scope.")) == 1

    def test_nothing_more_is_asked_once_the_way_is_blocked(self) -> None:
        def fails(request: Request) -> InstantlyError | None:
            return InstantlyConnectionError("Timed out.") if request.path == "/leads/list" else None

        instantly = Instantly(named(1), named(1), fails=fails)
        facts = instantly.read()
        assert len(instantly.asked) == 2
        assert facts.leads == facts.senders == Unread("Timed out.")

    def test_a_list_by_tags_that_repeats_itself_is_not_whole(self) -> None:
        class Repeating(Instantly):
            def _page(self, items: list[Any], asked: dict[str, Any]) -> Any:
                return {**super()._page(items, asked), "next_starting_after": "1"}

        senders = Repeating(accounts=named(3), tagged=set(named(3))).read().senders
        assert isinstance(senders, Unread)
        assert "again and again" in senders.reason

    def test_an_answer_about_other_domains_is_not_believed(self) -> None:
        class Talkative(Instantly):
            def __call__(self, request: Request) -> Any:
                answer = super().__call__(request)
                stray = {"domain": "ada@other.example", "mx": False}
                return {**answer, "failure_list": [stray]} if request.path.endswith("vitals") else answer

        senders = Talkative(named(1), named(1)).senders()
        assert senders.vitals == {}
        assert senders.untested is not None
        assert "a domain that was not asked for" in senders.untested.reason
        assert "ada" not in senders.untested.reason

    def test_an_answer_about_another_accounts_warm_up_is_not_believed(self) -> None:
        class Talkative(Instantly):
            def __call__(self, request: Request) -> Any:
                answer = super().__call__(request)
                stray = {"aggregate_data": {"ada@other.example": {"health_score": 1}}}
                return stray if request.path.endswith("warmup-analytics") else answer

        scores = Talkative(named(1), named(1), scores=False).senders().scores
        assert isinstance(scores, Unread)
        assert "a sending account that was not asked for" in scores.reason

    def test_no_address_in_a_reason(self) -> None:
        facts = Instantly(fails=lambda r: InstantlyError("ada@mail.example") if "leads" in r.path else None).read()
        assert facts.leads == Unread("(an address)")


@given(
    size=st.integers(0, 450),
    wanted=st.integers(0, 450),
    tagged=st.integers(0, 450),
    domains=st.integers(1, 450),
    statuses=st.lists(st.sampled_from([1, 3]), max_size=120),
    heeds=st.booleans(),
    scores=st.booleans(),
    cursor=st.booleans(),
    extra=st.integers(4, 12),
)
def test_the_number_of_requests_is_bounded(
    size: int,
    wanted: int,
    tagged: int,
    domains: int,
    statuses: list[int],
    heeds: bool,
    scores: bool,
    cursor: bool,
    extra: int,
) -> None:
    everyone = named(size, domains)
    instantly = Instantly(
        named(wanted, domains), everyone, set(everyone[-tagged:] if tagged else []), statuses, heeds=heeds,
        scores=scores, always_has_a_cursor=cursor,
    )  # fmt: skip
    facts = instantly.read(extra_requests=extra)
    senders = {*instantly.named, *instantly.tagged}
    assert len(instantly.asked) <= ceil(len(senders) / 100) + extra
    if isinstance(facts.senders, Senders) and not facts.senders.not_found:
        assert facts.senders.count == len(senders)
        assert {account.email for account in facts.senders.accounts} == senders & set(everyone)
