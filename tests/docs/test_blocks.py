"""Every block of code in the documents does what it shows: Python runs, JSON parses, commands exist."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import tomllib
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api.common.delete_dag import delete_dag
from airflow.models.dag import DagModel
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS, AIRFLOW_V_3_3_PLUS
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator, PauseCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.sandbox.__main__ import _parser
from airflow_provider_instantly.sandbox.auth import DEFAULT_API_KEY
from airflow_provider_instantly.sandbox.client import running_sandbox
from airflow_provider_instantly.sandbox.samples import BOUNCING_ID, HEALTHY_ID
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from tests.airflow_versions import dags_of, store_dags
from tests.docs.documents import DOCUMENTS, ROOT, blocks, section, text_of
from tests.packaging.release import NOT_PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from tests.docs.documents import Block

PYTHON = blocks("python")
COMMANDS = [
    pytest.param(line, id=f"{block.document}: {line}")
    for block in blocks("sh")
    for line in block.text.replace("\\\n", " ").splitlines()
    if line.partition("#")[0].strip()
]
_INSTALL = re.compile(r"^.*pip install.*$", re.MULTILINE)
_DAG_ID = re.compile(r'\bDAG\(\s*(?:dag_id=)?"([^"]+)"')
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: What older Airflows do not have.
SINCE = {
    "AssetWatcher": ("3.0", AIRFLOW_V_3_0_PLUS),
    "changes_asset": ("3.0", AIRFLOW_V_3_0_PLUS),
    "ApprovalOperator": ("3.1", AIRFLOW_V_3_1_PLUS),
    "ExceptionRetryPolicy": ("3.3", AIRFLOW_V_3_3_PLUS),
}


def _for_this_airflow(text: str) -> str:
    """The code as the manual says to write it for Airflow 2.11: what `airflow.sdk` has is elsewhere there."""
    for name, (version, is_there) in SINCE.items():
        if name in text and not is_there:
            pytest.skip(f"{name} needs Airflow {version}")
    if AIRFLOW_V_3_0_PLUS:
        return text
    return text.replace("from airflow.sdk ", "from airflow.providers.common.compat.sdk ")


@pytest.fixture
def dag_folder(airflow_database: Path) -> Iterator[Path]:
    """Airflow's own, empty: what tests a DAG from its file expects the file to be there."""
    folder = Path(os.environ["AIRFLOW_HOME"]) / "dags"
    # Airflow 2.11 has made it already where a test before needed the database.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)
    # Tests share the DAG of a document, and Airflow 3.1 looks for its tasks in what it stored first of that name.
    with create_session() as session:
        for dag_id in session.scalars(select(DagModel.dag_id)).all():
            delete_dag(dag_id, session=session)


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_python_runs(block: Block, sandbox: SandboxClient, dag_folder: Path) -> None:
    file = dag_folder / "block.py"
    file.write_text(_for_this_airflow(block.text))
    if "with DAG(" in block.text:
        dags = dags_of(file)
        assert len(dags) == block.text.count("with DAG(")
        assert all(dag.tasks for dag in dags.values())
        if "__main__" not in block.text:
            return
    for campaign_id in set(_UUID.findall(block.text)):
        sandbox.add_campaign("From the manual", id=campaign_id, script=[(0, "active")])
    runpy.run_path(str(file), run_name="__main__")
    if "running_sandbox" not in block.text:
        assert sandbox.requests(), "it speaks to Instantly"


def test_each_dag_has_an_id_of_its_own() -> None:
    """In one DAG folder, the DAGs of two pages do not replace each other."""
    texts = [*(block.text for block in PYTHON), *(file.read_text("utf-8") for file in (ROOT / "dags").glob("*.py"))]
    ids = [dag_id for text in texts for dag_id in _DAG_ID.findall(text)]
    assert len(ids) > 20
    assert [dag_id for dag_id, count in Counter(ids).items() if count > 1] == []


#: `docs/get-started.md` says how to install without PyPI. The changes are about releases.
INSTALLS = [
    each for each in DOCUMENTS if "airflow-provider-instantly" in "".join(_INSTALL.findall(each.read_text("utf-8")))
]


@pytest.mark.parametrize(
    "document", [each for each in INSTALLS if each.name != "CHANGELOG.md"], ids=lambda each: each.name
)
def test_a_page_that_installs_by_name_says_what_to_do_without_pypi(document: Path) -> None:
    text = document.read_text("utf-8")
    assert NOT_PUBLISHED in text or "[from a checkout](../get-started.md#the-first-launch)" in text


#: A campaign of which a check says nothing else.
WEEKEND_ONLY: dict[str, Any] = {
    "sequences": [{"steps": [{"variants": [{"subject": "Hello", "body": "A word?"}]}]}],
    "email_list": ["ada@mail.example"],
    "campaign_schedule": {
        "schedules": [
            {"timing": {"from": "09:00", "to": "17:00"}, "days": {"6": True}, "timezone": "America/Detroit"},
        ]
    },
}


#: Documents whose DAG is run to its end, with how the campaign stands before and after. What the others ask for is more
#: than a sandbox has or a test may take: a database, a bucket, a person, a quarter of an hour.
RUN = {
    "docs/get-started.md": ("draft", "Active"),
    "docs/how-to/brake.md": ("active", "Active"),
    "docs/how-to/check.md": ("draft", "Active"),
    "docs/how-to/connection.md": ("draft", "Draft"),
    "docs/how-to/follow-launches.md": ("draft", "Active"),
    "docs/how-to/guard.md": ("active", "Active"),
    "docs/how-to/leads.md": ("draft", "Draft"),
    "docs/how-to/pause.md": ("active", "Paused"),
    "docs/how-to/wait.md": ("completed", "Completed"),
}


@pytest.mark.parametrize("document", RUN)
def test_the_dag_of_a_document_runs_to_its_end(document: str, sandbox: SandboxClient, dag_folder: Path) -> None:
    before, after = RUN[document]
    [text, *_] = [block.text for block in PYTHON if block.document == document]
    file = dag_folder / "block.py"
    file.write_text(_for_this_airflow(text))
    store_dags(file)
    # Airflow finds the DAGs of a file in any order.
    dag = min(dags_of(file).values(), key=lambda dag: text.index(f'"{dag.dag_id}"'))
    sandbox.add_accounts("ada@mail.example")
    campaign_id = sandbox.add_campaign("Spring", status=before, script=[(0, "active")], fields=WEEKEND_ONLY)
    with InstantlyHook() as hook:
        hook.add_leads([{"email": "grace@customer.example"}], campaign_id=campaign_id)
        run = dag.test(run_conf={"campaign_id": campaign_id} if dag.params else None)
        assert run.state == "success"
        assert hook.get_campaign(campaign_id).status_label == after


def _commands_of_readme(program: str) -> list[list[str]]:
    """The commands of README's steps that call a program, as lists of words."""
    shown = [block.text for block in blocks("sh") if block.document == "README.md"]
    steps = section(text_of("README.md"), "Try it")
    lines = [line for text in shown if text in steps for line in text.splitlines()]
    return [words for words in map(shlex.split, lines) if words[0] == program]


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxClient]:
    """A sandbox as README starts it, behind the connection that README makes."""
    [start] = _commands_of_readme("python")
    assert start[:5] == ["python", "-m", "airflow_provider_instantly.sandbox", "--port", "8989"]
    connect, *_ = _commands_of_readme("airflow")
    with running_sandbox(*start[5:]) as sandbox:
        # Another port, since that one may be taken here.
        words = [word.replace("8989", sandbox.url.rpartition(":")[2]) for word in connect]
        made = _airflow_parser().parse_args(words[1:])
        fields = {name: getattr(made, f"conn_{name}") for name in ("type", "host", "port", "password")}
        connection = {"conn_type": fields.pop("type"), **fields, "port": int(fields["port"])}
        monkeypatch.setenv(f"AIRFLOW_CONN_{made.conn_id.upper()}", json.dumps(connection))
        yield sandbox


@pytest.mark.usefixtures("airflow_database")
@pytest.mark.parametrize(("sample", "ends"), [(HEALTHY_ID, "success"), (BOUNCING_ID, "failed")])
def test_a_person_with_the_readme_alone_sees_a_launch_and_a_failure(
    sample: str, ends: str, samples: SandboxClient, dag_folder: Path
) -> None:
    [text] = [block.text for block in PYTHON if block.document == "README.md"]
    assert "preflight=True" in text
    _, unpause, *triggers = (_airflow_parser().parse_args(words[1:]) for words in _commands_of_readme("airflow"))
    file = dag_folder / "readme.py"
    file.write_text(_for_this_airflow(text).replace('"retries": 2', '"retries": 0'))
    [dag] = dags_of(file).values()
    assert {unpause.dag_id, *(each.dag_id for each in triggers)} == {dag.dag_id}
    [conf] = [each for each in (json.loads(each.conf) for each in triggers) if sample in each.values()]

    run = dag.test(run_conf=conf)

    assert run.state == ends
    assert samples.activations(sample) == 1


@pytest.mark.parametrize("document", ["README.md", "docs/get-started.md"])
def test_the_first_dag_of_a_person_asks_for_a_campaign_and_ends(document: str, dag_folder: Path) -> None:
    [text, *_] = [block.text for block in PYTHON if block.document == document]
    file = dag_folder / "block.py"
    file.write_text(_for_this_airflow(text))
    [dag] = dags_of(file).values()

    assert "schedule=None" in text
    for param in dag.params.values():
        assert param.schema["title"]
        assert param.description
    [wait] = [task for task in dag.tasks if task.task_type == "CampaignStatusSensor"]
    assert wait.timeout <= 60 * 60
    # Short, for the sandbox; and what to write in production is said.
    assert wait.stable_for < 60
    assert "15 * 60" in text_of(document)


class _TaskInstance:
    """As much of a task instance as a task asks for that ends at once."""

    try_number = 1

    def xcom_push(self, key: str, value: Any, **more: Any) -> None:
        """Keep nothing."""


@pytest.mark.parametrize(
    "kind",
    [ActivateCampaignOperator, CheckCampaignOperator, PauseCampaignOperator, CampaignStatusSensor, AddLeadsOperator],
)
def test_what_a_task_returns_is_what_the_manual_shows(kind: Any, sandbox: SandboxClient) -> None:
    part = section(text_of("docs/reference/parameters.md"), f"`{kind.__name__}`")
    [shown] = [json.loads(block.text) for block in blocks("json") if block.text in part]
    is_launched = kind not in (ActivateCampaignOperator, CheckCampaignOperator)
    campaign_id = sandbox.add_campaign("Spring", script=[(0, "active")], running=is_launched, fields=WEEKEND_ONLY)
    sandbox.add_accounts("ada@mail.example")
    with InstantlyHook() as hook:
        hook.add_leads([{"email": "grace@customer.example"}], campaign_id=campaign_id)
    ti = _TaskInstance()
    more = {"rows": [], "if_running": "add"} if kind is AddLeadsOperator else {}
    result = kind(task_id="a_task", campaign_id=campaign_id, **more).execute({"ti": ti, "task_instance": ti})
    assert result.keys() == shown.keys()
    assert result.get("findings") == shown.get("findings")
    assert all(
        result[key] == shown[key]
        for key in shown.keys() & {"name", "status", "status_name", "launched", "paused", "verdict"}
    )


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: block.place)
def test_json_parses(block: Block) -> None:
    json.loads(block.text)


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {block.language for block in blocks() if block.text.strip()} <= {"python", "json", "sh", "text"}
    assert PYTHON
    assert COMMANDS


#: What follows `airflow` there.
_IN_CONTAINER = re.compile(r"^docker compose (?:exec (?:-T )?[a-z-]+ airflow|.* --entrypoint airflow [a-z-]+) (.+)$")


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_exist(line: str) -> None:
    subprocess.run([shutil.which("bash") or "bash", "-n", "-c", line], check=True)
    words = shlex.split(line, comments=True)
    while "=" in words[0]:
        words = words[1:]
    if words[0] == "make":
        assert set(words[1:]) <= _targets()
    elif words[1:3] == ["-m", "airflow_provider_instantly.sandbox"]:
        _parser().parse_args(words[3:])
    elif words[1:3] == ["-m", "benchmarks"]:
        from benchmarks.__main__ import MORE, NAMES

        assert set(words[3:]) <= {*NAMES, *MORE, "NAME"}
    elif "pytest" in words or words[0].endswith("/python"):
        assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
    elif words[0] in ("touch", "chmod", "rm"):
        assert words[-1] == "instantly.json"
    elif words[:2] == ["pip", "install"]:
        _check_requirement(words[-1])
    elif words[0] == "airflow":
        _airflow_parser().parse_args(words[1:])
    elif in_container := _IN_CONTAINER.search(line):
        _airflow_parser().parse_args(shlex.split(in_container[1]))
    else:
        known = ("docker", "echo", "export", "git", "helm", "kubectl", "mkdir", "umask", ".ci/run")
        assert words[0] in known, f"no test knows the command {words[0]}"


def test_no_command_shows_a_key_but_that_of_the_sandbox() -> None:
    """What stands on a command line is in the shell's history, and in the list of processes."""
    passwords = {
        word
        for param in COMMANDS
        for before, word in pairwise(shlex.split(str(param.values[0]), comments=True))
        if before in ("--conn-password", "--conn-uri", "--conn-json", "--conn-extra")
    }
    assert passwords == {DEFAULT_API_KEY}


def test_the_file_of_a_connection_is_one_that_airflow_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    [text] = [block.text for block in blocks("json") if block.document == "docs/how-to/connection.md"]
    [(conn_id, fields)] = json.loads(text).items()
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
    connection = InstantlyHook.get_connection(conn_id)
    assert (connection.conn_type, connection.host, connection.port) == ("instantly", None, 443)
    assert connection.password == fields["password"]


def _targets() -> set[str]:
    return {"", *re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE)}


def _check_requirement(requirement: str) -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    name, _, extras = requirement.rstrip("]").partition("[")
    assert name == project["name"]
    assert set(filter(None, extras.split(","))) <= project["optional-dependencies"].keys()


def _airflow_parser() -> Any:
    from airflow.cli.cli_parser import get_parser

    return get_parser()


def test_architecture_names_every_module() -> None:
    package = ROOT / "airflow_provider_instantly"
    modules = {file.relative_to(package).with_suffix("").as_posix() for file in package.rglob("*.py")}
    modules = {name for name in modules if not name.endswith("__init__") and not name.startswith("sandbox/")}
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*)`", section(text_of("docs/architecture.md"), "The parts")))
    assert modules - named == set()
    assert {name for name in named if "/" in name} - modules == set()


@pytest.mark.parametrize("guide", sorted((ROOT / "docs" / "how-to").iterdir()), ids=lambda guide: guide.stem)
def test_each_guide_begins_with_a_whole_dag(guide: Path) -> None:
    first = next(block for block in blocks() if block.document == guide.relative_to(ROOT).as_posix())
    assert first.language == "python"
    assert "with DAG(" in first.text
    assert first.line < 12, "little is to be read before it"


def test_every_document_is_reached_from_the_readme_or_the_contents_of_the_site() -> None:
    contents = ROOT / "docs" / "index.md"
    listed = re.findall(r"^([\w/-]+)$", contents.read_text("utf-8"), re.MULTILINE)
    reached, seen = {ROOT / "README.md", contents, *(contents.parent / f"{name}.md" for name in listed)}, set[Path]()
    while document := next(iter(reached - seen), None):
        seen.add(document)
        if document.exists():  # pages of the reference are no Markdown
            links = re.findall(r"\]\(([\w/.-]+\.md)", document.read_text("utf-8"))
            reached |= {(document.parent / link).resolve() for link in links}
    assert set(DOCUMENTS) <= reached
