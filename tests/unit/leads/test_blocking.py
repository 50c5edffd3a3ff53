"""Blocking over real HTTP: in thousands, again where an answer is lost, and no count untrue."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    InstantlyBadRequestError,
    InstantlyPaymentRequiredError,
)
from airflow_provider_instantly.api.lead import MAX_PER_REQUEST
from airflow_provider_instantly.exceptions import TaskKilledError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.leads.blocking import MAX_SENDS, Taken, block_all
from airflow_provider_instantly.leads.rows import LeadRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

PATH = "*/block-lists-entries/bulk-create"
LOG = logging.getLogger("airflow.task")

pytestmark = pytest.mark.usefixtures("short_pauses")


def rows(count: int, first: int = 1) -> list[LeadRow]:
    return [LeadRow(number, {"email": f"a{number}@example.com"}) for number in range(first, first + count)]


def block(rows: list[LeadRow], is_killed: Callable[[], bool] = lambda: False) -> int | None:
    """How many were not taken, where each answer accounts for all."""
    taken = taken_of(rows, is_killed)
    return taken.refused if taken.is_known and taken.adds_up else None


def taken_of(rows: list[LeadRow], is_killed: Callable[[], bool] = lambda: False) -> Taken:
    with InstantlyHook() as hook:
        return block_all(hook, iter(rows), len(rows), is_killed=is_killed, log=LOG)


def blocked(sandbox: SandboxClient, rows: list[LeadRow]) -> int:
    """How many of the rows the sandbox refuses to add to a campaign, since they are blocked."""
    campaign = sandbox.add_campaign("Spring")
    with InstantlyHook() as hook:
        chunks = (rows[begin : begin + MAX_PER_REQUEST] for begin in range(0, len(rows), MAX_PER_REQUEST))
        answers = [hook.add_leads([row.lead for row in chunk], campaign_id=campaign) for chunk in chunks]
        return sum(answer.in_blocklist or 0 for answer in answers)


def test_in_thousands(sandbox: SandboxClient) -> None:
    wanted = rows(2 * MAX_PER_REQUEST + 5)
    assert block(wanted) == 0
    assert len(sandbox.requests(path=PATH)) == 3
    assert blocked(sandbox, [*wanted, *rows(3, first=5000)]) == len(wanted)


def test_none(sandbox: SandboxClient) -> None:
    assert block([]) == 0
    assert sandbox.requests() == []


def test_again(sandbox: SandboxClient) -> None:
    assert block(rows(3)) == block(rows(5)) == 0
    assert blocked(sandbox, rows(6)) == 5


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_answer(sandbox: SandboxClient, caplog: pytest.LogCaptureFixture, moment: str) -> None:
    sandbox.add_fault("reset", PATH, moment=moment, count=2)
    assert block(rows(MAX_PER_REQUEST + 1)) == 0
    assert len(sandbox.requests(path=PATH)) == 4
    assert blocked(sandbox, rows(MAX_PER_REQUEST + 2)) == MAX_PER_REQUEST + 1
    assert caplog.text.count("sent again, which does no harm") == 2
    assert "@example.com" not in caplog.text


def test_lost_answers_without_end(sandbox: SandboxClient) -> None:
    sandbox.add_fault("reset", PATH, moment="after", count=None, skip=1)
    with pytest.raises(AmbiguousOutcomeError, match="1,000 of 1,001 values were blocked before") as caught:
        block(rows(MAX_PER_REQUEST + 1))
    assert len(sandbox.requests(path=PATH)) == 1 + MAX_SENDS
    assert "@example.com" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_a_refusal(sandbox: SandboxClient) -> None:
    sandbox.add_fault("error", PATH, status=402, skip=1)
    with pytest.raises(InstantlyPaymentRequiredError, match=r"1,000 of 1,001 values were blocked before. Run it again"):
        block(rows(MAX_PER_REQUEST + 1))


@pytest.mark.parametrize("status", [429, 503])
def test_what_passes(sandbox: SandboxClient, status: int) -> None:
    sandbox.add_fault("error", PATH, status=status)
    assert block(rows(2)) == 0
    assert blocked(sandbox, rows(3)) == 2


def test_a_request_that_is_too_large_is_halved(sandbox: SandboxClient) -> None:
    """What stands before Instantly may limit the size of requests, and an operator has no parameter for it."""
    sandbox.set(max_body_bytes=500)
    wanted = [*rows(60), LeadRow(61, {"email": "nonsense"})]
    assert taken_of(wanted) == Taken(1)
    statuses = [request["status"] for request in sandbox.requests(path=PATH)]
    # It is learnt once how large they may be.
    assert statuses == [413, 413, 200, 200, 200, 200, 200]
    sandbox.set(max_body_bytes=1_000_000)
    assert blocked(sandbox, rows(62)) == 60


def test_one_value_that_is_too_large_is_refused(sandbox: SandboxClient) -> None:
    sandbox.add_fault("error", PATH, status=413, count=None, skip=1)
    with pytest.raises(InstantlyBadRequestError, match="1,000 of 1,003 values were blocked before"):
        block(rows(MAX_PER_REQUEST + 3))
    assert len(sandbox.requests(path=PATH)) == 3


def test_what_instantly_does_not_take(sandbox: SandboxClient) -> None:
    assert block([*rows(2), LeadRow(3, {"email": "nonsense"})]) == 1


NOT_KNOWN = Taken(0, is_known=False, adds_up=False)


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ({"valid_count": 2, "invalid_count": 1}, Taken(1)),
        ({"invalid_count": 1}, Taken(1, adds_up=False)),
        ({"invalid_count": 0}, Taken(0, adds_up=False)),
        ({"valid_count": 0, "invalid_count": 0}, Taken(0, adds_up=False)),
        ({"valid_count": 0, "invalid_count": 1}, Taken(1, adds_up=False)),
        ({"valid_count": 9, "invalid_count": 0}, Taken(0, adds_up=False)),
        ({"valid_count": 3}, NOT_KNOWN),
        ({"valid_count": 3, "invalid_count": "0"}, NOT_KNOWN),
        ({"valid_count": 4, "invalid_count": -1}, NOT_KNOWN),
        ({"valid_count": -1, "invalid_count": 4}, NOT_KNOWN),
    ],
    ids=str,
)
def test_counts_are_believed_as_far_as_they_can_be_true(
    sandbox: SandboxClient, answer: dict[str, object], taken: Taken
) -> None:
    sandbox.add_fault("body", PATH, json=answer)
    assert taken_of(rows(3)) == taken


@pytest.mark.parametrize("skip", [0, 1])
def test_an_answer_that_does_not_say_hides_no_refusal_of_another(sandbox: SandboxClient, skip: int) -> None:
    sandbox.add_fault("body", PATH, json={"valid_count": MAX_PER_REQUEST - 3, "invalid_count": 3}, skip=skip)
    sandbox.add_fault("body", PATH, json={})
    assert taken_of(rows(2 * MAX_PER_REQUEST)) == Taken(3, is_known=False, adds_up=False)


def test_a_task_that_is_killed_after_a_lost_answer_sends_nothing_again(sandbox: SandboxClient) -> None:
    sandbox.add_fault("reset", PATH, moment="after", count=None)
    answers: Iterator[bool] = iter([False, False])
    with pytest.raises(TaskKilledError, match="0 of 3 values were blocked before"):
        block(rows(3), is_killed=lambda: next(answers, True))
    assert len(sandbox.requests(path=PATH)) == 1


def test_what_ends_a_task_from_outside_hides_no_outcome(
    sandbox: SandboxClient, caplog: pytest.LogCaptureFixture
) -> None:
    def is_killed() -> bool:
        if sandbox.requests(path=PATH):
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        block(rows(MAX_PER_REQUEST + 1), is_killed=is_killed)
    assert "1,000 of 1,001 values were blocked before" in caplog.text


def test_a_killed_task_sends_no_further_request(sandbox: SandboxClient) -> None:
    answers: Iterator[bool] = iter([False, False, True])
    with pytest.raises(TaskKilledError, match="1,000 of 3,000 values were blocked before"):
        block(rows(3 * MAX_PER_REQUEST), is_killed=lambda: next(answers))
    assert len(sandbox.requests(path=PATH)) == 1
