"""Each bug that the model, or thinking about it, has found: the story that showed it, as short as it gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_instantly.api.errors import InstantlyRateLimitError
from tests.model.actors import play
from tests.model.fault_schedule import KILL, Event, Fault, LaunchPlan, Schedule, WaitPlan, another_campaign
from tests.model.guards_schedule import GuardedSchedule, GuardPlan, figures_fault, shown_figures
from tests.model.promises import broken
from tests.model.stage import Exchange, Stage
from tests.model.test_fault_schedules import check
from tests.model.test_guards import check as check_guards
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUSPENDED, UNKNOWN

DIES_BEFORE = Event("process dies before the request")
DIES_AFTER = Event("process dies after the answer")
KILLED = Event(KILL)
REVOKED, VALID = Event("key revoked"), Event("key valid again")


def fault(kind: str, **more: Any) -> Fault:
    return Fault(kind, (("kind", kind), *more.items()))


LOST = fault("reset", moment="after")
SLOW_STORE = Event("the task state store is slow", 30.0)
NEVER_ARRIVED = fault("reset", moment="before")
TOO_MANY = fault("error", status=429, retry_after=300.0)
#: Activations that show at once, and only when the launcher has stopped reading.
AT_ONCE, LATE = None, ((25.0, ACTIVE),)
DONE_AT_ONCE = ((0.0, ACTIVE), (0.5, COMPLETED))


@pytest.mark.parametrize("happened", [Event("Instantly stops", BOUNCED), Event("an unknown status", UNKNOWN)], ids=str)
@pytest.mark.parametrize("put_off", [TOO_MANY, Fault("connection refused")], ids=["429", "refused"])
def test_what_happens_while_the_rate_limit_puts_an_activation_off(put_off: Fault, happened: Event) -> None:
    """An activation was repeated after up to 5 minutes without another read."""
    check(Schedule(DRAFT, AT_ONCE, (LaunchPlan(),), ((2, put_off), (3, happened)), remembers=True))


def test_a_pause_while_the_rate_limit_puts_a_resumption_off() -> None:
    """The same with what resume_paused=False protects."""
    paused = Event("a person pauses")
    check(Schedule(DRAFT, AT_ONCE, (LaunchPlan(resume_paused=False),), ((2, TOO_MANY), (3, paused)), remembers=True))


@pytest.mark.parametrize("happened", [Event("Instantly stops", BOUNCED), Event("a person pauses")], ids=str)
@pytest.mark.parametrize("slow", [(1, SLOW_STORE), (2, Event("time passes", 30.0))], ids=["store", "connection"])
def test_what_happens_while_an_activation_is_late(slow: tuple[int, Event], happened: Event) -> None:
    """The record was written, and a connection made, between the read that decides and the activation."""
    check(Schedule(DRAFT, AT_ONCE, (LaunchPlan(resume_paused=False),), (slow, (2, happened)), remembers=True))


def test_an_activation_that_is_repeated_rests_on_a_fresh_read() -> None:
    """So it is after a lost answer."""
    happens = ((2, LOST), (6, Event("time passes", 30.0)), (6, Event("a person pauses")))
    check(Schedule(DRAFT, LATE, (LaunchPlan(retries=0),), happens, remembers=True))


def test_what_a_killed_task_keeps_back_has_no_effect_either() -> None:
    """The stage let it come, late, and the judge blamed the task that had sent nothing."""
    plan = LaunchPlan(reactivate_stopped=True, check_before=False, retries=1, clears=1)
    late = Fault("effect that comes late", waits=True)
    check(Schedule(UNKNOWN, AT_ONCE, (plan,), ((1, KILLED), (1, late)), remembers=True))


@pytest.mark.parametrize("wait", ["worker", "deferred"])
@pytest.mark.parametrize("refused", [3, 4], ids=["the read", "the read after it"])
def test_a_launch_that_cannot_be_confirmed_is_not_taken_for_its_campaigns_old_end(refused: int, wait: str) -> None:
    """The wait after it polled at once, and took the Completed from before the launch for its target."""
    happens = ((refused, REVOKED), (refused + 1, VALID))
    check(Schedule(COMPLETED, LATE, (LaunchPlan(wait=wait),), happens, remembers=True))


@pytest.mark.parametrize("happens", [((1, KILLED),), ((2, TOO_MANY), (3, KILLED)), ((2, NEVER_ARRIVED), (4, KILLED))])
def test_a_task_that_is_killed_before_its_activation_sends_none(happens: Any) -> None:
    """It went on for the seconds that Airflow gives it, and launched its campaign."""
    check(Schedule(DRAFT, AT_ONCE, (LaunchPlan(),), happens, remembers=True))


def test_what_a_killed_task_kept_back_is_no_launch() -> None:
    """The judge took it for one whose answer was lost, and the next try for a reactivation of its own launch."""
    plan = LaunchPlan(check_before=False, reactivate_stopped=True, retries=1)
    check(Schedule(DRAFT, AT_ONCE, (plan,), ((1, KILLED), (2, Event("Instantly stops", SUSPENDED))), remembers=True))


def test_a_launch_that_is_completed_before_its_lost_answer_is_read_back() -> None:
    """Completed before and after was taken for an activation without effect, and the campaign launched again."""
    check(Schedule(COMPLETED, DONE_AT_ONCE, (LaunchPlan(),), ((2, LOST),), remembers=True))


@pytest.mark.parametrize("lost", [DIES_BEFORE, NEVER_ARRIVED], ids=["worker died", "answer lost"])
def test_a_campaign_that_was_completed_already_is_no_proof_of_a_launch(lost: Event | Fault) -> None:
    """A retry said that an earlier try had launched it, although nothing ever arrived."""
    happens = ((2, lost), (3, REVOKED), (4, VALID)) if isinstance(lost, Fault) else ((2, lost),)
    check(Schedule(COMPLETED, AT_ONCE, (LaunchPlan(),), happens, remembers=True))


def test_what_changed_after_a_worker_died_may_be_taken_for_its_launch() -> None:
    """The judge blamed a retry for what is unknown: whether the worker that died had sent its activation."""
    happens = ((2, DIES_BEFORE), (3, Event("Instantly completes", COMPLETED)))
    check(Schedule(-1, AT_ONCE, (LaunchPlan(reactivate_stopped=True, retries=2),), happens, remembers=True))


def test_the_time_of_a_rescheduled_wait_counts_from_its_first_read() -> None:
    """Airflow's part in the story began to count when the worker was given back, which it can be long after."""
    asked_to_pause = fault("error", status=429, retry_after=288.0)
    check(Schedule(PAUSED, None, (WaitPlan(mode="reschedule", timeout=300.0),), ((1, asked_to_pause),), remembers=True))


def test_an_answer_too_large_to_be_read_is_a_lost_one() -> None:
    """The judge read it all the same, and blamed the next activation for overruling Instantly."""
    too_large = fault("oversize", announce=False, gzip=False)
    check(Schedule(-99, LATE, (LaunchPlan(reactivate_stopped=True),), ((2, too_large),), remembers=True))


def test_a_refusal_that_is_too_large_to_be_read_is_no_lost_answer() -> None:
    """The campaign ran already, and the activation that the key may not make was taken for the one that launched it."""
    happens = ((1, Event("key may only read")), (1, fault("oversize", announce=True, gzip=False)))
    check(Schedule(4, AT_ONCE, (LaunchPlan(check_before=False),), happens, remembers=True))


def test_an_unknown_status_after_the_launch_is_not_activated_again() -> None:
    """A retry took the unknown status of a campaign that an earlier try had launched for one to activate."""
    happens = ((4, Event("an unknown status", UNKNOWN)), (4, DIES_AFTER))
    check(Schedule(DRAFT, AT_ONCE, (LaunchPlan(wait="worker", stable_for=120.0),), happens, remembers=True))


def test_an_error_after_a_lost_answer_does_not_say_that_nothing_was_launched() -> None:
    """The second activation was refused, and the error was raised as if there had been no first one."""
    check(Schedule(DRAFT, LATE, (LaunchPlan(retries=0),), ((2, LOST), (6, REVOKED)), remembers=True))


def test_a_lost_activation_is_remembered_also_where_the_next_one_was_refused() -> None:
    """Its record was struck out with that of the second activation, and a retry overruled a person's pause."""
    happens = ((2, LOST), (6, REVOKED), (7, VALID), (7, Event("a person pauses")))
    check(Schedule(DRAFT, LATE, (LaunchPlan(),), happens, remembers=True))


def test_a_launch_stays_on_record_where_a_later_try_is_refused() -> None:
    """The first try launched it; the second one's refused activation struck that out; the third overruled a pause."""
    happens = ((2, LOST), (3, DIES_AFTER), (8, REVOKED), (9, VALID), (9, Event("a person pauses")))
    slow = ((600.0, ACTIVE),)
    check(Schedule(DRAFT, slow, (LaunchPlan(retries=2),), happens, remembers=True))


@pytest.mark.parametrize("happens", [(1, REVOKED), (2, REVOKED), (1, Event("plan unpaid"))], ids=str)
def test_a_refused_request_says_what_became_of_the_campaign(happens: tuple[int, Event]) -> None:
    """The errors of requests said what was wrong with the key, and not that nothing had been launched."""
    check(Schedule(DRAFT, AT_ONCE, (LaunchPlan(retries=0),), (happens,), remembers=True))


def test_a_campaign_that_is_completed_already_is_read_again_after_its_activation() -> None:
    """The old Completed was taken for a target that the campaign had reached since its activation."""
    script = ((3.0, ACTIVE), (20.0, PAUSED))
    check(Schedule(COMPLETED, script, (LaunchPlan(wait="worker"),), (), remembers=True))


@pytest.mark.parametrize("wait", ["", "worker", "deferred"])
def test_what_is_completed_in_the_moment_before_its_activation_is_read_again(wait: str) -> None:
    """Only a status that the read before the launch had shown was taken for an old one."""
    late, completed = ((3.0, ACTIVE), (20.0, PAUSED)), (2, Event("Instantly completes", COMPLETED))
    check(Schedule(BOUNCED, late, (LaunchPlan(wait=wait, reactivate_stopped=True),), (completed,), remembers=True))


def test_a_retry_does_not_reactivate_what_instantly_stopped_after_the_launch() -> None:
    """With reactivate_stopped=True, a retry activated a campaign again that was stopped because of this very launch."""
    happens = ((3, DIES_AFTER), (4, Event("Instantly stops", BOUNCED)))
    check(Schedule(BOUNCED, AT_ONCE, (LaunchPlan(reactivate_stopped=True),), happens, remembers=True))


@pytest.mark.parametrize("died", [DIES_AFTER, DIES_BEFORE], ids=["answered", "never sent"])
@pytest.mark.parametrize("wait", ["", "worker", "deferred"])
def test_a_retry_does_not_reactivate_what_may_have_been_launched_unseen(wait: str, died: Event) -> None:
    """What the first try may have launched without a read counted as not launched, and as found stopped by the next."""
    stopped = ((2.0, ACTIVE), (4.0, -1))
    plan = LaunchPlan(wait=wait, reactivate_stopped=True, check_before=False)
    check(Schedule(DRAFT, stopped, (plan,), ((1, died),), remembers=True))


@pytest.mark.parametrize("check_before", [True, False])
def test_a_retry_does_not_reactivate_what_was_stopped_before_and_is_stopped_again(check_before: bool) -> None:
    """A lost answer, and the same status before and after, were taken for an activation without effect."""
    again = ((0.0, ACTIVE), (0.5, BOUNCED))
    plan = LaunchPlan(reactivate_stopped=True, check_before=check_before, retries=2)
    check(Schedule(BOUNCED, again, (plan,), ((2 if check_before else 1, LOST),), remembers=True))


def test_a_resumption_that_comes_to_show_late_is_remembered() -> None:
    """Reads that showed Paused struck it from the record, and a later try reactivated what Instantly stopped since."""
    happens = ((2, LOST), (6, LOST), (10, LOST), (14, Event("Instantly stops", BOUNCED)))
    check(Schedule(PAUSED, LATE, (LaunchPlan(reactivate_stopped=True),), happens, remembers=True))


@pytest.mark.parametrize("rule", [{}, {"wait": "worker"}], ids=["no wait", "wait"])
def test_a_pause_after_a_try_that_saw_a_late_resumption_is_not_overruled(rule: dict[str, Any]) -> None:
    """That a retry may resume what stayed Paused was remembered for ever, and overruled a person's pause."""
    happens = ((2, LOST), (6, LOST), (10, LOST), (15, Event("a person pauses")))
    check(Schedule(PAUSED, LATE, (LaunchPlan(clears=1, **rule),), happens, remembers=True))


def test_a_pause_after_a_try_that_saw_ones_own_pause_resumed_is_not_overruled() -> None:
    """The same with what the task had paused itself, when it was killed."""
    happens = ((5, KILLED), (7, Event("a person activates")), (9, Event("a person pauses")))
    check(Schedule(DRAFT, AT_ONCE, (replace(PAUSES, clears=1),), happens, remembers=True))


@pytest.mark.parametrize("status", [DRAFT, ACTIVE, COMPLETED])
@pytest.mark.parametrize(("at", "moment"), [(1, "after"), (2, "before"), (2, "after"), (3, "after")])
@pytest.mark.parametrize("truth", [DRAFT, PAUSED, BOUNCED])
def test_an_answer_about_another_campaign_decides_nothing(truth: int, at: int, moment: str, status: int) -> None:
    """A cache answered with the document of a Draft, and what Instantly had stopped was activated."""
    check(Schedule(truth, AT_ONCE, (LaunchPlan(),), ((at, another_campaign(status, moment)),), remembers=True))


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferred", "shared", "from_trigger"])
def test_a_wait_does_not_end_with_another_campaigns_status(mode: str) -> None:
    """An Active one, and the wait for a Draft succeeded."""
    happens = ((1, another_campaign(ACTIVE)), (2, another_campaign(ACTIVE)))
    check(Schedule(DRAFT, None, (WaitPlan(mode=mode, timeout=30.0),), happens, remembers=True))


PAUSES = LaunchPlan(wait="worker", stable_for=120.0, pause_on_kill=True)


@pytest.mark.parametrize("wait", ["worker", "deferred", "shared"])
@pytest.mark.parametrize("lost", [LOST, NEVER_ARRIVED], ids=["after", "before"])
def test_a_pause_after_a_kill_whose_answer_is_lost_is_read_back(lost: Fault, wait: str) -> None:
    """The campaign went on where the pause had no effect."""
    check(Schedule(DRAFT, AT_ONCE, (replace(PAUSES, wait=wait),), ((5, KILLED), (6, lost)), remembers=True))


@pytest.mark.parametrize("wait", ["worker", "deferred", "shared"])
def test_what_instantly_stops_before_a_repeated_pause_is_left_alone(wait: str) -> None:
    """Paused, a person could resume it unprotected."""
    happens = ((5, KILLED), (6, NEVER_ARRIVED), (7, Event("Instantly stops", BOUNCED)))
    check(Schedule(DRAFT, AT_ONCE, (replace(PAUSES, wait=wait),), happens, remembers=True))


def test_a_wait_that_is_killed_ends_where_its_campaign_cannot_be_paused() -> None:
    """It took the error of the pause for a poll that had failed, and went on."""
    check(Schedule(DRAFT, AT_ONCE, (PAUSES,), ((5, KILLED), (5, REVOKED), (8, VALID)), remembers=True))


def test_a_retry_does_not_reactivate_what_it_paused_itself_and_instantly_stopped_since() -> None:
    """With its own pause, the task forgot the launch before it."""
    happens = ((5, KILLED), (7, Event("Instantly stops", BOUNCED)))
    check(Schedule(DRAFT, AT_ONCE, (replace(PAUSES, reactivate_stopped=True),), happens, remembers=True))


@pytest.mark.parametrize("before", [DRAFT, PAUSED, COMPLETED, SUSPENDED])
def test_a_launch_that_was_last_seen_as_before_is_not_called_a_launch(before: int) -> None:
    """Where a later read failed, the answer to the activation was believed and not the read before."""
    happens = ((4, REVOKED), (5, VALID))
    check(Schedule(before, LATE, (LaunchPlan(reactivate_stopped=True),), happens, remembers=True))


def test_a_task_may_pause_what_a_worker_that_died_may_have_launched() -> None:
    """The judge blamed a retry for what is unknown: whether the worker that died had sent its activation."""
    plan = replace(PAUSES, check_before=False)
    check(Schedule(ACTIVE, None, (plan,), ((1, DIES_BEFORE), (3, KILLED)), remembers=True))


def test_another_tasks_launch_that_shows_late_may_be_taken_for_ones_own() -> None:
    """The judge held that against the task whose own activation was lost without effect. Nothing could tell."""
    plans = (LaunchPlan(check_before=False), LaunchPlan())
    check(Schedule(DRAFT, ((3.0, ACTIVE),), plans, ((3, NEVER_ARRIVED),), remembers=False))


def test_a_document_of_the_campaign_itself_is_not_about_another() -> None:
    """The faulty answer said of a campaign that was waited for what was not true of it, and no one could have known."""
    plan = WaitPlan(mode="deferred", campaigns=3, stable_for=120.0)
    check(
        Schedule(ACTIVE, None, (plan,), tuple((n, another_campaign(COMPLETED, which=1)) for n in range(2, 12)), True, 1)
    )


@pytest.mark.parametrize(
    "figures",
    [
        {"emails_sent_count": -1, "bounced_count": 3, "unsubscribed_count": 3},
        {"emails_sent_count": 1000, "bounced_count": -1, "unsubscribed_count": -1},
    ],
    ids=["sent", "bounced"],
)
def test_figures_below_zero_are_not_known(figures: dict[str, Any]) -> None:
    """The guard ended with a ValueError of Python's own, or was content."""
    plan = GuardPlan(max_unsubscribe_rate=0.05, retries=0)
    false = figures_fault("figures of another kind", shown_figures(0, **figures))
    check_guards(GuardedSchedule(ACTIVE, AT_ONCE, (plan,), ((1, false),), remembers=True))


def test_what_is_paused_was_not_left_as_it_is() -> None:
    """Of a campaign that breached one limit, and lacked the figure of another, the error said that it was left."""
    plan = GuardPlan(max_unsubscribe_rate=0.05, retries=0)
    false = figures_fault("figures of another kind", shown_figures(0, emails_sent_count=100, bounced_count=20))
    check_guards(GuardedSchedule(ACTIVE, AT_ONCE, (plan,), ((1, false),), remembers=True))


@pytest.mark.parametrize(("early", "is_blamed"), [(0.0, False), (3.0, True)])
def test_a_hold_is_judged_by_when_its_last_read_left(early: float, is_blamed: bool) -> None:
    """The judge counted until the answer came, and so the hold of a campaign that was read at a poll's beginning."""
    stage = Stage(Schedule(ACTIVE, None, (WaitPlan(mode="deferred", stable_for=120.0),), (), remembers=True))
    tries = play(stage)
    last = [each for each in stage.ledger if isinstance(each, Exchange)][-1]
    last.at -= early
    assert [each.startswith("ends: ") for each in broken(stage, tries)] == [True] * is_blamed


def _each_time_put_off(reads_fail: int) -> tuple[tuple[int, Fault], ...]:
    """Each activation is answered with 429, and before it the campaign can only be read after some attempts."""
    length = reads_fail + 2
    return tuple(
        (number, fault("error", status=429) if number % length == 0 else fault("error", status=503))
        for number in range(1, 40 * length)
        if number % length != length - 1
    )


def test_what_was_shown_before_a_lost_answer_counts_and_not_what_it_met() -> None:
    """Instantly stopped it right after the read, and a person paused it right after the launch: no read shows it."""
    happens = ((2, Event("Instantly stops", BOUNCED)), (2, LOST), (3, Event("a person pauses")))
    check(Schedule(PAUSED, AT_ONCE, (LaunchPlan(),), happens, remembers=True))


def test_each_activation_that_is_put_off_costs_reads() -> None:
    """The documents promised 180 requests at most, and each 429 to an activation let the campaign be read again."""
    schedule = Schedule(DRAFT, AT_ONCE, (LaunchPlan(retries=0),), _each_time_put_off(4), remembers=True)
    stage = Stage(schedule)
    [one] = play(stage)
    assert not broken(stage, [one])
    made = [each for each in stage.ledger if isinstance(each, Exchange)]
    limited = sum(each.status == 429 for each in made)
    assert isinstance(one.error, InstantlyRateLimitError)
    assert 15 < limited <= 1 + 25 + 4
    assert len(made) == 6 * limited


def test_a_check_is_not_made_again_for_each_429() -> None:
    """Each cost about eight requests more, of a rate limit that was used up."""
    happens = tuple((number, fault("error", status=429)) for number in (5, 7, 9, 11))
    plan = LaunchPlan(preflight="allows", retries=0)
    stage = Stage(Schedule(DRAFT, AT_ONCE, (plan,), happens, remembers=True))
    tries = play(stage)
    assert not broken(stage, tries)
    made = [each.operation for each in stage.ledger if isinstance(each, Exchange)]
    assert made == ["read", "check", "check", *["read", "activate"] * 5, "read"]
