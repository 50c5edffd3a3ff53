"""`CampaignAnalyticsOperator` over real HTTP: the figures, what a breach leads to, and what is not concluded."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_instantly.api.errors import (
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyPermissionError,
    InstantlyRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.assets.campaign import all_campaigns_asset
from airflow_provider_instantly.exceptions import (
    LimitBreachedError,
    LimitNotJudgedError,
    PauseNotConfirmedError,
    TaskKilledError,
)
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.operators.analytics import CampaignAnalyticsOperator
from tests.docs.documents import blocks, section, text_of
from tests.statuses import ACTIVE, BOUNCED, COMPLETED, DRAFT, PAUSED
from tests.unit.outlet_events import OutletEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")

ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
NAME = "Spring"
SENDER = "sender@example.com"


def operator(campaign_id: Any, **given: Any) -> CampaignAnalyticsOperator:
    return CampaignAnalyticsOperator(**{"task_id": "guard", "campaign_id": campaign_id, **given})


def row(campaign_id: str, **figures: Any) -> dict[str, Any]:
    """What Instantly says of a campaign, with its names of the figures."""
    names = {
        "sent": "emails_sent_count",
        "bounced": "bounced_count",
        "replied": "reply_count",
        "unsubscribed": "unsubscribed_count",
        "contacted": "contacted_count",
    }
    known = dict.fromkeys(names, 0) | figures
    counts = {names[name]: count for name, count in known.items() if count is not None}
    return {"campaign_id": campaign_id, "campaign_name": NAME, **counts}


@pytest.fixture
def answer(sandbox: SandboxClient) -> Callable[..., None]:
    """Let Instantly have these figures of campaigns."""

    def answer(figures: Mapping[str, Mapping[str, Any]]) -> None:
        rows = [row(campaign_id, **counts) for campaign_id, counts in figures.items()]
        sandbox.add_fault("body", "*/campaigns/analytics", json=rows, count=None)

    return answer


def pauses(sandbox: SandboxClient) -> int:
    return len(sandbox.requests(path="*/pause"))


# What it returns


def test_the_figures_of_a_campaign_that_sends(sandbox: SandboxClient, run_task: Any) -> None:
    sandbox.add_accounts(SENDER)
    campaign_id = sandbox.add_campaign(NAME, fields={"email_list": [SENDER]})
    sandbox.activate(campaign_id)
    leads = ["ada@example.com", "bob+bounce@example.com", "cy+reply@example.com", "di+unsubscribe@example.com"]
    with InstantlyHook() as hook:
        hook.add_leads([{"email": email} for email in leads], campaign_id=campaign_id)
    sandbox.advance_clock(6 * 3600)

    run = run_task(operator(campaign_id.upper(), max_bounce_rate=0.05))

    assert run.error is None
    [found] = run.value["campaigns"]
    assert (found["campaign_id"], found["name"]) == (campaign_id, NAME)
    counts = ("contacted", "sent", "bounced", "replied", "unsubscribed")
    assert [found[name] for name in counts] == [4, 4, 1, 1, 1]
    assert (found["bounce_rate"], found["reply_rate"], found["unsubscribe_rate"]) == (0.25, 0.25, 0.25)
    assert (found["verdict"], run.value["breached"], run.value["paused"]) == ("open", [], [])
    assert sandbox.requests(method="POST", path="*/pause") == []


def test_of_many_in_their_order_and_each_once(sandbox: SandboxClient, run_task: Any, answer: Any) -> None:
    ids = sandbox.add_campaigns(3, NAME, status=ACTIVE)
    answer({campaign_id: {"sent": number} for number, campaign_id in enumerate(ids, 1)})

    run = run_task(operator([ids[2], ids[0], ids[2].upper(), ids[1]]))

    assert [(each["campaign_id"], each["sent"]) for each in run.value["campaigns"]] == [
        (ids[2], 3),
        (ids[0], 1),
        (ids[1], 2),
    ]
    assert {each["verdict"] for each in run.value["campaigns"]} == {None}
    assert len(sandbox.requests()) == 1


def test_no_address_is_in_what_it_returns_or_logs(sandbox: SandboxClient, run_task: Any, task_log: Any) -> None:
    campaign_id = sandbox.add_campaign("For ada@example.com", status=ACTIVE)
    rows = [{**row(campaign_id, sent=4, bounced=4), "campaign_name": "For ada@example.com"}]
    sandbox.add_fault("body", "*/campaigns/analytics", json=rows, count=None)

    run = run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach="pause"))
    failed = run_task(operator(campaign_id, max_bounce_rate=0.05))

    assert run.value["paused"] == [campaign_id]
    for text in (json.dumps(run.value), json.dumps(failed.ti.xcom), str(failed.error), task_log()):
        assert "@" not in text
        assert sandbox.api_key not in text


def test_returns_what_the_manual_shows(sandbox: SandboxClient, run_task: Any) -> None:
    part = section(text_of("docs/reference/parameters.md"), "`CampaignAnalyticsOperator`")
    [shown] = [json.loads(block.text) for block in blocks("json") if block.text in part]
    [entry] = shown["campaigns"]
    sandbox.add_campaign(entry["name"], id=entry["campaign_id"], status=ACTIVE)
    more = {"leads_count": entry["leads"], "completed_count": entry["completed"], "campaign_status": ACTIVE}
    known = {name: entry[name] for name in ("sent", "bounced", "replied", "unsubscribed", "contacted")}
    answer = [{**row(entry["campaign_id"], **known), **more}]
    sandbox.add_fault("body", "*/campaigns/analytics", json=answer)

    run = run_task(operator(entry["campaign_id"], max_bounce_rate=0.05, on_breach="pause"))

    assert run.value == shown


# Nothing sent, and nothing there


@pytest.mark.parametrize("on_breach", ["fail", "pause", "warn"])
@pytest.mark.parametrize("rows", [None, [{"sent": 0}]])
def test_nothing_sent_is_not_no_bounces(
    sandbox: SandboxClient, run_task: Any, answer: Any, task_log: Any, on_breach: str, rows: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    if rows:
        answer({campaign_id: rows[0]})

    run = run_task(operator(campaign_id, max_bounce_rate=0.0, min_reply_rate=1.0, on_breach=on_breach))

    assert run.error is None
    [found] = run.value["campaigns"]
    assert (found["sent"], found["bounce_rate"], found["verdict"]) == (0, None, "open")
    assert found["bounced"] == (0 if rows else None)
    assert found["name"] == NAME
    assert "Nothing was sent, so max_bounce_rate cannot be judged." in task_log()
    assert pauses(sandbox) == 0


def test_a_campaign_that_there_is_not_fails_and_is_no_campaign_that_sent_nothing(
    sandbox: SandboxClient, run_task: Any
) -> None:
    run = run_task(operator(ID, max_bounce_rate=0.05, on_breach="warn"))

    assert type(run.error) is CampaignNotFoundError
    assert ID in str(run.error)


def test_one_that_there_is_not_does_not_keep_the_guard_from_the_others(
    sandbox: SandboxClient, run_task: Any, answer: Any
) -> None:
    bad = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({bad: {"sent": 100, "bounced": 10}})

    run = run_task(operator([ID, bad], max_bounce_rate=0.05, on_breach="pause"))

    assert type(run.error) is CampaignNotFoundError
    assert sandbox.campaign(bad)["status"] == PAUSED
    assert run.ti.xcom["figures"]["paused"] == [bad]


def test_an_event_of_its_outlets_names_what_breaches_a_limit(
    sandbox: SandboxClient, run_task: Any, answer: Any
) -> None:
    bad, good = (sandbox.add_campaign(name, status=ACTIVE) for name in ("Bad list", "Good list"))
    answer({bad: {"sent": 100, "bounced": 10}, good: {"sent": 100}})
    outlet, events = all_campaigns_asset(), OutletEvents()
    task = operator([bad, good], max_bounce_rate=0.05, on_breach="pause", outlets=[outlet])

    assert run_task(task, outlet_events=events).error is None

    assert events[outlet].extra == {
        "campaign_id": bad,
        "name": NAME,
        "verdict": "breached",
        "paused": True,
        "instantly_conn_id": "instantly_default",
    }


def test_too_few_contacted_is_a_breach_also_where_nothing_was_sent(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)

    run = run_task(operator(campaign_id, min_contacted=10))

    assert type(run.error) is LimitBreachedError
    assert "0 leads were contacted, and min_contacted is 10." in str(run.error)


# What came back is what was asked for


def test_figures_of_another_campaign_decide_nothing(sandbox: SandboxClient, run_task: Any, answer: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({ID: {"sent": 100, "bounced": 100}})

    run = run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach="pause"))

    assert type(run.error) is InstantlyUnexpectedAnswerError
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


@pytest.mark.parametrize("lacks", ["sent", "bounced"])
def test_what_the_answer_lacks_is_not_zero(
    sandbox: SandboxClient, run_task: Any, answer: Any, task_log: Any, lacks: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({campaign_id: {"sent": 100, "bounced": 100, lacks: None}})

    failed = run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach="pause"))
    warned = run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach="warn"))

    assert type(failed.error) is LimitNotJudgedError
    assert not isinstance(failed.error, AirflowFailException)
    assert "max_bounce_rate is not judged" in str(failed.error)
    assert failed.ti.xcom["figures"]["campaigns"][0]["verdict"] == "unknown"
    assert (warned.error, warned.value["campaigns"][0]["verdict"]) == (None, "unknown")
    assert "warning" in task_log().lower()
    assert pauses(sandbox) == 0


@pytest.mark.parametrize(
    "figures",
    [
        {"sent": 100, "replied": -1}, {"sent": -100, "replied": 5}, {"sent": "100", "replied": 0},
        {"sent": 100, "replied": "none"}, {"sent": 1e400, "replied": 0}, {"sent": 10**30, "replied": 0},
    ],
)  # fmt: skip
def test_what_is_no_count_is_no_breach_and_no_calm(
    sandbox: SandboxClient, run_task: Any, answer: Any, figures: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({campaign_id: {name: None if count == float("inf") else count for name, count in figures.items()}})

    run = run_task(operator(campaign_id, min_reply_rate=0.01, on_breach="pause"))

    assert type(run.error) is LimitNotJudgedError
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


@pytest.mark.parametrize(("since", "verdict"), [(None, "unknown"), ("2026-05-04", "open")])
def test_what_bounces_was_sent_on_some_day(
    sandbox: SandboxClient, run_task: Any, answer: Any, since: str | None, verdict: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({campaign_id: {"sent": 0, "bounced": 50}})

    run = run_task(operator(campaign_id, max_bounce_rate=0.05, since=since, on_breach="warn"))

    assert run.value["campaigns"][0]["verdict"] == verdict


def test_an_error_says_that_the_campaigns_were_left(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("error", "*/campaigns/analytics", status=500, count=None)

    two = run_task(operator([campaign_id, ID], max_bounce_rate=0.05, on_breach="pause"))
    one = run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach="pause"))

    assert type(two.error) is type(one.error) is InstantlyServerError
    assert "2 campaigns were not judged, and were left as they are." in str(two.error)
    assert f"Campaign {campaign_id} was not judged, and was left as it is." in str(one.error)
    assert "figures" not in two.ti.xcom | one.ti.xcom


def test_a_breach_does_not_hide_what_could_not_be_judged(sandbox: SandboxClient, run_task: Any, answer: Any) -> None:
    """It fails the task without a retry."""
    bad, silent, unread = ids = sandbox.add_campaigns(3, NAME, status=ACTIVE)
    sandbox.delete(unread)
    answer({bad: {"sent": 500, "bounced": 100}, silent: {"sent": 500, "bounced": None}})
    run = run_task(operator(ids, max_bounce_rate=0.05))
    assert isinstance(run.error, LimitBreachedError)
    assert "1 of 2 campaigns breach a limit." in str(run.error)
    assert "They were left as they are. 2 more could not be judged, and were left as they are." in str(run.error)
    assert pauses(sandbox) == 0


@pytest.mark.usefixtures("sandbox_time")
# What all other requests would meet, too, ends it: all that were still to be judged are left.
@pytest.mark.parametrize(("status", "left", "fewest", "most"), [(403, 100, 3, 3), (429, 101, 15, 31)])
def test_figures_that_cannot_be_read_do_not_keep_the_guard_from_the_others(
    sandbox: SandboxClient, run_task: Any, task_log: Any, status: int, left: int, fewest: int, most: int
) -> None:
    ids = sandbox.add_campaigns(201, NAME, status=ACTIVE)
    rows = [row(ids[0], sent=100, bounced=50)]
    sandbox.add_fault("body", "*/campaigns/analytics", json=rows)
    sandbox.add_fault("error", "*/campaigns/analytics", status=status, count=None)

    run = run_task(operator(ids, max_bounce_rate=0.05, on_breach="pause"))

    assert isinstance(run.error, InstantlyRequestError)
    assert f"{left} campaigns were not judged, and were left as they are." in str(run.error)
    assert str(run.error) in task_log()
    assert run.ti.xcom["figures"]["paused"] == [ids[0]]
    assert len(run.ti.xcom["figures"]["campaigns"]) == 100
    # No one asks on where the way to Instantly is blocked; each attempt is a request.
    assert fewest <= len(sandbox.requests(path="*/campaigns/analytics")) <= most


def test_what_breaches_one_limit_and_lacks_the_figure_of_another(
    sandbox: SandboxClient, run_task: Any, answer: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({campaign_id: {"sent": 100, "bounced": 20, "unsubscribed": None}})

    run = run_task(operator(campaign_id, max_bounce_rate=0.05, max_unsubscribe_rate=0.01, on_breach="pause"))

    assert type(run.error) is LimitNotJudgedError
    assert "What breaches another limit was to be paused" in str(run.error)
    assert "left as they are" not in str(run.error)
    assert run.ti.xcom["figures"]["paused"] == [campaign_id]
    assert pauses(sandbox) == 1


# A breach


BREACHES = [
    ({"max_bounce_rate": 0.05}, {"sent": 100, "bounced": 6}),
    ({"max_unsubscribe_rate": 0.01}, {"sent": 100, "unsubscribed": 2}),
    ({"min_reply_rate": 0.01}, {"sent": 100, "replied": 0}),
    ({"max_bounce_rate": 0.05}, {"sent": 4, "bounced": 4}),
]
KEPT = [
    ({"max_bounce_rate": 0.05}, {"sent": 100, "bounced": 5}),
    ({"max_bounce_rate": 0.03}, {"sent": 30, "bounced": 1}),
    ({"max_bounce_rate": 0.03, "min_sent": 50}, {"sent": 30, "bounced": 1}),
]


@pytest.mark.parametrize(("limits", "figures"), BREACHES)
def test_a_breach_fails_the_task_without_a_retry(
    sandbox: SandboxClient, run_task: Any, answer: Any, limits: dict[str, float], figures: dict[str, int]
) -> None:
    bad, good = sandbox.add_campaigns(2, NAME, status=ACTIVE)
    answer({bad: figures, good: {"sent": 1_000, "replied": 100}})

    run = run_task(operator([bad, good], **limits))

    assert type(run.error) is LimitBreachedError
    assert isinstance(run.error, AirflowFailException)
    message = str(run.error)
    assert message.startswith("1 of 2 campaigns breach a limit.")
    assert bad in message
    assert good not in message
    assert next(iter(limits)) in message
    assert "They were left as they are." in message
    assert run.ti.xcom["figures"]["breached"] == [bad]
    assert sandbox.campaign(bad)["status"] == ACTIVE


@pytest.mark.parametrize(("limits", "figures"), BREACHES)
def test_a_breach_pauses_the_campaign_and_only_that(
    sandbox: SandboxClient, run_task: Any, answer: Any, task_log: Any, limits: dict[str, float], figures: Any
) -> None:
    bad, good = sandbox.add_campaigns(2, NAME, status=ACTIVE)
    answer({bad: figures, good: {"sent": 1_000, "replied": 100}})

    run = run_task(operator([bad, good], **limits, on_breach="pause"))

    assert run.error is None
    assert (run.value["breached"], run.value["paused"]) == ([bad], [bad])
    assert [sandbox.campaign(campaign_id)["status"] for campaign_id in (bad, good)] == [PAUSED, ACTIVE]
    assert [request["method"] for request in sandbox.requests()] == ["GET", "GET", "POST", "GET"]
    assert "Paused campaign" in task_log()


@pytest.mark.parametrize(("limits", "figures"), BREACHES)
def test_a_breach_warns(
    sandbox: SandboxClient, run_task: Any, answer: Any, task_log: Any, limits: dict[str, float], figures: Any
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({campaign_id: figures})

    run = run_task(operator(campaign_id, **limits, on_breach="warn"))

    assert (run.error, run.value["breached"], run.value["paused"]) == (None, [campaign_id], [])
    assert "warning" in task_log().lower()
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


@pytest.mark.parametrize("on_breach", ["fail", "pause", "warn"])
@pytest.mark.parametrize(("limits", "figures"), KEPT)
def test_what_is_no_breach_changes_nothing(
    sandbox: SandboxClient, run_task: Any, answer: Any, limits: dict[str, float], figures: Any, on_breach: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({campaign_id: figures})

    run = run_task(operator(campaign_id, **limits, on_breach=on_breach))

    assert (run.error, run.value["breached"], run.value["paused"]) == (None, [], [])
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


@pytest.mark.parametrize("status", [DRAFT, PAUSED, COMPLETED, BOUNCED])
def test_what_does_not_send_is_left_and_nothing_is_ever_resumed(
    sandbox: SandboxClient, run_task: Any, answer: Any, task_log: Any, status: int
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=status)
    answer({campaign_id: {"sent": 100, "bounced": 50}})

    for _ in range(2):
        run = run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach="pause"))
        assert (run.error, run.value["breached"], run.value["paused"]) == (None, [campaign_id], [])

    assert sandbox.campaign(campaign_id)["status"] == status
    assert sandbox.requests(method="POST") == []
    # That is a parameter of other tasks.
    assert "pause_drafts" not in task_log()
    assert ("left as it is: a Draft sends nothing." in task_log()) is (status == DRAFT)


@pytest.mark.usefixtures("sandbox_time")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_pause_whose_answer_is_lost_is_read_back(
    sandbox: SandboxClient, run_task: Any, answer: Any, moment: str
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({campaign_id: {"sent": 100, "bounced": 50}})
    sandbox.add_fault("reset", path="*/pause", moment=moment)

    run = run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach="pause"))

    assert (run.error, run.value["paused"]) == (None, [campaign_id])
    assert sandbox.campaign(campaign_id)["status"] == PAUSED


@pytest.mark.usefixtures("sandbox_time")
def test_a_pause_that_fails_does_not_keep_it_from_the_others(
    sandbox: SandboxClient, run_task: Any, answer: Any
) -> None:
    lost, refused, good = sandbox.add_campaigns(3, NAME, status=ACTIVE)
    answer({campaign_id: {"sent": 100, "bounced": 50} for campaign_id in (lost, refused, good)})
    sandbox.add_fault("reset", path=f"*/{lost}/pause", count=None)
    sandbox.add_fault("error", path=f"*/{refused}/pause", status=403, count=None)

    first = run_task(operator([lost, refused, good], max_bounce_rate=0.05, on_breach="pause"))
    sandbox.clear_faults()
    answer({campaign_id: {"sent": 100, "bounced": 50} for campaign_id in (lost, refused, good)})
    second = run_task(operator([lost, refused, good], max_bounce_rate=0.05, on_breach="pause"))

    assert type(first.error) is PauseNotConfirmedError
    assert first.ti.xcom["figures"]["paused"] == [good]
    assert second.value["paused"] == [lost, refused]
    assert {sandbox.campaign(campaign_id)["status"] for campaign_id in (lost, refused, good)} == {PAUSED}


def test_a_task_that_is_killed_pauses_no_more(
    sandbox: SandboxClient, run_task: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sandbox.add_campaigns(2, NAME, status=ACTIVE)
    answer({campaign_id: {"sent": 100, "bounced": 50} for campaign_id in (first, second)})
    task = operator([first, second], max_bounce_rate=0.05, on_breach="pause")
    # The read that confirms the first pause.
    monkeypatch.setattr(time, "sleep", lambda seconds: task.on_kill())

    run = run_task(task)

    assert type(run.error) is TaskKilledError
    assert second in str(run.error)
    assert [sandbox.campaign(campaign_id)["status"] for campaign_id in (first, second)] == [PAUSED, ACTIVE]
    assert (run.ti.xcom["figures"]["breached"], run.ti.xcom["figures"]["paused"]) == ([first, second], [first])


def test_very_many_breaches_make_no_endless_message(
    sandbox: SandboxClient, run_task: Any, answer: Any, task_log: Any
) -> None:
    ids = sandbox.add_campaigns(30, NAME, status=ACTIVE)
    answer({campaign_id: {"sent": 100, "bounced": 50} for campaign_id in ids})

    run = run_task(operator(ids, max_bounce_rate=0.05))

    message = str(run.error)
    assert message.startswith("30 of 30 campaigns breach a limit.")
    assert sum(campaign_id in message for campaign_id in ids) == 20
    assert "And 10 more, which the XCom has." in message
    assert len(run.ti.xcom["figures"]["breached"]) == 30


# Days


def test_days_are_midnights_of_utc(sandbox: SandboxClient, run_task: Any) -> None:
    sandbox.add_accounts(SENDER)
    campaign_id = sandbox.add_campaign(NAME, fields={"email_list": [SENDER]})
    sandbox.activate(campaign_id)
    with InstantlyHook() as hook:
        hook.add_leads([{"email": "ada@example.com"}], campaign_id=campaign_id)
    sandbox.advance_clock(3600)
    [email] = sandbox.emails(campaign_id)
    day = datetime.fromtimestamp(email["sent_at"], UTC).date()

    def sent(since: Any, until: Any) -> int:
        run = run_task(operator(campaign_id, since=since, until=until))
        assert run.error is None
        assert (run.value["since"], run.value["until"]) == (
            str(since) if since else None,
            str(until) if until else None,
        )
        return int(run.value["campaigns"][0]["sent"])

    before, after = day - timedelta(days=1), day + timedelta(days=1)
    assert sent(day, after) == 1
    assert sent(str(day), str(after)) == 1
    assert sent(before, day) == 0
    assert sent(after, None) == 0
    assert sent(None, None) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"since": "yesterday"},
        {"since": "2026-11-24T00:00:00"},
        {"since": datetime(2026, 11, 24, tzinfo=UTC)},
        {"until": "20261124"},
        {"until": "2026-02-30"},
        {"until": 20261124},
        {"since": "2026-11-24", "until": "2026-11-24"},
        {"max_bounce_rate": 5},
        {"max_bounce_rate": -0.1},
        {"max_unsubscribe_rate": "0.05"},
        {"min_reply_rate": True},
        {"min_contacted": 1.5},
        {"min_contacted": -1},
        {"min_sent": 0},
        {"confidence": 0.49},
        {"confidence": 1.0},
        {"confidence": 99},
        {"on_breach": "resume"},
        {"instantly_conn_id": ""},
        {"campaign_id": []},
        {"campaign_id": "none"},
        {"on_breach": "pause", "min_contacted": 10},
    ],
    ids=str,
)
def test_an_argument_of_no_use_is_refused_while_the_dag_is_parsed(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=list(given)[-1]):
        operator(**{"campaign_id": ID, **given})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"campaign_id": "{{ params.none }}"}, "campaign_id"),
        ({"since": "{{ params.ts }}"}, "since must be a day"),
        ({"since": "2026-11-24", "until": "{{ params.day }}"}, "There is no time from since"),
    ],
)
def test_a_template_of_no_use_fails_before_any_request(
    sandbox: SandboxClient, run_task: Any, given: dict[str, Any], says: str
) -> None:
    task = operator(**{"campaign_id": ID, **given})
    task.render_template_fields({"params": {"none": None, "ts": "2026-11-24T00:00:00+00:00", "day": "2026-11-24"}})

    run = run_task(task)

    assert type(run.error) is AirflowFailException
    assert says in str(run.error)
    assert sandbox.requests() == []


def test_campaigns_connection_and_days_are_templates(
    sandbox: SandboxClient, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_AGENCY", sandbox.airflow_connection)
    monkeypatch.delenv("AIRFLOW_CONN_INSTANTLY_DEFAULT")
    ids = sandbox.add_campaigns(2, NAME, status=ACTIVE)
    task = operator(
        "{{ params.ids }}", instantly_conn_id="{{ params.conn }}", since="{{ params.day }}", until="{{ params.none }}"
    )
    params = {"ids": [UUID(each) for each in ids], "conn": "instantly_agency", "day": date(2026, 11, 24), "none": None}
    task.render_template_fields({"params": params})

    run = run_task(task)

    assert [each["campaign_id"] for each in run.value["campaigns"]] == ids
    assert (run.value["since"], run.value["until"]) == ("2026-11-24", None)


def test_it_can_be_mapped(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    with DAG("a_dag", schedule=None):
        mapped: Any = CampaignAnalyticsOperator.partial(task_id="guard", max_bounce_rate=0.05).expand(
            campaign_id=[campaign_id]
        )

    task = mapped.unmap({"campaign_id": campaign_id, "max_bounce_rate": 0.05, "task_id": "guard"})
    assert run_task(task).value["campaigns"][0]["campaign_id"] == campaign_id


# Refused


def test_a_key_that_is_refused_pauses_nothing_and_says_so(sandbox: SandboxClient, run_task: Any) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    sandbox.add_fault("error", "*/campaigns/analytics", status=401, count=None)

    run = run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach="pause"))

    assert type(run.error) is InstantlyAuthenticationError
    assert sandbox.campaign(campaign_id)["status"] == ACTIVE


def test_it_needs_the_scopes_that_the_manual_names(
    sandbox: SandboxClient, run_task: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = sandbox.add_campaign(NAME, status=ACTIVE)
    answer({campaign_id: {"sent": 100, "bounced": 50}})

    def run_with(on_breach: str, *scopes: str) -> Any:
        key = sandbox.add_key("-".join(scopes) or "none", scopes)
        connection = {**json.loads(sandbox.airflow_connection), "password": key}
        monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
        return run_task(operator(campaign_id, max_bounce_rate=0.05, on_breach=on_breach))

    assert run_with("warn", "campaigns:read").error is None
    refused = run_with("pause", "campaigns:read")
    assert type(refused.error) is InstantlyPermissionError
    assert "campaigns:update" in str(refused.error)
    assert run_with("pause", "campaigns:read", "campaigns:update").value["paused"] == [campaign_id]
