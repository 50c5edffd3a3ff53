"""The check right before a launch: what it is judged with, for how long it counts, and that it hides no launch."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.exceptions import CheckIncompleteError, LaunchRefusedError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches.freshness import MAX_CHECK_AGE, Freshness
from airflow_provider_instantly.launches.preflight.rules import CheckRules
from airflow_provider_instantly.launches.readiness import Readiness
from tests.unit.launches.preflight.test_check import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")

SENDER = "ada@mail.example"
NOT_LAUNCHED = "This try did not activate it."


@pytest.fixture
def hook(sandbox: SandboxClient) -> Iterator[InstantlyHook]:
    with InstantlyHook() as hook:
        yield hook


def readiness(hook: InstantlyHook, *, clock: Any = lambda: 0.0, read_until_launched: Any = None) -> Readiness:
    return Readiness(
        hook, CheckRules(), Freshness(clock), NOT_LAUNCHED, read_until_launched, logging.getLogger("a task")
    )


def test_what_is_ready_may_be_launched(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign = hook.get_campaign(prepare(sandbox, SENDER))
    check = readiness(hook)
    check.read(campaign, is_to_be_launched=True)
    check.stop_if_unready(campaign)


def test_it_counts_for_a_minute(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign, now = hook.get_campaign(prepare(sandbox, SENDER)), 100.0
    check = readiness(hook, clock=lambda: now)
    assert check.is_due
    check.read(campaign, is_to_be_launched=True)
    now += MAX_CHECK_AGE
    assert not check.is_due
    now += 0.1
    assert check.is_due


def test_what_was_not_to_be_launched_is_not_checked_and_so_not_ready(
    sandbox: SandboxClient, hook: InstantlyHook
) -> None:
    campaign = hook.get_campaign(prepare(sandbox, SENDER))
    check, before = readiness(hook), len(sandbox.requests())
    check.read(campaign, is_to_be_launched=False)
    assert len(sandbox.requests()) == before
    assert not check.is_due
    with pytest.raises(CheckIncompleteError, match=f"changed while it was checked. {NOT_LAUNCHED}"):
        check.stop_if_unready(campaign)


def test_what_was_read_of_some_senders_is_not_true_of_others(sandbox: SandboxClient, hook: InstantlyHook) -> None:
    campaign_id = prepare(sandbox, SENDER)
    check = readiness(hook)
    check.read(hook.get_campaign(campaign_id), is_to_be_launched=True)
    other = hook.get_campaign(prepare(sandbox, "bob@mail.example"))
    with pytest.raises(CheckIncompleteError, match="changed while it was checked"):
        check.stop_if_unready(other)


@pytest.mark.parametrize(("status", "kind"), [("active", CheckIncompleteError), (None, LaunchRefusedError)])
def test_a_refusal_hides_no_launch_of_an_earlier_try(
    sandbox: SandboxClient, hook: InstantlyHook, status: str | None, kind: type[Exception]
) -> None:
    campaign_id = sandbox.add_campaign("Empty")
    campaign = hook.get_campaign(campaign_id)
    check = readiness(hook, read_until_launched=lambda before: hook.get_campaign(before.id))
    check.read(campaign, is_to_be_launched=True)
    if status:
        sandbox.set_status(campaign_id, status)
    with pytest.raises(kind, match=NOT_LAUNCHED) as caught:
        check.stop_if_unready(campaign)
    assert ("an earlier try may have launched it" in str(caught.value)) is (status is not None)


def test_a_first_try_that_is_not_ready_is_refused_without_another_read(
    sandbox: SandboxClient, hook: InstantlyHook
) -> None:
    campaign = hook.get_campaign(sandbox.add_campaign("Empty"))
    check = readiness(hook)
    check.read(campaign, is_to_be_launched=True)
    before = len(sandbox.requests())
    with pytest.raises(LaunchRefusedError, match=NOT_LAUNCHED):
        check.stop_if_unready(campaign)
    assert len(sandbox.requests()) == before
