"""The launch from try to try: what a person, Instantly or a dead worker did in between is never overruled."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_instantly.api.change import MAX_OUTDATED
from airflow_provider_instantly.api.errors import InstantlyUnexpectedAnswerError, OutdatedReadError
from airflow_provider_instantly.exceptions import LaunchNotConfirmedError, LaunchRefusedError, TaskKilledError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches.launcher import Launched, Launcher
from airflow_provider_instantly.launches.plan import LaunchRules
from airflow_provider_instantly.launches.record import LaunchRecord
from airflow_provider_instantly.observability import metrics
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, STOPPED, UNKNOWN
from tests.unit.task_state_store import TaskStateStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("sandbox_time", "short_pauses")


class Killed(BaseException):
    """The worker is gone: nothing after this line runs."""


@pytest.fixture
def store() -> TaskStateStore:
    return TaskStateStore()


def launch(
    campaign_id: str,
    store: TaskStateStore | None,
    *,
    try_number: int = 1,
    may_settle: bool = False,
    is_killed: Any = lambda: False,
    clock: Any = time.monotonic,
    **rules: Any,
) -> Launched:
    """Launch as one try of a task does."""
    log = logging.getLogger("a task")
    with InstantlyHook() as hook:
        return Launcher(
            hook=hook,
            rules=LaunchRules(**rules),
            record=LaunchRecord({} if store is None else {"task_state_store": store}, campaign_id, log),
            is_retry=try_number > 1,
            may_settle=may_settle,
            is_killed=is_killed,
            log=log,
            clock=clock,
        ).launch(campaign_id)


def die_after_the_activation(monkeypatch: pytest.MonkeyPatch, *, before_the_answer: bool) -> None:
    activate = InstantlyHook.activate_campaign

    def dying(hook: InstantlyHook, campaign_id: str, **more: Any) -> Any:
        activate(hook, campaign_id, **more)
        raise Killed

    def dying_after(record: LaunchRecord) -> None:
        noted(record)
        raise Killed

    noted = LaunchRecord.note_answered
    if before_the_answer:
        monkeypatch.setattr(InstantlyHook, "activate_campaign", dying)
    else:
        monkeypatch.setattr(LaunchRecord, "note_answered", dying_after)


def replace_the_key_at_the_activation(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]
) -> None:
    """The connection has another key, and something has happened, when the activation arrives with the old one."""
    look_up = InstantlyHook._look_up
    found: list[Any] = []

    def use(name: str) -> None:
        connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key(name)}
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))

    def look_up_slowly(hook: InstantlyHook) -> Any:
        if found:
            then()
        found.append(look_up(hook))
        return found[-1]

    def activate_with_a_revoked_key(hook: InstantlyHook, campaign_id: str, **more: Any) -> Any:
        if len(found) == 1:
            use("new")
            sandbox.revoke_key("old")
        return activate(hook, campaign_id, **more)

    activate = InstantlyHook.activate_campaign
    use("old")
    monkeypatch.setattr(InstantlyHook, "_look_up", look_up_slowly)
    monkeypatch.setattr(InstantlyHook, "activate_campaign", activate_with_a_revoked_key)


def test_with_a_replaced_key_the_campaign_is_read_again_before_it_is_activated(
    sandbox: SandboxClient, store: TaskStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    replace_the_key_at_the_activation(sandbox, monkeypatch, lambda: None)

    assert launch(cid, store).by_this_run

    requests = [(request["method"], request["status"]) for request in sandbox.requests(path=f"*/{cid}*")]
    assert requests == [("GET", 200), ("POST", 401), ("GET", 200), ("POST", 200), ("GET", 200)]


def test_what_instantly_stopped_while_the_key_was_looked_up_is_not_activated(
    sandbox: SandboxClient, store: TaskStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    replace_the_key_at_the_activation(sandbox, monkeypatch, lambda: sandbox.set_status(cid, BOUNCED))

    with pytest.raises(LaunchRefusedError, match="Instantly stopped it"):
        launch(cid, store)

    assert sandbox.activations(cid) == 0


def test_a_task_that_is_killed_while_the_key_is_looked_up_activates_nothing(
    sandbox: SandboxClient, store: TaskStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    killed: list[bool] = []
    replace_the_key_at_the_activation(sandbox, monkeypatch, lambda: killed.append(True))

    with pytest.raises(TaskKilledError):
        launch(cid, store, is_killed=lambda: bool(killed))

    assert sandbox.activations(cid) == 0


@pytest.mark.parametrize("try_number", [1, 2])
def test_a_task_that_is_killed_while_the_connection_is_made_activates_nothing(
    sandbox: SandboxClient, store: TaskStateStore, monkeypatch: pytest.MonkeyPatch, try_number: int
) -> None:
    """Name resolution alone may take longer than the seconds that Airflow leaves a task."""
    campaign_id = sandbox.add_campaign(status=DRAFT)
    killed: list[bool] = []
    find = socket.getaddrinfo

    def find_slowly(*args: Any, **more: Any) -> Any:
        killed.append(True)
        return find(*args, **more)

    def without_kept_connections(hook: InstantlyHook, asked_for: str, **more: Any) -> Any:
        hook.get_conn().close()
        monkeypatch.setattr(socket, "getaddrinfo", find_slowly)
        return activate(hook, asked_for, **more)

    activate = InstantlyHook.activate_campaign
    monkeypatch.setattr(InstantlyHook, "activate_campaign", without_kept_connections)
    with pytest.raises(TaskKilledError, match="did not activate"):
        launch(campaign_id, store, try_number=try_number, is_killed=lambda: bool(killed))
    assert killed
    assert sandbox.activations(campaign_id) == 0
    assert not LaunchRecord({"task_state_store": store}, campaign_id, logging.getLogger("a task")).may_have_launched


@pytest.mark.parametrize("check_before", [True, False])
def test_a_try_that_another_one_has_replaced_activates_nothing(
    sandbox: SandboxClient, store: TaskStateStore, check_before: bool
) -> None:
    """
    Its worker stood still, say while it waited for the rate limit. Meanwhile another try launched the campaign, and a
    person paused it: that is all it finds when it reads again.
    """
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    store.refuses_with = 404

    with pytest.raises(TaskKilledError, match=rf"Airflow did not know this try .* did not activate campaign {cid}"):
        launch(cid, store, check_before=check_before)

    assert sandbox.requests(path="*/activate") == []
    assert sandbox.campaign(cid)["status"] == PAUSED


def test_a_try_that_is_replaced_after_a_lost_answer_says_no_more_than_it_knows(
    sandbox: SandboxClient, store: TaskStateStore
) -> None:
    cid = sandbox.add_campaign("Spring")
    sandbox.add_fault("reset", path="*/activate", moment="before")
    note = LaunchRecord.note_sending

    def note_twice(record: LaunchRecord, status: Any) -> None:
        store.refuses_with = 404 if record.may_have_launched else None
        record._kept = {}
        note(record, status)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(LaunchRecord, "note_sending", note_twice)
        with pytest.raises(LaunchNotConfirmedError, match="was lost, and then Airflow did not know this try"):
            launch(cid, store)

    assert len(sandbox.requests(path="*/activate")) == 1


#: What proxies answer of themselves, whatever they are asked.
ALL_IS_WELL: list[dict[str, Any]] = [
    {"status": status, **words}
    for status in (200, 0, 1)
    for words in ({"message": "OK"}, {"info": "OK"}, {"data": {"status": 0}})
]


@pytest.mark.parametrize("body", ALL_IS_WELL, ids=str)
def test_a_proxy_that_says_that_all_is_well_launches_nothing(
    sandbox: SandboxClient, store: TaskStateStore, body: dict[str, Any]
) -> None:
    cid = sandbox.add_campaign("Spring", status=BOUNCED)
    sandbox.add_fault("body", method="GET", json=body, count=None)

    with pytest.raises(InstantlyUnexpectedAnswerError, match=f"This try did not activate campaign {cid}"):
        launch(cid, store)

    assert sandbox.activations(cid) == 0


@pytest.mark.parametrize("body", ALL_IS_WELL, ids=str)
def test_a_proxy_that_says_that_all_is_well_has_not_launched_anything(
    sandbox: SandboxClient, store: TaskStateStore, body: dict[str, Any]
) -> None:
    cid = sandbox.add_campaign("Spring", status=DRAFT)
    sandbox.add_fault("body", path="*/activate", json=body, moment="before", count=None)

    with pytest.raises(LaunchNotConfirmedError, match="is Draft"):
        launch(cid, store, check_before=False)


@pytest.mark.parametrize("before_the_answer", [True, False])
@pytest.mark.parametrize("first", [DRAFT, PAUSED])
@pytest.mark.parametrize(
    ("since", "ends"),
    [(PAUSED, LaunchRefusedError), (ACTIVE, None), (COMPLETED, None), (BOUNCED, LaunchRefusedError)],
)
def test_a_retry_after_a_dead_worker_overrules_no_person(
    sandbox: SandboxClient, store: TaskStateStore, before_the_answer: bool, first: int, since: int, ends: Any
) -> None:
    cid = sandbox.add_campaign("Spring", status=first)
    with pytest.MonkeyPatch.context() as monkeypatch:
        die_after_the_activation(monkeypatch, before_the_answer=before_the_answer)
        with pytest.raises(Killed):
            launch(cid, store)
    sandbox.set_status(cid, since)

    if ends is None:
        assert launch(cid, store, try_number=2).by_this_run
    else:
        with pytest.raises(ends):
            launch(cid, store, try_number=2)

    assert sandbox.activations(cid) == 1
    assert sandbox.campaign(cid)["status"] == since


@pytest.mark.parametrize(
    ("status", "rules", "sent"),
    [
        (ACTIVE, {}, 0),
        (PAUSED, {}, 1),
        (COMPLETED, {}, 1),
        (UNKNOWN, {}, 1),
        (BOUNCED, {"reactivate_stopped": True}, 1),
    ],
)
def test_a_retry_for_another_campaign_knows_nothing_of_the_first(
    sandbox: SandboxClient, store: TaskStateStore, status: int, rules: dict[str, bool], sent: int
) -> None:
    """A task that is cleared together with what its template reads may come to another campaign."""
    launch(sandbox.add_campaign("Spring"), store)
    other = sandbox.add_campaign("Autumn", status=status)

    assert launch(other, store, try_number=2, **rules).by_this_run == bool(sent)
    assert sandbox.activations(other) == sent


def test_a_retry_that_comes_back_to_its_first_campaign_remembers_it(
    sandbox: SandboxClient, store: TaskStateStore
) -> None:
    first = sandbox.add_campaign("Spring")
    launch(first, store)
    launch(sandbox.add_campaign("Autumn"), store, try_number=2)
    sandbox.pause(first)

    with pytest.raises(LaunchRefusedError, match="A retry does not overrule that"):
        launch(first, store, try_number=3)


def test_without_a_store_a_retry_sees_only_the_campaign(sandbox: SandboxClient) -> None:
    cid = sandbox.add_campaign("Spring")
    assert launch(cid, None).by_this_run

    assert not launch(cid, None, try_number=2).by_this_run, "it runs already, and nothing remembers why"
    assert sandbox.activations(cid) == 1


def test_a_store_that_cannot_be_read_stops_the_launch(sandbox: SandboxClient, store: TaskStateStore) -> None:
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    store.cannot_read = True

    with pytest.raises(RuntimeError, match="The API server is away"):
        launch(cid, store, try_number=2)

    assert sandbox.activations(cid) == 0


def test_a_store_that_cannot_be_read_before_an_unseen_launch_stops_it(
    sandbox: SandboxClient, store: TaskStateStore
) -> None:
    cid = sandbox.add_campaign("Spring")
    store.cannot_read = True

    with pytest.raises(RuntimeError, match="The API server is away"):
        launch(cid, store, check_before=False)

    assert sandbox.activations(cid) == 0


def test_an_activation_that_is_refused_leaves_no_record(sandbox: SandboxClient, store: TaskStateStore) -> None:
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    sandbox.add_fault("error", path="*/activate", status=403)
    with pytest.raises(Exception, match="403"):
        launch(cid, store)

    assert launch(cid, store, try_number=2).by_this_run
    assert sandbox.activations(cid) == 1


def test_an_activation_whose_answer_was_lost_is_not_repeated_by_the_next_try(
    sandbox: SandboxClient, store: TaskStateStore
) -> None:
    """The answer is lost and nothing can be read: whether the campaign is paused by a person, the retry finds out."""
    cid = sandbox.add_campaign("Spring")
    sandbox.add_fault("reset", path="*/activate", moment="after")
    sandbox.add_fault("error", path=f"*/campaigns/{cid}", method="GET", status=503, skip=1, count=None)
    with pytest.raises(LaunchNotConfirmedError):
        launch(cid, store)
    sandbox.clear_faults()
    sandbox.pause(cid)

    with pytest.raises(LaunchRefusedError, match="A retry does not overrule that"):
        launch(cid, store, try_number=2)

    assert sandbox.activations(cid) == 1


@pytest.mark.parametrize("status", [COMPLETED, UNKNOWN])
def test_what_may_have_been_launched_unseen_is_not_launched_on_a_guess(
    sandbox: SandboxClient, store: TaskStateStore, status: int
) -> None:
    """The first try sent it unseen, so it is not known whether it had an effect that is over already."""
    cid = sandbox.add_campaign("Spring", status=status, script=[(0, status)])
    with pytest.MonkeyPatch.context() as monkeypatch:
        die_after_the_activation(monkeypatch, before_the_answer=True)
        with pytest.raises(Killed):
            launch(cid, store, check_before=False)

    with pytest.raises(LaunchRefusedError, match="it is not known whether that took effect"):
        launch(cid, store, try_number=2, check_before=False)
    assert sandbox.activations(cid) == 1


@pytest.mark.parametrize("rules", [{"check_before": False}, {"check_before": True}], ids=["unseen", "seen"])
@pytest.mark.parametrize("first", [DRAFT, PAUSED, BOUNCED])
@pytest.mark.parametrize("since", STOPPED)
def test_what_may_have_been_launched_and_is_stopped_is_not_reactivated(
    sandbox: SandboxClient, store: TaskStateStore, first: int, since: int, rules: dict[str, bool]
) -> None:
    """A retry took it for a campaign that it found so, and reactivated it because of reactivate_stopped=True."""
    cid = sandbox.add_campaign("Spring", status=first)
    with pytest.MonkeyPatch.context() as monkeypatch:
        die_after_the_activation(monkeypatch, before_the_answer=True)
        with pytest.raises(Killed):
            launch(cid, store, reactivate_stopped=True, **rules)
    sandbox.set_status(cid, since)

    with pytest.raises(LaunchRefusedError, match="Instantly stopped it since, so it was not activated again"):
        launch(cid, store, try_number=2, reactivate_stopped=True, **rules)

    assert sandbox.activations(cid) == 1
    assert sandbox.campaign(cid)["status"] == since


def test_what_was_stopped_before_and_after_a_lost_answer_is_not_reactivated_again(
    sandbox: SandboxClient, store: TaskStateStore
) -> None:
    """It may run in between, and be stopped because of this launch."""
    cid = sandbox.add_campaign("Spring", status=BOUNCED, script=[(0, "active"), (0.5, BOUNCED)])
    sandbox.add_fault("reset", path="*/activate", moment="after")

    with pytest.raises(LaunchNotConfirmedError, match="is Bounce Protect"):
        launch(cid, store, reactivate_stopped=True)
    with pytest.raises(LaunchRefusedError, match="tried to activate it"):
        launch(cid, store, try_number=2, reactivate_stopped=True)

    assert len(sandbox.requests(path="*/activate")) == 1


def test_an_activation_of_what_is_stopped_that_was_refused_leaves_the_next_try_free(
    sandbox: SandboxClient, store: TaskStateStore
) -> None:
    cid = sandbox.add_campaign("Spring", status=BOUNCED)
    sandbox.add_fault("error", path="*/activate", status=403)
    with pytest.raises(Exception, match="403"):
        launch(cid, store, reactivate_stopped=True)

    assert launch(cid, store, try_number=2, reactivate_stopped=True).by_this_run
    assert sandbox.activations(cid) == 1


def test_a_resumption_that_comes_to_show_late_is_remembered_as_a_launch(
    sandbox: SandboxClient, store: TaskStateStore
) -> None:
    """Reads that showed Paused struck it from the record, and a retry reactivated what Instantly stopped since."""
    cid = sandbox.add_campaign("Spring", status=PAUSED, script=[(3600, "active")])
    sandbox.add_fault("reset", path="*/activate", moment="after", count=None)
    with pytest.raises(LaunchNotConfirmedError, match="is Paused"):
        launch(cid, store, reactivate_stopped=True)
    sandbox.clear_faults()
    sandbox.set_status(cid, BOUNCED)

    with pytest.raises(LaunchRefusedError, match="tried to activate it; it may be that Instantly stopped it since"):
        launch(cid, store, try_number=2, reactivate_stopped=True)


def test_what_stayed_paused_after_lost_answers_may_be_resumed_by_a_retry(
    sandbox: SandboxClient, store: TaskStateStore
) -> None:
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    sandbox.add_fault("reset", path="*/activate", moment="before", count=None)
    with pytest.raises(LaunchNotConfirmedError, match="is Paused"):
        launch(cid, store)
    sandbox.clear_faults()

    assert launch(cid, store, try_number=2).by_this_run
    assert sandbox.activations(cid) == 1


@pytest.mark.parametrize("seen", [ACTIVE, COMPLETED, BOUNCED])
@pytest.mark.parametrize("paused_by", ["the task itself", "no one"])
def test_a_person_who_pauses_after_a_try_that_saw_it_resumed_is_not_overruled(
    sandbox: SandboxClient, store: TaskStateStore, paused_by: str, seen: int
) -> None:
    """That a retry may resume it was remembered over the try that saw it run, and was held against the person."""
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    if paused_by == "no one":
        sandbox.add_fault("reset", path="*/activate", moment="before", count=None)
        with pytest.raises(LaunchNotConfirmedError, match="is Paused"):
            launch(cid, store)
        sandbox.clear_faults()
    else:
        launch(cid, store)
        LaunchRecord({"task_state_store": store}, cid, logging.getLogger("a task")).note_may_resume()
    sent = len(sandbox.requests(path="*/activate"))
    sandbox.set_status(cid, seen)
    with contextlib.suppress(LaunchRefusedError):
        launch(cid, store, try_number=2)
    sandbox.pause(cid)

    with pytest.raises(LaunchRefusedError, match="A retry does not overrule that"):
        launch(cid, store, try_number=3)

    assert len(sandbox.requests(path="*/activate")) == sent
    assert sandbox.campaign(cid)["status"] == PAUSED


class SlowStore(TaskStateStore):
    """Airflow's API server answers only after a while, in which something happens."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.now = 1_790_000_000.0
        self.seconds = seconds
        self.calls: list[str] = []
        self.meanwhile: Callable[[], Any] = lambda: None

    def clock(self) -> float:
        """The clock that shows how slow it is."""
        return self.now

    def get(self, key: str, default: Any = None) -> Any:
        """Read a value, slowly."""
        self.calls.append("get")
        self.now += self.seconds
        return super().get(key, default)

    def set(self, key: str, value: Any, **more: Any) -> None:
        """Write a value, slowly."""
        self.calls.append("set")
        self.now += self.seconds
        self.meanwhile()
        super().set(key, value, **more)


def methods(sandbox: SandboxClient) -> list[str]:
    """The methods of all requests that arrived, in order."""
    return [request["method"] for request in sandbox.requests()]


@pytest.mark.parametrize(
    ("since", "message"), [(BOUNCED, "Instantly stopped it"), (PAUSED, "Paused, and resume_paused=False")]
)
def test_what_happens_while_the_record_is_written_is_not_overruled(
    sandbox: SandboxClient, since: int, message: str
) -> None:
    """Airflow may try for most of a minute to write it, between the read that decides and the activation."""
    store = SlowStore(30.0)
    cid = sandbox.add_campaign("Spring")
    store.meanwhile = lambda: sandbox.set_status(cid, since)

    with pytest.raises(LaunchRefusedError, match=message):
        launch(cid, store, clock=store.clock, resume_paused=False)

    assert sandbox.requests(path="*/activate") == []
    assert not any(store.values()), "nothing was sent, so the next try finds the campaign as it is"


def test_what_happens_while_metrics_are_handed_over_is_not_overruled(
    sandbox: SandboxClient, store: TaskStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow may have to find a host for them. It did between the answer to a read and the moment noted for it."""
    cid = sandbox.add_campaign("Spring")
    now, handed_over = [1_790_000_000.0], list[list[str]]()

    def hand_over_slowly(_batch: Any) -> None:
        now[0] += 30.0
        handed_over.append(methods(sandbox))

    monkeypatch.setattr(metrics, "are_on", lambda: True)
    monkeypatch.setattr(metrics, "FLUSH_INTERVAL", 0.0)
    monkeypatch.setattr(metrics, "_hand_over", hand_over_slowly)

    assert launch(cid, store, clock=lambda: now[0]).by_this_run

    assert methods(sandbox) == ["GET", "POST", "GET"]
    assert handed_over == [["GET", "POST"], ["GET", "POST", "GET"]], "before a read, and at the end"


@pytest.mark.parametrize("since", [BOUNCED, PAUSED])
def test_what_happens_while_an_answer_comes_slowly_is_not_overruled(
    sandbox: SandboxClient, store: TaskStateStore, monkeypatch: pytest.MonkeyPatch, since: int
) -> None:
    """It shows how the campaign was when the answer began; that it had just come made it fresh."""
    cid = sandbox.add_campaign("Spring")
    now, read = [1_790_000_000.0], InstantlyHook.get_campaign

    def read_slowly(hook: InstantlyHook, campaign_id: str) -> Any:
        campaign = read(hook, campaign_id)
        if len(sandbox.requests()) == 1:
            now[0] += 20.0
            sandbox.set_status(cid, since)
        return campaign

    monkeypatch.setattr(InstantlyHook, "get_campaign", read_slowly)

    with pytest.raises(LaunchRefusedError):
        launch(cid, store, clock=lambda: now[0], resume_paused=False)

    assert sandbox.requests(path="*/activate") == []


@pytest.mark.parametrize("cannot_write", [False, True])
@pytest.mark.parametrize(("seconds", "reads"), [(0.0, 1), (1.9, 1), (2.1, 2), (30.0, 2)])
def test_a_store_that_is_slow_costs_a_read_and_no_launch(
    sandbox: SandboxClient, seconds: float, reads: int, cannot_write: bool
) -> None:
    """It is written once, also where that fails: it would be as slow each time."""
    store = SlowStore(seconds)
    store.cannot_write = cannot_write
    cid = sandbox.add_campaign("Spring")

    assert launch(cid, store, clock=store.clock).by_this_run

    assert methods(sandbox) == [*["GET"] * reads, "POST", "GET"]
    assert store.calls == ["get", "set", "set"], "before the activation, and after its answer"
    assert sandbox.activations(cid) == 1


def test_a_store_that_answers_late_is_asked_before_the_campaign_is_read(sandbox: SandboxClient) -> None:
    store = SlowStore(0.0)
    cid = sandbox.add_campaign("Spring")
    asked: list[int] = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(store, "get", lambda key, default=None: asked.append(len(sandbox.requests())))
        launch(cid, store, clock=store.clock)
    assert asked == [0]


def late(monkeypatch: pytest.MonkeyPatch, store: SlowStore, times: int) -> None:
    """To make a connection takes three seconds, so many times."""
    activate = InstantlyHook.activate_campaign
    left = [3.0] * times

    def activate_late(hook: InstantlyHook, campaign_id: str, **more: Any) -> Any:
        store.now += left.pop() if left else 0.0
        return activate(hook, campaign_id, **more)

    monkeypatch.setattr(InstantlyHook, "activate_campaign", activate_late)


@pytest.mark.parametrize("first", [DRAFT, PAUSED, BOUNCED])
def test_an_activation_that_is_late_each_time_is_not_sent(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    store = SlowStore(0.0)
    cid = sandbox.add_campaign("Spring", status=first)
    late(monkeypatch, store, MAX_OUTDATED + 1)

    with pytest.raises(OutdatedReadError, match=rf"3\.0 seconds .* did not activate campaign {cid}"):
        launch(cid, store, clock=store.clock, reactivate_stopped=True)

    assert methods(sandbox) == ["GET"] * (MAX_OUTDATED + 1)
    assert not any(store.values())
    assert launch(cid, store, try_number=2, clock=store.clock, reactivate_stopped=True).by_this_run
    assert sandbox.activations(cid) == 1


@pytest.mark.parametrize(("times", "sent"), [(MAX_OUTDATED, 2), (MAX_OUTDATED + 1, 1)])
def test_an_activation_that_is_repeated_rests_on_a_fresh_read_too(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, times: int, sent: int
) -> None:
    store = SlowStore(0.0)
    cid = sandbox.add_campaign("Spring", status=PAUSED)
    sandbox.add_fault("reset", path="*/activate", moment="before")
    activate = InstantlyHook.activate_campaign

    def activate_first(hook: InstantlyHook, campaign_id: str, **more: Any) -> Any:
        monkeypatch.setattr(InstantlyHook, "activate_campaign", activate)
        late(monkeypatch, store, times)
        return activate(hook, campaign_id, **more)

    monkeypatch.setattr(InstantlyHook, "activate_campaign", activate_first)
    if sent == 2:
        assert launch(cid, store, clock=store.clock).by_this_run
    else:
        with pytest.raises(LaunchNotConfirmedError, match="was lost, and then it was not activated again: The activa"):
            launch(cid, store, clock=store.clock)

    assert len(sandbox.requests(path="*/activate")) == sent
    assert methods(sandbox)[: 5 + MAX_OUTDATED] == ["GET", "POST", *["GET"] * (3 + MAX_OUTDATED)]
    if sent == 1:
        monkeypatch.setattr(InstantlyHook, "activate_campaign", activate)
        assert launch(cid, store, try_number=2, clock=store.clock).by_this_run, "it stayed Paused all the time"


def test_a_person_who_pauses_while_a_repeated_activation_is_late_is_not_overruled(
    sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SlowStore(0.0)
    cid = sandbox.add_campaign("Spring")
    sandbox.add_fault("reset", path="*/activate", moment="before")
    activate = InstantlyHook.activate_campaign
    calls: list[str] = []

    def pause_before_the_second(hook: InstantlyHook, campaign_id: str, **more: Any) -> Any:
        calls.append(campaign_id)
        if len(calls) == 2:
            store.now += 3.0
            sandbox.pause(cid)
        return activate(hook, campaign_id, **more)

    monkeypatch.setattr(InstantlyHook, "activate_campaign", pause_before_the_second)
    with pytest.raises(LaunchNotConfirmedError, match="is Paused"):
        launch(cid, store, clock=store.clock)

    assert len(sandbox.requests(path="*/activate")) == 1
    assert sandbox.campaign(cid)["status"] == PAUSED
