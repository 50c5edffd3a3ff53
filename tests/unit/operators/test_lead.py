"""`AddLeadsOperator` over real HTTP: what it sends of an input, what it returns, and that it shows no person."""

from __future__ import annotations

import json
import math
import time
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator, ObjectStoragePath

from airflow_provider_instantly.exceptions import (
    InputError,
    RejectsNotWrittenError,
    RowsRejectedError,
    TaskKilledError,
    TooFewLeadsError,
    UploadNotConfirmedError,
    UploadRefusedError,
)
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.leads import progress
from airflow_provider_instantly.leads.sightings import READ_BACK_PAUSES
from airflow_provider_instantly.operators.lead import AddLeadsOperator, _of
from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE
from tests.statuses import ACTIVE
from tests.unit.outlet_events import OutletEvents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
LIST_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"

pytestmark = pytest.mark.usefixtures("short_pauses", "slept")


@pytest.fixture
def campaign_id(sandbox: SandboxClient) -> str:
    return sandbox.add_campaign("Spring", id=CAMPAIGN_ID)


def operator(**given: Any) -> AddLeadsOperator:
    if "list_id" not in given:
        given.setdefault("campaign_id", CAMPAIGN_ID)
    return AddLeadsOperator(task_id="add", **given)


def people(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [{"email": f"person{n}@example.com", "first_name": f"P{n}"} for n in range(first, first + count)]


def emails(sandbox: SandboxClient) -> list[str]:
    return sorted(lead["email"] for lead in sandbox.leads(CAMPAIGN_ID))


def adds(sandbox: SandboxClient) -> int:
    return len(sandbox.requests(path="*/leads/add"))


# What it sends and returns


def test_it_adds_the_rows_and_counts(sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any) -> None:
    run = run_task(operator(rows=people(25), chunk_size=10))

    assert run.error is None
    assert run.value == {
        "campaign_id": CAMPAIGN_ID,
        "list_id": None,
        "url": f"{sandbox.url}/app/campaign/{CAMPAIGN_ID}/analytics",
        "dry_run": False,
        "rows": 25,
        "rejected": 0,
        "duplicates": 0,
        "uploaded": 25,
        "already_there": 0,
        "found": 0,
        "present": 25,
        "skipped": 0,
        "refused": 0,
        "remaining_in_plan": run.value["remaining_in_plan"],
    }
    assert json.loads(json.dumps(run.value)) == run.value
    assert len(emails(sandbox)) == 25
    assert sandbox.leads(CAMPAIGN_ID)[0]["first_name"] == "P1"
    assert f"Of 25 rows, 25 are in campaign {CAMPAIGN_ID}: 25 added now" in task_log()


def test_columns_become_fields_and_variables(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    rows = [{"mail": "person1@example.com", "given": "Ada", "plan": "pro", "seats": 3}]
    run = run_task(operator(rows=rows, fields={"email": "mail", "first_name": "given"}, custom_variables="*"))
    assert run.error is None
    payload = sandbox.leads(CAMPAIGN_ID)[0]["payload"]
    assert (payload["firstName"], payload["plan"], payload["seats"]) == ("Ada", "pro", 3)


def test_a_file_is_read(sandbox: SandboxClient, campaign_id: str, run_task: Any, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("email,first_name\nperson1@example.com,Ada\nperson2@example.com,Max\n")
    for path in (str(file), file, ObjectStoragePath(str(file))):
        run = run_task(operator(path=path))
        assert run.error is None
        assert run.value["present"] == 2
    assert len(emails(sandbox)) == 2


def test_a_list_has_no_page(sandbox: SandboxClient, run_task: Any) -> None:
    run = run_task(operator(list_id=LIST_ID, rows=people(3)))
    assert run.error is None
    assert (run.value["list_id"], run.value["campaign_id"], run.value["url"]) == (LIST_ID, None, None)
    assert run.value["uploaded"] == 3


def test_the_button_works_from_the_start(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    sandbox.set_status(campaign_id, ACTIVE)
    run = run_task(operator(rows=people(1)))
    assert run.error is not None
    assert CAMPAIGN_ID in json.dumps(run.ti.xcom)


def test_it_tells_assets_which_campaign_it_was(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    from airflow.providers.common.compat.sdk import Asset

    asset, events = Asset(f"instantly://campaigns/{CAMPAIGN_ID}"), OutletEvents()
    task = operator(rows=people(2), outlets=[asset])
    assert run_task(task, outlet_events=events).error is None
    assert events[asset].extra == {
        "campaign_id": CAMPAIGN_ID,
        "list_id": None,
        "url": f"{sandbox.url}/app/campaign/{CAMPAIGN_ID}/analytics",
        "dry_run": False,
        "present": 2,
        "uploaded": 2,
        "instantly_conn_id": "instantly_default",
    }


def test_options_are_passed_on(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    other = sandbox.add_campaign("Other")
    with InstantlyHook() as hook:
        hook.add_leads([people(1)[0]], campaign_id=other)
    run = run_task(operator(rows=people(3), verify=True, skip_if_in="campaign", blocklist_id=LIST_ID))
    assert run.error is None
    assert (run.value["uploaded"], run.value["skipped"], run.value["rejected"]) == (2, 1, 0)
    assert {lead["verification_status"] for lead in sandbox.leads(CAMPAIGN_ID)} == {11}


# Runs that repeat


def test_a_second_run_and_a_retry_add_no_one(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, task_instance: Any
) -> None:
    task = operator(rows=people(25))
    run_task(task)
    count = adds(sandbox)
    for ti in (None, task_instance(try_number=2)):
        run = run_task(operator(rows=people(25)), ti)
        assert run.error is None
        assert (run.value["uploaded"], run.value["already_there"], run.value["present"]) == (0, 25, 25)
    assert adds(sandbox) == count
    assert len(emails(sandbox)) == 25


def test_min_present_counts_who_is_there_already(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, task_instance: Any
) -> None:
    run_task(operator(rows=people(10)))
    run = run_task(operator(rows=people(10), min_present=1.0), task_instance(try_number=2))
    assert run.error is None


def test_a_second_run_with_skip_if_in_counts_who_is_there(
    sandbox: SandboxClient, campaign_id: str, run_task: Any
) -> None:
    """Who was added by the first run is in a campaign of the workspace by now."""
    sandbox.set(duplicates_first=False)
    given = {"skip_if_in": "campaign", "min_present": 1.0}
    assert run_task(operator(rows=people(25, first=101), **given)).error is None
    run = run_task(operator(rows=[*people(100), *people(25, first=101)], **given))
    assert run.error is None
    assert (run.value["uploaded"], run.value["already_there"], run.value["skipped"]) == (100, 25, 0)


# Rejects


def bad_rows() -> list[dict[str, Any]]:
    return [*people(3), {"email": "no address"}, {"email": "person1@example.com"}, *people(2, first=4)]


def test_all_good_rows_are_in_before_it_fails(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any
) -> None:
    run = run_task(operator(rows=bad_rows()))
    assert isinstance(run.error, RowsRejectedError)
    assert "2 of 7 rows were rejected, and 0 may be. All others are done: 5 are in" in str(run.error)
    assert len(emails(sandbox)) == 5
    log = task_log()
    assert "Row 4: " in log
    assert "Row 5: it has the same address as row 1." in log


def test_the_counts_of_a_task_that_fails_are_an_xcom(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    run = run_task(operator(rows=bad_rows()))
    counts = run.ti.xcom["counts"]
    assert (counts["rows"], counts["rejected"], counts["duplicates"], counts["present"]) == (7, 2, 1, 5)
    assert "@" not in json.dumps(counts)
    assert "counts" not in run_task(operator(rows=bad_rows(), do_xcom_push=False)).ti.xcom
    assert "counts" not in run_task(operator(rows=people(3))).ti.xcom


def test_a_plan_that_fills_up_leaves_no_one_out_unseen(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = ["campaigns:read", "leads:read", "leads:create"]
    connection = {**json.loads(sandbox.airflow_connection), "password": sandbox.add_key("narrow", scopes)}
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", json.dumps(connection))
    sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=2)
    run = run_task(operator(rows=people(3), skip_if_in="workspace"))
    assert isinstance(run.error, RowsRejectedError)
    assert len(emails(sandbox)) == 2


@pytest.mark.parametrize("allowed", [{"max_rejected": 2}, {"max_rejected": 0.3}, {"on_reject": "warn"}], ids=str)
def test_some_may_be_rejected(sandbox: SandboxClient, campaign_id: str, run_task: Any, allowed: dict[str, Any]) -> None:
    run = run_task(operator(rows=bad_rows(), **allowed))
    assert run.error is None
    assert (run.value["rejected"], run.value["duplicates"], run.value["present"]) == (2, 1, 5)


def test_a_share_is_rounded_down(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    assert isinstance(run_task(operator(rows=bad_rows(), max_rejected=0.28)).error, RowsRejectedError)


def test_rejects_go_to_a_file(sandbox: SandboxClient, campaign_id: str, run_task: Any, tmp_path: Path) -> None:
    with InstantlyHook() as hook:
        hook.block(["person2@example.com"])
    file = tmp_path / "rejects.jsonl"
    run = run_task(operator(rows=bad_rows(), rejects_path=file))
    assert "The file of rejects_path has them." in str(run.error)
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [entry["number"] for entry in entries] == [2, 4, 5]
    assert entries[0]["reason"] == "Instantly did not take it: in_blocklist"
    assert entries[0]["row"]["email"] == "person2@example.com"


def test_rejects_are_written_also_where_the_upload_fails(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, tmp_path: Path
) -> None:
    sandbox.set_status(campaign_id, ACTIVE)
    file = tmp_path / "rejects.jsonl"
    assert isinstance(run_task(operator(rows=bad_rows(), rejects_path=str(file))).error, UploadRefusedError)
    assert len(file.read_text().splitlines()) == 2


def test_a_file_of_rejects_that_cannot_be_written_hides_nothing(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "rejects.jsonl")
    for rows in (people(3), [*people(3), {"email": "none"}]):
        run = run_task(operator(rows=rows, rejects_path=path))
        assert isinstance(run.error, RejectsNotWrittenError)
        assert f"Of {len(rows)} rows, 3 are in campaign {CAMPAIGN_ID}" in str(run.error)
        assert isinstance(run.error.__cause__, OSError)

    sandbox.set_status(campaign_id, ACTIVE)
    refused = run_task(operator(rows=people(4), rejects_path=path))
    assert isinstance(refused.error, UploadRefusedError)
    assert "This try added no one" in str(refused.error)
    assert "The file of rejects_path could not be written: " in task_log()


def test_only_some_rejected_rows_are_named(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any
) -> None:
    run_task(operator(rows=[{"email": "none"}] * 30))
    log = task_log()
    assert "Row 20: " in log
    assert "Row 21: " not in log
    assert "only the first 20 are named" in log


@pytest.mark.parametrize("least", [4, 0.51])
def test_too_few_leads_fail_the_task(sandbox: SandboxClient, campaign_id: str, run_task: Any, least: float) -> None:
    with InstantlyHook() as hook:
        hook.block(["example.com"])
    rows = [*people(3), *({"email": f"person{n}@example.org"} for n in range(3))]
    run = run_task(operator(rows=rows, min_present=least, on_reject="warn"))
    assert isinstance(run.error, TooFewLeadsError)
    assert "3 of 6 rows are in campaign" in str(run.error)
    assert "and 4 have to be" in str(run.error)


@pytest.mark.parametrize("share", [0.07, 0.14, 0.28, 0.29, 0.55, 0.57, 0.58])
def test_a_share_is_the_number_as_it_is_written(share: float) -> None:
    """0.55 * 100 is more than 55 in binary, and 0.29 * 100 is less than 29."""
    assert _of(share, 100, math.ceil) == _of(share, 100, math.floor) == round(share * 100)
    assert (_of(share, 10, math.floor), _of(share, 10, math.ceil)) == (int(share * 10), int(share * 10) + 1)


def test_an_empty_input_is_too_few_where_one_is_wanted(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    assert run_task(operator(rows=[])).error is None
    assert isinstance(run_task(operator(rows=[], min_present=1)).error, TooFewLeadsError)


# How far it is


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that pass on the clock of the progress: what a test adds to them."""
    seconds: list[float] = []
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: sum(seconds)))
    return seconds


def test_it_says_how_far_the_reading_is(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any, passed: list[float]
) -> None:
    class Slow(list[Any]):
        def __iter__(self) -> Any:
            for row in super().__iter__():
                passed.append(10.0)
                yield row

    assert run_task(operator(rows=Slow(people(7)))).error is None
    log = task_log()
    assert [number for number in range(1, 8) if f"{number} rows are read: 0 a second." in log] == [3, 6]


@pytest.fixture
def each_list_takes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Let something happen with each list of leads that is asked for."""
    listed = InstantlyHook.list_leads

    def begin(happens: Callable[[], Any]) -> None:
        def list_leads(hook: InstantlyHook, **asked: Any) -> Any:
            happens()
            return listed(hook, **asked)

        monkeypatch.setattr(InstantlyHook, "list_leads", list_leads)

    return begin


def test_it_says_how_far_the_counting_is(
    sandbox: SandboxClient,
    campaign_id: str,
    run_task: Any,
    task_log: Any,
    passed: list[float],
    each_list_takes: Callable[[Callable[[], Any]], None],
) -> None:
    each_list_takes(lambda: passed.append(20.0))
    assert run_task(operator(rows=people(450), dry_run=True)).error is None
    log = task_log()
    assert "200 of 450 rows are looked up: 5 a second, about 50 s left." in log
    assert "400 of 450 rows are looked up: 5 a second, about 10 s left." in log
    assert log.count(" rows are looked up") == log.count("00 of 450 rows are looked up")


@pytest.mark.parametrize("given", [{"dry_run": True}, {"room": 5}], ids=str)
def test_a_killed_task_counts_no_further(
    sandbox: SandboxClient,
    campaign_id: str,
    run_task: Any,
    each_list_takes: Callable[[Callable[[], Any]], None],
    given: dict[str, Any],
) -> None:
    task = operator(rows=people(450), dry_run="dry_run" in given)
    if "room" in given:
        sandbox.set_workspace(DEFAULT_WORKSPACE, lead_limit=given["room"])
    each_list_takes(task.on_kill)
    run = run_task(task)
    assert isinstance(run.error, TaskKilledError)
    assert f"This try added no one to campaign {CAMPAIGN_ID}" in str(run.error)
    assert len(sandbox.requests(path="*/leads/list")) == 1


@pytest.mark.parametrize("waits", ["lost", "retry", "lag"])
def test_it_says_how_far_it_is_while_it_waits(
    sandbox: SandboxClient,
    campaign_id: str,
    run_task: Any,
    task_instance: Any,
    task_log: Any,
    passed: list[float],
    monkeypatch: pytest.MonkeyPatch,
    waits: str,
) -> None:
    """A minute and seven seconds pass, or half a minute after an answer that does not add up, and no row is done."""
    monkeypatch.setattr(time, "sleep", passed.append)
    if waits == "lost":
        sandbox.add_fault("reset", "*/leads/add", moment="before")
    if waits == "lag":
        sandbox.add_fault("body", "*/leads/add", json={"status": "success"}, moment="before")
    run_task(operator(rows=people(5)), task_instance(try_number=2 if waits == "retry" else 1))
    assert sum(passed) == sum(READ_BACK_PAUSES[:-1] if waits == "lag" else READ_BACK_PAUSES)
    assert "0 of 5 rows are done." in task_log()


# What it refuses


def test_a_campaign_that_runs_is_not_added_to(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    sandbox.set_status(campaign_id, ACTIVE)
    run = run_task(operator(rows=people(3)))
    assert isinstance(run.error, UploadRefusedError)
    assert adds(sandbox) == 0
    assert run_task(operator(rows=people(3), if_running="add")).value["uploaded"] == 3


def test_nothing_is_asked_before_all_rows_are_read(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    class Broken(list[Any]):
        def __iter__(self) -> Any:
            yield from people(3)
            raise InputError("the source broke")

    run = run_task(operator(rows=Broken(people(3))))
    assert isinstance(run.error, InputError)
    assert sandbox.requests() == []


def test_rejects_do_not_overwrite_the_input(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, tmp_path: Path
) -> None:
    file = tmp_path / "leads.jsonl"
    file.write_text('{"email": "none"}\n')
    task = operator(path=str(file), rejects_path="{{ file }}")
    task.render_template_fields({"file": file})  # type: ignore[typeddict-unknown-key]
    assert isinstance(run_task(task).error, InputError)
    assert file.read_text() == '{"email": "none"}\n'
    assert sandbox.requests() == []


@pytest.mark.parametrize("name", ["missing.csv", "a/folder.csv"])
def test_an_input_that_cannot_be_opened_says_that_nothing_was_sent(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / "a" / "folder.csv").mkdir(parents=True)
    run = run_task(operator(path=str(tmp_path / name)))
    assert isinstance(run.error, OSError)
    assert "nothing of it was sent to Instantly" in task_log()
    assert sandbox.requests() == []


def test_a_dry_run_sends_nothing(sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any) -> None:
    with InstantlyHook() as hook:
        hook.add_leads([people(1)[0]], campaign_id=CAMPAIGN_ID)
    count = adds(sandbox)
    run = run_task(operator(rows=people(5), dry_run=True, min_present=5))
    assert run.error is None
    assert (run.value["dry_run"], run.value["uploaded"], run.value["already_there"]) == (True, 0, 1)
    assert adds(sandbox) == count
    assert "Nothing is sent, because of dry_run=True" in task_log()


@pytest.mark.parametrize("given", [{"rows": bad_rows()}, {"rows": people(1), "status": ACTIVE}], ids=["rows", "status"])
def test_a_dry_run_fails_as_the_run_would(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, given: dict[str, Any]
) -> None:
    if (status := given.get("status")) is not None:
        sandbox.set_status(campaign_id, status)
    run = run_task(operator(rows=given["rows"], dry_run=True))
    assert isinstance(run.error, RowsRejectedError | UploadRefusedError)
    assert adds(sandbox) == 0


def test_a_killed_task_sends_no_further_chunk(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    task = operator(rows=people(30), chunk_size=10)
    task.on_kill()
    run = run_task(task)
    assert isinstance(run.error, TaskKilledError)
    assert "Of 30 rows, 0 are certainly in" in str(run.error)
    assert adds(sandbox) == 0


@pytest.mark.parametrize(
    "given", [{"campaign_id": "{{ none }}"}, {"fields": "{{ none }}"}, {"blocklist_id": "{{ none }}"}], ids=str
)
def test_what_a_template_renders_to_is_checked(sandbox: SandboxClient, run_task: Any, given: dict[str, Any]) -> None:
    task = operator(rows=people(1), **given)
    for name in given:
        setattr(task, name, "nothing")
    run = run_task(task)
    assert isinstance(run.error, AirflowFailException)
    assert sandbox.requests() == []


def test_a_wrong_block_list_is_refused_before_the_input_is_read(
    sandbox: SandboxClient, run_task: Any, tmp_path: Path
) -> None:
    task = operator(path=str(tmp_path / "not_there.csv"), blocklist_id="{{ none }}")
    task.blocklist_id = "nothing"
    error = run_task(task).error
    assert isinstance(error, AirflowFailException)
    assert "blocklist_id must be the UUID of a block list" in str(error)
    assert sandbox.requests() == []


@pytest.mark.parametrize("nothing", ["", " \n", "None", None])
@pytest.mark.parametrize("name", ["campaign_id", "fields", "custom_variables", "blocklist_id", "rejects_path"])
def test_a_template_that_renders_to_nothing_is_not_left_out(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, name: str, nothing: str | None
) -> None:
    """Without a block list, for instance, people are added whom it is there for."""
    task = operator(**{"rows": people(1), name: "{{ params.missing }}"})
    setattr(task, name, nothing)
    run = run_task(task)
    assert isinstance(run.error, AirflowFailException)
    assert f"{name} was given, and its template rendered to nothing" in str(run.error)
    assert sandbox.requests() == []


def test_a_path_that_renders_to_nothing(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    task = operator(path="{{ params.missing }}")
    task.path = ""
    assert "path was given" in str(run_task(task).error)


def test_templates_within_lists_and_dicts_are_rendered_before_they_are_judged(
    sandbox: SandboxClient, campaign_id: str, run_task: Any
) -> None:
    rows = [{"mail": "person1@example.com", "given": "Ada", "plan": "pro", "seats": 3}]
    with DAG("a_dag", schedule=None):
        names: Any = BaseOperator(task_id="names").output
        task = operator(
            rows=rows,
            fields={"email": "{{ params.address }}", "first_name": names["given"]},
            custom_variables=["plan", "{{ params.more }}", names["more"]],
        )
    task.fields["first_name"] = "given"
    task.custom_variables.pop()
    context: Any = {"params": {"address": "mail", "more": "seats"}}
    task.render_template_fields(context)
    assert run_task(task).error is None
    payload = sandbox.leads(CAMPAIGN_ID)[0]["payload"]
    assert (payload["firstName"], payload["plan"], payload["seats"]) == ("Ada", "pro", 3)


def test_what_stands_beside_templates_is_judged_while_the_dag_is_parsed() -> None:
    for wrong in ({"fields": {"mail": "{{ x }}"}}, {"custom_variables": ["{{ x }}", "{x}"]}):
        with pytest.raises(ValueError, match=r"no field of a lead|no e-mail could use"):
            operator(rows=people(1), **wrong)


def test_what_is_not_given_is_not_missed(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    task = operator(rows=people(1), blocklist_id=None, fields={}, custom_variables=[])
    task.render_template_fields({})
    assert run_task(task).error is None


WRONG = [
    ({"list_id": LIST_ID, "campaign_id": CAMPAIGN_ID}, "not both"),
    ({"campaign_id": None}, "not both"),
    ({"campaign_id": "no id"}, "campaign_id must be"),
    ({"campaign_id": None, "list_id": "no id"}, "list_id must be the UUID of a list of leads"),
    ({"blocklist_id": "no id"}, "blocklist_id must be the UUID of a block list"),
    ({"rows": None}, "rows or a path"),
    ({"path": "leads.csv"}, "rows or a path"),
    ({"rows": "leads.csv"}, "a file is named by path"),
    ({"rows": {"email": "x"}}, "rows must be a list"),
    ({"rows": iter([])}, "rows must be a list"),
    ({"fields": {"mail": "email"}}, "no field of a lead"),
    ({"fields": ""}, "fields must name a column"),
    ({"custom_variables": "plan"}, "custom_variables"),
    ({"if_running": "maybe"}, 'if_running must be "refuse" or "add"'),
    ({"skip_if_in": "lists"}, 'skip_if_in must be "workspace", "campaign" or "list"'),
    ({"verify": "yes"}, "verify must be"),
    ({"on_reject": "ignore"}, "on_reject must be"),
    ({"max_rejected": -1}, "max_rejected must be a count"),
    ({"max_rejected": 1.5}, "max_rejected must be a count"),
    ({"min_present": True}, "min_present must be a count"),
    ({"chunk_size": 1001}, "chunk_size must be a whole number from 1 to 1,000"),
    ({"max_chunk_bytes": 10}, "max_chunk_bytes must be a whole number"),
    ({"dry_run": 1}, "dry_run must be"),
    ({"instantly_conn_id": ""}, "instantly_conn_id must be"),
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=[str(given).partition(" at 0x")[0] for given, _ in WRONG])
def test_what_can_be_of_no_use_is_refused_while_the_dag_is_parsed(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AddLeadsOperator(**{"task_id": "add", "campaign_id": CAMPAIGN_ID, "rows": people(1), **given})


# No person is shown


def shown_by_airflow(task: BaseOperator) -> str:
    """What Airflow keeps of a task's templates, in both its ways."""
    from airflow.serialization.helpers import serialize_template_field

    kept = {name: serialize_template_field(getattr(task, name), name) for name in task.template_fields}
    return json.dumps(kept) + repr(vars(task).get("_rows")) + repr(task)


def test_literal_rows_are_in_no_rendered_template_and_no_stored_dag(sandbox: SandboxClient, campaign_id: str) -> None:
    with DAG("a_dag", schedule=None) as dag:
        task = operator(rows=people(3))
    assert "example.com" not in shown_by_airflow(task)
    task.render_template_fields({})
    assert "example.com" not in shown_by_airflow(task)
    assert len(task.rows.value) == 3

    objects: Any = import_module("airflow.serialization.serialized_objects")
    serialization = getattr(objects, "DagSerialization", None) or objects.SerializedDAG
    assert "example.com" not in json.dumps(serialization.to_dict(dag), default=str)


def test_templates_within_rows_are_not_rendered() -> None:
    row = {"email": "person1@example.com", "first_name": "{{ 1 + 1 }}"}
    task = operator(rows=[row])
    task.render_template_fields({})
    assert task.rows.value == [row]


def test_rows_of_an_xcom_are_in_no_rendered_template(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    class XCom:
        """As much of one as the rendering of templates asks for."""

        def iter_references(self) -> Any:
            return iter(())

        def resolve(self, context: Any, **_: Any) -> Any:
            return people(3)

    task = operator(rows=[])
    object.__setattr__(task, "_rows", XCom())
    task.rows = task.rows.resolve({})
    assert "example.com" not in shown_by_airflow(task)
    assert run_task(task).value["uploaded"] == 3


def test_rows_of_a_template_are_in_no_rendered_template(
    sandbox: SandboxClient, campaign_id: str, run_task: Any
) -> None:
    task = operator(rows="{{ people | tojson }}")
    assert task.rows == "{{ people | tojson }}"
    context: Any = {"people": people(3)}
    task.render_template_fields(context)
    assert "example.com" not in shown_by_airflow(task)
    run = run_task(task)
    assert run.error is None
    assert run.value["uploaded"] == 3


FAULTS: list[dict[str, Any]] = [
    {},
    {"kind": "error", "path": "*/leads/add", "status": 400},
    {"kind": "reset", "path": "*/leads/add", "moment": "after"},
    {"kind": "reset", "path": "*/leads/add", "count": 3},
    {"kind": "error", "path": "*/leads/add", "status": 402},
    {"kind": "error", "path": "*/leads/list", "status": 500, "count": None},
    {"kind": "fields", "path": "*/leads/add", "fields": {"leads_uploaded": None, "created_leads": []}},
    {"kind": "body", "path": "*/leads/add", "json": {"message": "bad lead person1@example.com"}, "status": 400},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_no_address_is_in_a_log_an_xcom_or_an_error(
    sandbox: SandboxClient, campaign_id: str, run_task: Any, task_log: Any, fault: dict[str, Any]
) -> None:
    with InstantlyHook() as hook:
        hook.block(["person2@example.com"])
    if fault:
        sandbox.add_fault(**fault)
    run = run_task(operator(rows=bad_rows()))
    error: BaseException | None = run.error
    while error is not None:
        assert "example.com" not in f"{error} {error!r} {error.__dict__}"
        error = error.__cause__
    assert "example.com" not in json.dumps(run.ti.xcom) + json.dumps(run.value)
    log = task_log()
    assert "example.com" not in log
    assert sandbox.api_key not in log


def test_an_answer_that_is_lost_thrice(sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
    sandbox.add_fault("reset", "*/leads/add", count=3)
    run = run_task(operator(rows=people(3)))
    assert isinstance(run.error, UploadNotConfirmedError)
    assert "Not certain: rows 1-3." in str(run.error)
