"""`PauseCampaignNotifier` over real HTTP: what it pauses, what it says of each campaign, and that it never raises."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_instantly.api.errors import ConnectionLookupError
from airflow_provider_instantly.launches.pause import TIME_LIMIT
from airflow_provider_instantly.notifications.campaign import PauseCampaignNotifier
from tests.airflow_versions import gets_context
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED, SUBSEQUENCES, SUSPENDED, UNHEALTHY, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")

ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"

Call = Any


def in_a_task(notifier: PauseCampaignNotifier, context: Any) -> None:
    notifier(context)


def in_the_triggerer(notifier: PauseCampaignNotifier, context: Any) -> None:
    async def run() -> None:
        if AIRFLOW_V_3_1_PLUS:
            notifier.context = context
            await notifier
        else:  # Nothing awaits a notifier there, but the call must not rot.
            notifier.render_template_fields(context)
            await notifier.async_notify(context)

    asyncio.run(run())


@pytest.fixture(params=[in_a_task, in_the_triggerer], ids=lambda how: how.__name__)
def call(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Call a notifier as Airflow does, one way or the other: it must not raise."""

    def call(campaign_id: Any, *, context: dict[str, Any] | None = None, **given: Any) -> None:
        notifier = PauseCampaignNotifier(campaign_id=campaign_id, **given)
        # Airflow 2.11 renders nothing without a DAG.
        request.param(notifier, {"dag": DAG("a_dag", schedule=None), **(context or {})})

    return call


@pytest.mark.parametrize(
    ("status", "then", "says"),
    [
        (ACTIVE, PAUSED, "Paused campaign"),
        (SUBSEQUENCES, PAUSED, "Paused campaign"),
        (UNKNOWN, PAUSED, "Paused campaign"),
        (DRAFT, DRAFT, "is Draft, and was left as it is, because of pause_drafts=False."),
        (PAUSED, PAUSED, "is Paused, and was left as it is."),
        (COMPLETED, COMPLETED, "is Completed, and was left as it is."),
        (UNHEALTHY, UNHEALTHY, "is Accounts Unhealthy: Instantly stopped it, so it stays as it is."),
        (BOUNCED, BOUNCED, "is Bounce Protect: Instantly stopped it, so it stays as it is."),
        (SUSPENDED, SUSPENDED, "is Account Suspended: Instantly stopped it, so it stays as it is."),
    ],
)
def test_pauses_what_sends_and_says_what_became_of_it(
    sandbox: SandboxClient, call: Call, task_log: Any, status: int, then: int, says: str
) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=status)

    call(campaign_id)

    assert sandbox.campaign(campaign_id)["status"] == then
    assert len(sandbox.requests(path="*/pause")) == (then != status)
    log = task_log()
    assert says in log
    assert f'"Spring" ({campaign_id})' in log


def test_pauses_a_draft_where_asked_to(sandbox: SandboxClient, call: Call) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=DRAFT)

    call(campaign_id, pause_drafts=True)

    assert sandbox.campaign(campaign_id)["status"] == PAUSED


@pytest.mark.parametrize("first", range(3))
def test_what_goes_wrong_with_one_does_not_keep_it_from_the_others(
    sandbox: SandboxClient, call: Call, task_log: Any, first: int
) -> None:
    good = sandbox.add_campaigns(2, "Spring", status=ACTIVE)
    broken = sandbox.add_campaign("Broken", status=ACTIVE)
    sandbox.add_fault("error", path=f"*/{broken}/pause", status=401, count=None)

    call([*good[:first], broken, ID, *good[first:]])

    assert [sandbox.campaign(campaign_id)["status"] for campaign_id in good] == [PAUSED, PAUSED]
    log = task_log()
    for campaign_id in (broken, ID):
        assert f"Campaign {campaign_id} was not paused" in log
    assert log.count("Paused campaign") >= 2


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        # Four pauses always fit in: at least a quarter, a half, one and two seconds.
        ({"status": 429}, 3.75),
        ({"status": 429, "retry_after": 7.0}, 7),
        ({"status": 429, "retry_after": 60.0}, 0),
        ({"status": 503}, 0),
    ],
    ids=["429", "429, wait 7 s", "429, wait 60 s", "503"],
)
@pytest.mark.parametrize("path", ["*", "*/pause"])
@pytest.mark.parametrize("number", [1, 4])
def test_it_has_its_say_before_airflow_ends_it(
    sandbox: SandboxClient,
    task_log: Any,
    sandbox_time: list[float],
    number: int,
    path: str,
    fault: dict[str, Any],
    least: float,
) -> None:
    """Airflow 3.3.2 ends the callback of a task after 20 s. This was silent for a minute for each "wait 60 s"."""
    campaign_ids = sandbox.add_campaigns(number, "Spring", status=ACTIVE)
    sandbox.add_fault("error", path=path, count=None, **fault)

    in_a_task(PauseCampaignNotifier(campaign_id=campaign_ids), {"dag": DAG("a_dag", schedule=None)})

    log = task_log()
    for campaign_id in campaign_ids:
        assert re.search(f"Campaign {campaign_id} was not paused|may or may not have been paused.*{campaign_id}", log)
    # A pause whose answer is lost is read back, whatever time is left: a second for each of three.
    assert least <= sum(sandbox_time) <= TIME_LIMIT + (3 * number if path == "*/pause" else 0)


def test_a_campaign_that_does_not_answer_leaves_time_for_the_others(
    sandbox: SandboxClient, task_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the half minute of one request, and Airflow 3.3.2 ends the callback of a task after 20 s."""
    monkeypatch.setattr("airflow_provider_instantly.launches.pause.TIME_LIMIT", 3.0)
    silent, good = sandbox.add_campaigns(2, "Spring", status=ACTIVE)
    sandbox.add_fault("delay", path=f"*/{silent}*", delay=20.0, count=None)
    began = time.monotonic()

    in_a_task(PauseCampaignNotifier(campaign_id=[silent, good]), {"dag": DAG("a_dag", schedule=None)})

    assert time.monotonic() - began < 8
    assert sandbox.campaign(good)["status"] == PAUSED
    log = task_log()
    assert f"Campaign {silent} was not paused" in log
    assert "Paused campaign" in log


def paused_in(log: str) -> set[str]:
    """The campaigns that are called paused; what is captured on Airflow 2 has each line twice."""
    return set(re.findall(r"Paused campaign .*\((.{36})\)\.", log))


def test_one_that_does_not_answer_has_another_try_after_all_others(
    sandbox: SandboxClient, call: Call, task_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its retries came before the first pause of any other, and used up the time of Airflow's callback."""
    monkeypatch.setattr("airflow_provider_instantly.launches.pause.TIME_LIMIT", 3.0)
    silent, *good = sandbox.add_campaigns(4, "Spring", status=ACTIVE)
    sandbox.add_fault("delay", path=f"*/{silent}*", delay=20.0, count=1)

    call([silent, *good])

    asked = [request["path"].split("/")[4:] for request in sandbox.requests()]
    assert asked[0] == [silent]
    assert asked.index([silent], 1) > max(asked.index([campaign_id, "pause"]) for campaign_id in good)
    assert [sandbox.campaign(campaign_id)["status"] for campaign_id in (silent, *good)] == [PAUSED] * 4
    log = task_log()
    assert paused_in(log) == {silent, *good}
    assert "not paused" not in log


def test_one_whose_connection_could_not_be_looked_up_has_another_try_after_all_others(
    sandbox: SandboxClient, call: Call, task_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow may be asked in vain once, and answer a moment later: the first campaign went on sending."""
    campaign_ids, looked_up = sandbox.add_campaigns(3, "Spring", status=ACTIVE), list[str]()

    def check(_connection: Any, conn_id: str, _conn_type: str) -> None:
        looked_up.append(conn_id)
        if len(looked_up) == 1:
            raise ConnectionLookupError("Airflow could not look the connection up.")

    monkeypatch.setattr("airflow_provider_instantly.hooks.instantly.check_connection", check)

    call(campaign_ids)

    first, *others = campaign_ids
    assert [campaign_id for campaign_id, what in asked_of(sandbox) if what == "pause"] == [*others, first]
    assert paused_in(task_log()) == set(campaign_ids)


def test_no_other_is_tried_while_the_rate_limit_is_used_up(sandbox: SandboxClient, call: Call, task_log: Any) -> None:
    campaign_ids = sandbox.add_campaigns(3, "Spring", status=ACTIVE)
    sandbox.add_fault("error", status=429, count=1)

    call(campaign_ids)

    asked = [(request["path"].split("/")[4], request["status"]) for request in sandbox.requests()]
    assert asked[:2] == [(campaign_ids[0], 429), (campaign_ids[0], 200)]
    assert paused_in(task_log()) == set(campaign_ids)


LOST: list[dict[str, Any]] = [
    {"kind": "reset"},
    {"kind": "error", "status": 503},
    {"kind": "body", "text": "<html>fine</html>", "content_type": "text/html"},
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault["kind"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_one_whose_pause_is_lost_and_cannot_be_read_back_has_another_try(
    sandbox: SandboxClient, call: Call, task_log: Any, fault: dict[str, Any], moment: str
) -> None:
    """The first turn makes no retries, and that of the read which asks what became of the pause was the last."""
    lost, *good = sandbox.add_campaigns(3, "Spring", status=ACTIVE)
    sandbox.add_fault(path=f"*/{lost}/pause", moment=moment, **fault)
    sandbox.add_fault("error", path=f"*/{lost}", method="GET", status=503, skip=1)

    call([lost, *good])

    assert [sandbox.campaign(campaign_id)["status"] for campaign_id in (lost, *good)] == [PAUSED] * 3
    log = task_log()
    assert paused_in(log) == {lost, *good}
    assert "may or may not" not in log


def asked_of(sandbox: SandboxClient) -> list[tuple[str, str]]:
    """Of each request the campaign, and what was asked for."""
    paths = [request["path"].split("/") for request in sandbox.requests()]
    return [(path[4], path[5] if len(path) > 5 else "read") for path in paths]


def test_pauses_that_are_lost_again_and_again_hold_up_no_other(
    sandbox: SandboxClient, call: Call, task_log: Any
) -> None:
    """All three pauses, with the reads after each, came before the first pause of any other."""
    lost, *good = sandbox.add_campaigns(3, "Spring", status=ACTIVE)
    sandbox.add_fault("reset", path=f"*/{lost}/pause", moment="before", count=None)

    call([lost, *good])

    pauses = [campaign_id for campaign_id, what in asked_of(sandbox) if what == "pause"]
    assert pauses == [lost, *good, lost, lost]
    log = task_log()
    assert paused_in(log) == set(good)
    assert re.search(f"may or may not have been paused.*{lost}", log)


def test_a_pause_that_shows_late_holds_up_no_other(
    sandbox: SandboxClient, task_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To wait until it shows took up to seven of the seconds that a callback has."""
    late, *good = sandbox.add_campaigns(3, "Spring", status=ACTIVE)
    sandbox.add_fault("fields", path=f"*/{late}", method="GET", skip=1, fields={"status": ACTIVE})
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    in_a_task(PauseCampaignNotifier(campaign_id=[late, *good]), {"dag": DAG("a_dag", schedule=None)})

    assert sum(slept) == 0
    assert [campaign_id for campaign_id, what in asked_of(sandbox) if what == "pause"] == [late, *good]
    assert paused_in(task_log()) == {late, *good}


@pytest.mark.parametrize(
    "then", [{"kind": "error", "status": 401}, {"kind": "fields", "fields": {"status": DRAFT}}], ids=str
)
def test_what_an_earlier_turn_may_have_paused_is_not_said_to_be_as_it_was(
    sandbox: SandboxClient, call: Call, task_log: Any, then: dict[str, Any]
) -> None:
    lost, good = sandbox.add_campaigns(2, "Spring", status=ACTIVE)
    sandbox.add_fault("reset", path=f"*/{lost}/pause", moment="after")
    sandbox.add_fault("error", path=f"*/{lost}", method="GET", status=503, skip=1)
    sandbox.add_fault(path=f"*/{lost}", method="GET", skip=1, count=None, **then)

    call([lost, good])

    log = task_log()
    assert re.search(f"The answer to the pause was lost.*may or may not have been paused.*{lost}", log)
    assert "was not paused" not in log
    assert "left as it is" not in log
    assert ("HTTP 401" in log) is (then["kind"] == "error")


@pytest.mark.parametrize("then", [{"status": 401}, {"status": 403, "method": "POST"}], ids=str)
def test_why_there_was_no_second_pause_after_one_without_effect_is_said(
    sandbox: SandboxClient, call: Call, task_log: Any, then: dict[str, Any]
) -> None:
    """The log had the first turn's news alone, and said that another try would come."""
    unmoved, good = sandbox.add_campaigns(2, "Spring", status=ACTIVE)
    sandbox.add_fault("body", path=f"*/{unmoved}/pause", json={"id": unmoved, "status": ACTIVE}, moment="before")
    skipped = 0 if "method" in then else 2
    sandbox.add_fault("error", path=f"*/{unmoved}*", **{"method": "GET", **then}, skip=skipped, count=None)

    call([unmoved, good])

    log = task_log()
    assert re.search(rf"The pause was answered, but the campaign was Active.*HTTP {then['status']}.*{unmoved}", log)
    assert "Look at it in Instantly, and pause it there if it still sends." in log
    assert "Another try" not in log
    assert f"Campaign {unmoved} was not paused" not in log


def test_its_first_line_names_all_and_says_what_their_silence_means(
    sandbox: SandboxClient, call: Call, task_log: Any
) -> None:
    """Where Airflow ends it, no other line comes."""
    campaign_ids = sandbox.add_campaigns(23, "Spring", status=DRAFT)

    call(campaign_ids)

    first = next(line for line in task_log().splitlines() if "Pausing " in line)
    assert f"Pausing {', '.join(campaign_ids[:20])} and 3 more." in first
    assert "If no line below says what became of a campaign, Airflow ended this callback" in first


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_answer_is_read_back(sandbox: SandboxClient, call: Call, task_log: Any, moment: str) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    sandbox.add_fault("reset", path="*/pause", moment=moment)

    call(campaign_id)

    assert sandbox.campaign(campaign_id)["status"] == PAUSED
    assert "Paused campaign" in task_log()


@pytest.mark.usefixtures("sandbox_time")
def test_a_pause_that_is_lost_each_time_is_said_and_not_raised(
    sandbox: SandboxClient, call: Call, task_log: Any
) -> None:
    lost = sandbox.add_campaign("Lost", status=ACTIVE)
    good = sandbox.add_campaign("Good", status=ACTIVE)
    sandbox.add_fault("reset", path=f"*/{lost}/pause", count=None)

    call([lost, good])

    assert sandbox.campaign(good)["status"] == PAUSED
    assert "It may or may not have been paused. Look at it in Instantly" in task_log()


def test_a_connection_that_is_missing_is_said_and_not_raised(call: Call, task_log: Any) -> None:
    call([ID], instantly_conn_id="nowhere")

    assert f"Campaign {ID} was not paused: There is no Airflow connection 'nowhere'" in task_log()


def test_an_error_of_another_kind_is_named_and_not_quoted(
    sandbox: SandboxClient, call: Call, task_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("the-secret of ada@example.com")

    for name in ("pause", "apause"):
        monkeypatch.setattr(f"airflow_provider_instantly.launches.pause.{name}", fail)

    call(ID)

    log = task_log()
    assert f"It is not known whether campaign {ID} was paused (RuntimeError)" in log
    assert "the-secret" not in log
    assert "ada@example.com" not in log


def test_no_key_is_in_the_log(sandbox: SandboxClient, call: Call, task_log: Any) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    echo = {"statusCode": 403, "error": "Forbidden", "message": f"{sandbox.api_key} of ada@example.com may not"}
    sandbox.add_fault("body", path="*/pause", status=403, json=echo, moment="before")

    call(campaign_id)

    log = task_log()
    assert f"Campaign {campaign_id} was not paused" in log
    assert sandbox.api_key not in log
    assert "ada@example.com" not in log


# Templates


def test_campaigns_and_connection_are_templates(
    sandbox: SandboxClient, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_AGENCY", sandbox.airflow_connection)
    monkeypatch.delenv("AIRFLOW_CONN_INSTANTLY_DEFAULT")
    ids = sandbox.add_campaigns(3, "Spring", status=ACTIVE)
    context = {"params": {"ids": ids[:2], "id": UUID(ids[2]), "conn": "instantly_agency"}}

    call("{{ params.ids }}", instantly_conn_id="{{ params.conn }}", context=dict(context))
    call(["{{ params.id }}"], instantly_conn_id="{{ params.conn }}", context=dict(context))

    assert [sandbox.campaign(campaign_id)["status"] for campaign_id in ids] == [PAUSED] * 3


@pytest.mark.parametrize("campaign_id", ["{{ params.ids['x'] }}", "{{ nothing.at.all }}", "{{ params.none }}"])
def test_a_template_that_leads_to_no_campaign_is_said_and_not_raised(
    sandbox: SandboxClient, call: Call, task_log: Any, campaign_id: str
) -> None:
    call(campaign_id, context={"params": {"none": None}})

    said = task_log()
    assert "No campaign was paused, since it is not known which to pause" in said
    assert not any("Look at your campaigns" in line and "No campaign was" in line for line in said.splitlines())
    assert "Look at your campaigns in Instantly" in said
    assert sandbox.requests() == []


def test_one_notifier_serves_many_tasks_of_a_process(sandbox: SandboxClient) -> None:
    ids = sandbox.add_campaigns(2, "Spring", status=ACTIVE)
    notifier = PauseCampaignNotifier(campaign_id="{{ params.id }}")

    for campaign_id in ids:
        notifier({"dag": DAG("a_dag", schedule=None), "params": {"id": campaign_id}})

    assert [sandbox.campaign(campaign_id)["status"] for campaign_id in ids] == [PAUSED] * 2
    assert notifier.campaign_id == "{{ params.id }}"


@pytest.mark.parametrize(
    ("campaign_id", "given", "says"),
    [
        ("none", {}, "campaign_id"),
        ([], {}, "at least one campaign"),
        (ID, {"pause_drafts": "False"}, "pause_drafts must be True or False"),
        (ID, {"instantly_conn_id": " "}, "instantly_conn_id"),
    ],
)
def test_an_argument_of_no_use_is_refused_while_the_dag_is_parsed(
    campaign_id: Any, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        PauseCampaignNotifier(campaign_id=campaign_id, **given)


# In a DAG


DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG, BaseOperator
from airflow_provider_instantly.notifications.campaign import PauseCampaignNotifier

class Breaking(BaseOperator):
    def execute(self, context):
        raise RuntimeError("The warehouse is gone.")

with DAG("brake", schedule=None, params={"id": "none"}) as dag:
    Breaking(task_id="break", on_failure_callback=PauseCampaignNotifier(campaign_id="{{ params.id }}"))
"""


@pytest.mark.parametrize("is_reachable", [True, False])
def test_a_task_that_fails_pulls_the_brake_and_its_own_error_stays_seen(
    sandbox: SandboxClient, airflow_database: Path, task_log: Any, is_reachable: bool
) -> None:
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    if not is_reachable:
        sandbox.revoke_key("default")
    file = airflow_database.parent / "dags" / "brake.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(DAG_FILE)

    run = runpy.run_path(str(file))["dag"].test(run_conf={"id": campaign_id})

    assert run.state == "failed"
    assert sandbox.campaign(campaign_id)["status"] == (PAUSED if is_reachable else ACTIVE)
    log = task_log()
    assert "The warehouse is gone." in log
    assert ("Paused campaign" if is_reachable else f"Campaign {campaign_id} was not paused") in log


@pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Deadlines are new in Airflow 3.1.")
def test_a_deadline_makes_it_with_its_context_and_awaits_it(sandbox: SandboxClient) -> None:
    """As `CallbackTrigger` of Airflow 3.3.2 does it."""
    campaign_id = sandbox.add_campaign("Spring", status=ACTIVE)
    kwargs = json.loads(json.dumps({"campaign_id": campaign_id}))

    async def run() -> None:
        await PauseCampaignNotifier(**kwargs, context={"dag_run": {}})

    assert gets_context(PauseCampaignNotifier)
    asyncio.run(run())
    assert sandbox.campaign(campaign_id)["status"] == PAUSED
