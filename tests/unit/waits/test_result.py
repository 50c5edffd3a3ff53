"""How a wait stands, as messages, XComs and events; and that an event is believed only where it fits."""

from __future__ import annotations

import itertools
import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.waits.goal import Verdict
from airflow_provider_instantly.waits.result import CampaignOutcome, WaitResult, moment, share, span
from tests.statuses import ALL, BOUNCED, UNKNOWN
from tests.unit.json_values import ANY_JSON
from tests.unit.waits.story import IDS, ONE, START, Clock, goal, seen


class TestResult:
    def test_results_are_never_changed(self) -> None:
        for value in (CampaignOutcome(ONE, Verdict.REACHED, 1), WaitResult(goal(), ())):
            with pytest.raises(FrozenInstanceError):
                value.campaigns = ()  # type: ignore[union-attr, misc]

    @pytest.mark.parametrize(("budget", "for_so_long"), [(600.0, "10 min"), (45.0, "45 s"), (0.0, "0 s")])
    def test_a_silence_is_as_long_as_it_was_borne(self, budget: float, for_so_long: str) -> None:
        outcome = CampaignOutcome(ONE, Verdict.UNANSWERED, None, "Autumn", "It failed.")
        message = WaitResult(goal(failure_budget=budget), (outcome,)).message
        assert message.startswith(f"Nothing was heard of the campaign for {for_so_long}: It failed. It was never")
        assert message.endswith("[campaign Autumn]")

    def test_a_message_only_where_something_failed(self) -> None:
        clock = Clock(goal())
        assert clock.wait.result().message == ""
        clock.poll(1)
        assert clock.wait.result().message == ""

    def test_a_timeout_says_how_it_stands_and_what_to_do(self) -> None:
        clock = Clock(goal(deadline=START + 3_600, timeout=3_600.0))
        clock.poll(2, at=3_600)
        assert clock.wait.result().message == (
            "The campaign was not Active within 1 h: it is Paused. It was left as it is. Check it in Instantly, or "
            f'wait longer. [campaign "N" ({ONE})]'
        )

    def test_many_failures_are_listed_up_to_twenty_and_the_gravest_first(self) -> None:
        clock = Clock(goal(fail_fast=False, deadline=START), IDS[:25])
        clock.poll({cid: seen(-1 if cid == IDS[24] else 0, cid) for cid in IDS[:25]})
        lines = clock.wait.result().message.splitlines()
        assert lines[0] == "0 of 25 Active, 1 stopped, 24 timed out."
        assert lines[1] == (
            f'- The campaign is Accounts Unhealthy, so it will not become Active. [campaign "N" ({IDS[24]})] '
            "It was left as it is. Fix the cause in Instantly and resume the campaign there."
        )
        assert len(lines) == 22
        assert lines[-1] == "- and 5 more; the task's XCom lists every campaign."

    @pytest.mark.parametrize(("count", "last"), [(2, None), (20, None), (21, "- and 1 more"), (22, "- and 2 more")])
    def test_twenty_fit_into_a_message(self, count: int, last: str | None) -> None:
        outcomes = tuple(CampaignOutcome(cid, Verdict.STOPPED, BOUNCED, cid) for cid in IDS[:count])
        _, *lines = WaitResult(goal(), outcomes).message.splitlines()
        more = lines[20:]
        assert [IDS[number] in line for number, line in enumerate(lines[:20])] == [True] * min(count, 20)
        assert more == ([] if last is None else [f"{last}; the task's XCom lists every campaign."])

    def test_very_many_are_counted_as_people_write_it(self) -> None:
        outcomes = tuple(CampaignOutcome(str(number), Verdict.STOPPED, BOUNCED) for number in range(1_220))
        assert "- and 1,200 more;" in WaitResult(goal(), outcomes).message

    def test_what_arrived_is_not_in_the_list_of_failures(self) -> None:
        clock = Clock(goal(fail_fast=False), IDS[:3])
        clock.poll({IDS[0]: seen(1, IDS[0]), IDS[1]: seen(-2, IDS[1]), IDS[2]: seen(1, IDS[2])})
        assert IDS[0] not in clock.wait.result().message

    def test_each_sentence_of_a_failure_can_be_a_line(self) -> None:
        outcome = CampaignOutcome(ONE, Verdict.STOPPED, BOUNCED, "Autumn", "Too many bounces")
        result = WaitResult(goal(), (outcome,))
        assert result.sentences == (
            "The campaign is Bounce Protect, so it will not become Active.",
            "Instantly says: Too many bounces.",
            "It was left as it is.",
            "Fix the cause in Instantly and resume the campaign there.",
            "[campaign Autumn]",
        )
        assert result.message == " ".join(result.sentences)

    def test_of_several_each_campaign_can_be_a_line(self) -> None:
        outcomes = [CampaignOutcome(cid, Verdict.STOPPED, BOUNCED, cid) for cid in IDS[:2]]
        result = WaitResult(goal(), (*outcomes, CampaignOutcome(IDS[2], Verdict.REACHED, 1)))
        first, *others = result.sentences
        assert first == "1 of 3 Active, 2 stopped."
        happened = "- The campaign is Bounce Protect, so it will not become Active."
        next_ = "It was left as it is. Fix the cause in Instantly and resume the campaign there."
        assert others == [f"{happened} [campaign {cid}] {next_}" for cid in IDS[:2]]
        assert result.message == "\n".join(result.sentences)

    @pytest.mark.parametrize(
        ("verdict", "happened", "next_"),
        [
            (Verdict.UNREADABLE, "The wait cannot go on.", ""),
            (
                Verdict.UNANSWERED,
                "Nothing was heard of the campaign for 10 min.",
                " It was never seen and was left as it is; another try waits again.",
            ),
        ],
    )
    def test_of_several_which_campaign_it_is_stands_before_a_long_error(
        self, verdict: Verdict, happened: str, next_: str
    ) -> None:
        """It stood behind the error, where the page has cut the line."""
        error = "Instantly does not accept the API key. Put a valid one into the connection. [GET /campaigns: HTTP 401]"
        outcomes = tuple(CampaignOutcome(cid, verdict, None, cid, error) for cid in IDS[:2])
        _, *others = WaitResult(goal(), outcomes).sentences
        assert others == [f"- {happened} [campaign {cid}] {error}{next_}" for cid in IDS[:2]]

    @pytest.mark.parametrize(
        ("outcomes", "says"),
        [
            ([CampaignOutcome(ONE, Verdict.REACHED, 1, "Autumn")], "Done: the campaign is Active. [campaign Autumn]"),
            (
                [CampaignOutcome(ONE, Verdict.TIMED_OUT, 2, "Autumn")],
                "The wait ended. The campaign was not Active in time: it is Paused. [campaign Autumn]",
            ),
            (
                [CampaignOutcome(ONE, Verdict.UNREADABLE, None, "Autumn", "It is gone.")],
                "The wait ended. The wait cannot go on: It is gone. [campaign Autumn]",
            ),
            ([CampaignOutcome(cid, Verdict.REACHED, 1) for cid in IDS[:2]], "Done: 2 of 2 Active."),
            (
                [CampaignOutcome(IDS[0], Verdict.STOPPED, -2), CampaignOutcome(IDS[1], Verdict.WAITING, 0)],
                "The wait ended. 0 of 2 Active, 1 stopped, 1 waiting.",
            ),
        ],
    )
    def test_the_last_line_says_how_it_ended(self, outcomes: list[CampaignOutcome], says: str) -> None:
        assert WaitResult(goal(), tuple(outcomes)).ending == says

    def test_the_xcom_of_one(self) -> None:
        clock = Clock(goal())
        clock.poll(1)
        assert clock.wait.result().xcom == {
            "campaign_id": ONE,
            "verdict": "reached",
            "status": 1,
            "title": f'"N" ({ONE})',
            "reason": "",
            "status_name": "Active",
        }

    def test_the_xcom_of_many(self) -> None:
        clock = Clock(goal(), IDS[:2])
        clock.poll({cid: seen(1, cid) for cid in IDS[:2]})
        xcom = clock.wait.result().xcom
        assert (xcom["verdict"], xcom["progress"]) == ("reached", "2 of 2 Active")
        assert [each["campaign_id"] for each in xcom["campaigns"]] == IDS[:2]
        assert json.loads(json.dumps(xcom)) == xcom
        announced = clock.wait.result().announced
        assert announced == [{"campaign_id": cid, "status": 1, "status_name": "Active"} for cid in IDS[:2]]
        assert json.loads(json.dumps(announced)) == announced

    @pytest.mark.parametrize(
        ("verdicts", "gravest"),
        [
            (["reached", "waiting"], "waiting"),
            (["waiting", "timed_out"], "timed_out"),
            (["timed_out", "execution_timeout"], "execution_timeout"),
            (["timed_out", "unanswered", "reached"], "unanswered"),
            (["unanswered", "unreadable"], "unreadable"),
            (["unreadable", "stopped", "reached"], "stopped"),
        ],
    )
    def test_the_gravest_speaks_for_all(self, verdicts: list[str], gravest: str) -> None:
        for order in itertools.permutations(verdicts):
            outcomes = tuple(CampaignOutcome(cid, Verdict(v), 0) for cid, v in zip(IDS, order, strict=False))
            assert WaitResult(goal(), outcomes).verdict == gravest


OUTCOMES = st.builds(
    CampaignOutcome,
    st.sampled_from(IDS[:3]),
    st.sampled_from(list(Verdict)),
    st.none() | st.sampled_from(ALL),
    st.text(max_size=5),
    st.text(max_size=5),
)


class TestEvents:
    """An event is input: a task succeeds only by one that this wait could have fired."""

    def test_there_and_back(self) -> None:
        clock = Clock(goal(fail_fast=False, deadline=START), IDS[:3])
        clock.poll({IDS[0]: seen(1, IDS[0]), IDS[1]: seen(-2, IDS[1]), IDS[2]: seen(UNKNOWN, IDS[2])})
        result = clock.wait.result()
        event = json.loads(json.dumps(result.as_json()))
        assert WaitResult.from_json(result.goal, [cid.upper() for cid in IDS[:3]], event) == result

    @given(outcomes=st.lists(OUTCOMES, max_size=4))
    def test_reached_only_if_every_campaign_is_named_once_and_has_arrived(
        self, outcomes: list[CampaignOutcome]
    ) -> None:
        event = [outcome.as_json() for outcome in outcomes]
        wanted = IDS[:2]
        try:
            result = WaitResult.from_json(goal(), wanted, event)
        except ValueError:
            return
        assert sorted(outcome.campaign_id for outcome in result.campaigns) == wanted
        assert result.verdict is not Verdict.WAITING
        if result.verdict is Verdict.REACHED:
            assert all(outcome.status in {1, 3, 4} for outcome in outcomes)
            assert all(outcome.verdict is Verdict.REACHED for outcome in outcomes)

    @given(document=ANY_JSON)
    def test_anything_else_is_refused(self, document: Any) -> None:
        with pytest.raises(ValueError, match=r"."):
            WaitResult.from_json(goal(), [ONE], document)

    @given(
        key=st.sampled_from(["campaign_id", "verdict", "status", "title", "reason", "status_name", "more"]),
        value=ANY_JSON,
    )
    def test_one_value_changed(self, key: str, value: Any) -> None:
        event = [CampaignOutcome(ONE, Verdict.REACHED, 1, "t", "r").as_json() | {key: value}]
        try:
            result = WaitResult.from_json(goal(), [ONE], event)
        except ValueError:
            return
        (outcome,) = result.campaigns
        assert (outcome.campaign_id, isinstance(outcome.verdict, Verdict)) == (ONE, True)
        assert isinstance(outcome.title, str)
        assert isinstance(outcome.reason, str)
        if result.verdict is Verdict.REACHED:
            assert outcome.status in {1, 3, 4}
            assert type(outcome.status) is int

    @pytest.mark.parametrize(
        "change",
        [
            {"campaign_id": IDS[1]},
            {"campaign_id": None},
            {"campaign_id": ONE.upper()},
            {"verdict": "waiting"},
            {"verdict": "success"},
            {"verdict": None},
            {"verdict": True},
            {"status": True},
            {"status": "1"},
            {"status": 1.0},
            {"status": None},
            {"status": 2},
            {"status": UNKNOWN},
            {"status": -2},
            {"title": None},
            {"reason": 7},
        ],
        ids=str,
    )
    def test_a_tampered_one_is_refused(self, change: dict[str, Any]) -> None:
        event = [CampaignOutcome(ONE, Verdict.REACHED, 1).as_json() | change]
        with pytest.raises(ValueError, match=r"."):
            WaitResult.from_json(goal(), [ONE], event)

    @pytest.mark.parametrize("event", [None, [], {}, "reached", [[]], [None], [{}]], ids=str)
    def test_an_empty_one_is_refused(self, event: Any) -> None:
        with pytest.raises(ValueError, match=r"."):
            WaitResult.from_json(goal(), [ONE], event)

    @pytest.mark.parametrize("verdict", ["stopped", "unreadable", "unanswered", "timed_out", "execution_timeout"])
    def test_a_failure_is_believed_whatever_its_status(self, verdict: str) -> None:
        for status in (None, *ALL):
            event = [CampaignOutcome(ONE, Verdict(verdict), status).as_json()]
            assert WaitResult.from_json(goal(), [ONE], event).verdict == verdict


class TestSpan:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0 s"),
            (0.4, "0 s"),
            (45, "45 s"),
            (119.4, "119 s"),
            (120, "2 min"),
            (600, "10 min"),
            (3_599, "1 h"),
            (3_600, "1 h"),
            (11_100, "3 h 5 min"),
            (86_400, "24 h"),
        ],
    )
    def test_as_a_person_says_it(self, seconds: float, text: str) -> None:
        assert span(seconds) == text

    @pytest.mark.parametrize(
        ("part", "whole", "text"),
        [
            (300, 900, "5 of 15 min"),
            (45, 90, "45 of 90 s"),
            (45, 900, "45 s of 15 min"),
            (3_300, 7_200, "55 min of 2 h"),
            (3_600, 7_200, "1 of 2 h"),
            (11_100, 14_700, "3 h 5 min of 4 h 5 min"),
        ],
    )
    def test_how_much_of_it_has_passed(self, part: float, whole: float, text: str) -> None:
        assert share(part, whole) == text


class TestMoment:
    @pytest.mark.parametrize(
        ("later", "text"),
        [
            (0, "20:26:40 UTC"),
            (119, "20:28:39 UTC"),
            (120, "20:28 UTC"),
            (12_799, "23:59 UTC"),
            (12_800, "2026-05-29 00:00 UTC"),
            (86_400, "2026-05-29 20:26 UTC"),
            (-86_400, "2026-05-27 20:26:40 UTC"),
        ],
    )
    def test_as_a_person_says_it(self, later: float, text: str) -> None:
        assert moment(START + later, START) == text

    @pytest.mark.parametrize(
        ("at", "now", "text"),
        [
            (-1e12, START, "1970-01-01 00:00:00 UTC"),
            (1e12, START, "9999-12-31 23:59 UTC"),
            (1e12, 1e12, "23:59:59 UTC"),
        ],
    )
    def test_none_lies_beyond_what_can_be_shown(self, at: float, now: float, text: str) -> None:
        assert moment(at, now) == text
