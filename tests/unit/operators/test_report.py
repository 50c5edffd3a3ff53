"""`CampaignReportOperator` over real HTTP and a real folder: what it reads and writes, and what it leaves out."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AssetAlias, ObjectStoragePath

from airflow_provider_instantly.api.errors import (
    InstantlyAuthenticationError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.assets.campaign import all_campaigns_asset, campaign_uri
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.links.report import ReportLink
from airflow_provider_instantly.operators.report import CampaignReportOperator
from tests.docs.documents import blocks, section, text_of
from tests.statuses import ACTIVE, BOUNCED, DRAFT
from tests.unit.outlet_events import OutletEvents

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("short_pauses")

NAME = "Spring"
UNKNOWN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
SENDERS = ["sender-one@mail.example.com", "sender-two@mail.example.com"]
LEADS = ["ada-lovelace", "ben+bounce", "cy+reply", "dee+unsubscribe"]
#: Of addresses: what no file, log or XCom may hold.
PERSONS = ["ada-lovelace", "ben+", "cy+", "dee+", "sender-one", "sender-two", "@customer.example"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "reports"


@pytest.fixture
def campaign_id(sandbox: SandboxClient) -> str:
    """A campaign that has written to four leads."""
    sandbox.add_accounts(*SENDERS)
    campaign_id = sandbox.add_campaign(NAME, fields={"email_list": SENDERS})
    sandbox.activate(campaign_id)
    with InstantlyHook() as hook:
        hook.add_leads([{"email": f"{name}@customer.example"} for name in LEADS], campaign_id=campaign_id)
    sandbox.advance_clock(86_400)
    sandbox.clear_requests()
    return campaign_id


def operator(campaign_id: Any, path: Any, **given: Any) -> CampaignReportOperator:
    return CampaignReportOperator(**{"task_id": "report", "campaign_id": campaign_id, "path": path, **given})


def asked(sandbox: SandboxClient) -> list[str]:
    """The paths of all requests, without ids."""
    return [request["path"].removeprefix("/api/v2") for request in sandbox.requests()]


# What it reads and writes


def test_a_page_and_a_picture(sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path) -> None:
    run = run_task(operator(campaign_id, str(folder), max_bounce_rate=0.03))

    assert run.error is None
    assert sorted(file.name for file in folder.iterdir()) == [f"{campaign_id}.png", "report.html"]
    page = (folder / "report.html").read_text("utf-8")
    for said in (NAME, "25.0 %", "Completed", "s…@mail.example.com", "Next sending windows", "Step 1 A"):
        assert said in page
    assert (folder / f"{campaign_id}.png").read_bytes().startswith(b"\x89PNG")
    assert {request["method"] for request in sandbox.requests()} == {"GET"}


def test_scores_are_asked_for_of_senders_that_show_none(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path
) -> None:
    sandbox.add_accounts(SENDERS[0], fields={"stat_warmup_score": None})

    run_task(operator(campaign_id, folder))

    [request] = sandbox.requests(method="POST")
    assert request["path"] == "/api/v2/accounts/warmup-analytics"
    page = (folder / "report.html").read_text("utf-8")
    assert "1 of 2 without a finding." in page
    assert "Warm-up score 100." in page


@pytest.mark.parametrize("path", ["~/reports", "file://~/reports"])
def test_a_folder_below_the_home_of_the_user(
    run_task: Any, campaign_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    run = run_task(operator(campaign_id, path))

    assert run.error is None
    page = tmp_path / "home/reports/report.html"
    assert list(tmp_path.rglob("report.html")) == [page]
    assert ObjectStoragePath(run.value["page"]).path == str(page)
    assert run.value["url"] == run.value["page"]


def test_it_returns_what_the_manual_shows(run_task: Any, campaign_id: str, folder: Path) -> None:
    part = section(text_of("docs/reference/parameters.md"), "`CampaignReportOperator`")
    [shown] = [json.loads(block.text) for block in blocks("json") if block.text in part]

    run = run_task(operator(campaign_id, str(folder)))

    assert run.value.keys() == shown.keys()
    assert run.value == {
        "page": str(ObjectStoragePath(str(folder)) / "report.html"),
        "pictures": [str(ObjectStoragePath(str(folder)) / f"{campaign_id}.png")],
        "url": str(ObjectStoragePath(str(folder)) / "report.html"),
        "campaigns": [campaign_id],
        "not_read": [],
    }
    json.dumps(run.value)


def test_the_events_of_its_outlets_say_where_the_report_on_each_campaign_is(
    run_task: Any, campaign_id: str, folder: Path
) -> None:
    events, asset, alias = OutletEvents(), all_campaigns_asset(), AssetAlias("reports")

    run = run_task(operator(campaign_id, str(folder), outlets=[asset, alias]), outlet_events=events)

    said = {"campaign_id": campaign_id, "report_url": run.value["url"], "instantly_conn_id": "instantly_default"}
    assert events[asset].extra == said
    assert events[alias].added == [(campaign_uri(campaign_id), said)]


def test_several_campaigns_in_their_order(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path
) -> None:
    draft = sandbox.add_campaign("A draft", status=DRAFT)

    run = run_task(operator([draft, campaign_id], folder))

    assert run.value["campaigns"] == [draft, campaign_id]
    assert [Path(picture).name for picture in run.value["pictures"]] == [f"{campaign_id}.png"]
    page = (folder / "report.html").read_text("utf-8")
    assert page.index("A draft") < page.index(NAME)
    assert "2 campaigns" in page
    # Figures by day and by step only of what has sent.
    assert len(sandbox.requests(path="*/analytics/daily")) == len(sandbox.requests(path="*/analytics/steps")) == 1
    assert len(sandbox.requests(path="*/campaigns/analytics")) == 1


def test_how_the_tasks_of_the_run_saw_it(run_task: Any, campaign_id: str, folder: Path) -> None:
    results = {"the launch": {"id": campaign_id, "status": ACTIVE}, "the pause": {"id": campaign_id, "status": BOUNCED}}

    run_task(operator(campaign_id, folder, results=results))

    page = (folder / "report.html").read_text("utf-8")
    assert page.index("the launch") < page.index("the pause") < page.index("now <span")
    assert "Bounce Protect" in page


def test_a_period(sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path) -> None:
    run_task(operator(campaign_id, folder, since=date(2020, 1, 1), until="2100-01-01"))

    queries = [request["query"] for request in sandbox.requests() if "/analytics" in request["path"]]
    figures = [query for query in queries if query]
    assert figures
    assert all("start_date=2020-01-01" in query and "end_date=2100-01-01" in query for query in figures)
    assert "from 2020-01-01 up to 2100-01-01 (exclusive), midnight UTC" in (folder / "report.html").read_text("utf-8")


def test_a_second_run_writes_the_same_files_again(run_task: Any, campaign_id: str, folder: Path) -> None:
    run_task(operator(campaign_id, folder))
    first = (folder / f"{campaign_id}.png").read_bytes()
    (folder / "other.txt").write_text("stays")

    run = run_task(operator(campaign_id, folder))

    assert run.error is None
    assert (folder / f"{campaign_id}.png").read_bytes() == first
    assert (folder / "other.txt").read_text() == "stays"


@pytest.mark.usefixtures("object_storages")
def test_another_file_system(run_task: Any, campaign_id: str) -> None:
    place = ObjectStoragePath("memory://bucket/reports")

    run = run_task(operator(campaign_id, place))

    assert run.error is None
    assert (place / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert run.value["page"] == str(place / "report.html")


# The link


def test_the_button_leads_to_the_page(run_task: Any, campaign_id: str, folder: Path) -> None:
    run = run_task(operator(campaign_id, folder, public_url="https://reports.example.com/today/"))

    assert run.value["url"] == "https://reports.example.com/today/report.html"
    assert run.ti.xcom[ReportLink.XCOM_KEY] == run.value["url"]


def test_there_is_no_button_before_there_is_a_page(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path
) -> None:
    sandbox.add_fault("error", "*/analytics/daily", status=500, count=None)

    run = run_task(operator(campaign_id, folder))

    assert isinstance(run.error, InstantlyServerError)
    assert "No report was written, and the campaigns were left as they are." in str(run.error)
    assert ReportLink.XCOM_KEY not in run.ti.xcom
    assert not folder.exists()


# What it cannot read


def test_a_campaign_that_is_not_there(sandbox: SandboxClient, run_task: Any, task_log: Any, folder: Path) -> None:
    draft = sandbox.add_campaign("A draft")

    run = run_task(operator([UNKNOWN_ID, draft], folder))

    assert run.error is None
    assert run.value["not_read"] == [f"The workspace has no campaign {UNKNOWN_ID}."]
    assert run.value["not_read"][0] in task_log()
    assert "The workspace has no such campaign." in (folder / "report.html").read_text("utf-8")


def test_senders_that_the_key_may_not_read(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = sandbox.add_key("few", ["campaigns:read"])
    connection = {**json.loads(sandbox.airflow_connection), "password": key}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))

    run = run_task(operator(campaign_id, folder))

    assert run.error is None
    [sentence] = run.value["not_read"]
    assert sentence.startswith("The senders could not be read: ")
    assert "accounts:read" in sentence
    page = (folder / "report.html").read_text("utf-8")
    assert "They could not be read." in page
    assert "25.0 %" in page


def test_a_list_of_accounts_that_does_not_end_is_not_waited_for(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_instantly.reports.reading.MAX_ACCOUNTS", 100)
    sandbox.add_accounts(*(f"a{number}@other.example.com" for number in range(300)))
    gone = sandbox.add_campaign("Without a sender", fields={"email_list": ["gone@mail.example.com"]})

    run = run_task(operator([campaign_id, gone], folder))

    assert run.value["not_read"] == ["The senders could not be read: their list does not end with 100."]
    assert len(sandbox.requests(path="*/accounts")) == 1
    page = (folder / "report.html").read_text("utf-8")
    assert "They could not be read." in page
    assert "There is no such account" not in page


def test_a_list_of_accounts_that_repeats_itself_is_not_whole(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path
) -> None:
    page = {"items": [{"email": "a@other.example.com", "status": 1}], "next_starting_after": "again"}
    sandbox.add_fault("body", "*/accounts", json=page, count=None)

    run = run_task(operator(campaign_id, folder))

    assert run.value["not_read"] == ["The senders could not be read: their list repeats itself."]
    assert len(sandbox.requests(path="*/accounts")) == 2


def test_no_more_accounts_are_listed_once_all_are_found(sandbox: SandboxClient, run_task: Any, folder: Path) -> None:
    sandbox.add_accounts(*(f"z{number}@other.example.com" for number in range(300)))
    named = [f"z{number}@other.example.com" for number in (0, 299)]
    campaigns = [sandbox.add_campaign(fields={"email_list": [email]}) for email in named]

    runs = [run_task(operator(campaign, folder)) for campaign in campaigns]

    assert [run.value["not_read"] for run in runs] == [[], []]
    # The one is on the first page, and the other on the last.
    assert len(sandbox.requests(path="*/accounts")) in (4, 5)


@pytest.mark.parametrize(
    ("fault", "path", "error"),
    [
        ({"status": 401}, "*/campaigns/*", InstantlyAuthenticationError),
        ({"status": 503}, "*/accounts*", InstantlyServerError),
        ({"status": 503}, "*/campaigns/analytics", InstantlyServerError),
    ],
)
def test_anything_else_fails_and_nothing_is_written(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path, fault: Any, path: str, error: Any
) -> None:
    sandbox.add_fault("error", path, count=None, **fault)

    run = run_task(operator(campaign_id, folder))

    assert isinstance(run.error, error)
    assert not folder.exists()


def test_figures_of_another_campaign_are_not_believed(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path
) -> None:
    body = [{"campaign_id": UNKNOWN_ID, "emails_sent_count": 5}]
    sandbox.add_fault("body", "*/campaigns/analytics", json=body)

    run = run_task(operator(campaign_id, folder))

    assert isinstance(run.error, InstantlyUnexpectedAnswerError)
    assert not folder.exists()


def test_without_the_extra_nothing_is_read(
    sandbox: SandboxClient, run_task: Any, campaign_id: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    run = run_task(operator(campaign_id, folder))

    assert isinstance(run.error, AirflowFailException)
    assert "pip install 'airflow-provider-instantly[report]'" in str(run.error)
    assert asked(sandbox) == []


# Persons


def test_no_address_of_a_person_is_in_it(
    sandbox: SandboxClient, run_task: Any, task_log: Any, campaign_id: str, folder: Path
) -> None:
    sandbox.set_fields(campaign_id, name="For ada-lovelace@customer.example")

    run = run_task(operator(campaign_id, folder))

    assert run.error is None
    written = b"".join(file.read_bytes() for file in folder.iterdir()).decode("latin-1")
    for text in (written, task_log(), repr(run.value), repr(run.ti.xcom)):
        assert [person for person in PERSONS if person in text] == []
    assert "For (an address)" in (folder / "report.html").read_text("utf-8")


# What its author passes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"campaign_id": "x"}, "campaign_id must be the UUID"),
        ({"campaign_id": []}, "campaign_id must name at least one campaign"),
        ({"path": " "}, "path must be a path or URL"),
        ({"path": 7}, "path must be a path or URL"),
        ({"max_bounce_rate": 3}, "max_bounce_rate must be"),
        ({"max_unsubscribe_rate": "0.1"}, "max_unsubscribe_rate must be"),
        ({"min_reply_rate": -0.1}, "min_reply_rate must be"),
        ({"min_sent": 0}, "min_sent must be a whole number"),
        ({"confidence": 1.0}, "confidence must be"),
        ({"since": "yesterday"}, "since must be a day"),
        ({"until": "2026-13-01"}, "until must be a day"),
        ({"since": "2026-05-04", "until": "2026-05-04"}, "There is no time from since"),
        ({"instantly_conn_id": ""}, "instantly_conn_id must be the id"),
        ({"results": [{"id": "x"}]}, "results must be a dict"),
        ({"public_url": "reports.example.com"}, "public_url must begin with https"),
    ],
)
def test_what_can_be_of_no_use_is_refused_at_once(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CampaignReportOperator(**{"task_id": "report", "campaign_id": UNKNOWN_ID, "path": "/tmp/reports", **given})  # noqa: S108


@pytest.mark.parametrize(
    ("rendered", "message"),
    [
        ({"campaign_id": "None"}, "campaign_id must be the UUID"),
        ({"since": "2026-05-04T10:00:00"}, "since must be a day"),
        ({"results": "{'a': 1}"}, "results must be a dict"),
        ({"results": {1: {}}}, "results must be a dict"),
        ({"public_url": "javascript:alert(1)"}, "public_url must begin with https"),
        ({"path": ""}, "path must be a path or URL"),
        ({"since": "2026-05-04", "until": "2026-05-04"}, "There is no time from since"),
        ({"campaign_id": [f"019e18e2-a521-7bb9-9dd6-{number:012x}" for number in range(201)]}, "200 campaigns at most"),
    ],
)
def test_what_renders_to_no_use_fails_without_a_retry(
    sandbox: SandboxClient, run_task: Any, folder: Path, rendered: dict[str, Any], message: str
) -> None:
    task = operator(UNKNOWN_ID, folder)
    for name, value in rendered.items():
        setattr(task, name, value)

    run = run_task(task)

    assert isinstance(run.error, AirflowFailException)
    assert message in str(run.error)
    assert asked(sandbox) == []
    assert not folder.exists()


def test_templates_and_results_of_other_tasks_are_accepted(folder: Path) -> None:
    with DAG("with_a_report", schedule=None):
        first = operator(UNKNOWN_ID, str(folder), task_id="first")
        task = operator(
            "{{ params.campaign_id }}",
            "{{ params.path }}",
            since="{{ ds }}",
            results={"the first report": first.output},
            public_url="{{ params.url }}",
        )
    assert task.upstream_task_ids == {"first"}


def test_no_more_than_a_path_is_stored_of_an_object_storage_path() -> None:
    place = ObjectStoragePath("memory://bucket/reports")
    assert operator(UNKNOWN_ID, place).path == str(place)


def test_it_survives_the_serialization_of_a_dag(folder: Path) -> None:
    from airflow.serialization import serialized_objects

    # Airflow below 3.2 knows the older name.
    Serialization: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG  # type: ignore[attr-defined]  # noqa: N806
    with DAG("with_a_report", schedule=None) as dag:
        operator([UNKNOWN_ID], ObjectStoragePath(str(folder)))
    restored = Serialization.from_dict(Serialization.to_dict(dag)).get_task("report")
    assert [link.name for link in restored.operator_extra_links] == ["Report"]
