"""What OpenLineage learns of each operator: which datasets, which counts, and no person."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.assets import Asset
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath

from airflow_provider_instantly.assets.campaign import campaign_uri
from airflow_provider_instantly.observability.lineage import MAX_CAMPAIGNS, convert_asset_to_openlineage
from airflow_provider_instantly.operators.analytics import CampaignAnalyticsOperator
from airflow_provider_instantly.operators.block_list import BlockContactsOperator
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator, PauseCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.operators.report import CampaignReportOperator
from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator
from tests.statuses import ACTIVE, BOUNCED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_instantly.sandbox.client import SandboxClient

base: Any = pytest.importorskip("airflow.providers.openlineage.extractors.base")
serde: Any = pytest.importorskip("openlineage.client.serde")

CAMPAIGN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
LIST_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5f"
CAMPAIGN = ("instantly", f"campaigns/{CAMPAIGN_ID}")
CRM = json.dumps(
    {"conn_type": "postgres", "host": "db.example", "port": 5432, "login": "u", "password": "hunter2", "schema": "crm"}
)

pytestmark = pytest.mark.usefixtures("short_pauses", "frequent_polls")


class Sent:
    """
    What OpenLineage's provider takes from a task.

    :param task: the task.
    """

    def __init__(self, task: Any) -> None:
        self.lineage = base.DefaultExtractor(task).extract_on_complete(None)
        assert self.lineage is not None
        #: As it is sent.
        self.text = "".join(serde.Serde.to_json(each) for each in (*self.lineage.inputs, *self.lineage.outputs))

    @property
    def inputs(self) -> list[tuple[str, str]]:
        return [(each.namespace, each.name) for each in self.lineage.inputs]

    @property
    def outputs(self) -> list[tuple[str, str]]:
        return [(each.namespace, each.name) for each in self.lineage.outputs]

    def facet(self, name: str) -> dict[str, Any]:
        """A facet of ours, of the only dataset that has it, without what OpenLineage adds."""
        [facet] = [
            each.facets[name] for each in (*self.lineage.inputs, *self.lineage.outputs) if name in (each.facets or {})
        ]
        return {key: value for key, value in json.loads(serde.Serde.to_json(facet)).items() if key[0] != "_"}


def rendered(operator: Any, **given: Any) -> Any:
    """A task whose parameters were rendered to these values, whatever they are."""
    early = {name: "{{ later }}" if name.endswith("_id") else value for name, value in given.items()}
    task = operator(task_id="task", **early)
    for name, value in given.items():
        setattr(task, name, value)
    return task


def no_datasets(task: Any) -> bool:
    """Whether OpenLineage learns of none."""
    sent = Sent(task)
    return (sent.inputs, sent.outputs) == ([], [])


NO_CAMPAIGNS = pytest.mark.parametrize(
    "value", ["{{ params.campaign_id }}", "ann@customer.example", "", None, 7, ["x"], []], ids=str
)
WRITTEN = pytest.mark.parametrize(
    "value", [CAMPAIGN_ID.upper(), f" {CAMPAIGN_ID}\n", UUID(CAMPAIGN_ID)], ids=["capitals", "white space", "UUID"]
)


@pytest.fixture
def campaign_id(sandbox: SandboxClient) -> str:
    return sandbox.add_campaign("Ask ann@customer.example", id=CAMPAIGN_ID)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three leads and one that is none."""
    found = tmp_path / "people.jsonl"
    rows = [{"email": f"person{number}@customer.example"} for number in range(3)] + [{"email": "ann at example"}]
    found.write_text("\n".join(json.dumps(row) for row in rows))
    return found


class TestCampaigns:
    def test_a_launch_writes_its_campaign(self, campaign_id: str, run_task: Any) -> None:
        task = ActivateCampaignOperator(task_id="launch", campaign_id=campaign_id)
        assert run_task(task).error is None
        sent = Sent(task)
        assert (sent.inputs, sent.outputs) == ([], [CAMPAIGN])
        assert sent.facet("instantly_campaign") == {"status": ACTIVE, "statusName": "Active", "changed": True}
        assert "@" not in sent.text

    def test_a_pause_does(self, sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
        sandbox.set_status(campaign_id, ACTIVE)
        task = PauseCampaignOperator(task_id="pause", campaign_id=campaign_id)
        assert run_task(task).error is None
        sent = Sent(task)
        assert sent.outputs == [CAMPAIGN]
        assert sent.facet("instantly_campaign") == {"status": 2, "statusName": "Paused", "changed": True}

    def test_a_check_reads_it(self, campaign_id: str, run_task: Any) -> None:
        task = CheckCampaignOperator(task_id="check", campaign_id=campaign_id, fail_on=())
        assert run_task(task).error is None
        sent = Sent(task)
        assert (sent.inputs, sent.outputs) == ([CAMPAIGN], [])
        assert sent.facet("instantly_campaign")["statusName"] == "Draft"

    def test_after_a_failure_it_is_only_named(self, sandbox: SandboxClient, campaign_id: str, run_task: Any) -> None:
        sandbox.set_status(campaign_id, BOUNCED)
        task = ActivateCampaignOperator(task_id="launch", campaign_id=campaign_id)
        assert run_task(task).error is not None
        sent = Sent(task)
        assert sent.outputs == [CAMPAIGN]
        assert "instantly_campaign" not in sent.text

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_a_launch_that_is_stopped_says_how_it_ended(
        self, sandbox: SandboxClient, run_task: Any, deferrable: bool
    ) -> None:
        sandbox.add_campaign(id=CAMPAIGN_ID, script=[(0, "active"), (0.1, "bounce_protect")])
        task = ActivateCampaignOperator(
            task_id="launch",
            campaign_id=CAMPAIGN_ID,
            wait_for_active=True,
            stable_for=5,
            poll_interval=0.1,
            deferrable=deferrable,
        )
        assert run_task(task).error is not None
        facet = Sent(task).facet("instantly_campaign")
        assert facet == {"status": BOUNCED, "statusName": "Bounce Protect", "changed": True}

    def test_a_check_that_fails_says_how_the_campaign_stands(self, campaign_id: str, run_task: Any) -> None:
        task = CheckCampaignOperator(task_id="check", campaign_id=campaign_id)
        assert run_task(task).error is not None
        assert Sent(task).facet("instantly_campaign")["statusName"] == "Draft"

    @NO_CAMPAIGNS
    @pytest.mark.parametrize("operator", [ActivateCampaignOperator, CheckCampaignOperator, CampaignAnalyticsOperator])
    def test_what_is_no_campaign_is_none(self, operator: Any, value: Any) -> None:
        assert no_datasets(rendered(operator, campaign_id=value))

    @NO_CAMPAIGNS
    def test_nor_of_a_report(self, value: Any, tmp_path: Path) -> None:
        assert no_datasets(rendered(CampaignReportOperator, campaign_id=value, path=str(tmp_path)))

    @WRITTEN
    @pytest.mark.parametrize("operator", [ActivateCampaignOperator, CheckCampaignOperator, CampaignAnalyticsOperator])
    def test_however_its_id_is_written_it_is_one_dataset(self, operator: Any, value: Any) -> None:
        sent = Sent(rendered(operator, campaign_id=value))
        assert [*sent.inputs, *sent.outputs] == [CAMPAIGN]

    def test_of_very_many_only_some_are_said(self, task_log: Callable[[], str]) -> None:
        ids = [f"019e18e2-a521-7bb9-9dd6-{number:012}" for number in range(MAX_CAMPAIGNS + 1_000)]
        sent = Sent(CampaignAnalyticsOperator(task_id="figures", campaign_id=ids))
        assert [name for _, name in sent.inputs] == [f"campaigns/{each}" for each in ids[:MAX_CAMPAIGNS]]
        assert "OpenLineage learns of 100 campaigns of this task, and not of 1,000 more." in task_log()

    def test_figures_are_read(self, campaign_id: str) -> None:
        sent = Sent(CampaignAnalyticsOperator(task_id="figures", campaign_id=[campaign_id]))
        assert (sent.inputs, sent.outputs) == ([CAMPAIGN], [])

    def test_a_report_is_written(self, campaign_id: str, tmp_path: Path, run_task: Any) -> None:
        pytest.importorskip("matplotlib")
        task = CampaignReportOperator(task_id="report", campaign_id=[campaign_id], path=f"file://{tmp_path}")
        run = run_task(task)
        assert run.error is None
        sent = Sent(task)
        assert sent.inputs == [CAMPAIGN]
        [(namespace, name)] = sent.outputs
        assert namespace == "file"
        assert name.startswith(str(tmp_path))


class TestLeads:
    def test_a_file_is_read_and_the_campaign_is_written(self, campaign_id: str, file: Path, run_task: Any) -> None:
        task = AddLeadsOperator(task_id="add", campaign_id=campaign_id, path=str(file), on_reject="warn")
        assert run_task(task).error is None
        sent = Sent(task)
        assert (sent.inputs, sent.outputs) == ([("file", str(file))], [CAMPAIGN])
        assert sent.lineage.inputs[0].inputFacets["dataQualityMetrics"].rowCount == 4
        assert sent.lineage.outputs[0].outputFacets["outputStatistics"].rowCount == 3
        assert sent.facet("instantly_leads") == {
            "rows": 4,
            "rejected": 1,
            "duplicates": 0,
            "uploaded": 3,
            "alreadyThere": 0,
            "found": 0,
            "skipped": 0,
        }
        assert "@" not in sent.text

    def test_where_too_many_rows_were_rejected_the_counts_are_there(
        self, campaign_id: str, file: Path, run_task: Any
    ) -> None:
        task = AddLeadsOperator(task_id="add", campaign_id=campaign_id, path=str(file))
        assert run_task(task).error is not None
        assert Sent(task).facet("instantly_leads")["uploaded"] == 3

    def test_a_list_of_leads(self, sandbox: SandboxClient, run_task: Any) -> None:
        task = AddLeadsOperator(task_id="add", list_id=LIST_ID, rows=[{"email": "person@customer.example"}])
        run_task(task)
        sent = Sent(task)
        assert (sent.inputs, sent.outputs) == ([], [("instantly", f"lead-lists/{LIST_ID}")])
        assert "@" not in sent.text

    def test_a_dry_run_writes_nothing(self, campaign_id: str, file: Path, run_task: Any) -> None:
        task = AddLeadsOperator(task_id="add", campaign_id=campaign_id, path=str(file), on_reject="warn", dry_run=True)
        assert run_task(task).error is None
        sent = Sent(task)
        assert (sent.inputs, sent.outputs) == ([("file", str(file))], [])

    def test_a_dry_run_that_fails_neither(self, run_task: Any, tmp_path: Path) -> None:
        gone = str(tmp_path / "gone.jsonl")
        task = AddLeadsOperator(task_id="add", campaign_id=CAMPAIGN_ID, path=gone, dry_run=True)
        assert run_task(task).error is not None
        assert Sent(task).outputs == []

    @WRITTEN
    @pytest.mark.parametrize(("name", "kind"), [("campaign_id", "campaigns"), ("list_id", "lead-lists")])
    def test_however_the_id_is_written_the_place_is_one_dataset(self, name: str, kind: str, value: Any) -> None:
        task = rendered(AddLeadsOperator, rows=[], **{name: value})
        assert Sent(task).outputs == [("instantly", f"{kind}/{CAMPAIGN_ID}")]

    @NO_CAMPAIGNS
    @pytest.mark.parametrize("name", ["campaign_id", "list_id"])
    def test_what_is_no_place_is_none(self, name: str, value: Any) -> None:
        assert no_datasets(rendered(AddLeadsOperator, rows=[], **{name: value}))

    @pytest.mark.parametrize(
        "given",
        [
            {"path": "s3://bucket/{{ ds }}.csv"},
            {"sql": "SELECT email FROM {{ params.table }}", "sql_conn_id": "crm"},
            {"sql": "SELECT email FROM people", "sql_conn_id": "{{ params.crm }}"},
        ],
        ids=str,
    )
    def test_what_was_not_rendered_is_no_place(self, given: dict[str, Any]) -> None:
        task = BlockContactsOperator(task_id="block", instantly_conn_id="{{ params.client }}", **given)
        assert no_datasets(task)

    @pytest.mark.parametrize(
        ("path", "place"),
        [
            ("s3://aws_default@bucket/some/people.csv", ("s3://bucket", "some/people.csv")),
            (ObjectStoragePath("s3://aws_default@bucket/people.csv"), ("s3://bucket", "people.csv")),
            ("gcs://bucket/people.csv.gz", ("gs://bucket", "people.csv.gz")),
            ("https://login:hunter2@files.example/people.csv?token=x", ("https://files.example", "people.csv")),
            ("file:///data/people.csv", ("file", "/data/people.csv")),
            ("file:///data/ada@example.com/day=1/x.csv", ("file", "/data/(an address)/day=1/x.csv")),
            ("s3://bucket/some/ada=x@example.com/people.csv", ("s3://bucket", "some/(an address)/people.csv")),
        ],
        ids=str,
    )
    def test_a_file_in_any_storage(self, path: Any, place: tuple[str, str]) -> None:
        sent = Sent(AddLeadsOperator(task_id="add", campaign_id=CAMPAIGN_ID, path=path))
        assert sent.inputs == [place]
        assert "hunter2" not in sent.text

    @pytest.mark.parametrize("path", ["~/people.csv", "file://~/people.csv"])
    def test_a_file_below_the_home_of_the_user(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/someone")
        sent = Sent(AddLeadsOperator(task_id="add", campaign_id=CAMPAIGN_ID, path=path))
        assert sent.inputs == [("file", "/home/someone/people.csv")]

    def test_a_person_in_the_name_of_a_file_is_not_shown(self) -> None:
        task = AddLeadsOperator(task_id="add", campaign_id=CAMPAIGN_ID, path="s3://b/for/ann@customer.example.csv")
        sent = Sent(task)
        [(namespace, name)] = sent.inputs
        assert namespace == "s3://b"
        assert "@" not in name


class TestQueries:
    @pytest.fixture(autouse=True)
    def crm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A database that no one asks: of what it is, its provider asks for the default schema only."""
        hook: Any = import_module("airflow.providers.postgres.hooks.postgres")
        monkeypatch.setattr(hook.PostgresHook, "get_openlineage_default_schema", lambda self: "public")
        monkeypatch.setenv("AIRFLOW_CONN_CRM", CRM)
        monkeypatch.setenv("AIRFLOW_CONN_SMALL", json.dumps({"conn_type": "sqlite", "host": "/data/small.db"}))

    def test_the_tables_are_read_and_the_statement_is_not_shown(self) -> None:
        sql = "SELECT p.email FROM people p JOIN sales.orders o ON o.person = p.id WHERE p.email <> 'ann@b.example'"
        task = SqlToInstantlyLeadsOperator(task_id="add", campaign_id=CAMPAIGN_ID, sql=sql, sql_conn_id="crm")
        sent = Sent(task)
        assert sorted(sent.inputs) == [
            ("postgres://db.example:5432", "crm.public.people"),
            ("postgres://db.example:5432", "crm.sales.orders"),
        ]
        assert sent.outputs == [CAMPAIGN]
        assert not any(secret in sent.text for secret in ("@", "SELECT", "hunter2"))
        assert sent.lineage.job_facets == sent.lineage.run_facets == {}

    @pytest.mark.parametrize("written_by", ["TaskInfo", "TaskInfoComplete"])
    def test_what_goes_into_the_statement_is_not_shown(self, written_by: str) -> None:
        """OpenLineage's own facet has the parameters of any task whose operator calls them so."""
        utils: Any = import_module("airflow.providers.openlineage.utils.utils")
        with DAG("a_dag", schedule=None):
            task = SqlToInstantlyLeadsOperator(
                task_id="add",
                campaign_id=CAMPAIGN_ID,
                sql="SELECT email FROM people WHERE manager = %(manager)s",
                sql_conn_id="crm",
                parameters={"manager": "{{ manager }}"},
            )
        task.render_template_fields({"manager": "ann@customer.example"})  # type: ignore[typeddict-unknown-key]
        assert "ann@" not in str(getattr(utils, written_by)(task))

    def test_a_statement_that_cannot_be_parsed_hides_nothing_else(self) -> None:
        task = SqlToInstantlyLeadsOperator(
            task_id="add", campaign_id=CAMPAIGN_ID, sql="SELEKT email FORM people 'ann@b.example'", sql_conn_id="crm"
        )
        sent = Sent(task)
        assert sent.outputs == [CAMPAIGN]
        assert "@" not in sent.text

    def test_a_database_that_does_not_describe_itself_has_no_tables(self) -> None:
        task = SqlToInstantlyLeadsOperator(
            task_id="add", campaign_id=CAMPAIGN_ID, sql="SELECT email FROM people", sql_conn_id="small"
        )
        sent = Sent(task)
        assert (sent.inputs, sent.outputs) == ([], [CAMPAIGN])

    def test_where_the_connection_is_gone_the_rest_is_there(self, task_log: Callable[[], str]) -> None:
        task = SqlToInstantlyLeadsOperator(
            task_id="add", campaign_id=CAMPAIGN_ID, sql="SELECT email FROM people", sql_conn_id="gone"
        )
        assert Sent(task).outputs == [CAMPAIGN]
        assert "OpenLineage does not learn where the rows come from" in task_log()


def test_what_is_blocked_is_counted_where_the_file_of_rejects_cannot_be_written(
    sandbox: SandboxClient, run_task: Any, tmp_path: Path
) -> None:
    rows, nowhere = ["customer.example", "no address"], str(tmp_path / "gone" / "rejects.jsonl")
    (tmp_path / "gone").write_text("is a file")
    task = BlockContactsOperator(task_id="block", rows=rows, rejects_path=nowhere)
    assert run_task(task).error is not None
    assert Sent(task).lineage.outputs[0].outputFacets["outputStatistics"].rowCount == 1


def test_what_is_blocked_goes_to_the_connections_list(sandbox: SandboxClient, run_task: Any, tmp_path: Path) -> None:
    file = tmp_path / "optouts.csv"
    file.write_text("contact\nperson@customer.example\ncustomer.example\n")
    task = BlockContactsOperator(task_id="block", path=str(file), column="contact")
    assert run_task(task).error is None
    sent = Sent(task)
    assert (sent.inputs, sent.outputs) == ([("file", str(file))], [("instantly", "block-lists/instantly_default")])
    assert sent.lineage.outputs[0].outputFacets["outputStatistics"].rowCount == 2
    assert "@" not in sent.text


class TestAssets:
    def test_an_asset_is_the_dataset_that_operators_write(self) -> None:
        asset = Asset(uri=campaign_uri(CAMPAIGN_ID))
        dataset = convert_asset_to_openlineage(asset, None)
        assert (dataset.namespace, dataset.name) == CAMPAIGN

    def test_all_campaigns_are_one_too(self) -> None:
        dataset = convert_asset_to_openlineage(Asset(uri="instantly://campaigns"), None)
        assert (dataset.namespace, dataset.name) == ("instantly", "campaigns")

    def test_openlineage_finds_the_converter(self) -> None:
        utils: Any = pytest.importorskip("airflow.providers.common.compat.openlineage.utils.utils")
        dataset = utils.translate_airflow_asset(Asset(uri=campaign_uri(CAMPAIGN_ID)), None)
        assert (dataset.namespace, dataset.name) == CAMPAIGN
